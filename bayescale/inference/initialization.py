"""Where chains start when the posterior may have several modes: at the best of sixty optima.

A chain that starts far from the posterior's mass may end in a mode that the data all but exclude,
and never leave it. Laws that say ``multimodal = True`` are therefore climbed first, from draws of
the prior; chains start around the optima that hold a share of the posterior worth a chain. Modes of
like mass are all started from, so that chains that do not meet still show in R-hat. A fit of any
law whose diagnostics failed starts there when it is drawn once more.

Chains of any law may all end in the same one of several modes, and then R-hat cannot show it. After
drawing, a few climbs from the prior look for modes that no draw is near.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.inference.threads import one_thread

CLIMBS = 60
"""Prior draws from which the log density is climbed."""


FEW_CLIMBS = 30
"""Prior draws from which the log density is climbed after sampling: a mode to which a tenth of the
prior leads is missed in four of a hundred fits."""


LEAST_SHARE = 0.05
"""Share of the posterior from which a mode that no draw is near counts as missed."""


WEIGHED = 500
"""Draws of a mode's Gaussian approximation by which it is weighed where no draw is near."""


COMPARABLE = 5.0
"""Nats below the best mode's mass down to which a mode is started from."""


VALLEY = 2.0
"""Nats below a draw by which the log density falls on the way to another mode."""


NEXT = 40
"""Draws next to a mode of which most must be reached without such a valley."""


STEPS = 300
"""Most steps of one climb."""


FURTHER, FURTHER_STEPS = 10, 2000
"""How many of the highest climbs go on, and for how many steps at most: a narrow ridge takes more
steps than a hill that is not worth them."""


STEP = 1e-4
"""Step of the finite differences of the gradient, on the link scale."""


FARTHEST = 10.0
"""Standard deviations of the starts from their mean beyond which the prior rules a mode out: a
climb that leaves for infinity ends where rounding makes a density."""


WIDEST = 1.0
"""Largest standard deviation of the starts around a mode, on the link scale; of a parameter that is
wider a priori, such as a level of either sign, in units of the spread of its starts."""


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
    axes : array, shape (coordinate, axis)
        Principal axes of the approximation.
    sd : array, shape (axis,)
        Its standard deviations along them.
    unit : array, shape (coordinate,)
        In which the approximation is; the optimum is not.
    """

    point: np.ndarray
    log_mass: float
    axes: np.ndarray
    sd: np.ndarray
    unit: np.ndarray

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a point from the Gaussian approximation."""
        return self.point + self.unit * (self.axes @ rng.normal(0, self.sd))

    def along_axes(self, points: np.ndarray) -> np.ndarray:
        """Return how far points, shape (..., coordinate), are off, in standard deviations."""
        return (points - self.point) / self.unit @ self.axes / self.sd

    def holds(self, point: np.ndarray) -> bool:
        """Whether a point is within one standard deviation along every axis."""
        return bool((abs(self.along_axes(point)) < 1).all())

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Return how far points, shape (draw, coordinate), are off, in standard deviations."""
        return np.sqrt((self.along_axes(points) ** 2).sum(axis=1))

    @property
    def radius(self) -> float:
        """The distance within which 99.9 % of the approximation lies."""
        from scipy.stats import chi2

        return float(np.sqrt(chi2.ppf(0.999, self.sd.size)))


def near_modes(
    log_density: LogDensity, draw: Callable[[Any], np.ndarray], seed: int
) -> Callable[[Any], np.ndarray]:
    """Return a function from a seed to a start near one of the modes.

    Parameters
    ----------
    log_density : callable
        From a point to log density and gradient.
    draw : callable
        From a seed to a point to climb from.
    seed : int
        Of the points climbed from.

    Returns
    -------
    callable
        From a seed to a draw around one of the modes, each taken as often as its mass says; or
        ``draw`` itself when nothing could be climbed.
    """
    found = find_modes(log_density, [draw([seed, i]) for i in range(CLIMBS)])
    if not found:
        return draw
    mass = np.exp([mode.log_mass - found[0].log_mass for mode in found])

    def start(seed: Any = None) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return found[rng.choice(len(found), p=mass / mass.sum())].draw(rng)

    return start


def missed_modes(
    log_density: LogDensity,
    starts: Iterable[np.ndarray],
    draws: np.ndarray,
    seed: int,
) -> list[tuple[Mode, float]]:
    """Return the modes that hold a share of the posterior and that no draw is near.

    Parameters
    ----------
    log_density : callable
        From a point to log density and gradient.
    starts : iterable of array, shape (coordinate,)
        Where to climb from.
    draws : array, shape (draw, coordinate)
        The posterior draws.
    seed : int
        Of the draws by which modes are weighed.

    Returns
    -------
    list of (Mode, float)
        With the share of the posterior's mass that each holds, the largest first; empty when the
        draws reached all.

    Notes
    -----
    Modes that no draw is near by their Gaussian approximations are weighed again, by importance
    sampling from these: on a bent ridge the curvature at its top says far too much.
    """
    found = find_modes(log_density, starts)
    by_curvature = _shares([mode.log_mass for mode in found])
    missed = [
        share >= LEAST_SHARE and not _reached(log_density, mode, draws, share / 20)
        for mode, share in zip(found, by_curvature, strict=True)
    ]
    if not any(missed):
        return []
    rng = np.random.default_rng([seed, 3])
    shares = _shares([_weighed(log_density, found, k, rng) for k in range(len(found))])
    return [
        (mode, float(share))
        for mode, share, off in zip(found, shares, missed, strict=True)
        if off and share >= LEAST_SHARE
    ]


def _weighed(
    log_density: LogDensity, modes: Sequence[Mode], k: int, rng: np.random.Generator
) -> float:
    """Return the log mass of what is nearer to one mode than to others, by importance sampling.

    In the unit of ``Mode.log_mass``.
    """
    mode = modes[k]
    z = rng.normal(size=(WEIGHED, mode.sd.size))
    points = mode.point + mode.unit * ((mode.sd * z) @ mode.axes.T)
    away = [(((points - one.point) / mode.unit) ** 2).sum(axis=1) for one in modes]
    own = np.argmin(away, axis=0) == k
    above = [log_density(point)[0] for point in points[own]] + (z[own] ** 2).sum(axis=1) / 2
    total = np.logaddexp.reduce(above, initial=-np.inf)
    return float(np.log(mode.sd).sum() + total - np.log(WEIGHED))


def _shares(log_mass: Sequence[float]) -> np.ndarray:
    """Return the shares of masses that are given by their logs."""
    mass = np.exp(np.array(log_mass) - max(log_mass, default=0.0))
    return mass / mass.sum()


def _reached(log_density: LogDensity, mode: Mode, draws: np.ndarray, share: float) -> bool:
    """Whether at least a share of the draws is near a mode, or the way to the next has no dip.

    A bent posterior has few draws near its optimum, by the Gaussian approximation there, although
    chains come and go.
    """
    away = mode.distances(draws)
    near = (away < mode.radius).mean()
    if near >= share or near == 0:
        return bool(near)

    def dips(draw: np.ndarray) -> bool:
        between = mode.point + np.linspace(0, 1, 12)[1:-1, None] * (draw - mode.point)
        return min(log_density(one)[0] for one in between) < log_density(draw)[0] - VALLEY

    return float(np.mean([dips(draw) for draw in draws[np.argsort(away)[:NEXT]]])) < 0.5


def _is_optimum(log_density: LogDensity, mode: Mode) -> bool:
    """Whether a climb arrived: the slope along each axis is small for the mode's width there."""
    slope = mode.axes.T @ (mode.unit * log_density(mode.point)[1])
    return bool((abs(slope) * mode.sd < 0.5).all())


