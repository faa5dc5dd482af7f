"""What a choice of model size gives up: in loss, and in compute that would have done as well."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.number_format import format_quantity
from bayescale.data.row_messages import PACKAGE
from bayescale.data.units import Quantities, parse_quantities
from bayescale.decisions.budget import Spending
from bayescale.decisions.loss_grid import survey
from bayescale.decisions.optimum import caveats, law_ratios, optimum
from bayescale.decisions.scenario import Scenario, ScenarioLike, as_scenario
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike, Surface

SMALLER = 9.0 * np.linspace(0.0, 1.0, 11) ** 2
"""Budgets at which the best loss is found, as how many natural-log units below the one asked."""


BETWEEN = 9.0 * np.linspace(0.0, 1.0, 181) ** 2
"""Budgets between which it is then a straight line; a cubic spline leads from one to the next."""


SIZES = 49


BEYOND = 3.0
"""Sizes looked at where none are given, and how many times beyond the interval of N* they go."""


LEADING = 12
"""Sizes besides that lead from there to a given one outside."""


@of_posterior
def regret(
    fit: PosteriorLike,
    flops: ScenarioLike,
    params: Quantities | None = None,
    *,
    around: bool = False,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Measure the regret of choosing a size, beside the best one, draw by draw.

    Each draw of the law, and of its discrepancy, has a best size of its own; a size chosen now
    falls short of it by its regret. The same draw judges both.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    flops : number, str, 1-d array or Scenario
        Budgets in FLOP, or a scenario; see :func:`bayescale.optimum`.
    params : number, str or 1-d array, optional
        Sizes to judge; the scenario's candidates when None, and where there are none sizes all
        over the posterior of the best one. The rest of the budget goes into tokens.
    around : bool
        Look at those sizes besides the ones that are given.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, budget, choice)
        ``regret``, the loss given up, in the target's unit; ``wasted``, the compute overhead: the
        share of the budget without which the best model would have reached the same; ``loss``, what
        the choice reaches. Coordinates: ``flops``, and ``params``, ``tokens`` and inputs that the
        scenario leaves open of each choice, and whether it is a ``candidate`` that was given.
        :func:`bayescale.regret_summary` says which to take.

    Raises
    ------
    BayescaleError
        As for :func:`bayescale.optimum`, for sizes that the scenario rules out, and when no size
        is affordable.

    Warns
    -----
    BayescaleWarning
        When a size is left out because inference alone takes a budget, and as for
        :func:`bayescale.optimum`.

    See Also
    --------
    regret_summary : The choice of least expected regret.
    optimum : The best size of each draw.
    plot_regret : A figure of it.

    Examples
    --------
    >>> lost = bs.regret(fit, "1e23", ["3B", "30B"])
    >>> lost["regret"].dims, bool((lost["regret"] >= 0).all())
    (('chain', 'draw', 'budget', 'choice'), True)
    >>> bs.regret_summary(lost)["params"].item()
    30000000000.0
    """
    discrepancy, seed = Discrepancy.of(discrepancy), seed_of(random_seed, fit.seed)
    scenario = as_scenario(flops)
    for said in caveats(fit):
        warnings.warn(said, BayescaleWarning, skip_file_prefixes=(PACKAGE,))
    spendings = [Spending(one, scenario) for one in fit.members().values()]
    budget = spendings[0].budgets()
    given = scenario.candidates if params is None else parse_quantities("params", params)
    given = _affordable(spendings[0], budget.to_numpy(), np.array(given, dtype=float))
    parts = [np.tile(given, (budget.size, 1))]
    if around or not len(given):
        parts.append(_sizes_around(fit, scenario, budget, given))
    sizes = np.concatenate(parts, axis=1)
    for each, row in zip(budget.to_numpy(), sizes, strict=True):
        spendings[0].check(float(each), row)

    def ask(one: Fit, wrong: Discrepancy | None) -> xr.Dataset:
        surface = None if wrong is None else wrong.surface(one)
        rng = np.random.default_rng(seed)
        parts = [
            _at_budget(Spending(one, scenario), budget[[i]], row, surface, rng)
            for i, row in enumerate(sizes)
        ]
        return xr.concat(parts, "budget").assign_attrs(law=one.law.name)

    answer = fit.mix(ask, discrepancy)
    return answer.assign_coords(_choices(spendings[0], budget, sizes, len(given))).assign_attrs(
        target=spendings[0].fit.target,
        units=spendings[0].fit.unit,
        tolerance=scenario.tolerance,
        probability=scenario.probability,
    )


