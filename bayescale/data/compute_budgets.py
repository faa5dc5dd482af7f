"""Budgets: the training compute that several runs share."""

import numpy as np

NEAR = 0.1
"""Relative difference in compute within which a run belongs to a budget."""


def near(flops: np.ndarray, budget: float) -> np.ndarray:
    """Return which runs' compute is near a budget, to within ten per cent."""
    return np.abs(flops / budget - 1) <= NEAR


def typical_budgets(flops: np.ndarray, count: int = 4) -> np.ndarray:
    """Return budgets that runs share, spread over their range; else an even spread.

    Parameters
    ----------
    flops : array, shape (run,)
        Compute of the runs.
    count : int
        The most budgets to return.
    """
    shared = shared_budgets(flops)
    if len(shared) < 2:
        return np.unique(np.geomspace(flops.min(), flops.max(), count))
    return spread(shared, count)


def spread(budgets: np.ndarray, count: int = 4) -> np.ndarray:
    """Return so many of the budgets, the first and the last among them."""
    chosen = np.linspace(0, len(budgets) - 1, min(count, len(budgets))).round().astype(int)
    return budgets[chosen]


def shared_budgets(flops: np.ndarray) -> np.ndarray:
    """Return the median compute of each group of three or more runs, the largest groups first."""
    left, found = np.sort(flops), []
    while len(left):
        first = np.searchsorted(left, (1 - NEAR) * left)
        sizes = np.searchsorted(left, (1 + NEAR) * left, side="right") - first
        if sizes.max() < 3:
            break
        largest = near(left, left[sizes.argmax()])
        found.append(float(np.median(left[largest])))
        left = left[~largest]
    distinct: list[float] = []
    for budget in sorted(found):
        if not distinct or budget > 1.25 * distinct[-1]:
            distinct.append(budget)
    return np.array(distinct)
