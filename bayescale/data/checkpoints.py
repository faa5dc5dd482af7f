"""What a row of a run table is: a finished run, or a checkpoint on the way to one."""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayescale.data.aliases import KINDS, RENAMED
from bayescale.data.convert import to_numbers
from bayescale.data.name_words import words_of
from bayescale.data.number_format import listed, number_of
from bayescale.data.other_columns import is_final_flag, is_outcome, truth_of
from bayescale.data.row_messages import cells_of
from bayescale.data.runs import Runs
from bayescale.data.unfinished import still_going

_BY_NAME = "column run"
"""How rows of one name are said to be recognised."""


MANY = 5
"""Rows of one configuration from which steps in equal distances are taken for one run's."""

EVEN = 0.05
"""How much shorter the shortest distance between steps may be than the longest, relatively."""

MOST = 0.9
"""Share of the rows that must look like checkpoints for what is said of all of them."""

JUMP = 5.0
"""How much longer than the one before a distance between steps is where rows may be of two runs."""

SAME_TOTAL = 0.1
"""Relative difference in tokens per finished share up to which rows are of runs of one length."""

SAME_BATCH = 0.05
"""Relative difference in tokens per step from which batches differ."""

_MOMENTS = set(["date", "time", "timestamp", "checkpoint", "ckpt", "path", "file"])
"""Words in the name of a column that says when or where a row was written, not what was trained."""

_SHARE = re.compile(
    r"((run|train|training|token|tokens|step|steps)_)?(fraction|frac|progress|percent|pct)"
    r"(_(of_)?(the_)?(run|train|training|trained|done|complete|completed|tokens|steps))?",
    re.IGNORECASE,
)
"""Names of a column that says which part of its run a row has behind it."""


@dataclass(frozen=True)
class FinishedRuns:
    """The last rows of the runs of a table, and how checkpoints were told from them."""

    runs: Runs
    """One row per run; the table as it is where it holds no checkpoints."""
    rows: int
    """The rows of the table."""
    how: str = ""
    """How checkpoints were recognised, "" where there are none."""
    mixed: tuple[str, ...] = ()
    """Names of runs that may hold several: their rows go back in training, or are few."""
    names: tuple[str, ...] = ()
    """The run of each row of the table, where no column says it and it was found."""
    doubt: str = ""
    """What to ask of a table whose rows may be checkpoints, "" where nothing is."""
    going: tuple[str, ...] = ()
    """Runs left out, whose learning rate has not come down yet, as that of the others has."""

    def recognised(self) -> str:
        """Say how many runs were recognised, and how; "" where there are no checkpoints."""
        if not self.how:
            return ""
        count = len(self.runs) + len(self.going)
        return f"{self.rows:,} rows are checkpoints of {number_of(count, 'run')} ({self.how})"

    def taken(self) -> str:
        """Say beside that that last rows were taken, and of which runs this may be wrong."""
        if not self.how:
            return ""
        said = f"{self.recognised()}: fitted the last row of each"
        if self.going:
            said += (
                f" but {listed(self.going, limit=3)}, left out: the learning rate has not come "
                "down at the end, as in the other runs; a column is_final would take them"
            )
        if not self.mixed:
            return said
        names = listed(self.mixed, limit=3)
        return (
            f"{said}; where runs or cooldowns of several lengths share a name ({names}), give each "
            "one of its own, or flag their ends in a column is_final"
        )


