"""Score tests of a fitted law against directions that it does not have.

The residuals of a right law are independent noise, less what the law has taken up: standardised,
they have covariance I - H, where H is the posterior covariance of the law at the runs in units of
the noise. A direction (a curve in log N, the members of a family, ...) that explains more of them
than chance, given that covariance, is a lack of fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import median_curve, thinned_curve
from bayescale.prediction.intervals import DRAWS

CLIPPED = 3.0
"""Standardised residual beyond which a run counts no more: one outlier is no lack of fit."""

ABSORBED = 0.05
"""Least share of a direction's variance that the law must leave for a test of it."""

WHOLE = 0.9
"""Posterior sd of a direction, in units of the noise, from which the law has taken up all of it."""

ALL = 0.999
"""The most of the residuals that directions are said to explain."""

CENTRES = 150
"""Runs that smooth functions are centred at, at most twice as many."""

FAINT = 1e-5
"""Directions of singular values below this share of the largest do not count."""


@dataclass(frozen=True, eq=False)
class Explained:
    """What one set of directions explains of the residuals.

    Attributes
    ----------
    p_value : float
        Probability of as much or more under a law that is right.
    share : float
        Share of the residuals' variance that it explains beyond what chance would.
    pattern : array, shape (run,)
        The explained part of each run's residual, as a relative error: 0.01 is one per cent.
    """

    p_value: float
    share: float
    pattern: np.ndarray


