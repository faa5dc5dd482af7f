"""A table of runs is read as the user meant it, and says what was made of it."""

import gzip
import warnings
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from bayescale.data.aliases import RENAMED
from bayescale.data.describe import reading_record
from bayescale.data.read import read_runs
from bayescale.data.runs_picture import runs_svg
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.laws.registry import BUILT_IN

GOOD = "params,tokens,loss\n1e8,2e9,3.5\n2e8,4e9,3.2\n4e8,8e9,2.9\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="runs.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def frame(**columns):
    return pd.DataFrame(columns)


def small(**more):
    return frame(params=[1e8, 2e8, 4e8], tokens=[2e9, 4e9, 8e9], loss=[3.5, 3.2, 2.9], **more)


# What a column is taken for


NAMES = """
params      1        N / n_params / Num Params / parameter_count / Model Size / params.n_params
params      1e9      params_b / Parameters (B)
params      1e6      params_millions / paramsM
tokens      1        D / n_tokens / tokens_seen / Training Tokens
tokens      1e9      tokens (B) / train_tokens_in_billions / billion tokens
flops       1        C / total_flops / training_flops / compute / flops_6nd
flops       8.64e19  compute_pf_days / PF-days / C (PF-days)
flops       1e18     flops (1e18) / compute (EFLOP)
flops       1e9      gflops / total_training_gflops
loss        1        L / metrics.eval_loss / summary$loss / val$loss / Validation Loss / train_loss
loss        1        cross_entropy / bpb / loss (nats$token)
loss_se     1        loss_stderr / se
"""
SPELLINGS = [
    (name.strip().replace("$", "/"), canonical, float(factor))
    for canonical, factor, names in (line.split(maxsplit=2) for line in NAMES.strip().split("\n"))
    for name in names.split(" / ")
]


@pytest.mark.parametrize(("name", "canonical", "factor"), SPELLINGS)
def test_recognises_a_name_and_its_unit(name, canonical, factor):
    runs = read_runs(pd.DataFrame({name: [2.0, 3.0]}))
    assert runs.table[canonical].tolist() == [2.0 * factor, 3.0 * factor]
    assert [(c.name, c.source, c.factor) for c in runs.columns] == [(canonical, name, factor)]


@pytest.mark.parametrize(
    "name",
    [
        *("tokens_per_param", "unique_tokens", "batch_size_tokens", "D/N", "embedding_params"),
        *("flops_per_step", "inference_flops", "log_params", "loss_c4", "d_model", "k", "b"),
    ],
)
def test_leaves_other_quantities_alone(name):
    runs = read_runs(pd.DataFrame({name: [2.0, 3.0]}))
    assert list(runs.table.columns) == [name]
    assert runs.columns == ()


def test_lower_case_letters_count_only_without_better_names():
    letters = read_runs(frame(n=[1e8], d=[1e9], l=[3.0]))
    assert {"params", "tokens", "loss"} <= set(letters.table)
    words = read_runs(frame(params=[1e8], flops=[6e17], loss=[3.0], d=[512], l=[8]))
    assert words.table["tokens"].tolist() == [1e9]
    assert words.table["d"].tolist() == [512]


def test_strings_as_mlflow_writes_them():
    table = frame(run_id=["x1", "x2"], status=["FINISHED", "FINISHED"])
    table["tags.mlflow.runName"] = ["first", "second"]
    table["params.n_params"] = ["350M", "1.3B"]
    table["params.tokens_b"] = ["7", "26B"]
    runs = read_runs(table)
    assert runs.table["params"].tolist() == [350e6, 1.3e9]
    assert runs.table["tokens"].tolist() == [7e9, 26e9]
    assert runs.labels() == ["first", "second"]


def test_the_users_word_wins():
    runs = read_runs(small(loss_c4=[3.0, 2.0, 1.0]), columns={"loss": "loss_c4"})
    assert runs.table["loss"].tolist() == [3.0, 2.0, 1.0]
    assert runs.table["original_loss"].tolist() == [3.5, 3.2, 2.9]


def test_none_means_there_is_no_such_column():
    runs = read_runs(small(flops=[1.0, 1.0, 1.0]), columns={"flops": None})
    np.testing.assert_allclose(runs.table["flops"], [1.2e18, 4.8e18, 1.92e19])
    assert runs.table["original_flops"].tolist() == [1.0, 1.0, 1.0]


