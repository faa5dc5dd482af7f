"""What a budget pays for, and the path that it goes along, worked out by hand."""

import numpy as np
import pytest
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale.decisions.budget import Spending
from bayescale.decisions.frontier import along, first_time, path_values, straight_path
from bayescale.decisions.loss_grid import lowest

GPU = bs.Hardware(
    flops_per_second=1e15,
    utilisation=0.4,
    inference_utilisation=0.1,
    accelerators=100,
    price_per_hour=2.0,
)


def test_hardware_by_hand() -> None:
    assert GPU.inference_cost == pytest.approx(4.0)
    assert GPU.flops_per_hour == pytest.approx(1e15 * 0.4 * 3600)
    assert GPU.flops_per_day == pytest.approx(1e15 * 0.4 * 86400 * 100)
    same = bs.Hardware(flops_per_second=1e15, utilisation=0.4)
    assert same.inference_cost == 1
    assert same.flops_per_day == pytest.approx(1e15 * 0.4 * 86400)


def test_budgets_of_money_and_days() -> None:
    money = bs.Scenario(price=["1M", 3e6], hardware=GPU)
    assert money.budgets == pytest.approx((1e6 / 2 * 1e15 * 0.4 * 3600, 3e6 / 2 * 1.44e18))
    days = bs.Scenario(days=[30], hardware=GPU)
    assert days.budgets == pytest.approx((30 * 3.456e21,))
    assert money.at_budgets([1e20]).budgets == (1e20,)


def test_a_budget_is_spent_on_training_and_inference(made_fit) -> None:
    """6 N D + 2 N I c = C, with I tokens of inference at c times the cost of training."""
    scenario = bs.Scenario(flops=1e23, inference_tokens=2e12, hardware=GPU)
    spending = Spending(made_fit, scenario)
    assert spending.serving == pytest.approx(2 * 2e12 * 4)
    params, tokens = spending.split(1e23, np.log(50.0), {})
    assert tokens / params == pytest.approx(50)
    assert 6 * params * tokens + 2 * params * 2e12 * 4 == pytest.approx(1e23)
    assert spending.cost(params, tokens, {}) == pytest.approx(1e23)
    assert spending.tokens(1e23, params, {}) == pytest.approx(tokens)
    limit = 1e23 / (2 * 2e12 * 4)
    assert spending.affords(1e23, 0.999 * limit) and not spending.affords(1e23, 1.001 * limit)
    assert not Spending(made_fit, bs.Scenario(flops=6)).affords(0.0, 1.0)


def test_limits_are_where_the_budget_meets_them(made_fit) -> None:
    scenario = bs.Scenario(flops=1e23, inference_tokens=1e10, max_params=8e9, max_tokens=4e12)
    spending = Spending(made_fit, scenario)
    low, high = spending.limits(np.array([1e23]), {})
    at_low, at_high = (spending.split(1e23, end[0], {}) for end in (low, high))
    assert at_low[0] == pytest.approx(8e9)
    assert at_high[1] == pytest.approx(4e12)
    low, high = spending.limits(np.array([1e26]), {})
    assert low == high, "where both bind, one ratio is left"
    low, _ = spending.limits(np.array([3e20]), {})
    small = spending.split(3e20, low[0], {})
    assert small[0] == pytest.approx(8e9) and small[1] < small[0]
    assert spending.within(9e9, 3e12) == (8e9, 3e12)
    assert spending.within(7e9, 5e12) == (7e9, 4e12)
    free = Spending(made_fit, bs.Scenario(flops=1e23)).limits(np.array([1e23]), {})
    assert free == (-np.inf, np.inf)


def test_low_precision_costs_its_share() -> None:
    fit = handmade_fit("precision_tied")
    spending = Spending(fit, bs.Scenario(flops=1e22, at={"bits": [4, 8]}, full_bits=16))
    assert [spending.training(option) for option in spending.options] == [1.5, 3.0]
    params, tokens = spending.split(1e22, np.log(20.0), {"bits": 4})
    assert 6 * params * tokens * 4 / 16 == pytest.approx(1e22)


def test_a_size_is_checked(made_fit) -> None:
    spending = Spending(made_fit, bs.Scenario(flops=1e22, max_params=8e9, inference_tokens=1e12))
    spending.check(1e22, np.array([1.0, 4.9e9]))
    for size, message in ((0.0, "positive"), (8.1e9, "max_params"), (5.1e9, "takes all of")):
        with pytest.raises(bs.BayescaleError, match=message):
            spending.check(1e22, np.array([size]))
    wide = Spending(made_fit, bs.Scenario(flops=1e24, max_params=8e9))
    wide.check(1e24, np.array([8e9]))


