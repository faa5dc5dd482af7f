r"""Which of several laws is right, and how much runs would help to tell.

Each law foretells the outcomes of possible runs as a joint normal distribution, discrepancy and
scatter in it. The chance of naming the wrong law after them is at most

.. math:: \sum_{i<j} \sqrt{w_i w_j}\, e^{-B_{ij}},

with B the Bhattacharyya distance of two forecasts and w the laws' weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import xarray as xr

from bayescale.design.gaussian_update import scatter_of
from bayescale.design.quantities_of_interest import outcomes
from bayescale.inference.posterior import PosteriorLike
from bayescale.prediction.discrepancy import Discrepancy


@dataclass(frozen=True, eq=False)
class Contest:
    """What laws foretell of possible runs, and the runs that are done.

    Attributes
    ----------
    weights : array, shape (law,)
        How much each law is believed.
    means : array, shape (law, run)
        The outcomes it expects, on the scale of relative errors.
    covariances : array, shape (law, run, run)
        Of those, and of the scatter.
    done : tuple of int
        The runs that are done.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    done: tuple[int, ...] = ()

    @property
    def left(self) -> float:
        """The most that the chance of naming the wrong law can be."""
        return float(self._bound(np.array([self.done], dtype=int))[0])

    def after_each(self) -> np.ndarray:
        """Return the same once each of the possible runs is done, alone."""
        runs = np.arange(self.means.shape[1])
        new = np.setdiff1d(runs, self.done)
        after = np.full(len(runs), self.left)
        after[new] = self._bound(np.array([[*self.done, run] for run in new]))
        return after

    def given(self, run: int, sign: int = 1) -> "Contest":
        """Return the contest after one run is done, or with ``sign=-1`` as if it had not been."""
        others = tuple(r for r in self.done if r != run)
        return replace(self, done=(*others, run) if sign > 0 else others)

    def _bound(self, sets: np.ndarray) -> np.ndarray:
        """Return the bound for several sets of runs, shape (set, run)."""
        rows, columns = sets[:, :, None], sets[:, None, :]
        covariances = [c[rows, columns] for c in self.covariances]
        logs = [np.linalg.slogdet(c)[1] for c in covariances]
        total = np.zeros(len(sets))
        for i, j in combinations(range(len(self.weights)), 2):
            middle = (covariances[i] + covariances[j]) / 2
            apart = (self.means[i] - self.means[j])[sets][..., None]
            square = (apart * np.linalg.solve(middle, apart)).sum((1, 2))
            distance = square / 8 + (np.linalg.slogdet(middle)[1] - (logs[i] + logs[j]) / 2) / 2
            total += np.sqrt(self.weights[i] * self.weights[j]) * np.exp(-distance)
        return total


def contest_of(
    fit: PosteriorLike,
    runs: Mapping[str, Mapping[str, xr.DataArray]],
    discrepancy: Discrepancy | None,
) -> Contest:
    """Return what the laws of an average foretell of possible runs.

    Parameters
    ----------
    fit : Average
        The laws, and how much each is believed.
    runs : mapping
        For each law by name, its inputs at the runs, dim point.
    discrepancy : Discrepancy, optional
        How wrong each may be.
    """
    means, covariances = [], []
    for name, one in fit.members().items():
        curve = outcomes(one, runs[name])
        covariance = np.diag(scatter_of(one, runs[name]))
        if discrepancy is not None:
            expected, error = discrepancy.surface(one).at(runs[name])
            curve, covariance = curve + expected.reshape(curve.shape), covariance + error
        means.append(curve.mean(0))
        covariances.append(covariance + np.atleast_2d(np.cov(curve.T)))
    weights = np.array([fit.weights[name] for name in fit.members()])
    return Contest(weights, np.array(means), np.array(covariances))
