"""Which law the runs support: LOO and WAIC side by side, with what they are worth."""

import warnings
from collections.abc import Mapping

import arviz_stats as azs
import pandas as pd
from arviz_stats.utils import ELPDData

from bayescale.analysis.waic import TRUSTED_VARIANCE, ELPDDataWAIC, waic
from bayescale.averaging import check_same_runs
from bayescale.errors import BayescaleWarning
from bayescale.fitting import Fit

CLOSE = 4.0
"""Differences of elpd below this are too small for their standard error to mean much."""


def compare(fits: Mapping[str, Fit]) -> pd.DataFrame:
    """Compare fits of the same runs by their expected log predictive density.

    Parameters
    ----------
    fits : mapping of str to Fit
        At least two fits of the same target of the same runs, by the name to show.

    Returns
    -------
    pandas.DataFrame
        Best first, indexed by name. ``elpd_loo`` with ``se_loo``, effective parameters ``p_loo``
        and the number ``bad_k`` of runs whose Pareto k is too high; ``elpd_waic``, ``se_waic``,
        ``p_waic`` and the number ``bad_waic`` of runs whose variance is too high; ``elpd_diff`` to
        the best (LOO) with its standard error ``dse``; the stacking ``weight``; ``verdict`` and
        ``warning`` in words. Densities are of the target in its own unit, so fits with different
        noises compare.

    Raises
    ------
    BayescaleError
        For fewer than two fits, or fits of different runs or targets.
    """
    check_same_runs(fits)
    loo, information = {}, {}
    with warnings.catch_warnings():
        # Said in the table's `warning` column, for each fit.
        warnings.filterwarnings("ignore", message="Estimated shape parameter")
        warnings.filterwarnings("ignore", category=BayescaleWarning, message="WAIC")
        for name, fit in fits.items():
            loo[name] = azs.loo(fit.tree, pointwise=True)
            information[name] = waic(fit)
        ranked = azs.compare(loo, round_to="none")
    rows = {name: _row(loo[name], information[name]) for name in ranked.index}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")
    table["elpd_diff"] = ranked["elpd_diff"].astype(float)
    table["dse"] = ranked["dse"].astype(float)
    table["weight"] = ranked["weight"].astype(float)
    table["verdict"] = [_verdict(name, table) for name in table.index]
    table["warning"] = [_warning(rows[name], loo[name]) for name in table.index]
    return table


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
        return f"as good as {best}: the runs cannot tell them apart"
    if abs(difference) < 2 * error:
        return f"behind {best}, but within two standard errors"
    return f"worse than {best}"


def _runs(number: float) -> str:
    return "1 run has" if number == 1 else f"{number:.0f} runs have"


def _warning(row: Mapping[str, float], loo: ELPDData) -> str:
    said = []
    if row["bad_k"]:
        said.append(
            f"LOO: {_runs(row['bad_k'])} Pareto k > {loo.good_k:.2f}: left out, "
            "the fit would change too much to be approximated; look there"
        )
    if row["bad_waic"]:
        said.append(
            f"WAIC: {_runs(row['bad_waic'])} a log-likelihood variance above "
            f"{TRUSTED_VARIANCE}: trust LOO instead"
        )
    if abs(row["elpd_waic"] - row["elpd_loo"]) > row["se_loo"]:
        said.append("WAIC and LOO differ by more than a standard error: trust LOO")
    return "; ".join(said)
