"""Where a table comes from: a file, several, standard input, or a frame in memory."""

import glob
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.arrow_tables import from_arrow, is_arrow
from bayescale.data.cells import clean_cells
from bayescale.data.column_names import refuse_columns
from bayescale.data.delimited import typed
from bayescale.data.formats import load_file, reader_of
from bayescale.data.limits import refuse_large
from bayescale.data.table_files import TableFile, too_long
from bayescale.errors import BayescaleError

STANDARD_INPUT = "-"
"""What stands for standard input."""


@dataclass
class Source:
    """A table whose columns of numbers are written in one form."""

    frame: pd.DataFrame
    """The rows."""
    name: str
    """What to call it."""
    rejected: pd.Series
    """Why lines of the file are no rows."""
    loss_units: dict[str, str]
    """The unit of loss that a column's cells are written with."""
    notes: list[str]
    """What a user should know of it."""


def open_source(source: Any, decimal: str | None) -> Source:
    """Get the table as it is, and what to call it.

    Raises
    ------
    BayescaleError
        It is no table, beyond the limits, or its numbers can be read in two ways.
    """
    if isinstance(source, str | Path):
        try:
            return _open_path(source, decimal)
        except (OSError, RuntimeError) as error:  # too deep, or there is no such user's folder
            raise BayescaleError(f"cannot read {Path(source).name!r}: {error}") from error
    name = "a DataFrame"
    if not isinstance(source, pd.DataFrame):
        if not is_arrow(source):
            raise BayescaleError(
                f"cannot read runs from {type(source).__name__}: give a path, a DataFrame "
                "(pandas, polars, pyarrow), or Runs"
            )
        name = f"a {type(source).__name__}"
        source = from_arrow(source)
    names = [str(name) for name in source.columns]
    refuse_columns(names, "the DataFrame")
    if len(source) > limits.MAX_ROWS:
        raise refuse_large("the DataFrame", len(source))
    if source.empty:
        raise BayescaleError("the DataFrame is empty: it needs one row per run")
    unique = source if source.index.is_unique else source.reset_index(drop=True)
    frame = unique.set_axis(names, axis=1).copy()
    cleaned = clean_cells(frame, None, decimal)
    return Source(cleaned.frame, name, _no_lines(), cleaned.loss_units, cleaned.notes)


def _open_path(source: str | Path, decimal: str | None) -> Source:
    """Open a file, standard input, or all the files of a folder or pattern."""
    if str(source) == STANDARD_INPUT:
        return _open_file(_standard_input(), decimal)
    path = Path(source).expanduser()
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and reader_of(p))
        return _open_files(found, f"the folder {path.name!r}", decimal)
    if not path.exists() and glob.has_magic(str(path)):
        found = sorted(p for p in map(Path, glob.iglob(str(path))) if p.is_file())
        return _open_files(found, f"{path.name!r}", decimal)
    if not path.exists():
        raise BayescaleError(f"no file {str(path)!r}: check the path")
    return _open_file(TableFile(path), decimal)


def _open_file(file: TableFile, decimal: str | None) -> Source:
    loaded = load_file(file)
    cleaned = clean_cells(loaded.frame, loaded.delimiter, decimal)
    frame = typed(cleaned.frame) if loaded.delimiter else cleaned.frame
    rejected = pd.Series(loaded.rejected, dtype=object)
    rejected.index = pd.Index(list(loaded.rejected), name=frame.index.name)
    return Source(frame, file.name, rejected, cleaned.loss_units, [*loaded.notes, *cleaned.notes])


def _open_files(paths: list[Path], where: str, decimal: str | None) -> Source:
    """Read files one below the other, each with its own decimals; the column file names them."""
    if not paths:
        raise BayescaleError(
            f"{where} holds no table: name a file, or a folder or pattern of .csv, .jsonl, ..."
        )
    parts, rows, columns = [], 0, 0
    for path in paths:
        part = _open_file(TableFile(path), decimal)
        if any(part.loss_units != other.loss_units for other in parts[:1]):
            raise BayescaleError(f"{where}: {path.name!r} writes another unit of loss in its cells")
        parts.append(part)
        rows += len(part.frame)
        columns = max(columns, len(part.frame.columns))
        if rows > limits.MAX_ROWS or rows * columns > limits.MAX_TEXT:
            raise refuse_large(where)
    names = [path.name for path in paths]
    label = "file" if all("file" not in part.frame for part in parts) else "source file"
    frames = [p.frame.assign(**{label: n}) for p, n in zip(parts, names, strict=True)]
    notes = [f"{n}: {note}" for p, n in zip(parts, names, strict=True) for note in p.notes]
    notes += [
        f"{name}: {len(part.rejected):,} lines are no rows"
        for part, name in zip(parts, names, strict=True)
        if len(part.rejected)
    ]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    if len(frames) > 1:
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    refuse_columns([str(name) for name in frame.columns], where)
    plural = "s" if len(paths) > 1 else ""
    notes.insert(0, f"read {len(paths):,} file{plural} of {where}; the column {label!r} names them")
    return Source(frame, where, _no_lines(), parts[0].loss_units, notes)


def _standard_input() -> TableFile:
    """Take what comes by standard input, and name it by what it looks like."""
    content = sys.stdin.buffer.read(limits.MAX_TEXT + 1)
    if len(content) > limits.MAX_TEXT:
        raise too_long(TableFile(Path("standard input")))
    magics = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"PK": ".xlsx", b"\x1f\x8b": ".csv.gz"}
    suffix = next((s for magic, s in magics.items() if content.startswith(magic)), "")
    if not suffix:
        text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
        first = text.partition(b"\n")[0].rstrip()
        lines = first.startswith(b"{") and first.endswith(b"}") and b"\n" in text.strip()
        suffix = ".jsonl" if lines else ".json" if text[:1] in (b"[", b"{") else ".csv"
    return TableFile(Path(f"standard input{suffix}"), content)


def _no_lines() -> pd.Series:
    return pd.Series([], dtype=object)
