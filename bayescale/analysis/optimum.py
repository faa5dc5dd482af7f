"""The compute-optimal model: which N and D a budget C = 6 N D is best spent on."""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from bayescale.analysis.compute import run_columns
from bayescale.analysis.points import make_points
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.fitting import Fit
from bayescale.quantities import FLOPS_PER_PARAM_TOKEN

SEARCH = 30.0
"""Half width of the numerical search, in natural-log units of N around the balanced point."""
GRID = 33
ROUNDS = 7


def optimum(fit: Fit, flops: Any, *, numerical: bool = False) -> xr.Dataset:
    """Find the compute-optimal parameters and tokens of training budgets, draw by draw.

    Parameters
    ----------
    fit : Fit
        A fitted law of params and tokens, or of params and flops.
    flops : number, str or 1-d array
        Budgets, in FLOP: ``1e24``, ``"1 PF-day"``.
    numerical : bool
        Search numerically even where the law has a closed form.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, budget)
        ``params``, ``tokens``, ``tokens_per_param`` and ``loss`` (the law at the optimum), with
        the coordinate ``flops``.

    Raises
    ------
    BayescaleError
        When the law has no params or no tokens, or needs other inputs besides.
    """
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
    tokens = budget / (FLOPS_PER_PARAM_TOKEN * params)
    found = {
        "params": params,
        "tokens": tokens,
        "tokens_per_param": tokens / params,
        "loss": _loss(fit, budget, params),
    }
    order = ("chain", "draw", "budget")
    return xr.Dataset(
        {name: value.transpose(*order) for name, value in found.items()},
        coords={"flops": budget},
        attrs={"law": fit.law.name},
    )


def growth(fit: Fit) -> xr.Dataset:
    """Measure how the compute-optimal N and D grow with compute, beyond the largest fitted run.

    Parameters
    ----------
    fit : Fit
        A fitted law of params and tokens.

    Returns
    -------
    xarray.Dataset, dims (chain, draw)
        ``N_opt_exponent`` and ``D_opt_exponent``: the mean log-slopes over the next factor of ten
        in compute, which for laws with a closed-form optimum are the slopes everywhere.
    """
    largest = float(run_columns(fit)["flops"].max())
    best = optimum(fit, [largest, 10 * largest])
    ratio = best.isel(budget=1, drop=True) / best.isel(budget=0, drop=True)
    return xr.Dataset(
        {
            "N_opt_exponent": np.log10(ratio["params"]),
            "D_opt_exponent": np.log10(ratio["tokens"]),
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


def _search(fit: Fit, budget: xr.DataArray) -> xr.DataArray:
    """Minimise the loss over N at each budget and draw by repeated grid refinement."""
    columns = run_columns(fit)
    spent = float(np.median(columns["flops"] / columns["params"] ** 2))
    balanced = np.sqrt(budget / spent)  # the ratio of tokens to parameters that the runs had
    steps = xr.DataArray(np.linspace(-1.0, 1.0, GRID), dims="step")
    centre: Any = np.log(balanced)
    width = SEARCH
    for _ in range(ROUNDS):
        log_params = centre + width * steps
        params = np.exp(log_params)
        best = _loss(fit, budget, params).argmin("step")
        centre = log_params.isel(step=best)
        width *= 2.0 / (GRID - 1)
    if bool((np.abs(centre - np.log(balanced)) > SEARCH).any()):
        warnings.warn(
            f"{fit.law.name} has no optimum inside the search at some draws: its loss falls "
            "all the way to very small or very large models",
            BayescaleWarning,
            stacklevel=3,
        )
    return np.exp(centre)
