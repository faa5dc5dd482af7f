"""Verdicts, outliers, left-out runs and point estimates, against numbers made up by hand."""

import warnings
from types import SimpleNamespace
from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from handmade import REFERENCES, TRUTH, design, handmade_fit
from scipy.optimize import approx_fprime, minimize

import bayescale as bs
from bayescale.evaluation import backtest as backtesting
from bayescale.evaluation import influence, point_estimate
from bayescale.evaluation import waic as waic_module
from bayescale.evaluation.backtest import Backtest, _score
from bayescale.evaluation.compare import _better, _verdict, _warning
from bayescale.evaluation.influence import (
    _largest_shift,
    _left_out,
    _median,
    _moved,
    _shift,
    changes_text,
)
from bayescale.evaluation.point_estimate import DELTA, point_fit
from bayescale.evaluation.published import _judge
from bayescale.inference.fitted_runs import runs_again
from bayescale.model.link_scale import natural, to_link
from bayescale.model.noise.registry import following
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec


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
        (4.0, (np.nan, np.nan), "differs: above our interval by 2 of its width"),
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
    usual = np.random.default_rng(7).standard_t(4, 40).clip(-4, 4)
    usual[3] = 6.5
    assert bs.outliers(scattered(made_fit, usual)).empty, "as in one of seven tables"
    far = moved(made_fit, 3, -20 * sigma)
    (row,) = bs.outliers(far).itertuples()
    assert row.Index == str(made_fit.observed["run"].values[3])
    assert row.standardised == pytest.approx(-20)
    assert row.residual == pytest.approx(-20 * sigma)
    assert row.observed == pytest.approx(row.predicted * np.exp(-20 * sigma))


def test_what_is_left_out(made_fit) -> None:
    """The largest three tenths by compute, outliers, and a single run."""
    sigma = float(made_fit.posterior["sigma"].median())
    far = moved(made_fit, 3, 20 * sigma)
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
    far = moved(made_fit, 3, 25 * sigma)
    tree, seen = far.tree.copy(), far.observed.copy(deep=True)
    seen[8] = seen[8] * np.exp(-30 * sigma)
    tree["observed_data"] = seen.to_dataset(name=far.target)
    found = bs.outliers(bs.Fit(far.spec, tree, far.record))
    np.testing.assert_allclose(found["standardised"].abs(), [30, 25], atol=4)
    assert list(np.sign(found["standardised"])) == [-1, 1]


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
    assert table.loc["near", "verdict"] == "best; CRPS of held-out runs 1.50 times that of wide"
    assert table.loc["wide", "verdict"].endswith(
        "; CRPS of held-out runs the lowest, while LOO prefers near: "
        "to extrapolate, trust the backtest"
    )
    share = np.linspace(0, 1, 100_001)[:, None]
    densities = (np.exp(np.array(scores[k])) for k in ("near", "wide"))
    one, other = densities
    mean = np.log(share * one + (1 - share) * other) @ np.array([0.5, 0.5, 1.0])
    assert table.loc["near", "weight_beyond"] == pytest.approx(share[mean.argmax(), 0], abs=2e-3)
    agreed = bs.compare(fits, backtests=tests | {"wide": made_up(0.06, scores["wide"])})
    assert agreed.loc["near", "verdict"] == "best; CRPS of held-out runs the lowest"
    assert agreed.loc["wide", "verdict"].endswith("; CRPS of held-out runs 2.00 times that of near")


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

    monkeypatch.setattr("scipy.optimize.minimize", watched)
    fit = handmade_fit()
    point_fit(fit.spec, extract(fit.spec, runs_again(fit)), random_seed=0)
    assert len(seen) == 8 + 100
    for given, numeric in seen[:20]:
        np.testing.assert_allclose(given, numeric, rtol=0.02, atol=0.01 * np.abs(numeric).max())


def with_densities(fit: bs.Fit, swing: np.ndarray) -> bs.Fit:
    """Return the fit with log densities that swing by so much around -1, half the draws up."""
    signs = np.tile([1.0, -1.0], 500).reshape(4, 250)
    density = xr.DataArray(
        signs[:, :, None] * swing - 1, dims=("chain", "draw", "run"),
        coords={"chain": np.arange(4), "draw": np.arange(250), "run": fit.observed["run"]},
    )  # fmt: skip
    tree = fit.tree.copy()
    tree["log_likelihood"] = xr.DataTree(density.to_dataset(name=fit.target))
    return bs.Fit(fit.spec, tree, fit.record)


