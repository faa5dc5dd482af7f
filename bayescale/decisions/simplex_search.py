"""Lowest points of functions of shares of a whole, within limits, for many draws at once.

Every pair of shares exchanges what lowers the function most: a step either way, or to the lowest
point of the parabola through them; steps halve where nothing is gained. Exchanges between pairs
span all ways to stay within such limits, so that a mixture that none improves is the best one of a
convex function: the exponential law is one, and the additive laws are where their exponent is at
most one. Of others, the search starts at the best of a mixture in the middle and those that favour
one or two shares, which are all corners of what the limits allow three.
"""

from collections.abc import Callable
from itertools import combinations, permutations

import numpy as np

FIRST, FINEST = 0.5, 1e-6
"""Largest share that two exchange at first, and that below which the search ends."""


SWEEPS = 200
"""At most so often every pair is tried."""


type Loss = Callable[[np.ndarray], np.ndarray]
"""A function of shares, shape (domain, draw) or (domain, 1), each of its draw: shape (draw,)."""


def starting_mixtures(low: np.ndarray, high: np.ndarray) -> list[np.ndarray]:
    """Return mixtures within limits, each (domain, 1).

    One in the middle, and those that favour one domain, or one before another.
    """
    domains, found = range(len(low)), []
    for order in [(), *((i,) for i in domains), *permutations(domains, 2)]:
        favoured = low.copy()
        for i in order:
            favoured[i] = min(high[i, 0], low[i, 0] + max(1 - favoured.sum(), 0.0))
        found.append(_filled(favoured, high))
    return found


def _filled(shares: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return shares with what is left of one, in proportion to the room below the largest."""
    room, rest = high - shares, max(1 - shares.sum(), 0.0)
    return shares + room * (min(rest / room.sum(), 1.0) if room.sum() > 0 else 0.0)


def lowest(loss: Loss, starts: list[np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return mixtures of least loss within limits, from the best start of each draw.

    Parameters
    ----------
    loss : callable
        The loss of mixtures (domain, draw), each of its draw.
    starts : list of array, shape (domain, draw)
        Mixtures within the limits.
    low, high : array, shape (domain, 1)
        The limits.
    """
    tried = np.stack([loss(start) for start in starts])
    which = tried.argmin(axis=0)
    best = np.take_along_axis(np.stack(starts), which[None, None], axis=0)[0].copy()
    value, step = tried.min(axis=0), np.full(best.shape[1], FIRST)
    for _ in range(SWEEPS):
        before = best.copy()
        for i, j in combinations(range(len(best)), 2):
            best, value = _exchange(loss, best, value, (i, j), step, low, high)
        moved = np.abs(best - before).max(axis=0)
        step = np.where(moved >= step / 2, step, step / 2)
        if step.max() < FINEST:
            break
    return best


def _exchange(
    loss: Loss,
    best: np.ndarray,
    value: np.ndarray,
    pair: tuple[int, int],
    step: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Move between two domains what lowers the loss most, up to some steps; return both anew."""
    i, j = pair
    most = np.minimum(best[i] - low[i], high[j] - best[j])  # from i to j
    least = -np.minimum(best[j] - low[j], high[i] - best[i])
    there, back = np.minimum(step, most), np.maximum(-step, least)

    def moved(amount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = best.copy()
        shares[i] = np.clip(best[i] - amount, low[i], high[i])
        shares[j] = np.clip(best[j] + amount, low[j], high[j])
        return shares, loss(shares)

    tried = [(best, value), moved(there), moved(back)]
    with np.errstate(divide="ignore", invalid="ignore"):
        right, left = (tried[1][1] - value) / there, (tried[2][1] - value) / back
        curvature = (right - left) / (there - back)
        vertex = -(left - curvature * back) / (2 * curvature)
    known = np.isfinite(vertex) & (curvature > 0)
    tried.append(
        moved(np.where(known, np.clip(vertex, 4 * back, 4 * there), 0.0).clip(least, most))
    )
    values = np.stack([v for _, v in tried])
    which = values.argmin(axis=0)
    shares = np.take_along_axis(np.stack([s for s, _ in tried]), which[None, None], axis=0)[0]
    return shares, values.min(axis=0)
