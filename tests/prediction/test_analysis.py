"""Questions asked of a fit, on posteriors made by hand."""

from typing import get_args

import arviz_base as azb
import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import REFERENCES, TRUTH, handmade_fit

import bayescale as bs
from bayescale.design.coverage import spans, tied_inputs
from bayescale.laws.frontier import FRONTIER_CONSTANTS
from bayescale.laws.functions import exp
from bayescale.prediction.summary import SummaryKind

OF_CHINCHILLA = ["E", "a", "alpha", "b", "beta", "A", "B", *FRONTIER_CONSTANTS, "sigma", "nu"]
"""Rows of the summary."""


class TestPredict:
    def test_the_law_at_the_truth(self, made_fit) -> None:
        answer = bs.predict(made_fit, params=1e9, tokens=2e10, random_seed=0)
        assert answer.sizes == {"chain": 4, "draw": 250, "point": 1}
        truth = TRUTH["chinchilla"]
        expected = truth["E"] + truth["a"] + truth["b"]  # at the reference point
        assert float(answer["law"].median()) == pytest.approx(expected, rel=0.002)
        assert answer["law"].attrs["units"] == "nats/token"
        assert float(answer["flops"][0]) == 6 * 1e9 * 2e10

    def test_a_new_run_scatters_more_than_the_law(self, made_fit) -> None:
        answer = bs.predict(made_fit, params="1B", tokens="20B", random_seed=0)
        extra = answer["new_run"] / answer["outcome"]
        assert float(np.log(extra).std()) == pytest.approx(0.005 * np.sqrt(5 / 3), rel=0.15)

    def test_seed(self, made_fit) -> None:
        one, same, other = (
            bs.predict(made_fit, params=1e9, tokens=1e10, random_seed=s)["new_run"]
            for s in (1, 1, 2)
        )
        assert one.equals(same)
        assert not one.equals(other)

    @pytest.mark.parametrize(
        "given",
        [
            {"params": "70B", "flops": 6 * 70e9 * 1.4e12},
            {"tokens": "1.4T", "flops": "5.88e23 FLOP"},
            {"params": 70e9, "tokens": 1.4e12},
            {"at": pd.DataFrame({"params": [70e9], "tokens": [1.4e12]})},
        ],
    )
    def test_two_of_three_make_the_third(self, made_fit, given) -> None:
        answer = bs.predict(made_fit, random_seed=0, **given)
        assert float(answer["params"][0]) == pytest.approx(70e9)
        assert float(answer["tokens"][0]) == pytest.approx(1.4e12)

    def test_arrays_go_together_and_a_grid_is_asked_for(self, made_fit) -> None:
        sizes, data = ["1B", "7B", "70B"], [1e11, 1e12]
        together = bs.predict(made_fit, params=sizes[:2], tokens=data)
        np.testing.assert_allclose(together["params"], [1e9, 7e9])
        np.testing.assert_allclose(together["tokens"], data)
        grid = bs.predict(made_fit, params=sizes, tokens=data, grid=True)
        assert grid.sizes["point"] == 6
        assert bs.predict(made_fit, params="1B", tokens=data).sizes["point"] == 2
        with pytest.raises(bs.BayescaleError, match="params has 3, tokens has 2"):
            bs.predict(made_fit, params=sizes, tokens=data)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({}, "no point is given"),
            ({"params": 1e9}, "needs tokens"),
            ({"params": -1e9, "tokens": 1e9}, "params must be positive"),
            ({"params": "large", "tokens": 1e9}, "large"),
            ({"params": np.nan, "tokens": 1e9}, "params: cannot read .*nan"),
            ({"params": [], "tokens": 1e9}, "params is empty"),
            ({"at": {"params": [1e9]}, "params": 1e9}, "given twice"),
            ({"at": {"params": [1e9], "tokens": [1e9], "epochs": [2]}}, "no input 'epochs'"),
        ],
    )
    def test_points_that_are_none(self, made_fit, given, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            bs.predict(made_fit, **given)

    def test_a_law_of_compute(self) -> None:
        fit = handmade_fit("power_law")
        answer = bs.predict(fit, params=1e9, tokens=1e20 / 6e9)
        assert float(answer["law"].median()) == pytest.approx(2.9, rel=0.005)


class TestIntervals:
    def test_follow_arviz(self, made_fit) -> None:
        draws = made_fit.posterior["alpha"]
        values = draws.values.ravel()
        default = bs.credible_interval(draws)
        np.testing.assert_allclose(
            [default["lower"], default["upper"]], np.quantile(values, [0.055, 0.945]), rtol=1e-3
        )
        with azb.rc_context({"stats.ci_prob": 0.5, "stats.ci_kind": "hdi"}):
            narrow = bs.credible_interval(draws)
        assert narrow.attrs["ci_prob"] == 0.5
        inside = (values > float(narrow["lower"])) & (values < float(narrow["upper"]))
        assert inside.mean() == pytest.approx(0.5, abs=0.02)
        with pytest.raises(bs.BayescaleError, match="not a probability"):
            bs.credible_interval(draws, 90)

    def test_table(self, made_fit) -> None:
        table = bs.credible_intervals(bs.optimum(made_fit, [1e22, 1e24]), ci_prob=0.9)
        assert list(table["quantity"].unique()) == ["params", "tokens", "tokens_per_param", "loss"]
        assert len(table) == 8
        assert set(table["flops"]) == {1e22, 1e24}
        assert (table["lower"] < table["median"]).all()
        assert (table["median"] < table["upper"]).all()
        assert table.attrs["ci_prob"] == 0.9


class TestOptimum:
    def test_budget_is_spent(self, made_fit) -> None:
        best = bs.optimum(made_fit, ["1e24", "100 PF-days"], discrepancy=None)
        spent = 6 * best["params"] * best["tokens"]
        np.testing.assert_allclose(spent.mean(("chain", "draw")), [1e24, 100 * 8.64e19])
        np.testing.assert_allclose(best["tokens_per_param"], best["tokens"] / best["params"])
        law = bs.predict(
            made_fit,
            params=float(best["params"].isel(chain=0, draw=0, budget=0)),
            tokens=float(best["tokens"].isel(chain=0, draw=0, budget=0)),
        )["law"]
        np.testing.assert_allclose(
            best["loss"].isel(chain=0, draw=0, budget=0), law.isel(chain=0, draw=0, point=0)
        )

    def test_no_other_size_is_better(self, made_skaling) -> None:
        best = bs.optimum(made_skaling, 1e23, discrepancy=None).isel(budget=0)
        for factor in (0.8, 1.25):
            params = best["params"] * factor
            other = made_skaling.curve({"N": params, "D": 1e23 / (6 * params)})
            assert (other > best["loss"]).all()

    def test_hoffmann_frontier(self) -> None:
        """Equation 4 of Hoffmann et al. (2022), with their constants."""
        truth = {"E": 1.69, "a": 406.4, "alpha": 0.34, "b": 410.7, "beta": 0.28}
        at = {
            **truth,
            "a": truth["a"] * REFERENCES["N"] ** -truth["alpha"],
            "b": truth["b"] * REFERENCES["D"] ** -truth["beta"],
        }
        fit = handmade_fit("chinchilla", truth=at)
        exact = fit.parameters.isel(chain=[0], draw=[0]).assign({k: at[k] for k in at})
        budget, alpha, beta = 5.76e23, truth["alpha"], truth["beta"]
        balance = (alpha * truth["a"] / (beta * truth["b"])) ** (1 / (alpha + beta))
        expected = balance * (budget / 6) ** (beta / (alpha + beta))
        relative = budget / (6 * REFERENCES["N"] * REFERENCES["D"])
        arguments = {name: exact[name] for name in fit.law.parameters}
        found = REFERENCES["N"] * fit.law.optimal_size(relative, **arguments)
        assert float(found.squeeze()) == pytest.approx(expected, rel=1e-9)

    def test_growth_of_kaplan_from_the_law_of_chinchilla(self) -> None:
        """Pearce and Song (2024): a best size of 768 to 1.5e9 outside the embedding."""
        truth = {"E": 1.8172, "a": 482.01, "alpha": 0.3478, "b": 2085.43, "beta": 0.3658}
        total, outside = bs.total_params(REFERENCES["N"]), REFERENCES["N"]
        at = {
            **truth,
            "a": truth["a"] * total ** -truth["alpha"],
            "b": truth["b"] * REFERENCES["D"] ** -truth["beta"],
            "r": total / outside - 1,
        }
        fit = handmade_fit("chinchilla_non_embedding", truth=at, spread=0)
        best = bs.optimum(fit, [1.36e12, 3.33e20], discrepancy=None)["params"].isel(chain=0, draw=0)
        np.testing.assert_allclose(best, [768, 1.5e9], rtol=0.05)
        kaplan = bs.frontier_constants(fit, (1.36e12, 3.33e20)).mean()
        assert 0.74 < float(kaplan["N_opt_exponent"]) < 0.78
        assert float(kaplan["N_opt_exponent"] + kaplan["D_opt_exponent"]) == pytest.approx(1)
        far = bs.frontier_constants(fit, ("1e26", "1e30")).mean()
        assert float(far["N_opt_exponent"]) == pytest.approx(0.3658 / (0.3478 + 0.3658), abs=0.002)

    def test_growth_is_that_of_the_closed_form_everywhere(self, made_fit) -> None:
        beyond, wide = (
            bs.frontier_constants(made_fit),
            bs.frontier_constants(made_fit, (1e15, 1e28)),
        )
        np.testing.assert_allclose(beyond["N_opt_exponent"], wide["N_opt_exponent"], rtol=1e-9)
        with pytest.raises(bs.BayescaleError, match="two different budgets"):
            bs.frontier_constants(made_fit, (1e20, 1e20))

    def test_needs_params_and_tokens(self) -> None:
        with pytest.raises(bs.BayescaleError, match="needs a law of params and tokens"):
            bs.optimum(handmade_fit("power_law"), 1e24)
        with pytest.raises(bs.BayescaleError, match="budget must be positive"):
            bs.optimum(handmade_fit("chinchilla"), -1)

    def test_a_loss_without_an_optimum_is_said(self) -> None:
        class OnlySize(bs.Law):
            """Loss that only size lowers."""

            N = bs.Input("params")
            D = bs.Input("tokens")
            E = bs.Positive(0.2, 0.9, of="target")
            a = bs.Positive(0.1, 1.0, of="target")

            @staticmethod
            def equation(N, D, E, a):
                return E + a * N**-0.3 + 0 * D

        with pytest.warns(bs.BayescaleWarning, match="no optimum inside the search"):
            bs.optimum(handmade_fit(OnlySize), 1e22)

    def test_of_two_minima_it_is_the_one_near_the_runs(self, recwarn) -> None:
        class Bottomless(bs.Law):
            """A loss that goes to zero at sizes that nobody trained, for any data."""

            N = bs.Input("params")
            D = bs.Input("tokens")
            E = bs.Positive(0.2, 0.9, of="target")
            a = bs.Positive(0.1, 1.0, of="target")

            @staticmethod
            def equation(N, D, E, a):
                return (E + a * N**-0.3 + a * D**-0.3) * exp(-0.01 * N)

        fit = handmade_fit(Bottomless)
        best = bs.optimum(fit, 1e20, discrepancy=None)
        assert 1 < best["tokens_per_param"].min() < best["tokens_per_param"].max() < 1000
        far = fit.curve({"N": 1e11, "D": 1e20 / 6e11})
        assert (far < 0.8 * best["loss"].isel(budget=0)).all() and not recwarn.list


class TestSummary:
    def test_constants_of_the_literature(self, made_fit) -> None:
        table = bs.summary(made_fit)
        assert list(table.index) == OF_CHINCHILLA
        constants = bs.derived_parameters(made_fit)
        draw = {"chain": 2, "draw": 17}
        one = made_fit.parameters.isel(draw)
        expected = float(one["a"]) * REFERENCES["N"] ** float(one["alpha"])
        assert float(constants["A"].isel(draw)) == pytest.approx(expected)
        at = {"N": 7e9, "D": 1.4e11}
        raw = (
            one["E"]
            + constants["A"].isel(draw) / at["N"] ** one["alpha"]
            + constants["B"].isel(draw) / at["D"] ** one["beta"]
        )
        assert float(raw) == pytest.approx(float(made_fit.curve(at).isel(draw)))

    def test_units_and_width(self, made_fit) -> None:
        table = bs.summary(made_fit, ci_prob=0.5)
        assert table.loc["E", "unit"] == "nats/token"
        assert table.loc["alpha", "unit"] == ""
        assert table.attrs["ci_prob"] == 0.5
        wide = bs.summary(made_fit, ci_prob=0.99)
        assert ((wide["upper"] - wide["lower"]) > (table["upper"] - table["lower"])).all()

    @pytest.mark.parametrize("kind", get_args(SummaryKind))
    def test_kinds_of_arviz(self, made_fit, kind) -> None:
        """Columns and numbers are those of ArviZ on the same draws; the constants are added."""
        own = made_fit.summary(0.9, kind=kind)
        theirs = azs.summary(made_fit.tree, kind=kind, ci_prob=0.9, round_to="none")
        assert list(own) == list(theirs)
        assert [*own.index] == OF_CHINCHILLA
        same = own.loc[theirs.index].to_numpy(float)
        assert same == pytest.approx(theirs.to_numpy(float), rel=1e-10)

    def test_the_names_of_arviz(self, made_fit) -> None:
        assert list(bs.summary(made_fit, kind="stats")) == ["mean", "sd", "eti89_lb", "eti89_ub"]
        known = {"ess_bulk", "ess_tail", "r_hat"}
        assert known < set(bs.summary(made_fit, kind="diagnostics"))
        assert known < set(bs.summary(made_fit, kind="all"))

    def test_rounding(self, made_fit) -> None:
        exact, places = bs.summary(made_fit), bs.summary(made_fit, round_to=2)
        digits = bs.summary(made_fit, round_to="3g", kind="stats")
        assert places.loc["a", "median"] == round(exact.loc["a", "median"], 2)
        assert list(places["about"]) == list(exact["about"])
        sigma = bs.summary(made_fit, kind="stats").loc["sigma", "mean"]
        assert digits.loc["sigma", "mean"] == float(f"{sigma:.3g}") != sigma

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [({"kind": "stat"}, "did you mean 'stats'"), ({"round_to": "two"}, "significant digits")],
    )
    def test_what_is_no_summary(self, made_fit, wrong, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            bs.summary(made_fit, **wrong)

    def test_laws_without_constants(self, made_skaling) -> None:
        class Bare(bs.Law):
            """A constant."""

            E = bs.Positive(0.2, 2, of="target")

            @staticmethod
            def equation(E):
                return E

        fit = handmade_fit(Bare)
        assert list(bs.summary(fit).index) == ["E", "sigma", "nu"]


class TestIdentify:
    def test_narrow_posterior_is_identified(self, made_fit) -> None:
        table = bs.identify(made_fit)
        assert list(table.index) == ["E", "a", "alpha", "b", "beta"]
        assert (table["verdict"] == "identified").all()
        sd = made_fit.spec.normal_priors(["alpha"], made_fit.scales)[1][0]
        spread = float(np.log(made_fit.posterior["alpha"]).std())
        assert table.loc["alpha", "contraction"] == pytest.approx(1 - (spread / sd) ** 2)

    def test_posterior_that_is_the_prior(self, made_fit) -> None:
        rng = np.random.default_rng(0)
        mean, sd = made_fit.spec.normal_priors(["beta"], made_fit.scales)
        posterior = made_fit.posterior.assign(
            beta=made_fit.posterior["beta"].copy(data=np.exp(rng.normal(mean, sd, (4, 250))))
        )
        tree = made_fit.tree.copy()
        tree["posterior"] = xr.DataTree(posterior)
        table = bs.identify(bs.Fit(made_fit.spec, tree, made_fit.record))
        assert table.loc["beta", "verdict"] == "prior only"
        assert table.loc["beta", "recommended_runs"]
        assert table.loc["alpha", "verdict"] == "identified"

    def test_partner_is_the_one_it_trades_off_with(self, made_fit) -> None:
        posterior = made_fit.posterior
        tied = posterior.assign(b=0.1 / posterior["beta"])
        tree = made_fit.tree.copy()
        tree["posterior"] = xr.DataTree(tied)
        table = bs.identify(bs.Fit(made_fit.spec, tree, made_fit.record))
        assert table.loc["beta", "partner"] == "b"
        assert table.loc["b", "correlation"] == pytest.approx(-1)
        assert table.loc["E", "partner"] == ""

    def test_what_the_design_spans(self) -> None:
        params = np.geomspace(1e8, 1e10, 9)
        tied = handmade_fit(runs=pd.DataFrame({"params": params, "tokens": 20 * params}))
        assert tied_inputs(tied) == [("N", "D")]
        assert spans(tied)["N"].factor == pytest.approx(100)
        narrow = handmade_fit(
            runs=pd.DataFrame({"params": params, "tokens": np.linspace(1e9, 3e9, 9)})
        )
        assert spans(narrow)["D"].narrow
        assert not spans(narrow)["N"].narrow
        assert tied_inputs(handmade_fit()) == []


class TestCompare:
    def test_the_right_law_wins(self, made_fit) -> None:
        other = handmade_fit("chinchilla", truth={**TRUTH["chinchilla"], "E": 1.75})
        spec = other.spec
        same_runs = _with_observed(other, made_fit)
        table = bs.compare({"right": made_fit, "wrong": same_runs})
        assert list(table.index) == ["right", "wrong"]
        assert table.loc["right", "elpd_diff"] == 0
        assert table.loc["wrong", "verdict"] == "worse than right"
        assert table.loc["right", "weight"] > 0.9
        assert spec.law is made_fit.law

    def test_the_same_fit_twice_cannot_be_told_apart(self, made_fit) -> None:
        table = bs.compare({"one": made_fit, "two": made_fit})
        assert table["verdict"].tolist()[1].startswith("as good as")

    def test_other_runs_do_not_compare(self, made_fit, made_skaling) -> None:
        with pytest.raises(bs.BayescaleError, match="not the same"):
            bs.compare({"a": made_fit, "b": made_skaling})
        with pytest.raises(bs.BayescaleError, match="give two or more"):
            bs.compare({"a": made_fit})

    def test_waic_is_the_textbook_formula(self, made_fit) -> None:
        log_likelihood = made_fit.tree_group("log_likelihood")["loss"].values.reshape(-1, 40)
        density = np.log(np.exp(log_likelihood).mean(axis=0))
        penalty = log_likelihood.var(axis=0, ddof=1)
        with pytest.warns(bs.BayescaleWarning, match="WAIC is not reliable"):
            found = bs.waic(made_fit)
        assert found.elpd == pytest.approx((density - penalty).sum())
        assert found.p == pytest.approx(penalty.sum())
        assert found.kind == "waic"
        assert "elpd_waic" in str(found)


def _with_observed(fit: bs.Fit, like: bs.Fit) -> bs.Fit:
    """Return a fit whose likelihood is that of another fit's runs."""
    tree = fit.tree.copy()
    tree["observed_data"] = like.tree["observed_data"]
    curve = fit.curve(fit.inputs)
    density = fit.spec.noise.log_density(curve, fit.parameters, {"se": 0.0}, like.observed)
    tree["log_likelihood"] = xr.DataTree(
        xr.Dataset({"loss": density.transpose("chain", "draw", "run")})
    )
    return bs.Fit(fit.spec, tree, fit.record)


class TestOutliers:
    def test_the_odd_run_is_named(self, made_fit) -> None:
        assert bs.outliers(made_fit).empty
        observed = made_fit.observed.copy()
        observed[7] *= 1.2
        tree = made_fit.tree.copy()
        tree["observed_data"] = xr.DataTree(xr.Dataset({"loss": observed}))
        named = bs.outliers(bs.Fit(made_fit.spec, tree, made_fit.record))
        assert list(named.index) == [str(observed["run"].values[7])]
        assert named["standardised"].iloc[0] > 20


class TestSimulate:
    def test_scatter_and_flops(self) -> None:
        table = pd.DataFrame({"params": [1e9] * 4000, "tokens": ["20B"] * 4000})
        runs = bs.simulate(
            "chinchilla",
            table,
            {**TRUTH["chinchilla"], "sigma": 0.01},
            references={k: REFERENCES[k] for k in "ND"},
            noise="normal",
            random_seed=0,
        )
        assert (runs["flops"] == 6 * 1e9 * 2e10).all()
        expected = np.log(1.8 + 0.34 + 0.32)
        assert np.log(runs["loss"]).mean() == pytest.approx(expected, abs=0.001)
        assert np.log(runs["loss"]).std() == pytest.approx(0.01, rel=0.05)

    @pytest.mark.parametrize(
        ("table", "parameters", "message"),
        [
            ({"params": [1e9]}, TRUTH["chinchilla"], "no column 'tokens'"),
            ({"params": [1e9], "tokens": [1e9]}, {"E": 1.0}, "needs a value of a, alpha, b, beta"),
            (
                {"params": [1e9], "tokens": [1e9]},
                {**TRUTH["chinchilla"], "gamma": 1},
                "no parameter 'gamma'",
            ),
        ],
    )
    def test_slips(self, table, parameters, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            bs.simulate("chinchilla", table, parameters)


class TestAddRuns:
    def test_the_old_and_the_new_are_fitted(self, made_fit, monkeypatch) -> None:
        seen = {}

        def instead(runs, spec, **options) -> bs.Fit:
            seen.update(runs=runs, spec=spec, **options)
            return made_fit

        monkeypatch.setattr("bayescale.inference.update.fit", instead)
        new = pd.DataFrame({"params": [1e10], "tokens": [1e12], "loss": [2.0], "note": ["big"]})
        bs.add_runs(made_fit, new, random_seed=5)
        table = seen["runs"].table
        assert len(table) == 41
        assert seen["spec"] is made_fit.spec
        assert seen["random_seed"] == 5
        assert seen["runs"].loss_unit == "nats/token"
        np.testing.assert_allclose(table["loss"].to_numpy()[:40], made_fit.observed)
        assert table["loss"].iloc[40] == 2.0
        assert seen["runs"].labels()[:2] == ["row 0", "row 1"]

    def test_what_does_not_go_together(self, made_fit) -> None:
        new = pd.DataFrame({"params": [1e10], "tokens": [1e12], "loss": [2.0]})
        other = bs.read_runs(new, params_convention="non-embedding")
        with pytest.raises(bs.BayescaleError, match="params_convention is 'total'"):
            bs.add_runs(made_fit, other)
        with pytest.raises(bs.BayescaleError, match="no column tokens"):
            bs.add_runs(made_fit, new.drop(columns="tokens"))


def test_constants_of_equal_draws_are_not_derived() -> None:
    assert not bs.derived_parameters(handmade_fit("chinchilla", spread=0.0))


def test_a_law_of_dates_alone_has_a_discrepancy_too() -> None:
    fit = handmade_fit("densing")
    sure, allowed = (
        bs.predict(fit, {"days": [-400.0, 0.0, 400.0]}, discrepancy=one) for one in (None, 0.05)
    )
    np.testing.assert_allclose(
        allowed["law"].median(("chain", "draw")), sure["law"].median(("chain", "draw"))
    )
    assert (allowed["outcome"].std(("chain", "draw")) > sure["law"].std(("chain", "draw"))).all()
