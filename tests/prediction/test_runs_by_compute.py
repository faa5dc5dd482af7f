"""Budgets that runs share, intervals and averages, worked out by hand."""

from types import SimpleNamespace
from typing import Any

import arviz_base as azb
import arviz_stats as azs
import example_fits
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import handmade_fit
from scipy.optimize import minimize

import bayescale as bs
import bayescale.prediction.places as places_module
from bayescale.data.compute_budgets import near, typical_budgets
from bayescale.data.number_format import Estimate, bounds, middle, with_bounds
from bayescale.model.spec import make_spec
from bayescale.prediction.averaging import Average, NotOneLaw, stack
from bayescale.prediction.discrepancy import (
    DISCREPANCY,
    Discrepancy,
    _at_runs,
    discrepancy_text,
    run_weights,
)
from bayescale.prediction.gaussian_process import matern
from bayescale.prediction.intervals import (
    credible_interval,
    credible_intervals,
    estimate,
    interval_width,
)
from bayescale.prediction.places import COMMON, COMMON_OF, SPLIT_REACH, Places
from bayescale.prediction.runs_by_compute import falls, furthest_of, main_column, run_columns


def test_runs_near_a_budget() -> None:
    flops = np.array([0.89, 0.905, 1.0, 1.095, 1.11])
    assert near(flops, 1.0).tolist() == [False, True, True, True, False]


def test_budgets_that_three_runs_share() -> None:
    flops = np.array([1.0, 1.02, 0.98, 5.0, 5.1, 20.0, 20.4, 19.6, 20.2, 100.0, 101.0, 99.0, 3.0])
    np.testing.assert_allclose(typical_budgets(flops), [1.0, 20.1, 100.0])
    np.testing.assert_allclose(typical_budgets(flops, 2), [1.0, 100.0])
    many = np.repeat(10.0 ** np.arange(9), 3)
    np.testing.assert_allclose(typical_budgets(many), [1, 1e3, 1e5, 1e8])
    close = np.repeat([1.0, 1.2, 10.0], 3)
    np.testing.assert_allclose(typical_budgets(close), [1.0, 10.0])
    np.testing.assert_allclose(typical_budgets(np.repeat([1.0, 1.3, 10.0], 3)), [1.0, 1.3, 10.0])
    alone = typical_budgets(np.array([1.0, 2.0, 1000.0]))
    np.testing.assert_allclose(alone, [1, 10, 100, 1000])


def test_intervals_by_hand() -> None:
    draws = xr.DataArray(np.arange(1000.0).reshape(4, 250) ** 2, dims=("chain", "draw"))
    found = credible_interval(draws, 0.8)
    for name, level in (("lower", 10), ("median", 50), ("upper", 90)):
        assert float(found[name]) == pytest.approx(np.percentile(draws, level), rel=1e-3)
    assert estimate(draws, 0.8) == Estimate(*(float(found[k]) for k in Estimate._fields))
    with azb.rc_context({"stats.ci_kind": "hdi"}):
        shortest = credible_interval(draws, 0.8)
    assert float(shortest["lower"]) == 0, "the density falls from zero on"
    assert float(shortest["upper"]) == pytest.approx(799.5**2, rel=0.01)
    never = draws.where(draws < 900**2, np.inf)
    assert np.isinf(credible_interval(never, 0.9)["upper"])
    assert float(credible_interval(never, 0.7)["upper"]) == pytest.approx(850**2, rel=1e-2)
    assert not np.isinf(credible_interval(never, 0.9)["median"])
    large = credible_interval(xr.full_like(draws, 1e150), 0.5)
    assert float(large["median"]) == 1e150


@pytest.mark.parametrize("width", [0.0, 1.0, -0.1, 1.1])
def test_widths_that_are_none(width: float) -> None:
    with pytest.raises(bs.BayescaleError, match="not a probability"):
        interval_width(width)


