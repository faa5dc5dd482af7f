"""The literature's way of fitting: a robust point estimate, and a bootstrap for its error."""

from collections.abc import Mapping

import numpy as np

from bayescale.inference.threads import one_thread
from bayescale.model.link_scale import natural, to_link
from bayescale.model.observations import Data
from bayescale.model.prior_distribution import draw_prior
from bayescale.model.spec import Spec

DELTA = 1e-3
"""Residual of log loss from which Hoffmann et al. count it linearly."""


STARTS = 256


POLISHED = 8


RESAMPLES = 100


STEP = 1e-5
"""Of the central differences that stand for the gradient, on the link scale."""


WORST = 1e10


def point_fit(spec: Spec, data: Data, random_seed: int | None = None) -> dict[str, np.ndarray]:
    """Fit a law by least Huber loss from many starts, and refit it to resampled runs.

    Hoffmann et al. (2022), arXiv:2203.15556, approach 3: Huber loss of log residuals, minimised by
    L-BFGS from a grid of starts, here draws of the prior; with the bootstrap over runs of Besiroglu
    et al. (2024), arXiv:2404.10102. No prior enters but through the starts.

    Parameters
    ----------
    spec, data
        What to fit, to what; the noise says only on which scale residuals are taken.
    random_seed : int, optional
        Seed of starts and resamples.

    Returns
    -------
    dict of str to array, shape (1 + resample,)
        Each of the law's parameters: the point estimate first, then the bootstrap's.
    """
    rng = np.random.default_rng(random_seed)
    prior = draw_prior(spec, data.scales, STARTS, rng)
    starts = np.column_stack(
        [
            np.asarray(to_link(parameter, prior[name].values.ravel(), data.scales))
            for name, parameter in spec.free.items()
        ]
    )
    every = np.arange(len(data.observed))
    order = np.argsort(_objective(starts, spec, data, every))
    with one_thread():
        polished = [_minimise(start, spec, data, every) for start in starts[order[:POLISHED]]]
        best = min(polished, key=lambda found: found[1])[0]
        resampled = [
            _minimise(best, spec, data, rng.choice(every, len(every)))[0] for _ in range(RESAMPLES)
        ]
    found = _law(np.array([best, *resampled]), spec, data)
    return {name: np.asarray(values) for name, values in found.items()}


def _law(link: np.ndarray, spec: Spec, data: Data) -> Mapping[str, np.ndarray]:
    values = {
        name: natural(parameter, link[..., i], data.scales)
        for i, (name, parameter) in enumerate(spec.free.items())
    }
    return values | {name: np.asarray(value) for name, value in spec.fixed.items()}


def _objective(link: np.ndarray, spec: Spec, data: Data, rows: np.ndarray) -> np.ndarray:
    """Return the Huber loss at points of the link scale, shape (point, parameter)."""
    from scipy.special import huber

    inputs = {name: values[..., None, rows] for name, values in data.inputs.items()}
    with np.errstate(all="ignore"):  # a step of the line search may leave the range of floats
        curve = spec.law.curve(inputs, data.references, _law(link[:, None], spec, data))
        ends = (spec.noise.relative(y, data.scale) for y in (curve, data.observed[rows]))
        missed = huber(DELTA, np.subtract(*ends)).sum(-1)
    return np.where(np.isfinite(missed), missed, WORST)


def _minimise(
    start: np.ndarray, spec: Spec, data: Data, rows: np.ndarray
) -> tuple[np.ndarray, float]:
    from scipy.optimize import minimize

    steps = STEP * np.vstack([0 * start, np.eye(len(start)), -np.eye(len(start))])

    def objective(link: np.ndarray) -> tuple[float, np.ndarray]:
        at, *around = _objective(link + steps, spec, data, rows)
        above, below = np.split(np.array(around), 2)
        return at, (above - below) / (2 * STEP)

    found = minimize(objective, start, jac=True, method="L-BFGS-B", tol=1e-11)
    return found.x, float(found.fun)
