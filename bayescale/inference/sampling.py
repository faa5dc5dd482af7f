"""Drawing from the posterior: nutpie by default, PyMC's own sampler or NumPyro on request.

Compiling takes seconds and drawing little, so one compiled program per structure (law, noise, fixed
parameters) is kept in the process and fed with each fit's data.
"""

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr

from bayescale.data.limits import RANGES, OutOfRange, check_range
from bayescale.errors import BayescaleError
from bayescale.inference import program_cache
from bayescale.inference.initialization import (
    FEW_CLIMBS,
    LogDensity,
    missed_modes,
    near_modes,
)
from bayescale.inference.program_cache import POINT
from bayescale.inference.progress import progress_line
from bayescale.model.observations import Data
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

type Report = Callable[[Any], None]
"""Takes nutpie's chains while they draw."""

_SAMPLERS = ("nutpie", "pymc", "numpyro")


STATS = ("diverging", "energy", "lp", "n_steps", "step_size", "tree_depth", "acceptance_rate")


_NUTPIE_NAMES = {"logp": "lp", "depth": "tree_depth", "mean_tree_accept": "acceptance_rate"}


@dataclass(frozen=True)
class Sampler:
    """How to draw from the posterior.

    Parameters
    ----------
    name : {"nutpie", "pymc", "numpyro"}
        Which sampler.
    draws, tune, chains : int
        Kept draws and warm-up draws per chain (at most 100,000), and chains (at most 100).
    cores : int or None
        Chains run at once; None uses every core.
    target_accept : float
        Higher takes smaller steps, which bends of the posterior may need.

    Raises
    ------
    BayescaleError
        For a number out of these ranges, or an unknown sampler.

    See Also
    --------
    fit : Takes one as ``sampler``.
    fit_many : Takes one with one core per fit.

    Examples
    --------
    >>> quick = bs.Sampler(draws=500, chains=2)
    >>> quick.name, quick.tune, quick.target_accept
    ('nutpie', 1000, 0.9)
    >>> fit = bs.fit(runs, "chinchilla", sampler=quick)  # doctest: +SKIP
    """

    name: Literal["nutpie", "pymc", "numpyro"] = "nutpie"
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    target_accept: float = 0.9

    def __post_init__(self) -> None:
        if self.name not in _SAMPLERS:
            raise BayescaleError(
                f"no sampler named {self.name!r}; there are {', '.join(_SAMPLERS)}"
            )
        for name in ("draws", "tune", "chains"):
            check_range(name, getattr(self, name))
        if not 0 < self.target_accept < 1:
            raise OutOfRange(
                f"target_accept = {self.target_accept}: it must lie between 0 and 1, ends excluded"
            )


FURTHER_TRIES = ((2, 0.95), (4, 0.99))
"""A fit whose diagnostics fail is drawn again, so many times as long and at least so careful.

Most that fail have drawn too little; smaller steps are for bends, and for the one divergence in
four times as many draws where there was none.
"""


def further_tries(sampler: Sampler) -> list[Sampler]:
    """Return how a fit is drawn again, one after the other, while its diagnostics fail."""
    return [
        dataclasses.replace(
            sampler,
            draws=min(times * sampler.draws, RANGES["draws"][1]),
            target_accept=max(target_accept, sampler.target_accept),
        )
        for times, target_accept in FURTHER_TRIES
    ]


LEAST_KEPT = 100
"""Draws over all chains below which an interrupted sampler has nothing to keep."""


@dataclass(frozen=True)
class Draws:
    """Posterior draws on the link scale and sampler statistics.

    ``links`` has the vectors of the spec's parametrization
    (:mod:`bayescale.model.parametrization`), shape (chain, draw, ...); ``interrupted`` says that
    the user stopped the sampler before it was done; ``missed`` has in words the modes of the
    posterior that no draw is near; ``seconds`` where the time went; ``tempered`` that parallel
    tempering drew (:mod:`bayescale.inference.tempering`).
    """

    links: Mapping[str, np.ndarray]
    stats: xr.Dataset
    interrupted: bool = False
    missed: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    tempered: bool = False


def seed_of(random_seed: int | None, recorded: int | None = None) -> int:
    """Return the seed that was given, else the one that a fit recorded, else choose one.

    Every question of a fit asks here, so that two of the same answers agree, and a plot with a
    table.
    """
    for seed in (random_seed, recorded):
        if seed is not None:
            return seed
    return int(np.random.SeedSequence().generate_state(1)[0])


