"""What a row of a run table is: a finished run, or a checkpoint on the way to one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.data.aliases import KINDS, RENAMED
from bayescale.data.convert import to_numbers
from bayescale.data.number_format import listed
from bayescale.data.other_columns import is_final_flag, is_outcome, truth_of
from bayescale.data.row_messages import cells_of
from bayescale.data.runs import Runs

_BY_NAME = "column run"
"""How rows of one name are said to be recognised."""


MANY = 5
"""Rows of one configuration from which steps in equal distances are taken for one run's."""

EVEN = 0.05
"""How much shorter the shortest distance between steps may be than the longest, relatively."""


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

    def recognised(self) -> str:
        """Say how many runs were recognised, and how; "" where there are no checkpoints."""
        if not self.how:
            return ""
        return f"{self.rows:,} rows are checkpoints of {len(self.runs):,} runs ({self.how})"

    def taken(self) -> str:
        """Say beside that that last rows were taken, and of which runs this may be wrong."""
        if not self.how:
            return ""
        said = f"{self.recognised()}: fitted the last row of each"
        if not self.mixed:
            return said
        names = listed(self.mixed, limit=3)
        return (
            f"{said}; where cooldowns of several lengths share a name ({names}), flag their ends "
            "in a column is_final"
        )


def finished_runs(runs: Runs) -> FinishedRuns:
    """Keep the last row of each training run, where a table holds checkpoints.

    Checkpoints are recognised by a column such as ``is_final``, by names in the column ``run`` that
    several rows share at different tokens or steps, or by rows of one configuration at steps in
    equal distances. The rows of a decaying learning-rate schedule before its end are no finished
    runs: a law fitted to them is one of another loss.

    Parameters
    ----------
    runs : Runs
        The run table.

    Returns
    -------
    FinishedRuns
        The last rows, and what was recognised.
    """
    for keep, how in _ways(runs.table):
        if keep.all():  # all are last rows by this way, whatever the next would say
            break
        if keep.sum() > 1:
            mixed = _mixed(runs.table) if how == _BY_NAME else ()
            return FinishedRuns(runs.take(keep), len(runs), how, mixed)
    return FinishedRuns(runs, len(runs))


def _ways(table: pd.DataFrame) -> Iterator[tuple[np.ndarray, str]]:
    """Yield which rows are last ones by each way to tell, and the way in words."""
    for name in table.columns:
        if isinstance(name, str) and is_final_flag(name):
            yield truth_of(cells_of(table, name)), f"column {name}"
    axis = _axis(table)
    if axis is None:
        return
    places = _numbers(table, axis)
    if "run" in table:
        names = cells_of(table, "run").astype("string")
        unnamed = names.isna().to_numpy(bool)
        if _differ(names.to_numpy(object)[~unnamed], places[~unnamed]):
            alone = pd.Series(np.arange(len(names)), index=names.index).astype("string")
            yield _last(names.fillna("row " + alone), places), _BY_NAME
    elif "step" in table:
        configuration = _configuration(table, axis)
        if _evenly_spaced(configuration, _numbers(table, "step")):
            yield _last(configuration, places), "steps in equal distances"


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


def _last(group: pd.Series, places: np.ndarray) -> np.ndarray:
    """Return which row of each group comes last."""
    last = pd.Series(places).groupby(group.to_numpy()).idxmax()
    keep = np.zeros(len(places), dtype=bool)
    keep[last.dropna().to_numpy(int)] = True
    return keep


def _configuration(table: pd.DataFrame, axis: str) -> pd.Series:
    """Number the rows that agree in size, in every column of words, and in every setting.

    A setting is a column of few numbers, which differ between rows of one size and step.
    """
    words = [c for c in table.columns if table[c].dtype.kind not in "fiub"]
    by = [name for name in ("params", *words) if name in table and name != axis]
    steps = [pd.Series(table[name]) for name in (*by, "step")]
    numbers = [c for c in table.columns if table[c].dtype.kind in "fiub" and c not in RENAMED]
    for name in numbers:
        few = pd.Series(table[name]).nunique() <= len(table) / MANY
        if few and not is_outcome(str(name)) and _at_one_step(table, steps, name) > 1:
            by.append(name)
    if not by:
        return pd.Series(np.zeros(len(table)), index=table.index)
    return table.groupby(by, dropna=False, sort=False).ngroup()


def _at_one_step(table: pd.DataFrame, steps: list[pd.Series], name: str) -> int:
    """Return the largest number of values that a column has among rows of one step."""
    return int(table.groupby(steps, dropna=False)[name].nunique().to_numpy(int).max())


def _evenly_spaced(group: pd.Series, steps: np.ndarray) -> bool:
    """Whether most groups have many rows, at steps of one distance."""
    rows = pd.DataFrame({"group": group.to_numpy(), "step": steps}).sort_values("step")
    large = even = 0
    for _, one in rows.groupby("group"):
        distances = np.diff(one["step"].to_numpy())
        large += len(one) >= MANY
        even += len(one) >= MANY and 0 < distances.min() >= (1 - EVEN) * distances.max()
    return large > 0 and even > 0.5 * large
