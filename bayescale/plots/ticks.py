"""Log axes that read like numbers people write: 100M, 1B, 10B; 10^20; 2, 2.5, 3."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullFormatter, NullLocator

from bayescale.quantities import Kind, format_quantity

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


def write_tick(value: float, kind: Kind) -> str:
    """Write a tick: ``10B`` for a count, a power of ten for compute, else the plain number."""
    if kind == "count":
        return format_quantity(value)
    if kind == "number":
        return f"{value:.6g}"
    digits, exponent = f"{value:.3e}".split("e")
    front = "" if float(digits) == 1 else rf"{float(digits):g}{{\times}}"
    return f"${front}10^{{{int(exponent)}}}$"


KINDS: dict[str, Kind] = {"params": "count", "tokens": "count", "flops": "flops"}


def kind_of(column: str) -> Kind:
    """Return how numbers of a column of the run table are written."""
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