def sample(
    spec: Spec,
    data: Data,
    sampler: Sampler,
    seed: int,
    progressbar: bool,
    from_modes: bool = False,
) -> Draws:
    """Draw from the posterior of ``spec`` given ``data``; look for modes that the chains missed.

    Chains of nutpie start at the posterior's best modes if ``from_modes``, as those of a law that
    is ``multimodal`` always do.
    """
    started = time.perf_counter()
    if sampler.name == "nutpie":
        compiled(spec, data)  # kept: drawing then finds it
    compiling = time.perf_counter() - started
    if sampler.name == "nutpie":
        posterior, stats = _nutpie(spec, data, sampler, seed, progressbar, from_modes)
    else:
        posterior, stats = _pymc(spec, data, sampler, seed, progressbar)
    sampling = time.perf_counter() - started - compiling
    finished = finished_part(next(d for d in posterior.values() if math.prod(d.shape[2:])))
    posterior, stats = posterior.isel(finished), stats.isel(finished)
    parametrization, missed = parametrization_of(spec), ()
    if POINT in posterior:
        points = posterior[POINT].values
        links = parametrization.links(data, points)
        if parametrization.finds_modes:
            missed = missed_by(spec, data, points, seed)
    else:
        links = {name: posterior[name].values for name in parametrization.vectors}
    return Draws(
        links,
        stats[[name for name in STATS if name in stats]],
        interrupted=stats["diverging"].shape != (sampler.chains, sampler.draws),
        missed=missed,
        seconds={"compiling": compiling, "sampling": sampling},
    )


def thinned(draws: Draws, every: int) -> Draws:
    """Return every second, third, ... draw of each chain."""
    stats = draws.stats.isel(draw=slice(None, None, every))
    return dataclasses.replace(
        draws,
        links={name: values[:, ::every] for name, values in draws.links.items()},
        stats=stats.assign_coords(draw=range(stats.sizes["draw"])),
    )


def looks_for_modes(spec: Spec, from_modes: bool) -> bool:
    """Whether chains start near modes: of a law with several always, else where it is asked for."""
    return spec.law.multimodal or (from_modes and parametrization_of(spec).finds_modes)


def missed_by(spec: Spec, data: Data, points: np.ndarray, seed: int) -> tuple[str, ...]:
    """Describe the modes of the posterior that no draw is near, by climbs from the prior."""
    parametrization, start = parametrization_of(spec), starts_of(spec, data, spread=1.0)
    starts = [start([seed, i]) for i in range(FEW_CLIMBS)]
    flat = points.reshape(-1, points.shape[-1])
    found = missed_modes(log_density_of(compiled(spec, data)), starts, flat, seed)
    described = []
    for mode, share in found:
        place = parametrization.parameters_at(data, mode.point)
        at = ", ".join(f"{name} = {value:.3g}" for name, value in place.items())
        described.append(f"{at} (about {share:.0%} of the posterior)")
    return tuple(described)


def finished_part(draws: xr.DataArray) -> dict[str, Any]:
    """Select what an interrupted sampler finished: chains half as long as the longest, cut even.

    Raises
    ------
    KeyboardInterrupt
        When that is next to nothing.
    """
    lengths = np.isfinite(draws.values).all(axis=tuple(range(2, draws.ndim))).sum(axis=1)
    chains = np.flatnonzero(lengths > lengths.max(initial=0) / 2)
    length = int(lengths[chains].min(initial=draws.shape[1]))
    if length * len(chains) < max(1, min(LEAST_KEPT, draws.shape[0] * draws.shape[1])):
        raise KeyboardInterrupt
    return {"chain": chains, "draw": slice(length)}


_COMPILED: dict[Hashable, Any] = {}


def compiled(spec: Spec, data: Data) -> Any:
    """Return nutpie's compiled model for the spec's structure, holding ``data``."""
    from bayescale.model.build import model_data

    key = parametrization_of(spec).structure(data)
    if key not in _COMPILED:
        _COMPILED[key] = _kept(spec, key) or _compile(spec, data, key)
    used = {variable.name for variable in _COMPILED[key].shared_var_keys}
    values = {name: v for name, v in model_data(spec, data).items() if name in used}
    program = _COMPILED[key].with_data(**values)
    return dataclasses.replace(program, initial_point_func=starts_of(spec, data, spread=0.5))


def _name_of(spec: Spec, key: Any) -> str | None:
    """Return the name under which a program is kept on disk; None where its priors have no name."""
    if spec.distributions:
        return None
    groups = spec.grouping, tuple(spec.kinds.items())
    return program_cache.key_of(spec.law, spec.noise.name, tuple(spec.fixed), groups, key[-1])


