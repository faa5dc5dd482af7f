"""The runs and fits of the docstrings' examples: simulated runs, and posteriors without sampling.

A posterior is the Gaussian approximation around the parameters that the runs were simulated with,
moved by one Newton step, so that widths and correlations are those of a sampled fit.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from handmade import REFERENCES, SECONDS, TRUTH, design, fit_around

import bayescale as bs
from bayescale.data.runs import Runs
from bayescale.design.contraction import prior_sds
from bayescale.design.fisher_information import precision, rows_of, thinned
from bayescale.evaluation.residuals import residuals
from bayescale.inference.fit import assemble
from bayescale.inference.link_scale_draws import links
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler
from bayescale.model.link_scale import natural
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

SKALING = {"E": 1.8, "R": 0.66, "s": 0.34 / 0.66, "alpha": 0.35, "beta": 0.37, "k": 0.98}


@cache
def namespace() -> Mapping[str, Any]:
    """Return what every example finds: the packages, ``runs``, ``fit`` and ``fits`` of them."""
    table = bs.simulate(
        "chinchilla", design(), TRUTH["chinchilla"], references=REFERENCES, random_seed=29
    )
    runs = bs.read_runs(table, loss_unit="nats/token", params_convention="total")
    fits = {
        "chinchilla": gaussian_fit("chinchilla", runs, TRUTH["chinchilla"]),
        "skaling": gaussian_fit("skaling", runs, SKALING),
    }
    return {"bs": bs, "np": np, "pd": pd, "runs": runs, "fit": fits["chinchilla"], "fits": fits}


def gaussian_fit(law: str, runs: Runs, near: Mapping[str, float]) -> Fit:
    """Make a fit of the Gaussian approximation to the posterior near given parameters."""
    spec = make_spec(law, references={name: REFERENCES[name] for name in ("N", "D")})
    data = extract(spec, runs)
    start = fit_around(spec, data, near, spread=1e-6)
    centre, response = thinned(start, 1), spec.observables[0]
    known = start.known_of(response)
    rows = rows_of(start, centre, response, start.inputs_of(response), known)[0]
    covariance = np.linalg.inv(precision(start, centre, list(prior_sds(start)))[0])
    step = covariance @ rows.T @ residuals(start)["standardised"].to_numpy()
    scatter = np.random.default_rng(1).normal(size=(4, 250, len(step)))
    z = links(start, centre)[0] + step + scatter @ np.linalg.cholesky(covariance).T
    noise = fit_around(spec, data, near, spread=0.1).posterior
    own = {
        name: (("chain", "draw"), natural(parameter, z[..., i], start.scales))
        for i, (name, parameter) in enumerate(spec.free.items())
    }
    stats = start.tree_group("sample_stats")
    sampler = Sampler(draws=250)
    return assemble(spec, data, noise.assign(own), stats, sampler=sampler, seed=0, seconds=SECONDS)
