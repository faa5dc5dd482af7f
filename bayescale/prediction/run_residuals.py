"""What each posterior draw of a law misses at the fitted runs, as means over places.

Draws times runs are many evaluations of a law that has a handful of parameters: what a draw misses
at a few runs says what it misses at all of them. Which runs, and how the others follow, is learnt
from some of the draws (an interpolative decomposition: columns of a matrix of which the others are
linear combinations).
"""

import numpy as np
import xarray as xr

from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import curve_at, curve_blocks, thinned_curve

FEW_RUNS = 40
"""Most runs that the others may follow from; of fewer, every one is asked."""

TOLERANCE = 0.01
"""How far off the others may be, of the scatter of a run, in draws that they were not chosen by."""


def residuals_by_place(
    fit: Fit, place: np.ndarray, share: np.ndarray, scatter: np.ndarray
) -> np.ndarray:
    """Return the mean residual of each draw at each place, shape (chain, draw, place).

    Parameters
    ----------
    fit : Fit
        Of runs of its own.
    place, share : array, shape (run,)
        The number of the place of each run, and what the run counts there.
    scatter : array, shape (run,)
        Standard deviation of each run's residual, a relative error.
    """
    if fit.observed.size > FEW_RUNS:
        found = _by_few_runs(fit, place, share, scatter)
        if found is not None:
            return found
    sizes = fit.posterior.sizes
    means = np.zeros((sizes["chain"], sizes["draw"], place.max() + 1))
    for block, curve, at in curve_blocks(fit):
        _add_by_place(means, _residuals(fit, block, curve, at), place[block], share[block])
    return means


def _by_few_runs(
    fit: Fit, place: np.ndarray, share: np.ndarray, scatter: np.ndarray
) -> np.ndarray | None:
    """Return the same from a few runs; None where the others do not follow from them."""
    some = _residuals(fit, slice(None), *thinned_curve(fit)).reshape(-1, len(place))
    if not (np.isfinite(some).all() and np.isfinite(scatter).all()):
        return None
    mean = some.mean(axis=0)
    scaled = np.divide(some - mean, scatter, out=some)  # as large as runs times draws: kept once
    runs = spanning_columns(scaled[::2], TOLERANCE / 10, FEW_RUNS)
    if runs is None:
        return None
    follow = np.linalg.lstsq(scaled[::2, runs], scaled[::2], rcond=None)[0]  # (of few, run)
    missed = scaled[1::2] - scaled[1::2, runs] @ follow
    if np.square(missed).mean(axis=0).max() > TOLERANCE**2:
        return None
    means = np.zeros((1 + len(runs), place.max() + 1))
    _add_by_place(means, np.vstack([mean, follow * scatter]), place, share)
    asked = (_residuals(fit, runs, *curve_at(fit, runs)) - mean[runs]) / scatter[runs]
    return means[0] + asked @ means[1:]


def spanning_columns(values: np.ndarray, tolerance: float, most: int) -> np.ndarray | None:
    """Choose columns of which the others are linear combinations.

    Parameters
    ----------
    values : array, shape (row, column)
        Of mean zero.
    tolerance : float
        Largest root mean square that the columns chosen may leave of another.
    most : int
        Most columns to choose.

    Returns
    -------
    array of int, or None
        Where the columns are, in the order chosen: each the one of which those before leave most.
        None where ``most`` are not enough.
    """
    left, chosen = values.copy(), []
    while True:
        size = np.square(left).mean(axis=0)
        at = int(size.argmax())
        if size[at] <= tolerance**2:
            return np.array(chosen, int)
        if len(chosen) == most:
            return None
        chosen.append(at)
        direction = left[:, at] / np.linalg.norm(left[:, at])
        left -= np.outer(direction, direction @ left)


def _residuals(
    fit: Fit, runs: slice | np.ndarray, curve: xr.DataArray, at: xr.Dataset
) -> np.ndarray:
    """Return by how much each draw's curve lies below some runs, shape (chain, draw, run)."""
    known = {name: values.isel(run=runs) for name, values in fit.known.items()}
    observed = fit.observed.isel(run=runs)
    with np.errstate(invalid="ignore"):
        found, _ = fit.spec.noise.displacement(curve, at, known, observed, fit.scale)
    return found.transpose("chain", "draw", "run").values


def _add_by_place(
    means: np.ndarray, values: np.ndarray, place: np.ndarray, share: np.ndarray
) -> None:
    """Add shares of values, (..., run), to the means at their places, (..., place)."""
    order = np.argsort(place, kind="stable")
    places, starts = np.unique(place[order], return_index=True)
    means[..., places] += np.add.reduceat((values * share)[..., order], starts, axis=-1)
