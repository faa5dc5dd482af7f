"""Where runs lie along training compute: the fitted ones, and those that are predicted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data import derive
from bayescale.inference.result import Fit
from bayescale.laws.inputs import falling
from bayescale.model.observed_columns import Observable
from bayescale.model.spec import Spec


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


def main_column(fit: Fit) -> str | None:
    """Return the column that runs are laid out along: compute, or the law's first input.

    None where every input has several values a run, such as the shares of a mixture.
    """
    return next(iter(run_columns(fit)), None)


def one_column(fit: Fit) -> str | None:
    """Return the column of a law's one input that grows with a model's scale, None without one."""
    (first, *others) = fit.law.inputs.values()
    return None if others or first.nodes or not first.relative else main_column(fit)


def falls(spec: Spec, column: str) -> bool:
    """Return whether a column falls as models get better, as a loss does.

    The law's input declares it by its own column, or the column that it is read from is so named.
    """
    inputs = spec.law.inputs.items()
    declared = any(given.falls for name, given in inputs if spec.column(name) == column)
    return declared or falling(column)


def furthest_of(spec: Spec, column: str, values: np.ndarray) -> float:
    """Return the value that lies furthest towards better models: the largest, of a loss the lowest.

    Parameters
    ----------
    spec : Spec
        Says what the law takes.
    column : str
        The column.
    values : array, shape (run,)
        Its values.
    """
    return float(values.min() if falls(spec, column) else values.max())


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
