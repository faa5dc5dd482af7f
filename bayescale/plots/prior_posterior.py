"""What the runs added to the prior, one panel per parameter."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde, norm

from bayescale.design.identify import contractions
from bayescale.design.quantities_of_interest import scaled
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.result import Fit
from bayescale.laws.parameters import Positive
from bayescale.model.link_scale import natural, to_link
from bayescale.plots.style import (
    BLUE,
    GREY,
    INK,
    legend_below,
    log_axis,
    panels,
    parameter_unit,
    symbol,
)

POINTS = 200


WIDE = 3.0
"""Densities are drawn this many prior sd to each side of the prior's mean, on the link scale."""


COLUMNS = 3


def prior_posterior_data(fit: Fit) -> pd.DataFrame:
    """Return prior and posterior densities of each free parameter of the law.

    Returns
    -------
    pandas.DataFrame
        ``parameter``, ``which`` ("prior" or "posterior"), ``value`` in the parameter's unit, and
        ``density`` per unit of the parameter, or of its logarithm for a positive one.
    """
    refuse_pooled(fit, "plot_prior_posterior")
    names = list(fit.spec.free)
    if not names:
        raise BayescaleError(
            f"every parameter of {fit.law.name} is fixed: there is no prior or posterior to draw"
        )
    links = scaled(fit)
    tables = []
    for name in names:
        tables += [
            _prior(fit, name),
            _density(fit, name, "posterior", links[name].to_numpy().ravel()),
        ]
    return pd.concat(tables, ignore_index=True)


def _prior(fit: Fit, name: str) -> pd.DataFrame:
    if name in fit.spec.distributions:
        parameter, draws = fit.spec.free[name], fit.tree_group("prior")[name].to_numpy().ravel()
        z = to_link(parameter, draws, fit.scales)
        return _density(fit, name, "prior", z)
    (mean,), (sd,) = fit.spec.normal_priors([name], fit.scales)
    z = mean + sd * np.linspace(-WIDE, WIDE, POINTS)
    return _table(fit, name, "prior", z, norm.pdf(z, mean, sd))


def _density(fit: Fit, name: str, which: str, links: np.ndarray) -> pd.DataFrame:
    margin = links.std()
    z = np.linspace(links.min() - margin, links.max() + margin, POINTS)
    return _table(fit, name, which, z, gaussian_kde(links)(z))


def _table(fit: Fit, name: str, which: str, z: np.ndarray, density: np.ndarray) -> pd.DataFrame:
    parameter = fit.spec.free[name]
    value = natural(parameter, z, fit.scales)
    if not isinstance(parameter, Positive):
        density = density / np.exp(parameter.log_jacobian(z))
    return pd.DataFrame({"parameter": name, "which": which, "value": value, "density": density})


@of_one_law
def plot_prior_posterior(
    fit: Fit, *, axes: Sequence[Axes] | np.ndarray | None = None
) -> np.ndarray:
    """Draw prior and posterior of each free parameter of the law.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    axes : sequence of Axes, optional
        Where to draw, one per parameter; a new figure when None.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes, shape (parameter,)
        Each density is scaled to its own peak, so that widths compare; the title has the verdict
        and the contraction of :func:`bayescale.identify`. The numbers are those of
        :func:`bayescale.plots.prior_posterior.prior_posterior_data`.

    Raises
    ------
    BayescaleError
        When another number of axes is given.

    See Also
    --------
    identify : The contraction of each parameter.
    plot_identify : With the bars and the worst ridge.

    Examples
    --------
    >>> panels = bs.plot_prior_posterior(fit)
    >>> panels.shape
    (5,)
    """
    data, found = prior_posterior_data(fit), contractions(fit)
    names = list(fit.spec.free)
    columns = min(COLUMNS, len(names))
    size = (2.6 * columns, 2.1 * -(-len(names) // columns) + 0.5)
    made = panels(axes, len(names), size, columns)
    for ax, name in zip(made, names, strict=True):
        _draw(ax, fit, data.loc[data["parameter"] == name])
        verdict, contraction = found.loc[name, ["verdict", "contraction"]]
        ax.set_title(
            f"{symbol(name)}: {verdict}\ncontraction {min(contraction, 0.999):.3f}",
            fontsize="small",
            color=INK,
        )
    legend_below(made)
    made[0].set_ylabel("density over its peak", fontsize="small")
    return made


def _draw(ax: Axes, fit: Fit, own: pd.DataFrame) -> None:
    name = str(own["parameter"].iloc[0])
    _scale(ax, fit, name)
    ax.set_xlabel(parameter_unit(fit, name), fontsize="small")
    for which, color, alpha in (("prior", GREY, 0.25), ("posterior", BLUE, 0.45)):
        one = own.loc[own["which"] == which]
        height = one["density"] / one["density"].max()
        ax.fill_between(one["value"], 0, height, color=color, alpha=alpha, lw=0, label=which)
        ax.plot(one["value"], height, color=color, lw=1)
    ax.set_ylim(0, 1.05)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _scale(ax: Axes, fit: Fit, name: str) -> None:
    if isinstance(fit.spec.free[name], Positive):
        log_axis(ax, "x", "number", "", most=4)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
