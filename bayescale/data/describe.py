"""What a run table says of itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayescale.data.aliases import KINDS, RENAMED
from bayescale.data.number_format import format_quantity, listed
from bayescale.data.other_columns import unused_columns
from bayescale.data.row_messages import cells_of, summarise

if TYPE_CHECKING:
    from bayescale.data.runs import Runs


_USES = 12
"""Columns whose use is said, a line each."""


@dataclass(frozen=True)
class Column:
    """What one canonical column was made of."""

    name: str
    """The canonical name: params, tokens, flops, loss, loss_se, run, family or step; or that of
    another column that is read."""
    source: str | None
    """The user's column, or None where it was filled."""
    factor: float = 1.0
    """What its plain numbers were multiplied by."""
    unit: str = ""
    """The unit that stands for, as the column's name spells it."""
    note: str = ""
    """How it was filled, if it was."""


def describe_columns(table: pd.DataFrame, columns: tuple[Column, ...]) -> list[str]:
    """Say, a line each, what the columns of a table were taken for."""
    wide = max([8, *(len(column.name) for column in columns)])
    lines = [f"{column.name:<{wide}} {_column(table, column)}" for column in columns]
    named = {column.name for column in columns}
    made = " ".join(f"{column.note} {column.source}" for column in columns if not column.unit)
    made += "".join(f" original_{name}" for name in named)  # replaced by what is read
    others = unused_columns(str(name) for name in table.columns if name not in named)
    others = {name: "" if name in made else use for name, use in others.items()}
    plain = [name for name, use in others.items() if not use]
    lines += [f"not used: {name!r}, {use}" for name, use in list(others.items())[:_USES] if use]
    return [*lines, f"other columns: {listed(plain)}"] if plain else lines


def describe_names(table: pd.DataFrame, columns: tuple[Column, ...]) -> str:
    """List the columns of a table, with the user's names for those that were recognised."""
    sources = {column.name: column.source for column in columns}
    names = (str(name) for name in table.columns)
    return listed(
        (f"{n} (from {sources[n]!r})" if sources.get(n) not in (None, n) else n for n in names),
        limit=20,
    )


def describe_set_aside(rows: pd.DataFrame) -> str:
    """Say how many rows were set aside, and why."""
    if rows.empty:
        return "set aside: none"
    plural = "s" if len(rows) > 1 else ""
    return f"set aside: {len(rows):,} row{plural}: {summarise(cells_of(rows, 'reason'))}"


def _column(table: pd.DataFrame, column: Column) -> str:
    """Describe one column: its range, where it comes from, and in what unit."""
    cells = cells_of(table, column.name).dropna()
    if cells.empty:
        parts = ["empty"]
    elif ends := _ends(column.name, cells):
        kind = KINDS.get(column.name, "number")
        low, high = (format_quantity(end, kind=kind) for end in ends)
        parts = [low if low == high else f"{low} to {high}"]
    else:
        parts = [f"{cells.nunique():,} distinct"]
    if column.source is not None:
        parts.append(f"from {column.source!r}")
    if column.factor != 1:
        parts.append(f"in {column.unit} (x {column.factor:g})")
    return ", ".join([*parts, column.note] if column.note else parts)


def _ends(name: str, cells: pd.Series) -> list[float]:
    """Return the least and the largest number of a column; of labels and of text nothing."""
    numbers = name in KINDS or (name not in RENAMED and cells.dtype.kind in "iuf")
    return [float(cells.min()), float(cells.max())] if numbers and len(cells) else []


def runs_record(runs: "Runs") -> dict[str, Any]:
    """Return what a saved fit and JSON answers say of a run table."""
    labels = runs.set_aside.index.map(str)
    return {
        "source": runs.source,
        "rows": len(runs),
        "columns": [dict(vars(column)) for column in runs.columns],
        "params_convention": runs.params_convention,
        "loss_unit": runs.loss_unit,
        "notes": list(runs.notes),
        "set_aside": [
            {"row": label, "reason": str(reason)}
            for label, reason in zip(labels, runs.set_aside["reason"], strict=True)
        ],
    }


def reading_record(runs: "Runs") -> dict[str, Any]:
    """Return all that is known of how a run table was read.

    Beside `runs_record`: the range of each column, the columns that are not used with what they
    could be used for, and the rows set aside by reason.
    """
    record = runs_record(runs)
    named = {column.name for column in runs.columns}
    for column in record["columns"] if named else ():
        cells = cells_of(runs.table, column["name"]).dropna()
        column["range"] = _ends(column["name"], cells) or None
    names = (str(name) for name in runs.table.columns if name not in named)
    unused = [{"column": name, "use": use} for name, use in unused_columns(names).items()]
    reasons = cells_of(runs.set_aside, "reason").value_counts()
    counts = [{"reason": str(reason), "rows": int(n)} for reason, n in reasons.items()]
    return {**record, "unused": unused, "set_aside_by_reason": counts}
