"""Targets: which budget reaches a loss, and from which on one law or recipe beats another."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.number_format import listed, with_interval
from bayescale.data.units import Quantities, Quantity, parse_quantities
from bayescale.decisions.frontier import (
    along,
    best_path,
    comparable_column,
    first_time,
    frontier_values,
    outcomes_along,
    path_column,
    path_holding,
    thin,
)
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import check_posterior, of_posterior
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.model.target_checks import refuse_impossible
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import estimate
from bayescale.prediction.points import make_points
from bayescale.prediction.predict import predict

LOSSES = 10
"""Along a loss, laws are compared at every so many steps of the path: each tenth of a decade."""


@of_posterior
def required_compute(
    fit: PosteriorLike,
    loss: Quantities | None = None,
    *,
    at: Mapping[str, Quantity] | None = None,
    params: Quantity | None = None,
    tokens: Quantity | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Find the budget, the data or the size that reaches a loss, draw by draw.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or of one input; or several.
    loss : number or 1-d array, optional
        Values of the target to reach, in its unit: losses, or scores of a law that rises.
    at : mapping, optional
        Instead: one point, ``{"params": "7B", "tokens": "2T"}``, a run to match. What it reaches
        is as uncertain as the rest, and goes together with it.
    params : number or str, optional
        The size is held: how many tokens does it need?
    tokens : number or str, optional
        The data are held: how large must the model be? When neither is, budgets are spent as the
        median best size would.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, goal)
        ``params``, ``tokens`` (counts) and ``flops`` (FLOP; or the law's one input) where the
        outcome first is as good as the goal, from a tenth of the smallest fitted run to ten
        thousand times the largest; infinite in draws that do not reach it by then, so a median may
        be infinite. Of a law that takes a loss, the highest loss that is low enough, from twice the
        highest fitted one to half the lowest; zero in draws that do not reach it by then.
        Attributes such as ``flops_start`` are where the search begins: a draw that has this value
        may reach the goal before it.
        Coordinates: the goal, by the target's name (its median, of a run to match),
        ``probability`` of reaching it, and what is held.

    Raises
    ------
    BayescaleError
        When there is not one goal, it is no value of the target, or the law takes other inputs.

    See Also
    --------
    crossover_compute : From which budget on one law beats another.
    predict : What a given run reaches.
    optimum : What a given budget reaches.

    Examples
    --------
    >>> needed = bs.required_compute(fit, loss=2.0, discrepancy=None)
    >>> f"{needed['flops'].median().item():.1g}", needed["probability"].item()
    ('8e+22', 1.0)
    >>> match = bs.required_compute(fit, at={"params": "7B", "tokens": "1T"}, params="3B")
    >>> bool(match["tokens"].median() > 1e12)
    True
    """
    discrepancy = Discrepancy.of(discrepancy)
    refuse_pooled(fit.representative, "reach")
    if (loss is None) == (at is None):
        raise BayescaleError("the goal is a loss or a run: pass either loss= or at={...}")
    held = {k: v for k, v in (("params", params), ("tokens", tokens)) if v is not None}
    if not held:
        path = best_path(fit, frontier_values([fit], path_column(fit)))
    else:
        path = path_holding(fit, held)
    table, steps = path, len(next(iter(path.values())))
    if at is not None:
        matched = make_points(at, None, grid=False, fit=fit.representative)
        table = {name: np.append(values, _one(matched, name)) for name, values in path.items()}
    answer = predict(fit, table, discrepancy=discrepancy, random_seed=random_seed)
    outcome = answer["outcome"].reset_coords(drop=True)
    goal: Any
    if loss is not None:
        goal = xr.DataArray(_possible(fit.representative, loss), dims="goal")
    else:
        goal = outcome.isel(point=[steps]).rename(point="goal")
        outcome = outcome.isel(point=slice(steps))
    rises = fit.representative.law.rises
    when = first_time(outcome >= goal if rises else outcome <= goal, outcome, goal)
    reached = (when < np.inf).mean(("chain", "draw"))
    found = {
        name: along(values, when).transpose("chain", "draw", "goal").drop_attrs()
        for name, values in path.items()
        if name not in held
    }
    shown = goal if at is None else goal.median(("chain", "draw"))
    return xr.Dataset(
        found,
        coords={
            fit.target: ("goal", shown.values),
            "probability": ("goal", reached.values),
            **{name: path[name][0] for name in held},
        },
        attrs={"law": answer.attrs["law"], "target": fit.target}
        | {f"{name}_start": float(path[name][0]) for name in found},
    )


def floor_of(fit: Fit) -> xr.DataArray | None:
    """Return the draws of the target that is never reached, dims (chain, draw), None without."""
    declared = fit.law.parameters.get("E")
    if declared is None or declared.of != "target" or fit.law.rises:
        return None
    return fit.parameters["E"]


