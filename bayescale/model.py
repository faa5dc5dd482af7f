"""A law, its noise, priors and runs as a PyMC model.

The law's parameters are one vector on the link scale, ``law_link``, with a normal prior; where the
law names coordinates the vector is sampled in them, through a PyMC transform that preserves volume.
Everything that differs between two fits of the same structure is ``pm.Data``, so that a compiled
model takes other runs, reference points or prior intervals without compiling again.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Transform

from bayescale.law import Law
from bayescale.noise import Noise
from bayescale.priors import draw_link, log_density_of, natural
from bayescale.spec import Data, Prior, Spec, extract, make_spec
from bayescale.study import Study
from bayescale.study_data import runs_and_law
from bayescale.vector import (
    LAW_LINK,
    NOISE_LINK,
    from_coordinates,
    sampled_in_coordinates,
    to_coordinates,
)


class Coordinates(Transform):
    """The law's coordinates as a PyMC transform of the link-scale vector."""

    name = "coordinates"

    def __init__(self, law: type[Law]) -> None:
        self.law = law

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Take the link-scale vector to the law's coordinates."""
        return pt.stack(to_coordinates(self.law, value))

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Take the law's coordinates to the link-scale vector."""
        return pt.stack(from_coordinates(self.law, value))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Zero: coordinates preserve volume (the contract test holds every law to it)."""
        return pt.zeros(())


def build_model(
    runs: Any,
    law: str | type[Law] | Study | Spec | None = None,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    columns: Mapping[str, str] | None = None,
    references: Mapping[str, float] | None = None,
) -> pm.Model:
    """Build the PyMC model that :func:`bayescale.fit` samples, to look at or change by hand.

    Parameters
    ----------
    runs, law
        The run table and what to fit, as for :func:`bayescale.fit`.
    noise, priors, columns
        As for :func:`bayescale.fit`.
    references : mapping, optional
        Input to reference point; the geometric mean of the runs where not given.

    Returns
    -------
    pymc.Model
        Natural parameters are Deterministics under their own names; the observed variable is
        the law's target on the scale of the noise.

    Raises
    ------
    BayescaleError
        For runs, priors or inputs that do not fit the law.
    """
    table, chosen = runs_and_law(runs, law)
    spec = make_spec(chosen, noise=noise, priors=priors, columns=columns, references=references)
    return model_of(spec, extract(spec, table))


def model_data(spec: Spec, data: Data) -> dict[str, np.ndarray]:
    """Return the value of every ``pm.Data`` of the model, by name."""
    law_mean, law_sd = spec.normal_priors(list(spec.free), data.scale)
    noise_mean, noise_sd = spec.normal_priors(list(spec.noise.parameters), data.scale)
    values: dict[str, Any] = {
        "law_prior_mean": law_mean,
        "law_prior_sd": law_sd,
        "noise_prior_mean": noise_mean,
        "noise_prior_sd": noise_sd,
        "target_scale": data.scale,
        **spec.noise.data(data.observed, data.known),
    }
    if spec.fixed:
        values["fixed"] = list(spec.fixed.values())
    for name, column in data.inputs.items():
        values[name] = column
        values[f"{name}_reference"] = data.references[name]
    return {name: np.asarray(value, dtype=float) for name, value in values.items()}


_DIMS = {
    "law_prior_mean": "law_parameter",
    "law_prior_sd": "law_parameter",
    "noise_prior_mean": "noise_parameter",
    "noise_prior_sd": "noise_parameter",
    "fixed": "fixed_parameter",
}


def model_of(spec: Spec, data: Data) -> pm.Model:
    """Build the PyMC model of a spec and the data taken for it."""
    coords = {
        "run": list(data.labels),
        "law_parameter": list(spec.free),
        "noise_parameter": list(spec.noise.parameters),
    }
    if spec.fixed:
        coords["fixed_parameter"] = list(spec.fixed)
    dims: dict[str, Any] = {
        **_DIMS,
        **dict.fromkeys(spec.noise.data(data.observed, data.known), "run"),
        **{name: declared.dims for name, declared in spec.law.inputs.items()},
    }
    with pm.Model(coords=coords) as model:
        shared = {
            name: pm.Data(name, value, dims=dims.get(name))
            for name, value in model_data(spec, data).items()
        }
        parameters = _law_parameters(spec, shared) | _noise_parameters(spec.noise, shared)
        curve = spec.law.curve(
            shared, {name: shared[f"{name}_reference"] for name in spec.law.inputs}, parameters
        )
        spec.noise.observe(spec.target, curve, parameters, shared)
    return model


def _law_parameters(spec: Spec, shared: Mapping[str, Any]) -> dict[str, Any]:
    link = _law_prior(spec, shared)
    values = {
        name: pm.Deterministic(name, natural(parameter, link[i], shared["target_scale"]))
        for i, (name, parameter) in enumerate(spec.free.items())
    }
    for i, name in enumerate(spec.fixed):
        values[name] = shared["fixed"][i]
    return values


def _noise_parameters(noise: Noise, shared: Mapping[str, Any]) -> dict[str, Any]:
    mean, sd = shared["noise_prior_mean"], shared["noise_prior_sd"]
    link = pm.Normal(NOISE_LINK, mean, sd, dims="noise_parameter")
    return {
        name: pm.Deterministic(name, natural(parameter, link[i], shared["target_scale"]))
        for i, (name, parameter) in enumerate(noise.parameters.items())
    }


def _law_prior(spec: Spec, shared: Mapping[str, Any]) -> Any:
    mean, sd = shared["law_prior_mean"], shared["law_prior_sd"]
    transform = Coordinates(spec.law) if sampled_in_coordinates(spec) else None
    if not spec.distributions:
        return pm.Normal(LAW_LINK, mean, sd, dims="law_parameter", default_transform=transform)

    def logp(value: Any, mean: Any, sd: Any, scale: Any) -> Any:
        return pt.sum(
            [
                log_density_of(spec, name, value[i], mean[i], sd[i], scale)
                for i, name in enumerate(spec.free)
            ]
        )

    def random(mean: Any, sd: Any, scale: Any, rng: Any = None, size: Any = None) -> np.ndarray:
        link = rng.normal(mean, sd)
        for i, name in enumerate(spec.free):
            if name in spec.distributions:
                link[i] = draw_link(spec, name, float(scale), 1, rng)[0]
        return link

    return pm.CustomDist(
        LAW_LINK,
        mean,
        sd,
        shared["target_scale"],
        logp=logp,
        random=random,
        signature="(n),(n),()->(n)",
        dims="law_parameter",
        default_transform=transform,
    )
