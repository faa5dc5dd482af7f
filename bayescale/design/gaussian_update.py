r"""The information of candidate runs about a quantity, before they are done.

A quantity q (the log of the best size at a budget, the loss of a run) and the outcomes of possible
runs are correlated over the posterior: over the law's draws, and over the discrepancy. Taken as
jointly Gaussian, conditioning on a run with noise variance v takes two steps, as a refit
does (:mod:`bayescale.prediction.discrepancy`). The law's posterior is updated as if the law
held,

.. math:: C \leftarrow C - \frac{C_{\cdot f_j} C_{f_j \cdot}}{C_{f_j f_j} + v},

with :math:`f_j` the curve at the run; and the discrepancy, of covariance K, is updated on what
remains:

.. math:: K \leftarrow K - \frac{K_{\cdot j} K_{j \cdot}}{K_{jj} + v}, \qquad
          o \leftarrow o - \frac{K_{\cdot j}}{K_{jj} + v}\, o_j,

where o is the expected outcome of a draw, curve and discrepancy, whose spread over the draws is C.
The variance of q is that of its o plus its K. Removing a run is the same with -v.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from bayescale.design.quantities_of_interest import Quantity, outcomes, quantity_of
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.prediction.discrepancy import Discrepancy, Surface, run_weights
from bayescale.prediction.gaussian_process import covariance_root
from bayescale.prediction.runs_by_compute import known_at


@dataclass(frozen=True, eq=False)
class PosteriorUncertainty:
    """Joint posterior covariance of a quantity and the outcomes of candidate runs.

    Covariances are kept as roots R, C = R R': few directions matter, and updates are cheap in them.

    Attributes
    ----------
    law : array, shape (1 + 2 run, direction)
        Root of the covariance over the law's draws of the quantity, the curve at each run, and each
        run's expected outcome (the curve and the discrepancy that a draw expects there).
    error : array, shape (1 + run, direction)
        Root of the covariance of the discrepancy around that, of the quantity and at each run.
    noise : array, shape (run,)
        Noise variance of one run; for Student-t noise, the normal variance of equal information.
    rest : float
        Variance of the quantity that is not linear in any outcome.
    """

    law: np.ndarray
    error: np.ndarray
    noise: np.ndarray
    rest: float = 0.0

    @property
    def uncertainty(self) -> float:
        """Variance of the quantity."""
        return float((self.law[0] ** 2).sum() + (self.error[0] ** 2).sum()) + self.rest

    def uncertainty_after(self) -> np.ndarray:
        """Return the variance of the quantity after each run alone."""
        curve, outcome = np.split(self.law[1:], 2)
        known = self.error[1:] @ self.error[0]
        total_variance = (self.error[1:] ** 2).sum(1) + self.noise
        total = self.law[0] - (known / total_variance)[:, None] * outcome
        learnt = (total * curve).sum(1) ** 2 / ((curve**2).sum(1) + self.noise)
        own = (self.error[0] ** 2).sum() - known**2 / total_variance
        return (total**2).sum(1) - learnt + own + self.rest

    def condition_on(self, run: int, sign: int = 1) -> "PosteriorUncertainty":
        """Return this conditioned on one run, or with ``sign=-1`` without it."""
        noise, count = sign * self.noise[run], len(self.noise)
        law, error = (
            condition_root(self.law, 1 + run, noise),
            condition_root(self.error, 1 + run, noise),
        )
        here = self.error[1 + run]
        gain = self.error @ here / (here @ here + noise)
        step = np.concatenate([gain[:1], np.zeros(count), gain[1:]])
        change = step[:, None] * law[1 + count + run]
        return replace(self, law=np.subtract(law, change, out=change), error=error)


def posterior_uncertainty(
    fit: PosteriorLike,
    quantity: Mapping[str, float],
    runs: Mapping[str, Mapping[str, xr.DataArray]] | None,
    discrepancy: Discrepancy | None,
    rng: np.random.Generator,
) -> PosteriorUncertainty:
    """Return the posterior uncertainty of a quantity, with candidate or fitted runs.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several: their beliefs are mixed, and what they disagree on is unknown.
    quantity : mapping
        See :func:`bayescale.design.quantities_of_interest.read_about`.
    runs : mapping, optional
        For each law by name, its inputs at possible runs, dim point; the fitted runs when None.
    discrepancy, rng
        The discrepancy of the law, and the random number generator.
    """
    law, error, means, noise, rest = [], [], [], 0.0, 0.0
    several = fit.members()
    weights = [fit.weights[name] for name in several]
    for weight, (name, one) in zip(weights, several.items(), strict=True):
        refuse_pooled(one, "a plan")
        surface = None if discrepancy is None else discrepancy.surface(one)
        own = quantity_of(one, quantity, surface, rng)
        fitted = {k: v.drop_vars("run").rename(run="point") for k, v in one.inputs.items()}
        inputs = fitted if runs is None else runs[name]
        draws, covariance = _together(one, own, inputs, surface)
        law.append(np.sqrt(weight) * covariance_root(np.cov(draws.T)))
        error.append(np.sqrt(weight) * covariance_root(covariance))
        means.append(draws.mean(0))
        noise = noise + weight * (_run_scatter(one) if runs is None else scatter_of(one, inputs))
        rest += weight * own.rest
    apart = np.sqrt(weights)[:, None] * (means - np.average(means, 0, weights))
    return PosteriorUncertainty(
        np.hstack([*law, apart.T]), np.hstack(error), np.asarray(noise), rest
    )


def _together(
    fit: Fit, quantity: Quantity, inputs: Mapping[str, xr.DataArray], surface: Surface | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return draws as for ``PosteriorUncertainty.law``, and the error's covariance."""
    here = {} if quantity.inputs is None else quantity.inputs
    both = {k: xr.concat([here[k], v], "point") if here else v for k, v in inputs.items()}
    first = len(quantity.weights)
    curve = outcomes(fit, both)
    outcome, error = curve, np.zeros((curve.shape[1],) * 2)
    if surface is not None:
        mean, error = surface.at(both)
        outcome = curve + mean.reshape(curve.shape)
    total = quantity.draws + outcome[:, :first] @ quantity.weights
    sums = np.vstack([np.r_[quantity.weights, np.zeros(len(error) - first)], np.eye(len(error))])
    sums = np.delete(sums, 1 + np.arange(first), axis=0)
    draws = np.column_stack([total, curve[:, first:], outcome[:, first:]])
    return draws, sums @ error @ sums.T


