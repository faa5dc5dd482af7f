"""Contraction from prior to posterior: when a parameter is identified."""

import numpy as np

from bayescale.data.number_format import whole_percent
from bayescale.inference.result import Fit
from bayescale.model.link_scale import to_link

IDENTIFIED = 0.9
"""Contraction above which a parameter is identified: its sd is below 0.32 of the prior's."""


PRIOR_ONLY = 0.1
"""Contraction below which the posterior is the prior."""


VERDICTS = ("identified", "weak", "prior only")


def verdict(contraction: float) -> str:
    """Return the verdict of a contraction: "identified", "weak" or "prior only"."""
    if contraction > IDENTIFIED:
        return "identified"
    return "weak" if contraction > PRIOR_ONLY else "prior only"


def allowed_variance(prior: float) -> float:
    """Return the variance below which what has that prior variance is identified."""
    return (1 - IDENTIFIED) * prior


def prior_sds(fit: Fit) -> np.ndarray:
    """Return, for contractions, each free parameter's prior sd on its link scale, (parameter,)."""
    return np.array([_prior_sd(fit, name) for name in fit.spec.free])


def _prior_sd(fit: Fit, name: str) -> float:
    if name in fit.spec.distributions or isinstance(fit.spec.priors.get(name), str):
        drawn = fit.tree_group("prior")[name]
        return float(to_link(fit.spec.free[name], drawn, fit.scales).std())
    return float(fit.spec.normal_priors([name], fit.scales)[1][0])


def contraction_percent(share: float) -> str:
    """Format a contraction, of identifiability, as a percentage, at least zero."""
    return "> 99 %" if share > 0.99 else whole_percent(max(share, 0.0))