@dataclass(frozen=True, eq=False)
class Residuals:
    """The residuals of a fit, with what chance and the fitted law make of them.

    Attributes
    ----------
    relative : array, shape (run,)
        By how much each run lies above the law, as a relative error: 0.01 is one per cent.
    size : array, shape (run,)
        The expected size of that from scatter alone.
    standardised : array, shape (run,)
        What is independent between runs, divided by its expected size and clipped.
    taken : array, shape (run, direction)
        A root of what the law has taken up: under a right law, ``standardised`` has covariance
        I - ``taken`` ``taken``', for a scatter of one.
    """

    relative: np.ndarray
    size: np.ndarray
    standardised: np.ndarray
    taken: np.ndarray

    @classmethod
    def of(cls, fit: Fit) -> "Residuals":
        """Take them from a fit's posterior, at its median."""
        noise, observed, known = fit.spec.noise, fit.observed, fit.known
        draws, _ = thinned_curve(fit)
        if not np.isfinite(draws).all():
            raise BayescaleError(
                f"{fit.label}: the law is not finite at every run and draw: the draws are beyond "
                "what can be calculated with; fit again"
            )
        middle, centre = median_curve(fit)
        _, standardised = noise.residual(middle, centre, known, observed)
        relative, size = noise.displacement(middle, centre, known, observed, fit.scale)
        _, moved = noise.residual(draws, centre, known, observed)
        moves = moved.stack(sample=DRAWS).transpose("run", "sample").values
        taken = (moves - moves.mean(axis=1, keepdims=True)) / np.sqrt(moves.shape[1] - 1)
        # Heavy tails widen a posterior beyond what the law can have taken up, which is all.
        directions, sizes = left_singular(taken)
        taken = directions * np.minimum(sizes, 1.0)
        clipped = np.clip(standardised.values, -CLIPPED, CLIPPED)
        whole = directions[:, sizes > WHOLE]
        clipped = clipped - whole @ (whole.T @ clipped)  # which clipping has put back
        return cls(
            np.broadcast_to(relative.values, observed.shape).astype(float),
            np.broadcast_to(np.asarray(size, float), observed.shape),
            clipped,
            taken,
        )

    @cached_property
    def freedom(self) -> float:
        """Degrees of freedom that the law leaves: the number of runs less what it has fitted."""
        return float(len(self.taken) - (self.taken**2).sum())

    def _covariance_times(self, directions: np.ndarray) -> np.ndarray:
        """Return I - H times directions, shape (run, direction)."""
        return directions - self.taken @ (self.taken.T @ directions)

    @cached_property
    def scatter(self) -> float:
        """Root mean square of the standardised residuals; about one."""
        return float(np.sqrt(self.standardised @ self.standardised / max(self.freedom, 1.0)))

    def explained_by(self, directions: np.ndarray) -> Explained | None:
        """Test a set of directions, shape (run, direction), by a score test with its F.

        None where the law has taken up all of them, or too few runs are left to judge.
        """
        found = self._left_of(directions)
        if found is None:
            return None
        from scipy.stats import f as f_distribution

        basis, tested = found
        count, rest = basis.shape[1], self.freedom - basis.shape[1]
        if rest < 1:
            return None
        total = float(self.standardised @ self.standardised)
        amount = min(float(tested @ tested), ALL * total)
        chance = (total - amount) / rest
        ratio = amount / count / chance
        excess = (amount - count * chance) / total
        pattern = self._covariance_times(basis) @ tested * self.size
        return Explained(
            float(f_distribution.sf(ratio, count, rest)), float(max(excess, 0.0)), pattern
        )

    def _left_of(self, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return orthonormal directions of which the law leaves something, and the residuals there.

        They have the identity as covariance under a right law.
        """
        centred = directions - directions.mean(axis=0)
        scaled = centred[:, (norm := np.linalg.norm(centred, axis=0)) > 0] / norm[norm > 0]
        if not scaled.size:
            return None
        left, sizes = left_singular(scaled)
        orthonormal = left[:, sizes > 1e-3 * sizes[0]]
        shares, turned = np.linalg.eigh(orthonormal.T @ self._covariance_times(orthonormal))
        if not (kept := shares > ABSORBED).any():
            return None
        basis = orthonormal @ turned[:, kept] / np.sqrt(shares[kept])
        return basis, basis.T @ self.standardised


def polynomial(inputs: np.ndarray, degree: int) -> np.ndarray:
    """Return all monomials up to a degree of standardised inputs, shape (run, input)."""
    columns, last = [], [(np.ones(len(inputs)), 0)]
    for _ in range(degree):
        last = [
            (made * inputs[:, i], i) for made, first in last for i in range(first, inputs.shape[1])
        ]
        columns += [made for made, _ in last]
    return np.column_stack(columns)


def standardised(values: np.ndarray) -> np.ndarray:
    """Return a column with mean zero and standard deviation one, logarithms where all positive."""
    logs = np.log(values) if (values > 0).all() and np.ptp(values) > 0 else values
    return (logs - logs.mean()) / (logs.std() or 1.0)


def smooth_directions(inputs: np.ndarray, reach: float, count: int) -> np.ndarray:
    """Return the leading directions of a smooth function of standardised inputs.

    Left singular vectors of a squared-exponential kernel of length scale ``reach``, between the
    runs and some of them.
    """
    centres = inputs[:: max(1, len(inputs) // CENTRES)]
    squared = ((inputs[:, None] - centres[None]) ** 2).sum(-1)
    vectors, sizes = left_singular(np.exp(-0.5 * squared / reach**2))
    return vectors[:, :count] * sizes[:count]


def left_singular(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the left singular vectors and the singular values that matter, largest first.

    They come from the smaller of the two matrices of products, in a tenth of the time of a singular
    value decomposition; values below :data:`FAINT` of the largest are lost in rounding there.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    squares, vectors = np.linalg.eigh(matrix @ matrix.T if wide else matrix.T @ matrix)
    sizes = np.sqrt(np.maximum(squares[::-1], 0.0))
    kept = sizes > FAINT * sizes[0]
    sizes, vectors = sizes[kept], vectors[:, ::-1][:, kept]
    return (vectors if wide else matrix @ vectors / sizes), sizes


def replicates(inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Return the number of the group of equal inputs that each run belongs to."""
    rounded = np.column_stack([np.round(standardised(x), 6) for x in inputs])
    return np.unique(rounded, axis=0, return_inverse=True)[1].ravel()
