"""Forecasts that are registered, and scored later: values beside closed forms, files that lie."""

import json

import numpy as np
import pandas as pd
import pytest
from handmade import TRUTH, handmade_fit
from scipy import stats
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.evaluation import forecast_files
from bayescale.evaluation.forecast_files import RegisteredForecast, _digest

SIGMA, SURE = 0.02, 1e-6
POINT = {"params": 1e9, "tokens": 2e10}
MIDDLE = TRUTH["chinchilla"]["E"] + TRUTH["chinchilla"]["a"] + TRUTH["chinchilla"]["b"]


@pytest.fixture(scope="module")
def sure():
    """A law all but known, whose runs scatter by two per cent on log loss, all but normally."""
    truth = {**TRUTH["chinchilla"], "sigma": SIGMA, "nu": 1e6}
    return handmade_fit("chinchilla", truth=truth, spread=SURE)


@pytest.fixture(scope="module")
def written(sure, tmp_path_factory):
    path = tmp_path_factory.mktemp("forecast") / "forecast.json"
    return path, bs.register(sure, path, POINT, discrepancy=None, random_seed=1)


class TestScore:
    @pytest.mark.parametrize("sd", [-1.5, 0.0, 0.4, 1.8])
    def test_scores_are_those_of_a_lognormal(self, written, sd) -> None:
        """Four thousand draws: their quantiles' Monte Carlo error is 0.02 sd in the middle."""
        path, _ = written
        seen = MIDDLE * np.exp(sd * SIGMA)
        row = bs.score(path, seen).iloc[0]
        exact = stats.lognorm(SIGMA, scale=MIDDLE)
        assert row["pit"] == pytest.approx(exact.cdf(seen), abs=0.07)
        assert row["log_score"] == pytest.approx(exact.logpdf(seen), abs=0.05)
        z = np.log(seen / MIDDLE) / SIGMA
        part = stats.norm.cdf(z - SIGMA) + stats.norm.cdf(SIGMA / np.sqrt(2)) - 1
        crps = seen * (2 * exact.cdf(seen) - 1) - 2 * MIDDLE * np.exp(SIGMA**2 / 2) * part
        assert row["crps"] == pytest.approx(crps, rel=0.15)
        assert row["error"] == pytest.approx(MIDDLE / seen - 1, abs=0.1 * SIGMA)

    def test_bands(self, written) -> None:
        path, _ = written
        far = {"50 %": 0.3, "90 %": 1.1, "95 %": 1.8, "outside": 3.0}
        for band, sd in far.items():
            for side in (-sd, sd):
                assert bs.score(path, MIDDLE * np.exp(side * SIGMA))["band"].tolist() == [band]
        row = bs.score(path, 30.0).iloc[0]
        assert row["pit"] == 1.0 and row["log_score"] < -1000

    def test_far_tails_keep_their_density(self, made_fit, tmp_path) -> None:
        """Beyond the quantiles: the mean over draws of the density there."""
        path = tmp_path / "tail.json"
        bs.register(made_fit, path, POINT, discrepancy=None)
        law = made_fit.predict(POINT, discrepancy=None)["law"].isel(point=0)
        for seen in (1.8, 3.6):
            at = (np.log(seen) - np.log(law)) / made_fit.parameters["sigma"]
            density = stats.t(made_fit.parameters["nu"]).pdf(at) / made_fit.parameters["sigma"]
            exact = np.log(float((density / seen).mean()))
            assert bs.score(path, seen)["log_score"][0] == pytest.approx(exact, abs=0.02)

    def test_a_table_of_runs(self, sure, tmp_path) -> None:
        path = tmp_path / "two.json"
        two = {"params": [1e9, 7e9], "tokens": [2e10, 1e12]}
        forecast = bs.register(sure, path, two, discrepancy=None)
        runs = pd.DataFrame({"params": [1.05e9, 3e9], "tokens": [2e10, 1e12], "loss": [2.4, 2.2]})
        off = "params 1.05B, tokens 20B is scored against the forecast of params 1B, tokens 20B"
        with pytest.warns(bs.BayescaleWarning, match=off):
            table = bs.score(path, runs)
        assert table["observed"].tolist()[0] == 2.4 and np.isnan(table["observed"][1])
        assert table["band"][1] == "" and np.isnan(table["crps"][1])
        assert table.attrs["digest"] == forecast.digest
        assert bs.score(path, [np.nan, 2.0])["observed"].isna().tolist() == [True, False]
        with pytest.raises(bs.BayescaleError, match="differ by more than a tenth"):
            bs.score(path, runs.assign(params=1e8))
        with pytest.raises(bs.BayescaleError, match="no column tokens"):
            bs.score(path, runs.drop(columns="tokens"))
        with pytest.raises(bs.BayescaleError, match="2 points and 1 value was observed"):
            bs.score(path, 2.4)
        with pytest.raises(bs.BayescaleError, match="are numbers"):
            bs.score(path, ["a", "b"])

    def test_a_table_in_another_unit_is_refused(self, written, tmp_path) -> None:
        """Where both are known; the very run that was forecast is scored without a word."""
        path = tmp_path / "nats.json"
        content = json.loads(written[0].read_text())["forecast"] | {"unit": "nats/token"}
        said = {"bayescale_forecast": 1, "sha256": _digest(content), "forecast": content}
        path.write_text(json.dumps(said))
        table = pd.DataFrame({"params": [1.004e9], "tokens": [2e10], "loss": [2.4]})
        for unit in (None, "nats/token"):
            assert len(bs.score(path, bs.read_runs(table, loss_unit=unit))) == 1
        with pytest.raises(bs.BayescaleError, match="'nats/token' in the forecast and 'bits/token"):
            bs.score(path, bs.read_runs(table, loss_unit="bits/token"))

    def test_an_impossible_value_is_refused(self, written, tmp_path) -> None:
        path, forecast = written
        for value in (-1.0, 0.0, np.inf):
            with pytest.raises(bs.BayescaleError, match="cannot be scored: loss takes positive"):
                bs.score(path, value)
        fit = handmade_fit("accuracy_from_compute")
        bs.register(fit, tmp_path / "accuracy.json", flops="1e22", discrepancy=None)
        with pytest.raises(bs.BayescaleError, match=r"values from 0 to 1: 78 % is 0\.78"):
            bs.score(tmp_path / "accuracy.json", 78)
        assert bs.score(tmp_path / "accuracy.json", 0.0)["observed"].tolist() == [0]
        content = {k: v for k, v in forecast.to_dict().items() if k != "bounds"}
        said = {"bayescale_forecast": 1, "sha256": _digest(content), "forecast": content}
        (tmp_path / "old.json").write_text(json.dumps(said))
        read = RegisteredForecast.read(tmp_path / "old.json")
        assert read.bounds is None and read.digest == said["sha256"]

    def test_counts_have_no_log_density(self, tmp_path) -> None:
        fit = handmade_fit("emergence")
        at = {fit.spec.column(k): [float(v[0])] for k, v in fit.inputs.items()}
        bs.register(fit, tmp_path / "counts.json", at, discrepancy=None)
        found = bs.score(tmp_path / "counts.json", float(fit.observed[0]))
        assert fit.spec.noise.discrete
        assert np.isnan(found["log_score"][0]) and np.isfinite(found["crps"][0])


