"""Learning-rate schedules as columns: what a law of whole loss curves takes of each row.

The loss at a step depends on every learning rate up to it. A table of curves holds a run's name, a
step and the learning rate at that step; :func:`with_schedule` reads off the whole schedule of each
run and adds, to each row, what the laws need of it:

>>> import pandas as pd
>>> from bayescale.data.schedule import with_schedule
>>> curve = pd.DataFrame({"run": "a", "step": [100, 200, 300], "lr": [1e-3, 1e-3, 0.0]})
>>> table = with_schedule(curve, warmup_steps=100)
>>> table["lr_sum"].round(4).tolist()
[0.0505, 0.1505, 0.2]

A sum over thousands of past changes of the rate is reduced to ``NODES`` terms, columns
``lr_change_1`` to ``lr_change_30`` and so on. Neighbouring changes go together, the more finely the
more recent they are: the error of the multi-power law stays below 1e-4 in loss.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd


NODES = 30
"""Terms to which the changes of the learning rate before a row are reduced."""


_CANDIDATES = 100


def with_schedule(
    curves: "pd.DataFrame",
    *,
    run: str | Sequence[str] = "run",
    step: str = "step",
    rate: str = "lr",
    warmup_steps: int = 0,
    momentum: float = 0.999,
) -> "pd.DataFrame":
    """Add to a table of curves the columns that laws of learning-rate schedules take.

    Between the rows of a run the rate is interpolated linearly, but for a jump between two flat
    stretches, which happens at the row that first has the new rate. So do this before thinning a
    table; rows need no loss, and one at each corner of the schedule makes it exact.

    Parameters
    ----------
    curves : DataFrame
        One row per run and step, in any order.
    run : str or sequence of str
        Columns that tell the curves apart; a table without the default ``run`` is one curve.
    step, rate : str
        Columns of the step and of the learning rate at it.
    warmup_steps : int
        Steps of linear warm-up from zero, where a run's first row comes after it. A run whose first
        row is not step 0 is taken to warm up until this step, or until its first row at most.
    momentum : float
        Decay per step of the momentum in ``lr_annealed``.

    Returns
    -------
    DataFrame
        The table with ``lr_sum``, the sum of learning rates up to the step; ``lr_annealed``, the
        sum over steps of the momentum of the rate's falls after its first peak, as a share of
        ``lr_sum``; and for each node i ``lr_node_i``, the
        rate after the changes that the node stands for, ``lr_change_i``, how far it fell, divided
        by the rate after (below zero where it rose), and ``lr_since_i``, the share of ``lr_sum``
        that has come since.

    Raises
    ------
    BayescaleError
        For a missing column, a step or rate that cannot be, or two rates at one step of a run.

    See Also
    --------
    read_runs : Read the table with these columns.
    fit : Fit ``"annealing"`` or ``"multi_power"`` to it.

    References
    ----------
    * Tissue, Wang and Wang (2024), arXiv:2408.11029
    * Luo et al. (2025), arXiv:2503.12811

    Examples
    --------
    >>> curve = pd.DataFrame({"run": "a", "step": [100, 200, 300], "lr": [1e-3, 1e-3, 0.0]})
    >>> bs.with_schedule(curve, warmup_steps=100)["lr_sum"].round(4).tolist()
    [0.0505, 0.1505, 0.2]
    """
    import pandas as pd

    names = [run] if isinstance(run, str) else list(run)
    if names == ["run"] and "run" not in curves:
        names = []
    _check(curves, names, step, rate)
    if not 0 <= momentum < 1 or warmup_steps < 0:
        raise BayescaleError("momentum must lie in [0, 1) and warmup_steps be 0 or more")
    positions = curves.groupby(names, sort=False).indices if names else {"all": slice(None)}
    found = np.empty((len(curves), 2 + 3 * NODES))
    steps, rates = curves[step].to_numpy(int), curves[rate].to_numpy(float)
    for name, rows in positions.items():
        rate_at = _every_step(steps[rows], rates[rows], warmup_steps, name)
        found[rows] = _describe(rate_at, steps[rows], momentum)
    added = pd.DataFrame(found, columns=_schedule_columns(), index=curves.index)
    others = curves.drop(columns=_schedule_columns(), errors="ignore")
    return pd.concat([others, added], axis=1)


def _schedule_columns() -> list[str]:
    """Return the names of the columns that :func:`with_schedule` adds."""
    nodes = range(1, NODES + 1)
    kinds = ("lr_node", "lr_change", "lr_since")
    return ["lr_sum", "lr_annealed", *(f"{kind}_{i}" for kind in kinds for i in nodes)]


def _check(curves: "pd.DataFrame", names: list[str], step: str, rate: str) -> None:
    for column in (*names, step, rate):
        if column not in curves:
            raise BayescaleError(
                f"the table of curves has no column {column!r}; it has "
                f"{', '.join(map(str, curves.columns))}: name yours with run=, step=, rate="
            )
    for column, whole in ((step, True), (rate, False)):
        values = np.asarray(curves[column], dtype=float)
        bad = ~np.isfinite(values) | (values < 0)
        if whole:
            bad |= values != np.floor(values)
        if bad.any():
            row, kind = int(np.flatnonzero(bad)[0]), "whole number" if whole else "number"
            raise BayescaleError(
                f"{column} is {values[row]:g} in row {curves.index[row]}: it must be a {kind}, "
                "0 or more"
            )


def _every_step(steps: np.ndarray, rates: np.ndarray, warmup_steps: int, name: Any) -> np.ndarray:
    """Return the learning rate at every step from 0 to the last, shape (step + 1,)."""
    at, first, same = np.unique(steps, return_index=True, return_inverse=True)
    value = rates[first]
    conflict = ~np.isclose(value[same], rates, rtol=1e-6, atol=0)
    if conflict.any():
        row = int(np.flatnonzero(conflict)[0])
        raise BayescaleError(
            f"run {name!r} has two learning rates at step {steps[row]}, {rates[row]:g} and "
            f"{value[same[row]]:g}: name the columns that tell its curves apart with run="
        )
    if at[-1] == 0 or not value.any():
        raise BayescaleError(f"run {name!r} has no step with a learning rate above zero")
    if at[0] > 0:
        end = min(warmup_steps, int(at[0]))
        corners = ([0], [value[0]]) if end == 0 else ([0, end], [0.0, value[0]])
        kept = slice(1, None) if end == at[0] else slice(None)
        at, value = np.r_[corners[0], at[kept]], np.r_[corners[1], value[kept]]
    found = np.interp(np.arange(at[-1] + 1), at, value)
    flat = value[1:] == value[:-1]
    for i in np.flatnonzero(flat[:-2] & ~flat[1:-1] & flat[2:]) + 1:
        found[at[i] : at[i + 1]] = value[i]
    return found


def _describe(rate: np.ndarray, steps: np.ndarray, momentum: float) -> np.ndarray:
    """Return the columns of :func:`_schedule_columns` at some steps, shape (row, column)."""
    from scipy.signal import lfilter

    fall = np.r_[0.0, -np.diff(rate)]
    summed = np.cumsum(rate)
    after_warmup = np.where(np.arange(len(rate)) > rate.argmax(), fall, 0.0)
    annealed = np.cumsum(lfilter([1.0], [1.0, -momentum], after_warmup))
    falls, rises = _Changes(rate, summed, fall), _Changes(rate, summed, -fall)
    rows = []
    for t in steps:
        nodes = _nodes(falls.stretches(t), rises.stretches(t), summed[t], float(rate.max()))
        rows.append([summed[t], annealed[t] / summed[t], *nodes])
    return np.array(rows)


class _Changes:
    """The changes of one sign in a schedule, summed so that any stretch of them is quick to get.

    ``rate``, ``summed`` and ``size`` hold for each step the learning rate, its sum so far, and how
    far it changed on reaching that step; changes below zero belong to the other sign.
    """

    def __init__(self, rate: np.ndarray, summed: np.ndarray, size: np.ndarray) -> None:
        size = np.where(rate > 0, np.maximum(size, 0.0), 0.0)  # no step follows a fall to zero
        log_rate = np.log(np.where(rate > 0, rate, 1.0))
        self.summed = summed
        self.totals = np.cumsum([size, size * log_rate, size * (summed - rate)], axis=1)

    def stretches(self, t: int) -> "_Stretches":
        """Return some hundred stretches of the changes up to step t, finer where it matters."""
        total = self.totals[0, : t + 1]
        by_age = t + 1 - np.geomspace(1, t + 1, _CANDIDATES)
        by_size = np.searchsorted(total, np.linspace(0, total[t], _CANDIDATES))
        edges = np.unique(np.clip(np.r_[0, t, by_age, by_size].astype(int), 0, t))
        size, log_rate, before = np.diff(self.totals[:, edges], axis=1)
        there = size > 1e-12 * self.summed[t]
        size, log_rate, before = size[there], log_rate[there] / size[there], before[there]
        return _Stretches(size, log_rate, self.summed[t] - before / size)


class _Stretches(NamedTuple):
    """Stretches of changes: their size, mean log rate after, and mean sum of rates since."""

    size: np.ndarray
    log_rate: np.ndarray
    since: np.ndarray

    def errors(self) -> np.ndarray:
        """Return the cube root of what each adds to the error of a group it is part of.

        A group that stands at its mean errs by its size times its squared width: groups of equal
        sums of cube roots err equally.
        """
        if len(self.size) < 2:
            return np.ones(len(self.size))
        width = np.abs(np.gradient(np.log(self.since))) + np.abs(np.gradient(self.log_rate))
        return np.cbrt(self.size * width**2)

    def grouped(self, count: int) -> np.ndarray:
        """Return size, mean log rate and mean sum since of ``count`` groups, shape (3, count)."""
        groups = np.arange(len(self.size))
        if len(groups) > count:
            error = np.cumsum(self.errors())
            groups = np.minimum((count * error / error[-1]).astype(int), count - 1)
        size = np.bincount(groups, self.size, count)
        some = np.where(size > 0, size, 1.0)
        log_rate, since = (
            np.bincount(groups, self.size * values, count) / some
            for values in (self.log_rate, self.since)
        )
        return np.array([size, log_rate, since])


def _nodes(falls: _Stretches, rises: _Stretches, total: Any, peak: float) -> np.ndarray:
    """Return rate after, relative change and share since of all nodes, shape (3 * NODES,)."""
    for_falls, for_rises = float(falls.errors().sum()), float(rises.errors().sum())
    share = for_falls / ((for_falls + for_rises) or 1.0)
    count = round(np.clip(NODES * share, for_falls > 0, NODES - (for_rises > 0)))
    parts = falls.grouped(count), rises.grouped(NODES - count)
    size, log_rate, since = np.concatenate(parts, axis=1)
    sign = np.where(np.arange(NODES) < count, 1.0, -1.0)
    rate = np.where(size > 0, np.exp(log_rate), peak)
    return np.r_[rate, sign * size / rate, np.where(size > 0, since / total, 1.0)]
