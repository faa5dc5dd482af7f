"""The look that all figures share: colours, panels, words on the axes.

The palette is Okabe and Ito's, which colour-blind readers can tell apart.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from bayescale.errors import BayescaleError
from bayescale.fitting import Fit

BLUE, VERMILLION, GREEN, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"
INK, GREY, PALE = "#222222", "#7A7A7A", "#ECECEC"
SEQUENCE = "viridis"
"""Colour map of ordered quantities."""

SIZE = (6.4, 4.2)
"""Size of a figure with one panel, in inches."""

GREEK = ("alpha", "beta", "gamma", "delta", "kappa", "lambda", "mu", "nu", "sigma", "theta", "eta")


def one_panel(ax: Axes | None, size: tuple[float, float] = SIZE) -> Axes:
    """Return the axes to draw on, dressed; a new figure's when None."""
    if ax is None:
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    dress(ax)
    return ax


def panels(
    axes: Sequence[Axes] | np.ndarray | None, count: int, size: tuple[float, float], columns: int
) -> np.ndarray:
    """Return ``count`` dressed panels, shape (panel,); a new figure's when ``axes`` is None.

    Raises
    ------
    BayescaleError
        When another number of axes was given.
    """
    if axes is None:
        rows = -(-count // columns)
        figure = plt.figure(figsize=size, layout="constrained")
        made = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    else:
        made = list(np.asarray(axes, dtype=object).ravel())
    if len(made) != count:
        raise BayescaleError(f"{len(made)} axes given, this figure has {count} panels")
    for ax in made:
        dress(ax)
    array = np.empty(count, dtype=object)
    array[:] = made
    return array


def dress(ax: Axes) -> None:
    """Take away what carries no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(labelsize="small", color=GREY)
    ax.set_axisbelow(True)


def add_legend(ax: Axes, location: str = "best", columns: int = 1) -> None:
    """Add a small legend of everything that has a label."""
    ax.legend(loc=location, fontsize="small", frameon=False, ncols=columns, handlelength=1.6)


def percent(probability: float) -> str:
    """Write a probability as ``89 %``."""
    return f"{100 * probability:.3g} %"


def symbol(name: str) -> str:
    """Write a parameter's name as it is written in formulas: alpha_N as a Greek letter."""
    head, _, index = name.partition("_")
    if head in GREEK:
        head = f"\\{head}"
    elif len(head) == 2 and head[0].isalpha() and head[1].isdigit():
        head, index = head[0], head[1] + index
    elif len(head) > 1:
        return name
    return f"${head}_{{{index}}}$" if index else f"${head}$"


def loss_label(fit: Fit) -> str:
    """Name the law's target, with its unit where that is known."""
    unit = fit.record["runs"].get("loss_unit", "unknown")
    known = fit.law.target == "loss" and unit not in ("", "unknown")
    return f"{fit.law.target} ({unit})" if known else fit.law.target


def column_label(fit: Fit, column: str) -> str:
    """Name a column of the run table, with its unit or convention."""
    convention = fit.record["runs"].get("params_convention", "unknown")
    if column == "params" and convention not in ("", "unknown", "total"):
        return f"parameters ({convention})"
    return {"params": "parameters", "flops": "training compute (FLOP)"}.get(column, column)


def name_points(ax: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str]) -> None:
    """Write names beside points: to the right, or the left near the right edge, none on another.

    Call it once the axes have their limits.
    """
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    em = 7.5 * figure.dpi / 72
    taken: list[Bbox] = []
    place = ax.transData.transform
    for px, py, name in sorted(zip(x, y, names, strict=True), key=lambda point: -point[1]):
        at, text = place((px, py)), str(name)
        width = 0.62 * em * len(text)
        left = at[0] + em + width > ax.bbox.x1
        start = at[0] - em - width if left else at[0] + em
        shift = 0.0
        while any(box.overlaps(_box(start, at[1] + shift, width, em)) for box in taken):
            shift -= em / 4
        taken.append(_box(start, at[1] + shift, width, em))
        ax.annotate(
            text,
            (px, py),
            (-7.5 if left else 7.5, shift * 72 / figure.dpi),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=7.5,
            color=INK,
        )


def _box(x: float, y: float, width: float, height: float) -> Bbox:
    return Bbox.from_bounds(x, y - 0.65 * height, width, 1.3 * height)
