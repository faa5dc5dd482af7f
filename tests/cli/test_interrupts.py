"""Ctrl-C in every phase of a command: one line, exit code 130, and what was there stays whole."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nutpie
import pytest
from handmade import REFERENCES, TRUTH, design
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app


def stop() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Have SIGINT raise KeyboardInterrupt: whoever runs the tests may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = {name: REFERENCES[name] for name in "ND"}
    runs = bs.simulate("chinchilla", design(), TRUTH["chinchilla"], references=at, random_seed=0)
    path = tmp_path_factory.mktemp("interrupted") / "runs.csv"
    runs.to_csv(path, index=False)
    return path


def interrupting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is interrupted when it begins."""

    def interrupted(*arguments: Any, **options: Any) -> Any:
        stop()
        return function(*arguments, **options)

    return interrupted


def drawing_until(least: int) -> Callable[..., Any]:
    """Return nutpie's sampler, interrupted once a chain has drawn so often."""
    begin, sent = nutpie.sample, []

    def report(chains: Any) -> None:
        if not sent and max(chain.finished_draws for chain in chains) >= least:
            sent.append(True)
            stop()

    def sample(*arguments: Any, **options: Any) -> Any:
        return begin(*arguments, **options | {"progress_callback": report, "progress_rate": 5})

    return sample


PHASES = {
    "reading": "bayescale.data.formats.read_delimited",
    "compiling": "bayescale.inference.sampling.compiled",
    "predicting": "bayescale.inference.fit.make_tree",
    "writing": "bayescale.data.write._flush",
}


@pytest.mark.parametrize("phase", [*PHASES, "starting", "warm-up"])
def test_a_fit_ends_in_one_line(phase: str, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["-l", "chinchilla"]
    if phase in PHASES:
        module, name = PHASES[phase].rsplit(".", 1)
        function = getattr(pytest.importorskip(module), name)
        monkeypatch.setattr(PHASES[phase], interrupting(function))
    else:
        monkeypatch.setattr(nutpie, "sample", drawing_until(0 if phase == "starting" else 200))
        options += ["--tune", "100000"]
    out = table.with_name("fit.nc")
    out.write_text("the old one")
    ended = CliRunner().invoke(app, ["fit", str(table), "-o", str(out), *options])
    assert ended.exit_code == 130, ended.output
    assert ended.stderr.splitlines()[-1] == "error: interrupted; nothing more was written"
    assert out.read_text() == "the old one"
    assert {path.name for path in table.parent.iterdir()} == {"runs.csv", "fit.nc"}


class Going:
    """An object that is interrupted while it goes, where Python drops what is raised."""

    def __del__(self) -> None:
        stop()


def test_an_interrupt_that_python_drops_is_kept(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*arguments: Any) -> None:
        Going()
        time.sleep(10)

    monkeypatch.setattr("bayescale.data.formats.read_delimited", read)
    ended = CliRunner().invoke(app, ["runs", str(table)])
    assert ended.exit_code == 130, ended.output
    assert ended.stderr == "error: interrupted; nothing more was written\n"


def test_draws_that_were_finished_are_kept(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nutpie, "sample", drawing_until(3000))
    out = table.with_name("kept.nc")
    options = ["-l", "chinchilla", "--draws", "50000", "--chains", "2", "-o", str(out)]
    ended = CliRunner().invoke(app, ["fit", str(table), *options])
    assert "interrupted: kept the" in ended.stderr
    assert isinstance(bs.load(out), bs.Fit)


@pytest.mark.parametrize("phase", ["reading", "warm-up"])
def test_the_api_raises_what_python_does(
    phase: str, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if phase == "reading":
        read = pytest.importorskip("bayescale.data.formats").read_delimited
        monkeypatch.setattr("bayescale.data.formats.read_delimited", interrupting(read))
    else:
        monkeypatch.setattr(nutpie, "sample", drawing_until(200))
    with pytest.raises(KeyboardInterrupt):
        bs.fit(table, "chinchilla", sampler=bs.Sampler(tune=100_000), progressbar=False)
