"""The numbers behind a figure, as tables: each figure's are worked out apart from its drawing."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import pandas as pd

from bayescale.errors import BayescaleError


def get_plot_data(
    plot: Callable[..., Any], of: object, options: Mapping[str, Any] | None = None
) -> pd.DataFrame | tuple[pd.DataFrame, ...]:
    """Return what a figure draws, to draw it otherwise or to keep its numbers.

    Parameters
    ----------
    plot : callable
        One of this package's figures, ``bs.plot_bands``.
    of : Fit, Average, Plan, Backtest, ...
        What it is drawn of, its first argument.
    options : mapping, optional
        Its other arguments by name; no axes.

    Returns
    -------
    pandas.DataFrame, or a tuple of them
        The curves, bands and points, in the units of the figure's axes. The figure's own page names
        the function that makes them, and says what they are.

    Raises
    ------
    BayescaleError
        When it is none of the figures, or for what the figure would refuse.

    See Also
    --------
    plot_bands : One of the figures.
    credible_intervals : Any answer as a table.

    Examples
    --------
    >>> data = bs.get_plot_data(bs.plot_bands, fit, {"beyond": 10})
    >>> data.columns[:4].tolist()
    ['flops', 'params', 'tokens', 'law']
    >>> curves, optima = bs.get_plot_data(bs.plot_isoflop, fit, {"flops": ["1e19", "1e21"]})
    >>> optima["params"].round(-6).tolist()
    [279000000.0, 2295000000.0]
    """
    module, name = getattr(plot, "__module__", ""), getattr(plot, "__name__", "")
    if not (f"{module}".startswith("bayescale.plots.") and name.startswith("plot_")):
        raise BayescaleError(
            f"{plot!r} is no figure of bayescale: pass one, get_plot_data(bs.plot_bands, fit)"
        )
    if taken := {"ax", "axes"} & set(options or {}):
        raise BayescaleError(f"{taken.pop()}= is where to draw: numbers need none, leave it out")
    found = f"{name.removeprefix('plot_')}_data"
    return getattr(import_module(module), found)(of, **(options or {}))
