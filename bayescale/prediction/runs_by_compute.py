"""Where runs lie along training compute: the fitted ones, and those that are predicted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data import derive
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import Observable


def run_columns(fit: Fit) -> dict[str, np.ndarray]:
    """Return the fitted runs' inputs by column, and their compute 6 N D where it follows.

    Inputs with nodes have no one value a run and are left out.
    """
    columns = {
        fit.spec.column(name): values.to_numpy()
        for name, values in fit.inputs.items()
        if values.ndim == 1
    }
    if {"params", "tokens"} <= set(columns):
        columns = {"flops": derive.flops(columns["params"], columns["tokens"])} | columns
    return columns


def main_column(fit: Fit) -> str:
    """Return the column that runs are laid out along: compute, or the law's first input."""
    return next(iter(run_columns(fit)))


def known_at(
    fit: Fit, inputs: Mapping[str, xr.DataArray], seen: Observable | None = None
) -> dict[str, Any]:
    """Return what a noise is to assume known of new runs besides their inputs.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    inputs : mapping of str to DataArray
        The law's inputs of the new runs, by its names, in their own units.
    seen : Observable, optional
        The step of the law whose noise is asked; its target when None.
    """
    seen = fit.spec.observables[0] if seen is None else seen
    size, tokens, flops = (fit.input_of(name) for name in ("params", "tokens", "flops"))
    compute = None
    if size and tokens:
        compute = derive.flops(inputs[size], inputs[tokens])
    elif flops:
        compute = inputs[flops]
    return seen.noise.typical(fit.known_of(seen), compute)
