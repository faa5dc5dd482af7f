"""``identify``: what the runs of a saved fit can tell, and which runs would settle the rest."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.describing import header, judged, rows, title
from bayescale.cli.options import FitFile, JsonFlag, Seed, load_fit, pairs, quantities
from bayescale.cli.output import Cell, emit, say, table
from bayescale.quantities import parse_quantity

if TYPE_CHECKING:
    import pandas as pd

SENSITIVE = 0.05
"""ArviZ's limit of power-scaling sensitivity, above which the posterior moves with the prior."""


@dataclass(frozen=True)
class Asking:
    """What is asked about besides the parameters."""

    flops: Annotated[
        str | None,
        typer.Option(metavar="C", help="Budgets whose best N, D, D/N and loss are judged: 1e24."),
    ] = None
    at: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUES",
            help="Points whose loss is judged: --at params=70B --at tokens=1.4T. Repeatable.",
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
    asking: Asking,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="Most FLOP that runs to settle something may cost together.  [default: what the "
            "fitted runs cost]",
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Fit again without runs where draws cannot be reweighted."),
    ] = False,
    seed: Seed = 0,
    json: JsonFlag = False,
) -> None:
    """Say which parameters and answers the runs pin down.

    What the others trade off with, which runs would settle them, which combinations the runs do
    not see, and how the answers move without the largest runs or the strangest.
    """
    from bayescale.analysis.directions import directions
    from bayescale.analysis.identify import identify
    from bayescale.analysis.stability import moves_in_words, stability

    questions = asking.questions()
    most = None if budget is None else parse_quantity(budget, "flops")
    fit = load_fit(file)
    found = identify(fit, budget=most, **questions)
    unseen = directions(fit)
    moved = stability(fit, refit=refit, random_seed=seed, progressbar=not json, **questions)
    with judged(fit):
        if json:
            emit(
                {
                    **header(fit),
                    "parameters": rows(found.loc[found["kind"] == "parameter"]),
                    "quantities": rows(found.loc[found["kind"] == "quantity"]),
                    "remedies": found.attrs["remedies"],
                    "directions": unseen.to_dict("records"),
                    "stability": moved.to_dict("records"),
                }
            )
        else:
            say(title(fit), "")
            _show_verdicts(found)
            _show_directions(unseen)
            say("", *moves_in_words(moved))


def _show_verdicts(found: "pd.DataFrame") -> None:
    verdicts = rows(found)
    columns = ["", "verdict", "contraction", "trades off with", "why"]
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
    say(table(columns, lines, wide="why"))
    say("", "contraction: 0 where the runs said nothing, 1 where they said everything")
    for remedy in dict.fromkeys(row["remedy"] for row in verdicts if row["remedy"]):
        names = [row["parameter"] for row in verdicts if row["remedy"] == remedy]
        say(f"to settle {', '.join(names)}: {remedy}")
    moved = [row["parameter"] for row in verdicts if row["prior_sensitivity"] > SENSITIVE]
    peaks = [row["parameter"] for row in verdicts if row["modes"] > 1]
    for said, names in (("what moves with the weight of the priors", moved), ("two peaks", peaks)):
        if names:
            say(f"{said}: {', '.join(names)}")


def _show_directions(unseen: "pd.DataFrame") -> None:
    left = unseen.loc[unseen["verdict"] != "identified"]
    if not len(left):
        return
    say("", "together, the runs do not see:")
    lines: list[list[Cell]] = [
        [str(row["direction"]), str(row["verdict"]), f"{row['contraction']:.3f}"]
        for row in left.to_dict("records")
    ]
    say(table(["direction", "verdict", "contraction"], lines))
