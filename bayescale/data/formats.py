"""Which reader a file has: by its suffix, from this package or from another one.

A package adds its own formats by entry points of the group ``bayescale.readers``: the name is the
suffix (``.mylab``), the object a function of the path that returns a DataFrame.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pandas as pd

from bayescale.data.arrow_tables import read_arrow, read_parquet
from bayescale.data.delimited import read_delimited
from bayescale.data.json_tables import read_json, read_json_lines
from bayescale.data.spreadsheets import read_excel
from bayescale.data.table_files import COMPRESSIONS, Loaded, TableFile
from bayescale.errors import BayescaleError

type Reader = Callable[[TableFile], Loaded]
"""What reads a file of one format."""


GROUP = "bayescale.readers"
"""The entry points of other packages' readers."""


def readers() -> dict[str, Reader]:
    """Return the readers by suffix; those of other packages come last and replace none."""
    own: dict[str, Reader] = {
        ".csv": read_delimited,
        ".tsv": read_delimited,
        ".txt": read_delimited,
        ".jsonl": read_json_lines,
        ".ndjson": read_json_lines,
        ".json": read_json,
        ".parquet": read_parquet,
        ".feather": read_arrow,
        ".arrow": read_arrow,
        ".xlsx": read_excel,
    }
    return own


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file, by its suffix without that of a compression."""
    suffix = suffix_of(path)
    known = readers()
    if suffix in known:
        return known[suffix]
    for point in entry_points(group=GROUP):
        if point.name == suffix:
            return lambda file: Loaded(_checked(point.load()(file.path), point.name))
    return None


def suffix_of(path: Path) -> str:
    """Return the suffix that names a file's format."""
    others = (s for s in map(str.lower, reversed(path.suffixes)) if s not in COMPRESSIONS)
    return next(others, "")


def load_file(file: TableFile) -> Loaded:
    """Read a table by the suffix of its file.

    Parameters
    ----------
    file
        A file whose suffix `readers`, or another package, knows.

    Returns
    -------
    Loaded
        One row per run. The index is the line in the file (``line``), or the number of the record
        (``row``, from 1) where a file has no lines.

    Raises
    ------
    BayescaleError
        The file is no table, empty, or beyond the limits (:func:`bayescale.read_runs`).
    """
    reader = reader_of(file.path)
    if reader is None:
        suffix = suffix_of(file.path)
        raise BayescaleError(
            f"{file.name!r}: do not know how to read {suffix or 'a file without suffix'}; "
            f"save the table as one of {', '.join(readers())}, or pass a DataFrame"
        )
    size = file.path.stat().st_size if file.content is None else len(file.content)
    if size == 0:
        raise BayescaleError(f"{file.name!r} is empty: it needs a header and one row per run")
    loaded = reader(file)
    if loaded.frame.empty:
        raise BayescaleError(f"{file.name!r} has a header but no rows: it needs one row per run")
    return loaded


def _checked(frame: object, name: str) -> pd.DataFrame:
    """Refuse what is no DataFrame from a reader of another package."""
    if not isinstance(frame, pd.DataFrame):
        raise BayescaleError(
            f"the reader for {name} returned {type(frame).__name__}: it must return a DataFrame"
        )
    return frame
