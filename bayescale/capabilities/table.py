"""From a table of public models to arrays: who, of what family and size, with what scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayescale.errors import BayescaleError, closest
from bayescale.laws.parameters import Fraction

NAME, FAMILY = "model", "family"
"""Columns of the table that say who a model is."""


BOUNDS = ("median", "lower", "upper")
"""Columns of answers."""


EPOCH, YEAR = np.datetime64("2000-01-01", "s"), 365.2425 * 86400
"""Dates are taken in years after this one, of so many seconds."""


type Floor = float | tuple[float, float]
"""The score of guessing, or a 90 % interval for it."""


@dataclass(frozen=True)
class Scores:
    """Scores of models, as the model takes them.

    Attributes
    ----------
    models, families, names, size : tuple of str
        Names of the models, of each model's family, of the scores, and of the columns of size.
    values : array, shape (model, score)
        Scores; NaN where missing.
    sizes : array, shape (model, size)
        Decimal logarithms, of dates years; NaN where missing.
    floors : mapping
        Score to its level of guessing, or a 90 % interval of it; none where it is zero.
    dated : frozenset of str
        The columns of size that are dates.
    """

    models: tuple[str, ...]
    families: tuple[str, ...]
    names: tuple[str, ...]
    size: tuple[str, ...]
    values: np.ndarray
    sizes: np.ndarray
    floors: Mapping[str, Floor]
    dated: frozenset[str] = frozenset()

    @property
    def seen(self) -> np.ndarray:
        """Which scores were observed, shape (model, score)."""
        return ~np.isnan(self.values)

    @property
    def every_family(self) -> tuple[str, ...]:
        """The families, each once."""
        return tuple(sorted(set(self.families)))

    @property
    def family_of(self) -> np.ndarray:
        """The place of each model's family among :attr:`every_family`, shape (model,)."""
        return np.array([self.every_family.index(family) for family in self.families])

    @property
    def center(self) -> np.ndarray:
        """Mean of each size, as in ``sizes``, to which lines are relative, shape (size,)."""
        return np.nanmean(self.sizes, axis=0)

    def in_units(self, sizes: np.ndarray, column: str) -> np.ndarray:
        """Return sizes as the column has them: numbers, or dates (datetime64)."""
        if column not in self.dated:
            return 10.0**sizes
        seconds = np.where(np.isnan(sizes), 0, sizes) * YEAR
        dates = EPOCH + seconds.astype("int64").astype("timedelta64[s]")
        return np.where(np.isnan(sizes), np.datetime64("NaT", "s"), dates)

    def one_size(self, asks: str) -> tuple[str, np.ndarray]:
        """Return the column of the one size, and its logarithms, shape (model,).

        Raises
        ------
        BayescaleError
            When there are two; ``asks`` is what takes one.
        """
        if len(self.size) > 1:
            raise BayescaleError(
                f"this fit has sizes {' and '.join(self.size)}: {asks} takes a fit of one, "
                'size=("flops",)'
            )
        return next(iter(self.size)), self.sizes[:, 0]

    @property
    def floor_guess(self) -> np.ndarray:
        """Each score's level of guessing, in the middle where it is an interval, shape (score,)."""
        return np.array([np.mean(self.floors.get(name, 0.0)) for name in self.names])


def read_scores(
    table: pd.DataFrame, scores: Sequence[str], size: Sequence[str], floors: Mapping[str, Floor]
) -> Scores:
    """Take scores out of a table, and say what cannot be used.

    Raises
    ------
    BayescaleError
        For columns that are not there, and rows or scores that cannot be used.
    """
    scores, size = list(scores), list(size)
    for column in (NAME, FAMILY, *size, *scores):
        if column not in table.columns:
            hint = closest(column, list(map(str, table.columns)))
            raise BayescaleError(f"the table has no column {column!r}{hint}")
    for column in scores:
        if scores.count(column) > 1:
            raise BayescaleError(f"score {column!r} is named twice: name each score once")
    models = names_of(table)
    families = families_of(table, models)
    values = np.column_stack([_numbers(table, column, models) for column in scores])
    _check_scores(values, scores, models)
    _check_floors(floors, scores)
    if not 1 <= len(size) <= 2:
        raise BayescaleError(
            f'size names {len(size)} columns: it takes one, ("flops",), or two, '
            '("params", "tokens")'
        )
    dated = frozenset(column for column in size if _has_dates(table[column]))
    sizes = sizes_of(table, size, models, dated)
    _check_sizes(sizes, size)
    return Scores(
        tuple(models),
        tuple(families),
        tuple(scores),
        tuple(size),
        values,
        sizes,
        dict(floors),
        dated,
    )


