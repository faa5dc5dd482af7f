"""The loss over model size at fixed budgets, and where its minimum may lie."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes

from bayescale.data.compute_budgets import near, shared_budgets, spread, typical_budgets
from bayescale.data.number_format import percent
from bayescale.data.units import Quantities
from bayescale.decisions.frontier import require_frontier
from bayescale.decisions.optimum import optimum
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.plots.style import (
    INK,
    SEQUENCE,
    add_legend,
    column_label,
    log_axis,
    loss_label,
    one_panel,
    write_tick,
)
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import credible_interval, interval_width
from bayescale.prediction.points import make_points
from bayescale.prediction.predict import predict
from bayescale.prediction.runs_by_compute import run_columns

POINTS = 60


MARGIN = 1.6
"""How far each curve goes beyond its runs and its optimum, as a factor in N."""


REACH = 10.0
"""A curve goes at most so many times below and above its median optimum, its runs aside."""


def isoflop_data(
    fit: Fit,
    flops: Quantities | None = None,
    *,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves at fixed budgets, and their optima.

    Parameters
    ----------
    fit : Fit
        A fitted law of params and tokens.
    flops : number, str or 1-d array, optional
        Budgets in FLOP; when None about four that runs on both sides of the optimum share.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs, for the intervals of N*; None assumes
        that the law holds. The curves are the law's.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    curves : pandas.DataFrame
        ``flops``, ``params`` and ``tokens`` with the law there: ``median``, ``lower``, ``upper``.
    optima : pandas.DataFrame
        One row per budget: ``flops``, the interval of N* as ``params``, ``params_lower`` and
        ``params_upper``, and ``loss``, the median law at the median N*.

    Raises
    ------
    BayescaleError
        For another law, or a budget that is no amount of compute.
    """
    discrepancy = Discrepancy.of(discrepancy)
    require_frontier(fit, "plot_isoflop")
    budgets = _budgets(fit, flops)
    answer = optimum(fit, budgets, discrepancy=discrepancy, random_seed=random_seed)
    best = credible_interval(answer["params"], ci_prob)
    centre = best["median"].to_numpy()
    there = predict(fit, params=centre, flops=budgets, discrepancy=None)
    optima = pd.DataFrame(
        {
            "flops": budgets,
            "params": centre,
            "params_lower": best["lower"].values,
            "params_upper": best["upper"].values,
            "loss": there["law"].median(("chain", "draw")).values,
        }
    )
    curves = [_curve(fit, best, ci_prob) for best in optima.itertuples()]
    for table in (curves[0], optima):
        table.attrs["ci_prob"] = interval_width(ci_prob)
    return pd.concat(curves, ignore_index=True), optima


def _budgets(fit: Fit, flops: Quantities | None) -> np.ndarray:
    if flops is None:
        return _bracketed(fit)
    return np.unique(make_points({"flops": flops}, None, grid=False)["flops"].to_numpy())


def _bracketed(fit: Fit) -> np.ndarray:
    """Return budgets that runs on both sides of the optimum share; where few do, any they share."""
    runs = run_columns(fit)
    shared = shared_budgets(runs["flops"])
    if len(shared) < 2:
        return typical_budgets(runs["flops"])
    best = optimum(fit, shared, discrepancy=None)["params"].median(("chain", "draw")).to_numpy()
    sizes = [runs["params"][near(runs["flops"], budget)] for budget in shared]
    both = [own.min() < size < own.max() for own, size in zip(sizes, best, strict=True)]
    return spread(shared[both]) if sum(both) > 1 else typical_budgets(runs["flops"])


def _curve(fit: Fit, best: Any, ci_prob: float | None) -> pd.DataFrame:
    runs, budget, centre = run_columns(fit), best.flops, best.params
    sizes = runs["params"][near(runs["flops"], budget)]
    wanted = np.clip([best.params_lower, best.params_upper], centre / REACH, centre * REACH)
    low = min([*wanted / 2, *sizes]) / MARGIN
    high = max([*wanted * 2, *sizes]) * MARGIN
    params = np.geomspace(low, high, POINTS)
    answer = predict(fit, params=params, flops=budget, discrepancy=None)
    law = credible_interval(answer["law"], ci_prob)
    return pd.DataFrame(
        {
            "flops": budget,
            "params": params,
            "tokens": answer["tokens"].values,
            **{name: law[name].values for name in ("median", "lower", "upper")},
        }
    )


