"""Budgets that pay for more than training, limits, regret and decisions, against brute force."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import decisions
import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_texts import faults_at_three_sizes
from handmade import TRUTH, handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.decisions.budget import Spending
from bayescale.decisions.loss_grid import lowest
from bayescale.decisions.scenario import Hardware, Scenario, load_scenario
from bayescale.inference.result import Fit
from bayescale.plots.frontier import frontier_data
from bayescale.plots.regret import regret_data
from bayescale.reporting.decisions import choices
from bayescale.reporting.scenario_texts import terms

DRAWS = ("chain", "draw")


@pytest.fixture(scope="module")
def exact() -> Fit:
    """A fit all of whose draws are the truth."""
    return handmade_fit("chinchilla", spread=0.0)


@pytest.fixture(scope="module")
def precise() -> Fit:
    return handmade_fit("precision_tied", spread=0.01)


def one(answer: Any) -> dict[str, float]:
    first = answer.isel(chain=0, draw=0, budget=0).squeeze()
    return {str(k): float(v) for k, v in first.data_vars.items()}


class TestOptimum:
    @pytest.mark.parametrize("given", decisions.SCENARIOS, ids=str)
    def test_is_that_of_scipy(self, exact: Fit, given: dict[str, Any]) -> None:
        assert decisions.against_scipy(exact, Scenario(flops=1e22, **given)) < 1e-3

    @pytest.mark.parametrize("inference", [1e11, 1e13])
    def test_first_order_condition_of_sardana(self, exact: Fit, inference: float) -> None:
        assert decisions.sardana(exact, inference) < 1e-3

    def test_repeated_data_of_muennighoff(self) -> None:
        fit = decisions.repeated_fit()
        assert decisions.against_muennighoff(fit, 9.3e21, 25e9) < 1e-3
        scarce = Scenario(flops=9.3e21, at={"unique_tokens": "25B"})
        best = one(bs.optimum(fit, scarce, discrepancy=None))
        assert best["epochs"] == pytest.approx(best["tokens"] / 25e9)
        free = one(bs.optimum(fit, Scenario(flops=9.3e21, at={"epochs": 1}), discrepancy=None))
        assert best["epochs"] > 5 and best["loss"] > free["loss"]

    def test_the_budget_is_spent(self, made_fit: Fit) -> None:
        served = Scenario(flops=[1e22, 1e24], inference_tokens="1T")
        for discrepancy in (None, bs.Discrepancy()):
            best = bs.optimum(made_fit, served, discrepancy=discrepancy, random_seed=1)
            spent = 6 * best["params"] * best["tokens"] + 2 * best["params"] * 1e12
            np.testing.assert_allclose(spent / best["flops"], 1.0)
            share = 6 * best["params"] * best["tokens"] / best["flops"]
            np.testing.assert_allclose(best["training_share"], share)

    def test_limits_hold_with_a_discrepancy_too(self, made_fit: Fit) -> None:
        limited = Scenario(flops=1e24, max_params="50B", max_tokens="5T")
        best = bs.optimum(made_fit, limited, random_seed=1)
        assert float(best["params"].max()) <= 50e9 * (1 + 1e-12)
        assert float(best["tokens"].max()) <= 5e12 * (1 + 1e-12)
        tight = one(bs.optimum(made_fit, replace(limited, max_tokens="100B")))
        assert (tight["params"], tight["tokens"]) == pytest.approx((50e9, 100e9))

    def test_no_scenario_is_the_closed_form(self, made_fit: Fit) -> None:
        plain = bs.optimum(made_fit, 1e23, discrepancy=None)
        loose = bs.optimum(made_fit, Scenario(flops=1e23, max_params=1e15), discrepancy=None)
        for name in ("params", "tokens", "loss"):
            np.testing.assert_allclose(loose[name], plain[name], rtol=1e-5)

    def test_money_and_days(self, made_fit: Fit) -> None:
        nodes = Hardware("1000T", 0.4, 0.2, 100, 2.0)
        rich = Scenario(price="1M", hardware=nodes, inference_tokens="1T")
        best = bs.optimum(made_fit, rich, discrepancy=None)
        assert best["price"].item() == 1e6
        hours = 6 * best["params"] * best["tokens"] / (1e15 * 0.4 * 3600)
        served = 2 * best["params"] * 1e12 / (1e15 * 0.2 * 3600)
        np.testing.assert_allclose(2.0 * (hours + served), 1e6)
        np.testing.assert_allclose(best["days"], hours / 100 / 24)
        quick = Scenario(days=30, hardware=nodes)
        fast = bs.optimum(made_fit, quick, discrepancy=None)
        np.testing.assert_allclose(fast["flops"], 30 * 86400 * 100 * 1e15 * 0.4)
        np.testing.assert_allclose(fast["price"], 30 * 24 * 100 * 2.0)

    def test_the_best_bits_are_those_of_kumar(self, precise: Fit) -> None:
        """With one exponent for size and data, the best precision does not depend on the budget."""
        truth = {"E": 1.8, "a": 0.3, "alpha": 0.4, "b": 0.3, "beta": 0.4, "gamma": 2.5}
        fit = handmade_fit("precision_tied", truth=truth, spread=0.0)
        bits = np.arange(3.0, 9.0, 0.05)
        found = bs.optimum(
            fit, Scenario(flops=[1e21, 1e24], at={"bits": bits}, full_bits=16), discrepancy=None
        )
        share = 3 * np.log(-np.expm1(-bits / 2.5)) - np.log(bits)
        np.testing.assert_allclose(found["bits"][0, 0], bits[share.argmax()], atol=0.06)
        dear = bs.optimum(fit, Scenario(flops=1e24, at={"bits": [4, 16]}), discrepancy=None)
        assert (dear["bits"] == 16).all(), "bits that cost nothing are all taken"

    def test_open_inputs_with_a_discrepancy(self, precise: Fit) -> None:
        scenario = Scenario(flops=1e23, at={"bits": [4, 8]}, full_bits=16)
        best = bs.optimum(precise, scenario, random_seed=1)
        assert set(np.unique(best["bits"])) <= {4.0, 8.0}
        spent = 6 * best["params"] * best["tokens"] * best["bits"] / 16
        np.testing.assert_allclose(spent, 1e23)

    def test_an_average_is_of_both_laws(self, made_fit: Fit) -> None:
        other = handmade_fit("skaling")
        other.tree["observed_data"] = made_fit.tree["observed_data"]
        mixed = bs.average({"one": made_fit, "two": other}, {"one": 0.5, "two": 0.5})
        served = Scenario(flops=1e23, inference_tokens="1T", candidates=["3B", "10B"])
        best = bs.optimum(mixed, served, discrepancy=None)["params"]
        each = [bs.optimum(f, served, discrepancy=None)["params"] for f in (made_fit, other)]
        assert min(e.min() for e in each) <= best.min() <= best.max() <= max(e.max() for e in each)
        found = bs.regret(mixed, served, random_seed=1)
        assert found.sizes == {"chain": 1, "draw": 1000, "budget": 1, "choice": 2}
        assert list(found["params"].values[0]) == [3e9, 10e9]
        assert (found["regret"] >= 0).all()

    def test_what_it_refuses(self, made_fit: Fit) -> None:
        ask = {
            "unique_tokens": "the law `repeated`",
            "tokns": "no input 'tokns'",
        }
        for name, said in ask.items():
            with pytest.raises(bs.BayescaleError, match=said):
                bs.optimum(made_fit, Scenario(flops=1e23, at={name: 1e9}))
        with pytest.raises(bs.BayescaleError, match=r"say at = \{ bits"):
            bs.optimum(handmade_fit("precision_tied"), 1e23)
        with pytest.raises(bs.BayescaleError, match="unique_tokens"):
            bs.optimum(handmade_fit("repeated"), 1e23)
        with pytest.raises(bs.BayescaleError, match="no budget"):
            bs.optimum(made_fit, Scenario(max_params="7B"))


class TestRegret:
    def test_is_that_of_brute_force(self, exact: Fit) -> None:
        served = Scenario(flops=decisions.BUDGET, inference_tokens=3e12)

        def curve(n: Any, d: Any) -> Any:
            return exact.law.curve({"N": n, "D": d}, exact.references, TRUTH["chinchilla"])

        for size in (1e9, 5e9, 1.2e10):
            _, _, lost, wasted = decisions.true_answers(curve, size, 3e12)
            found = one(bs.regret(exact, served, size, discrepancy=None))
            assert found["regret"] == pytest.approx(lost, rel=2e-3, abs=1e-6)
            assert np.log1p(-found["wasted"]) == pytest.approx(np.log1p(-wasted), abs=2e-3)

    def test_of_the_best_is_nothing(self, exact: Fit) -> None:
        best = one(bs.optimum(exact, 1e23, discrepancy=None))
        found = one(bs.regret(exact, 1e23, best["params"], discrepancy=None))
        assert 0 <= found["regret"] < 1e-5 and 0 <= found["wasted"] < 1e-3
        assert found["loss"] == pytest.approx(best["loss"])

    def test_with_a_discrepancy_is_judged_by_the_same_draw(self, made_fit: Fit) -> None:
        sizes = np.geomspace(2e9, 4e11, 9)
        believed = bs.regret(made_fit, 1e23, sizes, discrepancy=None)
        close = bs.regret(made_fit, 1e23, sizes, discrepancy=bs.Discrepancy(1e-6), random_seed=1)
        np.testing.assert_allclose(close["regret"], believed["regret"], atol=2e-5)
        honest = bs.regret(made_fit, 1e23, sizes, random_seed=1)
        assert (honest["regret"] >= 0).all() and (honest["wasted"] <= 1).all()
        # a surface of its own for each size would add some 1.5 % of the loss to every regret
        spread = float(honest["loss"].std())
        near = float(honest["regret"].isel(choice=4).median())
        assert near < spread / 3
        again = bs.regret(made_fit, 1e23, sizes, random_seed=1)
        assert honest.identical(again)

    def test_more_is_better_for_accuracy(self) -> None:
        fit = handmade_fit("chinchilla_then_accuracy_from_loss", spread=0.0)
        found = bs.regret(fit, 1e22, ["100M", "1B"], around=True, discrepancy=None)
        best = bs.optimum(fit, 1e22, discrepancy=None)["loss"]
        np.testing.assert_allclose(
            found["loss"] + found["regret"],
            best.to_numpy()[..., None] + 0 * found["loss"],
            rtol=1e-4,
        )

    def test_sizes_it_refuses(self, made_fit: Fit) -> None:
        served = Scenario(flops=1e23, inference_tokens="5T", max_params="9B")
        with pytest.raises(bs.BayescaleError, match="more than max_params, 9B"):
            bs.regret(made_fit, served, "10B")
        with pytest.raises(bs.BayescaleError, match="nothing is left to train with"):
            bs.regret(made_fit, replace(served, max_params=None), "10B")
        with pytest.raises(bs.BayescaleError, match="params must be positive"):
            bs.regret(made_fit, 1e23, -1)


class TestDecision:
    def test_least_expected_regret_and_the_flat_set(self, made_fit: Fit) -> None:
        found = bs.regret(made_fit, [1e22, 1e24], around=True, discrepancy=None)
        assert not found["candidate"].any()
        table = bs.regret_summary(found, tolerance=0.05, probability=0.9)
        means = found["regret"].mean(DRAWS)
        for i, row in enumerate(table.to_dict("records")):
            assert row["regret"] == pytest.approx(float(means[i].min()))
            sure = (found["wasted"][:, :, i] <= 0.05).mean(DRAWS) >= 0.9
            flat = found["params"][i].values[sure.values]
            assert (row["flat_lower"], row["flat_upper"]) == (flat.min(), flat.max())
            assert row["near_lower"] <= row["params"] <= row["near_upper"]
        wider = bs.regret_summary(found, tolerance=0.2, probability=0.9)
        assert (wider["flat_upper"] > table["flat_upper"]).all()
        with pytest.raises(bs.BayescaleError, match="tolerance is 5"):
            bs.regret_summary(found, tolerance=5)

    def test_no_flat_set_where_little_is_known(self, made_fit: Fit) -> None:
        found = bs.regret(made_fit, 1e25, discrepancy=bs.Discrepancy(0.05), random_seed=1)
        table = bs.regret_summary(found)
        assert np.isnan(table["flat_lower"][0]) and table["near_lower"][0] > 0

    def test_candidates_with_open_inputs(self, precise: Fit) -> None:
        scenario = Scenario(flops=1e23, at={"bits": [4, 16]}, full_bits=16)
        found = bs.regret(precise, scenario, ["3B", "30B"], discrepancy=None)
        assert found["params"].values.tolist() == [[3e9, 30e9, 3e9, 30e9]]
        assert found["bits"].values.tolist() == [4, 4, 16, 16]
        np.testing.assert_allclose(found["tokens"][0, 0] / found["tokens"][0, 2], 4.0)
        taken = bs.regret_summary(found).iloc[0]
        assert (taken["params"], taken["bits"]) == (30e9, 4)


def test_parabola_through_three_points() -> None:
    at = np.linspace(-2, 2, 9)
    values = (at[None] - np.array([[0.13], [5.0], [-5.0]])) ** 2 + 7
    where, least = lowest(at, values)
    np.testing.assert_allclose(where, [0.13, 2.0, -2.0])
    np.testing.assert_allclose(least, [7.0, 16.0, 16.0])


def test_split_spends_the_budget(made_fit: Fit) -> None:
    spending = Spending(made_fit, Scenario(flops=1e24, inference_tokens="100T"))
    for ratio in (-5.0, 0.0, 20.0):
        params, tokens = spending.split(1e24, ratio, {})
        assert spending.cost(params, tokens, {}) == pytest.approx(1e24)
        assert np.log(tokens / params) == pytest.approx(ratio)
        assert spending.tokens(1e24, params, {}) == pytest.approx(tokens, rel=1e-5)


class TestScenario:
    def test_those_that_come_with_it(self) -> None:
        served, cluster = load_scenario("served"), load_scenario("cluster")
        assert served.flops == (1e23, 1e24) and served.inference_tokens == 2e12
        assert cluster.hardware is not None and cluster.inference_cost == 2
        assert cluster.budgets[0] == pytest.approx(1e6 / 2.5 * 3600 * 989e12 * 0.4)
        assert bs.list_studies().index.isin(["served", "cluster"]).sum() == 0

    def test_file_beside_the_model(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text('flops = "1 PF-day"\ncandidates = ["7B"]\n[at]\nbits = [4, 8]\n')
        found = load_scenario(path)
        assert found.flops == (8.64e19,) and found.options == [{"bits": 4.0}, {"bits": 8.0}]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("flop = 1e24", "flop is not a key of a scenario file (did you mean 'flops'"),
            ("flops = 1e24\nprice = 1", "one kind of budget, not flops and price"),
            ("price = 1", "a price needs hardware"),
            ('flops = "ten"', "flops: cannot read 'ten'"),
            ("flops = -1", "a budget must be positive; got -1 FLOP"),
            ("tolerance = 2", "tolerance is 2: it must lie between 0 and 1"),
            ("full_bits = 16", "full_bits needs at"),
            ("[hardware]\nutilisation = 0.4", "hardware.flops_per_second is missing"),
            ("[hardware]\nflops_per_second = 1\nutilisation = 40", "at most 1"),
            ("title = 3", "title is 3: it must be text in quotes"),
            (
                "days = 3\ninference_tokens = 1\n[hardware]\nflops_per_second = 1\nutilisation = 1",
                "days are those of training",
            ),
            ("flops = [", "not a TOML file"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, text: str, said: str) -> None:
        path = tmp_path / "bad.toml"
        path.write_text(text)
        with pytest.raises(bs.BayescaleError) as caught:
            load_scenario(path)
        assert str(caught.value).startswith(str(path)) and said in str(caught.value)
        assert str(caught.value).count(str(path)) == 1

    def test_no_such_file(self) -> None:
        with pytest.raises(
            bs.BayescaleError, match=r"no scenario file 'srved' \(did you mean 'served'"
        ):
            load_scenario("srved")

    def test_in_words(self) -> None:
        assert terms(load_scenario("cluster")) == (
            "The budget pays for training and for 1T tokens of inference; "
            "a FLOP of inference costs 2 of training."
        )


class TestShown:
    served = Scenario(flops=1e23, inference_tokens="2T", candidates=["3B", "8B"])

    def test_frontier_of_a_scenario(self, made_fit: Fit) -> None:
        data = frontier_data(made_fit, replace(self.served, flops=[1e24, 1e23]))
        best = bs.optimum(made_fit, self.served, discrepancy=None)["params"].median()
        assert data["params_law"][0] == pytest.approx(float(best))
        spent = data["params_20"] * (6 * data["tokens_20"] + 2 * 2e12)
        np.testing.assert_allclose(spent, data["flops"])
        np.testing.assert_allclose(data["tokens_20"] / data["params_20"], 20)

    def test_regret_curve(self, made_fit: Fit) -> None:
        sizes, decided = regret_data(made_fit, self.served, random_seed=1)
        assert sizes["candidate"].sum() == 2 and sizes["params"].is_monotonic_increasing
        assert sizes["regret"].min() == decided["regret"][0]
        ax = bs.plot_regret(made_fit, self.served, random_seed=1)
        texts = [t.get_text() for t in ax.texts]
        assert any(t.startswith("3B: wastes") for t in texts)
        assert any(t.startswith("best, ") for t in texts)
        with pytest.raises(bs.BayescaleError, match="draws one budget; 2 are given"):
            bs.plot_regret(made_fit, [1e22, 1e23])
        plt.close("all")
        assert faults_at_three_sizes(lambda: bs.plot_regret(made_fit, self.served)) == []

    def test_the_curve_leads_to_candidates_far_away(self, made_fit: Fit) -> None:
        """Not by a straight line from there to the sizes around the best one."""
        for far in ("300M", "3T"):
            sizes, _ = regret_data(made_fit, "1e23", ["30B", far], discrepancy=None)
            assert np.diff(np.log(sizes["params"])).max() < 0.5

    def test_report(self, made_fit: Fit, tmp_path: Path) -> None:
        scenario = replace(self.served, title="To serve or not", about="Which size?")
        page = bs.report(made_fit, tmp_path / "r.html", flops=scenario).read_text("utf-8")
        (choice,) = choices(made_fit, scenario, bs.Discrepancy())
        assert "To serve or not" in page and "Which size?" in page
        assert page.count(choice.said) == 2, "in the answer, and in its section"
        assert "2T tokens of inference" in page

    def test_command_line(self, made_fit: Fit, tmp_path: Path) -> None:
        fit = str(bs.save(made_fit, tmp_path / "fit.nc"))

        def run(*arguments: str) -> str:
            found = CliRunner().invoke(app, [arguments[0], fit, *arguments[1:]])
            assert found.exit_code == 0, found.output
            return found.stdout

        paid = ("--flops", "1e23", "--inference-tokens", "2T")
        answer = json.loads(run("optimum", *paid, "--discrepancy", "none", "--json"))
        expected = bs.optimum(made_fit, self.served, discrepancy=None)["params"].median()
        (budget,) = answer["budgets"]
        assert budget["params"]["median"] == pytest.approx(float(expected))
        judged = json.loads(run("regret", *paid, "--params", "3B,8B", "--json"))
        mean = bs.regret(made_fit, self.served, around=True, random_seed=0)["regret"].mean(DRAWS)
        found = [row["regret"]["mean"] for row in judged["candidates"]]
        np.testing.assert_allclose(found, mean[0, :2])
        assert set(judged["decisions"][0]) >= {"params", "near_lower", "flat_lower", "wasted"}
        shown = " ".join(run("regret", "--scenario", "cluster", "--max-params", "40B").split())
        assert "at most 40B parameters" in shown and "With a price of 5M" in shown
        picture = str(tmp_path / "r.png")
        run("plot", "regret", "-o", picture, *paid[:2])
        assert Path(picture).stat().st_size > 10_000
        refused = CliRunner().invoke(app, ["regret", fit])
        assert refused.exit_code == 1 and "no budget is given" in refused.stderr
