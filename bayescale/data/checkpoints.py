"""What a row of a run table is: a finished run, or a checkpoint on the way to one."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayescale.data.aliases import KINDS, RENAMED
from bayescale.data.column_meanings import is_final_flag, is_outcome, truth_of
from bayescale.data.convert import to_numbers
from bayescale.data.row_messages import cells_of
from bayescale.data.runs import Runs

MANY = 5
"""Rows of one configuration from which steps in equal distances are taken for one run's."""

EVEN = 0.05
"""How much shorter the shortest distance between steps may be than the longest, relatively."""


def finished_runs(runs: Runs) -> tuple[Runs, str]:
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
    runs : Runs
        One row per run; the table as it is where it holds no checkpoints.
    said : str
        What was recognised and kept, "" for none.
    """
    for keep, how in _ways(runs.table):
        if keep.all():  # all are last rows by this way, whatever the next would say
            break
        if keep.sum() > 1:
            said = (
                f"{len(runs):,} rows are checkpoints of {keep.sum():,} runs ({how}): fitted the "
                "last row of each"
            )
            return runs.take(keep), said
    return runs, ""


def _ways(table: pd.DataFrame) -> Iterator[tuple[np.ndarray, str]]:
    """Yield which rows are last ones by each way to tell, and the way in words."""
    for name in table.columns:
        if isinstance(name, str) and is_final_flag(name):
            yield truth_of(cells_of(table, name)), f"column {name}"
    axis = next((name for name in ("tokens", "step", "flops") if name in table), None)
    if axis is None:
        return
    places = _numbers(table, axis)
    if "run" in table:
        names = cells_of(table, "run").astype("string")
        unnamed = names.isna().to_numpy(bool)
        if _differ(names.to_numpy(object)[~unnamed], places[~unnamed]):
            alone = pd.Series(np.arange(len(names)), index=names.index).astype("string")
            yield _last(names.fillna("row " + alone), places), "column run"
    elif "step" in table:
        configuration = _configuration(table, axis)
        if _evenly_spaced(configuration, _numbers(table, "step")):
            yield _last(configuration, places), "steps in equal distances"


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
