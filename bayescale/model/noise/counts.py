"""Counts: successes in a number of trials, and trials until enough have succeeded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.laws.functions import exp, maximum, minimum
from bayescale.laws.parameters import Fraction, Parameter, Positive
from bayescale.model.noise.base import Known, Noise, late
from bayescale.model.noise.location_scale import LOGIT

EDGE = 1e-12
"""A law's probability is kept this far from 0 and 1, where counts would be impossible."""


class Share(Noise):
    """What every noise on a share of successes has in common; the law is the probability."""

    discrete = True

    def usable(self, observed: np.ndarray) -> np.ndarray:
        """Return which values are ratios."""
        return np.isfinite(observed) & (observed >= 0) & (observed <= 1)

    def requirement(self) -> str:
        """Say what a ratio is."""
        return "a share of successes between 0 and 1"

    def scale(self, observed: np.ndarray) -> float:
        """One: a ratio has no unit."""
        return 1.0

    def relative(self, value: Any, typical: float) -> Any:
        """Log odds, in units of a relative error."""
        return LOGIT.forward(_inside(value)) / LOGIT.unit(typical)

    def displace(self, curve: Any, by: Any, typical: float) -> Any:
        """Move the log odds of success."""
        return LOGIT.inverse(LOGIT.forward(_inside(curve)) + by * LOGIT.unit(typical))

    def displacement(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known,
        observed: Any,
        typical: float,
    ) -> tuple[Any, Any]:
        """Return the move of the log odds that would meet each share, to first order."""
        residual, standardised = self.residual(curve, parameters, known, observed)
        slope = exp(LOGIT.log_slope(_inside(curve))) / LOGIT.unit(typical)
        return residual * slope, abs(residual / standardised) * slope


class Counts(Share):
    """Successes among trials; the target is their ratio, and the law its expectation.

    The table holds the ratio in the target's column (``accuracy``) and the number of trials in
    ``accuracy_trials``.

    Parameters
    ----------
    name, about : str
        As shown.
    spread : mapping of str to Parameter, optional
        How the probability spreads, as a beta distribution, between runs of one expectation:
        ``rho``, the correlation between trials of one run, or ``tail``, the exponent with which
        its density p**(tail - 1) rises towards zero. Without it trials are independent.
    """

    known: Mapping[str, tuple[str, float | None]] = {"trials": ("_trials", None)}

    def __init__(
        self, name: str, about: str, spread: Mapping[str, Parameter] | None = None
    ) -> None:
        self.name, self.about, self.parameters = name, about, dict(spread or {})

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return successes and trials."""
        trials = np.asarray(known["trials"], dtype=float)
        return {"observed": np.rint(observed * trials), "observed_trials": trials}

    def observe(
        self,
        name: str,
        curve: Any,
        parameters: Mapping[Any, Any],
        data: Mapping[str, Any],
        dim: str = "run",
    ) -> Any:
        """Add the observed counts."""
        p, *spread = self._arguments(curve, parameters)
        options = {"n": data["observed_trials"], "observed": data["observed"], "dims": dim}
        if not spread:
            return late("pymc", "Binomial")()(name, p=p, **options)
        size = self._concentration(p, *spread)
        beta_binomial = late("pymc", "BetaBinomial")()
        return beta_binomial(name, alpha=p * size, beta=(1 - p) * size, **options)

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
        p, *spread = self._arguments(curve, parameters)
        trials = known["trials"]
        rho = 1 / (1 + self._concentration(p, *spread)) if spread else 0.0
        variance = p * (1 - p) / trials * (1 + (trials - 1) * rho)
        residual = observed - curve
        return residual, residual / variance**0.5

    def _arguments(self, curve: Any, parameters: Mapping[Any, Any]) -> list[Any]:
        return [_inside(curve), *(parameters[k] for k in self.parameters)]

    def _frozen(self, trials: Any, p: Any, *spread: Any) -> Any:
        if not spread:
            return late("scipy.stats", "binom")()(trials, p)
        size = self._concentration(p, *spread)
        return late("scipy.stats", "betabinom")()(trials, p * size, (1 - p) * size)

    def _concentration(self, p: Any, spread: Any) -> Any:
        """Return the beta distribution's a + b; its a is the tail exponent."""
        return spread / p if "tail" in self.parameters else 1 / spread - 1


def _inside(p: Any) -> Any:
    """Keep probabilities off 0 and 1."""
    return minimum(maximum(p, EDGE), 1 - EDGE)


