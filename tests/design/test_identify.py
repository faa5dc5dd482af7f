"""Identifiability: verdicts on answers, recommended runs, directions, modes, left-out runs."""

from types import SimpleNamespace
from typing import Any

import arviz_stats as azs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import REFERENCES, TRUTH, handmade_fit
from matplotlib.figure import Figure

import bayescale as bs
from bayescale.data.number_format import format_quantity
from bayescale.design import contraction as verdicts
from bayescale.design.candidates import Candidates, cost_of, runs_nearby
from bayescale.design.contraction import prior_sds
from bayescale.design.explain import reason
from bayescale.design.fisher_information import gradients, of_candidates, precision, thinned
from bayescale.design.identify import _allowed, _partners, contractions
from bayescale.design.posterior_modes import modes
from bayescale.design.quantities_of_interest import outcomes, quantities, scaled
from bayescale.design.recommend import LocalApproximation, local_approximation, recommended_runs
from bayescale.evaluation import influence as stability_module
from bayescale.evaluation.influence import changes_text
from bayescale.inference.link_scale_draws import links
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import log_likelihood_of
from bayescale.plots.identify import identify_data, plot_identify
from bayescale.prediction.discrepancy import run_weights

SIZES = np.geomspace(5e7, 5e9, 12)
LADDER = pd.DataFrame({"params": SIZES, "tokens": 20 * SIZES})


@pytest.fixture(scope="module")
def tied() -> Fit:
    """Runs at D = 20 N, and draws nearly as wide as the prior."""
    return handmade_fit(runs=LADDER, spread=0.4)


@pytest.fixture(scope="module")
def local(tied: Fit) -> LocalApproximation:
    found = local_approximation(tied, prior_sds(tied).tolist(), None, None)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def sharp() -> Fit:
    """Draws as narrow as forty runs make them."""
    return handmade_fit(spread=0.001)


class TestAnswers:
    def test_they_are_those_of_optimum_and_predict(self, made_fit: Fit) -> None:
        found = quantities(made_fit, "1e23", {"params": ["7B"], "tokens": ["140B"]})
        best = bs.optimum(made_fit, 1e23, discrepancy=None).isel(budget=0)
        law = bs.predict(made_fit, params=7e9, tokens=1.4e11)["law"].isel(point=0)
        assert np.allclose(found["N* (1e+23 FLOP)"], best["params"])
        assert np.allclose(found["D*/N* (1e+23 FLOP)"], best["tokens_per_param"])
        assert np.allclose(found["loss (1e+23 FLOP)"], best["loss"])
        assert np.allclose(found["loss (params 7B, tokens 140B)"], law)

    def test_their_contraction_is_from_what_the_prior_implies(self, made_fit: Fit) -> None:
        table = bs.identify(made_fit, flops=1e23)
        row = table.loc["N* (1e+23 FLOP)"]
        prior = Fit(made_fit.spec, made_fit.tree.copy(), made_fit.record)
        prior.tree["posterior"] = xr.DataTree(made_fit.tree_group("prior"))
        widths = [
            np.ptp(
                np.quantile(np.log(bs.optimum(one, 1e23, discrepancy=None)["params"]), [0.05, 0.95])
            )
            for one in (made_fit, prior)
        ]
        assert row["kind"] == "quantity"
        assert row["contraction"] == pytest.approx(1 - (widths[0] / widths[1]) ** 2)
        assert row["partner"] in made_fit.spec.free
        assert list(table.index[:5]) == list(made_fit.spec.free)
        assert bs.identify(made_fit)["kind"].eq("parameter").all()

    @pytest.mark.filterwarnings("ignore:all runs have about 20 tokens per parameter")
    def test_quick_verdicts_are_the_same(self, tied: Fit) -> None:
        quick, whole = contractions(tied, 1e23), bs.identify(tied, flops=1e23, discrepancy=None)
        assert quick["verdict"].equals(whole["verdict"])
        assert quick["contraction"].equals(whole["contraction"])

    def test_intervals_are_those_of_optimum_and_predict(self, made_fit: Fit) -> None:
        """What the law's error leaves open by more than a decade is not called identified."""
        table = bs.identify(made_fit, flops=[1e23, 1e29], at={"params": 7e9, "tokens": 1e12})
        best = bs.optimum(made_fit, [1e23, 1e29])
        outcome = bs.predict(made_fit, params=7e9, tokens=1e12)["outcome"]
        for i, name in enumerate(["N* (1e+23 FLOP)", "N* (1e+29 FLOP)"]):
            low, high = np.percentile(best["params"].isel(budget=i), [5.5, 94.5])
            said = f"{format_quantity(low)} to {format_quantity(high)}"
            assert f"with the law's error {said}" in table["reason"][name]
            assert table["verdict"][name] == ("weak" if high > 10 * low else "identified")
        assert set(table["verdict"][["N* (1e+23 FLOP)", "N* (1e+29 FLOP)"]]) == {
            "identified",
            "weak",
        }
        assert table["reason"]["N* (1e+29 FLOP)"].startswith("within the law the runs identify it")
        low, high = np.percentile(outcome, [5.5, 94.5])
        assert table["reason"].iloc[-1].endswith(f"with the law's error {low:.4g} to {high:.4g}")

    def test_a_law_without_an_optimum_refuses_budgets(self) -> None:
        fit = handmade_fit("power_law_floor")
        with pytest.raises(bs.BayescaleError, match="an optimum needs"):
            bs.identify(fit, flops=1e23)
        assert "loss (flops 1e+23)" in bs.identify(fit, at={"flops": [1e23]}).index


