"""Files of runs as data frames, by the suffix of the file."""

from pathlib import Path

import pandas as pd

from bayescale.errors import BayescaleError
from bayescale.runs.delimited import read_delimited
from bayescale.runs.records import read_json, read_json_lines, read_parquet


def load_file(path: Path) -> pd.DataFrame:
    """Read a table by the suffix of its file.

    Parameters
    ----------
    path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` (each also ``.gz``), ``.json`` or
        ``.parquet`` file.

    Returns
    -------
    pandas.DataFrame
        One row a run. The index is the line in the file (``line``), or the number of the record
        (``row``, from 1) where a file has no lines.

    Raises
    ------
    BayescaleError
        The file is absent, no table, empty, or larger than 20,000 rows.
    """
    if not path.exists():
        raise BayescaleError(f"no file {str(path)!r}: check the path")
    if path.is_dir():
        raise BayescaleError(f"{str(path)!r} is a folder: name the file in it")
    suffix = next((s for s in reversed(path.suffixes) if s.lower() != ".gz"), "").lower()
    readers = {
        ".csv": read_delimited,
        ".tsv": read_delimited,
        ".jsonl": read_json_lines,
        ".ndjson": read_json_lines,
        ".json": read_json,
        ".parquet": read_parquet,
    }
    if suffix not in readers:
        raise BayescaleError(
            f"{path.name!r}: do not know how to read {suffix or 'a file without suffix'}; "
            f"save the table as one of {', '.join(readers)}, or pass a DataFrame"
        )
    if path.stat().st_size == 0:
        raise BayescaleError(f"{path.name!r} is empty: it needs a header and one row a run")
    frame = readers[suffix](path)
    if frame.empty:
        raise BayescaleError(f"{path.name!r} has a header but no rows: it needs one row a run")
    return frame
