"""Which runs to do next, and which of those that were done matter least."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayescale.analysis.beliefs import beliefs_about
from bayescale.analysis.candidates import candidate_runs, inputs_of
from bayescale.analysis.choose import Ignorance, choose
from bayescale.analysis.contest import contest_of
from bayescale.analysis.quantity import About, read_about, spoken_quantity
from bayescale.averaging import Average, heaviest, members
from bayescale.discrepancy import DISCREPANCY, Discrepancy
from bayescale.errors import BayescaleError
from bayescale.fitting import Fit
from bayescale.more_runs import fitted_runs
from bayescale.quantities import format_quantity, parse_quantity

LAW = "law"
"""What to ask about to learn which of several laws is right."""
LITTLE = 0.02
"""A plan that lowers the standard deviation by a smaller share than this is said to tell little."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The next runs, and what they would tell.

    Attributes
    ----------
    runs : DataFrame
        One row a run, those that tell most for their cost first: the law's inputs by column,
        ``cost``, ``sd_after`` (what would be left after it and those above) and ``share`` of the
        plan's gain (of variance) that it brings.
    candidates : DataFrame
        The runs there were to choose from, with ``sd_after`` of each alone.
    about : str
        What they are to tell, in words.
    sd_now, sd_after : float
        Its posterior standard deviation now, and to be expected after the runs. Where it is which
        law is right: the most that the chance of naming the wrong one can be.
    """

    runs: pd.DataFrame
    candidates: pd.DataFrame
    about: str
    sd_now: float
    sd_after: float

    def __str__(self) -> str:
        gain = 1 - self.sd_after / self.sd_now
        many = "1 run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
        cost = format_quantity(float(self.runs["cost"].sum()), kind="flops")
        said = (
            f"{many} of {cost} in all would lower the uncertainty of {self.about} by "
            f"{100 * gain:.2g} %, from {self.sd_now:.3g} to {self.sd_after:.3g}."
        )
        if gain < LITTLE:
            said += (
                " That is little: what is missing is far from any run that this budget buys. "
                "Decide as it is, or run nearer to the target."
            )
        return said


def plan(
    fit: Fit | Average | Mapping[str, Fit],
    candidates: pd.DataFrame | Mapping[str, Any] | None = None,
    *,
    budget: Any = None,
    about: About | None = None,
    runs: int = 6,
    limits: Mapping[str, Any] | None = None,
    discrepancy: Discrepancy | None = DISCREPANCY,
    random_seed: int = 0,
) -> Plan:
    """Choose the next runs: those that tell most, for a budget, about what you want to know.

    What a run would tell is worked out from the posterior draws, without fitting, in a linear and
    Gaussian approximation (:mod:`bayescale.analysis.beliefs`): by how much the variance of what is
    asked would fall, once the runs are added and the law is fitted again. With a discrepancy what
    is asked is of outcomes, not of the law alone: only runs near to it tell much.

    Parameters
    ----------
    fit : Fit, Average or mapping of str to Fit
        A fitted law, or several of the same runs.
    candidates : DataFrame or mapping, optional
        The runs to choose from: the law's inputs by column, and ``cost`` where that is not 6 N D.
        When None, a grid of runs that spend the budget or a part of it.
    budget : number or str, optional
        What the runs may cost together, in FLOP or the unit of ``cost``; unlimited when None.
    about : str or mapping, optional
        ``"flops=1e24"``: the best size at a budget (its log). ``"params=70B,tokens=1.4T"``: the
        loss of a run. ``"alpha"`` or ``"alpha-beta"``: parameters. ``"law"``: which of several laws
        is right. When None, ten times the largest fitted run; of a mapping of fits, the law.
    runs : int
        The most runs to choose.
    limits : mapping, optional
        The largest run there can be: ``{"params": "20B", "tokens": "1T"}``.
    discrepancy : Discrepancy, optional
        How wrong the law may be away from the runs; None believes the law.
    random_seed : int
        Seed of the discrepancy.

    Returns
    -------
    Plan

    Raises
    ------
    BayescaleError
        When there is nothing to choose from, or nothing of the kind to ask about.
    """
    if runs < 1:
        raise BayescaleError(f"runs = {runs}: a plan has at least one run")
    several = fit if isinstance(fit, Fit | Average) else _alike(fit)
    first = heaviest(several)
    spend = None if budget is None else parse_quantity(budget, "flops")
    table = candidate_runs(first, candidates, spend, limits)
    places = {name: inputs_of(one, table) for name, one in members(several).items()}
    if about == LAW or (about is None and several is not fit):
        if not isinstance(several, Average):
            raise BayescaleError("which law? give several: plan({'a': fit_a, 'b': fit_b}, ...)")
        now: Any = contest_of(several, places, discrepancy)
        words = f"which of {', '.join(members(several))} is right"
        return _planned(now, table, spend, runs, words, np.asarray)
    asked = read_about(about, first)
    rng = np.random.default_rng(random_seed)
    now = beliefs_about(several, asked, places, discrepancy, rng)
    return _planned(now, table, spend, runs, spoken_quantity(asked, first), np.sqrt)


def _alike(fits: Mapping[str, Fit]) -> Average:
    return Average(fits, dict.fromkeys(fits, 1.0))


def _planned(
    now: Ignorance, table: pd.DataFrame, budget: float | None, most: int, about: str, show: Any
) -> Plan:
    cost = table["cost"].to_numpy(float)
    chosen = choose(now, cost, np.inf if budget is None else budget, most)
    if not chosen:
        raise BayescaleError(f"no candidate run would tell anything of {about}")
    left, alone = [now.left], now.after_each()
    for run in chosen:
        now = now.given(run)
        left.append(now.left)
    lost = -np.diff(left)
    after = {"sd_after": show(left[1:]), "share": lost / lost.sum()}
    return Plan(
        table.iloc[chosen].reset_index(drop=True).assign(**after),
        table.assign(sd_after=show(alone)),
        about,
        float(show(left[0])),
        float(show(left[-1])),
    )


def least_useful(
    fit: Fit | Average,
    about: About | None = None,
    *,
    discrepancy: Discrepancy | None = DISCREPANCY,
    random_seed: int = 0,
) -> pd.DataFrame:
    """Say which of the fitted runs tell least about what you want to know.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    about, discrepancy, random_seed
        As for :func:`plan`.

    Returns
    -------
    pandas.DataFrame
        One row a run, the least useful first: ``run``, its inputs and target, ``sd_without`` (the
        posterior standard deviation of what is asked if this run alone had not been done; infinite
        where the runs left would not fix the law) and ``lost`` of precision (0.01: the standard
        deviation would be 1 % larger).
    """
    first = heaviest(fit)
    asked = read_about(about, first)
    rng = np.random.default_rng(random_seed)
    now = beliefs_about(fit, asked, None, discrepancy, rng)
    curves = np.arange(len(now.noise)) + 1
    fixed = now.law[curves, curves] < now.noise
    without = replace(now, noise=-now.noise).after_each()
    sd = np.sqrt(np.where(fixed, np.maximum(without, now.left), np.inf))
    table = fitted_runs(first).assign(sd_without=sd, lost=sd / np.sqrt(now.left) - 1)
    found = table.sort_values("sd_without", kind="stable", ignore_index=True)
    found.attrs["about"] = spoken_quantity(asked, first)
    found.attrs["sd_now"] = float(np.sqrt(now.left))
    return found