def scatter_of(fit: Fit, inputs: Mapping[str, xr.DataArray]) -> np.ndarray:
    """Return the variance of one new run's scatter, as that of a normal of equal information."""
    noise, centre = fit.spec.noise, fit.parameters.median(("chain", "draw"))
    curve = fit.curve(inputs).median(("chain", "draw"))
    known = known_at(fit, inputs)
    _, size = noise.displacement(curve, centre, known, curve, fit.scale)
    information = (float(centre["nu"]) + 1) / (float(centre["nu"]) + 3) if "nu" in centre else 1.0
    return np.broadcast_to(np.asarray(size), curve.shape) ** 2 / information


def _run_scatter(fit: Fit) -> np.ndarray:
    """Return the same of each fitted run, shape (run,): those in heavy tails carry little."""
    return 1 / run_weights(fit)


def condition_root(root: np.ndarray, row: int, noise: float) -> np.ndarray:
    """Condition a covariance C = R R' on one of its variables, observed with noise.

    Parameters
    ----------
    root : array, shape (variable, direction)
        R.
    row : int
        The variable that is observed.
    noise : float
        Variance of the noise; negative to take an observation away.

    Returns
    -------
    array, shape (variable, direction)
        The root of C - c c' / (c_row + noise), with c the column of that variable in C.
    """
    here = root[row]
    size = here @ here
    if size <= 0:
        return root
    shrink = (1 - np.sqrt(noise / (size + noise))) / size
    change = (root @ here)[:, None] * (shrink * here)
    return np.subtract(root, change, out=change)
