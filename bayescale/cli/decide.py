"""``optimum`` and ``regret``: how a budget is spent, decided from a saved fit."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import Allowing, ScenarioFile, Seed, Showing, pairs, quantities
from bayescale.cli.output import (
    Cell,
    allowed,
    answers,
    discrepancy_text,
    emit,
    header,
    judged,
    say,
    show_answer,
    table,
    title,
)
from bayescale.cli.saved_fits import Asked, load_fit
from bayescale.data.display_tables import heading
from bayescale.data.number_format import column_formatter, coordinate
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import xarray as xr

    from bayescale.decisions.scenario import Scenario


@dataclass(frozen=True)
class _Spending:
    """The budget, and what it pays for."""

    flops: Annotated[
        str | None,
        typer.Option(metavar="C", help="Budgets: 1e24, or 1e24,1e25, or 1 PF-day."),
    ] = None
    scenario: ScenarioFile = None
    inference_tokens: Annotated[
        str | None,
        typer.Option(metavar="I", help="Tokens of inference that the budget pays for, too: 2T."),
    ] = None
    max_params: Annotated[
        str | None, typer.Option(metavar="N", help="The largest model allowed.")
    ] = None
    max_tokens: Annotated[
        str | None, typer.Option(metavar="D", help="The most training tokens allowed.")
    ] = None
    at: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUES",
            help="Another input of the law, by its column, one value or several to choose from: "
            "unique_tokens=100B. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def chosen(self) -> "Scenario":
        """Return the scenario of the file, changed by the options.

        Raises
        ------
        BayescaleError
            When there is no budget, or a value is no quantity.
        """
        from bayescale.decisions.scenario import Scenario, load_scenario

        found = load_scenario(self.scenario) if self.scenario else Scenario()
        if self.flops is not None:
            found = found.at_budgets(quantities("--flops", self.flops, "flops"))
        named = ("inference_tokens", "max_params", "max_tokens")
        given: dict[str, Any] = {
            name: quantities(f"--{name.replace('_', '-')}", text)[0]
            for name in named
            if (text := getattr(self, name)) is not None
        }
        others = pairs("--at", self.at, "unique_tokens=100B")
        at = {name: quantities(f"--at {name}", text) for name, text in others.items()}
        if not found.budgets:
            raise BayescaleError(
                "no budget is given: pass --flops 1e24, or a --scenario that has one"
            )
        return replace(found, **given, at={**found.at, **at})


def optimum(
    asked: Asked,
    spending: _Spending,
    allowing: Allowing,
    showing: Showing,
    critical_batch: Annotated[
        Path | None,
        typer.Option(
            metavar="FIT", help="For kaplan_steps: a fit of critical_batch.", show_default=False
        ),
    ] = None,
    seed: Seed = None,
) -> None:
    """Find the best params and tokens for a budget.

    The budget may include inference, and limits may apply: see the options, or a scenario file.
    """
    scenario, discrepancy = spending.chosen(), allowing.chosen()
    from bayescale.decisions.optimum import optimum

    fit = asked.load()
    options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": seed}
    if critical_batch is not None:
        options["critical_batch"], discrepancy = load_fit(critical_batch), None
    answer = optimum(fit, scenario, **options)
    beyond = answer.attrs.get("extrapolation", "")
    constants = None if scenario.constrained else _frontier(fit, scenario.budgets)
    with judged(fit):
        if showing.json:
            known = {**header(fit), "ci_prob": showing.width, **allowed(fit.typical(discrepancy))}
            frontier = {} if constants is None else _frontier_record(constants, showing.width)
            budgets = answers(answer, showing.width)
            emit({**known, "budgets": budgets, "extrapolation": beyond, **frontier})
        else:
            from bayescale.reporting.scenario_texts import terms

            say(title(fit), heading(showing.width), "")
            show_answer(answer, showing.width)
            if beyond:
                say("", beyond)
            if constants is not None:
                _show_frontier(fit, constants, showing.width)
            said = [terms(scenario)] if scenario.constrained else []
            say("", *said, discrepancy_text(fit.typical(discrepancy)))


def _frontier(fit: Any, budgets: tuple[float, ...]) -> "xr.Dataset | None":
    """Return the power laws of the optimum around the budgets asked for, None without any."""
    from bayescale.decisions.frontier_constants import frontier_constants
    from bayescale.decisions.optimum import has_allocation

    each = fit.members().values()
    if not all(has_allocation(one) and not one.groups for one in each):
        return None
    low, high = min(budgets), max(budgets)
    around = (low, high) if low < high else (low / 10**0.5, high * 10**0.5)
    return frontier_constants(fit, around)


def _frontier_record(constants: "xr.Dataset", width: float) -> dict[str, Any]:
    """Return what JSON says of the power laws of the optimum."""
    from bayescale.prediction.intervals import estimate

    found = {str(k): estimate(v, width)._asdict() for k, v in constants.data_vars.items()}
    return {"frontier": {**found, "local": bool(constants.attrs["local"])}}


def _show_frontier(fit: Any, constants: "xr.Dataset", width: float) -> None:
    """Print the power laws of the optimum."""
    from bayescale.reporting.frontier_texts import FRONTIER_HEADER, frontier_note, frontier_rows

    lines = [
        [name, law, *(column_formatter([*found]) for found in pair)]
        for name, law, *pair in frontier_rows(fit, constants, width)
    ]
    say("", table(FRONTIER_HEADER, lines), "", frontier_note(constants))


def regret(
    asked: Asked,
    spending: _Spending,
    allowing: Allowing,
    showing: Showing,
    params: Annotated[
        str | None, typer.Option(metavar="N,...", help="Sizes to judge: 7B,13B,70B.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Largest compute overhead, a share of the budget.  [default: 0.1]"
        ),
    ] = None,
    probability: Annotated[
        float | None,
        typer.Option(metavar="PROB", help="Probability of staying below it.  [default: 0.8]"),
    ] = None,
    seed: Seed = None,
) -> None:
    """Show the regret of sizes, and which to choose.

    Regret is the loss given up relative to the best size under each draw. The compute overhead is
    the share of the budget that the best size would not have needed for the same loss.
    """
    from bayescale.decisions.regret import regret, regret_summary

    scenario, discrepancy = spending.chosen(), allowing.chosen()
    changed = {"tolerance": tolerance, "probability": probability}
    scenario = replace(scenario, **{k: v for k, v in changed.items() if v is not None})
    sizes = scenario.candidates if params is None else quantities("--params", params)
    fit = asked.load()
    options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": seed}
    found = regret(fit, scenario, list(sizes) or None, around=True, **options)
    judgement, decided = _judgements(found, showing.width), regret_summary(found)
    with judged(fit):
        if showing.json:
            known = {**header(fit), "ci_prob": showing.width, **allowed(fit.typical(discrepancy))}
            known |= {k: decided.attrs[k] for k in ("tolerance", "probability")}
            emit({**known, "candidates": judgement, "decisions": decided.to_dict("records")})
        else:
            from bayescale.reporting.scenario_texts import budget_labels, terms, verdict

            say(title(fit))
            if judgement:
                say(heading(showing.width), "", _table(judgement))
            labels = budget_labels(scenario)
            for label, row in zip(labels, decided.to_dict("records"), strict=True):
                said = verdict(row, scenario.tolerance, scenario.probability, fit.unit)
                say("", f"With {label}, {said}")
            said = [terms(scenario)] if scenario.constrained else []
            say("", *said, discrepancy_text(fit.typical(discrepancy)))


def _judgements(found: "xr.Dataset", width: float) -> list[dict[str, Any]]:
    """Return what JSON says of each candidate: what it is, and its regret with intervals."""
    from bayescale.prediction.intervals import credible_interval

    chosen = found.isel(choice=found["candidate"].to_numpy()).drop_vars("candidate")
    bounds = {str(k): credible_interval(v, width) for k, v in chosen.data_vars.items()}
    means = chosen.mean(("chain", "draw"))
    records = []
    for i in range(chosen.sizes["budget"]):
        for j in range(chosen.sizes["choice"]):
            at = {"budget": i, "choice": j}
            places = {
                str(k): float(v.isel({d: at[str(d)] for d in v.dims}))
                for k, v in chosen.coords.items()
            }
            drawn = {
                name: {"mean": float(means[name][i, j])}
                | {str(k): float(v[i, j]) for k, v in of.data_vars.items()}
                for name, of in bounds.items()
            }
            records.append(places | drawn)
    return records


def _table(found: list[dict[str, Any]]) -> Any:
    names = {
        "flops": "FLOP",
        "regret": "loss given up (median)",
        "wasted": "compute overhead (median)",
    }
    columns = [names.get(name, name) for name in found[0]]
    return table(columns, [[_decision_cell(k, v) for k, v in row.items()] for row in found])


def _decision_cell(name: str, value: Any) -> Cell:
    if isinstance(value, float):
        return coordinate(name, value)
    digits = 2 if name in ("regret", "wasted") else 4
    return column_formatter([value["median"], value["lower"], value["upper"]], digits=digits)
