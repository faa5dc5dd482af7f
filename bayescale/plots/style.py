"""The look that all figures share: colours, panels, words on the axes.

The palette is Okabe and Ito's, which colour-blind readers can tell apart.
"""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bayescale.errors import BayescaleError
from bayescale.fitting import Fit

BLUE, VERMILLION, GREEN, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"
INK, GREY, PALE = "#222222", "#7A7A7A", "#ECECEC"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
"""Colours of things that have no order."""
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


LEGEND_COLUMNS = 4
"""Most entries of a legend side by side below a figure of two panels."""
LEGEND: dict[str, Any] = {"fontsize": "small", "frameon": False, "handlelength": 1.6}


def add_legend(ax: Axes, location: Literal["best", "lower left", "upper left"] = "best") -> None:
    """Add a small legend of everything that has a label."""
    ax.legend(loc=location, **LEGEND)


def legend_above(ax: Axes) -> None:
    """Add a legend of one line above the panel, out of the way of what is drawn."""
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, **LEGEND)


def legend_below(axes: np.ndarray) -> None:
    """Add the first panel's legend below the figure if that has room, else into that panel."""
    figure = axes[0].get_figure()
    alone = set(figure.axes) == set(axes)
    if not (alone and isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)):
        add_legend(axes[0])
        return
    handles, labels = axes[0].get_legend_handles_labels()
    rows = -(-len(labels) // LEGEND_COLUMNS)
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, **LEGEND)


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
    unit = fit.unit
    return f"{fit.target} ({unit})" if unit else fit.target


def parameter_unit(fit: Fit, name: str) -> str:
    """Return the unit of a parameter, "" where it has none or none is known."""
    return fit.unit_of(name)


def column_label(fit: Fit, column: str) -> str:
    """Name a column of the run table, with its unit or convention."""
    convention = fit.record["runs"].get("params_convention", "unknown")
    if column == "params" and convention not in ("", "unknown", "total"):
        return f"parameters ({convention})"
    return {"params": "parameters", "flops": "training compute (FLOP)"}.get(column, column)


def mark_end(ax: Axes, edge: float) -> None:
    """Mark where the data end, and shade what is drawn beyond."""
    right = ax.get_xlim()[1]
    if right > edge:
        ax.axvspan(edge, right, color=PALE, lw=0, zorder=0)
        ax.axvline(edge, color=GREY, lw=1, ls=":", zorder=0.5, label="end of the data")
        ax.set_xlim(right=right)
