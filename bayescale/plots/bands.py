"""The loss against compute, with the bands of the law and of a new run, beyond the data."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm

from bayescale.data import derive
from bayescale.data.number_format import percent
from bayescale.decisions.frontier import has_frontier
from bayescale.decisions.optimum import optimum
from bayescale.errors import BayescaleError
from bayescale.evaluation.residuals import outliers
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import inputs_text
from bayescale.plots.style import (
    BLUE,
    INK,
    SEQUENCE,
    VERMILLION,
    add_legend,
    column_label,
    kind_of,
    log_axis,
    log_ticks,
    loss_label,
    mark_end,
    name_points,
    one_panel,
)
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import credible_interval, interval_width
from bayescale.prediction.predict import predict
from bayescale.prediction.runs_by_compute import falls, furthest_of, main_column, run_columns

POINTS = 60


BEYOND, BEYOND_LOSS = 100.0, 1.25
"""How far to go by default: times the largest fitted value, and below the lowest loss."""


FEW = 12
"""Up to so many outlying runs are named."""


def bands_data(
    fit: PosteriorLike,
    *,
    beyond: float | None = None,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Return the bands along compute, or along the input of a law that takes one.

    A law of params and tokens is followed along its frontier: at each budget, the run of the
    posterior median of the law's own N*, and D = C / 6 N.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or of one input; or several.
    beyond : float, optional
        How far to go: to this many times the largest fitted value, 100 when None; of an input that
        falls as models get better, such as a loss, to the lowest fitted one divided by this, 1.25.
        Dates stay with the runs.
    ci_prob : float, optional
        Probability inside the bands; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy and of the scatter of a new run; the fit's own when None.

    Returns
    -------
    pandas.DataFrame
        One row per point: ``flops``, ``params`` and ``tokens`` (or the law's one input); in the
        target's unit the ``law`` (posterior median) with ``law_lower`` and ``law_upper``, and the
        bounds of the ``outcome`` (the law with its discrepancy) and of a ``new_run``.

    Raises
    ------
    BayescaleError
        For a law with several other inputs, or ``beyond`` below one.
    """
    discrepancy = Discrepancy.of(discrepancy)
    refuse_pooled(fit.representative, "plot_bands")
    points = _points(fit, beyond)
    answer = predict(fit, points, discrepancy=discrepancy, random_seed=random_seed)
    found = {
        str(name): credible_interval(draws, ci_prob) for name, draws in answer.data_vars.items()
    }
    bounds = {
        f"{name}_{side}": band[side].values
        for name, band in found.items()
        for side in ("lower", "upper")
    }
    data = points.assign(law=found["law"]["median"].values, **bounds)
    data.attrs["ci_prob"] = interval_width(ci_prob)
    return data


def _points(fit: PosteriorLike, beyond: float | None) -> pd.DataFrame:
    first = fit.representative
    column = main_column(first)
    if column is None or not (has_frontier(first) or len(first.law.inputs) == 1):
        raise BayescaleError(
            f"plot_bands needs a law of params and tokens, or of one input; {first.law.name} takes "
            f"{inputs_text(first.spec)}"
        )
    lower = falls(first.spec, column)
    if beyond is None:
        beyond = BEYOND_LOSS if lower else BEYOND
    if not (np.isfinite(beyond) and beyond >= 1):
        raise BayescaleError(
            f"beyond = {beyond!r}: give how many times the largest run to go to, at least 1"
        )
    values = run_columns(first)[column]
    grid = _grid(values, beyond, lower=lower, dates=_of_dates(first))
    if has_frontier(first):
        best = optimum(fit, grid, discrepancy=None)
        params = best["params"].median(("chain", "draw")).to_numpy()
        return pd.DataFrame(
            {"flops": grid, "params": params, "tokens": derive.tokens(grid, params)}
        )
    return pd.DataFrame({column: grid})


def _of_dates(fit: Fit) -> bool:
    """Return whether a law's one input has no zero to be a multiple from, as dates have none."""
    (first, *_) = fit.law.inputs.values()
    declared = first.span is not None and first.span[0] <= 0
    return declared or any(bool(values.min() <= 0) for values in run_columns(fit).values())


def _grid(values: np.ndarray, beyond: float, *, lower: bool, dates: bool) -> np.ndarray:
    """Return where a law is drawn: over the runs and beyond; dates have no largest to multiply."""
    low, high = values.min(), values.max()
    if dates:
        return np.linspace(low, high, POINTS)
    return np.geomspace(low / beyond if lower else low, high if lower else beyond * high, POINTS)


@of_posterior
def plot_bands(
    fit: PosteriorLike,
    *,
    x: str | None = None,
    beyond: float | None = None,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the runs, and the bands of the law and of a new run beyond them.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, whose compute-optimal frontier is drawn, or of one input;
        or several.
    x : str, optional
        ``"flops"``, ``"params"`` or ``"tokens"``; compute, or the law's one input, when None.
    beyond : float, optional
        How far to go: to this many times the largest fitted value, 100 when None; of an input that
        falls as models get better, such as a loss, to the lowest fitted one divided by this, 1.25.
        Dates stay with the runs.
    ci_prob : float, optional
        Probability inside the bands; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy and of the scatter of a new run; the fit's own when None.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        Points are coloured by tokens per parameter where that varies; what lies beyond the largest
        run (or below the lowest loss) is shaded; runs far off the law (of an average, the one that
        counts most) are ringed and, when few, named. The inner band is the law's alone; the outer
        one, of a new run, has the discrepancy and a run's scatter. The numbers are those of
        :func:`bayescale.plots.bands.bands_data`.

    Raises
    ------
    BayescaleError
        For a law with several other inputs, an unknown ``x``, or ``beyond`` below one.

    See Also
    --------
    predict : The draws behind the bands.
    plot_frontier : Compute-optimal sizes.

    Examples
    --------
    >>> axes = bs.plot_bands(fit, x="flops", beyond=1000)
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('training compute (FLOP)', 'loss (nats/token)')
    """
    discrepancy = Discrepancy.of(discrepancy)
    data = bands_data(
        fit, beyond=beyond, ci_prob=ci_prob, discrepancy=discrepancy, random_seed=random_seed
    )
    first = fit.representative
    column = x or str(main_column(first))
    if column not in run_columns(first):
        raise BayescaleError(f"x = {x!r}: {first.law.name} has {', '.join(run_columns(first))}")
    ax = one_panel(ax)
    if _of_dates(first):
        ax.set_xlabel(column_label(first, column))
    else:
        log_axis(ax, "x", kind_of(column), column_label(first, column))
    log_axis(ax, "y", "number", loss_label(first))
    _draw_bands(ax, data, column, along=has_frontier(first))
    _draw_runs(ax, first, column)
    lower = falls(first.spec, column)
    mark_end(ax, furthest_of(first.spec, column, run_columns(first)[column]), lower=lower)
    _ring_outliers(ax, first, column)
    left, right = data["law"].to_numpy()[data[column].to_numpy().argsort()[[0, -1]]]
    add_legend(ax, "upper left" if right > left else "lower left")
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
