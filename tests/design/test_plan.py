"""Which runs to do next: against brute force, and what a user sees."""

import json
from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_texts import faults_at_three_sizes
from handmade import TRUTH, fit_around, handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.cli.design import _without
from bayescale.cli.output import discrepancy_texts
from bayescale.design.candidates import inputs_of
from bayescale.design.gaussian_update import posterior_uncertainty, scatter_of
from bayescale.design.quantities_of_interest import best_sizes, outcomes, read_about
from bayescale.design.search import choose
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.plots.plan import plan_data, plot_plan
from bayescale.prediction.discrepancy import DISCREPANCY, run_weights
from bayescale.prediction.places import Places

matplotlib.use("Agg")

BUDGET = 1e21
FEW = pd.DataFrame(
    {
        "params": [3e7, 1e8, 3e8, 1e9, 3e9, 9e9],
        "tokens": [6e9, 2e10, 1e9, 5e10, 2e10, 1.8e10],
    }
)


def beliefs(fit, about, table=FEW, discrepancy=DISCREPANCY):
    rng = np.random.default_rng(0)
    places = {fit.law.name: inputs_of(fit, table)}
    return posterior_uncertainty(fit, read_about(about, fit), places, discrepancy, rng)


@pytest.fixture(scope="module")
def rival(made_fit):
    """The skaling law around the same runs."""
    spec = make_spec("skaling", references={"N": 1e9, "D": 2e10})
    runs = bs.fitted_runs(made_fit)[["params", "tokens", "loss"]]
    return fit_around(spec, extract(spec, bs.read_runs(runs)), TRUTH["skaling"])


@pytest.fixture(scope="module")
def saved(made_fit, tmp_path_factory):
    return bs.save(made_fit, tmp_path_factory.mktemp("plan") / "fit.nc")


