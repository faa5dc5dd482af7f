"""The best model for a budget: which N and D it is best spent on, whatever it has to pay for."""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data import derive
from bayescale.data.number_format import beside_largest, format_value
from bayescale.data.row_messages import PACKAGE
from bayescale.decisions.budget import Spending
from bayescale.decisions.critical_batch import CriticalBatchLike, optimum_of_steps
from bayescale.decisions.loss_grid import lowest, survey
from bayescale.decisions.scenario import Scenario, ScenarioLike, as_scenario
from bayescale.errors import BayescaleWarning
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.groups import ask_each
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.laws.frontier import NOT_6ND, split_unknown
from bayescale.laws.labels import call_unlabelled
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.runs_by_compute import run_columns

SEARCH = 5.0 * float(np.log(10))
"""Half width of the search, in natural-log units of D / N around the ratio that the runs had: what
is further off was never trained, and laws of many terms may have a second minimum there."""


GRID = 33
"""Ratios that are tried at first."""


HALVINGS = 12
"""How often the distance of the ratios that are tried is then halved, to less than 2e-4; a
parabola through the last three is lowest within 1e-6 of the best one."""


MOST_SAID = 5
"""Budgets of which each is held against the largest fitted run in words."""


@of_posterior
def optimum(
    fit: PosteriorLike,
    flops: ScenarioLike,
    *,
    numerical: bool = False,
    critical_batch: CriticalBatchLike | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Find the compute-optimal parameters and tokens of budgets, draw by draw.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or of params and flops; or several.
    flops : number, str, 1-d array or Scenario
        Budgets of training, in FLOP: ``1e24``, ``"1 PF-day"``. Or a scenario: budgets that also
        pay for inference, in FLOP, money or days, limits, and the law's further inputs.
    numerical : bool
        Search numerically even where the law has a closed form.
    critical_batch : Fit or mapping, optional
        For a fit of ``kaplan_steps``, which takes it: a fit of the law ``critical_batch``, or its
        constants ``{"B_star": 2.1e8, "alpha_B": 0.21}``. Budgets are then C_min, the compute at a
        batch far below the critical one; a run at batch B takes C_min (1 + B / B_crit). Without a
        discrepancy.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs, which moves the optimum too; None
        assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, budget)
        ``params``, ``tokens``, ``tokens_per_param`` and ``loss`` (the target at the optimum, the
        least loss or error or the highest accuracy, without scatter), with the coordinate
        ``flops``. A scenario adds ``training_share`` of the budget, ``epochs``, ``price``,
        ``days`` of training, and the best of each further input that it leaves open, as far as
        they apply; its price or days are coordinates where they are the budget. With a critical
        batch also ``batch_crit``, the critical batch at the loss reached, in tokens, and
        ``steps_min``, the steps far above it; ``tokens`` is their product, C_min / (6 N). Each
        budget has a discrepancy of its own. Of a pooled fit also over its groups. Its attribute
        ``extrapolation`` says how many times the largest fitted run the budgets are.

    Raises
    ------
    BayescaleError
        When the law has no params or no tokens, or needs other inputs than the scenario has.

    Warns
    -----
    BayescaleWarning
        When all runs have one ratio of tokens to params, and when the law's optimum on C = 6 N D is
        not the one of its paper.

    See Also
    --------
    frontier_constants : The optimum as power laws of compute.
    regret : What a size gives up beside the best one.
    Scenario : Budgets that also pay for inference.
    plot_frontier : A figure of the optima.

    References
    ----------
    * Hoffmann et al. (2022), arXiv:2203.15556, eq. 4
    * Kaplan et al. (2020), arXiv:2001.08361, app. B (critical batch)
    * Sardana et al. (2024), arXiv:2401.00448 (inference in the budget)

    Examples
    --------
    >>> best = bs.optimum(fit, flops="1e24", discrepancy=None)
    >>> ratio = (6 * best["params"] * best["tokens"] / 1e24).median().item()
    >>> round(ratio, 6), best["params"].dims
    (1.0, ('chain', 'draw', 'budget'))
    >>> bs.credible_intervals(best)[["quantity", "median"]].round(2)
               quantity        median
    0            params  8.097082e+10
    1            tokens  2.058355e+12
    2  tokens_per_param  2.542000e+01
    3              loss  1.920000e+00
    """
    discrepancy, seed = Discrepancy.of(discrepancy), seed_of(random_seed, fit.seed)
    scenario = as_scenario(flops)
    for said in caveats(fit):
        warnings.warn(said, BayescaleWarning, skip_file_prefixes=(PACKAGE,))

    def ask(one: Fit, wrong: Discrepancy | None) -> xr.Dataset:
        if critical_batch is not None:
            batch = critical_batch
            return ask_each(one, lambda each: optimum_of_steps(each, batch, scenario))
        return ask_each(one, lambda each: _optimum(each, scenario, wrong, numerical, seed))

    found = fit.mix(ask, discrepancy)
    said = "" if scenario.inference_tokens else _extrapolation(fit, found["flops"].to_numpy())
    return found.assign_attrs(extrapolation=said) if said else found


def _extrapolation(fit: PosteriorLike, budgets: np.ndarray) -> str:
    """Say how many times the largest fitted run budgets are, the ends of many; "" if unknown."""
    runs = run_columns(fit.representative).get("flops", np.empty(0))
    if not runs.size:
        return ""
    shown = budgets if budgets.size <= MOST_SAID else budgets[[budgets.argmin(), budgets.argmax()]]
    return "; ".join(
        f"{format_value(each, 'flops')} is {beside_largest(each / runs.max())}" for each in shown
    )


def caveats(fit: PosteriorLike) -> list[str]:
    """Say what keeps the best split of a budget from being known, one line each."""
    first = fit.representative
    return [one for one in (NOT_6ND.get(first.law.name), split_unknown(run_columns(first))) if one]


def _optimum(
    fit: Fit,
    scenario: Scenario,
    discrepancy: Discrepancy | None,
    numerical: bool,
    seed: int,
) -> xr.Dataset:
    """Find the optimum by one fit of one law."""
    spending = Spending(fit, scenario)
    budget = spending.budgets()
    ratios = law_ratios(spending, budget, numerical)
    option, ratio, loss = _assuming_law(spending, budget, ratios)
    if discrepancy is not None:
        rng, surface = np.random.default_rng(seed), discrepancy.surface(fit)
        none = np.empty(0)
        for i, each in enumerate(budget.to_numpy()):
            around = [ratio.isel(budget=i).to_numpy() for ratio in ratios]
            best = survey(spending, np.array([each]), around, none, surface, rng).best()
            for found, values in zip((option, ratio, loss), best, strict=True):
                found[dict(budget=i)] = values[..., 0]
    chosen = {
        name: xr.DataArray(np.array([o[name] for o in spending.options]), dims="option").isel(
            option=option
        )
        for name in scenario.at
    }
    return _answer(spending, budget, ratio, chosen).assign(loss=spending.sign * loss)


def law_ratios(
    spending: Spending, budget: xr.DataArray, numerical: bool = False
) -> list[xr.DataArray]:
    """Return the log ratio of D to N that is best by the law, by option.

    Each is of dims (chain, draw, budget), by the closed form where the law has one and nothing
    but training is paid for.
    """
    fit, law = spending.fit, spending.fit.law
    size, data = fit.input_of("params"), fit.input_of("tokens")
    searched = numerical or spending.scenario.constrained
    if hasattr(law, "optimal_size") and data and size and not searched:
        scale = derive.flops(fit.references[size], fit.references[data])
        parameters, reference = fit.parameters, fit.references[size]

        def best_ratio(budget: Any, **arguments: Any) -> Any:
            params = reference * law.optimal_size(budget / scale, **arguments)
            return np.log(derive.tokens(budget, params**2))

        arguments = {name: parameters[name] for name in law.parameters}
        ratio = call_unlabelled(best_ratio, {"budget": budget, **arguments})
        return [ratio.transpose("chain", "draw", "budget")]
    return [_search(spending, budget, option) for option in spending.options]


def _search(spending: Spending, budget: xr.DataArray, option: dict[str, float]) -> xr.DataArray:
    """Find the best split at each budget and draw on a grid, then beside the best so far.

    Of several minima it is the first that is reached from the runs' own ratio.
    """
    columns = run_columns(spending.fit)
    usual = float(np.log(np.median(derive.tokens(columns["flops"], columns["params"] ** 2))))
    bounds = spending.limits(budget.to_numpy(), option)
    low, high = (budget.copy(data=bound) for bound in bounds)

    def tried(centre: Any, width: float, count: int) -> tuple[Any, xr.DataArray]:
        steps = xr.DataArray(np.linspace(-width, width, count), dims="step")
        ratio: Any = np.minimum(np.maximum(centre + steps, low), high)
        loss = spending.sign * spending.loss(budget, ratio, option)
        return ratio, loss.transpose("chain", "draw", "budget", "step")

    start: Any = np.minimum(np.maximum(usual + 0 * budget, low), high)
    ratio, loss = tried(start, SEARCH, GRID)
    centre, width = ratio.isel(step=_downhill(loss)), 2 * SEARCH / (GRID - 1)
    for _ in range(HALVINGS):
        width /= 2
        ratio, loss = tried(centre, width, 3)
        centre = ratio.isel(step=loss.argmin("step"))
    if bool((np.abs(centre - start) > SEARCH).any()):
        warnings.warn(
            f"{spending.fit.law.name} has no optimum inside the search at some draws: it improves "
            "all the way to very small or very large models",
            BayescaleWarning,
            skip_file_prefixes=(PACKAGE,),
        )
    ratio, loss = tried(centre, width, 3)
    best, _ = lowest(ratio.transpose(*loss.dims).to_numpy(), loss.to_numpy())
    found: Any = np.minimum(np.maximum(loss.isel(step=1, drop=True).copy(data=best), low), high)
    return found.transpose("chain", "draw", "budget")


def _downhill(loss: xr.DataArray) -> xr.DataArray:
    """Return the step at which going down from the middle one ends, on the lower of both sides."""
    change = np.diff(loss.to_numpy())
    middle = change.shape[-1] // 2
    right = middle + (np.cumsum(change[..., middle:] > 0, axis=-1) == 0).sum(axis=-1)
    left = middle - (np.cumsum(change[..., middle - 1 :: -1] < 0, axis=-1) == 0).sum(axis=-1)
    step = loss.isel(step=0, drop=True)
    left, right = step.copy(data=left), step.copy(data=right)
    return xr.where(loss.isel(step=right) <= loss.isel(step=left), right, left)


def _assuming_law(
    spending: Spending, budget: xr.DataArray, ratios: list[xr.DataArray]
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return the best option by the law, its log ratio and its loss, less being better."""
    losses = [
        spending.sign * spending.loss(budget, ratio, option)
        for ratio, option in zip(ratios, spending.options, strict=True)
    ]
    if len(losses) == 1:
        loss = losses[0].transpose("chain", "draw", "budget")
        return xr.zeros_like(loss, dtype=int), ratios[0].copy(), loss
    ratio, loss = xr.concat(ratios, "option"), xr.concat(losses, "option")
    option = loss.argmin("option")
    found = (option, ratio.isel(option=option), loss.isel(option=option))
    option, ratio, loss = (one.transpose("chain", "draw", "budget") for one in found)
    return option, ratio, loss


