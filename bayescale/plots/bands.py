"""The loss against compute, with the bands of the law and of a new run, beyond the data."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm

from bayescale.analysis.compute import has_frontier, main_column, run_columns
from bayescale.analysis.intervals import interval, interval_width
from bayescale.analysis.optimum import optimum
from bayescale.analysis.outliers import outliers
from bayescale.analysis.predict import predict
from bayescale.errors import BayescaleError
from bayescale.fitting import Fit
from bayescale.plots.names import name_points
from bayescale.plots.style import (
    BLUE,
    INK,
    SEQUENCE,
    VERMILLION,
    add_legend,
    column_label,
    loss_label,
    mark_end,
    one_panel,
    percent,
)
from bayescale.plots.ticks import kind_of, log_axis, log_ticks

POINTS = 60
FEW = 12
"""Up to so many outlying runs are named."""


def bands_data(
    fit: Fit,
    *,
    beyond: float = 100.0,
    ci_prob: float | None = None,
    random_seed: int = 0,
) -> pd.DataFrame:
    """Return the bands along compute, or along the input of a law that takes one.

    A law of params and tokens is followed along its frontier: at each budget, the run that the fit
    would plan, of the posterior median of N*, and D = C / 6 N.

    Parameters
    ----------
    fit : Fit
        A fitted law of params and tokens, or of one input.
    beyond : float
        How far to go: to this many times the largest fitted value.
    ci_prob : float, optional
        Probability inside the bands; ArviZ's setting (0.89) when None.
    random_seed : int
        Seed of the scatter of a new run.

    Returns
    -------
    pandas.DataFrame
        One row a point: ``flops``, ``params`` and ``tokens`` (or the law's one input); in the
        target's unit the ``law`` (posterior median) with ``law_lower`` and ``law_upper``, and
        ``new_run_lower`` and ``new_run_upper``.

    Raises
    ------
    BayescaleError
        For a law with several other inputs, or ``beyond`` below one.
    """
    points = _points(fit, beyond)
    answer = predict(fit, points, random_seed=random_seed)
    law, new_run = interval(answer["law"], ci_prob), interval(answer["new_run"], ci_prob)
    data = points.assign(
        law=law["median"].values,
        law_lower=law["lower"].values,
        law_upper=law["upper"].values,
        new_run_lower=new_run["lower"].values,
        new_run_upper=new_run["upper"].values,
    )
    data.attrs["ci_prob"] = interval_width(ci_prob)
    return data


def _points(fit: Fit, beyond: float) -> pd.DataFrame:
    if not (np.isfinite(beyond) and beyond >= 1):
        raise BayescaleError(
            f"beyond = {beyond!r}: give how many times the largest run to go to, at least 1"
        )
    column = main_column(fit)
    values = run_columns(fit)[column]
    grid = np.geomspace(values.min(), beyond * values.max(), POINTS)
    if has_frontier(fit):
        params = optimum(fit, grid)["params"].median(("chain", "draw")).to_numpy()
        return pd.DataFrame({"flops": grid, "params": params, "tokens": grid / (6 * params)})
    if len(fit.law.inputs) == 1:
        return pd.DataFrame({column: grid})
    raise BayescaleError(
        f"plot_bands needs a law of params and tokens, or of one input; {fit.law.name} takes "
        f"{', '.join(map(fit.spec.column, fit.law.inputs))}"
    )


def plot_bands(
    fit: Fit,
    *,
    x: str | None = None,
    beyond: float = 100.0,
    ci_prob: float | None = None,
    random_seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the runs, and the bands of the law and of a new run beyond them.

    Parameters
    ----------
    fit : Fit
        A fitted law of params and tokens, whose compute-optimal frontier is drawn, or of one input.
    x : str, optional
        ``"flops"``, ``"params"`` or ``"tokens"``; compute, or the law's one input, when None.
    beyond : float
        How far to go: to this many times the largest fitted value.
    ci_prob : float, optional
        Probability inside the bands; ArviZ's setting (0.89) when None.
    random_seed : int
        Seed of the scatter of a new run.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        Points are coloured by tokens per parameter where that varies; what lies beyond the largest
        run is shaded; runs far off the law are ringed and, when few, named. The numbers are those
        of :func:`bands_data`.

    Raises
    ------
    BayescaleError
        For a law with several other inputs, an unknown ``x``, or ``beyond`` below one.
    """
    data = bands_data(fit, beyond=beyond, ci_prob=ci_prob, random_seed=random_seed)
    column = x or main_column(fit)
    if column not in run_columns(fit):
        raise BayescaleError(f"x = {x!r}: {fit.law.name} has {', '.join(run_columns(fit))}")
    ax = one_panel(ax)
    log_axis(ax, "x", kind_of(column), column_label(fit, column))
    log_axis(ax, "y", "number", loss_label(fit))
    _draw_bands(ax, data, column, along=has_frontier(fit))
    _draw_runs(ax, fit, column)
    mark_end(ax, run_columns(fit)[column].max())
    _ring_outliers(ax, fit, column)
    add_legend(ax, "lower left")
    return ax


def _draw_bands(ax: Axes, data: pd.DataFrame, column: str, *, along: bool) -> None:
    at, width = data[column], percent(data.attrs["ci_prob"])
    for which, alpha, words in (("new_run", 0.18, "a new run"), ("law", 0.4, "the law")):
        lower, upper = data[f"{which}_lower"], data[f"{which}_upper"]
        label = f"{words}, {width}"
        ax.fill_between(at, lower, upper, color=BLUE, alpha=alpha, lw=0, label=label)
    median = "compute-optimal, median" if along else "median"
    ax.plot(at, data["law"], color=BLUE, lw=1.1, label=median)


def _draw_runs(ax: Axes, fit: Fit, column: str) -> None:
    runs = run_columns(fit)
    dots: dict[str, Any] = {"s": 14, "linewidths": 0, "zorder": 3}
    at, observed = runs[column], fit.observed.to_numpy()
    if has_frontier(fit):
        ratio = runs["tokens"] / runs["params"]
        if ratio.max() > 1.5 * ratio.min():
            norm = LogNorm(*np.quantile(ratio, [0.02, 0.98]), clip=True)
            drawn = ax.scatter(at, observed, c=ratio, cmap=SEQUENCE, norm=norm, **dots)
            _color_bar(ax, drawn)
            drawn.set_label("observed runs")
            return
    ax.scatter(at, observed, color=INK, label="observed runs", **dots)


def _color_bar(ax: Axes, drawn: PathCollection) -> None:
    figure = ax.get_figure()
    assert figure is not None
    bar = figure.colorbar(drawn, ax=ax, pad=0.02, aspect=30, extend="both")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    log_ticks(bar.ax.yaxis, "number", most=5)
    bar.ax.tick_params(labelsize="small")
    bar.set_label("tokens per parameter")


def _ring_outliers(ax: Axes, fit: Fit, column: str) -> None:
    far = outliers(fit)
    if far.empty:
        return
    where = fit.observed.get_index("run").get_indexer(far.index)
    at, observed = run_columns(fit)[column][where], far["observed"].to_numpy()
    ring: dict[str, Any] = {
        "s": 55,
        "facecolors": "none",
        "edgecolors": VERMILLION,
        "linewidths": 1.2,
    }
    ax.scatter(at, observed, label="runs off the law", zorder=4, **ring)
    if len(far) <= FEW:
        name_points(ax, list(at), list(observed), list(far.index))
