"""``runs``, and the lists of laws, noises, models and data sets."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.describing import record, rows
from bayescale.cli.options import JsonFlag, Reading, RunsSource
from bayescale.cli.output import Cell, emit, say, table, write

if TYPE_CHECKING:
    from bayescale.catalogue import LawCard


def runs(source: RunsSource, reading: Reading, json: JsonFlag = False) -> None:
    """Say what a table of runs is taken for.

    What each column is, in what unit, and which rows are set aside and why.
    """
    found = reading.read(source)
    if json:
        emit(record(found))
    else:
        say(found.describe())


def laws(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Say all about this law.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    r"""List the laws, or say all about one.

    \b
    bayescale laws
    bayescale laws chinchilla
    """
    if name is None:
        from bayescale.laws import law_records

        _list("laws", law_records(), ("inputs", "parameters", "reference"), json)
        return
    from bayescale.catalogue import describe_law

    card = describe_law(name)
    if json:
        emit(card.as_dict())
    else:
        _describe(card)


def _describe(card: "LawCard") -> None:
    from bayescale.catalogue import interval_text

    say(f"{card.name}: {card.about}", "", f"  {card.formula}", "", f"reference: {card.reference}")
    through = f", through {', '.join(card.steps)}" if card.steps else ""
    say(f"predicts {card.target}{through}, {card.noise} noise", "")
    inputs: list[list[Cell]] = [
        [i.name, i.column, i.unit or "as it is", f"{i.low:g} to {i.high:g}", i.about]
        for i in card.inputs
    ]
    say(
        table(["input", "column", "unit", "typically", "what it is"], inputs, wide="what it is"), ""
    )
    parameters: list[list[Cell]] = [[p.name, interval_text(p), p.about] for p in card.parameters]
    say(table(["parameter", "90 % by default", "what it is"], parameters, wide="what it is"), "")
    say(f"models: {', '.join(card.models) or 'none'}")


def cite(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A law or a model.", show_default=False)
    ],
    bibtex: Annotated[bool, typer.Option("--bibtex", help="As BibTeX entries.")] = False,
) -> None:
    """Say what to cite for a law or a model."""
    from bayescale.citation import cite

    write(cite(name, "bibtex" if bibtex else "text") + "\n")


def noises(json: JsonFlag = False) -> None:
    """List the noises: how losses scatter around a law."""
    from bayescale.noise import NOISES

    found = [
        {"name": n.name, "about": n.about, "parameters": ", ".join(n.parameters) or "none"}
        for n in NOISES.values()
    ]
    _list("noises", found, ("parameters",), json)


def models(json: JsonFlag = False) -> None:
    """List the models: a study's law, data and priors."""
    from bayescale.study import models

    _list("models", rows(models()), ("law", "data"), json)


def datasets(json: JsonFlag = False) -> None:
    """List the public data sets and where they are."""
    from bayescale.datasets import datasets

    _list("datasets", rows(datasets()), ("rows", "available", "paper"), json)


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
