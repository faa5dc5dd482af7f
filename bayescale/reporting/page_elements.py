"""What a page is made of: sections of text, tables, pictures and formulas, without any markup.

What writes a page escapes every string, so nothing here need be safe. A picture is drawn when it is
first shown, which a page of text never does.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from bayescale.data.number_format import Estimate, bounds, format_value, middle
from bayescale.data.units import Kind
from bayescale.inference.numpy_arrays import without_lazy_jax

LIMIT = 40
"""Rows of a table of runs that are shown."""


@dataclass(frozen=True)
class Badge:
    """A page element: a verdict in a table, good, doubtful or bad."""

    text: str
    tone: Literal["good", "doubtful", "bad"]


@dataclass(frozen=True)
class Pair:
    """A page element: a value in a table and, under it, what belongs to it.

    Attributes
    ----------
    over, under : str
        As people read them.
    numbers : tuple of float
        As a spreadsheet takes them: one value, or median, lower and upper bound.
    """

    over: str
    under: str = ""
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Link:
    """A page element: text that leads to a page; only https addresses become links."""

    text: str
    url: str

    @property
    def safe(self) -> bool:
        """Whether the address may be made a link."""
        return self.url.startswith("https://")


Cell = str | Badge | Pair | Link


def number_cell(value: float, kind: Kind, under: str = "", width: float = 0.0) -> Pair:
    """Return the page element of one number."""
    return Pair(format_value(value, kind, width), under, (value,))


def interval_cell(shown: Estimate, kind: Kind = "number", unit: str = "") -> Pair:
    """Return the page element of an interval: its median over its bounds."""
    return Pair(middle(shown, kind, unit), bounds(shown, kind), tuple(shown))


@dataclass(frozen=True)
class Text:
    """A page element: a paragraph."""

    text: str
    kind = "text"


@dataclass(frozen=True)
class Bullets:
    """A page element: a list of sentences."""

    items: Sequence[str]
    kind = "bullets"


@dataclass(frozen=True)
class Table:
    """A page element: a table; the first column names the row."""

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
    """A page element: a picture, drawn as a data URI when it is shown, and what it shows."""

    draw: Callable[[], str]
    shows: str
    kind = "picture"

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return self.draw()


@dataclass(frozen=True)
class Formula:
    """A formula as one SVG path in the colour of the text, and its LaTeX; no path when undrawn."""

    latex: str
    path: str = ""
    box: str = ""
    width: float = 0.0
    kind = "formula"


@dataclass(frozen=True)
class Slider:
    """A page element: answers at many budgets, between which the page interpolates.

    Attributes
    ----------
    data : mapping
        Plain numbers and words, which JSON can hold; see :mod:`bayescale.reporting.budget_slider`.
    table : Table
        The same for pages of text.
    note : str
        What the numbers are.
    """

    data: Mapping[str, Any]
    table: Table
    note: str
    kind = "slider"


Block = Text | Bullets | Table | Picture | Formula | Slider


@dataclass(frozen=True)
class Section:
    """A page element: a heading and what stands under it."""

    title: str
    blocks: Sequence[Block]


DPI = 160


WIDTH = 7.2
"""Inches: the width of the page's text."""


_COMMANDS = {
    Path.MOVETO: "M",
    Path.LINETO: "L",
    Path.CURVE3: "Q",
    Path.CURVE4: "C",
    Path.CLOSEPOLY: "Z",
}


def picture(
    draw: Callable[[Any], Any],
    shows: str,
    *,
    width: float = WIDTH,
    height: float = 4.2,
    panels: int = 1,
    columns: int = 1,
    lay_out: Callable[[Figure], Sequence[Any]] | None = None,
) -> Picture:
    """Return a picture, an element of the page, which is a PNG inside a data URI.

    Parameters
    ----------
    draw : callable
        Gets the matplotlib ``Axes`` to draw on, a list of them if there are several panels.
    shows : str
        What it shows, for those who cannot see it and as its caption.
    width, height : float
        Of a row of panels, in inches; a wide picture is shown smaller.
    panels, columns : int
        How many panels, and how many of them side by side.
    lay_out : callable, optional
        Makes the axes in a figure, where they are no such grid.
    """

    @without_lazy_jax()
    def drawn() -> str:
        with matplotlib.style.context("default"):
            rows = -(-panels // columns)
            figure = Figure(figsize=(width, rows * height), dpi=DPI, layout="constrained")
            if lay_out is None:
                axes = [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
                draw(axes if panels > 1 else axes[0])
            else:
                draw(lay_out(figure))
            stream = io.BytesIO()
            _laid_out(figure).print_png(stream, metadata={"Software": None})
        return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"

    return Picture(drawn, shows)


def _laid_out(figure: Figure) -> FigureCanvasAgg:
    """Lay a figure out and return its canvas, which draws it once; ``savefig`` does so thrice."""
    engine, canvas = figure.get_layout_engine(), FigureCanvasAgg(figure)
    assert engine is not None
    engine.execute(figure)
    figure.set_layout_engine("none")
    return canvas


@lru_cache
def formula(latex: str, size: float = 15.0) -> Formula:
    """Draw LaTeX as the outline of its glyphs; what matplotlib cannot draw is shown as text.

    Parameters
    ----------
    latex : str
        Without dollar signs, as :meth:`bayescale.Law.formula` gives it.
    size : float
        Of the font, in pixels.
    """
    try:
        with matplotlib.style.context("default"):
            outline = TextPath((0, 0), f"${latex}$", size=size)
    except (ValueError, RuntimeError):
        return Formula(latex)
    if not len(outline.vertices):
        return Formula(latex)
    extent = outline.get_extents()
    parts = []
    for points, code in outline.iter_segments(curves=True, simplify=False):
        numbers = " ".join(f"{v if i % 2 == 0 else -v:.2f}" for i, v in enumerate(points))
        parts.append(_COMMANDS[code] + (numbers if code != Path.CLOSEPOLY else ""))
    corner, area = (extent.x0, -extent.y1), (extent.width, extent.height)
    box = " ".join(f"{value:.2f}" for value in (*corner, *area))
    return Formula(latex, "".join(parts), box, round(extent.width, 1))
