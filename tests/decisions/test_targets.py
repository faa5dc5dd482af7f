"""What a loss takes, and from which budget on one law or recipe beats another."""

import json

import numpy as np
import pytest
import xarray as xr
from handmade import TRUTH, handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.decisions import targets
from bayescale.decisions.frontier import best_path, path_column, path_holding, thin
from bayescale.decisions.targets import below_floor

SURE = 1e-6
C = TRUTH["chinchilla"]


@pytest.fixture(scope="module")
def sure():
    """Chinchilla's law, all but known."""
    return handmade_fit("chinchilla", spread=SURE)


@pytest.fixture(scope="module")
def steeper():
    """A power of compute that is worse at first and better from a known budget on."""
    return handmade_fit("power_law", truth={"scale": 3.0, "exponent": 0.06}, spread=SURE)


@pytest.fixture(scope="module")
def saved(made_fit, tmp_path_factory):
    return bs.save(made_fit, tmp_path_factory.mktemp("targets") / "fit.nc")


class TestReach:
    def test_tokens_of_a_given_size(self, sure) -> None:
        found = bs.required_compute(sure, [2.4, 2.3], params="1B", discrepancy=None)
        assert found["tokens"].dims == ("chain", "draw", "goal")
        expected = 2e10 * ((np.array([2.4, 2.3]) - C["E"] - C["a"]) / C["b"]) ** (-1 / C["beta"])
        np.testing.assert_allclose(found["tokens"].mean(("chain", "draw")), expected, rtol=5e-3)
        assert "params" not in found.data_vars
        assert float(found["params"]) == 1e9
        np.testing.assert_allclose(found["loss"], [2.4, 2.3])
        np.testing.assert_allclose(found["flops"], 6 * 1e9 * found["tokens"], rtol=1e-6)

    def test_size_for_given_tokens(self, sure) -> None:
        found = bs.required_compute(sure, 2.4, tokens="20B", discrepancy=None)
        expected = 1e9 * ((2.4 - C["E"] - C["b"]) / C["a"]) ** (-1 / C["alpha"])
        assert float(found["params"].median()) == pytest.approx(expected, rel=2e-3)

    def test_the_budget_is_that_of_the_optimum(self, sure) -> None:
        best = bs.optimum(sure, 3e22, discrepancy=None)
        found = bs.required_compute(sure, float(best["loss"].median()), discrepancy=None)
        assert float(found["flops"].median()) == pytest.approx(3e22, rel=0.01)
        assert float(found["params"].median()) == pytest.approx(
            float(best["params"].median()), rel=0.01
        )

    def test_what_is_never_reached(self, made_fit) -> None:
        found = bs.required_compute(made_fit, [2.4, 1.85, 1.5], discrepancy=None)
        chance = found["probability"].values
        assert chance[0] == 1
        assert 0 < chance[1] < 1
        assert chance[2] == 0
        np.testing.assert_allclose(
            np.isfinite(found["flops"]).mean(("chain", "draw")), chance, atol=1e-12
        )
        table = bs.credible_intervals(found).set_index(["quantity", "goal"])
        assert np.isfinite(table.loc[("flops", 0), "upper"])
        assert table.loc[("flops", 1), "upper"] == np.inf
        assert table.loc[("flops", 2), "lower"] == np.inf

    def test_a_run_to_match(self, made_fit) -> None:
        run = {"params": "3B", "tokens": "100B"}
        same = bs.required_compute(made_fit, at=run, params="3B", random_seed=1)
        np.testing.assert_allclose(same["tokens"].median(), 1e11, rtol=0.02)
        smaller = bs.required_compute(made_fit, at=run, params="2B", random_seed=1)
        assert float(smaller["tokens"].median()) > 1.1e11
        believed = bs.required_compute(made_fit, at=run, params="2B", discrepancy=None)
        wide, narrow = (
            float(np.log(f["tokens"]).quantile(0.8) - np.log(f["tokens"]).quantile(0.2))
            for f in (smaller, believed)
        )
        assert wide > narrow

    def test_a_law_of_one_input(self) -> None:
        fit = handmade_fit("power_law", spread=SURE)
        found = bs.required_compute(fit, 2.5, discrepancy=None)
        expected = 1e20 * (2.9 / 2.5) ** (1 / 0.05)
        assert float(found["flops"].median()) == pytest.approx(expected, rel=0.01)

    def test_averages(self, sure) -> None:
        other = handmade_fit("chinchilla", spread=SURE)
        mixed = bs.average({"a": sure, "b": other}, {"a": 0.5, "b": 0.5})
        one, both = (
            float(bs.required_compute(f, 2.3, discrepancy=None)["flops"].median())
            for f in (sure, mixed)
        )
        assert both == pytest.approx(one, rel=1e-3)

    def test_what_cannot_be_asked(self, sure) -> None:
        with pytest.raises(bs.BayescaleError, match="the goal is a loss or a run"):
            bs.required_compute(sure)
        with pytest.raises(bs.BayescaleError, match="hold one"):
            bs.required_compute(sure, 2.0, params=1e9, tokens=1e9)
        with pytest.raises(bs.BayescaleError, match="must be positive"):
            bs.required_compute(sure, 2.0, params=-1)
        with pytest.raises(bs.BayescaleError, match="needs one tokens"):
            bs.required_compute(sure, at={"params": 1e9})
        with pytest.raises(bs.BayescaleError, match="does not determine"):
            bs.required_compute(handmade_fit("repeated"), 2.0)
        with pytest.raises(bs.BayescaleError, match="goal -2 cannot be reached: loss takes posit"):
            bs.required_compute(sure, [2.0, -2.0])

    def test_a_score_in_per_cent_is_no_goal(self) -> None:
        fit = handmade_fit("accuracy_from_compute", spread=SURE)
        with pytest.raises(bs.BayescaleError, match=r"goal 70 .* from 0 to 1: 70 % is 0.7"):
            bs.required_compute(fit, 70)