def test_an_unknown_column_is_answered_with_the_closest():
    with pytest.raises(BayescaleError, match="did you mean 'loss_c4'"):
        read_runs(small(loss_c4=[1.0, 1.0, 1.0]), columns={"loss": "los_c4"})
    with pytest.raises(BayescaleError, match="did you mean 'tokens'"):
        read_runs(small(), columns={"token": "tokens"})


def test_two_columns_that_could_be_one_are_an_error_that_says_what_to_do():
    with pytest.raises(BayescaleError, match=r"'n_params' and 'total_params'.*columns=\{'params'"):
        read_runs(frame(n_params=[1e8], total_params=[2e8], loss=[3.0]))
    with pytest.raises(BayescaleError, match="'val_loss' and 'test_loss'"):
        read_runs(frame(params=[1e8], val_loss=[3.0], test_loss=[3.1]))


def test_an_exact_name_wins_with_a_note():
    runs = read_runs(small(n_params=[1.0, 2.0, 3.0]))
    assert runs.table["params"].tolist() == [1e8, 2e8, 4e8]
    assert runs.table["n_params"].tolist() == [1.0, 2.0, 3.0]
    assert any("'n_params'" in note for note in runs.notes)


# Convention and unit


def test_convention_by_name():
    def convention(name):
        return read_runs(pd.DataFrame({name: [1e8]})).params_convention

    assert convention("params") == "unknown"
    assert convention("total_params") == "total"
    assert convention("active_params") == "active"
    assert convention("params (non-embedding)") == "non-embedding"
    assert convention("non_embedding_params") == convention("N_non_embedding") == "non-embedding"


def test_params_beside_a_non_embedding_count_are_total():
    runs = read_runs(small(params_non_embedding=[1e7, 2e7, 4e7]))
    assert runs.params_convention == "total"


def test_mixed_conventions_are_an_error_that_where_settles():
    table = small(param_count=["kaplan", "standard", "kaplan"])
    with pytest.raises(
        BayescaleError, match=r"kaplan and standard.*where='param_count == \"kaplan\"'"
    ):
        read_runs(table)
    runs = read_runs(table, where='param_count == "kaplan"')
    assert (len(runs), runs.params_convention) == (2, "non-embedding")


def test_the_users_convention_and_unit_win():
    table = small().rename(columns={"params": "total_params", "loss": "bpb"})
    assert read_runs(table).loss_unit == "bits/byte"
    runs = read_runs(table, params_convention="active", loss_unit="nats per token")
    assert (runs.params_convention, runs.loss_unit) == ("active", "nats/token")
    with pytest.raises(BayescaleError, match="non-embedding"):
        read_runs(table, params_convention="kaplan-ish")


# What follows from C = 6 N D


@pytest.mark.parametrize("lacking", ["params", "tokens", "flops"])
def test_fills_what_follows(lacking):
    full = small(flops=[1.2e18, 4.8e18, 1.92e19])
    runs = read_runs(full.drop(columns=lacking))
    np.testing.assert_allclose(runs.table[lacking], full[lacking])
    assert f"filled: {lacking} = " in runs.describe()


def test_integers_do_not_overflow():
    runs = read_runs(frame(params=[70_000_000_000], tokens=[1_400_000_000_000], loss=[2.0]))
    assert runs.table["flops"].tolist() == [5.88e23]


def test_an_empty_column_is_filled_too():
    runs = read_runs(small(flops=[None, None, None]))
    assert runs.table["flops"].notna().all()
    assert "the column 'flops' is empty" in runs.notes


def test_oddities_are_noted():
    assert any(
        "2 times 6 *" in note for note in read_runs(small(flops=[2.4e18, 9.6e18, 4e19])).notes
    )
    assert any("'params (B)'" in note for note in read_runs(frame(params=[7, 70])).notes)
    twice = read_runs(pd.concat([small(), small().head(1)]))
    assert len(twice) == 4
    assert any("row: 1; they are kept, and each counts" in note for note in twice.notes)


