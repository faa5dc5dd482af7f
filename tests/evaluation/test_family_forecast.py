"""The largest model of a family, forecast from the smaller ones and its own start."""

import json

import numpy as np
import pandas as pd
import pytest
from handmade import TRUTH, fit_around
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.data.read import read_runs
from bayescale.evaluation import family_forecast
from bayescale.evaluation.family_forecast import KEPT, START, smaller_runs, spread
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

AT = {"N": 1e9, "D": 2e10}
SIZES = [1e8, 3e8, 1e9, 3e9]


def family(points: int = 40) -> pd.DataFrame:
    """Four sizes whose losses obey Chinchilla's law at every checkpoint, without scatter."""
    tokens = np.linspace(1e10, 1e11, points)
    parts = [pd.DataFrame({"params": n, "tokens": tokens, "run": f"{n:g}"}) for n in SIZES]
    table = pd.concat(parts, ignore_index=True)
    t = TRUTH["chinchilla"]
    size, data = table["params"] / AT["N"], table["tokens"] / AT["D"]
    return table.assign(loss=t["E"] + t["a"] * size ** -t["alpha"] + t["b"] * data ** -t["beta"])


@pytest.fixture
def fitted(monkeypatch):
    """The tables that are fitted; a posterior that all but knows the truth takes the sampler's."""
    tables = []

    def instead(runs, spec, *, random_seed, progressbar):
        tables.append(runs.table)
        at = make_spec(spec, references=AT)
        return fit_around(
            at, extract(at, runs), {**TRUTH["chinchilla"], "sigma": 1e-4}, spread=1e-6
        )

    monkeypatch.setattr(family_forecast, "fit", instead)
    return tables


class TestForecast:
    def test_the_end_of_the_largest_is_kept_back(self, fitted) -> None:
        table = family()
        found = bs.forecast_largest(table, own=0.3, discrepancy=None, random_seed=1)
        (seen,) = fitted
        assert seen.groupby("params").size().tolist() == [KEPT, KEPT, KEPT, 9]
        own = seen[seen["params"] == 3e9]
        assert own["tokens"].max() <= 0.3 * 1e11
        points = found.table
        assert (points["params"] == 3e9).all() and (points["tokens"] >= 0.7e11).all()
        assert len(points) == int((table.loc[table["params"] == 3e9, "tokens"] >= 0.7e11).sum())
        np.testing.assert_allclose(points["median"], points["observed"], rtol=2e-4)
        assert found.error < 2e-4 and found.coverage == 1
        assert found.fit.spec.noise.serial  # rows of one run are not independent
        assert "loss of 3B by chinchilla" in str(found) and "100 % inside" in str(found)
        assert "FamilyForecast" in repr(found) and "mean relative error" in found._repr_html_()

    def test_which_sizes_and_how_much_of_each(self, fitted) -> None:
        bs.forecast_largest(family(), sizes=2, share=0.5, own=0, random_seed=1)
        (seen,) = fitted
        assert sorted(set(seen["params"])) == SIZES[:2]
        assert seen["tokens"].max() <= 0.5e11

    def test_beyond_what_was_trained(self, fitted) -> None:
        """The largest has trained on 3e10 of 2e11 tokens: all of that is fitted."""
        table = family()
        table = table[(table["params"] < 3e9) | (table["tokens"] < 3e10)]
        found = bs.forecast_largest(table, tokens=["2e11"], discrepancy=None, random_seed=1)
        own = fitted[0].query("params == 3e9")
        assert own["tokens"].max() == table.query("params == 3e9")["tokens"].max()
        t = TRUTH["chinchilla"]
        truth = t["E"] + t["a"] * 3 ** -t["alpha"] + t["b"] * 10 ** -t["beta"]
        assert found.table["median"][0] == pytest.approx(truth, rel=2e-4)
        assert np.isnan(found.error) and "mean relative" not in str(found)

    def test_what_is_no_family(self) -> None:
        with pytest.raises(bs.BayescaleError, match="two sizes or more"):
            bs.forecast_largest(family().query("params == 1e9"))
        with pytest.raises(bs.BayescaleError, match=r"own = 0\.9 from 0 to 0\.7"):
            bs.forecast_largest(family(), own=0.9)
        with pytest.raises(bs.BayescaleError, match="share = 0 lies above 0"):
            bs.forecast_largest(family(), share=0)
        with pytest.raises(bs.BayescaleError, match="sizes = 4: the family has 4"):
            bs.forecast_largest(family(), sizes=4)


def test_checkpoints_are_spread_in_log_tokens() -> None:
    table = family(400).query("params == 1e9")
    kept = np.log(spread(table)["tokens"].to_numpy())
    assert len(kept) == KEPT
    np.testing.assert_allclose(np.diff(kept), np.ptp(kept) / (KEPT - 1), rtol=0.05)
    assert len(spread(table.head(3))) == 3


def test_the_start_of_each_run_is_left_out() -> None:
    """Its share of the run's own tokens, whatever those of other runs; a finished run stays."""
    one = family(100).query("params == 1e8").assign(tokens=lambda t: np.linspace(1e9, 1e11, 100))
    short = one.assign(run="short", tokens=one["tokens"] / 10)
    finished = one.tail(1).assign(run="finished", tokens=1e9)
    table = read_runs(pd.concat([one, short, finished, family(3).query("params > 1e8")])).table
    begins = smaller_runs(table, 1, 1.0).groupby("run")["tokens"].min()
    assert begins["1e+08"] == pytest.approx(START * 1e11)
    assert begins["short"] == pytest.approx(START * 1e10)
    assert begins["finished"] == 1e9


def test_each_run_of_a_size_has_its_own_share() -> None:
    one = family(10).query("params == 1e8")
    longer = one.assign(run="b", tokens=10 * one["tokens"])
    table = pd.concat([one, longer, family(10).query("params > 1e8")])
    seen = smaller_runs(read_runs(table).table, 1, 0.5)
    assert seen.groupby("run")["tokens"].max().tolist() == pytest.approx([5e10, 5e11])


def test_the_command(fitted, tmp_path) -> None:
    path = tmp_path / "family.csv"
    family().to_csv(path, index=False)
    asked = ["forecast-largest", str(path), "--own", "0.2", "--discrepancy", "none"]
    result = CliRunner().invoke(app, [*asked, "--json"], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["error"] < 1e-3 and said["points"][0]["params"] == 3e9
    shown = CliRunner().invoke(app, [*asked, "--tokens", "300B"], env={"COLUMNS": "120"})
    assert "300B" in shown.stdout, shown.stderr