class TestCrossing:
    def test_a_known_crossing(self, steeper) -> None:
        flat = handmade_fit("power_law", spread=SURE)
        expected = 1e20 * (3.0 / 2.9) ** (1 / 0.01)
        found = bs.crossover_compute(steeper, flat, [1e19, 1e24], discrepancy=None)
        assert float(found["start"].median()) == pytest.approx(expected, rel=0.02)
        assert float(found["probability"]) == 1
        np.testing.assert_allclose(found["ahead"], [0, 1])
        gap = float(found["difference"].isel(budget=0).median())
        assert gap == pytest.approx(3.0 * 0.1**-0.06 - 2.9 * 0.1**-0.05, rel=0.01)
        back = bs.crossover_compute(flat, steeper, [1e19, 1e24], discrepancy=None)
        assert float(back["probability"]) == 0
        assert np.isinf(back["start"]).all()
        np.testing.assert_allclose(back["ahead"], [1, 0])

    def test_always_ahead_starts_at_the_beginning(self, steeper) -> None:
        better = handmade_fit("power_law", truth={"scale": 2.0, "exponent": 0.06}, spread=SURE)
        found = bs.crossover_compute(better, steeper, discrepancy=None)
        smallest = float(better.inputs["x"].min())
        np.testing.assert_allclose(found["start"], smallest / 10, rtol=1e-6)

    def test_the_discrepancy_leaves_it_open(self, made_fit) -> None:
        same = bs.crossover_compute(made_fit, handmade_fit("chinchilla", seed=7), "1e23")
        assert 0.2 < float(same["ahead"].item()) < 0.8
        assert 0.2 < float(same["probability"]) < 0.8

    def test_different_targets(self, made_fit) -> None:
        with pytest.raises(bs.BayescaleError, match="do not cross"):
            bs.crossover_compute(made_fit, handmade_fit("accuracy_from_compute"))
        with pytest.raises(bs.BayescaleError, match="does not determine"):
            bs.crossover_compute(made_fit, handmade_fit("repeated"))


class TestCommandLine:
    def run(self, *arguments) -> str:
        result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"})
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def test_reach(self, saved) -> None:
        found = json.loads(self.run("reach", saved, "--loss", "2.3,1.5", "--json"))
        first, second = found["goals"]
        assert first["loss"] == 2.3
        assert first["probability"] == 1
        assert first["flops"]["lower"] < first["flops"]["upper"]
        assert second["flops"]["median"] is None
        said = self.run(
            "reach", saved, "--params", "3B", "--at", "params=7B", "--at", "tokens=100B"
        )
        assert "reached in" in said
        assert "tokens" in said

    def test_the_ends_of_the_search_are_no_answers(self, saved, made_fit) -> None:
        """A goal easier than every run, one below the floor, and one that some draws reach."""
        found = bs.required_compute(made_fit, 30.0)
        start = found.attrs["flops_start"]
        assert found["flops"].to_numpy() == pytest.approx(start)
        least = float((6 * made_fit.inputs["N"] * made_fit.inputs["D"]).min())
        assert start == pytest.approx(least / 10)
        said = " ".join(self.run("reach", saved, "--loss", "30").split())
        assert f"at most {start:.3g} at most: reached before the search begins" in said
        assert "inf:" not in said and "[" not in said.partition("at most")[2]
        said = " ".join(self.run("reach", saved, "--loss", "0.5").split())
        assert "0.5: no compute reaches it under this law, whose floor is E = 1." in said
        assert "inf: not within" in said and "at most" not in said
        said = " ".join(self.run("reach", saved, "--loss", "2.3").split())
        assert "inf:" not in said and "floor" not in said and "at most" not in said
        mixed = bs.average({"a": made_fit, "b": made_fit}, {"a": 0.5, "b": 0.5})
        (said,) = below_floor(mixed, bs.required_compute(mixed, [2.3, 0.5, 0.4]))
        assert said.startswith("0.5 and 0.4: no compute reaches it under these laws, whose floors")

    def test_crossing(self, saved) -> None:
        found = json.loads(self.run("crossing", saved, saved, "--flops", "1e22,1e23", "--json"))
        assert [row["flops"] for row in found["budgets"]] == [1e22, 1e23]
        assert set(found["start"]) == {"median", "lower", "upper"}
        assert "one is ahead" in self.run("crossing", saved, saved)


