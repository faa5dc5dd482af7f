"""TensorBoard: the scalars and hyperparameters of event files, a run per folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.table_files import Loaded, TableFile
from bayescale.data.trackers.tracked_runs import (
    TrackedRun,
    files_below,
    flat_settings,
    tracked_table,
)
from bayescale.errors import BayescaleError

_PATTERN = "*.tfevents.*"


_SPLITS = {"train", "training", "validation", "val", "valid", "eval", "test"}
"""Folders that Keras and others write for the parts of the data of one run."""


def is_event_file(path: Path) -> bool:
    """Whether a file is one of TensorBoard's, by its name."""
    return path.match(_PATTERN)


def event_files(folder: Path) -> list[Path]:
    """List the event files of a folder and of those in it."""
    return files_below(folder, _PATTERN)


def read_event_file(file: TableFile) -> Loaded:
    """Read one event file; its folder names the run."""
    return _table([file.path], file.path.absolute().parent, file)


def read_event_folder(file: TableFile) -> Loaded:
    """Read the event files of a folder: each folder with some is a run, called by its path."""
    return _table(event_files(file.path), file.path.absolute(), file)


@dataclass
class _Events:
    """What the event files of one run hold."""

    settings: dict[str, object] = field(default_factory=dict)
    values: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)


def _table(paths: list[Path], root: Path, file: TableFile) -> Loaded:
    """Read the runs of event files.

    Raises
    ------
    BayescaleError
        A file is damaged, they hold more numbers than the limit, or TensorBoard is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise BayescaleError(
            f"reading {file.name!r} needs TensorBoard: pip install 'bayescale[tensorboard]'"
        ) from error
    runs: dict[Path, _Events] = {}
    count = 0
    for path in paths:
        folder = path.absolute().parent
        split = folder.name if folder != root and folder.name.lower() in _SPLITS else ""
        events = runs.setdefault(folder.parent if split else folder, _Events())
        for tag, step, value in _scalars(path, events.settings):
            count += 1
            if count > limits.MAX_LINES:
                raise BayescaleError(
                    f"{file.name!r} holds more than {limits.MAX_LINES:,} numbers, which is the "
                    "limit: read fewer runs at a time"
                )
            steps, values = events.values.setdefault(_tag(tag, split), ([], []))
            steps.append(step)
            values.append(value)
    for folder in sorted(runs, reverse=True):
        _join_session(folder, runs)
    tracked = (_tracked(folder, root, runs[folder]) for folder in sorted(runs))
    loaded = tracked_table(tracked, file)
    loaded.notes = [f"runs of TensorBoard, a folder each: {len(runs):,}", *loaded.notes]
    return loaded


def _tag(tag: str, split: str) -> str:
    """Name a metric with its part of the data."""
    return tag if not split or tag.lower().startswith(split.lower()) else f"{split}/{tag}"


def _join_session(folder: Path, runs: dict[Path, _Events]) -> None:
    """Hand hyperparameters that were written to a folder of their own to the run above."""
    above = runs.get(folder.parent)
    if above is not None and runs[folder].settings and not above.settings:
        session = runs.pop(folder)
        above.settings = session.settings
        above.values = session.values | above.values


def _tracked(folder: Path, root: Path, events: _Events) -> TrackedRun:
    name = root.name if folder == root else folder.relative_to(root).as_posix()
    metrics = {tag: pd.Series(values, steps) for tag, (steps, values) in events.values.items()}
    return TrackedRun(name, flat_settings(events.settings), metrics)


def _scalars(path: Path, settings: dict[str, object]) -> Iterator[tuple[str, int, float]]:
    """Yield the scalars of one file, and collect its hyperparameters.

    Raises
    ------
    BayescaleError
        The file is damaged.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.compat.tensorflow_stub.errors import OpError

    try:
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name == "hparams":
                    settings |= _hyperparameters(plugin.content)
                elif plugin.plugin_name == "scalars":
                    yield from ((value.tag, event.step, number) for number in _numbers(value))
    except (OpError, DecodeError, OSError, ValueError, TypeError) as error:
        raise BayescaleError(f"cannot read the event file {path.name!r}: {error}") from error


def _numbers(value: Any) -> Iterator[float]:
    from tensorboard.util.tensor_util import make_ndarray

    array = make_ndarray(value.tensor)
    if array.size == 1 and array.dtype.kind in "fiub":
        yield float(array.item())


def _hyperparameters(content: bytes) -> dict[str, Any]:
    """Decode what TensorBoard's HParams know of the start of a session."""
    from tensorboard.plugins.hparams.error import HParamsError
    from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

    try:
        given = parse_session_start_info_plugin_data(content).hparams
    except HParamsError:  # it describes an experiment, or the end of a session
        return {}
    found = {
        name: getattr(value, value.WhichOneof("kind") or "", None) for name, value in given.items()
    }
    return {name: value for name, value in found.items() if isinstance(value, bool | float | str)}