def finished_runs(runs: Runs) -> FinishedRuns:
    """Keep the last row of each training run, where a table holds checkpoints.

    Checkpoints are recognised by a column such as ``is_final``, by names in the column ``run`` that
    several rows share at different tokens or steps, by a column such as ``train_progress`` whose
    rows end where others of their size pass, by rows of one configuration at steps in equal
    distances, or by steps that rise from row to row and start again. The rows of a decaying
    learning-rate schedule before its end are no finished runs: a law fitted to them is one of
    another loss; so a run is left out whose learning rate stands high at its last row where that of
    the others has come down: it still goes on, or was stopped. Where many rows of one configuration
    differ in step and it cannot be told what they are, ``doubt`` asks.

    Parameters
    ----------
    runs : Runs
        The run table.

    Returns
    -------
    FinishedRuns
        The last rows, and what was recognised.
    """
    for keep, series, how in _ways(runs.table):
        if keep.all():  # all are last rows by this way, whatever the next would say
            return FinishedRuns(runs, len(runs))
        if keep.sum() > 1:
            mixed = _mixed(runs.table) if how == _BY_NAME else ()
            names = () if series is None else tuple(f"run {n + 1}" for n in series)
            keep, going = _without_going(runs.table, keep, names, how)
            return FinishedRuns(runs.take(keep), len(runs), how, mixed, names, going=going)
    return FinishedRuns(runs, len(runs), doubt=_doubt(runs.table))


def with_run_names(runs: Runs, found: FinishedRuns) -> Runs:
    """Return all rows of a table, with the runs that were found as its column ``run``."""
    if not found.names:
        return runs
    return replace(runs, table=runs.table.assign(run=list(found.names)))


