"""``identify`` and ``plan``: what the runs of a saved fit identify, and which runs to do next."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import (
    Allowing,
    JsonFlag,
    Seed,
    check_folder,
    number,
    pairs,
    quantities,
)
from bayescale.cli.output import (
    Cell,
    allowed,
    discrepancy_text,
    discrepancy_texts,
    emit,
    header,
    judged,
    rows,
    say,
    table,
    title,
)
from bayescale.cli.saved_fits import FitFile, load_fit, load_fits
from bayescale.data.number_format import COUNTS, coordinate, percent, times, whole_percent
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.design.plan import Plan


MUCH = 9.0
"""Rise of a standard deviation, as a share, from which its size is beyond the approximation."""


SENSITIVE = 0.05
"""ArviZ's limit of power-scaling sensitivity, above which the posterior moves with the prior."""


@dataclass(frozen=True)
class _Asking:
    """Quantities of interest besides the parameters."""

    flops: Annotated[
        str | None,
        typer.Option(metavar="C", help="Budgets: assess the best N, D, D/N and loss there: 1e24."),
    ] = None
    at: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUES",
            help="Points: assess the loss there: --at params=70B --at tokens=1.4T. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def questions(self) -> dict[str, Any]:
        """Return the questions as Python takes them."""
        points = {
            name: quantities(f"--at {name}", text, "flops" if name == "flops" else "count")
            for name, text in pairs("--at", self.at, "tokens=10B").items()
        }
        budgets = quantities("--flops", self.flops, "flops") if self.flops else None
        return {"flops": budgets, "at": points or None}


def identify(
    file: FitFile,
    asking: _Asking,
    allowing: Allowing,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="Largest total FLOP of the recommended runs per row.  [default: that of the "
            "fitted runs]",
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Fit again without runs where draws cannot be reweighted."),
    ] = False,
    seed: Seed = None,
    json: JsonFlag = False,
) -> None:
    """Assess what the runs identify, and what they do not.

    Also: trade-offs, recommended runs, combinations of parameters that the runs do not identify,
    and how the answers change without the largest runs or the outliers.
    """
    questions = asking.questions()
    most = None if budget is None else quantities("--budget", budget, "flops")[0]
    from bayescale.design.identify import identify
    from bayescale.design.principal_directions import principal_directions
    from bayescale.evaluation.influence import changes_text, stability

    fit = load_fit(file)
    chosen = allowing.chosen()
    found = identify(fit, budget=most, discrepancy=chosen, random_seed=seed, **questions)
    weak = principal_directions(fit)
    moved = stability(fit, refit=refit, random_seed=seed, progressbar=not json, **questions)
    with judged(fit):
        if json:
            emit(
                {
                    **header(fit),
                    **allowed(fit.typical(chosen)),
                    "parameters": rows(found.loc[found["kind"] == "parameter"]),
                    "quantities": rows(found.loc[found["kind"] == "quantity"]),
                    "recommended_runs": found.attrs["recommended_runs"],
                    "directions": weak.to_dict("records"),
                    "stability": moved.to_dict("records"),
                }
            )
        else:
            say(title(fit), "")
            _show_verdicts(found)
            _show_directions(weak)
            say("", *changes_text(moved))
            if "quantity" in set(found["kind"]):
                say("", discrepancy_text(fit.typical(chosen)))


def _show_verdicts(found: "pd.DataFrame") -> None:
    verdicts = rows(found)
    columns = ["", "verdict", "contraction", "trades off with", "reason"]
    lines: list[list[Cell]] = [
        [
            row["parameter"],
            row["verdict"],
            f"{row['contraction']:.3f}",
            f"{row['partner']} ({row['correlation']:+.2f})" if row["partner"] else "",
            row["reason"],
        ]
        for row in verdicts
    ]
    say(table(columns, lines, wide="reason"))
    say("", "contraction: 0 where the runs are uninformative, 1 where they determine the value")
    for advice in dict.fromkeys(
        row["recommended_runs"] for row in verdicts if row["recommended_runs"]
    ):
        names = [row["parameter"] for row in verdicts if row["recommended_runs"] == advice]
        say(f"recommended runs for {', '.join(names)}: {advice}")
    moved = [row["parameter"] for row in verdicts if row["prior_sensitivity"] > SENSITIVE]
    peaks = [row["parameter"] for row in verdicts if row["modes"] > 1]
    for said, names in (("sensitive to the priors", moved), ("multimodal", peaks)):
        if names:
            say(f"{said}: {', '.join(names)}")


