"""JSON as tables: lines or lists of objects, objects by run, by column, and files of trackers."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import batched
from typing import Any, TextIO

import pandas as pd

from bayescale.data import limits
from bayescale.data.aliases import KINDS, interpret
from bayescale.data.duplicate_columns import refuse_columns
from bayescale.data.histories import gather
from bayescale.data.number_format import listed
from bayescale.data.table_files import Loaded, TableFile, encoding_notes, open_text
from bayescale.errors import BayescaleError


def read_json_lines(file: TableFile) -> Loaded:
    """Read one JSON object a line."""
    with open_text(file) as stream:
        pieces = batched(_numbered_records(stream, file), limits.MAX_ROWS)
        frames = (
            _frame(
                [record for _, record in piece], pd.Index([n for n, _ in piece], name="line"), file
            )
            for piece in pieces
        )
        loaded = gather(frames, file)
        loaded.notes = [*encoding_notes(stream), *loaded.notes]
    refuse_columns(list(map(str, loaded.frame.columns)), repr(file.name))
    return loaded


def _numbered_records(stream: TextIO, file: TableFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects and the lines they stand on."""
    for line, text in enumerate(limits.limited_lines(stream, file.name), start=1):
        if text.strip():
            try:
                yield line, _record(json.loads(text), f"{file.name!r}, line {line}")
            except (ValueError, RecursionError) as error:
                raise BayescaleError(
                    f"{file.name!r}, line {line}: not JSON ({_fault(error)}); "
                    'each line must be one object, as in {"params": 7e9, "loss": 2.1}'
                ) from error


def read_json(file: TableFile) -> Loaded:
    """Read a JSON list of objects, an object by run or by column, or a tracker's file."""
    with open_text(file) as stream:
        text, notes = stream.read(limits.MAX_TEXT + 1), encoding_notes(stream)
    if len(text) > limits.MAX_TEXT:
        raise limits.too_long(file.name)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BayescaleError(
            f"{file.name!r}{line}: not JSON ({_fault(error)}); "
            "if each line is one object, name it .jsonl"
        ) from error
    records = _records(content, file, notes) if isinstance(content, dict) else content
    if not isinstance(records, list):
        raise BayescaleError(
            f"{file.name!r} must hold a list of objects, one a run, or an object of them by name"
        )
    rows = [
        _record(record, f"{file.name!r}, record {n}") for n, record in enumerate(records, start=1)
    ]
    loaded = gather([_frame(rows, pd.RangeIndex(1, len(rows) + 1, name="row"), file)], file)
    loaded.notes = [*notes, *loaded.notes]
    return loaded


def _records(content: dict[str, Any], file: TableFile, notes: list[str]) -> Any:
    """Find the records in an object."""
    if isinstance(content.get("log_history"), list):
        return _trainer_history(content, file, notes)
    results = content.get("results")
    if isinstance(results, dict) and {"config", "versions", "configs"} & set(content):
        notes.append("one run: the results of lm-evaluation-harness, a column per task and metric")
        return [_evaluation(content, results)]
    if len(content) == 1 and isinstance(only := next(iter(content.values())), list | dict):
        name = next(iter(content))
        if isinstance(only, list) and all(isinstance(r, dict) for r in only) and only:
            notes.append(f"the runs are the list {name!r}")
            return only
    names, cells = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(cells, list) and _is_grid(names, cells):
        notes.append("a table of W&B or pandas: the names of the columns, and rows of cells")
        return [dict(zip(names, row, strict=True)) for row in cells]
    lists = {k: v for k, v in content.items() if _is_records(v)}
    if len(lists) == len(content) > 1:
        notes.append("lists of records by name: each is a run's checkpoints, called by it")
        return [_called(name, record) for name, several in lists.items() for record in several]
    if len(lists) == 1 and not any(
        isinstance(v, list) and v for k, v in content.items() if k not in lists
    ):
        ((name, only),) = lists.items()
        left = listed(repr(key) for key in content if key != name)
        notes.append(f"the runs are the list {name!r}; {left} beside it: left out")
        return only
    if content and all(map(_is_columns, content.values())):
        notes.append("columns by name: each is a run's checkpoints, called by it")
        return [row for name, one in content.items() for row in _checkpoints(name, one)]
    if content and all(isinstance(value, dict) for value in content.values()):
        if any(interpret(name) for name in content):
            return _by_column({k: list(v.values()) for k, v in content.items()}, content, notes)
        if groups := _groups(content):
            notes.append("objects of runs by name, in groups: each is one run, called by it")
            return groups
        notes.append("an object of records by name: each is one run, called by it")
        return [_called(name, record) for name, record in content.items()]
    if content and all(isinstance(value, list) for value in content.values()):
        return _by_column(content, {}, notes)
    return None


def _is_grid(names: list[Any], rows: list[Any]) -> bool:
    """Whether names are distinct texts, and each row holds a cell for each."""
    texts = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return texts and all(isinstance(row, list) and len(row) == len(names) for row in rows)


