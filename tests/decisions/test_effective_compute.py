"""How many times less compute a recipe needs, beside gains that follow in closed form."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from figure_texts import faults_at_three_sizes
from handmade import REFERENCES, TRUTH, handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.decisions import effective_compute as compared
from bayescale.decisions.compute_gain import EffectiveCompute
from bayescale.plots import effective_compute_data

SURE = 1e-6
CURVE = {"E": 1.8, "scale": 1.0, "exponent": 0.15, "sigma": 0.005, "nu": 30.0}
AT = REFERENCES["x"]


def recipe(**changes: float):
    """A law of compute, all but known."""
    return handmade_fit("power_law_floor", truth={**CURVE, **changes}, spread=SURE)


def curve(flops: np.ndarray, **changes: float) -> np.ndarray:
    truth = {**CURVE, **changes}
    return truth["E"] + truth["scale"] * (flops / AT) ** -truth["exponent"]


def shifted(gain: float, flops=(1e20, 3e20, 1e21), trend: float = 0.0) -> pd.DataFrame:
    """Runs of a recipe that needs so many times less, and more so by ``trend`` per decade."""
    flops = np.array(flops)
    away = np.log10(flops) - np.log10(flops).mean()
    return pd.DataFrame({"flops": flops, "loss": curve(gain * 10 ** (trend * away) * flops)})


def medians(found: EffectiveCompute) -> np.ndarray:
    return found.table()["median"].to_numpy()


@pytest.fixture(scope="module")
def baseline():
    return recipe()


class TestTwoFits:
    def test_a_constant_gain(self, baseline) -> None:
        """The same floor and exponent, and an amplitude of 3^-0.15: three times less compute."""
        found = bs.effective_compute(
            baseline, recipe(scale=3**-0.15), ["1e19", "1e21", "1e23"], discrepancy=None
        )
        np.testing.assert_allclose(medians(found), 3.0, rtol=2e-3)
        row = found.trends().iloc[0]
        assert row["median"] == pytest.approx(1, abs=1e-3)
        assert row["verdict"] == "constant" and row["constant"] == 1
        assert found.table()["better"].eq(1).all() and found.table()["unbounded"].eq(0).all()
        assert "the gain is constant" in str(found)

    @pytest.mark.parametrize(("exponent", "word"), [(0.18, "grows"), (0.12, "fades")])
    def test_a_gain_that_changes(self, baseline, exponent, word) -> None:
        """C_A(L_B(C)) / C = (C / C_0)^(b / a - 1), by hand."""
        flops = np.array([1e20, 1e22, 1e23])
        found = bs.effective_compute(baseline, recipe(exponent=exponent), flops, discrepancy=None)
        power = exponent / CURVE["exponent"] - 1
        np.testing.assert_allclose(medians(found), (flops / AT) ** power, rtol=3e-3)
        row = found.trends().iloc[0]
        assert row["median"] == pytest.approx(10**power, rel=2e-3)
        assert row["verdict"] == word
        assert f"the gain {word} with scale" in str(found)

    def test_a_recipe_is_worth_one_of_itself(self, baseline) -> None:
        found = bs.effective_compute(baseline, recipe(), discrepancy=None)
        np.testing.assert_allclose(medians(found), 1.0, rtol=2e-3)
        largest = float(baseline.inputs["x"].max())
        np.testing.assert_allclose(found.table()["flops"], [largest, 10 * largest, 100 * largest])

    def test_below_the_floor_the_gain_is_unbounded(self, baseline) -> None:
        better = recipe(E=1.5)
        found = bs.effective_compute(baseline, better, ["1e19", "1e24"], discrepancy=None)
        table = found.table()
        assert table["unbounded"].tolist() == [0, 1]
        by_hand = AT * (curve(np.array([1e19]), E=1.5) - 1.8) ** (-1 / 0.15) / 1e19
        assert table["median"][0] == pytest.approx(by_hand.item(), rel=3e-3)
        assert np.isinf(table["median"][1]) and found.trends()["verdict"][0] == "grows"
        assert "does not get as good" in str(found) and "inf" in str(found)

    def test_unbounded_at_every_budget_has_no_trend(self, baseline) -> None:
        found = bs.effective_compute(baseline, recipe(E=1.2), ["1e24", "1e26"], discrepancy=None)
        assert np.isnan(found.draws["change"]).all()
        row = found.trends().iloc[0]
        assert row["verdict"] == "undecided" and np.isnan(row["median"])

    def test_a_worse_recipe(self, baseline) -> None:
        found = bs.effective_compute(baseline, recipe(scale=4**0.15), "1e22", discrepancy=None)
        assert medians(found)[0] == pytest.approx(0.25, rel=3e-3)
        assert found.table()["better"][0] == 0

    def test_laws_of_size_and_data(self) -> None:
        """Both amplitudes by the factor that doubling 6 N D at the same D / N takes."""
        old, truth = handmade_fit("chinchilla", spread=SURE), TRUTH["chinchilla"]
        halves = {"a": 2 ** -(truth["alpha"] / 2), "b": 2 ** -(truth["beta"] / 2)}
        better = {**truth, **{name: truth[name] * by for name, by in halves.items()}}
        new = handmade_fit("chinchilla", truth=better, spread=SURE)
        found = bs.effective_compute(old, new, ["1e20", "1e23"], discrepancy=None)
        np.testing.assert_allclose(medians(found), 2.0, rtol=3e-3)

    def test_scores_that_rise(self) -> None:
        """An accuracy: equal scores, not equal losses."""
        old = handmade_fit("rising_power_law_floor", spread=SURE)
        same = {name: float(old.posterior[name].median()) for name in old.law.parameters}
        worse = {**same, "scale": same["scale"] * 2 ** same["exponent"]}
        new = handmade_fit("rising_power_law_floor", truth=worse, spread=SURE)
        found = bs.effective_compute(old, new, [float(old.inputs["x"].max())], discrepancy=None)
        assert old.law.rises and medians(found)[0] == pytest.approx(0.5, rel=1e-2)

    def test_the_discrepancy_widens_it(self, baseline) -> None:
        asked = (baseline, recipe(scale=3**-0.15), ["1e24"])
        wide, narrow = (
            bs.effective_compute(*asked, discrepancy=d, random_seed=1).table().iloc[0]
            for d in (0.01, None)
        )
        assert wide["upper"] / wide["lower"] > 1.5 > narrow["upper"] / narrow["lower"]

    def test_averages(self, baseline) -> None:
        mixed = bs.average({"a": baseline, "b": recipe()}, {"a": 0.5, "b": 0.5})
        found = bs.effective_compute(mixed, recipe(scale=3**-0.15), "1e22", discrepancy=None)
        assert medians(found)[0] == pytest.approx(3, rel=3e-3)
        with pytest.raises(bs.BayescaleError, match="pass one of the average's fits"):
            bs.effective_compute(mixed, shifted(2))
        with pytest.raises(bs.BayescaleError, match="a pin is a parameter of one law"):
            bs.effective_compute(mixed, baseline, pin={"E": 1.7})


class TestFewRuns:
    def test_a_constant_gain(self, baseline) -> None:
        found = bs.effective_compute(baseline, shifted(2.5), trend=0, discrepancy=None)
        np.testing.assert_allclose(medians(found), 2.5, rtol=0.03)
        table = found.table()
        np.testing.assert_allclose(table["flops"], [1e21, 1e22, 1e23])
        assert (table["lower"] < 2.5).all() and (table["upper"] > 2.5).all()
        assert found.trends()["verdict"].tolist() == ["assumed constant"]

    def test_the_width_is_that_of_a_normal_approximation(self, baseline) -> None:
        """The sd of log gain = (noise / slope of log loss) / sqrt(runs), of runs at one compute."""
        runs = shifted(2.0, [1e21, 1.01e21, 0.99e21])
        found = bs.effective_compute(baseline, runs, "1e21", trend=0, discrepancy=None)
        effective = np.array([2e21])
        excess = curve(effective) - 1.8
        slope = 0.15 * excess / curve(effective)
        sigma, nu = CURVE["sigma"], CURVE["nu"]
        information = 3 * (nu + 1) / (nu + 3) * (slope / sigma) ** 2
        sd = float(np.log(found.draws["gain"]).std())
        assert sd == pytest.approx(information.item() ** -0.5, rel=0.06)

    def test_a_gain_that_grows_is_seen_from_runs_far_apart(self, baseline) -> None:
        runs = shifted(2.0, np.geomspace(1e18, 1e22, 5), trend=0.2)
        found = bs.effective_compute(baseline, runs, ["1e18", "1e22"], trend=1, discrepancy=None)
        np.testing.assert_allclose(medians(found), [2 * 10**-0.4, 2 * 10**0.4], rtol=0.1)
        row = found.trends().iloc[0]
        assert row["median"] == pytest.approx(10**0.2, rel=0.05) and row["verdict"] == "grows"

    def test_two_runs_say_little_of_the_trend_but_its_prior(self, baseline) -> None:
        runs = shifted(2.0, [1e20, 1.02e20])
        found = bs.effective_compute(baseline, runs, trend=0.3, discrepancy=None)
        logs = np.log10(found.draws["change"])
        assert float(logs.std()) == pytest.approx(0.3, rel=0.05)
        assert float(logs.mean()) == pytest.approx(0, abs=0.02)

    def test_laws_of_size_and_data_keep_the_ratio(self) -> None:
        old, truth = handmade_fit("chinchilla", spread=SURE), TRUTH["chinchilla"]
        runs = pd.DataFrame({"params": [2e8, 1e9, 1e9], "tokens": [4e10, 2e10, 9e10]})
        more = [
            runs[c] * np.sqrt(3.0) / REFERENCES[i] for c, i in (("params", "N"), ("tokens", "D"))
        ]
        loss = truth["E"] + truth["a"] * more[0] ** -truth["alpha"]
        loss += truth["b"] * more[1] ** -truth["beta"]
        found = bs.effective_compute(old, runs.assign(loss=loss), trend=0, discrepancy=None)
        np.testing.assert_allclose(medians(found), 3.0, rtol=0.03)

    def test_the_old_draws_are_reweighted(self) -> None:
        """A run far beyond the old ones says what the floor is, and the gain's prior is flat."""
        old = handmade_fit("power_law_floor", truth=CURVE, spread=0.02)
        near, far = shifted(2.0, [1e20]), shifted(2.0, [1e20, 1e26, 1e27])
        alone, both = (
            bs.effective_compute(old, runs, "1e20", trend=0, discrepancy=None).table().iloc[0]
            for runs in (near, far)
        )
        assert both["upper"] / both["lower"] < 0.8 * alone["upper"] / alone["lower"]

    def test_runs_of_the_old_fit_are_no_new_recipe(self, baseline) -> None:
        own = bs.fitted_runs(baseline).tail(3)[["flops", "loss"]]
        both = pd.concat([own.assign(kind="old"), shifted(2.0).assign(kind="new")])
        with pytest.raises(bs.BayescaleError, match=r"3 of 6 rows .*where=\"kind == 'new'\""):
            bs.effective_compute(baseline, both)
        with pytest.raises(bs.BayescaleError, match="leave them out of the table"):
            bs.effective_compute(baseline, both.drop(columns="kind"))
        with pytest.raises(bs.BayescaleError, match="1 of 1 rows"):
            bs.effective_compute(baseline, own.head(1))
        kept = bs.read_runs(both, where="kind == 'new'")
        found = bs.effective_compute(baseline, kept, trend=0, discrepancy=None)
        np.testing.assert_allclose(medians(found), 2.0, rtol=0.03)

    def test_one_equal_row_may_be_a_coincidence(self, baseline) -> None:
        own = bs.fitted_runs(baseline).tail(1)[["flops", "loss"]]
        with pytest.warns(bs.BayescaleWarning, match="1 of 4 rows .*leave them out"):
            bs.effective_compute(baseline, pd.concat([own, shifted(1.01)]), discrepancy=None)

    @pytest.mark.parametrize("kinds", [("base", "new"), (0, 1), (False, True)])
    def test_several_recipes_in_one_table_are_said(self, baseline, kinds) -> None:
        at = [1e20, 2e20, 4e20, 8e20]
        both = [
            shifted(gain, at).assign(kind=kind) for gain, kind in zip((1, 3), kinds, strict=True)
        ]
        with pytest.warns(bs.BayescaleWarning, match="several recipes, by the column 'kind'") as w:
            bs.effective_compute(baseline, pd.concat(both), discrepancy=None)
        said = next(str(one.message) for one in w if "several" in str(one.message))
        assert f"where={f'kind == {kinds[1]!r}'!r}" in said
        many = pd.concat(
            [one.assign(flops=one["flops"] * k) for k in (1, 1.1, 1.2) for one in both]
        )
        with pytest.raises(bs.BayescaleError, match=r"24 usable runs .*by the column 'kind'"):
            bs.effective_compute(baseline, many)

    def test_other_columns_are_no_recipes(self, baseline) -> None:
        """Neither sizes between which the gain changes, nor seeds, nor names of the runs."""
        runs = shifted(2.0, np.geomspace(1e19, 1e22, 8), trend=0.2)
        runs = runs.assign(size=["s"] * 4 + ["l"] * 4, seed=[1, 2] * 4, run=list("abcdefgh"))
        with warnings.catch_warnings():
            warnings.simplefilter("error", bs.BayescaleWarning)
            bs.effective_compute(baseline, runs, trend=1, discrepancy=None)

    def test_runs_that_the_law_does_not_reach(self, baseline) -> None:
        below = shifted(2.0).assign(loss=1.7)
        with pytest.raises(bs.BayescaleError, match=r"units of the old .*: fit the new recipe too"):
            bs.effective_compute(baseline, below)

    @pytest.mark.parametrize("gain", [200.0, 1 / 200])
    def test_a_gain_that_no_recipe_brings_is_questioned(self, baseline, gain) -> None:
        with pytest.warns(bs.BayescaleWarning, match="loss in one unit"):
            bs.effective_compute(baseline, shifted(gain))

    def test_too_many_runs_and_other_units(self, baseline, monkeypatch) -> None:
        with pytest.raises(bs.BayescaleError, match="25 usable runs of the new recipe"):
            bs.effective_compute(baseline, shifted(2.0, np.geomspace(1e19, 1e21, 25)))
        bits = bs.read_runs(shifted(2.0), loss_unit="bits/byte")
        with pytest.raises(bs.BayescaleError, match="'nats/token' in the fit and 'bits/byte'"):
            bs.effective_compute(baseline, bits)


