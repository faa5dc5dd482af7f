r"""The marginal likelihood of a fit's runs, by bridge sampling.

How probable a law's prior made the runs,

.. math:: p(y) = \int p(y \mid \theta) \, p(\theta) \, d\theta,

follows from posterior draws and draws of a density :math:`g` that is fitted to them and known with
its constant:

.. math:: p(y) = \frac{E_g[h(\theta) \, p(y \mid \theta) p(\theta)]}
                      {E_{\theta \mid y}[h(\theta) \, g(\theta)]},

with the bridge function :math:`h` of least error, which is found by iteration (Meng and Wong 1996,
Statistica Sinica 6:831; Gronau et al. 2017, doi:10.1016/j.jmp.2017.09.005). Here g is a mixture of
Student-t distributions on the link scale, fitted to every other draw; the other half is judged by
it.
"""

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.inference.link_scale_draws import from_links, links
from bayescale.inference.pointwise import observations_of, with_pointwise
from bayescale.inference.result import Fit
from bayescale.inference.student_mixture import StudentMixture, fitted_mixture
from bayescale.model.link_scale import with_fixed
from bayescale.model.parametrization import parametrization_of

MOST_DRAWS = 4000
"""Posterior draws that are used, at most; half of them fit the mixture."""

ROUNDS = 1000
"""Most steps of the iteration for the bridge function."""

TOLERANCE = 1e-10
"""Change of the log marginal likelihood below which it stops."""


def log_marginal_likelihood(fit: Fit, random_seed: int) -> float:
    """Estimate the log marginal likelihood of the fitted runs.

    It compares laws that were fitted to the same runs with priors that mean something: a prior
    twice as wide lowers it by the logarithm of two for each parameter that the runs tell.

    Parameters
    ----------
    fit : Fit
        Of one law.
    random_seed : int
        Of the draws of the bridge's other side.

    Returns
    -------
    float
        In nats; densities are of the target in its own unit.

    Raises
    ------
    BayescaleError
        For pooled groups.
    """
    if fit.groups:
        raise BayescaleError(
            "a marginal likelihood is of one law, not of pooled groups: ask one of them, "
            "bayescale.group_fit(fit, NAME)"
        )
    rng = np.random.default_rng([random_seed, 4])
    draws = links(fit, fit.posterior, fit.spec.parameters)
    draws = draws[:: -(-len(draws) // MOST_DRAWS)]
    learnt, judged = draws[::2], draws[1::2]
    bridge = StudentMixture.of(*fitted_mixture(learnt, rng))
    proposed = bridge.draw(len(judged), rng)
    ratios = [
        _log_density(fit, points) - bridge.log_density(points) for points in (judged, proposed)
    ]
    return _bridged(*ratios)


def _log_density(fit: Fit, points: np.ndarray) -> np.ndarray:
    """Return the log of prior times likelihood at points on the link scale, shape (point,)."""
    with np.errstate(all="ignore"):  # far proposals may be where the law is not finite
        drawn = from_links(fit, points, xr.Dataset(), fit.spec.parameters)
        data = observations_of(fit.spec, fit.tree)
        prior = parametrization_of(fit.spec).log_prior(data, drawn)
        tree = fit.tree.copy()
        tree["posterior"] = xr.DataTree(with_fixed(fit.spec, drawn))
        tree = with_pointwise(fit.spec, tree, fit.seed, groups=("log_likelihood",))
        likelihood = tree["log_likelihood"].to_dataset().compute()
        total = sum(values.sum("chain") for values in prior.data_vars.values())
        for column in likelihood.data_vars.values():
            runs = [dim for dim in column.dims if dim not in ("chain", "draw")]
            total = total + column.sum(["chain", *runs])
    return np.where(np.isfinite(total), total, -np.inf)


def _bridged(judged: np.ndarray, proposed: np.ndarray) -> float:
    """Return the log of the constant, given log ratios of density to bridge at both their draws."""
    middle = float(np.median(judged))
    one, other = judged - middle, proposed - middle
    share = len(one) / (len(one) + len(other))
    found = 0.0
    for _ in range(ROUNDS):
        above = np.logaddexp(np.log(share) + other, np.log1p(-share) + found)
        below = np.logaddexp(np.log(share) + one, np.log1p(-share) + found)
        then = _log_mean(other - above) - _log_mean(-below)
        found, before = then, found
        if abs(found - before) < TOLERANCE:
            break
    return found + middle


def _log_mean(logs: np.ndarray) -> float:
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)))
