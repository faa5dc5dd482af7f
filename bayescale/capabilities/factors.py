r"""What a capability is: a fixed combination of the scores' log odds, taken from the data.

Factors can be turned, stretched and relabelled without changing any prediction, so that chains
disagree about them while they agree on all that matters. Here that freedom is used up before
sampling: capability k *is* the weighted mean of the scores' log odds

.. math:: \theta_{mk} = \sum_j w_{jk} \, (\eta_{mj} - \bar\eta_j)

with weights from a principal components analysis of a rough fit. The loadings that the weights see
are one, then, and the model has a fixed matrix of loadings plus a free one in the directions that
the weights do not see. The first capability is close to the mean
log odds of a model's scores; the others say at what a model is better than its mean.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space

from bayescale.capabilities.table import Scores
from bayescale.errors import BayescaleError

WELL_SEEN = 0.5
"""A score that this share of the models have takes part in what the capabilities are."""
CLIPPED = 0.02
"""Scores nearer than this to guessing or to one are moved there, in the rough fit only."""
RIDGE = 0.05
ROUNDS = 60


@dataclass(frozen=True)
class Factors:
    """What the capabilities are, and where sampling starts.

    Attributes
    ----------
    weights : array, shape (score, factor)
        Of each score's log odds in a capability; zero for scores that few models have.
    loadings : array, shape (score, factor)
        Loadings about which the free ones are centred.
    free : array, shape (score, direction)
        Directions that the weights do not see.
    centre : array, shape (score,)
        Log odds of the typical model.
    start : array, shape (model, factor)
        Capabilities of the rough fit.
    """

    weights: np.ndarray
    loadings: np.ndarray
    free: np.ndarray
    centre: np.ndarray
    start: np.ndarray


def choose_factors(scores: Scores, count: int) -> Factors:
    """Choose the capabilities of a table.

    Raises
    ------
    BayescaleError
        When the table has too few models or scores for so many.
    """
    share = scores.seen.mean(axis=0)
    used = np.flatnonzero(share >= min(WELL_SEEN, np.sort(share)[-min(count + 1, len(share))]))
    if not 1 <= count < len(scores.names):
        raise BayescaleError(
            f"{count} factors from {len(scores.names)} scores: ask for at least one, and for "
            "fewer than there are scores"
        )
    if len(scores.models) <= count + 1:
        raise BayescaleError(
            f"{len(scores.models)} models for {count} factors: ask for fewer factors or add models"
        )
    odds = _rough_fit(scores, count, used)
    centre = odds.mean(axis=0)
    axes = np.linalg.svd((odds - centre)[:, used], full_matrices=False)[2][:count].T
    axes = axes * np.where(axes.sum(axis=0) < 0, -1, 1)
    weights, loadings = (np.zeros((len(scores.names), count)) for _ in range(2))
    weights[used], loadings[used] = axes / np.sqrt(len(used)), axes * np.sqrt(len(used))
    loadings[np.setdiff1d(np.arange(len(loadings)), used), 0] = 1
    return Factors(weights, loadings, null_space(weights.T), centre, (odds - centre) @ weights)


def _rough_fit(scores: Scores, count: int, used: np.ndarray) -> np.ndarray:
    """Fit the log odds by alternating least squares, each weighted by the slope of its sigmoid."""
    floor, seen = scores.floor_guess, scores.seen
    part = np.where(seen, (scores.values - floor) / (1 - floor), 0.5).clip(CLIPPED, 1 - CLIPPED)
    odds = np.where(seen, np.log(part / (1 - part)), 0.0)
    weight = np.where(seen, (4 * part * (1 - part) * (1 - floor)) ** 2, 0.0)
    level = (weight * odds).sum(axis=0) / weight.sum(axis=0)
    filled = (np.where(seen, odds, level) - level)[:, used]
    axes, sizes, _ = np.linalg.svd(filled, full_matrices=False)
    capability = axes[:, :count] * sizes[:count]
    slopes, ridge = np.zeros((len(used), count)), RIDGE * np.eye(count)
    for _ in range(ROUNDS):
        inputs = np.column_stack([capability, np.ones(len(odds))])
        lines = _solve(inputs, weight.T, odds.T, np.diag([*np.diag(ridge), 0.0]))
        slopes, level = lines[:, :count], lines[:, count]
        capability = _solve(slopes[used], weight[:, used], (odds - level)[:, used], ridge)
    return level + capability @ slopes.T


def _solve(
    inputs: np.ndarray, weight: np.ndarray, target: np.ndarray, ridge: np.ndarray
) -> np.ndarray:
    """Solve a weighted ridge regression for each row of ``target``, on the same inputs."""
    curvature = np.einsum("ri,nr,rj->nij", inputs, weight, inputs) + ridge
    return np.linalg.solve(curvature, ((weight * target) @ inputs)[..., None])[..., 0]