def _affordable(spending: Spending, budgets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the sizes that every budget can serve, all where there is none; warn of the others.

    Warns
    -----
    BayescaleWarning
        When a size is left out.
    """
    fits = spending.affords(budgets.min(), sizes)
    if fits.all() or not fits.any():
        return sizes
    named = ", ".join(format_quantity(size) for size in sizes[~fits])
    warnings.warn(
        f"left out: inference of {named} parameters takes all of {budgets.min():.3g} FLOP; a "
        "larger budget, or fewer inference_tokens, would leave something to train with",
        BayescaleWarning,
        skip_file_prefixes=(PACKAGE,),
    )
    return sizes[fits]


def regret_summary(
    regrets: xr.Dataset, tolerance: float | None = None, probability: float | None = None
) -> pd.DataFrame:
    """Return the choice of least expected regret, and the choices that are as good.

    Parameters
    ----------
    regrets : xarray.Dataset
        What :func:`bayescale.regret` returned; the choice is among the sizes evaluated there. For
        the equivalence set ask for no sizes, or for those ``around``.
    tolerance : float, optional
        Share of the budget that may be wasted; the scenario's (0.1) when None.
    probability : float, optional
        How sure that must be; the scenario's (0.8) when None.

    Returns
    -------
    pandas.DataFrame
        One row per budget: ``flops``, and its price or days if it is in these; the choice of least
        expected regret, ``params``, ``tokens`` and inputs left open, with the means of ``regret``
        and ``wasted`` and the probability ``within`` the tolerance. ``near_lower`` to
        ``near_upper`` are the sizes that are expected to waste at most the tolerance more than
        this choice: what one may choose from. ``flat_lower`` to ``flat_upper`` is the equivalence
        set, the sizes that waste at most the tolerance, beside the best of each draw, with the
        probability asked; missing where no size does, the posterior being too wide for that.
        Both are of the open inputs of the choice.

    Raises
    ------
    BayescaleError
        When tolerance or probability does not lie between zero and one.

    See Also
    --------
    regret : Make the draws it summarises.
    Scenario : Sets the tolerance and the probability.
    report : Shows it on a page.

    Examples
    --------
    >>> table = bs.regret_summary(bs.regret(fit, "1e23", ["3B", "30B"]))
    >>> table[["flops", "params", "tokens"]]
              flops        params        tokens
    0  1.000000e+23  3.000000e+10  5.555556e+11
    """
    if "tolerance" not in getattr(regrets, "attrs", {}):
        raise BayescaleError("regret_summary takes what bs.regret returned: the regrets' draws")
    allowed = float(regrets.attrs["tolerance"] if tolerance is None else tolerance)
    sure = float(regrets.attrs["probability"] if probability is None else probability)
    for name, value in (("tolerance", allowed), ("probability", sure)):
        if not 0 < value < 1:
            raise BayescaleError(f"{name} is {value:g}: it must lie between 0 and 1")
    draws = ("chain", "draw")
    means = regrets[["regret", "wasted"]].mean(draws)
    within = (regrets["wasted"] <= allowed).mean(draws)
    along = {str(k): c.dims for k, c in regrets.coords.items() if k != "candidate"}
    opened = [name for name, dims in along.items() if dims == ("choice",)]
    budgets = [name for name, dims in along.items() if dims == ("budget",)]
    rows = []
    for i in range(regrets.sizes["budget"]):
        at = means.isel(budget=i)
        best = int(at["regret"].to_numpy().argmin())
        alike = np.ones(at.sizes["choice"], dtype=bool)
        for name in opened:
            alike &= (at[name] == at[name][best]).to_numpy()
        sizes, waste = at["params"].to_numpy(), at["wasted"].to_numpy()
        flat = sizes[alike & (within[i] >= sure).to_numpy()]
        near = sizes[alike & (waste <= waste[best] + allowed)]
        columns = (*budgets, "params", "tokens", *opened, "regret", "wasted")
        taken = at.isel(choice=best)
        rows.append(
            {name: float(taken[name]) for name in columns}
            | {"within": float(within[i, best])}
            | {"near_lower": near.min(), "near_upper": near.max()}
            | {"flat_lower": min(flat, default=np.nan), "flat_upper": max(flat, default=np.nan)}
        )
    table = pd.DataFrame(rows)
    table.attrs |= {"tolerance": allowed, "probability": sure}
    return table


def _sizes_around(
    fit: PosteriorLike, scenario: Scenario, budget: xr.DataArray, given: np.ndarray
) -> np.ndarray:
    """Return sizes all over the posterior of the best one, and from there to the given ones.

    The shape is (budget, size).
    """
    best = optimum(fit, scenario, discrepancy=None)["params"]
    low, high = best.quantile([0.005, 0.995], ("chain", "draw")).to_numpy()
    most = np.full(budget.shape, scenario.max_params or np.inf)
    spending = Spending(fit.representative, scenario)
    if spending.serving:
        most = np.minimum(most, 0.99 * budget.to_numpy() / spending.serving)
    high = np.minimum(high * BEYOND, most)
    low = np.minimum(low / BEYOND, high / BEYOND)
    least, largest = given.min(initial=np.inf), given.max(initial=0.0)
    spans = [(low, high, SIZES)]
    if (least < low).any():
        spans.append((np.minimum(least, low), low, LEADING))
    if (largest > high).any():
        spans.append((high, np.maximum(largest, high), LEADING))
    return np.concatenate([np.geomspace(*span, axis=1) for span in spans], axis=1)


def _choices(
    spending: Spending, budget: xr.DataArray, sizes: np.ndarray, given: int
) -> dict[str, Any]:
    """Return what each choice is: every size, the given ones first, with every option."""
    options = spending.options
    tokens = [spending.tokens(budget.to_numpy()[:, None], sizes, option) for option in options]
    found: dict[str, Any] = {
        "flops": budget,
        "params": (("budget", "choice"), np.tile(sizes, (1, len(options)))),
        "tokens": (("budget", "choice"), np.concatenate(tokens, axis=1)),
        "candidate": ("choice", np.tile(np.arange(sizes.shape[1]) < given, len(options))),
    }
    for name, values in spending.scenario.at.items():
        if len(values) > 1:
            each = np.repeat([option[name] for option in options], sizes.shape[1])
            found[name] = ("choice", each)
    return found


def _at_budget(
    spending: Spending,
    budget: xr.DataArray,
    sizes: np.ndarray,
    surface: Surface | None,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Return the regrets at one budget, dims (chain, draw, budget, choice)."""
    budgets = float(budget[0]) * np.exp(-SMALLER)
    ends = xr.DataArray(budgets[[0, -1]], dims="budget")
    around = [ratio.to_numpy() for ratio in law_ratios(spending, ends)]
    seen = survey(spending, budgets, around, sizes, surface, rng)
    best = seen.best()[2]
    chosen = seen.chosen.reshape(*best.shape[:2], -1)
    best[..., 0] = np.minimum(best[..., 0], chosen.min(axis=-1))
    answer = {
        "regret": chosen - best[..., :1],
        "wasted": _wasted(best, chosen),
        "loss": spending.sign * chosen,
    }
    dims = ("chain", "draw", "budget", "choice")
    return xr.Dataset({name: (dims, value[:, :, None]) for name, value in answer.items()})


def _wasted(best: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the share of the budget without which the best model does as well as each choice.

    Parameters
    ----------
    best : array, shape (chain, draw, budget)
        The best loss at ever smaller budgets.
    chosen : array, shape (chain, draw, choice)
        The loss of each choice, at the first of them.
    """
    from scipy.interpolate import CubicSpline

    best = CubicSpline(SMALLER, best, axis=-1)(BETWEEN)
    best = np.maximum.accumulate(best, axis=-1)
    last = best.shape[-1] - 2
    reached = np.zeros(chosen.shape, dtype=int)
    for i in range(1, last + 1):
        reached += chosen >= best[..., i, None]
    low, high = (np.take_along_axis(best, reached + i, -1) for i in (0, 1))
    part = np.clip((chosen - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    below = BETWEEN[reached] + part * np.diff(BETWEEN)[reached]
    return -np.expm1(-below)
