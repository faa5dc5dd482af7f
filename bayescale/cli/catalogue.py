"""``runs``, and the lists of laws, noises, models and data sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayescale.cli.describing import record, rows
from bayescale.cli.options import JsonFlag, Reading, RunsSource
from bayescale.cli.output import emit, say

if TYPE_CHECKING:
    import pandas as pd


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
    from bayescale.laws import laws

    _list("laws", laws(), ("inputs", "parameters", "reference"), json)


def noises(json: JsonFlag = False) -> None:
    """List the noises: how losses scatter around a law."""
    import pandas as pd

    from bayescale.noise import NOISES

    found = [
        (noise.name, noise.about, ", ".join(noise.parameters) or "none")
        for noise in NOISES.values()
    ]
    table = pd.DataFrame(found, columns=["name", "about", "parameters"]).set_index("name")
    _list("noises", table, ("parameters",), json)


def models(json: JsonFlag = False) -> None:
    """List the models: a study's law, data and priors."""
    from bayescale.study import models

    _list("models", models(), ("law", "data"), json)


def datasets(json: JsonFlag = False) -> None:
    """List the public data sets and where they are."""
    from bayescale.datasets import datasets

    _list("datasets", datasets(), ("rows", "available", "paper"), json)


def _list(kind: str, found: "pd.DataFrame", details: Sequence[str], json: bool) -> None:
    """Show a catalogue: a name and what it is, then the details below."""
    if json:
        emit({kind: rows(found)})
        return
    from rich.padding import Padding
    from rich.text import Text

    for name, row in found.iterrows():
        headline = row["title"] if "title" in row else row["about"]
        say(Text.assemble((str(name), "bold"), f"  {headline}"))
        said = "; ".join(f"{detail}: {row[detail]}" for detail in details)
        say(Padding(Text(said, style="dim"), (0, 0, 0, 4)))
