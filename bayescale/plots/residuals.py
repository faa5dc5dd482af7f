"""How far each run lies from the law."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bayescale.evaluation.residuals import OUTLYING, outliers, residuals
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.plots.style import (
    BLUE,
    GREY,
    PALE,
    VERMILLION,
    column_label,
    kind_of,
    legend_above,
    log_axis,
    loss_label,
    name_points,
    one_panel,
)
from bayescale.prediction.runs_by_compute import main_column, run_columns

NAMED = 15
"""At most so many runs are named, the farthest first."""


def residuals_data(fit: Fit) -> pd.DataFrame:
    """Return the residuals of the runs with where they lie.

    Returns
    -------
    pandas.DataFrame
        The columns of :func:`bayescale.residuals`; ``flops`` (6 N D) or the law's inputs; and
        ``outlying``, whether :func:`bayescale.outliers` names the run.
    """
    table = residuals(fit).assign(**run_columns(fit))
    return table.assign(outlying=table.index.isin(outliers(fit).index))


@of_one_law
def plot_residuals(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals against compute, or the law's first input.

    Against what the law predicts where its inputs have several values a run, as mixtures have.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        The scale is linear to six times the scatter, and logarithmic beyond when some run is named
        as far off the law. The numbers are those of
        :func:`bayescale.plots.residuals.residuals_data`.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    residuals : The numbers.
    outliers : The runs that are named.

    Examples
    --------
    >>> axes = bs.plot_residuals(fit)
    >>> axes.get_xlabel()
    'training compute (FLOP)'
    """
    data, column = residuals_data(fit), main_column(fit)
    ax = one_panel(ax)
    if column is None:
        column = "predicted"
        ax.set_xlabel(f"{loss_label(fit)}, predicted")
    else:
        log_axis(ax, "x", kind_of(column), column_label(fit, column))
    far = data.loc[data["outlying"]]
    near = data.loc[~data["outlying"]]
    dots: dict[str, Any] = {"s": 16, "linewidths": 0}
    ax.scatter(near[column], near["standardised"], color=BLUE, alpha=0.7, label="runs", **dots)
    ax.axhspan(
        -OUTLYING, OUTLYING, color=PALE, lw=0, zorder=0, label=f"within {OUTLYING:g} $\\sigma$"
    )
    ax.axhline(0, color=GREY, lw=0.8, zorder=1)
    ax.set_ylabel(f"residual of {fit.spec.noise.scale_of(fit.target)} / scatter $\\sigma$")
    if len(far):
        _draw_far(ax, far, column, data["standardised"].to_numpy())
    legend_above(ax)
    return ax


def _draw_far(ax: Axes, far: pd.DataFrame, column: str, values: np.ndarray) -> None:
    at, height = far[column], far["standardised"]
    ax.scatter(at, height, s=18, lw=0, color=VERMILLION, marker="D", label="runs off the law")
    _log_beyond(ax, values)
    worst = far.iloc[np.argsort(-height.abs().to_numpy())[:NAMED]]
    name_points(ax, list(worst[column]), list(worst["standardised"]), list(worst.index))


def _log_beyond(ax: Axes, values: np.ndarray) -> None:
    """Make the scale logarithmic outside the band of unremarkable runs, and say so."""
    ax.set_yscale("symlog", linthresh=OUTLYING, linscale=0.7)
    low, high = min(values.min(), -OUTLYING) * 1.3, max(values.max(), OUTLYING) * 1.3
    marks = [10, 20, 50, 100, 200, 500] if max(-low, high) < 1000 else [10, 100, 1e3, 1e4, 1e5]
    marks = np.array([OUTLYING / 2, OUTLYING, *marks])
    ticks = [t for t in [*-marks[::-1], 0, *marks] if low <= t <= high]
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    )
    note = {"fontsize": "x-small", "color": GREY, "transform": ax.get_yaxis_transform()}
    ax.text(0.99, 1.04 * OUTLYING, "log scale beyond", ha="right", va="bottom", **note)
