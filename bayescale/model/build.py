"""A law, its noise, priors and runs as the PyMC model that one would write by hand.

The free variables are the parameters of the law and the noise under their own names, in their own
units, each with its prior: log-normal above zero, logit-normal between zero and one, normal on the
real line, or the distribution that was given. A parameter held fixed is a scalar ``pm.Data``.

The samplers are given the same density in another form (:mod:`bayescale.model.engine`).
"""

from typing import Any, cast

import numpy as np
import pymc as pm
from pymc.distributions.transforms import Interval
from pymc.pytensorf import replace_rng_nodes
from pytensor.graph.replace import clone_replace

from bayescale.laws.parameters import Fraction, Parameter, Positive
from bayescale.model.hierarchical import layout, own_priors, scales_of
from bayescale.model.likelihood import observe, run_coords, run_data
from bayescale.model.link_scale import to_link
from bayescale.model.observations import Observations
from bayescale.model.pooling import mean_of, spread_of
from bayescale.model.spec import Spec


def pymc_model(spec: Spec, data: Observations) -> pm.Model:
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
    coords: dict[str, Any] = run_coords(spec, data)
    if spec.pool is not None:
        coords[spec.pool.by] = data.groups
    with pm.Model(coords=coords) as model:
        shared = {k: pm.Data(k, v, dims=dims) for k, (dims, v) in run_data(spec, data).items()}
        for name, value in data.references.items():
            if name in spec.law.steps or spec.law.inputs[name].relative:
                shared[f"{name}_reference"] = pm.Data(f"{name}_reference", value)
        fixed = {name: pm.Data(name, value) for name, value in spec.fixed.items()}
        free = _parameters(spec, data, model) if spec.pool is None else _pooled(spec, data)
        observe(spec, shared, {**free, **fixed})
    return model


def _parameters(spec: Spec, data: Observations, model: pm.Model) -> dict[str, Any]:
    """Add the parameters of a model in which all runs follow one law."""
    return {
        name: _given(model, name, spec.distributions[name])
        if name in spec.distributions
        else _prior(spec, data, name, name)
        for name in spec.parameters
    }


def _pooled(spec: Spec, data: Observations) -> dict[str, Any]:
    """Add a pooled model's parameters: shared ones, populations, and those of each group's own."""
    assert spec.pool is not None
    found, by = layout(spec), spec.pool.by
    sizes = np.array(list(data.group_scales.values()))
    means, sds = own_priors(spec, data)
    values = {
        name: _prior(spec, data, mean_of(name) if name in found.spread else name, name)
        for name in found.common
    }
    for i, (name, parameter) in enumerate(found.own.items()):
        mean, sd = means[:, i], sds[:, i]
        if name in found.spread:
            mean = to_link(parameter, values[name], data.scales)
            sd = _prior(spec, data, spread_of(name), spread_of(name))
        scales = scales_of(spec, name, data.scales, sizes)
        unit = scales[parameter.of] if parameter.of else 1.0
        values[name] = _around(name, parameter, mean, sd, unit, dims=by)
    return values


def _prior(spec: Spec, data: Observations, name: str, of: str) -> Any:
    """Add a variable with the prior of the parameter ``of``."""
    parameter = spec.parameters[of]
    (mean,), (sd,) = spec.normal_priors([of], data.scales)
    unit = data.scales[parameter.of] if parameter.of else 1.0
    return _around(name, parameter, mean, sd, unit)


def _around(
    name: str, parameter: Parameter, mean: Any, sd: Any, unit: Any, dims: str | None = None
) -> Any:
    """Add a variable that is normal on the parameter's link scale, where its unit is one."""
    if isinstance(parameter, Positive):
        return pm.LogNormal(name, mu=mean + np.log(unit), sigma=sd, dims=dims)
    if not isinstance(parameter, Fraction):
        return pm.Normal(name, mu=mean * unit, sigma=sd * unit, dims=dims)
    if parameter.of is None:
        return pm.LogitNormal(name, mu=mean, sigma=sd, dims=dims)

    def scaled(mean: Any, sd: Any, unit: Any, size: Any) -> Any:
        return unit * pm.math.sigmoid(pm.Normal.dist(mean, sd, size=size))

    inside = Interval(0.0, unit)
    return pm.CustomDist(name, mean, sd, unit, dist=scaled, dims=dims, default_transform=inside)


def _given(model: pm.Model, name: str, distribution: Any) -> Any:
    """Add to a model a copy of a distribution that a user made by ``.dist``; it is left as it is.

    One distribution may be the prior of two parameters, and of many models: each copy draws from
    generators of its own.
    """
    copies = replace_rng_nodes([clone_replace(distribution)])
    return model.register_rv(cast(Any, copies[0]), name)
