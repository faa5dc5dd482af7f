"""MLflow: the finished runs of a tracking server, a database or a folder."""

import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pandas as pd

from bayescale.data.number_format import listed
from bayescale.data.table_files import Loaded, TableFile, without_password
from bayescale.data.trackers.tracked_runs import (
    TIMEOUT,
    TrackedRun,
    UnfinishedRuns,
    distinct_run_names,
    flat_settings,
    tracked_table,
)
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_PAGE = 1_000
"""Runs that are asked for at a time."""


_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(TIMEOUT),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What MLflow reads, where the user has not said otherwise: no long waits, nothing sent."""


def read_mlflow(file: TableFile) -> Loaded:
    """Read ``mlflow:URI``, of all experiments or of ``mlflow:URI#experiment``.

    Without a URI it is MLflow's own, that of ``MLFLOW_TRACKING_URI``. Nothing is written: a
    database or folder that is not there, or is none of MLflow's, is refused.

    Raises
    ------
    BayescaleError
        There is no such store or experiment, it cannot be reached, it has no finished run, or
        MLflow is not installed.
    """
    uri, _, experiment = file.address.partition(":")[2].partition("#")
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise BayescaleError(
            "mlflow: needs a tracking URI, as in mlflow:sqlite:///mlflow.db or "
            "mlflow:http://localhost:5000, or the environment variable MLFLOW_TRACKING_URI"
        )
    _check_local(uri, file)
    with _environment():
        try:
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise BayescaleError(
                f"reading {file.name!r} needs MLflow: pip install 'bayescale[mlflow]'"
            ) from error
        try:
            client = MlflowClient(tracking_uri=uri)
            return _read(client, experiment, file)
        except (MlflowException, OSError, ImportError) as error:
            raise BayescaleError(f"cannot read {file.name!r}: {_first_line(error)}") from error


def _read(client: "MlflowClient", experiment: str, file: TableFile) -> Loaded:
    """Read the finished runs of the experiments."""
    names = {found.experiment_id: found.name for found in client.search_experiments()}
    if experiment and experiment not in names.values():
        raise BayescaleError(
            f"{file.name!r}: there is no experiment {experiment!r}; there are "
            f"{listed(map(repr, names.values())) or 'none'}"
        )
    wanted = [key for key, name in names.items() if experiment in ("", name)]
    unfinished = UnfinishedRuns()
    found = [run for run in _runs(client, wanted) if unfinished.finished(run.info.status)]
    if not found:
        raise unfinished.refuse(repr(file.name))
    labels = distinct_run_names(
        [run.info.run_name or "" for run in found], [run.info.run_id[:8] for run in found]
    )
    used = dict.fromkeys(names[run.info.experiment_id] for run in found)
    several = {"experiment"} if len(used) > 1 else set()
    runs = (
        _tracked(client, run, label, {name: names[run.info.experiment_id] for name in several})
        for run, label in zip(found, labels, strict=True)
    )
    loaded = tracked_table(runs, file)
    about = f"finished runs of MLflow: {len(found):,}, experiment {listed(map(repr, used))}"
    loaded.notes = [about, *unfinished.notes(), *loaded.notes]
    return loaded


def _runs(client: "MlflowClient", experiments: list[str]) -> Iterator["Run"]:
    """Yield the runs of experiments, page by page."""
    token = None
    while experiments:
        page = client.search_runs(experiments, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _tracked(client: "MlflowClient", run: "Run", name: str, more: dict[str, object]) -> TrackedRun:
    """Fetch the metrics of a run, but for those of the machine."""
    tags = {key: tag for key, tag in run.data.tags.items() if not key.startswith("mlflow.")}
    settings = {key: _number(text) for key, text in {**tags, **run.data.params}.items()}
    keys = [key for key in run.data.metrics if not key.startswith("system/")]
    metrics = {key: _history(client.get_metric_history(run.info.run_id, key)) for key in keys}
    return TrackedRun(name, flat_settings(more | settings), metrics)


def _history(logged: list[Any]) -> pd.Series:
    """Order the values of a metric by the time at which they were logged."""
    logged = sorted(logged, key=lambda one: one.timestamp)
    return pd.Series([one.value for one in logged], [one.step for one in logged], dtype=float)


def _number(text: str) -> object:
    """Read a setting, which MLflow keeps as text."""
    try:
        return float(text)
    except ValueError:
        return text


def _check_local(uri: str, file: TableFile) -> None:
    """Refuse a database or folder that is not there: MLflow would make a new one.

    Raises
    ------
    BayescaleError
        It is not there, or is no store of MLflow.
    """
    scheme, separator, rest = uri.partition(":")
    if scheme == "sqlite":
        path = Path(rest.removeprefix("///").partition("?")[0])
        if not path.is_file():
            raise BayescaleError(f"{file.name!r}: there is no database {str(path)!r}")
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
                tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
        except sqlite3.Error as error:
            raise BayescaleError(f"{file.name!r} is no SQLite database: {error}") from error
        if not {"experiments", "runs", "metrics"} <= tables:
            raise BayescaleError(f"{file.name!r} is no database of MLflow: it has other tables")
    elif scheme == "file" or not separator:
        path = Path(unquote(rest.removeprefix("//")) if separator else uri)
        if not any(path.glob("*/meta.yaml")):
            raise BayescaleError(f"{file.name!r}: {str(path)!r} is no folder of MLflow's runs")


@contextmanager
def _environment() -> Iterator[None]:
    """Set what MLflow reads from the environment, and drop its warnings, for a while."""
    added = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in added:
            del os.environ[name]


def _first_line(error: Exception) -> str:
    return without_password(str(error).strip().partition("\n")[0])[:300]
