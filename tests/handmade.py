"""Fits made by hand: a posterior of truth plus a little noise, with no sampling."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayescale import Law, isoflop_design, read_runs, simulate, typical_design
from bayescale.inference.fit import assemble
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler
from bayescale.laws.parameters import Parameter
from bayescale.laws.registry import get_law
from bayescale.model.link_scale import natural, to_link
from bayescale.model.observations import Data, extract
from bayescale.model.simulate import DEFAULT_NOISE
from bayescale.model.spec import Spec, make_spec

TRUTH = {
    "chinchilla": {"E": 1.8, "a": 0.34, "alpha": 0.35, "b": 0.32, "beta": 0.37},
    "skaling": {"E": 1.6, "R": 1.0, "s": 0.5, "alpha": 0.5, "beta": 0.5, "k": 0.7},
    "power_law": {"scale": 2.9, "exponent": 0.05},
}
REFERENCES = {"N": 1e9, "D": 2e10, "x": 1e20}
SCALE = 3.0
SPREAD = 0.02
SECONDS = {"compiling": 0.0, "sampling": 0.0}


def design() -> pd.DataFrame:
    """Forty runs: five budgets, eight ratios of tokens to parameters."""
    return isoflop_design(np.geomspace(1e18, 1e21, 5), np.geomspace(2, 200, 8))


def prior_medians(law: type[Law], scale: float = SCALE) -> dict[str, float]:
    """Return the median of each parameter's prior when the typical loss is ``scale``."""
    scales = dict.fromkeys(law.units(), scale)
    return {
        name: float(natural(p, p.normal(p.low, p.high)[0], scales))
        for name, p in law.parameters.items()
    }


def handmade_fit(
    law: str | type[Law] = "chinchilla",
    *,
    truth: Mapping[str, float] | None = None,
    runs: pd.DataFrame | None = None,
    seed: int = 0,
    spread: float = SPREAD,
) -> Fit:
    """Make a fit whose draws, 4 chains of 250, scatter by 2 % (the spread) around the truth.

    The truth holds at the reference points ``REFERENCES``, which are also the fit's.
    """
    found = get_law(law)
    truth = dict(truth or TRUTH.get(found.name) or prior_medians(found))
    at = {
        name: REFERENCES.get(name, float(np.sqrt(np.prod(given.range()))))
        for name, given in found.inputs.items()
        if given.relative
    } | dict.fromkeys(found.steps, SCALE)
    if runs is None:
        typical = typical_design(found, 40, seed)
        runs = design() if set(typical) <= set(design()) else typical
    table = simulate(found, runs, truth, references=at, random_seed=seed)
    spec = make_spec(found, references=at)
    data = extract(spec, read_runs(table, loss_unit="nats/token", params_convention="total"))
    return fit_around(spec, data, truth, seed=seed, spread=spread)


def fit_around(
    spec: Spec, data: Data, centre: Mapping[str, float], *, seed: int = 0, spread: float = SPREAD
) -> Fit:
    """Make a fit of given data whose draws, 4 chains of 250, scatter around given parameters.

    The spread is that of the link scale: relative for positive parameters.
    """
    rng = np.random.default_rng(seed)
    usual = {
        f"{s.prefix}{k}": DEFAULT_NOISE[k] for s in spec.observables for k in s.noise.parameters
    }
    centre = {**usual, **centre}
    posterior = xr.Dataset(
        {
            name: (("chain", "draw"), _scattered(parameter, centre[name], data, spread, rng))
            for name, parameter in spec.parameters.items()
        },
        coords={"chain": np.arange(4), "draw": np.arange(250)},
    )
    shape = (4, 250)
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros(shape, dtype=bool)),
            "energy": (("chain", "draw"), rng.normal(size=shape)),
        },
        coords=posterior.coords,
    )
    return assemble(
        spec, data, posterior, stats, sampler=Sampler(draws=250), seed=seed, seconds=SECONDS
    )


def _scattered(
    parameter: Parameter, centre: float, data: Data, spread: float, rng: np.random.Generator
) -> np.ndarray:
    link = to_link(parameter, centre, data.scales) + spread * rng.normal(size=(4, 250))
    return natural(parameter, link, data.scales)