class TestPins:
    def test_a_sweep_over_the_asymptote(self, baseline, monkeypatch) -> None:
        """Refits are made by hand here: the floor at its pin, and the rest as it was."""
        pinned = []

        def instead(fit, priors, seed):
            pinned.append(priors)
            return recipe(**{**_centre(fit), **priors})

        monkeypatch.setattr(compared, "fit_again", instead)
        new = recipe(scale=0.9, exponent=0.16)
        found = bs.effective_compute(
            baseline, new, ["1e21", "1e22"], pin={"E": [1.6, 1.7]}, discrepancy=None
        )
        assert pinned == [{"E": 1.6}, {"E": 1.6}, {"E": 1.7}, {"E": 1.7}]
        assert found.draws["gain"].dims == ("pin", "chain", "draw", "budget")
        table = found.table()
        assert table["E"].tolist() == [1.6, 1.6, 1.7, 1.7]
        flops = np.array([1e21, 1e22])
        by_hand = AT * (0.9 * (flops / AT) ** -0.16) ** (-1 / 0.15) / flops
        np.testing.assert_allclose(table["median"], np.tile(by_hand, 2), rtol=3e-3)
        assert "with E = 1.6, the gain" in str(found)
        assert list(effective_compute_data(found)) == ["E = 1.6", "E = 1.7"]

    def test_what_cannot_be_pinned(self, baseline) -> None:
        with pytest.raises(bs.BayescaleError, match=r"no parameter .F. to pin.*E, scale"):
            bs.effective_compute(baseline, recipe(), pin={"F": 1.7})
        with pytest.raises(bs.BayescaleError, match="and others at one each"):
            bs.effective_compute(baseline, recipe(), pin={"E": [1.7, 1.8], "scale": [1.0, 1.1]})
        with pytest.raises(bs.BayescaleError, match="and others at one each"):
            bs.effective_compute(baseline, recipe(), pin={})

    def test_others_are_held_at_one_value(self, baseline, monkeypatch) -> None:
        """With floor and exponent pinned only the amplitude is left: the gain is constant."""
        monkeypatch.setattr(
            compared, "fit_again", lambda fit, held, seed: recipe(**{**_centre(fit), **held})
        )
        new = recipe(scale=0.9, exponent=0.16)
        pin = {"E": 1.7, "exponent": 0.1}
        found = bs.effective_compute(baseline, new, ["1e21", "1e23"], pin=pin, discrepancy=None)
        np.testing.assert_allclose(medians(found), 0.9 ** (-1 / 0.1), rtol=3e-3)
        assert found.pinned == "E" and found.draws["pin"].values.tolist() == [1.7]


