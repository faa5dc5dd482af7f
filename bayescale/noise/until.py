"""Counts of tries until enough have succeeded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.functions import minimum
from bayescale.law import Parameter
from bayescale.noise.base import Known, late
from bayescale.noise.counts import EDGE, Share, inside


class Tally(NamedTuple):
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
            name, n=data["observed_draws"], p=inside(curve), observed=data["observed"], dims=dim
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

        return xr.apply_ufunc(density, observed, inside(curve), known["successes"], known["cap"])

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
            sample, inside(curve), known["successes"], known.get("cap", float("inf"))
        )

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return differences of shares, and divided by their approximate standard deviation."""
        p = inside(curve)
        draws = minimum(known["successes"] / p, known["cap"])
        residual = observed - curve
        return residual, residual / (p * (1 - p) / draws) ** 0.5


def _tally(share: Any, known: Known) -> Tally:
    wanted, cap = known["successes"], known["cap"]
    capped = share < (wanted - 0.5) / cap
    draws = np.where(capped, cap, np.rint(wanted / np.where(capped, 1.0, np.maximum(share, EDGE))))
    return Tally(np.where(capped, np.rint(share * draws), wanted), draws, capped)


UNTIL = (
    Until(
        "negative_binomial",
        "draws until a number of successes, or until a cap: pass rates too small for fixed draws",
    ),
)