def test_waic_of_known_densities(made_fit) -> None:
    """The mean of exp(-1 ± s) is cosh(s) / e, and the variance of ± s is s² n / (n - 1)."""
    swing = np.zeros(40)
    swing[[2, 5, 7]] = np.sqrt(np.array([0.39, 0.41, 1.3]) * 0.999)
    with pytest.warns(bs.BayescaleWarning, match=r"reliable: 2 of 40 runs .* above 0\.4; use LOO"):
        found = bs.waic(with_densities(made_fit, swing))
    terms = np.log(np.cosh(swing)) - 1 - swing**2 / 0.999
    np.testing.assert_allclose(found.elpd_i, terms)
    np.testing.assert_allclose(found.p_i, swing**2 / 0.999, atol=1e-12)
    assert found.elpd == pytest.approx(terms.sum()) and found.p == pytest.approx(2.1)
    assert found.se == pytest.approx(np.sqrt(40) * np.std(terms))
    assert (found.n_samples, found.n_data_points) == (1000, 40)
    assert found.warning and found.scale == "log" and np.isnan(found.good_k)
    assert set(found.elpd_i.coords) == {"run"} == set(found.p_i.coords)
    swing[[5, 7]] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not bs.waic(with_densities(made_fit, swing)).warning


def test_a_variance_at_the_limit_is_trusted(made_fit, monkeypatch) -> None:
    swung = with_densities(made_fit, np.where(np.arange(40) == 3, 0.5, 0.0))
    monkeypatch.setattr(waic_module, "TRUSTED_VARIANCE", float(bs.waic(swung).p_i[3]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not bs.waic(swung).warning


def test_the_noise_along_runs_is_named_where_there_is_one(made_fit) -> None:
    along = following(made_fit.spec.noise, made_fit.law.parameters)
    assert along is not None
    assert _better(made_fit).endswith(f"too narrow; noise={along.name!r} does not")
    alone: Any = SimpleNamespace(spec=SimpleNamespace(noise=along, law=made_fit.law))
    assert following(along, ()) is None and _better(alone).endswith("too narrow")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"elpd_waic": -95.0}, ""),
        ({"elpd_waic": -94.9}, "WAIC and LOO differ by more than a standard error: trust LOO"),
        ({"elpd_waic": -105.1}, "WAIC and LOO differ by more than a standard error: trust LOO"),
        ({"bad_k": 1}, "LOO: 1 run has Pareto k > 0.67: left out, the fit would change too much"),
        ({"bad_k": 2}, "LOO: 2 runs have Pareto k > 0.67: left out"),
        ({"bad_waic": 1}, "WAIC: 1 run has a log-likelihood variance above 0.4: trust LOO instead"),
        ({"bad_waic": 3}, "WAIC: 3 runs have a log-likelihood variance above 0.4"),
    ],
)  # fmt: skip
def test_warnings_of_a_comparison(made_fit, changes: dict, said: str) -> None:
    row = {"elpd_loo": -100.0, "se_loo": 5.0, "elpd_waic": -100.0, "bad_k": 0, "bad_waic": 0}
    found = _warning(made_fit, row | changes, SimpleNamespace(good_k=0.6667))  # pyright: ignore
    assert found.startswith(said) and bool(found) == bool(said)


def scattered(fit: bs.Fit, standardised: np.ndarray) -> bs.Fit:
    """Return the fit with its runs so many scatters off their curve."""
    sigma = float(fit.posterior["sigma"].median())
    curve = fit.curve(fit.inputs).median(("chain", "draw"))
    tree = fit.tree.copy()
    seen = fit.observed.copy(data=curve.to_numpy() * np.exp(sigma * standardised))
    tree["observed_data"] = seen.to_dataset(name=fit.target)
    return bs.Fit(fit.spec, tree, fit.record)


def test_heavy_tails_alone_name_no_run(made_fit) -> None:
    """Six scatters are passed in one of seven tables of 40 runs, and none of them is odd."""
    rng = np.random.default_rng(5)
    tables = rng.standard_t(4, (120, 40))
    passed = [one for one in tables if np.abs(one).max() > 6]
    assert len(passed) > 10
    named = [not bs.outliers(scattered(made_fit, one)).empty for one in passed]
    assert sum(named) <= 3, "3 of 120 tables have a chance of 0.04"


