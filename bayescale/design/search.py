"""Choosing runs: greedily, then exchanging them one by one while that helps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

TRIES = 3
"""How many of the greedy choices are improved by exchange."""


ROUNDS = 20


ENOUGH = 1e-6
"""An exchange must lower the remaining uncertainty by this share of it."""


NEARLY = 0.05
"""Fewer distinct sizes, and then fewer runs, may cost this share of a plan's gain."""


@dataclass(frozen=True)
class Rule:
    """Which run a greedy search adds next.

    Attributes
    ----------
    by_cost : bool
        Maximise the gain per cost, not the gain.
    nearly : float
        The cheapest run with this share of the best one's gain is added.
    worth : float, optional
        A run is not added when its gain is below this share of the total gain before it; None adds
        any.
    """

    by_cost: bool = False
    nearly: float = 1.0
    worth: float | None = 0.01


BEST = Rule()
"""The run with the largest gain."""


class Uncertainty(Protocol):
    """An uncertainty, and how runs reduce it: a variance, or an error probability."""

    @property
    def uncertainty(self) -> float:
        """The present uncertainty."""
        ...

    def uncertainty_after(self) -> np.ndarray:
        """Return the uncertainty after each candidate run alone, shape (run,)."""
        ...

    def condition_on(self, run: int, sign: int = 1) -> Self:
        """Return the uncertainty conditioned on one run, or with ``sign=-1`` without it."""
        ...


def choose(now: Uncertainty, cost: np.ndarray, budget: float, most: int) -> list[int]:
    """Choose the runs that minimise the remaining uncertainty, for a budget.

    Greedy choices with runs of at most the whole budget, half of it, a third ..., and by gain per
    cost, are made; the best are improved by exchange.

    Parameters
    ----------
    now : Uncertainty
        The present uncertainty.
    cost : array, shape (run,)
        Cost of each candidate run.
    budget : float
        Their largest total cost; may be infinite.
    most : int
        The most runs to choose.

    Returns
    -------
    list of int
        The chosen runs, the most informative for their cost first.
    """
    tries = [(BEST, budget / share) for share in range(1, most + 1)]
    tries.append((Rule(by_cost=True), np.inf))
    sets: dict[tuple[int, ...], tuple[list[int], float]] = {}
    for rule, largest in tries:
        found, then = greedy(now, cost, budget, most, rule=rule, largest=largest)
        sets[tuple(sorted(found))] = found, then.uncertainty
    ranked = sorted(sets.values(), key=lambda one: one[1])
    improved = [exchange(now, found, cost, budget, most) for found, _ in ranked[:TRIES]]
    best, _ = min(improved, key=lambda one: one[1])
    return in_order(now, best, cost)


def fewest_sizes(
    now: Uncertainty, chosen: Sequence[int], cost: np.ndarray, budget: float, sizes: np.ndarray
) -> list[int]:
    """Choose again among fewer sizes, then fewer runs, while the gain stays nearly the same.

    Parameters
    ----------
    now, cost, budget
        As for :func:`choose`.
    chosen : sequence of int
        What it chose; as many runs at most are chosen again.
    sizes : array, shape (run,)
        The size of each candidate run.

    Returns
    -------
    list of int
        The fewest runs of the fewest sizes that keep all but a twentieth of the gain, the most
        informative for their cost first.
    """
    found, enough = list(chosen), now.uncertainty - condition_on_runs(now, chosen).uncertainty
    enough *= 1 - NEARLY
    while (kept := np.unique(sizes[found])).size > 1:
        fewer = [
            choose(
                now, np.where(np.isin(sizes, kept[kept != one]), cost, np.inf), budget, len(chosen)
            )
            for one in kept
        ]
        gains = [now.uncertainty - condition_on_runs(now, runs).uncertainty for runs in fewer]
        best = int(np.argmax(gains))
        if gains[best] < enough:
            break
        found = fewer[best]
    while len(found) > 1:
        left = condition_on_runs(now, found)
        lost = [left.condition_on(run, -1).uncertainty for run in found]
        least = int(np.argmin(lost))
        if now.uncertainty - lost[least] < enough:
            break
        del found[least]
    return in_order(now, found, cost)


def greedy[State: Uncertainty](
    start: State,
    cost: np.ndarray,
    budget: float,
    most: int,
    *,
    rule: Rule = BEST,
    largest: float = np.inf,
    chosen: Sequence[int] = (),
    until: Callable[[State], bool] | None = None,
) -> tuple[list[int], State]:
    """Add runs one by one, while one is affordable and informative enough.

    Parameters
    ----------
    start : Uncertainty
        The present uncertainty, without the chosen runs.
    cost : array, shape (run,)
        Cost of each candidate run.
    budget : float
        Their largest total cost; may be infinite.
    most : int
        The most runs to choose.
    rule : Rule
        Which run to add.
    largest : float
        The largest cost of one run.
    chosen : sequence of int
        Runs to add to.
    until : callable, optional
        Of the uncertainty after a run: whether to stop there.

    Returns
    -------
    list of int, Uncertainty
        The runs, with those to add to first, and the uncertainty conditioned on them.
    """
    found, now = list(chosen), condition_on_runs(start, chosen)
    slack = 1 + 1e-9
    while len(found) < most:
        gain = now.uncertainty - now.uncertainty_after()
        fits = (cost <= slack * largest) & (cost <= slack * (budget - cost[found].sum()))
        if rule.worth is not None:
            fits &= gain > max(rule.worth * (start.uncertainty - now.uncertainty), 0)
        fits[found] = False
        if not fits.any():
            break
        score = np.where(fits, gain / cost if rule.by_cost else gain, -np.inf)
        good = np.flatnonzero(score >= min(rule.nearly * score.max(), score.max()))
        found.append(int(good[cost[good].argmin()]))
        now = now.condition_on(found[-1])
        if until is not None and until(now):
            break
    return found, now


def exchange(
    start: Uncertainty, chosen: Sequence[int], cost: np.ndarray, budget: float, most: int
) -> tuple[list[int], float]:
    """Swap one run at a time for a better one, and spend the rest of the budget.

    Returns the runs, and the uncertainty that remains.
    """
    found, now = list(chosen), condition_on_runs(start, chosen)
    for _ in range(ROUNDS):
        before = now.uncertainty
        for run in tuple(found):
            others = [r for r in found if r != run]
            without = now.condition_on(run, -1)
            after = without.uncertainty_after()
            fits = cost <= (1 + 1e-9) * (budget - cost[others].sum())
            fits[others] = False
            best = int(np.where(fits, after, np.inf).argmin())
            if after[best] < now.uncertainty * (1 - ENOUGH):
                found, now = [*others, best], without.condition_on(best)
        found, now = greedy(start, cost, budget, most, chosen=found)
        if now.uncertainty > before * (1 - ENOUGH):
            break
    return found, now.uncertainty


def in_order(now: Uncertainty, chosen: Sequence[int], cost: np.ndarray) -> list[int]:
    """Order chosen runs greedily by information per cost."""
    left, ordered = list(chosen), []
    while left:
        gain = (now.uncertainty - now.uncertainty_after()) / cost
        best = max(left, key=lambda run: gain[run])
        left.remove(best)
        ordered.append(best)
        now = now.condition_on(best)
    return ordered


def condition_on_runs[State: Uncertainty](now: State, runs: Sequence[int]) -> State:
    """Condition the searched uncertainty on several runs, one after another."""
    for run in runs:
        now = now.condition_on(run)
    return now
