"""Sweeps of learning rate and batch size inside a run table: what is swept, and the best of it."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from bayescale.data.convert import Unreadable, to_numbers
from bayescale.data.number_format import listed
from bayescale.data.other_columns import expression_name, hyperparameter_kind
from bayescale.data.read import RunsLike, read_runs
from bayescale.data.row_messages import cells_of, row_name
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError, closest
from bayescale.evaluation.parabolas import (
    VALUES,
    Sweep,
    draw_coefficients,
    draw_scatter,
    lowest,
    parabola_terms,
)
from bayescale.prediction.intervals import interval_width

SIZES = ("params", "tokens", "flops")
"""Columns that say how large a run is."""

SAME = 0.02
"""Sizes that follow each other within this relative step are one: tokens are steps times batch."""

SWEPT = 0.5
"""Share of the rows that must be in sweeps of a column for the table to be one of sweeps."""

EDGE = 0.9
"""Probability of a minimum within the sweep below which that is said."""


def swept_columns(runs: Runs) -> list[str]:
    """Name the columns of learning rates and batch sizes that a table sweeps.

    Parameters
    ----------
    runs : Runs
        The run table.

    Returns
    -------
    list of str
        At most one of each kind: of those with three values or more at one size and data, for at
        least half of the rows.
    """
    cells, found = _cells(runs, ()), {}
    for name in map(str, runs.table.columns):
        kind = hyperparameter_kind(name)
        if not kind or kind in found:
            continue
        values, unreadable = _numbers(runs, name)
        if unreadable or not (values > 0).all():
            continue
        distinct = np.array(
            [np.unique(values[cells == cell]).size for cell in range(cells.max() + 1)]
        )
        if (distinct[cells] >= VALUES).mean() >= SWEPT:
            found[kind] = name
    return list(found.values())


def swept_text(runs: Runs) -> list[str]:
    """Offer :func:`sweep_minima` in a sentence, where a table sweeps learning rates or batches."""
    names = swept_columns(runs)
    if not names:
        return []
    sweeps = int(_cells(runs, ()).max()) + 1
    return [
        f"The {len(runs):,} runs sweep {' and '.join(names)} at {sweeps:,} sizes and data, so most "
        "are not tuned: bayescale.sweep_minima (bayescale sweeps) finds the best of each sweep, "
        "and fitting those describes tuned runs."
    ]


def sweep_minima(
    runs: RunsLike,
    columns: Sequence[str] | None = None,
    *,
    group: Sequence[str] = (),
    ci_prob: float | None = None,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Find the best learning rate and batch size at each size and data, and the loss there.

    A table that sweeps them has many runs of one size that differ by how well they were tuned; a
    law fitted to all of them describes the average tuning. Here each sweep gives one row, the
    minimum of a parabola of log loss in the log of each swept column (with a skew, since a rate too
    high costs more than one too low, and with their product where there are several), fitted to
    the runs within five per cent of the best loss. The posterior is Gaussian given the scatter of a
    run, which all sweeps share. The minimum is sought inside what was swept: ``inside`` says how
    probably it is no end of it.

    Parameters
    ----------
    runs : Runs, DataFrame or path
        The run table, as for :func:`bayescale.read_runs`.
    columns : sequence of str, optional
        The swept columns, positive numbers; those of learning rates and batch sizes when None.
    group : sequence of str
        Columns that tell sweeps apart besides params, tokens, flops and family.
    ci_prob : float, optional
        Probability inside the intervals, equal-tailed; ArviZ's setting (0.89) when None.
    random_seed : int, optional
        Seed of the 1,000 draws; zero when None.

    Returns
    -------
    pandas.DataFrame
        One row per sweep, a run table for :func:`bayescale.fit`: params, tokens, flops, family and
        ``group`` as in the table; each swept column at its best, with ``_lower`` and ``_upper``;
        ``inside``, the probability that the minimum is no end of the sweep; ``loss`` there, in the
        table's unit, and its standard error ``loss_se``; ``count``, the number of runs; ``note``,
        "" where all is well. Where no column has three values it is the best run, without an
        interval.

    Raises
    ------
    BayescaleError
        When the table sweeps nothing, a column is absent or not positive, or it has no loss.

    See Also
    --------
    fit : Fit a law to the minima.
    adequacy : Whether residuals follow a learning rate.
    read_runs : Read a run table.

    Examples
    --------
    >>> rates = 1e-3 * 2.0 ** np.arange(-3, 4)
    >>> sweep = pd.DataFrame({"params": 1e8, "tokens": 2e9, "lr": rates})
    >>> sweep["loss"] = 3.2 * np.exp(0.01 * np.log(rates / 1.5e-3) ** 2)
    >>> best = bs.sweep_minima(sweep)
    >>> bool(abs(best["lr"][0] / 1.5e-3 - 1) < 0.05), float(round(best["loss"][0], 2))
    (True, 3.2)
    >>> best["count"].tolist(), best["note"].tolist()
    ([7], [''])
    """
    table, width = read_runs(runs), interval_width(ci_prob)
    if "loss" not in table.table:
        raise BayescaleError(f"{table.source} has no loss, of which a minimum could be sought")
    names = [columns] if isinstance(columns, str) else list(columns or swept_columns(table))
    if not names:
        raise BayescaleError(
            f"{table.source} sweeps no learning rate or batch size: none has {VALUES} values at "
            "one size and data for half of the rows. Name the columns that were swept, "
            "columns=['weight_decay']"
        )
    settings = {name: _positive(table, name) for name in names}
    log_loss = np.log(_positive(table, "loss"))
    for name in group:
        _refuse_absent(table, name)
    cells = _cells(table, group)
    kept = ["family", *group] if "family" in table.table else list(group)
    sweeps = [
        Sweep.of(np.flatnonzero(cells == cell), np.log(np.column_stack(list(settings.values()))),
                  log_loss)
        for cell in range(cells.max() + 1)
    ]  # fmt: skip
    rng = np.random.default_rng(0 if random_seed is None else random_seed)
    scatter = draw_scatter(sweeps, rng)
    rows = []
    for sweep in sweeps:
        first = table.table.iloc[sweep.rows[0]]
        same = {
            name: _typical(table.table[name].iloc[sweep.rows].to_numpy(float))
            for name in SIZES
            if name in table.table
        }
        best = _best(sweep, names, scatter, width, rng)
        rows.append({**{name: first[name] for name in kept}, **same, **best})
    units = {"params_convention": table.params_convention, "loss_unit": table.loss_unit}
    known = {name: value for name, value in units.items() if value != "unknown"}
    return pd.DataFrame(rows).assign(**known)


