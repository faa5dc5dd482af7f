"""What is asked of every draw at every fitted run, a block of runs at a time.

Draws times runs are too many numbers to be held at once where there are many runs: a law at 4,000
draws of 100,000 runs takes 3.2 GB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.inference.fitted_runs import runs_shared
from bayescale.inference.result import Fit, known_already, once

DRAWS = ("chain", "draw")

MOST = 2_000_000
"""Numbers that a block holds of one quantity: 16 MB."""

FEW_DRAWS = 600
"""Posterior draws, at least, that the law is judged by."""


def run_blocks(fit: Fit, runs: int, rows: int = 1) -> Iterator[slice]:
    """Yield so many runs, of ``rows`` each, in blocks of :data:`MOST` numbers over all draws."""
    draws = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    step = max(1, MOST // max(1, draws * rows))
    yield from (slice(start, start + step) for start in range(0, runs, step))


def curve_blocks(fit: Fit) -> Iterator[tuple[slice, xr.DataArray, xr.Dataset]]:
    """Yield blocks of the fitted runs: which, and what :func:`curve_at` says of them."""
    for block in run_blocks(fit, fit.observed.size):
        yield block, *curve_at(fit, block)


def curve_at(fit: Fit, runs: slice | np.ndarray, every: int = 1) -> tuple[xr.DataArray, xr.Dataset]:
    """Return the law at some fitted runs, dims (chain, draw, run), and its parameters.

    The parameters of a pooled fit are those of each run's group. Of the draws of a chain, one in
    ``every`` is taken.
    """
    inputs = {**fit.inputs, **fit.groups_of(fit.spec.observables[0])}
    here = {name: values.isel(run=runs) for name, values in inputs.items()}
    at = fit.parameters_at(here).isel(draw=slice(None, None, every), missing_dims="ignore")
    return fit.curve(here, at).transpose(*DRAWS, "run"), at


def thinned_curve(fit: Fit) -> tuple[xr.DataArray, xr.Dataset]:
    """Return the law at each fitted run, and its parameters, at :data:`FEW_DRAWS` of the draws.

    That is enough to judge the law by: a median of them is within a twentieth of the posterior's
    standard deviation. The curve is of dims (chain, draw, run); it is kept where it is small.
    """
    every = max(1, fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"] // FEW_DRAWS)

    def work() -> tuple[xr.DataArray, xr.Dataset]:
        return curve_at(fit, slice(None), every)

    small = FEW_DRAWS * fit.observed.size <= MOST
    return once(fit, thinned_curve, work) if small else work()


def median_curve(fit: Fit) -> tuple[xr.DataArray, xr.Dataset]:
    """Return the median of the law at each fitted run, dim run, and those of the parameters.

    Both are of the draws of :func:`thinned_curve`. Medians of the parameters are one number each,
    or one for each run where groups have their own.
    """

    def median() -> tuple[xr.DataArray, xr.Dataset]:
        curve, at = thinned_curve(fit)
        return curve.median(DRAWS, skipna=bool(curve.isnull().any())), at.median(DRAWS)

    return once(fit, median_curve, median)


@dataclass(frozen=True)
class Likelihood:
    """What the log likelihood of all runs comes to.

    Attributes
    ----------
    total : Dataset, dims (chain, draw)
        Its sum over the runs, of each observed column.
    variance : array, shape (run,)
        Its variance over the draws, at each run in which the target was observed.
    """

    total: xr.Dataset
    variance: np.ndarray


def _log_likelihood(fit: Fit, column: str) -> xr.DataArray:
    """Return the log likelihood of an observed column, dims (chain, draw, run).

    It is worked out once where a block holds all of it, and is lazy elsewhere.
    """
    lazy = _lazy_log_likelihood(fit, column)
    return lazy if lazy.size > MOST else once(fit, (_log_likelihood, column), lazy.compute)


def _lazy_log_likelihood(fit: Fit, column: str) -> xr.DataArray:
    return fit.tree.children["log_likelihood"].to_dataset()[column]


def likelihood_of(fit: Fit) -> Likelihood:
    """Return what the log likelihood of all runs comes to."""
    return once(fit, likelihood_of, lambda: _likelihood_of(fit))


def _likelihood_of(fit: Fit) -> Likelihood:
    totals: dict[str, Any] = {}
    variance = []
    for seen in fit.spec.observables:
        column, totals[seen.column] = _log_likelihood(fit, seen.column), 0.0
        for block in run_blocks(fit, column.sizes[seen.dim]):
            here = column.isel({seen.dim: block}).compute()
            totals[seen.column] = totals[seen.column] + here.sum(seen.dim)
            if seen.column == fit.target:
                variance.append(here.var(DRAWS).to_numpy())
    return Likelihood(xr.Dataset(totals), np.concatenate(variance))


def likelihood_blocks(fit: Fit) -> Iterator[xr.DataArray]:
    """Yield the log likelihood of the target, some of the fitted runs at a time.

    Each is of dims (chain, draw, run); rows that share a run are summed.
    """
    names = runs_shared(fit)
    by_row = _log_likelihood(fit, fit.target)
    if names is None:
        for block in run_blocks(fit, by_row.sizes["run"]):
            yield by_row.isel(run=block).compute()
        return
    order = np.argsort(names, kind="stable")
    starts = np.flatnonzero(np.r_[True, names[order][1:] != names[order][:-1]])
    ends = np.r_[starts[1:], order.size]
    most = max(1, int(np.diff(np.r_[starts, order.size]).mean()))
    for block in run_blocks(fit, starts.size, rows=most):
        rows = np.sort(order[starts[block][0] : ends[block][-1]])
        here = by_row.isel(run=rows).assign_coords(run=names[rows]).compute()
        yield here.groupby("run").sum().transpose(*DRAWS, "run")


def log_likelihood_of(fit: Fit, names: list[str]) -> xr.DataArray:
    """Return the log likelihood of the runs of these names, dims (chain, draw)."""
    return log_likelihoods_of(fit, [names])[0]


def log_likelihoods_of(fit: Fit, parts: list[list[str]]) -> list[xr.DataArray]:
    """Return the log likelihood of each of several sets of runs, by name, dims (chain, draw).

    Runs that several sets ask for are worked out once: far less, where sets are of a run or two.
    """
    asked = {name for names in parts for name in names}
    totals: list[Any] = [0.0 for _ in parts]
    for seen in fit.spec.observables:
        column = known_already(fit, (_log_likelihood, seen.column))
        column = _lazy_log_likelihood(fit, seen.column) if column is None else column
        labels = column[seen.dim].values.astype(str)
        rows = np.flatnonzero(np.isin(labels, list(asked)))
        for block in run_blocks(fit, rows.size):
            here = column.isel({seen.dim: rows[block]}).compute()
            for i, names in enumerate(parts):
                own = np.flatnonzero(np.isin(labels[rows[block]], names))
                totals[i] = totals[i] + here.isel({seen.dim: own}).sum(seen.dim)
    return totals
