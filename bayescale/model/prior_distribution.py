"""Draws from the priors, and their densities on the link scale.

PyMC is imported only for priors that were given as PyMC distributions.
"""

from typing import Any

import numpy as np
import xarray as xr

from bayescale.model.link_scale import natural, to_link
from bayescale.model.spec import Scales, Spec


def link_log_density(spec: Spec, name: str, link: Any, mean: Any, sd: Any, scales: Scales) -> Any:
    """Return the log prior density of one parameter on its link scale, a tensor."""
    import pymc as pm

    if name not in spec.distributions:
        return pm.logp(pm.Normal.dist(mean, sd), link)
    parameter = spec.free[name]
    value = natural(parameter, link, scales)
    return pm.logp(spec.distributions[name], value) + parameter.log_jacobian(link)


def draw_link(
    spec: Spec, name: str, scales: Scales, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw one parameter from a prior given as a PyMC distribution, on its link scale."""
    import pymc as pm

    parameter = spec.free[name]
    values = pm.draw(spec.distributions[name], draws, random_seed=rng, mode="FAST_COMPILE")
    return to_link(parameter, np.atleast_1d(values), scales)


def draw_prior(spec: Spec, scales: Scales, draws: int, rng: np.random.Generator) -> xr.Dataset:
    """Draw natural parameters from the prior, dims (chain=1, draw)."""
    drawn = {}
    for name, parameter in spec.parameters.items():
        if name in spec.distributions:
            link = draw_link(spec, name, scales, draws, rng)
        else:
            mean, sd = spec.normal_priors([name], scales)
            link = rng.normal(mean[0], sd[0], draws)
        drawn[name] = (("chain", "draw"), natural(parameter, link, scales)[None])
    for name, value in spec.fixed.items():
        drawn[name] = (("chain", "draw"), np.full((1, draws), value))
    return xr.Dataset(drawn, coords={"chain": [0], "draw": np.arange(draws)})


def log_prior(spec: Spec, scales: Scales, parameters: xr.Dataset) -> xr.Dataset:
    """Return the log prior density of each free parameter at its draws, on the link scale."""
    densities = {}
    for name, parameter in spec.parameters.items():
        link = to_link(parameter, parameters[name], scales)
        if name in spec.distributions:
            value = link_log_density(spec, name, link.values, 0.0, 1.0, scales).eval()
            densities[name] = link.copy(data=value)
        else:
            mean, sd = spec.normal_priors([name], scales)
            densities[name] = -(((link - mean[0]) / sd[0]) ** 2) / 2 - np.log(
                sd[0] * np.sqrt(2 * np.pi)
            )
    return xr.Dataset(densities)
