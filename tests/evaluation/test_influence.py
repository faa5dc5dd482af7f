"""Verdicts, outliers, left-out runs and point estimates, against numbers made up by hand."""

import warnings
from types import SimpleNamespace

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from handmade import TRUTH, design, handmade_fit
from scipy.optimize import approx_fprime, minimize

import bayescale as bs
from bayescale.evaluation import point_estimate
from bayescale.evaluation.backtest import Backtest
from bayescale.evaluation.compare import _verdict
from bayescale.evaluation.influence import _left_out, _median, changes_text
from bayescale.evaluation.point_estimate import DELTA, point_fit
from bayescale.evaluation.published import _judge
from bayescale.inference.fitted_runs import runs_again
from bayescale.model.observations import extract


@pytest.mark.parametrize(
    ("difference", "error", "said"),
    [
        (0.0, 0.0, "best"),
        (-3.99, 0.1, "as good as"),
        (-4.0, 0.1, "worse than"),
        (-5.0, 2.51, "within two standard errors"),
        (-5.0, 2.5, "worse than"),
        (5.0, 2.6, "within two standard errors"),
    ],
)
def test_verdicts_of_a_comparison(difference: float, error: float, said: str) -> None:
    table = pd.DataFrame({"elpd_diff": [0.0, difference], "dse": [0.0, error]}, index=["a", "b"])
    assert said in _verdict("a" if said == "best" else "b", table)


@pytest.mark.parametrize(
    ("value", "published", "said"),
    [
        (1.0, (np.nan, np.nan), "agrees: the published value lies"),
        (2.0, (np.nan, np.nan), "agrees: the published value lies"),
        (2.5, (2.0, 3.0), "agrees: the published interval overlaps"),
        (0.5, (0.2, 1.0), "agrees: the published interval overlaps"),
        (2.5, (2.1, 3.0), "differs: above our interval by 0.5"),
        (0.7, (0.2, 0.9), "differs: below our interval by 0.3"),
        (4.0, (np.nan, np.nan), "differs: above our interval by 2.0"),
    ],
)
def test_published_values_beside_an_interval(value, published, said) -> None:
    verdict, reason = _judge(value, published, {"median": 1.5, "lower": 1.0, "upper": 2.0})
    assert f"{verdict}: {reason}".startswith(said)


def test_what_is_fixed_is_not_comparable() -> None:
    unknown = dict.fromkeys(("median", "lower", "upper"), np.nan)
    assert _judge(1.0, (0.5, 1.5), unknown)[0] == "not comparable"


def test_the_median_of_weighted_draws() -> None:
    values = np.array([3.0, 1.0, 2.0, 5.0])
    assert _median(values, np.array([0.1, 0.2, 0.1, 0.6])) == 5.0
    assert _median(values, np.array([0.35, 0.25, 0.3, 0.1])) == 2.0
    assert _median(values, np.array([0.6, 0.2, 0.1, 0.1])) == 3.0


def moved(fit: bs.Fit, run: int, by: float) -> bs.Fit:
    """Return the fit with one observation moved by a factor from its curve."""
    curve = fit.curve(fit.inputs).median(("chain", "draw"))
    seen = fit.observed.copy(data=curve.to_numpy())
    seen[run] = curve[run] * np.exp(by)
    tree = fit.tree.copy()
    tree["observed_data"] = seen.to_dataset(name=fit.target)
    return bs.Fit(fit.spec, tree, fit.record)


def test_residuals_and_outliers_by_hand(made_fit) -> None:
    sigma = float(made_fit.posterior["sigma"].median())
    near, far = moved(made_fit, 3, 5.99 * sigma), moved(made_fit, 3, -6.01 * sigma)
    assert bs.outliers(near).empty
    (row,) = bs.outliers(far).itertuples()
    assert row.Index == str(made_fit.observed["run"].values[3])
    assert row.standardised == pytest.approx(-6.01)
    assert row.residual == pytest.approx(-6.01 * sigma)
    assert row.observed == pytest.approx(row.predicted * np.exp(-6.01 * sigma))


