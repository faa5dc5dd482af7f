"""What a budget pays for, and the path that it goes along, worked out by hand."""

import numpy as np
import pytest
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale.decisions.budget import Spending
from bayescale.decisions.frontier import along, first_time, frontier_values, path_holding
from bayescale.decisions.loss_grid import Survey, lowest, survey
from bayescale.decisions.regret import SMALLER, _sizes_around, _wasted, regret_summary

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
    values = frontier_values([made_fit], "flops")
    assert values[0] == pytest.approx(spent.min() / 10)
    assert values[-1] == pytest.approx(spent.max() * 1e4)
    np.testing.assert_allclose(np.diff(np.log10(values)), 0.1, atol=1e-3)
    path = path_holding(made_fit, {"tokens": "1T"})
    assert (path["tokens"] == 1e12).all()
    np.testing.assert_allclose(path["flops"], 6 * path["params"] * 1e12)
    for held in ({}, {"params": 1e9, "tokens": 1e12}):
        with pytest.raises(bs.BayescaleError, match="hold one of"):
            path_holding(made_fit, held)
    with pytest.raises(bs.BayescaleError, match="must be positive"):
        path_holding(made_fit, {"params": 0.0})


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


def test_what_is_wasted_by_hand() -> None:
    """The best loss rises by a tenth a unit of log budget: a choice wastes 1 - exp(-x)."""
    below = 9 * np.linspace(0, 1, 11) ** 2
    np.testing.assert_allclose(SMALLER, below)
    best = np.tile(2 + 0.1 * below, (2, 3, 1))
    lost = np.array([0.0, 1e-3, 0.5, 5.0, 8.9, 9.0, 20.0])
    chosen = np.tile(2 + 0.1 * lost, (2, 3, 1))
    found = _wasted(best, chosen)
    np.testing.assert_allclose(found, np.tile(-np.expm1(-lost.clip(max=9)), (2, 3, 1)), atol=1e-9)


def regrets(wasted: list[list[float]], **coords) -> xr.Dataset:
    """Return regrets at one budget, draw by draw, a tenth of what is wasted."""
    values = np.array(wasted)[None, :, None]
    dims = ("chain", "draw", "budget", "choice")
    sizes = 1e9 * 2.0 ** np.arange(values.shape[-1])
    return xr.Dataset(
        {"regret": (dims, values / 10), "wasted": (dims, values)},
        coords={
            "flops": ("budget", [1e22]),
            "params": (("budget", "choice"), sizes[None]),
            "tokens": (("budget", "choice"), 1e22 / 6 / sizes[None]),
            "candidate": ("choice", np.zeros(len(sizes), dtype=bool)),
        }
        | coords,
        attrs={"tolerance": 0.125, "probability": 0.75},
    )


def test_a_summary_of_regrets_at_its_limits() -> None:
    """A size of 3 sure draws in 4, and of just the tolerance, is as good; one of 2 is not."""
    made = regrets([[0.5, 0.125, 0.0, 0.5], [0.125, 0.125, 0.0, 0.0], [0.5, 0.0625, 0.0, 0.125],
                    [0.125, 0.5, 0.25, 0.0]])  # fmt: skip
    (row,) = regret_summary(made).to_dict("records")
    assert (row["flat_lower"], row["flat_upper"]) == (2e9, 8e9)
    assert row["params"] == 4e9 and row["within"] == 0.75 and row["flops"] == 1e22
    assert row["wasted"] == 0.0625 and row["regret"] == pytest.approx(0.00625)
    assert row["tokens"] == pytest.approx(1e22 / 24e9)
    assert (row["near_lower"], row["near_upper"]) == (4e9, 8e9)
    surer = regret_summary(made, probability=0.76).iloc[0]
    assert np.isnan(surer["flat_lower"]) and np.isnan(surer["flat_upper"])
    table = regret_summary(made, 0.12, 0.7)
    assert table.attrs["tolerance"] == 0.12 and table.attrs["probability"] == 0.7
    opened = made.assign_coords(bits=("choice", [4.0, 4.0, 8.0, 4.0]))
    (row,) = regret_summary(opened).to_dict("records")
    assert (row["bits"], row["flat_lower"], row["flat_upper"]) == (8.0, 4e9, 4e9)
    for name in ("tolerance", "probability"):
        for value in (0, 1, -0.5):
            with pytest.raises(bs.BayescaleError, match=f"{name} is {value:g}: it must lie"):
                regret_summary(made, **{name: value})
    with pytest.raises(bs.BayescaleError, match=r"takes what bs\.regret returned"):
        regret_summary(made.drop_attrs())


