"""Runs of a table of checkpoints that still go on, by their learning rate."""

import numpy as np
import pandas as pd

from bayescale.data.convert import to_numbers
from bayescale.data.other_columns import hyperparameter_kind
from bayescale.data.row_messages import cells_of

FALLEN = 0.2
"""Share of its largest value below which a learning rate has come down at the end of its run."""

STANDING = 0.5
"""Share of its largest value above which it has hardly begun to."""


def still_going(table: pd.DataFrame, group: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return which last rows are of runs that end before their learning rate comes down.

    Only where the rate of at least half of the runs comes down: at a constant rate no row says it.

    Parameters
    ----------
    table : DataFrame
        Checkpoints.
    group : array, shape (row,)
        The run of each row.
    last : bool array, shape (row,)
        The last row of each run.
    """
    going, runs = np.zeros(len(table), dtype=bool), pd.Series(np.asarray(group))
    several = runs.groupby(runs).transform("size").to_numpy(float)[last] > 1
    for name in filter(_is_rate, table.columns):
        rate = to_numbers(cells_of(table, name))[0]
        most = pd.Series(rate).groupby(runs).transform("max").to_numpy(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (rate / most)[last]
        if np.mean(share <= FALLEN) >= 0.5:
            going[np.flatnonzero(last)[several & (share > STANDING)]] = True
            break
    return going


def _is_rate(name: object) -> bool:
    """Whether a column is by its name the learning rate at a row."""
    return isinstance(name, str) and hyperparameter_kind(name) == "learning rate"