def test_what_is_left_out(made_fit) -> None:
    """The largest three tenths by compute, outliers, and a single run."""
    sigma = float(made_fit.posterior["sigma"].median())
    far = moved(made_fit, 3, 9 * sigma)
    parts = dict(_left_out(far, far.posterior[["E", "alpha"]]))
    spent = 6 * far.inputs["N"].to_numpy() * far.inputs["D"].to_numpy()
    labels = far.observed["run"].values
    (first, largest), (second, outlying), (third, single) = parts.items()
    beyond = spent >= np.quantile(spent, 0.7)
    assert first == f"the largest {beyond.sum()} runs by flops"
    assert sorted(largest) == sorted(labels[beyond])
    assert (second, outlying) == ("1 outlier", [str(labels[3])])
    assert third == f"run {single[0]}" and len(single) == 1


def test_the_largest_change_is_said() -> None:
    table = pd.DataFrame(
        {
            "left_out": ["x", "x", "y"],
            "quantity": ["E", "alpha", "E"],
            "all_runs": [1.8, 0.34, 1.8],
            "without": [1.7, 0.3512345, np.nan],
            "shift": [0.5, -2.25, np.nan],
            "expected": [0.2, 0.74, np.nan],
            "pareto_k": [0.2, 0.2, 0.934],
            "how": ["reweighted", "reweighted", "not known"],
        }
    )
    first, second = changes_text(table)
    assert first == (
        "without x: alpha moves most, from 0.34 to 0.3512, 2.2 posterior sd where 0.7 would be "
        "chance (reweighted)"
    )
    assert second.startswith("without y: reweighting is unreliable (Pareto k 0.93)")


def test_the_point_estimate_is_least_huber_loss() -> None:
    fit = handmade_fit()
    data = extract(fit.spec, runs_again(fit))
    found = point_fit(fit.spec, data, random_seed=0)
    n, d = data.inputs["N"] / 1e9, data.inputs["D"] / 2e10

    def lost(at: np.ndarray) -> float:
        e, a, alpha, b, beta = np.exp(at)
        off = np.abs(np.log(e + a * n**-alpha + b * d**-beta) - np.log(data.observed))
        return float(np.where(off < DELTA, off**2 / 2, DELTA * (off - DELTA / 2)).sum())

    start = np.log([TRUTH["chinchilla"][k] for k in ("E", "a", "alpha", "b", "beta")])
    best = minimize(lost, start, method="Nelder-Mead", options={"maxiter": 9000, "fatol": 1e-13})
    ours = np.log([found[k][0] for k in ("E", "a", "alpha", "b", "beta")])
    assert lost(ours) <= lost(best.x) * (1 + 1e-4)
    assert {len(v) for v in found.values()} == {101}
    spread = {k: np.std(np.log(v[1:])) for k, v in found.items()}
    assert all(0 < s < 1 for s in spread.values()), "resamples differ"
    assert SimpleNamespace(**spread).alpha > 1e-3


def test_outliers_come_worst_first(made_fit) -> None:
    sigma = float(made_fit.posterior["sigma"].median())
    far = moved(made_fit, 3, 7 * sigma)
    tree, seen = far.tree.copy(), far.observed.copy(deep=True)
    seen[8] = seen[8] * np.exp(-9 * sigma)
    tree["observed_data"] = seen.to_dataset(name=far.target)
    found = bs.outliers(bs.Fit(far.spec, tree, far.record))
    np.testing.assert_allclose(found["standardised"], [-9, 7], rtol=1e-6)


def test_untrusted_runs_are_counted() -> None:
    """Pareto's k and the variance of each run's log likelihood, counted one by one."""
    fits = {"near": handmade_fit(), "wide": handmade_fit(spread=0.2)}
    table = bs.compare(fits)
    for name, fit in fits.items():
        density = fit.tree_group("log_likelihood")[fit.target].transpose("chain", "draw", "run")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loo = azs.loo(fit.tree, pointwise=True)
            each = density.to_numpy().reshape(1000, -1).T
            ks = [float(array_stats.psislw(row)[1]) for row in each]
        limit = min(1 - 1 / np.log10(1000), 0.7)
        assert table.loc[name, "bad_k"] == sum(k > limit for k in ks)
        flat = density.to_numpy().reshape(1000, -1)
        assert table.loc[name, "bad_waic"] == (flat.var(axis=0, ddof=1) > 0.4).sum()
        assert table.loc[name, "elpd_loo"] == pytest.approx(float(loo.elpd))
        assert table.loc[name, "se_loo"] == pytest.approx(float(loo.se))
    assert table.index[0] == "near"
    assert table.loc["wide", "bad_k"] > 0
    difference = table.loc["wide", "elpd_loo"] - table.loc["near", "elpd_loo"]
    assert abs(table.loc["wide", "elpd_diff"]) == pytest.approx(abs(difference))


