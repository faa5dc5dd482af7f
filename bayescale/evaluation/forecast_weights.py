"""Average laws of finished runs by how well they predict runs that are held out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bayescale.evaluation.backtest import Backtest
from bayescale.inference.leave_one_out import pointwise_loo
from bayescale.inference.result import Fit
from bayescale.prediction.averaging import Average
from bayescale.prediction.runs_by_compute import main_column, run_columns

TOGETHER = 0.25
"""Decades of compute within which the errors of forecasts are taken to go together."""


IMPOSSIBLE = 10.0
"""By how many nats a run that a law gave no density to scores below the worst of all."""


def weights_of_forecasts(
    scores: np.ndarray, clusters: np.ndarray, random_seed: int, draws: int = 4000
) -> np.ndarray:
    """Return averaging weights from log scores of held-out runs whose errors go together.

    The forecasts of one law at nearby budgets are wrong together, so a cluster of runs counts as
    one observation, of the mean log score. Clusters are resampled (Bayesian bootstrap), their
    scatter being widened to that of the difference from what another set of clusters would show,
    and the laws' probabilities are averaged over that (pseudo-BMA+). A law loses its weight only to
    evidence that is large beside its own standard error.

    Parameters
    ----------
    scores : array, shape (run, law)
        Log predictive densities of held-out runs.
    clusters : array, shape (run,)
        The cluster of each run.
    random_seed, draws : int
        Of the bootstrap.

    Returns
    -------
    array, shape (law,)
        They sum to one.

    References
    ----------
    Rubin (1981), doi:10.1214/aos/1176345338; Yao et al. (2018), doi:10.1214/17-BA1091, sec. 3.4
    """
    known = np.isfinite(scores).any(axis=1)
    values = scores[known]
    least = values[np.isfinite(values)].min() - IMPOSSIBLE
    values = np.where(np.isfinite(values), values, least)
    names, at = np.unique(np.asarray(clusters)[known], return_inverse=True)
    count = len(names)
    means = np.array([values[at == i].mean(axis=0) for i in range(count)])
    shares = np.random.default_rng(random_seed).dirichlet(np.ones(count), draws) * count
    wider = (2 * (count + 1) / max(count - 1, 1)) ** 0.5
    totals = means.sum(axis=0) + wider * ((shares - 1) @ means)
    chances = np.exp(totals - totals.max(axis=1, keepdims=True))
    return (chances / chances.sum(axis=1, keepdims=True)).mean(axis=0)


def weigh_laws(
    fits: Mapping[str, Fit], backtests: Mapping[str, Backtest], random_seed: int
) -> Fit | Average:
    """Average laws of finished runs by how well they predict runs that are held out.

    Both forecasts of larger runs and runs left out one by one count, those of a quarter of a decade
    of compute as one observation (:func:`weights_of_forecasts`).

    Parameters
    ----------
    fits : mapping of str to Fit
        The laws by name, fitted to the same runs.
    backtests : mapping of str to Backtest
        Their forecasts; empty where there are none.
    random_seed : int
        Of the bootstrap.

    Returns
    -------
    Fit or Average
        The fit itself where there is one.
    """
    first = next(iter(fits.values()))
    if len(fits) == 1:
        return first
    scores = [np.column_stack([pointwise_loo(one) for one in fits.values()])]
    column = main_column(first)
    along = (
        np.zeros(first.observed.size) if column is None else np.log10(run_columns(first)[column])
    )
    steps = [-1 - _steps(along)]
    if backtests:
        forecasts = [backtests[name].runs for name in fits]
        scores.append(np.column_stack([one["log_score"] for one in forecasts]))
        steps.append(_steps_of_forecasts(forecasts[0]))
    weights = weights_of_forecasts(np.concatenate(scores), np.concatenate(steps), random_seed)
    return Average(fits, dict(zip(fits, weights.tolist(), strict=True)))


def _steps_of_forecasts(held_out: pd.DataFrame) -> np.ndarray:
    """Return in which step of compute each held-out run lies, whatever cut held it out."""
    limits = np.log10(held_out["cut"].str.rpartition(" ")[2].astype(float))
    towards = np.where(held_out["cut"].str.contains(" >= ", regex=False), -limits, limits)
    return _steps(towards + held_out["distance"].to_numpy())


def _steps(decades: np.ndarray) -> np.ndarray:
    """Return in which step of compute each run lies, from 0 on."""
    return np.floor((decades - decades.min()) / TOGETHER)
