"""``plan``: which runs to do next, and which of those that were done matter least."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.answers import spoken
from bayescale.cli.averaging import load_fits
from bayescale.cli.describing import header, judged, rows
from bayescale.cli.numbers import COUNTS, coordinate
from bayescale.cli.options import Allowing, JsonFlag, Seed, check_folder, load_fit, pairs
from bayescale.cli.output import Cell, emit, say, table
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.analysis.plan import Plan

_NAMED = 5
"""Of the fitted runs that tell least, how many are named."""


@dataclass(frozen=True)
class Planning:
    """What is planned."""

    fits: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIT...",
            help="A saved fit; or several of the same runs, to learn which law is right.",
            show_default=False,
        ),
    ]
    budget: Annotated[
        str | None,
        typer.Option(metavar="C", help="What the runs may cost together: 1e21, or 2 PF-days."),
    ] = None
    about: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="flops=1e24: the best size at that budget; params=70B,tokens=1.4T: the loss "
            "there; alpha-beta: parameters; law: which of several laws is right.  [default: the "
            "best size at ten times the largest run]",
        ),
    ] = None
    runs: Annotated[int, typer.Option(min=1, metavar="K", help="The most runs.")] = 6
    limit: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="The largest that one run can be: params=20B. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    candidates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="The runs to choose from, with a column cost where that is not 6ND.  [default: a "
            "grid made from the budget]",
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.csv", help="Write the runs to launch there."),
    ] = None


def plan(planning: Planning, allowing: Allowing, json: JsonFlag = False, seed: Seed = 0) -> None:
    r"""Choose the next runs: those that tell most for a budget.

    \b
    bayescale plan fit.nc --budget 1e21 --about flops=1e23
    bayescale plan chinchilla.nc skaling.nc --budget 1e21 --about law
    """
    import pandas as pd

    from bayescale.analysis.plan import least_useful, plan

    if planning.output is not None:
        check_folder(planning.output)
    if planning.candidates is not None and not planning.candidates.exists():
        raise BayescaleError(f"there is no file {planning.candidates}")
    chosen = None if planning.candidates is None else pd.read_csv(planning.candidates)
    fits = load_fits([str(path) for path in planning.fits]) if planning.fits[1:] else {}
    fit: Any = fits or load_fit(planning.fits[0])
    options: dict[str, Any] = {"discrepancy": allowing.chosen(), "random_seed": seed}
    found = plan(
        fit,
        chosen,
        budget=planning.budget,
        about=planning.about,
        runs=planning.runs,
        limits=pairs("--limit", planning.limit, "params=20B"),
        **options,
    )
    least = None if fits else least_useful(fit, found.asked, **options)
    if planning.output is not None:
        found.runs.to_csv(planning.output, index=False)
    judgeable = fits or {"": fit}
    with judged(*judgeable.values()):
        if json:
            emit(_answer(found, least) | {"fits": [header(one) for one in judgeable.values()]})
        else:
            _show(found, least)
            say("", spoken(options["discrepancy"]))


def _answer(found: "Plan", least: "pd.DataFrame | None") -> dict[str, Any]:
    return {
        "about": found.about,
        "asked": found.asked,
        "sd_now": found.sd_now,
        "sd_after": found.sd_after,
        "runs": found.runs.to_dict("records"),
        "least_useful": [] if least is None else rows(least.set_index("run")),
    }


def _show(found: "Plan", least: "pd.DataFrame | None") -> None:
    columns = [str(name) for name in found.runs]
    lines: list[list[Cell]] = [
        [_cell(name, row[name]) for name in columns] for row in found.runs.to_dict("records")
    ]
    names = {"sd_after": "left after it", "share": "share of the gain", "flops": "FLOP"}
    say(table([names.get(name, name) for name in columns], lines), "", str(found))
    if least is not None:
        named = ", ".join(str(run) for run in least["run"].head(_NAMED))
        most = least.iloc[-1]
        said = f"told least about it: {named}; most: {most['run']}"
        say("", f"of the fitted runs, these {said} (+{100 * most['lost']:.2g} % without it)")


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if name == "share":
        return f"{100 * value:.0f} %"
    if name in COUNTS or name in ("flops", "cost"):
        return coordinate(name, value)
    return f"{value:.4g}"
