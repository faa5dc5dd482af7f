"""What is asked of every draw at every fitted run, a block of runs at a time.

Draws times runs are too many numbers to be held at once where there are many runs: a law at 4,000
draws of 100,000 runs takes 3.2 GB.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.inference.fitted_runs import runs_shared
from bayescale.inference.result import Fit, known_already, once

DRAWS = ("chain", "draw")

MOST = 2_000_000
"""Numbers that a block holds of one quantity: 16 MB."""


def run_blocks(fit: Fit, runs: int, rows: int = 1) -> Iterator[slice]:
    """Yield so many runs, of ``rows`` each, in blocks of :data:`MOST` numbers over all draws."""
    draws = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    step = max(1, MOST // max(1, draws * rows))
    yield from (slice(start, start + step) for start in range(0, runs, step))


def curve_blocks(fit: Fit) -> Iterator[tuple[slice, xr.DataArray, xr.Dataset]]:
    """Yield blocks of the fitted runs: which, the law there at every draw, and its parameters.

    The curve is of dims (chain, draw, run); the parameters of a pooled fit are those of each run's
    group.
    """
    inputs = {**fit.inputs, **fit.groups_of(fit.spec.observables[0])}
    for block in run_blocks(fit, fit.observed.size):
        here = {name: values.isel(run=block) for name, values in inputs.items()}
        at = fit.parameters_at(here)
        yield block, fit.curve(here, at).transpose(*DRAWS, "run"), at


type CurveBlocks = Callable[[], Iterable[tuple[slice, xr.DataArray, xr.Dataset]]]
"""Goes through blocks of the law's curve."""


def repeatable_curve_blocks(fit: Fit) -> CurveBlocks:
    """Return what goes through :func:`curve_blocks` several times: kept where they are one."""
    if len(list(run_blocks(fit, fit.observed.size))) > 1:
        return lambda: curve_blocks(fit)
    kept = list(curve_blocks(fit))
    return lambda: kept


def median_curve(fit: Fit, blocks: CurveBlocks | None = None) -> tuple[xr.DataArray, xr.Dataset]:
    """Return the median of the law at each fitted run, dim run, and those of the parameters.

    Medians of the parameters are one number each, or one for each run where groups have their own.
    ``blocks`` goes through the law's curve where it is known already.
    """
    return once(fit, median_curve, lambda: _median_of(blocks() if blocks else curve_blocks(fit)))


def _median_of(
    blocks: Iterable[tuple[slice, xr.DataArray, xr.Dataset]],
) -> tuple[xr.DataArray, xr.Dataset]:
    curves: list[xr.DataArray] = []
    centres: list[xr.Dataset] = []
    for _, curve, at in blocks:
        curves.append(curve.median(DRAWS, skipna=bool(curve.isnull().any())))
        if not centres or "run" in at.dims:
            centres.append(at.median(DRAWS))
    if len(curves) == 1:
        return curves[0], centres[0]
    centre: Any = xr.concat(centres, "run", data_vars="minimal") if centres[1:] else centres[0]
    curve: Any = xr.concat(curves, "run")
    return curve, centre


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
