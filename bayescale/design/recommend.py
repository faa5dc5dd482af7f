"""The runs that would identify what a fit does not, evaluated at draws of its posterior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayescale.design.candidates import Candidates, cost_of, inputs_of, runs_nearby
from bayescale.design.fisher_information import (
    condition_covariance,
    gradients,
    of_candidates,
    precision,
    thinned,
    variance_lost,
)
from bayescale.design.search import Rule, condition_on_runs, greedy
from bayescale.inference.result import Fit
from bayescale.prediction.runs_by_compute import run_columns

DRAWS = 100
"""Draws of the posterior, each in turn taken as the truth."""


MOST_RUNS = 16
"""The most runs of one recommendation."""


CHANCE = 0.85
"""Share of the draws at which the verdict must turn for runs to be recommended."""


MARGIN = 0.8
"""The remaining variance there, as a share of what the verdict allows."""


SHARED = 2
"""Runs that settle other rows too may be this many more."""


RULE = Rule(nearly=0.9, worth=None)
"""The cheapest run with nine tenths of the best run's gain is chosen, each once."""


@dataclass(frozen=True)
class RecommendedRuns:
    """Runs, and their effect on one parameter or quantity.

    Attributes
    ----------
    runs : pandas.DataFrame
        One row per run, the law's inputs by column.
    chance : float
        Share of the posterior's draws at which the verdict would turn to "identified".
    variance : float
        The remaining variance, median over the draws.
    plan : list of int
        Their positions among the candidates.
    cost, spent : float
        Cost of these runs and of the fitted ones, in ``unit``.
    unit : str
        FLOP, params or tokens; "" where the cost is unknown.
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
class LocalApproximation:
    """The fit near each draw, for recommended runs; see :func:`local_approximation`."""

    choice: Candidates
    spent: float
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
        gain = variance_lost(covariance, self.rows, g)
        return np.maximum(self.variance(name, covariance)[:, None] - gain, 1e-300)

    def with_run(self, covariance: np.ndarray, candidate: int) -> np.ndarray:
        """Return the covariance after a candidate, shape (draw, parameter, parameter)."""
        return condition_covariance(covariance, self.rows[:, candidate])


@dataclass(frozen=True, eq=False)
class _Excess:
    """By how much the variance of one quantity is too large for its verdict to turn.

    Attributes
    ----------
    local : LocalApproximation
        The fit near draws of its posterior.
    name : str
        The parameter or quantity.
    allowed : float
        The variance below which it is identified.
    covariance : array, shape (draw, parameter, parameter)
        Of the parameters.
    """

    local: LocalApproximation
    name: str
    allowed: float
    covariance: np.ndarray

    @property
    def uncertainty(self) -> float:
        """The log factor by which the variance is too large, averaged over the draws."""
        return float(self._excess(self.local.variance(self.name, self.covariance)))

    @property
    def turned(self) -> float:
        """Share of the draws at which the verdict has turned."""
        left = self.local.variance(self.name, self.covariance)
        return float((left <= MARGIN * self.allowed).mean())

    def uncertainty_after(self) -> np.ndarray:
        """Return the uncertainty after each candidate run alone, shape (run,)."""
        return self._excess(self.local.variances_with(self.name, self.covariance))

    def condition_on(self, run: int, sign: int = 1) -> "_Excess":
        """Return this conditioned on one run; runs cannot be taken away."""
        assert sign > 0
        return replace(self, covariance=self.local.with_run(self.covariance, run))

    def _excess(self, variance: np.ndarray) -> np.ndarray:
        return np.maximum(np.log(variance / (MARGIN * self.allowed)), 0.0).mean(axis=0)


def local_approximation(
    fit: Fit, prior_sd: Sequence[float], flops: object, at: object
) -> LocalApproximation | None:
    """Linearise a fit near draws of its posterior, to recommend among candidate runs.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    prior_sd : sequence of float
        Of each free parameter, on its link scale.
    flops, at
        Further quantities of interest, as for :func:`bayescale.identify`.

    Returns
    -------
    LocalApproximation or None
        None where there are no candidates, or slopes are not finite.
    """
    choice = runs_nearby(fit)
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
    spent = float(cost_of(run_columns(fit))[0].sum())
    return LocalApproximation(choice, spent, np.linalg.inv(known[fine]), rows[fine], kept)


def recommended_runs(
    local: LocalApproximation, limits: Mapping[str, float], budget: float | None = None
) -> dict[str, RecommendedRuns]:
    """Find the runs that would identify each open parameter or quantity.

    Runs are chosen greedily, each the cheapest with nearly the gain of the best. Where the runs for
    another row settle this one too, with at most two more runs, they are shared: fewer plans.

    Parameters
    ----------
    local : LocalApproximation
        What :func:`local_approximation` returned.
    limits : mapping of str to float
        The variance below which each is identified.
    budget : float, optional
        Largest cost of the runs of one recommendation; the cost of the fitted runs when None.

    Returns
    -------
    dict of str to RecommendedRuns
        Also where they do not settle the matter: the best that such runs achieve.
    """
    limit = local.spent if budget is None else budget
    cost, own = local.choice.cost, {}
    for name, allowed in limits.items():
        now = _Excess(local, name, allowed, local.covariance)
        plan, _ = greedy(now, cost, limit, MOST_RUNS, rule=RULE, until=lambda u: u.turned >= CHANCE)
        own[name] = _judge(now, plan)
    plans = sorted((one.plan for one in own.values() if one.settles), key=len)
    found = {}
    for name, one in own.items():
        near = [p for p in plans if len(p) <= len(one.plan) + SHARED or not one.settles]
        now = _Excess(local, name, limits[name], local.covariance)
        tried = [_judge(now, plan) for plan in near]
        shared = [other for other in tried if other.settles]
        found[name] = max(shared, key=lambda other: len(other.plan), default=one)
    return found


def _judge(start: _Excess, plan: list[int]) -> RecommendedRuns:
    """Evaluate the runs of a plan, positions among the candidates."""
    left, local = condition_on_runs(start, plan), start.local
    choice = local.choice
    return RecommendedRuns(
        choice.table.iloc[sorted(plan)].reset_index(drop=True),
        left.turned,
        float(np.median(local.variance(left.name, left.covariance))),
        plan,
        float(choice.cost[plan].sum()),
        local.spent,
        choice.unit,
    )
