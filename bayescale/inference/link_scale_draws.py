"""Posterior draws of a fit on the link scale, and back."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.inference.result import Fit
from bayescale.laws.parameters import Parameter
from bayescale.model.link_scale import natural, to_link


def links(
    fit: Fit, posterior: xr.Dataset, parameters: Mapping[str, Parameter] | None = None
) -> np.ndarray:
    """Return draws of parameters on the link scale, shape (draw, parameter).

    They are the law's free ones where none are named.
    """
    named = fit.spec.free if parameters is None else parameters
    columns = [
        np.ravel(to_link(parameter, posterior[name].values, fit.scales))
        for name, parameter in named.items()
    ]
    if not columns:
        return np.zeros((posterior.sizes["chain"] * posterior.sizes["draw"], 0))
    return np.stack(columns, axis=-1)


def link_table(fit: Fit) -> pd.DataFrame:
    """Return the posterior of the free parameters on the link scale, one column per parameter."""
    return pd.DataFrame(links(fit, fit.posterior), columns=list(fit.spec.free))


def from_links(
    fit: Fit,
    values: np.ndarray,
    posterior: xr.Dataset,
    parameters: Mapping[str, Parameter] | None = None,
) -> xr.Dataset:
    """Put other link-scale values of parameters, as for :func:`links`, into draws."""
    named = fit.spec.free if parameters is None else parameters
    own = {
        name: (("chain", "draw"), natural(parameter, values[:, i], fit.scales)[None])
        for i, (name, parameter) in enumerate(named.items())
    }
    return posterior.assign(own)
