"""The information in runs about a law near draws of its posterior: the Gaussian approximation.

Near a draw the law is linear in its link-scale parameters z. A run of inputs x, with noise of
standard deviation s on its scale, adds J J' / s^2 to the precision of z, J the slope of the
law there; the prior adds its own. The sum's inverse is the posterior covariance of a fit of those
runs if that draw were the truth. Averaging over draws accounts for not knowing it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayescale.design.quantities_of_interest import scaled
from bayescale.inference.link_scale_draws import from_links, links
from bayescale.inference.result import Fit, with_draws
from bayescale.model.link_scale import with_fixed
from bayescale.model.observed_columns import Observable
from bayescale.prediction.runs_by_compute import known_at

STEP = 1e-3
"""Half width of the finite differences, on the link scale."""


TINY = 0.01
"""Relative error at which the standard deviation of a noise is evaluated."""


def thinned(fit: Fit, count: int) -> xr.Dataset:
    """Thin a fit for Fisher information: ``count`` draws over all chains, dims (chain=1, draw)."""
    flat = fit.posterior.stack(all=("chain", "draw"), create_index=False)
    kept = np.unique(np.linspace(0, flat.sizes["all"] - 1, count).astype(int))
    chosen = flat.isel(all=kept).drop_vars(["chain", "draw"], errors="ignore")
    return chosen.rename(all="draw").expand_dims(chain=[0]).assign_coords(draw=np.arange(len(kept)))


def _slopes(fit: Fit, posterior: xr.Dataset, of: Callable[[xr.Dataset], np.ndarray]) -> np.ndarray:
    """Differentiate a function of the draws by each free parameter's link, on the last axis."""
    centre, found = links(fit, posterior), []
    for i in range(centre.shape[1]):
        moved = np.zeros(centre.shape[1])
        moved[i] = STEP
        above, below = (of(from_links(fit, centre + by, posterior)) for by in (moved, -moved))
        found.append((above - below) / (2 * STEP))
    if not found:
        return np.zeros((*of(posterior).shape, 0))
    return np.stack(found, axis=-1)


def rows_of(
    fit: Fit,
    posterior: xr.Dataset,
    response: Observable,
    inputs: Mapping[str, xr.DataArray],
    known: Mapping[str, Any],
) -> np.ndarray:
    """Rows of Fisher information: the slope of each run's value, over its scatter, at each draw.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    posterior : xarray.Dataset, dims (chain=1, draw)
        The draws, as :func:`thinned` returns them.
    response : Observable
        The response.
    inputs : mapping of str to DataArray, dim ``response.dim``
        The runs, by the law's names.
    known : mapping
        The noise's known quantities of them.

    Returns
    -------
    numpy.ndarray, shape (draw, run, parameter)
    """
    noise, unit = response.noise, fit.scales[_unit(response)]
    order = ("draw", response.dim)

    def curve(draws: xr.Dataset) -> xr.DataArray:
        value = fit.curve(inputs, with_fixed(fit.spec, draws), response.step).isel(chain=0)
        return value.broadcast_like(inputs[next(iter(inputs))].isel(node=0, missing_dims="ignore"))

    def value(draws: xr.Dataset) -> np.ndarray:
        return noise.relative(curve(draws), unit).transpose(*order).to_numpy()

    there, at = curve(posterior), response.of_noise(posterior.isel(chain=0))
    _, size = noise.displacement(there, at, known, noise.displace(there, TINY, unit), unit)
    size = size.broadcast_like(there).transpose(*order).to_numpy()
    return _slopes(fit, posterior, value) / size[..., None]


def _unit(response: Observable) -> str:
    return response.prefix.removesuffix("_") or "target"


def gradients(fit: Fit, posterior: xr.Dataset, flops: Any, at: Any) -> dict[str, np.ndarray]:
    """Return the gradients of all quantities of interest in the link-scale parameters, by name.

    Returns
    -------
    dict of str to numpy.ndarray, shape (draw, parameter)
        On the quantities' transformed scales.
    """
    names = list(scaled(with_draws(fit, posterior.isel(draw=[0])), flops, at).data_vars)

    def values(draws: xr.Dataset) -> np.ndarray:
        return scaled(with_draws(fit, draws), flops, at).to_array().isel(chain=0).to_numpy()

    return dict(zip(map(str, names), _slopes(fit, posterior, values), strict=True))


def precision(fit: Fit, posterior: xr.Dataset, prior_sd: Sequence[float]) -> np.ndarray:
    """Return the precision (Fisher information and prior), shape (draw, parameter, parameter)."""
    total = np.diag(1 / np.square(np.asarray(prior_sd)))[None]
    for response in fit.spec.observables:
        rows = rows_of(fit, posterior, response, fit.inputs_of(response), fit.known_of(response))
        total = total + np.einsum("dri,drj->dij", rows, rows)
    return total


def of_candidates(
    fit: Fit, posterior: xr.Dataset, inputs: Mapping[str, xr.DataArray]
) -> np.ndarray:
    """Return the gradients of the responses of candidate runs: the target, and the law's steps.

    Parameters
    ----------
    fit, posterior
        As for :func:`rows_of`.
    inputs : mapping of str to DataArray, dim point
        The candidates.

    Returns
    -------
    numpy.ndarray, shape (draw, candidate, observed column, parameter)
    """
    found = []
    for response in fit.spec.observables:
        here = {name: values.rename(point=response.dim) for name, values in inputs.items()}
        known = known_at(fit, here, response)
        found.append(rows_of(fit, posterior, response, here, known))
    return np.stack(found, axis=2)


def condition_covariance(covariance: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Condition covariances on observations that are linear in the parameters.

    Parameters
    ----------
    covariance : array, shape (..., parameter, parameter)
        Covariances.
    rows : array, shape (..., observation, parameter)
        Slopes of the observations, over the standard deviation of their noise.

    Returns
    -------
    array, shape (..., parameter, parameter)
    """
    spread = rows @ covariance
    size = np.eye(rows.shape[-2]) + spread @ np.swapaxes(rows, -1, -2)
    return covariance - np.swapaxes(spread, -1, -2) @ np.linalg.solve(size, spread)


def variance_lost(covariance: np.ndarray, rows: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return by how much each of several candidates alone would lower a variance.

    Parameters
    ----------
    covariance : array, shape (draw, parameter, parameter)
        Covariances.
    rows : array, shape (draw, candidate, observation, parameter)
        As for :func:`condition_covariance`.
    slopes : array, shape (draw, parameter)
        Of the quantity whose variance it is.

    Returns
    -------
    array, shape (draw, candidate)
    """
    spread = np.einsum("dcmi,dij->dcmj", rows, covariance)
    size = np.eye(rows.shape[2]) + np.einsum("dcmi,dcni->dcmn", spread, rows)
    cross = np.einsum("dcmi,di->dcm", spread, slopes)
    return np.einsum("dcm,dcm->dc", cross, np.linalg.solve(size, cross[..., None])[..., 0])
