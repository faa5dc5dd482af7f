"""Tables of Apache Arrow: Parquet and Arrow files, and the frames of polars, pyarrow and others."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.duplicate_columns import refuse_columns
from bayescale.data.histories import gather
from bayescale.data.table_files import Loaded, TableFile
from bayescale.errors import BayescaleError


def read_parquet(file: TableFile) -> Loaded:
    """Read Parquet through pyarrow, which is an optional dependency."""
    _need_pyarrow(repr(file.name))
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(_source(file)) as table:
            refuse_columns(table.schema_arrow.names, repr(file.name))
            batches = table.iter_batches(batch_size=limits.MAX_ROWS)
            return gather(_frames(batches), file)
    except (pa.ArrowException, OSError) as error:
        raise BayescaleError(f"{file.name!r} is not a Parquet file: {error}") from error


def read_arrow(file: TableFile) -> Loaded:
    """Read an Arrow (Feather, version 2) file, batch by batch."""
    _need_pyarrow(repr(file.name))
    import pyarrow as pa

    try:
        with pa.ipc.open_file(_source(file)) as table:
            refuse_columns(table.schema.names, repr(file.name))
            batches = (table.get_batch(place) for place in range(table.num_record_batches))
            return gather(_frames(batches), file)
    except (pa.ArrowException, OSError) as error:
        raise BayescaleError(f"{file.name!r} is not an Arrow file: {error}") from error


def is_arrow(source: object) -> bool:
    """Whether an object hands out its columns as Arrow does: frames of polars, pyarrow, duckdb."""
    return hasattr(source, "__arrow_c_stream__")


def from_arrow(source: Any, asked: TableFile) -> Loaded:
    """Take over a frame of another library.

    Raises
    ------
    BayescaleError
        It is too large, its columns have no distinct names, or pyarrow is not there.
    """
    _need_pyarrow(asked.name)
    import pyarrow as pa

    reader = pa.RecordBatchReader.from_stream(source)
    refuse_columns(reader.schema.names, asked.name)
    return gather(_frames(reader, "", 0), asked)


def _source(file: TableFile) -> Any:
    """What pyarrow reads: the path, or the bytes."""
    import pyarrow as pa

    return str(file.path) if file.content is None else pa.BufferReader(file.content)


def _need_pyarrow(what: str) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise BayescaleError(
            f"reading {what} needs pyarrow: pip install 'bayescale[parquet]'"
        ) from error


def _frames(batches: Iterable[Any], index: str = "row", start: int = 1) -> Iterator[pd.DataFrame]:
    """Turn batches into frames whose rows are numbered; an index with a name is a column."""
    for batch in batches:
        frame = batch.to_pandas()
        if isinstance(frame.index, pd.MultiIndex) or frame.index.name:
            frame = frame.reset_index()
        frame.index = pd.RangeIndex(start, start + len(frame), name=index or None)
        start += len(frame)
        yield frame