class TestInformation:
    def test_a_straight_law_gives_the_regression_formula(self) -> None:
        """Log y = log c + gamma log x is straight: the covariance is known in closed form."""
        x = np.geomspace(1e18, 1e23, 9)
        runs = pd.DataFrame({"flops": x})
        fit = handmade_fit("trend", truth={"c": 3.0, "gamma": 0.4}, runs=runs)
        draws, sd = thinned(fit, 7), prior_sds(fit)
        design = np.stack([np.ones(9), np.log(x / fit.references["x"])], axis=1)
        sigma = draws["sigma"].values[0]
        expected = np.diag(1 / sd**2) + (design.T @ design) / sigma[:, None, None] ** 2
        assert np.allclose(precision(fit, draws, sd.tolist()), expected, rtol=1e-6)

    def test_slopes_of_parameters_are_their_own(self, made_fit: Fit) -> None:
        draws = thinned(made_fit, 5)
        found = gradients(made_fit, draws, None, None)
        assert list(found) == list(made_fit.spec.free)
        assert np.allclose(np.stack(list(found.values()), axis=1), np.eye(5), atol=1e-8)

    def test_slopes_of_an_optimum(self, made_fit: Fit) -> None:
        """Log N* = [log(alpha a / (beta b)) + beta log(nd)] / (alpha + beta)."""
        draws = thinned(made_fit, 5)
        found = gradients(made_fit, draws, 1e23, None)["N* (1e+23 FLOP)"]
        a_slope = 1 / (draws["alpha"] + draws["beta"]).values[0]
        assert np.allclose(found[:, 1], a_slope, rtol=1e-5)
        assert np.allclose(found[:, 3], -a_slope, rtol=1e-5)

    def test_a_run_updates_as_if_it_had_been_fitted(self, local: LocalApproximation) -> None:
        after = local.with_run(local.covariance, 3)
        rows = local.rows[:, 3]
        expected = np.linalg.inv(local.covariance) + np.swapaxes(rows, 1, 2) @ rows
        assert np.allclose(np.linalg.inv(after), expected, rtol=1e-4)
        predicted = local.variances_with("beta", local.covariance)[:, 3]
        assert np.allclose(predicted, local.variance("beta", after), rtol=1e-6)

    def test_a_chain_of_laws_observes_both(self) -> None:
        fit = handmade_fit("chinchilla_then_accuracy_from_loss")
        inputs = {name: xr.DataArray([1e9, 2e9], dims="point") for name in fit.law.inputs}
        rows = of_candidates(fit, thinned(fit, 4), inputs)
        assert rows.shape == (4, 2, 2, len(fit.spec.free))
        parameters = list(fit.spec.free)
        assert np.allclose(rows[:, :, 1, parameters.index("steepness")], 0)
        assert (rows[:, :, 0, parameters.index("steepness")] != 0).all()


