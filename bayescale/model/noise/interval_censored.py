"""Values known only to a rounding step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.laws.functions import exp, expm1, log, log_normal_cdf, sqrt
from bayescale.laws.parameters import Positive
from bayescale.model.noise.base import Known, Noise, late
from bayescale.model.noise.location_scale import LOG


class Rounded(Noise):
    """Normal scatter on log loss, of which only the interval of a rounded value is seen.

    The table holds the width of that interval in ``loss_step``, in the unit of the loss: 0.01 for
    a loss given with two decimals, 0.003 times the loss where a colour scale rounds its logarithm.

    Parameters
    ----------
    name, about : str
        As shown.
    sigma : Parameter
        Prior of the scatter before rounding, on log loss.
    """

    known: Mapping[str, tuple[str, float | None]] = {"step": ("_step", None), "se": ("_se", 0.0)}
    discrete = True

    def __init__(self, name: str, about: str, sigma: Positive) -> None:
        self.name, self.about, self.parameters = name, about, {"sigma": sigma}

    def usable(self, observed: np.ndarray) -> np.ndarray:
        """Return which observed values are positive."""
        return np.isfinite(observed) & LOG.usable(observed)

    def requirement(self) -> str:
        """Say what has a logarithm."""
        return LOG.requirement

    def scale_of(self, target: str) -> str:
        """Name the logarithm."""
        return LOG.called.format(target)

    def scale(self, observed: np.ndarray) -> float:
        """Geometric mean."""
        return LOG.typical(observed)

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return observed values, their steps and errors.

        Raises
        ------
        BayescaleError
            When an interval reaches zero, where a logarithm has no end.
        """
        wide = np.flatnonzero(known["step"] >= 2 * observed)
        if wide.size:
            at = wide[0]
            raise BayescaleError(
                f"usable row {at + 1} of {len(observed)}: a value of {observed[at]:g} rounded to "
                f"steps of {known['step'][at]:g} may be zero; a step is less than twice its value"
            )
        return {
            "observed": observed,
            "observed_step": known["step"],
            "observed_error": known["se"] / observed,
        }

    def observe(
        self,
        name: str,
        curve: Any,
        parameters: Mapping[Any, Any],
        data: Mapping[str, Any],
        dim: str = "run",
    ) -> Any:
        """Add the observed values, each with the probability of its interval."""
        size = sqrt(parameters["sigma"] ** 2 + data["observed_error"] ** 2)
        return late("pymc", "CustomDist")()(
            name,
            log(curve),
            size,
            data["observed_step"],
            logp=_log_probability,
            random=_round,
            observed=data["observed"],
            dims=dim,
        )

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log probability of the interval around each observed value."""
        size = self._size(observed, parameters, known)
        return _log_probability(observed, log(curve), size, known["step"])

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known | None = None,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw values and round them."""
        known = {"se": 0.0, **(known or {})}
        size = self._size(curve, parameters, known)
        return xr.apply_ufunc(
            _round, log(curve), size, known["step"], kwargs={"rng": rng, "size": None}
        )

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return residuals of log loss, and divided by the size of scatter and rounding."""
        residual = log(observed) - log(curve)
        return residual, residual / self._spread(observed, parameters, known)

    def relative(self, value: Any, typical: float) -> Any:
        """Natural logarithm."""
        return log(value)

    def displace(self, curve: Any, by: Any, typical: float) -> Any:
        """Move the curve by a share of itself."""
        return curve * exp(by)

    def displacement(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known,
        observed: Any,
        typical: float,
    ) -> tuple[Any, Any]:
        """Return residuals of log loss, and the size of scatter and rounding."""
        return log(observed) - log(curve), self._spread(observed, parameters, known)

    def _spread(self, value: Any, parameters: Mapping[Any, Any], known: Known) -> Any:
        """Return the size of scatter and rounding together: a step is uniform over its width."""
        rounding = known["step"] / value / 12**0.5
        return sqrt(self._size(value, parameters, known) ** 2 + rounding**2)

    def _size(self, value: Any, parameters: Mapping[Any, Any], known: Known) -> Any:
        return sqrt(parameters["sigma"] ** 2 + (known["se"] / value) ** 2)


def _log_probability(value: Any, at: Any, size: Any, step: Any) -> Any:
    """Return the log probability that a normal on the log scale rounds to ``value``.

    The interval is reflected to the left of the centre, where the distribution function keeps its
    digits however far out the interval lies.
    """
    low, high = log(value - step / 2), log(value + step / 2)
    half = (high - low) / (2 * size)
    middle = -abs((high + low) / 2 - at) / size
    upper, lower = log_normal_cdf(middle + half), log_normal_cdf(middle - half)
    return upper + log(-expm1(lower - upper))


def _round(at: Any, spread: Any, step: Any, rng: np.random.Generator, size: Any) -> Any:
    """Draw and round, as PyMC asks for it: ``size`` is the shape, None that of the arguments."""
    shape = (
        np.broadcast_shapes(*(np.shape(x) for x in (at, spread, step))) if size is None else size
    )
    return step * np.rint(np.exp(rng.normal(at, spread, shape)) / step)


ROUNDED = (
    Rounded(
        "rounded",
        "normal on log loss, seen only to the rounding step of a column such as loss_step",
        Positive(0.0005, 0.1, about="scatter of log loss before rounding (0.01 is one per cent)"),
    ),
)
