"""Pictures and formulas for a page that loads nothing."""

import base64
import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from bayescale.reporting.layout import Formula, Picture

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
) -> Picture:
    """Draw a picture as PNG inside a data URI.

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
    """
    with matplotlib.style.context("default"):
        rows = -(-panels // columns)
        figure = Figure(figsize=(width, rows * height), layout="constrained")
        axes = [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
        draw(axes if panels > 1 else axes[0])
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return Picture(f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}", shows)


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