class TestRecommendedRuns:
    def test_they_leave_the_line_that_the_runs_lie_on(self, tied: Fit) -> None:
        table = bs.identify(tied)
        found = table.attrs["recommended_runs"]
        assert found
        for name, plan in found.items():
            ratio = np.array([run["tokens"] / run["params"] for run in plan])
            assert (np.abs(np.log(ratio / 20)) > 1).any()
            assert table.loc[name, "runs"] == len(plan)
            assert table.loc[name, "chance"] >= 0.85
            assert "of the cost of the runs so far" in table.loc[name, "recommended_runs"]
        assert table["reason"].str.contains("tokens = 20 x params").any()

    def test_they_cost_no_more_than_the_budget(self, tied: Fit, local: LocalApproximation) -> None:
        table = contractions(tied)
        limits = dict(table["allowed"])
        spent = local.spent
        assert spent == pytest.approx(float((6 * 20 * SIZES**2).sum()))
        for budget in (None, spent / 100):
            for one in recommended_runs(local, limits, budget).values():
                assert one.cost <= (budget or spent) * (1 + 1e-9)
        left = bs.identify(tied, budget=1.0).query("verdict != 'identified'")
        assert left["recommended_runs"].eq("no run is within the budget").all()

    def test_runs_are_predicted_to_settle_what_they_are_for(
        self, tied: Fit, local: LocalApproximation
    ) -> None:
        """Adding the plan's information by hand gives the chance that was said."""
        limits = dict(contractions(tied)["allowed"])
        for name, one in recommended_runs(local, limits).items():
            rows = local.rows[:, one.plan].reshape(len(local.rows), -1, 5)
            known = np.linalg.inv(local.covariance) + np.swapaxes(rows, 1, 2) @ rows
            left = local.variance(name, np.linalg.inv(known))
            assert one.chance == pytest.approx((left <= 0.8 * limits[name]).mean(), abs=0.011)
            assert one.settles == (one.chance >= 0.85)

    def test_none_is_named_where_the_runs_suffice(self, made_fit: Fit) -> None:
        table = bs.identify(made_fit)
        assert table["recommended_runs"].eq("").all()
        assert table["runs"].eq(0).all()
        assert table.attrs["recommended_runs"] == {}

    @pytest.mark.parametrize("law", ["power_law_floor", "accuracy_from_loss", "repeated"])
    def test_other_inputs(self, law: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verdicts, "IDENTIFIED", 0.9999)
        fit = handmade_fit(law)
        table = bs.identify(fit)
        columns = set(map(fit.spec.column, fit.law.inputs))
        for plan in table.attrs["recommended_runs"].values():
            assert all(set(run) == columns for run in plan)
        left = table[table["verdict"] != "identified"]
        assert left["recommended_runs"].str.len().gt(0).all()
        assert not left["recommended_runs"].str.contains("not known").any()

    def test_curves_under_a_schedule_have_no_candidates(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verdicts, "IDENTIFIED", 0.9999)
        fit = handmade_fit("multi_power")
        assert runs_nearby(fit) is None
        left = bs.identify(fit).query("verdict != 'identified'")
        assert left["recommended_runs"].str.startswith("not known").all()


class TestCandidates:
    def test_they_are_round_and_in_reach(self, tied: Fit) -> None:
        found = runs_nearby(tied)
        assert found is not None
        ratio = found.table["tokens"] / found.table["params"]
        assert ratio.between(20 / 20.1, 20 * 20.1).all()
        assert found.table["params"].between(4.9e6, 5.1e10).all()
        digits = {f"{value:.0e}"[0] for value in found.table["params"]}
        assert digits == {"1", "2", "5"}
        assert np.allclose(found.cost, 6 * found.table["params"] * found.table["tokens"])

    def test_losses_stay_in_their_span(self) -> None:
        found = runs_nearby(handmade_fit("accuracy_from_loss"))
        assert found is not None
        assert found.table["loss"].between(1.4, 5.1).all()
        assert found.unit == ""
        assert not found.cost.any()

    def test_cost_counts_what_is_known(self) -> None:
        one = np.array([2.0, 3.0])
        assert cost_of({"flops": one, "params": one})[1] == "FLOP"
        assert cost_of({"tokens": one})[1] == "tokens"
        assert cost_of({"loss": one}) == (pytest.approx([0, 0]), "")


