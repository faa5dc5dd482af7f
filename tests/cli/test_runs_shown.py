"""`bayescale runs` shows what each column was taken for, what is unused, and what set aside."""

import json

import pytest
from typer.testing import CliRunner

from bayescale.cli import app

TABLE = "n_params (M);tokens (B);val_loss;seed;gpu_hours\n20;0,400;4,921;1;3\n60;1,200;OOM;1;9\n"
TABLE += "200;4,000;3,131;2;30\n600;12,000;2,604;2;90\n"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "runs.csv").write_text(TABLE)
    return tmp_path / "runs.csv"


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def test_units_ranges_uses_and_reasons_are_shown(path):
    text = run("runs", path).stdout
    for part in (
        "20M to 600M, from 'n_params (M)', in M (x 1e+06)",
        "filled: flops = 6 * params * tokens",
        "not used: 'gpu_hours', hours are no FLOP",
        "not used: 'seed', runs that differ in it alone are repeats",
        "set aside: 1 row: loss is 'OOM' (line 3)",
    ):
        assert part in text


def test_the_same_as_json(path):
    found = json.loads(run("runs", path, "--json").stdout)
    ranges = {column["name"]: column["range"] for column in found["columns"]}
    assert ranges["tokens"] == [4e8, 1.2e10]
    assert ranges["loss"] == [2.604, 4.921]
    assert found["set_aside_by_reason"] == [{"reason": "loss is 'OOM'", "rows": 1}]
    assert {one["column"] for one in found["unused"] if one["use"]} == {"seed", "gpu_hours"}


def test_the_decimal_mark_and_formulas_are_options(path):
    path.write_text('params,tokens (M),loss\n1e8,"1,200",4\n2e8,"2,400",3\n')
    refused = run("runs", path)
    assert refused.exit_code != 0
    assert "--decimal" in refused.stderr
    assert "1.2B to 2.4B" in run("runs", path, "--decimal", ".").stdout
    shown = run("runs", path, "--decimal", ",", "--column", "tokens=`tokens (M)` * 1e9").stdout
    assert "1.2B to 2.4B" in shown


def test_standard_input():
    result = CliRunner().invoke(app, ["runs", "-", "--json"], input=TABLE)
    assert json.loads(result.stdout)["source"] == "standard input.csv"
