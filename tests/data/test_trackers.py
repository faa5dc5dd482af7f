"""Trackers: runs of MLflow, W&B and TensorBoard, made by their own writers, become checkpoints."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.data import formats, limits
from bayescale.data.checkpoints import finished_runs
from bayescale.data.table_files import TableFile
from bayescale.data.trackers import tracked_runs
from bayescale.data.trackers.tracked_runs import TrackedRun, tracked_table
from bayescale.errors import BayescaleError

SIZES = {"small": 1e8, "large": 4e8}
STEPS = (100, 200, 300)


def loss_at(params: float, step: int) -> float:
    return 2 + 400 / params**0.3 + 300 / (step * 1e6) ** 0.3


def check(runs: bs.Runs) -> None:
    """Two runs of three checkpoints each, with a million tokens a step."""
    table = runs.table.sort_values(["params", "step"])
    np.testing.assert_allclose(table["params"], np.repeat(list(SIZES.values()), 3))
    np.testing.assert_allclose(table["step"], STEPS * 2)
    np.testing.assert_allclose(table["tokens"], np.array(STEPS * 2) * 1e6, rtol=1e-6)
    expected = [loss_at(p, s) for p in SIZES.values() for s in STEPS]
    np.testing.assert_allclose(table["loss"], expected, rtol=1e-6)
    assert len(finished_runs(runs).runs) == 2


# What a tracker's runs become


def series(values, steps=STEPS):
    return pd.Series(values, steps, dtype=float)


def read(runs, **columns):
    return tracked_table(runs, TableFile(Path("tracker"), columns=columns))


def test_rows_are_logged_losses_and_tokens_are_interpolated():
    metrics = {
        "eval/loss": series([3.0, 2.5], (95, 205)),
        "tokens": series([1e9, 2e9], (100, 200)),
        "lr": series([0.1, 0.2], (90, 210)),
        "empty": series([], ()),
    }
    frame = read([TrackedRun("a", {"width": 512}, metrics)]).frame
    assert frame["eval/loss"].tolist() == [3.0, 2.5]
    np.testing.assert_allclose(frame["tokens"], [0.95e9, 2.05e9])
    assert frame["lr"].tolist() == [0.1, 0.1]
    assert frame["width"].tolist() == [512, 512]
    assert frame["step"].tolist() == [95, 205]


def test_tokens_far_beyond_those_that_were_logged_are_not_known():
    metrics = {"loss": series([3.0, 2.5], (100, 900)), "tokens": series([1e9, 2e9], (100, 200))}
    assert read([TrackedRun("a", {}, metrics)]).frame["tokens"].isna().tolist() == [False, True]


def test_tokens_of_the_settings_are_those_of_the_end():
    run = TrackedRun(
        "a", {"tokens": 3e9, "n_params": 1e8, "epochs": 2}, {"loss": series([3, 2, 1])}
    )
    loaded = read([run])
    assert loaded.frame["tokens"].isna().tolist() == [True, True, False]
    assert loaded.frame["epochs"].isna().tolist() == [True, True, False]
    assert loaded.frame["n_params"].tolist() == [1e8] * 3
    assert any("belongs to the last row of each run" in note for note in loaded.notes)


def test_what_was_logged_without_a_step_is_of_the_end():
    metrics = {
        "eval_loss": series([2.5], [0]),
        "tokens": series([1e9, 2e9], (100, 200)),
        "n_params": series([7e7], [0]),
    }
    frame = read([TrackedRun("a", {}, metrics)]).frame
    assert frame[["eval_loss", "tokens", "n_params"]].to_numpy().tolist() == [[2.5, 2e9, 7e7]]
    metrics = {
        "loss": series([3, 2, 1]),
        "tokens": series([3e9], [0]),
        "n_params": series([7], [0]),
    }
    frame = read([TrackedRun("a", {}, metrics)]).frame
    assert frame["tokens"].isna().tolist() == [True, True, False]
    assert frame["n_params"].tolist() == [7, 7, 7]


def test_loss_beside_one_of_an_evaluation_is_of_training():
    both = {"loss": series([3.3, 3.2, 3.1]), "eval_loss": series([2.9], [300])}
    loaded = read([TrackedRun("a", {}, both), TrackedRun("b", {}, {"loss": series([5.0], [9])})])
    assert "loss" not in loaded.frame
    assert loaded.frame["eval_loss"].tolist()[:1] == [2.9]
    assert loaded.frame["train_loss"].tolist() == [3.1, 5.0]
    assert "loss" in read([TrackedRun("a", {}, both)], loss="loss").frame


def test_settings_do_not_stand_in_for_what_was_measured():
    metrics = {"eval/loss": series([3, 2, 1]), "tokens_seen": series([1e9, 2e9, 3e9])}
    settings = {"loss": "cross_entropy", "tokens": 4e9, "step": 7, "run": "x", "lr": 0.1}
    frame = read([TrackedRun("a", settings, metrics)]).frame
    runs = bs.read_runs(frame)
    assert runs.table["loss"].tolist() == [3, 2, 1]
    assert runs.table["tokens"].tolist() == [1e9, 2e9, 3e9]
    assert runs.table["run"].tolist() == ["a"] * 3
    assert {"setting loss", "setting tokens", "setting step", "setting run", "lr"} <= {*frame}


def test_a_metric_that_counts_steps_is_the_step():
    metrics = {
        "eval/loss": series([3, 2], (4, 9)),
        "train/global_step": series([500, 1000], (4, 9)),
    }
    frame = read([TrackedRun("a", {}, metrics, "_step")]).frame
    assert frame["step"].tolist() == [500, 1000]
    assert "_step" not in frame


def test_settings_are_flat_and_short():
    deep = {}
    for _ in range(5_000):
        deep = {"": deep}
    given = {"model": {"width": 2, "act": "gelu"}, "text": "x" * 201, "layers": [1], "deep": deep}
    assert tracked_runs.flat_settings(given) == {"model.width": 2, "model.act": "gelu"}


def test_several_losses_are_asked_about():
    metrics = {"val_loss": series([3, 2, 1]), "test_loss": series([3, 2, 1])}
    with pytest.raises(BayescaleError, match="could both be loss"):
        read([TrackedRun("a", {}, metrics)])
    assert len(read([TrackedRun("a", {}, metrics)], loss="test_loss").frame) == 3


def test_runs_without_a_metric_are_counted():
    empty = TrackedRun("b", {}, {})
    assert (
        "runs that logged no loss are left out: 1"
        in read([TrackedRun("a", {}, {"loss": series([3, 2, 1])}), empty]).notes
    )
    with pytest.raises(BayescaleError, match="no finished run has logged a metric"):
        read([empty])


def test_long_histories_are_thinned(monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROWS", 100)
    steps = np.arange(1, 501)
    metrics = {"loss": series(5 / steps**0.1, steps), "tokens": series(steps * 1e6, steps)}
    loaded = read([TrackedRun(name, {}, metrics) for name in "abc"])
    assert len(loaded.frame) <= 100
    assert loaded.frame.groupby("run")["step"].max().tolist() == [500] * 3
    assert any("thinned" in note for note in loaded.notes)


def test_a_folder_of_too_many_files_is_not_searched(tmp_path, monkeypatch):
    monkeypatch.setattr(tracked_runs, "MAX_RUNS", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(BayescaleError, match="no table and more than 2 files"):
        bs.read_runs(tmp_path)


def test_a_scheme_of_another_package_is_read(monkeypatch):
    frame = pd.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [3.5]})
    loaded = SimpleNamespace(name="mylab", load=lambda: lambda rest: frame.assign(sweep=rest))
    other = EntryPoint(".lab", "nowhere:read", formats.GROUP)
    monkeypatch.setattr(formats, "entry_points", lambda group: [other, loaded])
    assert bs.read_runs("mylab:sweep-3").table["sweep"].tolist() == ["sweep-3"]
    with pytest.raises(BayescaleError, match="no file 'yourlab:x'"):
        bs.read_runs("yourlab:x")


@pytest.mark.parametrize(
    ("package", "source", "extra"),
    [
        ("mlflow", "mlflow:http://127.0.0.1:9", "mlflow"),
        ("wandb", "wandb:entity/project", "wandb"),
        ("wandb", "run-1.wandb", "wandb"),
        ("tensorboard", "events.out.tfevents.1.host", "tensorboard"),
    ],
)
def test_an_absent_package_is_named(tmp_path, monkeypatch, package, source, extra):
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.chdir(tmp_path)
    if ":" not in source:
        Path(source).write_bytes(b"x")
    with pytest.raises(BayescaleError, match=rf"pip install 'bayescale\[{extra}\]'"):
        bs.read_runs(source)


# TensorBoard


def write_events(folder, scalars, hparams=None):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True, exist_ok=True)
    writer = EventFileWriter(str(folder))
    for step, tag, number in scalars:
        value = Summary.Value(tag=tag, simple_value=number)
        writer.add_event(Event(step=step, wall_time=time.time(), summary=Summary(value=[value])))
    if hparams:
        start = plugin_data_pb2.SessionStartInfo()
        for name, given in hparams.items():
            kind = "string_value" if isinstance(given, str) else "number_value"
            setattr(start.hparams[name], kind, given)
        data = plugin_data_pb2.HParamsPluginData(session_start_info=start)
        value = Summary.Value(
            tag=metadata.SESSION_START_INFO_TAG, metadata=metadata.create_summary_metadata(data)
        )
        writer.add_event(Event(step=0, wall_time=time.time(), summary=Summary(value=[value])))
    writer.close()


def events_of(params):
    for step in range(50, 301, 50):
        yield step, "train/loss", 9.0
        yield step, "tokens_seen", step * 1e6
        if step in STEPS:
            yield step, "eval/loss", loss_at(params, step)


def test_event_files(tmp_path):
    for name, params in SIZES.items():
        write_events(
            tmp_path / "logs" / name, events_of(params), {"n_params": params, "opt": "adam"}
        )
    runs = bs.read_runs(tmp_path)
    check(runs)
    assert set(runs.table["run"]) == {"logs/small", "logs/large"}
    assert set(runs.table["opt"]) == {"adam"}
    one = next((tmp_path / "logs" / "small").iterdir())
    assert bs.read_runs(one).table["run"].tolist() == ["small"] * 3


def test_hyperparameters_in_a_folder_of_their_own_and_splits_belong_to_the_run(tmp_path):
    write_events(tmp_path / "a" / "train", [(s, "epoch loss", 9.0) for s in STEPS])
    write_events(tmp_path / "a" / "validation", [(s, "loss", 3.0) for s in STEPS])
    write_events(tmp_path / "a" / "1700", [(0, "hparam/metric", 1.0)], {"n_params": 1e8})
    runs = bs.read_runs(tmp_path, columns={"loss": "validation/loss"})
    assert runs.table["params"].tolist() == [1e8] * 3
    assert runs.table["loss"].tolist() == [3.0] * 3
    assert runs.table["run"].tolist() == ["a"] * 3


def test_damaged_event_files_are_refused_in_words(tmp_path):
    write_events(tmp_path, [(1, "eval/loss", 3.0)])
    path = next(tmp_path.iterdir())
    content = bytearray(path.read_bytes())
    content[30] ^= 255
    path.write_bytes(content)
    with pytest.raises(BayescaleError, match=r"event file|no finished run has logged"):
        bs.read_runs(path)


def test_too_many_numbers_are_refused(tmp_path, monkeypatch):
    write_events(tmp_path, [(step, "eval/loss", 3.0) for step in range(5)])
    monkeypatch.setattr(limits, "MAX_LINES", 4)
    with pytest.raises(BayescaleError, match="more than 4 numbers"):
        bs.read_runs(tmp_path)


# MLflow


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A database of MLflow, with an experiment of two finished runs and others."""
    reason = "the extra mlflow is not installed"
    pytest.importorskip("sqlalchemy", reason=reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)
        tracking = pytest.importorskip("mlflow.tracking", reason=reason)
        path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
        client = tracking.MlflowClient(f"sqlite:///{path}")
    sweep = client.create_experiment("sweep")
    for params in SIZES.values():
        run = client.create_run(sweep, run_name="twin", tags={"team": "x"}).info.run_id
        client.log_param(run, "n_params", params)
        client.log_param(run, "optimiser", "adam")
        for step in STEPS:
            client.log_metric(run, "eval_loss", loss_at(params, step), step=step)
            client.log_metric(run, "tokens_seen", step * 1e6, step=step)
            client.log_metric(run, "system/cpu", 5.0, step=step * 100)
        client.set_terminated(run)
    crashed = client.create_run(sweep, run_name="c").info.run_id
    client.log_metric(crashed, "eval_loss", 9.0, step=100)
    client.set_terminated(crashed, "FAILED")
    client.create_run(client.create_experiment("running"))
    client.create_experiment("empty")
    return path


