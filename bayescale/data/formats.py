"""Which reader a source has: by a file's suffix or an address's scheme, of this package or another.

A package adds its own by entry points of the group ``bayescale.readers``. The name is a suffix
(``.mylab``), and the object a function of the path that returns a DataFrame; or it is a scheme
(``mylab``, for ``mylab:sweep-3``), and the object a function of what follows the colon.
"""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pandas as pd

from bayescale.data.arrow_tables import read_arrow, read_parquet
from bayescale.data.delimited import read_delimited
from bayescale.data.histories import gather
from bayescale.data.json_tables import read_json, read_json_lines
from bayescale.data.spreadsheets import read_excel
from bayescale.data.table_files import COMPRESSIONS, Loaded, TableFile
from bayescale.data.trackers.event_files import is_event_file, read_event_file
from bayescale.data.trackers.mlflow_stores import read_mlflow
from bayescale.data.trackers.wandb_runs import read_wandb, read_wandb_file
from bayescale.errors import BayescaleError

type Reader = Callable[[TableFile], Loaded]
"""What reads a file of one format, or an address of one scheme."""


_SERVICES: dict[str, Reader] = {"mlflow": read_mlflow, "wandb": read_wandb}
"""The readers of addresses, by scheme."""


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
        ".wandb": read_wandb_file,
    }
    return own


def reader_of_address(text: str) -> Reader | None:
    """Return the reader of an address such as ``wandb:entity/project``, None for a path."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme in _SERVICES:
        return _SERVICES.get(scheme) if colon else None
    points = (p for p in entry_points(group=GROUP) if p.name == scheme)
    return next((_reader_of_others(point, rest) for point in points), None)


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file, by its suffix without that of a compression."""
    if is_event_file(path):
        return read_event_file
    suffix = suffix_of(path)
    known = readers()
    if suffix in known:
        return known[suffix]
    for point in entry_points(group=GROUP):
        if point.name == suffix:
            return _reader_of_others(point, path)
    return None


def _reader_of_others(point: EntryPoint, given: Path | str) -> Reader:
    """Return the reader of another package, which is loaded when it reads."""
    return lambda file: gather([_checked(point.load()(given), point.name)], file)


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