class TestBeliefs:
    @pytest.mark.parametrize("about", ["flops=1e22", "params=10B,tokens=200B", "alpha-beta"])
    def test_one_run_at_a_time(self, made_fit, about) -> None:
        now = beliefs(made_fit, about)
        each = now.uncertainty_after()
        # the smallest run, four decades off, hardly says how to spend the budget
        assert (each[1:] < now.uncertainty).all() and each[0] <= now.uncertainty * (1 + 1e-8)
        for run in range(len(FEW)):
            then = now.condition_on(run)
            assert then.uncertainty == pytest.approx(each[run], rel=1e-9)
            assert then.condition_on(run, -1).uncertainty == pytest.approx(
                now.uncertainty, rel=1e-9
            )
        one_way, other_way = (
            now.condition_on(0).condition_on(5),
            now.condition_on(5).condition_on(0),
        )
        assert one_way.uncertainty == pytest.approx(other_way.uncertainty, rel=1e-9)

    @pytest.mark.parametrize("about", ["alpha", "params=10B,tokens=200B"])
    def test_against_reweighted_draws(self, made_fit, about) -> None:
        """Draws weighted by the likelihood of two new runs vary as the formula says."""
        runs = [1, 4]
        inputs = inputs_of(made_fit, FEW)
        curves = outcomes(made_fit, inputs)[:, runs]
        noise = scatter_of(made_fit, inputs)[runs]
        if about == "alpha":
            asked = made_fit.posterior["alpha"].values.ravel()
        else:
            point = inputs_of(made_fit, pd.DataFrame({"params": [1e10], "tokens": [2e11]}))
            asked = outcomes(made_fit, point)[:, 0]
        rng = np.random.default_rng(1)
        variances = []
        for truth in rng.choice(len(curves), 100):
            seen = curves[truth] + np.sqrt(noise) * rng.standard_normal(2)
            weights = np.exp(-((curves - seen) ** 2 / noise).sum(1) / 2)
            mean = np.average(asked, weights=weights)
            variances.append(np.average((asked - mean) ** 2, weights=weights))
        now = beliefs(made_fit, about, discrepancy=None)
        assert np.mean(variances) < 0.9 * now.uncertainty
        expected = now.condition_on(1).condition_on(4).uncertainty
        assert np.sqrt(np.mean(variances)) == pytest.approx(np.sqrt(expected), rel=0.1)

    def test_against_the_discrepancy_of_a_fit_with_the_runs(self, made_fit, monkeypatch) -> None:
        """With the law known, a run changes the outcome's spread as it does the surface's."""
        sure = handmade_fit("chinchilla", spread=1e-9)
        table = pd.DataFrame({"params": [2e10], "tokens": [1e11]})
        now = beliefs(sure, "params=10B,tokens=200B", table)
        truth = {k: float(v) for k, v in sure.posterior.median().items()}
        made = bs.simulate("chinchilla", table, truth, references=sure.references, random_seed=0)
        runs = pd.concat([bs.fitted_runs(sure), made], ignore_index=True)
        runs = runs[["params", "tokens", "loss"]]
        more = fit_around(sure.spec, extract(sure.spec, bs.read_runs(runs)), truth, spread=1e-9)
        at = inputs_of(sure, pd.DataFrame({"params": [1e10], "tokens": [2e11]}))
        # what is usual among the runs stays what it was before the new one
        before_places, places = (Places.of(f, DISCREPANCY.reach) for f in (sure, more))
        monkeypatch.setattr(Places, "of", lambda *_: replace(places, usual=before_places.usual))
        after = DISCREPANCY.surface(more).at(at)[1].item()
        monkeypatch.undo()
        before = DISCREPANCY.surface(sure).at(at)[1].item()
        assert after < 0.8 * before
        assert now.uncertainty == pytest.approx(before, rel=1e-6)
        # The fit's run has a weight of its own, by how far it lies off.
        own = replace(now, noise=1 / run_weights(more)[-1:])
        assert own.condition_on(0).uncertainty == pytest.approx(after, rel=1e-3)

    def test_the_best_size_is_that_of_optimum(self, made_fit) -> None:
        surface = DISCREPANCY.surface(made_fit)
        ours = best_sizes(made_fit, 3e21, surface, np.random.default_rng(0))
        theirs = np.log(bs.optimum(made_fit, 3e21, random_seed=1)["params"]).values.ravel()
        assert ours.std() == pytest.approx(theirs.std(), rel=0.1)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.1 * theirs.std())

    def test_an_average_is_unsure_of_what_its_laws_disagree_on(self, made_fit, rival) -> None:
        mixed = bs.Average({"a": made_fit, "b": rival}, {"a": 0.5, "b": 0.5})
        asked = {"params": 1e11, "tokens": 1e13}
        places = {"a": inputs_of(made_fit, FEW), "b": inputs_of(rival, FEW)}
        now = posterior_uncertainty(mixed, asked, places, None, np.random.default_rng(0))
        drawn = [np.log(bs.predict(f, asked, discrepancy=None)["law"]) for f in (made_fit, rival)]
        expected = np.concatenate([d.values.ravel() for d in drawn]).var()
        assert now.uncertainty == pytest.approx(expected, rel=0.01)


class TestChoose:
    @pytest.mark.parametrize("about", ["flops=3e21", "alpha"])
    def test_near_the_best_of_all_sets(self, made_fit, about) -> None:
        table = bs.isoflop_design(BUDGET / np.array([1, 2, 4]), [3, 10, 40, 150])
        now, cost = beliefs(made_fit, about, table), table["flops"].to_numpy()
        sets = [
            s
            for k in (1, 2, 3)
            for s in combinations(range(len(cost)), k)
            if cost[list(s)].sum() <= BUDGET * 1.0001
        ]
        best = min(_left(now, s) for s in sets)
        chosen = choose(now, cost, BUDGET, 3)
        assert cost[chosen].sum() <= BUDGET * 1.0001
        assert now.uncertainty - _left(now, chosen) > 0.97 * (now.uncertainty - best)


def _left(now, runs) -> float:
    for run in runs:
        now = now.condition_on(run)
    return now.uncertainty


