"""Recommended next runs, and the budget that reaches a loss: sections of the report."""

import numpy as np

from bayescale.data.number_format import (
    format_value,
    kind_of,
    listed,
    plain,
    whole_percent,
)
from bayescale.decisions.frontier import never
from bayescale.decisions.targets import floor_of, required_compute
from bayescale.design.plan import Plan, plan
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.plots.plan import plot_plan
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.intervals import estimate
from bayescale.prediction.runs_by_compute import run_columns
from bayescale.reporting.page_elements import (
    Block,
    Cell,
    Section,
    Table,
    Text,
    interval_cell,
    number_cell,
    picture,
)
from bayescale.reporting.targets import Target, plans

SHARE = 0.1
"""Of the compute of all fitted runs, to spend on the next ones."""


BETTER = (0.02, 0.05, 0.1)
"""How far below the lowest observed loss the goals are."""


def next_runs(
    fit: PosteriorLike, asked: list[Target], discrepancy: Discrepancy | None
) -> Plan | None:
    """Plan runs of a tenth of the compute of the fitted ones, about the first budget's best size.

    None for laws without such a size.
    """
    if not (asked and plans(fit)):
        return None
    about = {"flops": asked[0].value}
    return plan(fit, budget=SHARE * _spent(fit), about=about, discrepancy=discrepancy)


def what_would_change_it(fit: PosteriorLike, found: Plan) -> str:
    """Say in one paragraph which runs :func:`next_runs` proposes and how much they would tell."""
    if found.do_nothing:
        return f"What would change this: with {_to_spend(fit)} more, nothing would. {found}"
    pairs = found.runs[["params", "tokens"]].to_numpy(float)
    runs = [f"{format_value(n, 'count')} on {format_value(d, 'count')} tokens" for n, d in pairs]
    return f"What would change this: {listed(runs)}. {found}"


def _spent(fit: PosteriorLike) -> float:
    return float(run_columns(fit.representative)["flops"].sum())


def _to_spend(fit: PosteriorLike) -> str:
    return format_value(SHARE * _spent(fit), "flops")


def next_runs_section(fit: PosteriorLike, found: Plan | None) -> Section | None:
    """Show the runs that :func:`next_runs` proposes; None where it proposes none.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    found : Plan, optional
        The most informative runs about the first budget's best size.
    """
    if found is None:
        return None
    amount = f"Ten per cent of the compute of the fitted runs, {_to_spend(fit)}"
    others = "Other budgets and quantities of interest: bayescale plan."
    if found.do_nothing:
        return Section("What to run next", [Text(f"{amount}, is to spend. {found} {others}")])
    said = f"{amount}, is best spent as follows: {found} {others}"
    shows = (
        "Left: the completed runs, the information in each candidate run alone, and the chosen "
        "ones. Right: the standard deviation that remains as they are done."
    )
    blocks: list[Block] = [
        Text(said),
        _launch_table(found),
        picture(lambda axes: plot_plan(found, axes=axes), shows, width=9.6, panels=2, columns=2),
    ]
    return Section("What to run next", blocks)


def _launch_table(found: Plan) -> Table:
    """Tabulate the runs to launch."""
    rows: list[list[Cell]] = [
        [
            f"{i}",
            number_cell(row["params"], "count"),
            number_cell(row["tokens"], "count"),
            number_cell(row["flops"], "flops"),
            f"{row['sd_after']:.3g}",
            whole_percent(row["share"]),
        ]
        for i, row in enumerate(found.runs.to_dict("records"), start=1)
    ]
    return Table(["", "parameters", "tokens", "compute", "sd after", "share of the gain"], rows)


def _floor(fit: Fit) -> float:
    """Return the median irreducible target, -inf where there is none."""
    floor = floor_of(fit)
    return -np.inf if floor is None else float(floor.median())


def reach_section(
    fit: PosteriorLike,
    asked: list[Target],
    discrepancy: Discrepancy | None,
    ci_prob: float | None,
) -> Section | None:
    """Show what a lower loss, or error, requires; None where more is better, or no budget."""
    first = fit.representative
    if not asked or first.law.rises:
        return None
    best = float(first.observed.min())
    goals = [float(f"{best * (1 - part):.3g}") for part in BETTER if best > 0]
    goals = [goal for goal in dict.fromkeys(goals) if goal < best]
    if not goals:
        return None
    floor = _floor(first)
    goals = [goal for goal in goals if goal > floor]
    if not goals:
        return None
    found = required_compute(fit, goals, discrepancy=discrepancy)
    column, runs = asked[0].column, run_columns(first)[asked[0].column]
    if asked[0].falls and bool((found[column].median(("chain", "draw")) > runs.max()).any()):
        return None  # a target that rises where better models are, such as a batch size
    rows: list[list[Cell]] = []
    for i, goal in enumerate(goals):
        at = found.isel(goal=i)
        shown = {str(name): estimate(at[name], ci_prob) for name in found.data_vars}
        cells = [interval_cell(v, kind_of(k)) for k, v in shown.items()]
        chance = float(np.round(100 * at["probability"]))
        rows.append([plain(goal, goal / 100), f"{chance:.0f} %", *cells])
    names = {"params": "parameters", "flops": "compute (FLOP)"}
    header = [
        first.target,
        "reached in (draws)",
        *(names.get(str(k), str(k)) for k in found.data_vars),
    ]
    reached, within = never(first, column).split(": not ")
    more = "" if asked[0].falls else ", and how much data or how large a model is required"
    note = (
        f"Of the draws, how many reach the {first.target} {within}; {reached} where the median or "
        f"a bound does not. Other goals{more}: bayescale reach."
    )
    return Section(f"What a lower {first.target} requires", [Table(header, rows, note)])