def test_where_a_curve_first_is_good() -> None:
    curve = xr.DataArray(
        [[4.0, 3.0, 1.0, 0.5], [1.5, 1.2, 1.1, 1.0], [5.0, 4.0, 3.0, 2.5], [5.0, 2.0, 4.0, 1.0]],
        dims=("draw", "point"),
    )
    found = first_time(curve <= 2.0, curve, 2.0)
    np.testing.assert_allclose(found, [1.5, 0.0, np.inf, 1.0])
    values = np.array([1e18, 1e19, 1e20, 1e21])
    np.testing.assert_allclose(along(values, found), [10**19.5, 1e18, np.inf, 1e19])
    np.testing.assert_allclose(along(values, xr.DataArray([3.0, 3.4], dims="draw")), 1e21)


def test_a_path_goes_from_below_the_runs_to_far_beyond(made_fit) -> None:
    spent = 6 * made_fit.inputs["N"].to_numpy() * made_fit.inputs["D"].to_numpy()
    values = path_values([made_fit], "flops")
    assert values[0] == pytest.approx(spent.min() / 10)
    assert values[-1] == pytest.approx(spent.max() * 1e4)
    np.testing.assert_allclose(np.diff(np.log10(values)), 0.1, atol=1e-3)
    path = straight_path(made_fit, {"tokens": "1T"})
    assert (path["tokens"] == 1e12).all()
    np.testing.assert_allclose(path["flops"], 6 * path["params"] * 1e12)
    for held in ({}, {"params": 1e9, "tokens": 1e12}):
        with pytest.raises(bs.BayescaleError, match="hold one of"):
            straight_path(made_fit, held)
    with pytest.raises(bs.BayescaleError, match="must be positive"):
        straight_path(made_fit, {"params": 0.0})


def test_the_lowest_point_of_a_parabola() -> None:
    at = np.linspace(-1.0, 2.0, 7)
    bottoms = np.array([0.1, 0.5, 1.37, -3.0, 4.0])
    values = 2 * (at - bottoms[:, None]) ** 2 + 5
    where, least = lowest(at, values)
    np.testing.assert_allclose(where, [0.1, 0.5, 1.37, -1.0, 2.0])
    np.testing.assert_allclose(least, [5, 5, 5, 2 * 4 + 5, 2 * 4 + 5])
    flat, level = lowest(at, np.full((1, 7), 3.0))
    assert (flat, level) == (-1.0, 3.0)


def test_the_higher_accuracy_is_ahead() -> None:
    """Of two laws that rise, one is ahead where its accuracy is higher."""
    usual = {"guess": 0.1, "reach": 0.9, "odds": 0.0, "steepness": 1.0}
    steep = usual | {"steepness": 1.3}
    fits = [handmade_fit("accuracy_from_compute", truth=truth) for truth in (usual, steep)]
    found = bs.crossover_compute(*fits, discrepancy=None)
    higher = (found["difference"] > 0).mean(("chain", "draw"))
    np.testing.assert_allclose(found["ahead"], higher)
    assert fits[0].law.rises and higher[0] > 0.9 and higher[-1] < 0.1


def test_the_compute_that_an_accuracy_takes() -> None:
    """The inverse of the logistic; what lies above its upper end is never reached."""
    truth = {"guess": 0.1, "reach": 0.9, "odds": 0.0, "steepness": 1.0}
    fit = handmade_fit("accuracy_from_compute", truth=truth, spread=1e-6)
    found = bs.required_compute(fit, [0.5, 0.95], discrepancy=None)
    share = (0.5 - 0.1) / (0.9 * 0.9)
    (reference,) = (fit.references[name] for name in fit.law.inputs)
    expected = reference * 10 ** np.log(share / (1 - share))
    middle = found["flops"].median(("chain", "draw"))
    assert float(middle[0]) == pytest.approx(expected, rel=0.01)
    assert np.isinf(middle[1])
    np.testing.assert_allclose(found["probability"], [1, 0])


def test_sizes_lie_all_over_the_posterior_of_the_best(made_fit) -> None:
    """From a third of its lower end to three times its upper one, evenly in the logarithm."""
    found = bs.regret(made_fit, 1e22, discrepancy=None)["params"].isel(budget=0).to_numpy()
    best = bs.optimum(made_fit, 1e22, discrepancy=None)["params"].to_numpy()
    low, high = np.percentile(best, [0.5, 99.5])
    assert found[[0, -1]] == pytest.approx([low / 3, high * 3])
    assert np.diff(np.log(found)) == pytest.approx(np.log(9 * high / low) / (len(found) - 1))


@pytest.mark.parametrize("name", ["tolerance", "probability"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_shares_lie_between_zero_and_one(name: str, value: float) -> None:
    with pytest.raises(bs.BayescaleError, match=f"{name} is {value:g}: it must lie between"):
        bs.Scenario(flops=1e22, **{name: value})
