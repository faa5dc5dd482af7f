"""Where a table comes from: a file, several, standard input, or a frame in memory."""

import glob
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.arrow_tables import from_arrow, is_arrow
from bayescale.data.cells import clean_cells
from bayescale.data.delimited import typed
from bayescale.data.duplicate_columns import refuse_columns
from bayescale.data.formats import load_file, reader_of, reader_of_address
from bayescale.data.histories import gather
from bayescale.data.limits import refuse_large
from bayescale.data.table_files import Loaded, TableFile
from bayescale.data.trackers.event_files import event_files, is_event_file, read_event_folder
from bayescale.data.trackers.wandb_runs import from_wandb, is_wandb, read_wandb_folder, wandb_files
from bayescale.errors import BayescaleError, missing_file

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


def open_source(
    source: Any, decimal: str | None, columns: Mapping[str, str | None] = MappingProxyType({})
) -> Source:
    """Get the table as it is, and what to call it; of a long history, what is kept of it.

    Raises
    ------
    BayescaleError
        It is no table, beyond the limits, or its numbers can be read in two ways.
    """
    if isinstance(source, str) and (reader := reader_of_address(source)):
        asked = TableFile(Path(source), None, columns, decimal, source)
        return _cleaned(reader(asked), asked)
    if isinstance(source, str | Path):
        try:
            return _open_path(TableFile(Path(source), None, columns, decimal))
        except (OSError, RuntimeError) as error:  # too deep, or there is no such user's folder
            raise BayescaleError(f"cannot read {Path(source).name!r}: {error}") from error
    if is_arrow(source) and not isinstance(source, pd.DataFrame):
        asked = TableFile(Path(f"a {type(source).__name__}"), None, columns, decimal)
        return _cleaned(from_arrow(source, asked), asked)
    if is_wandb(source):
        asked = TableFile(Path("W&B"), None, columns, decimal)
        return _cleaned(from_wandb(source, asked), asked)
    if not isinstance(source, pd.DataFrame):
        raise BayescaleError(
            f"cannot read runs from {type(source).__name__}: give a path, a DataFrame "
            "(pandas, polars, pyarrow), runs of W&B's API, or Runs"
        )
    asked = TableFile(Path("a DataFrame"), None, columns, decimal)
    return _cleaned(gather([_plain_frame(source)], asked), asked)


def _plain_frame(source: pd.DataFrame) -> pd.DataFrame:
    """Give a DataFrame names of columns that are text, and distinct labels of rows."""
    names = [str(name) for name in source.columns]
    refuse_columns(names, "the DataFrame")
    if source.empty:
        raise BayescaleError("the DataFrame is empty: it needs one row per run")
    unique = source if source.index.is_unique else source.reset_index(drop=True)
    return unique.set_axis(names, axis=1).copy()


def _open_path(asked: TableFile) -> Source:
    """Open a file, standard input, or all the files of a folder or pattern."""
    if str(asked.path) == STANDARD_INPUT:
        return _open_file(_standard_input(asked))
    path = asked.path.expanduser()
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and reader_of(p))
        tables = [p for p in found if not is_event_file(p) and p.suffix != ".wandb"]
        logs = None if tables else _open_logs(replace(asked, path=path))
        return logs or _open_files(found, f"the folder {path.name!r}", asked)
    if not path.exists() and glob.has_magic(str(path)):
        found = sorted(p for p in map(Path, glob.iglob(str(path))) if p.is_file())
        return _open_files(found, f"{path.name!r}", asked)
    if not path.exists():
        raise missing_file(path)
    return _open_file(replace(asked, path=path))


def _open_logs(folder: TableFile) -> Source | None:
    """Open the logs that a tracker left in a folder and those in it, a run each."""
    if event_files(folder.path):
        return _cleaned(read_event_folder(folder), folder)
    if wandb_files(folder.path):
        return _cleaned(read_wandb_folder(folder), folder)
    return None


def _open_file(file: TableFile) -> Source:
    return _cleaned(load_file(file), file)


def _cleaned(loaded: Loaded, file: TableFile) -> Source:
    """Write the numbers of a table in one form, and give its columns their types."""
    cleaned = clean_cells(loaded.frame, loaded.delimiter, file.decimal)
    frame = typed(cleaned.frame) if loaded.delimiter else cleaned.frame
    rejected = pd.Series(loaded.rejected, dtype=object)
    rejected.index = pd.Index(list(loaded.rejected), name=frame.index.name)
    return Source(frame, file.name, rejected, cleaned.loss_units, [*loaded.notes, *cleaned.notes])


def _open_files(paths: list[Path], where: str, asked: TableFile) -> Source:
    """Read files one below the other, each with its own decimals; the column file names them."""
    if not paths:
        raise BayescaleError(
            f"{where} holds no table: name a file, or a folder or pattern of .csv, .jsonl, ..."
        )
    parts, cells = [], 0
    for path in paths:
        part = _open_file(replace(asked, path=path))
        if any(part.loss_units != other.loss_units for other in parts[:1]):
            raise BayescaleError(f"{where}: {path.name!r} writes another unit of loss in its cells")
        parts.append(part)
        cells += part.frame.size
        if cells > limits.MAX_TEXT // 10:
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
    together = gather([frame], replace(asked, path=Path(where.strip("'"))))
    notes += together.notes
    rejected = pd.Series(together.rejected, dtype=object)
    return Source(together.frame, where, rejected, parts[0].loss_units, notes)


def _standard_input(asked: TableFile) -> TableFile:
    """Take what comes by standard input, and name it by what it looks like."""
    content = sys.stdin.buffer.read(limits.MAX_TEXT + 1)
    if len(content) > limits.MAX_TEXT:
        raise limits.too_long("standard input")
    magics = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"PK": ".xlsx", b"\x1f\x8b": ".csv.gz"}
    suffix = next((s for magic, s in magics.items() if content.startswith(magic)), "")
    if not suffix:
        text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
        first = text.partition(b"\n")[0].rstrip()
        lines = first.startswith(b"{") and first.endswith(b"}") and b"\n" in text.strip()
        suffix = ".jsonl" if lines else ".json" if text[:1] in (b"[", b"{") else ".csv"
    return replace(asked, path=Path(f"standard input{suffix}"), content=content)
