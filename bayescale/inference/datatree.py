"""A fit's draws, densities and predictions as one ArviZ tree, with their provenance."""

from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data import derive
from bayescale.data.describe import runs_record
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError
from bayescale.inference.sampling import Sampler
from bayescale.model.link_scale import with_fixed
from bayescale.model.observations import Data, Observations, observed_groups
from bayescale.model.observed_columns import Observable, Observed
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

OTHER_COLUMNS = "other_columns"
"""The group of a tree with the columns of the run table that the law does not use."""

_MOST_COLUMNS = 50


def inputs_by_run(spec: Spec, seen: Observable, rows: Observed) -> dict[str, xr.DataArray]:
    """Return for the datatree a law's inputs of the runs that have a column, with their names."""
    coords = {seen.dim: list(rows.labels)}
    inputs = {
        name: xr.DataArray(values, coords, dims=("node", seen.dim)[-values.ndim :])
        for name, values in rows.inputs.items()
    }
    members = list(rows.members)
    return inputs | {by: xr.DataArray(members, coords, dims=seen.dim) for by in spec.grouping}


def make_tree(
    spec: Spec,
    data: Data,
    posterior: xr.Dataset,
    stats: xr.Dataset,
    prior: xr.Dataset,
    rng: np.random.Generator,
) -> xr.DataTree:
    """Put draws, densities, predictions and data together in one datatree.

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
        See :class:`bayescale.inference.result.Fit`.
    """
    groups: dict[str, Any] = {
        "posterior": posterior,
        "sample_stats": stats,
        "log_likelihood": {},
        "log_prior": parametrization_of(spec).log_prior(data, posterior),
        "posterior_predictive": {},
        "prior": prior,
        "prior_predictive": {},
        "observed_data": {},
        "constant_data": {
            **{f"{name}_reference": value for name, value in data.references.items()},
            "target_scale": data.scale,
        },
    }
    everything = with_fixed(spec, posterior)
    for seen in spec.observables:
        for group, values in _predictions(spec, data, seen, everything, prior, rng).items():
            groups[group] |= values
    groups[OTHER_COLUMNS] = _other_columns(spec, data)
    order = ("chain", "draw", "node", ...)
    return xr.DataTree.from_dict(
        {
            name: xr.Dataset(dict(group)).transpose(*order, missing_dims="ignore")
            for name, group in groups.items()
        }
    )


def _other_columns(spec: Spec, data: Data) -> dict[str, xr.DataArray]:
    """Return what the runs' table says besides what is fitted, of the columns that vary.

    Numbers as they are; words, true and false as text with "" where there is none.
    """
    table = data.runs.table
    known = {f"{spec.target}{suffix}" for suffix, _ in spec.noise.known.values()}
    used = {c for name in spec.law.inputs for c in spec.columns_of(name)}
    used |= {spec.target, "run", *known, *spec.grouping}
    found: dict[str, xr.DataArray] = {}
    for name in table.columns:
        cells = table[name]
        if name in used or not isinstance(cells, pd.Series) or len(found) == _MOST_COLUMNS:
            continue
        truth = pd.api.types.is_bool_dtype(cells.dtype)
        if pd.api.types.is_numeric_dtype(cells.dtype) and not truth:
            values = cells.to_numpy(float, na_value=np.nan)
        else:
            values = np.array(
                ["" if none else str(c) for c, none in zip(cells, cells.isna(), strict=True)]
            )
        if len(np.unique(values)) > 1:
            column = str(name).replace("/", "|")  # which separates groups of a tree
            found[column] = xr.DataArray(values, {"run": list(data.labels)}, dims="run")
    return found


