"""The list of public data sets: rows, contents and source of each, and where it lies."""

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bayescale.data.datasets import fetch
from bayescale.data.datasets.derived import DERIVED
from bayescale.errors import BayescaleError, closest

if TYPE_CHECKING:
    import pandas as pd


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


TABLES = Path(__file__).parent / "tables"


def list_datasets() -> "pd.DataFrame":
    """List the public data sets.

    Returns
    -------
    DataFrame
        Indexed by name: ``rows``, ``about``, ``source`` (repository, path and commit), ``paper``,
        ``licence``, and ``available``: where :func:`load_dataset` would take the set from now,
        one of ``"BAYESCALE_DATA"``, ``"cache"``, ``"package"``, ``"download"``, ``"no"``.

    See Also
    --------
    load_dataset : Load one of them.
    list_studies : Model files, most of which fit one of them.

    Examples
    --------
    >>> sets = bs.list_datasets()
    >>> sets.loc["hoffmann2022", "paper"]
    'Hoffmann et al. 2022, arXiv:2203.15556; Besiroglu et al. 2024, arXiv:2404.10102'
    >>> int(sets.loc["hoffmann2022", "rows"])
    245
    """
    import pandas as pd

    table = pd.DataFrame(CATALOGUE).set_index("name")
    table["available"] = [_available(name) for name in table.index]
    return table


def _available(name: str) -> str:
    found = find_dataset(name)
    if found is not None:
        return found[0]
    if name in DERIVED:
        return _available(DERIVED[name].of)
    return "download" if name in fetch.ORIGINALS else "no"


def find_dataset(name: str) -> tuple[str, Path] | None:
    """Return where the set lies on this machine, and its file."""
    if not re.fullmatch(r"[\w-]+", str(name)):
        raise BayescaleError(not_here(name))
    files = ((place, folder / f"{name}.csv") for place, folder in _folders().items())
    return next(((place, file) for place, file in files if file.is_file()), None)


def _folders() -> dict[str, Path]:
    folders = {"cache": fetch.cache_folder(), "package": TABLES}
    own = os.environ.get("BAYESCALE_DATA")
    if not own:
        return folders
    if not Path(own).is_dir():
        raise BayescaleError(
            f"BAYESCALE_DATA is {own!r}, which is not a folder: set it to the folder that holds "
            "the data sets' CSV files, or unset it"
        )
    return {"BAYESCALE_DATA": Path(own), **folders}


def not_here(name: str) -> str:
    """Say why there is no such table on this machine and what to do."""
    entry = next((e for e in CATALOGUE if e.name == name), None)
    if entry is None:
        known = [e.name for e in CATALOGUE]
        return (
            f"no data set named {name!r}{closest(str(name), known)}. list_datasets() lists what "
            "there is; a table of your own is read by its path, or by name from $BAYESCALE_DATA"
        )
    return (
        f"the data set {name!r} is not on this machine and bayescale does not hand it on. It comes "
        f"from {entry.source} ({entry.paper}). Save it as {name}.csv in a folder and set "
        "BAYESCALE_DATA to that folder"
    )