def _centre(fit) -> dict[str, float]:
    return {name: float(fit.posterior[name].median()) for name in fit.law.parameters}


def test_what_does_not_compare(baseline) -> None:
    with pytest.raises(bs.BayescaleError, match="one predicts loss and the other accuracy"):
        bs.effective_compute(baseline, handmade_fit("accuracy_from_compute"))
    with pytest.raises(bs.BayescaleError, match="does not determine"):
        bs.effective_compute(handmade_fit("repeated"), baseline)


def made(gain: list[float], change: list[float]) -> EffectiveCompute:
    """A result of these draws at one budget."""
    draws = xr.Dataset(
        {
            "gain": (("chain", "draw", "budget"), np.array(gain)[None, :, None]),
            "change": (("chain", "draw"), np.array(change)[None]),
        },
        coords={"flops": ("budget", [1e22])},
        attrs={"column": "flops"},
    )
    return EffectiveCompute(draws, "old", "new", "loss")


class TestShown:
    def test_probabilities_and_verdict(self) -> None:
        found = made([0.5, 2.0, np.inf, 4.0], [1.2, 1.2, np.nan, 1.0])
        table = found.table(0.5)
        assert table["better"].tolist() == [0.75] and table["unbounded"].tolist() == [0.25]
        row = found.trends().iloc[0]
        assert (row["grows"], row["constant"], row["fades"]) == pytest.approx((2 / 3, 1 / 3, 0))
        assert row["verdict"] == "undecided"
        assert "may grow or fade" in str(found)

    def test_a_dictionary_and_html(self) -> None:
        found = made([0.5, 2.0, 3.0, 4.0], [1.2, 1.2, 1.3, 1.3])
        said = found.to_dict(0.5)
        assert said["ci_prob"] == 0.5 and said["pinned"] is None
        assert said["budgets"][0]["flops"] == 1e22
        assert said["trend"][0]["verdict"] == "grows"
        assert "compute-equivalent gain of new over old" in found._repr_html_()
        assert repr(found).startswith("<bayescale.EffectiveCompute")

    def test_a_picture(self, tmp_path) -> None:
        ax = bs.plot_effective_compute(made([0.5, 2.0, np.inf, 4.0], [1.2, 1.2, np.nan, 1.0]))
        assert np.isfinite(ax.get_ylim()).all() and ax.get_yscale() == "log"
        (line, *_) = ax.get_lines()
        np.testing.assert_allclose(line.get_ydata(), [3.0])
        assert ax.get_ylabel() == "compute of old\n/ compute of new"
        found = made([0.5, 2.0, 3.0, 4.0], [1.2, 1.2, 1.3, 1.3])
        assert faults_at_three_sizes(lambda: bs.plot_effective_compute(found)) == []


