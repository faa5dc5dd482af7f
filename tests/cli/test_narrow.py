"""Tables on a narrow terminal: no number, word or line of a list is cut."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app


def shown(width: int, *arguments: object) -> str:
    words = [str(a) for a in arguments]
    result = CliRunner().invoke(app, words, env={"COLUMNS": str(width)})
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, made_fit: bs.Fit) -> Path:
    return bs.save(made_fit, tmp_path_factory.mktemp("narrow") / "fit.nc")


@pytest.mark.parametrize("width", [30, 40, 60])
@pytest.mark.parametrize(
    "command",
    ["optimum FILE --flops 1e22,1e23", "predict FILE --params 1B --tokens 20B", "identify FILE"],
)
def test_words_and_numbers_stay_whole(command: str, width: int, saved: Path) -> None:
    words = [saved if word == "FILE" else word for word in command.split()]
    wide = shown(200, *words)
    assert set(shown(width, *words).split()) == set(wide.split())
    assert max(map(len, shown(width, *words).splitlines())) <= width


def test_scores_fit_a_usual_terminal(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "forecast.json"
    bs.register(bs.load(saved), path, params="10B", tokens="1.67T")
    text = shown(80, "score", path, 2.0)
    assert "log_score" in text and "1.67T" in text


def test_what_was_read_is_indented_where_it_wraps(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = {"params": [1e8, 2e8], "tokens": [1e9, 2e9], "loss": [3.0, 2.9], "lr": [1e-3, 1e-4]}
    pd.DataFrame(rows).to_csv(path, index=False)
    text = shown(40, "runs", path)
    assert all(line.startswith("  ") for line in text.splitlines()[1:] if line)


def test_arguments_become_options_before_a_line_wraps(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = {"params": [1e8, 2e8], "tokens": [1e9, 2e9], "loss": [3.0, 2.9], "MMLU acc": [0.3, 0.4]}
    pd.DataFrame(rows).to_csv(path, index=False)
    for width in (50, 70, 80):
        text = " ".join(shown(width, "runs", path).split())
        assert "by --column 'accuracy=MMLU acc'" in text and "columns=" not in text
