"""Scores that are counts: how many of a number of trials succeeded."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.functions import maximum, minimum
from bayescale.law import Fraction, Parameter
from bayescale.noise.base import Known, Noise, late

EDGE = 1e-12
"""A law's probability is kept this far from 0 and 1, where counts would be impossible."""


class Counts(Noise):
    """Successes among trials; the target is their ratio, and the law its expectation.

    The table holds the ratio in the target's column (``accuracy``) and the number of trials in
    ``accuracy_trials``.

    Parameters
    ----------
    name, about : str
        As shown.
    overdispersion : Parameter, optional
        Prior of the correlation between trials of one run; without it trials are independent.
    """

    known: Mapping[str, tuple[str, float | None]] = {"trials": ("_trials", None)}
    discrete = True

    def __init__(self, name: str, about: str, overdispersion: Parameter | None = None) -> None:
        self.name, self.about = name, about
        self.parameters = {"rho": overdispersion} if overdispersion else {}

    def usable(self, observed: np.ndarray) -> np.ndarray:
        """Return which values are ratios."""
        return np.isfinite(observed) & (observed >= 0) & (observed <= 1)

    def requirement(self) -> str:
        """Say what a ratio is."""
        return "a share of successes between 0 and 1"

    def scale(self, observed: np.ndarray) -> float:
        """One: a ratio has no unit."""
        return 1.0

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return successes and trials."""
        trials = np.asarray(known["trials"], dtype=float)
        return {"observed": np.rint(observed * trials), "observed_trials": trials}

    def observe(
        self, name: str, curve: Any, parameters: Mapping[Any, Any], data: Mapping[str, Any]
    ) -> Any:
        """Add the observed counts."""
        p, options = _inside(curve), {"observed": data["observed"], "dims": "run"}
        if "rho" not in self.parameters:
            return late("pymc", "Binomial")()(name, n=data["observed_trials"], p=p, **options)
        size = _concentration(parameters["rho"])
        return late("pymc", "BetaBinomial")()(
            name, n=data["observed_trials"], alpha=p * size, beta=(1 - p) * size, **options
        )

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log probability of the observed counts."""

        def density(ratio: Any, trials: Any, *at: Any) -> Any:
            return self._frozen(trials, *at).logpmf(np.rint(ratio * trials))

        arguments = [known["trials"], *self._arguments(curve, parameters)]
        return xr.apply_ufunc(density, observed, *arguments)

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known | None = None,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw ratios of successes."""
        trials = (known or {})["trials"]

        def sample(trials: Any, *at: Any) -> Any:
            shape = np.broadcast_shapes(np.shape(trials), *(np.shape(x) for x in at))
            return self._frozen(trials, *at).rvs(size=shape, random_state=rng)

        return xr.apply_ufunc(sample, trials, *self._arguments(curve, parameters)) / trials

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return differences of ratios, and divided by their standard deviation."""
        p, trials = _inside(curve), known["trials"]
        rho = parameters["rho"] if "rho" in self.parameters else 0.0
        variance = p * (1 - p) / trials * (1 + (trials - 1) * rho)
        residual = observed - curve
        return residual, residual / variance**0.5

    def _arguments(self, curve: Any, parameters: Mapping[Any, Any]) -> list[Any]:
        return [_inside(curve), *(parameters[k] for k in self.parameters)]

    def _frozen(self, trials: Any, p: Any, rho: Any = None) -> Any:
        if rho is None:
            return late("scipy.stats", "binom")()(trials, p)
        size = _concentration(rho)
        return late("scipy.stats", "betabinom")()(trials, p * size, (1 - p) * size)


def _inside(p: Any) -> Any:
    return minimum(maximum(p, EDGE), 1 - EDGE)


def _concentration(rho: Any) -> Any:
    """Turn the correlation between trials into the beta distribution's a + b."""
    return 1 / rho - 1


COUNTS = (
    Counts("binomial", "independent trials, such as the questions of a test"),
    Counts(
        "beta_binomial",
        "trials of one run that succeed or fail together, such as samples of one problem",
        Fraction(0.001, 0.3, about="correlation between trials of one run"),
    ),
)
