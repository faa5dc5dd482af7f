"""A prior as users give it: an interval, multiples of the target, a value, or a distribution."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.laws.parameters import Z90, Parameter


class Multiple(NamedTuple):
    """A prior's 90 % interval in multiples of the typical observed target, whatever its unit.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high`` times the geometric mean of the
        observed target.
    at : mapping of str to float, optional
        Inputs of a run, ``{"N": 1e9, "D": 2e10}``: the multiples are of the target there. The
        floor of two families is alike as a share of the loss at the same size, and not as a share
        of what their runs have.
    typical : mapping of str to float, optional
        Parameters of a typical law with the reference point ``at``. It says what the target there
        is, from its mean in the runs.

    See Also
    --------
    literature_priors : Gives floors by these.
    fit : Takes them in ``priors``.

    Examples
    --------
    >>> spec = bs.make_spec("chinchilla", priors={"E": bs.Multiple(0.5, 0.8)})
    >>> spec.priors["E"]
    Multiple(low=0.5, high=0.8, at=None, typical=None)
    """

    low: float
    high: float
    at: Mapping[str, float] | None = None
    typical: Mapping[str, float] | None = None

    def of_mean(self, law: type[Law], scales: Mapping[str, Any]) -> tuple[float, float]:
        """Return the ends in multiples of the observed target's geometric mean.

        Parameters
        ----------
        law
            Whose parameters ``typical`` has.
        scales
            Holds the geometric mean of each input in the runs, by its name.
        """
        if self.at is None or self.typical is None:
            return self.low, self.high
        middle = {**self.at, **scales}  # an absolute input has no mean, and stays
        there, here = (law.curve(inputs, self.at, self.typical) for inputs in (self.at, middle))
        return self.low * float(there / here), self.high * float(there / here)

    def check(self, name: str, parameter: Parameter, law: type[Law]) -> None:
        """Raise unless a parameter can have this prior.

        Raises
        ------
        BayescaleError
            For a parameter that is no multiple of the target, and for ``at`` and ``typical`` unless
            both are left out, or are all inputs and parameters of the law.
        """
        if parameter.of is None:
            raise BayescaleError(
                f"prior of {name!r}: it is no multiple of the target, give the interval itself"
            )
        if self.at is None and self.typical is None:
            return
        for word, given, wanted in (
            ("at", self.at, law.inputs),
            ("typical", self.typical, law.parameters),
        ):
            if given is None or set(given) != set(wanted):
                raise BayescaleError(
                    f"prior of {name!r}: {word} must have {', '.join(wanted)} of {law.name}"
                )


type Prior = tuple[float, float] | Multiple | float | Any
"""A 90 % interval in the parameter's unit or in multiples of the typical target, a fixed value, or
a PyMC distribution."""


_DRAWS = 2_000


def as_prior(name: str, prior: Any) -> Prior:
    """Read what a user gives as a prior: a pair is an interval, a number a fixed value.

    Raises
    ------
    BayescaleError
        For a list that is no pair of numbers, and a number beyond floats.
    """
    if isinstance(prior, Multiple):
        return prior
    try:
        if isinstance(prior, list | tuple):
            low, high = map(float, prior)
            return low, high
        return float(prior) if isinstance(prior, int | float | np.number) else prior
    except (TypeError, ValueError, OverflowError) as error:
        raise BayescaleError(
            f"prior of {name!r}: {prior!r} is not a 90 % interval (low, high) of numbers or a "
            "fixed value"
        ) from error


@lru_cache
def _drawn(distribution: Any) -> np.ndarray:
    """Draw from a PyMC distribution, always the same numbers."""
    import pymc as pm

    return np.atleast_1d(pm.draw(distribution, _DRAWS, random_seed=0, mode="FAST_COMPILE"))


def normal_like(distribution: Any, parameter: Parameter, unit: float) -> tuple[float, float]:
    """Return mean and sd on the link scale of the normal most like a PyMC distribution."""
    least, most = parameter.bounds
    values = _drawn(distribution) / unit
    link = np.asarray(parameter.link(values[(values > least) & (values < most)]))
    low, middle, high = np.quantile(link, [0.05, 0.5, 0.95])
    return float(middle), float(high - low) / (2 * Z90)


def prior_as_json(prior: Prior) -> Any:
    """Return a prior in JSON's types; a PyMC distribution is only described."""
    if isinstance(prior, Multiple):
        given = {k: v for k, v in prior._asdict().items() if v is not None}
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in given.items()}
    return prior if isinstance(prior, int | float | tuple) else str(prior)


def prior_from_json(written: Any) -> Prior:
    """Invert :func:`prior_as_json`."""
    if isinstance(written, dict):
        return Multiple(**written)
    return tuple(written) if isinstance(written, list) else written
