"""Whether the draws can be trusted, in numbers and in words."""

from dataclasses import dataclass

import arviz_stats as azs
import xarray as xr

RHAT_LIMIT = 1.01
ESS_LIMIT = 400
BFMI_LIMIT = 0.3


@dataclass(frozen=True)
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
        """Say what is wrong and what to do, a sentence each; empty when all is well."""
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


def elements(draws: xr.Dataset) -> xr.Dataset:
    """Return draws with each element of a variable as one of its own: ``alpha[pythia]``.

    Parameters
    ----------
    draws : xarray.Dataset, dims (chain, draw) and at most one more a variable
    """
    found = {}
    for name, values in draws.items():
        dims = [d for d in values.dims if d not in ("chain", "draw")]
        for label in values[dims[0]].values if dims else ():
            found[f"{name}[{label}]"] = values.sel({dims[0]: label}, drop=True)
        if not dims:
            found[str(name)] = values
    return xr.Dataset(found)


def diagnose(posterior: xr.Dataset, stats: xr.Dataset) -> Diagnostics:
    """Judge draws, dims (chain, draw) and groups', and their sampler statistics."""
    posterior = elements(posterior)
    varying = posterior[[k for k, v in posterior.items() if float(v.std()) > 0]]
    rhat = {k: float(v) for k, v in azs.rhat(varying).items()}
    bulk, tail = azs.ess(varying, method="bulk"), azs.ess(varying, method="tail")
    ess = {str(k): min(float(bulk[k]), float(tail[k])) for k in varying}
    worst_rhat = max(rhat, key=lambda k: rhat[k])
    worst_ess = min(ess, key=lambda k: ess[k])
    bfmi = float("nan")
    if "energy" in stats:
        bfmi = float(azs.bfmi(xr.DataTree.from_dict({"sample_stats": stats})).energy.min())
    return Diagnostics(
        rhat=rhat[worst_rhat],
        worst_rhat=str(worst_rhat),
        ess=ess[worst_ess],
        worst_ess=worst_ess,
        divergences=int(stats["diverging"].sum()),
        draws=posterior.sizes["chain"] * posterior.sizes["draw"],
        bfmi=bfmi,
    )
