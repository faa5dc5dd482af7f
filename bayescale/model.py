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
import xarray as xr
from pymc.distributions.transforms import Transform

from bayescale.errors import BayescaleError
from bayescale.law import Law, Parameter
from bayescale.noise import Noise
from bayescale.runs import Runs, read_runs
from bayescale.spec import Data, Prior, Spec, extract, make_spec
from bayescale.study import Study
from bayescale.study_data import study_runs

LAW_LINK = "law_link"
NOISE_LINK = "noise_link"


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
        return pt.stack(self.law.from_coordinates(*(value[i] for i in range(_size(self.law)))))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Zero: coordinates preserve volume (the contract test holds every law to it)."""
        return pt.zeros(())


def _size(law: type[Law]) -> int:
    return len(law.parameters)


def to_coordinates(law: type[Law], link: Any) -> list[Any]:
    """Return the law's coordinates of a link-scale vector, shape (law parameter,)."""
    return list(law.coordinates(*(link[i] for i in range(_size(law)))))


def sampled_in_coordinates(spec: Spec) -> bool:
    """Whether the sampler uses the law's coordinates: it names some and no parameter is fixed."""
    return hasattr(spec.law, "coordinates") and not spec.fixed


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
    table, law = runs_and_law(runs, law)
    spec = make_spec(law, noise=noise, priors=priors, columns=columns, references=references)
    return model_of(spec, extract(spec, table))


def runs_and_law(
    runs: Any, law: str | type[Law] | Study | Spec | None
) -> tuple[Runs, str | type[Law] | Study | Spec]:
    """Read the runs; a study given in their place brings its own, and the law."""
    if isinstance(runs, Study):
        return study_runs(runs), runs if law is None else law
    if law is None:
        raise BayescaleError("which law? name one (bayescale.laws() lists them) or pass a class")
    return read_runs(runs), law


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
    by_run = {*data.inputs, *spec.noise.data(data.observed, data.known)}
    with pm.Model(coords=coords) as model:
        shared = {
            name: pm.Data(name, value, dims="run" if name in by_run else _DIMS.get(name))
            for name, value in model_data(spec, data).items()
        }
        parameters = _law_parameters(spec, shared) | _noise_parameters(spec.noise, shared)
        curve = spec.law.curve(
            shared, {name: shared[f"{name}_reference"] for name in spec.law.inputs}, parameters
        )
        spec.noise.observe(spec.law.target, curve, parameters, shared)
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


def natural(parameter: Parameter, link: Any, scale: Any) -> Any:
    """Return the value of a parameter in its own unit from the link scale and the target scale."""
    value = parameter.inverse(link)
    return value * scale if parameter.of == "target" else value


def _law_prior(spec: Spec, shared: Mapping[str, Any]) -> Any:
    mean, sd = shared["law_prior_mean"], shared["law_prior_sd"]
    transform = Coordinates(spec.law) if sampled_in_coordinates(spec) else None
    if not spec.distributions:
        return pm.Normal(LAW_LINK, mean, sd, dims="law_parameter", default_transform=transform)

    def logp(value: Any, mean: Any, sd: Any, scale: Any) -> Any:
        return pt.sum(
            [
                _log_prior(spec, name, value[i], mean[i], sd[i], scale)
                for i, name in enumerate(spec.free)
            ]
        )

    def random(mean: Any, sd: Any, scale: Any, rng: Any = None, size: Any = None) -> np.ndarray:
        link = rng.normal(mean, sd)
        for i, name in enumerate(spec.free):
            if name in spec.distributions:
                link[i] = _draw_link(spec, name, float(scale), 1, rng)[0]
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


def _log_prior(spec: Spec, name: str, link: Any, mean: Any, sd: Any, scale: Any) -> Any:
    """Return the log prior density of one parameter with respect to its link scale."""
    if name not in spec.distributions:
        return pm.logp(pm.Normal.dist(mean, sd), link)
    parameter = spec.free[name]
    value = natural(parameter, link, scale)
    return pm.logp(spec.distributions[name], value) + parameter.log_jacobian(link)


def _draw_link(
    spec: Spec, name: str, scale: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    parameter = spec.free[name]
    values = pm.draw(spec.distributions[name], draws, random_seed=rng, mode="FAST_COMPILE")
    return parameter.link(np.atleast_1d(values) / (scale if parameter.of == "target" else 1.0))


def draw_prior(spec: Spec, scale: float, draws: int, rng: np.random.Generator) -> xr.Dataset:
    """Draw natural parameters from the prior, dims (chain=1, draw)."""
    drawn = {}
    for name, parameter in spec.parameters.items():
        if name in spec.distributions:
            link = _draw_link(spec, name, scale, draws, rng)
        else:
            mean, sd = spec.normal_priors([name], scale)
            link = rng.normal(mean[0], sd[0], draws)
        drawn[name] = (("chain", "draw"), natural(parameter, link, scale)[None])
    for name, value in spec.fixed.items():
        drawn[name] = (("chain", "draw"), np.full((1, draws), value))
    return xr.Dataset(drawn, coords={"chain": [0], "draw": np.arange(draws)})


def log_prior(spec: Spec, scale: float, parameters: xr.Dataset) -> xr.Dataset:
    """Return the log prior density of each free parameter at its draws, on the link scale."""
    densities = {}
    for name, parameter in spec.parameters.items():
        unit = scale if parameter.of == "target" else 1.0
        link = parameter.link(parameters[name] / unit)
        if name in spec.distributions:
            value = _log_prior(spec, name, pt.as_tensor(link.values), 0.0, 1.0, scale).eval()
            densities[name] = link.copy(data=value)
        else:
            mean, sd = spec.normal_priors([name], scale)
            densities[name] = -(((link - mean[0]) / sd[0]) ** 2) / 2 - np.log(
                sd[0] * np.sqrt(2 * np.pi)
            )
    return xr.Dataset(densities)
