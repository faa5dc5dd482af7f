"""A fit's draws, densities and predictions as one tree in ArviZ's schema."""

from typing import Any

import numpy as np
import xarray as xr

from bayescale.observable import Observable
from bayescale.priors import log_prior
from bayescale.spec import Data, Observed, Spec


def by_run(seen: Observable, rows: Observed) -> dict[str, xr.DataArray]:
    """Return the law's inputs of the runs in which a column was observed, with their names."""
    coords = {seen.dim: list(rows.labels)}
    return {
        name: xr.DataArray(values, coords, dims=("node", seen.dim)[-values.ndim :])
        for name, values in rows.inputs.items()
    }


def make_tree(
    spec: Spec,
    data: Data,
    posterior: xr.Dataset,
    stats: xr.Dataset,
    prior: xr.Dataset,
    rng: np.random.Generator,
) -> xr.DataTree:
    """Put draws, densities, predictions and data together.

    Parameters
    ----------
    spec, data
        What was fitted, to what.
    posterior, stats : xarray.Dataset, dims (chain, draw)
        Draws of the natural parameters, and sampler statistics.
    prior : xarray.Dataset, dims (chain, draw)
        Draws of the prior.
    rng : numpy.random.Generator
        Draws the predictions.

    Returns
    -------
    xarray.DataTree
        See :class:`bayescale.fitting.Fit`.
    """
    groups: dict[str, Any] = {
        "posterior": posterior,
        "sample_stats": stats,
        "log_likelihood": {},
        "log_prior": log_prior(spec, data.scales, posterior),
        "posterior_predictive": {},
        "prior": prior,
        "prior_predictive": {},
        "observed_data": {},
        "constant_data": {
            **{f"{name}_reference": value for name, value in data.references.items()},
            "target_scale": data.scale,
        },
    }
    everything = posterior.assign(spec.fixed)
    for seen in spec.observables:
        for group, values in _predictions(spec, data, seen, everything, prior, rng).items():
            groups[group] |= values
    order = ("chain", "draw", "node", ...)
    return xr.DataTree.from_dict(
        {
            name: xr.Dataset(dict(group)).transpose(*order, missing_dims="ignore")
            for name, group in groups.items()
        }
    )


def _predictions(
    spec: Spec,
    data: Data,
    seen: Observable,
    posterior: xr.Dataset,
    prior: xr.Dataset,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Return what the groups of the tree hold of one observed column."""
    rows, noise, column = data.of(seen), seen.noise, seen.column
    inputs = by_run(seen, rows)
    observed = xr.DataArray(rows.observed, {seen.dim: list(rows.labels)}, dims=seen.dim)
    known = {name: observed.copy(data=values) for name, values in rows.known.items()}
    curve, prior_curve = (
        spec.law.curve(inputs, data.references, at, seen.step) for at in (posterior, prior)
    )
    scatter = seen.of_noise(posterior)
    density = noise.log_density(curve, scatter, known, observed)
    return {
        "log_likelihood": {column: density},
        "posterior_predictive": {column: noise.draw(curve, scatter, known, rng=rng)},
        "prior_predictive": {column: noise.draw(prior_curve, seen.of_noise(prior), known, rng=rng)},
        "observed_data": {column: observed},
        "constant_data": {
            **{f"{seen.prefix}{name}": values for name, values in inputs.items()},
            **{f"{column}{noise.known[name][0]}": values for name, values in known.items()},
        },
    }
