"""Many fits at once: failures are rows, what is finished is kept, draws do not depend on where."""

import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.inference.parallel import Fitted, fit_many, pack, unpack

QUICK = bs.Sampler(draws=300, tune=300, chains=2, cores=1)


def table(seed: int, slope: float = 0.1) -> pd.DataFrame:
    x = np.geomspace(1e17, 1e21, 12)
    noise = np.random.default_rng(seed).normal(0, 0.01, 12)
    return pd.DataFrame({"flops": x, "loss": 3 * (x / 1e19) ** -slope * np.exp(noise)})


class Here(Executor):
    """Fits in this process, and counts what it was given."""

    def __init__(self) -> None:
        self.given = 0

    def submit(self, fn, /, *args, **kwargs) -> Future:
        self.given += 1
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.fixture
def laws() -> dict:
    return {"power_law": bs.make_spec("power_law", columns={"x": "flops"})}


def many(tables, laws, **options) -> list[Fitted]:
    options = {"executor": Here(), "sampler": QUICK, "random_seed": 1} | options
    return list(fit_many(tables, laws, **options))


def test_a_failure_is_a_row_and_the_others_are_fitted(laws: dict, tmp_path: Path) -> None:
    bad = table(1).rename(columns={"loss": "score"})
    found = many({"a": table(1), "bad": bad, "gone": tmp_path / "gone.csv"}, laws)
    rows = pd.DataFrame([f.row() for f in found]).set_index("table")
    assert set(rows.index) == {"a", "bad", "gone"}
    assert not rows.loc[["bad", "gone"], "ok"].any()
    assert "no column for loss" in rows.loc["bad", "problem"]
    assert "gone.csv" in rows.loc["gone", "problem"]
    fit = next(f.fit for f in found if f.table == "a")
    assert fit is not None
    assert float(fit.posterior["exponent"].median()) == pytest.approx(0.1, abs=0.01)
    assert rows.loc["a", "runs"] == 12


def test_what_is_finished_is_kept_when_the_rest_is_interrupted(laws: dict, tmp_path: Path) -> None:
    tables = {name: table(i) for i, name in enumerate("abc")}
    options = {"folder": tmp_path, "sampler": QUICK, "random_seed": 1}
    first = fit_many(tables, laws, executor=ThreadPoolExecutor(1), **options)
    done = next(first)
    first.close()  # as leaving the loop, or an interrupt, does
    here = Here()
    again = list(fit_many(tables, laws, executor=here, **options))
    assert here.given < 3
    assert here.given == sum(not f.kept for f in again)
    assert next(f for f in again if f.table == done.table).kept
    whole = many(tables, laws)
    for one, other in zip(
        sorted(again, key=lambda f: f.table), sorted(whole, key=lambda f: f.table), strict=True
    ):
        assert one.fit is not None and other.fit is not None
        np.testing.assert_array_equal(one.fit.posterior["scale"], other.fit.posterior["scale"])


def test_what_is_kept_is_what_is_wanted(laws: dict, tmp_path: Path) -> None:
    tables = {"a": table(1)}
    many(tables, laws, folder=tmp_path)
    assert many(tables, laws, folder=tmp_path)[0].kept
    assert many(tables, laws, folder=tmp_path, random_seed=None)[0].kept
    assert not many(tables, laws, folder=tmp_path, random_seed=2)[0].kept
    assert not many({"a": table(2)}, laws, folder=tmp_path, random_seed=2)[0].kept
    narrow = {"power_law": bs.make_spec(laws["power_law"], priors={"exponent": (0.05, 0.2)})}
    assert not many({"a": table(2)}, narrow, folder=tmp_path, random_seed=2)[0].kept
    longer = bs.Sampler(draws=310, tune=300, chains=2)
    assert not many({"a": table(2)}, narrow, folder=tmp_path, random_seed=2, sampler=longer)[0].kept
    (tmp_path / "a.power_law.nc").write_text("not a fit")
    found = many({"a": table(2)}, narrow, folder=tmp_path, random_seed=2)[0]
    assert found.fit is not None and not found.kept


def test_what_the_runs_lack_is_known_before_anything_is_fitted(laws: dict) -> None:
    here, gap = Here(), table(1)
    gap.loc[3, "loss"] = np.nan
    with pytest.warns(bs.BayescaleWarning, match="loss missing"):
        found = many({"few": table(1).head(1), "gap": gap}, laws, executor=here)
    few, rest = sorted(found, key=lambda f: f.table)
    assert few.fit is None and "1 usable runs for the 2 parameters" in few.problem
    assert rest.fit is not None and rest.fit.observed.size == 11
    assert here.given == 1


