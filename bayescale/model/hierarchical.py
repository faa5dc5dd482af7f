"""The vectors that are sampled when groups of runs are pooled, and the way back to parameters.

There are three, each left out where it would be empty: ``common_link``, the parameters that all
groups share and the population means of those that are partially pooled; ``spread_link``, the logs
of the spreads between groups; and ``own_link``, shape (group, parameter), what each group has of
its own. Priors, population and pooling are on the natural parameters' link scale; each group's own
parameters are sampled around their population (centred), in the law's coordinates where that can
be done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from bayescale.laws.base import Law
from bayescale.laws.parameters import Parameter
from bayescale.model.link_scale import natural, to_link
from bayescale.model.observations import Observations
from bayescale.model.pooling import mean_of, spread_of
from bayescale.model.spec import Scales, Spec

COMMON_LINK, SPREAD_LINK, OWN_LINK = "common_link", "spread_link", "own_link"


STEP = 1e-6
"""Step of the finite differences that tell which coordinate hangs on which parameter."""


type Links = Mapping[str, np.ndarray]
"""The sampled vectors by name, on the link scale; ``own_link`` is (..., group, parameter)."""


@dataclass(frozen=True)
class Layout:
    """Which parameter is where in the three vectors of a hierarchical model.

    Attributes
    ----------
    common, spread, own : mapping of str to Parameter
        The elements of each vector, in order, by the name of the law's or noise's parameter.
    rows : tuple of int
        Which of the law's coordinates each group is sampled in; empty where it is none.
    """

    common: Mapping[str, Parameter]
    spread: Mapping[str, Parameter]
    own: Mapping[str, Parameter]
    rows: tuple[int, ...]

    @property
    def vectors(self) -> list[str]:
        """The names of the vectors that are not empty."""
        parts = {COMMON_LINK: self.common, SPREAD_LINK: self.spread, OWN_LINK: self.own}
        return [name for name, part in parts.items() if part]


def layout(spec: Spec) -> Layout:
    """Return where each parameter of a hierarchical spec is sampled."""
    sampled = {**spec.free, **spec.noise_parameters}
    common = {k: p for k, p in sampled.items() if spec.kinds[k] != "separate"}
    spread = {k: spec.population[spread_of(k)] for k in common if spec.kinds[k] == "partial"}
    own = {k: p for k, p in sampled.items() if spec.kinds[k] != "shared"}
    law_own = tuple(name for name in spec.free if name in own)
    return Layout(common, spread, own, own_coordinates(spec.law, law_own))


@lru_cache
def own_coordinates(law: type[Law], own: tuple[str, ...]) -> tuple[int, ...]:
    """Return a hierarchical model's own coordinates: those of some parameters alone, if as many.

    They are then as good coordinates of those parameters, whatever the others are: the level and
    ratios of Chinchilla's E, a and b do not ask for the exponents. Empty where there are fewer, or
    where they would not preserve volume.
    """
    if not hasattr(law, "coordinates") or not own:
        return ()
    names = list(law.parameters)
    places = [names.index(name) for name in own]
    found: set[tuple[int, ...]] = set()
    for shift in (-0.3, 0.2, 0.7):
        point = np.array([p.normal(p.low, p.high)[0] for p in law.parameters.values()])
        point = point + shift * np.cos(np.arange(len(names)))
        steps = STEP * np.eye(len(names))
        up, down = (np.array(law.coordinates(*(point + s * steps))) for s in (1, -1))
        slopes = (up - down) / (2 * STEP)  # shape (coordinate, parameter)
        others = np.delete(slopes, places, axis=1)
        rows = np.flatnonzero((np.abs(others) < STEP).all(axis=1))
        volume = np.linalg.det(slopes[np.ix_(rows, places)]) if len(rows) == len(own) else 0.0
        found.add(tuple(map(int, rows)) if abs(abs(volume) - 1) < 1e-4 else ())
    return found.pop() if len(found) == 1 else ()


def to_own(spec: Spec, rows: tuple[int, ...], own: list[Any]) -> list[Any]:
    """Take a group's own parameters of a hierarchical model to what is sampled of it."""
    return own if not rows else _through(spec, spec.law.coordinates, rows, own, forward=True)


def from_own(spec: Spec, rows: tuple[int, ...], sampled: list[Any]) -> list[Any]:
    """Invert :func:`to_own`."""
    if not rows:
        return sampled
    return _through(spec, spec.law.from_coordinates, rows, sampled, forward=False)