def test_scores_without_a_loss_are_led_to_a_law_of_accuracy():
    rows = {"flops": [1e20, 1e21], "MMLU (5-shot)": [25.5, 40.1], "lr": [1e-3, 1e-3]}
    with pytest.raises(
        BayescaleError, match=r"law='accuracy_from_compute'.*`MMLU \(5-shot\)` / 100"
    ):
        read_runs(frame(**rows)).require(["loss"])
    with pytest.raises(BayescaleError, match=r"'your column'\}$"):
        read_runs(frame(**{**rows, "MMLU (5-shot)": [2550.0, 40.1]})).require(["loss"])


def test_a_copy_of_a_named_run_is_said_to_be_left_out():
    table = small(run=["a", "b", "c"])
    runs = read_runs(pd.concat([table, table.head(1)]))
    assert [note for note in runs.notes if "exact copies" in note] == [
        "exact copies of another row: 1; their runs have a name, so a fit leaves them out"
    ]


def test_a_missing_cell_is_not_to_be_filled_from_what_was_filled_from_it():
    table = small().assign(tokens=[2e9, None, 2e10])
    with pytest.warns(BayescaleWarning, match="tokens missing"):
        without = read_runs(table.drop(columns="flops", errors="ignore"))
    assert not any("lack only" in note for note in without.notes)
    with pytest.warns(BayescaleWarning, match="tokens missing"):
        given = read_runs(table.assign(flops=[1.2e18, 4.8e18, 2e19]))
    assert any("1 of the rows set aside lack only tokens" in note for note in given.notes)


# Rows set aside


UNUSABLE = """params,tokens,loss,state,diverged
1e8,2e9,3.5,finished,False
2e8,0,3.2,finished,False
4e8,8e9,-,finished,False
8e8,8e9,inf,finished,False
-1,8e9,3.1,finished,False
1e9,8e9,3.1,crashed,False
1e9,9e9,3.1,running,False
1e9,7e9,9.9,finished,True
"""
REASONS = {
    3: "zero tokens",
    4: "loss missing",
    5: "loss not finite",
    6: "negative params",
    7: "failed (status 'crashed')",
    8: "unfinished (status 'running')",
    9: "diverged",
}


def test_unusable_rows_are_set_aside_with_reason_and_one_warning(write):
    with pytest.warns(BayescaleWarning) as caught:
        runs = read_runs(write(UNUSABLE))
    (warning,) = caught
    assert str(warning.message).startswith("7 of 8 rows set aside: ")
    assert "\n" not in str(warning.message)
    assert warning.filename == __file__
    assert runs.set_aside["reason"].to_dict() == REASONS
    assert runs.set_aside.loc[7, "state"] == "crashed"
    assert runs.table.index.tolist() == [2]
    assert "zero tokens (line 3)" in runs.describe()


def test_many_lines_are_abbreviated():
    table = frame(params=[1e8] * 20, loss=[3.0] + [np.nan] * 19)
    with pytest.warns(BayescaleWarning, match=r"rows 1, 2, 3, 4, 5 and 14 more\)$"):
        read_runs(table)


def test_rows_that_lack_only_flops_can_be_kept():
    table = small(flops=[1.2e18, None, 1.92e19])
    with pytest.warns(BayescaleWarning, match="flops missing"):
        runs = read_runs(table)
    assert any("columns={'flops': None}" in note for note in runs.notes)
    assert len(read_runs(table, columns={"flops": None})) == 3


def test_no_row_left_is_an_error_that_counts_the_reasons():
    with pytest.raises(BayescaleError, match="none of the 2 rows can be used: loss missing"):
        read_runs(frame(params=[1e8, 2e8], loss=[None, None]))


def test_a_negative_loss_is_not_the_readers_business():
    runs = read_runs(frame(params=[1e8, 2e8], loss=[-1.0, 2.0]))
    assert len(runs) == 2
    with pytest.warns(BayescaleWarning, match=r"negative loss \(row 0\)"):
        assert len(runs.require(["loss"], positive=["loss"])) == 1


def test_text_in_most_numbers_names_column_line_and_value(write):
    text = GOOD.replace("4e9", "n/a?").replace("2e9", "n/a?")
    with pytest.raises(BayescaleError, match=r"column 'tokens', line 2: cannot read 'n/a\?'"):
        read_runs(write(text))


def test_text_in_one_number_sets_its_row_aside_by_column_line_and_value(write):
    with pytest.warns(BayescaleWarning, match=r"1 of 3 rows set aside: tokens is 'n/a\?' \(line 3"):
        runs = read_runs(write(GOOD.replace("4e9", "n/a?")))
    assert runs.table.index.tolist() == [2, 4]
    assert runs.set_aside.loc[3, "params"] == 2e8


