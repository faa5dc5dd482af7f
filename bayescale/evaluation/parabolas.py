"""Parabolas of log loss in the logs of swept columns: their posterior, and their lowest points."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

VALUES = 3
"""Distinct values that a parabola needs."""

FAR = 0.05
"""A parabola is fitted to losses that are at most so much higher than the best run's."""

SLOPE_SD, CURVATURE_SD, SKEW_SD = 1.0, 0.2, 0.01
"""Prior standard deviations of a log loss's slope, curvature and cube, per e-fold."""

SCATTER, WORTH = 0.005, 2.0
"""The scatter of a run that is expected before any, and the number of runs that it is worth."""

DRAWS = 1000

GRID = 900
"""Places at which a minimum is looked for, in all."""

STEPS = 3
"""Newton steps from the lowest of those."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """The runs of one size and data, and those near the best that a parabola is fitted to.

    Attributes
    ----------
    rows : array, shape (run,)
        Their positions in the table.
    settings, log_loss : array, shape (run, column) and (run,)
        The logs of the swept columns and of the loss.
    used : array of bool, shape (run,)
        Near enough to the best run.
    active : list of int
        The columns that vary enough among those.
    """

    rows: np.ndarray
    settings: np.ndarray
    log_loss: np.ndarray
    used: np.ndarray
    active: list[int]

    @classmethod
    def of(cls, rows: np.ndarray, settings: np.ndarray, log_loss: np.ndarray) -> "Sweep":
        """Choose the runs near the best one."""
        x, y = settings[rows], log_loss[rows]
        best, used = int(y.argmin()), np.ones(len(rows), dtype=bool)
        active = list(range(x.shape[1]))
        while few := [j for j in active if np.unique(x[used, j]).size < VALUES]:
            used &= np.isclose(x[:, few], x[best, few]).all(axis=1)
            active = [j for j in active if j not in few]
        low = used & (y <= y[best] + np.log1p(FAR))
        if all(np.unique(x[low, j]).size >= VALUES for j in active):
            return cls(rows, x, y, low, active)
        for j in active:
            away = np.abs(x[:, j] - x[best, j])
            used = used & (away <= np.unique(away[used])[:VALUES].max() + 1e-9)
        return cls(rows, x, y, used, active)

    @property
    def points(self) -> np.ndarray:
        """The active settings of the runs that are used, shape (run, active)."""
        return self.settings[self.used][:, self.active]

    @property
    def middle(self) -> np.ndarray:
        """Where the parabola is written around, shape (active,)."""
        return (self.points.min(axis=0) + self.points.max(axis=0)) / 2

    @property
    def losses(self) -> np.ndarray:
        """The log losses of the runs that are used."""
        return self.log_loss[self.used]


def parabola_terms(x: np.ndarray) -> np.ndarray:
    """Return 1, each column, each square and product of two, each cube, shape (..., term)."""
    products = [x[..., i] * x[..., j] for i, j in _pairs(x.shape[-1])]
    columns = np.moveaxis(x, -1, 0)
    return np.stack([np.ones(x.shape[:-1]), *columns, *products, *columns**3], axis=-1)


def _pairs(count: int) -> list[tuple[int, int]]:
    """Return which columns are multiplied: each with itself, then each two."""
    return [*((i, i) for i in range(count)), *combinations(range(count), 2)]


def draw_scatter(sweeps: Sequence[Sweep], rng: np.random.Generator) -> np.ndarray:
    """Draw the scatter of log losses about the parabolas, common to all sweeps."""
    squares, freedom = WORTH * SCATTER**2, WORTH
    for sweep in sweeps:
        if not sweep.active:
            continue
        design = parabola_terms(sweep.points - sweep.middle)
        fitted, _, rank, _ = np.linalg.lstsq(design, sweep.losses)
        squares += float(((sweep.losses - design @ fitted) ** 2).sum())
        freedom += len(design) - rank
    return np.sqrt(squares / rng.chisquare(freedom, DRAWS))


def draw_coefficients(sweep: Sweep, scatter: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the coefficients of a parabola, shape (draw, term), given the scatter of each draw."""
    count = len(sweep.active)
    sizes = [SLOPE_SD] * count + [CURVATURE_SD] * len(_pairs(count)) + [SKEW_SD] * count
    wide = np.array([10.0, *sizes])
    design = parabola_terms(sweep.points - sweep.middle) * wide
    level = sweep.losses.mean()
    values, vectors = np.linalg.eigh(design.T @ design)
    precise = 1 + np.maximum(values, 0) / scatter[:, None] ** 2
    mean = (vectors.T @ design.T @ (sweep.losses - level)) / scatter[:, None] ** 2 / precise
    drawn = mean + rng.standard_normal(mean.shape) / np.sqrt(precise)
    found = drawn @ vectors.T * wide
    found[:, 0] += level
    return found


def lowest(coefficients: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where parabolas are lowest in a box around zero, and whether that is inside.

    Parameters
    ----------
    coefficients : array, shape (draw, term)
        As :func:`terms` has them.
    half : array, shape (column,)
        Half the sides of the box.

    Returns
    -------
    places : array, shape (draw, column)
    inside : array of bool, shape (draw,)
    """
    count = len(half)
    axis = np.linspace(-1, 1, max(round(GRID ** (1 / count)), VALUES))
    grid = half * np.stack(np.meshgrid(*[axis] * count, indexing="ij"), axis=-1).reshape(-1, count)
    first = grid[(coefficients @ parabola_terms(grid).T).argmin(axis=1)]
    inside = (np.abs(first) < half * (1 - 1e-9)).all(axis=1)
    places, squares, step = first.copy(), np.zeros((len(first), count, count)), half * axis[-2]
    for (i, j), value in zip(_pairs(count), coefficients[:, 1 + count :].T, strict=False):
        squares[:, i, j] += value
        squares[:, j, i] += value
    slope, cube = coefficients[:, 1 : 1 + count], coefficients[:, -count:]
    for _ in range(STEPS):
        bend = squares + 6 * (cube * places)[:, :, None] * np.eye(count)
        rise = slope + (squares @ places[..., None])[..., 0] + 3 * cube * places**2
        up = inside & (np.linalg.eigvalsh(bend)[:, 0] > 0)
        moved = places[up] - np.linalg.solve(bend[up], rise[up][..., None])[..., 0]
        places[up] = np.clip(moved, first[up] - (half - step), first[up] + (half - step))
    return places, inside
