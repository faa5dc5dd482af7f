"""Which runs to do next, and which of those that were done matter least."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayescale.data.units import format_quantity, parse_quantity
from bayescale.design.candidates import candidate_runs, inputs_of
from bayescale.design.discrimination import contest_of
from bayescale.design.gaussian_update import beliefs_about
from bayescale.design.quantities_of_interest import About, read_about, spoken_quantity
from bayescale.design.search import Ignorance, choose
from bayescale.errors import BayescaleError
from bayescale.inference.result import Fit
from bayescale.inference.update import fitted_runs
from bayescale.prediction.averaging import Average, heaviest, members, typical
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike

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
    done : DataFrame
        The fitted runs, as :func:`bayescale.fitted_runs` gives them.
    asked : mapping
        What they are to tell: the columns of a point, or parameters; empty for which law is right.
    about : str
        The same in words.
    sd_now, sd_after : float
        Its posterior standard deviation now, and to be expected after the runs. Where it is which
        law is right: the most that the chance of naming the wrong one can be.
    """

    runs: pd.DataFrame
    candidates: pd.DataFrame
    done: pd.DataFrame
    asked: Mapping[str, float]
    about: str
    sd_now: float
    sd_after: float

    def __str__(self) -> str:
        gain = 1 - self.sd_after / self.sd_now
        many = "1 run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
        cost = format_quantity(self.runs["cost"].to_numpy(float).sum(), kind="flops")
        ends = f"from {self.sd_now:.3g} to {self.sd_after:.3g}"
        what = f"the standard deviation of {self.about}"
        if not self.asked:
            what = f"the chance of being wrong about {self.about} (or its upper bound)"
        said = f"{many} of {cost} in all would lower {what} by {_percent(gain)}, {ends}."
        if gain < LITTLE:
            said += (
                " That is little: what is missing is far from any run that this budget buys. "
                "Decide as it is, or run nearer to the target."
            )
        return said


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %" if part > 0.1 else f"{100 * part:.2g} %"


def plan(
    fit: Fit | Average | Mapping[str, Fit],
    candidates: pd.DataFrame | Mapping[str, Any] | None = None,
    *,
    budget: Any = None,
    about: About | None = None,
    runs: int = 6,
    limits: Mapping[str, Any] | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int = 0,
) -> Plan:
    """Choose the next runs: those that tell most, for a budget, about what you want to know.

    What a run would tell is worked out from the posterior draws, without fitting, in a linear and
    Gaussian approximation (:mod:`bayescale.design.gaussian_update`): by how much the variance of
    what is asked would fall, once the runs are added and the law is fitted again. With a
    discrepancy what is asked is of outcomes, not of the law alone: only runs near to it tell much.
    What a best size does not owe to outcomes in a straight line is taken to stay, so ``sd_after``
    is cautious where the runs so far leave the best size wide open.

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
    discrepancy : Discrepancy, number, pair or bool, optional
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
    discrepancy = Discrepancy.of(discrepancy)
    if runs < 1:
        raise BayescaleError(f"runs = {runs}: a plan has at least one run")
    several = fit if isinstance(fit, Fit | Average) else Average(fit, dict.fromkeys(fit, 1.0))
    first, discrepancy = heaviest(several), typical(several, discrepancy)
    spend = np.inf if budget is None else parse_quantity(budget, "flops")
    table = candidate_runs(first, candidates, None if budget is None else spend, limits)
    places = {name: inputs_of(one, table) for name, one in members(several).items()}
    if about == LAW or (about is None and several is not fit):
        if not isinstance(several, Average):
            raise BayescaleError("which law? give several: plan({'a': fit_a, 'b': fit_b}, ...)")
        asked, words = {}, f"which of {', '.join(members(several))} is right"
        now, show = contest_of(several, places, discrepancy), np.asarray
    else:
        asked = read_about(about, first)
        words, rng = spoken_quantity(asked, first), np.random.default_rng(random_seed)
        now, show = beliefs_about(several, asked, places, discrepancy, rng), np.sqrt
    chosen = choose(now, table["cost"].to_numpy(float), spend, runs)
    if not chosen:
        raise BayescaleError(f"no candidate run would tell anything of {words}")
    left = _left(now, chosen)
    lost, sd = -np.diff(left), show(left)
    told = {"sd_after": sd[1:], "share": lost / lost.sum()}
    return Plan(
        runs=table.iloc[chosen].reset_index(drop=True).assign(**told),
        candidates=table.assign(sd_after=show(now.after_each())),
        done=fitted_runs(first),
        asked=asked,
        about=words,
        sd_now=float(sd[0]),
        sd_after=float(sd[-1]),
    )


def _left(now: Ignorance, chosen: Sequence[int]) -> np.ndarray:
    """Return what is not known before, between and after the chosen runs."""
    left = [now.left]
    for run in chosen:
        now = now.given(run)
        left.append(now.left)
    return np.array(left)


def least_useful(
    fit: Fit | Average,
    about: About | None = None,
    *,
    discrepancy: DiscrepancyLike = DISCREPANCY,
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
    discrepancy = Discrepancy.of(discrepancy)
    first = heaviest(fit)
    asked = read_about(about, first)
    rng = np.random.default_rng(random_seed)
    now = beliefs_about(fit, asked, None, typical(fit, discrepancy), rng)
    fixed = (np.split(now.law[1:], 2)[0] ** 2).sum(1) < now.noise
    without = replace(now, noise=-now.noise).after_each()
    sd = np.sqrt(np.where(fixed, np.maximum(without, now.left), np.inf))
    table = fitted_runs(first).assign(sd_without=sd, lost=sd / np.sqrt(now.left) - 1)
    found = table.sort_values("sd_without", kind="stable", ignore_index=True)
    found.attrs["about"] = spoken_quantity(asked, first)
    found.attrs["sd_now"] = float(np.sqrt(now.left))
    return found
