"""``runs``, and the lists of laws, noises, models and data sets."""

from collections.abc import Mapping, Sequence
from typing import Any

from bayescale.cli.describing import record, rows
from bayescale.cli.options import JsonFlag, Reading, RunsSource
from bayescale.cli.output import emit, say


def runs(source: RunsSource, reading: Reading, json: JsonFlag = False) -> None:
    """Say what a table of runs is taken for.

    What each column is, in what unit, and which rows are set aside and why.
    """
    found = reading.read(source)
    if json:
        emit(record(found))
    else:
        say(found.describe())


def laws(json: JsonFlag = False) -> None:
    """List the laws."""
    from bayescale.laws import law_records

    _list("laws", law_records(), ("inputs", "parameters", "reference"), json)


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