@pytest.mark.parametrize("odd", [0, 1, 4])
def test_single_outliers_are_those_that_adequacy_describes(made_fit, odd: int) -> None:
    usual = np.random.default_rng(6).standard_t(8, 40)
    usual[:odd] = np.linspace(30, 50, odd)
    fit = scattered(made_fit, usual)
    named, said = list(bs.outliers(fit).index), bs.adequacy(fit).outliers
    labels = [str(one) for one in made_fit.observed["run"].values[:odd]]
    assert sorted(named) == sorted(labels)
    assert [one.split(" has ")[0].removeprefix("run ") for one in said] == named


def test_where_runs_are_of_several_kinds_all_are_named(made_fit) -> None:
    usual = np.random.default_rng(6).standard_t(8, 40)
    usual[:12] = 7.0
    fit = scattered(made_fit, usual)
    assert len(bs.outliers(fit)) == 12 and not bs.adequacy(fit).outliers
    kinds = [one for one in bs.adequacy(fit).findings if one.kind == "outliers"]
    assert not kinds or kinds[0].text.startswith("12 of 40 runs lie more than 6 times")


def parts_of(monkeypatch, far: list[float], column: str, outlying: list[str]) -> list:
    """Return what would be left out of made-up runs."""
    fake = SimpleNamespace(
        spec=make_spec("power_law", columns={"x": column}),
        observed=xr.DataArray(
            np.zeros(len(far)), dims="run", coords={"run": list("abcdefgh")[: len(far)]}
        ),
    )
    monkeypatch.setattr(influence, "main_column", lambda fit: column)
    monkeypatch.setattr(influence, "run_columns", lambda fit: {column: np.array(far)})
    monkeypatch.setattr(influence, "outliers", lambda fit: pd.DataFrame(index=outlying))
    monkeypatch.setattr(influence, "_most_moving", lambda fit, values: "b")
    return list(_left_out(fake, xr.Dataset()))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("far", "column", "outlying", "expected"),
    [
        ([1, 2, 3, 4], "flops", [], [("the largest run by flops", ["d"])]),
        ([4, 1, 2, 3], "loss", [], [("the smallest run by loss", ["b"])]),
        ([1, 1, 2, 2], "flops", [], [("the largest 2 runs by flops", ["c", "d"])]),
        ([1, 2, 2, 2], "flops", [], []),
        ([1, 1, 1, 2], "loss", [], []),
        ([1, 2, 2, 2], "flops", ["a"], [("1 outlier", ["a"])]),
        ([1, 2, 2, 2], "flops", ["a", "b"], []),
        ([1, 2, 2, 2, 2], "flops", ["e", "b"], [("2 outliers", ["e", "b"])]),
    ],
)
def test_sets_that_are_left_out(monkeypatch, far, column, outlying, expected) -> None:
    """At most half the runs at the far end, and fewer than half as outliers."""
    assert parts_of(monkeypatch, far, column, outlying) == [*expected, ("run b", ["b"])]


def test_twenty_runs_are_looked_at(made_fit, monkeypatch) -> None:
    """Those whose densities vary most: the one that moves most is the last of them."""
    swing = np.random.default_rng(2).permutation(np.linspace(0.1, 2, 40))
    far, labels = with_densities(made_fit, swing), made_fit.observed["run"].values
    place = {str(labels[i]): n for n, i in enumerate(np.argsort(-swing))}
    densities = lambda fit, parts: [place[name] for (name,) in parts]  # noqa: E731
    monkeypatch.setattr(influence, "log_likelihoods_of", densities)
    monkeypatch.setattr(influence, "_largest_shift", lambda values, density: density)
    assert place[influence._most_moving(far, xr.Dataset())] == 19
    assert influence._most_moving(far, xr.Dataset()) == labels[np.argsort(-swing)[19]]


def test_the_largest_shift_by_hand(monkeypatch) -> None:
    weights = np.array([0.5, 0.5, 0.0, 0.0])
    monkeypatch.setattr(influence, "_reweighted", lambda density: (weights, 0.1))
    values = {"a": [0.0, 1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0, 0.0], "c": [1.0, 1.0, 1.0, 1.0]}
    draws = xr.Dataset({k: ("draw", v) for k, v in values.items()})
    density = xr.DataArray(0.0)
    assert _largest_shift(draws, density) == pytest.approx(1 / np.sqrt(1.25))
    assert _largest_shift(draws[["c"]], density) == 0.0
    assert _largest_shift(xr.Dataset(), density) == 0.0
    assert _shift(np.ones(4), weights) == (0.0, 0.0)
    shift, expected = _shift(np.array(values["b"]), weights)
    assert shift == pytest.approx(1 / np.sqrt(1.25)) and expected == 0.0