def test_digits_of_wide_and_narrow_intervals() -> None:
    assert with_bounds(Estimate(73.64e9, 70.25e9, 80.5e9), "count") == "73.6B (70.2B to 80.5B)"
    assert with_bounds(Estimate(73.64e9, 64.4e9, 80.6e9), "count") == "74B (64B to 81B)"
    assert with_bounds(Estimate(2.04, 2.0, np.inf)) == "2.0 (2.0 to unbounded)"


def test_a_discrepancy_as_people_write_it() -> None:
    assert Discrepancy.of(0.02) == Discrepancy(0.02, 1.0)
    assert Discrepancy.of([0.02, 0.5]) == Discrepancy(0.02, 0.5)
    assert Discrepancy.of(True) == Discrepancy() and Discrepancy.of(False) is None
    for wrong in ([], (0.01, 1.0, 2.0), "0.02", [True, 1.0], (0.01, "x")):
        with pytest.raises(bs.BayescaleError, match="is not a discrepancy"):
            Discrepancy.of(wrong)
    assert "off by 1.3 % one decade beyond the runs, 1.5 % far" in str(Discrepancy(0.015))


def test_runs_in_heavy_tails_count_for_little(made_fit) -> None:
    """Weights of a Student-t: (nu + 1) / (nu s² + r²), of the median curve's residual."""
    weight = run_weights(made_fit)
    law = made_fit.curve(made_fit.inputs).transpose("chain", "draw", "run").to_numpy()
    seen, draws = made_fit.observed.to_numpy(), made_fit.posterior
    middle = np.log(seen / np.median(law.reshape(1000, -1), axis=0))
    sigma, nu = float(draws["sigma"].median()), float(draws["nu"].median())
    np.testing.assert_allclose(weight, (nu + 1) / (nu * sigma**2 + middle**2), rtol=1e-9)


def test_stacking_maximises_the_mean_log_density() -> None:
    rng = np.random.default_rng(2)
    density = rng.gamma(2.0, size=(30, 3))
    importance = rng.uniform(0.2, 3.0, 30)

    def best(weight: np.ndarray) -> np.ndarray:
        def lost(free: np.ndarray) -> float:
            share = np.exp(free) / np.exp(free).sum()
            return -float(weight @ np.log(density @ share))

        free = minimize(lost, np.zeros(3), tol=1e-12).x
        return np.exp(free) / np.exp(free).sum()

    np.testing.assert_allclose(stack(np.log(density)), best(np.ones(30)), atol=2e-3)
    found = stack(np.log(density), importance)
    np.testing.assert_allclose(found, best(importance), atol=2e-3)
    unknown = np.vstack([np.log(density), np.full((2, 3), -np.inf)])
    np.testing.assert_allclose(stack(unknown), stack(np.log(density)))


def test_an_average_of_discrepancies() -> None:
    one, other = handmade_fit(seed=0), handmade_fit(seed=0, spread=0.01)
    wrong = {"a": {Discrepancy(0.03, 0.5): 1.0, Discrepancy(0.01, 1.0): 3.0}}
    both = Average({"a": one, "b": other}, {"a": 1.0, "b": 3.0}, wrong)
    assert both.weights == {"a": 0.25, "b": 0.75}
    assert list(both.members()) == ["b", "a"]
    found = both.typical(Discrepancy())
    assert found is not None
    variance = 0.75 * 0.02**2 + 0.25 * (0.25 * 0.03**2 + 0.75 * 0.01**2)
    assert found.size == pytest.approx(variance**0.5)
    assert found.reach == pytest.approx(0.75 * 1.0 + 0.25 * (0.25 * 0.5 + 0.75 * 1.0))
    assert both.typical(Discrepancy(0.5, 0.5)) == Discrepancy(0.5, 0.5)


