"""Data sets computed from another one: which one, and how."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayescale.data.pass_at_k import coverage_table

if TYPE_CHECKING:
    import pandas as pd


COVERAGE_TRIES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


PASS_TRIES = (1, 10, 100)


DAY_ZERO = "2024-07-01"


Z95 = 1.959963984540054


class Derived(NamedTuple):
    """The set that another one is made of, and how."""

    of: str
    make: "Callable[[pd.DataFrame], pd.DataFrame]"


def _brown2024_coverage(counts: "pd.DataFrame") -> "pd.DataFrame":
    """Average the unbiased pass@k over problems, one row per model and k."""
    return coverage_table(counts, COVERAGE_TRIES, ["model", "params"])


def _schaeffer2025_pythia_coverage(counts: "pd.DataFrame") -> "pd.DataFrame":
    """Average the unbiased pass@k over problems, one row per benchmark, checkpoint and k."""
    checkpoint = ["benchmark", "model", "params", "tokens", "flops_6nd"]
    return coverage_table(counts, PASS_TRIES, checkpoint)


def _kwa2025_metr_days(horizons: "pd.DataFrame") -> "pd.DataFrame":
    """Count days from 1 July 2024, and turn 95 % intervals into standard errors.

    Returns
    -------
    DataFrame
        The dated models, with ``days`` and ``time_horizon_minutes_se``: the half width of the
        interval on the log scale, over 1.96, times the horizon.
    """
    import pandas as pd

    dated = horizons[horizons["release_date"].notna()].reset_index(drop=True)
    released = pd.DatetimeIndex(dated["release_date"])
    days = (released - pd.Timestamp(DAY_ZERO)) / pd.Timedelta(days=1)
    width = np.log(dated["ci95_high_minutes"] / dated["ci95_low_minutes"])
    error = dated["time_horizon_minutes"] * width / (2 * Z95)
    return dated.assign(days=np.asarray(days), time_horizon_minutes_se=error)


DERIVED = {
    "brown2024_coverage": Derived("brown2024_monkeys", _brown2024_coverage),
    "schaeffer2025_pythia_coverage": Derived(
        "schaeffer2025_pythia_passk", _schaeffer2025_pythia_coverage
    ),
    "kwa2025_metr_days": Derived("kwa2025_metr_horizon", _kwa2025_metr_days),
}
"""Every such set, by name."""
