"""Files of runs as data frames: CSV and TSV with line numbers, JSON, Parquet."""

import csv
import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from bayescale.data.convert import MISSING
from bayescale.data.limits import (
    MAX_COLUMNS,
    MAX_LINE,
    MAX_LINES,
    MAX_ROWS,
    MAX_TEXT,
    refuse_large,
)
from bayescale.data.number_format import listed
from bayescale.errors import BayescaleError

_DELIMITERS = ",;\t|"


def read_delimited(path: Path) -> pd.DataFrame:
    """Read CSV or TSV, strictly: every row has as many fields as the header."""
    with _open_text(path) as stream:
        try:
            lines, rows = _fields(stream, path)
        except csv.Error as error:
            raise BayescaleError(f"{path.name!r} is not a table of text: {error}") from error
    header, body = _header(rows[0], path), rows[1:]
    if len(body) > MAX_ROWS:
        raise refuse_large(repr(path.name))
    for line, row in zip(lines[1:], body, strict=True):
        if len(row) != len(header):
            raise BayescaleError(
                f"{path.name!r}, line {line}: {len(row)} fields, but the header has "
                f"{len(header)}; correct the line, or quote fields that hold the delimiter"
            )
    index = pd.Index(lines[1:], name="line", dtype="int64")
    cells = zip(*body, strict=True) if body else ([] for _ in header)
    columns = [_infer(list(column)) for column in cells]
    return pd.DataFrame(dict(zip(header, columns, strict=True)), index=index)


