"""The texts of a figure: none lies on another, and none is cut off, at three sizes."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

SIZES = (1.0, 0.75, 1.6)
"""Of figures, in units of the usual ones."""


def faults(figure: Figure) -> Iterator[str]:
    """Say which texts of a figure lie on another, or beyond its edge."""
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    said = [("legend", legend.get_window_extent()) for legend in figure.legends]
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown = [
                tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high
            ]
            labels = [t for t in shown if t.get_text() and t.get_visible()]
            seen = [(t.get_text(), t.get_window_extent()) for t in labels]
            for (one, first), (other, second) in pairwise(seen):
                if first.overlaps(second):
                    yield f"{one} and {other} lie on one another"
            said += [*seen, (axis.label.get_text(), axis.label.get_window_extent())]
        texts = [(t.get_text(), Text.get_window_extent(t)) for t in ax.texts]
        for i, (one, box) in enumerate(texts):
            for other, also in texts[:i]:
                if box.overlaps(also):
                    yield f"{one} and {other} lie on one another"
        said += [*texts, (ax.get_title(), ax.title.get_window_extent())]
        if legend := ax.get_legend():
            said.append(("legend", legend.get_window_extent()))
    for text, box in said:
        if text and not (page.x0 <= box.x0 and box.x1 <= page.x1):
            yield f"{text} is cut off at a side"
        if text and not (page.y0 <= box.y0 and box.y1 <= page.y1):
            yield f"{text} is cut off above or below"


def faults_at_three_sizes(draw: Callable[[], Any]) -> list[str]:
    """Draw a figure at three sizes; say what is wrong with its texts, each with its size."""
    import matplotlib.pyplot as plt

    found = []
    for size in SIZES:
        usual = np.array(matplotlib.rcParamsDefault["figure.figsize"])
        with matplotlib.rc_context({"figure.figsize": list(size * usual)}):
            draw()
        found += [f"{fault}, at {size:g}" for fault in faults(plt.gcf())]
        plt.close("all")
    return found
