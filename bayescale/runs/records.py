"""JSON lines, JSON and Parquet."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.errors import BayescaleError
from bayescale.runs.opening import (
    MAX_ROWS,
    open_text,
    refuse_duplicates,
    refuse_large,
)

_MAX_JSON_BYTES = 100_000_000


def read_json_lines(path: Path) -> pd.DataFrame:
    """Read one JSON object a line."""
    lines, records = [], []
    with open_text(path) as stream:
        numbered = ((line, text) for line, text in enumerate(stream, start=1) if text.strip())
        try:
            for line, text in islice(numbered, MAX_ROWS + 1):
                lines.append(line)
                records.append(_record(json.loads(text), f"{path.name!r}, line {line}"))
        except json.JSONDecodeError as error:
            raise BayescaleError(
                f"{path.name!r}, line {lines[-1]}: not JSON ({error.msg}); "
                'each line must be one object, as in {"params": 7e9, "loss": 2.1}'
            ) from error
    if len(records) > MAX_ROWS:
        raise refuse_large(repr(path.name))
    return pd.DataFrame(records, index=pd.Index(lines, name="line"))


def read_json(path: Path) -> pd.DataFrame:
    """Read a JSON list of objects."""
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise BayescaleError(
            f"{path.name!r} is over 100 MB: save one row a run, as CSV or JSON lines"
        )
    with open_text(path) as stream:
        try:
            records = json.load(stream)
        except json.JSONDecodeError as error:
            raise BayescaleError(
                f"{path.name!r}, line {error.lineno}: not JSON ({error.msg}); "
                "if each line is one object, name it .jsonl"
            ) from error
    if not isinstance(records, list):
        raise BayescaleError(f"{path.name!r} must hold a list of objects, one a run")
    if len(records) > MAX_ROWS:
        raise refuse_large(repr(path.name), len(records))
    rows = [
        _record(record, f"{path.name!r}, record {n}") for n, record in enumerate(records, start=1)
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="row"))


def _record(value: object, where: str, prefix: str = "") -> dict[str, Any]:
    """Flatten one object: {"metrics": {"loss": 2}} becomes {"metrics.loss": 2}."""
    if not isinstance(value, dict):
        raise BayescaleError(f'{where}: expected an object such as {{"params": 7e9, "loss": 2.1}}')
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _record(item, where, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(item) if isinstance(item, list) else item
    return flat


def read_parquet(path: Path) -> pd.DataFrame:
    """Read Parquet through pyarrow, which is an optional dependency."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BayescaleError(
            f"reading {path.name!r} needs pyarrow: pip install 'bayescale[parquet]'"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            refuse_duplicates(file.schema_arrow.names, repr(path.name))
            if file.metadata.num_rows > MAX_ROWS:
                raise refuse_large(repr(path.name), file.metadata.num_rows)
            frame = file.read().to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise BayescaleError(f"{path.name!r} is not a Parquet file: {error}") from error
    if isinstance(frame.index, pd.MultiIndex) or frame.index.name:
        frame = frame.reset_index()
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame
