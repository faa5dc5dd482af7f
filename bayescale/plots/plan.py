"""A plan's runs among the fitted ones, and the uncertainty that each removes."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bayescale.data import derive
from bayescale.data.units import Kind
from bayescale.design.plan import Plan
from bayescale.errors import BayescaleError
from bayescale.plots.style import (
    BLUE,
    GREY,
    INK,
    SEQUENCE,
    VERMILLION,
    add_legend,
    log_axis,
    panels,
    write_tick,
)


def plan_data(planned: Plan) -> pd.DataFrame:
    """Return what a plan leaves unknown as its runs are done one after another.

    Parameters
    ----------
    planned : Plan
        What :func:`bayescale.plan` returned.

    Returns
    -------
    pandas.DataFrame
        One row per number of runs, from none: ``spent`` and ``sd``.
    """
    spent = np.concatenate([[0.0], planned.runs["cost"].cumsum()])
    return pd.DataFrame({"spent": spent, "sd": [planned.sd_now, *planned.runs["sd_after"]]})


def plot_plan(planned: Plan, *, axes: Sequence[Axes] | np.ndarray | None = None) -> np.ndarray:
    """Draw the fitted runs, the candidates and the chosen ones, and the uncertainty they remove.

    Parameters
    ----------
    planned : Plan
        What :func:`bayescale.plan` returned, of a law of params and tokens.
    axes : sequence of two Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes, shape (2,)
        Left, sizes and tokens: grey, the fitted runs; in colour, by how much each candidate alone
        would lower the standard deviation; numbered, the plan. Right, the expected standard
        deviation after each run of the plan. The numbers are those of
        :func:`bayescale.plots.plan.plan_data`, and of the plan.

    Raises
    ------
    BayescaleError
        For runs without params and tokens, or another number of axes.

    See Also
    --------
    plan : Make the plan.

    Examples
    --------
    >>> planned = bs.plan(fit, budget="1e21", about="flops=1e23", runs=2)
    >>> map_of_runs, uncertainty = bs.plot_plan(planned)
    >>> uncertainty.get_ylabel()
    'expected sd left'
    """
    if not {"params", "tokens"} <= set(planned.runs) & set(planned.done):
        raise BayescaleError("plot_plan draws runs by params and tokens; these have none")
    places, left = panels(axes, 2, (9.6, 3.9), 2)
    _draw_places(places, planned)
    _draw_left(left, plan_data(planned), planned)
    return np.array([places, left], dtype=object)


def _draw_places(ax: Axes, planned: Plan) -> None:
    log_axis(ax, "x", "count", "parameters")
    log_axis(ax, "y", "count", "tokens")
    done, all_, chosen = planned.done, planned.candidates, planned.runs
    gain = 100 * (1 - all_["sd_after"] / planned.sd_now)
    shown = ax.scatter(
        all_["params"], all_["tokens"], c=gain, s=9, marker="s", lw=0, cmap=SEQUENCE, vmin=0
    )
    figure = ax.get_figure()
    assert figure is not None
    bar = figure.colorbar(shown, ax=ax, pad=0.02)
    bar.set_label("alone, lowers the sd by (%)", fontsize="small")
    bar.ax.tick_params(labelsize="small")
    ax.scatter(
        done["params"], done["tokens"], s=16, fc="w", ec=GREY, lw=0.9, zorder=2, label="done"
    )
    ax.scatter(
        chosen["params"],
        chosen["tokens"],
        s=95,
        fc="w",
        ec=VERMILLION,
        lw=1.5,
        zorder=3,
        label="planned",
    )
    for i, (params, tokens) in enumerate(
        zip(chosen["params"], chosen["tokens"], strict=True), start=1
    ):
        ax.annotate(
            f"{i}", (params, tokens), ha="center", va="center", fontsize=7, color=INK, zorder=4
        )
    _draw_target(ax, planned)
    add_legend(ax, "upper left")


def _draw_target(ax: Axes, planned: Plan) -> None:
    """Mark the run, or the line of runs, of the quantity of interest."""
    quantity = planned.quantity
    if {"params", "tokens"} <= set(quantity):
        ax.plot(quantity["params"], quantity["tokens"], "*", ms=11, color=BLUE, label="target")
    elif set(quantity) == {"flops"}:
        x, y = ax.get_xlim(), ax.get_ylim()
        sizes = np.geomspace(x[0], x[1] * 10, 50)
        tokens = derive.tokens(quantity["flops"], sizes)
        ax.plot(sizes, tokens, color=BLUE, lw=1.2, ls="--", label="target budget")
        ax.set(xlim=(x[0], x[1] * 2), ylim=(y[0], y[1] * 2))


def _draw_left(ax: Axes, data: pd.DataFrame, planned: Plan) -> None:
    ax.plot(data["spent"], data["sd"], color=VERMILLION, lw=1.4, marker="o", ms=4)
    ax.axhline(planned.sd_now, color=GREY, lw=1, ls=":")
    ax.annotate(
        "now",
        (1, planned.sd_now),
        (-2, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize="small",
        color=GREY,
    )
    ax.set_ylim(0, 1.12 * planned.sd_now)
    kind: Kind = "count" if planned.unit in ("params", "tokens") else "flops"
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: write_tick(v, kind) if v else "0"))
    unit = f" ({planned.unit})" if planned.unit else ""
    ax.set(xlabel=f"spent{unit}", ylabel="expected sd left")
    if not planned.quantity:
        ax.set_ylabel("chance of naming the wrong law, at most")
    ax.set_title("\n".join(textwrap.wrap(planned.about, 48)), fontsize="medium", color=INK)
