"""How far each law's predictive density falls behind the best."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayescale.errors import BayescaleError
from bayescale.plots.style import BLUE, GREY, INK, PALE, legend_above, one_panel

NEEDED = ("elpd_diff", "dse", "weight", "warning")


def compare_data(table: pd.DataFrame) -> pd.DataFrame:
    """Return what :func:`bayescale.plot_compare` draws of a comparison.

    Parameters
    ----------
    table : pandas.DataFrame
        What :func:`bayescale.compare` returned.

    Returns
    -------
    pandas.DataFrame
        Best first, indexed by law: ``behind`` (elpd difference to the best, at most zero), ``dse``
        (its standard error), ``weight``, and ``doubtful``, whether LOO or WAIC gave a warning; of
        a comparison with backtests also ``crps`` and ``rank``, its rank, beyond the data.

    Raises
    ------
    BayescaleError
        When a column is missing.
    """
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise BayescaleError(
            f"the table has no column {', '.join(missing)}: pass what compare({{...}}) returned"
        )
    data = pd.DataFrame(
        {
            "behind": -table["elpd_diff"].abs(),
            "dse": table["dse"],
            "weight": table["weight"],
            "doubtful": table["warning"] != "",
        }
    )
    if "crps" in table:
        return data.assign(crps=table["crps"], rank=table["crps"].rank(method="min"))
    return data


def plot_compare(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far each law falls behind the best, with standard errors and weights.

    Parameters
    ----------
    table : pandas.DataFrame
        What :func:`bayescale.compare` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when None.

    Returns
    -------
    matplotlib.axes.Axes
        One row per law, best on top; hollow where the table carries a warning. Bars are one and two
        standard errors of the difference; on the right stand stacking weights and, with
        backtests, the rank and the CRPS of forecasts beyond the data.

    Raises
    ------
    BayescaleError
        When a column is missing.

    See Also
    --------
    compare : Make the table.

    Examples
    --------
    >>> axes = bs.plot_compare(bs.compare(fits))
    >>> [text.get_text() for text in axes.get_yticklabels()]
    ['chinchilla', 'skaling']
    """
    data = compare_data(table)
    ax = one_panel(ax, (6.4, 1.3 + 0.42 * len(data)))
    rows = -pd.Series(range(len(data)), index=data.index)
    for errors, width in ((1, 3.5), (2, 1.2)):
        reach = errors * data["dse"]
        ax.hlines(rows, data["behind"] - reach, data["behind"] + reach, color=BLUE, lw=width)
    for doubtful, fill, label in ((False, BLUE, ""), (True, "w", "with a warning, see the table")):
        own = data.loc[data["doubtful"] == doubtful]
        if len(own):
            ax.plot(own["behind"], rows[own.index], "o", ms=7, color=BLUE, mfc=fill, label=label)
    ax.axvline(0, color=GREY, lw=0.8, zorder=0)
    _write(ax, data, rows)
    if any(data["doubtful"]):
        legend_above(ax)
    return ax


def _columns(data: pd.DataFrame) -> list[tuple[float, str, list[str]]]:
    """Return what stands on the right: where, under which title, and a text a law."""
    found = [(1.03, "weight", [f"{weight:.2f}" for weight in data["weight"]])]
    if "crps" in data:
        ranked = zip(data["rank"], data["crps"], strict=True)
        said = [f"{rank:.0f}.  CRPS {100 * crps:.2f} %" for rank, crps in ranked]
        found.append((1.17, "beyond the data", said))
    return found


def _write(ax: Axes, data: pd.DataFrame, rows: pd.Series) -> None:
    beside = ax.get_yaxis_transform()
    for row in rows:
        ax.axhline(row, color=PALE, lw=0.8, zorder=0)
    for left, title, texts in _columns(data):
        for row, text in zip(rows, texts, strict=True):
            ax.text(left, row, text, transform=beside, va="center", fontsize="small", color=INK)
        ax.text(left, 0.62, title, transform=beside, fontsize="small", color=GREY)
    ax.set_yticks(rows, [str(name) for name in data.index])
    ax.set_ylim(rows.min() - 0.6, 0.6)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel("elpd difference to the best (LOO), with one and two standard errors")
