"""From the cells of a table, which may be text such as ``7B``, to numbers."""

import re
import reprlib
from collections.abc import Collection, Hashable
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from bayescale.data.aliases import KINDS, LOGARITHMS, RENAMED, ROLES
from bayescale.data.columns import Recognition
from bayescale.data.missing import MISSING, is_missing
from bayescale.data.row_messages import cells_of, row_name
from bayescale.data.units import Kind, parse_quantity
from bayescale.errors import BayescaleError

_FEW = 1e4
"""A count below this may lack the unit that others have."""


_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}


_GROUPED = re.compile(r"\d{1,3},\d{3}(?!\d)")


_FOOTNOTE = re.compile(r"\d\s*(?:\*+|[†‡§¶]+|[¹²³]|\[\w\]|\^[a-z])\s*$")
"""A number, perhaps with a unit, and the mark of a footnote."""


Unreadable = dict[int, str]
"""What is no number: the message, by the position of the row."""


def to_numbers(
    cells: pd.Series, kind: Kind = "number", factor: float = 1.0
) -> tuple[np.ndarray, Unreadable]:
    """Read a column as numbers.

    Parameters
    ----------
    cells
        Numbers, or text such as ``7B``.
    kind
        As for `bayescale.data.units.parse_quantity`.
    factor
        What numbers without a unit of their own are counted in.

    Returns
    -------
    numpy.ndarray
        One float64 a row; NaN where the cell is empty or no number.
    dict of int to str
        Why, for the cells that are no number.
    """
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(dtype="float64", na_value=np.nan) * factor, {}
    values = np.full(len(cells), np.nan)
    unreadable: Unreadable = {}
    for position, cell in enumerate(cells):
        try:
            values[position] = _number(cell, kind, factor)
        except BayescaleError as error:
            unreadable[position] = str(error)
    if kind != "number" and factor == 1:
        unreadable |= _without_unit(cells, values)
    values[list(unreadable)] = np.nan
    return values, unreadable


def _without_unit(cells: pd.Series, values: np.ndarray) -> Unreadable:
    """Find small numbers without a unit in a column whose other cells have one: 20M, 200."""
    bare = np.full(len(cells), False)
    units = 0
    for place, cell in enumerate(cells):
        if np.isfinite(values[place]) and values[place]:
            has = isinstance(cell, str) and cell.rstrip()[-1:].isalpha()
            bare[place] = not has and abs(values[place]) < _FEW
            units += has
    if 3 * units < len(cells):
        return {}
    return {
        int(place): f"{cells.iloc[place]!r} has no unit, and other cells have one"
        for place in np.flatnonzero(bare)
    }


def canonical_table(
    frame: pd.DataFrame, recognition: Recognition
) -> tuple[pd.DataFrame, dict[str, Unreadable]]:
    """Convert a table: rename the columns that were recognised, and read their numbers.

    Returns
    -------
    pandas.DataFrame
        A new table: canonical columns first, those that a user named, then every other column
        under its own name.
    dict
        The cells that are no number, by canonical column.
    """
    sources = {name: column for name, (column, _) in recognition.taken.items() if name not in ROLES}
    table: dict[str, object] = {}
    unreadable: dict[str, Unreadable] = {}
    for name in (name for name in dict.fromkeys([*RENAMED, *sources]) if name in sources):
        cells = cells_of(frame, sources[name])
        table[name] = cells
        if name not in KINDS:
            _refuse_nested(sources[name], cells, name)
        if name == "step" and (factor := recognition.taken[name][1].factor) != 1:
            table[name] = to_numbers(cells, "count", factor)[0]
        if name in KINDS:
            meaning = recognition.taken[name][1]
            base = LOGARITHMS.get(meaning.logarithm)
            factor = 1.0 if base else meaning.factor
            values, unreadable[name] = to_numbers(cells, KINDS[name], factor)
            with np.errstate(over="ignore"):
                table[name] = base**values * meaning.factor if base else values
    for column in frame.columns.difference(list(sources.values()), sort=False):
        table[free_name(column, frame, sources)] = frame[column]
    return pd.DataFrame(table, index=frame.index), unreadable


def unreadable_reasons(
    name: str, column: str, cells: pd.Series, unreadable: Unreadable
) -> list[tuple[np.ndarray, str]]:
    """Say why rows cannot be used whose cell is no number, such as ``OOM``.

    Parameters
    ----------
    name
        The canonical name.
    column
        The user's column.
    cells
        Its cells, in the rows that are used.
    unreadable
        The messages, by position.

    Returns
    -------
    list
        Masks of rows, and the reason.

    Raises
    ------
    BayescaleError
        More than half of the cells that hold something are no numbers, apart from those that only
        a footnote mark keeps from being one, or all are; names the column and a row.
    """
    present = int((~is_missing(cells)).sum())
    marked = sum(bool(_FOOTNOTE.search(str(cells.iloc[place]))) for place in unreadable)
    if unreadable and (2 * (len(unreadable) - marked) > present or len(unreadable) == present):
        position, message = next(iter(unreadable.items()))
        more = f" ({len(unreadable) - 1:,} more like it)" if len(unreadable) > 1 else ""
        advice = "correct it, or leave it empty to set the row aside"
        if name in RENAMED:
            advice += f"; if this column is not {name}, say columns={{{name!r}: None}}"
        raise BayescaleError(
            f"column {column!r}, {row_name(cells.index, position)}: {message}{more}; {advice}"
        )
    parts: dict[str, np.ndarray] = {}
    for position in unreadable:
        text = f"{name} is {reprlib.repr(cells.iloc[position])}"
        parts.setdefault(text, np.full(len(cells), False))[position] = True
    return [(mask, text) for text, mask in parts.items()]


def _refuse_nested(column: str, cells: pd.Series, canonical: str) -> None:
    """Raise for the first cell of labels that is a list or the like."""
    for position, cell in enumerate(cells if cells.dtype == object else ()):
        if not isinstance(cell, Hashable) or isinstance(cell, tuple | frozenset):
            raise BayescaleError(
                f"column {column!r}, {row_name(cells.index, position)}: "
                f"{reprlib.repr(cell)} is a {type(cell).__name__}, and a {canonical} is text or a "
                "number"
            )


def _number(cell: object, kind: Kind, factor: float) -> float:
    """Read one cell."""
    if isinstance(cell, str):
        word = cell.strip().lower()
        if word in MISSING:
            return np.nan
        if word in _INFINITE:
            return np.inf
        if found := _GROUPED.search(word):
            raise BayescaleError(
                f"cannot read {cell!r}: the comma in {found[0]!r} may mark decimals or thousands; "
                "say decimal='.' or decimal=','"
            )
        return parse_quantity(cell, kind, unit=factor)
    if isinstance(cell, Real | Decimal) and not isinstance(cell, bool | np.bool):
        try:
            return float(cell) * factor
        except OverflowError:  # a whole number beyond 1e308
            return np.inf
        except ValueError:  # a signalling NaN
            return np.nan
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return np.nan
    return parse_quantity(str(cell), kind)


def free_name(column: str, frame: pd.DataFrame, taken: Collection[str] = ()) -> str:
    """Keep a column's own name, unless a canonical column or one of ``taken`` needs it."""
    if column not in (*RENAMED, *taken):
        return column
    name = f"original_{column}"
    while name in frame.columns:
        name = f"original_{name}"
    return name
