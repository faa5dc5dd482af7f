"""Files of tables as streams: decompressed while they are read, and looked at before."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pandas as pd

from bayescale.errors import BayescaleError

_HEAD = 1_000_000


_MEMORY = 2**27
"""Bytes that decompressing may take: its window is declared by the file."""


_PIECE = 1_024
"""Bytes that are decoded at a time: no more than some 10 MB come of them."""


_BINARY = {
    b"PK": "a zip archive or an Excel file: export the sheet as CSV, or name it .xlsx",
    b"\x1f\x8b": "compressed: name it .csv.gz or .jsonl.gz",
    b"\xfd7zXZ": "compressed: name it .csv.xz or .jsonl.xz",
    b"BZh": "compressed: name it .csv.bz2 or .jsonl.bz2",
    b"\x28\xb5\x2f\xfd": "compressed: name it .csv.zst or .jsonl.zst",
    b"PAR1": "a Parquet file: name it .parquet",
    b"ARROW1": "an Arrow file: name it .arrow",
    b"FEA1": "a Feather file of version 1: save it as version 2",
}


_UNICODE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a text is encoded in that begins with a byte order mark, the longer marks first."""


_WESTERN = "cp1252"
"""What a text is taken for that is not UTF-8: spreadsheets of western Europe write it."""


_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\f\r")
"""Bytes that no text has."""


@dataclass(frozen=True)
class TableFile:
    """A file of a table, the bytes of one that came by standard input, or an address."""

    path: Path
    """Where it is; of bytes, a name."""
    content: bytes | None = None
    """The bytes, where it is no file."""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """What the user said of its columns, by canonical name."""
    decimal: str | None = None
    """What the user said marks decimals."""
    address: str = ""
    """Where it is, where that is no path: ``mlflow:http://localhost:5000``."""

    @property
    def name(self) -> str:
        """The name, for messages; of an address without the user's name and password."""
        return without_password(self.address) or self.path.name


def without_password(text: str) -> str:
    """Leave the user and password of addresses out of a text.

    >>> without_password("cannot reach http://ann:secret@localhost:5000/api")
    'cannot reach http://localhost:5000/api'
    """
    return re.sub(r"(?<=//)[^/@\s]*@", "", text)


@dataclass
class Loaded:
    """A table as it is in its file."""

    frame: pd.DataFrame
    """One row per run, or checkpoint; cells of text files are text."""
    delimiter: str | None = None
    """What separates the columns of a text file, whose cells are all text."""
    rejected: dict[int, str] = field(default_factory=dict)
    """Why a line is no row, by its number."""
    notes: list[str] = field(default_factory=list)
    """What a user should know."""


class _Decompressed(io.RawIOBase):
    """A stream of what a compressed file holds, decoded a piece at a time.

    Unlike readers of whole files it refuses one that ends too early, and a declared window that
    takes more than `_MEMORY`.
    """

    def __init__(self, raw: BinaryIO, decoder: Callable[[], Any]) -> None:
        self._raw, self._ready = raw, b""
        self._make, self._decoder, self._started = decoder, decoder(), False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            rest = b""
            if self._decoder.eof:  # another frame may follow, or padding
                rest = self._decoder.unused_data.lstrip(b"\0")
                self._decoder, self._started = self._make(), False
            piece = rest or self._raw.read(_PIECE)
            if not self._started:
                piece = piece.lstrip(b"\0")
            if not piece:
                if self._started:
                    raise EOFError("the compressed file ends too early")
                return 0
            self._started = True
            self._ready = self._decoder.decompress(piece)
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def _unzip_xz(raw: BinaryIO) -> Any:
    return io.BufferedReader(_Decompressed(raw, lambda: lzma.LZMADecompressor(memlimit=_MEMORY)))


def _unzip_zst(raw: BinaryIO) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise BayescaleError(
            "reading .zst needs zstandard: pip install 'bayescale[zstd]'"
        ) from error
    decoder = zstandard.ZstdDecompressor(max_window_size=_MEMORY)
    return io.BufferedReader(_Decompressed(raw, decoder.decompressobj))


COMPRESSIONS: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda raw: gzip.GzipFile(fileobj=raw),
    ".bz2": bz2.BZ2File,
    ".xz": _unzip_xz,
    ".zst": _unzip_zst,
}
"""How to decompress, by the suffix."""


@contextmanager
def open_bytes(file: TableFile) -> Iterator[BinaryIO]:
    """Open a file, decompressed by its suffix."""
    unzip = COMPRESSIONS.get(file.path.suffix.lower())
    raw = open(file.path, "rb") if file.content is None else io.BytesIO(file.content)  # noqa: SIM115
    with raw:
        yield unzip(raw) if unzip else raw


@contextmanager
def open_text(file: TableFile) -> Iterator[TextIO]:
    """Open a text file, after a look at what it really holds.

    Raises
    ------
    BayescaleError
        It cannot be read, decompressed or decoded, or is no text.
    """
    try:
        with open_bytes(file) as stream:
            head = stream.read(_HEAD)
        encoding = _encoding(head)
        _check_head(head, encoding, file)
        with (
            open_bytes(file) as stream,
            TextIOWrapper(stream, encoding=encoding, newline="") as text,
        ):
            yield text
    except UnicodeError as error:
        raise BayescaleError(
            f"{file.name!r} is not UTF-8 text ({error}): save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BayescaleError(f"cannot read {file.name!r}: {error}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":  # an optional package's own
            raise
        raise BayescaleError(f"cannot read {file.name!r}: {error}") from error


def encoding_notes(text: TextIO) -> list[str]:
    """Say what a text was taken for that is not UTF-8."""
    if text.encoding != _WESTERN:
        return []
    return [
        f"not UTF-8: read as Western European text ({_WESTERN}), letters with accents may differ"
    ]


def _encoding(head: bytes) -> str:
    """Return what a text is encoded in, by how it begins."""
    for mark, name in _UNICODE.items():
        if head.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return _WESTERN
    return "utf-8-sig"


def _check_head(head: bytes, encoding: str, file: TableFile) -> None:
    """Refuse what is no text table, by how it begins."""
    if encoding in _UNICODE.values():
        head = head.decode(encoding, errors="ignore").encode()
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise BayescaleError(f"{file.name!r} is not a text table but {kind}")
    if b"\0" in head or (encoding == _WESTERN and not _CONTROLS.isdisjoint(head)):
        raise BayescaleError(f"{file.name!r} is not a table but binary data")
    if head.lstrip()[:1] == b"<":
        raise BayescaleError(
            f"{file.name!r} is not a table but HTML or XML: download the data itself"
        )
    if not head.strip():
        raise BayescaleError(f"{file.name!r} is empty: it needs a header and one row per run")
    if len(head) == _HEAD and b"\n" not in head and b"\r" not in head:
        raise BayescaleError(f"{file.name!r} is not a table: it has no line breaks")