def test_a_mixture_has_draws_in_proportion_to_the_weights() -> None:
    one, other = handmade_fit(seed=0), handmade_fit(seed=0, spread=0.01)
    both = Average({"a": one, "b": other}, {"a": 0.3, "b": 0.7})
    answer = both.mix(lambda fit, _: xr.ones_like(fit.posterior[["E"]]) * (fit is one))
    assert dict(answer.sizes) == {"chain": 1, "draw": 1000}
    assert float(answer["E"].sum()) == 300
    assert answer.attrs["law"] == "0.30 a + 0.70 b"
    drawn = both.mix(lambda fit, _: fit.posterior[["E"]] * 1.0)["E"].to_numpy().ravel()
    first = other.posterior["E"].stack(s=("chain", "draw")).to_numpy()
    assert np.isin(drawn[:700], first).all() and len(set(drawn[:700])) == 700


def test_places_are_decades_in_units_of_the_reach() -> None:
    places = Places.of(handmade_fit(), 0.5)
    at = {"N": [1e9, 0.01, 0.0], "D": [1e3, 1.0, 10.0]}
    points = {name: xr.DataArray(values, dims="point") for name, values in at.items()}
    found = places.at(points)
    np.testing.assert_allclose(found[:, :2], [[18, 6], [-4, 0], [-600, 2]], atol=1e-9)
    np.testing.assert_allclose(found[:, 2], np.array([24, -4, -598]) / np.sqrt(2))


def test_errors_of_a_budget_in_common_and_apart() -> None:
    """The share apart is in proportion to the law's local slope, at most that among the runs."""
    fit = handmade_fit()
    size, data = (fit.inputs[name].values for name in ("N", "D"))
    centre = {k: float(v) for k, v in fit.parameters.median(("chain", "draw")).items()}

    def slope(size: np.ndarray, data: np.ndarray) -> np.ndarray:
        """By hand: C at a fixed D / N doubles where both grow by the root of two."""
        x = centre["a"] * (size / fit.references["N"]) ** -centre["alpha"]
        y = centre["b"] * (data / fit.references["D"]) ** -centre["beta"]
        return (centre["alpha"] * x + centre["beta"] * y) / (centre["E"] + x + y) / 2

    usual = np.exp(np.log(slope(size, data)).mean())
    places = Places.of(fit, 2.0)
    assert places.usual == pytest.approx(usual, rel=1e-3)
    n, d = np.array([3e7, 1e11, 1e10]), np.array([6e8, 2e12, 2e13])
    at = places.at({"N": xr.DataArray(n, dims="point"), "D": xr.DataArray(d, dims="point")})
    found = places.correlation(at, at)
    assert places.common == COMMON_OF["chinchilla"]
    split = 1 - places.common
    logs, share = np.log10([n, d]) / 2.0, split * np.minimum(slope(n, d) / usual, 1.0)
    assert share.max() == split and share.min() < 0.9 * split
    apart = matern(np.hypot(*(logs[:, :, None] - logs[:, None])) / SPLIT_REACH)
    budgets = logs.sum(0) / np.sqrt(2)
    together = matern(np.abs(budgets[:, None] - budgets))
    expected = np.sqrt(np.outer(1 - share, 1 - share)) * together
    expected += np.sqrt(np.outer(share, share)) * apart
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    np.testing.assert_allclose(np.diag(found), 1.0)
    # a large run of few tokens per parameter and one of many: apart, but for their budget
    assert found[1, 2] > places.common * 0.99 and together[1, 2] == pytest.approx(1.0)


def test_an_error_common_to_a_budget_leaves_its_best_size(monkeypatch) -> None:
    fit = handmade_fit("skaling")
    held = bs.optimum(fit, 1e24, discrepancy=None)["params"]
    spread = {}
    for common in (0.0, COMMON, 1.0):
        monkeypatch.setattr(places_module, "COMMON", common)
        found = bs.optimum(fit, 1e24, discrepancy=0.01, random_seed=1)["params"]
        spread[common] = float(np.log(found / held).std())
    assert spread[0.0] > 1.05 * spread[COMMON] and spread[1.0] < 0.02 < 0.2 * spread[COMMON]


