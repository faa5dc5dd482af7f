"""A law, its noise, priors and runs as a PyMC model: as one would write it by hand, and as sampled.

In the one for users, :func:`pymc_model`, the free variables are the parameters of the law and the
noise under their own names, in their own units, each with its prior: log-normal above zero,
logit-normal between zero and one, normal on the real line, or the distribution that was given. A
parameter held fixed is a scalar ``pm.Data``.

The samplers are given the same density in other coordinates, by :func:`engine_model`: parameters
are vectors on the link scale (:mod:`bayescale.model.parametrization`). Where all runs follow one
law its parameters are one vector, ``law_link``, with a normal prior; where the law names
coordinates the vector is sampled in them, through a PyMC transform that preserves volume.
Everything that differs between two fits of the same structure is ``pm.Data``, so that a compiled
model takes other runs, reference points or prior intervals without compiling again.

PyMC is imported where a model is built: a program that was compiled before needs only the data.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.model.likelihood import observe, run_coords, run_data
from bayescale.model.observations import Observations
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

if TYPE_CHECKING:
    import pymc as pm


def pymc_model(spec: Spec, data: Observations) -> "pm.Model":
    """Build the PyMC model of a spec and the data taken for it, with parameters by name.

    Parameters
    ----------
    spec : Spec
        What is fitted.
    data : Observations
        What the runs contribute.

    Returns
    -------
    pymc.Model
        Its posterior has the names and dimensions of a fit's.
    """
    import pymc as pm

    coords: dict[str, Any] = run_coords(spec, data)
    coords |= {by: data.groups for by in spec.grouping}
    with pm.Model(coords=coords) as model:
        shared = {k: pm.Data(k, v, dims=dims) for k, (dims, v) in run_data(spec, data).items()}
        for name, value in data.references.items():
            if name in spec.law.steps or spec.law.inputs[name].relative:
                shared[f"{name}_reference"] = pm.Data(f"{name}_reference", value)
        fixed = {name: pm.Data(name, value) for name, value in spec.fixed.items()}
        free = parametrization_of(spec).named_parameters(data)
        observe(spec, shared, {**free, **fixed})
    return model


def model_data(spec: Spec, data: Observations) -> dict[str, np.ndarray]:
    """Return the value of every ``pm.Data`` of the model, by name."""
    return {name: value for name, (_, value) in _labelled_data(spec, data).items()}


def _labelled_data(
    spec: Spec, data: Observations
) -> dict[str, tuple[tuple[Any, ...] | None, np.ndarray]]:
    """Return dimensions, None of a number, and values of every ``pm.Data``, by name."""
    found: dict[str, Any] = {
        **parametrization_of(spec).prior_data(data),
        "target_scale": (None, data.scale),
        **{f"{name}_reference": (None, value) for name, value in data.references.items()},
    }
    if spec.fixed:
        found["fixed"] = ("fixed_parameter",), list(spec.fixed.values())
    found |= run_data(spec, data)
    return {name: (dims, np.asarray(value, dtype=float)) for name, (dims, value) in found.items()}


def engine_model(spec: Spec, data: Observations) -> "pm.Model":
    """Build the PyMC model that is sampled, of a spec and the data taken for it."""
    import pymc as pm

    parametrization = parametrization_of(spec)
    coords = {**parametrization.coords(data), **run_coords(spec, data)}
    if spec.fixed:
        coords["fixed_parameter"] = list(spec.fixed)
    with pm.Model(coords=coords) as model:
        shared = {
            name: pm.Data(name, value, dims=dims)
            for name, (dims, value) in _labelled_data(spec, data).items()
        }
        scales = {"target": shared["target_scale"]} | {
            step.column: shared[f"{name}_reference"] for name, step in spec.law.steps.items()
        }
        observe(spec, shared, parametrization.sampled_parameters(data, shared, scales))
    return model
