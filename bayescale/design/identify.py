"""Identifiability: a verdict on every parameter, and on quantities of interest."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.units import Quantities, Quantity, parse_quantity
from bayescale.design.contraction import allowed_variance, prior_sds, verdict
from bayescale.design.explain import reason, recommendation_text
from bayescale.design.posterior_modes import modes
from bayescale.design.quantities_of_interest import (
    format_amount,
    on_scales,
    prior_scaled,
    quantities,
    scaled,
)
from bayescale.design.recommend import (
    LocalApproximation,
    RecommendedRuns,
    local_approximation,
    recommended_runs,
)
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import likelihood_of
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import credible_interval
from bayescale.prediction.points import PointsLike

PARTNER = 0.3
"""Correlation, on the link scale, from which a partner is named."""


WIDE = 10.0
"""Ratio of the ends of an interval from which a quantity of interest is never "identified"."""


CONSTANT = 1e-9
"""Prior sd below which a quantity follows from fixed parameters alone."""


Z90 = 1.6448536269514722


@of_one_law
def identify(
    fit: Fit,
    *,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
    budget: Quantity | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Assess which parameters the runs identify, and recommend runs for the others.

    Contraction is one minus the ratio of posterior to prior variance on the parameter's link scale
    (log for positive parameters): 0 means that the runs were uninformative, 1 that they determine
    it. The prior is that of the fit, so a narrow prior leaves less to learn.

    Recommended runs are evaluated first. Candidates are runs near the fitted ones. At a hundred
    draws of the posterior, each in turn taken as the truth, a local approximation gives the
    posterior covariance of a fit of the old and new runs. Runs are recommended when the verdict
    turns at 85 % of the draws. This assumes the law and its noise, as every answer here does.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    flops : number, str or 1-d array, optional
        Budgets: also assess the compute-optimal N*, D* and D*/N* and the target there.
    at : DataFrame or mapping, optional
        Points, as for :func:`bayescale.predict`: also assess the target there.
    budget : number or str, optional
        Largest total FLOP of the runs recommended for one row; that of the fitted runs when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs. A quantity of interest that the runs identify
        within the law, and of which the law's error leaves more than a decade open, is "weak".
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None, as in :func:`optimum`.

    Returns
    -------
    pandas.DataFrame
        One row per law parameter, then one per quantity of interest: ``kind`` ("parameter" or
        "quantity"), ``verdict`` ("identified",
        contraction above 0.9; "weak"; "prior only", below 0.1), ``contraction``, ``partner`` (the
        parameter it trades off with or, for a quantity, depends on; empty if none) and their
        ``correlation``, ``reason`` and ``recommended_runs`` as text, ``runs`` and ``chance`` (how
        many are recommended, and at which share of the draws they turn the verdict), ``modes`` (of
        the posterior), ``prior_sensitivity`` and ``likelihood_sensitivity`` (ArviZ's power scaling:
        above 0.05 the posterior moves when the prior, or the likelihood, is given more or less
        weight), ``rhat`` and ``ess``. ``attrs["recommended_runs"]`` has the runs for each row that
        they settle, as records.

    Raises
    ------
    BayescaleError
        When a budget or a point does not fit the law.

    See Also
    --------
    principal_directions : Combinations of parameters that the runs do not identify.
    stability : How the answers change when runs are left out.

    References
    ----------
    Kallioinen et al. (2024), doi:10.1007/s11222-023-10366-5 (power-scaling sensitivity)

    Examples
    --------
    >>> bs.identify(fit)[["verdict", "partner", "correlation"]].round(1)
                  verdict partner  correlation
    parameter
    E          identified   alpha          0.8
    a          identified   alpha         -1.0
    alpha      identified       a         -1.0
    b          identified    beta         -1.0
    beta       identified       b         -1.0
    """
    refuse_pooled(fit, "identify")
    shown = quantities(fit, flops, at)
    values = on_scales(fit, shown)
    wrong = Discrepancy.of(discrepancy)
    answers = None if wrong is None else quantities(fit, flops, at, wrong, random_seed)
    table = _contractions(fit, values, prior_scaled(fit, flops, at))
    table[["partner", "correlation"]] = _partners(
        fit, values, {str(k): str(v) for k, v in table["verdict"].items()}
    )
    limit = None if budget is None else parse_quantity(budget, "flops")
    found = _recommended(fit, table, flops, at, limit)
    table["reason"], table["recommended_runs"] = _explained(fit, table, found)
    _judge_answers(table, shown, answers)
    settled = {name: one for name, one in found.items() if one is not None and one.settles}
    table["runs"] = [len(settled[k].runs) if k in settled else 0 for k in table.index]
    table["chance"] = [one.chance if (one := found.get(k)) else np.nan for k in table.index]
    table["modes"] = [len(modes(values[str(name)].values)) for name in table.index]
    table = table.join(_sampled(fit, values.assign(fit.posterior[list(fit.spec.free)]))).drop(
        columns=["allowed", "prior_variance"]
    )
    table.attrs["recommended_runs"] = {k: one.runs.to_dict("records") for k, one in settled.items()}
    return table


