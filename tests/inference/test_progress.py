"""Progress: one line in a terminal and in a notebook, and no widget."""

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import IPython.display
import pytest
import rich
from rich.console import Console

from bayescale.inference import progress
from bayescale.inference.progress import progress_line
from bayescale.inference.sampling import Sampler, sampling_progress

CHAINS = [SimpleNamespace(finished_draws=300, divergences=n) for n in (0, 2)]


def shown(patch: pytest.MonkeyPatch) -> list[str]:
    """Return what is displayed in a notebook, as it comes."""
    said: list[str] = []

    def display(data: dict[str, str], raw: bool, display_id: bool = False) -> Any:
        assert raw
        said.append(data["text/plain"])
        return SimpleNamespace(update=display)

    patch.setattr(IPython.display, "display", display)
    patch.setattr(progress, "in_notebook", lambda: True)
    patch.setattr(progress, "EVERY", 0.0)
    return said


def test_a_notebook_shows_one_line_without_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with sampling_progress("chinchilla", Sampler(draws=500, tune=100, chains=2)) as report:
        assert said[-1].startswith("chinchilla ╌") and "preparing" in said[-1]
        assert report is not None
        report(CHAINS)
    assert said[1].startswith("chinchilla ━━━━━━━━━━━━╌") and "600/1,200 draws, 2 div" in said[1]
    assert said[2:] == [""], "the line goes"


def test_a_line_goes_when_a_job_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch)
    with pytest.raises(KeyboardInterrupt), progress_line("a", 10):
        raise KeyboardInterrupt
    assert said[-1] == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_one_line(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=90)
    monkeypatch.setattr(rich, "_console", console)
    with progress_line("chinchilla", 1200) as update:
        update(600, 2)
    said = stream.getvalue()
    if not terminal:
        assert said.strip() == "", "a log is left alone"
        return
    assert "600/1,200 draws, 2 divergent" in said and "preparing" in said
    assert said.rstrip().endswith("\x1b[2K"), "the line goes"


def test_no_notebook_and_no_line_here(capsys: pytest.CaptureFixture[str]) -> None:
    find: Callable[[], bool] = progress.in_notebook
    assert not find()
    with sampling_progress(None, Sampler()) as report:
        assert report is None
    assert capsys.readouterr() == ("", "")