def find_modes(log_density: LogDensity, starts: Iterable[np.ndarray]) -> list[Mode]:
    """Climb from every start; return the distinct modes that hold a share worth a chain.

    Parameters
    ----------
    log_density : callable
        From a point to log density and gradient.
    starts : iterable of array, shape (coordinate,)
        Where to climb from. A start at which the density is not finite is passed over.

    Returns
    -------
    list of Mode
        The best first; empty when no start could be climbed from.
    """
    starts = [start for start in starts if np.isfinite(log_density(start)[0])]
    if not starts:
        return []
    unit, middle = np.maximum(np.std(starts, axis=0), 1.0), np.mean(starts, axis=0)

    def within(ends: list[np.ndarray]) -> list[np.ndarray]:
        return [end for end in ends if (abs(end - middle) < FARTHEST * unit).all()]

    with one_thread():
        ends = within([_climbed(log_density, one, unit, STEPS) for one in starts])
        ends.sort(key=lambda end: -log_density(end)[0])
        best = [_climbed(log_density, end, unit, FURTHER_STEPS) for end in ends[:FURTHER]]
        modes = [_mode_at(log_density, end, unit) for end in within(best + ends[FURTHER:])]
        found = [mode for mode in modes if _is_optimum(log_density, mode)]
    distinct: list[Mode] = []
    for mode in sorted(found, key=lambda mode: -mode.log_mass):
        if distinct and mode.log_mass < distinct[0].log_mass - COMPARABLE:
            break
        if not any(known.holds(mode.point) for known in distinct):
            distinct.append(mode)
    return distinct


def _climbed(
    log_density: LogDensity, start: np.ndarray, unit: np.ndarray, steps: int
) -> np.ndarray:
    """Return the end of a climb of so many steps, which are in a unit of each coordinate."""
    from scipy.optimize import minimize

    downhill = np.zeros_like(start)

    def descent(point: np.ndarray) -> float:
        value, gradient = log_density(unit * point)
        finite = np.isfinite(value)
        downhill[:] = -unit * gradient if finite else 0.0
        return -value if finite else 1e100

    # SciPy asks for the slope where it has just asked for the value, which found both.
    options = {"maxiter": steps, "maxfun": 2 * steps}
    found = minimize(
        descent, start / unit, jac=lambda _: downhill.copy(), method="L-BFGS-B", options=options
    )
    return unit * found.x


def _mode_at(log_density: LogDensity, point: np.ndarray, unit: np.ndarray) -> Mode:
    """Return the Gaussian approximation at a point, its curvature from differences of gradients."""
    steps = STEP * np.diag(unit)
    rows = [unit * (log_density(point + h)[1] - log_density(point - h)[1]) for h in steps]
    curvature = -np.array(rows) / (2 * STEP)
    values, axes = np.linalg.eigh((curvature + curvature.T) / 2)
    sd = 1 / np.sqrt(np.maximum(values, WIDEST**-2))
    log_mass = log_density(point)[0] + np.log(sd).sum()
    return Mode(point, float(log_mass), axes, sd, unit)