def _through(
    spec: Spec, change: Any, rows: tuple[int, ...], values: list[Any], *, forward: bool
) -> list[Any]:
    """Change the law's part of a group's vector; what it does not hang on is put at zero."""
    names = list(spec.law.parameters)
    places = [names.index(k) for k in spec.free if spec.kinds[k] != "shared"]
    given, wanted = (places, rows) if forward else (rows, places)
    full = [0.0 * values[0]] * len(names)
    for place, value in zip(given, values, strict=False):
        full[place] = value
    changed = change(*full)
    return [*(changed[place] for place in wanted), *values[len(places) :]]


def own_priors(spec: Spec, data: Observations) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd on the link scale of the groups' own priors, each (group, parameter).

    Those of partially pooled parameters are not used: their population takes their place.
    """
    own = list(layout(spec).own)
    moments = [
        spec.normal_priors(own, {**data.scales, "target": scale})
        for scale in data.group_scales.values()
    ]
    mean, sd = np.array(moments).reshape(len(moments), 2, len(own)).transpose(1, 0, 2)
    return mean.copy(), sd.copy()


def scales_of(spec: Spec, name: str, common: Scales, by_group: Any) -> Scales:
    """Return what a hierarchical parameter is a multiple of: a group's target, or one target."""
    return common if spec.kinds[name] == "shared" else {**common, "target": by_group}


def draw_links(
    spec: Spec, data: Observations, draws: int, rng: np.random.Generator, spread: float = 1.0
) -> dict[str, np.ndarray]:
    """Draw a hierarchical model's three vectors from the prior, shape (draw, ...).

    ``spread`` multiplies the prior's standard deviations.
    """
    found = layout(spec)
    common_mean, common_sd = spec.normal_priors(found.common, data.scales)
    common = rng.normal(common_mean, spread * common_sd, (draws, len(common_mean)))
    width_mean, width_sd = spec.normal_priors(map(spread_of, found.spread), data.scales)
    width = rng.normal(width_mean, spread * width_sd, (draws, len(width_mean)))
    mean, sd = own_priors(spec, data)
    own = rng.normal(mean, spread * sd, (draws, *mean.shape))
    for i, name in enumerate(found.own):
        if name in found.spread:
            centre = common[:, list(found.common).index(name), None]
            size = np.exp(width[:, list(found.spread).index(name), None])
            own[..., i] = centre + size * rng.normal(size=own.shape[:-1])
    return {COMMON_LINK: common, SPREAD_LINK: width, OWN_LINK: own}