def test_a_point_forecast_knows_only_the_fitted_runs() -> None:
    """Held-out losses are half as high again: the forecast, of exact runs, is off by just that."""
    runs = design()
    n, d = runs["params"] / 1e9, runs["tokens"] / 2e10
    t = TRUTH["chinchilla"]
    runs["loss"] = t["E"] + t["a"] * n ** -t["alpha"] + t["b"] * d ** -t["beta"]
    large = runs["flops"] > runs["flops"].median()
    runs.loc[large, "loss"] *= 1.5
    found = bs.backtest_point_fit(runs, "chinchilla", cuts=[0.5], random_seed=0)
    np.testing.assert_allclose(found.runs["error"], -np.log(1.5), atol=2e-3)
    assert found.summary["fitted"].iloc[0] == (~large).sum()


def made_up(crps: float, density: list[float]) -> Backtest:
    runs = pd.DataFrame({"cut": ["a", "a", "b"], "run": ["1", "2", "2"], "log_score": density})
    summary = pd.DataFrame(
        {"crps": [crps], "abs_error": [2 * crps], "cover_90": [0.8], "log_score": [-1.2345],
         "fitted": [12], "held_out": [3], "diagnostics": [np.False_], "width_90": [np.nan]},
        index=pd.Index(["all"], name="cut"),
    )  # fmt: skip
    return Backtest(runs, summary, "law")


def test_backtests_beside_loo() -> None:
    """Forecasts rank the laws the other way round; each cut has the same weight."""
    fits = {"near": handmade_fit(), "wide": handmade_fit(spread=0.2)}
    scores = {"near": [-1.0, -1.0, -1.0], "wide": [-0.2, -2.1, 0.3]}
    tests = {name: made_up(c, scores[name]) for name, c in (("near", 0.03), ("wide", 0.02))}
    table = bs.compare(fits, backtests=tests)
    assert list(table.index) == ["near", "wide"]
    assert table["crps"].tolist() == [0.03, 0.02]
    assert table["abs_error"].tolist() == [0.06, 0.04]
    assert table.loc["near", "verdict"] == "best; beyond the data CRPS 1.5 times that of wide"
    assert table.loc["wide", "verdict"].endswith(
        "; beyond the data best, while LOO prefers near: to extrapolate, trust the backtest"
    )
    share = np.linspace(0, 1, 100_001)[:, None]
    densities = (np.exp(np.array(scores[k])) for k in ("near", "wide"))
    one, other = densities
    mean = np.log(share * one + (1 - share) * other) @ np.array([0.5, 0.5, 1.0])
    assert table.loc["near", "weight_beyond"] == pytest.approx(share[mean.argmax(), 0], abs=2e-3)
    agreed = bs.compare(fits, backtests=tests | {"wide": made_up(0.06, scores["wide"])})
    assert agreed.loc["near", "verdict"] == "best; beyond the data best"
    assert agreed.loc["wide", "verdict"].endswith("; beyond the data CRPS 2 times that of near")


def test_a_backtest_in_words() -> None:
    text = str(made_up(0.0123, [0.0, 0.0, 0.0]))
    assert text.startswith("law: 3 forecasts of held-out runs over 2 cuts")
    for shown in ("1.2 %", "2.5 %", "80 %", "-1.23", "12", "failed", "undefined"):
        assert shown in text
    assert "-1.2345" not in text and "-123" not in text


def test_the_gradient_of_the_huber_loss(monkeypatch) -> None:
    """What the optimiser is given is the slope of what it minimises."""
    seen = []

    def watched(objective, start, **options):
        at = start + 0.01
        numeric = approx_fprime(at, lambda x: objective(x)[0], 1e-7)
        seen.append((objective(at)[1], numeric))
        return minimize(objective, start, **options)

    monkeypatch.setattr(point_estimate, "minimize", watched)
    fit = handmade_fit()
    point_fit(fit.spec, extract(fit.spec, runs_again(fit)), random_seed=0)
    assert len(seen) == 8 + 100
    for given, numeric in seen[:20]:
        np.testing.assert_allclose(given, numeric, rtol=0.02, atol=0.01 * np.abs(numeric).max())
