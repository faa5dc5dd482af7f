"""Tables come from many kinds of file, folders, standard input and frames of other libraries."""

import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile
from importlib.metadata import EntryPoint

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data import formats, limits, table_files
from bayescale.errors import BayescaleError

zstandard = pytest.importorskip("zstandard")
GOOD = "params,tokens,loss\n1e8,2e9,3.5\n2e8,4e9,3.2\n4e8,8e9,2.9\n"
COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: zstandard.ZstdCompressor().compress(content),
}


def good():
    return pd.DataFrame(
        {"params": [1e8, 2e8, 4e8], "tokens": [2e9, 4e9, 8e9], "loss": [3.5, 3.2, 2.9]}
    )


def check(runs):
    np.testing.assert_allclose(runs.table[["params", "tokens", "loss"]], good())


@pytest.mark.parametrize("kind", [".csv", ".txt", ".jsonl", ".json"])
@pytest.mark.parametrize("packed", COMPRESS)
def test_compressed_text(tmp_path, kind, packed):
    text = GOOD.replace(",", "\t") if kind == ".txt" else GOOD
    if kind.startswith(".json"):
        text = good().to_json(orient="records", lines=kind == ".jsonl")
    path = tmp_path / f"runs{kind}{packed}"
    path.write_bytes(COMPRESS[packed](text.encode()))
    check(bs.read_runs(path))
    path.write_bytes(COMPRESS[packed](text.encode())[:-9])
    with pytest.raises(BayescaleError, match="cannot read"):
        bs.read_runs(path)


@pytest.mark.parametrize("packed", COMPRESS)
def test_what_decompresses_beyond_the_limit_is_not_read_on(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(limits, "MAX_TEXT", 500_000)
    path = tmp_path / f"runs.csv{packed}"
    path.write_bytes(COMPRESS[packed](GOOD.encode() + b" \n" * 300_000))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(limits, "MAX_LINES", 10**9)
    with pytest.raises(BayescaleError, match="more than 500,000 characters"):
        bs.read_runs(path)


def test_a_window_of_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "_MEMORY", 100_000)
    for packed in (".xz", ".zst"):
        path = tmp_path / f"runs.csv{packed}"
        noise = np.random.default_rng(1).bytes(300_000).hex()
        big = GOOD + noise
        level = {"preset": 6} if packed == ".xz" else {}
        content = lzma.compress(big.encode(), **level) if level else COMPRESS[packed](big.encode())
        path.write_bytes(content)
        with pytest.raises(BayescaleError, match="cannot read"):
            bs.read_runs(path)


def test_several_frames_of_xz_and_a_padding_are_one_file(tmp_path):
    path = tmp_path / "runs.csv.xz"
    first, rest = GOOD[:30].encode(), GOOD[30:].encode()
    path.write_bytes(lzma.compress(first) + lzma.compress(rest) + bytes(8))
    check(bs.read_runs(path))