def _typical(sizes: np.ndarray) -> float:
    """Return the one size of a sweep, or the geometric mean of those that rounding set apart."""
    return float(sizes[0] if np.ptp(sizes) == 0 else np.exp(np.log(sizes).mean()))


def _positive(runs: Runs, name: str) -> np.ndarray:
    """Read a column of positive numbers."""
    _refuse_absent(runs, name)
    values, unreadable = _numbers(runs, name)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        why = unreadable.get(int(wrong[0]), f"{values[wrong[0]]:g} is not positive")
        rows = (
            f"give it as a number (there are {wrong.size:,} such rows)"
            if unreadable
            else f"leave out the {wrong.size:,} such rows, where='{expression_name(name)} > 0'"
        )
        raise BayescaleError(
            f"column {name} of {runs.source}, {row_name(runs.table.index, int(wrong[0]))}: {why}; "
            f"parabolas are in its log: {rows}"
        )
    return values


def _numbers(runs: Runs, name: str) -> tuple[np.ndarray, Unreadable]:
    """Read a swept column: batch sizes may be written as 64k, as other counts are."""
    kind = "count" if hyperparameter_kind(name) == "batch size" else "number"
    return to_numbers(cells_of(runs.table, name), kind)


def _refuse_absent(runs: Runs, name: str) -> None:
    """Raise for a column that is not there."""
    known = list(map(str, runs.table.columns))
    if name not in known:
        raise BayescaleError(
            f"{runs.source} has no column {name!r}{closest(name, known)}; it has {listed(known)}"
        )


def _cells(runs: Runs, group: Sequence[str]) -> np.ndarray:
    """Number the rows by size, data, family and other columns, in the order of first rows."""
    table = runs.table
    parts = [_alike(table[name].to_numpy(float)) for name in SIZES[:2] if name in table]
    if not parts and "flops" in table:
        parts = [_alike(table["flops"].to_numpy(float))]
    for name in ("family", *group):
        if name in table:
            parts.append(pd.factorize(cells_of(table, name), use_na_sentinel=False)[0])
    if not parts:
        return np.zeros(len(table), dtype=int)
    return pd.factorize(pd.Series(list(zip(*(part.tolist() for part in parts), strict=True))))[0]


def _alike(values: np.ndarray) -> np.ndarray:
    """Number values that are the same but for small steps."""
    order = np.argsort(values)
    steps = np.diff(np.log(values[order]), prepend=np.log(values[order[0]]))
    found = np.empty(len(values), dtype=int)
    found[order] = np.cumsum(steps > SAME)
    return found


def _best(
    sweep: Sweep,
    names: Sequence[str],
    scatter: np.ndarray,
    width: float,
    rng: np.random.Generator,
) -> dict[str, float | int | str]:
    """Return the columns of one sweep's row."""
    best = int(sweep.log_loss.argmin())
    logs = np.full((len(names), 3), np.nan)
    logs[:, 0] = sweep.settings[best]
    found: dict[str, float | int | str] = {"inside": float("nan")}
    found |= {"loss": float(np.exp(sweep.log_loss[best])), "loss_se": float("nan")}
    note = f"no column has {VALUES} values: the best run"
    if sweep.active:
        coefficients = draw_coefficients(sweep, scatter, rng)
        half = np.ptp(sweep.points, axis=0) / 2
        places, inside = lowest(coefficients, half)
        level = (coefficients * parabola_terms(places)).sum(axis=1)
        share = (1 - width) / 2
        ends = np.quantile(places + sweep.middle, [0.5, share, 1 - share], axis=0)
        logs[sweep.active] = ends.T
        loss = float(np.exp(np.median(level)))
        found = {"inside": float(inside.mean()), "loss": loss, "loss_se": loss * float(level.std())}
        note = "" if inside.mean() >= EDGE else "at the edge of the sweep"
    rates = dict(zip(_triples(names), np.exp(logs).ravel().tolist(), strict=True))
    return {**rates, **found, "count": len(sweep.rows), "note": note}


def _triples(names: Sequence[str]) -> Iterator[str]:
    """Name the columns of best values and their bounds."""
    for name in names:
        yield from (name, f"{name}_lower", f"{name}_upper")
