"""Which noise a table gets whose rows share runs."""

import warnings
from dataclasses import replace

import numpy as np

from bayescale.errors import BayescaleWarning
from bayescale.noise import following
from bayescale.noise.checkpoints import series_of
from bayescale.runs import Runs
from bayescale.spec import Spec


def along_runs(spec: Spec, runs: Runs) -> Spec:
    """Return the spec for rows that may share runs: a noise that nobody chose gives way.

    Rows of one name in the column ``run``, at different places along it, are not independent.
    Where the noise is the law's default they get the one that has them follow from one another
    (``checkpoints`` for ``student_t``); a noise that was asked for stays.

    Parameters
    ----------
    spec : Spec
        What is fitted.
    runs : Runs
        The run table.

    Warns
    -----
    BayescaleWarning
        When there is no such noise for what the law observes: its rows then count as independent.
    """
    if not spec.default_noise or spec.target not in runs.table:
        return spec
    table = runs.table.dropna(subset=[spec.target])
    series = series_of(table, np.full(len(table), np.nan)).series
    shared = series[np.isfinite(series)]
    if not shared.size:
        return spec
    noise = following(spec.noise)
    if noise is None:
        warnings.warn(
            f"{shared.size} rows are of {np.unique(shared).size} runs and count as independent, "
            f"for there is no {spec.noise.name} noise along a run: intervals will be too narrow; "
            "keep one row a run",
            BayescaleWarning,
            stacklevel=3,
        )
        return spec
    return replace(spec, noise=noise, default_noise=False)
