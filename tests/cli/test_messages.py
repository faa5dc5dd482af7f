"""Messages of commands speak of options and commands, not of Python's arguments."""

import pandas as pd
import pytest
from handmade import handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.cli.message_options import as_options


def said(*arguments: object, code: int = 1) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("messages") / "runs.csv"
    columns = {"params": [1e8, 2e8], "tokens": [1e9, 2e9], "val_loss": [3.0, 2.9], "seed": [0, 1]}
    pd.DataFrame({**columns, "MMLU acc (%)": [30.0, 40.0]}).to_csv(path, index=False)
    return path


def test_of_tables(table) -> None:
    found = said("runs", table, "--nats")
    assert "say what it is, --loss-unit bits/byte or --loss-unit bits/token" in found
    assert "--column says 'loss' is 'valloss'" in said("runs", table, "--column", "loss=valloss")
    assert "--swept weight_decay" in said("sweeps", table)
    found = said("runs", table, code=0)
    assert "Python's Runs.average averages them, or a --group" in found
    formula = "accuracy=`MMLU acc (%)` / 100"
    assert f"--column '{formula}'" in found
    read = said("runs", table, "--column", formula, code=0)
    assert "accuracy 0.3 to 0.4" in read
    assert "needs its unit, by" in said("runs", "--help", code=0)


def test_of_points(made_fit, tmp_path) -> None:
    fit = bs.save(made_fit, tmp_path / "fit.nc")
    lists = ("--params", "1B,2B", "--tokens", "1T,2T,3T")
    assert "(--grid takes every combination)" in said("predict", fit, *lists)
    found = said("predict", fit, "--params", "1B")
    assert "pass --tokens ... (or two of params, tokens, flops)" in found
    assert "pass either --loss or --at NAME=VALUE" in said("reach", fit)
    asked = ("--loss", "2", "--at", "params=7B")
    assert "pass either --loss or --at NAME=VALUE" in said("reach", fit, *asked)
    step = bs.save(handmade_fit("step_law"), tmp_path / "step.nc")
    found = said("predict", step, "--params", "1B", "--tokens", "20B", "--at", "lr=0.01")
    assert found.endswith("needs batch_size_tokens: pass --at batch_size_tokens=...")
    with pytest.raises(bs.BayescaleError, match=r"needs lr: pass lr=\.\.\.$"):
        bs.predict(handmade_fit("step_law"), params="1B", tokens="20B")
    found = said("optimum", step, "--flops", "1e21")
    assert found.endswith("open; say --at batch_size_tokens=... --at lr=...")


def test_of_laws(table) -> None:
    found = said("fit", table, "--law", "chinchila")
    assert found.endswith("(did you mean 'chinchilla'?); `bayescale laws` lists all")
    found = said("fit", table, "--law", "qwertz")
    assert "there are width_depth" in found and "class" not in found
    with pytest.raises(bs.BayescaleError, match="passed as its class"):
        bs.describe_law("qwertz")


def test_of_groups_and_outliers() -> None:
    found = as_options("there are a, b (bayescale.group_fit(fit, None) is a new one)")
    assert found == "there are a, b (`bayescale member FIT --new -o FILE.nc` saves a new one)"
    found = as_options("and 2 more (bayescale.outliers names all)")
    assert found == "and 2 more (`bayescale fit --json` names all)"
    assert as_options("rows (read_runs(..., where=...))") == "rows (--where ...)"


def test_what_about_takes(made_fit, tmp_path) -> None:
    fit = bs.save(made_fit, tmp_path / "fit.nc")
    found = said("plan", fit, "--budget", "1e21", "--about", "loss=1e22")
    assert "takes no loss; it takes params, tokens. Ask for flops=1e24" in found
    found = said("plan", fit, "--budget", "1e21", "--about", "param=1e9,tokens=1e9")
    assert "did you mean 'params'?" in found


def test_regret_is_one_sentence(made_fit, tmp_path) -> None:
    fit = bs.save(made_fit, tmp_path / "fit.nc")
    assert "With 1e+22 FLOP, the least mean regret" in said(
        "regret", fit, "--flops", "1e22", code=0
    )


def test_backtests_can_be_quiet() -> None:
    assert "-q, --quiet" in said("backtest", "--help", code=0)