def test_text_in_a_row_that_is_filtered_out_does_no_harm(write):
    path = write("params,loss,use\n1e8,3.5,yes\n2e8,see notes,no\n")
    assert len(read_runs(path, where='use == "yes"')) == 1


# Asking a table for what a law needs


def test_require_names_the_missing_column_and_what_to_do():
    runs = read_runs(frame(n_params=[1e8], loss_c4=[3.0]))
    with pytest.raises(BayescaleError) as caught:
        runs.require(["params", "loss"])
    assert "no column for loss; it has params (from 'n_params') and loss_c4" in str(caught.value)
    assert "columns={'loss': 'loss_c4'}" in str(caught.value)


def test_require_sets_aside_and_changes_nothing():
    runs = read_runs(small(lr=["1e-3", "", "0"], family=["a", "b", "c"]))
    before = runs.table.copy()
    with pytest.warns(BayescaleWarning, match="2 of 3 rows set aside"):
        ready = runs.require(["params", "lr", "family"], positive=["lr"])
    assert ready.table["lr"].tolist() == [1e-3]
    assert ready.set_aside["reason"].tolist() == ["lr missing", "zero lr"]
    pd.testing.assert_frame_equal(runs.table, before)
    assert len(runs.set_aside) == 0
    assert ready.require(["lr"], positive=["lr"]).set_aside.shape == ready.set_aside.shape


def test_require_counts_the_reasons_when_nothing_is_left():
    runs = read_runs(frame(params=[1e8, 2e8], elo=[None, np.inf]))
    with pytest.raises(BayescaleError, match=r"elo missing \(row 0\), elo not finite \(row 1\)"):
        runs.require(["elo"])


def test_require_refuses_text():
    with pytest.raises(BayescaleError, match="column 'dataset', row 0: cannot read 'c4'"):
        read_runs(small(dataset=["c4"] * 3)).require(["dataset"])
    assert len(read_runs(small(dataset=["c4"] * 3)).require(["loss"], labels=["dataset"])) == 3


def test_where():
    runs = read_runs(small(seed=[1, 1, 2]).rename(columns={"params": "N"}))
    assert runs.where("params > 1.5e8 and seed == 1").table["params"].tolist() == [2e8]
    assert len(read_runs(runs, where="flops > 1e19")) == 1
    with pytest.raises(
        BayescaleError, match=r"N is called params\); the columns are params, tokens"
    ):
        runs.where("N > 1")
    with pytest.raises(BayescaleError, match="no condition"):
        runs.where("params")
    with pytest.raises(BayescaleError, match="none of the 3 rows"):
        runs.where("params > 1e99")


LAWS = BUILT_IN.values()
READ = {i.column for law in LAWS for i in law.inputs.values()} | {law.target for law in LAWS}


@pytest.mark.parametrize("name", sorted(READ - {*RENAMED}))
def test_columns_name_whatever_a_law_reads(name):
    runs = read_runs(small(**{"my own": [3.0, 2.0, 1.0]}), columns={name: "my own"})
    assert runs.table[name].tolist() == [3.0, 2.0, 1.0] and "my own" not in runs.table
    assert f"{name:<8} 1 to 3, from 'my own'" in runs.describe()
    assert reading_record(runs)["columns"][-1]["range"] == [1.0, 3.0]


def test_a_named_column_takes_the_place_of_one_of_its_name():
    table = small(accuracy=[30, 40, 50], score=[1, 2, 3])
    runs = read_runs(table, columns={"accuracy": "accuracy / 100"}, where="accuracy > 0.3")
    assert runs.table["accuracy"].tolist() == [0.4, 0.5]
    assert runs.table["original_accuracy"].tolist() == [40, 50]
    assert "not used: 'original_accuracy'" not in runs.describe()
    assert "not used: 'score', a score" in runs.describe()
    assert read_runs(table, columns={"accuracy": "score"}).table["accuracy"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("los", "loss"), ("N", "params"), ("n_params", "params"), ("toekns", "tokens")],
)
def test_a_slip_of_a_quantity_is_refused(name, meant):
    with pytest.raises(BayescaleError, match=f"{name!r}.*did you mean {meant!r}"):
        read_runs(small(), columns={name: "params"})
    with pytest.raises(BayescaleError, match="never taken by itself"):
        read_runs(small(), columns={"accuracy": None})