class TestPaths:
    def test_what_does_not_cross(self, steeper, sure) -> None:
        tokens = handmade_fit("broken_power_law")
        said = "one grows along flops and the other along tokens"
        with pytest.raises(bs.BayescaleError, match=said):
            bs.crossover_compute(steeper, tokens)
        bits = bs.Fit(steeper.spec, steeper.tree, {**steeper.record})
        bits.record["runs"] = {**steeper.record["runs"], "loss_unit": "bits/byte"}
        with pytest.raises(bs.BayescaleError, match="one is in nats/token and the other in bits"):
            bs.crossover_compute(steeper, bits)
        with pytest.raises(bs.BayescaleError, match="one predicts loss and the other accuracy"):
            bs.crossover_compute(sure, handmade_fit("accuracy_from_compute"))

    def test_decades_are_compared_where_nothing_is_asked(self, steeper) -> None:
        flat = handmade_fit("power_law", spread=SURE)
        found = bs.crossover_compute(steeper, flat, discrepancy=None)
        x = np.concatenate([f.inputs["x"].to_numpy() for f in (steeper, flat)])
        low, high = np.log10(x.min() / 10), np.log10(x.max() * 1e4)
        decades = np.arange(np.ceil(low), high)
        np.testing.assert_allclose(np.log10(found["flops"]), decades)
        ahead = 3.0 * (found["flops"] / 1e20) ** -0.06 < 2.9 * (found["flops"] / 1e20) ** -0.05
        np.testing.assert_array_equal(found["ahead"], ahead)
        assert (found.attrs["column"], found.attrs["target"]) == ("flops", "loss")

    def test_draws_are_thinned_evenly(self) -> None:
        draws = np.arange(10)[:, None]
        assert thin(draws, 4).ravel().tolist() == [0, 2, 5, 7]
        assert thin(draws, 10).ravel().tolist() == list(range(10))

    def test_laws_of_other_inputs_have_no_path(self, sure, steeper) -> None:
        with pytest.raises(bs.BayescaleError, match="repeated takes params, tokens, epochs, which"):
            path_column(handmade_fit("repeated"))
        with pytest.raises(bs.BayescaleError, match="kaplan_steps takes params, steps_min, which"):
            path_column(handmade_fit("kaplan_steps"))
        assert (path_holding(sure, {"params": 0.5})["params"] == 0.5).all()
        assert path_column(sure) == path_column(steeper) == "flops"
        values = np.array([1e20, 1e21])
        assert list(best_path(steeper, values)) == ["flops"]
        best = best_path(sure, values)
        np.testing.assert_allclose(6 * best["params"] * best["tokens"], values)
        middle = bs.optimum(sure, values, discrepancy=None)["params"].median(("chain", "draw"))
        np.testing.assert_allclose(best["params"], middle)
        assert path_holding(sure, {"params": "1B"}).keys() == {"tokens", "params", "flops"}

    def test_a_run_to_match_is_as_uncertain_as_the_rest(self, made_fit) -> None:
        """The same run at the same size needs just its tokens, in every draw."""
        run = {"params": 1e9, "tokens": 5e10}
        found = bs.required_compute(made_fit, at=run, params=1e9, discrepancy=None)
        np.testing.assert_allclose(found["tokens"], 5e10, rtol=1e-2)
        assert found["probability"].item() == 1 and found["params"].item() == 1e9
        curve = made_fit.curve({"N": 1e9, "D": 5e10})
        assert found["loss"].item() == pytest.approx(float(curve.median()), rel=1e-6)
        with pytest.raises(bs.BayescaleError, match="either loss= or at="):
            bs.required_compute(made_fit, 2.0, at=run)
        with pytest.raises(bs.BayescaleError, match="needs one params, such as params=7B"):
            bs.required_compute(made_fit, at={"params": [1e9, 2e9], "tokens": 1e9}, tokens=1e9)


