r"""Gaussian processes: a kernel, conditioning on observations, and drawing.

With a covariance C of variables, of which some with covariance S to the others are observed with
noise of covariance V, what is left is

.. math:: C - S^\top (S_o + V)^{-1} S,

here for a process at new points.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from bayescale.data.limits import OutOfRange

NEGLIGIBLE = 1e-8
"""Directions with less than this share of the variance are left out: surfaces are smooth."""


MOST_SIZE = 100.0
LEAST_REACH, MOST_REACH = 1e-3, 1e6
"""The size of an error, relative or in a score's logit, and its reach, have these limits."""


@dataclass(frozen=True)
class SizeAndReach:
    """How large the error of a Gaussian process is, and over what distance it changes.

    Parameters
    ----------
    size : float
        Standard deviation far from all that is known.
    reach : float
        Distance over which the error changes.

    Raises
    ------
    BayescaleError
        When either is not positive.
    """

    size: float
    reach: float

    def __post_init__(self) -> None:
        if not (0 < self.size <= MOST_SIZE and LEAST_REACH <= self.reach <= MOST_REACH):
            raise OutOfRange(
                f"a discrepancy has a positive size and reach, at most {MOST_SIZE:g} and from "
                f"{LEAST_REACH:g} to {MOST_REACH:g}, not {self.size:g} and {self.reach:g}; None "
                "switches it off"
            )

    def beyond(self, distance: float = 1.0) -> float:
        """Return its standard deviation this far from a place where all is known exactly."""
        return self.size * float(np.sqrt(1 - matern(np.array(distance / self.reach)) ** 2))


def matern(distance: np.ndarray) -> np.ndarray:
    """Return a Gaussian process's Matérn-5/2 correlation over a distance in its reach."""
    scaled = np.sqrt(5.0) * distance
    return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)


def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlations (one, other) between places, (place, input) in units of the reach."""
    return matern(np.linalg.norm(one[:, None] - other[None], axis=-1))


type Correlation = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From two arrays of places, (place, column), to their correlations, (one, other)."""


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A smooth random function of places, given residuals that were observed at some.

    Attributes
    ----------
    variance : float
        Far from all that is known.
    places : array, shape (place, input)
        Where residuals are known, in units of the reach.
    residual : array, shape (chain, draw, place)
        What is observed there, for each posterior draw.
    whiten : array, shape (place, place)
        Inverse of the Cholesky factor of the covariance of the residuals.
    correlation : callable
        From two arrays of places to their correlations, (one, other).
    """

    variance: float
    places: np.ndarray
    residual: np.ndarray
    whiten: np.ndarray
    correlation: Correlation = kernel

    @classmethod
    def given(
        cls,
        variance: float,
        places: np.ndarray,
        residual: np.ndarray,
        noise: np.ndarray,
        correlation: Correlation = kernel,
    ) -> Self:
        """Condition on residuals whose noise has a covariance (place, place)."""
        factor = np.linalg.cholesky(variance * correlation(places, places) + noise)
        return cls(variance, places, residual, np.linalg.inv(factor), correlation)

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is known of the function at points.

        Parameters
        ----------
        points : array, shape (point, input)
            In units of the reach.

        Returns
        -------
        mean, covariance : array, shape (chain, draw, point) and (point, point)
        """
        near = self.variance * self.correlation(self.places, points)
        gain = self.whiten.T @ (self.whiten @ near)
        prior = self.variance * self.correlation(points, points)
        return self.residual @ gain, prior - near.T @ gain

    def draw(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the function at points together, shape (chain, draw, point)."""
        mean, covariance = self.at(points)
        values, vectors = np.linalg.eigh(covariance)
        seen = values > NEGLIGIBLE * self.variance
        root = vectors[:, seen] * np.sqrt(values[seen])
        return mean + rng.standard_normal((*mean.shape[:2], root.shape[1])) @ root.T


def covariance_root(covariance: np.ndarray) -> np.ndarray:
    """Return R with R R' = C, in the few directions that matter (Cholesky's, with pivots)."""
    size = np.sqrt(np.diag(covariance))
    safe = np.where(size > 0, size, 1.0)
    left = np.where(size > 0, 1.0, 0.0)
    root = np.zeros((len(size), 0))
    while left.max() > NEGLIGIBLE and root.shape[1] < len(size):
        at = int(left.argmax())
        column = covariance[:, at] / (safe * safe[at]) - root @ root[at]
        column = column / np.sqrt(left[at])
        root = np.column_stack([root, column])
        left = np.maximum(left - column**2, 0)
    return size[:, None] * root
