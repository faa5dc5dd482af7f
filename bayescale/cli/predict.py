"""``summary`` and ``predict``: parameters and predictions of a saved fit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from bayescale.cli.options import Allowing, Seed, Showing, pairs, quantities
from bayescale.cli.output import (
    allowed,
    answers,
    discrepancy_text,
    emit,
    header,
    judged,
    rows,
    say,
    show_answer,
    show_parameters,
    show_verdicts,
    title,
)
from bayescale.cli.saved_fits import Asked, FitFile, load_fit
from bayescale.data.display_tables import heading
from bayescale.errors import BayescaleError

_MEANING = (
    "the law: the curve itself; with discrepancy: the curve with the error of the law added; "
    "a new run: the posterior predictive, with the noise of one run"
)


@dataclass(frozen=True)
class Points:
    """The points of a prediction."""

    params: Annotated[str | None, typer.Option(metavar="N", help="70B, or 7B,70B.")] = None
    tokens: Annotated[str | None, typer.Option(metavar="D", help="1.4T, or 1T,2T.")] = None
    flops: Annotated[
        str | None,
        typer.Option(metavar="C", help="1e24 or 1 PF-day; with one of the others, C = 6ND."),
    ] = None
    at: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUES",
            help="Another input of the law, by its column. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def refuse_none(self) -> None:
        """Raise where no point is given."""
        if not (self.params or self.tokens or self.flops or self.at):
            raise BayescaleError("no point is given: pass for instance --params 70B --tokens 1.4T")

    def columns(self, labels: Sequence[str] = ()) -> dict[str, list[float] | list[str]]:
        """Return the points as columns, the labels' as texts.

        Raises
        ------
        BayescaleError
            When a value is no quantity.
        """
        named = {"params": self.params, "tokens": self.tokens, "flops": self.flops}
        columns: dict[str, Any] = {
            name: quantities(f"--{name}", text, "flops" if name == "flops" else "count")
            for name, text in named.items()
            if text is not None
        }
        others = pairs("--at", self.at, "unique_tokens=10B")
        for name, text in others.items():
            label = name in labels
            columns[name] = text.split(",") if label else quantities(f"--at {name}", text)
        return columns


@dataclass(frozen=True)
class _Grid(Points):
    """Points, or every combination of their values."""

    grid: Annotated[
        bool, typer.Option("--grid", help="Every combination, instead of one by one.")
    ] = False


def summary(file: FitFile, showing: Showing) -> None:
    """Show every parameter of a fit with its interval."""
    from bayescale.prediction.summary import summary

    fit = load_fit(file)
    found = summary(fit, ci_prob=showing.width)
    with judged(fit):
        if showing.json:
            emit({**header(fit), "ci_prob": showing.width, "parameters": rows(found)})
        else:
            say(title(fit), "")
            show_parameters(fit, found)
            show_verdicts(fit)


def predict(
    asked: Asked,
    points: _Grid,
    allowing: Allowing,
    showing: Showing,
    seed: Seed = None,
) -> None:
    """Predict the loss of new runs.

    Of params, tokens and FLOP two make the third by C = 6ND. Lists go together one by one.
    """
    points.refuse_none()
    discrepancy = allowing.chosen()
    from bayescale.prediction.predict import predict

    fit = asked.load()
    columns = points.columns(fit.representative.spec.grouping)
    answer = predict(fit, columns, grid=points.grid, discrepancy=discrepancy, random_seed=seed)
    with judged(fit):
        if showing.json:
            known = {**header(fit), "ci_prob": showing.width, **allowed(fit.typical(discrepancy))}
            emit({**known, "points": answers(answer, showing.width)})
        else:
            say(title(fit), f"{fit.target}: {heading(showing.width)}", "")
            show_answer(answer, showing.width)
            say("", _MEANING)
            say(discrepancy_text(fit.typical(discrepancy)))
