"""``optimum``, ``regret``, ``reach`` and ``crossing``: decisions from a saved fit."""

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
    discrepancy_texts,
    emit,
    header,
    judged,
    say,
    show_answer,
    table,
    title,
)
from bayescale.cli.saved_fits import Asked, FitFile, load_fit
from bayescale.data.display_tables import heading
from bayescale.data.number_format import column_formatter, coordinate, fixed, whole_percent
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
                say("", f"with {label}: {said}")
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


_PAIR = ("one", "other")
"""What the two fits of ``crossing`` are called."""


@dataclass(frozen=True)
class _Reaching:
    """The goal, and what is held fixed."""

    loss: Annotated[
        str | None, typer.Option(metavar="L", help="Losses (or scores) to reach: 2.0, or 2.1,2.0.")
    ] = None
    at: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="Instead, a run to match: params=7B. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    params: Annotated[
        str | None, typer.Option(metavar="N", help="Hold the size fixed, and find the tokens.")
    ] = None
    tokens: Annotated[
        str | None, typer.Option(metavar="D", help="Hold the data fixed, and find the size.")
    ] = None


def reach(
    asked: Asked, reaching: _Reaching, allowing: Allowing, showing: Showing, seed: Seed = None
) -> None:
    r"""Find the budget, data or size that reaches a loss.

    \b
    bayescale reach fit.nc --loss 2.0
    bayescale reach fit.nc --params 3B --at params=7B --at tokens=1T
    """
    goals = None if reaching.loss is None else quantities("--loss", reaching.loss, "number")
    run = pairs("--at", reaching.at, "params=7B") or None
    from bayescale.decisions.frontier import never
    from bayescale.decisions.targets import required_compute

    fit = asked.load()
    found = required_compute(
        fit,
        goals,
        at=run,
        params=reaching.params,
        tokens=reaching.tokens,
        discrepancy=allowing.chosen(),
        random_seed=seed,
    )
    with judged(fit):
        found_rows = answers(found, showing.width)
        if showing.json:
            emit({**header(fit), "ci_prob": showing.width, "goals": found_rows})
        else:
            say(title(fit), heading(showing.width), "")
            names = {"probability": "reached in", "flops": "FLOP"}
            columns = [names.get(str(name), str(name)) for name in found_rows[0]]
            target = fit.target
            say(
                table(
                    columns,
                    [[_target_cell(k, v, target) for k, v in row.items()] for row in found_rows],
                )
            )
            reached = never(fit, str(next(iter(found.data_vars))))
            say("", reached, discrepancy_text(fit.typical(allowing.chosen())))


def crossing(
    one: FitFile,
    other: Annotated[
        Path, typer.Argument(metavar="OTHER", help="The fit to beat.", show_default=False)
    ],
    allowing: Allowing,
    showing: Showing,
    flops: Annotated[
        str | None,
        typer.Option(metavar="C", help="Budgets to compare at.  [default: every decade]"),
    ] = None,
    seed: Seed = None,
) -> None:
    r"""Find the budget from which one law beats another.

    \b
    bayescale crossing new.nc old.nc --flops 1e22,1e24
    """
    from bayescale.decisions.frontier import never, path_falls
    from bayescale.decisions.targets import crossover_compute
    from bayescale.prediction.intervals import credible_interval

    fits = load_fit(one), load_fit(other)
    budgets = None if flops is None else quantities("--flops", flops, "flops")
    found = crossover_compute(*fits, budgets, discrepancy=allowing.chosen(), random_seed=seed)
    start = {str(k): float(v) for k, v in credible_interval(found["start"], showing.width).items()}
    chance, found_rows = float(found["probability"]), answers(found[["difference"]], showing.width)
    with judged(*fits):
        if showing.json:
            known = {"start": start, "probability": chance, "ci_prob": showing.width}
            emit({**known, "budgets": found_rows, "fits": [header(fit) for fit in fits]})
            return
        say(*(f"{name}: {title(fit)}" for name, fit in zip(_PAIR, fits, strict=True)))
        say(heading(showing.width), "")
        columns = [found.attrs["column"], "one is ahead in", f"{fits[0].target}, one minus other"]
        say(table(columns, [_line(row, found) for row in found_rows]), "")
        ends = column_formatter(list(start.values()))(" ")
        column = found.attrs["column"]
        way = "down" if path_falls(fits[0], column) else "on"
        say(f"one is ahead for good in {whole_percent(chance)} of the draws, from {ends} {way}")
        each = {name: fit.typical(allowing.chosen()) for name, fit in zip(_PAIR, fits, strict=True)}
        say(never(fits[0], column), *discrepancy_texts(each))


def _line(row: dict[str, Any], found: "xr.Dataset") -> list[Cell]:
    column, gap = found.attrs["column"], row["difference"]
    shown = column_formatter([gap["median"], gap["lower"], gap["upper"]], digits=3)
    return [coordinate(column, row[column]), whole_percent(row["ahead"]), shown]


def _target_cell(name: str, value: Any, target: str) -> Cell:
    if name == "probability":
        return f"{whole_percent(value)} of draws"
    if name == target:
        return fixed(value)
    if isinstance(value, float):
        return coordinate(name, value)
    median, lower, upper = (coordinate(name, value[k]) for k in ("median", "lower", "upper"))
    return lambda separator: f"{median}{separator}[{lower}, {upper}]"
