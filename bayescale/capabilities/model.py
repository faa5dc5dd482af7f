r"""What a capability is: a fixed combination of the scores' log odds, taken from the data.

Factors can be turned, stretched and relabelled without changing any prediction, so that chains
disagree about them while they agree on all that matters. Here that freedom is used up before
sampling: capability k *is* the weighted mean of the scores' log odds

.. math:: \theta_{mk} = \sum_j w_{jk} \, (\eta_{mj} - \bar\eta_j)

with weights from a principal components analysis of a rough fit. The loadings that the weights see
are one, then, and the model has a fixed matrix of loadings plus a free one in the directions that
the weights do not see. The first capability is close to the mean
log odds of a model's scores; the others say at what a model is better than its mean.

The PyMC model of scores: families, capabilities, sigmoids, scatter.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.capabilities.table import Scores
from bayescale.errors import BayescaleError
from bayescale.laws.functions import sigmoid, sqrt
from bayescale.laws.parameters import Fraction

if TYPE_CHECKING:
    import pymc as pm

WELL_SEEN = 0.5
"""A score that so many models have, as a share of the best known score's, defines capabilities."""


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
    fewest = min(WELL_SEEN * share.max(), np.sort(share)[-min(count + 1, len(share))])
    used = np.flatnonzero(share >= fewest)
    if not 1 <= count < len(scores.names):
        raise BayescaleError(
            f"{count} factors from {len(scores.names)} scores: ask for at least one, and for "
            "fewer than there are scores"
        )
    if len(scores.models) <= count + 1:
        raise BayescaleError(
            f"{len(scores.models)} models for {count} factors: ask for fewer factors or add models"
        )
    from scipy.linalg import null_space

    odds = _rough_fit(scores, count, used)
    centre = odds.mean(axis=0)
    axes = np.linalg.svd((odds - centre)[:, used], full_matrices=False)[2][:count].T
    axes = axes * np.where(axes.sum(axis=0) < 0, -1, 1)
    weights, loadings = (np.zeros((len(scores.names), count)) for _ in range(2))
    weights[used], loadings[used] = axes / np.sqrt(len(used)), axes * np.sqrt(len(used))
    loadings[np.setdiff1d(np.arange(len(loadings)), used), 0] = 1
    return Factors(weights, loadings, null_space(weights.T), centre, (odds - centre) @ weights)


def _rough_fit(scores: Scores, count: int, used: np.ndarray) -> np.ndarray:
    """Fit the log odds by alternating least squares, each weighted by the slope of its sigmoid.

    It starts from one capability that raises all scores alike: where few models have the scores of
    two groups, least squares are nearly as small with one group's signs turned round.
    """
    floor, seen = scores.floor_guess, scores.seen
    part = np.where(seen, (scores.values - floor) / (1 - floor), 0.5).clip(CLIPPED, 1 - CLIPPED)
    odds = np.where(seen, np.log(part / (1 - part)), 0.0)
    weight = np.where(seen, (4 * part * (1 - part) * (1 - floor)) ** 2, 0.0)
    level = (weight * odds).sum(axis=0) / weight.sum(axis=0)
    apart, ridge = (odds - level)[:, used], RIDGE * np.eye(count)
    first = _solve(np.ones((len(used), 1)), weight[:, used], apart, ridge[:1, :1])
    axes, sizes, _ = np.linalg.svd(np.where(seen[:, used], apart - first, 0), full_matrices=False)
    capability = np.column_stack([first, axes[:, : count - 1] * sizes[: count - 1]])
    slopes = np.ones((len(scores.names), count))
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


DEGREES = 4.0
"""Degrees of freedom of the scatter of scores."""


REPEATABLE = 0.01
"""Scatter (at one half) that any score has: evaluations do not repeat to better than a point."""


NEAR_ENDS = 0.01
"""Keeps the scatter above zero where guessing or perfection leaves a binomial none."""


FREE_LOADING, FREE_INTERCEPT, LEVEL, SLOPE = 0.5, 0.7, 0.5, 0.5


FIRST_SLOPE = 0.5
"""Log odds of the mean score that a factor of ten in compute brings, before seeing any."""


SCATTER, FAMILY_SPREAD, SLOPE_SPREAD, OWN_SPREAD = (
    (0.03, 0.4),
    (0.4, 0.5),
    (0.15, 0.5),
    (0.2, 0.5),
)
"""Medians of spreads, and standard deviations of their logarithms: none of them is quite zero."""


SAVED = (
    "capability",
    "loading",
    "intercept",
    "scatter",
    "level",
    "level_mean",
    "level_spread",
    "slope_mean",
    "slope",
    "own_spread",
    "slope_spread",
    "floor",
)
"""What is kept of the draws, where the model has it."""


def terms_of(size: tuple[str, ...]) -> list[str]:
    """Name what capabilities are linear in, the terms: log sizes, and their product if two."""
    return [*size, " x ".join(size)] if len(size) == 2 else list(size)


def terms(sizes: np.ndarray) -> np.ndarray:
    """Return a capability model's terms of centred log sizes, shape (..., size)."""
    return (
        sizes
        if sizes.shape[-1] == 1
        else np.concatenate([sizes, sizes.prod(-1, keepdims=True)], -1)
    )


