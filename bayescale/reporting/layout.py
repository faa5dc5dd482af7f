"""What a page is made of: sections of text, tables, pictures and formulas, without any markup.

The template turns these into HTML and escapes every string, so nothing here need be safe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LIMIT = 40
"""Rows of a table of runs that are shown."""


@dataclass(frozen=True)
class Badge:
    """A verdict in a table: good, doubtful or bad."""

    text: str
    tone: Literal["good", "doubtful", "bad"]


@dataclass(frozen=True)
class Pair:
    """A value in a table and, under it, what belongs to it: an interval, a correlation."""

    over: str
    under: str = ""


@dataclass(frozen=True)
class Link:
    """Text that leads to a page; only https addresses become links."""

    text: str
    url: str

    @property
    def safe(self) -> bool:
        """Whether the address may be made a link."""
        return self.url.startswith("https://")


Cell = str | Badge | Pair | Link


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]
    kind = "bullets"


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    kind = "table"

    def shortened(self, limit: int = LIMIT) -> "Table":
        """Keep the first rows and say how many there are."""
        if len(self.rows) <= limit:
            return self
        note = f"The first {limit} of {len(self.rows):,}. {self.note}".strip()
        return Table(self.header, self.rows[:limit], note)


@dataclass(frozen=True)
class Picture:
    """A picture inside the page, as a data URI, and what it shows."""

    source: str
    shows: str
    kind = "picture"


@dataclass(frozen=True)
class Formula:
    """A formula as one SVG path in the colour of the text, and its LaTeX; no path when undrawn."""

    latex: str
    path: str = ""
    box: str = ""
    width: float = 0.0
    kind = "formula"


Block = Text | Bullets | Table | Picture | Formula


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]
