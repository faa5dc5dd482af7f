"""What each model size gives up, beside the best one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayescale.data.number_format import format_quantity, percent
from bayescale.data.units import Quantities
from bayescale.decisions.regret import regret, regret_summary
from bayescale.decisions.scenario import ScenarioLike, as_scenario
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.plots.style import (
    BLUE,
    GREEN,
    INK,
    VERMILLION,
    add_legend,
    column_label,
    log_axis,
    name_points,
    one_panel,
)
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import credible_interval, interval_width

SHOWN = 0.85
"""Share of the sizes whose bands fit into the picture: where inference takes all, they soar."""


def regret_data(
    fit: PosteriorLike,
    flops: ScenarioLike,
    params: Quantities | None = None,
    *,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the regret of sizes all over the posterior of the best one, and the decision.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    flops : number, str or Scenario
        One budget in FLOP, or a scenario of one.
    params : number, str or 1-d array, optional
        Candidates, in parameters; the scenario's when None.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    sizes : pandas.DataFrame
        One row per size, in order: ``params``, ``tokens``, whether it is a ``candidate``, the
        expected ``regret`` with ``median``, ``lower`` and ``upper``, and the expected share of the
        budget ``wasted``. Further inputs that the scenario leaves open are those of the decision.
    decision : pandas.DataFrame
        What :func:`bayescale.regret_summary` says of these sizes, one row.

    Raises
    ------
    BayescaleError
        As for :func:`bayescale.regret`, and for more budgets than one.
    """
    discrepancy = Discrepancy.of(discrepancy)
    scenario = as_scenario(flops)
    if len(scenario.budgets) > 1:
        raise BayescaleError(f"plot_regret draws one budget; {len(scenario.budgets)} are given")
    options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": random_seed}
    found = regret(fit, scenario, params, around=True, **options)
    decided = regret_summary(found)
    for name in (name for name, values in scenario.at.items() if len(values) > 1):
        found = found.isel(choice=(found[name] == decided[name][0]).to_numpy())
    at = found.isel(budget=0)
    bounds = credible_interval(at["regret"], ci_prob)
    means = at[["regret", "wasted"]].mean(("chain", "draw"))
    columns = {name: at[name].values for name in ("params", "tokens", "candidate")}
    columns |= {name: means[name].values for name in ("regret", "wasted")}
    columns |= {name: bounds[name].values for name in ("median", "lower", "upper")}
    sizes = pd.DataFrame(columns).sort_values("params", ignore_index=True)
    sizes.attrs["ci_prob"] = interval_width(ci_prob)
    return sizes, decided


@of_posterior
def plot_regret(
    fit: PosteriorLike,
    flops: ScenarioLike,
    params: Quantities | None = None,
    *,
    ci_prob: float | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the regret of each size at a budget, the least expected one and the sizes near it.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    flops : number, str or Scenario
        One budget in FLOP, or a scenario of one.
    params : number, str or 1-d array, optional
        Candidates to name, in parameters; the scenario's when None.
    ci_prob : float, optional
        Probability inside the band; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        The expected regret and its band over size. Shaded are the sizes that are expected to waste
        little more than the best choice, and darker the equivalence set, where there is one. Beside
        a candidate stands the share of the budget that it is expected to waste. The numbers are
        those of :func:`bayescale.plots.regret.regret_data`.

    Raises
    ------
    BayescaleError
        As for :func:`bayescale.regret`, and for more budgets than one.

    See Also
    --------
    regret : The draws behind the band.
    regret_summary : The choice as a table.

    Examples
    --------
    >>> axes = bs.plot_regret(fit, "1e23", ["3B", "30B"])
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('parameters', 'loss given up (nats/token)')
    """
    discrepancy = Discrepancy.of(discrepancy)
    sizes, decided = regret_data(
        fit, flops, params, ci_prob=ci_prob, discrepancy=discrepancy, random_seed=random_seed
    )
    first, best = fit.representative, SimpleNamespace(**decided.to_dict("records")[0])
    ax = one_panel(ax)
    log_axis(ax, "x", "count", column_label(first, "params"))
    unit = f" ({first.unit})" if first.unit else ""
    ax.set_ylabel(f"{first.target} given up{unit}", color=INK)
    width, allowed = percent(sizes.attrs["ci_prob"]), decided.attrs["tolerance"]
    label = f"expected to waste at most {percent(allowed)} more than the best choice"
    ax.axvspan(best.near_lower, best.near_upper, color=GREEN, alpha=0.12, lw=0, label=label)
    if np.isfinite(best.flat_lower):
        sure = percent(decided.attrs["probability"])
        label = f"flat set: at most {percent(allowed)} wasted, {sure} sure"
        ax.axvspan(best.flat_lower, best.flat_upper, color=GREEN, alpha=0.2, lw=0, label=label)
    at, band = sizes["params"], {"color": BLUE, "lw": 0, "alpha": 0.2}
    ax.fill_between(at, sizes["lower"], sizes["upper"], label=f"regret, {width}", **band)
    ax.plot(at, sizes["regret"], color=BLUE, lw=1.5, label="expected regret")
    ax.plot(
        [best.params], [best.regret], "o", ms=6, mfc="w", mec=BLUE, mew=1.4, label="best choice"
    )
    named: Any = sizes[sizes["candidate"]]
    ax.plot(named["params"], named["regret"], "D", ms=4.5, color=VERMILLION, ls="")
    tall: list[Any] = [np.quantile(sizes["upper"], SHOWN), *named["upper"]]
    ax.set_ylim(-0.08 * max(tall), 1.4 * max(tall))
    points = [("best, ", decided.iloc[0]), *(("", row) for _, row in named.iterrows())]
    said = [
        f"{which}{format_quantity(row['params'])}: wastes {percent(round(row['wasted'], 2))}"
        for which, row in points
    ]
    add_legend(ax, "upper left")
    at = [[float(row[name]) for _, row in points] for name in ("params", "regret")]
    name_points(ax, at[0], at[1], said)
    return ax