def test_columns_of_the_runs(made_fit) -> None:
    """Compute comes first where it follows from the inputs; curves have no one value."""
    columns = run_columns(made_fit)
    assert list(columns) == ["flops", "params", "tokens"] and main_column(made_fit) == "flops"
    np.testing.assert_allclose(columns["flops"], 6 * columns["params"] * columns["tokens"])
    assert main_column(handmade_fit("broken_power_law")) == "tokens"
    curves = handmade_fit("multi_power")
    shapes = {curves.spec.column(k): v.ndim for k, v in curves.inputs.items()}
    assert set(run_columns(curves)) - {"flops"} == {k for k, n in shapes.items() if n == 1}


def test_borders_of_shared_budgets() -> None:
    assert near(np.array([0.9, 0.8999, 1.1, 1.1001]) * 8, 8.0).tolist()[1::2] == [False, False]
    two = typical_budgets(np.array([1.0, 1.0, 5.0, 5.0]))
    np.testing.assert_allclose(two, np.geomspace(1, 5, 4))
    three = typical_budgets(np.array([1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 7.0]))
    np.testing.assert_allclose(three, [1, 5])
    one = typical_budgets(np.array([2.0, 2.0, 2.0, 32.0]), 3)
    np.testing.assert_allclose(one, [2, 8, 32])
    np.testing.assert_allclose(typical_budgets(np.repeat([1.0, 1.25], 3)), [1, 1.25 ** (1 / 3),
                               1.25 ** (2 / 3), 1.25])  # fmt: skip
    np.testing.assert_allclose(typical_budgets(np.repeat([1.0, 1.26], 3)), [1, 1.26])
    np.testing.assert_allclose(typical_budgets(np.full(5, 3.0)), [3.0])
    np.testing.assert_allclose(typical_budgets(np.repeat(10.0 ** np.arange(5), 3)),
                               [1, 10, 1e3, 1e4])  # fmt: skip


def test_counts_with_intervals_at_the_border_of_three_digits() -> None:
    assert with_bounds(Estimate(9e9, 8e9, 10e9), "count") == "9B (8B to 10B)"
    assert with_bounds(Estimate(91.26e9, 80.04e9, 100.04e9), "count") == "91.3B (80B to 100B)"
    assert with_bounds(Estimate(91.26e9, 80.04e9, 100.6e9), "count") == "91B (80B to 100B)"
    assert with_bounds(Estimate(91.26e9, 0.0, 100.6e9), "count") == "91B (0 to 100B)"
    assert with_bounds(Estimate(5.764e23, 5.7e23, 5.8e23), "flops", "FLOP", "89 % interval") == (
        "5.76e+23 FLOP (89 % interval 5.7e+23 to 5.8e+23)"
    )
    assert middle(Estimate(2.03617, 2.02, 2.05), unit="nats") == "2.036 nats"
    assert bounds(Estimate(2.03617, 2.02, 2.05)) == "2.020 to 2.050"
    assert interval_width(0.3) == 0.3 and interval_width() == azb.rcParams["stats.ci_prob"]


def test_tables_of_intervals(made_fit) -> None:
    answer = made_fit.posterior[["E", "alpha"]].assign(
        twice=(("chain", "draw", "point"), np.random.default_rng(0).normal(size=(4, 250, 2)))
    )
    table = credible_intervals(answer.assign_coords(params=("point", [1e9, 2e9])), 0.6)
    assert table["quantity"].tolist() == ["E", "alpha", "twice", "twice"]
    assert table.attrs["ci_prob"] == 0.6 and table["params"].tolist()[2:] == [1e9, 2e9]
    last = answer["twice"].to_numpy()[..., 1]
    assert table[["median", "lower", "upper"]].iloc[3].tolist() == pytest.approx(
        np.percentile(last, [50, 20, 80]).tolist()
    )
    with pytest.raises(bs.BayescaleError, match=r"not ndarray of dims \(3,\)"):
        credible_interval(np.zeros(3))  # pyright: ignore[reportArgumentType]
    never = xr.DataArray([[1.0, 2.0, np.inf, np.inf]], dims=("chain", "draw"))
    assert np.isinf(credible_interval(never, 0.5)["median"])
    low = xr.DataArray([[-np.inf, 2.0, 3.0, 4.0, 5.0]], dims=("chain", "draw"))
    assert float(credible_interval(low, 0.2)["median"]) == 3


