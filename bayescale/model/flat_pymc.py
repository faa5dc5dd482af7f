"""The parameters of a model without groups, as PyMC variables: sampled as vectors, or by name."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Interval, Transform
from pymc.pytensorf import replace_rng_nodes
from pytensor.graph.replace import clone_replace

from bayescale.laws.parameters import Fraction, GreaterThanOne, Parameter, Positive
from bayescale.model.coordinates import LAW_LINK, NOISE_LINK, Coordinates
from bayescale.model.link_scale import natural, to_link
from bayescale.model.observations import Observations
from bayescale.model.prior_distribution import draw_link, link_log_density
from bayescale.model.spec import Scales, Spec


class _LawCoordinates(Transform):
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


def law_coords(spec: Spec) -> dict[str, list[str]]:
    """Return the PyMC dimensions of the vectors that are sampled in a flat model."""
    return {"law_parameter": list(spec.free), "noise_parameter": list(spec.noise_parameters)}


def named_parameters(spec: Spec, data: Observations) -> dict[str, Any]:
    """Add the free parameters to the PyMC model in context, each by its name with its prior."""
    return {
        name: _given(name, spec.distributions[name])
        if name in spec.distributions
        else prior_variable(spec, data, name, name)
        for name in spec.parameters
    }


def prior_variable(spec: Spec, data: Observations, name: str, of: str) -> Any:
    """Add a PyMC variable ``name`` with the prior of the parameter ``of`` to a flat model."""
    parameter = spec.parameters[of]
    (mean,), (sd,) = spec.normal_priors([of], data.scales)
    unit = data.scales[parameter.of] if parameter.of else 1.0
    return around(name, parameter, mean, sd, unit)


def around(
    name: str, parameter: Parameter, mean: Any, sd: Any, unit: Any, dims: str | None = None
) -> Any:
    """Add a PyMC variable whose link is normal, with the given mean and sd in its unit."""
    if type(parameter) is Positive:
        return pm.LogNormal(name, mu=mean + np.log(unit), sigma=sd, dims=dims)
    if not isinstance(parameter, Fraction | GreaterThanOne):
        return pm.Normal(name, mu=mean * unit, sigma=sd * unit, dims=dims)
    if isinstance(parameter, Fraction) and parameter.of is None:
        return pm.LogitNormal(name, mu=mean, sigma=sd, dims=dims)

    def scaled(mean: Any, sd: Any, unit: Any, size: Any) -> Any:
        return unit * parameter.inverse(pm.Normal.dist(mean, sd, size=size))

    least, most = parameter.bounds
    inside = Interval(least * unit, most * unit if np.isfinite(most) else None)
    return pm.CustomDist(name, mean, sd, unit, dist=scaled, dims=dims, default_transform=inside)


def _given(name: str, distribution: Any) -> Any:
    """Add to the model in context a copy of a distribution that a user made by ``.dist``.

    One distribution may be the prior of two parameters, and of many models: each copy draws from
    generators of its own.
    """
    copies = replace_rng_nodes([clone_replace(distribution)])
    model = cast(pm.Model, pm.modelcontext(None))
    return model.register_rv(cast(Any, copies[0]), name)


def sampled_parameters(
    spec: Spec, shared: Mapping[str, Any], scales: Scales, narrow: Sequence[str]
) -> dict[str, Any]:
    """Add the vectors that are sampled to the PyMC model in context; return the parameters."""
    found = _law_parameters(spec, shared, scales, narrow)
    return found | _noise_parameters(spec, shared, scales)


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
    transform = _LawCoordinates(coordinates) if coordinates.mixed else None
    if not spec.distributions:
        return pm.Normal(LAW_LINK, mean, sd, dims="law_parameter", default_transform=transform)

    def logp(value: Any, mean: Any, sd: Any, *units: Any) -> Any:
        of = dict(zip(scales, units, strict=True))
        return pt.sum(
            [
                link_log_density(spec, name, value[i], mean[i], sd[i], of)
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