def contractions(
    fit: Fit,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
    discrepancy: DiscrepancyLike = None,
) -> pd.DataFrame:
    """Return only verdicts and contractions, which is fast.

    Parameters
    ----------
    fit, flops, at, discrepancy
        As for :func:`identify`; by default the law is assumed to hold.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``verdict``, ``contraction``, ``prior_variance`` on the transformed scale of each,
        and the variance ``allowed`` to what is identified.
    """
    table = _contractions(fit, scaled(fit, flops, at), prior_scaled(fit, flops, at))
    verdicts = {str(k): v for k, v in table["verdict"].items()}
    asked = [str(k) for k, row in table.to_dict("index").items() if row["kind"] == "quantity"]
    wrong = Discrepancy.of(discrepancy)
    if wrong is not None and asked:
        answers = quantities(fit, flops, at, wrong)
        doubted = [name for name in asked if _is_doubted(verdicts[name], answers[name])]
        table.loc[doubted, "verdict"] = "weak"
    return table


def _contractions(fit: Fit, values: xr.Dataset, prior: xr.Dataset) -> pd.DataFrame:
    """Return :func:`contractions` of draws and prior draws on their transformed scales."""
    own = dict(zip(fit.spec.free, prior_sds(fit), strict=True))
    rows = {}
    for key in values.data_vars:
        name = str(key)
        parameter = name in own
        before = own[name] if parameter else _spread(prior[name])
        after = float(values[name].std()) if parameter else _spread(values[name])
        contraction = 1 - (after / before) ** 2 if before > CONSTANT else 1.0
        rows[name] = {
            "kind": "parameter" if parameter else "quantity",
            "verdict": verdict(contraction),
            "contraction": contraction,
            "prior_variance": before**2,
            "allowed": allowed_variance(before**2),
        }
    columns = ["kind", "verdict", "contraction", "prior_variance", "allowed"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("parameter")


def _spread(draws: xr.DataArray) -> float:
    """Return the sd of a normal with the same 90 % interval: priors of optima have long tails."""
    values = draws.values[np.isfinite(draws.values)]
    low, high = np.quantile(values, [0.05, 0.95])
    return float(high - low) / (2 * Z90)


def _partners(fit: Fit, values: xr.Dataset, verdicts: Mapping[str, str]) -> pd.DataFrame:
    """Name for each row the parameter it trades off with, or depends on.

    A parameter that the runs do not identify is paired with another such one where there is one:
    an identified parameter cannot explain the trade-off.
    """
    names = list(fit.spec.free)
    drawn = {str(name): draws.values.ravel() for name, draws in values.data_vars.items()}
    found = {}
    for name, own in drawn.items():
        others = [other for other in names if other != name]
        if verdicts[name] != "identified":
            others = [other for other in others if verdicts[other] == "weak"] or others
        if own.std() <= CONSTANT:
            others = []
        strength = {other: float(np.corrcoef(own, drawn[other])[0, 1]) for other in others}
        partner = max(strength, key=lambda other: abs(strength[other]), default="")
        close = bool(partner) and abs(strength[partner]) >= PARTNER
        found[name] = (partner, strength[partner]) if close else ("", float("nan"))
    return pd.DataFrame.from_dict(found, orient="index", columns=["partner", "correlation"])


def _recommended(
    fit: Fit,
    table: pd.DataFrame,
    flops: Quantities | None,
    at: PointsLike | None,
    budget: float | None,
) -> dict[str, RecommendedRuns | None]:
    """Find recommended runs for what is not identified."""
    left = table.loc[table["verdict"] != "identified"]
    if left.empty:
        return {}
    local = local_approximation(fit, list(prior_sds(fit)), flops, at)
    if local is None:
        return dict.fromkeys(map(str, left.index))
    limits = {str(k): _allowed(local, str(k), row) for k, row in left.to_dict("index").items()}
    return dict(recommended_runs(local, limits, budget))


def _allowed(local: LocalApproximation, name: str, row: Mapping[Any, Any]) -> float:
    """Return the variance at which a verdict turns, given the local approximation.

    The ratio of the actual variance to the approximation is assumed to stay the same.
    """
    now = float(np.mean(local.variance(name, local.covariance)))
    actual = (1 - row["contraction"]) * row["prior_variance"]
    return float(row["allowed"]) * min(now / actual, 1.0)


def _judge_answers(table: pd.DataFrame, within: xr.Dataset, answers: xr.Dataset | None) -> None:
    """Add intervals of the quantities of interest to their reasons, and doubt the wide ones.

    Parameters
    ----------
    table
        Of :func:`identify`, changed in place.
    within, answers : xarray.Dataset
        The quantities within the law, and with its discrepancy, if any.
    """
    for key, row in table.loc[table["kind"] == "quantity"].to_dict("index").items():
        name = str(key)
        said = f"{row['reason']}: {_interval_text(within, name)}"
        if answers is not None:
            said += f"; with the law's error {_interval_text(answers, name)}"
            if _is_doubted(row["verdict"], answers[name]):
                table.loc[name, "verdict"] = "weak"
                said = f"within the law {said}, over a decade"
        table.loc[name, "reason"] = said


def _is_doubted(found: Any, answer: xr.DataArray) -> bool:
    """Return whether the law's error leaves open what the runs identify within the law."""
    if found != "identified":
        return False
    band = credible_interval(answer)
    return float(band["upper"]) > WIDE * float(band["lower"]) > 0


def _interval_text(values: xr.Dataset, name: str) -> str:
    band = credible_interval(values[name])
    return " to ".join(_format_end(name, float(band[end])) for end in ("lower", "upper"))


def _explained(
    fit: Fit, table: pd.DataFrame, found: Mapping[str, RecommendedRuns | None]
) -> tuple[list[str], list[str]]:
    """Return reasons and recommended runs, one per row."""
    reasons, said = [], []
    for key, row in table.to_dict("index").items():
        name, open_one = str(key), row["verdict"] != "identified"
        why = reason(fit, row["partner"], row["kind"]) if open_one else "the runs identify it"
        if row["prior_variance"] <= CONSTANT**2:
            why = "it follows from the fixed parameters alone"
        one = found.get(name)
        after = 1 - one.variance / row["prior_variance"] if one else float("nan")
        reasons.append(why)
        said.append(recommendation_text(one, row["contraction"], after) if open_one else "")
    return reasons, said


def _format_end(name: str, value: float) -> str:
    return format_amount("params" if name.startswith(("N* ", "D* ")) else "", value)


def _sampled(fit: Fit, values: xr.Dataset) -> pd.DataFrame:
    """Return power-scaling sensitivities and the sampler's diagnostics of each row."""
    drawn = values
    values = values[[k for k, v in values.items() if float(v.std()) > CONSTANT]]
    if not values.data_vars:
        columns = ("prior_sensitivity", "likelihood_sensitivity", "rhat", "ess")
        return pd.DataFrame(np.nan, index=pd.Index(list(drawn.data_vars)), columns=list(columns))
    import arviz_stats as azs

    groups = {"log_likelihood": likelihood_of(fit).total, "log_prior": fit.tree_group("log_prior")}
    numbered = values.rename({name: f"v{i}" for i, name in enumerate(values.data_vars)})
    with _quiet(), without_lazy_jax():
        tree = xr.DataTree.from_dict({"posterior": numbered, **groups})
        sensitivity = azs.psense_summary(tree, round_to=6).set_axis(list(values.data_vars))
    bulk, tail = (azs.ess(values, method=how).to_pandas() for how in ("bulk", "tail"))
    return pd.DataFrame(
        {
            "prior_sensitivity": sensitivity["prior"].astype(float),
            "likelihood_sensitivity": sensitivity["likelihood"].astype(float),
            "rhat": azs.rhat(values).to_pandas(),
            "ess": np.minimum(bulk, tail),
        }
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence ArviZ's pointer to its manual, and its Pareto-k warnings."""
    logger = logging.getLogger("arviz_stats.psense")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="arviz_stats")
            yield
    finally:
        logger.setLevel(before)
