"""Draws that can be trusted: by NUTS, by tempered chains where it does not mix, by NUTS again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import xarray as xr

from bayescale.inference.diagnostics import Diagnostics, diagnose
from bayescale.inference.sampling import Draws, Sampler, further_tries, sample
from bayescale.inference.tempering import RHAT_HOPELESS, scans_for, tempered
from bayescale.model.observations import Data
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec


@dataclass(frozen=True)
class Attempt:
    """Draws, the same in the parameters' own units, what is to be said of them, how they were made.

    ``seconds`` says where the time of this attempt and those before it went.
    """

    draws: Draws
    posterior: xr.Dataset
    diagnostics: Diagnostics
    sampler: Sampler
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, spec: Spec, data: Data, draws: Draws, sampler: Sampler) -> Self:
        """Judge draws."""
        posterior = natural_parameters(spec, data, draws)
        found = diagnose(posterior, draws.stats, missed=draws.missed)
        return cls(draws, posterior, found, sampler, draws.seconds)

    def after(self, before: Self) -> Self:
        """Count the time of the attempts before too."""
        return replace(self, seconds=Counter(before.seconds) + Counter(self.seconds))

    @property
    def is_last(self) -> bool:
        """Whether nothing is to be said against it, or nothing else helps."""
        return self.diagnostics.ok or self.draws.interrupted or self.draws.tempered


def sound_draws(spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool) -> Attempt:
    """Draw until nothing is to be said against the draws, or nothing else helps."""
    found = Attempt.of(spec, data, sample(spec, data, sampler, seed, progressbar), sampler)
    tries, scans = further_tries(sampler), []
    for number, longer in enumerate(tries, start=1):
        if not (found.diagnostics.mixed or found.is_last or scans):
            scans = scans_for(spec, data, sampler, found.draws, number > 1)
            cooled = _tempered(spec, data, sampler, seed, scans, progressbar)
            found = cooled.after(found) if cooled else found
        if found.is_last:
            break
        if found.diagnostics.divergences and longer is not tries[-1]:
            continue  # the smallest steps are what may help
        draws = sample(spec, data, longer, seed + number, progressbar, from_modes=True)
        found = Attempt.of(spec, data, draws, longer).after(found)
    return found


def _tempered(
    spec: Spec, data: Data, sampler: Sampler, seed: int, scans: Sequence[int], progressbar: bool
) -> Attempt | None:
    """Draw by tempered chains until they agree; None where they are far from that, or no scans."""
    found = None
    for draws in tempered(spec, data, sampler, seed, scans, progressbar) if scans else ():
        found = Attempt.of(spec, data, draws, sampler)
        if found.diagnostics.mixed:
            break
        if found.diagnostics.rhat > RHAT_HOPELESS:
            return None
    return found


def natural_parameters(spec: Spec, data: Data, draws: Draws) -> xr.Dataset:
    """Return the draws in the parameters' own units, dims (chain, draw)."""
    coords = {dim: draws.stats[dim] for dim in ("chain", "draw") if dim in draws.stats.coords}
    return parametrization_of(spec).in_units(data, draws.links).assign_coords(coords)
