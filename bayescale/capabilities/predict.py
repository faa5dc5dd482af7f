"""Predicted scores, of models in the table and new ones, and equivalent compute."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.capabilities.discrepancy import SCORE_DISCREPANCY, ScoreDiscrepancy
from bayescale.capabilities.fit import CapabilityFit, of_capabilities
from bayescale.capabilities.model import DEGREES, evaluated, terms, terms_of
from bayescale.capabilities.table import BOUNDS, FAMILY, NAME, families_of, names_of, sizes_of
from bayescale.errors import BayescaleError, closest
from bayescale.inference.sampling import seed_of
from bayescale.prediction.intervals import DRAWS, credible_interval


@of_capabilities
def predict_scores(
    fit: CapabilityFit,
    models: pd.DataFrame | None = None,
    *,
    discrepancy: ScoreDiscrepancy | None = SCORE_DISCREPANCY,
    ci_prob: float | None = None,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Predict scores: each model's of the table, where they are missing too, or new models'.

    Parameters
    ----------
    fit : CapabilityFit
        What :func:`bayescale.fit_capabilities` returned.
    models : DataFrame, optional
        Models that are not in the table: columns ``model``, ``family`` and the sizes, which may be
        missing. One of a known family starts from its family's line, one of a new family from the
        population's. A model that has scores already belongs into the table that is fitted, where
        they say most of what it is capable of. They are rows of the score table, not points of a
        law, so the name is not ``at``.
    discrepancy : ScoreDiscrepancy, optional
        How wrong a score's sigmoid may be away from the models that have it; None assumes that the
        sigmoid holds.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.
    random_seed : int, optional
        Seed of the discrepancy and of the scatter; the fit's own when None.

    Returns
    -------
    DataFrame
        One row per model and score: ``model``, ``family``, ``score``, ``median``, ``lower`` and
        ``upper`` of an evaluation (discrepancy and scatter counted in), and what was ``observed``,
        NaN where the score is missing.

    Raises
    ------
    BayescaleError
        For models that cannot be used.

    See Also
    --------
    fit_capabilities : Fit the capabilities.
    ScoreDiscrepancy : How wrong a score's sigmoid may be.

    References
    ----------
    Ruan, Maddison and Hashimoto (2024), arXiv:2405.10938
    """
    rng = np.random.default_rng(seed_of(random_seed, fit.seed))
    scores = fit.scores
    if models is None:
        capability = fit.posterior["capability"]
        families, observed = list(scores.families), scores.values
    else:
        capability, families = _new_models(fit, models, rng)
        observed = np.full((len(families), len(scores.names)), np.nan)
    tables = []
    for i, (name, draws) in enumerate(evaluations(fit, capability, discrepancy, rng)):
        found = credible_interval(draws, ci_prob)
        who = {NAME: found[NAME].values, FAMILY: families, "score": name}
        bounds = {side: found[side].values for side in BOUNDS}
        tables.append(pd.DataFrame({**who, **bounds, "observed": observed[:, i]}))
    by_model = pd.concat(tables).sort_index(kind="stable")
    return by_model.reset_index(drop=True)


def evaluations(
    fit: CapabilityFit,
    capability: xr.DataArray,
    discrepancy: ScoreDiscrepancy | None,
    rng: np.random.Generator,
) -> Iterator[tuple[str, xr.DataArray]]:
    """Draw evaluations of models, dims (chain, draw, model), a score at a time."""
    for name in fit.scores.names:
        odds, floor, scatter = fit.sigmoid(name, capability)
        if discrepancy is not None:
            odds = odds + discrepancy.draw(fit, name, capability, rng)
        mean, spread = evaluated(odds, floor, scatter)
        found = mean + spread * odds.copy(data=rng.standard_t(DEGREES, odds.shape))
        yield name, found.clip(0, 1).transpose(*DRAWS, NAME)