def _kept(spec: Spec, key: Any) -> Any:
    """Return the program of an earlier process, None where there is none."""
    name = _name_of(spec, key)
    return program_cache.load(name) if name else None


def _compile(spec: Spec, data: Data, key: Any) -> Any:
    """Compile a program, and keep it for other processes."""
    from bayescale.inference.compilation import compile_model
    from bayescale.inference.lowering import portable
    from bayescale.model.build import engine_model

    with portable() as symbols:
        program = compile_model(engine_model(spec, data))
    return program_cache.reloaded(_name_of(spec, key), program, symbols)


def starts_of(spec: Spec, data: Data, spread: float) -> Callable[[Any], np.ndarray]:
    """Return a function from a seed to a draw of the prior, in sampled coordinates.

    ``spread`` multiplies the prior's standard deviations.
    """
    start = parametrization_of(spec).starts(data, spread)
    return lambda seed=None: start(np.random.default_rng(seed))


def log_density_of(program: Any) -> LogDensity:
    """Return the log density that nutpie compiled, with its gradient; it keeps the program."""
    call, data = program.compiled_logp_func.ctypes, program.user_data.ctypes.data
    at, gradient, value = np.empty(program.n_dim), np.empty(program.n_dim), np.empty(1)
    pointers = [array.ctypes.data_as(program_cache.DOUBLES) for array in (at, gradient, value)]

    def log_density(point: np.ndarray) -> tuple[float, np.ndarray]:
        at[:] = point
        failed = call(program.n_dim, *pointers, data)
        return (-np.inf if failed else float(value[0])), gradient.copy()

    return log_density


def _nutpie(
    spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool, from_modes: bool
) -> tuple[xr.Dataset, xr.Dataset]:
    with sampling_progress(spec.law.name if progressbar else None, sampler) as report:
        program = compiled(spec, data)
        if looks_for_modes(spec, from_modes):
            start = near_modes(log_density_of(program), starts_of(spec, data, spread=1.0), seed)
            program = dataclasses.replace(program, initial_point_func=start)
        return run_nutpie(program, sampler, seed, report)


def run_nutpie(
    program: Any,
    sampler: Sampler,
    seed: int,
    report: Report | None,
    adaptation: Literal["low_rank", "diag"] = "low_rank",
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw from a model that nutpie compiled; return the draws and the sampler's statistics.

    ``report`` is what :func:`sampling_progress` yields. ``"low_rank"`` learns correlations between
    parameters, which costs too much for many hundreds of them.
    """
    import nutpie

    with warnings.catch_warnings():
        # ArviZ doubts the dimensions of what was interrupted before a chain had a draw.
        warnings.filterwarnings("ignore", message="Found chain dimension to be longer")
        tree = nutpie.sample(
            program,
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=sampler.cores,
            seed=seed,
            adaptation=adaptation,
            target_accept=sampler.target_accept,
            save_warmup=False,
            progress_bar=False,
            progress_callback=report,
        )
    stats = tree["sample_stats"].to_dataset()
    return tree["posterior"].to_dataset(), stats.rename(
        {old: new for old, new in _NUTPIE_NAMES.items() if old in stats}
    )


def _pymc(
    spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool
) -> tuple[xr.Dataset, xr.Dataset]:
    from bayescale.model.build import engine_model

    return run_pymc(engine_model(spec, data), sampler, seed, progressbar)


def run_pymc(
    model: Any,
    sampler: Sampler,
    seed: int,
    progressbar: bool,
    starts: Any = None,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw from a PyMC model by PyMC's sampler, or NumPyro's; return as :func:`run_nutpie` does."""
    import pymc as pm

    with model, warnings.catch_warnings():
        # The verdict on the draws is bayescale's own, in words (inference/diagnostics.py).
        warnings.filterwarnings("ignore", module="pymc")
        tree = pm.sample(
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=sampler.cores,
            random_seed=seed,
            initvals=starts,
            target_accept=sampler.target_accept,
            nuts_sampler=sampler.name,
            progressbar=progressbar,
            compute_convergence_checks=False,
        )
    return tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()


@contextmanager
def sampling_progress(title: str | None, sampler: Sampler) -> Iterator[Report | None]:
    """Show one line of progress over all chains, if titled; yield a callback for nutpie."""
    if title is None:
        yield None
        return
    total = (sampler.tune + sampler.draws) * sampler.chains
    with progress_line(title, total) as update:
        yield lambda chains: update(
            sum(chain.finished_draws for chain in chains),
            sum(chain.divergences for chain in chains),
        )