def test_the_numbers_of_a_summary(made_fit) -> None:
    table = bs.summary(made_fit, 0.8)
    draws = made_fit.posterior["alpha"]
    row = table.loc["alpha"]
    assert row["sd"] == pytest.approx(draws.to_numpy().std())
    assert row["median"] == pytest.approx(np.median(draws))
    assert [row["lower"], row["upper"]] == pytest.approx(np.percentile(draws, [10, 90]).tolist())
    each = [float(azs.ess(draws, method=how)) for how in ("bulk", "tail")]
    assert row["ess"] == pytest.approx(min(each)) and each[0] != each[1]
    assert row["rhat"] == pytest.approx(float(azs.rhat(draws)))
    assert table.loc["A", "about"] == "Hoffmann's A and B: L = E + A / N^alpha + B / D^beta"
    assert row["about"] == made_fit.spec.parameters["alpha"].about
    for wrong in ("3.0", "g", "3gg", ""):
        with pytest.raises(bs.BayescaleError, match=r"round_to = .*: give decimal places, 3"):
            bs.summary(made_fit, round_to=wrong)
    assert bs.summary(made_fit, round_to=-1).loc["nu", "median"] % 10 == 0


def test_a_surface_that_knows_no_run() -> None:
    """It lies over the inputs with a logarithm, and is the kernel alone."""
    ones = {"a": [0.0, 1.0], "b": [1.0, 2.0], "d": [0.5, -1.0], "e": [0.2, 0.3]}
    fake: Any = SimpleNamespace(
        inputs={k: xr.DataArray(v, dims="run") for k, v in ones.items()}
        | {"c": xr.DataArray(np.ones((2, 3)), dims=("run", "node"))},
        informed=False,
        record={},
        law=SimpleNamespace(name="a law"),
        input_of=lambda column: None,
        posterior=xr.Dataset({"E": (("chain", "draw"), np.ones((2, 5)))}),
    )
    surface = Discrepancy(0.02, 0.5).surface(fake)
    assert surface.places.names == ["b", "e"] and surface.places.columns == 2
    at = {"b": xr.DataArray([1.0, 10.0], dims="point"), "e": xr.DataArray([1.0, 1.0], dims="point")}
    mean, covariance = surface.at(at)
    assert mean.shape == (2, 5, 2) and not mean.any()
    scaled = np.sqrt(5) * 2.0  # one decade is twice the reach
    far = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
    np.testing.assert_allclose(covariance, 0.02**2 * np.array([[1, far], [far, 1]]))


def test_places_of_runs_near_each_other() -> None:
    """Runs in one cell, a tenth of the reach wide, are one place with their weighted mean."""
    size = np.array([1e9, 1.005e9, 3e9, 3.01e9, 1e10])
    fit = handmade_fit(runs=pd.DataFrame({"params": size, "tokens": 2e10}))
    weight, law = run_weights(fit), fit.curve(fit.inputs).transpose("chain", "draw", "run")
    each = np.log(fit.observed.to_numpy() / law.to_numpy())
    residual, scatter, places = _at_runs(fit, Places.of(fit, 0.5))
    cells = np.round(np.log10(size) / 0.5 / 0.1)
    groups = [cells == c for c in np.unique(cells)]
    assert [g.sum() for g in groups] == [2, 2, 1]
    for i, group in enumerate(groups):
        own = weight[group] / weight[group].sum()
        np.testing.assert_allclose(residual[..., i], each[..., group] @ own, atol=1e-12)
        assert scatter[i, i] == pytest.approx(1 / weight[group].sum())
        assert places[i, 0] == pytest.approx(own @ np.log10(size[group]) / 0.5)
    assert np.count_nonzero(scatter) == 3
    np.testing.assert_allclose(places[:, 1], np.log10(2e10) / 0.5)


