"""Rows that are not independent: checkpoints of one run, which are left out together."""

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
    labels = [str(label) for label in fit.observed["run"].values]
    names = [_name(label, set(labels)) for label in labels]
    return np.array(names) if len(set(names)) < len(names) else None


def _name(label: str, labels: set[str]) -> str:
    """Undo the numbering of repeats: the second row of ``a`` is called ``a (2)``."""
    stem, _, number = label.rpartition(" (")
    return stem if number.removesuffix(")").isdigit() and stem in labels else label


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