def test_what_is_used_is_not_said_to_be_unused():
    table = small(accuracy=[0.1, 0.2, 0.4], log_params=[1.0, 2.0, 3.0], seed=[1, 1, 2])
    runs = read_runs(table)
    for name in ("accuracy", "log_params", "seed"):
        assert f"not used: {name!r}" in runs.describe()
        said = runs.using([name, "absent"]).describe()
        assert f"not used: {name!r}" not in said and f"{name!r} is not used" not in said
        assert f"{name:<8} " in said
    derived = runs.derive({"x": "log_params * 2 + accuracy"})
    assert not any("is not used" in note for note in derived.notes)
    assert "not used: 'accuracy'" not in derived.describe()
    assert "not used: 'seed'" not in runs.average("seed").describe()


def test_derive():
    runs = read_runs(small(error=[0.1, 0.2, 0.4])).derive(
        {"accuracy": "1 - error", "ten": "10", "odds": "accuracy / error"}
    )
    assert runs.table["accuracy"].tolist() == [0.9, 0.8, 0.6]
    assert runs.table["odds"].tolist() == pytest.approx([9.0, 4.0, 1.5])
    assert runs.table["ten"].tolist() == [10.0] * 3
    assert len(runs.require(["accuracy"], ["odds"])) == 3
    assert "note: accuracy = 1 - error" in runs.describe()
    with pytest.raises(BayescaleError, match="a column loss already"):
        runs.derive({"loss": "1 - error"})
    with pytest.raises(BayescaleError, match="'erorr' is not defined; the columns are params"):
        runs.derive({"accurate": "1 - erorr"})


def test_average():
    table = small(model=["b", "a", "b"], seed=[1, None, 3], who=["x", "y", "z"])
    runs = read_runs(table.assign(params=[1e8, 2e8, 1e8], loss=[2.0, 3.0, 5.0]))
    mean = runs.average("model").table
    assert mean["model"].tolist() == ["b", "a"]
    assert mean["loss"].tolist() == [3.5, 3.0]
    assert mean["seed"].tolist()[0] == 2.0
    assert mean["who"].tolist() == ["x", "y"]
    assert runs.average("params").table["params"].tolist() == [1e8, 2e8]
    assert "averaged by model: 2 rows of 3" in runs.average("model").describe()
    with pytest.raises(BayescaleError, match="cannot average by 'seeds'"):
        runs.average("seeds")


def test_labels(write):
    assert read_runs(write(GOOD)).labels() == ["line 2", "line 3", "line 4"]
    assert read_runs(small()).labels() == ["row 0", "row 1", "row 2"]
    assert read_runs(small(run=["a", None, "c"])).labels() == ["a", "row 1", "c"]
    assert read_runs(small(id=[7, None, 1234567])).labels() == ["7", "row 1", "1234567"]


def test_html_escapes_values():
    text = read_runs(small(**{"<b>": ["<i>", "x", "y"]}))._repr_html_()
    assert "<i>" not in text
    assert "<b>" not in text
    assert "&lt;i&gt;" in text


def test_a_repeated_index_does_no_harm():
    runs = read_runs(pd.concat([small(), small(seed=[1, 2, 3])]), where="params > 1.5e8")
    assert len(runs) == 4
    assert len(runs.require(["loss"])) == 4


def test_the_users_frame_is_not_changed():
    table = small(reason=["a", "b", None]).assign(loss=[3.5, None, 2.9])
    before = table.copy()
    with pytest.warns(BayescaleWarning):
        runs = read_runs(table)
    pd.testing.assert_frame_equal(table, before)
    assert runs.set_aside["original_reason"].tolist() == ["b"]


# Files


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl", ".json"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    table = small()
    if suffix == ".parquet":
        table.to_parquet(path)
    elif suffix.startswith(".json"):
        table.to_json(path, orient="records", lines=suffix == ".jsonl")
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    runs = read_runs(path)
    np.testing.assert_allclose(runs.table[["params", "tokens", "loss"]], table)
    assert runs.source == path.name


