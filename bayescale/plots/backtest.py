"""What a backtest found: forecasts against what came, and errors against distance."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayescale.data.number_format import whole_percent
from bayescale.evaluation.backtest import Backtest
from bayescale.plots.style import BLUE, CYCLE, GREY, INK, add_legend, log_axis, panels

RULES = {
    "law": ("the law's forecast", {"color": BLUE, "marker": "o", "lw": 1.6}),
    "log_linear": ("a line in the logarithms", {"color": GREY, "marker": "s", "ls": "--"}),
    "best_seen": ("the best run so far", {"color": GREY, "marker": "^", "ls": ":"}),
}
"""The law and the rules that need none, and how they are drawn."""


STRETCHES = 6
"""Distances are gathered into so many groups with as many runs each."""


SPREAD = 0.02
"""Runs at one distance are drawn this far apart at most, as a share of all distances."""


def backtest_data(tested: Backtest) -> pd.DataFrame:
    """Return what :func:`bayescale.plot_backtest` draws.

    Parameters
    ----------
    tested : Backtest
        What :func:`bayescale.backtest` returned.

    Returns
    -------
    pandas.DataFrame
        One row per held-out run and cut: ``cut``, ``run``, ``distance``; in per cent the ``error``
        of the forecast's median and the errors it reckoned with, ``error_lower_50``,
        ``error_upper_50``, ``error_lower_90``, ``error_upper_90``, and the absolute errors of the
        ``law`` and of the naive rules ``log_linear`` and ``best_seen``; ``at``, where it is drawn,
        and ``group``, the mean of ``at`` over the runs about as far away. Where groups were left
        out, which have no distance, both count the groups.
    """
    runs = tested.runs
    bounds = [f"error_{side}_{p}" for p in (50, 90) for side in ("lower", "upper")]
    errors = {name: 100 * runs[name].to_numpy(float) for name in ("error", *bounds)}
    naive = {name: 100 * np.abs(runs[name].to_numpy(float)) for name in RULES if name in runs}
    distance = runs["distance"].to_numpy(float)
    number = pd.factorize(runs["cut"])[0]
    if np.isnan(distance).all():
        at, group = _spread(number, number, 0.6), number
    else:
        width = SPREAD * distance.max()
        at = _spread(distance, 1000 * number + np.rint(distance / width), width)
        nearly = distance.round(2)  # runs of one budget are one point
        stretch = np.searchsorted(np.sort(nearly), nearly) * STRETCHES // len(nearly)
        group = np.array([distance[stretch == own].mean() for own in stretch])
    columns = {**errors, "law": np.abs(errors["error"]), **naive, "at": at, "group": group}
    return runs[["cut", "run", "distance"]].assign(**columns)


def _grouped(data: pd.DataFrame) -> bool:
    return bool(np.isnan(data["distance"].to_numpy(float)).all())


def _spread(at: np.ndarray, place: np.ndarray, width: float) -> np.ndarray:
    """Move runs at one place apart, side by side within the width."""
    moved = at.astype(float)
    for here in np.unique(place):
        (same,) = np.nonzero(place == here)
        moved[same] += width * ((np.arange(len(same)) + 0.5) / len(same) - 0.5)
    return moved


def plot_backtest(
    tested: Backtest, *, axes: Sequence[Axes] | np.ndarray | None = None
) -> np.ndarray:
    """Draw the errors of forecasts with their bands, and how they grow with distance.

    Parameters
    ----------
    tested : Backtest
        What :func:`bayescale.backtest` returned.
    axes : sequence of two Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes, shape (2,)
        First the held-out runs, in one colour per cut: a dot is the error of the forecast's median,
        above zero where it was too high, and the grey bars around zero are the central 50 % and
        90 % intervals of the predicted errors. Then
        the mean absolute error of the law and of two baselines, over distance, or by
        group where groups were left out. The numbers are those of
        :func:`bayescale.plots.backtest.backtest_data`.

    Raises
    ------
    BayescaleError
        When another number of axes was given.

    See Also
    --------
    backtest : Make the backtest.
    plot_bands : Runs and bands beyond them.

    Examples
    --------
    >>> tested = bs.backtest_point_fit(runs, "power_law", cuts=[0.7], random_seed=1)
    >>> errors, growth = bs.plot_backtest(tested)
    >>> growth.get_ylabel()
    'mean absolute error (%)'
    """
    data = backtest_data(tested)
    both = panels(axes, 2, (9.6, 4.2), 2)
    _draw_runs(both[0], data, tested.summary["cover_90"].to_dict())
    _draw_errors(both[1], data)
    for ax in both:
        if _grouped(data):
            _name_groups(ax, list(data["cut"].unique()))
        else:
            ax.set_xlabel("decades beyond the largest fitted run")
            ax.set_xlim(left=0)
    return both


def _draw_runs(ax: Axes, data: pd.DataFrame, covered: Mapping[Any, float]) -> None:
    for i, (cut, own) in enumerate(data.groupby("cut", sort=False)):
        color = BLUE if _grouped(data) else CYCLE[i % len(CYCLE)]
        held = f"{whole_percent(covered[cut])} inside 90 %"
        label = "" if _grouped(data) else f"{_limit(str(cut))}: {held}"
        dots: dict[str, Any] = {"s": 14, "linewidths": 0.4, "edgecolors": "w", "zorder": 3}
        ax.scatter(own["at"], own["error"], color=color, label=label, **dots)
    for p, width in ((90, 1.0), (50, 2.4)):
        bars = data[f"error_lower_{p}"], data[f"error_upper_{p}"]
        label = "50 % and 90 % of the errors it reckoned with" if p == 50 else ""
        ax.vlines(data["at"], *bars, color=GREY, lw=width, alpha=0.25, label=label)
    ax.axhline(0, color=INK, lw=0.8, zorder=2)
    ax.set_ylabel("forecast too high by (%)")
    ax.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    if not _grouped(data):
        _legend_over(ax)


def _limit(cut: str) -> str:
    return cut.replace("<=", "≤").replace(">=", "≥").replace("e+", "e")


def _legend_over(ax: Axes) -> None:
    """Make room above what is drawn, and put the legend there."""
    low, high = ax.get_ylim()
    rows = len(ax.get_legend_handles_labels()[1])
    ax.set_ylim(low, high + 0.075 * rows * (high - low))
    add_legend(ax, "upper left")


def _draw_errors(ax: Axes, data: pd.DataFrame) -> None:
    mean: Any = data.groupby("group", as_index=False)[list(RULES)].mean()
    for rule, (label, style) in RULES.items():
        look: dict[str, Any] = {"ms": 4.5, "mec": "w", "mew": 0.5, **style}
        ax.plot(mean["group"].to_numpy(), mean[rule].to_numpy(), label=label, **look)
    log_axis(ax, "y", "number", "mean absolute error (%)")
    add_legend(ax)


def _name_groups(ax: Axes, names: list[str]) -> None:
    ax.set_xticks(range(len(names)), [name.removeprefix("without ") for name in names])
    ax.tick_params(axis="x", rotation=90 if len(names) > 4 else 0)