def moved_rows(monkeypatch, k: float, size: int, again) -> pd.DataFrame:
    """Return the rows of a set whose weights are made up: all on the upper half of the draws."""
    weights = np.repeat([0.0, 2 / size], size // 2)
    monkeypatch.setattr(influence, "_reweighted", lambda density: (weights, k))
    monkeypatch.setattr(influence, "log_likelihood_of", lambda fit, names: xr.DataArray(0.0))
    values = np.repeat([1.0, 2.0, 3.0, 4.0], size // 4).reshape(2, -1)
    shown = xr.Dataset({"N*": (("chain", "draw"), np.exp(values), {"scale": "log"})})
    own = (shown, np.log(shown))
    later = shown.assign({"N*": (("chain", "draw"), np.exp(2 * values), {"scale": "log"})})
    monkeypatch.setattr(influence, "_without", lambda *_: "the other fit")
    monkeypatch.setattr(influence, "quantities", lambda fit, *asked: later)
    return _moved(None, own, "run b", ["b"], again, 0, False)  # pyright: ignore


@pytest.mark.parametrize(
    ("k", "size", "how"),
    [
        (0.66, 1000, "reweighted"),
        (1 - 1 / 3, 1000, "reweighted"),
        (0.67, 1000, "not known"),
        (0.7, 10_000, "reweighted"),
        (0.71, 10_000, "not known"),
    ],
)
def test_weights_are_trusted_up_to_a_limit(monkeypatch, k: float, size: int, how: str) -> None:
    """The mean of the upper half is one higher: by 1 / sqrt(1.25) sd; variances fall."""
    for again in (None, (1e23, None)):
        (row,) = moved_rows(monkeypatch, k, size, again).to_dict("records")
        said = "refitted" if again and how == "not known" else how
        assert row["how"] == said and row["pareto_k"] == k
        assert (row["left_out"], row["quantity"], row["names"]) == ("run b", "N*", ["b"])
        assert row["all_runs"] == pytest.approx((np.exp(2) + np.exp(3)) / 2)
        if said == "reweighted":
            assert row["without"] in (np.exp(3.0), np.exp(4.0))
            assert row["shift"] == pytest.approx(1 / np.sqrt(1.25)) and row["expected"] == 0
        elif said == "refitted":
            assert row["without"] == pytest.approx((np.exp(4) + np.exp(6)) / 2)
            assert row["shift"] == pytest.approx(2.5 / np.sqrt(1.25))
            assert row["expected"] == pytest.approx(np.sqrt(5 - 1.25) / np.sqrt(1.25))
        else:
            assert np.isnan([row["without"], row["shift"], row["expected"]]).all()


def test_what_the_minimiser_is_given(monkeypatch) -> None:
    """The loss at a point and not beside it, its slope, and a large number where it is none."""
    fit = handmade_fit()
    data, seen = extract(fit.spec, runs_again(fit)), []

    def instead(objective, start, **options):
        seen.append((objective(start), objective(start + np.nan), options))
        return SimpleNamespace(x=start, fun=objective(start)[0])

    monkeypatch.setattr("scipy.optimize.minimize", instead)
    parameters = fit.spec.free
    start = np.array(
        [to_link(p, 1.1 * TRUTH["chinchilla"][k], data.scales) for k, p in parameters.items()]
    )
    rows = np.arange(7, 40)
    x, fun = point_estimate._minimise(start, fit.spec, data, rows)
    n, d = data.inputs["N"][rows] / 1e9, data.inputs["D"][rows] / 2e10

    def lost(at: np.ndarray) -> float:
        values = (natural(p, at[i], data.scales) for i, p in enumerate(parameters.values()))
        e, a, alpha, b, beta = map(float, values)
        off = np.abs(np.log(e + a * n**-alpha + b * d**-beta) - np.log(data.observed[rows]))
        return float(np.where(off < DELTA, off**2 / 2, DELTA * (off - DELTA / 2)).sum())

    ((value, slope), (none, _), options) = seen[0]
    assert x is start and fun == value == pytest.approx(lost(start), rel=1e-12)
    np.testing.assert_allclose(slope, approx_fprime(start, lost, 1e-7), rtol=1e-4)
    assert none == 1e10 and options["method"] == "L-BFGS-B"


def test_published_values_in_a_table(made_fit) -> None:
    """Bounds of the published interval, of ours, and the probability inside ours."""
    block = {"source": "S", "values": {"alpha": 0.35, "N_opt_exponent": 0.2},
             "intervals": {"alpha": [0.3, 0.4]}, "level": 0.9}  # fmt: skip
    study = bs.Study.from_dict(
        {"name": "mine", "law": "chinchilla", "data": {"file": "x.csv"}, "published": [block]}
    )
    table = bs.check_published(made_fit, study, 0.8)
    assert table.attrs["ci_prob"] == 0.8
    first, second = table.to_dict("records")
    draws = made_fit.posterior["alpha"].to_numpy()
    assert first["median"] == pytest.approx(np.median(draws))
    assert [first["lower"], first["upper"]] == pytest.approx(np.percentile(draws, [10, 90]))
    assert (first["published_lower"], first["published_upper"]) == (0.3, 0.4)
    assert (first["source"], first["quantity"], first["published"]) == ("S", "alpha", 0.35)
    share = made_fit.posterior["beta"] / (made_fit.posterior["alpha"] + made_fit.posterior["beta"])
    assert second["median"] == pytest.approx(float(share.median()), rel=1e-6)
    assert np.isnan(second["published_lower"]) and np.isnan(second["published_upper"])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("crps", 0.0123, "1.2 %"),
        ("log_score", 1.23456, "1.23"),
        ("log_score", -0.012345, "-0.0123"),
        ("cover_90", np.nan, "undefined"),
        ("cover_90", 1, "100 %"),
        ("diagnostics", True, "fine"),
        ("diagnostics", np.False_, "failed"),
        ("cut", 0.5, "0.5"),
        ("cut", "flops <= 3", "flops <= 3"),
    ],
)
def test_scores_in_words(name: str, value: object, said: str) -> None:
    assert _score(name, value) == said


