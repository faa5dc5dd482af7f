r"""The part of a predicted score that says: its sigmoid is a little wrong, and more so further out.

A posterior believes its sigmoids, and one noise per score leaves no room for a sigmoid that is
wrong beyond the models it was fitted to. So a prediction adds to the log odds of score j a smooth
random function of the capabilities,

.. math:: \eta_{mj} = b_j + \lambda_j^\top \theta_m + \delta_j(\theta_m), \qquad
          \delta_j \sim \mathrm{GP}\bigl(0,\ s^2 k(|\theta - \theta'| / \ell)\bigr)
          \mid \text{residuals},

with the Matérn-5/2 kernel k of :mod:`bayescale.prediction.gaussian_process`, and the residuals of
the models that have the score given with their scatter. Among these it follows what the sigmoid
misses; far from them, in any direction, it is free to be s. It is cut off from the fit, as there.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayescale.capabilities.fit import CapabilityFit
from bayescale.capabilities.model import DEGREES, evaluated
from bayescale.capabilities.table import NAME
from bayescale.laws.functions import sigmoid
from bayescale.prediction.gaussian_process import GaussianProcess, SizeAndReach
from bayescale.prediction.intervals import DRAWS

LEAST = 1e-6
"""Slope of a sigmoid below which a score says nothing of its log odds."""


@dataclass(frozen=True)
class ScoreDiscrepancy(SizeAndReach):
    """How wrong the sigmoid of a score may be.

    Parameters
    ----------
    size : float
        Standard deviation of the error far from the models that have the score, in log odds.
    reach : float
        Distance between models over which the error changes, in log odds of their mean score.

    Raises
    ------
    BayescaleError
        When either is not positive.

    See Also
    --------
    predict_scores : Takes one.
    Discrepancy : That of a law of training runs.

    References
    ----------
    Kennedy and O'Hagan (2001), doi:10.1111/1467-9868.00294

    Examples
    --------
    >>> bs.ScoreDiscrepancy(size=0.5).reach
    1.0
    """

    size: float = 1.0
    reach: float = 1.0

    def __str__(self) -> str:
        return (
            f"the log odds of a score may be off by {self.beyond():.2g} for a model that is "
            "better by one in log odds than all that have the score, "
            f"{self.size:.2g} far from them (one standard deviation)"
        )

    def draw(
        self, fit: CapabilityFit, score: str, capability: xr.DataArray, rng: np.random.Generator
    ) -> xr.DataArray:
        """Draw the error of each posterior draw's sigmoid for models, together.

        Parameters
        ----------
        fit : CapabilityFit
            What was fitted.
        score : str
            One of its scores.
        capability : DataArray, dims (chain, draw, model, factor)
            Of the models to predict.
        rng : numpy.random.Generator
            Where the error comes from.

        Returns
        -------
        xarray.DataArray, dims (chain, draw, model)
            Errors in log odds.
        """
        residual, variance, places = _at_models(fit, score)
        at, places = _typical(capability) / self.reach, places / self.reach
        process = GaussianProcess.given(self.size**2, places, residual, np.diag(variance))
        drawn = process.draw(at, rng)
        return xr.DataArray(drawn, {NAME: capability[NAME].values}, dims=(*DRAWS, NAME))


SCORE_DISCREPANCY = ScoreDiscrepancy()
"""What predictions use by default; chosen in ``benchmarks/observational_nested.py``."""


def _typical(capability: xr.DataArray) -> np.ndarray:
    return capability.median(DRAWS).transpose(NAME, "factor").values


def _at_models(fit: CapabilityFit, score: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a score's residuals (chain, draw, model), their variances (model,) and places.

    Residuals are in log odds, each draw's own; places are (model, factor). A score near guessing
    or one hardly tells its log odds, and has a large variance there; one in the tails of the
    scatter counts for as little as in the fit.
    """
    scores = fit.scores
    column = scores.names.index(score)
    rows = np.flatnonzero(scores.seen[:, column])
    capability = fit.posterior["capability"].isel({NAME: rows})
    odds, floor, scatter = fit.sigmoid(score, capability)
    mean, spread = evaluated(odds, floor, scatter)
    misses = xr.DataArray(scores.values[rows, column], dims=NAME) - mean
    share = sigmoid(odds)
    slope = ((1 - floor) * share * (1 - share)).median(DRAWS).clip(LEAST)
    usual, size = misses.median(DRAWS), spread.median(DRAWS)
    tails = (DEGREES + (usual / size) ** 2) / (DEGREES + 1)
    each = (misses / slope).transpose(*DRAWS, NAME)
    return each.values, ((size / slope) ** 2 * tails).values, _typical(capability)
