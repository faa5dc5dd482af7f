"""The app without a browser: what it reads, offers, refuses and writes down as code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from handmade import REFERENCES, TRUTH, design
from streamlit import config
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import bayescale as bs
from bayescale.app import job, server, worker
from bayescale.app.request import Request, allowed_laws, chosen_laws, request_of, safe_name
from bayescale.cli import app

NASTY = "\"]; import os; os.abort() #'''![x](http://a.b/c) <script>alert(1)</script>"


def table(**changes: Any) -> pd.DataFrame:
    """Simulate forty runs of Chinchilla's law."""
    references = {name: REFERENCES[name] for name in "ND"}
    runs = bs.simulate(
        "chinchilla", design(), TRUTH["chinchilla"], references=references, random_seed=1
    )
    return runs.assign(**changes)


def page(data: bytes, name: str = "runs.csv") -> AppTest:
    """Open the page and upload a file."""
    opened = AppTest.from_file(server.PAGE, default_timeout=600).run()
    opened.file_uploader(key="table").upload(name, data)
    return opened.run()


def csv(runs: pd.DataFrame) -> bytes:
    return runs.to_csv(index=False).encode()


def test_a_table_is_read_and_laws_are_offered() -> None:
    runs = table().astype({"loss": object})
    runs.loc[3, "loss"] = "OOM"
    shown = page(csv(runs))
    assert not shown.exception and not shown.error
    reading = shown.code[0].value
    assert reading.startswith("39 rows from runs.csv") and "params" in reading
    assert "set aside: 1 row" in reading
    assert "set aside" in shown.expander[2].label
    laws, budgets = shown.multiselect
    assert {"chinchilla", "skaling", "kaplan"} <= set(laws.options)
    assert not {"accuracy_from_loss", "precision"} & set(laws.options)
    assert laws.placeholder == "what the table allows: skaling, chinchilla"
    assert laws.value == budgets.value == []
    assert shown.code[1].value == Request("runs.csv").code().rstrip()


def test_how_a_table_is_read_can_be_said() -> None:
    runs = table().rename(columns={"loss": "quality"})
    shown = page(csv(runs))
    assert shown.code[1].value == "no column was taken for the loss: name it above"
    assert "other columns: quality" in shown.code[0].value and shown.button(key="fit").disabled
    shown.text_input(key="column_loss").input("quality")
    shown.text_input(key="column_flops").input("none")
    shown.text_input(key="where").input("params > 1e9").run()
    assert not shown.error and not shown.button(key="fit").disabled
    code = shown.code[1].value
    assert "columns={'flops': None, 'loss': 'quality'}, where='params > 1e9'" in code
    assert len(bs.read_runs(runs, columns={"loss": "quality"}, where="params > 1e9")) == int(
        shown.code[0].value.split()[0]
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "runs.csv"),
        (b"\x80\x04\x95cos\nsystem\n(S'touch owned'\ntR.", "runs.pkl"),
        (b"\x00\x01\x02", "runs.parquet"),
        (b"PK\x03\x04 no archive", "runs.xlsx"),
        (b"\x1f\x8b broken", "runs.csv.gz"),
        (b"params,tokens,loss\n", "runs.csv"),
        (b"hello", "../../" + NASTY),
    ],
)
def test_what_is_no_table_is_refused_in_words(data: bytes, name: str) -> None:
    shown = page(data, name)
    assert not shown.exception
    assert shown.error[0].value == "This table cannot be used as it is"
    assert shown.code[0].value and "Traceback" not in shown.code[0].value


def test_text_of_a_table_is_no_markup() -> None:
    runs = table(**{NASTY: 1, "run": NASTY})
    shown = page(csv(runs), f"{NASTY}.csv")
    assert not shown.exception
    for kind in ("markdown", "caption", "error", "warning", "header", "subheader", "title"):
        said = [element.value for element in shown.get(kind)]
        assert not any("script" in text or "a.b" in text for text in said)
    assert not any("script" in element.label for element in shown.expander)


def test_no_text_is_too_faint_to_read() -> None:
    """Streamlit draws captions at 60 % opacity: 3.9:1 on white, where WCAG asks for 4.5:1."""
    shown = page(csv(table()), "runs.csv")
    assert not shown.exception
    assert not shown.caption


def test_code_holds_texts_as_literals() -> None:
    reading = {"columns": {"loss": NASTY, "flops": None}, "where": NASTY}
    asked = Request(NASTY, reading, (NASTY,), (NASTY, "1e24"), 7)
    called: dict[str, Any] = {}

    class Stub:
        posterior = None

        def report(self, path: str) -> None:
            called["report"] = path

    def read_runs(*given: Any, **options: Any) -> str:
        called["read"] = (given, options)
        return "runs"

    def analyze(*given: Any, **options: Any) -> Stub:
        called["analyze"] = (given, options)
        return Stub()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bs, "read_runs", read_runs, raising=False)
        patch.setattr(bs, "analyze", analyze, raising=False)
        patch.setattr(bs, "save", lambda *_: None, raising=False)
        exec(compile(asked.code(), "code", "exec"), {})
    assert called["read"] == ((NASTY,), reading)
    assert called["analyze"] == (
        ("runs",), {"laws": [NASTY], "flops": [NASTY, "1e24"], "random_seed": 7}
    )  # fmt: skip
    assert request_of(json.loads(json.dumps(asked.record()))) == asked


