"""``summary`` and ``predict``: parameters and predictions of a saved fit."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import Allowing, FitFile, Seed, Showing, load_fit, pairs, quantities
from bayescale.cli.output import (
    Cell,
    emit,
    header,
    judged,
    rows,
    say,
    show_diagnostics,
    show_parameters,
    table,
    title,
)
from bayescale.cli.saved_fits import Asked
from bayescale.data.number_format import COUNTS, column_formatter, coordinate, heading
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import xarray as xr

    from bayescale.prediction.discrepancy import Discrepancy


_LABELS = {
    "flops": "FLOP",
    "tokens_per_param": "tokens/param",
    "law": "the law",
    "outcome": "with discrepancy",
    "new_run": "a new run",
}


_MEANING = (
    "the law: the curve itself; with discrepancy: the curve with the error of the law added; "
    "a new run: the posterior predictive, with the noise of one run"
)


@dataclass(frozen=True)
class _Points:
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
    grid: Annotated[
        bool, typer.Option("--grid", help="Every combination, instead of one by one.")
    ] = False

    def columns(self) -> dict[str, list[float]]:
        """Return the points as columns.

        Raises
        ------
        BayescaleError
            When there are none, or a value is no quantity.
        """
        named = {"params": self.params, "tokens": self.tokens, "flops": self.flops}
        columns = {
            name: quantities(f"--{name}", text, "flops" if name == "flops" else "count")
            for name, text in named.items()
            if text is not None
        }
        others = pairs("--at", self.at, "unique_tokens=10B")
        columns |= {name: quantities(f"--at {name}", text) for name, text in others.items()}
        if not columns:
            raise BayescaleError("no point is given: pass for instance --params 70B --tokens 1.4T")
        return columns


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
            show_diagnostics(fit.diagnostics)


def predict(
    asked: Asked,
    points: _Points,
    allowing: Allowing,
    showing: Showing,
    seed: Seed = None,
) -> None:
    """Predict the loss of new runs.

    Of params, tokens and FLOP two make the third by C = 6ND. Lists go together one by one.
    """
    from bayescale.prediction.predict import predict

    columns, discrepancy = points.columns(), allowing.chosen()
    fit = asked.load()
    answer = predict(fit, columns, grid=points.grid, discrepancy=discrepancy, random_seed=seed)
    with judged(fit):
        if showing.json:
            known = {**header(fit), "ci_prob": showing.width, **allowed(discrepancy)}
            emit({**known, "points": answers(answer, showing.width)})
        else:
            say(title(fit), f"{fit.target}: {heading(showing.width)}", "")
            show_answer(answer, showing.width)
            say("", _MEANING)
            say(discrepancy_text(discrepancy))


def discrepancy_text(discrepancy: "Discrepancy | None") -> str:
    """Describe the discrepancy in one line."""
    if discrepancy is None:
        return (
            "discrepancy: none, the law is assumed to hold; beyond the runs that is overconfident"
        )
    return f"discrepancy: {discrepancy}"


def allowed(discrepancy: "Discrepancy | None") -> dict[str, Any]:
    """Return what JSON says of the discrepancy."""
    return {"discrepancy": None if discrepancy is None else vars(discrepancy)}


def answers(answer: "xr.Dataset", width: float) -> list[dict[str, Any]]:
    """Return an answer as JSON has it: one record per point, its coordinates and its intervals."""
    from bayescale.prediction.intervals import credible_interval

    bounds = {str(k): credible_interval(draws, width) for k, draws in answer.data_vars.items()}
    (dim,) = (d for d in answer.dims if d not in ("chain", "draw"))
    places = {str(k): v for k, v in answer.coords.items() if v.dims == (dim,) and k != dim}
    return [
        {k: float(v[i]) for k, v in places.items()}
        | {
            name: {str(k): float(v[i]) for k, v in table.data_vars.items()}
            for name, table in bounds.items()
        }
        for i in range(answer.sizes[dim])
    ]


def show_answer(answer: "xr.Dataset", width: float) -> None:
    """Print the table of an answer, one row per point."""
    found = answers(answer, width)
    columns = [_LABELS.get(name, name) for name in found[0]]
    say(table(columns, [[_cell(k, v) for k, v in row.items()] for row in found]))


def _cell(name: str, value: Any) -> Cell:
    if isinstance(value, float):
        return coordinate(name, value)
    kind = "count" if name in COUNTS else "number"
    digits = 3 if name == "tokens_per_param" else 4
    return column_formatter([value["median"], value["lower"], value["upper"]], kind, digits)
