"""The PyMC model that is sampled: that of :mod:`bayescale.model.build` in other coordinates.

The law's parameters are one vector on the link scale, ``law_link``, with a normal prior; where the
law names coordinates the vector is sampled in them, through a PyMC transform that preserves volume.
Everything that differs between two fits of the same structure is ``pm.Data``, so that a compiled
model takes other runs, reference points or prior intervals without compiling again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Transform

from bayescale.model.coordinates import LAW_LINK, NOISE_LINK, Coordinates
from bayescale.model.hierarchical_pymc import (
    DIMS,
    group_coords,
    group_data,
    grouped_parameters,
)
from bayescale.model.likelihood import observe, run_coords, run_data
from bayescale.model.link_scale import draw_link, log_density_of, natural, to_link
from bayescale.model.observations import Observations
from bayescale.model.spec import Spec


class LawCoordinates(Transform):
    """The coordinates that are sampled as a PyMC transform of the link-scale vector."""

    name = "coordinates"

    def __init__(self, coordinates: Coordinates) -> None:
        self.coordinates = coordinates

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Take the link-scale vector to what is sampled."""
        return pt.stack(self.coordinates.forward(value))

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Take what is sampled to the link-scale vector."""
        return pt.stack(self.coordinates.backward(value))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Zero: coordinates preserve volume (the contract test holds every law to it)."""
        return pt.zeros(())


def model_data(spec: Spec, data: Observations) -> dict[str, np.ndarray]:
    """Return the value of every ``pm.Data`` of the model, by name."""
    values: dict[str, Any] = {
        **(_prior_data(spec, data) if spec.pool is None else group_data(spec, data)),
        "target_scale": data.scale,
        **{f"{name}_reference": value for name, value in data.references.items()},
    }
    if spec.fixed:
        values["fixed"] = list(spec.fixed.values())
    values |= {name: column for name, (_, column) in run_data(spec, data).items()}
    return {name: np.asarray(value, dtype=float) for name, value in values.items()}


def _prior_data(spec: Spec, data: Observations) -> dict[str, np.ndarray]:
    law_mean, law_sd = spec.normal_priors(spec.free, data.scales)
    noise_mean, noise_sd = spec.normal_priors(spec.noise_parameters, data.scales)
    return {
        "law_prior_mean": law_mean,
        "law_prior_sd": law_sd,
        "noise_prior_mean": noise_mean,
        "noise_prior_sd": noise_sd,
    }


_DIMS = {
    **DIMS,
    "law_prior_mean": "law_parameter",
    "law_prior_sd": "law_parameter",
    "noise_prior_mean": "noise_parameter",
    "noise_prior_sd": "noise_parameter",
    "fixed": "fixed_parameter",
}


def engine_model(spec: Spec, data: Observations) -> pm.Model:
    """Build the PyMC model that is sampled, of a spec and the data taken for it."""
    parts = {"law_parameter": list(spec.free), "noise_parameter": list(spec.noise_parameters)}
    coords = {
        **(parts if spec.pool is None else group_coords(spec, data)),
        **run_coords(spec, data),
    }
    if spec.fixed:
        coords["fixed_parameter"] = list(spec.fixed)
    dims: dict[str, Any] = {**_DIMS, **{k: d for k, (d, _) in run_data(spec, data).items()}}
    with pm.Model(coords=coords) as model:
        shared = {
            name: pm.Data(name, value, dims=dims.get(name))
            for name, value in model_data(spec, data).items()
        }
        scales = {"target": shared["target_scale"]} | {
            step.column: shared[f"{name}_reference"] for name, step in spec.law.steps.items()
        }
        if spec.pool is None:
            parameters = _law_parameters(spec, shared, scales, spec.narrow(data.scales))
            parameters |= _noise_parameters(spec, shared, scales)
        else:
            parameters = grouped_parameters(spec, shared, scales)
        observe(spec, shared, parameters)
    return model


def _law_parameters(
    spec: Spec, shared: Mapping[str, Any], scales: Mapping[str, Any], narrow: Sequence[str]
) -> dict[str, Any]:
    fixed = {
        name: to_link(spec.law.parameters[name], shared["fixed"][i], scales)
        for i, name in enumerate(spec.fixed)
    }
    link = _law_prior(spec, shared, scales, Coordinates.of(spec.law, fixed, narrow))
    values = {
        name: pm.Deterministic(name, natural(parameter, link[i], scales))
        for i, (name, parameter) in enumerate(spec.free.items())
    }
    for i, name in enumerate(spec.fixed):
        values[name] = shared["fixed"][i]
    return values


def _noise_parameters(
    spec: Spec, shared: Mapping[str, Any], scales: Mapping[str, Any]
) -> dict[str, Any]:
    mean, sd = shared["noise_prior_mean"], shared["noise_prior_sd"]
    link = pm.Normal(NOISE_LINK, mean, sd, dims="noise_parameter")
    return {
        name: pm.Deterministic(name, natural(parameter, link[i], scales))
        for i, (name, parameter) in enumerate(spec.noise_parameters.items())
    }


def _law_prior(
    spec: Spec, shared: Mapping[str, Any], scales: Mapping[str, Any], coordinates: Coordinates
) -> Any:
    mean, sd = shared["law_prior_mean"], shared["law_prior_sd"]
    transform = LawCoordinates(coordinates) if coordinates.mixed else None
    if not spec.distributions:
        return pm.Normal(LAW_LINK, mean, sd, dims="law_parameter", default_transform=transform)

    def logp(value: Any, mean: Any, sd: Any, *units: Any) -> Any:
        of = dict(zip(scales, units, strict=True))
        return pt.sum(
            [
                log_density_of(spec, name, value[i], mean[i], sd[i], of)
                for i, name in enumerate(spec.free)
            ]
        )

    def random(mean: Any, sd: Any, *units: Any, rng: Any = None, size: Any = None) -> np.ndarray:
        of = dict(zip(scales, map(float, units), strict=True))
        link = rng.normal(mean, sd)
        for i, name in enumerate(spec.free):
            if name in spec.distributions:
                link[i] = draw_link(spec, name, of, 1, rng)[0]
        return link

    return pm.CustomDist(
        LAW_LINK,
        mean,
        sd,
        *scales.values(),
        logp=logp,
        random=random,
        signature=f"(n),(n){',()' * len(scales)}->(n)",
        dims="law_parameter",
        default_transform=transform,
    )
