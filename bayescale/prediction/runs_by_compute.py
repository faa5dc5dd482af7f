"""Where the fitted runs lie along training compute."""

import numpy as np

from bayescale.data import derive
from bayescale.inference.result import Fit

NEAR = 0.1
"""Relative difference in compute within which a run belongs to a budget."""


def run_columns(fit: Fit) -> dict[str, np.ndarray]:
    """Return the fitted runs' inputs by column, and their compute 6 N D where it follows.

    Inputs with nodes have no one value a run and are left out.
    """
    columns = {
        fit.spec.column(name): values.to_numpy()
        for name, values in fit.inputs.items()
        if values.ndim == 1
    }
    if {"params", "tokens"} <= set(columns):
        columns = {"flops": derive.flops(columns["params"], columns["tokens"])} | columns
    return columns


def main_column(fit: Fit) -> str:
    """Return the column that runs are laid out along: compute, or the law's first input."""
    return next(iter(run_columns(fit)))


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
    shared = _shared_budgets(flops)
    if len(shared) < 2:
        return np.unique(np.geomspace(flops.min(), flops.max(), count))
    chosen = np.linspace(0, len(shared) - 1, min(count, len(shared))).round().astype(int)
    return shared[chosen]


def _shared_budgets(flops: np.ndarray) -> np.ndarray:
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
