"""CSV and TSV, read strictly, with the line of each row."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from bayescale.errors import BayescaleError
from bayescale.runs.convert import MISSING
from bayescale.runs.opening import (
    MAX_ROWS,
    open_text,
    refuse_duplicates,
    refuse_large,
)

_DELIMITERS = ",;\t|"


def read_delimited(path: Path) -> pd.DataFrame:
    """Read CSV or TSV, strictly: every row has as many fields as the header."""
    with open_text(path) as stream:
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
    first = stream.readline()
    skipped = 1
    while first and not first.strip():
        first, skipped = stream.readline(), skipped + 1
    delimiter = max(_DELIMITERS, key=first.count)
    if delimiter not in first:
        raise BayescaleError(
            f"{path.name!r} is not a table: its first line, {first.strip()[:60]!r}, has no comma, "
            "semicolon or tab; the first line must name the columns"
        )
    reader = csv.reader(
        _chain(first, stream), delimiter=delimiter, skipinitialspace=True, strict=True
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


def _chain(first: str, rest: TextIO) -> Iterator[str]:
    """Yield the first line, then the others."""
    yield first
    yield from rest


def _header(names: list[str], path: Path) -> list[str]:
    """Check and complete the names of the columns."""
    header = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    refuse_duplicates(header, repr(path.name))
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
