"""Compute-optimal parameters and tokens against compute."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayescale.data.number_format import percent
from bayescale.decisions.budget import Spending
from bayescale.decisions.frontier import require_frontier
from bayescale.decisions.optimum import optimum
from bayescale.decisions.scenario import Scenario, ScenarioLike, as_scenario
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.plots.style import (
    BLUE,
    GREY,
    INK,
    VERMILLION,
    column_label,
    legend_below,
    log_axis,
    mark_end,
    panels,
)
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import credible_interval, interval_width
from bayescale.prediction.runs_by_compute import run_columns

POINTS = 16


BEYOND = 100.0


RATIO = 20.0
"""Tokens per parameter of the rule of thumb that is drawn for comparison."""


def frontier_data(
    fit: PosteriorLike,
    flops: ScenarioLike | None = None,
    *,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Return the intervals of N* and D* along compute.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    flops : number, str, 1-d array or Scenario, optional
        Budgets in FLOP, or a scenario; from the smallest run to a hundred times the largest when
        there are none.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    pandas.DataFrame
        One row per budget: ``flops``, ``params``, ``params_lower``, ``params_upper``, the same of
        ``params_law``, the law without its discrepancy, all of them of ``tokens``, and the rule of
        thumb D = 20 N as ``params_20`` and ``tokens_20``, which pays for the same and knows no
        limits.

    Raises
    ------
    BayescaleError
        For another law, or a budget that is no amount of compute.
    """
    discrepancy = Discrepancy.of(discrepancy)
    scenario = as_scenario(() if flops is None else flops)
    if not scenario.at:
        for one in fit.members().values():
            require_frontier(one, "plot_frontier")
    if scenario.budgets:
        scenario = scenario.at_budgets(np.unique(scenario.budgets))
    else:
        spent = run_columns(fit.representative)["flops"]
        scenario = scenario.at_budgets(np.geomspace(spent.min(), BEYOND * spent.max(), POINTS))
    budgets = np.array(scenario.budgets)
    of_law = optimum(fit, scenario, discrepancy=None)
    allowed = of_law
    if discrepancy is not None:
        allowed = optimum(fit, scenario, discrepancy=discrepancy, random_seed=random_seed)
    columns: dict[str, Any] = {"flops": budgets}
    for answer, suffix in ((allowed, ""), (of_law, "_law")):
        for name in ("params", "tokens"):
            bounds = credible_interval(answer[name], ci_prob)
            columns[f"{name}{suffix}"] = bounds["median"].values
            columns |= {f"{name}{suffix}_{s}": bounds[s].values for s in ("lower", "upper")}
    spending = Spending(fit.representative, scenario)
    usual = spending.split(budgets, np.log(RATIO), spending.options[0])
    columns["params_20"], columns["tokens_20"] = usual
    data = pd.DataFrame(columns)
    data.attrs["ci_prob"] = interval_width(ci_prob)
    return data


@of_posterior
def plot_frontier(
    fit: PosteriorLike,
    flops: ScenarioLike | None = None,
    *,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """Draw N* and D* against compute, beside the rule of 20 tokens per parameter.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    flops : number, str, 1-d array or Scenario, optional
        Budgets in FLOP, or a scenario; from the smallest run to a hundred times the largest when
        there are none.
    ci_prob : float, optional
        Probability inside the bands; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.
    axes : sequence of two Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes, shape (2,)
        Parameters, then tokens. The inner band is the law's alone, the outer one has its
        discrepancy. Grey dots are the fitted runs; what lies beyond the largest of them is shaded.
        The numbers are those of :func:`bayescale.plots.frontier.frontier_data`.

    Raises
    ------
    BayescaleError
        For another law, a budget that is no amount of compute, or another number of axes.

    See Also
    --------
    optimum : The draws behind the bands.
    plot_isoflop : Loss over size at fixed budgets.

    References
    ----------
    Hoffmann et al. (2022), arXiv:2203.15556

    Examples
    --------
    >>> params, tokens = bs.plot_frontier(fit, flops=["1e20", "1e24"])
    >>> params.get_ylabel(), tokens.get_ylabel()
    ('parameters', 'tokens')
    """
    discrepancy = Discrepancy.of(discrepancy)
    data = frontier_data(
        fit, flops, ci_prob=ci_prob, discrepancy=discrepancy, random_seed=random_seed
    )
    first = fit.representative
    paid = isinstance(flops, Scenario) and flops.inference_tokens
    spent = "training and inference (FLOP)" if paid else column_label(first, "flops")
    both = panels(axes, 2, (8.4, 3.9), 2)
    for ax, name, sign in zip(both, ("params", "tokens"), ("N", "D"), strict=True):
        log_axis(ax, "x", "flops", spent, most=6)
        log_axis(ax, "y", "count", column_label(first, name))
        _draw(ax, first, data, name, sign)
    legend_below(both)
    return both


def _draw(ax: Axes, fit: Fit, data: pd.DataFrame, name: str, sign: str) -> None:
    at, width = data["flops"], percent(data.attrs["ci_prob"])
    runs = run_columns(fit)
    ax.scatter(runs["flops"], runs[name], s=8, color=GREY, alpha=0.5, lw=0, label="fitted runs")
    bands = [("", 0.18, "optimum"), ("_law", 0.35, "the law alone")]
    if np.array_equal(data[f"{name}_lower"], data[f"{name}_law_lower"]):
        del bands[1]
    for suffix, alpha, words in bands:
        lower, upper = data[f"{name}{suffix}_lower"], data[f"{name}{suffix}_upper"]
        ax.fill_between(at, lower, upper, color=BLUE, alpha=alpha, lw=0, label=f"{words}, {width}")
    marker = "o" if len(data) == 1 else ""
    ax.plot(at, data[name], color=BLUE, lw=1.4, marker=marker, label="optimum, median")
    ax.plot(at, data[f"{name}_20"], color=VERMILLION, lw=1.2, ls="--", label="$D = 20\\,N$")
    ax.set_title(f"${sign}^*$", color=INK, fontsize="medium")
    mark_end(ax, runs["flops"].max())
