"""Choosing runs: greedily, then exchanging them one by one while that helps."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

TRIES = 3
"""How many of the greedy choices are improved by exchange."""


ROUNDS = 20


ENOUGH = 1e-6
"""An exchange must lower what is left by this share of it."""


WORTH = 0.01
"""A run is not added that tells less than this share of what those before it tell together."""


class Ignorance(Protocol):
    """What is not known, and how runs would lessen it: a variance, the chance of an error."""

    @property
    def left(self) -> float:
        """What is not known now."""
        ...

    def after_each(self) -> np.ndarray:
        """Return what is left once each of the possible runs is done, alone, shape (run,)."""
        ...

    def given(self, run: int, sign: int = 1) -> Self:
        """Return what is not known after one run, or with ``sign=-1`` as if it had not been."""
        ...


def choose(now: Ignorance, cost: np.ndarray, budget: float, most: int) -> list[int]:
    """Choose the runs that leave the least unknown, for a budget.

    Greedy choices with runs of at most the whole budget, half of it, a third ..., and by gain a
    cost, are made; the best are improved by exchange.

    Parameters
    ----------
    now : Ignorance
        What is not known.
    cost : array, shape (run,)
        What each possible run costs.
    budget : float
        What they may cost together; may be infinite.
    most : int
        The most runs to choose.

    Returns
    -------
    list of int
        The chosen runs, those that tell most for their cost first.
    """
    found = [greedy(now, cost, budget, most, budget / share) for share in range(1, most + 1)]
    found.append(greedy(now, cost, budget, most, budget, by_cost=True))
    ranked = sorted(
        {tuple(sorted(f)): f for f in found}.values(), key=lambda f: _given(now, f).left
    )
    improved = [exchange(now, f, cost, budget, most) for f in ranked[:TRIES]]
    best = min(improved, key=lambda f: _given(now, f).left)
    return in_order(now, best, cost)


def greedy(
    start: Ignorance,
    cost: np.ndarray,
    budget: float,
    most: int,
    largest: float,
    *,
    by_cost: bool = False,
    chosen: Sequence[int] = (),
) -> list[int]:
    """Add to the chosen runs the one that helps most, while one is affordable and worth it."""
    found, now = list(chosen), _given(start, chosen)
    slack = 1 + 1e-9
    while len(found) < most:
        gain = now.left - now.after_each()
        fits = (cost <= slack * largest) & (cost <= slack * (budget - cost[found].sum()))
        fits &= gain > max(WORTH * (start.left - now.left), 0)
        fits[found] = False
        if not fits.any():
            break
        best = int(np.where(fits, gain / cost if by_cost else gain, -np.inf).argmax())
        found.append(best)
        now = now.given(best)
    return found


def exchange(
    start: Ignorance, chosen: Sequence[int], cost: np.ndarray, budget: float, most: int
) -> list[int]:
    """Swap one run at a time for a better one, and add what the rest of the budget buys."""
    found, now = list(chosen), _given(start, chosen)
    for _ in range(ROUNDS):
        before = now.left
        for run in tuple(found):
            others = [r for r in found if r != run]
            without = now.given(run, -1)
            after = without.after_each()
            fits = cost <= (1 + 1e-9) * (budget - cost[others].sum())
            fits[others] = False
            best = int(np.where(fits, after, np.inf).argmin())
            if after[best] < now.left * (1 - ENOUGH):
                found, now = [*others, best], without.given(best)
        found = greedy(start, cost, budget, most, budget, chosen=found)
        now = _given(start, found)
        if now.left > before * (1 - ENOUGH):
            break
    return found


def in_order(now: Ignorance, chosen: Sequence[int], cost: np.ndarray) -> list[int]:
    """Put chosen runs in the order in which each tells most for its cost."""
    left, ordered = list(chosen), []
    while left:
        gain = (now.left - now.after_each()) / cost
        best = max(left, key=lambda run: gain[run])
        left.remove(best)
        ordered.append(best)
        now = now.given(best)
    return ordered


def _given(now: Ignorance, runs: Sequence[int]) -> Ignorance:
    for run in runs:
        now = now.given(run)
    return now