def _without_going(
    table: pd.DataFrame, last: np.ndarray, names: tuple[str, ...], how: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the last rows of runs that ended, and the names of those that still go on."""
    if not names and how != _BY_NAME:
        return last, ()
    of = np.array(names) if names else cells_of(table, "run").astype("string").to_numpy(object)
    going = still_going(table, of, last)
    return last & ~going, tuple(map(str, of[going]))


def _ways(table: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray | None, str]]:
    """Yield which rows are last ones by each way to tell, each row's run, and the way in words.

    The runs are None where a column names them, or they are not known.
    """
    for name in table.columns:
        if isinstance(name, str) and is_final_flag(name):
            yield truth_of(cells_of(table, name)), None, f"column {name}"
    axis = _axis(table)
    if axis is None:
        return
    places = _numbers(table, axis)
    if "run" in table:
        names = cells_of(table, "run").astype("string")
        unnamed = names.isna().to_numpy(bool)
        if _differ(names.to_numpy(object)[~unnamed], places[~unnamed]):
            alone = pd.Series(np.arange(len(names)), index=names.index).astype("string")
            yield _last(names.fillna("row " + alone), places), None, _BY_NAME
        return
    for name in filter(_is_share, table.columns):
        found = _by_share(table, name, places)
        if found is not None:
            yield *found, f"column {name}"
    if "step" in table:
        for series, how in _by_step(table, axis):
            yield _last(series, places), series, how


def _axis(table: pd.DataFrame) -> str | None:
    """Name the column that says how far along a run a row is."""
    return next((name for name in ("tokens", "step", "flops") if name in table), None)


def _mixed(table: pd.DataFrame) -> tuple[str, ...]:
    """Name the runs that may be several: of few rows, or going back in training once or twice."""
    places = pd.Series(_numbers(table, str(_axis(table))))
    found = []
    for name, one in places.groupby(cells_of(table, "run").astype("string").to_numpy(object)):
        back = int((np.diff(one) < 0).sum())
        if 1 < len(one) < MANY or 0 < back * MANY <= len(one):
            found.append(str(name))
    return tuple(found)


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as numbers, NaN for what is none."""
    return to_numbers(cells_of(table, name), KINDS.get(name, "count"))[0]


def _differ(names: np.ndarray, places: np.ndarray) -> bool:
    """Whether rows of one name lie at different places."""
    return bool((pd.Series(places).groupby(names).nunique() > 1).any())


def _last(group: pd.Series | np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return which row of each group comes last."""
    last = pd.Series(places).groupby(np.asarray(group)).idxmax()
    keep = np.zeros(len(places), dtype=bool)
    keep[last.dropna().to_numpy(int)] = True
    return keep


# Runs that no column names -------------------------------------------------------------------


def _is_share(name: object) -> bool:
    """Whether a column says by its name which part of its run a row has behind it."""
    return isinstance(name, str) and _SHARE.fullmatch(re.sub(r"[\s.-]+", "_", name)) is not None


def _by_share(
    table: pd.DataFrame, name: str, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the rows at the end of their runs, and each row's run, by its share of one.

    A row belongs to the finished row of its size whose tokens are its own divided by its share.
    None where such rows are few, and where all runs are equally long: these may be finished runs
    on parts of one data set.
    """
    share, size = _numbers(table, name), _grouped(table, _words(table))
    end = next((e for e in (1.0, 100.0) if np.isclose(share.max(), e, rtol=1e-3)), None)
    if end is None or not ((share > 0) & (places > 0)).all():
        return None
    last, total = np.isclose(share, end, rtol=1e-3), np.log(places * end / share)
    if last.mean() > 0.5 or np.ptp(total[last]) < SAME_TOTAL:
        return None
    run = len(table) + _numbered(size, np.round(total / SAME_TOTAL))
    for one in np.unique(size[last]):
        rows, ends = np.flatnonzero(size == one), np.flatnonzero((size == one) & last)
        apart = np.abs(total[rows, None] - total[ends])
        near = apart.min(axis=1) < SAME_TOTAL
        run[rows[near]] = ends[apart.argmin(axis=1)[near]]
    if (run < len(table)).mean() < MOST:
        return None
    return last, _numbered(run)


def _by_step(table: pd.DataFrame, axis: str) -> Iterator[tuple[np.ndarray, str]]:
    """Yield the runs by their steps, and how they were told apart."""
    steps = _numbers(table, "step")
    configuration = _configuration(table, axis)
    if _evenly_spaced(configuration, steps):
        yield configuration, "steps in equal distances"
    # A learning rate that decays along a run looks like a setting.
    for one in (configuration, _numbered(_grouped(table, _words(table)), _batches(table))):
        series = _restarting(one, steps, _numbers(table, axis))
        if series is not None:
            yield series, "steps that start again"


def _restarting(
    configuration: np.ndarray, steps: np.ndarray, places: np.ndarray
) -> np.ndarray | None:
    """Number the runs of one configuration by where their steps start again, down or up the table.

    None where rows are in no such order, where steps jump so that there may be more runs, or where
    the runs of a configuration might as well be finished ones: they end at the same step, and lie
    at steps in no equal distances.
    """
    for order in (np.arange(len(steps)), np.arange(len(steps))[::-1]):
        again = np.zeros(len(steps), dtype=int)
        for one in np.unique(configuration):
            rows = order[configuration[order] == one]
            on = (np.diff(steps[rows]) > 0) & (np.diff(places[rows]) > 0)
            again[rows[1:]] = (~on).cumsum()
        series = _numbered(configuration, again)
        sizes = np.bincount(series)
        if (sizes[series] >= MANY).mean() < MOST or _jumping(series, steps) > 1 - MOST:
            continue
        last = _last(series, steps)
        ends = pd.Series(steps[last]).groupby(configuration[last])
        count, distinct = ends.size().to_numpy(int), ends.nunique().to_numpy(int)
        several = count > 1
        if not several.any():
            continue
        if (count == distinct)[several].mean() > 0.5 or _evenly_spaced(series, steps):
            return series
    return None


def _jumping(series: np.ndarray, steps: np.ndarray) -> float:
    """Return the share of runs whose steps jump."""
    runs = [np.diff(np.sort(steps[series == one])) for one in np.unique(series)]
    return float(np.mean([(d[1:] > JUMP * d[:-1]).any() for d in runs]))


def _doubt(table: pd.DataFrame) -> str:
    """Ask whether rows are checkpoints, where a table looks like it and it cannot be told."""
    if "run" in table or "params" not in table:
        return ""
    shares = [name for name in table.columns if _is_share(name)]
    column = "step" if "step" in table else str(shares[0]) if shares else ""
    if not column or any(is_final_flag(str(name)) for name in table.columns):
        return ""
    of, places = _configuration(table, str(_axis(table))), _numbers(table, str(_axis(table)))
    steps, rows, rising = _numbers(table, column), 0, []
    for one in np.unique(of):
        own = np.flatnonzero(of == one)
        own = own[steps[own].argsort(kind="stable")]
        if np.unique(steps[own]).size >= MANY:
            rows += len(own)
            rising += (np.diff(places[own]) >= 0).tolist()
    if rows < len(table) / 2 or np.mean(rising) < MOST:
        return ""
    return (
        f"column {column}, no column run: are these rows checkpoints? Name the run of each "
        "in a column run, or flag the last ones in a column is_final; of finished runs give each "
        "its own name"
    )


def _words(table: pd.DataFrame) -> list[str]:
    """Name the size, and the columns of words that say what was trained."""
    words = [str(c) for c in table.columns if table[c].dtype.kind not in "fiub"]
    return [
        name
        for name in dict.fromkeys(("params", *words))
        if name in table and not _MOMENTS & set(words_of(name))
    ]


def _grouped(table: pd.DataFrame, by: Sequence[Hashable]) -> np.ndarray:
    """Number the rows that agree in columns."""
    if not by:
        return np.zeros(len(table), dtype=int)
    return table.groupby(list(by), dropna=False, sort=False).ngroup().to_numpy()


def _numbered(*columns: np.ndarray) -> np.ndarray:
    """Number the rows that agree in arrays."""
    return _grouped(pd.DataFrame(dict(enumerate(columns))), range(len(columns)))


def _configuration(table: pd.DataFrame, axis: str) -> np.ndarray:
    """Number the rows that agree in size, in columns of words, in every setting, and in batch.

    A setting is a column of few numbers, which differ between rows of one size and step.
    """
    by = [name for name in _words(table) if name != axis]
    steps = [pd.Series(table[name]) for name in (*by, "step") if name in table]
    numbers = [c for c in table.columns if table[c].dtype.kind in "fiub" and c not in RENAMED]
    for name in numbers:
        few = pd.Series(table[name]).nunique() <= len(table) / MANY
        setting = few and not is_outcome(str(name)) and not _is_share(name)
        if setting and _at_one_step(table, steps, name) > 1:
            by.append(name)
    return _numbered(_grouped(table, by), _batches(table))


def _batches(table: pd.DataFrame) -> np.ndarray:
    """Number the rows by their tokens per step, alike where it takes many values or rare ones."""
    alike = np.zeros(len(table), dtype=int)
    if "step" not in table or "tokens" not in table:
        return alike
    steps, tokens = _numbers(table, "step"), _numbers(table, "tokens")
    if not ((steps > 0) & (tokens > 0)).all():
        return alike
    batch = np.log(tokens / steps)
    order = batch.argsort()
    alike[order[1:]] = (np.diff(batch[order]) > SAME_BATCH).cumsum()
    return alike if np.bincount(alike).min() >= MANY else np.zeros_like(alike)


def _at_one_step(table: pd.DataFrame, steps: list[pd.Series], name: str) -> int:
    """Return the largest number of values that a column has among rows of one step."""
    return int(table.groupby(steps, dropna=False)[name].nunique().to_numpy(int).max())


def _evenly_spaced(group: np.ndarray, steps: np.ndarray) -> bool:
    """Whether most groups have many rows, at steps of one distance but for a shorter last one."""
    rows = pd.DataFrame({"group": group, "step": steps}).sort_values("step")
    large = even = 0
    for _, one in rows.groupby("group"):
        distances = np.diff(one["step"].to_numpy())
        large += len(one) >= MANY
        even += len(one) >= MANY and _one_distance(distances)
    return large > 0 and even > 0.5 * large


def _one_distance(distances: np.ndarray) -> bool:
    """Whether distances are the same, but for a shorter one at the end."""
    longest = distances.max()
    return distances[-1] > 0 and (1 - EVEN) * longest <= distances[:-1].min()
