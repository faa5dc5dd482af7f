"""``register``, ``score`` and ``forecast-largest``: forecasts, and how they did."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescale.cli.options import (
    Allowing,
    JsonFlag,
    Reading,
    RunsSource,
    Seed,
    check_folder,
    quantities,
)
from bayescale.cli.output import discrepancy_text, emit, header, judged, rows, say, table, title
from bayescale.cli.predict import Points
from bayescale.cli.saved_fits import Asked
from bayescale.data.display_tables import rows_shown
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.data.runs import Runs


def register(
    asked: Asked,
    points: Points,
    allowing: Allowing,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE.json", help="Where to.", show_default=False),
    ],
    as_json: JsonFlag = False,
    seed: Seed = None,
) -> None:
    r"""Write a forecast to a file, to be scored later.

    \b
    bayescale register fit.nc --params 70B --tokens 1.4T -o forecast.json
    bayescale score forecast.json 1.93

    The file is hashed, and not replaced once it is there: publish the hash with the forecast.
    """
    points.refuse_none()
    check_folder(output)
    from bayescale.evaluation.registered_forecasts import register

    fit = asked.load()
    columns = points.columns(fit.representative.spec.grouping)
    found = register(fit, output, columns, discrepancy=allowing.chosen(), random_seed=seed)
    with judged(fit):
        if as_json:
            emit({**header(fit), "file": output, "sha256": found.digest, "date": found.date})
        else:
            say(title(fit), "", str(found), f"wrote {output}")


def score(
    forecast: Annotated[
        Path,
        typer.Argument(metavar="FORECAST", help="A registered forecast.", show_default=False),
    ],
    observed: Annotated[
        str,
        typer.Argument(
            metavar="OBSERVED",
            help="What was observed at each point, in order: 1.93, or 2.04,nan where there is none "
            "yet; or a table of runs.",
            show_default=False,
        ),
    ],
    reading: Reading,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="The hash that was published with the forecast."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Score a registered forecast by what was observed."""
    from bayescale.evaluation.registered_forecasts import score

    found = score(forecast, _observed(observed, reading), digest=sha256)
    if as_json:
        emit({"forecast": dict(found.attrs), "points": rows(found)})
        return
    shown = rows_shown(found)
    said = {"lower": "lower 90 %", "upper": "upper 90 %", "error": "relative error"}
    say(f"forecast by {found.attrs['law']}, {found.attrs['date']}", "")
    say(table([said.get(k, k) for k in shown[0]], [list(row.values()) for row in shown]), "")
    say(*_LEGEND, "", f"sha256 {found.attrs['digest']}")


_LEGEND = (
    "relative error: median over observed, less one",
    "pit: share of the forecast below the observation",
    "band: narrowest of the central 50, 90 and 95 % intervals that holds it",
    "crps: distance of forecast and observation in the target's unit; 0 is best",
    "log_score: log of the forecast's density there; higher is better",
)


def _observed(text: str, reading: Reading) -> "list[float] | Runs":
    """Return the numbers of a list, or a table of runs."""
    if Path(text).exists():
        return reading.read(text)
    try:
        return _numbers(text, reading)
    except BayescaleError as error:
        try:
            return reading.read(text)
        except BayescaleError:
            raise error from None


def _numbers(text: str, reading: Reading) -> list[float]:
    """Read a list of numbers, NaN where nothing was observed yet."""
    items = [item.strip() for item in text.split(",")]
    known = [item for item in items if item.lower() != "nan"]
    read = iter(quantities("OBSERVED", ",".join(known), "number") if known else [])
    if reading != Reading():
        raise BayescaleError(
            f"OBSERVED {text}: numbers are in the forecast's unit; --column, --where, --loss-unit, "
            "--nats and the like say how a table is read"
        )
    return [next(read) if item.lower() != "nan" else math.nan for item in items]


def forecast_largest(
    source: RunsSource,
    law: Annotated[str, typer.Option(help="A law of params and tokens.")] = "chinchilla",
    sizes: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many of the smallest.  [default: all but the largest]"),
    ] = None,
    share: Annotated[
        float, typer.Option(metavar="SHARE", help="The part of their training that is fitted.")
    ] = 1.0,
    own: Annotated[
        float, typer.Option(metavar="SHARE", help="The part of the largest one's, 0 to 0.7.")
    ] = 0.3,
    tokens: Annotated[
        str | None,
        typer.Option(metavar="D", help="Where.  [default: the last 30 % of its training]"),
    ] = None,
    *,
    reading: Reading,
    allowing: Allowing,
    as_json: JsonFlag = False,
    seed: Seed = None,
) -> None:
    r"""Forecast a family's largest model from the others.

    From the smaller ones, and the start of its own training.

    \b
    bayescale forecast-largest checkpoints.csv --own 0.3

    The table has checkpoints: params, tokens, loss and run.
    """
    asked = None if tokens is None else quantities("--tokens", tokens)
    runs = reading.read(source)
    from bayescale.evaluation.family_forecast import forecast_largest

    found = forecast_largest(
        runs,
        law,
        sizes=sizes,
        share=share,
        own=own,
        tokens=asked,
        discrepancy=allowing.chosen(),
        random_seed=seed,
    )
    with judged(found.fit):
        if as_json:
            scores = {"error": found.error, "coverage": found.coverage}
            emit({**header(found.fit), **scores, "points": rows(found.table)})
        else:
            say(title(found.fit), "", str(found))
            say(discrepancy_text(found.fit.typical(allowing.chosen())))