def test_nested_json_is_flattened(write):
    lines = '{"config": {"n_params": "100M"}, "loss": 3.5}\n{"config": {}, "loss": null}'
    with pytest.warns(BayescaleWarning, match="line 2"):
        assert read_runs(write(lines, "runs.jsonl")).table["params"].tolist() == [1e8]


def test_lines_are_those_of_the_file(write):
    text = '\nparams,loss,note\n1e8,3.5,"two\nlines"\n\n2e8,3.2,x\n4e8,,y\n'
    with pytest.warns(BayescaleWarning, match=r"loss missing \(line 7\)"):
        assert read_runs(write(text)).table.index.tolist() == [3, 6]


def test_text_stays_as_it_is(write):
    runs = read_runs(write("run,params,loss,ok\n001,1e8,3,true\n002,2e8,2,\n"))
    assert runs.labels() == ["001", "002"]
    assert len(runs.where("ok")) == 1


def test_semicolons_byte_order_mark_and_index_column(write):
    runs = read_runs(write("\ufeff;params;loss\n0;1e8;3\n1;2e8;2\n"))
    assert runs.table["params"].tolist() == [1e8, 2e8]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "runs.csv", "is empty"),
        ("\n\n", "runs.csv", "is empty"),
        ("params,loss\n", "runs.csv", "has a header but no rows"),
        ("params\n1\n2\n", "runs.csv", "not a table"),
        ("<!doctype html><html></html>", "runs.csv", "HTML"),
        (b"\x89PNG\r\n\x1a\n\0\0", "runs.csv", "binary"),
        (b"PK\x03\x04", "runs.csv", "Excel"),
        (b"params,loss,a\n1,2,\x81\n", "runs.csv", "save it as UTF-8"),
        (b"params,loss,a\n1,2,\xe9\x07\n", "runs.csv", "binary"),
        ("params,loss\n1,2\n".encode("cp037"), "runs.csv", "save it as UTF-8"),
        (b"\xff\xfe\x00", "runs.csv", "is empty"),
        ("params,loss,loss\n1,2,3\n", "runs.csv", "several columns named 'loss'"),
        ("1e8,2e9,3\n2e8,4e9,2\n", "runs.csv", "no header"),
        ("params,loss\n1e8,3\n1e8,3,4\n", "runs.csv", "line 3: 3 fields"),
        ('{"loss": 1}\n{oops}\n', "runs.jsonl", "line 2: not JSON"),
        ("[1, 2]", "runs.json", "record 1: expected an object"),
        ('{"loss": 1}', "runs.json", "list of objects"),
        ("nothing", "runs.parquet", "not a Parquet file"),
        ("nothing", "runs.csv.gz", "cannot read"),
        ("nothing", "runs.xlsx", "not an Excel file"),
        ("nothing", "runs.xls", r"how to read \.xls"),
        ("nothing", "runs.csv.xz", "cannot read"),
        ("nothing", "runs.csv.bz2", "cannot read"),
        ("nothing", "runs.csv.zst", "cannot read"),
        ("nothing", "runs.feather", "not an Arrow file"),
    ],
)
def test_bad_files_are_refused_with_the_reason(write, text, name, message):
    with pytest.raises(BayescaleError, match=message):
        read_runs(write(text, name))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "cp1252"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("runs.csv", "params;loss;größe\n1e8;3;é\n2e8;2;ü\n"),
        ("runs.jsonl", '{"params": 1e8, "loss": 3, "größe": "é"}\n{"params": 2e8, "loss": 2}\n'),
        ("runs.json", '[{"params": 1e8, "loss": 3, "größe": "é"}, {"params": 2e8, "loss": 2}]'),
    ],
)
def test_text_that_is_not_utf_8_is_read(write, encoding: str, name: str, text: str):
    runs = read_runs(write(text.encode(encoding), name))
    assert runs.table["params"].tolist() == [1e8, 2e8] and runs.table["größe"].iloc[0] == "é"
    said = any("not UTF-8: read as Western European text" in note for note in runs.notes)
    assert said == (encoding in ("latin-1", "cp1252"))


