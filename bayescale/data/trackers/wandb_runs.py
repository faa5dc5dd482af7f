"""W&B: the finished runs of a project, objects of its API, and the files of offline runs."""

import json
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.table_files import Loaded, TableFile, open_bytes
from bayescale.data.trackers.tracked_runs import (
    TIMEOUT,
    TrackedRun,
    UnfinishedRuns,
    distinct_run_names,
    files_below,
    flat_settings,
    is_step,
    tracked_table,
)
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from wandb.apis.public import Run

_BLOCK = 32_768
"""Bytes of a block of a ``.wandb`` file: a record is cut where one ends."""


_HEADER = 7
"""Bytes before the first record, and before each part of one."""


_FIRST, _MIDDLE = 2, 3
"""Kinds of part that another one follows."""


def is_wandb(source: object) -> bool:
    """Whether an object is one of W&B's, by the package of its class."""
    return type(source).__module__.partition(".")[0] == "wandb"


def read_wandb(file: TableFile) -> Loaded:
    """Read ``wandb:entity/project``, or a run of it, ``wandb:entity/project/id``.

    Raises
    ------
    BayescaleError
        There is no such project, it cannot be reached, it has no finished run, or W&B is not
        installed.
    """
    wandb = _wandb(file)
    path = file.address.partition(":")[2].strip("/")
    if path.count("/") not in (1, 2):
        raise BayescaleError(f"{file.name!r}: name the project as wandb:entity/project")
    try:
        api = wandb.Api(timeout=TIMEOUT)
        runs = api.runs(path) if path.count("/") == 1 else [api.run(path)]
        return _table(runs, file)
    except BayescaleError:
        raise
    except (wandb.errors.Error, ValueError, OSError) as error:
        raise BayescaleError(f"cannot read {file.name!r}: {error}") from error


def from_wandb(source: Any, asked: TableFile) -> Loaded:
    """Take over an object of W&B's API: its runs, one run, or the API with its default project.

    Raises
    ------
    BayescaleError
        It is another one, or its runs cannot be read.
    """
    wandb = _wandb(asked)
    from wandb.apis.public import Run, Runs

    try:
        if isinstance(source, wandb.Api):
            if not source.settings.get("project"):
                raise BayescaleError(
                    "the W&B API has no default project: give api.runs('entity/project')"
                )
            source = source.runs()
        if isinstance(source, Run):
            source = [source]
        elif not isinstance(source, Runs):
            raise BayescaleError(
                f"cannot read runs from {type(source).__name__} of W&B: give "
                "wandb.Api().runs('entity/project'), or one of its runs"
            )
        return _table(source, asked)
    except BayescaleError:
        raise
    except (wandb.errors.Error, ValueError, OSError) as error:
        raise BayescaleError(f"cannot read {asked.name}: {error}") from error


def read_wandb_file(file: TableFile) -> Loaded:
    """Read the ``.wandb`` file of one run, as offline mode leaves it."""
    run = offline_run(file)
    if run is None:
        raise BayescaleError(f"{file.name!r}: the run has not finished")
    return tracked_table([run], file)


def wandb_files(folder: Path) -> list[Path]:
    """List the ``.wandb`` files of a folder and of those in it, each once."""
    found = {path.resolve(): path for path in reversed(files_below(folder, "*.wandb"))}
    return sorted(found.values())


def read_wandb_folder(file: TableFile) -> Loaded:
    """Read the ``.wandb`` files of a folder, a run each.

    Raises
    ------
    BayescaleError
        None of the runs has finished, a file is damaged, or W&B is not installed.
    """
    paths = wandb_files(file.path)
    runs = [offline_run(replace(file, path=path)) for path in paths]
    ended = [(path, run) for path, run in zip(paths, runs, strict=True) if run is not None]
    unfinished = UnfinishedRuns(Counter({"not ended": len(runs) - len(ended)}))
    if not ended:
        raise unfinished.refuse(f"the folder {file.name!r}")
    names = distinct_run_names([run.name for _, run in ended], [path.stem for path, _ in ended])
    named = [replace(run, name=name) for (_, run), name in zip(ended, names, strict=True)]
    loaded = tracked_table(named, file)
    loaded.notes = [f"finished runs of W&B: {len(named):,}", *unfinished.notes(), *loaded.notes]
    return loaded


