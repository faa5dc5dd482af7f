"""The compute-optimal model: which N and D a budget C = 6 N D is best spent on."""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from bayescale.analysis.compute import run_columns
from bayescale.analysis.points import make_points
from bayescale.averaging import Average
from bayescale.discrepancy import DISCREPANCY, Discrepancy, Surface
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.fitting import Fit
from bayescale.members import ask_each
from bayescale.quantities import FLOPS_PER_PARAM_TOKEN

SEARCH = 30.0
"""Half width of the numerical search, in natural-log units of N around the balanced point."""
AROUND = 1.5 * float(np.log(10))
"""With a discrepancy, how far from the law's own optima to look, in natural-log units of N."""
STEP = 0.1
GRID = 33
ROUNDS = 7


def optimum(
    fit: Fit | Average,
    flops: Any,
    *,
    numerical: bool = False,
    discrepancy: Discrepancy | None = DISCREPANCY,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Find the compute-optimal parameters and tokens of training budgets, draw by draw.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or of params and flops; or several.
    flops : number, str or 1-d array
        Budgets, in FLOP: ``1e24``, ``"1 PF-day"``.
    numerical : bool
        Search numerically even where the law has a closed form.
    discrepancy : Discrepancy, optional
        How wrong the law may be away from the runs, which moves the optimum too; None believes
        the law.
    random_seed : int, optional
        Seed of the discrepancy.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, budget)
        ``params``, ``tokens``, ``tokens_per_param`` and ``loss`` (the target at the optimum, the
        least loss or error or the highest accuracy, without scatter), with the coordinate
        ``flops``. Each budget has a discrepancy of its own. Of a pooled fit also over its groups.

    Raises
    ------
    BayescaleError
        When the law has no params or no tokens, or needs other inputs besides.
    """
    if isinstance(fit, Average):
        options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": random_seed}
        return fit.mix(lambda one: optimum(one, flops, numerical=numerical, **options))
    if fit.spec.pool is not None:
        options = {"discrepancy": discrepancy, "random_seed": random_seed}
        return ask_each(fit, lambda one: optimum(one, flops, numerical=numerical, **options))
    size, data = fit.input_of("params"), fit.input_of("tokens")
    if size is None or len(fit.law.inputs) != 2 or not (data or fit.input_of("flops")):
        raise BayescaleError(
            f"{fit.law.name} takes {', '.join(map(fit.spec.column, fit.law.inputs))}: an optimum "
            "needs a law of params and tokens, such as chinchilla or skaling"
        )
    points = make_points({"flops": flops}, None, grid=False)
    budget = points.coords["flops"].reset_coords(drop=True).rename(point="budget")
    if not bool((budget > 0).all()):
        raise BayescaleError(f"a budget must be positive; got {float(budget.min()):g} FLOP")
    if hasattr(fit.law, "optimal_size") and data and not numerical:
        scale = FLOPS_PER_PARAM_TOKEN * fit.references[size] * fit.references[data]
        arguments = {name: fit.parameters[name] for name in fit.law.parameters}
        params = fit.references[size] * fit.law.optimal_size(budget / scale, **arguments)
    else:
        params = _search(fit, budget)
    loss = _loss(fit, budget, params)
    if discrepancy is not None:
        rng, surface = np.random.default_rng(random_seed), discrepancy.surface(fit)
        each = [
            _displaced(fit, budget[i], params.isel(budget=i), surface, rng)
            for i in range(budget.size)
        ]
        params, loss = (xr.concat(values, "budget") for values in zip(*each, strict=True))
    tokens = budget / (FLOPS_PER_PARAM_TOKEN * params)
    answer = {
        "params": params,
        "tokens": tokens,
        "tokens_per_param": tokens / params,
        "loss": loss,
    }
    order = ("chain", "draw", "budget")
    return xr.Dataset(
        {name: value.transpose(*order) for name, value in answer.items()},
        coords={"flops": budget},
        attrs={"law": fit.law.name},
    )


def growth(fit: Fit | Average, flops: tuple[Any, Any] | None = None) -> xr.Dataset:
    """Measure how the compute-optimal N and D grow with compute, over a range of budgets.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law of params and tokens, or several.
    flops : (budget, budget), optional
        From which budget to which, in FLOP; from the largest fitted run to ten times its compute
        when None.

    Returns
    -------
    xarray.Dataset, dims (chain, draw)
        ``N_opt_exponent`` and ``D_opt_exponent``: the mean log-slopes over the range, which for
        laws with a closed-form optimum are the slopes everywhere.

    Raises
    ------
    BayescaleError
        When the law has no optimum, see :func:`optimum`, or the range is not of two budgets.
    """
    if isinstance(fit, Average):
        return fit.mix(lambda one: growth(one, flops))
    if flops is None:
        largest = float(run_columns(fit)["flops"].max())
        flops = (largest, 10 * largest)
    if fit.spec.pool is not None:
        return ask_each(fit, lambda one: growth(one, flops))
    best = optimum(fit, list(flops), discrepancy=None)
    budgets = best["flops"].values
    if len(budgets) != 2 or budgets[0] == budgets[1]:
        raise BayescaleError("growth is measured between two different budgets: (1e18, 1e24)")
    ratio = best.isel(budget=1, drop=True) / best.isel(budget=0, drop=True)
    decades = np.log10(budgets[1] / budgets[0])
    return xr.Dataset(
        {
            "N_opt_exponent": np.log10(ratio["params"]) / decades,
            "D_opt_exponent": np.log10(ratio["tokens"]) / decades,
        }
    )


def _loss(fit: Fit, budget: xr.DataArray, params: xr.DataArray) -> xr.DataArray:
    """Evaluate the law at sizes that spend the budget."""
    columns = {
        "params": params,
        "flops": budget,
        "tokens": budget / (FLOPS_PER_PARAM_TOKEN * params),
    }
    return fit.curve({name: columns[fit.spec.column(name)] for name in fit.law.inputs})


def _sign(fit: Fit) -> int:
    """Return what to multiply the target by so that less is better."""
    return -1 if fit.law.rises else 1


def _displaced(
    fit: Fit,
    budget: xr.DataArray,
    params: xr.DataArray,
    surface: Surface,
    rng: np.random.Generator,
) -> tuple[xr.DataArray, xr.DataArray]:
    """Find the best N at one budget with the discrepancy, around the law's own optimum."""
    law = np.log(params)
    low, middle, high = np.quantile(law, [0.005, 0.5, 0.995])
    reach = AROUND + max(high - middle, middle - low)
    steps = xr.DataArray(np.arange(-reach, reach, STEP), dims="point")
    sizes = np.exp(middle + steps)
    columns = {
        "params": sizes,
        "flops": budget + 0 * sizes,
        "tokens": budget / (FLOPS_PER_PARAM_TOKEN * sizes),
    }
    inputs = {name: columns[fit.spec.column(name)] for name in fit.law.inputs}
    sign = _sign(fit)
    curve = sign * fit.spec.noise.displace(fit.curve(inputs), surface.draw(inputs, rng), fit.scale)
    at = curve.argmin("point").clip(1, len(steps) - 2)
    before, least, after = (curve.isel(point=at + i) for i in (-1, 0, 1))
    bend = before - 2 * least + after
    shift = (before - after) / (2 * bend.where(bend > 0))
    shift = shift.clip(-1, 1).fillna(0)
    best = sign * (least - bend * shift**2 / 2)
    return np.exp(middle + steps.isel(point=at) + STEP * shift), best


def _search(fit: Fit, budget: xr.DataArray) -> xr.DataArray:
    """Find the best N at each budget and draw by repeated grid refinement."""
    columns = run_columns(fit)
    spent = float(np.median(columns["flops"] / columns["params"] ** 2))
    balanced = np.sqrt(budget / spent)  # the ratio of tokens to parameters that the runs had
    steps = xr.DataArray(np.linspace(-1.0, 1.0, GRID), dims="step")
    centre: Any = np.log(balanced)
    width = SEARCH
    for _ in range(ROUNDS):
        log_params = centre + width * steps
        params = np.exp(log_params)
        best = (_sign(fit) * _loss(fit, budget, params)).argmin("step")
        centre = log_params.isel(step=best)
        width *= 2.0 / (GRID - 1)
    if bool((np.abs(centre - np.log(balanced)) > SEARCH).any()):
        warnings.warn(
            f"{fit.law.name} has no optimum inside the search at some draws: it improves "
            "all the way to very small or very large models",
            BayescaleWarning,
            stacklevel=3,
        )
    return np.exp(centre)
