"""Credible intervals, of the width and kind that ArviZ is set to, as tables."""

import sys
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.number_format import Estimate
from bayescale.errors import BayescaleError

DRAWS = ("chain", "draw")


NEVER, NEVER_FROM = 1e300, 1e200
"""What stands for infinity among draws while quantiles are taken, and what comes from it."""


def arviz_settings() -> Mapping[str, Any]:
    """Return ArviZ's ``rcParams``, the ones that its ``arvizrc`` says where nobody imported it."""
    imported = sys.modules.get("arviz_base")
    return imported.rcParams if imported else _settings_alone()


@cache
def _settings_alone() -> Mapping[str, Any]:
    """Read ArviZ's settings by the one module of its that does; all take a third of a second."""
    package = find_spec("arviz_base")
    path = Path(str(package and package.origin)).with_name("rcparams.py")
    alone = spec_from_file_location("_rcparams_of_arviz", path)
    if alone is None or alone.loader is None or not path.exists():
        import arviz_base

        return arviz_base.rcParams
    module = module_from_spec(alone)
    alone.loader.exec_module(module)
    return module.rcParams


def interval_width(ci_prob: float | None = None) -> float:
    """Return ``ci_prob``, or ArviZ's ``rcParams["stats.ci_prob"]`` when it is None.

    Raises
    ------
    BayescaleError
        When it is not between zero and one.
    """
    width = arviz_settings()["stats.ci_prob"] if ci_prob is None else ci_prob
    if not 0 < width < 1:
        raise BayescaleError(f"ci_prob = {width!r} is not a probability between 0 and 1")
    return float(width)


def credible_interval(draws: xr.DataArray, ci_prob: float | None = None) -> xr.Dataset:
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
        The three, over the other dims, in the unit of the draws. Infinite draws (a goal that is
        never reached) may make them infinite.

    Raises
    ------
    BayescaleError
        When ``ci_prob`` does not lie between zero and one.

    See Also
    --------
    credible_intervals : All quantities of an answer, as a table.
    summary : The posterior of the parameters.

    Examples
    --------
    >>> interval = bs.credible_interval(fit.posterior["alpha"], ci_prob=0.9)
    >>> {name: round(value.item(), 2) for name, value in interval.items()}
    {'median': 0.35, 'lower': 0.33, 'upper': 0.37}
    """
    if not set(DRAWS) <= set(getattr(draws, "dims", ())):
        raise BayescaleError(
            "an interval takes draws as a DataArray with dims chain and draw, such as "
            f"fit.posterior['alpha'], not {type(draws).__name__} of dims "
            f"{getattr(draws, 'dims', np.shape(draws))}"
        )
    width = interval_width(ci_prob)
    values = draws.transpose(..., *DRAWS).values
    values = values.reshape(*values.shape[:-2], draws.sizes["chain"] * draws.sizes["draw"])
    never = bool((values == np.inf).any())
    if never:
        values = np.where(values == np.inf, NEVER, values)
    ends = {"median": _medians(values), **_ends(draws, values, width)}
    if never:
        ends = {name: np.where(end > NEVER_FROM, np.inf, end) for name, end in ends.items()}
    place = draws.isel(chain=0, draw=0, drop=True)
    return xr.Dataset(
        {name: place.copy(data=end) for name, end in ends.items()}, attrs={"ci_prob": width}
    )


def _medians(values: np.ndarray) -> np.ndarray:
    """Return medians over the last axis of what is a number there; NaN where nothing is."""
    if not np.isnan(values).any():
        return np.median(values, axis=-1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice", category=RuntimeWarning)
        return np.nanmedian(values, axis=-1)


def _ends(draws: xr.DataArray, values: np.ndarray, width: float) -> dict[str, np.ndarray]:
    """Return the ends of an interval of the kind that ArviZ is set to.

    ``values`` are those of the draws, all finite, of shape (..., chain x draw).
    """
    if arviz_settings()["stats.ci_kind"] == "hdi":
        import arviz_stats as azs  # a second of imports, for this alone

        ordered = draws.transpose(..., *DRAWS)
        finite = ordered.copy(data=values.reshape(ordered.shape))
        found = azs.hdi(finite, prob=width, dim=list(DRAWS))
        return {end: found.sel(ci_bound=end).values for end in ("lower", "upper")}
    lower, upper = np.quantile(values, [(1 - width) / 2, (1 + width) / 2], axis=-1)
    return {"lower": lower, "upper": upper}


def credible_intervals(answer: xr.Dataset, ci_prob: float | None = None) -> pd.DataFrame:
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
        One row per point (or budget) and quantity: the coordinates, ``quantity``, ``median``,
        ``lower``, ``upper``.

    Raises
    ------
    BayescaleError
        When ``ci_prob`` does not lie between zero and one.

    See Also
    --------
    credible_interval : One quantity, with its dims kept.
    predict : Predictions at new points.
    optimum : The compute-optimal allocation.

    Examples
    --------
    >>> answer = bs.predict(fit, params=["1B", "7B"], tokens=["20B", "1T"])
    >>> table = bs.credible_intervals(answer, ci_prob=0.5)
    >>> table.query("quantity == 'law'")[["params", "tokens", "median"]].round(2)
             params        tokens  median
    0  1.000000e+09  2.000000e+10    2.46
    1  7.000000e+09  1.000000e+12    2.04
    """
    tables = []
    for name in answer.data_vars:
        table = credible_interval(answer[name], ci_prob)
        frame = table.to_dataframe() if table.dims else pd.DataFrame([_scalars(table)])
        frame.insert(0, "quantity", str(name))
        tables.append(frame.reset_index(drop=not table.dims))
    result = pd.concat(tables, ignore_index=True)
    result.attrs["ci_prob"] = interval_width(ci_prob)
    return result


def _scalars(table: xr.Dataset) -> dict[str, Any]:
    return {str(k): np.asarray(v).item() for k, v in table.variables.items()}


def estimate(draws: xr.DataArray, ci_prob: float | None = None) -> Estimate:
    """Summarise draws of one number by a credible interval, dims (chain, draw)."""
    found = credible_interval(draws, ci_prob)
    return Estimate(*(float(found[name]) for name in Estimate._fields))