def observations_of(spec: Spec, tree: xr.DataTree) -> Observations:
    """Return the numbers of the runs that a tree was made of, as :func:`make_tree` was given them.

    Raises
    ------
    BayescaleError
        When the tree does not hold them.
    """
    if not {"observed_data", "constant_data", "log_likelihood"} <= set(tree.children):
        raise BayescaleError("these draws carry no runs of their own: ask the fit they come from")
    constant = tree.children["constant_data"].to_dataset()
    target, *others = (_observed_in(spec, seen, tree) for seen in spec.observables)
    names = (*spec.law.inputs, *spec.law.steps)
    references = {name: float(constant[f"{name}_reference"]) for name in names}
    scales = {"target": float(constant["target_scale"])} | {
        step.column: references[name] for name, step in spec.law.steps.items()
    }
    return Observations(
        **vars(target),
        references=references,
        scales=scales,
        steps=dict(zip(spec.law.steps, others, strict=True)),
        group_scales=observed_groups(spec, target, others, scales["target"]),
    )


def _observed_in(spec: Spec, seen: Observable, tree: xr.DataTree) -> Observed:
    """Return what a tree holds of one observed column."""
    constant = tree.children["constant_data"].to_dataset()
    observed = tree.children["observed_data"].to_dataset()[seen.column]
    known = {name: f"{seen.column}{suffix}" for name, (suffix, _) in seen.noise.known.items()}
    return Observed(
        {name: constant[f"{seen.prefix}{name}"].values for name in spec.law.inputs},
        observed.values,
        {name: constant[column].values for name, column in known.items()},
        tuple(map(str, observed[seen.dim].values)),
        members=tuple(
            str(name) for by in spec.grouping for name in constant[f"{seen.prefix}{by}"].values
        ),
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
    inputs = inputs_by_run(spec, seen, rows)
    observed = xr.DataArray(rows.observed, {seen.dim: list(rows.labels)}, dims=seen.dim)
    known = {name: observed.copy(data=values) for name, values in rows.known.items()}
    at = parametrization_of(spec).at
    posterior, prior = at(posterior, inputs), at(prior, inputs)
    curve, prior_curve = (
        spec.law.curve(inputs, data.references, found, seen.step) for found in (posterior, prior)
    )
    scatter = seen.of_noise(posterior)
    density = noise.log_density(curve, scatter, known, observed)
    drawn = noise.draw(curve, scatter, known, rng=rng)
    with np.errstate(invalid="ignore"):  # a loss below zero, as priors may expect, has no log
        expected = noise.draw(prior_curve, seen.of_noise(prior), known, rng=rng)
    return {
        "log_likelihood": {column: density},
        "posterior_predictive": {column: drawn},
        "prior_predictive": {column: expected},
        "observed_data": {column: observed},
        "constant_data": {
            **{f"{seen.prefix}{name}": values for name, values in inputs.items()},
            **{f"{column}{noise.known[name][0]}": values for name, values in known.items()},
        },
    }


def record_of(
    spec: Spec, data: Data, sampler: Sampler, seed: int, seconds: dict[str, float]
) -> dict[str, Any]:
    """Return the record of a datatree's origin, in JSON's types."""
    return {
        "versions": {
            name: version(name) for name in ("bayescale", "pymc", "pytensor", "nutpie", "arviz")
        },
        "sampler": vars(sampler),
        "seed": seed,
        "seconds": seconds,
        "data": data.digest(),
        "law": spec.law.fingerprint(),
        "runs": {"flops_over_6nd": _flops_over_6nd(data.runs), **runs_record(data.runs)},
    }


def _flops_over_6nd(runs: Runs) -> list[float] | None:
    """Return the least and the largest ratio of the stated FLOP to 6 N D, None where not known."""
    table = runs.table
    if not {"params", "tokens", "flops"} <= set(table):
        return None
    params, tokens, flops = (table[name].to_numpy(float) for name in ("params", "tokens", "flops"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = flops / derive.flops(params, tokens)
    ratio = ratio[np.isfinite(ratio)]
    return [float(ratio.min()), float(ratio.max())] if ratio.size else None