COUNTS = (
    Counts("binomial", "independent trials, such as the questions of a test"),
    Counts(
        "beta_binomial",
        "trials of one run that succeed or fail together, such as samples of one problem",
        {"rho": Fraction(0.001, 0.3, about="correlation between trials of one run")},
    ),
    Counts(
        "beta_binomial_tail",
        "the same where most problems are all but hopeless: their probabilities pile up near zero",
        {"tail": Positive(0.05, 2.0, about="exponent b of the probabilities' density, p^(b-1)")},
    ),
)


class _Tally(NamedTuple):
    """What sampling until the r-th success, or a cap, came to."""

    successes: Any
    draws: Any
    capped: Any


class Until(Share):
    """Draws until the r-th success: their number is negative binomial, censored at a cap.

    The table holds the share of draws that succeeded in the target's column (``pass_rate``), the
    number of successes at which sampling stops in ``pass_rate_successes``, and, where there is one,
    the largest number of draws in ``pass_rate_cap``. A share too small to have reached the
    successes within the cap is that of a run stopped there; without a cap no share is zero.

    Parameters
    ----------
    name, about : str
        As shown.
    """

    parameters: Mapping[str, Parameter] = {}
    known: Mapping[str, tuple[str, float | None]] = {
        "successes": ("_successes", None),
        "cap": ("_cap", float("inf")),
    }

    def __init__(self, name: str, about: str) -> None:
        self.name, self.about = name, about

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return successes and draws.

        Raises
        ------
        BayescaleError
            When a share is zero and no cap says after how many draws.
        """
        never = np.flatnonzero((observed == 0) & np.isinf(known["cap"]))
        if never.size:
            raise BayescaleError(
                f"usable row {never[0] + 1} of {len(observed)} has no success and no cap: say "
                "after how many draws it was given up, in the column of the target's name with _cap"
            )
        tally = _tally(observed, known)
        return {"observed": tally.successes, "observed_draws": tally.draws}

    def observe(
        self,
        name: str,
        curve: Any,
        parameters: Mapping[Any, Any],
        data: Mapping[str, Any],
        dim: str = "run",
    ) -> Any:
        """Add the successes as a binomial: the rule for stopping leaves the likelihood as it is."""
        return late("pymc", "Binomial")()(
            name, n=data["observed_draws"], p=_inside(curve), observed=data["observed"], dims=dim
        )

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log probability of the draws it took, or of the successes up to the cap."""
        nbinom, binom = late("scipy.stats", "nbinom")(), late("scipy.stats", "binom")()

        def density(share: Any, p: Any, wanted: Any, cap: Any) -> Any:
            tally = _tally(share, {"successes": wanted, "cap": cap})
            stopped = binom.logpmf(tally.successes, tally.draws, p)
            reached = nbinom.logpmf(tally.draws - tally.successes, wanted, p)
            return np.where(tally.capped, stopped, reached)

        return xr.apply_ufunc(density, observed, _inside(curve), known["successes"], known["cap"])

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known | None = None,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw shares of successes, sampling until the r-th or the cap."""
        binom = late("scipy.stats", "binom")()

        def sample(p: Any, wanted: Any, cap: Any) -> Any:
            p, wanted, cap = np.broadcast_arrays(p, wanted, cap)
            draws = wanted + rng.negative_binomial(wanted, p)
            over = draws > cap
            share = np.asarray(wanted / draws, dtype=float)
            n, q = cap[over], p[over]
            below = rng.uniform(size=n.shape) * binom.cdf(wanted[over] - 1, n, q)
            share[over] = np.maximum(binom.ppf(below, n, q), 0) / n
            return share

        known = known or {}
        return xr.apply_ufunc(
            sample, _inside(curve), known["successes"], known.get("cap", float("inf"))
        )

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return differences of shares, and divided by their approximate standard deviation."""
        p = _inside(curve)
        draws = minimum(known["successes"] / p, known["cap"])
        residual = observed - curve
        return residual, residual / (p * (1 - p) / draws) ** 0.5


def _tally(share: Any, known: Known) -> _Tally:
    wanted, cap = known["successes"], known["cap"]
    capped = share < (wanted - 0.5) / cap
    draws = np.where(capped, cap, np.rint(wanted / np.where(capped, 1.0, np.maximum(share, EDGE))))
    return _Tally(np.where(capped, np.rint(share * draws), wanted), draws, capped)


UNTIL = (
    Until(
        "negative_binomial",
        "draws until a number of successes, or until a cap: pass rates too small for fixed draws",
    ),
)