def offline_run(file: TableFile) -> TrackedRun | None:
    """Read a ``.wandb`` file; None for a run that has not finished well.

    Raises
    ------
    BayescaleError
        It is no such file, too long, or W&B is not installed.
    """
    _wandb(file)
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue]

    name, ended = "", False
    config: dict[str, object] = {}
    rows: list[dict[str, object]] = []
    try:
        for content in _records(file):
            record = Record.FromString(content)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                name = record.run.display_name or record.run.run_id
                config |= _items(record.run.config.update)
            elif kind == "config":
                config |= _items(record.config.update)
            elif kind == "history":
                rows.append(_items(record.history.item))
            elif kind == "exit":
                ended = record.exit.exit_code == 0
    except BayescaleError:
        raise
    except (DecodeError, struct.error, ValueError, RecursionError) as error:
        raise BayescaleError(f"{file.name!r} is not a file of W&B: {error}") from error
    if not name:
        raise BayescaleError(f"{file.name!r} is not a file of W&B: it names no run")
    return _tracked(name, config, rows) if ended else None


def _wandb(file: TableFile) -> Any:
    try:
        import wandb
    except ImportError as error:
        raise BayescaleError(
            f"reading {file.name!r} needs W&B: pip install 'bayescale[wandb]'"
        ) from error
    return wandb


def _table(runs: Iterable["Run"], file: TableFile) -> Loaded:
    """Read the finished ones of a project's runs, each when its turn comes."""
    unfinished = UnfinishedRuns()
    found = [run for run in runs if unfinished.finished(run.state)]
    if not found:
        raise unfinished.refuse(file.name)
    names = distinct_run_names([run.name or "" for run in found], [run.id for run in found])
    tracked = (
        _tracked(name, run.config, list(run.scan_history()))
        for name, run in zip(names, found, strict=True)
    )
    loaded = tracked_table(tracked, file)
    loaded.notes = [f"finished runs of W&B: {len(found):,}", *unfinished.notes(), *loaded.notes]
    return loaded


def _tracked(name: str, config: dict[str, object], history: list[dict[str, object]]) -> TrackedRun:
    """Collect what a run logged; rows of one step are one."""
    settings = {key: value for key, value in config.items() if not key.startswith("_")}
    values: dict[str, dict[int, float]] = {}
    steps: list[int] = []
    for place, row in enumerate(history):
        number = row.get("_step", place)
        step = int(number) if isinstance(number, int | float) else place
        steps.append(step)
        for key, value in row.items():
            if key.startswith("_") or isinstance(value, bool):
                continue
            number = _number(value)
            if number is not None:
                values.setdefault(key, {})[step] = number
    metrics = {key: pd.Series(list(v.values()), list(v)) for key, v in values.items()}
    return TrackedRun(name, flat_settings(settings), metrics, _step_name(steps, metrics))


def _step_name(steps: list[int], metrics: Iterable[str]) -> str:
    """Call W&B's own count ``_step`` where it may count calls of log, and not steps of training."""
    counts_calls = len(steps) > 1 and max(steps) - min(steps) == len(set(steps)) - 1
    return "_step" if counts_calls and not any(map(is_step, metrics)) else "step"


def _number(value: object) -> float | None:
    """Read a logged number; W&B writes those that JSON has not as words."""
    if isinstance(value, int | float):
        return float(value)
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else None


def _items(items: Iterable[Any]) -> dict[str, object]:
    """Decode keys, nested ones with dots, and their values."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(file: TableFile) -> Iterator[bytes]:
    """Yield the records of a ``.wandb`` file: a log of LevelDB, after a header of its own.

    Raises
    ------
    BayescaleError
        It has another beginning, is damaged, or is longer than the limit.
    """
    with open_bytes(file) as stream:
        if stream.read(_HEADER)[:4] != b":W&B":
            raise BayescaleError(f"{file.name!r} is not a file of W&B: it begins otherwise")
        place, record = _HEADER, b""
        while place <= limits.MAX_TEXT:
            left = _BLOCK - place % _BLOCK
            if left < _HEADER:
                stream.read(left)
                place += left
                continue
            head = stream.read(_HEADER)
            if len(head) < _HEADER:
                return
            check, size, kind = struct.unpack("<IHB", head)
            part = stream.read(size)
            if len(part) < size:  # the run was stopped while it wrote
                return
            if zlib.crc32(part, zlib.crc32(bytes([kind]))) != check:
                raise BayescaleError(f"{file.name!r} is damaged at byte {place:,}")
            record += part
            place += _HEADER + size
            if kind not in (_FIRST, _MIDDLE):
                yield record
                record = b""
    raise limits.too_long(file.name)
