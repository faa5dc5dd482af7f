r"""Model discrimination: which of several laws is right, and how informative runs are about it.

Each law predicts the outcomes of candidate runs as a joint normal distribution, discrepancy and
noise included. The probability of choosing the wrong law after them is at most

.. math:: \sum_{i<j} \sqrt{w_i w_j}\, e^{-B_{ij}},

with B the Bhattacharyya distance of two predictive distributions and w the laws' weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import xarray as xr

from bayescale.design.gaussian_update import scatter_of
from bayescale.design.quantities_of_interest import outcomes
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.prediction.discrepancy import Discrepancy


@dataclass(frozen=True, eq=False)
class ModelDiscrimination:
    """Predictions of laws for candidate runs, and the runs that are done.

    Attributes
    ----------
    weights : array, shape (law,)
        The probability of each law.
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
    def uncertainty(self) -> float:
        """Upper bound on the probability of choosing the wrong law."""
        return float(self._bound(np.array([self.done], dtype=int))[0])

    def uncertainty_after(self) -> np.ndarray:
        """Return the same after each candidate run alone."""
        runs = np.arange(self.means.shape[1])
        new = np.setdiff1d(runs, self.done)
        after = np.full(len(runs), self.uncertainty)
        after[new] = self._bound(np.array([[*self.done, run] for run in new]))
        return after

    def condition_on(self, run: int, sign: int = 1) -> "ModelDiscrimination":
        """Return this conditioned on one run, or with ``sign=-1`` without it."""
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


def model_discrimination(
    fit: PosteriorLike,
    runs: Mapping[str, Mapping[str, xr.DataArray]],
    discrepancy: Discrepancy | None,
) -> ModelDiscrimination:
    """Return the predictions of the laws of an average for candidate runs.

    Parameters
    ----------
    fit : Average
        The laws, and their weights.
    runs : mapping
        For each law by name, its inputs at the runs, dim point.
    discrepancy : Discrepancy, optional
        The discrepancy of each law.
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
    return ModelDiscrimination(weights, np.array(means), np.array(covariances))
