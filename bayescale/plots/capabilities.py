"""A capability against size, model by model, with the lines of families."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from bayescale.capabilities.fit import CapabilityFit, of_capabilities
from bayescale.capabilities.table import BOUNDS, FAMILY, NAME
from bayescale.data.number_format import percent
from bayescale.errors import BayescaleError, closest
from bayescale.plots.style import CYCLE, GREY, kind_of, legend_above, log_axis, one_panel
from bayescale.prediction.intervals import credible_interval, interval_width

NAMED = 4
"""So many families are drawn in colour when none are named: those of most models."""


SIZES = {"params": "parameters", "flops": "training compute (FLOP)"}


def capabilities_data(
    fit: CapabilityFit, *, factor: int = 1, ci_prob: float | None = None
) -> pd.DataFrame:
    """Return a capability of every model, and what its family's line says of its size or date.

    Parameters
    ----------
    fit : CapabilityFit
        A fit with one size.
    factor : int
        Which capability, from 1.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    pandas.DataFrame
        One row per model: ``model``, ``family``, its size (NaN where unknown), ``median``,
        ``lower`` and ``upper`` of its capability, and ``line``, the median of its family's line
        there.

    Raises
    ------
    BayescaleError
        When the fit has two sizes, or fewer capabilities.
    """
    scores, posterior = fit.scores, fit.posterior
    column, size = scores.one_size("plot_capabilities")
    if factor not in posterior["factor"]:
        raise BayescaleError(f"no factor {factor}: this fit has 1 to {posterior.sizes['factor']}")
    at = posterior[["capability", "level", "slope"]].sel(factor=factor, drop=True)
    found = credible_interval(at["capability"], ci_prob)
    lines = at[["level", "slope"]].isel(family=scores.family_of)
    line = lines["level"] + lines["slope"] * (size - scores.center[0])
    data = pd.DataFrame(
        {
            NAME: scores.models,
            FAMILY: scores.families,
            column: scores.in_units(size, column),
            **{side: found[side].values for side in BOUNDS},
            "line": line.median(("chain", "draw")).values,
        }
    )
    data.attrs["ci_prob"] = interval_width(ci_prob)
    return data


@of_capabilities
def plot_capabilities(
    fit: CapabilityFit,
    *,
    factor: int = 1,
    families: Sequence[str] | None = None,
    ci_prob: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a capability of every model against its size, and the lines of some families.

    Parameters
    ----------
    fit : CapabilityFit
        A fit with one size.
    factor : int
        Which capability, from 1: the first is close to the mean log odds of a model's scores.
    families : sequence of str, optional
        The families drawn in colour, at most five; those of most models when None.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        The numbers are those of :func:`bayescale.plots.capabilities.capabilities_data`; models of
        unknown size are left out.

    Raises
    ------
    BayescaleError
        When the fit has two sizes, no such capability or family, or for more than five families.

    See Also
    --------
    fit_capabilities : Fit the capabilities.
    equivalent_compute : Models of all families on one axis.
    """
    data = capabilities_data(fit, factor=factor, ci_prob=ci_prob)
    size = fit.scores.size[0]
    data = data.dropna(subset=[size])
    if families is None:
        families = list(data["family"].value_counts().index[:NAMED])
    for family in families:
        known = list(dict.fromkeys(data["family"]))
        if family not in known:
            raise BayescaleError(f"no family {family!r} of known {size}{closest(family, known)}")
    if len(families) > len(CYCLE):
        raise BayescaleError(f"{len(families)} families in colour: name at most {len(CYCLE)}")
    ax = one_panel(ax)
    if size in fit.scores.dated:
        dates = AutoDateLocator(minticks=3)
        ax.xaxis.set_major_locator(dates)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(dates))
        ax.set_xlabel(size.replace("_", " "))
    else:
        log_axis(ax, "x", kind_of(size), SIZES.get(size, size))
    ax.set_ylabel(f"capability {factor} (log odds), {percent(data.attrs['ci_prob'])}")
    _draw(ax, data.loc[~data[FAMILY].isin(families)], size, GREY, "other families", faint=True)
    for color, family in zip(CYCLE, families, strict=False):
        one = data.loc[data[FAMILY] == family].sort_values(by=size)
        _draw(ax, one, size, color, family)
        ax.plot(one[size], one["line"], color=color, lw=1.1)
    legend_above(ax)
    return ax


def _draw(
    ax: Axes, data: pd.DataFrame, size: str, color: str, label: str, *, faint: bool = False
) -> None:
    if data.empty:
        return
    around = np.abs(data[["lower", "upper"]].to_numpy().T - data["median"].to_numpy())
    ax.errorbar(
        data[size],
        data["median"],
        around,
        fmt="o",
        ms=3 if faint else 4,
        lw=0.8,
        color=color,
        alpha=0.5 if faint else 1,
        label=label,
    )