def test_a_name_stays_in_its_folder() -> None:
    odd = ("../../x.csv", "/etc/passwd", "..", "", "a\0b.csv", "con/..\\y.csv", NASTY, "n" * 999)
    for name in odd:
        found = safe_name(name)
        assert found == Path(found).name and found not in ("", ".", "..") and len(found) <= 100
    assert safe_name("n" * 999 + ".csv.gz").endswith(".csv.gz")


def test_laws_follow_from_the_table() -> None:
    runs = bs.read_runs(table()[["flops", "loss"]])
    assert chosen_laws(runs) == ["power_law_floor", "power_law_saturating"]
    assert "power_law_floor" not in allowed_laws(bs.read_runs(table()[["params", "loss"]]))


def test_a_budget_is_checked_before_the_fit() -> None:
    shown = page(csv(table()))
    shown.multiselect(key="flops").set_value(["much"])
    shown.button(key="fit").click().run()
    assert shown.error[0].value == "This budget cannot be used" and "much" in shown.code[-1].value
    assert "job" not in shown.session_state


@pytest.fixture
def ended(tmp_path: Path) -> Callable[[Request], job.Job]:
    """Do what a request asks for in its own process, and wait."""

    def done(request: Request) -> job.Job:
        started = job.start(request, tmp_path, laws=1)
        started.process.wait(timeout=600)
        started.process.communicate()  # closes its standard input, whose end would stop it
        return started

    return done


def test_a_process_says_what_is_wrong(ended: Callable[[Request], job.Job], tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_bytes(csv(table().head(4)))
    found = ended(Request("runs.csv"))
    assert not found.running and "runs are too few" in found.error
    assert found.lines() == ["starting ..."] and not found.report.exists()


def test_what_should_not_fail_is_said_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "request.json").write_text(json.dumps(Request("runs.csv").record()))
    monkeypatch.setattr(worker, "_analyze", lambda *_: 1 / 0)
    with pytest.raises(SystemExit):
        worker.work(tmp_path)
    assert (tmp_path / "error.txt").read_text() == (
        f"{worker.FAILED}ZeroDivisionError: division by zero"
    )


def test_a_fit_can_be_stopped_and_ends_with_the_app(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_bytes(csv(table()))
    stopped = job.start(Request("runs.csv"), tmp_path, laws=2)
    assert stopped.running and not stopped.error and stopped.steps == 6
    stopped.stop()
    assert not stopped.running and "ended before it was done" in stopped.error
    left = job.start(Request("runs.csv"), tmp_path, laws=2)
    assert left.process.stdin is not None
    left.process.stdin.close()
    assert left.process.wait(timeout=600) == 1


@pytest.mark.parametrize(
    ("columns", "rows", "laws", "fitted"),
    [
        (["params", "tokens", "loss"], 40, [], 2),
        (["params", "tokens", "loss"], 9, [], 1),  # too few for two
        (["params", "tokens", "loss"], 40, ["kaplan", "skaling", "chinchilla"], 3),
    ],
)
def test_the_progress_counts_what_is_fitted(
    columns: list[str], rows: int, laws: list[str], fitted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[job.Job] = []

    def start(request: Request, folder: Path, laws: int) -> job.Job:
        (folder / "progress.txt").write_text("")
        ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
        ended.wait()
        started.append(job.Job(request, folder, ended, laws))
        return started[0]

    monkeypatch.setattr(job, "start", start)
    shown = page(csv(table()[columns].head(rows)))
    shown.multiselect(key="laws").set_value(laws)
    shown.button(key="fit").click().run()
    assert not shown.exception and shown.error[0].value == "No answer"
    assert started[0].laws == fitted
    assert started[0].steps == 2 + (2 * fitted if fitted > 1 else 1)


def test_settings_keep_it_on_this_machine() -> None:
    asked = server.settings(8501, browser=False)
    assert asked["server.address"] == "127.0.0.1"
    assert asked["server.allowedHosts"] == ["127.0.0.1", "localhost"]
    assert asked["browser.gatherUsageStats"] is False
    assert asked["server.enableAgentApi"] is False
    assert asked["client.showErrorDetails"] == "none"
    assert asked["server.maxUploadSize"] == 500
    assert set(asked) <= set(config._config_options_template)


def test_without_the_extra_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "streamlit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "streamlit", None)
    result = CliRunner().invoke(app, ["app"])
    assert result.exit_code == 1
    assert "pip install 'bayescale[app]'" in result.stderr and "http" not in result.stderr
