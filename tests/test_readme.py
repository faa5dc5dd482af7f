"""Every snippet and command of the README runs."""

import re
import shlex
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the Python of the README was run, from its first block to its last."""
    path = tmp_path_factory.mktemp("readme")
    code = "\n".join(text for language, text in BLOCKS if language == "python")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # ArviZ's own remark to who calls az.loo: one run of forty weighs much.
        warnings.filterwarnings("ignore", message="Estimated shape parameter")
        patch.chdir(path)
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    plt.close("all")
    return path


def test_python(folder: Path) -> None:
    assert {"runs.csv", "report.html", "fit.nc"} <= {p.name for p in folder.iterdir()}


def commands() -> list[str]:
    lines = "\n".join(text for language, text in BLOCKS if language == "bash").splitlines()
    return [line for line in lines if line.strip()]


def test_command_line(folder: Path, monkeypatch) -> None:
    from bayescale.app import server
    from bayescale.cli import app

    served: list[tuple[int, bool]] = []  # the app would not end by itself
    monkeypatch.setattr(server, "serve", lambda *asked: served.append(asked))
    monkeypatch.chdir(folder)
    assert len(commands()) >= 7
    for command in commands():
        program, *arguments = shlex.split(command)
        assert program == "bayescale"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{command}\n{result.output}"
    assert served == [(8501, True)]


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    plain = "\n".join(text for language, text in BLOCKS if not language)
    named = re.findall(r"^make (\w+)", plain, re.MULTILINE)
    assert named == ["demo", "test"]
    for target in named:
        assert re.search(rf"^{target}: ", makefile, re.MULTILINE)


def test_files_named_exist() -> None:
    for path in re.findall(r"`((?:notebooks|models|docs|benchmarks)/[\w./]*)`", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([\w./]+)\)", README):
        assert (ROOT / path).exists(), path