class TestDirections:
    def test_a_trade_off_is_named(self, made_fit: Fit) -> None:
        """Draws along E up, alpha down, as wide as the prior; all else is narrow."""
        z = np.random.default_rng(0).normal(size=(4, 250))
        sd = prior_sds(made_fit)
        posterior = made_fit.posterior
        moved = posterior.assign(
            E=posterior["E"] * np.exp(0.7 * sd[0] * z),
            alpha=posterior["alpha"] * np.exp(-0.7 * sd[2] * z),
        )
        tree = made_fit.tree.copy()
        tree["posterior"] = xr.DataTree(moved)
        found = bs.principal_directions(Fit(made_fit.spec, tree, made_fit.record))
        assert found.loc[0, "direction"] in ("E up, alpha down", "alpha up, E down")
        assert found.loc[0, "verdict"] == "prior only"
        assert found.loc[1:, "verdict"].eq("identified").all()
        assert abs(found.loc[0, "E"]) == pytest.approx(0.7 * sd[0], rel=0.1)
        assert found.loc[0, "E"] * found.loc[0, "alpha"] < 0

    def test_they_are_as_many_as_parameters(self, made_fit: Fit) -> None:
        found = bs.principal_directions(made_fit)
        assert len(found) == 5
        assert found["contraction"].is_monotonic_increasing
        total = ((links(made_fit, made_fit.posterior) / prior_sds(made_fit)).var(0, ddof=1)).sum()
        assert (1 - found["contraction"]).sum() == pytest.approx(total)


class TestModes:
    rng = np.random.default_rng(1)

    @pytest.mark.parametrize(
        "draws",
        [
            rng.normal(size=2000),
            rng.standard_t(3, size=2000),
            rng.gamma(1.5, size=2000),
            -rng.gumbel(size=400),
            rng.uniform(size=2000),
            np.full(100, 2.0),
            np.concatenate([rng.normal(size=1000), rng.normal(1.5, 1, size=1000)]),
            np.concatenate([rng.normal(size=1980), rng.normal(9, 1, size=20)]),
        ],
    )
    def test_one_peak(self, draws: np.ndarray) -> None:
        assert len(modes(draws)) == 1

    def test_two_peaks_and_their_shares(self) -> None:
        draws = np.concatenate([self.rng.normal(size=1500), self.rng.normal(6, 1, size=500)])
        (low, share), (high, rest) = modes(draws)
        assert low == pytest.approx(0, abs=0.5)
        assert high == pytest.approx(6, abs=0.5)
        assert (share, rest) == (pytest.approx(0.75, abs=0.02), pytest.approx(0.25, abs=0.02))

    def test_identify_counts_them(self, made_fit: Fit) -> None:
        alpha = made_fit.posterior["alpha"]
        far = alpha.copy(data=np.where(np.arange(4)[:, None] < 2, alpha, 0.5 * alpha))
        tree = made_fit.tree.copy()
        tree["posterior"] = xr.DataTree(made_fit.posterior.assign(alpha=far))
        found = bs.identify(Fit(made_fit.spec, tree, made_fit.record))["modes"]
        assert found["alpha"] == 2
        assert found.drop("alpha").eq(1).all()


