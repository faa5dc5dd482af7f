"""A fit's draws, densities and predictions as one ArviZ tree, with their provenance."""

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data import derive
from bayescale.data.describe import runs_record
from bayescale.data.runs import Runs
from bayescale.inference.pointwise import (
    inputs_by_run,
    known_by_run,
    observed_by_run,
    with_pointwise,
)
from bayescale.inference.sampling import Sampler
from bayescale.model.observations import Data
from bayescale.model.observed_columns import Observable, columns_read
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

OTHER_COLUMNS = "other_columns"
"""The group of a tree with the columns of the run table that the law does not use."""

_MOST_COLUMNS = 50


def make_tree(
    spec: Spec,
    data: Data,
    posterior: xr.Dataset,
    stats: xr.Dataset,
    prior: xr.Dataset,
    seed: int,
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
    seed : int
        Draws the predictions.

    Returns
    -------
    xarray.DataTree
        See :class:`bayescale.inference.result.Fit`.
    """
    groups: dict[str, Any] = {
        "posterior": posterior,
        "sample_stats": stats,
        "log_prior": parametrization_of(spec).log_prior(data, posterior),
        "prior": prior,
        "observed_data": {},
        "constant_data": {
            **{f"{name}_reference": value for name, value in data.references.items()},
            "target_scale": data.scale,
        },
    }
    for seen in spec.observables:
        for group, values in _fitted(spec, data, seen).items():
            groups[group] |= values
    groups[OTHER_COLUMNS] = _other_columns(spec, data)
    order = ("chain", "draw", "node", ...)
    tree = xr.DataTree.from_dict(
        {
            name: xr.Dataset(dict(group)).transpose(*order, missing_dims="ignore")
            for name, group in groups.items()
        }
    )
    return with_pointwise(spec, tree, seed)


def _other_columns(spec: Spec, data: Data) -> dict[str, xr.DataArray]:
    """Return what the runs' table says besides what is fitted, of the columns that vary.

    Numbers as they are; words, true and false as text with "" where there is none.
    """
    table = data.runs.table
    used = {"run", *columns_read(spec)}
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


def _fitted(spec: Spec, data: Data, seen: Observable) -> dict[str, dict[str, xr.DataArray]]:
    """Return what the groups of the tree hold of one observed column."""
    rows, noise, column = data.of(seen), seen.noise, seen.column
    inputs, known = inputs_by_run(spec, seen, rows), known_by_run(seen, rows)
    return {
        "observed_data": {column: observed_by_run(seen, rows)},
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
        "versions": dict(_versions()),
        "sampler": vars(sampler),
        "seed": seed,
        "seconds": seconds,
        "data": data.digest(),
        "law": spec.law.fingerprint(),
        "runs": {"flops_over_6nd": _flops_over_6nd(data.runs), **runs_record(data.runs)},
    }


@cache
def _versions() -> dict[str, str]:
    """Return the versions of what draws; reading them takes longer than a table of runs does."""
    return {name: version(name) for name in ("bayescale", "pymc", "pytensor", "nutpie", "arviz")}


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
