"""Pooling in the model that is sampled: population, and each group's parameters, as vectors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Transform

from bayescale.model.flat_pymc import around, prior_variable
from bayescale.model.hierarchical import (
    COMMON_LINK,
    OWN_LINK,
    SPREAD_LINK,
    Layout,
    from_own,
    layout,
    own_priors,
    scales_of,
    to_own,
)
from bayescale.model.link_scale import natural, to_link
from bayescale.model.observations import Observations
from bayescale.model.pooling import mean_of, spread_of
from bayescale.model.spec import Scales, Spec


class _OwnCoordinates(Transform):
    """The law's coordinates of each group's own parameters, where it has some."""

    name = "coordinates"

    def __init__(self, spec: Spec, rows: tuple[int, ...]) -> None:
        self.spec, self.rows = spec, rows

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Take link-scale parameters, shape (group, parameter), to what is sampled."""
        return pt.stack(to_own(self.spec, self.rows, _columns(self.spec, value)), axis=-1)

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Take what is sampled to link-scale parameters, shape (group, parameter)."""
        return pt.stack(from_own(self.spec, self.rows, _columns(self.spec, value)), axis=-1)

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Zero: these coordinates preserve volume
        (:func:`bayescale.model.hierarchical.own_coordinates`).
        """
        return pt.zeros(())


def _columns(spec: Spec, value: Any) -> list[Any]:
    return [value[..., i] for i in range(len(layout(spec).own))]


def group_coords(spec: Spec, data: Observations) -> dict[str, list[str]]:
    """Return the PyMC dimensions of a hierarchical model's vectors."""
    found = layout(spec)
    return {
        "common_parameter": list(found.common),
        "spread_parameter": list(found.spread),
        "own_parameter": list(found.own),
        "group": data.groups,
    }


def named_group_parameters(spec: Spec, data: Observations) -> dict[str, Any]:
    """Add hierarchical parameters to the PyMC model in context, by name with their priors.

    Shared ones, populations, and those of each group's own, shape (group,).
    """
    found, (by,) = layout(spec), spec.grouping
    sizes = np.array(list(data.group_scales.values()))
    means, sds = own_priors(spec, data)
    values = {
        name: prior_variable(spec, data, mean_of(name) if name in found.spread else name, name)
        for name in found.common
    }
    for i, (name, parameter) in enumerate(found.own.items()):
        mean, sd = means[:, i], sds[:, i]
        if name in found.spread:
            mean = to_link(parameter, values[name], data.scales)
            sd = prior_variable(spec, data, spread_of(name), spread_of(name))
        scales = scales_of(spec, name, data.scales, sizes)
        unit = scales[parameter.of] if parameter.of else 1.0
        values[name] = around(name, parameter, mean, sd, unit, dims=by)
    return values


def sampled_group_parameters(
    spec: Spec, shared: Mapping[str, Any], scales: Scales
) -> dict[str, Any]:
    """Add a pooled model's parameters; those of each group's own have shape (group,)."""
    found = layout(spec)
    links = _links(found, spec, shared)
    values: dict[str, Any] = {}
    for i, (name, parameter) in enumerate(found.common.items()):
        saved = mean_of(name) if name in found.spread else name
        value = natural(parameter, links[COMMON_LINK][i], scales)
        values[name] = pm.Deterministic(saved, value)
    for i, name in enumerate(found.spread):
        pm.Deterministic(spread_of(name), pt.exp(links[SPREAD_LINK][i]))
    for i, (name, parameter) in enumerate(found.own.items()):
        of = scales_of(spec, name, scales, shared["group_scale"])
        value = natural(parameter, links[OWN_LINK][:, i], of)
        values[name] = pm.Deterministic(name, value, dims="group")
    for i, name in enumerate(spec.fixed):
        values[name] = shared["fixed"][i]
    return values


def _links(found: Layout, spec: Spec, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Add the vectors that are sampled, on the link scale."""
    links = {}
    for name, part in ((COMMON_LINK, found.common), (SPREAD_LINK, found.spread)):
        if part:
            kind = name.removesuffix("_link")
            mean, sd = (shared[f"{kind}_prior_{which}"] for which in ("mean", "sd"))
            links[name] = pm.Normal(name, mean, sd, dims=f"{kind}_parameter")
    if found.own:
        centres, sizes = [], []
        for i, name in enumerate(found.own):
            centre, size = shared["own_prior_mean"][:, i], shared["own_prior_sd"][:, i]
            if name in found.spread:
                at = list(found.common).index(name), list(found.spread).index(name)
                centre = 0 * centre + links[COMMON_LINK][at[0]]
                size = 0 * size + pt.exp(links[SPREAD_LINK][at[1]])
            centres.append(centre)
            sizes.append(size)
        links[OWN_LINK] = pm.Normal(
            OWN_LINK,
            pt.stack(centres, axis=-1),
            pt.stack(sizes, axis=-1),
            dims=("group", "own_parameter"),
            default_transform=_OwnCoordinates(spec, found.rows) if found.rows else None,
        )
    return links


def of_runs(spec: Spec, parameters: Mapping[str, Any], group: Any) -> dict[str, Any]:
    """Return each PyMC parameter as the runs have it: a group's own by the runs' groups."""
    own, place = layout(spec).own, pt.cast(group, "int64")
    return {k: value[place] if k in own else value for k, value in parameters.items()}
