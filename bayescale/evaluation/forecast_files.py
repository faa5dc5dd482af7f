"""Registered forecasts as files: JSON whose content is hashed, and checked when it is read.

The hash finds a later change. It is no signature: whoever can write the file can also hash it anew,
so publish the hash where the forecast is announced.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from bayescale.data.display_tables import html_block, rows_shown, text_table
from bayescale.data.limits import LARGEST
from bayescale.data.number_format import number_of
from bayescale.data.write import write_bytes
from bayescale.errors import BayescaleError, missing_file

FORMAT = 1


MAX_BYTES = 5_000_000
"""Size of a file of a registered forecast."""


MAX_POINTS = 200


MAX_TEXT = 1000
"""Characters of a text in it."""


_TEXTS = ("date", "target", "unit", "law", "discrepancy", "source", "data")
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class RegisteredForecast:
    """A forecast as it was registered, before the outcome was known.

    Attributes
    ----------
    date : str
        When, in UTC.
    target, unit : str
        What is forecast, and its unit ("" where it has none).
    bounds : tuple of (float, float), or None
        What the target can be; None in files that do not say.
    law, discrepancy : str
        By which law or average, and how wrong it was allowed to be.
    source, data : str
        The runs that it was fitted to, and the hash of their numbers.
    runs : int
        How many these are.
    versions : mapping of str to str
        Of the packages.
    inputs : tuple of str
        The columns that say which run a point is.
    points : pandas.DataFrame
        One row per point: the inputs, and what follows from them.
    levels : array, shape (level,)
        Probabilities of the quantiles.
    quantiles : array, shape (point, level)
        Of an observed value, in the target's unit.
    density : tuple of (array, array), or None
        For each point, values of the target and the log density there; None for counts.

    See Also
    --------
    register : Make one.
    score : Compare it with what was observed.

    Examples
    --------
    >>> forecast = bs.register(fit, "forecast.json", params="70B", tokens="1.4T")
    >>> forecast.law, forecast.points.shape, len(forecast.digest)
    ('chinchilla', (1, 3), 64)
    """

    date: str
    target: str
    unit: str
    bounds: tuple[float, float] | None
    law: str
    discrepancy: str
    source: str
    data: str
    runs: int
    versions: Mapping[str, str]
    inputs: tuple[str, ...]
    points: pd.DataFrame
    levels: np.ndarray
    quantiles: np.ndarray
    density: tuple[tuple[np.ndarray, np.ndarray], ...] | None

    @property
    def digest(self) -> str:
        """The hash of everything that was registered: publish it with the forecast."""
        return _digest(self.to_dict())

    def at_level(self, level: float) -> np.ndarray:
        """Return a quantile of each point, shape (point,), straight between those registered."""
        return np.array([np.interp(level, self.levels, row) for row in self.quantiles])

    def to_dict(self) -> dict[str, Any]:
        """Return what is registered, in JSON's types."""
        texts = {name: getattr(self, name) for name in _TEXTS}
        density = None
        if self.density is not None:
            density = [{"values": _rounded(x), "log": _rounded(y)} for x, y in self.density]
        bounds = {}
        if self.bounds is not None:
            bounds = {"bounds": [end if math.isfinite(end) else None for end in self.bounds]}
        return {
            **texts,
            **bounds,
            "runs": self.runs,
            "versions": dict(self.versions),
            "inputs": list(self.inputs),
            "points": self.points.to_dict("records"),
            "levels": _rounded(self.levels),
            "quantiles": [_rounded(row) for row in self.quantiles],
            "density": density,
        }

    def write(self, path: Path) -> None:
        """Write it with its hash.

        Raises
        ------
        BayescaleError
            When a file is there already, or it cannot be written.
        """
        if path.exists():
            raise BayescaleError(
                f"{path} is there already, and a registered forecast is not replaced: choose "
                "another name"
            )
        content = self.to_dict()
        try:
            _checked(content)
        except (KeyError, TypeError, ValueError) as error:
            raise BayescaleError(f"nothing is registered: {error}") from error
        said = {"bayescale_forecast": FORMAT, "sha256": _digest(content), "forecast": content}
        write_bytes(path, (json.dumps(said, indent=1, allow_nan=False) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one, and check it.

        Raises
        ------
        BayescaleError
            When there is none, it is too large or not of this format, or was changed.
        """
        said = _parsed(path)
        content = said.get("forecast")
        if said.get("bayescale_forecast") != FORMAT or not isinstance(content, dict):
            raise BayescaleError(f"{path} is not a forecast that bayescale registered")
        if _digest(content) != said.get("sha256"):
            raise BayescaleError(
                f"{path} was changed after it was registered: its content does not have the hash "
                "that it states"
            )
        try:
            return cls(**_checked(content))
        except (KeyError, TypeError, ValueError) as error:
            raise BayescaleError(f"{path} is no registered forecast: {error}") from error

    def __str__(self) -> str:
        return "\n".join([self._title(), text_table(self._rows()), f"sha256 {self.digest}"])

    def __repr__(self) -> str:
        return f"<bayescale.RegisteredForecast {self._title()}>"

    def _repr_html_(self) -> str:
        return html_block(self._title(), f"sha256 {self.digest}", rows=self._rows())

    def _title(self) -> str:
        return (
            f"forecast of {self.target} by {self.law} on {number_of(self.runs, 'run')}, {self.date}"
        )

    def _rows(self) -> list[dict[str, str]]:
        ends = {"median": 0.5, "lower 90 %": 0.05, "upper 90 %": 0.95}
        found = {name: self.at_level(level) for name, level in ends.items()}
        return rows_shown(self.points[list(self.inputs)].assign(**found))


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values.tolist()]


def _digest(content: Any) -> str:
    """Return the hash of JSON that does not depend on how it was laid out."""
    said = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(said.encode()).hexdigest()


def _parsed(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file of limited size."""
    if not path.is_file():
        raise missing_file(path)
    with path.open("rb") as stream:
        text = stream.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise BayescaleError(f"{path} has more than {MAX_BYTES:,} bytes: it is no forecast")
    try:
        said = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BayescaleError(f"{path} is not JSON") from error
    if not isinstance(said, dict):
        raise BayescaleError(f"{path} is not a forecast that bayescale registered")
    return said


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _checked(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a forecast, each of its type and within limits.

    Raises
    ------
    ValueError, KeyError, TypeError
        When one is not.
    """
    texts = {name: _text(name, content[name]) for name in _TEXTS}
    versions = {_text("a package", k): _text(k, v) for k, v in dict(content["versions"]).items()}
    inputs = tuple(_text("an input", name) for name in content["inputs"])
    points = _points(content["points"], inputs)
    levels = _numbers("levels", content["levels"])
    rows = [_numbers("quantiles", row) for row in content["quantiles"]]
    if not (levels.min() > 0 and levels.max() < 1 and (np.diff(levels) > 0).all()):
        raise ValueError("levels are no ascending probabilities")
    if len(rows) != len(points) or any(len(row) != len(levels) for row in rows):
        raise ValueError("quantiles do not go with points and levels")
    if any((np.diff(row) < 0).any() for row in rows):
        raise ValueError("quantiles do not ascend")
    return {
        **texts,
        "bounds": _bounds(content.get("bounds")),
        "runs": _whole("runs", content["runs"]),
        "versions": versions,
        "inputs": inputs,
        "points": points,
        "levels": levels,
        "quantiles": np.array(rows),
        "density": _density(content["density"], len(points)),
    }


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"{name} is no text of up to {MAX_TEXT} characters")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise ValueError(f"{name} is no whole number")
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} holds something else than numbers")
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise ValueError(f"{name} holds a number beyond {LARGEST:g}")
    return float(value)


def _numbers(name: str, values: object) -> np.ndarray:
    if not isinstance(values, list) or not 2 <= len(values) <= MAX_TEXT:
        raise ValueError(f"{name} is no list of 2 to {MAX_TEXT} numbers")
    return np.array([_number(name, value) for value in values])


def _bounds(ends: object) -> tuple[float, float] | None:
    """Return both ends, infinite where there is none."""
    if ends is None:
        return None
    if not isinstance(ends, list) or len(ends) != 2:
        raise ValueError("bounds are not two")
    low, high = ends
    return (
        -math.inf if low is None else _number("bounds", low),
        math.inf if high is None else _number("bounds", high),
    )


def _points(rows: object, inputs: Sequence[str]) -> pd.DataFrame:
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_POINTS:
        raise ValueError(f"points is no list of 1 to {MAX_POINTS}")
    columns = [_text("a column", name) for name in dict(rows[0])]
    if not inputs or not set(inputs) <= set(columns):
        raise ValueError("points lack their inputs")
    return pd.DataFrame([{name: _number(name, row[name]) for name in columns} for row in rows])


def _density(rows: object, points: int) -> tuple[tuple[np.ndarray, np.ndarray], ...] | None:
    if rows is None:
        return None
    if not isinstance(rows, list) or len(rows) != points:
        raise ValueError("density does not go with points")
    found = [(_numbers("density", row["values"]), _numbers("density", row["log"])) for row in rows]
    if any(len(x) != len(y) or (np.diff(x) < 0).any() for x, y in found):
        raise ValueError("density is not of ascending values")
    return tuple(found)
