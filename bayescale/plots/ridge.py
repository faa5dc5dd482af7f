"""The two parameters that trade off with each other most."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from bayescale.errors import BayescaleError, closest
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.link_scale_draws import link_table
from bayescale.inference.result import Fit
from bayescale.laws.parameters import Positive
from bayescale.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    add_legend,
    log_axis,
    one_panel,
    parameter_unit,
    symbol,
)

SHOWN = 1500
"""At most so many draws are drawn."""


SMALL = 0.25
"""A posterior narrower than this part of its prior's interval is also shown inside it, small."""


def ridge_data(fit: Fit, pair: tuple[str, str] | None = None) -> pd.DataFrame:
    """Return the joint draws of two parameters, by default the pair that is correlated most.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    pair : (str, str), optional
        Two free parameters of the law.

    Returns
    -------
    pandas.DataFrame
        One row per draw, one column per parameter in its own unit; ``attrs`` has ``correlation``,
        on the link scale (log for positive parameters), and ``prior``, the 90 % intervals.

    Raises
    ------
    BayescaleError
        For fewer than two free parameters, or a name that is not one of them.
    """
    refuse_pooled(fit, "plot_ridge")
    names = list(fit.spec.free)
    if len(names) < 2:
        raise BayescaleError(
            f"{fit.law.name} has {len(names) or 'no'} free parameter here: a ridge takes two"
        )
    links = link_table(fit)
    first, second = _worst(links) if pair is None else _checked(pair, names)
    data = pd.DataFrame({name: fit.posterior[name].to_numpy().ravel() for name in (first, second)})
    data.attrs["correlation"] = float(np.corrcoef(links[first], links[second])[0, 1])
    data.attrs["prior"] = {name: _prior_interval(fit, name) for name in (first, second)}
    return data


def _worst(links: pd.DataFrame) -> tuple[str, str]:
    strength = np.triu(np.abs(np.corrcoef(links.to_numpy().T)), k=1)
    i, j = np.unravel_index(int(strength.argmax()), strength.shape)
    return str(links.columns[i]), str(links.columns[j])


def _checked(pair: tuple[str, str], names: list[str]) -> tuple[str, str]:
    for name in pair:
        if name not in names:
            raise BayescaleError(
                f"no free parameter {name!r}{closest(name, names)}; there are {', '.join(names)}"
            )
    if len(pair) != 2 or pair[0] == pair[1]:
        raise BayescaleError(f"pair = {pair!r}: give two different parameters")
    return pair


def _prior_interval(fit: Fit, name: str) -> tuple[float, float]:
    if name in fit.spec.distributions:
        low, high = np.quantile(fit.tree_group("prior")[name], [0.05, 0.95])
        return float(low), float(high)
    return fit.spec.interval(name, fit.scales)


