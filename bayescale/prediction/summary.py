"""The posterior in numbers, in the literature's constants too."""

import arviz_stats as azs
import pandas as pd
import xarray as xr

from bayescale.inference.diagnostics import elements
from bayescale.inference.posterior import of_one_law
from bayescale.inference.result import Fit
from bayescale.prediction.intervals import credible_interval, interval_width


@of_one_law
def derived_parameters(fit: Fit) -> xr.Dataset:
    """Derive the literature's constants from a law's draws.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    xarray.Dataset, dims (chain, draw)
        A and B, or N_c and D_c, ... as the law's paper writes them; without those that only
        depend on fixed parameters, and empty where the law derives none.
    """
    if not hasattr(fit.law, "derived"):
        return xr.Dataset()
    parameters = {name: fit.parameters[name] for name in fit.law.parameters}
    derived = fit.law.derived(**fit.references, **parameters)
    first = dict(chain=0, draw=0)
    return xr.Dataset({k: v for k, v in derived.items() if bool((v != v.isel(first)).any())})


@of_one_law
def summary(fit: Fit, ci_prob: float | None = None) -> pd.DataFrame:
    """Summarise the posterior of a fit.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    ci_prob : float, optional
        Probability inside the interval; ArviZ's setting (0.89) when None.

    Returns
    -------
    pandas.DataFrame
        One row per parameter: the law's, the literature's constants derived from them, the noise's.
        In a pooled fit a parameter that groups have of their own has a row for each,
        ``alpha[pythia]``, and where it is partially pooled its population's mean and spread too.
        Columns ``median``, ``sd``, ``lower``, ``upper``, ``ess`` (the smaller of bulk and tail),
        ``rhat``, ``unit`` and ``about``.
    """
    posterior, spec = fit.posterior, fit.spec
    draws = elements(
        xr.merge(
            [
                posterior[[*spec.free, *spec.population]],
                derived_parameters(fit),
                posterior[list(spec.noise_parameters)],
            ]
        )
    )
    bulk, tail = azs.ess(draws, method="bulk"), azs.ess(draws, method="tail")
    rhat = azs.rhat(draws)
    rows = {}
    for name in draws.data_vars:
        bounds = credible_interval(draws[name], ci_prob)
        rows[str(name)] = {
            "median": float(bounds["median"]),
            "sd": float(draws[name].std()),
            "lower": float(bounds["lower"]),
            "upper": float(bounds["upper"]),
            "ess": min(float(bulk[name]), float(tail[name])),
            "rhat": float(rhat[name]),
            "unit": fit.unit_of(_base(str(name))),
            "about": _about(fit, _base(str(name))),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
    table.attrs["ci_prob"] = interval_width(ci_prob)
    return table


def _base(name: str) -> str:
    """Return the parameter's name without the group that it is of."""
    return name.partition("[")[0]


def _about(fit: Fit, name: str) -> str:
    parameter = fit.spec.parameters.get(name)
    return parameter.about if parameter else "the literature's constant"
