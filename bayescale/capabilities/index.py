"""Models and benchmarks on one scale, which two models fix."""

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from bayescale.capabilities.fit import CapabilityFit, of_capabilities
from bayescale.capabilities.table import BOUNDS, NAME
from bayescale.data.number_format import listed
from bayescale.errors import BayescaleError, closest
from bayescale.prediction.intervals import DRAWS, credible_interval

SURE = 0.95
"""Probability with which a score must rise with the capability to have a difficulty."""


@of_capabilities
def capability_index(
    fit: CapabilityFit, anchors: Mapping[str, float], *, ci_prob: float | None = None
) -> pd.DataFrame:
    """Put models and benchmarks on one scale, on which two models have given values.

    With one factor this is an item response model of two parameters: a score is midway between
    guessing and one for a model whose index is the score's difficulty. Of several factors it is the
    first, and a difficulty is that for a model whose other capabilities are typical.

    Parameters
    ----------
    fit : CapabilityFit
        What :func:`bayescale.fit_capabilities` returned.
    anchors : mapping of str to float
        Two models of the table and their values, ``{"claude-3-5-sonnet-20240620": 130, "gpt-5":
        150}``.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    DataFrame
        The index ``name``, and columns ``kind``, ``median``, ``lower`` and ``upper``. Models, the
        most capable first; scores by their difficulty, the hardest first, NaN for one that does not
        surely rise with the capability; and, where the fit has one size, the trend of each family,
        in points per year of a date and per factor of ten of another size.

    Raises
    ------
    BayescaleError
        When anchors are not two models of the table with different values.

    See Also
    --------
    equivalent_compute : The compute with which one family is as capable.
    predict_scores : Scores that are missing.

    References
    ----------
    * Epoch AI (2025), A Rosetta Stone for AI Benchmarks (the capabilities index)
    * Birnbaum (1968), in Lord and Novick, Statistical Theories of Mental Test Scores

    Examples
    --------
    >>> anchors = {"claude-3-5-sonnet-20240620": 130, "gpt-5": 150}
    >>> bs.capability_index(capabilities, anchors)  # doctest: +SKIP
    """
    low, high = _checked(anchors, fit.scores.models)
    first = fit.posterior.sel(factor=1, drop=True)
    capability = first["capability"]
    zero = capability.sel(model=low, drop=True)
    unit = (capability.sel(model=high, drop=True) - zero) / (anchors[high] - anchors[low])

    def rescaled(at: xr.DataArray) -> xr.DataArray:
        return anchors[low] + (at - zero) / unit

    rises = (first["loading"] > 0).mean(DRAWS) > SURE
    halves = rescaled(-first["intercept"] / first["loading"].where(rises))
    tables = [
        _rows(rescaled(capability), NAME, "model", ci_prob),
        _rows(halves, "score", "score", ci_prob),
    ]
    if "slope" in first:
        tables.append(_rows(first["slope"] / unit, "family", "trend", ci_prob))
    return pd.concat(tables)


def _checked(anchors: Mapping[str, float], models: tuple[str, ...]) -> list[str]:
    """Return the two anchors, the lower value first."""
    for name in anchors:
        if name not in models:
            raise BayescaleError(f"no model {name!r} in this fit{closest(name, list(models))}")
    if len(set(anchors.values())) != 2 or len(anchors) != 2:
        raise BayescaleError(
            f"anchors are two models and their values, not {listed(list(anchors)) or 'none'}: give "
            'two with different values, {"gpt-4": 125, "gpt-5": 150}'
        )
    return sorted(anchors, key=lambda name: anchors[name])


def _rows(values: xr.DataArray, dim: str, kind: str, ci_prob: float | None) -> pd.DataFrame:
    """Return one row per element of a dimension, largest median first."""
    found = credible_interval(values, ci_prob)
    columns = {"kind": kind, **{side: found[side].values for side in BOUNDS}}
    table = pd.DataFrame(columns, index=pd.Index(values[dim].values, name="name"))
    return table.sort_values(by="median", ascending=False)
