"""Opening a file of text, and the refusals that all formats share."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from bayescale.errors import BayescaleError

MAX_ROWS = 20_000
_HEAD = 1_000_000
_BINARY = {
    b"PK": "a zip archive or an Excel file: export the sheet as CSV",
    b"\x1f\x8b": "compressed: name it .csv.gz or .jsonl.gz",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file, after a look at what it really holds."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rb") as stream:
            _check_head(stream.read(_HEAD), path)
            stream.seek(0)
            with TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
                yield text
    except UnicodeDecodeError as error:
        raise BayescaleError(
            f"{path.name!r} is not UTF-8 text ({error}): save it as UTF-8"
        ) from error
    except (OSError, EOFError) as error:
        raise BayescaleError(f"cannot read {path.name!r}: {error}") from error


def _check_head(head: bytes, path: Path) -> None:
    """Refuse what is no text table, by how it begins."""
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise BayescaleError(f"{path.name!r} is not a text table but {kind}")
    if b"\0" in head:
        raise BayescaleError(f"{path.name!r} is not a table but binary data")
    if head.lstrip()[:1] == b"<":
        raise BayescaleError(
            f"{path.name!r} is not a table but HTML or XML: download the data itself"
        )
    if not head.strip():
        raise BayescaleError(f"{path.name!r} is empty: it needs a header and one row a run")
    if len(head) == _HEAD and b"\n" not in head and b"\r" not in head:
        raise BayescaleError(f"{path.name!r} is not a table: it has no line breaks")


def refuse_large(name: str, rows: int | None = None) -> BayescaleError:
    """Say what to do with a table of too many rows, whose number may not be known."""
    count = f"{rows:,}" if rows else f"more than {MAX_ROWS:,}"
    return BayescaleError(
        f"{name} has {count} rows, and the limit is {MAX_ROWS:,}: a scaling law is fitted to one "
        "row a run, so keep each run's last checkpoint, or thin the checkpoints, and read that"
    )


def refuse_duplicates(names: list[str], where: str) -> None:
    """Refuse a table in which two columns have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BayescaleError(
            f"{where} has several columns named {', '.join(map(repr, twice))}: rename all but one"
        )
