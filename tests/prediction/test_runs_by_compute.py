"""Budgets that runs share, intervals and averages, worked out by hand."""

import arviz_base as azb
import numpy as np
import pytest
import xarray as xr
from handmade import handmade_fit
from scipy.optimize import minimize

import bayescale as bs
from bayescale.prediction.averaging import Average, stack
from bayescale.prediction.discrepancy import Discrepancy, run_weights
from bayescale.prediction.intervals import (
    Estimate,
    credible_interval,
    estimate,
    interval_width,
    with_bounds,
)
from bayescale.prediction.runs_by_compute import near, typical_budgets


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
    assert "off by 1.3 % one decade beyond the runs, 1.5 % far" in str(Discrepancy())


def test_runs_in_heavy_tails_count_for_little(made_fit) -> None:
    """Weights of a Student-t: (nu + 1) / (nu s² + r²), of the median curve's residual."""
    each, weight = run_weights(made_fit)
    law = made_fit.curve(made_fit.inputs).transpose("chain", "draw", "run").to_numpy()
    seen, draws = made_fit.observed.to_numpy(), made_fit.posterior
    np.testing.assert_allclose(each, np.log(seen / law), atol=1e-12)
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
    variance = 0.75 * 0.015**2 + 0.25 * (0.25 * 0.03**2 + 0.75 * 0.01**2)
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
    surface = Discrepancy(0.02, 0.5).surface(handmade_fit())
    at = {"N": [1e9, 0.01, 0.0], "D": [1e3, 1.0, 10.0]}
    points = {name: xr.DataArray(values, dims="point") for name, values in at.items()}
    found = surface._places(points)
    np.testing.assert_allclose(found, [[18, 6], [-4, 0], [-600, 2]], atol=1e-9)