def test_groups_of_a_table_are_fitted_apart(laws: dict) -> None:
    both = pd.concat([table(1).assign(corpus="c4"), table(2, 0.2).assign(corpus="rpj")])
    found = {f.table: f.fit for f in many(both.reset_index(drop=True), laws, group="corpus")}
    slopes = {name: float(fit.posterior["exponent"].median()) for name, fit in found.items() if fit}
    assert slopes == {"c4": pytest.approx(0.1, abs=0.01), "rpj": pytest.approx(0.2, abs=0.01)}
    assert "no column 'family'" in many(table(1), laws, group="family")[0].problem


def test_a_law_travels_by_name_or_by_what_its_class_declares() -> None:
    class Flat(bs.Law):
        x = bs.Input("flops")
        level = bs.Positive(0.5, 2.0, of="target")
        slope = bs.Real(-0.5, 0.5)

        @staticmethod
        def equation(x, level, slope):
            return level * x**-slope

    runs = bs.read_runs(table(1))
    chained = "power_law_floor_then_accuracy_from_loss"
    for law in (Flat, chained):
        spec = bs.make_spec(law, priors={"slope": (0.0, 0.2)} if law is Flat else None)
        there, found, sampler, seed = unpack(pack(runs, spec, QUICK, 7))
        assert (sampler, seed) == (QUICK, 7)
        assert dict(found.priors) == dict(spec.priors)
        assert found.law.fingerprint()["parameters"] == spec.law.fingerprint()["parameters"]
        pd.testing.assert_frame_equal(there.table, runs.table)
    assert found.law is spec.law  # of the package: no copy
    _, one, *_ = unpack(pack(runs, bs.make_spec(Flat), QUICK, 1))
    _, two, *_ = unpack(pack(runs, bs.make_spec(Flat), QUICK, 2))
    assert one.law is two.law  # made once: compiled once
    assert one.law.equation(2.0, 3.0, 1.0) == Flat.equation(2.0, 3.0, 1.0)


def test_names_must_differ(laws: dict, tmp_path: Path) -> None:
    with pytest.raises(bs.BayescaleError, match="two laws of one name"):
        fit_many(table(1), ["power_law", "power_law"])
    with pytest.raises(bs.BayescaleError, match="would be called a_b"):
        fit_many({"a b": table(1), "a/b": table(2)}, laws, folder=tmp_path)
    with pytest.raises(bs.BayescaleError, match="name the tables"):
        fit_many([table(1)], laws)
    with pytest.raises(bs.BayescaleError, match="no law named"):
        fit_many(table(1), "chinchila")


def test_processes_and_dask_draw_what_a_single_process_draws(laws: dict) -> None:
    from distributed import Client

    tables = {"a": table(1), "b": table(2)}
    draws = {f.table: f.fit for f in many(tables, laws)}
    pooled = fit_many(tables, laws, workers=1, sampler=QUICK, random_seed=1)
    one = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with Client(**one, dashboard_address=None) as client:  # Python's filters are not of a thread
        by_dask = many(tables, laws, executor=client.get_executor())
    for found in [*pooled, *by_dask]:
        assert found.fit is not None and draws[found.table] is not None
        np.testing.assert_array_equal(
            found.fit.posterior["exponent"], draws[found.table].posterior["exponent"]
        )


def test_a_worker_that_dies_is_said_so(laws: dict) -> None:
    class Broken(Executor):
        def submit(self, fn, /, *args, **kwargs) -> Future:
            from concurrent.futures.process import BrokenProcessPool

            future: Future = Future()
            future.set_exception(BrokenProcessPool("gone"))
            return future

    found = many({"a": table(1)}, laws, executor=Broken())
    assert found[0].fit is None and "its worker died" in found[0].problem


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayescale.inference.parallel.ProcessPoolExecutor", lambda *a, **k: Here())
    table(1).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "b.csv").write_text("nothing\n1\n")
    arguments = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--laws", "power_law"]
    arguments += ["--output", str(tmp_path / "fits"), "--seed", "1", "--draws", "200"]
    first = CliRunner().invoke(app, ["fit-many", *arguments])
    assert first.exit_code == 1, first.output
    assert "b, power_law: " in first.stdout
    again = CliRunner().invoke(app, ["fit-many", *arguments, "--json"])
    rows = {row["table"]: row for row in json.loads(again.stdout)["fits"]}
    assert rows["a"]["kept"] and not rows["b"]["ok"]
    assert bs.load(tmp_path / "fits" / "a.power_law.nc").observed.size == 12
