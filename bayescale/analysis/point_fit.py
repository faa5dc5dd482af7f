"""The literature's way of fitting: a robust point estimate, and a bootstrap for its error."""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize
from scipy.special import huber

from bayescale.priors import draw_prior, natural, to_link
from bayescale.spec import Data, Spec

DELTA = 1e-3
"""Residual of log loss from which Hoffmann et al. count it linearly."""
STARTS = 256
POLISHED = 8
RESAMPLES = 100


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
    prior = draw_prior(spec, data.scale, STARTS, rng)
    starts = np.column_stack(
        [
            np.asarray(to_link(parameter, prior[name].values.ravel(), data.scale))
            for name, parameter in spec.free.items()
        ]
    )
    everything = np.arange(len(data.observed))
    objectives = np.array([_objective(link, spec, data, everything) for link in starts])
    polished = [
        _minimise(link, spec, data, everything, 1e-12)
        for link in starts[np.argsort(objectives)[:POLISHED]]
    ]
    best = min(polished, key=lambda found: found[1])[0]
    resampled = [
        _minimise(best, spec, data, rng.choice(everything, len(everything)), 1e-9)[0]
        for _ in range(RESAMPLES)
    ]
    return {
        name: np.asarray(values)
        for name, values in _law(np.array([best, *resampled]), spec, data).items()
    }


def _law(link: np.ndarray, spec: Spec, data: Data) -> Mapping[str, np.ndarray]:
    values = {
        name: natural(parameter, link[..., i], data.scale)
        for i, (name, parameter) in enumerate(spec.free.items())
    }
    return values | {name: np.asarray(value) for name, value in spec.fixed.items()}


def _objective(link: np.ndarray, spec: Spec, data: Data, rows: np.ndarray) -> float:
    inputs = {name: values[..., rows] for name, values in data.inputs.items()}
    with np.errstate(all="ignore"):  # a step of the line search may leave the range of floats
        curve = spec.law.curve(inputs, data.references, _law(link, spec, data))
        ends = (spec.noise.relative(y, data.scale) for y in (curve, data.observed[rows]))
        missed = float(huber(DELTA, np.subtract(*ends)).sum())
    return missed if np.isfinite(missed) else 1e10


def _minimise(
    start: np.ndarray, spec: Spec, data: Data, rows: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float]:
    found = minimize(_objective, start, (spec, data, rows), method="L-BFGS-B", tol=tolerance)
    return found.x, float(found.fun)