def test_a_discrepancy_in_one_line() -> None:
    assert discrepancy_text(None).startswith("discrepancy: none, the law is assumed to hold")
    scaled = np.sqrt(5)
    beyond = 3 * np.sqrt(1 - ((1 + scaled + scaled**2 / 3) * np.exp(-scaled)) ** 2)
    assert discrepancy_text(Discrepancy(0.03)) == (
        f"discrepancy: the law may be off by {beyond:.1f} % one decade beyond the runs, "
        "3.0 % far from them (one standard deviation)"
    )
    assert (DISCREPANCY.size, DISCREPANCY.reach) == (0.015, 1.0)
    assert "1.2 % for skaling, 2 % for chinchilla" in discrepancy_text(DISCREPANCY)
    assert "2.0 % far from them" in discrepancy_text(DISCREPANCY.of_law("chinchilla"))


def test_the_default_is_of_each_law(made_fit) -> None:
    """Asked by number it is that number for all; an average has the mean variance of its laws."""
    own = made_fit.typical(DISCREPANCY)
    assert own is not None and (own.size, own.reach) == (0.02, 1.0)
    assert made_fit.typical(Discrepancy(0.015)) == Discrepancy(0.015)
    assert made_fit.typical(None) is None
    at = {"params": [1e13], "tokens": [1e15]}  # far from every run
    drawn = {
        d: np.log(
            made_fit.predict(at=at, discrepancy=d, random_seed=1)["outcome"]
            / made_fit.predict(at=at, discrepancy=d, random_seed=1)["law"]
        )
        for d in (True, 0.02, 0.015)
    }
    assert float(drawn[True].std()) == pytest.approx(0.02, rel=0.1)
    assert np.array_equal(drawn[True], drawn[0.02])
    assert float(drawn[0.015].std()) == pytest.approx(0.015, rel=0.1)
    both = bs.Average(example_fits.namespace()["fits"], {"chinchilla": 1, "skaling": 1})
    mean = both.typical(DISCREPANCY)
    assert mean is not None and mean.size == pytest.approx(((0.02**2 + 0.012**2) / 2) ** 0.5)
    assert both.typical(mean) is mean and Discrepancy(mean.size) != mean
    assert Discrepancy(0.015) != Discrepancy() == DISCREPANCY
    other = handmade_fit("kaplan").typical(Discrepancy(reach=0.5))
    assert other == Discrepancy(0.02, 0.5, learnt_for="kaplan")