class TestFile:
    def test_what_is_registered(self, written, sure) -> None:
        path, forecast = written
        said = json.loads(path.read_text())
        content = said["forecast"]
        assert said["sha256"] == forecast.digest == RegisteredForecast.read(path).digest
        assert content["law"] == "chinchilla" and content["data"] == sure.record["data"]
        assert content["points"] == [{"params": 1e9, "tokens": 2e10, "flops": 1.2e20}]
        assert {"bayescale", "pymc"} <= set(content["versions"])
        assert content["date"].endswith("+00:00")
        np.testing.assert_allclose(forecast.at_level(0.5), MIDDLE, rtol=0.1 * SIGMA)
        assert path.stat().st_size < 20_000
        assert forecast.digest in str(forecast) and forecast.digest in forecast._repr_html_()
        assert "RegisteredForecast forecast of loss" in repr(forecast)

    def test_it_is_not_replaced(self, written, sure) -> None:
        with pytest.raises(bs.BayescaleError, match="is not replaced"):
            bs.register(sure, written[0], POINT)

    def test_a_later_change_is_found(self, written, tmp_path) -> None:
        said = json.loads(written[0].read_text())
        said["forecast"]["quantiles"][0][100] += 1e-6
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(said))
        with pytest.raises(bs.BayescaleError, match="changed after it was registered"):
            bs.score(path, 2.4)

    def test_another_layout_is_the_same_forecast(self, written, tmp_path) -> None:
        path = tmp_path / "flat.json"
        path.write_text(json.dumps(json.loads(written[0].read_text())))
        assert bs.score(path, 2.4, digest=written[1].digest)["observed"].tolist() == [2.4]

    def test_a_hash_made_anew_is_not_the_published_one(self, written, tmp_path) -> None:
        said = json.loads(written[0].read_text())
        said["forecast"]["law"] = "skaling"
        path = tmp_path / "forged.json"
        path.write_text(json.dumps(rehashed(said)))
        assert bs.score(path, 2.4)["observed"].tolist() == [2.4]
        with pytest.raises(bs.BayescaleError, match="another forecast than"):
            bs.score(path, 2.4, digest=written[1].digest)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"levels": [0.5, 0.1]}, "no ascending probabilities"),
            ({"levels": "x"}, "levels is no list"),
            ({"quantiles": []}, "do not go with points"),
            ({"quantiles": [[1e300] * 200]}, "beyond"),
            ({"quantiles": [[*range(199, -1, -1)]]}, "do not ascend"),
            ({"points": [{"params": 1e9}]}, "lack their inputs"),
            ({"points": [{"params": True, "tokens": 1.0}]}, "something else than numbers"),
            ({"points": []}, "no list of 1 to"),
            ({"law": "x" * 2000}, "no text"),
            ({"runs": -1}, "no whole number"),
            ({"density": [{"values": [2, 1], "log": [0, 0]}]}, "ascending values"),
            ({"density": []}, "does not go with points"),
        ],
    )
    def test_what_is_no_forecast(self, written, tmp_path, change, said) -> None:
        """Each with a hash that is right: whoever writes the file can make one."""
        content = json.loads(written[0].read_text())
        content["forecast"] |= change
        path = tmp_path / "wrong.json"
        path.write_text(json.dumps(rehashed(content)))
        with pytest.raises(bs.BayescaleError, match=said):
            bs.score(path, 2.4)

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"a": NaN}', "[" * 100_000, "\xff"])
    def test_other_files(self, tmp_path, text) -> None:
        path = tmp_path / "other.json"
        path.write_text(text, encoding="latin-1")
        with pytest.raises(bs.BayescaleError, match="is not"):
            bs.score(path, 2.4)

    def test_sizes(self, sure, tmp_path, monkeypatch, written) -> None:
        with pytest.raises(bs.BayescaleError, match="register up to 200"):
            bs.register(sure, tmp_path / "many.json", params=np.full(201, 1e9), tokens=1e10)
        monkeypatch.setattr(forecast_files, "MAX_BYTES", 1000)
        with pytest.raises(bs.BayescaleError, match="more than 1,000 bytes"):
            bs.score(written[0], 2.4)
        with pytest.raises(bs.BayescaleError, match="no file"):
            bs.score(tmp_path / "nothing.json", 2.4)


