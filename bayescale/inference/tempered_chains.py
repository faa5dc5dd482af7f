"""Compiled chains of parallel tempering: Hamiltonian trajectories, and exchanges between them.

Apart from :mod:`bayescale.inference.tempering`, which imports it where it is needed: Numba compiles
it for seconds, once on a machine.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LONGEST = 32
"""Leapfrog steps of a trajectory, at most; their number is drawn anew each time."""

SPREAD = 0.7
"""Standard deviation of the log of a trajectory's step over its temperature's: modes of one
temperature are not equally wide."""

ACCEPT = 0.8
"""Chance of taking a trajectory that the steps are chosen for."""


@intrinsic
def density_at(
    context: Any, address: Any, size: Any, point: Any, gradient: Any, value: Any, data: Any
) -> Any:
    """Call the compiled log density at an address; the rest is what nutpie gives it.

    Returns
    -------
    int
        Not 0 where it is not finite.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * (len(arguments) - 1))
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

    return types.int64(*[types.uint64] * 6), generate


def compiled(function: Any) -> Any:
    """Compile a function, and keep the machine code where there is a place to."""
    try:
        return njit(nogil=True, cache=True)(function)
    except (
        RuntimeError
    ):  # neither beside the source nor in the user's cache can anything be written
        return njit(nogil=True)(function)


@compiled
def run(
    density: Any,
    betas: np.ndarray,
    roots: np.ndarray,
    steps: np.ndarray,
    learning: bool,
    states: np.ndarray,
    kept: np.ndarray,
    rejected: np.ndarray,
    rng: Any,
) -> None:
    """Run one set of tempered chains, as many scans as ``kept`` has room for.

    Parameters
    ----------
    density : tuple
        The address of the log density and of its data, and the mean, shape (coordinate,), and
        Cholesky factor of the reference.
    betas : array, shape (temperature,)
        Inverse temperatures, from 0 for the reference to 1 for the density.
    roots : array, shape (temperature, coordinate, coordinate)
        Cholesky factors of the covariance at each, with which trajectories are scaled.
    steps : array, shape (temperature,)
        Their step sizes; changed if ``learning``.
    states : array, shape (temperature, coordinate)
        Where the chains are, in coordinates in which the reference is standard normal; changed.
    kept : array, shape (scan, temperature, coordinate)
        Takes the states.
    rejected : array, shape (temperature - 1,)
        Takes the sums of the chances that neighbours were not exchanged.
    rng : numpy.random.Generator
        Where chance comes from.
    """
    number, size = states.shape
    work = np.empty(size), np.empty(size), np.empty(1)
    slopes, ratios = np.zeros((number, size)), np.empty(number)
    for k in range(number):
        ratios[k] = _log_ratio(density, states[k], slopes[k], work)
    for scan in range(len(kept)):
        for i in range(size):
            states[0, i] = rng.standard_normal()
        ratios[0] = _log_ratio(density, states[0], slopes[0], work)
        for k in range(1, number):
            step = steps[k] * np.exp(SPREAD * rng.standard_normal())
            ratios[k], chance = _trajectory(
                density, betas[k], roots[k], step, states[k], slopes[k], ratios[k], work, rng
            )
            if learning:
                steps[k] *= np.exp((chance - ACCEPT) / (3 * np.sqrt(1 + scan / 10)))
        for k in range(scan % 2, number - 1, 2):
            chance = np.exp(min(0.0, (betas[k + 1] - betas[k]) * (ratios[k] - ratios[k + 1])))
            rejected[k] += 1 - chance
            if rng.random() < chance:
                ratios[k], ratios[k + 1] = ratios[k + 1], ratios[k]
                for pair in (states, slopes):
                    for i in range(size):
                        pair[k, i], pair[k + 1, i] = pair[k + 1, i], pair[k, i]
        kept[scan] = states


@compiled
def _log_ratio(density: Any, state: np.ndarray, slope: np.ndarray, work: Any) -> float:
    """Return the log of the density over the reference's at a state, up to a constant.

    ``slope`` takes its gradient.
    """
    address, data, mean, root = density
    point, gradient, value = work
    size = len(state)
    for i in range(size):
        point[i] = mean[i]
        for j in range(i + 1):
            point[i] += root[i, j] * state[j]
    at = point.ctypes.data, gradient.ctypes.data, value.ctypes.data
    failed = density_at(address, size, at[0], at[1], at[2], data)  # pyright: ignore[reportCallIssue]
    if failed != 0 or not np.isfinite(value[0]):
        slope[:] = 0.0
        return -np.inf
    square = 0.0
    for j in range(size):
        slope[j] = state[j]
        square += state[j] ** 2
        for i in range(j, size):
            slope[j] += root[i, j] * gradient[i]
    return value[0] + square / 2


@compiled
def _trajectory(
    density: Any,
    beta: float,
    root: np.ndarray,
    step: float,
    state: np.ndarray,
    slope: np.ndarray,
    ratio: float,
    work: Any,
    rng: Any,
) -> tuple[float, float]:
    """Move a state along a trajectory, or not; return the ratio there, and the chance of taking it.

    The log of the density at a temperature is that of the standard normal and the ratio's, times
    the inverse temperature.
    """
    size = len(state)
    momentum = np.empty(size)
    for i in range(size):
        momentum[i] = rng.standard_normal()
    there, slope_there, found = state.copy(), slope.copy(), ratio
    before = beta * ratio - (state**2).sum() / 2 - (momentum**2).sum() / 2
    number = rng.integers(1, LONGEST + 1)
    _push(momentum, step / 2, root, beta, there, slope_there)
    for n in range(number):
        for i in range(size):
            for j in range(i + 1):
                there[i] += step * root[i, j] * momentum[j]
        found = _log_ratio(density, there, slope_there, work)
        if found == -np.inf:
            return ratio, 0.0
        _push(momentum, step if n < number - 1 else step / 2, root, beta, there, slope_there)
    after = beta * found - (there**2).sum() / 2 - (momentum**2).sum() / 2
    chance = np.exp(min(0.0, after - before)) if np.isfinite(after) else 0.0
    if rng.random() < chance:
        state[:], slope[:] = there, slope_there
        return found, chance
    return ratio, chance


@compiled
def _push(
    momentum: np.ndarray,
    step: float,
    root: np.ndarray,
    beta: float,
    state: np.ndarray,
    slope: np.ndarray,
) -> None:
    """Add to a momentum, for a step, what the density at a temperature does at a state."""
    for i in range(len(momentum)):
        for j in range(i, len(momentum)):
            momentum[i] += step * root[j, i] * (beta * slope[j] - state[j])
