"""Check a model file while reading it: every key known, every value of its kind.

>>> from bayescale.studies.schema import Table
>>> table = Table({"alpha": [0.1, "0.8"], "D": "1.4T", "beta": [0.8, 0.1]}, "mine.toml", "priors")
>>> table.interval("alpha"), table.number("D")
((0.1, 0.8), 1400000000000.0)
>>> table.interval("beta")
Traceback (most recent call last):
bayescale.errors.BayescaleError: mine.toml: priors.beta is [0.8, 0.1]: it must be two numbers, \
the lower one first
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError, closest

T = TypeVar("T")


Default = TypeVar("Default")


MAX_SIZE = 100_000
"""Bytes of a model file or scenario file."""


class Table:
    """A table of a model file, read key by key; :meth:`finish` finds the keys nobody asked for.

    Parameters
    ----------
    values : mapping
        What the table holds.
    source, name : str
        The file, and the table's dotted name in it ("" for the file itself), for messages.
    kind : str
        What the file is, for messages.

    Raises
    ------
    BayescaleError
        From every method, naming the file and the key.
    """

    def __init__(self, values: Any, source: str, name: str = "", kind: str = "model file") -> None:
        self.source, self.name, self.kind = source, name, kind
        self._known: list[str] = []
        if not isinstance(values, Mapping):
            raise self.error("", f"is {values!r}: it must be a table of keys")
        self._values = values

    def error(self, key: str, message: str) -> BayescaleError:
        """Make the error that says where in the file something is wrong."""
        place = ".".join(part for part in (self.name, key) if part)
        return BayescaleError(
            f"{self.source}: {place} {message}" if place else f"{self.source} {message}"
        )

    def take(self, key: str) -> Any:
        """Return the value of a key that must be there."""
        if not self._has(key):
            raise self.error(key, f"is missing{closest(key, list(self._values))}")
        return self._values[key]

    def get(self, key: str, read: "Callable[[Table, str], T]", default: Default) -> T | Default:
        """Read a key by ``read``, such as ``Table.text``, where it is there."""
        return read(self, key) if self._has(key) else default

    def text(self, key: str) -> str:
        """Read some text."""
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"is {value!r}: it must be text in quotes")
        return value.strip()

    def number(self, key: str) -> float:
        """Read a number, or a quantity such as ``"7B"``."""
        return self._number(key, self.take(key))

    def positive(self, key: str) -> float:
        """Read a number above zero."""
        value = self.number(key)
        if value <= 0:
            raise self.error(key, f"is {value:g}: it must be above zero")
        return value

    def probability(self, key: str) -> float:
        """Read a number between zero and one."""
        value = self.number(key)
        if not 0 < value < 1:
            raise self.error(key, f"is {value:g}: it must lie between 0 and 1, such as 0.95")
        return value

    def whole(self, key: str) -> int:
        """Read a whole number of zero or more."""
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(key, f"is {value!r}: it must be a whole number, 0 or more")
        return value

    def levels(self, key: str) -> tuple[float, ...]:
        """Read a list of one or more numbers."""
        value = self.take(key)
        if not isinstance(value, list | tuple) or not value:
            raise self.error(key, f"is {value!r}: it must be a list of numbers")
        return tuple(self._number(key, item) for item in value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of one or more texts."""
        value = self.take(key)
        if not isinstance(value, list | tuple) or not value:
            raise self.error(key, f"is {value!r}: it must be a list of texts in quotes")
        return tuple(
            Table({key: item}, self.source, self.name, self.kind).text(key) for item in value
        )

    def interval(self, key: str) -> tuple[float, float]:
        """Read ``[low, high]``."""
        value = self.take(key)
        ends = self.levels(key) if isinstance(value, list | tuple) else ()
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise self.error(key, f"is {value!r}: it must be two numbers, the lower one first")
        return ends[0], ends[1]

    def prior(self, key: str) -> tuple[float, float] | float:
        """Read ``[low, high]`` or a fixed value."""
        return self.interval(key) if isinstance(self.take(key), list | tuple) else self.number(key)

    def table(self, key: str) -> "Table":
        """Return the table under a key."""
        return Table(self.take(key), self.source, self._join(key), self.kind)

    def tables(self, key: str) -> list["Table"]:
        """Return the ``[[key]]`` tables, none when there is no such key."""
        found = self.get(key, Table.take, [])
        if not isinstance(found, list | tuple):
            raise self.error(key, f"must be written [[{key}]], once for each")
        return [
            Table(values, self.source, f"{self._join(key)} no. {place}", self.kind)
            for place, values in enumerate(found, start=1)
        ]

    def mapping(
        self, key: str, read: "Callable[[Table, str], T]", required: bool = False
    ) -> dict[str, T]:
        """Read a table of free keys, each value by ``read``, such as ``Table.number``."""
        table = self.table(key) if required or self._has(key) else Table({}, self.source)
        if required and not table._values:
            raise self.error(key, "is empty")
        return {name: read(table, name) for name in table._values}

    def finish(self) -> None:
        """Raise for the first key that nobody asked for."""
        unknown = [key for key in self._values if key not in self._known]
        if unknown:
            known = list(dict.fromkeys(self._known))
            raise self.error(
                unknown[0],
                f"is not a key of a {self.kind}{closest(unknown[0], known)}; "
                f"the keys here are {', '.join(known)}",
            )

    def _has(self, key: str) -> bool:
        self._known.append(key)
        return key in self._values

    def _join(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _number(self, key: str, value: Any) -> float:
        try:
            return parse_quantity(value)
        except BayescaleError as error:
            raise self.error(key, f"is no number: {error}") from error


def packaged(inside: str = "") -> dict[str, Path]:
    """Return the model files that come with bayescale by name, or those of a folder in them.

    They lie inside the package in a wheel, and beside it in a checkout.
    """
    package = Path(__file__).parents[1]
    within = package / "_models"
    folder = within if within.is_dir() else package.parent / "models"
    return {path.stem: path for path in sorted((folder / inside).glob("*.toml"))}


def find(name_or_path: str | Path, known: Mapping[str, Path], kind: str) -> Path:
    """Return the path of a model file: one that comes with bayescale, or another.

    Raises
    ------
    BayescaleError
        When there is none.
    """
    path = Path(name_or_path)
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    if path.is_file():
        return path
    wanted = path.stem if path.suffix == ".toml" else str(name_or_path)
    raise BayescaleError(
        f"no {kind} file {str(name_or_path)!r}{closest(wanted, known)}; the {kind}s that come with "
        f"bayescale are {', '.join(known)}. One of your own is given by its path"
    )


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """Read a model file or the like, up to :data:`MAX_SIZE`.

    Raises
    ------
    BayescaleError
        When it cannot be read, is too large or nested too deeply, or is not TOML.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise BayescaleError(f"{path}: the {kind} file cannot be read: {error.strerror}") from error
    if len(content) > MAX_SIZE:
        raise BayescaleError(
            f"{path}: a {kind} file has at most {MAX_SIZE:,} bytes; the runs belong in a table"
        )
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise BayescaleError(f"{path}: not a {kind} file: it is nested too deeply") from error
    except ValueError as error:
        raise BayescaleError(f"{path}: not a TOML file: {error}") from error


def plain(value: Any) -> Any:
    """Turn a record of the schema into dicts, lists, text and numbers, without what is unset."""
    if is_dataclass(value):
        items = {f.name: getattr(value, f.name) for f in fields(value)}
        return {k: plain(v) for k, v in items.items() if isinstance(v, int | float) or v}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
