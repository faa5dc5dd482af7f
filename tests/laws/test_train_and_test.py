"""Compute in training against compute per answer."""

import numpy as np
import pytest

from bayescale.laws.base import Law
from bayescale.laws.library.train_and_test import AccuracyFromTrainAndTest, RatingFromTrainAndTest

GAINS = {"gain_train": 300.0, "gain_test": 250.0}
LAWS = [
    (RatingFromTrainAndTest, {"level": -500.0, **GAINS}),
    (
        AccuracyFromTrainAndTest,
        {"guess": 0.02, "reach": 0.9, "odds": 0.3, "gain_train": 1.2, "gain_test": 1.0},
    ),
]


@pytest.mark.parametrize(("law", "values"), LAWS)
def test_the_exchange_keeps_the_target_where_it_is(
    law: type[Law], values: dict[str, float]
) -> None:
    exchange = law.derived(C=1e15, T=1e9, **values)["exchange"]
    assert exchange == pytest.approx(-1.2)
    before = law.equation(C=1.0, T=1.0, **values)
    after = law.equation(C=10.0, T=10**exchange, **values)
    assert after == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("queries", [1.0, 1e6])
@pytest.mark.parametrize(("law", "values"), LAWS)
def test_the_share_of_training_is_the_best_split_of_a_budget(
    law: type[Law], values: dict[str, float], queries: float
) -> None:
    shares = np.linspace(0.01, 0.99, 9801)
    budget = 3e3
    reached = law.equation(C=shares * budget, T=(1 - shares) * budget / queries, **values)
    best = shares[np.argmax(reached)]
    assert law.derived(C=1e15, T=1e9, **values)["train_share"] == pytest.approx(best, abs=2e-4)


def test_elo_is_the_plane_of_jones() -> None:
    """log10 T = -1.2 log10 C + 0.004 Elo + 29."""
    rng = np.random.default_rng(0)
    log_c, log_t = rng.uniform(13, 17, 50), rng.uniform(7, 11, 50)
    elo = RatingFromTrainAndTest.equation(
        C=10 ** (log_c - 15), T=10 ** (log_t - 9), level=-500.0, **GAINS
    )
    np.testing.assert_allclose(-1.2 * log_c + 0.004 * elo + 29, log_t, atol=1e-9)
