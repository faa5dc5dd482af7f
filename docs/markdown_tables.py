"""Tables and bars in Markdown, for the pages that ``make docs`` writes."""

from collections.abc import Iterable, Sequence
from math import isnan
from typing import Any

import pandas as pd


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay out a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def table_of(frame: pd.DataFrame, digits: int = 4) -> str:
    """Lay out a frame, its index first."""
    names = [str(name) for name in frame.index.names]
    rows = (
        [*(index if isinstance(index, tuple) else (index,)), *values]
        for index, values in zip(frame.index, frame.itertuples(index=False), strict=True)
    )
    columns = [*names, *map(str, frame.columns)]
    return table(columns, ([_short(cell, digits) for cell in row] for row in rows))


def said(bar: object) -> str:
    """Say a bar on one line."""
    return " ".join(str(bar).split())


def bullets(bars: Iterable[object]) -> str:
    """List bars."""
    return "\n".join(f"- {said(bar)}" for bar in bars)


def _short(value: Any, digits: int) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if isnan(value) else f"{value:.{digits}f}"


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|")