@of_one_law
def plot_ridge(fit: Fit, pair: tuple[str, str] | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the joint posterior of two parameters, by default the pair that is correlated most.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    pair : (str, str), optional
        Two free parameters of the law.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        Draws, their median, and the prior's 90 % region where it is in sight; a small inset shows
        the draws inside that region where it is much larger. The numbers are those of
        :func:`bayescale.plots.ridge.ridge_data`.

    Raises
    ------
    BayescaleError
        For fewer than two free parameters, or a name that is not one of them.

    See Also
    --------
    principal_directions : Combinations of all parameters.
    identify : The partner that each parameter trades off with.

    Examples
    --------
    >>> axes = bs.plot_ridge(fit, ("E", "alpha"))
    >>> axes.get_xlabel()
    '$E$: irreducible loss, nats/token'
    """
    data = ridge_data(fit, pair)
    first, second = data.columns
    ax = one_panel(ax, (5.0, 4.2))
    for which, name in (("x", first), ("y", second)):
        _scale(ax, which, fit, name, data[name].to_numpy())
    shown = data.iloc[:: -(-len(data) // SHOWN)]
    ax.scatter(shown[first], shown[second], s=5, color=BLUE, alpha=0.35, lw=0, label="posterior")
    middle = data.median()
    ax.plot(middle[first], middle[second], "+", ms=11, mew=1.8, color=INK, label="median")
    if _is_small(data):
        _inset(ax, fit, shown, data.attrs)
    else:
        _draw_prior(ax, data)
    said = f"{symbol(first)} and {symbol(second)}: correlation {_write(data.attrs['correlation'])}"
    ax.set_title(_wrapped(ax, "x", said), fontsize="medium")
    return ax


def _write(correlation: float) -> str:
    digits = 2 if abs(correlation) < 0.995 else 4
    return f"{correlation:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _scale(ax: Axes, which: str, fit: Fit, name: str, draws: np.ndarray) -> None:
    about = fit.law.parameters[name].about
    said = ", ".join(filter(None, ("" if about == name else about, parameter_unit(fit, name))))
    label = _wrapped(ax, which, f"{symbol(name)}: {said}" if said else symbol(name))
    if isinstance(fit.law.parameters[name], Positive) and draws.max() > 3 * draws.min():
        log_axis(ax, "x" if which == "x" else "y", "number", label, most=6)
        return
    ax.set(**{f"{which}label": label})
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(5))


def _wrapped(ax: Axes, which: str, label: str) -> str:
    """Break a label into lines about as long as its axis."""
    axis, figure = ax.xaxis if which == "x" else ax.yaxis, ax.get_figure(root=True)
    assert figure is not None
    inches = (ax.bbox.width if which == "x" else ax.bbox.height) / figure.dpi
    letter = 0.55 * float(axis.label.get_fontsize()) / 72
    return "\n".join(textwrap.wrap(label, min(max(int(inches / letter), 16), 44)))


def _is_small(data: pd.DataFrame) -> bool:
    return all(
        np.ptp(np.quantile(data[name], [0.05, 0.95])) < SMALL * (high - low)
        for name, (low, high) in data.attrs["prior"].items()
    )


def _rectangle(prior: dict[str, tuple[float, float]], **look: object) -> Rectangle:
    (left, right), (bottom, top) = prior.values()
    return Rectangle((left, bottom), right - left, top - bottom, **look)  # type: ignore[arg-type]


def _draw_prior(ax: Axes, data: pd.DataFrame) -> None:
    """Outline the prior's region and widen the view to hold it."""
    look = {"fill": False, "ec": ORANGE, "lw": 1.4, "ls": "--", "zorder": 0}
    ax.add_patch(_rectangle(data.attrs["prior"], label="prior, 90 % intervals", **look))
    ax.autoscale_view()
    add_legend(ax)


def _inset(ax: Axes, fit: Fit, shown: pd.DataFrame, attrs: dict) -> None:
    """Show the whole prior region, small, in the corner that the ridge leaves free."""
    falling = attrs["correlation"] < 0
    left, bottom, side = 0.70 if falling else 0.03, 0.68, 0.27
    _clear(ax, shown, left, bottom, side)
    small = ax.inset_axes((left, bottom, side, side))
    small.set(xticks=[], yticks=[])
    small.xaxis.set_minor_locator(NullLocator())
    small.yaxis.set_minor_locator(NullLocator())
    small.add_patch(_rectangle(attrs["prior"], fc=PALE, ec="none"))
    small.scatter(*(shown[name] for name in shown), s=1, color=BLUE, lw=0)
    small.spines[:].set_color(GREY)
    small.set_title("in the prior's 90 % region", fontsize=7, color=INK, pad=3)


def _clear(ax: Axes, shown: pd.DataFrame, left: float, bottom: float, side: float) -> None:
    """Raise the upper limit until no draw lies under a box in axes coordinates."""
    ax.autoscale_view()
    for _ in range(6):
        at = ax.transAxes.inverted().transform(ax.transData.transform(shown.to_numpy()))
        inside = (at[:, 1] > bottom - 0.02) & (np.abs(at[:, 0] - left - side / 2) < 0.6 * side)
        if not inside.any():
            return
        low, high = ax.transAxes.transform([(0, 0), (0, 1.1)])[:, 1]
        lower, upper = ax.transData.inverted().transform([(0, low), (0, high)])[:, 1]
        ax.set_ylim(lower, upper)
