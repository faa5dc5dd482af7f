"""A mixture of Student-t distributions fitted to draws: a density known with its constant."""

from dataclasses import dataclass
from typing import Self

import numpy as np

COMPONENTS = 15
"""Most components: enough to follow a bent mode, few enough for a thousand independent draws."""

ROUNDS = 15
"""Rounds of expectation and maximisation."""

DEGREES = 5.0
"""Degrees of freedom of a component: its tails must not be lighter than the posterior's."""

_SHRINKAGE = 0.05
"""Scale of the inverse-Wishart prior of a component's covariance, in covariances of all draws."""


@dataclass(frozen=True)
class StudentMixture:
    """A density that is easy to draw from.

    Attributes
    ----------
    log_shares : array, shape (component,)
        Logs of the shares of the components, which sum to one.
    means : array, shape (component, coordinate)
        Their centres.
    roots : array, shape (component, coordinate, coordinate)
        Cholesky factors of their scale matrices.
    inverses : array, shape (component, coordinate, coordinate)
        Of these.
    """

    log_shares: np.ndarray
    means: np.ndarray
    roots: np.ndarray
    inverses: np.ndarray

    @classmethod
    def of(cls, shares: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> Self:
        """Make one of shares, which need not sum to one, centres and scale matrices."""
        roots = np.linalg.cholesky(covariances)
        return cls(np.log(shares / shares.sum()), means, roots, np.linalg.inv(roots))

    def draw(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Draw points, shape (number, coordinate)."""
        of = rng.choice(len(self.means), number, p=np.exp(self.log_shares))
        scale = np.sqrt(DEGREES / rng.chisquare(DEGREES, (number, 1)))
        z = scale * rng.normal(size=(number, self.means.shape[1]))
        return self.means[of] + (self.roots[of] @ z[..., None])[..., 0]

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Return the log density at points of shape (number, coordinate)."""
        from scipy.special import gammaln

        size = self.means.shape[1]
        constant = gammaln((DEGREES + size) / 2) - gammaln(DEGREES / 2)
        constant -= size / 2 * np.log(DEGREES * np.pi)
        off = self.inverses @ (points.T - self.means[..., None])
        tails = (DEGREES + size) / 2 * np.log1p((off**2).sum(axis=1) / DEGREES)
        logs = (self.log_shares - _log_volumes(self.roots))[:, None] - tails
        top = logs.max(axis=0)
        return constant + top + np.log(np.exp(logs - top).sum(axis=0))


def fitted_mixture(
    draws: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a mixture of normals to draws, by expectation and maximisation.

    Parameters
    ----------
    draws : array, shape (draw, coordinate)
        The draws.
    rng
        Chooses where the components start.

    Returns
    -------
    shares, means, covariances : array, shapes (component, ...)
        Of at most ``COMPONENTS`` components.
    """
    from scipy.cluster.vq import kmeans2

    whole = np.atleast_2d(np.cov(draws.T))
    unit = np.sqrt(np.diagonal(whole))
    whole = whole + 1e-9 * np.diag(unit**2)
    _, of = kmeans2(draws / unit, COMPONENTS, minit="++", rng=rng)
    weights = (of == np.arange(COMPONENTS)[:, None]).astype(float)
    for _ in range(ROUNDS):
        shares, means, covariances = _maximised(draws, weights, whole)
        weights = _weights(draws, shares, means, covariances)
    return _maximised(draws, weights, whole)


def _maximised(
    draws: np.ndarray, weights: np.ndarray, whole: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the components that have these weights, shape (component, draw), of the draws."""
    number, size = draws.shape
    weights = weights[weights.sum(axis=1) > 2 * size]
    counts = weights.sum(axis=1)
    means = weights @ draws / counts[:, None]
    off = draws - means[:, None]
    scatter = np.swapaxes(weights[..., None] * off, 1, 2) @ off
    prior = size + 2
    covariances = (scatter + prior * _SHRINKAGE * whole) / (counts + prior)[:, None, None]
    return counts / number, means, covariances


def _weights(
    draws: np.ndarray, shares: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> np.ndarray:
    """Return the chance that each draw is of each component, shape (component, draw)."""
    roots = np.linalg.cholesky(covariances)
    off = np.linalg.inv(roots) @ (draws.T - means[..., None])
    logs = (np.log(shares) - _log_volumes(roots))[:, None] - (off**2).sum(axis=1) / 2
    weights = np.exp(logs - logs.max(axis=0))
    return weights / weights.sum(axis=0)


def _log_volumes(roots: np.ndarray) -> np.ndarray:
    """Return half the log determinants of the matrices with these Cholesky factors."""
    return np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