def test_bad_sources_are_refused(tmp_path):
    with pytest.raises(BayescaleError, match="no file"):
        read_runs(tmp_path / "absent.csv")
    with pytest.raises(BayescaleError, match="folder"):
        read_runs(tmp_path)
    with pytest.raises(BayescaleError, match="DataFrame is empty"):
        read_runs(pd.DataFrame())
    with pytest.raises(BayescaleError, match="several columns named 'loss'"):
        read_runs(pd.DataFrame([[1, 2]], columns=["loss", "loss"]))
    with pytest.raises(BayescaleError, match="from list"):
        read_runs([1, 2])  # pyright: ignore[reportArgumentType]


def test_parquet_without_pyarrow_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(BayescaleError, match=r"pip install 'bayescale\[parquet\]'"):
        read_runs(write("x", "runs.parquet"))


@pytest.mark.parametrize("name", ["runs.csv", "runs.csv.gz", "runs.jsonl"])
def test_a_huge_file_is_refused_without_reading_it(tmp_path, name):
    row = b'{"params": 1e8, "loss": 3.5}\n' if name == "runs.jsonl" else b"100000000.0,3.5\n"
    opener = gzip.open if name.endswith("gz") else open
    with opener(tmp_path / name, "wb") as stream:
        stream.write(b"" if name == "runs.jsonl" else b"params,loss\n")
        for _ in range(20):
            stream.write(row * 50_000)
        stream.write(b"\xff no text: whoever reads on to the end fails here")
    with pytest.raises(BayescaleError, match=r"more than 20,000 rows.*last checkpoint"):
        read_runs(tmp_path / name)


def test_a_large_frame_and_parquet_are_refused(tmp_path):
    table = frame(params=np.full(20_001, 1e8), loss=np.full(20_001, 3.0))
    with pytest.raises(BayescaleError, match="more than 20,000 rows"):
        read_runs(table)
    table.to_parquet(tmp_path / "runs.parquet")
    with pytest.raises(BayescaleError, match="more than 20,000 rows"):
        read_runs(tmp_path / "runs.parquet")
    assert len(read_runs(table.head(20_000))) == 20_000


def test_a_good_table_warns_of_nothing(write):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = read_runs(write(GOOD))
    assert len(runs) == 3
    assert runs.set_aside.empty
    assert repr(runs) == runs.describe()


def test_rows_whose_index_repeats_are_numbered_anew() -> None:
    part = pd.DataFrame({"params": [1e8, 2e8], "tokens": [2e9, 4e9], "loss": [3.0, 2.8]})
    runs = read_runs(pd.concat([part, part]))
    assert runs.labels() == ["row 0", "row 1", "row 2", "row 3"]
    assert len(runs.take(runs.table.index == 2)) == 1


def test_a_picture_shows_runs_and_the_budgets_that_they_share():
    table = pd.DataFrame(
        {"params": np.tile([1e8, 2e8, 4e8], 2), "loss": [3, 2.9, 3.1, 2, 1.9, 2.1]}
    )
    runs = read_runs(table.assign(tokens=np.repeat([1e18, 1e20], 3) / (6 * table["params"])))
    drawing = ElementTree.fromstring(runs_svg(runs.table))
    drawn = [one.tag.rpartition("}")[2] for one in drawing]
    assert drawn.count("circle") == 6 + 2  # two say what the colours are
    assert drawn.count("line") == 2
    texts = [one.text for one in drawing if one.tag.endswith("text")]
    assert {"1e+18", "1e+20", "200M", "parameters", "loss 1.9 to 3.1"} <= {*texts}
    assert runs._repr_html_().startswith("<svg")
    points = [
        (float(one.get("cx")), float(one.get("cy"))) for one in drawing.iter() if one.get("r")
    ]
    assert points[0][0] == points[3][0] < points[1][0]  # a larger size lies further right
    assert points[3][1] < points[0][1]  # more tokens lie further up


def test_checkpoints_mark_no_budget_and_runs_of_one_size_have_no_picture():
    checkpoints = pd.DataFrame(
        {
            "run": np.repeat(["a", "b"], 400),
            "params": np.repeat([1e8, 2e8], 400),
            "tokens": np.tile(np.linspace(1e9, 2e9, 400), 2),
            "loss": 3.0,
        }
    )
    drawing = runs_svg(read_runs(checkpoints).table)
    assert "<line" not in drawing
    assert 200 < drawing.count("<circle") < 600  # one per pixel
    assert runs_svg(checkpoints.assign(params=1e8)) == ""
    assert runs_svg(checkpoints.drop(columns="tokens")) == ""
