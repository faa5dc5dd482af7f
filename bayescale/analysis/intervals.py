"""Credible intervals, of the width and kind that ArviZ is set to."""

from typing import Any

import arviz_base as azb
import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from bayescale.errors import BayescaleError

DRAWS = ("chain", "draw")

NEVER, NEVER_FROM = 1e300, 1e200
"""What stands for infinity among draws while quantiles are taken, and what comes from it."""


def interval_width(ci_prob: float | None = None) -> float:
    """Return ``ci_prob``, or ArviZ's ``rcParams["stats.ci_prob"]`` when it is None.

    Raises
    ------
    BayescaleError
        When it is not between zero and one.
    """
    width = azb.rcParams["stats.ci_prob"] if ci_prob is None else ci_prob
    if not 0 < width < 1:
        raise BayescaleError(f"ci_prob = {width!r} is not a probability between 0 and 1")
    return float(width)


def interval(draws: xr.DataArray, ci_prob: float | None = None) -> xr.Dataset:
    """Return ``median``, ``lower`` and ``upper`` of draws, over the dims chain and draw.

    Parameters
    ----------
    draws : xarray.DataArray, dims (chain, draw, ...)
        Posterior draws of any quantity.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None. Its kind, equal-tailed
        or highest-density, is ArviZ's ``rcParams["stats.ci_kind"]``.

    Returns
    -------
    xarray.Dataset
        The three, over the dims that are left. Draws may be infinite, where something never
        happens; so then may be these.
    """
    width = interval_width(ci_prob)
    between = azs.hdi if azb.rcParams["stats.ci_kind"] == "hdi" else azs.eti
    never = bool(np.isposinf(draws).any())
    finite = draws.where(~np.isposinf(draws), NEVER) if never else draws
    bounds = between(finite, prob=width, dim=list(DRAWS))
    found = xr.Dataset(
        {
            "median": finite.median(DRAWS),
            "lower": bounds.sel(ci_bound="lower", drop=True),
            "upper": bounds.sel(ci_bound="upper", drop=True),
        },
        attrs={"ci_prob": width},
    )
    return xr.where(found > NEVER_FROM, np.inf, found, keep_attrs=True) if never else found


def intervals(answer: xr.Dataset, ci_prob: float | None = None) -> pd.DataFrame:
    """Return the intervals of every quantity of an answer as a tidy table.

    Parameters
    ----------
    answer : xarray.Dataset, dims (chain, draw, ...)
        What :func:`bayescale.predict` or :func:`bayescale.optimum` returned.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    pandas.DataFrame
        One row a point (or budget) and quantity: the coordinates, ``quantity``, ``median``,
        ``lower``, ``upper``.
    """
    tables = []
    for name in answer.data_vars:
        table = interval(answer[name], ci_prob)
        frame = table.to_dataframe() if table.dims else pd.DataFrame([_scalars(table)])
        frame.insert(0, "quantity", str(name))
        tables.append(frame.reset_index(drop=not table.dims))
    result = pd.concat(tables, ignore_index=True)
    result.attrs["ci_prob"] = interval_width(ci_prob)
    return result


def _scalars(table: xr.Dataset) -> dict[str, Any]:
    return {str(k): np.asarray(v).item() for k, v in table.variables.items()}
