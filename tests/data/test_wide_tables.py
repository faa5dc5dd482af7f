"""Tables with a column per run, size or seed are read as a row per value."""

import json

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data import limits
from bayescale.errors import BayescaleError


@pytest.mark.parametrize("extremes", [True, False])
@pytest.mark.parametrize("metric", ["eval/loss", "val_loss", "eval/bpb"])
def test_a_panel_of_a_tracker(extremes, metric):
    columns = {"Step": [0, 1000, 2000]}
    for size, run in enumerate(["d12-60M", "d20 - wide", "d28"]):
        columns[f"{run} - {metric}"] = [19.0 - size, 3.9 - size / 10, None if size else 3.7]
        if extremes:
            columns |= {f"{run} - {metric}__{end}": [1.0, 2.0, 3.0] for end in ("MIN", "MAX")}
    runs = bs.read_runs(pd.DataFrame(columns))
    assert runs.table["run"].tolist() == ["d12-60M"] * 3 + ["d20 - wide"] * 2 + ["d28"] * 2
    losses = [19.0, 3.9, 3.7, 18.0, 3.8, 17.0, 3.7]
    assert runs.table["loss"].tolist() == pytest.approx(losses)
    assert runs.table["step"].tolist() == [0, 1000, 2000, 0, 1000, 0, 1000]
    assert "a column per run (3 runs)" in runs.notes[0]


@pytest.mark.parametrize("axis", ["Step", "tokens", "step"])
def test_a_column_per_size(axis):
    columns = {axis: [1e9, 2e9], "14b": [0.8, 0.9], "1.7b": [0.5, None], "350M": [0.3, 0.4]}
    runs = bs.read_runs(
        pd.DataFrame(columns), columns={"loss": "value"} if axis != "Step" else None
    )
    assert runs.table["params"].tolist() == [1.4e10, 1.4e10, 1.7e9, 3.5e8, 3.5e8]
    assert runs.table["loss" if axis != "Step" else "value"].tolist() == [0.8, 0.9, 0.5, 0.3, 0.4]
    assert any("a column per size" in note for note in runs.notes)
    assert axis == "tokens" or runs.table["run"].tolist()[:2] == ["14b", "14b"]


@pytest.mark.parametrize(
    "name",
    [
        *("loss_{}", "{}_loss", "val_loss/{}", "loss {}", "loss @ {}", "loss ({})"),
        *("pythia-{}/eval_loss", "pythia-{} val loss"),
    ],
)
def test_sizes_beside_a_metric(name):
    table = pd.DataFrame({"tokens": [1e9, 2e9], **{name.format(s): [3, 2] for s in ("7b", "70b")}})
    runs = bs.read_runs(table)
    assert runs.table["params"].tolist() == [7e9, 7e9, 7e10, 7e10]
    assert runs.table["loss"].tolist() == [3, 2, 3, 2]
    assert runs.table["flops"].tolist() == [4.2e19, 8.4e19, 4.2e20, 8.4e20]


@pytest.mark.parametrize("sizes", ["params", "Model"])
@pytest.mark.parametrize("name", ["{}", "{} tokens", "tokens={}"])
def test_tokens_across_and_sizes_down(sizes, name):
    losses = {name.format("10B"): [4.0, 3.5], name.format("20B"): [3.8, 3.2]}
    table = pd.DataFrame({sizes: ["20M", "60M"], **losses})
    runs = bs.read_runs(table, columns={"loss": "value"})
    assert runs.table["tokens"].tolist() == [1e10, 1e10, 2e10, 2e10]
    assert runs.table["loss"].tolist() == [4.0, 3.5, 3.8, 3.2]


@pytest.mark.parametrize(
    "name",
    [
        *("loss_seed{}", "val_loss seed {}", "seed{}_loss", "loss_seed_{}"),
        *("loss_s{}", "loss (seed={})", "loss [seed {}]"),
    ],
)
def test_a_column_per_seed(name):
    table = pd.DataFrame({"params": [1e8, 2e8], **{name.format(s): [3 + s, 2] for s in (0, 1, 2)}})
    runs = bs.read_runs(table)
    assert runs.table["seed"].tolist() == [0, 0, 1, 1, 2, 2]
    assert runs.table["loss"].tolist() == [3, 2, 4, 2, 5, 2]


@pytest.mark.parametrize(
    "columns",
    [
        {"params": [1e8], "loss_c4": [3.0], "loss_pile": [2.0]},
        {"params": [1e8], "loss": [3.0], "top 5": [0.3]},
        {"run": ["a"], "loss": [3.0], "err_7b": [0.1]},
        {"tokens": [1e9], "loss": [3.0], "acc_4k": [0.1], "acc_8k": [0.2]},
        {"tokens": [1e9], "loss": [3.0], "acc_100M": [0.1], "acc_200M": [0.2]},
        {"tokens": [1e9], "loss": [3.0], "mmlu_100M": [0.1], "mmlu_200M": [0.2]},
        {"params": [1e8], "loss": [3.0], "acc_seed0": [0.1], "acc_seed1": [0.2]},
        {"params": [1e8], "conv_s1": [0.1], "conv_s2": [0.2]},
        {"tokens": [1e9], "c4_7b_acc": [0.1], "pile_8b_tail": [0.2]},
    ],
)
def test_other_tables_stay_as_they_are(columns):
    runs = bs.read_runs(pd.DataFrame(columns))
    assert len(runs) == 1
    assert not any("wide" in note for note in runs.notes)


