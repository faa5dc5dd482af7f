"""Whether the draws can be trusted, in numbers and in words."""

import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr

from bayescale.data.html import html_block

RHAT_LIMIT = 1.01


ESS_LIMIT = 400


BFMI_LIMIT = 0.3


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
    """

    rhat: float
    worst_rhat: str
    ess: float
    worst_ess: str
    divergences: int
    draws: int
    bfmi: float

    @property
    def ok(self) -> bool:
        """Whether nothing is to be said against the draws."""
        return not self.problems()

    def problems(self) -> list[str]:
        """Say what is wrong and what to do, one sentence each; empty when all is well."""
        found = []
        if not self.rhat < RHAT_LIMIT:
            found.append(
                f"the chains disagree: R-hat {self.rhat:.3f} for {self.worst_rhat} "
                f"(limit {RHAT_LIMIT}); draw longer, give tighter priors, or choose a smaller law"
            )
        if not self.ess > ESS_LIMIT:
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
            f"R-hat {self.rhat:.4f}, ESS {self.ess:,.0f}, {self.divergences} divergences in "
            f"{self.draws:,} draws: {verdict}"
        )

    def __repr__(self) -> str:
        return f"<bayescale.Diagnostics {self}>"

    def _repr_html_(self) -> str:
        row = {
            "R-hat": f"{self.rhat:.4f} ({self.worst_rhat})",
            "ESS": f"{self.ess:,.0f} ({self.worst_ess})",
            "divergences": f"{self.divergences:,} of {self.draws:,} draws",
            "BFMI": f"{self.bfmi:.2f}",
        }
        title = (
            "diagnostics: no problem found" if self.ok else "diagnostics: do not trust the draws"
        )
        return html_block(title, *self.problems(), rows=[row])


def elements(draws: xr.Dataset) -> xr.Dataset:
    """Return draws with each element of a variable as one of its own: ``alpha[pythia]``."""
    return xr.Dataset(
        {
            label: values.sel(at, drop=True)
            for name, values in draws.items()
            for label, at in _places(name, values)
        }
    )


def _by_element(found: xr.Dataset) -> dict[str, float]:
    """Return the numbers of a dataset by the names of their elements."""
    return {
        label: float(number)
        for name, values in found.items()
        for (label, _), number in zip(_places(name, values), np.ravel(values), strict=True)
    }


def _places(name: Hashable, values: xr.DataArray) -> Iterator[tuple[str, dict[Hashable, Any]]]:
    """Yield the name of each element of a variable, but for chain and draw, and where it is."""
    dims = [dim for dim in values.dims if dim not in ("chain", "draw")]
    for at in itertools.product(*(values[dim].values for dim in dims)):
        label = f"{name}[{', '.join(map(str, at))}]" if dims else str(name)
        yield label, dict(zip(dims, at, strict=True))


def diagnose(posterior: xr.Dataset, stats: xr.Dataset) -> Diagnostics:
    """Judge draws, dims (chain, draw) and groups', and their sampler statistics."""
    with np.errstate(all="ignore"):  # what was held fixed has no R-hat
        rhat = _by_element(azs.rhat(posterior))
        bulk, tail = (_by_element(azs.ess(posterior, method=kind)) for kind in ("bulk", "tail"))
    varying = [
        name for name, spread in _by_element(posterior.std(("chain", "draw"))).items() if spread
    ]
    bfmi = float("nan")
    if "energy" in stats:
        bfmi = float(azs.bfmi(xr.DataTree.from_dict({"sample_stats": stats})).energy.min())
    draws = stats["diverging"].size
    divergences = int(stats["diverging"].sum())
    if not varying:  # every parameter is fixed
        return Diagnostics(1.0, "", draws, "", divergences, draws, bfmi)
    ess = {name: min(bulk[name], tail[name]) for name in varying}
    worst_rhat = max(varying, key=lambda name: rhat[name])
    worst_ess = min(varying, key=lambda name: ess[name])
    return Diagnostics(
        rhat=rhat[worst_rhat],
        worst_rhat=worst_rhat,
        ess=ess[worst_ess],
        worst_ess=worst_ess,
        divergences=divergences,
        draws=draws,
        bfmi=bfmi,
    )
