"""Where chains start when the posterior may have several modes: at the best of thirty optima.

A chain that starts far from the posterior's mass may end in a mode that the data all but exclude,
and never leave it. Laws that say ``multimodal = True`` are therefore climbed first, from draws of
the prior; chains start around the optima that hold a share of the posterior worth a chain. Modes of
like mass are all started from, so that chains that do not meet still show in R-hat.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

CLIMBS = 30
"""Prior draws from which the log density is climbed."""
COMPARABLE = 5.0
"""Nats below the best mode's mass down to which a mode is started from."""
STEPS = 300
"""Most steps of one climb."""
STEP = 1e-4
"""Step of the finite differences of the gradient, on the link scale."""
WIDEST = 1.0
"""Largest standard deviation of the starts around a mode, on the link scale."""

type LogDensity = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Log density and its gradient at a point, shape (coordinate,); -inf where it is not finite."""


@dataclass(frozen=True)
class Mode:
    """An optimum of a log density and its Gaussian approximation there.

    Attributes
    ----------
    point : array, shape (coordinate,)
        The optimum.
    log_mass : float
        Log of the integral of the Gaussian approximation (Laplace).
    spread : array, shape (coordinate, coordinate)
        A square root of the approximation's covariance.
    """

    point: np.ndarray
    log_mass: float
    spread: np.ndarray

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a point from the Gaussian approximation."""
        return self.point + self.spread @ rng.normal(size=self.point.size)


def find_modes(log_density: LogDensity, starts: Iterable[np.ndarray]) -> list[Mode]:
    """Climb from every start; return the modes whose mass compares with the best one's, best first.

    Parameters
    ----------
    log_density : callable
        From a point to log density and gradient.
    starts : iterable of array, shape (coordinate,)
        Where to climb from. A start at which the density is not finite is passed over.

    Returns
    -------
    list of Mode
        One an end point: an optimum reached from several starts is there as often. Empty when no
        start could be climbed from.
    """
    found = [mode_at(log_density, top) for top in _climbed(log_density, starts)]
    best = max((mode.log_mass for mode in found), default=-np.inf)
    kept = [mode for mode in found if mode.log_mass > best - COMPARABLE]
    return sorted(kept, key=lambda mode: -mode.log_mass)


def _climbed(log_density: LogDensity, starts: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Return the ends of the climbs."""

    def descent(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_density(point)
        return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(point))

    ends = []
    for start in starts:
        if np.isfinite(log_density(start)[0]):
            climb = minimize(
                descent, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}
            )
            ends.append(climb.x)
    return ends


def mode_at(log_density: LogDensity, point: np.ndarray) -> Mode:
    """Return the Gaussian approximation at a point, its curvature from differences of gradients."""
    steps = STEP * np.eye(point.size)
    rows = [log_density(point + h)[1] - log_density(point - h)[1] for h in steps]
    curvature = -np.array(rows) / (2 * STEP)
    values, axes = np.linalg.eigh((curvature + curvature.T) / 2)
    sd = 1 / np.sqrt(np.maximum(values, WIDEST**-2))
    log_mass = log_density(point)[0] + np.log(sd).sum()
    return Mode(point, float(log_mass), axes * sd)