def test_cuts_are_counted_in_words() -> None:
    runs = pd.DataFrame({"cut": ["a"] * 1200, "run": "1"})
    one = Backtest(runs, made_up(0.1, [0.0] * 3).summary, "law")
    assert repr(one) == "<bayescale.Backtest law: 1,200 forecasts of held-out runs over 1 cut>"
    rows = made_up(0.1, [0.0] * 3)._summary_rows()
    assert rows[0]["fitted"] == "12" and rows[0]["held_out"] == "3" and rows[0]["cut"] == "all"


def test_evaluation_by_name(made_fit):
    fits = {"a": made_fit, "b": handmade_fit(spread=0.01)}
    pd.testing.assert_frame_equal(bs.compare(fits=fits), bs.compare(fits))
    pd.testing.assert_frame_equal(bs.stability(fit=made_fit), bs.stability(made_fit))


def test_intervals_of_no_width_and_what_waic_shows() -> None:
    same = {"median": 1.0, "lower": 1.0, "upper": 1.0}
    assert _judge(1.0, (np.nan, np.nan), same)[0] == "agrees"
    with pytest.warns(bs.BayescaleWarning):
        found = bs.waic(handmade_fit())
    assert "elpd_waic" in repr(found) and "p_waic" in str(found)


def test_a_point_fit_is_scored_by_its_first_and_its_resamples(monkeypatch) -> None:
    """The point estimate is the forecast; bands are quantiles of the resamples."""
    t = TRUTH["chinchilla"]
    runs = bs.simulate("chinchilla", design(), t, references=REFERENCES, random_seed=0)
    spread = np.linspace(0.9, 1.1, 100)
    given = {k: np.full(101, v) for k, v in t.items()} | {"E": 1.8 * np.r_[1.3, spread]}
    monkeypatch.setattr(backtesting, "point_fit", lambda spec, data, seed: given)
    found = bs.backtest_point_fit(runs=runs, law="chinchilla", cuts=[0.7], random_seed=1)
    spec = bs.make_spec("chinchilla")
    table = bs.read_runs(runs)
    out = np.isin(table.labels(), found.runs["run"])
    at = extract(spec, table.take(~out)).references
    held = runs[out]
    rest = (
        t["a"] * (held["params"] / at["N"]) ** -t["alpha"]
        + t["b"] * (held["tokens"] / at["D"]) ** -t["beta"]
    )
    point = 1.8 * 1.3 + rest.to_numpy()
    np.testing.assert_allclose(found.runs["median"], point)
    np.testing.assert_allclose(found.runs["error"], np.log(point / held["loss"]))
    curves = 1.8 * spread[:, None] + rest.to_numpy()
    np.testing.assert_allclose(found.runs["lower_90"], np.percentile(curves, 5, axis=0))
    np.testing.assert_allclose(found.runs["upper_50"], np.percentile(curves, 75, axis=0))
    assert found.runs["log_score"].isna().all()
    row = found.summary.iloc[0]
    assert row["fitted"] == (~out).sum() and row["held_out"] == out.sum() and row["diagnostics"]