class TestStability:
    def test_weights_take_back_what_a_run_said(self, sharp: Fit) -> None:
        name = str(sharp.observed["run"].values[7])
        weights, k = stability_module._reweighted(log_likelihood_of(sharp, [name]))
        said = sharp.tree_group("log_likelihood")["loss"].sel(run=name).values.ravel()
        inner = said > np.quantile(said, 0.3)  # the tail of the weights is smoothed
        logs = np.log(weights[inner]) + said[inner]
        assert np.ptp(logs) < 1e-6
        assert weights.sum() == pytest.approx(1)
        assert k < 0.7

    def test_every_set_and_quantity_has_a_row(self, sharp: Fit) -> None:
        table = bs.stability(sharp, flops=1e23)
        sets = list(dict.fromkeys(table["left_out"]))
        assert sets[0] == "the largest 16 runs by flops"
        assert sets[-1].startswith("run ")
        assert len(table) == len(sets) * 9
        one = table[table["left_out"] == sets[-1]]
        assert one["how"].eq("reweighted").all()
        assert (one["without"] != one["all_runs"]).all()
        unknown = table[table["how"] == "not known"]
        assert (unknown["pareto_k"] > 0.6).all()
        assert unknown["without"].isna().all()
        assert len(changes_text(table)) == len(sets)

    def test_an_outlier_is_among_what_is_left_out(self) -> None:
        fit = handmade_fit()
        tree = fit.tree.copy()
        loss = fit.observed.copy()
        loss[11] *= 1.3
        tree["observed_data"] = xr.DataTree(loss.to_dataset(name="loss"))
        table = bs.stability(Fit(fit.spec, tree, fit.record))
        assert "1 outlier" in set(table["left_out"])
        assert table.query("left_out == '1 outlier'")["names"].iloc[0] == [loss["run"].values[11]]

    def test_refits_keep_law_and_references(
        self, made_fit: Fit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: dict[str, Any] = {}

        def instead(runs: Any, spec: Any, **options: Any) -> Fit:
            given.update(runs=len(runs), spec=spec)
            return handmade_fit(truth={**TRUTH["chinchilla"], "alpha": 0.4})

        monkeypatch.setattr(stability_module, "fit_runs", instead)
        k = (np.full(1000, 1e-3), 2.0)
        monkeypatch.setattr(stability_module, "_reweighted", lambda density: k)
        table = bs.stability(made_fit, refit=True, random_seed=1, progressbar=False)
        assert given["spec"].references == {name: REFERENCES[name] for name in ("N", "D")}
        assert given["runs"] == 39  # the last set is a single run
        alpha = table.query("quantity == 'alpha'")
        assert alpha["how"].eq("refitted").all()
        assert np.allclose(alpha["without"], 0.4, rtol=0.01)
        assert (alpha["shift"] > 3).all()

    def test_small_losses_are_the_far_end_of_scores(self) -> None:
        table = bs.stability(handmade_fit("accuracy_from_loss"))
        assert table["left_out"].iloc[0] == "the smallest 12 runs by loss"


class TestPicture:
    @pytest.mark.filterwarnings("ignore:all runs have about 20 tokens per parameter")
    def test_bars_ridge_and_parameters(self, tied: Fit) -> None:
        axes = plot_identify(tied, flops=1e23)
        assert len(axes) == 7
        data = contractions(tied, 1e23)
        lengths = [bar.get_width() for bar in axes[0].patches[: len(data)]]
        assert np.allclose(lengths, data["contraction"].clip(0, 1))
        written = [label.get_text() for label in axes[0].get_yticklabels()]
        assert written[-1] == "loss (1e+23 FLOP)"
        plt.close("all")

    def test_a_bar_has_the_colour_of_the_verdict(self, made_fit: Fit) -> None:
        """An answer that the law's error leaves open is weak in the figure, too."""
        budget, wrong = 1e27, bs.Discrepancy(0.1)
        verdicts = bs.identify(made_fit, flops=budget, discrepancy=wrong)["verdict"]
        within = contractions(made_fit, budget)["verdict"]
        assert (verdicts != within).any()
        assert identify_data(made_fit, budget, discrepancy=wrong)["verdict"].equals(verdicts)
        ax = plot_identify(made_fit, flops=budget, discrepancy=wrong)[0]
        shown = [bar.get_facecolor() for bar in ax.patches[: len(verdicts)]]
        same = [[a == b for b in shown] for a in shown]
        assert same == [[a == b for b in verdicts] for a in verdicts]
        plt.close("all")

    def test_axes_that_are_given_are_used(self) -> None:
        one = handmade_fit("power_law_floor")
        axes = Figure().subplots(1, 5)
        assert list(plot_identify(one, axes=axes)) == list(axes)
        with pytest.raises(bs.BayescaleError, match="2 axes given, this figure has 5 panels"):
            plot_identify(one, axes=axes[:2])


def test_scales_are_those_of_the_prior(made_fit: Fit) -> None:
    found = scaled(made_fit, 1e23)
    assert np.allclose(found["E"], np.log(made_fit.posterior["E"] / made_fit.scale))
    assert np.allclose(
        found["loss (1e+23 FLOP)"], np.log(quantities(made_fit, 1e23)["loss (1e+23 FLOP)"])
    )


def by_hand(precisions: np.ndarray, costs: list[float], informs: list[float]) -> LocalApproximation:
    """Return the fit of one parameter at draws of these precisions; a run adds its own."""
    table = pd.DataFrame({"flops": costs})
    rows = np.tile(np.sqrt(informs)[:, None, None], (len(precisions), 1, 1, 1))
    return LocalApproximation(
        Candidates(table, np.array(costs), "FLOP"),
        100.0,
        (1 / precisions)[:, None, None],
        rows,
        {name: np.ones((len(precisions), 1)) for name in "abc"},
    )


class TestPlansByHand:
    """Each run adds one to a precision of one; four fifths of what is allowed must be met."""

    one = by_hand(np.ones(20), [2.0] * 20, [1.0] * 20)

    def test_as_few_runs_as_needed(self) -> None:
        found = recommended_runs(self.one, {"a": 0.5})["a"]
        assert found.plan == [0, 1] and found.cost == 4.0, "1 / 3 is below 0.8 x 0.5, 1 / 2 is not"
        assert found.variance == pytest.approx(1 / 3) and found.chance == 1.0
        assert (found.spent, found.unit, len(found.runs)) == (100.0, "FLOP", 2)
        exactly = recommended_runs(self.one, {"a": 0.625 * (1 + 1e-9)})["a"]
        assert exactly.plan == [0], "1 / 2 is 0.8 x 0.625"

    def test_no_more_than_sixteen_runs_or_the_cost_so_far(self) -> None:
        hard = recommended_runs(self.one, {"a": 0.01})["a"]
        assert len(set(hard.plan)) == len(hard.plan), "each once"
        assert len(hard.plan) == 16 and hard.chance == 0 and not hard.settles
        assert hard.variance == pytest.approx(1 / 17)
        for budget, runs in ((7.0, 3), (8.0, 4), (1.0, 0)):
            assert len(recommended_runs(self.one, {"a": 0.01}, budget)["a"].plan) == runs
        dear = by_hand(np.ones(20), [30.0] * 20, [1.0] * 20)
        assert len(recommended_runs(dear, {"a": 0.01})["a"].plan) == 3, "of 100 in all"

    @pytest.mark.parametrize(("other", "shared"), [(0.25, 4), (1 / 4.8, 2)])
    def test_plans_are_shared_with_two_runs_more(self, other: float, shared: int) -> None:
        """Of 4 runs, 1 / 5 is 0.8 x 0.25; of five, 1 / 6 is 0.8 x 0.2083."""
        found = recommended_runs(self.one, {"a": 0.5, "b": other * (1 + 1e-9), "c": 0.01})
        assert len(found["a"].plan) == shared
        assert len(found["b"].plan) == (4 if shared == 4 else 5)
        assert len(found["c"].plan) == 16 and not found["c"].settles

    @pytest.mark.parametrize(("sure", "settles"), [(17, True), (16, False)])
    def test_at_85_per_cent_of_the_draws(self, sure: int, settles: bool) -> None:
        precisions = np.where(np.arange(20) < sure, 3.0, 1e-3)
        found = recommended_runs(by_hand(precisions, [2.0], [1e-6]), {"a": 0.5}, 2.5)["a"]
        assert found.chance == sure / 20 and found.settles == settles
        assert len(found.plan) == 1 and found.variance == pytest.approx(1 / 3, rel=1e-5)

    def test_the_cheapest_of_nearly_the_best(self) -> None:
        """The log variance falls by log 2, and by 0.92 and 0.88 of that."""
        gains = [1.0, 2**0.92 - 1, 2**0.88 - 1]
        local = by_hand(np.ones(20), [3.0, 2.0, 1.0], gains)
        assert recommended_runs(local, {"a": 0.1}, 3.0)["a"].plan[0] == 1


def test_partners_by_hand() -> None:
    """From a correlation of 0.3; a weak parameter's is another weak one where there is one."""
    rng = np.random.default_rng(0)
    base = np.linalg.qr(np.column_stack([np.ones(500), rng.normal(size=(500, 4))]))[0].T[1:]
    x, y, z, w = base * np.sqrt(500)

    def mixed(correlation: float, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return correlation * one + np.sqrt(1 - correlation**2) * other

    drawn = {"a": x, "b": mixed(0.9, x, y), "c": mixed(-0.4, x, z), "d": w, "q": 2 * w + 1,
             "k": np.full(500, 2.0)}  # fmt: skip
    values = xr.Dataset({k: (("chain", "draw"), v.reshape(2, 250)) for k, v in drawn.items()})
    fake: Any = SimpleNamespace(spec=SimpleNamespace(free=list("abcd")))
    sure = dict.fromkeys(drawn, "identified")
    found = _partners(fake, values, sure)
    assert found["partner"].to_dict() == {"a": "b", "b": "a", "c": "a", "d": "", "q": "d", "k": ""}
    assert found["correlation"]["a"] == pytest.approx(0.9)
    assert found["correlation"]["c"] == pytest.approx(-0.4)
    assert found["correlation"]["q"] == pytest.approx(1.0)
    assert np.isnan(found["correlation"]["d"]) and np.isnan(found["correlation"]["k"])
    weak = _partners(fake, values, sure | {"a": "weak", "c": "weak", "b": "identified"})
    assert weak["partner"][["a", "b", "c"]].tolist() == ["c", "a", "a"]
    only = _partners(fake, values, sure | {"a": "prior only"})
    assert only["partner"]["a"] == "b", "where no other is weak, any"
    for correlation, said in ((0.301, "a"), (0.299, ""), (-0.301, "a"), (-0.299, "")):
        pair = {"a": x, "b": mixed(correlation, x, y), "c": z, "d": w}
        near = xr.Dataset({k: (("chain", "draw"), v.reshape(2, 250)) for k, v in pair.items()})
        assert _partners(fake, near, sure)["partner"]["b"] == said


def test_variances_allowed_by_hand(made_fit: Fit) -> None:
    """A tenth of the prior variance; less where the approximation is of a smaller variance."""
    table = contractions(made_fit, 1e23)
    np.testing.assert_allclose(table["allowed"], 0.1 * table["prior_variance"])
    sd = prior_sds(made_fit)
    np.testing.assert_allclose(table["prior_variance"][:5], sd**2)
    drawn = scaled(made_fit)["alpha"].to_numpy()
    assert table["contraction"]["alpha"] == pytest.approx(1 - drawn.var() / sd[2] ** 2)
    local = by_hand(np.array([1.0, 2.0]), [1.0], [1.0])
    row = {"contraction": 0.5, "prior_variance": 2.0, "allowed": 0.2}
    assert _allowed(local, "a", row) == pytest.approx(0.2 * 0.75)
    assert _allowed(local, "a", row | {"prior_variance": 1.0}) == pytest.approx(0.2)


def test_the_words_and_numbers_of_identify(made_fit: Fit) -> None:
    table = bs.identify(made_fit, flops=1e23, discrepancy=None)
    assert (table["reason"][:5] == "the runs identify it").all()
    values = quantities(made_fit, 1e23)
    for name, form in (
        ("N* (1e+23 FLOP)", "B"),
        ("D* (1e+23 FLOP)", "T"),
        ("D*/N* (1e+23 FLOP)", ""),
    ):
        low, high = (float(v) for v in np.percentile(values[name], [5.5, 94.5]))
        said = [format_quantity(v) if form else f"{v:.4g}" for v in (low, high)]
        assert table["reason"][name] == f"the runs identify it: {said[0]} to {said[1]}"
    draws = scaled(made_fit, 1e23)
    for name in ("E", "D*/N* (1e+23 FLOP)"):
        each = [float(azs.ess(draws[name], method=how)) for how in ("bulk", "tail")]
        assert table["ess"][name] == pytest.approx(min(each))
        assert table["rhat"][name] == pytest.approx(float(azs.rhat(draws[name])))
    assert table["runs"].eq(0).all() and table["chance"].isna().all()
    assert table["modes"].eq(1).all()
    sensitivity = table[["prior_sensitivity", "likelihood_sensitivity"]].to_numpy()
    np.testing.assert_array_equal(sensitivity, sensitivity.round(6))
    assert (sensitivity != sensitivity.round(5)).any()
    assert not {"allowed", "prior_variance"} & set(table)


def test_why_a_parameter_is_open(tied: Fit) -> None:
    table = bs.identify(tied)
    left = table[table["verdict"] != "identified"]
    for name, row in left.iterrows():
        assert row["reason"] == reason(tied, row["partner"], "parameter")
        assert row["recommended_runs"]
        assert np.isfinite(row["chance"]), name
    assert table.loc[table["verdict"] == "identified", "recommended_runs"].eq("").all()


def test_a_plan_in_words() -> None:
    """Two hundredths are little; counts and compute have their units."""

    def shown(**changes: Any) -> str:
        runs = pd.DataFrame({"cost": [1e20, 2e20]})
        usual: dict[str, Any] = {"runs": runs, "candidates": runs, "done": runs,
                 "quantity": {"alpha": 1.0}, "about": "alpha", "sd_now": 0.5, "sd_after": 0.4,
                 "unit": "FLOP"}  # fmt: skip
        return str(bs.Plan(**usual | changes))

    assert shown() == (
        "2 runs of 3e+20 FLOP in total would lower the standard deviation of alpha by 20 %, from "
        "0.5 to 0.4."
    )
    one = shown(runs=pd.DataFrame({"cost": [3e9]}), unit="tokens", sd_after=0.4905)
    assert one == (
        "Do nothing: the best run of 3B tokens in total would lower the standard deviation of "
        "alpha by 1.9 %, from 0.5 to 0.49, less than the 2 % from which runs are proposed. Decide "
        "with the present uncertainty, or run closer to the target, with a larger budget."
    )
    assert "Do nothing" not in shown(sd_after=0.4895)
    assert shown(runs=pd.DataFrame({"cost": [5e9]}), unit="").startswith("1 run of 5e+09 in total")
    assert "lower the error probability (upper bound) of x by" in shown(quantity={}, about="x")
    assert "of alpha by 2.5 %, from 0.5 to 0.487." in shown(sd_after=0.4873)
    assert "1 run of 2M params in" in shown(runs=pd.DataFrame({"cost": [2e6]}), unit="params")


def test_what_each_fitted_run_told(made_fit: Fit) -> None:
    """The precision that is lost, of runs whose removal leaves the law known."""
    sharp = handmade_fit(spread=0.001)
    found = bs.least_useful(sharp, "alpha", discrepancy=None)
    now = float(found.attrs["sd_now"])
    assert now == pytest.approx(float(sharp.posterior["alpha"].std(ddof=1)), rel=1e-6)
    np.testing.assert_allclose(found["lost"], found["sd_without"] / now - 1)
    assert found.attrs["about"] == "alpha" and (found["sd_without"] >= now).all()
    places = {k: v.drop_vars("run").rename(run="point") for k, v in sharp.inputs.items()}
    curves = outcomes(sharp, places)
    noise = 1 / run_weights(sharp)
    asked = sharp.posterior["alpha"].to_numpy().ravel()
    covariance = np.array([np.cov(asked, c)[0, 1] for c in curves.T])
    variance = curves.var(axis=0, ddof=1)
    expected = np.sqrt(now**2 + covariance**2 / (noise - variance))
    order = [str(r) for r in sharp.observed["run"].values]
    own = found.set_index("run")["sd_without"].reindex(order)
    np.testing.assert_allclose(own, expected, rtol=1e-5)