def test_laws_that_grow_along_different_columns() -> None:
    compute, tokens = handmade_fit("power_law"), handmade_fit("broken_power_law")
    tokens.tree["observed_data"] = compute.tree["observed_data"]
    mixed = bs.Average({"a": compute, "b": tokens}, {"a": 1.0, "b": 1.0})
    with pytest.raises(bs.BayescaleError, match="grow along different columns: flops, tokens"):
        path_column(mixed)


def test_from_where_on_one_is_ahead(made_fit, monkeypatch) -> None:
    """Made-up leads at four budgets and one that is asked about; the last lead decides."""
    leads = np.array(
        [
            [1.0, -1.0, -1.0, -1.0, 0.5],
            [1.0, 1.0, -1.0, 1.0, -0.5],
            [-1.0, -1.0, -1.0, -1.0, -0.5],
            [-1.0, 1.0, -3.0, -1.0, 0.0],
            [1.0, 1.0, 1.0, -1.0, -0.5],
            [1.0, -1.0, -1.0, 0.0, 1.0],
        ]
    )
    curves = iter([leads + 2.0, np.full(leads.shape, 2.0)])

    def instead(fit, path, **options):
        outcome = xr.DataArray(next(curves)[None], dims=("chain", "draw", "point"))
        return xr.Dataset({"outcome": outcome})

    values = np.array([1e20, 1e21, 1e22, 1e23])
    monkeypatch.setattr(targets, "frontier_values", lambda fits, column: values)
    monkeypatch.setattr(targets, "best_path", lambda fit, values: {"flops": values})
    monkeypatch.setattr(targets, "predict", instead)
    found = bs.crossover_compute(made_fit, made_fit, 5e22)
    steps = np.log10(found["start"].to_numpy().ravel()) - 20
    np.testing.assert_allclose(steps, [0.5, np.inf, 0.0, 1.25, 2.5, np.inf])
    assert found["probability"].item() == pytest.approx(4 / 6)
    assert found["ahead"].item() == pytest.approx(3 / 6)
    assert found["difference"].to_numpy().ravel().tolist() == leads[:, 4].tolist()


@pytest.fixture(scope="module")
def error():
    return handmade_fit("error_from_loss", spread=SURE)


class TestAlongALoss:
    """Models get better to lower losses."""

    def test_the_highest_loss_that_is_low_enough(self, error) -> None:
        for loss in (4.0, 2.5, 1.7):
            goal = float(bs.predict(error, {"loss": loss}, discrepancy=None)["law"].median())
            found = bs.required_compute(error, goal, discrepancy=None)
            assert float(found["loss"].median()) == pytest.approx(loss, rel=2e-3)
            assert found["probability"].item() == 1

    def test_what_is_never_reached_is_zero(self, error) -> None:
        found = bs.required_compute(error, 0.01, discrepancy=None)
        assert (found["loss"] == 0).all() and found["probability"].item() == 0

    def test_from_which_loss_down_one_is_ahead(self) -> None:
        flat, steep = (
            handmade_fit("bleu_from_loss", truth={"B0": b, "kappa": k}, spread=SURE)
            for b, k in ((1.0, 1.0), (0.9, 2.0))
        )
        reference = float(np.sqrt(8.0))
        crossed = reference * (1 + np.log(0.9))  # 0.9 exp(-2 x) = exp(-x)
        found = bs.crossover_compute(steep, flat, discrepancy=None)
        assert float(found["start"].median()) == pytest.approx(crossed, rel=5e-3)
        assert float(found["probability"]) == 1
        at = found["loss"].values
        assert (np.diff(at) < 0).all() and at[0] > crossed > at[-1]
        assert ((found["ahead"] > 0.5).values == (at < crossed)).all()
        behind = bs.crossover_compute(flat, steep, discrepancy=None)
        assert (behind["start"] == 0).all() and float(behind["probability"]) == 0

    def test_the_command_says_what_zero_means(self, error, tmp_path) -> None:
        path = bs.save(error, tmp_path / "error.nc")
        said = CliRunner().invoke(app, ["reach", str(path), "--loss", "0.01"]).stdout
        assert "0: not down to half the lowest fitted loss" in said and "inf:" not in said
        said = CliRunner().invoke(app, ["reach", str(path), "--loss", "50"]).stdout
        said = " ".join(said.split())
        assert "at least: reached before the search begins" in said and "0: not" not in said
        said = CliRunner().invoke(app, ["crossing", str(path), str(path)]).stdout
        assert " down\n" in said and "half the lowest fitted loss" in said

    def test_nothing_is_spent_along_a_loss(self, error) -> None:
        with pytest.raises(bs.BayescaleError, match="takes loss, of which nothing is spent"):
            bs.effective_compute(error, error)