def capability_model(scores: Scores, factors: Factors) -> "pm.Model":
    """Build the model of a table's scores.

    The first capability is sampled as it is, as the scores see it well, the others relative to
    their family's line, from which models hardly differ.
    """
    import pymc as pm
    import pytensor.tensor as pt

    count = factors.weights.shape[1]
    coords = {
        "model": scores.models,
        "score": scores.names,
        "family": scores.every_family,
        "factor": np.arange(1, count + 1),
        "term": terms_of(scores.size),
    }
    with pm.Model(coords=coords) as model:
        line, unknown = _families(scores, count)
        own: Any = pm.LogNormal("own_spread", *_log(OWN_SPREAD), dims="factor")
        around: Any = pt.sqrt(own**2 + unknown)
        first: Any = pm.Normal("first", line[:, 0], around[:, 0], dims="model")
        capability = first[:, None]
        if count > 1:
            others: Any = pm.Normal("others", shape=(len(scores.models), count - 1))
            capability = pt.concatenate([capability, line[:, 1:] + others * around[:, 1:]], axis=1)
        _observe(scores, factors, pm.Deterministic("capability", capability, dims=MODEL))
    return model


MODEL, FAMILY = ("model", "factor"), ("family", "factor")


def _log(spread: tuple[float, float]) -> tuple[float, float]:
    return float(np.log(spread[0])), spread[1]


def _families(scores: Scores, count: int) -> tuple[Any, Any]:
    """Return each model's place on its family's line, and the variance of what is unknown of it.

    Both have shape (model, factor). Sizes that are missing are integrated out, at the population's
    slope: were they drawn, or the slope a family's without sizes, it could turn round.
    """
    import pymc as pm

    of, names = scores.family_of, scores.every_family
    known, missing = _centred(scores)
    variance = np.nanvar(known, axis=0) * missing
    known = np.nan_to_num(known)
    center = np.zeros((len(terms_of(scores.size)), count))
    center[: known.shape[1], 0] = FIRST_SLOPE
    slope: Any = pm.Normal("slope_mean", center, SLOPE, dims=("term", "factor"))
    mean = pm.Normal("level_mean", 0, LEVEL, dims="factor")
    spread: Any = pm.LogNormal("level_spread", *_log(FAMILY_SPREAD), dims="factor")
    level: Any = pm.Normal("level", mean, spread, dims=FAMILY)
    level = level[of]
    if known.shape[1] == 2:
        ahead = [slope[i] + known[:, [1 - i]] * slope[2] for i in (0, 1)]
        unknown = sum(variance[:, [i]] * ahead[i] ** 2 for i in (0, 1))
        unknown += variance.prod(axis=1, keepdims=True) * slope[2] ** 2
        return level + terms(known) @ slope, unknown
    spread = pm.LogNormal("slope_spread", *_log(SLOPE_SPREAD), dims="factor")
    differs = spread * pm.Normal("slope_differs", shape=(len(names), count))
    own: Any = pm.Deterministic("slope", slope[0] + differs, dims=FAMILY)
    own = own[of]
    return level + known * own, variance * (slope[0] ** 2 + spread**2)


def _centred(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Return log sizes relative to their means, and which are missing, shape (model, size)."""
    return scores.sizes - scores.center, np.isnan(scores.sizes)


def _observe(scores: Scores, factors: Factors, capability: Any) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    directions = factors.free.shape[1]
    turned: Any = pm.Normal("turned", 0, FREE_LOADING, shape=(directions, factors.weights.shape[1]))
    shifted = pm.Normal("shifted", 0, FREE_INTERCEPT, shape=directions)
    free: Any = pt.as_tensor(factors.free)
    loading: Any = pm.Deterministic(
        "loading", factors.loadings + free @ turned, dims=("score", "factor")
    )
    intercept: Any = pm.Deterministic("intercept", factors.centre + free @ shifted, dims="score")
    scatter: Any = pm.LogNormal("scatter", *_log(SCATTER), dims="score")
    floor: Any = _floors(scores)
    row, column = np.nonzero(scores.seen)
    odds = pt.sum(capability[row] * loading[column], axis=1) + intercept[column]
    mean, spread = evaluated(odds, floor[column], scatter[column])
    seen = scores.values[row, column]
    pm.StudentT("scores", nu=DEGREES, mu=mean, sigma=spread, observed=seen)


def evaluated(odds: Any, floor: Any, scatter: Any) -> tuple[Any, Any]:
    """Return mean and scatter of a model's evaluation on a benchmark; numbers and tensors alike."""
    share = sigmoid(odds)
    at_half = sqrt(scatter**2 + REPEATABLE**2)
    return floor + (1 - floor) * share, at_half * 2 * sqrt(share * (1 - share) + NEAR_ENDS)


def _floors(scores: Scores) -> Any:
    """Return each score's level of guessing, shape (score,): a number, or drawn from its prior."""
    import pymc as pm
    import pytensor.tensor as pt

    fixed = np.zeros(len(scores.names))
    places, normals = [], []
    for i, name in enumerate(scores.names):
        floor = scores.floors.get(name, 0.0)
        if isinstance(floor, tuple):
            places.append(i)
            normals.append(Fraction(*floor).normal(*floor))
        else:
            fixed[i] = floor
    if not places:
        return pt.as_tensor(fixed)
    mean, sd = np.transpose(normals)
    drawn = pm.math.sigmoid(pm.Normal("floor_link", mean, sd, shape=len(places)))
    put = np.zeros((len(fixed), len(places)))
    put[places, np.arange(len(places))] = 1
    return pm.Deterministic("floor", fixed + pt.as_tensor(put) @ drawn, dims="score")
