"""What each draw of a law misses at the runs: from a few of them as from all."""

import numpy as np
import pandas as pd
import pytest
from handmade import handmade_fit

from bayescale.inference.result import Fit
from bayescale.prediction import run_residuals
from bayescale.prediction.run_residuals import residuals_by_place, spanning_columns


def many_runs(spread: float = 0.01) -> Fit:
    rng = np.random.default_rng(3)
    sizes = {"params": 10 ** rng.uniform(8, 10, 300), "tokens": 10 ** rng.uniform(9, 11.5, 300)}
    return handmade_fit(runs=pd.DataFrame(sizes), spread=spread)


def by_place(fit: Fit, scatter: float = 0.01) -> np.ndarray:
    place, share = np.arange(300) // 2, np.tile([0.25, 0.75], 150)
    return residuals_by_place(fit, place, share, np.full(300, scatter))


def directly(fit: Fit) -> np.ndarray:
    law = fit.curve(fit.inputs).transpose("chain", "draw", "run").to_numpy()
    each = np.log(fit.observed.to_numpy() / law)
    return 0.25 * each[..., ::2] + 0.75 * each[..., 1::2]


def test_a_few_runs_say_what_is_missed_at_all(monkeypatch) -> None:
    fit, asked = many_runs(), []
    work = run_residuals.curve_at
    monkeypatch.setattr(
        run_residuals, "curve_at", lambda fit, runs: asked.append(len(runs)) or work(fit, runs)
    )
    found, exact = by_place(fit), directly(fit)
    assert len(asked) == 1 and 4 <= asked[0] <= 15  # of five parameters
    assert np.std(exact, axis=(0, 1)).min() > 1e-3  # the draws differ
    assert np.sqrt(np.square(found - exact).mean()) < 1e-4
    assert np.abs(found - exact).max() < 1e-3


@pytest.mark.parametrize("reason", ["too many would be needed", "does not hold in other draws"])
def test_all_runs_are_asked_where_a_few_do_not_say(monkeypatch, reason: str) -> None:
    fit = many_runs()
    if reason == "too many would be needed":
        monkeypatch.setattr(run_residuals, "spanning_columns", lambda *given: None)
    else:
        monkeypatch.setattr(run_residuals, "spanning_columns", lambda *given: np.array([0]))
    monkeypatch.setattr(run_residuals, "curve_at", lambda *given: pytest.fail("a few were asked"))
    np.testing.assert_allclose(by_place(fit), directly(fit), atol=1e-12)


def test_columns_that_span_the_others() -> None:
    rng = np.random.default_rng(1)
    three = rng.normal(size=(200, 3)) * [1.0, 5.0, 0.1]
    values = three @ rng.normal(size=(3, 50))
    chosen = spanning_columns(values, 1e-9, 40)
    assert chosen is not None and len(chosen) == len(set(chosen.tolist())) == 3
    follow = np.linalg.lstsq(values[:, chosen], values, rcond=None)[0]
    np.testing.assert_allclose(values[:, chosen] @ follow, values, atol=1e-9)
    assert chosen[0] == np.square(values).mean(axis=0).argmax()
    assert spanning_columns(values, 1e-9, 2) is None
    assert spanning_columns(np.zeros((5, 4)), 1e-9, 2).tolist() == []