@of_one_law
def plot_isoflop(
    fit: Fit,
    flops: Quantities | None = None,
    *,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss over model size at fixed budgets, with the interval of the optimum.

    Parameters
    ----------
    fit : Fit
        A fitted law of params and tokens.
    flops : number, str or 1-d array, optional
        Budgets in FLOP; when None about four that runs on both sides of the optimum share.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs, for the intervals of N*; None assumes
        that the law holds. The curves are the law's.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        A curve with its band, the interval of N* as a bar (an arrowhead where it
        goes on), and the runs within ten per cent of the
        budget as points, in one colour per budget. The numbers are those of
        :func:`bayescale.plots.isoflop.isoflop_data`.

    Raises
    ------
    BayescaleError
        For another law, or a budget that is no amount of compute.

    See Also
    --------
    isoflop_design : Runs at fixed budgets.
    plot_frontier : The optima over compute.

    References
    ----------
    Hoffmann et al. (2022), arXiv:2203.15556, sec. 3.2

    Examples
    --------
    >>> axes = bs.plot_isoflop(fit, ["1e19", "1e21"])
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('parameters', 'loss (nats/token)')
    """
    discrepancy = Discrepancy.of(discrepancy)
    curves, optima = isoflop_data(
        fit, flops, ci_prob=ci_prob, discrepancy=discrepancy, random_seed=random_seed
    )
    ax = one_panel(ax)
    log_axis(ax, "x", "count", column_label(fit, "params"))
    log_axis(ax, "y", "number", loss_label(fit))
    colors = colormaps[SEQUENCE](np.linspace(0.0, 0.82, len(optima)))
    rows: list[Any] = list(optima.itertuples())
    for color, best in zip(colors, rows, strict=True):
        _draw_budget(ax, fit, curves[curves["flops"] == best.flops], best, color)
    width = percent(interval_width(ci_prob))
    ax.plot([], [], color=INK, lw=3, marker="o", ms=5, mfc="w", label=f"optimum $N^*$, {width}")
    if any(near(run_columns(fit)["flops"], budget).any() for budget in optima["flops"]):
        ax.scatter([], [], s=14, color=INK, label="runs within 10 %")
    add_legend(ax)
    return ax


def _draw_budget(ax: Axes, fit: Fit, curve: Any, best: Any, color: Any) -> None:
    runs, budget = run_columns(fit), best.flops
    ax.fill_between(curve["params"], curve["lower"], curve["upper"], color=color, alpha=0.25, lw=0)
    label = f"{write_tick(float(f'{budget:.1e}'), 'flops')} FLOP"
    ax.plot(curve["params"], curve["median"], color=color, lw=1.3, label=label)
    here = near(runs["flops"], budget)
    ax.scatter(
        runs["params"][here], fit.observed.to_numpy()[here], s=14, color=[color], linewidths=0
    )
    _draw_optimum(ax, curve["params"], best, color)


def _draw_optimum(ax: Axes, shown: Any, best: Any, color: Any) -> None:
    """Draw the interval of N*, with an arrowhead where it goes on beyond the curve."""
    low, high, loss = best.params_lower, best.params_upper, best.loss
    ends = np.clip([low, high], shown.min(), shown.max())
    ax.plot(ends, [loss] * 2, color=color, lw=3, solid_capstyle="butt", zorder=3)
    for end, marker, beyond in ((ends[0], "<", low < ends[0]), (ends[1], ">", high > ends[1])):
        if beyond:
            ax.plot(end, loss, marker, ms=8, color=color, zorder=3)
    ax.plot(best.params, loss, "o", ms=5, mfc="w", mec=color, mew=1.3, zorder=4)
