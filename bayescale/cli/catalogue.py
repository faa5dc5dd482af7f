"""``runs``, ``sweeps``, ``check``, and the lists of laws, noises, models and data sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import JsonFlag, Reading, RunsSource, Sampling, check_folder, find_study
from bayescale.cli.output import Cell, emit, header, indented, judged, rows, say, table, write
from bayescale.data.number_format import coordinate, fixed
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.studies.law_cards import LawCard


def runs(source: RunsSource, reading: Reading, json: JsonFlag = False) -> None:
    """Show how a table of runs is read.

    What each column is, in what unit and range, what was filled, which columns are not used and
    what they could be used for, and which rows are excluded and why.
    """
    from bayescale.data.describe import reading_record

    found = reading.read(source)
    if json:
        emit(reading_record(found))
    else:
        say(indented(found.describe()))


def sweeps(
    source: RunsSource,
    reading: Reading,
    swept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column that was swept. Repeatable.  [default: those of learning rates and "
            "batch sizes]",
            show_default=False,
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column that tells sweeps apart besides params, tokens and family. Repeatable.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.csv", help="Write the minima there, to fit."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    r"""Find the best learning rates and batch sizes of sweeps.

    \b
    bayescale sweeps runs.csv -o minima.csv
    bayescale fit minima.csv --law chinchilla -o fit.nc
    """
    from bayescale.evaluation.sweeps import sweep_minima

    if output is not None:
        check_folder(output)
    found = sweep_minima(reading.read(source), swept or None, group=group or ())
    if output is not None:
        from bayescale.data.write import write_table

        write_table(output, found)
    if json:
        emit({"sweeps": found.to_dict("records")})
        return
    shown = found.drop(columns=["params_convention", "loss_unit"], errors="ignore")
    columns = [str(name) for name in shown]
    lines: list[list[Cell]] = [
        [_swept_cell(name, row[name]) for name in columns] for row in shown.to_dict("records")
    ]
    say(table(columns, lines))


def _swept_cell(name: str, value: Any) -> str:
    """Write a cell of the table of minima."""
    if not isinstance(value, float):
        return str(value)
    return coordinate(name, value) if name in ("params", "tokens", "flops") else f"{value:.4g}"


def laws(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Describe this law.")] = None,
    json: JsonFlag = False,
) -> None:
    r"""List the laws, or describe one.

    \b
    bayescale laws
    bayescale laws chinchilla
    """
    if name is None:
        from bayescale.laws.registry import law_records

        _list("laws", law_records(), ("inputs", "parameters", "reference"), json)
        return
    from bayescale.studies.law_cards import describe_law

    card = describe_law(name)
    if json:
        emit(card.as_dict())
    else:
        _describe(card)


def _describe(card: "LawCard") -> None:
    from bayescale.studies.law_cards import interval_text

    say(f"{card.name}: {card.about}", "", f"  {card.formula}", "", f"reference: {card.reference}")
    through = f", through {', '.join(card.steps)}" if card.steps else ""
    say(f"predicts {card.target}{through}, {card.noise} noise", "")
    inputs: list[list[Cell]] = [
        [i.name, i.column, i.unit or "as given", f"{i.low:g} to {i.high:g}", i.about]
        for i in card.inputs
    ]
    say(table(["input", "column", "unit", "typically", "meaning"], inputs, wide="meaning"), "")
    parameters: list[list[Cell]] = [[p.name, interval_text(p), p.about] for p in card.parameters]
    say(table(["parameter", "90 % by default", "meaning"], parameters, wide="meaning"), "")
    say(f"models: {', '.join(card.models) or 'none'}")


def cite(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A law or a model.", show_default=False)
    ],
    bibtex: Annotated[bool, typer.Option("--bibtex", help="As BibTeX entries.")] = False,
) -> None:
    """Show the citation of a law or a model."""
    from bayescale.studies.citation import cite

    write(cite(name, "bibtex" if bibtex else "text") + "\n")


def noises(json: JsonFlag = False) -> None:
    """List the noises: how losses scatter around a law."""
    from bayescale.model.noise.registry import NOISES

    found = [
        {"name": n.name, "about": n.about, "parameters": ", ".join(n.parameters) or "none"}
        for n in NOISES.values()
    ]
    _list("noises", found, ("parameters",), json)


def models(json: JsonFlag = False) -> None:
    """List the models: a study's law, data and priors."""
    from bayescale.studies.study import list_studies

    _list("models", rows(list_studies()), ("law", "data"), json)


def datasets(json: JsonFlag = False) -> None:
    """List the public data sets and where they are."""
    from bayescale.data.datasets.catalogue import list_datasets

    _list("datasets", rows(list_datasets()), ("rows", "available", "paper"), json)


def _list(
    kind: str, found: Sequence[Mapping[str, Any]], details: Sequence[str], json: bool
) -> None:
    """Show a catalogue: a name and what it is, then the details below."""
    if json:
        emit({kind: found})
        return
    from rich.padding import Padding
    from rich.text import Text

    for row in found:
        say(Text.assemble((row["name"], "bold"), f"  {row.get('title', row['about'])}"))
        said = "; ".join(f"{detail}: {row[detail]}" for detail in details)
        say(Padding(Text(said, style="dim"), (0, 0, 0, 4)))


def check(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model file, or the name of one.", show_default=False
        ),
    ],
    sampling: Sampling,
    json: JsonFlag = False,
) -> None:
    r"""Fit a model file and compare it with published values.

    \b
    bayescale check hoffmann2022
    bayescale check models/gordon2021.toml --json
    """
    study = find_study(model)
    if study is None:
        raise BayescaleError(f"no model {model!r}: `bayescale models` lists them")
    from bayescale.evaluation.published import check_published
    from bayescale.model.spec import make_spec
    from bayescale.studies.runs import study_runs

    fit = sampling.fit(study_runs(study), make_spec(study), quiet=json)
    found = check_published(fit, study)
    with judged(fit):
        if json:
            emit({**header(fit), "ci_prob": found.attrs["ci_prob"], "published": rows(found)})
            return
        say(f"{study.name}: {study.title}", "")
        lines: list[list[Cell]] = [
            [
                row["quantity"],
                fixed(row["published"]),
                _interval(row["lower"], row["upper"]),
                row["verdict"],
                f"{row['reason']} ({row['source']})",
            ]
            for row in rows(found)
        ]
        columns = ["quantity", "published", "ours, 90 %", "verdict", "reason (source)"]
        say(table(columns, lines, wide="reason (source)"), "", str(fit.diagnostics))


def _interval(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else f"{fixed(lower)} to {fixed(upper)}"