def below_floor(fit: PosteriorLike, found: xr.Dataset, ci_prob: float | None = None) -> list[str]:
    """Say which goals no compute reaches, since they are below the floor in all draws.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    found : xarray.Dataset
        What :func:`required_compute` returned of it.
    ci_prob : float, optional
        Probability inside the interval of the floor; ArviZ's setting (0.89) when None.
    """
    floors = {name: floor_of(one) for name, one in fit.members().items()}
    known = {name: floor for name, floor in floors.items() if floor is not None}
    if len(known) < len(floors):
        return []
    lowest = min(float(floor.min()) for floor in known.values())
    never = (found[fit.target] < lowest) & (found["probability"] == 0)
    goals = [f"{goal:g}" for goal in found[fit.target].values[never]]
    said = (
        f"{with_interval(*estimate(floor, ci_prob))}" + (f" ({name})" if len(known) > 1 else "")
        for name, floor in known.items()
    )
    laws = "this law, whose floor is" if len(known) == 1 else "these laws, whose floors are"
    return [f"{listed(goals)}: no compute reaches it under {laws} E = {listed(said)}"] * bool(goals)


def _possible(fit: Fit, loss: Quantities) -> np.ndarray:
    """Read the goals; raise for one beyond the law's bounds, such as a score in per cent."""
    goals = np.array(parse_quantities("loss", loss, "number"))
    said, counts = "the goal {} cannot be reached", fit.spec.noise.discrete
    refuse_impossible(said, goals, fit.target, fit.law.target_bounds, counts)
    return goals


def _one(points: xr.Dataset, column: str) -> float:
    if column not in points.coords or points.sizes["point"] != 1:
        raise BayescaleError(f"the run to match needs one {column}, such as params=7B, tokens=2T")
    return float(points[column].item())


@of_posterior
def crossover_compute(
    one: PosteriorLike,
    other: PosteriorLike,
    flops: Quantities | None = None,
    *,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Find from which budget on one law or recipe beats another, with its probability.

    Parameters
    ----------
    one, other : Fit or Average
        Fits of the same target: two recipes, or two laws. Each spends a budget as its own median
        best size would, and has a discrepancy of its own.
    flops : number, str or 1-d array, optional
        Budgets at which to compare, in FLOP (or the laws' one input); every decade when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the laws may be away from the runs; None assumes that they hold.
    random_seed : int, optional
        Seed of the discrepancies; that of ``one`` when None.

    Returns
    -------
    xarray.Dataset
        ``start``, dims (chain, draw): the budget from which on ``one`` is ahead, as far as ten
        thousand times the largest fitted run; the beginning, a tenth of the smallest, where it
        always is, and infinite where it is behind at the end. Along a loss, the loss from which
        down it is ahead, zero where it is behind at half the lowest. ``difference``, dims (chain,
        draw, budget): the target of ``one`` minus that of ``other``. Coordinates of the budgets:
        ``flops`` (or the one input) and ``ahead``, the probability that ``one`` is better there;
        ``probability`` is that of ``start`` being finite.

    Raises
    ------
    BayescaleError
        When the fits do not predict the same, or take other inputs.

    See Also
    --------
    required_compute : The budget that reaches a loss.
    compare : Compare laws on the fitted runs.

    Examples
    --------
    >>> crossed = bs.crossover_compute(fits["chinchilla"], fits["skaling"], flops=["1e22", "1e24"])
    >>> crossed["difference"].dims, crossed["flops"].values.tolist()
    (('chain', 'draw', 'budget'), [1e+22, 1e+24])
    """
    discrepancy = Discrepancy.of(discrepancy)
    check_posterior("crossover_compute", other)
    column = comparable_column(one, other)
    values = frontier_values([one, other], column)
    if flops is None:
        asked = _compared_at(values)
    else:
        asked = make_points({column: flops}, None, grid=False)[column].values
    both = np.concatenate([values, asked])
    seeds = np.random.SeedSequence(seed_of(random_seed, one.seed)).generate_state(2).tolist()
    first, second = (
        outcomes_along(
            predict(fit, best_path(fit, both), discrepancy=discrepancy, random_seed=seed)
        )
        for fit, seed in zip((one, other), seeds, strict=True)
    )
    count = min(len(first), len(second))
    lead = xr.DataArray(thin(first, count) - thin(second, count), dims=("draw", "point"))
    lead = lead.expand_dims("chain")
    worse = -lead if one.representative.law.rises else lead
    steps = len(values)
    backwards = worse.isel(point=slice(steps))[..., ::-1]
    last = steps - 1 - first_time(backwards >= 0, backwards, 0.0)
    first_step = xr.where(worse.isel(point=steps - 1) >= 0, np.inf, last.clip(min=0))
    start = along(values, first_step)
    ahead = (worse.isel(point=slice(steps, None)) < 0).mean(("chain", "draw"))
    return xr.Dataset(
        {
            "start": start,
            "difference": lead.isel(point=slice(steps, None)).rename(point="budget"),
        },
        coords={
            column: ("budget", asked),
            "ahead": ("budget", ahead.values),
            "probability": float(np.isfinite(first_step).mean()),
        },
        attrs={"column": column, "target": one.target, f"{column}_start": float(values[0])},
    )


def _compared_at(values: np.ndarray) -> np.ndarray:
    """Return budgets of a frontier's path to compare at: every decade, or losses along it."""
    if values[-1] > values[0]:
        return 10.0 ** np.arange(np.ceil(np.log10(values[0])), np.log10(values[-1]))
    return np.array([float(f"{value:.2g}") for value in values[::LOSSES]])
