"""The runs that would settle what a fit leaves open, tried at draws of its posterior first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.design.candidates import inputs_of
from bayescale.design.fisher_information import gradients, of_candidates, precision, thinned
from bayescale.design.reachable import Reachable, reachable_runs
from bayescale.inference.result import Fit

DRAWS = 100
"""Draws of the posterior that take turns at being the truth."""


MOST_RUNS = 16
"""A remedy has at most so many runs."""


CHANCE = 0.85
"""Share of the draws at which a remedy must turn the verdict to be called one."""


MARGIN = 0.8
"""And the share of the variance that a verdict allows which it may leave there."""


SHARED = 2
"""A remedy that settles others too may have so many runs more."""


NEARLY = 0.9
"""The cheapest run is taken that does this share of what the best would do."""


@dataclass(frozen=True)
class Remedy:
    """Runs, and what they would do for one parameter or quantity.

    Attributes
    ----------
    runs : pandas.DataFrame
        One row a run, the law's inputs by column.
    chance : float
        Share of the posterior's draws at which the verdict would turn to "identified".
    variance : float
        What would be left of the variance, in the middle of the draws.
    plan : list of int
        Which of the candidates they are.
    cost, spent : float
        What these runs and the fitted ones cost, in ``unit``.
    unit : str
        FLOP, params or tokens; "" where nothing is known of cost.
    """

    runs: pd.DataFrame
    chance: float
    variance: float
    plan: list[int]
    cost: float
    spent: float
    unit: str

    @property
    def settles(self) -> bool:
        """Whether the verdict would turn."""
        return self.chance >= CHANCE


@dataclass(frozen=True)
class Prospect:
    """The fit near each draw, and what candidates would add; see :func:`prospect`."""

    choice: Reachable
    covariance: np.ndarray
    rows: np.ndarray
    slopes: Mapping[str, np.ndarray]

    def variance(self, name: str, covariance: np.ndarray) -> np.ndarray:
        """Return the variance of a quantity, shape (draw,)."""
        g = self.slopes[name]
        return np.einsum("di,dij,dj->d", g, covariance, g)

    def variances_with(self, name: str, covariance: np.ndarray) -> np.ndarray:
        """Return its variance after each candidate, shape (draw, candidate)."""
        g = self.slopes[name]
        spread = np.einsum("dcmi,dij->dcmj", self.rows, covariance)
        size = np.eye(self.rows.shape[2]) + np.einsum("dcmi,dcni->dcmn", spread, self.rows)
        told = np.einsum("dcmi,di->dcm", spread, g)
        gain = np.einsum("dcm,dcm->dc", told, np.linalg.solve(size, told[..., None])[..., 0])
        return np.maximum(self.variance(name, covariance)[:, None] - gain, 1e-300)

    def with_run(self, covariance: np.ndarray, candidate: int) -> np.ndarray:
        """Return the covariance after a candidate, shape (draw, parameter, parameter)."""
        rows = self.rows[:, candidate]
        spread = rows @ covariance
        size = np.eye(rows.shape[1]) + spread @ np.swapaxes(rows, 1, 2)
        return covariance - np.swapaxes(spread, 1, 2) @ np.linalg.solve(size, spread)


def prospect(fit: Fit, prior_sd: Sequence[float], flops: object, at: object) -> Prospect | None:
    """Look at a fit near draws of its posterior, with candidate runs.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    prior_sd : sequence of float
        Of each free parameter, on its link scale.
    flops, at
        What else is asked about, as for :func:`bayescale.identify`.

    Returns
    -------
    Prospect or None
        None where there are no candidates, or slopes are not finite.
    """
    choice = reachable_runs(fit)
    if choice is None:
        return None
    draws = thinned(fit, DRAWS)
    with np.errstate(all="ignore"):
        known = precision(fit, draws, prior_sd)
        rows = of_candidates(fit, draws, inputs_of(fit, choice.table))
        slopes = gradients(fit, draws, flops, at)
    rows = np.where(np.isfinite(rows).all(axis=(0, 2, 3), keepdims=True), rows, 0.0)
    fine = np.isfinite(known).all(axis=(1, 2))
    fine &= np.all([np.isfinite(g).all(axis=1) for g in slopes.values()], axis=0)
    if fine.sum() < DRAWS / 2:
        return None
    kept = {name: g[fine] for name, g in slopes.items()}
    return Prospect(choice, np.linalg.inv(known[fine]), rows[fine], kept)


def remedies(
    seen: Prospect, limits: Mapping[str, float], budget: float | None = None
) -> dict[str, Remedy]:
    """Find for each open parameter or quantity the runs that would settle it.

    Runs are chosen one by one, each the cheapest that does nearly what the best would do. Where the
    runs for another would do as well, at most two more in number, they are taken: fewer plans.

    Parameters
    ----------
    seen : Prospect
        What :func:`prospect` returned.
    limits : mapping of str to float
        The variance below which each is identified.
    budget : float, optional
        Most that a remedy may cost; what the fitted runs cost when None.

    Returns
    -------
    dict of str to Remedy
        Also where it does not settle the matter: the most that these runs could do.
    """
    limit = seen.choice.spent if budget is None else budget
    own = {k: _judge(seen, k, _greedy(seen, k, v, limit), v) for k, v in limits.items()}
    plans = sorted((one.plan for one in own.values() if one.settles), key=len)
    found = {}
    for name, one in own.items():
        near = [p for p in plans if len(p) <= len(one.plan) + SHARED or not one.settles]
        tried = [_judge(seen, name, plan, limits[name]) for plan in near]
        shared = [other for other in tried if other.settles]
        found[name] = max(shared, key=lambda other: len(other.plan), default=one)
    return found


def _greedy(seen: Prospect, name: str, allowed: float, budget: float) -> list[int]:
    covariance, plan, left = seen.covariance, [], budget
    for _ in range(MOST_RUNS):
        cost = seen.choice.cost
        affordable = np.flatnonzero(cost <= left)
        if not affordable.size:
            break
        missing = _missing(seen.variance(name, covariance), allowed)
        after = _missing(seen.variances_with(name, covariance), allowed)
        gains = (missing - after)[affordable]
        good = affordable[gains >= NEARLY * gains.max()]
        chosen = int(good[np.argmin(cost[good])])
        covariance, left = seen.with_run(covariance, chosen), left - cost[chosen]
        plan.append(chosen)
        if _turned(seen.variance(name, covariance), allowed) >= CHANCE:
            break
    return plan


def _missing(variance: np.ndarray, allowed: float) -> np.ndarray:
    """Return by what log factor the variance is too large, on average over the draws."""
    return np.maximum(np.log(variance / (MARGIN * allowed)), 0.0).mean(axis=0)


def _turned(variance: np.ndarray, allowed: float) -> float:
    return float((variance <= MARGIN * allowed).mean())


def _judge(seen: Prospect, name: str, plan: list[int], allowed: float) -> Remedy:
    covariance, choice = seen.covariance, seen.choice
    for candidate in plan:
        covariance = seen.with_run(covariance, candidate)
    left = seen.variance(name, covariance)
    return Remedy(
        choice.table.iloc[sorted(plan)].reset_index(drop=True),
        _turned(left, allowed),
        float(np.median(left)),
        plan,
        float(choice.cost[plan].sum()),
        choice.spent,
        choice.unit,
    )