def _new_models(
    fit: CapabilityFit, models: pd.DataFrame, rng: np.random.Generator
) -> tuple[xr.DataArray, list[str]]:
    """Draw capabilities of models that are not in the table, and return their families."""
    scores = fit.scores
    for column in (NAME, FAMILY, *scores.size):
        if column not in models.columns:
            raise BayescaleError(
                f"the new models have no column {column!r}{closest(column, list(models.columns))}: "
                "give it, empty where it is not known"
            )
    names = names_of(models)
    families = families_of(models, names)
    given = [
        name for name in scores.names if name in models and models[name].notna().to_numpy().any()
    ]
    if given:
        raise BayescaleError(
            f"the new models have scores in {given[0]}: add their rows to the table and fit it "
            "again, so that these scores count"
        )
    posterior = fit.posterior
    spread = scores.sizes.std(axis=0, where=~np.isnan(scores.sizes))
    sizes = sizes_of(models, scores.size, names, scores.dated) - scores.center
    shape = tuple(posterior.sizes[dim] for dim in DRAWS)
    drawn = []
    for family, size in zip(families, sizes, strict=True):
        full = np.where(np.isnan(size), rng.normal(0, spread, (*shape, len(size))), size)
        inputs = xr.DataArray(
            terms(full), dims=(*DRAWS, "term"), coords={"term": terms_of(scores.size)}
        )
        drawn.append(_on_line(posterior, family, inputs, rng))
    line: Any = xr.concat(drawn, pd.Index(names, name=NAME))
    own = line.copy(data=rng.normal(size=line.shape))
    return line + posterior["own_spread"] * own, families


def _on_line(posterior: xr.Dataset, family: str, inputs: xr.DataArray, rng: Any) -> xr.DataArray:
    """Draw a family's capabilities at a size: a known family's, or one of the population."""
    known = family in posterior["family"].values
    slope = posterior["slope_mean"]
    if known:
        level = posterior["level"].sel(family=family, drop=True)
    else:
        typical, spread = posterior["level_mean"], posterior["level_spread"]
        level = typical + spread * rng.normal(size=spread.shape)
    if "slope" in posterior:
        if known:
            slope = posterior["slope"].sel(family=family, drop=True)
        else:
            spread = posterior["slope_spread"]
            slope = slope + spread * rng.normal(size=spread.shape)
    return (level + (slope * inputs).sum("term")).transpose(*DRAWS, "factor")


@of_capabilities
def equivalent_compute(
    fit: CapabilityFit, family: str, *, ci_prob: float | None = None
) -> pd.DataFrame:
    """Compute how much compute a reference family needs for each model's first capability.

    Models of all families stand on one axis then: the compute at which a typical model of the
    reference family, on the family's line, has the same mean log odds of the scores. Where the size
    of the fit is a date, the answer is the date of such a model.

    Parameters
    ----------
    fit : CapabilityFit
        A fit with one size.
    family : str
        The family of reference, best one with models of many sizes: ``"Llama-2"``.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    DataFrame
        One row per model, the most capable first: ``model``, ``family``, its own size (NaN where
        unknown), and ``median``, ``lower`` and ``upper`` of its equivalent, in the same unit.

    Raises
    ------
    BayescaleError
        When the fit has two sizes or no such family.

    See Also
    --------
    fit_capabilities : Fit the capabilities.
    predict_scores : Predict the scores of the models.

    References
    ----------
    Ruan, Maddison and Hashimoto (2024), arXiv:2405.10938
    """
    scores, posterior = fit.scores, fit.posterior
    column, sizes = scores.one_size("equivalent compute")
    if family not in scores.every_family:
        raise BayescaleError(
            f"no family {family!r} in this fit{closest(family, list(scores.every_family))}"
        )
    first = posterior[["capability", "level", "slope"]].sel(factor=1, drop=True)
    line = first[["level", "slope"]].sel(family=family, drop=True)
    away = (first["capability"] - line["level"]) / line["slope"]
    if column in scores.dated:
        found = credible_interval(away + scores.center[0], ci_prob)
        bounds = {side: scores.in_units(found[side].values, column) for side in BOUNDS}
    else:
        found = credible_interval(10.0 ** (away + scores.center[0]), ci_prob)
        bounds = {side: found[side].values for side in BOUNDS}
    who = {NAME: scores.models, FAMILY: scores.families}
    table = pd.DataFrame({**who, column: scores.in_units(sizes, column), **bounds})
    return table.sort_values(by="median", ascending=False, ignore_index=True)
