"""Text with delimiters: CSV, TSV and the like, with the line of each row."""

import csv
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched, chain
from typing import Any, TextIO

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from bayescale.data import limits
from bayescale.data.aliases import KINDS, interpret
from bayescale.data.duplicate_columns import distinct_names
from bayescale.data.histories import gather
from bayescale.data.missing import MISSING
from bayescale.data.row_messages import cells_of
from bayescale.data.table_files import Loaded, TableFile, encoding_notes, open_text
from bayescale.errors import BayescaleError

_DELIMITERS = ",;\t|"


_POWER_OF_TEN = re.compile(r"10 ?(\^|\*\*) ?\d+")
"""The one way to write a unit in digits alone: 10^9."""


type _Row = tuple[int, list[str]]
"""The line that a row starts on, and its fields."""


def read_delimited(file: TableFile) -> Loaded:
    """Read text with delimiters; the cells stay text.

    Lines that begin with # are skipped. A line with more or fewer fields than the header, and one
    that repeats it, is no row, with the reason. A history of more rows than the limit is thinned
    while it is read.

    Raises
    ------
    BayescaleError
        It is no table: no header, or half of its lines do not have the fields of the header.
    """
    comments: list[str] = []
    with open_text(file) as stream:
        encoded = encoding_notes(stream)
        try:
            rows, delimiter = _rows(stream, file, comments)
            parts = _Parts(next(rows, (1, []))[1], file)
            pieces = batched(rows, limits.MAX_ROWS)
            loaded = gather(map(parts.read, pieces), file, delimiter)
        except csv.Error as error:
            raise BayescaleError(f"{file.name!r} is not a table of text: {error}") from error
    above = [line for line in comments if not line.lstrip().startswith("#")]
    skipped = [f"lines above the header were skipped: {len(above):,}"] if above else []
    if len(comments) > len(above):
        skipped.append(f"lines that begin with # were skipped: {len(comments) - len(above):,}")
    loaded.rejected |= parts.rejected
    loaded.notes = [*encoded, *skipped, *parts.notes, *loaded.notes]
    return loaded


class _Parts:
    """Frames of the rows of one file, whose first part settles the names of its columns."""

    def __init__(self, header: list[str], file: TableFile) -> None:
        self._raw, self._header, self._file = header, _header(header, file), file
        self._names: list[str] = []
        self.rejected: dict[int, str] = {}
        """Why a line is no row, by its number."""
        self.notes: list[str] = []

    def read(self, rows: Sequence[_Row]) -> pd.DataFrame:
        """Make a frame of some rows, without those that do not fit the header."""
        rejected = _rejected(self._raw, rows)
        _refuse_many(rejected, len(rows), self._file)
        self.rejected |= rejected
        kept = [row for row in rows if row[0] not in rejected] if rejected else rows
        if not self._names and kept and (units := _units(self._header, kept[0][1])):
            self._header, (line, _), kept = units, kept[0], kept[1:]
            self.notes.append(f"line {line} holds the units of the columns")
        cells = [fields for _, fields in kept]
        if not self._names:
            self._names, notes = distinct_names(self._header, repr(self._file.name), cells)
            self.notes += notes
        index = pd.Index([line for line, _ in kept], name="line", dtype="int64")
        columns = zip(*cells, strict=True) if cells else [()] * len(self._header)
        stripped = {
            name: pd.Series([cell.strip() or None for cell in column], dtype=object)
            for name, column in zip(self._names, columns, strict=True)
        }
        return pd.DataFrame(stripped).set_axis(index)


def _units(header: list[str], fields: list[str]) -> list[str]:
    """Put the units of the row below the header into the names; nothing where it holds others."""
    units = [cell.strip(" ()[]") for cell in fields]
    if any(re.search(r"\d", _POWER_OF_TEN.sub("", unit)) for unit in units):
        return []  # 174,000,000 and 1.2B are values, though a unit may be as much
    names, known = [], 0
    for name, unit in zip(header, units, strict=True):
        meaning = interpret(name)
        named = interpret(f"{name} ({unit})") if meaning and unit else None
        counted = named is not None and (named.unit == unit or named.loss_unit != "")
        if unit and meaning and meaning.name in KINDS and not counted:
            return []
        known += counted
        names.append(f"{name} ({unit})" if counted else name)
    return names if known else []


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of a text file their types: numbers, booleans, or text as it stands."""
    columns = {str(name): _infer(cells_of(frame, str(name))) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index)


def _rows(stream: TextIO, file: TableFile, comments: list[str]) -> tuple[Iterator[_Row], str]:
    """Split a file into fields, the header's first; collect the lines that are comments."""
    places: deque[int] = deque()
    lines = _without_comments(limits.limited_lines(stream, file.name), comments, places)
    ahead, delimiter = _head(lines, comments)
    first = ahead[0]
    named = [c for c in comments if c.startswith("#") and c.strip("# \t\r\n")]
    if delimiter not in first:
        raise BayescaleError(
            f"{file.name!r} is not a table: its first line, {first.strip()[:60]!r}, has no comma, "
            "semicolon or tab; the first line must name the columns"
        )
    while len(places) > len(ahead):
        places.popleft()
    if named and _is_header(named[-1], first, delimiter):
        comments.remove(named[-1])
        ahead.insert(0, named[-1].lstrip("# "))
        places.appendleft(places[0])
    reader = csv.reader(
        chain(ahead, lines), delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True
    )
    return _numbered(reader, places), delimiter


