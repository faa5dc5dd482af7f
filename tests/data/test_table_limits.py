"""Tables beyond the limits, and cells that are no numbers or names, are answered in words."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data import limits
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec


def frame(**columns: object) -> pd.DataFrame:
    """Return six runs that are in order, with other columns."""
    good = {"params": np.geomspace(1e7, 1e9, 6), "tokens": 2e10, "loss": np.linspace(4, 3, 6)}
    return pd.DataFrame({**good, **columns})


def test_an_empty_status_sets_no_row_aside() -> None:
    for empty in (None, np.nan, pd.NA, ""):
        assert len(bs.read_runs(frame(status=[empty] * 6, diverged=[empty] * 6))) == 6


def test_a_status_that_is_a_list_sets_no_row_aside() -> None:
    assert len(bs.read_runs(frame(status=[["failed"]] * 6))) == 6


@pytest.mark.parametrize("name", ["run", "family", "step"])
@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, (1, 2), np.array([1])])
def test_a_nested_label_names_its_column_and_row(name: str, cell: object) -> None:
    with pytest.raises(BayescaleError, match=rf"column '{name}', row 2: .* a {name} is text"):
        bs.read_runs(frame(**{name: [1, 2, cell, 4, 5, 6]}))


def test_a_number_beyond_floats_is_set_aside() -> None:
    with pytest.warns(BayescaleWarning, match=r"loss not finite \(row 0\)"):
        runs = bs.read_runs(frame(loss=pd.Series([10**400, 4, 3.8, 3.6, 3.4, 3.2], dtype=object)))
    assert len(runs) == 5


def test_a_step_that_is_no_number_is_no_place_along_a_run() -> None:
    steps = pd.Series([10**400, "last", 1, 2, 3, 4], dtype=object)
    runs = bs.read_runs(frame(run="a", step=steps))
    assert len(extract(make_spec("chinchilla", noise="checkpoints"), runs).observed) == 6


def test_a_standard_error_that_is_negative_or_infinite_is_set_aside() -> None:
    with pytest.warns(BayescaleWarning) as warned:
        runs = bs.read_runs(frame(loss_se=[-0.1, np.inf, 0.0, np.nan, 0.1, 0.2]))
    assert "negative loss_se (row 0)" in str(warned[0].message)
    assert "loss_se not finite (row 1)" in str(warned[0].message)
    assert list(runs.table.index) == [2, 3, 4, 5]
    assert list(runs.set_aside["reason"]) == ["negative loss_se", "loss_se not finite"]


def test_a_standard_error_of_another_target_is_set_aside() -> None:
    runs = bs.read_runs(frame(score=np.linspace(0.2, 0.7, 6), score_se=[-0.1, 0, 0, 0, 0, "inf"]))
    spec = make_spec("chinchilla", columns={"loss": "score"}, priors={"E": 0.1})
    with pytest.warns(BayescaleWarning, match="negative score_se"):
        data = extract(spec, runs)
    assert list(data.runs.set_aside["reason"]) == ["negative score_se", "score_se not finite"]


def test_averages_by_a_column_of_lists_are_refused() -> None:
    runs = bs.read_runs(frame(extra=[[1], 2, 3, 4, 5, 6]))
    with pytest.raises(BayescaleError, match="cannot average by 'extra'"):
        runs.average("extra")


def test_ten_thousand_columns_are_read_and_more_are_refused() -> None:
    wide = pd.DataFrame(np.zeros((6, limits.MAX_COLUMNS - 3))).add_prefix("x")
    assert len(bs.read_runs(pd.concat([frame(), wide], axis=1)).table.columns) >= 10_000
    with pytest.raises(BayescaleError, match="10,001 columns, and the limit is 10,000"):
        bs.read_runs(pd.concat([frame(), wide.assign(one=0)], axis=1))


def test_keys_of_all_records_count_as_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_COLUMNS", 5)
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(json.dumps({f"key{i}": i}) for i in range(6)))
    with pytest.raises(BayescaleError, match="6 columns, and the limit is 5"):
        bs.read_runs(path)


HEADER = "params,tokens,loss\n"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".csv.gz", ".jsonl.gz"])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("MAX_LINES", HEADER + "\n" * 300, "more than 200 lines"),
        ("MAX_LINE", HEADER + "1" * 300, "line 2 has more than 200 characters"),
        ("MAX_TEXT", HEADER + (" " * 90 + "\n") * 3, "more than 200 characters"),
    ],
)
def test_what_a_file_holds_is_limited_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, name: str, text: str, message: str
) -> None:
    monkeypatch.setattr(limits, name, 200)
    if "jsonl" in suffix:
        text = text.replace(HEADER, '{"loss": 1}\n')
    path = tmp_path / f"runs{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    with pytest.raises(BayescaleError, match=message):
        bs.read_runs(path)


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_long_json_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(limits, "MAX_TEXT", 200)
    path, text = tmp_path / f"runs{suffix}", b"[" + b" " * 300 + b"]"
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    with pytest.raises(BayescaleError, match="more than 200 characters"):
        bs.read_runs(path)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize(
    ("text", "message"),
    [("[" * 200_000, "nested too deeply"), ('[{"loss": ' + "1" * 5000 + "}]", "not JSON")],
)
def test_json_that_python_cannot_hold_is_refused(
    tmp_path: Path, suffix: str, text: str, message: str
) -> None:
    path = tmp_path / f"runs{suffix}"
    path.write_text(text if suffix == ".json" else text.strip("[]") or text)
    with pytest.raises(BayescaleError, match=message):
        bs.read_runs(path)


def test_a_broken_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "1e9,2e10,3\n" * 1000).encode())
    (tmp_path / "runs.csv.gz").write_bytes(whole[:20] + b"\xff" * 20 + whole[40:])
    with pytest.raises(BayescaleError, match="cannot read"):
        bs.read_runs(tmp_path / "runs.csv.gz")