def test_what_an_average_refuses(made_fit) -> None:
    other = handmade_fit(spread=0.01)
    both = {"a": made_fit, "b": other}
    for weights in ({"a": 0.0, "b": 0.0}, {"a": -1.0, "b": 2.0}, {"a": np.inf, "b": 1.0}):
        with pytest.raises(bs.BayescaleError, match="weights are not negative and not all zero"):
            Average(both, weights)
    with pytest.raises(bs.BayescaleError, match="weights of a for fits of a, b"):
        Average(both, {"a": 1.0})
    for wrong, said in (
        ({"c": {Discrepancy(): 1.0}}, "discrepancies of c, which is not among the fits"),
        ({"a": {Discrepancy(): -1.0}}, "a: the share of a discrepancy is not negative"),
        ({"a": {Discrepancy(): np.nan}}, "a: the share of a discrepancy is not negative"),
    ):
        with pytest.raises(bs.BayescaleError, match=said):
            Average(both, {"a": 1.0, "b": 1.0}, wrong)
    with pytest.raises(bs.BayescaleError, match="one fit is nothing to compare or average"):
        Average({"a": made_fit}, {"a": 1.0})
    mixed = Average(both, {"a": 0.996, "b": 0.004})
    assert mixed.shares == ["a 100 %", "b 0 %"]
    answer = mixed.mix(lambda fit, _: fit.posterior[["E"]])
    assert answer.attrs["law"] == "1.00 a"
    assert Average(both, {"a": 0.995, "b": 0.005}).mix(
        lambda fit, _: fit.posterior[["E"]]
    ).attrs["law"] == "0.99 a + 0.01 b"  # fmt: skip
    assert mixed.label == "average of a 100 %, b 0 %"
    assert repr(mixed) == "<bayescale.Average a 100 %, b 0 %>"
    with pytest.raises(
        NotOneLaw, match=r"posterior is of one law.*average\.fits\['a'\]\.posterior"
    ):
        _ = mixed.posterior  # pyright: ignore[reportAttributeAccessIssue]
    only = Average(both, {"a": 0.0, "b": 2.0})
    assert list(only.members()) == ["b"] and only.representative is other


def test_discrepancies_of_an_average_share_the_draws(made_fit) -> None:
    """Each law's draws are divided among its discrepancies; another one that is asked counts."""
    other = handmade_fit(spread=0.01)
    own = {
        "a": {Discrepancy(0.03, 0.5): 1.0, Discrepancy(0.01, 1.0): 3.0},
        "b": {Discrepancy(): 0.0},
    }
    both = Average({"a": made_fit, "b": other}, {"a": 0.4, "b": 0.6}, own)

    def sizes(asked: Discrepancy | None) -> dict[float, int]:
        answer = both.mix(
            lambda fit, wrong: xr.ones_like(fit.posterior[["E"]]) * (wrong.size if wrong else 0),
            asked,
        )
        values, counts = np.unique(answer["E"], return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    assert sizes(Discrepancy()) == {0.01: 300, 0.015: 600, 0.03: 100}
    assert sizes(Discrepancy(0.5)) == {0.5: 1000} and sizes(None) == {0.0: 1000}


def test_prediction_by_name(made_fit):
    at = {"params": 1e9, "tokens": 2e10}
    assert bs.predict(fit=made_fit, at=at).identical(bs.predict(made_fit, at))
    table = bs.summary(fit=made_fit, ci_prob=0.5)
    pd.testing.assert_frame_equal(table, bs.summary(made_fit, 0.5))


def test_intervals_keep_their_width_and_no_coordinates(made_fit) -> None:
    assert with_bounds(Estimate(1100.0, 1024.0, 1280.0), "count") == "1.1k (1.02k to 1.28k)"
    assert with_bounds(Estimate(0.957, 0.901, 1.0), "count") == "0.957 (0.901 to 1)"
    never = xr.DataArray([[1.0, 2.0, np.inf, np.inf]], dims=("chain", "draw"))
    found = credible_interval(never, 0.5)
    assert found.attrs == {"ci_prob": 0.5} and not found.coords
    assert not credible_interval(made_fit.posterior["E"]).coords
    table = credible_intervals(made_fit.posterior[["E", "alpha"]])
    assert list(table) == ["quantity", "median", "lower", "upper"] and list(table.index) == [0, 1]


def test_which_columns_fall_as_models_get_better() -> None:
    spec = make_spec("error_from_loss", columns={"L": "xent"})
    assert falls(spec, "xent") and falls(spec, "eval/val_loss") and falls(spec, "perplexity")
    for name in (
        "flops",
        "params",
        "tokens",
        "lr",
        "step",
        "days",
        "1 / loss",
        "4 - loss",
        "lossy",
    ):
        assert not falls(spec, name)
    values = np.array([3.0, 2.0, 4.0])
    assert furthest_of(spec, "xent", values) == 2.0 and furthest_of(spec, "flops", values) == 4.0
