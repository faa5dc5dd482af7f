"""The compute-optimal frontier as power laws of compute, with their constants as posteriors."""

import numpy as np
import xarray as xr

from bayescale.data.units import Quantity
from bayescale.decisions.optimum import optimum
from bayescale.decisions.scenario import as_scenario
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.groups import ask_each
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.laws.frontier import frontier_constants_of, limit_of
from bayescale.model.observed_columns import inputs_text
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.runs_by_compute import run_columns

STRAIGHT = 1e-4
"""How far, in the natural logarithm, a power law may miss the optimum amid its range."""


@of_posterior
def frontier_constants(
    fit: PosteriorLike, flops: tuple[Quantity, Quantity] | None = None
) -> xr.Dataset:
    r"""Measure the compute-optimal frontier: how the best N, D and loss go with compute.

    .. math:: N_{opt} = k \, C^a, \quad D_{opt} = k' \, C^b, \quad L_{opt} = E + c \, C^{-g}

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
        ``N_opt_coefficient`` (k) and ``N_opt_exponent`` (a), ``D_opt_coefficient`` (k') and
        ``D_opt_exponent`` (b), ``L_opt_coefficient`` (c) and ``L_opt_exponent`` (g), with C in
        FLOP. E is the law's; without one it is zero. Where the optimum is no power law of compute,
        these are of the one through both budgets: the attribute ``local`` is 1, else 0.

    Raises
    ------
    BayescaleError
        When the law has no optimum, see :func:`optimum`, or the range is not of two budgets.

    See Also
    --------
    optimum : The optimum at a budget.
    check_published : Published constants beside these.
    plot_exponents : Exponents beside published values.

    References
    ----------
    Hoffmann et al. (2022), arXiv:2203.15556, sec. 3 and eq. 4

    Examples
    --------
    >>> constants = bs.frontier_constants(fit)
    >>> constants["N_opt_exponent"].median().round(2).item(), constants.attrs["local"]
    (0.5, 0)
    >>> best = bs.optimum(fit, 1e22, discrepancy=None)["params"].isel(budget=0)
    >>> k, a = constants["N_opt_coefficient"], constants["N_opt_exponent"]
    >>> bool(np.allclose(k * 1e22**a, best))
    True
    """
    budgets, local = _budgets(fit.representative, flops), list[int]()

    def ask(one: Fit, _: Discrepancy | None) -> xr.Dataset:
        found = ask_each(one, lambda each: _constants(each, budgets))
        local.append(found.attrs["local"])
        return found

    found = fit.mix(ask)
    return found.assign_attrs(local=max(local), lowest=budgets[0], highest=budgets[1])


def _budgets(fit: Fit, flops: tuple[Quantity, Quantity] | None) -> tuple[float, float]:
    """Return between which budgets the frontier is measured."""
    if flops is not None:
        ends = sorted(as_scenario(list(flops)).budgets)
        if len(ends) != 2 or ends[0] == ends[1]:
            raise BayescaleError(
                "a frontier is measured between two different budgets: flops=(1e18, 1e24)"
            )
        return float(ends[0]), float(ends[1])
    columns = run_columns(fit)
    if "flops" not in columns:
        raise BayescaleError(
            f"{fit.law.name} takes {inputs_text(fit.spec)}: a frontier needs a law of params and "
            "tokens, such as chinchilla or skaling"
        )
    largest = float(columns["flops"].max())
    return largest, 10 * largest


def _constants(fit: Fit, budgets: tuple[float, float]) -> xr.Dataset:
    """Return the power laws through the optima of two budgets, and whether they hold between."""
    amid = float(np.sqrt(budgets[0] * budgets[1]))
    best = optimum(fit, [*budgets, amid], discrepancy=None)
    excess = np.abs(best["loss"] - limit_of(fit.law, fit.parameters))
    params, excess = (
        [found.isel(budget=i, drop=True) for i in range(3)] for found in (best["params"], excess)
    )
    found = frontier_constants_of(budgets, (params[0], params[1]), (excess[0], excess[1]))
    missed = [
        np.log(found[f"{name}_coefficient"] * amid ** (sign_of * found[f"{name}_exponent"]))
        - np.log(middle)
        for name, sign_of, middle in (("N_opt", 1, params[2]), ("L_opt", -1, excess[2]))
    ]
    bent = max(float(np.abs(miss).max()) for miss in missed) > STRAIGHT
    return xr.Dataset(found).drop_vars("flops", errors="ignore").assign_attrs(local=int(bent))