def test_a_column_per_model_called_by_its_size():
    table = pd.DataFrame({"tokens": [1e9, 2e9], "pythia-70m": [4.0, 3.9], "pythia-160m": [3.5, 3]})
    runs = bs.read_runs(table)
    assert runs.table["params"].tolist() == [7e7, 7e7, 1.6e8, 1.6e8]
    assert runs.table["run"].tolist()[::2] == ["pythia-70m", "pythia-160m"]
    assert any("columns={'loss': 'value'}" in note for note in runs.notes)
    with pytest.raises(BayescaleError, match=r"columns=\{'loss': 'value'\}"):
        runs.require(["loss"])


def test_columns_of_losses_that_may_be_runs_are_said():
    table = pd.DataFrame({"Step": [1, 2], "a/eval_loss": [4.0, 3.9], "b/eval_loss": [3.5, 3]})
    (note,) = (note for note in bs.read_runs(table).notes if "melt" in note)
    assert "frame.melt(['Step'], var_name='run', value_name='loss')" in note


def test_a_panel_of_one_run():
    runs = bs.read_runs(pd.DataFrame({"Step": [1, 2], "my run - eval/loss": [4.0, 3.9]}))
    assert (runs.table["loss"].tolist(), runs.labels()) == ([4.0, 3.9], ["my run"] * 2)


def test_a_transposed_table_is_said():
    table = pd.DataFrame(
        {"run": ["params", "tokens", "loss"], "a": [1e8, 1e9, 4], "b": [2e8, 2e9, 3]}
    )
    assert any("index_col=0).T" in note for note in bs.read_runs(table).notes)


def test_a_column_that_the_user_named_is_not_melted():
    table = pd.DataFrame({"Step": [1, 2], "14b": [0.8, 0.9], "7b": [0.5, 0.6]})
    runs = bs.read_runs(table, columns={"loss": "14b"})
    assert runs.table["loss"].tolist() == [0.8, 0.9]


def test_a_wide_table_beyond_the_limits_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROWS", 20)
    table = pd.DataFrame({"Step": range(8), **{f"{s}b": np.ones(8) for s in (1, 2, 3)}})
    with pytest.raises(BayescaleError, match=r"the wide table.* 24 rows"):
        bs.read_runs(table)


RECORDS = [{"n_params": 1e8, "val_loss": 3.0}, {"n_params": 2e8, "val_loss": 2.5}]


@pytest.mark.parametrize(
    "content",
    [
        dict(zip(["a", "b"], RECORDS, strict=True)),
        {"runs": RECORDS},
        {"meta": {"of": 2024}, "runs": RECORDS, "errors": []},
        {"first": {"a": RECORDS[0]}, "second": {"b": RECORDS[1]}},
        {"columns": ["n_params", "val_loss"], "index": [0, 1], "data": [[1e8, 3.0], [2e8, 2.5]]},
        {"n_params": [1e8, 2e8], "val_loss": [3.0, 2.5]},
        {"n_params": {"0": 1e8, "1": 2e8}, "val_loss": {"0": 3.0, "1": 2.5}},
        RECORDS,
    ],
)
def test_json_of_several_shapes(tmp_path, content):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(content))
    runs = bs.read_runs(path)
    assert runs.table["params"].tolist() == [1e8, 2e8]
    assert runs.table["loss"].tolist() == [3.0, 2.5]
    assert runs.labels() == (
        ["a", "b"] if "a" in content or "first" in content else ["row 1", "row 2"]
    )


@pytest.mark.parametrize(
    "checkpoints",
    [
        {"tokens": [1e9, 2e9], "loss": [3.5, 3.0]},
        {"n_params": 1e8, "tokens": [1e9, 2e9], "loss": [3.5, 3.0]},
        [{"tokens": 1e9, "loss": 3.5}, {"tokens": 2e9, "loss": 3.0}],
    ],
)
def test_json_of_checkpoints_by_run(tmp_path, checkpoints):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps({"a": checkpoints, "b": checkpoints}))
    runs = bs.read_runs(path)
    assert runs.labels() == ["a", "a", "b", "b"]
    assert runs.table["tokens"].tolist() == [1e9, 2e9] * 2
    assert runs.table["loss"].tolist() == [3.5, 3.0] * 2


def test_parts_of_one_run_are_no_groups_of_runs(tmp_path):
    records = {
        name: {"config": {"n_params": size, "tokens": 1e9}, "summary": {"val_loss": 3.0}}
        for name, size in (("a", 1e8), ("b", 2e8))
    }
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(records))
    runs = bs.read_runs(path)
    assert runs.labels() == ["a", "b"]
    assert runs.table["params"].tolist() == [1e8, 2e8]


def test_settings_as_wandb_saves_them(tmp_path):
    path = tmp_path / "runs.jsonl"
    setting = {"value": 1e8, "desc": None}
    path.write_text(json.dumps({"config": {"n_params": setting}, "summary": {"val_loss": 3.0}}))
    assert bs.read_runs(path).table["params"].tolist() == [1e8]
