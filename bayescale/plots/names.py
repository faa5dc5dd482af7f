"""Names written beside points, none on top of another."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from bayescale.plots.style import GREY, INK

POINT_SIZE = 7.5
"""Size of the text, and the gap between a point and its name, in points."""
RADIUS = 4.0
"""Half the room that a point itself takes, in points."""
STEPS = tuple(chain([0.0], *((-step, step) for step in (0.5 * i for i in range(1, 25)))))
"""Vertical shifts that are tried in turn, in text heights."""


def name_points(ax: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str]) -> None:
    """Write names to the right of points, or to the left near the right edge.

    A name that would lie on another moves up or down and keeps a thin line to its point. Call it
    once the axes have their limits.

    Parameters
    ----------
    ax : Axes
        Where the points are.
    x, y : sequence of float
        The points, in data coordinates.
    names : sequence of str
        What to write.
    """
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    ax.autoscale_view()
    pixel = figure.dpi / 72
    marks = ax.transData.transform(np.column_stack([x, y])) / pixel
    taken = [Bbox([mark - RADIUS, mark + RADIUS]) for mark in marks]
    for i in np.argsort(-marks[:, 1]):
        (left, bottom), name = marks[i], str(names[i])
        width = 0.62 * POINT_SIZE * len(name)
        turn = left + POINT_SIZE + width > ax.bbox.x1 / pixel
        start = left - POINT_SIZE - width if turn else left + POINT_SIZE
        boxes = [_box(start, bottom + step * POINT_SIZE, width) for step in STEPS]
        free = (k for k, box in enumerate(boxes) if not any(box.overlaps(t) for t in taken))
        chosen = next(free, 0)
        taken.append(boxes[chosen])
        _write(ax, name, (x[i], y[i]), STEPS[chosen] * POINT_SIZE, turn)


def _box(left: float, middle: float, width: float) -> Bbox:
    height = 1.25 * POINT_SIZE
    return Bbox.from_bounds(left, middle - height / 2, width, height)


def _write(ax: Axes, name: str, point: tuple[float, float], shift: float, turn: bool) -> None:
    line = {"arrowstyle": "-", "color": GREY, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
    text = ax.annotate(
        name.replace("$", r"\$"),
        point,
        (-POINT_SIZE if turn else POINT_SIZE, shift),
        textcoords="offset points",
        ha="right" if turn else "left",
        va="center",
        fontsize=POINT_SIZE,
        color=INK,
        zorder=5,
        arrowprops=line if shift else None,
    )
    text.set_path_effects([withStroke(linewidth=2, foreground="w")])
