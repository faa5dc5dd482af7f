"""The best size for a budget spent at a batch far below the critical one: Kaplan's optimum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.units import FLOPS_PER_PARAM_TOKEN
from bayescale.decisions.scenario import Scenario
from bayescale.errors import BayescaleError
from bayescale.inference.result import Fit
from bayescale.laws.library.kaplan import CriticalBatch, KaplanSteps

type CriticalBatchLike = Fit | Mapping[str, float]
"""A fit of the law critical_batch, or its constants B_star, in tokens, and alpha_B."""

CONSTANTS = ("B_star", "alpha_B")


def optimum_of_steps(fit: Fit, critical_batch: CriticalBatchLike, scenario: Scenario) -> xr.Dataset:
    r"""Find the best size of a law of size and steps, in closed form.

    A budget is C_min, that of a batch far below the critical one: C_min = 6 N B_crit S_min, and a
    run at a batch B takes C = C_min (1 + B / B_crit). At the least loss of a budget,

    .. math:: \alpha_N (N_c / N)^{\alpha_N} = \alpha_S (S_c / S_{min})^{\alpha_S}

    Parameters
    ----------
    fit : Fit
        A fit of the law kaplan_steps.
    critical_batch : Fit or mapping
        A fit of the law critical_batch to the same kind of loss, or its constants.
    scenario : Scenario
        Budgets of training, which are C_min.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, budget)
        See :func:`bayescale.optimum`.

    Raises
    ------
    BayescaleError
        For a fit of another law, constants that are not those of a critical batch, or a budget
        that pays for more than training.

    References
    ----------
    Kaplan et al. (2020), arXiv:2001.08361, app. B
    """
    if fit.law is not KaplanSteps:
        raise BayescaleError(
            f"critical_batch goes with the law kaplan_steps, of size and steps, and this is a fit "
            f"of {fit.law.name}: leave it out"
        )
    if scenario.constrained or not scenario.budgets:
        raise BayescaleError("with critical_batch a budget pays for training alone")
    budgets = xr.DataArray(list(scenario.budgets), dims="budget")
    B_star, alpha_B = _constants(critical_batch, fit.posterior.sizes)
    given = {name: fit.parameters[name] for name in fit.law.parameters}
    derived: dict[str, Any] = KaplanSteps.derived(**fit.references, **given)
    alpha_N, alpha_S = given["alpha_N"], given["alpha_S"]
    log_N_c, log_S_c = np.log(derived["N_c"]), np.log(derived["S_c"])
    balance = alpha_N / alpha_S
    # log C = constant + slope * log N along the optima, since S and B are power laws of N there
    slope = 1 + alpha_N / alpha_S + alpha_N / alpha_B
    constant = np.log(FLOPS_PER_PARAM_TOKEN * B_star) + log_S_c
    constant = constant - np.log1p(balance) / alpha_B - np.log(balance) / alpha_S
    constant = constant - (slope - 1) * log_N_c
    log_N = (np.log(budgets) - constant) / slope
    of_size = np.exp(alpha_N * (log_N_c - log_N))
    loss = of_size * (1 + balance)
    steps = np.exp(log_S_c - np.log(balance * of_size) / alpha_S)
    batch = B_star / loss ** (1 / alpha_B)
    params, tokens = np.exp(log_N), batch * steps
    found = {
        "params": params,
        "tokens": tokens,
        "tokens_per_param": tokens / params,
        "steps_min": steps,
        "batch_crit": batch,
        "loss": loss,
    }
    order = ("chain", "draw", "budget")
    return xr.Dataset(
        {name: values.transpose(*order) for name, values in found.items()},
        coords={"flops": budgets},
        attrs={"law": fit.law.name},
    )


def _constants(
    given: CriticalBatchLike, sizes: Mapping[Any, int]
) -> tuple[xr.DataArray | float, xr.DataArray | float]:
    """Return B* and alpha_B, as numbers or with as many draws as the other fit has."""
    if isinstance(given, Fit):
        if given.law is not CriticalBatch:
            raise BayescaleError(
                f"critical_batch is a fit of {given.law.name}: it must be of the law critical_batch"
            )
        own = {name: given.parameters[name] for name in given.law.parameters}
        found: dict[str, Any] = {**own, **CriticalBatch.derived(**given.references, **own)}
        shape = (sizes["chain"], sizes["draw"])
        first, second = (
            xr.DataArray(np.resize(found[name].to_numpy().ravel(), shape), dims=("chain", "draw"))
            for name in CONSTANTS
        )
        return first, second
    if set(given) != set(CONSTANTS) or not all(float(given[k]) > 0 for k in given):
        raise BayescaleError(
            "critical_batch is a fit of the law critical_batch, or its two constants: "
            "{'B_star': 2.1e8, 'alpha_B': 0.21}"
        )
    return float(given["B_star"]), float(given["alpha_B"])
