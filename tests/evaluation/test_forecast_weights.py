"""Weights of laws by their forecasts: none is written off by chance, and a bad one is."""

from types import SimpleNamespace
from typing import Any

import example_fits
import numpy as np
import pandas as pd
import pytest

from bayescale.evaluation import forecast_weights
from bayescale.evaluation.forecast_weights import (
    _steps_of_forecasts,
    weigh_laws,
    weights_of_forecasts,
)


def test_two_laws_of_equal_truth_both_keep_weight() -> None:
    """Thirty held-out runs in six budgets whose errors go together: neither is written off."""
    least = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        budgets = np.repeat(np.arange(6), 5)
        shared, own = rng.normal(size=(6, 2))[budgets], rng.normal(size=(30, 2))
        least.append(weights_of_forecasts(shared + own, budgets, seed).min())
    assert np.mean(np.array(least) < 0.05) <= 0.05


def test_a_law_that_is_clearly_worse_loses_its_weight() -> None:
    rng = np.random.default_rng(1)
    difference = rng.normal(size=30)
    difference += 4.5 * difference.std(ddof=1) / 30**0.5 - difference.mean()
    scores = np.column_stack([np.zeros(30), -difference])
    weights = weights_of_forecasts(scores, np.arange(30), 1)
    assert weights.sum() == pytest.approx(1) and weights[1] < 0.02
    np.testing.assert_array_equal(weights, weights_of_forecasts(scores, np.arange(30), 1))


def test_runs_of_one_cluster_count_once() -> None:
    """Ten times the runs of each budget, of the same score, say no more."""
    scores = np.random.default_rng(2).normal(size=(5, 3))
    once = weights_of_forecasts(scores, np.arange(5), 1)
    again = weights_of_forecasts(np.repeat(scores, 10, axis=0), np.repeat(np.arange(5), 10), 1)
    np.testing.assert_allclose(once, again)


def test_one_cluster_is_weighed_by_its_score_alone() -> None:
    weights = weights_of_forecasts(np.log([[0.2, 0.6]]), np.zeros(1), 1)
    np.testing.assert_allclose(weights, [0.25, 0.75])


def test_a_run_that_no_law_gave_a_density_is_left_out() -> None:
    scores = np.array([[-np.inf, -np.inf], [0.0, np.log(3)], [-np.inf, 0.0]])
    weights = weights_of_forecasts(scores, np.arange(3), 1)
    assert weights[1] > 0.7 and np.isfinite(weights).all()
    np.testing.assert_allclose(weights_of_forecasts(scores[:2], np.arange(2), 1), [0.25, 0.75])


def forecasts(score: float) -> Any:
    """A backtest of six held-out runs, in six steps of compute, each with the same score."""
    rows = {"cut": "flops <= 1e20", "distance": np.arange(6) * 0.3, "log_score": score}
    return SimpleNamespace(runs=pd.DataFrame(rows))


def weights_of(scores: dict[str, float] | None) -> dict[str, float]:
    fits = example_fits.namespace()["fits"]
    backtests = {} if scores is None else {k: forecasts(v) for k, v in scores.items()}
    return dict(weigh_laws(fits, backtests, 1).weights)


def test_laws_that_predict_alike_weigh_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_weights, "pointwise_loo", lambda fit: np.zeros(fit.observed.size))
    found = weights_of({"chinchilla": 2.0, "skaling": 2.0})
    assert found == pytest.approx({"chinchilla": 0.5, "skaling": 0.5})


def test_forecasts_and_left_out_runs_both_count() -> None:
    alone = weights_of(None)
    better = weights_of({"chinchilla": 2.5, "skaling": 2.0})
    worse = weights_of({"chinchilla": 1.5, "skaling": 2.0})
    assert worse["chinchilla"] < alone["chinchilla"] < better["chinchilla"]
    odds = [one["chinchilla"] / one["skaling"] for one in (worse, alone, better)]
    # Six runs of half a nat each say e^3 for sure; the bootstrap makes it less so.
    assert 5 < odds[2] / odds[1] < np.exp(3) and 5 < odds[1] / odds[0] < np.exp(3)


def test_one_law_is_no_average() -> None:
    fit = example_fits.namespace()["fits"]["skaling"]
    assert weigh_laws({"skaling": fit}, {}, 1) is fit


def test_runs_of_one_budget_go_together_whatever_cut_held_them_out() -> None:
    held_out = pd.DataFrame(
        {
            "cut": ["flops <= 1e+20"] * 3 + ["flops <= 1e+21"],
            "distance": [0.1, 1.0, 1.001, 0.0],
        }
    )
    found = _steps_of_forecasts(held_out)
    assert found[1] == found[2] == found[3] != found[0]
