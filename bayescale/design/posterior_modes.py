"""Modes of a posterior: whether it has more than one."""

from itertools import pairwise

import numpy as np

POINTS = 256


LEAST_MASS = 0.05
"""A peak that holds less of the draws than this is none."""


VALLEY = 0.5
"""Between two peaks the density falls below this share of the lower one."""


def modes(values: np.ndarray) -> list[tuple[float, float]]:
    """Return the peaks of a posterior and the share of the draws that each holds.

    A smooth density is laid over the draws of all chains together (Scott's width, which errs on
    the smooth side). Two of its peaks count as two when the valley between them is less than half
    as high as the lower one, and each side of it holds five per cent of the draws.

    Parameters
    ----------
    values : array
        Draws, on the scale where the prior is normal.

    Returns
    -------
    list of (float, float)
        Place and share of each peak, from left to right; one for what has a single peak.
    """
    from scipy.stats import gaussian_kde

    values = np.ravel(values)
    values = values[np.isfinite(values)]
    if values.size < 2 or np.ptp(values) < 1e-12 * (1 + abs(float(values[0]))):
        return [(float(np.median(values)) if values.size else float("nan"), 1.0)]
    low, high = (float(end) for end in np.quantile(values, [0.001, 0.999]))
    place = np.linspace(low, high, POINTS)
    height = gaussian_kde(values)(place)
    peaks = _merge(height, _peaks(height), values, place)
    ends = [-np.inf, *(place[v] for v in _valleys(height, peaks)), np.inf]
    shares = np.histogram(values, ends)[0] / values.size
    return [(float(place[p]), float(s)) for p, s in zip(peaks, shares, strict=True)]


def _peaks(height: np.ndarray) -> list[int]:
    padded = np.concatenate([[-np.inf], height, [-np.inf]])
    return np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])).tolist()


def _valleys(height: np.ndarray, peaks: list[int]) -> list[int]:
    pairs = pairwise(peaks)
    return [left + int(np.argmin(height[left:right])) for left, right in pairs]


def _merge(
    height: np.ndarray, peaks: list[int], values: np.ndarray, place: np.ndarray
) -> list[int]:
    """Drop the lowest peak that is none, until all are peaks."""
    while len(peaks) > 1:
        valleys = _valleys(height, peaks)
        shares = np.histogram(values, [-np.inf, *place[valleys], np.inf])[0] / values.size
        sides = [[height[v] for v in valleys[max(i - 1, 0) : i + 1]] for i in range(len(peaks))]
        false = [
            i
            for i, peak in enumerate(peaks)
            if shares[i] < LEAST_MASS or max(sides[i]) > VALLEY * height[peak]
        ]
        if not false:
            break
        lowest = min(false, key=lambda i: height[peaks[i]])
        peaks = [p for i, p in enumerate(peaks) if i != lowest]
    return peaks
