"""What is known of each public data set: its rows, its contents and its source."""

import tomllib
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """The catalogue's entry of one public data set.

    Attributes
    ----------
    name : str
        What :func:`bayescale.load_dataset` calls it.
    rows : int
        Rows of the table.
    about : str
        What a row is, and what to beware of.
    source, paper, licence : str
        Where the numbers come from (repository, path, commit), who measured them, and the licence
        that the source gives for them.
    """

    name: str
    rows: int
    about: str
    source: str
    paper: str
    licence: str


CATALOGUE = tuple(
    Entry(name, **entry)
    for name, entry in tomllib.loads(
        Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    ).items()
)
"""Every public data set, in the order of ``catalogue.toml``."""
