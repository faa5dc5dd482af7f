"""How good a forecast was: proper scores of draws against what was observed."""

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from bayescale.analysis.intervals import DRAWS

LEVELS = (np.arange(200) + 0.5) / 200
COVERED = (0.5, 0.9, 0.95)
"""Probabilities of the central bands whose coverage is counted."""


def crps(draws: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    """Return the continuous ranked probability score, in the unit of the draws; less is better.

    It is twice the mean quantile loss over 200 levels, which heavy tails do not make noisy
    (Gneiting and Ranjan 2011).

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
        Draws of the forecast.
    observed : DataArray
        What was observed, over the other dims.
    """
    quantiles = draws.quantile(LEVELS, dim=list(DRAWS), skipna=False)
    miss = observed - quantiles
    level = quantiles["quantile"]
    return 2 * xr.where(miss > 0, level * miss, (level - 1) * miss).mean("quantile")


def pit(draws: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    """Return the probability integral transform: the share of draws below what was observed.

    Uniform over many honest forecasts; draws equal to the observation count half.
    """
    return ((draws < observed) + 0.5 * (draws == observed)).mean(list(DRAWS))


def log_score(log_density: xr.DataArray) -> xr.DataArray:
    """Return the log of the forecast's density, from that given each draw; more is better."""
    count = np.prod([log_density.sizes[dim] for dim in DRAWS])
    return log_density.reduce(logsumexp, dim=list(DRAWS)) - np.log(count)
