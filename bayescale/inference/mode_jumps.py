"""Moves between modes: what chains that found several of them need to weigh one against another.

NUTS does not cross from one mode to another where the density between them is next to nothing, so
each chain stays where it began, and how many draws a mode gets is chance. Its draws say where the
posterior is, though. A mixture of Student-t distributions fitted to them proposes points anywhere,
whatever the chain's own; a Metropolis-Hastings step takes or leaves each, which makes the posterior
the chain's distribution (an independence sampler; Tierney 1994, doi:10.1214/aos/1176325750). Steps
by the difference of two of the draws (ter Braak and Vrugt 2008, doi:10.1007/s11222-008-9104-9) come
between, for places that the mixture proposes too rarely. The mixture is fitted again to what such
chains draw, and then kept while the draws are made that count. R-hat and ESS judge those as any.
"""

import time
from collections.abc import Sequence

import numpy as np

from bayescale.inference.initialization import CLIMBS, LogDensity, Mode, find_modes
from bayescale.inference.sampling import (
    Draws,
    compiled,
    log_density_of,
    looks_for_modes,
    missed_by,
    starts_of,
)
from bayescale.inference.student_mixture import StudentMixture, fitted_mixture
from bayescale.inference.threads import one_thread
from bayescale.model.observations import Data
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

ADAPTATIONS = 2
"""Times that the mixture is fitted again, to all that was drawn before."""

STEPS = 10
"""Proposals by the mixture for each draw kept, as many others between; half while it adapts."""

MOST_PROPOSALS = 40_000
"""Proposals by the mixture in one chain above which it has fewer for each draw kept."""

LEARNT_FROM = 6000
"""Most draws over all chains of one round that the mixture is fitted to."""

LEAST_LEARNT_FROM = 1000
"""Draws over all chains below which there is nothing to learn from."""

FAINTEST = 10.0
"""Nats below the best mode's mass down to which a mode is proposed: a chain that walks into one
that is never proposed cannot get out again."""

OF_MODES = 0.1
"""Share of the proposals that are around the optima."""


def can_cross(spec: Spec, draws: Draws, from_modes: bool) -> bool:
    """Whether draws can be improved by :func:`cross_modes`: of chains that started near modes."""
    points = draws.points
    return (
        points is not None
        and parametrization_of(spec).finds_modes
        and looks_for_modes(spec, from_modes)
        and points.shape[0] * points.shape[1] >= LEAST_LEARNT_FROM
        and bool((np.ptp(points, axis=(0, 1)) > 0).all())
        and not draws.interrupted
    )


def cross_modes(spec: Spec, data: Data, draws: Draws, seed: int) -> Draws:
    """Draw again as often, by chains that begin where the given ones end and cross between modes.

    The divergences of the given draws stay on record: where those did not get, the mixture that was
    fitted to them proposes little.
    """
    if draws.points is None:
        raise ValueError("only what nutpie drew can be drawn again")
    started, start = time.perf_counter(), starts_of(spec, data, spread=1.0)
    log_density = log_density_of(compiled(spec, data))
    modes = find_modes(log_density, [start([seed, i]) for i in range(CLIMBS)], within=FAINTEST)
    points = jump_between_modes(log_density, draws.points, modes, seed)
    spent = time.perf_counter() - started + draws.seconds["sampling"]
    return Draws(
        parametrization_of(spec).links(data, points),
        draws.stats[["diverging"]],
        missed=missed_by(spec, data, points, seed),
        seconds={**draws.seconds, "sampling": spent},
        points=points,
        crossed=True,
    )


def jump_between_modes(
    log_density: LogDensity, points: np.ndarray, modes: Sequence[Mode], seed: int
) -> np.ndarray:
    """Draw from a density whose modes are known, by chains that cross between them.

    Parameters
    ----------
    log_density : callable
        From a point to log density and gradient.
    points : array, shape (chain, draw, coordinate)
        Draws that are near the modes; chains start at their last.
    modes : sequence of Mode
        The modes, those that none of the draws is near too.
    seed : int
        Of the chains.

    Returns
    -------
    array, shape (chain, draw, coordinate)
        As many draws.
    """
    rng = np.random.default_rng([seed, 2])
    draws = points.shape[1]
    learnt, ends = _thinned(points), points[:, -1]
    with one_thread():
        for number in range(ADAPTATIONS + 1):
            last = number == ADAPTATIONS
            steps = max(1, min(STEPS, MOST_PROPOSALS // draws) // (1 if last else 2))
            mixture = _mixture(learnt, modes, rng)
            points = np.array(
                [_chain(log_density, mixture, learnt, end, (draws, steps), rng) for end in ends]
            )
            learnt, ends = np.concatenate([learnt, _thinned(points)]), points[:, -1]
    return points


def _thinned(points: np.ndarray) -> np.ndarray:
    """Return draws of all chains, shape (draw, coordinate), so many as a mixture learns from."""
    flat = points.reshape(-1, points.shape[-1])
    return flat[:: -(-len(flat) // LEARNT_FROM)]


def _mixture(learnt: np.ndarray, modes: Sequence[Mode], rng: np.random.Generator) -> StudentMixture:
    """Fit the mixture to draws; add a component at each mode."""
    shares, means, covariances = fitted_mixture(learnt, rng)
    if modes:
        roots = np.array([mode.unit[:, None] * mode.axes * mode.sd for mode in modes])
        shares = np.append(shares, np.full(len(modes), OF_MODES / len(modes)))
        means = np.append(means, np.array([mode.point for mode in modes]), axis=0)
        covariances = np.append(covariances, roots @ np.swapaxes(roots, 1, 2), axis=0)
    return StudentMixture.of(shares, means, covariances)


def _chain(
    log_density: LogDensity,
    mixture: StudentMixture,
    learnt: np.ndarray,
    start: np.ndarray,
    length: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw one chain; ``length`` is the draws kept, and proposals of the mixture for each."""
    kept, steps = length
    number, size = kept * steps, len(start)
    proposed = mixture.draw(number, rng)
    density = np.array([log_density(point)[0] for point in proposed])
    ratio = density - mixture.log_density(proposed)
    chances = np.log(rng.random((number, 2)))
    pairs = rng.integers(len(learnt), size=(number, 2))
    scale = 2.38 / np.sqrt(2 * size) * np.exp(rng.normal(-0.5, 0.7, (number, 1)))
    moves = scale * (learnt[pairs[:, 0]] - learnt[pairs[:, 1]])
    at, here = start, log_density(start)[0]
    here_ratio = here - mixture.log_density(at[None])[0]
    draws = np.empty((kept, size))
    for i in range(number):
        if chances[i, 0] < ratio[i] - here_ratio:
            at, here, here_ratio = proposed[i], density[i], ratio[i]
        there = at + moves[i]
        value = log_density(there)[0]
        if chances[i, 1] < value - here:
            at, here = there, value
            here_ratio = value - mixture.log_density(at[None])[0]
        if (i + 1) % steps == 0:
            draws[i // steps] = at
    return draws
