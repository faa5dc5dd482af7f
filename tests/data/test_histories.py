"""Histories of more rows than the limit are thinned in log steps while they are read."""

import gzip

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data import histories, limits
from bayescale.data.checkpoints import finished_runs
from bayescale.errors import BayescaleError


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Thin to sixty rows, in steps of a doubling to begin with."""
    monkeypatch.setattr(limits, "MAX_ROWS", 60)
    monkeypatch.setattr(histories, "_BINS", 1)


def history(runs=3, rows=1000):
    """Return checkpoints at every step of each run; the loss says run and step."""
    step = np.tile(np.arange(1, rows + 1), runs)
    run = np.repeat(np.arange(runs), rows)
    names = [f"r{i}" for i in run]
    return pd.DataFrame({"run": names, "step": step, "tokens": 1000 * step, "loss": run + 1 / step})


DOUBLINGS = [1, 3, 7, 15, 31, 63, 127, 255, 511, 1000]
"""The last steps of each doubling, and of all."""


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet", "feather", "frame"])
def test_each_run_keeps_the_last_row_of_each_log_step(tmp_path, kind):
    table, source = history().drop(columns="tokens"), tmp_path / f"runs.{kind}"
    if kind.startswith("csv"):
        table.to_csv(source, index=False)
    elif kind == "jsonl":
        table.to_json(source, orient="records", lines=True)
    elif kind == "parquet":
        table.to_parquet(source)
    elif kind == "feather":
        table.to_feather(source)
    runs = bs.read_runs(table if kind == "frame" else source)
    for name, group in runs.table.groupby("run"):
        assert group["step"].tolist() == DOUBLINGS
        np.testing.assert_allclose(group["loss"], int(name[1]) + 1 / group["step"])
    note = "a history of 3,000 rows of 3 runs was thinned to 30: the last row of each run in each "
    assert f"{note}step of a factor of 2 of step" in runs.notes[0]


def test_lines_stay_and_order_in_the_file_does_not_matter(tmp_path):
    table = history().sample(frac=1, random_state=1)
    table.to_csv(tmp_path / "runs.csv", index=False)
    runs = bs.read_runs(tmp_path / "runs.csv")
    assert sorted(runs.table["tokens"]) == sorted(1000 * s for s in last_steps() for _ in range(3))
    lines = (tmp_path / "runs.csv").read_text().splitlines()
    for line, row in runs.table.iterrows():
        assert lines[line - 1].startswith(f"{row['run']},{row['step']},")


def last_steps():
    """Return the last step of each doubling of 1,000 times the step."""
    doubling = np.floor(np.log2(1000 * np.arange(1, 1001)))
    return [*(np.flatnonzero(np.diff(doubling)) + 1), 1000]


def test_tokens_follow_from_batch_and_steps(tmp_path):
    table = history().drop(columns="tokens").assign(batch_size_tokens=500)
    table.to_csv(tmp_path / "runs.csv", index=False)
    found = bs.read_runs(tmp_path / "runs.csv").table
    assert found["tokens"].tolist() == [500 * step for step in DOUBLINGS] * 3


def test_log_steps_grow_with_the_runs_and_last_rows_always_stay():
    few, many = (bs.read_runs(history(n, 3000 // n)) for n in (10, 50))
    assert len(few) <= 60
    assert "factor of 4" in few.notes[0]
    assert len(many) == 50
    assert "thinned to 50: the last row of each run" in many.notes[0]
    for runs, rows in ((few, 300), (many, 60)):
        last = runs.table.groupby("run")["step"].max()
        assert (last == rows).all()


def test_more_runs_than_rows_keep_their_last_ones_up_to_a_limit(monkeypatch):
    assert len(bs.read_runs(history(100, 5))) == 100
    monkeypatch.setattr(limits, "MAX_RUNS", 99)
    with pytest.raises(BayescaleError, match=r"more than 99 runs.*'run' should name the runs"):
        bs.read_runs(history(100, 5))


def test_rows_without_a_loss_and_words_do_not_displace_others(tmp_path):
    table = history().astype({"loss": object})
    table.loc[table["step"] == 1000, "loss"] = None
    table.loc[table["step"] == 999, "loss"] = "OOM"
    table.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.warns(match=r"3 of .* rows set aside: loss is 'OOM' \(lines 1000, 2000, 3000\)"):
        runs = bs.read_runs(tmp_path / "runs.csv")
    assert runs.table.groupby("run")["step"].max().tolist() == [998] * 3
    assert "rows without a loss or a place along the run were left out: 3" in runs.notes


def test_numbers_with_units_and_commas_are_placed(tmp_path):
    table = history().drop(columns="step").astype(object)
    table["tokens"] = [f"{n / 1000:,.2f}K".replace(".", ",") for n in table["tokens"]]
    table["tokens"] = table["tokens"].str.replace("1,000,00K", "1000,00K")
    table["loss"] = [f"{x:.4f}".replace(".", ",") for x in table["loss"]]
    table.to_csv(tmp_path / "runs.csv", index=False, sep=";")
    found = bs.read_runs(tmp_path / "runs.csv").table
    assert found.groupby("run")["tokens"].max().tolist() == [1e6] * 3
    assert sorted(set(found["tokens"] / 1000)) == last_steps()


def test_final_rows_on_the_way_stay():
    table = history().assign(cooldown_end=lambda t: t["step"].isin([400, 700, 1000]))
    runs = bs.read_runs(table)
    final = runs.table[runs.table["cooldown_end"]]
    assert final["step"].tolist() == [400, 700, 1000] * 3
    assert len(finished_runs(runs).runs) == 9


def test_runs_without_names_are_told_apart_by_size_and_words():
    table = history().assign(params=lambda t: 1e8 * 2 ** t["run"].str[1].astype(int), recipe="a")
    runs = bs.read_runs(table.drop(columns="run"))
    assert sorted(set(runs.table["run"])) == ["run 1", "run 2", "run 3"]
    assert "runs are told apart by 'params', 'recipe'" in runs.notes
    assert len(finished_runs(runs).runs) == 3


def test_finished_runs_beyond_the_limit_are_refused():
    table = history().drop(columns=["run", "step"]).assign(params=1e8)
    with pytest.raises(BayescaleError, match=r"more than 60 rows.*thinned where columns name"):
        bs.read_runs(table)


def test_a_folder_of_histories_is_thinned_as_one(tmp_path):
    for name, group in history().drop(columns="run").groupby(np.repeat(list("abc"), 1000)):
        group.head(55).to_csv(tmp_path / f"{name}.csv", index=False)
    runs = bs.read_runs(tmp_path)
    assert runs.table.groupby("file")["step"].max().tolist() == [55] * 3
    assert len(runs) <= 60


def test_the_users_own_columns_are_used(tmp_path):
    table = history().rename(columns={"loss": "xyz", "run": "trial"}).drop(columns="tokens")
    path = tmp_path / "runs.csv.gz"
    path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    asked = {"loss": "xyz * 1", "run": "trial", "tokens": "step * 8"}
    found = bs.read_runs(path, columns=asked).table
    assert found["tokens"].tolist() == [8 * step for step in DOUBLINGS] * 3


@pytest.mark.parametrize("rows", [50, 1000])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_wide_history_is_thinned_as_the_long_one(tmp_path, kind, rows):
    step = np.arange(1, rows + 1)
    panel = pd.DataFrame({"Step": step})
    for place, run in enumerate(("a", "b", "c")):
        panel[f"{run} - eval/loss"] = place + 1 / step
        panel[f"{run} - eval/loss__MIN"] = 0.0
        panel[f"{run} - eval/loss__MAX"] = 9.0
    panel.loc[panel["Step"] > rows / 2, "b - eval/loss"] = None
    source = tmp_path / f"panel.{kind}"
    panel.to_csv(source, index=False) if kind == "csv" else panel.to_parquet(source)
    runs = bs.read_runs(source)
    assert len(runs) <= 60
    last = runs.table.groupby("run")["step"].max()
    assert last.to_dict() == {"a": rows, "b": rows / 2, "c": rows}
    expected = runs.table["run"].map({"a": 0, "b": 1, "c": 2}) + 1 / runs.table["step"]
    np.testing.assert_allclose(runs.table["loss"], expected)
    assert any("a column per run (3 runs)" in note for note in runs.notes)
    assert runs.set_aside.empty


@pytest.mark.parametrize("name", ["loss_{}0M", "loss_seed{}", "run{} - loss"])
@pytest.mark.parametrize(("point", "delimiter"), [(".", ","), (",", ";")])
def test_wide_histories_of_each_kind_are_thinned(tmp_path, name, point, delimiter):
    rows = 400
    table = pd.DataFrame({"Step": range(1, rows + 1)})
    for run in (1, 2, 3):
        table[name.format(run)] = [f"{run + 1 / step:.4f}" for step in table["Step"]]
    path = tmp_path / "history.csv"
    table.apply(lambda cells: cells.astype(str).str.replace(".", point)).to_csv(
        path, index=False, sep=delimiter
    )
    runs = bs.read_runs(path)
    assert len(runs) < 3 * rows
    assert any("a history of 1,200 rows of 3 runs" in note for note in runs.notes)
    last = runs.table[runs.table["step"] == rows]
    assert sorted(last["loss"]) == pytest.approx([1.0025, 2.0025, 3.0025])
    if "0M" in name:
        assert sorted(last["params"]) == [1e7, 2e7, 3e7]
