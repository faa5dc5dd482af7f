"""Backtests, scores, averages and the discrepancy, of forecasts whose quality is known."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import REFERENCES, TRUTH, design, handmade_fit
from scipy.stats import norm

import bayescale as bs
from bayescale.evaluation import backtest as backtesting
from bayescale.evaluation.lack_of_fit import Residuals
from bayescale.evaluation.scores import crps, log_score, pit
from bayescale.evaluation.splits import ahead_of, cuts_of, groups_of
from bayescale.inference.fitted_runs import runs_again, runs_shared
from bayescale.inference.run_blocks import likelihood_blocks
from bayescale.prediction.averaging import stack
from bayescale.prediction.discrepancy import DISCREPANCY

DIMS = ("chain", "draw", "point")


class TestScores:
    draws = xr.DataArray(np.random.default_rng(0).normal(2.0, 3.0, (4, 5000, 1)), dims=DIMS)

    def test_crps_of_a_normal_forecast(self) -> None:
        observed = 4.0
        z = (observed - 2.0) / 3.0
        exact = 3.0 * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
        assert float(crps(self.draws, xr.DataArray([observed], dims="point"))[0]) == pytest.approx(
            exact, rel=0.02
        )

    def test_a_certain_forecast_scores_its_error(self) -> None:
        sure = xr.full_like(self.draws, 2.0)
        assert float(crps(sure, xr.DataArray([2.5], dims="point"))[0]) == pytest.approx(0.5)

    def test_pit_counts_ties_half(self) -> None:
        sure = xr.full_like(self.draws, 2.0)
        assert float(pit(sure, xr.DataArray([2.0], dims="point"))[0]) == 0.5
        below = norm.cdf((4.0 - 2.0) / 3.0)
        assert float(pit(self.draws, xr.DataArray([4.0], dims="point"))[0]) == pytest.approx(
            below, abs=0.01
        )

    def test_log_score_is_the_density_of_the_mixture(self) -> None:
        densities = xr.DataArray(np.log([[[0.1], [0.3]]]), dims=DIMS)
        assert float(log_score(densities)[0]) == pytest.approx(np.log(0.2))


class TestSplits:
    runs = bs.read_runs(design().assign(loss=3.0, batch=["a", "b"] * 20))

    def test_below_and_above_a_cut(self) -> None:
        (split,) = cuts_of(self.runs, "flops", [0.5])
        flops = self.runs.table["flops"].to_numpy()
        assert (flops[split.held_out] > flops[~split.held_out].max()).all()
        assert split.distance.min() > 0
        largest = np.log10(flops.max() / flops[~split.held_out].max())
        assert split.distance.max() == pytest.approx(largest)

    def test_the_largest_budget_is_held_out_and_cuts_count_once(self) -> None:
        splits = cuts_of(self.runs, "flops", [0.5, 0.7, 0.75, 0.85, 0.95])
        assert [int(split.held_out.sum()) for split in splits] == [16, 8]

    def test_forecasts_start_below_the_largest(self) -> None:
        half, decade = ahead_of(self.runs, "flops", [2.0, 10.0, 1e9])
        flops = self.runs.table["flops"].to_numpy()
        assert (half.held_out == (flops > flops.max() / 2 * 1.001)).all()
        assert decade.held_out.sum() > half.held_out.sum()
        assert half.name.startswith("flops <= ")
        with pytest.raises(bs.BayescaleError, match="above 1"):
            list(ahead_of(self.runs, "flops", [0.5]))

    def test_one_group_at_a_time(self) -> None:
        first, second = groups_of(self.runs, "batch")
        assert first.name == "without batch a"
        assert (first.held_out == ~second.held_out).all()
        assert np.isnan(first.distance).all()

    @pytest.mark.parametrize(
        ("along", "cut", "message"),
        [
            ("flops", 1.5, "quantile between 0 and 1"),
            ("loss", 0.5, "nothing to cut"),
            ("flop", 0.5, "did you mean"),
        ],
    )
    def test_cuts_that_are_none(self, along, cut, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            list(cuts_of(self.runs, along, [cut]))

    def test_groups_that_are_none(self) -> None:
        with pytest.raises(bs.BayescaleError, match="one value"):
            list(groups_of(self.runs, "loss"))
        with pytest.raises(bs.BayescaleError, match="no column"):
            list(groups_of(self.runs, "colour"))


def predicted(made: bs.Fit, **options) -> xr.Dataset:
    points = {"params": [1e9, 1e11], "tokens": [2e10, 2e12]}
    return bs.predict(made, points, random_seed=1, **options)


class TestDiscrepancy:
    def test_grows_away_from_the_runs(self, made_fit) -> None:
        answer = predicted(made_fit)
        known = np.log(answer["outcome"]).std(("chain", "draw")).values
        assert known[0] < 0.004, "among the runs the outcome is known as well as they are"
        off = np.log(answer["outcome"] / answer["law"]).std(("chain", "draw")).values
        assert 0.017 < off[1] < 0.023, "far from them Chinchilla's law may be 2 % off"

    def test_none_believes_the_law(self, made_fit) -> None:
        answer = predicted(made_fit, discrepancy=None)
        assert (answer["law"] == answer["outcome"]).all()

    def test_follows_what_the_law_misses(self) -> None:
        made = handmade_fit()
        off = 1.02 * made.observed
        wrong = made.tree.copy()
        wrong["observed_data"] = xr.DataTree(xr.Dataset({"loss": off}))
        fit = bs.Fit(made.spec, wrong, made.record)
        answer = predicted(fit, discrepancy=bs.Discrepancy(size=0.05))
        seen = float(np.log(answer["outcome"] / answer["law"]).mean(("chain", "draw"))[0])
        assert seen == pytest.approx(np.log(1.02), abs=0.004)

    def test_points_near_each_other_move_together(self, made_fit) -> None:
        points = {"params": [1e11, 1.05e11, 1e14], "tokens": [2e12, 2e12, 2e15]}
        answer = bs.predict(made_fit, points, random_seed=1)
        moved = np.log(answer["outcome"] / answer["law"]).stack(sample=("chain", "draw"))
        together = np.corrcoef(moved.transpose("point", "sample"))
        assert together[0, 1] > 0.98
        assert abs(together[0, 2]) < 0.2

    def test_widens_the_optimum_and_not_at_none(self, made_fit) -> None:
        believed = bs.optimum(made_fit, 1e23, discrepancy=None)
        honest = bs.optimum(made_fit, 1e23, random_seed=1)
        spread = [float(np.log(o["params"]).std()) for o in (believed, honest)]
        assert spread[1] > 1.3 * spread[0]
        middle = [float(np.log(o["params"]).median()) for o in (believed, honest)]
        assert middle[1] == pytest.approx(middle[0], abs=0.2)
        again = bs.optimum(made_fit, 1e23, random_seed=1)
        assert (again["params"] == honest["params"]).all()

    def test_tiny_it_gives_the_law_back(self, made_fit) -> None:
        believed = bs.optimum(made_fit, 1e23, discrepancy=None)
        close = bs.optimum(made_fit, 1e23, discrepancy=bs.Discrepancy(size=1e-6), random_seed=1)
        assert np.allclose(np.log(close["params"]), np.log(believed["params"]), atol=0.01)

    def test_in_words(self) -> None:
        assert "one decade beyond the runs" in str(DISCREPANCY.of_law("chinchilla"))
        assert DISCREPANCY.beyond(0.01) < 0.1 * DISCREPANCY.beyond(1.0) < DISCREPANCY.size

    def test_has_a_size(self) -> None:
        with pytest.raises(bs.BayescaleError, match="None switches it off"):
            bs.Discrepancy(size=0.0)

    @pytest.mark.parametrize("name", ["kaplan", "accuracy_from_loss", "board_game", "coverage"])
    def test_any_noise(self, name) -> None:
        made = handmade_fit(name)
        columns = {made.spec.column(k): v.values for k, v in made.inputs.items()}
        answer = bs.predict(made, columns, random_seed=1)
        assert np.isfinite(answer["outcome"]).all()
        assert not (answer["outcome"] == answer["law"]).all()


@pytest.fixture
def unfitted(monkeypatch) -> None:
    """Fits are made by hand of the runs they are given: backtests without sampling."""

    def made(spec, data, *_) -> bs.Fit:
        table = data.runs.table
        fit = handmade_fit(spec.law, runs=table.drop(columns="loss"))
        observed = fit.observed.copy(data=table["loss"].to_numpy())
        fit.tree["observed_data"] = xr.DataTree(xr.Dataset({"loss": observed}))
        return fit

    monkeypatch.setattr(backtesting, "fit_prepared", made)


def simulated(law: str = "chinchilla") -> pd.DataFrame:
    return bs.simulate(law, design(), TRUTH[law], references=REFERENCES, random_seed=0)


@pytest.mark.usefixtures("unfitted")
class TestBacktest:
    def test_the_true_law_covers_what_it_should(self) -> None:
        found = bs.backtest(simulated(), "chinchilla", random_seed=1)
        assert list(found.summary.index) == [*found.runs["cut"].unique(), "all"]
        everything = found.summary.loc["all"]
        assert everything["cover_90"] > 0.85
        assert everything["abs_error"] < 0.02
        assert everything["crps"] < everything["log_linear"] < everything["best_seen"]
        assert found.summary["held_out"].iloc[-1] == len(found.runs)
        assert (found.runs["lower_90"] < found.runs["lower_50"]).all()

    def test_a_wrong_law_is_found_out(self) -> None:
        runs = simulated()
        runs["loss"] = runs["loss"] * (runs["flops"] / 1e18) ** 0.02
        wrong = bs.backtest(runs, "chinchilla", random_seed=1, discrepancy=None).summary.loc["all"]
        right = bs.backtest(simulated(), "chinchilla", random_seed=1, discrepancy=None)
        assert wrong["mean_error"] < -0.05
        assert wrong["cover_90"] < 0.2
        assert wrong["crps"] > 3 * right.summary.loc["all", "crps"]
        assert wrong["log_score"] < right.summary.loc["all", "log_score"]

    def test_the_seed_decides(self) -> None:
        one, two, other = (
            bs.backtest(simulated(), "chinchilla", random_seed=s).runs for s in (1, 1, 2)
        )
        pd.testing.assert_frame_equal(one, two)
        assert not one["median"].equals(other["median"])

    def test_a_group_is_left_out(self) -> None:
        runs = simulated().assign(seed=[1, 2] * 20)
        found = bs.backtest(runs, "chinchilla", leave_out="seed", random_seed=1)
        assert list(found.summary.index) == ["without seed 1", "without seed 2", "all"]
        assert found.summary["held_out"].tolist() == [20, 20, 40]

    def test_an_average_of_laws(self) -> None:
        found = bs.backtest(simulated(), ["chinchilla", "skaling"], random_seed=1)
        assert found.law == "chinchilla + skaling"
        assert found.summary.loc["all", "cover_90"] > 0.8

    def test_laws_of_other_inputs_average_too(self) -> None:
        found = bs.backtest(simulated(), ["chinchilla", "power_law_floor"], random_seed=1)
        assert np.isfinite(found.runs["log_score"]).all()

    def test_beside_loo(self) -> None:
        runs = simulated()
        fits = {name: handmade_fit(name, runs=design()) for name in ("chinchilla", "skaling")}
        for fit in fits.values():
            fit.tree["observed_data"] = fits["chinchilla"].tree["observed_data"]
        tests = {name: bs.backtest(runs, name, random_seed=1) for name in fits}
        table = bs.compare(fits, backtests=tests)
        assert table["weight_beyond"].sum() == pytest.approx(1)
        best = table["crps"].idxmin()
        assert "CRPS of held-out runs the lowest" in table.loc[best, "verdict"]
        with pytest.raises(bs.BayescaleError, match="different runs"):
            one_cut = bs.backtest(runs, "skaling", cuts=[0.5], random_seed=1)
            bs.compare(fits, backtests={**tests, "skaling": one_cut})
        with pytest.raises(bs.BayescaleError, match="beside fits of"):
            bs.compare(fits, backtests={"chinchilla": tests["chinchilla"]})


def curve(bend: float = 0.0) -> pd.DataFrame:
    """Simulate a power law in one input, with a waver of this size in the logarithm of the loss."""
    x = np.geomspace(1e18, 1e22, 30)
    table = bs.simulate(
        "power_law",
        pd.DataFrame({"flops": x}),
        TRUTH["power_law"],
        references=REFERENCES,
        random_seed=1,
    )
    return table.assign(loss=table["loss"] * np.exp(bend * np.sin(3 * np.log10(x))))


def test_whether_the_law_misses_is_not_asked(monkeypatch) -> None:
    """The scores tell it. This fit is drawn."""

    def asked(*_) -> None:
        raise AssertionError

    monkeypatch.setattr(Residuals, "of", asked)
    found = bs.backtest(curve(), "power_law", cuts=[0.7], random_seed=1, progressbar=False)
    assert found.summary.loc["all", "diagnostics"]


class TestSharedRuns:
    """Checkpoints are rows that carry one name."""

    @pytest.fixture
    def checkpoints(self) -> bs.Fit:
        runs = design().assign(run=[f"run {i // 4}" for i in range(40)])
        return handmade_fit(runs=runs, spread=1e-4)

    def test_rows_of_a_run_are_found(self, checkpoints, made_fit) -> None:
        names = runs_shared(checkpoints)
        assert names is not None
        assert list(names[:5]) == ["run 0"] * 4 + ["run 1"]
        assert runs_shared(made_fit) is None

    def test_they_are_left_out_together(self, checkpoints) -> None:
        by_row = checkpoints.tree_group("log_likelihood")["loss"]
        (by_run,) = likelihood_blocks(checkpoints)
        assert by_run.sizes["run"] == 10
        first = by_run.sel(run="run 0").values
        np.testing.assert_allclose(first, by_row.isel(run=slice(4)).sum("run").values)
        assert bs.waic(checkpoints).n_data_points == 10

    def test_comparing_them_says_so(self, checkpoints) -> None:
        table = bs.compare({"a": checkpoints, "b": checkpoints})
        assert table["warning"].str.contains("40 rows of 10 runs").all()


class TestAverage:
    def test_stacking_finds_the_law_that_predicts(self) -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=200)
        densities = np.column_stack([norm.logpdf(x, 0, 1), norm.logpdf(x, 2, 1)])
        assert stack(densities)[0] > 0.95
        half = np.where(np.arange(200) < 100, x, x + 2)
        both = np.column_stack([norm.logpdf(half, 0, 1), norm.logpdf(half, 2, 1)])
        assert stack(both)[0] == pytest.approx(0.5, abs=0.1)
        counted = np.where(np.arange(200) < 100, 1.0, 1e-6)
        assert stack(both, counted)[0] > 0.95
        unforeseen = np.vstack([densities, [-np.inf, -np.inf]])
        np.testing.assert_allclose(stack(unforeseen), stack(densities))

    def test_draws_in_proportion(self, made_fit) -> None:
        other = handmade_fit(truth={**TRUTH["chinchilla"], "E": 3.0})
        other.tree["observed_data"] = made_fit.tree["observed_data"]
        mixed = bs.average({"low": made_fit, "high": other}, {"low": 3, "high": 1})
        draws = bs.predict(mixed, params="1B", tokens="20B", discrepancy=None)["law"].values
        assert draws.shape == (1, 1000, 1)
        assert (draws > 3.0).mean() == pytest.approx(0.25, abs=0.01)
        best = bs.optimum(mixed, [1e22, 1e23], random_seed=1)
        assert dict(best.sizes) == {"chain": 1, "draw": 1000, "budget": 2}
        assert "0.75 low" in best.attrs["law"]

    def test_the_weight_of_one_is_its_answer(self, made_fit) -> None:
        other = handmade_fit("skaling")
        other.tree["observed_data"] = made_fit.tree["observed_data"]
        alone = bs.average({"a": made_fit, "b": other}, {"a": 1.0, "b": 0.0})
        ours, theirs = (
            bs.predict(f, params="1B", tokens="20B", random_seed=1)["law"]
            for f in (alone, made_fit)
        )
        assert np.allclose(np.sort(ours.values.ravel()), np.sort(theirs.values.ravel()))

    def test_laws_that_are_wrong_in_their_own_ways(self, made_fit) -> None:
        other = handmade_fit("skaling")
        other.tree["observed_data"] = made_fit.tree["observed_data"]
        fits, weights = {"a": made_fit, "b": other}, {"a": 1.0, "b": 0.0}
        far = {"params": 1e12, "tokens": 2e13, "random_seed": 1}
        wrong = bs.Discrepancy(0.3), bs.Discrepancy(0.1, 2.0)
        own = bs.Average(fits, weights, {"a": dict.fromkeys(wrong, 1.0)})
        usual = bs.Average(fits, weights)

        def sd(of: bs.Average, **options) -> float:
            return float(np.log(bs.predict(of, **far, **options)["outcome"]).std())

        assert sd(own) == pytest.approx(np.hypot(0.3, 0.1) / 2**0.5, rel=0.2)
        assert sd(own) > 5 * sd(usual)
        assert sd(own, discrepancy=None) == pytest.approx(sd(usual, discrepancy=None))
        asked = bs.Discrepancy(0.02)
        assert sd(own, discrepancy=asked) == pytest.approx(sd(usual, discrepancy=asked))
        typical = own.typical(DISCREPANCY)
        assert typical is not None and typical.reach == 1.5
        assert own.typical(None) is None and own.typical(asked) is asked
        assert usual.typical(DISCREPANCY) == bs.Discrepancy(0.02, learnt_for="a")
        with pytest.raises(bs.BayescaleError, match="discrepancies of c"):
            bs.Average(fits, weights, {"c": {asked: 1.0}})
        with pytest.raises(bs.BayescaleError, match="not negative"):
            bs.Average(fits, weights, {"a": {asked: -1.0}})
        assert sd(bs.Average(fits, weights, {"a": {wrong[0]: 0.0}})) == pytest.approx(sd(usual))
        parts = bs.Average(fits, weights, {"a": {bs.Discrepancy(s): 1.0 for s in (0.1, 0.2)}})
        drawn = bs.predict(parts, **far)["law"].values
        assert len(np.unique(drawn)) == drawn.size  # the parts have draws of their own
        run = {"budget": 1e22, "about": "flops=1e23"}
        told, same = (bs.plan(own, discrepancy=d, **run).sd_now for d in (DISCREPANCY, typical))
        assert told == pytest.approx(same)
        assert told > 1.5 * bs.plan(usual, **run).sd_now

    def test_laws_of_other_inputs_take_their_own(self, made_fit) -> None:
        design = made_fit.inputs
        runs = pd.DataFrame({"params": design["N"].values, "tokens": design["D"].values})
        other = handmade_fit("repeated", runs=runs.assign(epochs=4.0))
        other.tree["observed_data"] = made_fit.tree["observed_data"]
        mixed = bs.average({"a": made_fit, "b": other}, {"a": 1, "b": 1})
        points = {"params": 1e9, "tokens": 2e10, "epochs": 2.0}
        answer = bs.predict(mixed, points, random_seed=1)
        assert answer["law"].size == 1000
        again = runs_again(made_fit, other).table
        assert np.allclose(again["epochs"], 4.0)

    def test_weights_that_are_none(self, made_fit) -> None:
        fits = {"a": made_fit, "b": made_fit}
        for weights, message in (
            ({"a": 1.0}, "weights of a"),
            ({"a": -1.0, "b": 2.0}, "not negative"),
            ({"a": 0.0, "b": 0.0}, "not all zero"),
        ):
            with pytest.raises(bs.BayescaleError, match=message):
                bs.average(fits, weights)


class TestPointFit:
    """The literature's estimate, on runs whose law is known."""

    def test_exact_runs_give_the_law_back(self) -> None:
        exact = {**TRUTH["chinchilla"], "sigma": 1e-9, "nu": 30.0}
        runs = bs.simulate("chinchilla", design(), exact, references=REFERENCES, random_seed=0)
        found = bs.backtest_point_fit(runs, "chinchilla", cuts=[0.7], random_seed=1)
        assert found.summary.loc["all", "abs_error"] < 1e-3
        assert found.summary.loc["all", "width_90"] < 5e-3

    def test_its_bands_leave_out_the_scatter(self) -> None:
        found = bs.backtest_point_fit(simulated(), "chinchilla", cuts=[0.5], random_seed=1)
        assert found.law == "chinchilla, point fit"
        everything = found.summary.loc["all"]
        assert everything["abs_error"] < 0.02
        assert 0 < everything["width_90"] < 0.1