class TestPlan:
    def test_table_to_launch(self, made_fit) -> None:
        found = bs.plan(made_fit, budget="1e21", about="alpha-beta", runs=4)
        runs = found.runs
        assert list(runs) == ["params", "tokens", "flops", "cost", "sd_after", "share"]
        assert 1 <= len(runs) <= 4
        assert runs["cost"].sum() <= 1e21 * 1.0001
        np.testing.assert_allclose(runs["flops"], 6 * runs["params"] * runs["tokens"])
        assert runs["share"].sum() == pytest.approx(1)
        assert (np.diff([found.sd_now, *runs["sd_after"]]) < 0).all()
        assert found.sd_after == runs["sd_after"].iloc[-1]
        draws = made_fit.posterior["alpha"] - made_fit.posterior["beta"]
        assert found.sd_now == pytest.approx(float(draws.std()), rel=0.01)
        assert "standard deviation of alpha - beta" in str(found)
        assert found.candidates["sd_after"].min() >= found.sd_after * 0.999

    def test_far_targets_are_said_to_learn_little(self, made_fit) -> None:
        found = bs.plan(made_fit, budget=1e19, about={"flops": 1e24})
        assert found.do_nothing and 0 < found.gain < 0.02
        assert str(found).startswith("Do nothing: the best ")
        assert "less than the 2 % from which runs are proposed" in str(found)
        believed = bs.plan(made_fit, budget=1e19, about={"flops": 1e24}, discrepancy=None)
        assert believed.gain > 3 * found.gain

    def test_the_discrepancy_sends_runs_near_the_target(self, made_fit) -> None:
        target = {"params": 2e8, "tokens": 3e10}
        honest = bs.plan(made_fit, budget=1e21, about=target, runs=1).runs.iloc[0]
        distance = np.hypot(*np.log10([honest["params"] / 2e8, honest["tokens"] / 3e10]))
        assert distance < 0.2

    @pytest.mark.parametrize("about", ["alpha-beta", "flops=3e21", "E"])
    def test_runs_that_people_would_launch(self, made_fit, about) -> None:
        """Round, of few sizes, apart, and of the runs' tokens per parameter."""
        found = bs.plan(made_fit, budget=1e21, about=about, runs=8).runs
        fitted = (made_fit.inputs["D"] / made_fit.inputs["N"]).to_numpy()
        assert (found["tokens"] / found["params"]).between(fitted.min(), fitted.max()).all()
        for value in found[["params", "tokens"]].to_numpy().ravel():
            assert value == float(f"{value:.1e}")
        logs = np.log(found[["params", "tokens"]].to_numpy())
        for one, other in combinations(logs, 2):
            assert np.abs(one - other).max() > np.log(1.2)

    def test_fewer_sizes_and_runs_at_nearly_the_same_gain(self, made_fit) -> None:
        found = bs.plan(made_fit, budget=1e21, about="alpha-beta", runs=8)
        free = bs.plan(made_fit, found.candidates[["params", "tokens"]], budget=1e21,
                       about="alpha-beta", runs=8)  # fmt: skip
        assert found.sd_now == pytest.approx(free.sd_now)
        gains = [one.sd_now**2 - one.sd_after**2 for one in (found, free)]
        assert 0.95 * gains[1] * (1 - 1e-9) <= gains[0] <= gains[1] * (1 + 1e-9)
        assert found.runs["params"].nunique() < free.runs["params"].nunique()
        assert len(found.runs) <= len(free.runs)

    def test_own_candidates_costs_and_limits(self, made_fit) -> None:
        table = FEW.assign(cost=[1, 1, 1, 1, 1, 50], name=list("abcdef"))
        found = bs.plan(made_fit, table, budget=2, about="alpha", limits={"params": "2B"})
        assert set(found.runs["name"]) <= set("abcd")
        assert found.runs["cost"].sum() <= 2
        free = bs.plan(made_fit, table, about="alpha", runs=6)
        assert len(free.runs) > 2

    def test_which_law(self, made_fit, rival) -> None:
        fits = {"chinchilla": made_fit, "skaling": rival}
        found = bs.plan(fits, FEW, runs=2)
        assert found.sd_now == pytest.approx(0.5)
        assert found.sd_after < 0.5
        assert "which of chinchilla, skaling is right" in str(found)
        same = bs.plan(bs.average(fits, {"chinchilla": 1, "skaling": 1}), FEW, about="law", runs=2)
        pd.testing.assert_frame_equal(same.runs, found.runs)
        alike = bs.Average({"a": made_fit, "b": made_fit}, {"a": 1, "b": 1})
        with pytest.raises(bs.BayescaleError, match="is informative about"):
            bs.plan(alike, FEW, about="law")

    def test_a_law_of_compute(self) -> None:
        found = bs.plan(handmade_fit("power_law"), budget=1e21, runs=2)
        assert {"flops", "cost", "sd_after"} <= set(found.runs)
        assert "the loss at flops = " in found.about

    def test_a_law_of_params_and_compute(self) -> None:
        fit = handmade_fit("isoflop")
        found = bs.plan(fit, budget=1e22, runs=2)
        assert "the log of the best size at 1e+22 FLOP" in found.about
        now = np.log(bs.optimum(fit, 1e22)["params"])
        assert found.sd_now == pytest.approx(float(now.std()), rel=0.1)
        assert found.runs["cost"].sum() <= 1e22 * 1.0001
        given = bs.plan(fit, {"params": [1e9, 2e9], "flops": [1e20, 1e20]}, about=found.quantity)
        assert given.candidates["cost"].tolist() == [1e20, 1e20]
        assert given.unit == "FLOP"
        assert len(bs.least_useful(fit)) == fit.observed.size

    def test_a_law_of_tokens_counts_tokens(self) -> None:
        found = bs.plan(handmade_fit("broken_power_law"), {"tokens": ["10B", "100B"]}, runs=1)
        assert found.runs["cost"].tolist() == [1e11]
        assert found.unit == "tokens"
        assert "1 run of 100B tokens in total" in str(found)

    def test_a_law_of_further_inputs(self) -> None:
        """The budget leaves the number of epochs open: candidates are near the fitted runs."""
        fit = handmade_fit("repeated")
        target = {"params": 1e9, "tokens": 1e11, "epochs": 4}
        found = bs.plan(fit, budget=1e22, about=target, runs=2)
        assert found.runs["cost"].sum() <= 1e22 * 1.0001
        np.testing.assert_allclose(
            found.candidates["cost"], 6 * found.candidates["params"] * found.candidates["tokens"]
        )
        with pytest.raises(bs.BayescaleError, match=r"no default: ask for params=\.\.\., tokens="):
            bs.plan(fit, budget=1e22)

    @pytest.mark.parametrize(
        ("law", "candidates", "message"),
        [
            ("power_law", {"tokens": [1e10]}, "no flops, .*: add a column flops, or params and"),
            ("power_law", {"tokens": [1e10], "cost": [1e20]}, "no flops, which power_law takes"),
            ("accuracy_from_loss", {"loss": [2.5]}, "does not follow from loss: add a column cost"),
        ],
    )
    def test_what_candidates_lack(self, law, candidates, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            bs.plan(handmade_fit(law), candidates)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({}, "no budget and no candidates are given"),
            ({"budget": -1}, "positive"),
            ({"budget": 1e21, "about": "gamma"}, "no free parameter 'gamma'"),
            ({"budget": 1e21, "about": "law"}, "compares several fits"),
            ({"budget": 1e21, "about": "params=7B"}, "needs tokens"),
            ({"budget": 1e21, "limits": {"param": 1}}, "did you mean 'params'"),
            ({"budget": 1e21, "limits": {"params": 1}}, "no candidate run is within"),
            ({"budget": 1e21, "runs": 0}, "runs = 0: it must lie between 1 and 100"),
            ({"candidates": {"params": [1e9], "tokens": [1e9], "cost": [0]}}, "must be positive"),
        ],
    )
    def test_what_cannot_be_planned(self, made_fit, given, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            bs.plan(made_fit, **given)

    def test_picture(self, made_fit) -> None:
        found = bs.plan(made_fit, budget=1e21, about="flops=3e21")
        axes = plot_plan(found)
        assert len(axes) == 2
        data = plan_data(found)
        assert data["sd"].iloc[[0, -1]].tolist() == [found.sd_now, found.sd_after]
        assert data["spent"].iloc[-1] == pytest.approx(found.runs["cost"].sum())
        matplotlib.pyplot.close("all")
        assert faults_at_three_sizes(lambda: plot_plan(found)) == []

    def test_what_is_spent_is_written_in_full_at_each_tick(self, made_fit) -> None:
        ax = plot_plan(bs.plan(made_fit, budget=BUDGET, about="flops=1e23", runs=2))[1]
        ax.get_figure().draw_without_rendering()
        written = [label.get_text() for label in ax.get_xticklabels()]
        assert "0" in written and all("10" in text for text in written if text != "0")
        assert not ax.xaxis.get_offset_text().get_text()


class TestLeastUseful:
    def test_what_a_run_told(self) -> None:
        fit = handmade_fit("chinchilla", spread=0.001)
        found = bs.least_useful(fit, "params=10B,tokens=200B")
        assert len(found) == fit.observed.size
        assert found["sd_without"].is_monotonic_increasing
        assert np.isfinite(found["sd_without"]).all()
        assert (found["lost"] >= 0).all()
        # The run nearest to the target is among those that told most of it.
        near = np.hypot(np.log(found["params"] / 1e10), np.log(found["tokens"] / 2e11)).argmin()
        assert near >= len(found) - 5

    def test_runs_that_fix_the_law(self, made_fit) -> None:
        """Draws wider than the scatter of a run: without it nothing is known."""
        assert np.isinf(bs.least_useful(made_fit, "alpha")["sd_without"]).any()

    def test_it_undoes_adding(self, made_fit) -> None:
        asked = read_about("alpha", made_fit)
        now = posterior_uncertainty(made_fit, asked, None, DISCREPANCY, np.random.default_rng(0))
        small = replace(now, noise=1e3 * now.noise)  # each tells little, so none fixes the law
        without = replace(small, noise=-small.noise).uncertainty_after()
        for run in (0, 17, 39):
            assert small.condition_on(run, -1).uncertainty == pytest.approx(without[run], rel=1e-9)


class TestCommandLine:
    def run(self, *arguments) -> str:
        result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"})
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def test_json_and_file(self, saved) -> None:
        out = saved.parent / "next.csv"
        arguments = ("plan", saved, "--budget", "1e21", "--about", "alpha", "--runs", 2)
        found = json.loads(self.run(*arguments, "--limit", "params=5B", "--json", "-o", out))
        assert found["about"] == "alpha"
        assert found["sd_after"] < found["sd_now"]
        assert len(found["least_useful"]) == 40
        written = pd.read_csv(out)
        np.testing.assert_allclose(written["params"], [r["params"] for r in found["runs"]])
        assert written["params"].max() <= 5e9

    def test_nothing_is_to_do(self, saved) -> None:
        """Said alike in text and JSON, with no run to launch in either, nor in the file."""
        out = saved.parent / "nothing.csv"
        arguments = ("plan", saved, "--budget", "1e19", "--about", "flops=1e24")
        text = self.run(*arguments)
        found = json.loads(self.run(*arguments, "--json", "-o", out))
        assert found["verdict"] == "do nothing" and found["runs"] == []
        assert found["text"].startswith("Do nothing: ")
        assert found["text"] in " ".join(text.split())
        assert "share of the gain" not in text
        assert len(pd.read_csv(out)) == 0
        done = json.loads(self.run("plan", saved, "--budget", "1e21", "--about", "E", "--json"))
        assert done["verdict"] == "run these" and done["runs"]

    def test_words(self, saved) -> None:
        said = self.run("plan", saved, "--budget", "1e21", "--about", "alpha", "--runs", 2)
        assert "share of the gain" in said
        assert "would lower the standard deviation of alpha" in said
        assert "of the fitted runs, these were least informative: " in said
        assert "without it)" in " ".join(said.split()) and "inf %" not in said
        # Of the law at hand, not of all laws.
        assert "the law may be off by" in said and "skaling" not in said

    @pytest.mark.parametrize(
        ("lost", "said"),
        [
            (0.26, "sd +26 % without it"),
            (8.5, "sd +850 % without it"),
            (30.0, "sd more than 10 times as large without it"),
            (np.inf, "the others would not determine the law without it"),
        ],
    )
    def test_what_a_run_is_worth(self, lost: float, said: str) -> None:
        assert _without(lost) == said


def test_discrepancies_of_several_laws_are_said_by_name() -> None:
    wrong = bs.Discrepancy()
    each = {name: wrong.of_law(name) for name in ("skaling", "chinchilla")}
    one, other = discrepancy_texts(each)
    assert one.startswith("skaling: discrepancy: ") and other.startswith("chinchilla: ")
    assert len(discrepancy_texts({"a": each["skaling"], "b": each["skaling"]})) == 1
