"""Tables in text and in HTML, with human-readable numbers, for objects that show themselves."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from bayescale.data.number_format import fixed, format_value, kind_of, percent

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 40
"""The most rows of a table that are shown."""


def heading(width: float) -> str:
    """Return the heading of a table's interval column: ``median [89 % interval]``."""
    return f"median [{percent(width, 4)} interval]"


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    """Write the values of one row of a table, numbers by the kind of their column.

    >>> _cells({"params": 9.352458e9, "loss": 2.03617, "run": "a"})
    {'params': '9.35B', 'loss': '2.036', 'run': 'a'}
    """
    return {str(name): _cell(str(name), value) for name, value in row.items()}


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    kind = kind_of("flops" if name == "cost" else name)
    return fixed(value) if kind == "number" else format_value(value, kind)


def rows_shown(frame: "pd.DataFrame") -> list[dict[str, str]]:
    """Return the first rows of a table to display, every value written."""
    return [_cells(row) for row in frame.head(SHOWN).to_dict("records")]


def text_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows of equal keys for display as an aligned text table with headings."""
    if not rows:
        return ""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(f"  {line}".rstrip() for line in padded)


def _html_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows of equal keys as an HTML table; everything is escaped."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in row.values())}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_block(title: str, *said: str, rows: Sequence[Mapping[str, str]] = ()) -> str:
    """Return a title, a table and sentences for display as HTML; everything is escaped."""
    below = "".join(f"<p>{escape(text)}</p>" for text in said if text)
    return f"<div><p><strong>{escape(title)}</strong></p>{_html_table(rows)}{below}</div>"
