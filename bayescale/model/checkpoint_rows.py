"""What is fitted of a table of checkpoints: which of its rows, and with which noise."""

import warnings
from dataclasses import replace

import numpy as np

from bayescale.data.checkpoints import finished_runs, with_run_names
from bayescale.data.row_messages import PACKAGE
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleWarning
from bayescale.model.noise.autocorrelated import series_of
from bayescale.model.noise.registry import following
from bayescale.model.spec import Spec


def noise_along_runs(spec: Spec, runs: Runs) -> Spec:
    """Return the spec for observations that may share runs: a noise nobody chose gives way.

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
    noise = following(spec.noise, spec.law.parameters)
    if noise is None:
        warnings.warn(
            f"{shared.size} rows are of {np.unique(shared).size} runs and count as independent, "
            f"for there is no {spec.noise.name} noise along a run: intervals will be too narrow; "
            "keep one row per run",
            BayescaleWarning,
            skip_file_prefixes=(PACKAGE,),
        )
        return spec
    return replace(spec, noise=noise, default_noise=False)


def rows_to_fit(spec: Spec, runs: Runs) -> Runs:
    """Return the last row of each run, where a table of checkpoints has enough runs for the law.

    All rows where a noise was asked for, and of laws of whole loss curves. The runs of all rows are
    named where no column does and they were found.

    Parameters
    ----------
    spec : Spec
        What is fitted.
    runs : Runs
        The run table.

    Warns
    -----
    BayescaleWarning
        Where the table holds checkpoints, of what is fitted; where it may hold some, that it is not
        known.
    """
    law = spec.law.inputs
    curves = any(law[name].nodes or spec.column(name).startswith("step") for name in law)
    if curves or not (spec.default_noise or spec.noise.serial):
        return runs
    found = finished_runs(runs)
    if not spec.default_noise:
        return with_run_names(runs, found)
    if not found.how:
        if found.doubt:
            warnings.warn(found.doubt, BayescaleWarning, skip_file_prefixes=(PACKAGE,))
        return runs
    finals = found.runs
    noise = (following(spec.noise, spec.law.parameters) or spec.noise).name
    enough = spec.target in finals.table and len(finals) >= len(spec.free)
    said = f"{found.taken()}; noise={noise!r} fits all rows"
    if not enough:
        said = (
            f"{found.recognised()}, too few for {spec.law.name} alone: fitted all rows; where the "
            "learning rate decays, rows before a run's end mislead, add finished runs"
        )
    warnings.warn(said, BayescaleWarning, skip_file_prefixes=(PACKAGE,))
    return finals if enough else with_run_names(runs, found)