@pytest.mark.parametrize("suffix", [".feather", ".arrow", ".parquet"])
def test_arrow_files(tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    good().to_parquet(path) if suffix == ".parquet" else good().to_feather(path)
    check(bs.read_runs(path))


def test_a_large_arrow_file_is_refused(tmp_path, monkeypatch):
    good().to_feather(tmp_path / "runs.arrow")
    monkeypatch.setattr(limits, "MAX_ROWS", 2)
    with pytest.raises(BayescaleError, match="limit is 2"):
        bs.read_runs(tmp_path / "runs.arrow")


def test_excel(tmp_path, monkeypatch):
    pytest.importorskip("python_calamine")
    pytest.importorskip("openpyxl")
    path = tmp_path / "runs.xlsx"
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        pd.DataFrame().to_excel(book, sheet_name="empty", index=False)
        good().assign(run=["a", None, "c"]).to_excel(book, sheet_name="sweep", index=False)
        good().to_excel(book, sheet_name="other", index=False)
    runs = bs.read_runs(path)
    check(runs)
    assert runs.labels() == ["a", "line 3", "c"]
    assert "read the sheet 'sweep'; there are others: other" in runs.notes
    monkeypatch.setattr(limits, "MAX_ROWS", 2)
    with pytest.raises(BayescaleError, match="limit is 2"):
        bs.read_runs(path)


def test_an_excel_file_that_unpacks_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("python_calamine")
    path = tmp_path / "runs.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 1_000_000)
    monkeypatch.setattr(limits, "MAX_TEXT", 100_000)
    with pytest.raises(BayescaleError, match="more than 100,000 characters"):
        bs.read_runs(path)


@pytest.mark.parametrize(
    ("package", "name", "extra"),
    [
        *(("python_calamine", "runs.xlsx", "excel"), ("zstandard", "runs.csv.zst", "zstd")),
        *(("pyarrow", "runs.feather", "parquet"), ("pyarrow", "runs.parquet", "parquet")),
    ],
)
def test_an_absent_package_is_named(tmp_path, monkeypatch, package, name, extra):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_text("x")
    with pytest.raises(BayescaleError, match=rf"pip install 'bayescale\[{extra}\]'"):
        bs.read_runs(tmp_path / name)


# Folders, patterns, standard input


def test_a_folder_and_a_pattern_are_read_one_file_below_the_other(tmp_path):
    (tmp_path / "b.csv").write_text(GOOD)
    (tmp_path / "a.csv").write_text("params;tokens;loss\n1e8;1e9;4,921\n2e8;1e9;4,054\n")
    (tmp_path / "README").write_text("no table")
    for source in (tmp_path, tmp_path / "*.csv", str(tmp_path / "?.csv")):
        runs = bs.read_runs(source)
        assert runs.table["loss"].tolist() == [4.921, 4.054, 3.5, 3.2, 2.9]
        assert runs.table["file"].tolist() == ["a.csv"] * 2 + ["b.csv"] * 3
        assert runs.notes[0].startswith("read 2 files of ")


def test_a_folder_beyond_the_limits_or_without_tables_is_refused(tmp_path, monkeypatch):
    with pytest.raises(BayescaleError, match="holds no table"):
        bs.read_runs(tmp_path)
    with pytest.raises(BayescaleError, match="holds no table"):
        bs.read_runs(tmp_path / "*.csv")
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text(GOOD)
    monkeypatch.setattr(limits, "MAX_ROWS", 8)
    with pytest.raises(BayescaleError, match="limit is 8"):
        bs.read_runs(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet", "gz"])
def test_standard_input(monkeypatch, kind):
    content = io.BytesIO()
    if kind == "parquet":
        good().to_parquet(content)
    elif kind == "csv":
        content.write(GOOD.encode())
    elif kind == "gz":
        content.write(gzip.compress(GOOD.encode()))
    else:
        content.write(good().to_json(orient="records", lines=kind == "jsonl").encode())
    content.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    check(bs.read_runs("-"))


def test_standard_input_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAX_TEXT", 10)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    with pytest.raises(BayescaleError, match="more than 10 characters"):
        bs.read_runs("-")


# Frames of other libraries, readers of other packages


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries(library, monkeypatch):
    module = pytest.importorskip(library)
    frame = module.DataFrame(good()) if library == "polars" else module.Table.from_pandas(good())
    check(bs.read_runs(frame))
    monkeypatch.setattr(limits, "MAX_ROWS", 2)
    with pytest.raises(BayescaleError, match="limit is 2"):
        bs.read_runs(frame)


def test_another_package_adds_its_own_format(tmp_path, monkeypatch):
    points = [EntryPoint(".mylab", "lab_reader:read", formats.GROUP)]
    monkeypatch.setattr(formats, "entry_points", lambda group: points)
    monkeypatch.setattr(EntryPoint, "load", lambda point: lambda path: good())
    (tmp_path / "runs.mylab").write_text("x")
    check(bs.read_runs(tmp_path / "runs.mylab"))
    monkeypatch.setattr(EntryPoint, "load", lambda point: lambda path: [1])
    with pytest.raises(BayescaleError, match="returned list: it must return a DataFrame"):
        bs.read_runs(tmp_path / "runs.mylab")


# Files of trackers


def test_the_state_of_a_trainer(tmp_path):
    history = []
    for step in (100, 200, 300):
        seen = {"num_input_tokens_seen": step * 10**6}
        history.append({"step": step, "epoch": step / 100, "loss": 4.5 - step / 1e3, **seen})
        history.append({"step": step, "epoch": step / 100, "eval_loss": 4.4 - step / 1e3})
    state = {"log_history": history, "global_step": 300, "total_flos": 1.8e17}
    path = tmp_path / "my-run" / "trainer_state.json"
    path.parent.mkdir()
    path.write_text(json.dumps(state))
    runs = bs.read_runs(path)
    assert runs.table["loss"].tolist() == pytest.approx([4.3, 4.2, 4.1])
    assert runs.table["tokens"].tolist() == [1e8, 2e8, 3e8]
    assert runs.table["flops"].tolist() == pytest.approx([6e16, 1.2e17, 1.8e17])
    assert any("in proportion to the tokens" in note for note in runs.notes)
    assert runs.labels() == ["my-run"] * 3


def test_results_of_an_evaluation_harness(tmp_path):
    results = {
        "results": {
            "hellaswag": {"alias": "hellaswag", "acc,none": 0.28, "acc_stderr,none": 0.004},
            "wikitext": {"bits_per_byte,none": 0.91, "bits_per_byte_stderr,none": "N/A"},
        },
        "versions": {"hellaswag": 1.0},
        "config": {
            "model": "hf",
            "model_args": "pretrained=me/x",
            "model_num_parameters": 160000000,
        },
        "model_name": "me/x",
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    runs = bs.read_runs(path)
    row = runs.table.iloc[0]
    assert (row["run"], row["params"], row["hellaswag/acc"]) == ("me/x", 1.6e8, 0.28)
    assert (row["hellaswag/acc_se"], row["wikitext/bits_per_byte"]) == (0.004, 0.91)


@pytest.mark.parametrize(
    "above",
    [
        "sep=,\n",
        "Runs of 2024\n\n",
        "Runs of 2024,,\n,,\n",
        '"Runs, of 2024",,\n',
        "# exported\nRuns of 2024\n",
    ],
)
def test_titles_above_the_header_are_skipped(tmp_path, above):
    path = tmp_path / "runs.csv"
    path.write_text(above + GOOD)
    runs = bs.read_runs(path)
    check(runs)
    first = above.count("\n") + 2
    assert runs.table.index.tolist() == [first, first + 1, first + 2]
    titled = above[:4] != "sep="
    assert titled == any("above the header were skipped" in note for note in runs.notes)


def test_a_column_without_a_name_is_no_title(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(",loss\na,3.5\nb,3.2\n")
    assert bs.read_runs(path).table["loss"].tolist() == [3.5, 3.2]


def test_titles_above_the_header_of_a_sheet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("python_calamine")
    book = openpyxl.Workbook()
    rows = ["params", "tokens", "loss"], *good().to_numpy().tolist()
    for row in (["Runs of 2024"], [], *rows):
        book.active.append(row)
    book.save(tmp_path / "runs.xlsx")
    runs = bs.read_runs(tmp_path / "runs.xlsx")
    check(runs)
    assert runs.table.index.tolist() == [4, 5, 6]


@pytest.mark.parametrize("units", ["M,B,nats", "(M),(B),", "[millions],[billions],nats"])
def test_a_row_of_units_below_the_header(tmp_path, units):
    path = tmp_path / "runs.csv"
    path.write_text(f"params,tokens,loss\n{units}\n100,2,3.5\n200,4,3.2\n400,8,2.9\n")
    runs = bs.read_runs(path)
    check(runs)
    assert runs.loss_unit == ("nats" if "nats" in units else "unknown")
    assert "line 2 holds the units of the columns" in runs.notes


@pytest.mark.filterwarnings("ignore:1 of 3 rows set aside:bayescale.BayescaleWarning")
@pytest.mark.parametrize(
    "row",
    [
        "174,000,000|24,000,000,000|",
        "174M|24B|",
        "174M|24B|2,84",
        "174.000.000|24.000.000.000|2,84",
    ],
)
def test_a_row_of_values_is_no_row_of_units(tmp_path, row):
    """A number with its unit, or with groups of digits, could be read as so much."""
    path = tmp_path / "runs.csv"
    path.write_text(f"params|tokens|loss\n{row}\n41M|10B|3,2\n700M|50B|2,5\n")
    runs = bs.read_runs(path)
    assert runs.table["params"].iloc[-2:].tolist() == [41e6, 700e6]
    assert not any("holds the units" in note for note in runs.notes)


def test_a_row_of_powers_of_ten_is_one_of_units(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("params,tokens,loss\n10^6,10^9,nats\n100,2,3.5\n200,4,3.2\n400,8,2.9\n")
    check(bs.read_runs(path))
