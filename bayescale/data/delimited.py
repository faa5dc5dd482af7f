"""Text with delimiters: CSV, TSV and the like, with the line of each row."""

import csv
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TextIO

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from bayescale.data import limits
from bayescale.data.column_names import distinct_names
from bayescale.data.limits import refuse_large
from bayescale.data.missing import MISSING
from bayescale.data.row_messages import cells_of
from bayescale.data.table_files import Loaded, TableFile, limited_lines, open_text
from bayescale.errors import BayescaleError

_DELIMITERS = ",;\t|"


def read_delimited(file: TableFile) -> Loaded:
    """Read text with delimiters; the cells stay text.

    Lines that begin with # are skipped. A line with more or fewer fields than the header, and one
    that repeats it, is no row, with the reason.

    Raises
    ------
    BayescaleError
        It is no table: no header, or half of its lines do not have the fields of the header.
    """
    notes: list[str] = []
    with open_text(file) as stream:
        try:
            lines, rows, delimiter = _fields(stream, file, notes)
        except csv.Error as error:
            raise BayescaleError(f"{file.name!r} is not a table of text: {error}") from error
    header, body = _header(rows[0], file), rows[1:]
    if len(body) > limits.MAX_ROWS:
        raise refuse_large(repr(file.name))
    rejected = _rejected(rows[0], lines[1:], body)
    _refuse_many(rejected, len(body), header, file)
    kept = [i for i, line in enumerate(lines[1:], start=1) if line not in rejected]
    names, doubled = distinct_names(header, repr(file.name), [rows[i] for i in kept])
    index = pd.Index([lines[i] for i in kept], name="line", dtype="int64")
    width = len(header)
    columns = {
        name: pd.Series([rows[i][place].strip() or None for i in kept], index=index, dtype=object)
        for place, name in enumerate(names[:width])
    }
    frame = pd.DataFrame(columns, index=index)
    return Loaded(frame, delimiter, rejected, [*notes, *doubled])


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of a text file their types: numbers, booleans, or text as it stands."""
    columns = {str(name): _infer(cells_of(frame, str(name))) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index)


def _fields(
    stream: TextIO, file: TableFile, notes: list[str]
) -> tuple[list[int], list[list[str]], str]:
    """Split up to one row more than the limit into fields, with the line each starts on."""
    comments: list[str] = []
    places: list[int] = []
    lines = _without_comments(limited_lines(stream, file), comments, places)
    first = next((line for line in lines if line.strip()), "")
    named = [c for c in comments if c.strip("# \t\r\n")]
    delimiter = max(_DELIMITERS, key=first.count)
    if delimiter not in first:
        raise BayescaleError(
            f"{file.name!r} is not a table: its first line, {first.strip()[:60]!r}, has no comma, "
            "semicolon or tab; the first line must name the columns"
        )
    skipped = len(places)
    header = named[-1].lstrip("# ") if named and _is_header(named[-1], first, delimiter) else ""
    ahead = [header, first] if header else [first]
    reader = csv.reader(
        chain(ahead, lines), delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True
    )
    found, rows, start = [], [], 0
    for row in reader:
        if any(field.strip() for field in row):
            position = skipped - 1 + start - bool(header)
            found.append(places[max(position, 0)])
            rows.append(row)
        start = reader.line_num
        if len(rows) > limits.MAX_ROWS + 1:
            break
    count = len(comments) - bool(header)
    if count:
        notes.append(f"lines that begin with # were skipped: {count:,}")
    return found, rows, delimiter


def _without_comments(
    lines: Iterable[str], comments: list[str], places: list[int]
) -> Iterator[str]:
    """Yield the lines that are no comments, and record their places; quoted text is kept."""
    quoted = False
    columns = 0
    for place, line in enumerate(lines, start=1):
        if not quoted and line.lstrip().startswith("#") and not _is_data(line, columns):
            comments.append(line)
            continue
        quoted ^= line.count('"') % 2 == 1
        if not columns and line.strip():
            columns = max(line.count(d) for d in _DELIMITERS) + 1
        places.append(place)
        yield line


def _is_data(line: str, columns: int) -> bool:
    """Whether a line that begins with # is a row, of a run called #3, or a header."""
    fields = max((line.split(d) for d in _DELIMITERS), key=len)
    first = fields[0].strip().strip('"')
    if columns:  # a row that was commented out, but for a run called by a short number
        return len(fields) == columns and len(first) < 5 and first[1:].isdigit()
    return first == "#" and len(fields) > 2


def _is_header(comment: str, first: str, delimiter: str) -> bool:
    """Whether a comment names the columns of the line of numbers below it."""
    cells = [cell.strip() for cell in first.split(delimiter)]
    numbers = sum(is_number(cell) for cell in cells)
    return 2 * numbers > len(cells) and comment.count(delimiter) == first.count(delimiter)


def _header(names: list[str], file: TableFile) -> list[str]:
    """Check and complete the names of the columns."""
    header = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    if len(header) > limits.MAX_COLUMNS:
        distinct_names(header, repr(file.name))
    if all(is_number(name) for name in header):
        raise BayescaleError(
            f"{file.name!r} has no header: its first line holds only numbers; "
            "name the columns there, as in params,tokens,loss"
        )
    return header


def _rejected(header: list[str], lines: list[int], body: list[list[str]]) -> dict[int, str]:
    """Say why lines are no rows."""
    rejected = {}
    width, named = len(header), [name.strip() for name in header]
    for line, row in zip(lines, body, strict=True):
        while len(row) > width and not row[-1].strip():
            row.pop()
        if len(row) != width:
            noun = "field" if len(row) == 1 else "fields"
            rejected[line] = f"{len(row)} {noun}, but the header has {width}"
        elif [cell.strip() for cell in row] == named:
            rejected[line] = "the header again"
    return rejected


def _refuse_many(rejected: dict[int, str], rows: int, header: list[str], file: TableFile) -> None:
    """Refuse a file half of whose lines do not have the fields of the header."""
    wrong = {line: reason for line, reason in rejected.items() if "fields" in reason}
    if rows and 2 * len(wrong) >= rows:
        line, reason = next(iter(wrong.items()))
        raise BayescaleError(
            f"{file.name!r}, line {line}: {reason}; correct the line, or quote fields that hold "
            "the delimiter"
        )


def _infer(cells: pd.Series) -> np.ndarray | ExtensionArray | pd.Series:
    """Give a column of text its type."""
    values = cells.to_list()
    if not all(value is None or isinstance(value, str) for value in values):
        return cells
    stripped = ["" if value is None else value for value in values]
    present = [cell for cell in stripped if cell.lower() not in MISSING]
    if {cell.lower() for cell in present} <= {"true", "false"} and present:
        known = {"true": True, "false": False}
        flags = [known.get(cell.lower()) for cell in stripped]
        return np.array(flags) if None not in flags else pd.array(flags, dtype="boolean")
    elif all(is_number(cell) for cell in present):
        if len(present) == len(stripped) and all(_is_integer(cell) for cell in present):
            return np.array([int(cell) for cell in stripped])
        return np.array([float(c) if c.lower() not in MISSING else math.nan for c in stripped])
    return pd.array([cell or None for cell in stripped], dtype="str")


def is_number(cell: str) -> bool:
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
