"""A prior as users give it: an interval, multiples of the target, a value, or a distribution."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.laws.parameters import Z90, Parameter


class Multiple(NamedTuple):
    """A prior's 90 % interval in multiples of the typical observed target, whatever its unit.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high`` times the geometric mean of the
        observed target.

    See Also
    --------
    literature_priors : Gives floors by these.
    fit : Takes them in ``priors``.

    Examples
    --------
    >>> spec = bs.make_spec("chinchilla", priors={"E": bs.Multiple(0.5, 0.8)})
    >>> spec.priors["E"]
    Multiple(low=0.5, high=0.8)
    """

    low: float
    high: float


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
        return prior._asdict()
    return prior if isinstance(prior, int | float | tuple) else str(prior)


def prior_from_json(written: Any) -> Prior:
    """Invert :func:`prior_as_json`."""
    if isinstance(written, dict):
        return Multiple(**written)
    return tuple(written) if isinstance(written, list) else written
