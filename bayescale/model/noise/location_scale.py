"""Scatter that is additive on some scale: log for losses, raw for Elo, logit for scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from bayescale.laws.functions import exp, log, log1p, logit, sigmoid, sqrt, where
from bayescale.laws.parameters import Parameter, Positive
from bayescale.model.noise.base import Known, Noise, late


@dataclass(frozen=True)
class Scale:
    """Where scatter is additive: a transformation of the target, its inverse and its slope."""

    name: str
    called: str
    requirement: str
    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    log_slope: Callable[[Any], Any]
    usable: Callable[[np.ndarray], np.ndarray]
    typical: Callable[[np.ndarray], float]
    unit: Callable[[float], float] = lambda typical: 1.0
    """What a relative error of one is on the scale, from the target's typical size."""


LOGIT_UNIT = 5.0
"""Log odds that count like a relative error of one: about how steeply scores hang on loss."""


LOG = Scale(
    name="log",
    called="log {}",
    requirement="a positive number",
    forward=log,
    inverse=exp,
    log_slope=lambda y: -log(y),
    usable=lambda y: y > 0,
    typical=lambda y: float(np.exp(np.log(y).mean())),
)


RAW = Scale(
    name="raw",
    called="{}",
    requirement="a number",
    forward=lambda y: y,
    inverse=lambda y: y,
    log_slope=lambda y: 0.0 * y,
    usable=np.isfinite,
    typical=lambda y: float(np.sqrt(np.square(y).mean())),
    unit=lambda typical: typical,
)


LOGIT = Scale(
    name="logit",
    called="log odds of {}",
    requirement="a score between 0 and 1, ends excluded",
    forward=logit,
    inverse=sigmoid,
    log_slope=lambda y: -log(y) - log1p(-y),
    usable=lambda y: (y > 0) & (y < 1),
    typical=lambda y: 1.0,
    unit=lambda typical: LOGIT_UNIT,
)


@dataclass(frozen=True)
class _Shape:
    """A standard distribution.

    Attributes
    ----------
    pymc : str
        PyMC's name of it.
    parameters : mapping of str to Parameter
        Its own parameters, beside location and scale.
    in_pymc : callable
        From the scale and those parameters to PyMC's keywords.
    standard : callable
        Draws at location 0 and scale 1, from a generator, a shape, the scale and its parameters.
    log_density : callable
        At location 0 and scale 1, of a value, given the scale and its parameters.
    moments : callable
        From the same to the mean's distance from the location, and the expected size around it.
    side : 1 or -1
        -1 turns the distribution round, so that its long tail points down.
    """

    pymc: str
    standard: Callable[..., np.ndarray]
    log_density: Callable[..., Any]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    in_pymc: Callable[..., dict[str, Any]] = lambda size: {}
    moments: Callable[..., tuple[Any, Any]] = lambda size, *shapes: (0.0, size)
    side: int = 1


def _student_log_density(z: Any, size: Any, nu: Any) -> Any:
    """Return Student's log density; SciPy's own is slower, and loads JAX if it is there."""
    from scipy.special import gammaln

    half = (nu + 1) / 2
    return gammaln(half) - gammaln(nu / 2) - np.log(np.pi * nu) / 2 - half * np.log1p(z**2 / nu)


STUDENT = _Shape(
    "StudentT",
    standard=lambda rng, shape, size, nu: rng.standard_t(nu, shape),
    log_density=_student_log_density,
    parameters={"nu": Positive(1.5, 30.0, about="degrees of freedom: small means heavy tails")},
    in_pymc=lambda size, nu: {"nu": nu},
)


GAUSS = _Shape(
    "Normal",
    standard=lambda rng, shape, size: rng.standard_normal(shape),
    log_density=lambda z, size: -(z**2) / 2 - np.log(2 * np.pi) / 2,
)