def _answer(
    spending: Spending, budget: xr.DataArray, ratio: xr.DataArray, option: dict[str, xr.DataArray]
) -> xr.Dataset:
    """Return what is spent on what, dims (chain, draw, budget)."""
    scenario: Scenario = spending.scenario
    params, tokens = spending.within(*spending.split(budget, ratio, option))
    cost = spending.cost(params, tokens, option)
    found = {"params": params, "tokens": tokens, "tokens_per_param": tokens / params}
    found |= {name: option[name] for name, values in scenario.at.items() if len(values) > 1}
    if "unique_tokens" in option:
        found["epochs"] = np.maximum(tokens / option["unique_tokens"], 1.0)
    if scenario.inference_tokens:
        found["training_share"] = spending.training(option) * params * tokens / cost
    if scenario.hardware is not None:
        hardware = scenario.hardware
        if hardware.price_per_hour is not None and not scenario.price:
            found["price"] = cost * hardware.price_per_hour / hardware.flops_per_hour
        if not scenario.days:
            training = spending.training(option) * params * tokens
            found["days"] = training / hardware.flops_per_day
    order = ("chain", "draw", "budget")
    return xr.Dataset(
        {name: value.transpose(*order) for name, value in found.items()},
        coords={"flops": budget},
        attrs={"law": spending.fit.law.name},
    )


def has_allocation(fit: Fit) -> bool:
    """Return whether a budget alone determines the law's best params and tokens."""
    columns = {fit.spec.column(name) for name in fit.law.inputs}
    return columns in ({"params", "tokens"}, {"params", "flops"})
