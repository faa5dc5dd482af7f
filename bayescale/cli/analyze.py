"""``analyze``: from a table of runs to a decision in one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import (
    JsonFlag,
    Reading,
    RunsSource,
    Seed,
    check_page,
    quantities,
    several,
)
from bayescale.cli.output import emit, header, hide_display, judged, say, say_reading, write
from bayescale.cli.saved_fits import check_fit_file

if TYPE_CHECKING:
    from bayescale.reporting.analyze import Analysis


def analyze(
    source: RunsSource,
    reading: Reading,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="Write the report here."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE.nc", help="Save the weighted laws here, to ask them more."),
    ] = None,
    laws: Annotated[
        str | None,
        typer.Option(metavar="LAW,...", help="Laws to fit.  [default: what the columns allow]"),
    ] = None,
    flops: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="Budgets to decide on: 1e24, or 1e24,1e25.  [default: 10 and 100 times the "
            "largest run]",
        ),
    ] = None,
    seed: Seed = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not say what is being fitted.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    r"""Fit, judge and weigh laws, and say what to train.

    \b
    bayescale analyze runs.csv -o report.html

    Every choice is said: which rows are finished runs, which laws were tried, what each counts.
    """
    check_page("--output", output)
    check_fit_file("--save", save)
    import arviz_base  # noqa: F401  # before what it would search: its import walks all modules

    specs = list(several(laws, least=1).values()) if laws else []
    runs = reading.read(source)
    if not json:
        say_reading(runs, specs)
    hide_display()
    import bayescale as bs

    found = bs.analyze(
        runs,
        specs or None,
        flops=quantities("--flops", flops, "flops") if flops else None,
        random_seed=seed,
        progressbar=not (quiet or json),
    )
    written = [found.report(output)] if output is not None else []
    if save is not None:
        written.append(bs.save(found.posterior, save))
    with judged(found.posterior):
        if json:
            emit(_answer(found, written))
        else:
            text, _, laws_of_it = str(found).rpartition("\n\n")
            say("", text, "")
            write(f"{laws_of_it}\n\n")
            say(*[f"wrote {path}" for path in written] or ["no report: -o report.html writes one"])


def _answer(found: "Analysis", written: list[Path]) -> dict[str, Any]:
    """Return what JSON says of an analysis."""
    return {
        **header(found.posterior),
        "weights": dict(found.posterior.weights),
        "adequacy_of": {name: one.adequacy.problems() for name, one in found.fits.items()},
        "targets": [
            {"column": t.column, "value": t.value, "factor": t.factor}
            | {name: answer._asdict() for name, answer in t.answers.items()}
            for t in found.targets
        ],
        "choices": [] if found.choices is None else found.choices.to_dict("records"),
        "paragraphs": found.paragraphs(),
        "written": written,
    }