def _head(lines: Iterator[str], titles: list[str]) -> tuple[list[str], str]:
    """Read on to the header, and settle the delimiter; lines above it are titles.

    A spreadsheet's ``sep=;`` names the delimiter.
    """
    first = next((line for line in lines if line.strip()), "")
    said = re.fullmatch(rf'"?sep=([{_DELIMITERS}])"?', first.strip(), re.IGNORECASE)
    if said:
        first = next((line for line in lines if line.strip()), "")
    head = [first]
    while len(head) <= limits.MAX_TITLES and len(_cells_of_line(head[-1])) < 2:
        following = next(lines, None)
        if following is None:
            break
        head.append(following)
    place = header_place([_cells_of_line(line) for line in head])
    titles += [line for line in head[:place] if line.strip()]
    delimiter = said[1] if said else max(_DELIMITERS, key=head[place].count)
    return head[place:], delimiter


def _cells_of_line(line: str) -> list[str]:
    """The cells of a line that hold something, by whichever delimiter gives the most."""
    ways = (next(csv.reader([line], delimiter=d), []) for d in _DELIMITERS)
    return max(([cell for cell in way if cell.strip()] for way in ways), key=len)


def header_place(rows: Sequence[Sequence[str]]) -> int:
    """Return which row is the header: one of words below rows of one cell, else the first.

    Examples
    --------
    >>> header_place([["Runs of 2024"], [], ["params", "loss"], ["1e9", "2.5"]])
    2
    >>> header_place([["loss"], ["first", "2.5"]])
    0
    """
    filled = [[cell for cell in row if cell.strip()] for row in rows]
    place = next((place for place, row in enumerate(filled) if len(row) > 1), 0)
    return 0 if any(is_number(cell.strip()) for cell in filled[place]) else place


def _numbered(reader: Any, places: deque[int]) -> Iterator[_Row]:
    """Yield the rows that hold something, with the lines they start on."""
    taken = 0
    for fields in reader:
        line = places.popleft()
        for _ in range(taken + 1, reader.line_num):
            places.popleft()
        taken = reader.line_num
        if any(map(str.strip, fields)):
            yield line, fields


def _without_comments(
    lines: Iterable[str], comments: list[str], places: deque[int]
) -> Iterator[str]:
    """Yield the lines that are no comments, and record their places; quoted text is kept."""
    quoted = False
    columns = 0
    for place, line in enumerate(lines, start=1):
        if (
            not quoted
            and "#" in line
            and line.lstrip().startswith("#")
            and not _is_data(line, columns)
        ):
            comments.append(line)
            continue
        if '"' in line:
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
    if not names:
        raise BayescaleError(f"{file.name!r} is empty: it needs a header and one row per run")
    header = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    if len(header) > limits.MAX_COLUMNS:
        distinct_names(header, repr(file.name))
    if all(is_number(name) for name in header):
        raise BayescaleError(
            f"{file.name!r} has no header: its first line holds only numbers; "
            "name the columns there, as in params,tokens,loss"
        )
    return header


def _rejected(header: list[str], rows: Iterable[_Row]) -> dict[int, str]:
    """Say why lines are no rows."""
    rejected = {}
    width, named = len(header), [name.strip() for name in header]
    for line, fields in rows:
        if len(fields) == width and fields[0] != header[0]:
            continue
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        if len(fields) != width:
            noun = "field" if len(fields) == 1 else "fields"
            rejected[line] = f"{len(fields)} {noun}, but the header has {width}"
        elif [cell.strip() for cell in fields] == named:
            rejected[line] = "the header again"
    return rejected


def _refuse_many(rejected: dict[int, str], rows: int, file: TableFile) -> None:
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
