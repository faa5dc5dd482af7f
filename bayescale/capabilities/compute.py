"""The compute at which a family of reference is as capable as a model."""

import pandas as pd

from bayescale.analysis.intervals import interval
from bayescale.capabilities.fit import CapabilityFit
from bayescale.capabilities.table import BOUNDS, FAMILY, NAME
from bayescale.errors import BayescaleError
from bayescale.law import closest


def equivalent_compute(
    fit: CapabilityFit, family: str, *, ci_prob: float | None = None
) -> pd.DataFrame:
    """Say how much compute a family of reference needs for each model's first capability.

    Models of all families stand on one axis then: the compute at which a typical model of the
    reference family, on the family's line, has the same mean log odds of the scores.

    Parameters
    ----------
    fit : CapabilityFit
        A fit with one size.
    family : str
        The family of reference, best one with models of many sizes: ``"Llama-2"``.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    DataFrame
        One row a model, the most capable first: ``model``, ``family``, its own size (NaN where
        unknown), and ``median``, ``lower`` and ``upper`` of its equivalent, in the same unit.

    Raises
    ------
    BayescaleError
        When the fit has two sizes or no such family.
    """
    scores, posterior = fit.scores, fit.posterior
    column, sizes = scores.one_size("equivalent compute")
    if family not in scores.every_family:
        raise BayescaleError(
            f"no family {family!r} in this fit{closest(family, list(scores.every_family))}"
        )
    first = posterior[["capability", "level", "slope"]].sel(factor=1, drop=True)
    line = first[["level", "slope"]].sel(family=family, drop=True)
    away = (first["capability"] - line["level"]) / line["slope"]
    found = interval(10.0 ** (away + scores.center[0]), ci_prob)
    who = {NAME: scores.models, FAMILY: scores.families, column: 10.0**sizes}
    table = pd.DataFrame({**who, **{side: found[side].values for side in BOUNDS}})
    return table.sort_values(by="median", ascending=False, ignore_index=True)