def start_of(spec: Spec, data: Observations, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Draw a start of a hierarchical model's chain: the three vectors as they are sampled."""
    links = {name: values[0] for name, values in draw_links(spec, data, 1, rng, spread).items()}
    own = list(np.moveaxis(links[OWN_LINK], -1, 0))
    if own:
        links[OWN_LINK] = np.stack(to_own(spec, layout(spec).rows, own), axis=-1)
    return np.concatenate([values.ravel() for values in links.values()])


def hierarchical_links(spec: Spec, points: np.ndarray) -> dict[str, np.ndarray]:
    """Return a hierarchical model's three vectors at points as they are sampled.

    Parameters
    ----------
    spec
        What is fitted.
    points : array, shape (..., coordinate)
        As :func:`start_of` gives one.
    """
    found = layout(spec)
    ends = [len(found.common), len(found.common) + len(found.spread)]
    common, spread, own = np.split(points, ends, axis=-1)
    if found.own:
        own = own.reshape(*own.shape[:-1], -1, len(found.own))
        own = np.stack(from_own(spec, found.rows, list(np.moveaxis(own, -1, 0))), axis=-1)
    return {COMMON_LINK: common, SPREAD_LINK: spread, OWN_LINK: own}


def in_units(spec: Spec, data: Observations, links: Links) -> xr.Dataset:
    """Return a hierarchical model's parameters in their units, dims (chain, draw) and groups.

    Parameters
    ----------
    spec, data
        What was fitted, to what.
    links : mapping of str to array, shape (chain, draw, ...)
        The three vectors.
    """
    found, (by,) = layout(spec), spec.grouping
    dims = ("chain", "draw")
    sizes = np.array(list(data.group_scales.values()))
    values: dict[str, Any] = {}
    for name in (*spec.free, *spec.noise_parameters):
        if name in found.own:
            link, over = links[OWN_LINK][..., list(found.own).index(name)], (*dims, by)
        else:
            link, over = links[COMMON_LINK][..., list(found.common).index(name)], dims
        parameter = {**found.own, **found.common}[name]
        scales = scales_of(spec, name, data.scales, sizes)
        values[name] = over, natural(parameter, link, scales)
    for i, name in enumerate(found.spread):
        link = links[COMMON_LINK][..., list(found.common).index(name)]
        values[mean_of(name)] = dims, natural(found.common[name], link, data.scales)
        values[spread_of(name)] = dims, np.exp(links[SPREAD_LINK][..., i])
    shape = next(iter(values.values()))[1].shape
    coords = {"chain": np.arange(shape[0]), "draw": np.arange(shape[1]), by: data.groups}
    return xr.Dataset(values, coords=coords)


def group_data(spec: Spec, data: Observations) -> dict[str, Any]:
    """Return dimensions and values of the ``pm.Data`` of a hierarchical model, by name."""
    found = layout(spec)
    common_mean, common_sd = spec.normal_priors(found.common, data.scales)
    spread_mean, spread_sd = spec.normal_priors(map(spread_of, found.spread), data.scales)
    own_mean, own_sd = own_priors(spec, data)
    common, spread, own = ("common_parameter",), ("spread_parameter",), ("group", "own_parameter")
    return {
        "common_prior_mean": (common, common_mean),
        "common_prior_sd": (common, common_sd),
        "spread_prior_mean": (spread, spread_mean),
        "spread_prior_sd": (spread, spread_sd),
        "own_prior_mean": (own, own_mean),
        "own_prior_sd": (own, own_sd),
        "group_scale": (("group",), list(data.group_scales.values())),
    }


def hierarchical_log_prior(spec: Spec, data: Observations, parameters: xr.Dataset) -> xr.Dataset:
    """Return the log prior density of each hierarchical parameter, on the link scale."""
    found, (by,) = layout(spec), spec.grouping
    sizes = xr.DataArray(list(data.group_scales.values()), {by: data.groups}, dims=by)
    mean, sd = (xr.DataArray(m, dims=(by, "own")) for m in own_priors(spec, data))
    densities = {}

    def density(z: Any, centre: Any, size: Any) -> Any:
        return -(((z - centre) / size) ** 2) / 2 - np.log(size * np.sqrt(2 * np.pi))

    def of_common(saved: str, name: str, parameter: Parameter) -> None:
        (centre,), (size,) = spec.normal_priors([name], data.scales)
        link = to_link(parameter, parameters[saved], data.scales)
        densities[saved] = density(link, centre, size)

    for name, parameter in found.common.items():
        of_common(mean_of(name) if name in found.spread else name, name, parameter)
    for name, parameter in found.spread.items():
        of_common(spread_of(name), spread_of(name), parameter)
    for i, (name, parameter) in enumerate(found.own.items()):
        link = to_link(parameter, parameters[name], scales_of(spec, name, data.scales, sizes))
        if name in found.spread:
            centre = to_link(parameter, parameters[mean_of(name)], data.scales)
            densities[name] = density(link, centre, parameters[spread_of(name)])
        else:
            densities[name] = density(link, mean.isel(own=i), sd.isel(own=i))
    return xr.Dataset(densities)


def draw_population(
    spec: Spec, scales: Scales, posterior: xr.Dataset, rng: np.random.Generator
) -> xr.Dataset:
    """Draw the parameters of a group that was not seen, one a draw of the posterior.

    What is shared stays as it is, what is partially pooled comes from its population, and what is
    separate has nothing but its prior.
    """
    shape, values = tuple(posterior.sizes[d] for d in ("chain", "draw")), {}
    for name, parameter in {**spec.free, **spec.noise_parameters}.items():
        if spec.kinds[name] == "shared":
            values[name] = posterior[name]
            continue
        if spec.kinds[name] == "partial":
            centre = to_link(parameter, posterior[mean_of(name)], scales)
            link = centre + posterior[spread_of(name)] * rng.normal(size=shape)
        else:
            (mean,), (sd,) = spec.normal_priors([name], scales)
            link = xr.DataArray(rng.normal(mean, sd, shape), dims=("chain", "draw"))
        values[name] = natural(parameter, link, scales)
    return xr.Dataset(values, coords={d: posterior[d] for d in ("chain", "draw")})
