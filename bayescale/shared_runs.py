"""Rows that are not independent: checkpoints of one run, which are left out together."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bayescale.fitting import Fit


def runs_shared(fit: Fit) -> np.ndarray | None:
    """Return which run each fitted row belongs to, None where every row is a run of its own.

    Rows that carry one name in the table's ``run`` column, such as checkpoints, are one run.

    Returns
    -------
    array of str, shape (run,), or None
    """
    names = names_of_runs([str(label) for label in fit.observed["run"].values])
    return np.array(names) if len(set(names)) < len(names) else None


def names_of_runs(labels: Sequence[str]) -> list[str]:
    """Undo the numbering of repeats: the second row of ``a`` is called ``a (2)``."""
    known = set(labels)
    parts = [(label, *label.rpartition(" (")[::2]) for label in labels]
    return [
        stem if number.removesuffix(")").isdigit() and stem in known else label
        for label, stem, number in parts
    ]


def log_likelihood_by_run(fit: Fit) -> xr.DataArray:
    """Return the log likelihood of each run: of rows that share one, the sum.

    Returns
    -------
    DataArray, dims (chain, draw, run)
    """
    by_row = fit.group("log_likelihood")[fit.target]
    names = runs_shared(fit)
    if names is None:
        return by_row
    return by_row.assign_coords(run=names).groupby("run").sum().transpose("chain", "draw", "run")


def tree_by_run(fit: Fit) -> xr.DataTree:
    """Return the posterior and the log likelihood by run, as ArviZ's LOO takes them."""
    likelihood = log_likelihood_by_run(fit).to_dataset(name=fit.target)
    return xr.DataTree.from_dict({"posterior": fit.posterior, "log_likelihood": likelihood})
