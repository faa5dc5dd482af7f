"""What a run table says of itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescale.data.aliases import KINDS
from bayescale.data.number_format import format_quantity, listed
from bayescale.data.row_messages import cells_of, summarise

if TYPE_CHECKING:
    from bayescale.data.runs import Runs


@dataclass(frozen=True)
class Column:
    """What one canonical column was made of."""

    name: str
    """The canonical name: params, tokens, flops, loss, loss_se, run, family or step."""
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
    lines = [f"{column.name:<8} {_column(table, column)}" for column in columns]
    named = {column.name for column in columns}
    others = [name for name in table.columns if name not in named]
    return [*lines, f"other columns: {listed(others)}"] if others else lines


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
    elif column.name in KINDS:
        ends = (float(f(cells.to_numpy())) for f in (np.min, np.max))
        low, high = (format_quantity(end, kind=KINDS[column.name]) for end in ends)
        parts = [low if low == high else f"{low} to {high}"]
    else:
        parts = [f"{cells.nunique():,} distinct"]
    if column.source is not None:
        parts.append(f"from {column.source!r}")
    if column.factor != 1:
        parts.append(f"in {column.unit} (x {column.factor:g})")
    return ", ".join([*parts, column.note] if column.note else parts)


def runs_record(runs: "Runs") -> dict[str, Any]:
    """Return what a saved fit and JSON answers say of a run table."""
    labels = runs.set_aside.index.map(str)
    return {
        "source": runs.source,
        "rows": len(runs),
        "columns": [vars(column) for column in runs.columns],
        "params_convention": runs.params_convention,
        "loss_unit": runs.loss_unit,
        "notes": list(runs.notes),
        "set_aside": [
            {"row": label, "reason": str(reason)}
            for label, reason in zip(labels, runs.set_aside["reason"], strict=True)
        ],
    }
