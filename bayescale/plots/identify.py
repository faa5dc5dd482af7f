"""How informative the runs are: contraction, the worst ridge, prior and posterior."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayescale.data.units import Quantities
from bayescale.design.contraction import IDENTIFIED, PRIOR_ONLY
from bayescale.design.identify import contractions
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.link_scale_draws import link_table
from bayescale.inference.result import Fit
from bayescale.plots.prior_posterior import COLUMNS, plot_prior_posterior
from bayescale.plots.ridge import plot_ridge
from bayescale.plots.style import BLUE, GREY, INK, ORANGE, VERMILLION, dress, figure_size, symbol
from bayescale.prediction.discrepancy import DISCREPANCY, DiscrepancyLike
from bayescale.prediction.points import PointsLike

_COLOURS = {"identified": BLUE, "weak": ORANGE, "prior only": VERMILLION}


def identify_data(
    fit: Fit,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
) -> pd.DataFrame:
    """Return the contraction and verdict of all that is asked, as the bars show them.

    Parameters
    ----------
    fit, flops, at, discrepancy
        As for :func:`bayescale.identify`.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``verdict`` and ``contraction``, One row per bar.
    """
    found = contractions(fit, flops, at, discrepancy)
    return found.drop(columns=["prior_variance", "allowed"])


def identify_panels(fit: Fit) -> int:
    """Return how many panels the figure has: bars, a ridge where there are two, each parameter."""
    free = len(fit.spec.free)
    return 1 + (free > 1) + free


def identify_heights(fit: Fit, bars: int) -> tuple[float, float]:
    """Return the heights, in inches, of bars and ridge, and of the parameters below them."""
    rows = -(-len(fit.spec.free) // COLUMNS)
    return max(3.6, 0.8 + 0.3 * bars), 2.1 * rows + 0.3 if rows else 0.0


def identify_axes(fit: Fit, bars: int, figure: Figure) -> list[Axes]:
    """Lay out bars and ridge side by side, above the parameters, in a figure."""
    free = len(fit.spec.free)
    if not free:
        return [figure.subplots()]
    heights = identify_heights(fit, bars)
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    upper = above.subplots(1, 2 if free > 1 else 1, squeeze=False)
    lower = below.subplots(-(-free // COLUMNS), min(COLUMNS, free), squeeze=False)
    for spare in lower.ravel()[free:]:
        spare.remove()
    return [*upper.ravel(), *lower.ravel()[:free]]


@of_one_law
def plot_identify(
    fit: Fit,
    *,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """Draw how informative the runs are: contraction, the worst ridge, prior and posterior.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    flops, at
        Budgets and points to show bars of, as for :func:`bayescale.identify`.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs, which may leave an answer open.
    axes : sequence of Axes, optional
        Where to draw: the bars, the ridge (of two or more free parameters), then one panel per
        parameter; a new figure when None.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes, shape (panel,)
        The bars say how much of the prior's variance the runs removed, coloured by verdict; the
        ridge is that of the most correlated parameters, of those that are not identified where
        there are two; see :func:`plot_ridge` and :func:`plot_prior_posterior`. The numbers of the
        bars are those of :func:`bayescale.plots.identify.identify_data`.

    Raises
    ------
    BayescaleError
        When another number of axes is given, or a budget or point does not fit the law.

    See Also
    --------
    identify : The numbers.
    plot_ridge : The joint posterior of two parameters.
    plot_prior_posterior : Prior and posterior of each parameter.

    Examples
    --------
    >>> panels = bs.plot_identify(fit)
    >>> panels.shape
    (7,)
    """
    data = identify_data(fit, flops, at, discrepancy)
    if data.empty:
        raise BayescaleError(
            f"every parameter of {fit.law.name} is fixed: there is no contraction to draw; pass "
            "flops= or at= to ask about an answer"
        )
    made = _figure(fit, len(data)) if axes is None else list(np.ravel(np.asarray(axes)))
    if len(made) != identify_panels(fit):
        raise BayescaleError(
            f"{len(made)} axes given, this figure has {identify_panels(fit)} panels"
        )
    return draw_identify(fit, data, made)


def draw_identify(fit: Fit, data: pd.DataFrame, made: Sequence[Axes]) -> np.ndarray:
    """Draw what :func:`plot_identify` does, on its axes, of verdicts that are known already."""
    several = len(fit.spec.free) > 1
    dress(made[0])
    _bars(made[0], data)
    if several:
        plot_ridge(fit, _open_pair(fit, data), ax=made[1])
    if fit.spec.free:
        plot_prior_posterior(fit, axes=made[1 + several :])
    found = np.empty(len(made), dtype=object)
    found[:] = made
    return found


def _open_pair(fit: Fit, data: pd.DataFrame) -> tuple[str, str] | None:
    """Return the two most correlated of the parameters that are not identified, if there are."""
    left = data.loc[(data["kind"] == "parameter") & (data["verdict"] != "identified")].index
    if len(left) < 2:
        return None
    strength = np.abs(np.corrcoef(link_table(fit)[list(left)].to_numpy().T))
    i, j = np.unravel_index(int(np.triu(strength, k=1).argmax()), strength.shape)
    return str(left[i]), str(left[j])


def _figure(fit: Fit, bars: int) -> list[Axes]:
    size = figure_size((9.0, sum(identify_heights(fit, bars))))
    return identify_axes(fit, bars, plt.figure(figsize=size, layout="constrained"))


def _bars(ax: Axes, data: pd.DataFrame) -> None:
    places = np.arange(len(data))[::-1]
    share = data["contraction"].clip(0, 1)
    ax.barh(places, share, height=0.62, color=[_COLOURS[v] for v in data["verdict"]])
    for place, value in zip(places, share.tolist(), strict=True):
        inside = value > 0.75
        ax.text(
            value + (-0.015 if inside else 0.015),
            place,
            f"{min(value, 0.999):.3f}",
            ha="right" if inside else "left",
            va="center",
            fontsize="x-small",
            color="white" if inside and value > IDENTIFIED else INK,
        )
    for limit in (PRIOR_ONLY, IDENTIFIED):
        ax.axvline(limit, color=GREY, lw=0.9, ls="--", zorder=0)
    kinds = {str(name): str(kind) for name, kind in data["kind"].items()}
    names = [symbol(k) if kind == "parameter" else k for k, kind in kinds.items()]
    ax.set_yticks(places, names, fontsize="small")
    ax.set(xlim=(0, 1), ylim=(-0.6, len(data) - 0.4))
    ax.set_xlabel("contraction: share of the prior's\nvariance that the runs removed")
    ax.xaxis.label.set_fontsize("small")
    for verdict, colour in _COLOURS.items():
        if verdict in set(data["verdict"]):
            ax.bar(0, 0, color=colour, label=verdict)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize="small", frameon=False)
