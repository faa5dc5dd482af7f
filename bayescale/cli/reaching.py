"""``reach`` and ``crossing``: what a loss takes, and from which budget on one recipe is ahead."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.answers import answers, spoken
from bayescale.cli.averaging import Asked
from bayescale.cli.describing import header, judged, title
from bayescale.cli.numbers import coordinate, fixed, heading, spell
from bayescale.cli.options import (
    Allowing,
    FitFile,
    Seed,
    Showing,
    load_fit,
    pairs,
    quantities,
)
from bayescale.cli.output import Cell, emit, say, table

if TYPE_CHECKING:
    import xarray as xr

_NEVER = "inf: not within ten thousand times the largest fitted run"


@dataclass(frozen=True)
class Reaching:
    """What is to be reached, and what is held."""

    loss: Annotated[
        str | None, typer.Option(metavar="L", help="Losses (or scores) to reach: 2.0, or 2.1,2.0.")
    ] = None
    match: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Instead, a run to match: params=7B,tokens=2T."),
    ] = None
    params: Annotated[
        str | None, typer.Option(metavar="N", help="Hold the size: how many tokens then?")
    ] = None
    tokens: Annotated[
        str | None, typer.Option(metavar="D", help="Hold the data: how large a model then?")
    ] = None


def reach(
    asked: Asked, reaching: Reaching, allowing: Allowing, showing: Showing, seed: Seed = 0
) -> None:
    r"""Find the budget, the data or the size that reaches a loss.

    \b
    bayescale reach fit.nc --loss 2.0
    bayescale reach fit.nc --params 3B --match params=7B,tokens=1T
    """
    from bayescale.analysis.targets import reach
    from bayescale.averaging import heaviest

    goals = None if reaching.loss is None else quantities("--loss", reaching.loss, "number")
    run = None
    if reaching.match is not None:
        run = pairs("--match", reaching.match.split(","), "params=7B")
    fit = asked.load()
    found = reach(
        fit,
        goals,
        match=run,
        params=reaching.params,
        tokens=reaching.tokens,
        discrepancy=allowing.chosen(),
        random_seed=seed,
    )
    with judged(fit):
        told = answers(found, showing.width)
        if showing.json:
            emit({**header(fit), "ci_prob": showing.width, "goals": told})
        else:
            say(title(fit), heading(showing.width), "")
            names = {"probability": "reached in", "flops": "FLOP"}
            columns = [names.get(str(name), str(name)) for name in told[0]]
            target = heaviest(fit).target
            say(table(columns, [[_cell(k, v, target) for k, v in row.items()] for row in told]))
            say("", _NEVER, spoken(allowing.chosen()))


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
    seed: Seed = 0,
) -> None:
    r"""Find from which budget on one law or recipe beats another.

    \b
    bayescale crossing new.nc old.nc --flops 1e22,1e24
    """
    from bayescale.analysis.intervals import interval
    from bayescale.analysis.targets import crossing

    fits = load_fit(one), load_fit(other)
    budgets = None if flops is None else quantities("--flops", flops, "flops")
    found = crossing(*fits, budgets, discrepancy=allowing.chosen(), random_seed=seed)
    start = {str(k): float(v) for k, v in interval(found["start"], showing.width).items()}
    chance, told = float(found["probability"]), answers(found[["difference"]], showing.width)
    with judged(*fits):
        if showing.json:
            known = {"start": start, "probability": chance, "ci_prob": showing.width}
            emit({**known, "budgets": told, "fits": [header(fit) for fit in fits]})
            return
        say(f"one: {title(fits[0])}", f"other: {title(fits[1])}", heading(showing.width), "")
        columns = [found.attrs["column"], "one is ahead in", f"{fits[0].target}, one minus other"]
        say(table(columns, [_line(row, found) for row in told]), "")
        ends = spell(list(start.values()))(" ")
        say(f"one is ahead for good in {100 * chance:.0f} % of the draws, from {ends} on")
        say(_NEVER, spoken(allowing.chosen()))


def _line(row: dict[str, Any], found: "xr.Dataset") -> list[Cell]:
    column, gap = found.attrs["column"], row["difference"]
    shown = spell([gap["median"], gap["lower"], gap["upper"]], digits=3)
    return [coordinate(column, row[column]), f"{100 * row['ahead']:.0f} %", shown]


def _cell(name: str, value: Any, target: str) -> Cell:
    if name == "probability":
        return f"{100 * value:.0f} % of draws"
    if name == target:
        return fixed(value)
    if isinstance(value, float):
        return coordinate(name, value)
    median, lower, upper = (coordinate(name, value[k]) for k in ("median", "lower", "upper"))
    return lambda separator: f"{median}{separator}[{lower}, {upper}]"
