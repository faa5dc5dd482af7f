"""Model comparison: LOO, WAIC and backtests side by side, with their warnings."""

import warnings
from collections.abc import Mapping

import arviz_stats as azs
import numpy as np
import pandas as pd
from arviz_stats.utils import ELPDData

from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.evaluation.backtest import Backtest
from bayescale.evaluation.waic import TRUSTED_VARIANCE, ELPDDataWAIC, waic
from bayescale.inference.argument_checks import of_fits
from bayescale.inference.fitted_runs import runs_shared
from bayescale.inference.leave_one_out import leave_one_out
from bayescale.inference.result import Fit
from bayescale.model.noise.registry import following
from bayescale.prediction.averaging import check_same_runs, stack

CLOSE = 4.0
"""Differences of elpd below this are too small for their standard error to mean much."""


@of_fits
def compare(
    fits: Mapping[str, Fit], *, backtests: Mapping[str, Backtest] | None = None
) -> pd.DataFrame:
    """Compare fits of the same runs by their expected log predictive density, and by backtests.

    LOO and WAIC estimate how well a law predicts a run among the others: they reward interpolation.
    A backtest measures how well it predicts larger runs from smaller ones. Rows that share a run,
    such as checkpoints, are left out together.

    Parameters
    ----------
    fits : mapping of str to Fit
        At least two fits of the same target of the same runs, by the name to show.
    backtests : mapping of str to Backtest, optional
        What :func:`bayescale.backtest` returned for the same laws, by the same names.

    Returns
    -------
    pandas.DataFrame
        Best first, indexed by name. ``elpd_loo`` with ``se_loo``, effective parameters ``p_loo``
        and the number ``bad_k`` of runs whose Pareto k is too high; ``elpd_waic``, ``se_waic``,
        ``p_waic`` and the number ``bad_waic`` of runs whose variance is too high; ``elpd_diff`` to
        the best (LOO) with its standard error ``dse``; the stacking weights ``weight`` (LOO) and
        ``weight_waic``; ``verdict`` and ``warning`` in words. With backtests also the ``crps``,
        ``abs_error`` and ``cover_90`` beyond the data, and ``weight_beyond``, the weights that
        stack the forecasts. Densities are of the target in its own unit, so fits with different
        noises compare. :func:`bayescale.average` takes any column of weights.

    Raises
    ------
    BayescaleError
        For fewer than two fits, fits of different runs or targets, or backtests of other laws or
        with other held-out runs.

    See Also
    --------
    average : Average the fits by the weights.
    waic : WAIC of one fit.
    backtest : Score forecasts beyond the data.
    plot_compare : A figure of the table.

    References
    ----------
    * Vehtari, Gelman and Gabry (2017), doi:10.1007/s11222-016-9696-4 (PSIS-LOO)
    * Yao et al. (2018), doi:10.1214/17-BA1091 (stacking)

    Examples
    --------
    >>> table = bs.compare(fits)
    >>> table[["elpd_loo", "elpd_diff", "dse"]].round(1)
                elpd_loo  elpd_diff  dse
    law
    chinchilla     107.4        0.0  0.0
    skaling        105.8       -1.6  1.5
    >>> table.loc["skaling", "verdict"]
    'as good as chinchilla: the runs cannot separate them'
    """
    check_same_runs(fits)
    loo, information = {}, {}
    with warnings.catch_warnings():
        # Said in the table's `warning` column, for each fit.
        warnings.filterwarnings("ignore", category=BayescaleWarning, message="WAIC")
        for name, fit in fits.items():
            loo[name] = leave_one_out(fit)
            information[name] = waic(fit)
        ranked = azs.compare(loo, round_to="none")
    rows = {name: _row(loo[name], information[name]) for name in ranked.index}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")
    table["elpd_diff"] = ranked["elpd_diff"].astype(float)
    table["dse"] = ranked["dse"].astype(float)
    table["weight"] = ranked["weight"].astype(float)
    elpd_waic = np.column_stack([information[name].elpd_i for name in table.index])
    table["weight_waic"] = stack(elpd_waic)
    table["verdict"] = [_verdict(name, table) for name in table.index]
    table["warning"] = [_warning(fits[name], rows[name], loo[name]) for name in table.index]
    if backtests is not None:
        _add_backtests(table, backtests)
    return table