def rehashed(said: dict) -> dict:
    return {**said, "sha256": forecast_files._digest(said["forecast"])}


def test_the_forecast_of_an_average(made_fit, tmp_path) -> None:
    """Its density is the mixture's: between those of the laws alone."""
    path = tmp_path / "average.json"
    other = handmade_fit("chinchilla", truth={**TRUTH["chinchilla"], "E": 1.85, "sigma": 0.01})
    other.tree["observed_data"] = made_fit.tree["observed_data"]
    mixed = bs.average({"a": made_fit, "b": other}, {"a": 0.5, "b": 0.5})
    forecast = bs.register(mixed, path, POINT, discrepancy=None)
    alone = []
    for i, fit in enumerate((made_fit, other)):
        own = tmp_path / f"{i}.json"
        bs.register(fit, own, POINT, discrepancy=None)
        alone.append(bs.score(own, 2.45)["log_score"][0])
    found = bs.score(path, 2.45)["log_score"][0]
    assert np.exp(found) == pytest.approx(np.exp(alone).mean(), rel=0.1)
    assert forecast.law == mixed.label


class TestCommandLine:
    def run(self, *arguments: object, code: int = 0):
        result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "140"})
        assert result.exit_code == code, result.stderr
        return result

    def test_register_and_score(self, made_fit, tmp_path) -> None:
        fit, path = bs.save(made_fit, tmp_path / "fit.nc"), tmp_path / "forecast.json"
        asked = ("register", fit, "--params", "1B", "--tokens", "20B", "-o", path)
        said = json.loads(self.run(*asked, "--json").stdout)
        assert len(said["sha256"]) == 64
        assert "is not replaced" in self.run(*asked, code=1).stderr
        scored = json.loads(self.run("score", path, "2.46", "--json").stdout)
        assert scored["points"][0]["observed"] == 2.46
        shown = self.run("score", path, "2.46", "--sha256", said["sha256"]).stdout
        assert said["sha256"] in shown and "band" in shown
        table = tmp_path / "runs.csv"
        table.write_text("params,tokens,loss\n1e9,2e10,2.46\n")
        assert "2.46" in self.run("score", path, table).stdout
        for legend in (
            "relative error: ",
            "pit: ",
            "band: ",
            "crps: ",
            "log_score: ",
            "lower 90 %",
        ):
            assert legend in shown
        two = tmp_path / "two.json"
        asked = ("register", fit, "--params", "1B,2B", "--tokens", "20B,40B", "-o")
        assert "end its name in .json" in self.run(*asked, tmp_path / "two.csv", code=1).stderr
        assert " on 40 runs" in self.run(*asked, two).stdout
        scored = json.loads(self.run("score", two, "2.46, NaN", "--json").stdout)
        assert [row["observed"] for row in scored["points"]] == [2.46, None]
        said = self.run("score", path, "2.46", "--loss-unit", "bits/token", code=1).stderr
        assert "numbers are in the forecast's unit" in said
        wrong = self.run("score", path, "much", code=1).stderr
        assert "OBSERVED much" in wrong
