"""How the parameters of a model are sampled: flat, where all runs follow one law, or hierarchical.

Both answer the same questions, chosen once, by :func:`parametrization_of`; what else hangs on the
groups follows from :attr:`bayescale.model.spec.Spec.grouping`, which is empty without them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.model import prior_distribution
from bayescale.model.coordinates import LAW_LINK, NOISE_LINK, Coordinates
from bayescale.model.hierarchical import (
    Links,
    draw_links,
    group_data,
    hierarchical_links,
    hierarchical_log_prior,
    in_units,
    layout,
    start_of,
)
from bayescale.model.link_scale import natural, to_link, with_fixed
from bayescale.model.observations import Observations
from bayescale.model.spec import Scales, Spec

type Variables = dict[str, tuple[tuple[str, ...], Any]]
"""Dimensions and values of ``pm.Data``, by name."""


@dataclass(frozen=True)
class Parametrization(ABC):
    """The parametrization of a spec: sampled as vectors on the link scale, and in own units."""

    spec: Spec
    finds_modes: ClassVar[bool]
    """Whether modes are looked for: the parameters of many groups are too many to climb."""

    @property
    @abstractmethod
    def vectors(self) -> list[str]:
        """The names of the vectors that are sampled, in the model's order."""

    @abstractmethod
    def structure(self, data: Observations) -> Hashable:
        """Return what the compiled program depends on."""

    @abstractmethod
    def starts(
        self, data: Observations, spread: float
    ) -> Callable[[np.random.Generator], np.ndarray]:
        """Return what draws starts of chains from the prior, its deviations times ``spread``.

        Returns
        -------
        callable
            From a generator to an array of shape (coordinate,): the vectors as they are sampled,
            one after the other.
        """

    @abstractmethod
    def links(self, data: Observations, points: np.ndarray) -> Links:
        """Return the vectors on the link scale, at points as they are sampled.

        Parameters
        ----------
        data
            What the runs contribute.
        points : array, shape (..., coordinate)
            As :meth:`starts` gives one.
        """

    @abstractmethod
    def parameters_at(self, data: Observations, point: np.ndarray) -> dict[str, float]:
        """Return the law's parameters, in their own units, at a point as it is sampled."""

    @abstractmethod
    def in_units(self, data: Observations, links: Links) -> xr.Dataset:
        """Return the free parameters in their own units, of vectors of shape (chain, draw, ...)."""

    @abstractmethod
    def draw_prior(self, data: Observations, draws: int, rng: np.random.Generator) -> xr.Dataset:
        """Draw all parameters, in their own units, from the prior, dims (chain=1, draw)."""

    @abstractmethod
    def log_prior(self, data: Observations, parameters: xr.Dataset) -> xr.Dataset:
        """Return the log prior density of each parameter at its draws, on the link scale."""

    @abstractmethod
    def at(self, parameters: xr.Dataset, inputs: Mapping[Any, Any]) -> xr.Dataset:
        """Return parameters as the points of some inputs have them.

        Raises
        ------
        BayescaleError
            When groups are pooled and ``inputs`` do not name them.
        """

    @abstractmethod
    def coords(self, data: Observations) -> dict[str, list[str]]:
        """Return the dimensions of the vectors."""

    @abstractmethod
    def prior_data(self, data: Observations) -> Variables:
        """Return the ``pm.Data`` that the vectors' priors take."""

    @abstractmethod
    def sampled_parameters(
        self, data: Observations, shared: Mapping[str, Any], scales: Scales
    ) -> dict[str, Any]:
        """Add the vectors to the PyMC model in context; return all parameters in their own units.

        ``shared`` and ``scales`` are the model's ``pm.Data`` by name, and what parameters are
        multiples of.
        """

    @abstractmethod
    def named_parameters(self, data: Observations) -> dict[str, Any]:
        """Add the free parameters to the PyMC model in context, each by its name with its prior."""

    @abstractmethod
    def of_runs(self, parameters: Mapping[str, Any], group: Any) -> Mapping[str, Any]:
        """Return a PyMC model's parameters as runs have them, given the number of each's group."""


