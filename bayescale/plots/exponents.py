"""Exponents and the irreducible loss of several fits, beside published values."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayescale.data.number_format import percent
from bayescale.decisions.frontier import has_frontier
from bayescale.decisions.frontier_constants import frontier_constants
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_fit_or_fits
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.result import Fit
from bayescale.laws.parameters import Fraction
from bayescale.plots.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    VERMILLION,
    panels,
    parameter_unit,
    symbol,
)
from bayescale.prediction.intervals import credible_interval, interval_width
from bayescale.studies.study import Published

FLOOR = "E"


OPTIMAL = {
    "N_opt_exponent": "$N^*$ exponent",
    "D_opt_exponent": "$D^*$ exponent",
}
"""What to call how the optimum grows with compute."""


def exponents_data(
    fits: Fit | Mapping[str, Fit],
    published: Iterable[Published] = (),
    *,
    ci_prob: float | None = None,
) -> pd.DataFrame:
    """Return exponents and irreducible loss, one row per parameter and source.

    Parameters
    ----------
    fits : Fit or mapping of str to Fit
        Fits by the name to show; a single one goes by its law's name.
    published : iterable of Published
        Values from the literature, such as ``load_study("hoffmann2022").published``. Only
        parameters that some fit has are kept.
    ci_prob : float, optional
        Probability inside the fits' intervals; ArviZ's setting (0.89) when None.

    Returns
    -------
    pandas.DataFrame
        ``parameter``, ``source``, ``kind`` ("fit" or "published"), ``median`` (the value, if
        published), ``lower``, ``upper`` (NaN where none is known) and ``level``, the probability
        between them. Parameters are the law's scale-free ones, E, and, where published,
        ``N_opt_exponent`` and ``D_opt_exponent``: how N* and D* grow with compute at the largest
        fitted run.

    Raises
    ------
    BayescaleError
        When no fit is given, or none has such a parameter.
    """
    named = {fits.law.name: fits} if isinstance(fits, Fit) else dict(fits)
    published = list(published)
    wanted = {name for record in published for name in record.values}
    level = interval_width(ci_prob)
    rows = [
        {"source": source, "kind": "fit", "level": level, **row}
        for source, fit in named.items()
        for row in _of_fit(fit, wanted, ci_prob)
    ]
    names = list(dict.fromkeys(row["parameter"] for row in rows))
    if not names:
        raise BayescaleError("plot_exponents needs at least one fit of a law with an exponent or E")
    rows += [row for record in published for row in _of_record(record) if row["parameter"] in names]
    columns = ["parameter", "source", "kind", "median", "lower", "upper", "level"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    order = sorted(names, key=lambda name: (name != FLOOR, name in OPTIMAL))
    place = [order.index(name) for name in table["parameter"]]
    return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _of_fit(fit: Fit, wanted: set[str], ci_prob: float | None) -> Iterator[dict[str, Any]]:
    refuse_pooled(fit, "plot_exponents")
    for name, parameter in fit.law.parameters.items():
        scale_free = parameter.of is None and not isinstance(parameter, Fraction)
        if name in fit.spec.fixed and (scale_free or name == FLOOR):
            yield {"parameter": name, "median": fit.spec.fixed[name]}
        elif scale_free or name == FLOOR:
            yield _row(name, fit.posterior[name], ci_prob)
    if has_frontier(fit):
        asked = [name for name in OPTIMAL if name in wanted]
        grows = frontier_constants(fit) if asked else {}
        for name in asked:
            yield _row(name, grows[name], ci_prob)


def _row(name: str, draws: xr.DataArray, ci_prob: float | None) -> dict[str, Any]:
    bounds = credible_interval(draws, ci_prob)
    return {"parameter": name} | {str(k): float(v) for k, v in bounds.data_vars.items()}


def _of_record(record: Published) -> Iterator[dict[str, Any]]:
    for name, value in record.values.items():
        lower, upper = record.intervals.get(name, (np.nan, np.nan))
        yield {
            "parameter": name,
            "source": record.source,
            "kind": "published",
            "median": value,
            "lower": lower,
            "upper": upper,
            "level": record.level if name in record.intervals else np.nan,
        }


@of_fit_or_fits
def plot_exponents(
    fits: Fit | Mapping[str, Fit],
    published: Iterable[Published] = (),
    *,
    ci_prob: float | None = None,
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """Draw exponents and irreducible loss of fits as a forest, beside published values.

    Parameters
    ----------
    fits : Fit or mapping of str to Fit
        Fits by the name to show; a single one goes by its law's name.
    published : iterable of Published
        Values from the literature, such as ``load_study("hoffmann2022").published``.
    ci_prob : float, optional
        Probability inside the fits' intervals; ArviZ's setting (0.89) when None.
    axes : sequence of Axes, optional
        Where to draw, one per parameter; a new figure when None.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes, shape (parameter,)
        one panel per parameter, each on its own scale; one row per source, fits first. The numbers
        are those of :func:`bayescale.plots.exponents.exponents_data`.

    Raises
    ------
    BayescaleError
        When no fit is given, none has such a parameter, or the number of axes is another.

    See Also
    --------
    summary : The numbers.
    check_published : The comparison as a table.

    Examples
    --------
    >>> panels = bs.plot_exponents(fits, bs.load_study("hoffmann2022").published)
    >>> len(panels)
    6
    """
    table = exponents_data(fits, published, ci_prob=ci_prob)
    sources = list(dict.fromkeys(table.sort_values("kind", kind="stable")["source"]))
    names = list(dict.fromkeys(table["parameter"]))
    size = (2.2 + 1.7 * len(names), 1.0 + 0.36 * len(sources))
    row_of = {source: -row for row, source in enumerate(sources)}
    made = panels(axes, len(names), size, len(names))
    for ax, name in zip(made, names, strict=True):
        _draw(ax, table.loc[table["parameter"] == name], row_of)
        ax.set_title(_title(fits, name), fontsize="medium")
    made[0].set_yticks([*row_of.values()], [_label(table, source) for source in sources])
    return made


def _draw(ax: Axes, table: pd.DataFrame, row_of: Mapping[str, int]) -> None:
    for row in row_of.values():
        ax.axhline(row, color=PALE, lw=0.8, zorder=0)
    rows: list[Any] = list(table.itertuples())
    for row in rows:
        color, marker, fill = (BLUE, "o", BLUE) if row.kind == "fit" else (VERMILLION, "D", "w")
        at = row_of[str(row.source)]
        ax.hlines(at, row.lower, row.upper, color=color, lw=2)
        ax.plot(row.median, at, marker, ms=5, color=color, mfc=fill)
    ax.set_ylim(min(row_of.values()) - 0.6, 0.6)
    ax.set_yticks([*row_of.values()], [""] * len(row_of))
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.margins(x=0.12)
    ax.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))


def _label(table: pd.DataFrame, source: str) -> str:
    """Name a source with the probability inside its intervals; "point" where it gives none."""
    levels = table.loc[table["source"] == source, "level"].dropna().unique()
    known = percent(levels[0]) if len(levels) else "no interval"
    return "\n".join(textwrap.wrap(f"{source}, {known}", 40)).replace("$", r"\$")


def _title(fits: Fit | Mapping[str, Fit], name: str) -> str:
    if name in OPTIMAL:
        return OPTIMAL[name]
    several = [fits] if isinstance(fits, Fit) else fits.values()
    units = {parameter_unit(fit, name) for fit in several if name in fit.law.parameters}
    unit = units.pop() if len(units) == 1 else ""
    return f"{symbol(name)} ({unit})" if unit else symbol(name)
