"""The look that all figures share: colours, panels, words on the axes.

The palette is Okabe and Ito's, which colour-blind readers can tell apart.

Names written beside points, none on top of another.

Log axes that read like numbers people write: 100M, 1B, 10B; 10^20; 2, 2.5, 3.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

from bayescale.data.number_format import format_quantity
from bayescale.data.units import Kind
from bayescale.errors import BayescaleError
from bayescale.inference.result import Fit

BLUE, VERMILLION, GREEN, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"


INK, GREY, PALE = "#222222", "#7A7A7A", "#ECECEC"


CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
"""Colours of things that have no order."""


SEQUENCE = "viridis"
"""Colour map of ordered quantities."""


SIZE = (6.4, 4.2)
"""Size of a figure with one panel, in inches, where ``rcParams["figure.figsize"]`` is not set."""


GREEK = ("alpha", "beta", "gamma", "delta", "kappa", "lambda", "mu", "nu", "sigma", "theta", "eta")


def figure_size(size: tuple[float, float]) -> tuple[float, float]:
    """Return the size of a new figure: larger or smaller as ``rcParams["figure.figsize"]`` is."""
    asked, usual = (of["figure.figsize"] for of in (rcParams, rcParamsDefault))
    return (size[0] * asked[0] / usual[0], size[1] * asked[1] / usual[1])


def one_panel(ax: Axes | None, size: tuple[float, float] = SIZE) -> Axes:
    """Return the axes to draw on, dressed; a new figure's when None."""
    if ax is None:
        ax = plt.subplots(figsize=figure_size(size), layout="constrained")[1]
    dress(ax)
    return ax


def panels(
    axes: Sequence[Axes] | np.ndarray | None, count: int, size: tuple[float, float], columns: int
) -> np.ndarray:
    """Return ``count`` styled panels, shape (panel,); a new figure's when ``axes`` is None.

    Raises
    ------
    BayescaleError
        When another number of axes was given.
    """
    if axes is None:
        rows = -(-count // columns)
        figure = plt.figure(figsize=figure_size(size), layout="constrained")
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
    """Style axes: take away what carries no information."""
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


def symbol(name: str) -> str:
    """Style a parameter's name as in formulas: alpha_N as a Greek letter."""
    head, _, index = name.partition("_")
    if head in GREEK:
        head = f"\\{head}"
    elif len(head) == 2 and head[0].isalpha() and head[1].isdigit():
        head, index = head[0], head[1] + index
    elif len(head) > 1:
        return name
    return f"${head}_{{{index}}}$" if index else f"${head}$"


def loss_label(fit: Fit) -> str:
    """Label an axis with the law's target, with its unit where that is known."""
    unit = fit.unit
    return f"{fit.target} ({unit})" if unit else fit.target


def parameter_unit(fit: Fit, name: str) -> str:
    """Return the unit of a parameter for an axis label, "" where none is known."""
    return fit.unit_of(name)


def column_label(fit: Fit, column: str) -> str:
    """Label an axis with a column of the run table, with its unit or convention."""
    convention = fit.record["runs"].get("params_convention", "unknown")
    if column == "params" and convention not in ("", "unknown", "total"):
        return f"parameters ({convention})"
    return {"params": "parameters", "flops": "training compute (FLOP)"}.get(column, column)


def mark_end(ax: Axes, edge: float, *, lower: bool = False) -> None:
    """Mark in a panel, in one style, where the data end, and shade what is drawn beyond, or below.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The panel.
    edge : float
        The last value that was fitted.
    lower : bool
        Whether models get better to the left, as along a loss.
    """
    limits = ax.get_xlim()
    end = limits[0] if lower else limits[1]
    if (end < edge) if lower else (end > edge):
        ax.axvspan(edge, end, color=PALE, lw=0, zorder=0)
        ax.axvline(edge, color=GREY, lw=1, ls=":", zorder=0.5, label="end of the data")
        ax.set_xlim(limits)


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


FINEST_FIRST = ((1, 2, 5), (1, 3), (1,))


class RoundNumbers(Locator):
    """Ticks of a log axis at round numbers, as many as fit.

    Parameters
    ----------
    most : int
        The largest number of ticks.
    """

    def __init__(self, most: int = 7) -> None:
        self.most = most

    def __call__(self) -> Any:
        """Return the ticks of the axis as it is shown."""
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks between two positive values."""
        if not 0 < vmin < vmax:
            return np.array([])
        powers = np.arange(np.floor(np.log10(vmin)), np.ceil(np.log10(vmax)) + 1)
        for digits in FINEST_FIRST:
            ticks = _within((np.array(digits) * 10.0 ** powers[:, None]).ravel(), vmin, vmax)
            if len(ticks) < 3:
                return _within(_even(vmin, vmax, self.most), vmin, vmax)
            if len(ticks) <= self.most:
                return ticks
        inside = _within(10.0**powers, vmin, vmax)
        return inside[:: -(-len(inside) // self.most)]


def _even(low: float, high: float, most: int) -> np.ndarray:
    steps = [1, 2, 2.5, 5, 10]
    return np.asarray(MaxNLocator(max(most - 1, 1), steps=steps).tick_values(low, high))


def _within(ticks: np.ndarray, low: float, high: float) -> np.ndarray:
    slack = 1e-9
    return ticks[(ticks >= low * (1 - slack)) & (ticks <= high * (1 + slack))]


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_tick(value: float, kind: Kind) -> str:
    """Write a tick: ``10B`` for a count, a power of ten for compute, else the plain number.

    In plain characters: a formula takes a hundred times as long to draw.
    """
    if kind == "count":
        return format_quantity(value)
    if kind == "number":
        return f"{value:.6g}"
    digits, exponent = f"{value:.3e}".split("e")
    front = "" if float(digits) == 1 else f"{float(digits):g}×"
    return f"{front}10{str(int(exponent)).translate(RAISED)}"


KINDS: dict[str, Kind] = {"params": "count", "tokens": "count", "flops": "flops"}


def kind_of(column: str) -> Kind:
    """Return the style of an axis's numbers, by the column of the run table."""
    return KINDS.get(column, "number")


def log_axis(ax: Axes, which: Literal["x", "y"], kind: Kind, label: str, most: int = 7) -> None:
    """Make one axis logarithmic, with round ticks and a label."""
    ax.set(**{f"{which}scale": "log", f"{which}label": label})
    log_ticks(ax.xaxis if which == "x" else ax.yaxis, kind, most)


def log_ticks(axis: Axis, kind: Kind, most: int = 7) -> None:
    """Give a logarithmic axis round ticks, and no others."""
    axis.set_major_locator(RoundNumbers(most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write_tick(value, kind)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
