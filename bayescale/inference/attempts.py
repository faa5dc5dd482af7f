"""Draws that can be trusted: by NUTS, by more of it, by tempered chains where it does not mix.

Chains that are slow, and not lost in one of several modes, mix when they are long enough: effective
draws grow with their length, and what R-hat has above one falls with it. Where a law may go through
all of few runs, the posterior is a funnel of bent ridges, in which NUTS has several times the
effective draws per second of tempered chains.

Losses that were computed from a law, without noise, have a likelihood without bound at no scatter;
no sampler draws from that, and each gets a small error.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import xarray as xr

from bayescale.data.limits import RANGES
from bayescale.inference.diagnostics import ESS_LIMIT, RHAT_LIMIT, Diagnostics, diagnose
from bayescale.inference.sampling import Draws, Sampler, further_tries, sample, thinned
from bayescale.inference.tempering import RHAT_HOPELESS, scans_for, tempered
from bayescale.model.observations import Data
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

EXACT = 1e-9
"""Median scatter, as a share of the target, below which a law goes through all runs."""

ERROR = 1e-6
"""Share of a value that is its error where a law goes through all runs."""

LONGER = (4, 8, 16, 32)
"""How many times the draws asked for chains may be long; they are thinned to the first of these."""

SAFETY = 3.0
"""Times longer than expected from draws so far, whose effective number is itself uncertain."""

FARTHEST = 4.0
"""Times longer than the chains that this is expected from, at most."""


@dataclass(frozen=True)
class Attempt:
    """Draws, the same in the parameters' own units, what is to be said of them, how they were made.

    ``seconds`` says where the time of this attempt and those before it went; ``exact`` that the law
    goes through all runs, but for rounding.
    """

    draws: Draws
    posterior: xr.Dataset
    diagnostics: Diagnostics
    sampler: Sampler
    seconds: Mapping[str, float]
    exact: bool = False

    @classmethod
    def of(cls, spec: Spec, data: Data, draws: Draws, sampler: Sampler) -> Self:
        """Judge draws."""
        posterior = natural_parameters(spec, data, draws)
        found = diagnose(posterior, draws.stats, missed=draws.missed)
        exact = "se" in data.known and "sigma" in posterior
        exact = exact and float(posterior["sigma"].median()) < EXACT * min(1.0, abs(data.scale))
        return cls(draws, posterior, found, sampler, draws.seconds, exact)

    def after(self, before: Self) -> Self:
        """Count the time of the attempts before too."""
        return replace(self, seconds=Counter(before.seconds) + Counter(self.seconds))

    @property
    def is_last(self) -> bool:
        """Whether nothing is to be said against it, or nothing else helps."""
        return self.diagnostics.ok or self.draws.interrupted or self.draws.tempered or self.exact


def samplers_of(sampler: Sampler) -> tuple[Sampler, ...]:
    """Return what may be recorded as the sampler of a fit that was asked for with the first.

    The last is of long chains, as they are thinned.
    """
    tries = further_tries(sampler)
    return sampler, *tries, replace(tries[0], draws=tries[-1].draws)


def sound_draws(spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool) -> Attempt:
    """Draw until nothing is to be said against the draws, or nothing else helps."""
    found = Attempt.of(spec, data, sample(spec, data, sampler, seed, progressbar), sampler)
    tries, scans = further_tries(sampler), []
    for number, longer in enumerate(tries, start=1):
        if not (found.diagnostics.mixed or found.is_last or scans):
            scans = scans_for(spec, data, sampler, found.draws, number > 1)
            if scans and not spec.law.multimodal:
                found = _by_long_chains(spec, data, found, sampler, seed, progressbar)
            if scans and not (found.diagnostics.mixed or found.is_last):
                found = _by_tempered_chains(spec, data, found, sampler, seed, scans, progressbar)
        if found.is_last:
            break
        if found.diagnostics.divergences and longer is not tries[-1]:
            continue  # the smallest steps are what may help
        draws = sample(spec, data, longer, seed + number, progressbar, from_modes=True)
        found = Attempt.of(spec, data, draws, longer).after(found)
    return found


def _by_long_chains(
    spec: Spec, data: Data, found: Attempt, sampler: Sampler, seed: int, progressbar: bool
) -> Attempt:
    """Draw by NUTS as long as it takes, where draws so far say that it can be done; thin."""
    _, careful, *_, kept = samplers_of(sampler)
    longer = found.sampler.draws / sampler.draws
    for i, times in enumerate(LONGER):
        said, draws = found.diagnostics, times * sampler.draws
        short = max(ESS_LIMIT / max(said.ess, 1.0), (said.rhat - 1) / (RHAT_LIMIT - 1))
        hopeless = said.missed or (longer > 1 and not longer * short <= LONGER[-1])
        if said.mixed or hopeless or draws > RANGES["draws"][1]:
            break
        if times < longer * min(SAFETY * short, FARTHEST):
            continue
        own = seed + 3 + i
        drawn = sample(spec, data, replace(careful, draws=draws), own, progressbar, True)
        found = Attempt.of(spec, data, thinned(drawn, draws // kept.draws), kept).after(found)
        longer = times
    return found


def _by_tempered_chains(
    spec: Spec,
    data: Data,
    found: Attempt,
    sampler: Sampler,
    seed: int,
    scans: Sequence[int],
    progressbar: bool,
) -> Attempt:
    """Draw by tempered chains until they agree; return what was found where they never will."""
    cooled = found
    for draws in tempered(spec, data, sampler, seed, scans, progressbar):
        cooled = Attempt.of(spec, data, draws, sampler).after(found)
        if cooled.diagnostics.mixed:
            break
        if cooled.diagnostics.rhat > RHAT_HOPELESS:
            return found
    return cooled


def with_errors(data: Data) -> Data:
    """Return runs whose observed values have an error of at least :data:`ERROR` of their size."""
    known = {**data.known, "se": np.maximum(data.known["se"], ERROR * np.abs(data.observed))}
    return replace(data, known=known)


def natural_parameters(spec: Spec, data: Data, draws: Draws) -> xr.Dataset:
    """Return the draws in the parameters' own units, dims (chain, draw)."""
    coords = {dim: draws.stats[dim] for dim in ("chain", "draw") if dim in draws.stats.coords}
    return parametrization_of(spec).in_units(data, draws.links).assign_coords(coords)