def test_sizes_around_stay_below_the_limits(made_fit) -> None:
    def ends(**given) -> np.ndarray:
        scenario = bs.Scenario(flops=[1e22, 1e23], **given)
        budget = Spending(made_fit, scenario).budgets()
        found = _sizes_around(made_fit, scenario, budget, np.array([]))
        assert found.shape == (2, 49)
        np.testing.assert_allclose(np.diff(np.log(found), n=2), 0, atol=1e-9)
        best = bs.optimum(made_fit, scenario, discrepancy=None)["params"]
        low, high = best.quantile([0.005, 0.995], ("chain", "draw")).to_numpy()
        return np.array([low, high, found[:, 0], found[:, -1]])

    low, high, first, last = ends()
    np.testing.assert_allclose([first, last], [low / 3, 3 * high])
    low, high, first, last = ends(max_params="5B")
    np.testing.assert_allclose(last, np.minimum(3 * high, 5e9))
    np.testing.assert_allclose(first, np.minimum(low / 3, 5e9 / 3))
    low, high, first, last = ends(inference_tokens=1e13)
    np.testing.assert_allclose(last, np.minimum(3 * high, 0.99 * np.array([1e22, 1e23]) / 2e13))


def test_a_survey_by_hand(made_fit) -> None:
    """Even steps three decades around the law's best, and the sizes that are asked for."""
    spending = Spending(made_fit, bs.Scenario(flops=[1e22, 1e21]))
    around, sizes = [np.linspace(2.0, 4.0, 400)], np.array([1e9, 3e9])
    rng = np.random.default_rng(0)
    found = survey(spending, np.array([1e22, 1e21]), around, sizes, None, rng)
    low, high = np.quantile(around[0], [0.005, 0.995]) + 3 * np.log(10) * np.array([-1, 1])
    count = int(np.ceil((high - low) / 0.4)) + 1
    assert found.ratio.shape == (1, 2, count) and found.loss.shape == (4, 250, 1, 2, count)
    np.testing.assert_allclose(found.ratio[0, 1], np.linspace(low, high, count))
    for b, budget in enumerate((1e22, 1e21)):
        n = np.sqrt(budget / 6 / np.exp(found.ratio[0, b]))
        at = {"N": xr.DataArray(n, dims="point"), "D": xr.DataArray(budget / 6 / n, dims="point")}
        curve = made_fit.curve(at).transpose("chain", "draw", "point")
        np.testing.assert_allclose(found.loss[:, :, 0, b], curve, rtol=1e-9)
    at = {"N": xr.DataArray(sizes, dims="point"), "D": xr.DataArray(1e22 / 6 / sizes, dims="point")}
    curve = made_fit.curve(at).transpose("chain", "draw", "point")
    np.testing.assert_allclose(found.chosen[:, :, 0], curve, rtol=1e-9)
    option, ratio, least = found.best()
    assert option.shape == ratio.shape == least.shape == (4, 250, 2) and (option == 0).all()
    np.testing.assert_allclose(least, found.loss[:, :, 0].min(-1), atol=2e-3)
    two = Survey(np.tile(found.ratio, (2, 1, 1)), np.concatenate([found.loss + 1, found.loss], 2),
                 found.chosen)  # fmt: skip
    option, again, lowest_loss = two.best()
    assert (option == 1).all() and (again == ratio).all() and (lowest_loss == least).all()


def test_the_search_ends_at_the_closed_form(made_fit) -> None:
    """Log N is right to half a millionth; where data are plenty, none is repeated."""
    plain, searched = (
        bs.optimum(made_fit, 1e23, discrepancy=None, numerical=n) for n in (False, True)
    )
    assert np.abs(np.log(searched["params"] / plain["params"])).max() < 5e-7
    fit = handmade_fit("repeated")
    plenty = bs.Scenario(flops=1e22, at={"unique_tokens": 1e15})
    assert (bs.optimum(fit, plenty, discrepancy=None)["epochs"] == 1).all()
    inputs = Spending(fit, plenty).inputs(1e9, 1e12, {"unique_tokens": 1e15})
    (epochs,) = (inputs[k] for k in fit.law.inputs if fit.spec.column(k) == "epochs")
    assert epochs == 1
    single = bs.Scenario(flops=1e22, at={"bits": [8]})
    tied = handmade_fit("precision_tied")
    assert "bits" not in bs.optimum(tied, single, discrepancy=None)
    assert "bits" not in bs.regret(tied, single, ["1B"], discrepancy=None).coords


def test_the_search_ends_at_a_limit(made_fit) -> None:
    """The loss has one minimum along a budget: the best tokens are the law's, or the limit."""
    free = bs.optimum(made_fit, 1e23, discrepancy=None)["tokens"]
    limit = float(free.median())
    scenario = bs.Scenario(flops=1e23, max_tokens=limit)
    found = bs.optimum(made_fit, scenario, discrepancy=None)
    expected = np.minimum(free, limit)
    assert np.abs(np.log(found["tokens"] / expected)).max() < 1e-4
    bound = (free > 1.001 * limit).values
    np.testing.assert_allclose(found["tokens"].values[bound], limit, rtol=1e-12)
    spent = 6 * found["params"] * found["tokens"]
    np.testing.assert_allclose(spent.values[bound], 1e23, rtol=1e-12)


