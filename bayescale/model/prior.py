"""A prior as users give it: an interval, multiples of the target, a value, or a distribution."""

from functools import lru_cache
from typing import Any

import numpy as np

from bayescale.laws.parameters import Z90, Parameter
from bayescale.model.literature_priors import Multiple

type Prior = tuple[float, float] | Multiple | float | Any
"""A 90 % interval in the parameter's unit or in multiples of the typical target, a fixed value, or
a PyMC distribution."""


_DRAWS = 2_000


def as_prior(prior: Any) -> Prior:
    """Read what a user gives as a prior: a pair is an interval, a number a fixed value."""
    if isinstance(prior, Multiple):
        return prior
    if isinstance(prior, list | tuple) and len(prior) == 2:
        return float(prior[0]), float(prior[1])
    return float(prior) if isinstance(prior, int | float | np.number) else prior


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
