"""Tables of Apache Arrow: Parquet and Arrow files, and the frames of polars, pyarrow and others."""

from typing import Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.column_names import refuse_columns
from bayescale.data.limits import refuse_large
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
            if table.metadata.num_rows > limits.MAX_ROWS:
                raise refuse_large(repr(file.name), table.metadata.num_rows)
            frame = table.read().to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise BayescaleError(f"{file.name!r} is not a Parquet file: {error}") from error
    return Loaded(_numbered(frame))


def read_arrow(file: TableFile) -> Loaded:
    """Read an Arrow (Feather, version 2) file, batch by batch."""
    _need_pyarrow(repr(file.name))
    import pyarrow as pa

    try:
        with pa.ipc.open_file(_source(file)) as table:
            refuse_columns(table.schema.names, repr(file.name))
            batches, rows = [], 0
            for place in range(table.num_record_batches):
                batches.append(table.get_batch(place))
                rows += batches[-1].num_rows
                if rows > limits.MAX_ROWS:
                    raise refuse_large(repr(file.name))
            frame = pa.Table.from_batches(batches, table.schema).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise BayescaleError(f"{file.name!r} is not an Arrow file: {error}") from error
    return Loaded(_numbered(frame))


def is_arrow(source: object) -> bool:
    """Whether an object hands out its columns as Arrow does: frames of polars, pyarrow, duckdb."""
    return hasattr(source, "__arrow_c_stream__")


def from_arrow(source: Any) -> pd.DataFrame:
    """Take over a frame of another library.

    Raises
    ------
    BayescaleError
        It is too large, its columns have no distinct names, or pyarrow is not there.
    """
    kind = type(source).__name__
    _need_pyarrow(f"a {kind}")
    import pyarrow as pa

    reader = pa.RecordBatchReader.from_stream(source)
    refuse_columns(reader.schema.names, f"the {kind}")
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        if rows > limits.MAX_ROWS:
            raise refuse_large(f"the {kind}")
    return pa.Table.from_batches(batches, reader.schema).to_pandas()


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


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Number the rows from one; an index with a name is a column."""
    if isinstance(frame.index, pd.MultiIndex) or frame.index.name:
        frame = frame.reset_index()
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame
