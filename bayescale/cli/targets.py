"""``reach`` and ``crossing``: what a goal takes, and from where on one fit beats another."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import Allowing, Seed, Showing, pairs, quantities
from bayescale.cli.output import (
    Cell,
    answers,
    discrepancy_text,
    discrepancy_texts,
    emit,
    header,
    judged,
    say,
    table,
    title,
)
from bayescale.cli.saved_fits import Asked, FitFile, load_fit
from bayescale.data.display_tables import heading
from bayescale.data.number_format import column_formatter, coordinate, fixed, whole_percent
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import xarray as xr

    from bayescale.inference.result import Fit
    from bayescale.prediction.averaging import Average


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
    if (goals is None) == (run is None):
        raise BayescaleError("the goal is a loss or a run: pass either --loss or --at NAME=VALUE")
    from bayescale.decisions.targets import below_floor, required_compute

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
            ends = {str(k): _Ends(fit, str(k), found.attrs[f"{k}_start"]) for k in found.data_vars}
            say(table(columns, [_target_row(row, fit.target, ends) for row in found_rows]), "")
            first, of = next(iter(ends.items()))
            said = of.legend(value for row in found_rows for value in row[first].values())
            said += below_floor(fit, found, showing.width)
            say(*said, discrepancy_text(fit.typical(allowing.chosen())))


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
    from bayescale.decisions.frontier import path_falls
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
        column = found.attrs["column"]
        ends = _Ends(fits[0], column, found.attrs[f"{column}_start"])
        way = "down" if path_falls(fits[0], column) else "on"
        said = f"one is ahead for good in {whole_percent(chance)} of the draws"
        say(f"{said}, from {ends.cell(start)(' ')} {way}")
        each = {name: fit.typical(allowing.chosen()) for name, fit in zip(_PAIR, fits, strict=True)}
        say(*ends.legend(start.values()), *discrepancy_texts(each))


def _line(row: dict[str, Any], found: "xr.Dataset") -> list[Cell]:
    column, gap = found.attrs["column"], row["difference"]
    shown = column_formatter([gap["median"], gap["lower"], gap["upper"]], digits=3)
    return [coordinate(column, row[column]), whole_percent(row["ahead"]), shown]


def _target_row(row: dict[str, Any], target: str, ends: "Mapping[str, _Ends]") -> list[Cell]:
    """Write one goal, and what it takes."""
    cells: list[Cell] = []
    for name, value in row.items():
        if name in ends:
            cells.append(ends[name].cell(value))
        elif name == "probability":
            cells.append(f"{whole_percent(value)} of draws")
        else:
            cells.append(fixed(value) if name == target else coordinate(name, value))
    return cells


@dataclass(frozen=True)
class _Ends:
    """Where a search along a column begins and ends: there it gives a bound, no answer."""

    fit: "Fit | Average"
    column: str
    start: float

    def cell(self, found: Mapping[str, float]) -> Callable[[str], str]:
        """Write a median and its interval, one number where all lie before the start."""
        median, lower, upper = (self._text(found[k]) for k in ("median", "lower", "upper"))
        if lower == upper and self._before(found["median"]):
            return lambda _: median
        return lambda separator: f"{median}{separator}[{lower}, {upper}]"

    def legend(self, values: Iterable[float]) -> list[str]:
        """Say what stands for the ends, of those that occur."""
        from bayescale.decisions.frontier import at_once, never

        shown = list(values)
        said = [at_once(self.fit, self.column)] if any(map(self._before, shown)) else []
        if any(value == 0 or not math.isfinite(value) for value in shown):
            said.append(never(self.fit, self.column))
        return said

    def _before(self, value: float) -> bool:
        return math.isclose(value, self.start, rel_tol=1e-6)

    def _text(self, value: float) -> str:
        from bayescale.decisions.frontier import path_falls

        said = coordinate(self.column, value)
        if not self._before(value):
            return said
        return f"at {'least' if path_falls(self.fit, self.column) else 'most'} {said}"