def _groups(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of groups by name; none where the inner objects are parts of one run."""
    runs = [run for group in content.values() for run in group.values()]
    if len(content) < 2 or not all(map(_is_whole_run, runs)):
        return []
    return [
        _called(name, {"group": key, **run})
        for key, group in content.items()
        for name, run in group.items()
    ]


def _is_whole_run(value: object) -> bool:
    """Whether an object holds a loss and another quantity."""
    found = {m.name for m in map(interpret, value) if m} if isinstance(value, dict) else set()
    return "loss" in found and len(found & set(KINDS)) > 1


def _is_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(r, dict) for r in value)


def _is_columns(value: object) -> bool:
    """Whether a value is an object of lists of one length, and numbers or words beside them."""
    if not isinstance(value, dict):
        return False
    lists = [cells for cells in value.values() if isinstance(cells, list)]
    objects = any(isinstance(cell, dict) for cell in value.values())
    return not objects and len({len(cells) for cells in lists}) == 1 and bool(lists[0])


def _checkpoints(name: str, columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Turn the lists of one run into records; what is no list holds for each."""
    lists = {key: cells for key, cells in columns.items() if isinstance(cells, list)}
    return [
        _called(name, {**columns, **dict(zip(lists, row, strict=True))})
        for row in zip(*lists.values(), strict=True)
    ]


def _called(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """A record of a run, with its name."""
    return {"key" if "run" in record else "run": name, **record}


def _by_column(
    columns: Mapping[str, list[Any]], keyed: Mapping[str, dict[str, Any]], notes: list[str]
) -> list[dict[str, Any]] | None:
    """Turn lists of equal length, or objects of the same keys, into records."""
    keys = {tuple(cells) for cells in keyed.values()}
    if len({len(cells) for cells in columns.values()}) != 1 or len(keys) > 1:
        return None
    notes.append("an object of columns: each place in them is one row")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _trainer_history(
    content: dict[str, Any], file: TableFile, notes: list[str]
) -> list[dict[str, Any]]:
    """Read ``trainer_state.json`` of Hugging Face: a row per evaluation, or per logged loss."""
    entries = [entry for entry in content["log_history"] if isinstance(entry, dict)]
    evaluated = [entry for entry in entries if "eval_loss" in entry]
    logged = [entry for entry in entries if "loss" in entry]
    rows = [dict(entry) for entry in evaluated or logged or entries]
    by_step: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        seen = {k: v for k, v in entry.items() if k in ("num_input_tokens_seen", "total_flos")}
        by_step.setdefault(str(entry.get("step")), {}).update(seen)
    run = content.get("trial_name") or file.path.parent.name
    for row in rows:
        row.update(by_step.get(str(row.get("step")), {}) | row)
        row["total_flops"] = row.pop("total_flos", None)
        row["run"] = str(run or "trainer")
    if rows and rows[-1].get("step") == content.get("global_step"):
        last = {"total_flops": content.get("total_flos"), "num_input_tokens_seen": None}
        last["num_input_tokens_seen"] = content.get("num_input_tokens_seen")
        rows[-1].update({k: v for k, v in last.items() if v and rows[-1].get(k) is None})
    if _spread_flops(rows):
        notes.append("total_flos of the last row are shared out in proportion to the tokens")
    kind = "evaluations" if evaluated else "logged losses"
    notes.append(f"the history of a Hugging Face trainer: {len(rows):,} {kind} of one run")
    return [{k: v for k, v in row.items() if v is not None} for row in rows]


def _spread_flops(rows: list[dict[str, Any]]) -> bool:
    """Give each row its FLOP, where tokens are known throughout and FLOP at the end."""
    tokens = [row.get("num_input_tokens_seen") for row in rows]
    if not (rows and all(tokens) and rows[-1]["total_flops"]):
        return False
    each = rows[-1]["total_flops"] / tokens[-1]
    lacking = [row for row in rows if not row["total_flops"]]
    for row in lacking:
        row["total_flops"] = each * row["num_input_tokens_seen"]
    return bool(lacking)


def _evaluation(content: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Read a result file of lm-evaluation-harness: one run, a column per task and metric."""
    config = content.get("config")
    config = config if isinstance(config, dict) else {}
    found = {
        "run": content.get("model_name") or config.get("model_args") or config.get("model"),
        "params": config.get("model_num_parameters"),
    }
    row = {name: value for name, value in found.items() if value is not None}
    for task, metrics in results.items():
        for metric, value in metrics.items() if isinstance(metrics, dict) else ():
            name = metric.removesuffix(",none").replace(",", "_").replace("_stderr", "_se")
            if metric != "alias":
                row[f"{task}/{name}"] = None if value == "N/A" else value
    return row


def _fault(error: Exception) -> str:
    """What is wrong with a text that is not JSON."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _frame(records: list[dict[str, Any]], index: pd.Index, file: TableFile) -> pd.DataFrame:
    """Make a table of records, whose keys are its columns."""
    refuse_columns({name for one in records for name in one}, repr(file.name))
    return pd.DataFrame(records, index=index)


def _refuse_surrogates(text: object, where: str) -> None:
    r"""Refuse what JSON can write and no file of text can hold: half a character, ``\ud800``."""
    if isinstance(text, str) and not text.isascii() and re.search("[\ud800-\udfff]", text):
        raise half_character(where, text)


def half_character(where: str, text: str) -> BayescaleError:
    """Say that a text holds a lone surrogate, which no file of text can."""
    return BayescaleError(
        f"{where}: {text[:60]!r} holds half a character, a lone surrogate: correct it"
    )


def _record(value: object, where: str, prefix: str = "") -> dict[str, Any]:
    """Flatten one object: {"metrics": {"loss": 2}} becomes {"metrics.loss": 2}."""
    if not isinstance(value, dict):
        raise BayescaleError(f'{where}: expected an object such as {{"params": 7e9, "loss": 2.1}}')
    flat: dict[str, Any] = {}
    for key, item in value.items():
        _refuse_surrogates(key, where)
        if isinstance(item, dict) and "value" in item and item.keys() <= {"value", "desc"}:
            item = item["value"]  # a setting as W&B saves it
        if isinstance(item, dict):
            flat |= _record(item, where, f"{prefix}{key}.")
        else:
            _refuse_surrogates(item, where)
            flat[f"{prefix}{key}"] = json.dumps(item) if isinstance(item, list) else item
    return flat