def _has_dates(column: Any) -> bool:
    """Whether a column holds dates: as such, or as text that is no number."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    numbers: Any = pd.to_numeric(column, errors="coerce")
    words = column[numbers.isna()].dropna().astype("string")
    return bool(pd.to_datetime(words, errors="coerce", format="ISO8601").notna().any())


def sizes_of(
    table: pd.DataFrame, size: Sequence[str], models: Sequence[str], dated: frozenset[str]
) -> np.ndarray:
    """Return decimal logarithms of size, of dates years, shape (model, size), NaN where missing."""
    return np.column_stack(
        [
            _years(table[column], column, models)
            if column in dated
            else _logarithms(table, column, models)
            for column in size
        ]
    )


def _logarithms(table: pd.DataFrame, column: str, models: Sequence[str]) -> np.ndarray:
    found = _numbers(table, column, models)
    low = np.flatnonzero(found <= 0)
    if low.size:
        raise BayescaleError(
            f"{column} of {models[low[0]]} is {found[low[0]]:g}: sizes are above zero; "
            "leave an unknown one empty"
        )
    return np.log10(found)


def _years(column: Any, name: str, models: Sequence[str]) -> np.ndarray:
    """Return dates in years after :data:`EPOCH`, NaN where missing."""
    known = column.notna().to_numpy()
    text = column if pd.api.types.is_datetime64_any_dtype(column) else column.astype("string")
    dates = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    wrong = np.flatnonzero(known & dates.isna().to_numpy())
    if wrong.size:
        raise BayescaleError(
            f"{name} of {models[wrong[0]]} is {column.iloc[wrong[0]]!r}: give a date as "
            '"2024-05-13", or leave it empty'
        )
    after = dates.to_numpy("datetime64[s]") - EPOCH
    return np.where(known, after / np.timedelta64(1, "s") / YEAR, np.nan)


def _check_sizes(sizes: np.ndarray, size: Sequence[str]) -> None:
    for column, values in zip(size, sizes.T, strict=True):
        seen = values[np.isfinite(values)]
        if len(seen) == 0:
            raise BayescaleError(
                f"no model of the table has a size in {column}: name the column that sizes are in"
            )
        if np.ptp(seen) == 0:
            raise BayescaleError(
                f"every model has the same {column}: a size must differ between models"
            )


def names_of(table: pd.DataFrame) -> list[str]:
    """Return the names of the models, each of which has one row."""
    missing = table[NAME].isna().to_numpy()
    if missing.any():
        row = table.index[int(np.argmax(missing))]
        raise BayescaleError(f"row {row} has no {NAME}: name every model")
    models = [str(value) for value in table[NAME]]
    twice = pd.Series(models).duplicated()
    if twice.any():
        raise BayescaleError(
            f"{models[int(np.argmax(twice))]!r} is in two rows: a {NAME} has one row"
        )
    return models


def families_of(table: pd.DataFrame, models: list[str]) -> list[str]:
    """Return the family of each model."""
    missing = table[FAMILY].isna().to_numpy()
    if missing.any():
        raise BayescaleError(
            f"{models[int(np.argmax(missing))]} has no {FAMILY}: give it one, its own name if it "
            "is a family of one"
        )
    return [str(value) for value in table[FAMILY]]


def _numbers(table: pd.DataFrame, column: str, models: Sequence[str]) -> np.ndarray:
    given = table[column]
    found = np.asarray(pd.to_numeric(given, errors="coerce"), dtype=float)
    wrong = np.flatnonzero((np.isnan(found) & given.notna().to_numpy()) | np.isinf(found))
    if wrong.size:
        value = given.iloc[wrong[0]]
        raise BayescaleError(
            f"{column} of {models[wrong[0]]} is {value!r}: give a number, or leave it empty"
        )
    return found


def _check_scores(values: np.ndarray, scores: list[str], models: list[str]) -> None:
    for i, column in enumerate(scores):
        wrong = np.flatnonzero((values[:, i] < 0) | (values[:, i] > 1))
        if wrong.size:
            raise BayescaleError(
                f"{column} of {models[wrong[0]]} is {values[wrong[0], i]:g}: scores lie between 0 "
                "and 1; divide percentages by 100"
            )
        seen = int(np.isfinite(values[:, i]).sum())
        if seen < 2:
            raise BayescaleError(
                f"{seen} of the table's models have a score in {column}: a score takes at least "
                "two models; leave it out"
            )


def _check_floors(floors: Mapping[str, Floor], scores: list[str]) -> None:
    for name, floor in floors.items():
        if name not in scores:
            raise BayescaleError(
                f"floors names {name!r}, which is not a score here{closest(name, scores)}"
            )
        if isinstance(floor, tuple):
            Fraction(*floor)
        elif not 0 <= floor < 1:
            raise BayescaleError(
                f"the floor of {name} is {floor!r}: give the score of guessing, 0.25 for four "
                "choices, or a 90 % interval"
            )
