"""The compute-equivalent gain of a recipe over budgets."""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayescale.data.number_format import percent
from bayescale.decisions.compute_gain import EffectiveCompute
from bayescale.plots.style import CYCLE, GREY, add_legend, kind_of, log_axis, one_panel
from bayescale.prediction.intervals import interval_width

ROOM = 10.0
"""Factor above the largest finite number up to which an unbounded interval is drawn."""


def effective_compute_data(
    found: EffectiveCompute, *, ci_prob: float | None = None
) -> dict[str, pd.DataFrame]:
    """Return the gain at each budget, in order, by what is pinned ("" where nothing is).

    Parameters
    ----------
    found : EffectiveCompute
        What :func:`bayescale.effective_compute` returned.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    dict of str to pandas.DataFrame
        The rows of :meth:`bayescale.EffectiveCompute.table`.

    Raises
    ------
    BayescaleError
        When ``ci_prob`` does not lie between zero and one.
    """
    table = found.table(ci_prob).sort_values(found.column)
    if not found.pinned:
        return {"": table}
    pins = table.groupby(found.pinned)
    return {f"{found.pinned} = {pin:g}": part for pin, part in pins}


def plot_effective_compute(
    found: EffectiveCompute, *, ci_prob: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the compute-equivalent gain over budgets.

    Parameters
    ----------
    found : EffectiveCompute
        What :func:`bayescale.effective_compute` returned.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        The median and its interval at each budget, one curve per pin, and a line at equal compute.
        An interval that is unbounded goes to the upper edge. The numbers are those of
        ``bayescale.plots.effective_compute_data``.

    Raises
    ------
    BayescaleError
        When ``ci_prob`` does not lie between zero and one.

    See Also
    --------
    effective_compute : The draws behind it.

    Examples
    --------
    >>> found = bs.effective_compute(fits["skaling"], fit, ["1e21", "1e22"], discrepancy=None)
    >>> axes = bs.plot_effective_compute(found)
    >>> axes.get_xlabel()
    'compute of chinchilla (FLOP)'
    """
    parts = effective_compute_data(found, ci_prob=ci_prob)
    ax = one_panel(ax)
    unit = "compute" if found.column == "flops" else found.column
    flop = " (FLOP)" if found.column == "flops" else ""
    log_axis(ax, "x", kind_of(found.column), f"{unit} of {found.recipe}{flop}")
    log_axis(ax, "y", "number", f"{unit} of {found.baseline}\n/ {unit} of {found.recipe}")
    ends = pd.concat(parts.values())[["median", "lower", "upper"]].to_numpy()
    top = ROOM * ends[np.isfinite(ends)].max(initial=1.0)
    width = percent(interval_width(ci_prob))
    for (name, table), colour in zip(parts.items(), cycle(CYCLE)):
        x, label = table[found.column], f"{name}, " if name else ""
        middle, low, high = table[["median", "lower", "upper"]].to_numpy().T
        ax.fill_between(x, low.clip(max=top), high.clip(max=top), color=colour, alpha=0.2, lw=0)
        ax.plot(x, middle, "o-", color=colour, ms=4, lw=1.5, label=f"{label}median and {width}")
    ax.axhline(1, color=GREY, lw=1, ls=":", label="no gain")
    if not np.isfinite(ends).all():
        ax.set_ylim(top=top)
    add_legend(ax)
    return ax