@pytest.fixture(scope="module")
def files(baseline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    shifted(2.0).to_csv(folder / "new.csv", index=False)
    return folder, bs.save(baseline, folder / "old.nc")


class TestCommandLine:
    def run(self, *arguments: object):
        result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"})
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def test_two_fits(self, files) -> None:
        folder, old = files
        asked = ("effective-compute", old, old, "--flops", "1e21,1e22")
        said = json.loads(self.run(*asked, "--discrepancy", "none", "--json"))
        assert [row["flops"] for row in said["budgets"]] == [1e21, 1e22]
        assert said["budgets"][0]["median"] == pytest.approx(1, rel=3e-3)
        assert said["trend"][0]["verdict"] == "constant" and len(said["fits"]) == 2
        drawn = self.run(*asked, "--plot", folder / "gain.png")
        assert "baseline: power_law_floor" in drawn and (folder / "gain.png").exists()

    def test_a_few_runs(self, files) -> None:
        folder, old = files
        said = self.run("effective-compute", old, folder / "new.csv", "--trend", "0")
        assert "recipe: 3 runs of" in said and "assumed to be constant" in said

    def test_each_fit_has_a_discrepancy_of_its_own(self, files) -> None:
        folder, old = files
        other = bs.save(handmade_fit("skaling"), folder / "other.nc")
        asked = ("effective-compute", old, other, "--flops", "1e21")
        said = " ".join(self.run(*asked).split())
        assert "baseline: discrepancy: the law may be off by" in said
        assert f"recipe: discrepancy: {bs.Discrepancy().of_law('skaling')}" in said
        found = json.loads(self.run(*asked, "--json"))["discrepancies"]
        assert found["recipe"]["size"] == 0.012 and found["baseline"]["size"] == 0.015
