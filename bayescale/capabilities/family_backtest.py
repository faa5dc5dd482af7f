"""How well scores of a family are predicted from its smallest model and the other families."""

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayescale.capabilities.discrepancy import SCORE_DISCREPANCY, ScoreDiscrepancy
from bayescale.capabilities.fit import CapabilityFit, fit_scores, of_capabilities
from bayescale.capabilities.predict import predict_scores
from bayescale.capabilities.table import Scores
from bayescale.errors import BayescaleError, closest
from bayescale.inference.sampling import Sampler, seed_of


@of_capabilities
def leave_family_out(
    fit: CapabilityFit,
    families: Sequence[str] | None = None,
    *,
    discrepancy: ScoreDiscrepancy | None = SCORE_DISCREPANCY,
    ci_prob: float | None = None,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Predict each family's larger models from its smallest one and the other families.

    The scores of all models of the family but its smallest (earliest, where sizes are dates) are
    hidden, the table is fitted again as ``fit`` was, and the hidden scores are predicted: a new
    family of which one small model is known. One fit per family.

    Parameters
    ----------
    fit : CapabilityFit
        What :func:`bayescale.fit_capabilities` returned.
    families : sequence of str, optional
        Which to leave out; all that have models of two known sizes when None.
    discrepancy, ci_prob, random_seed
        As for :func:`bayescale.predict_scores`.
    progressbar : bool
        Say which family is being fitted.

    Returns
    -------
    DataFrame
        One row per hidden score: ``model``, ``family``, ``score``, ``median``, ``lower`` and
        ``upper`` of an evaluation, what was ``observed``, and ``sound``, whether the diagnostics of
        the fit without them passed.

    Raises
    ------
    BayescaleError
        When no family has models of two sizes, for a family that has not, and where a score would
        be left with less than two models.

    See Also
    --------
    fit_capabilities : The fit.
    backtest : Runs of training in place of scores.

    References
    ----------
    Maia Polo et al. (2024), arXiv:2412.06540 (families from their smallest model)

    Examples
    --------
    >>> hidden = bs.leave_family_out(capabilities, random_seed=1)  # doctest: +SKIP
    >>> hidden["observed"].between(hidden["lower"], hidden["upper"]).mean()  # doctest: +SKIP
    """
    scores, seed = fit.scores, seed_of(random_seed, fit.seed)
    tables = []
    for family in _families(scores, families):
        if progressbar:
            print(f"fitting without the larger models of {family} ...", file=sys.stderr, flush=True)
        hidden = _larger(scores, family)
        without = _without(scores, hidden, family)
        again = fit_scores(
            without, fit.posterior.sizes["factor"], Sampler(**fit.record["sampler"]), seed
        )
        found = predict_scores(again, discrepancy=discrepancy, ci_prob=ci_prob, random_seed=seed)
        found["observed"] = scores.values.ravel()  # rows are by model, then by score
        kept = found["observed"].notna().to_numpy() & np.repeat(hidden, len(scores.names))
        tables.append(found[kept].assign(sound=again.diagnostics.ok))
    return pd.concat(tables, ignore_index=True)


def _families(scores: Scores, families: Sequence[str] | None) -> list[str]:
    """Return which families to leave out."""
    able = [one for one in scores.every_family if _larger(scores, one).any()]
    if not able:
        raise BayescaleError("no family has scores of models of two known sizes: none to leave out")
    for family in families or ():
        if family not in scores.every_family:
            known = closest(family, list(scores.every_family))
            raise BayescaleError(f"no family {family!r} in this fit{known}")
        if family not in able:
            raise BayescaleError(
                f"family {family!r} has no scores of models of two known sizes: leave it out"
            )
    return able if families is None else list(families)


def _larger(scores: Scores, family: str) -> np.ndarray:
    """Return which models of a family to hide: all with scores but the smallest, shape (model,)."""
    size = scores.sizes[:, 0]
    ours = np.array([one == family for one in scores.families])
    known = ours & np.isfinite(size)
    if np.unique(size[known]).size < 2:
        return np.zeros(len(ours), bool)
    smallest = np.flatnonzero(known)[size[known].argmin()]
    hidden = ours & scores.seen.any(axis=1)
    hidden[smallest] = False
    return hidden


def _without(scores: Scores, hidden: np.ndarray, family: str) -> Scores:
    """Return the table without the scores of some models."""
    values = np.where(hidden[:, None], np.nan, scores.values)
    few = np.flatnonzero(np.isfinite(values).sum(axis=0) < 2)
    if few.size:
        raise BayescaleError(
            f"without the larger models of {family} less than two have a score in "
            f"{scores.names[few[0]]}: fit without this score, or leave out other families"
        )
    return replace(scores, values=values)
