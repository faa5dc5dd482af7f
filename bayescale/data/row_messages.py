"""Naming rows in messages: ``zero tokens (lines 4, 9), loss missing (line 12)``."""

import warnings
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from bayescale.errors import BayescaleError, BayescaleWarning

_SHOWN = 5


PACKAGE = str(Path(__file__).parents[1])
"""Where the package is: a warning blames the first line outside it."""


def cells_of(table: pd.DataFrame, name: str) -> pd.Series:
    """One column of the rows; the names of a table are distinct, so it is one."""
    return cast(pd.Series, table[name])


def rows_of(table: pd.DataFrame, keep: np.ndarray) -> pd.DataFrame:
    """The rows of a mask, for messages."""
    return cast(pd.DataFrame, table[keep])


def row_name(index: pd.Index, position: int) -> str:
    """Name one row in a message: by its line in a file, otherwise by its label in the frame."""
    return f"{_row_word(index)} {index[position]}"


def _row_word(index: pd.Index) -> str:
    """What the rows of this table are called."""
    return "line" if index.name == "line" else "row"


def summarise(reasons: pd.Series) -> str:
    """Summarise rows in a message by reason, most frequent first, and name a few of each.

    Parameters
    ----------
    reasons
        A text for each row, empty for rows to leave out; the index names the rows.
    """
    word = _row_word(reasons.index)
    groups = []
    for reason in reasons.value_counts(sort=True).drop("", errors="ignore").index:
        rows = [str(label) for label in reasons.index[(reasons == reason).to_numpy()]]
        plural = "s" if len(rows) > 1 else ""
        more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
        groups.append(f"{reason} ({word}{plural} {', '.join(rows[:_SHOWN])}{more})")
    hidden = len(groups) - _SHOWN
    return ", ".join(groups[:_SHOWN]) + (f", and {hidden} more reasons" if hidden > 0 else "")


def refuse_empty(reasons: pd.Series, keep: np.ndarray, source: str) -> None:
    """Raise where no row is left, and count the reasons.

    Raises
    ------
    BayescaleError
        No row is left.
    """
    if not keep.any():
        raise BayescaleError(
            f"{source}: none of the {len(keep):,} rows can be used: {summarise(reasons)}"
        )


def warn_set_aside(reasons: pd.Series) -> None:
    """Warn, in one line, of the rows that have a reason to be set aside."""
    count = int((reasons != "").sum())
    if count:
        warnings.warn(
            f"{count:,} of {len(reasons):,} rows set aside: {summarise(reasons)}",
            BayescaleWarning,
            skip_file_prefixes=(PACKAGE,),
        )
