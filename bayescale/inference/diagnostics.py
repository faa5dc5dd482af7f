"""Whether the draws can be trusted, in numbers and in words."""

import itertools
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr

from bayescale.data.display_tables import html_block

RHAT_LIMIT = 1.01


ESS_LIMIT = 400


BFMI_LIMIT = 0.3


LEAST_DRAWS = 4
"""Draws of a chain below which neither R-hat nor ESS can be computed."""


@dataclass(frozen=True, repr=False)
class Diagnostics:
    """The sampler's report on one fit.

    Attributes
    ----------
    rhat : float
        Largest R-hat over the parameters, at ``worst_rhat``.
    ess : float
        Smallest effective sample size (bulk or tail), at ``worst_ess``.
    divergences, draws : int
        Divergent transitions, and kept draws over all chains.
    bfmi : float
        Smallest Bayesian fraction of missing information over chains; NaN where unknown.
    chains : int
        Number of chains.
    broken : tuple of str
        Sampled parameters whose draws cannot be a posterior, and why: not finite, or all the same.
    missed : tuple of str
        Modes of the posterior that no draw is near, in words.
    """

    rhat: float
    worst_rhat: str
    ess: float
    worst_ess: str
    divergences: int
    draws: int
    bfmi: float
    chains: int
    broken: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain values, as a saved fit keeps them."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` was made of."""
        found: dict[str, Any] = {name: float(said[name]) for name in ("rhat", "ess", "bfmi")}
        found |= {name: int(said[name]) for name in ("divergences", "draws", "chains")}
        found |= {name: str(said[name]) for name in ("worst_rhat", "worst_ess")}
        found |= {name: tuple(map(str, said[name])) for name in ("broken", "missed")}
        return cls(**found)

    @property
    def ok(self) -> bool:
        """Whether nothing is to be said against the draws."""
        return not self.problems()

    @property
    def mixed(self) -> bool:
        """Whether the chains agree, have draws enough, and missed no mode."""
        return self.rhat < RHAT_LIMIT and self.ess > ESS_LIMIT and not self.missed

    def problems(self) -> list[str]:
        """Say what is wrong and what to do, one sentence each; empty when all is well."""
        found = [*map(_sampling_failed, self.broken), *map(_mode_missed, self.missed)]
        if self.chains < 2:
            found.append(
                "one chain: nothing to compare it with, so R-hat is unknown; draw two chains or "
                "more (four are the default)"
            )
        elif self.rhat >= RHAT_LIMIT:
            found.append(
                f"the chains disagree: R-hat {self.rhat:.3f} for {self.worst_rhat} "
                f"(limit {RHAT_LIMIT}); draw longer, give tighter priors, or choose a smaller law"
            )
        if self.draws < LEAST_DRAWS * self.chains:
            found.append(
                f"too few draws to judge: {self.draws} (chains: {self.chains}); draw 1,000 per "
                "chain"
            )
        elif self.ess <= ESS_LIMIT:
            found.append(
                f"too few independent draws: ESS {self.ess:.0f} for {self.worst_ess} "
                f"(limit {ESS_LIMIT}); draw longer"
            )
        if self.divergences:
            found.append(
                f"{self.divergences} of {self.draws} transitions diverged: part of the posterior "
                "was not reached; raise target_accept to 0.99 or give tighter priors"
            )
        if self.bfmi < BFMI_LIMIT:
            found.append(
                f"the energy mixes slowly: BFMI {self.bfmi:.2f} (limit {BFMI_LIMIT}); "
                "tails may be missed, draw longer"
            )
        return found

    def __str__(self) -> str:
        verdict = "; ".join(self.problems()) or "no problem found"
        return (
            f"R-hat {_number(self.rhat, '.4f')}, ESS {_number(self.ess, ',.0f')}, "
            f"{self.divergences} divergences in {self.draws:,} draws: {verdict}"
        )

    def __repr__(self) -> str:
        return f"<bayescale.Diagnostics {self}>"

    def _repr_html_(self) -> str:
        row = {
            "R-hat": f"{_number(self.rhat, '.4f')} ({self.worst_rhat})",
            "ESS": f"{_number(self.ess, ',.0f')} ({self.worst_ess})",
            "divergences": f"{self.divergences:,} of {self.draws:,} draws",
            "BFMI": _number(self.bfmi, ".2f"),
        }
        title = (
            "diagnostics: no problem found" if self.ok else "diagnostics: do not trust the draws"
        )
        return html_block(title, *self.problems(), rows=[row])


def _number(value: float, form: str) -> str:
    """Write a number, or say that it is not known."""
    return format(value, form) if np.isfinite(value) else "unknown"