def _add_backtests(table: pd.DataFrame, backtests: Mapping[str, Backtest]) -> None:
    """Add the scores beyond the data, and say where they rank the laws otherwise."""
    if set(backtests) != set(table.index):
        raise BayescaleError(
            f"backtests of {', '.join(backtests)} beside fits of {', '.join(table.index)}"
        )
    tests = [backtests[name] for name in table.index]
    where = tests[0].runs[["cut", "run"]]
    if not all(where.equals(test.runs[["cut", "run"]]) for test in tests):
        raise BayescaleError("the backtests held out different runs: give all the same cuts")
    for column in ("crps", "abs_error", "cover_90"):
        table[column] = [test.summary.loc["all", column] for test in tests]
    importance = 1 / where.groupby("cut")["run"].transform("size").to_numpy()
    forecasts = np.column_stack([test.runs["log_score"] for test in tests])
    table["weight_beyond"] = stack(forecasts, importance)
    best = table["crps"].idxmin()
    for name in table.index:
        ratio = table.loc[name, "crps"] / table.loc[best, "crps"]
        beyond = "the lowest" if name == best else f"{ratio:.2f} times that of {best}"
        table.loc[name, "verdict"] += f"; CRPS of held-out runs {beyond}"
    if best != table.index[0]:
        table.loc[best, "verdict"] += (
            f", while LOO prefers {table.index[0]}: to extrapolate, trust the backtest"
        )


def _row(loo: ELPDData, information: ELPDDataWAIC) -> dict[str, float]:
    assert information.p_i is not None
    return {
        "elpd_loo": loo.elpd,
        "se_loo": loo.se,
        "p_loo": loo.p,
        "bad_k": int((loo.pareto_k > loo.good_k).sum()),
        "elpd_waic": information.elpd,
        "se_waic": information.se,
        "p_waic": information.p,
        "bad_waic": int((information.p_i > TRUSTED_VARIANCE).sum()),
    }


def _verdict(name: str, table: pd.DataFrame) -> str:
    difference, error = table.loc[name, ["elpd_diff", "dse"]].astype(float)
    best = table.index[0]
    if name == best:
        return "best"
    if abs(difference) < CLOSE:
        return f"as good as {best}: the runs cannot separate them"
    if abs(difference) < 2 * error:
        return f"behind {best}, but within two standard errors"
    return f"worse than {best}"


def _runs(number: float) -> str:
    return "1 run has" if number == 1 else f"{number:.0f} runs have"


def _better(fit: Fit) -> str:
    noise = following(fit.spec.noise, fit.spec.law.parameters)
    instead = f"; noise={noise.name!r} does not" if noise else ""
    return f", so its intervals are too narrow{instead}"


def _warning(fit: Fit, row: Mapping[str, float], loo: ELPDData) -> str:
    said = []
    names = runs_shared(fit)
    if names is not None and not fit.spec.noise.serial:
        said.append(
            f"{names.size} rows of {len(set(names))} runs: LOO and WAIC leave out whole runs, but "
            f"the fit treated the rows of one run as independent{_better(fit)}"
        )
    if row["bad_k"]:
        said.append(
            f"LOO: {_runs(row['bad_k'])} Pareto k > {loo.good_k:.2f}: left out, "
            "the fit would change too much to be approximated; check these runs"
        )
    if row["bad_waic"]:
        said.append(
            f"WAIC: {_runs(row['bad_waic'])} a log-likelihood variance above "
            f"{TRUSTED_VARIANCE}: trust LOO instead"
        )
    if abs(row["elpd_waic"] - row["elpd_loo"]) > row["se_loo"]:
        said.append("WAIC and LOO differ by more than a standard error: trust LOO")
    return "; ".join(said)
