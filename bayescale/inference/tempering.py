r"""Parallel tempering: draws of a posterior whose modes NUTS does not cross between.

Between a reference that is easy to draw from and the posterior lie densities of

.. math:: \pi_\beta(\theta) \propto q(\theta)^{1 - \beta} \, p(\theta \mid y)^\beta,
          \quad 0 = \beta_1 < \dots < \beta_K = 1.

A chain runs at each inverse temperature :math:`\beta`. Where that is small it crosses from mode to
mode, and neighbours exchange their states, so that what the reference drew travels to the posterior
and gives each mode its share there. The reference q is a normal distribution with the mean and
covariance of the prior. Even and odd neighbours exchange in turn, and inverse temperatures are
chosen so that all exchanges are refused alike often (Syed et al. 2022, doi:10.1111/rssb.12464). In
between each chain moves by Hamiltonian Monte Carlo with the covariance at its temperature. What was
adapted in the warm-up is kept while the draws are made that count. As many sets of chains as a fit
has chains start at draws of the reference; R-hat and ESS of those at :math:`\beta = 1` judge them,
and not the masses of Gaussian approximations at the modes, near which NUTS starts: of a curve with
a twice broken law these were off by a factor of a hundred thousand, as its scatter may be small.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr

from bayescale.inference.progress import progress_line
from bayescale.inference.sampling import (
    Draws,
    Sampler,
    compiled,
    looks_for_modes,
    starts_of,
)
from bayescale.model.observations import Data
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

LEAST_DRAWS = 1000
"""Draws over all chains below which a fit is a trial, and not tempered."""

PRIOR_DRAWS = 4000
"""Draws of the prior from which the reference is made."""

WARM_UP = (50, 100, 200, 400, 600)
"""Scans after each of which temperatures, covariances and step sizes are chosen anew."""

SCANS, MOST_SCANS = 2000, 32_000
"""Scans before the draws are judged for the first time, and before the last; doubled in between."""

MOST_WORK = 2_400_000
"""Scans times observations, at most: about two minutes on two cores."""

FEWEST, MOST = 8, 40
"""Temperatures, at least and at most."""

LEAST_REFUSED = 1e-3
"""Share of refused exchanges that two temperatures count as apart, at least."""

CLUSTERS = 4
"""Clusters of the states at a temperature."""

SHRINKAGE, FINEST = 0.02, 1e-6
"""Share of the variances in a covariance, and least standard deviation over that of the states."""

RHAT_HOPELESS = 1.3
"""R-hat of the first draws above which longer chains are not tried."""


def scans_for(
    spec: Spec, data: Data, sampler: Sampler, draws: Draws, from_modes: bool
) -> list[int]:
    """Return after how many scans the draws of :func:`tempered` are judged.

    None where a posterior on which NUTS did not mix is not one for it.
    """
    chains, number = draws.stats["diverging"].shape
    worthwhile = (
        sampler.name == "nutpie"
        and parametrization_of(spec).finds_modes
        and looks_for_modes(spec, from_modes)
        and chains > 1
        and chains * number >= LEAST_DRAWS
        and not draws.interrupted
    )
    rows = sum(len(data.of(seen).observed) for seen in spec.observables)
    return scans_of(sampler.draws, rows) if worthwhile else []


def tempered(
    spec: Spec,
    data: Data,
    sampler: Sampler,
    seed: int,
    scans: Sequence[int],
    progressbar: bool = False,
) -> Iterator[Draws]:
    """Draw from the posterior by parallel tempering; yield the draws, then those of longer chains.

    Parameters
    ----------
    spec, data
        What is fitted, to what.
    sampler : Sampler
        Says how many chains, draws of each, and cores.
    seed : int
        Of the chains.
    scans : sequence of int
        After how many scans of each set of chains draws are yielded.
    progressbar : bool
        Whether to show a line of progress.

    Yields
    ------
    Draws
        Whoever asks stops when they are good enough, or none will be.
    """
    started = time.perf_counter()
    parametrization, program = parametrization_of(spec), compiled(spec, data)
    start = starts_of(spec, data, spread=1.0)
    prior = np.array([start([seed, i]) for i in range(PRIOR_DRAWS)])
    chains = TemperedChains.of(program, prior, sampler.chains, seed, sampler.cores)
    shape = (sampler.chains, sampler.draws)
    stats = xr.Dataset(
        {"diverging": (("chain", "draw"), np.zeros(shape, dtype=bool))},
        {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])},
    )
    shown = progress_line(f"{spec.law.name}, tempered", scans[-1]) if progressbar else nullcontext()
    with shown as update:
        for points in chains.draws(sampler.draws, scans, lambda done: update and update(done, 0)):
            yield Draws(
                parametrization.links(data, points),
                stats,
                seconds={"sampling": time.perf_counter() - started},
                tempered=True,
            )


@dataclass
class TemperedChains:
    """Sets of tempered chains of one density, and what they have learnt so far.

    Attributes
    ----------
    program
        As :func:`bayescale.inference.sampling.compiled` returns it.
    mean, root : array, shapes (coordinate,) and (coordinate, coordinate)
        Of the reference: its mean, and the Cholesky factor of its covariance.
    rngs : list of Generator
        Where the chance of each set comes from.
    cores : int or None
        Sets that run at once; all when None.
    betas, steps : array, shape (temperature,)
        Inverse temperatures, and step sizes there.
    roots : array, shape (temperature, coordinate, coordinate)
        Cholesky factors of the covariances there.
    states : array, shape (set, temperature, coordinate)
        Where the chains are, in coordinates in which the reference is standard normal.
    """

    program: Any
    mean: np.ndarray
    root: np.ndarray
    rngs: list[np.random.Generator]
    cores: int | None
    betas: np.ndarray
    steps: np.ndarray
    roots: np.ndarray
    states: np.ndarray

    @classmethod
    def of(cls, program: Any, prior: np.ndarray, sets: int, seed: int, cores: int | None) -> Self:
        """Start so many sets at draws of the reference.

        Parameters
        ----------
        prior : array, shape (draw, coordinate)
            Draws of the prior, as they are sampled.
        """
        size = prior.shape[1]
        rngs = [np.random.default_rng([seed, 2, i]) for i in range(sets)]
        betas, steps = np.linspace(0, 1, FEWEST) ** 3, np.full(FEWEST, 0.1)
        states = np.array([rng.normal(size=(FEWEST, size)) for rng in rngs])
        roots = np.array([np.eye(size)] * FEWEST)
        root = np.linalg.cholesky(np.atleast_2d(np.cov(prior.T)))
        return cls(program, prior.mean(axis=0), root, rngs, cores, betas, steps, roots, states)

    def draws(
        self, number: int, scans: Sequence[int], said: Callable[[int], object]
    ) -> Iterator[np.ndarray]:
        """Yield draws of ever longer chains, shape (chain, number, coordinate).

        Parameters
        ----------
        number : int
            Draws of each set of chains, evenly among its scans.
        scans : sequence of int
            After how many of them.
        said : callable
            Takes how many scans of each set are done.
        """
        for warm_up in WARM_UP:
            self._adapt(*self._run(warm_up, learning=True))
        self._run(WARM_UP[0], learning=True)  # steps that suit the last covariances
        cold = np.empty((len(self.rngs), 0, len(self.mean)))
        for longer in scans:
            while cold.shape[1] < longer:
                states, _ = self._run(SCANS)
                cold = np.concatenate([cold, states[:, :, -1]], axis=1)
                said(cold.shape[1])
            every = cold.shape[1] // number
            yield self.mean + cold[:, -every * number :: every] @ self.root.T

    def _run(self, scans: int, learning: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return states, shape (set, scan, temperature, coordinate), and shares of refusals."""
        from bayescale.inference.tempered_chains import run

        sets, temperatures, size = self.states.shape
        kept = np.empty((sets, scans, temperatures, size))
        rejected = np.zeros((sets, temperatures - 1))
        steps = np.tile(self.steps, (sets, 1))
        address, data = self.program.compiled_logp_func.address, self.program.user_data.ctypes.data
        density = address, data, self.mean, self.root

        def one(i: int) -> None:
            own = self.states[i], kept[i], rejected[i], self.rngs[i]
            run(density, self.betas, self.roots, steps[i], learning, *own)

        with ThreadPoolExecutor(min(self.cores or os.cpu_count() or 1, sets)) as pool:
            list(pool.map(one, range(sets)))
        self.steps = np.exp(np.log(steps).mean(axis=0))
        return kept, 2 * rejected.mean(axis=0) / scans

    def _adapt(self, states: np.ndarray, rejected: np.ndarray) -> None:
        """Choose temperatures by what was refused, covariances by where the chains were."""
        refused = np.concatenate([[0.0], np.cumsum(np.maximum(rejected, LEAST_REFUSED))])
        number = int(np.clip(np.ceil(2 * refused[-1]) + 1, FEWEST, MOST))
        betas = np.interp(np.linspace(0, refused[-1], number), refused, self.betas)
        near = np.abs(betas[:, None] - self.betas).argmin(axis=1)
        later = np.moveaxis(states[:, states.shape[1] // 3 :, near], 2, 0)
        later = later.reshape(number, -1, states.shape[-1])
        covariances = [_covariance(one, self.rngs[0]) for one in later]
        self.roots = np.linalg.cholesky(np.array(covariances))
        self.steps = np.exp(np.interp(betas, self.betas, np.log(self.steps)))
        self.states = np.ascontiguousarray(self.states[:, near])
        self.betas = betas


def _covariance(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the covariance within clusters of states, shape (state, coordinate).

    The distance between two modes says nothing of how wide they are.
    """
    from scipy.cluster.vq import kmeans2

    size = states.shape[1]
    unit = states.std(axis=0) + FINEST
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        _, of = kmeans2(states / unit, CLUSTERS, minit="++", rng=rng)
    parts = [part for k in range(CLUSTERS) if len(part := states[of == k]) > 2 * size]
    off = np.concatenate([part - part.mean(axis=0) for part in parts or [states]])
    found = off.T @ off / len(off)
    return (1 - SHRINKAGE) * found + np.diag(SHRINKAGE * np.diagonal(found) + (FINEST * unit) ** 2)


def scans_of(number: int, rows: int) -> list[int]:
    """Return after how many scans so many draws are judged; empty where that is too much work."""
    scans, most = SCANS, min(MOST_SCANS, MOST_WORK // rows)
    found = []
    while scans <= most:
        found += [scans] if scans >= number else []
        scans *= 2
    return found
