"""Laws that are observed on the way: two columns in one model."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale.inference.fit import assemble
from bayescale.inference.fit import fit as fit_law
from bayescale.inference.sampling import _COMPILED
from bayescale.laws.base import Law
from bayescale.laws.chain import chain
from bayescale.laws.inputs import Input, step
from bayescale.laws.parameters import Fraction, Positive
from bayescale.laws.registry import get_law
from bayescale.model.build import engine_model, model_data
from bayescale.model.observations import Data, extract
from bayescale.model.spec import Spec, make_spec

LADDER = "chinchilla_then_accuracy_from_loss"
TRUTH = {"b": 3.0, "beta": 0.1, "level": 0.6, "power": 1.5, "sigma": 0.01, "loss_sigma": 0.004}
AT = {"D": 1e10, "L": 3.0}


class ErrorOfTokens(Law):
    """A power law of a power law."""

    target = "error"
    noise = "normal"

    D = Input("tokens")
    b = Positive(0.5, 2.0, of="loss")
    beta = Positive(0.02, 0.5)
    level = Positive(0.5, 1.5, of="target")
    power = Positive(0.3, 5.0)

    @step("loss", noise="normal")
    def L(D, b, beta):
        return b * D**-beta

    @staticmethod
    def equation(L, level, power):
        return level * L**power


def simulated(runs: int = 30, seed: int = 0) -> pd.DataFrame:
    tokens = np.geomspace(1e9, 1e12, runs)
    return bs.simulate(ErrorOfTokens, {"tokens": tokens}, TRUTH, references=AT, random_seed=seed)


def patchy() -> pd.DataFrame:
    """Make ten runs: of three the error is missing, of two others the loss, of one both."""
    table = simulated(10).rename(columns={"loss": "validation"}).assign(run=list("abcdefghij"))
    table.loc[[0, 1, 2, 9], "error"] = np.nan
    table.loc[[7, 8, 9], "validation"] = np.nan
    return table


def patchy_spec() -> Spec:
    return make_spec(ErrorOfTokens, columns={"L": "validation"}, references=AT)


class TestDeclaration:
    def test_what_it_holds(self) -> None:
        assert list(ErrorOfTokens.steps) == ["L"]
        assert list(ErrorOfTokens.inputs) == ["D"]
        spec = make_spec(ErrorOfTokens)
        assert list(spec.noise_parameters) == ["sigma", "loss_sigma"]
        assert ErrorOfTokens.fingerprint()["steps"]["L"][:2] == ["loss", "normal"]
        assert "steps" not in get_law("chinchilla").fingerprint()

    def test_a_step_takes_what_is_declared(self) -> None:
        with pytest.raises(TypeError, match=r"Wrong\.L takes gamma: declare it"):

            class Wrong(Law):
                target = "error"
                D = Input("tokens")

                @step("loss")
                def L(D, gamma):
                    return D**-gamma

                @staticmethod
                def equation(L):
                    return L

    def test_what_is_declared_is_taken(self) -> None:
        with pytest.raises(TypeError, match="Idle: no equation takes gamma"):

            class Idle(Law):
                target = "error"
                D = Input("tokens")
                gamma = Positive(0.1, 1.0)

                @step("loss")
                def L(D):
                    return D

                @staticmethod
                def equation(L):
                    return L

    def test_a_multiple_is_of_a_step(self) -> None:
        with pytest.raises(TypeError, match="b is of 'los', which is no step"):

            class Slip(Law):
                D = Input("tokens")
                b = Positive(0.1, 1.0, of="los")

                @staticmethod
                def equation(D, b):
                    return b / D

    def test_a_column_is_observed_once(self) -> None:
        with pytest.raises(TypeError, match="Twice observes a column twice: loss, loss"):

            class Twice(Law):
                D = Input("tokens")

                @step("loss")
                def L(D):
                    return D

                @staticmethod
                def equation(L):
                    return L

    def test_names_of_the_steps_noise_are_taken(self) -> None:
        class Clash(Law):
            target = "error"
            D = Input("tokens")
            loss_sigma = Fraction(0.1, 0.9)

            @step("loss")
            def L(D, loss_sigma):
                return D * loss_sigma

            @staticmethod
            def equation(L):
                return L

        with pytest.raises(bs.BayescaleError, match="both have a parameter loss_sigma"):
            make_spec(Clash)


@pytest.fixture(scope="module")
def data() -> Data:
    with pytest.warns(bs.BayescaleWarning, match=r"1 of 7 rows set aside: error missing"):
        return extract(patchy_spec(), bs.read_runs(patchy()))


class TestData:
    def test_a_run_counts_for_what_it_has(self, data) -> None:
        assert data.labels == tuple("defghi")
        assert data.steps["L"].labels == tuple("abcdefg")
        np.testing.assert_array_equal(data.observed, patchy()["error"].dropna())
        np.testing.assert_array_equal(data.steps["L"].observed, patchy()["validation"].dropna())
        assert len(data.steps["L"].inputs["D"]) == 7 and len(data.inputs["D"]) == 6
        assert len(data.runs) == len(data.observed)

    def test_both_columns_are_in_the_digest(self, data) -> None:
        table = patchy()
        with pytest.warns(bs.BayescaleWarning):
            for column in ("error", "validation"):
                other = table.assign(**{column: 1.01 * table[column]})
                assert extract(patchy_spec(), bs.read_runs(other)).digest() != data.digest()
            assert extract(patchy_spec(), bs.read_runs(table)).digest() == data.digest()

    def test_the_reference_of_a_step_is_its_typical_value(self) -> None:
        runs = bs.read_runs(simulated())
        data = extract(make_spec(ErrorOfTokens), runs)
        typical = np.exp(np.log(runs.table["loss"]).mean())
        assert data.references["L"] == pytest.approx(typical)
        middle = pytest.approx(np.exp(np.log(runs.table["tokens"]).mean()))
        assert data.scales == {"target": data.scale, "loss": data.references["L"], "D": middle}

    def test_both_columns_are_needed(self) -> None:
        with pytest.raises(bs.BayescaleError, match="no column for loss"):
            extract(make_spec(ErrorOfTokens), bs.read_runs(simulated().drop(columns="loss")))


def test_both_likelihoods_count(data) -> None:
    """PyMC's density is the prior's and that of each column, written out by hand."""
    spec = patchy_spec()
    model = engine_model(spec, data)
    assert {rv.name for rv in model.observed_RVs} == {"error", "validation"}
    logp = model.compile_logp(mode="FAST_COMPILE")
    table, typical = patchy(), data.scale
    for shift in (0.0, 0.3):
        link = np.log([1.1, 0.1, 1.0, 1.5]) + shift
        scatter = np.log([0.02, 0.01]) - shift
        b, beta, level, power = np.exp(link) * [3.0, 1.0, typical, 1.0]
        loss = b * (table["tokens"] / 1e10) ** -beta
        error = level * (loss / 3.0) ** power
        intervals = [(0.5, 2.0), (0.02, 0.5), (0.5, 1.5), (0.3, 5.0), *[(0.0005, 0.1)] * 2]
        centre = np.log(intervals).mean(axis=1)
        spread = np.diff(np.log(intervals)).ravel() / (2 * scipy.stats.norm.ppf(0.95))
        parts = (
            scipy.stats.norm.logpdf([*link, *scatter], centre, spread),
            scipy.stats.norm.logpdf(np.log(table["error"]), np.log(error), np.exp(scatter[0])),
            scipy.stats.norm.logpdf(np.log(table["validation"]), np.log(loss), np.exp(scatter[1])),
        )
        point = {"law_link": link, "noise_link": scatter}
        expected = sum(np.nansum(part) for part in parts)
        assert float(logp(point)) == pytest.approx(expected, rel=1e-9)


def test_the_unit_of_the_loss_does_not_matter() -> None:
    table = simulated()
    spec = make_spec(ErrorOfTokens)
    one, two = (
        model_data(spec, extract(spec, bs.read_runs(t)))
        for t in (table, table.assign(loss=700 * table["loss"]))
    )
    assert two["L_reference"] == pytest.approx(700 * one["L_reference"])
    for name in ("law_prior_mean", "law_prior_sd", "noise_prior_mean", "observed"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-9)


class TestFit:
    def test_the_tree_holds_both_columns(self) -> None:
        fit = handmade_fit(LADDER)
        for group in ("log_likelihood", "posterior_predictive", "prior_predictive"):
            found = fit.tree_group(group)
            assert set(found.data_vars) == {"accuracy", "loss"}
            assert found["loss"].dims[-1] == "loss_run"
            assert found["accuracy"].dims[-1] == "run"
        loss = fit.curve(fit.inputs_of(fit.spec.observables[1]), step="L")
        found = fit.tree_group("posterior_predictive")["loss"]
        assert float(abs(np.log(found.median() / loss.median()))) < 0.02
        chinchilla = handmade_fit("chinchilla")
        plain = chinchilla.law.curve(fit.inputs, fit.references, fit.parameters)
        np.testing.assert_allclose(plain.rename(run="loss_run"), loss)

    def test_units_are_told(self) -> None:
        table = bs.summary(handmade_fit(LADDER))
        assert table.loc["E", "unit"] == "nats/token"
        assert table.loc["odds", "unit"] == ""
        assert {"A", "B", "loss_midpoint"} <= set(table.index)

    def test_answers_are_of_the_target(self) -> None:
        fit = handmade_fit(LADDER)
        assert fit.target == "accuracy"
        with pytest.warns(bs.BayescaleWarning, match="WAIC is not reliable"):
            assert bs.waic(fit).n_data_points == len(fit.observed)
        assert list(bs.residuals(fit).index) == list(fit.observed["run"].values)
        assert bs.predict(fit, params=7e9, tokens=1e11)["law"].max() < 1
        assert (
            bs.identify(fit)[["prior_sensitivity", "likelihood_sensitivity"]]
            .notna()
            .to_numpy()
            .all()
        )

    def test_the_most_accurate_model_has_the_least_loss(self) -> None:
        fit = handmade_fit(LADDER)
        best = bs.optimum(fit, "1e23", discrepancy=None)
        values = {k: fit.parameters[k] for k in get_law("chinchilla").parameters}
        budget = 1e23 / (6 * fit.references["N"] * fit.references["D"])
        size = fit.references["N"] * get_law("chinchilla").optimal_size(budget, **values)
        np.testing.assert_allclose(best["params"].squeeze("budget"), size, rtol=1e-4)

    def test_fitted_runs_give_the_same_data(self, data) -> None:
        spec = patchy_spec()
        draws = xr.Dataset({k: (("chain", "draw"), np.full((4, 10), v)) for k, v in TRUTH.items()})
        fit = assemble(spec, data, draws, draws[[]], sampler=bs.Sampler(), seed=0)
        table = bs.fitted_runs(fit)
        assert list(table["run"]) == list("defghiabc")
        assert list(table.isna().sum()[["validation", "error"]]) == [2, 3]
        again = extract(spec, bs.read_runs(table.sort_values("run", ignore_index=True)))
        assert again.digest() == data.digest()


class TestChain:
    def test_any_two_laws_chain_by_name(self) -> None:
        law = get_law("skaling_then_error_from_loss")
        assert law is get_law("skaling_then_error_from_loss")
        assert law.parameters["R"].of == "loss" and law.parameters["level"].of == "target"
        fit = handmade_fit(law)
        loss = get_law("skaling").curve(fit.inputs, fit.references, fit.parameters)
        error = get_law("error_from_loss").curve({"L": loss}, fit.references, fit.parameters)
        np.testing.assert_allclose(fit.curve(fit.inputs), error)

    def test_constants_that_share_a_name(self) -> None:
        table = bs.summary(handmade_fit("skaling_then_error_from_loss"))
        assert {"k", "error_k", "epsilon", "gamma"} <= set(table.index)
        assert table.index.is_unique

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("power_law_then_power_law", "power_law cannot be chained to power_law"),
            ("chinchila_then_error_from_loss", "did you mean 'chinchilla'"),
            ("chinchilla_then_eror_from_loss", "did you mean 'error_from_loss'"),
            (f"{LADDER}_then_error_from_loss", "accuracy_from_loss cannot be chained"),
        ],
    )
    def test_what_does_not_chain(self, name, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            get_law(name)

    def test_names_must_differ(self) -> None:
        class Other(Law):
            target = "error"
            L = Input("loss", span=(2, 4))
            beta = Positive(0.1, 1.0)

            @staticmethod
            def equation(L, beta):
                return L**beta

        with pytest.raises(bs.BayescaleError, match="both have beta"):
            chain(get_law("chinchilla"), Other)

    def test_a_saved_chain_is_found_by_its_name(self, tmp_path) -> None:
        fit = handmade_fit("skaling_then_accuracy_from_loss")
        assert bs.load(bs.save(fit, tmp_path / "fit.nc")).spec == fit.spec


def test_every_column_is_simulated() -> None:
    table = simulated()
    assert list(table) == ["tokens", "error", "loss"]
    with pytest.raises(bs.BayescaleError, match="needs a value of b, beta"):
        bs.simulate(ErrorOfTokens, {"tokens": [1e9]}, {"level": 1.0, "power": 1.0})


@pytest.mark.slow
def test_it_recovers_the_truth_and_takes_more_runs_without_compiling() -> None:
    table = simulated(40, seed=3)
    some = fit_law(table.head(30), ErrorOfTokens, random_seed=1, progressbar=False)
    programs = len(_COMPILED)
    fit = bs.add_runs(some, table.tail(10), random_seed=2, progressbar=False)
    assert len(_COMPILED) == programs
    assert fit.diagnostics.ok, fit.diagnostics.problems()
    assert len(fit.observed) == fit.tree_group("observed_data")["loss"].size == 40
    expected = {"beta": 0.1, "power": 1.5, "sigma": 0.01, "loss_sigma": 0.004}
    for name, value in expected.items():
        low, high = np.quantile(fit.posterior[name], [0.005, 0.995])
        assert low < value < high, name
    alone = fit.posterior["beta"].std()
    few = table.assign(error=table["error"].where(table.index < 5))
    with_losses = fit_law(few, ErrorOfTokens, random_seed=3, progressbar=False)
    assert len(with_losses.observed) == 5
    assert float(with_losses.posterior["beta"].std()) < 2 * float(alone)
