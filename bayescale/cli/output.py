"""What a command prints: tables for people, JSON for programs."""

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

type Cell = str | Callable[[str], str]
"""Text, or a function from the separator between an estimate and its interval to text."""

_PROSE = 20
"""Characters that a column of running text needs, at least."""


def say(*parts: "RenderableType") -> None:
    """Print text or tables on stdout; text is shown as it is, whatever brackets it holds."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as captured:
        for part in parts:
            console.print(Text(part) if isinstance(part, str) else part)
    write("\n".join(line.rstrip() for line in captured.get().split("\n")))


def write(text: str) -> None:
    """Write to stdout; a reader that has left (``| head``) is not an error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, wide: str = "") -> "Table":
    """Lay out a table; where it is wider than the terminal, intervals go below their estimate.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : sequence of sequences
        A cell a column, see :data:`Cell`.
    wide : str
        The column of running text, if there is one: it may wrap.
    """
    from rich.console import Console

    console, unlimited = Console(), Console(width=1000)
    numbers = [i for i, name in enumerate(columns) if name != wide]
    narrow = _table([columns[i] for i in numbers], [[row[i] for i in numbers] for row in rows], " ")
    room = console.width - (_PROSE if wide else 0)
    fits = unlimited.measure(narrow).maximum <= room
    made = _table(columns, rows, " " if fits else "\n")
    for i in numbers if fits else ():
        made.columns[i].no_wrap = True
    return made


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], separator: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(Text(name), overflow="fold")
    for row in rows:
        made.add_row(*(Text(c if isinstance(c, str) else c(separator)) for c in row))
    return made


def emit(answer: Mapping[str, Any]) -> None:
    """Print an answer as JSON on stdout; what is not a finite number is null."""
    write(json.dumps(plain(answer), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Turn mappings, sequences, NumPy scalars, paths and floats into what JSON can say."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