def _fields(stream: TextIO, path: Path) -> tuple[list[int], list[list[str]]]:
    """Split up to one row more than the limit into fields, with the line each starts on."""
    lines_of_text = _limited_lines(stream, path)
    filled = ((place, line) for place, line in enumerate(lines_of_text, start=1) if line.strip())
    skipped, first = next(filled, (1, ""))
    delimiter = max(_DELIMITERS, key=first.count)
    if delimiter not in first:
        raise BayescaleError(
            f"{path.name!r} is not a table: its first line, {first.strip()[:60]!r}, has no comma, "
            "semicolon or tab; the first line must name the columns"
        )
    reader = csv.reader(
        chain([first], lines_of_text), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    lines, rows, start = [], [], skipped
    for row in reader:
        if any(field.strip() for field in row):
            lines.append(start)
            rows.append(row)
        start = skipped + reader.line_num
        if len(rows) > MAX_ROWS + 1:
            break
    return lines, rows


def _header(names: list[str], path: Path) -> list[str]:
    """Check and complete the names of the columns."""
    header = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    refuse_columns(header, repr(path.name))
    if all(_is_number(name) for name in header):
        raise BayescaleError(
            f"{path.name!r} has no header: its first line holds only numbers; "
            "name the columns there, as in params,tokens,loss"
        )
    return header


def _infer(cells: list[str]) -> np.ndarray | ExtensionArray:
    """Give a column of text its type: numbers, booleans, or text as it stands."""
    stripped = [cell.strip() for cell in cells]
    present = [cell for cell in stripped if cell.lower() not in MISSING]
    if {cell.lower() for cell in present} <= {"true", "false"} and present:
        known = {"true": True, "false": False}
        flags = [known.get(cell.lower()) for cell in stripped]
        return np.array(flags) if None not in flags else pd.array(flags, dtype="boolean")
    elif all(_is_number(cell) for cell in present):
        if len(present) == len(cells) and all(_is_integer(cell) for cell in present):
            return np.array([int(cell) for cell in stripped])
        return np.array([float(c) if c.lower() not in MISSING else math.nan for c in stripped])
    return pd.array([cell or None for cell in stripped], dtype="str")


def _is_number(cell: str) -> bool:
    """Whether the text is a number, and not a code such as 007 or 1_000."""
    digits = cell.lstrip("+-")
    if "_" in cell or (digits[:1] == "0" and digits[1:2].isdigit()):
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_integer(cell: str) -> bool:
    """Whether the text is a whole number that a 64-bit integer holds."""
    return cell.lstrip("+-").isdigit() and len(cell) < 18


def load_file(path: Path) -> pd.DataFrame:
    """Read a table by the suffix of its file.

    Parameters
    ----------
    path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` (each also ``.gz``), ``.json`` or
        ``.parquet`` file.

    Returns
    -------
    pandas.DataFrame
        One row per run. The index is the line in the file (``line``), or the number of the record
        (``row``, from 1) where a file has no lines.

    Raises
    ------
    BayescaleError
        The file is absent, no table, empty, or beyond the limits (:func:`bayescale.read_runs`).
    """
    if not path.exists():
        raise BayescaleError(f"no file {str(path)!r}: check the path")
    if path.is_dir():
        raise BayescaleError(f"{str(path)!r} is a folder: name the file in it")
    suffix = next((s for s in reversed(path.suffixes) if s.lower() != ".gz"), "").lower()
    readers = {
        ".csv": read_delimited,
        ".tsv": read_delimited,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".json": _read_json,
        ".parquet": _read_parquet,
    }
    if suffix not in readers:
        raise BayescaleError(
            f"{path.name!r}: do not know how to read {suffix or 'a file without suffix'}; "
            f"save the table as one of {', '.join(readers)}, or pass a DataFrame"
        )
    if path.stat().st_size == 0:
        raise BayescaleError(f"{path.name!r} is empty: it needs a header and one row per run")
    frame = readers[suffix](path)
    if frame.empty:
        raise BayescaleError(f"{path.name!r} has a header but no rows: it needs one row per run")
    return frame


_HEAD = 1_000_000


_BINARY = {
    b"PK": "a zip archive or an Excel file: export the sheet as CSV",
    b"\x1f\x8b": "compressed: name it .csv.gz or .jsonl.gz",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file, after a look at what it really holds."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rb") as stream:
            _check_head(stream.read(_HEAD), path)
            stream.seek(0)
            with TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
                yield text
    except UnicodeDecodeError as error:
        raise BayescaleError(
            f"{path.name!r} is not UTF-8 text ({error}): save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise BayescaleError(f"cannot read {path.name!r}: {error}") from error


def _limited_lines(stream: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of a file, none of which is read further than the limits.

    Raises
    ------
    BayescaleError
        A line is too long, or there are too many lines or characters.
    """
    total = 0
    for place, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), ""), start=1):
        total += len(line)
        if len(line) > MAX_LINE:
            raise BayescaleError(
                f"{path.name!r}, line {place} has more than {MAX_LINE:,} characters, which is the "
                "limit: check that the file has line breaks and is a table of runs"
            )
        if place > MAX_LINES:
            raise BayescaleError(
                f"{path.name!r} has more than {MAX_LINES:,} lines, which is the limit, empty ones "
                "included: save one row per run"
            )
        if total > MAX_TEXT:
            raise _too_long(path)
        yield line


def _too_long(path: Path) -> BayescaleError:
    return BayescaleError(
        f"{path.name!r} holds more than {MAX_TEXT:,} characters, which is the limit (after "
        "decompression): save one row per run, and only the columns that are needed"
    )


def _check_head(head: bytes, path: Path) -> None:
    """Refuse what is no text table, by how it begins."""
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise BayescaleError(f"{path.name!r} is not a text table but {kind}")
    if b"\0" in head:
        raise BayescaleError(f"{path.name!r} is not a table but binary data")
    if head.lstrip()[:1] == b"<":
        raise BayescaleError(
            f"{path.name!r} is not a table but HTML or XML: download the data itself"
        )
    if not head.strip():
        raise BayescaleError(f"{path.name!r} is empty: it needs a header and one row per run")
    if len(head) == _HEAD and b"\n" not in head and b"\r" not in head:
        raise BayescaleError(f"{path.name!r} is not a table: it has no line breaks")


def refuse_columns(names: Iterable[str], where: str) -> None:
    """Refuse a table of too many columns, or in which two columns have one name."""
    times = Counter(names)
    if times.total() > MAX_COLUMNS:
        raise BayescaleError(
            f"{where} has {times.total():,} columns, and the limit is {MAX_COLUMNS:,}: keep those "
            "that are needed"
        )
    twice = sorted(name for name, count in times.items() if count > 1)
    if twice:
        raise BayescaleError(
            f"{where} has several columns named {listed(map(repr, twice))}: rename all but one"
        )


def _read_json_lines(path: Path) -> pd.DataFrame:
    """Read one JSON object a line."""
    lines, records = [], []
    with _open_text(path) as stream:
        numbered = enumerate(_limited_lines(stream, path), start=1)
        for line, text in islice(((n, t) for n, t in numbered if t.strip()), MAX_ROWS + 1):
            try:
                record = _record(json.loads(text), f"{path.name!r}, line {line}")
            except (ValueError, RecursionError) as error:
                raise BayescaleError(
                    f"{path.name!r}, line {line}: not JSON ({_fault(error)}); "
                    'each line must be one object, as in {"params": 7e9, "loss": 2.1}'
                ) from error
            lines.append(line)
            records.append(record)
    if len(records) > MAX_ROWS:
        raise refuse_large(repr(path.name))
    return _frame(records, pd.Index(lines, name="line"), path)


def _read_json(path: Path) -> pd.DataFrame:
    """Read a JSON list of objects."""
    with _open_text(path) as stream:
        text = stream.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise _too_long(path)
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BayescaleError(
            f"{path.name!r}{line}: not JSON ({_fault(error)}); "
            "if each line is one object, name it .jsonl"
        ) from error
    if not isinstance(records, list):
        raise BayescaleError(f"{path.name!r} must hold a list of objects, one a run")
    if len(records) > MAX_ROWS:
        raise refuse_large(repr(path.name), len(records))
    rows = [
        _record(record, f"{path.name!r}, record {n}") for n, record in enumerate(records, start=1)
    ]
    return _frame(rows, pd.RangeIndex(1, len(rows) + 1, name="row"), path)


def _fault(error: Exception) -> str:
    """What is wrong with a text that is not JSON."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _frame(records: list[dict[str, Any]], index: pd.Index, path: Path) -> pd.DataFrame:
    """Make a table of records, whose keys are its columns."""
    refuse_columns({name for one in records for name in one}, repr(path.name))
    return pd.DataFrame(records, index=index)


def _refuse_surrogates(text: object, where: str) -> None:
    r"""Refuse what JSON can write and no file of text can hold: half a character, ``\ud800``."""
    if isinstance(text, str) and not text.isascii() and re.search("[\ud800-\udfff]", text):
        raise half_character(where, text)


def half_character(where: str, text: str) -> BayescaleError:
    """Say that a text holds a lone surrogate, which no file of text can."""
    return BayescaleError(
        f"{where}: {text[:60]!r} holds half a character, a lone surrogate: correct it"
    )


def _record(value: object, where: str, prefix: str = "") -> dict[str, Any]:
    """Flatten one object: {"metrics": {"loss": 2}} becomes {"metrics.loss": 2}."""
    if not isinstance(value, dict):
        raise BayescaleError(f'{where}: expected an object such as {{"params": 7e9, "loss": 2.1}}')
    flat: dict[str, Any] = {}
    for key, item in value.items():
        _refuse_surrogates(key, where)
        if isinstance(item, dict):
            flat |= _record(item, where, f"{prefix}{key}.")
        else:
            _refuse_surrogates(item, where)
            flat[f"{prefix}{key}"] = json.dumps(item) if isinstance(item, list) else item
    return flat


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read Parquet through pyarrow, which is an optional dependency."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BayescaleError(
            f"reading {path.name!r} needs pyarrow: pip install 'bayescale[parquet]'"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            refuse_columns(file.schema_arrow.names, repr(path.name))
            if file.metadata.num_rows > MAX_ROWS:
                raise refuse_large(repr(path.name), file.metadata.num_rows)
            frame = file.read().to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise BayescaleError(f"{path.name!r} is not a Parquet file: {error}") from error
    if isinstance(frame.index, pd.MultiIndex) or frame.index.name:
        frame = frame.reset_index()
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame
