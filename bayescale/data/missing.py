"""Cells that hold nothing."""

import numpy as np
import pandas as pd

MISSING = {"", "-", "--", "–", "—", "na", "n/a", "#n/a", "<na>", "nan", "none", "null"}
"""Words for that."""


def is_missing(cells: pd.Series) -> np.ndarray:
    """Tell, before conversion, which cells are empty, or hold a word for that."""
    missing = cells.isna().to_numpy()
    if not pd.api.types.is_numeric_dtype(cells):
        missing = missing | cells.astype("str").str.strip().str.lower().isin(MISSING).to_numpy(bool)
    return missing
