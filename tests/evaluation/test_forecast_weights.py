"""Weights of laws by their forecasts: none is written off by chance, and a bad one is."""

import numpy as np
import pytest

from bayescale.evaluation.forecast_weights import weights_of_forecasts


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