def test_exponents_between_two_budgets(made_skaling) -> None:
    """From the largest fitted run to ten times that, where nothing else is said."""
    spent = float((6 * made_skaling.inputs["N"] * made_skaling.inputs["D"]).max())
    found = bs.frontier_constants(made_skaling)
    best = bs.optimum(made_skaling, [spent, 10 * spent], discrepancy=None)
    for name, column in (("N_opt_exponent", "params"), ("D_opt_exponent", "tokens")):
        grown = np.log10(best[column].isel(budget=1) / best[column].isel(budget=0))
        np.testing.assert_allclose(found[name], grown, rtol=1e-6)
    far = bs.frontier_constants(made_skaling, (1e20, "1e24"))
    best = bs.optimum(made_skaling, [1e20, 1e24], discrepancy=None)["params"]
    grown = np.log10(best.isel(budget=1) / best.isel(budget=0)) / 4
    np.testing.assert_allclose(far["N_opt_exponent"], grown, rtol=1e-6)
    for wrong in ((1e20, 1e20), (1e20, 1e21, 1e22), (1e20,)):
        with pytest.raises(bs.BayescaleError, match=r"between two different budgets: flops=.1e18"):
            bs.frontier_constants(made_skaling, wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"days": [3], "hardware": GPU, "inference_tokens": 1}, "days are those of training"),
        ({"price": 1, "hardware": bs.Hardware(1e15, 0.4)}, "a price needs hardware with a price"),
        ({"days": 1}, "days need hardware: say how fast it is"),
        ({"flops": 1, "days": 1, "hardware": GPU}, "one kind of budget, not flops and days"),
        ({"days": [1, -2], "hardware": GPU}, "a budget must be positive; got -2 days"),
        ({"price": 0, "hardware": GPU}, "a budget must be positive; got 0: it must lie above 0"),
        ({"flops": [1, 0]}, "a budget must be positive; got 0 FLOP"),
        ({"candidates": [1e9, -1]}, "candidates must be positive; got -1"),
        ({"at": {"bits": [0]}}, "at bits must be positive; got 0"),
        ({"max_params": 0}, "max_params must be positive; got 0"),
        ({"inference_tokens": -1}, "inference_tokens must be positive; got -1"),
        ({"full_bits": 16}, "full_bits needs at = { bits"),
    ],
)
def test_scenarios_that_cannot_be(given: dict, said: str) -> None:
    with pytest.raises(bs.BayescaleError, match=said):
        bs.Scenario(**given)


def test_hardware_that_cannot_be() -> None:
    assert bs.Hardware(1e15, 1.0, 1.0).inference_cost == 1.0
    for given, said in (
        ({"utilisation": 1.01}, "utilisation is 1.01: it is a share of the peak, at most 1"),
        ({"utilisation": 0.5, "inference_utilisation": 2}, "inference_utilisation is 2: it is a"),
        ({"utilisation": 0}, "hardware.utilisation must be positive; got 0"),
        ({"utilisation": 0.5, "price_per_hour": -1}, "hardware.price_per_hour must be positive"),
    ):
        with pytest.raises(bs.BayescaleError, match=said):
            bs.Hardware(1e15, **given)


def test_what_constrains_a_choice() -> None:
    assert not bs.Scenario(flops=1).constrained
    for given in ({"inference_tokens": 1}, {"max_params": 1}, {"max_tokens": 1}, {"at": {"x": 1}}):
        assert bs.Scenario(flops=1, **given).constrained
    assert bs.Scenario(flops=1).options == [{}] and bs.Scenario().budgets == ()
    both = bs.Scenario(at={"bits": [4, 8], "epochs": [1, 2]}).options
    assert both[1] == {"bits": 4, "epochs": 2} and len(both) == 4
    usual = bs.Scenario()
    assert (usual.tolerance, usual.probability, usual.inference_cost) == (0.1, 0.8, 1.0)
    assert usual.inference_tokens == 0 and bs.Hardware(1e15, 0.4).accelerators == 1


def test_decisions_take_their_arguments_by_name(made_fit) -> None:
    """As their documentation names them, each gives the answer of the positions."""
    none = {"discrepancy": None}
    a = bs.regret(fit=made_fit, flops=1e22, params=["1B"], **none)
    assert a.identical(bs.regret(made_fit, 1e22, ["1B"], **none))
    b = bs.optimum(fit=made_fit, flops=1e22, **none)
    assert b.identical(bs.optimum(made_fit, 1e22, **none))
    c = bs.required_compute(fit=made_fit, loss=2.4, **none)
    assert c.identical(bs.required_compute(made_fit, 2.4, **none))
    d = bs.crossover_compute(one=made_fit, other=made_fit, flops=1e22, **none)
    assert d.identical(bs.crossover_compute(made_fit, made_fit, 1e22, **none))
    assert (d["difference"] == 0).all() and (d["ahead"] == 0).all()