def _show_directions(weak: "pd.DataFrame") -> None:
    left = weak.loc[weak["verdict"] != "identified"]
    if not len(left):
        return
    say("", "combinations that the runs do not identify:")
    lines: list[list[Cell]] = [
        [str(row["direction"]), str(row["verdict"]), f"{row['contraction']:.3f}"]
        for row in left.to_dict("records")
    ]
    say(table(["direction", "verdict", "contraction"], lines))


_NAMED = 5
"""How many of the least informative fitted runs are named."""


@dataclass(frozen=True)
class _Planning:
    """Arguments of ``plan``."""

    fits: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIT...",
            help="A saved fit, or average; or several of the same runs, to discriminate between "
            "laws.",
            show_default=False,
        ),
    ]
    budget: Annotated[
        str | None,
        typer.Option(metavar="C", help="Largest total cost of the runs: 1e21, or 2 PF-days."),
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
    runs: Annotated[int, number("runs", "K", "The most runs.")] = 6
    limit: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="The largest feasible run: params=20B. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    candidates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Candidate runs, with a column cost where that is not 6ND.  [default: a "
            "grid made from the budget]",
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.csv", help="Write the runs to launch there."),
    ] = None


def plan(
    planning: _Planning, allowing: Allowing, json: JsonFlag = False, seed: Seed = None
) -> None:
    r"""Choose the next runs, the most informative ones.

    \b
    bayescale plan fit.nc --budget 1e21 --about flops=1e23
    bayescale plan chinchilla.nc skaling.nc --budget 1e21 --about law
    bayescale plan average.nc --budget 1e21
    """
    import pandas as pd

    from bayescale.design.least_useful import least_useful
    from bayescale.design.plan import plan
    from bayescale.inference.io import load_posterior
    from bayescale.inference.result import Fit

    if planning.output is not None:
        check_folder(planning.output)
    if planning.candidates is not None and not planning.candidates.exists():
        raise BayescaleError(f"there is no file {planning.candidates}")
    chosen = None if planning.candidates is None else pd.read_csv(planning.candidates)
    budget = planning.budget and quantities("--budget", planning.budget, "flops")[0]
    fits = load_fits([str(path) for path in planning.fits]) if planning.fits[1:] else {}
    fit: Any = fits or load_posterior(planning.fits[0])
    options: dict[str, Any] = {"discrepancy": allowing.chosen(), "random_seed": seed}
    found = plan(
        fit,
        chosen,
        budget=budget,
        about=planning.about,
        runs=planning.runs,
        limits=pairs("--limit", planning.limit, "params=20B"),
        **options,
    )
    least = least_useful(fit, found.quantity, **options) if isinstance(fit, Fit) else None
    if planning.output is not None:
        from bayescale.data.write import write_table

        write_table(planning.output, found.runs.head(0) if found.do_nothing else found.runs)
    judgeable = fits or {"": fit}
    with judged(*judgeable.values()):
        if json:
            emit(_answer(found, least) | {"fits": [header(one) for one in judgeable.values()]})
        else:
            _show(found, least)
            chosen_by = {name: one.typical(allowing.chosen()) for name, one in judgeable.items()}
            say("", *discrepancy_texts(chosen_by))


def _answer(found: "Plan", least: "pd.DataFrame | None") -> dict[str, Any]:
    return {
        "about": found.about,
        "quantity": found.quantity,
        "sd_now": found.sd_now,
        "sd_after": found.sd_after,
        "verdict": "do nothing" if found.do_nothing else "run these",
        "text": str(found),
        "runs": [] if found.do_nothing else found.runs.to_dict("records"),
        "least_useful": [] if least is None else rows(least.set_index("run")),
    }


def _show(found: "Plan", least: "pd.DataFrame | None") -> None:
    columns = [str(name) for name in found.runs]
    lines: list[list[Cell]] = [
        [_cell(name, row[name]) for name in columns] for row in found.runs.to_dict("records")
    ]
    names = {"sd_after": "sd after it", "share": "share of the gain", "flops": "FLOP"}
    if not found.do_nothing:
        say(table([names.get(name, name) for name in columns], lines), "")
    say(str(found))
    if least is not None:
        named = ", ".join(str(run) for run in least["run"].head(_NAMED))
        most = least.iloc[-1]
        said = f"were least informative: {named}; most: {most['run']}"
        say("", f"of the fitted runs, these {said} ({_without(float(most['lost']))})")


def _without(lost: float) -> str:
    """Say by how much a run's absence would raise the standard deviation."""
    if not math.isfinite(lost):
        return "the others would not determine the law without it"
    if lost > MUCH:
        return f"sd more than {times(1 + MUCH)} as large without it"
    return f"sd +{percent(lost, 2)} without it"


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if name == "share":
        return whole_percent(value)
    if name in COUNTS or name in ("flops", "cost"):
        return coordinate(name, value)
    return f"{value:.4g}"
