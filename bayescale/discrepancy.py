r"""The part of a prediction that says: the law is a little wrong, and more so further out.

A posterior believes its law. Laws are wrong by more than their scatter where nobody looked, so a
prediction adds to the law's curve a smooth random surface over the logarithms of the inputs,

.. math:: \log L(x) = \log f_\theta(x) + \delta(x), \qquad
          \delta \sim \mathrm{GP}\bigl(0,\ s^2 k(|x - x'| / \ell)\bigr) \mid \text{residuals},

with a Matérn-5/2 kernel k, x in decades, and the runs' residuals given with their scatter. Among
the runs the surface follows what the law misses, and is as sure as they are; beyond them it is free
to be s. It acts on (log N, log D), not on compute alone, so the compute-optimal N and D move too.

The law's posterior is left as it is (the surface is cut off from the fit). Sampled with the law it
would take over what the law should explain, and s cannot be learnt from residuals, for what a law
will miss is what it has absorbed so far: both were measured, see ``docs/extrapolation.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import cho_factor, cho_solve

from bayescale.errors import BayescaleError
from bayescale.fitting import Fit

CELL = 0.1
"""Runs closer than this, in units of the reach, count as one place with their mean residual."""


@dataclass(frozen=True)
class Discrepancy:
    """How wrong a law may be.

    Parameters
    ----------
    size : float
        Standard deviation far from every run: 0.015 is 1.5 % of a loss.
    reach : float
        Decades of an input over which the error changes.

    Raises
    ------
    BayescaleError
        When either is not positive.
    """

    size: float = 0.015
    reach: float = 1.0

    def __post_init__(self) -> None:
        if not (self.size > 0 and self.reach > 0):
            raise BayescaleError(
                f"a discrepancy has a positive size and reach, not {self.size:g} and "
                f"{self.reach:g}; None switches it off"
            )

    def __str__(self) -> str:
        return (
            f"the law may be off by {100 * self.beyond():.1f} % one decade beyond the runs, "
            f"{100 * self.size:.1f} % far from them (one standard deviation)"
        )

    def beyond(self, decades: float = 1.0) -> float:
        """Return its standard deviation this far from a place where the law is known exactly."""
        return self.size * float(np.sqrt(1 - _matern(np.array(decades / self.reach)) ** 2))

    def surface(self, fit: Fit) -> "Surface":
        """Return the error of a fit's curves as a random surface, given the runs' residuals."""
        names = [n for n, x in fit.inputs.items() if x.ndim == 1 and bool((x > 0).all())]
        residual, variance, places = _at_runs(fit, names, self.reach)
        covariance = self.size**2 * _kernel(places, places) + np.diag(variance)
        return Surface(self, names, residual, places, cho_factor(covariance))


@dataclass(frozen=True, eq=False)
class Surface:
    """A discrepancy that knows the runs of a fit.

    Attributes
    ----------
    discrepancy : Discrepancy
        Its size and reach.
    names : list of str
        The law's inputs it lies over: those with a logarithm.
    residual : array, shape (chain, draw, place)
        What each posterior draw's curve misses where the runs are.
    places : array, shape (place, input)
        Where they are, in units of the reach.
    factor
        Cholesky factor of the covariance of the residuals.
    """

    discrepancy: Discrepancy
    names: list[str]
    residual: np.ndarray
    places: np.ndarray
    factor: Any

    def draw(self, inputs: Mapping[str, xr.DataArray], rng: np.random.Generator) -> xr.DataArray:
        """Draw the error of each posterior draw's curve at new points, together.

        Parameters
        ----------
        inputs : mapping of str to DataArray, dim point
            The law's inputs in their own units.
        rng : numpy.random.Generator
            Where the surface comes from.

        Returns
        -------
        xarray.DataArray, dims (chain, draw, point)
            Relative errors, as :meth:`bayescale.noise.Noise.displace` takes them.
        """
        prior, reach = self.discrepancy.size**2, self.discrepancy.reach
        points = max(values.sizes["point"] for values in inputs.values())
        at = np.zeros((points, len(self.names)))
        for i, name in enumerate(self.names):
            at[:, i] = np.log10(np.maximum(inputs[name].values, LEAST)) / reach
        near = prior * _kernel(self.places, at)
        gain = cho_solve(self.factor, near)
        values, vectors = np.linalg.eigh(prior * _kernel(at, at) - near.T @ gain)
        seen = values > NEGLIGIBLE * prior
        root = vectors[:, seen] * np.sqrt(values[seen])
        free = rng.standard_normal((*self.residual.shape[:2], root.shape[1])) @ root.T
        return xr.DataArray(self.residual @ gain + free, dims=("chain", "draw", "point"))


NEGLIGIBLE = 1e-8
"""Directions with less than this share of the variance are left out: surfaces are smooth."""

LEAST = 1e-300
"""What stands for zero where an input needs a logarithm."""

DISCREPANCY = Discrepancy()
"""What predictions use unless told otherwise; how it was chosen: ``docs/extrapolation.md``."""


def _matern(distance: np.ndarray) -> np.ndarray:
    """Return the Matérn-5/2 correlation over a distance in units of the reach."""
    scaled = np.sqrt(5.0) * distance
    return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return _matern(np.linalg.norm(one[:, None] - other[None], axis=-1))


def _at_runs(fit: Fit, names: list[str], reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return residuals (chain, draw, place), their variances (place), and places (place, input).

    Residuals are each draw's own, so that a curve drawn too low has a surface that lifts it back.
    Runs in heavy tails count for as little here as in the fit.
    """
    noise, centre = fit.spec.noise, fit.parameters.median(("chain", "draw"))
    curve = fit.curve(fit.inputs).transpose("chain", "draw", "run")
    middle = curve.median(("chain", "draw"))
    with np.errstate(invalid="ignore"):  # a share that is met exactly has no size of its own
        usual, size = noise.displacement(middle, centre, fit.known, fit.observed, fit.scale)
        each, _ = noise.displacement(curve, fit.parameters, fit.known, fit.observed, fit.scale)
    weight = np.broadcast_to(
        1 / np.nan_to_num(size, nan=float(np.nanmedian(size))) ** 2, usual.shape
    )
    if "nu" in centre:
        nu = float(centre["nu"])
        weight = weight * (nu + 1) / (nu + usual.values**2 * weight)
    at = np.zeros((len(weight), len(names)))
    for i, name in enumerate(names):
        at[:, i] = np.log10(fit.inputs[name].values) / reach
    _, cell = np.unique(np.round(at / CELL), axis=0, return_inverse=True)
    share = np.zeros((cell.max() + 1, len(at)))
    share[cell.ravel(), np.arange(len(at))] = weight
    total = share.sum(1)
    share /= total[:, None]
    residuals = each.transpose("chain", "draw", "run").values @ share.T
    return residuals, 1 / total, share @ at