class Flat(Parametrization):
    """The flat parametrization: all runs follow one law; its parameters are one vector."""

    finds_modes = True

    @property
    @override
    def vectors(self) -> list[str]:
        return [LAW_LINK, NOISE_LINK]

    @override
    def structure(self, data: Observations) -> Hashable:
        return self.spec.structure(), self.spec.narrow(data.scales)

    @override
    def starts(
        self, data: Observations, spread: float
    ) -> Callable[[np.random.Generator], np.ndarray]:
        spec, coordinates = self.spec, self._coordinates(data)
        law_mean, law_sd = spec.normal_priors(spec.free, data.scales)
        noise_mean, noise_sd = spec.normal_priors(spec.noise_parameters, data.scales)

        def start(rng: np.random.Generator) -> np.ndarray:
            sampled = coordinates.forward(rng.normal(law_mean, spread * law_sd))
            return np.concatenate([sampled, rng.normal(noise_mean, spread * noise_sd)])

        return start

    def _coordinates(self, data: Observations) -> Coordinates:
        spec, scales, declared = self.spec, data.scales, self.spec.law.parameters
        fixed = {name: to_link(declared[name], value, scales) for name, value in spec.fixed.items()}
        return Coordinates.of(spec.law, fixed, spec.narrow(scales))

    @override
    def links(self, data: Observations, points: np.ndarray) -> Links:
        law, noise = np.split(points, [len(self.spec.free)], axis=-1)
        if self.spec.free:
            sampled = np.moveaxis(law, -1, 0)
            law = np.stack(self._coordinates(data).backward(sampled), axis=-1)
        return {LAW_LINK: law, NOISE_LINK: noise}

    @override
    def parameters_at(self, data: Observations, point: np.ndarray) -> dict[str, float]:
        link = self.links(data, point)[LAW_LINK]
        return {
            name: float(natural(parameter, value, data.scales))
            for (name, parameter), value in zip(self.spec.free.items(), link, strict=True)
        }

    @override
    def in_units(self, data: Observations, links: Links) -> xr.Dataset:
        values = {
            name: (("chain", "draw"), natural(parameter, links[vector][..., i], data.scales))
            for vector, names in (
                (LAW_LINK, self.spec.free),
                (NOISE_LINK, self.spec.noise_parameters),
            )
            for i, (name, parameter) in enumerate(names.items())
        }
        return xr.Dataset(values)

    @override
    def draw_prior(self, data: Observations, draws: int, rng: np.random.Generator) -> xr.Dataset:
        return prior_distribution.draw_prior(self.spec, data.scales, draws, rng)

    @override
    def log_prior(self, data: Observations, parameters: xr.Dataset) -> xr.Dataset:
        return prior_distribution.log_prior(self.spec, data.scales, parameters)

    @override
    def at(self, parameters: xr.Dataset, inputs: Mapping[Any, Any]) -> xr.Dataset:
        return parameters

    @override
    def coords(self, data: Observations) -> dict[str, list[str]]:
        from bayescale.model.flat_pymc import law_coords

        return law_coords(self.spec)

    @override
    def prior_data(self, data: Observations) -> Variables:
        means_and_sds = {
            "law": self.spec.normal_priors(self.spec.free, data.scales),
            "noise": self.spec.normal_priors(self.spec.noise_parameters, data.scales),
        }
        return {
            f"{part}_prior_{what}": ((f"{part}_parameter",), values)
            for part, both in means_and_sds.items()
            for what, values in zip(("mean", "sd"), both, strict=True)
        }

    @override
    def sampled_parameters(
        self, data: Observations, shared: Mapping[str, Any], scales: Scales
    ) -> dict[str, Any]:
        from bayescale.model.flat_pymc import sampled_parameters

        return sampled_parameters(self.spec, shared, scales, self.spec.narrow(data.scales))

    @override
    def named_parameters(self, data: Observations) -> dict[str, Any]:
        from bayescale.model.flat_pymc import named_parameters

        return named_parameters(self.spec, data)

    @override
    def of_runs(self, parameters: Mapping[str, Any], group: Any) -> Mapping[str, Any]:
        return parameters


class Hierarchical(Parametrization):
    """The hierarchical parametrization: groups share some parameters, and have others."""

    finds_modes = False

    @property
    @override
    def vectors(self) -> list[str]:
        return layout(self.spec).vectors

    @override
    def structure(self, data: Observations) -> Hashable:
        return self.spec.structure(), len(data.groups)

    @override
    def starts(
        self, data: Observations, spread: float
    ) -> Callable[[np.random.Generator], np.ndarray]:
        return lambda rng: start_of(self.spec, data, rng, spread)

    @override
    def links(self, data: Observations, points: np.ndarray) -> Links:
        return hierarchical_links(self.spec, points)

    @override
    def parameters_at(self, data: Observations, point: np.ndarray) -> dict[str, float]:
        raise NotImplementedError("modes of hierarchical models are not looked for")

    @override
    def in_units(self, data: Observations, links: Links) -> xr.Dataset:
        return in_units(self.spec, data, links)

    @override
    def draw_prior(self, data: Observations, draws: int, rng: np.random.Generator) -> xr.Dataset:
        drawn = draw_links(self.spec, data, draws, rng)
        found = in_units(self.spec, data, {name: values[None] for name, values in drawn.items()})
        return with_fixed(self.spec, found)

    @override
    def log_prior(self, data: Observations, parameters: xr.Dataset) -> xr.Dataset:
        return hierarchical_log_prior(self.spec, data, parameters)

    @override
    def at(self, parameters: xr.Dataset, inputs: Mapping[Any, Any]) -> xr.Dataset:
        (by,) = self.spec.grouping
        if by not in inputs:
            raise BayescaleError(
                f"this fit pools groups by {by}, and each has parameters of its own: ask one of "
                "them, bayescale.group_fit(fit, NAME)"
            )
        if by not in parameters.coords:  # every parameter is shared
            return parameters
        return parameters.sel({by: inputs[by]}).drop_vars(by)

    @override
    def coords(self, data: Observations) -> dict[str, list[str]]:
        from bayescale.model.hierarchical_pymc import group_coords

        return group_coords(self.spec, data)

    @override
    def prior_data(self, data: Observations) -> Variables:
        return group_data(self.spec, data)

    @override
    def sampled_parameters(
        self, data: Observations, shared: Mapping[str, Any], scales: Scales
    ) -> dict[str, Any]:
        from bayescale.model.hierarchical_pymc import sampled_group_parameters

        return sampled_group_parameters(self.spec, shared, scales)

    @override
    def named_parameters(self, data: Observations) -> dict[str, Any]:
        from bayescale.model.hierarchical_pymc import named_group_parameters

        return named_group_parameters(self.spec, data)

    @override
    def of_runs(self, parameters: Mapping[str, Any], group: Any) -> Mapping[str, Any]:
        from bayescale.model.hierarchical_pymc import of_runs

        return of_runs(self.spec, parameters, group)


def parametrization_of(spec: Spec) -> Parametrization:
    """Choose the parametrization by which a spec is sampled."""
    return Flat(spec) if spec.pool is None else Hierarchical(spec)
