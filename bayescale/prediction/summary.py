"""The posterior in numbers, in the literature's constants too."""

import re
from typing import Literal, get_args

import pandas as pd
import xarray as xr

from bayescale.errors import BayescaleError, closest
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.laws.frontier import FRONTIER_CONSTANTS
from bayescale.prediction.intervals import credible_interval, interval_width

SummaryKind = Literal[
    "stats",
    "diagnostics",
    "all",
    "stats_median",
    "diagnostics_median",
    "all_median",
    "mc_diagnostics",
]
"""What ArviZ's summary is asked for; each has its own columns."""


@of_one_law
def derived_parameters(fit: Fit) -> xr.Dataset:
    """Derive the literature's constants from a law's draws.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    xarray.Dataset, dims (chain, draw)
        A and B, or N_c and D_c, ... as the law's paper writes them, and where the optimum has a
        closed form the constants of the frontier (:func:`bayescale.frontier_constants`); without
        those that only depend on fixed parameters, and empty where the law derives none.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    summary : Their intervals, with the law's own parameters.
    frontier_constants : Those of the frontier for any law of params and tokens.
    check_published : Published values beside the posterior.

    References
    ----------
    Hoffmann et al. (2022), arXiv:2203.15556, eq. 2 (A and B)

    Examples
    --------
    >>> constants = bs.derived_parameters(fit)
    >>> list(constants)[:4], dict(constants.sizes)
    (['A', 'B', 'N_opt_coefficient', 'N_opt_exponent'], {'chain': 4, 'draw': 250})
    """
    return fit.derived


@of_one_law
def summary(
    fit: Fit,
    ci_prob: float | None = None,
    *,
    kind: SummaryKind | None = None,
    round_to: int | str | None = None,
) -> pd.DataFrame:
    """Summarise the posterior of a fit.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.
    kind : {"stats", "diagnostics", "all", ...}, optional
        One of the kinds of ``arviz_stats.summary``, with its columns, such as ``mean``, ``sd``,
        ``eti89_lb``, ``eti89_ub``, ``ess_bulk``, ``ess_tail``, ``r_hat``.
    round_to : int or str, optional
        Decimal places, or significant digits as ``"3g"``; unrounded when None.

    Returns
    -------
    pandas.DataFrame
        One row per parameter: the law's, the literature's constants derived from them, the noise's.
        In a pooled fit a parameter that groups have of their own has a row for each,
        ``alpha[pythia]``, and where it is partially pooled its population's mean and spread too.
        Columns ``median``, ``sd``, ``lower``, ``upper``, ``ess`` (the smaller of bulk and tail),
        ``rhat``, ``unit`` and ``about``, unless ``kind`` asks for ArviZ's.

    Raises
    ------
    BayescaleError
        For a kind that ArviZ does not have, or a ``round_to`` that is neither.

    See Also
    --------
    derived_parameters : Draws of the literature's constants.
    credible_intervals : Intervals of predictions and optima.
    identify : Which parameters the runs determine.

    References
    ----------
    Vehtari et al. (2021), doi:10.1214/20-BA1221 (``rhat`` and ``ess``)

    Examples
    --------
    >>> bs.summary(fit).loc[["E", "alpha", "beta"], ["median", "lower", "upper"]].round(2)
               median  lower  upper
    parameter
    E            1.78   1.75   1.83
    alpha        0.35   0.33   0.37
    beta         0.35   0.33   0.37
    >>> bs.summary(fit, ci_prob=0.5).attrs["ci_prob"]
    0.5
    """
    table = _described(fit, ci_prob) if kind is None else _by_arviz(fit, ci_prob, kind)
    table = table.rename_axis("parameter")
    table.attrs["ci_prob"] = interval_width(ci_prob)
    return table if round_to is None else _rounded(table, round_to)


def _rounded(table: pd.DataFrame, round_to: int | str) -> pd.DataFrame:
    """Round the columns of numbers as ArviZ does."""
    if not re.fullmatch(r"-?\d+|\d+g", str(round_to)):
        raise BayescaleError(
            f"round_to = {round_to!r}: give decimal places, 3, or significant digits, '3g'"
        )
    from arviz_stats.base.stats_utils import round_num

    numbers = table.select_dtypes("number")
    return table.assign(**numbers.map(lambda value: round_num(value, round_to)))


def _by_arviz(fit: Fit, ci_prob: float | None, kind: SummaryKind) -> pd.DataFrame:
    """Return ArviZ's own summary, unrounded."""
    known = list(get_args(SummaryKind))
    if kind not in known:
        raise BayescaleError(
            f"no summary of the kind {kind!r}{closest(kind, known)}; there are {', '.join(known)}"
        )
    import arviz_stats as azs

    width = interval_width(ci_prob)
    found = azs.summary(fit.described, kind=kind, ci_prob=width, round_to="none")
    return pd.DataFrame(found)


def _described(fit: Fit, ci_prob: float | None) -> pd.DataFrame:
    """Return the median, the interval, the diagnostics and the meaning of each parameter."""
    rows = {}
    for name, draws in fit.described.items():
        bounds = credible_interval(draws, ci_prob)
        rhat, ess = fit.convergence[str(name)]
        rows[str(name)] = {
            "median": float(bounds["median"]),
            "sd": float(draws.std()) if draws.notnull().any() else float("nan"),
            "lower": float(bounds["lower"]),
            "upper": float(bounds["upper"]),
            "ess": ess,
            "rhat": rhat,
            "unit": fit.unit_of(_base(str(name))),
            "about": _about(fit, _base(str(name))),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _base(name: str) -> str:
    """Return the parameter's name without the group that it is of."""
    return name.partition("[")[0]


def _about(fit: Fit, name: str) -> str:
    """Say what a parameter is; of a derived one, what the law says of those that it derives."""
    parameter = fit.spec.parameters.get(name)
    if parameter:
        return parameter.about
    derived = getattr(fit.law, "derived", None)
    said = ((derived and derived.__doc__) or "").strip().partition("\n")[0].removesuffix(".")
    return FRONTIER_CONSTANTS.get(name, said or "the literature's constant")