def _sampling_failed(which: str) -> str:
    return (
        f"{which}: the sampler failed; draw again with another random_seed, and look at the priors"
    )


def _mode_missed(where: str) -> str:
    return (
        f"every chain stayed in one mode of several; another lies near {where}: draw again with "
        "another random_seed, or give priors that rule one of them out"
    )


def elements(draws: xr.Dataset) -> xr.Dataset:
    """Split draws to diagnose: each element a variable of its own, ``alpha[pythia]``."""
    return xr.Dataset(
        {
            label: values.sel(at, drop=True)
            for name, values in draws.items()
            for label, at in _places(name, values)
        }
    )


def _places(name: Hashable, values: xr.DataArray) -> Iterator[tuple[str, dict[Hashable, Any]]]:
    """Yield the name of each element of a variable, but for chain and draw, and where it is."""
    dims = [dim for dim in values.dims if dim not in ("chain", "draw")]
    for at in itertools.product(*(values[dim].values for dim in dims)):
        label = f"{name}[{', '.join(map(str, at))}]" if dims else str(name)
        yield label, dict(zip(dims, at, strict=True))


def diagnose(
    posterior: xr.Dataset,
    stats: xr.Dataset,
    *,
    fixed: Collection[str] = (),
    missed: Sequence[str] = (),
) -> Diagnostics:
    """Judge draws and their sampler statistics.

    Parameters
    ----------
    posterior : xarray.Dataset, dims (chain, draw) and groups'
        The draws of what was sampled.
    stats : xarray.Dataset, dims (chain, draw)
        The sampler's statistics.
    fixed : collection of str
        Elements of the posterior that were not sampled, as :func:`elements` names them.
    missed : sequence of str
        Modes that no draw is near, in words.
    """
    draws, chains = stats["diverging"].size, stats.sizes["chain"]
    divergences, bfmi = int(stats["diverging"].sum()), _bfmi(stats)
    sampled = elements(posterior).drop_vars(fixed, errors="ignore")
    broken = {str(name): why for name, v in sampled.items() if (why := _why_broken(v.values))}
    judged = sampled.drop_vars(broken)
    rhat, ess = rhat_and_ess(judged)
    worst_rhat = max(rhat, key=rhat.__getitem__, default="")
    worst_ess = min(ess, key=ess.__getitem__, default="")
    return Diagnostics(
        rhat=float("nan") if broken else rhat.get(worst_rhat, 1.0),
        worst_rhat=worst_rhat,
        ess=float("nan") if broken else ess.get(worst_ess, float(draws)),
        worst_ess=worst_ess,
        divergences=divergences,
        draws=draws,
        bfmi=bfmi,
        chains=chains,
        broken=tuple(f"{name} {why}" for name, why in broken.items()),
        missed=tuple(missed),
    )


def _why_broken(values: np.ndarray) -> str:
    """Say why draws of a sampled parameter cannot be a posterior, "" where they can."""
    finite = np.isfinite(values)
    if not finite.all():
        return f"is not finite in {(~finite).sum():,} of {values.size:,} draws"
    if values.size > 1 and np.ptp(values) == 0:
        return f"has the same value, {values.flat[0]:.4g}, in all {values.size:,} draws"
    stuck = [i + 1 for i, chain in enumerate(values) if chain.size > 1 and np.ptp(chain) == 0]
    if stuck:
        return f"never moves in {len(stuck)} of {len(values)} chains"
    return ""


def _bfmi(stats: xr.Dataset) -> float:
    """Return the smallest Bayesian fraction of missing information, NaN where unknown."""
    if "energy" not in stats or stats.sizes["draw"] < LEAST_DRAWS:
        return float("nan")
    import arviz_stats as azs

    with np.errstate(all="ignore"):
        return float(azs.bfmi(xr.DataTree.from_dict({"sample_stats": stats})).energy.min())


def rhat_and_ess(draws: xr.Dataset) -> tuple[dict[str, float], dict[str, float]]:
    """Return R-hat and effective sample size, the smaller of bulk and tail, of each variable."""
    if not draws or draws.sizes["draw"] < LEAST_DRAWS:
        unknown = dict.fromkeys(map(str, draws), float("nan"))
        return unknown, unknown
    import arviz_stats as azs

    bulk, tail = (azs.ess(draws, method=kind) for kind in ("bulk", "tail"))
    ess = {str(k): min(float(bulk[k]), float(tail[k])) for k in draws}
    if draws.sizes["chain"] < 2:
        return dict.fromkeys(map(str, draws), float("nan")), ess
    return {str(k): float(v) for k, v in azs.rhat(draws).items()}, ess
