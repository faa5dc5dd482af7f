"""The decision in a scenario: what to choose, and its section of the report."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.number_format import bounds, relative
from bayescale.data.units import Kind
from bayescale.decisions.optimum import optimum
from bayescale.decisions.regret import regret, regret_summary
from bayescale.decisions.scenario import Scenario
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.plots.frontier import plot_frontier
from bayescale.plots.regret import plot_regret
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.intervals import estimate
from bayescale.reporting.page_elements import (
    Block,
    Cell,
    Pair,
    Section,
    Table,
    Text,
    interval_cell,
    number_cell,
    picture,
)
from bayescale.reporting.scenario_texts import (
    budget_labels,
    regret_text,
    terms,
    verdict,
)

CURVE = 12
"""Budgets along which the frontier of a scenario is drawn."""


NAMES: dict[str, tuple[str, Kind]] = {
    "params": ("parameters", "count"),
    "tokens": ("tokens", "count"),
    "tokens_per_param": ("tokens per parameter", "number"),
    "training_share": ("share of training", "number"),
    "price": ("price", "count"),
    "days": ("days of training", "number"),
}
"""What an optimum says, with how it is written; anything else is a plain number."""


@dataclass(frozen=True)
class _Choice:
    """What there is to say at one budget of a scenario.

    Attributes
    ----------
    budget : float
        FLOP of training.
    said : str
        Which size to choose.
    regrets : xarray.Dataset
        Of the candidates and of sizes around the best one.
    """

    budget: float
    said: str
    regrets: xr.Dataset


def choices(
    fit: PosteriorLike,
    scenario: Scenario,
    discrepancy: Discrepancy | None,
    random_seed: int | None = None,
) -> list[_Choice]:
    """Judge for the report the sizes at each budget of a scenario.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    scenario : Scenario
        With budgets.
    discrepancy : Discrepancy, optional
        How wrong the law may be away from the runs.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.
    """
    found = regret(fit, scenario, around=True, discrepancy=discrepancy, random_seed=random_seed)
    unit, rows = fit.unit, regret_summary(found).to_dict("records")
    made = []
    for i, (row, label) in enumerate(zip(rows, budget_labels(scenario), strict=True)):
        said = verdict(row, scenario.tolerance, scenario.probability, unit)
        made.append(_Choice(float(row["flops"]), f"With {label}, {said}", found.isel(budget=[i])))
    return made


def decisions_section(
    fit: PosteriorLike,
    scenario: Scenario,
    chosen: list[_Choice],
    discrepancy: Discrepancy | None,
    ci_prob: float | None,
    random_seed: int | None = None,
) -> Section:
    """Show what to choose in a scenario: its optimum, the regret of its candidates, pictures.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    scenario : Scenario
        With budgets.
    chosen : list of Choice
        What :func:`choices` found.
    discrepancy : Discrepancy, optional
        How wrong the law may be away from the runs.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.
    """
    options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": random_seed}
    best = optimum(fit, scenario, **options)
    unit = fit.unit
    blocks: list[Block] = [Text(" ".join(filter(None, (scenario.about, terms(scenario)))))]
    blocks.append(_optima(best, ci_prob, fit.target))
    drawn: dict[str, Any] = {"ci_prob": ci_prob, "discrepancy": discrepancy}
    for one in chosen:
        blocks.append(Text(one.said))
        if scenario.candidates:
            blocks.append(_candidates(one.regrets, ci_prob, unit))
        at, shows = (
            scenario.at_budgets(one.budget),
            "The regret of each size relative to the best one.",
        )
        blocks.append(picture(lambda ax, at=at: plot_regret(fit, at, ax=ax, **drawn), shows))
    low, high = min(scenario.budgets) / 10, max(scenario.budgets) * 10
    along = scenario.at_budgets(np.geomspace(low, high, CURVE))
    blocks.append(
        picture(
            lambda axes: plot_frontier(fit, along, axes=axes, **drawn),
            "The best parameters and tokens against what is spent, with their bands.",
            panels=2,
            columns=2,
            height=3.8,
        )
    )
    return Section(scenario.title or "The scenario", blocks)


def _optima(best: xr.Dataset, ci_prob: float | None, target: str) -> Table:
    names = {name: NAMES.get(str(name), (str(name), "number")) for name in best.data_vars}
    names["loss"] = (f"expected {target}", "number")
    given = "price" if "price" in best.coords else "days" if "days" in best.coords else "flops"
    rows: list[list[Cell]] = []
    for i in range(best.sizes["budget"]):
        amount = float(best[given][i])
        row: list[Cell] = [number_cell(amount, "flops" if given == "flops" else "count")]
        for name, (_, kind) in names.items():
            row.append(interval_cell(estimate(best[name].isel(budget=i), ci_prob), kind))
        rows.append(row)
    header = ["compute" if given == "flops" else given, *(title for title, _ in names.values())]
    return Table(header, rows, "The optimum under each draw of the posterior.")


def _candidates(found: xr.Dataset, ci_prob: float | None, unit: str) -> Table:
    rows: list[list[Cell]] = []
    chosen = found.isel(budget=0, choice=found["candidate"].to_numpy())
    opened = [str(k) for k, c in chosen.coords.items() if c.dims == ("choice",)]
    opened = [name for name in opened if name not in ("params", "tokens", "candidate")]
    for i in range(chosen.sizes["choice"]):
        at = chosen.isel(choice=i)
        lost, wasted = (estimate(at[name], ci_prob) for name in ("regret", "wasted"))
        rows.append(
            [
                number_cell(float(at["params"]), "count"),
                number_cell(float(at["tokens"]), "count"),
                *(f"{float(at[name]):g}" for name in opened),
                Pair(
                    regret_text(float(at["regret"].mean()), unit),
                    bounds(lost),
                    (float(at["regret"].mean()), lost.lower, lost.upper),
                ),
                Pair(
                    relative(float(at["wasted"].mean())),
                    f"{relative(wasted.lower)} to {relative(wasted.upper)}",
                ),
            ]
        )
    header = ["candidate", "tokens", *opened, "mean regret", "mean compute overhead"]
    return Table(header, rows)