def test_mlflow_database(store):
    before = store.read_bytes()
    runs = bs.read_runs(f"mlflow:sqlite:///{store}")
    check(runs)
    assert runs.table["run"].str.startswith("twin (").all()
    assert set(runs.table["team"]) == {"x"}
    assert "system/cpu" not in runs.table
    assert any("left out: 1 failed, 1 running" in note for note in runs.notes)
    assert store.read_bytes() == before
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ


def test_mlflow_on_the_command_line(store):
    shown = CliRunner().invoke(app, ["runs", f"mlflow:sqlite:///{store}#sweep", "--json"])
    assert shown.exit_code == 0, shown.stderr
    record = json.loads(shown.stdout)
    assert record["rows"] == 6
    assert record["source"].endswith("mlflow.db#sweep")


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ("#none", "no experiment 'none'; there are 'empty', 'running'"),
        ("#running", "has no finished run: 1 running"),
        ("#empty", "has no runs"),
    ],
)
def test_mlflow_experiments_without_runs(store, experiment, message):
    with pytest.raises(BayescaleError, match=message):
        bs.read_runs(f"mlflow:sqlite:///{store}{experiment}")


def test_what_is_no_store_of_mlflow_is_refused_and_not_made(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = tmp_path / "x.db"
    with pytest.raises(BayescaleError, match="there is no database"):
        bs.read_runs(f"mlflow:sqlite:///{path}")
    assert not path.exists()
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE mine (x)")
    base.close()
    before = path.read_bytes()
    with pytest.raises(BayescaleError, match="no database of MLflow"):
        bs.read_runs(f"mlflow:sqlite:///{path}")
    assert path.read_bytes() == before
    path.write_text("no database, but text of some length")
    with pytest.raises(BayescaleError, match="no SQLite database"):
        bs.read_runs(f"mlflow:sqlite:///{path}")
    with pytest.raises(BayescaleError, match="no folder of MLflow's runs"):
        bs.read_runs(f"mlflow:{tmp_path}")
    with pytest.raises(BayescaleError, match="needs a tracking URI"):
        bs.read_runs("mlflow:")


SERVER = """
import sys
from mlflow.server import app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""MLflow's own application, on a free port of loopback."""


@pytest.fixture(scope="module")
def server(store):
    """Serve the database over HTTP; yield the address."""
    pytest.importorskip("flask", reason="flask, which MLflow's server needs, is not installed")
    where = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{store}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(store.parent),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env={**os.environ, **where},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def test_mlflow_server(store, server):
    runs = bs.read_runs(f"mlflow:{server}#sweep")
    check(runs)
    pd.testing.assert_frame_equal(runs.table, bs.read_runs(f"mlflow:sqlite:///{store}#sweep").table)
    with pytest.raises(BayescaleError, match=r"no experiment 'sweeps'; there are .*'sweep'"):
        bs.read_runs(f"mlflow:{server}#sweeps")


def test_a_server_that_does_not_answer_is_given_up(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ann:secret@127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BayescaleError, match="cannot read 'mlflow:http://127") as caught:
            bs.read_runs(f"mlflow:http://{address}")
    assert "secret" not in str(caught.value)


# W&B


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A folder of offline runs, two finished and one failed."""
    wandb = pytest.importorskip("wandb", reason="the extra wandb is not installed")
    folder = tmp_path_factory.mktemp("wandb")
    settings = wandb.Settings(
        mode="offline", silent=True, console="off", disable_git=True, x_disable_stats=True
    )
    for name, params in [*SIZES.items(), ("failed", 1e9)]:
        config = {"model": {"n_params": params}, "notes": "x" * 1_000, "layers": [1, 2]}
        run = wandb.init(project="p", name=name, config=config, dir=folder, settings=settings)
        for step in range(50, 301, 50):
            row = {"tokens_seen": step * 1e6, "train/loss": 9.0}
            row |= {"eval/loss": loss_at(params, step)} if step in STEPS else {}
            run.log(row, step=step)
        run.finish(exit_code=1 if name == "failed" else 0)
    wandb.teardown()
    return folder


def test_wandb_offline_runs(offline):
    runs = bs.read_runs(offline)
    check(runs)
    assert set(runs.table["run"]) == set(SIZES)
    assert not {"notes", "layers"} & {*runs.table}
    assert any("left out: 1 not ended" in note for note in runs.notes)


def test_a_file_that_is_none_of_wandb(offline, tmp_path):
    path = tmp_path / "run.wandb"
    whole = next(p for p in offline.rglob("*.wandb") if "latest" not in str(p)).read_bytes()
    for content in (b"x" * 50, whole[:7] + b"\1" * 80, whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(BayescaleError, match=r"not a file|is damaged|has not finished"):
            bs.read_runs(path)


class Recorded:
    """Answers of a W&B server, as its API asks for them; each scan of a history once."""

    def __init__(self, states):
        self.states, self.scans = states, []

    def execute_graphql(self, query, variables=None, **options):
        nodes = [self._node(n, p, s) for (n, p), s in zip(SIZES.items(), self.states, strict=False)]
        if "query Runs(" in query:
            edges = [{"node": node, "cursor": node["id"]} for node in nodes]
            page = {"endCursor": None, "hasNextPage": False}
            return {"project": {"runCount": len(edges), "runs": {"edges": edges, "pageInfo": page}}}
        return {"project": {"run": next(n for n in nodes if n["name"] == variables["name"])}}

    def _node(self, name, params, state):
        config = json.dumps({"n_params": {"value": params}, "_wandb": {"value": {}}})
        return {
            "id": f"id-{name}", "name": name, "displayName": "same", "state": state,
            "projectId": 1, "config": config, "summaryMetrics": "{}", "systemMetrics": "{}",
            "historyKeys": {"lastStep": 300, "keys": {}}, "tags": [],
        }  # fmt: skip

    def send_api_request(self, request, timeout=None):
        from wandb.proto import wandb_api_pb2 as pb

        response = pb.ApiResponse()
        asked = request.read_run_history_request
        answer = response.read_run_history_response
        if asked.HasField("scan_run_history_init"):
            self.scans.append(asked.scan_run_history_init.run_id)
            answer.scan_run_history_init.request_id = len(self.scans)
            return response
        params = SIZES[self.scans[asked.scan_run_history.request_id - 1]]
        for step in STEPS:
            row = answer.run_history.history_rows.add()
            cells = {"_step": step, "eval/loss": loss_at(params, step), "tokens": step * 1e6}
            for key, value in cells.items():
                row.history_items.add(key=key, value_json=json.dumps(value))
        return response

    def finalize(self, *args):
        return lambda: None


def recorded_runs(states, name="p"):
    public = pytest.importorskip("wandb.apis.public", reason="the extra wandb is not installed")
    return public.Runs(Recorded(states), "entity", name)


def test_wandb_runs_of_its_api(offline):
    runs = bs.read_runs(recorded_runs(["finished", "finished"]))
    check(runs)
    assert set(runs.table["run"]) == {"same (small)", "same (large)"}
    one = bs.read_runs(recorded_runs(["finished", "finished"])[1])
    assert one.table["params"].tolist() == [4e8] * 3


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (["crashed", "running"], "^W&B has no finished run: 1 crashed, 1 running"),
        ([], "^W&B has no runs"),
    ],
)
def test_wandb_projects_without_finished_runs(states, message):
    with pytest.raises(BayescaleError, match=message):
        bs.read_runs(recorded_runs(states))


def test_other_objects_and_addresses_of_wandb_are_refused(offline):
    import wandb

    with pytest.raises(BayescaleError, match="cannot read runs from Settings of W&B"):
        bs.read_runs(wandb.Settings())
    with pytest.raises(BayescaleError, match="name the project as wandb:entity/project"):
        bs.read_runs("wandb:project")


def test_wandb_counts_calls_of_log(tmp_path):
    """Its own steps are not those of training where each call is one: tokens do not follow."""
    frame = pd.DataFrame(
        {"_step": [1, 2, 3], "batch_tokens": 1e6, "n_params": 1e8, "loss": [3, 2, 1], "run": "a"}
    )
    runs = bs.read_runs(frame)
    assert "tokens" not in runs.table
    assert any("counts calls of log" in note for note in runs.notes)