def _one_sided(side: int, inefficiency: Parameter) -> _Shape:
    """Return an exponential distance to one side of the location, with a normal error."""
    return _Shape(
        "ExGaussian",
        standard=lambda rng, shape, size, mean: (
            rng.standard_exponential(shape) * (mean / size) + rng.standard_normal(shape)
        ),
        log_density=lambda z, size, mean: late("scipy.stats", "exponnorm")().logpdf(z, mean / size),
        parameters={"inefficiency": inefficiency},
        in_pymc=lambda size, mean: {"nu": mean},
        moments=lambda size, mean: (mean, sqrt(size**2 + mean**2)),
        side=side,
    )


_DISTANCE = "mean distance from the frontier, on the log scale"


BELOW = _one_sided(-1, Positive(0.05, 2.0, about=_DISTANCE))


ABOVE = _one_sided(1, Positive(0.003, 0.3, about=_DISTANCE))


class Scatter(Noise):
    """A distribution around the law on a scale; a run's known standard error adds in quadrature.

    Parameters
    ----------
    name, about : str
        As shown.
    scale : Scale
        Where the scatter is additive.
    shape : Shape
        Its distribution.
    sigma : Parameter
        Prior of its size on that scale.
    """

    known: Mapping[str, tuple[str, float | None]] = {"se": ("_se", 0.0)}

    def __init__(
        self, name: str, about: str, scale: Scale, shape: _Shape, sigma: Parameter
    ) -> None:
        self.name, self.about, self._scale, self._shape = name, about, scale, shape
        self.parameters = {"sigma": sigma, **shape.parameters}

    def usable(self, observed: np.ndarray) -> np.ndarray:
        """Return which observed values lie in the range of the scale."""
        return np.isfinite(observed) & self._scale.usable(observed)

    def requirement(self) -> str:
        """Say what the scale takes."""
        return self._scale.requirement

    def scale_of(self, target: str) -> str:
        """Name the scale of the scatter."""
        return self._scale.called.format(target)

    def scale(self, observed: np.ndarray) -> float:
        """Geometric mean on the log scale, root mean square on the raw one, one for scores."""
        return self._scale.typical(observed)

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return observed values and their errors on the scale."""
        return {
            "observed": self._forward(observed),
            "observed_se": np.broadcast_to(self._error(observed, known), np.shape(observed)),
        }

    def observe(
        self,
        name: str,
        curve: Any,
        parameters: Mapping[Any, Any],
        data: Mapping[str, Any],
        dim: str = "run",
    ) -> Any:
        """Add the observed variable, on the scale of the scatter."""
        known = {name: data[f"observed_{name}"] for name in self.known}
        at, size, *shapes = self._arguments(curve, parameters, known["se"], known)
        options = {**self._shape.in_pymc(size, *shapes), "dims": dim}
        distribution = late("pymc", self._shape.pymc)()
        return distribution(name, mu=at, sigma=size, observed=data["observed"], **options)

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log density of observed values, Jacobian of the scale included."""
        arguments = self._arguments(curve, parameters, self._error(observed, known), known)
        value = xr.apply_ufunc(self._log_density, self._forward(observed), *arguments)
        return value + self._scale.log_slope(observed)

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known | None = None,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw observed values."""

        def sample(at: Any, size: Any, *shapes: Any) -> Any:
            shape = np.broadcast_shapes(*(np.shape(x) for x in (at, size, *shapes)))
            return at + size * self._shape.standard(rng, shape, size, *shapes)

        known = known or {"se": 0.0}
        arguments = self._arguments(curve, parameters, self._error(curve, known), known)
        with np.errstate(over="ignore"):  # a heavy tail may leave the range of floats: infinity
            return self._scale.inverse(self._shape.side * xr.apply_ufunc(sample, *arguments))

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return residuals on the scale (log loss: 0.01 is one per cent), raw and standardised."""
        centre, size = self._moments(curve, parameters, known, observed)
        value = self._scale.forward(observed)
        return value - self._scale.forward(curve), (value - centre) / size

    def relative(self, value: Any, typical: float) -> Any:
        """Take a value to the scale, in units of a relative error."""
        return self._scale.forward(value) / self._scale.unit(typical)

    def displace(self, curve: Any, by: Any, typical: float) -> Any:
        """Move the curve on the scale."""
        scale = self._scale
        return scale.inverse(scale.forward(curve) + by * scale.unit(typical))

    def displacement(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known,
        observed: Any,
        typical: float,
    ) -> tuple[Any, Any]:
        """Return by how much the curve would have to move to meet each run, and its scatter."""
        centre, size = self._moments(curve, parameters, known, observed)
        unit = self._scale.unit(typical)
        return (self._scale.forward(observed) - centre) / unit, size / unit

    def _moments(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return mean and expected distance from it of an observed value, on the scale."""
        at, *shapes = self._arguments(curve, parameters, self._error(observed, known), known)
        mean, size = self._shape.moments(*shapes)
        return self._shape.side * (at + mean), size

    def _forward(self, value: Any) -> Any:
        """Take the target to the scale, turned round where the shape is."""
        return self._shape.side * self._scale.forward(value)

    def _error(self, observed: Any, known: Known) -> Any:
        """Take standard errors to the scale (delta method); a single zero where none is known."""
        error = known["se"]
        if not np.any(error > 0):
            return 0.0
        return where(error > 0, error * exp(self._scale.log_slope(observed)), 0.0)

    def _sigma(self, parameters: Mapping[Any, Any], known: Known) -> Any:
        """Return the size of each run's own scatter."""
        return parameters["sigma"]

    def _arguments(
        self, curve: Any, parameters: Mapping[Any, Any], error: Any, known: Known
    ) -> list[Any]:
        """Return location, size and shape; ``error`` is the known standard error on the scale."""
        size = sqrt(self._sigma(parameters, known) ** 2 + error**2)
        shapes = [parameters[k] for k in self._shape.parameters]
        return [self._forward(curve), size, *shapes]

    def _log_density(self, y: Any, at: Any, size: Any, *shapes: Any) -> Any:
        """Return the log density of values on the scale, all of them arrays that broadcast."""
        return self._shape.log_density((y - at) / size, size, *shapes) - np.log(size)


LOG_SIZE = Positive(0.0005, 0.1, about="residual scale on log loss (0.01 is one per cent)")


_SYMMETRIC = "size of the error on both sides of a run's own value, on the log scale"


RAW_SIZE = Positive(0.002, 0.5, of="target", about="residual scale, in the target's unit")


LOGIT_SIZE = Positive(0.01, 1.0, about="residual scale on the log odds of the score")


SCATTERS = (
    Scatter(
        "student_t",
        "Student-t on log loss: a few outlying runs do not move the answer",
        LOG,
        STUDENT,
        LOG_SIZE,
    ),
    Scatter(
        "normal", "normal on log loss: every run counts fully, outliers too", LOG, GAUSS, LOG_SIZE
    ),
    Scatter("raw_student_t", "Student-t in the target's own unit", RAW, STUDENT, RAW_SIZE),
    Scatter("raw_normal", "normal in the target's own unit", RAW, GAUSS, RAW_SIZE),
    Scatter("logit_student_t", "Student-t on the log odds of a score", LOGIT, STUDENT, LOGIT_SIZE),
    Scatter(
        "frontier",
        "below a frontier by a one-sided amount, and a normal error: laws of the best there is",
        LOG,
        BELOW,
        Positive(0.05, 0.5, about=_SYMMETRIC),
    ),
    Scatter(
        "cost_frontier",
        "above a frontier in the same way: the least loss where many runs are tuned badly",
        LOG,
        ABOVE,
        # An error far smaller than the distances would make the frontier a hard edge, at which
        # trajectories diverge.
        Positive(0.003, 0.05, about=_SYMMETRIC),
    ),
    Scatter("logit_normal", "normal on the log odds of a score", LOGIT, GAUSS, LOGIT_SIZE),
)
