"""Proper scores of predictions on held-out runs, and their summary."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayescale.evaluation.splits import Split
from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.model.observations import Data
from bayescale.model.spec import Spec
from bayescale.prediction.intervals import DRAWS
from bayescale.prediction.runs_by_compute import falls

LEVELS = (np.arange(200) + 0.5) / 200


COVERED = (0.5, 0.9, 0.95)
"""Probabilities of the central bands whose coverage is counted."""


def crps(draws: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    """Return the continuous ranked probability score, in the unit of the draws; less is better.

    It is twice the mean quantile loss over 200 levels, which heavy tails do not make noisy
    (Gneiting and Ranjan 2011).

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
        Draws of the forecast.
    observed : DataArray
        What was observed, over the other dims.
    """
    quantiles = draws.quantile(LEVELS, dim=list(DRAWS), skipna=False)
    return 2 * _quantile_loss(observed - quantiles, quantiles["quantile"]).mean("quantile")


def crps_of_quantiles(quantiles: np.ndarray, levels: np.ndarray, observed: float) -> float:
    """Return the same of a forecast's quantiles at evenly spaced levels."""
    return float(2 * _quantile_loss(xr.DataArray(observed - quantiles), levels).mean())


def _quantile_loss(miss: xr.DataArray, level: xr.DataArray | np.ndarray) -> xr.DataArray:
    return xr.where(miss > 0, level * miss, (level - 1) * miss)


def pit(draws: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    """Return the probability integral transform: the share of draws below what was observed.

    Uniform over many honest forecasts; draws equal to the observation count half.
    """
    return ((draws < observed) + 0.5 * (draws == observed)).mean(list(DRAWS))


@without_lazy_jax()
def log_score(log_density: xr.DataArray) -> xr.DataArray:
    """Return the log of the forecast's density, from that given each draw; more is better."""
    count = np.prod([log_density.sizes[dim] for dim in DRAWS])
    return log_density.reduce(logsumexp, dim=list(DRAWS)) - np.log(count)


UNWEIGHED = ("fitted", "held_out", "diagnostics")
"""Columns of the summary that are not means."""


def points_of(
    data: Data, split: Split
) -> tuple[dict[str, xr.DataArray], dict[str, xr.DataArray], xr.DataArray]:
    """Return inputs, what the noise knows, and observed values of runs to score, dim point."""
    out = split.held_out
    inputs = {
        name: xr.DataArray(values[..., out], dims=("node", "point")[-values.ndim :])
        for name, values in data.inputs.items()
    }
    known = {name: xr.DataArray(values[out], dims="point") for name, values in data.known.items()}
    return inputs, known, xr.DataArray(data.observed[out], dims="point")


def scores_of(data: Data, split: Split, spec: Spec, drawn: xr.DataArray) -> pd.DataFrame:
    """Score draws of the held-out runs; see :class:`bayescale.Backtest` for the columns.

    Parameters
    ----------
    data, split
        All runs, and which are held out.
    spec : Spec
        Its noise says on which scale errors are relative.
    drawn : DataArray, dims (chain, draw, point)
        The forecast, in the target's unit.
    """
    out, noise = split.held_out, spec.noise
    observed = xr.DataArray(data.observed[out], dims="point")
    median = drawn.median(DRAWS, skipna=False)
    with np.errstate(divide="ignore"):  # a heavy tail may reach a loss of zero
        relative, seen, middle = (
            noise.relative(values, data.scale) for values in (drawn, observed, median)
        )
    bands = {
        f"{side}_{p * 100:.0f}": drawn.quantile(level, DRAWS, skipna=False).values
        for p in COVERED
        for side, level in (("lower", 0.5 - p / 2), ("upper", 0.5 + p / 2))
    }
    claimed = {
        f"error_{side}_{p * 100:.0f}": (
            middle - relative.quantile(level, DRAWS, skipna=False)
        ).values
        for p in COVERED
        for side, level in (("lower", 0.5 + p / 2), ("upper", 0.5 - p / 2))
    }
    return pd.DataFrame(
        {
            "cut": split.name,
            "run": np.array(data.labels)[out],
            "distance": split.distance,
            "observed": observed.values,
            "median": median.values,
            "error": (middle - seen).values,
            **bands,
            **claimed,
            "width_90": claimed["error_upper_90"] - claimed["error_lower_90"],
            "pit": pit(drawn, observed).values,
            "crps": crps(relative, seen).values,
            **_naive(spec, data, split),
        }
    )


def _naive(spec: Spec, data: Data, split: Split) -> dict[str, np.ndarray]:
    """Return the relative errors of two rules that need no law: the best seen, and a line."""
    small, out = ~split.held_out, split.held_out
    at = spec.noise.relative(data.observed, data.scale)
    inputs = {k: np.log(v) for k, v in data.inputs.items() if v.ndim == 1 and (v > 0).all()}
    towards = [-1.0 if falls(spec, spec.column(name)) else 1.0 for name in inputs]
    design = np.column_stack([np.ones(len(at)), *inputs.values()])
    line = np.linalg.lstsq(design[small], at[small])[0]
    rises = line[1:] @ np.array(towards) > 0  # an accuracy, an Elo
    best = at[small].max() if rises else at[small].min()
    return {"best_seen": best - at[out], "log_linear": design[out] @ line - at[out]}


def summarise(scored: pd.DataFrame, fitted: int, diagnostics: bool) -> dict[str, Any]:
    """Average the scores of one cut."""
    inside = {
        f"cover_{p * 100:.0f}": scored["pit"].between(0.5 - p / 2, 0.5 + p / 2).mean()
        for p in COVERED
    }
    return {
        "cut": scored["cut"].iloc[0],
        "fitted": fitted,
        "held_out": len(scored),
        **inside,
        **scored[["crps", "log_score"]].mean(),
        "mean_error": scored["error"].mean(),
        **{
            f"abs_{name}" if name == "error" else name: scored[name].abs().mean()
            for name in ("error", "best_seen", "log_linear", "width_90")
        },
        "diagnostics": diagnostics,
    }


def with_mean(summary: pd.DataFrame) -> pd.DataFrame:
    """Add the mean of the scores over the cuts, each with the same weight."""
    total = {
        **summary.drop(columns=list(UNWEIGHED)).mean(),
        "fitted": summary["fitted"].max(),
        "held_out": summary["held_out"].sum(),
        "diagnostics": summary["diagnostics"].all(),
    }
    everything = pd.DataFrame([total], columns=summary.columns, index=pd.Index(["all"]))
    return pd.concat([summary, everything]).rename_axis("cut")
