"""Scatter that is additive on some scale: log for losses, raw for Elo, logit for scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from bayescale.functions import exp, log, log1p, logit, sigmoid, sqrt
from bayescale.law import Parameter, Positive
from bayescale.noise.base import Known, Noise, late


@dataclass(frozen=True)
class Scale:
    """Where scatter is additive: a transformation of the target, its inverse and its slope."""

    name: str
    requirement: str
    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    log_slope: Callable[[Any], Any]
    usable: Callable[[np.ndarray], np.ndarray]
    typical: Callable[[np.ndarray], float]


LOG = Scale(
    name="log",
    requirement="a positive number",
    forward=log,
    inverse=exp,
    log_slope=lambda y: -log(y),
    usable=lambda y: y > 0,
    typical=lambda y: float(np.exp(np.log(y).mean())),
)
RAW = Scale(
    name="raw",
    requirement="a number",
    forward=lambda y: y,
    inverse=lambda y: y,
    log_slope=lambda y: 0.0 * y,
    usable=np.isfinite,
    typical=lambda y: float(np.sqrt(np.square(y).mean())),
)
LOGIT = Scale(
    name="logit",
    requirement="a score between 0 and 1, ends excluded",
    forward=logit,
    inverse=sigmoid,
    log_slope=lambda y: -log(y) - log1p(-y),
    usable=lambda y: (y > 0) & (y < 1),
    typical=lambda y: 1.0,
)


@dataclass(frozen=True)
class Shape:
    """A standard distribution: PyMC's name, SciPy's, and its shape parameters."""

    pymc: str
    scipy: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    scipy_names: Mapping[str, str] = field(default_factory=dict)


STUDENT = Shape(
    "StudentT",
    "t",
    {"nu": Positive(1.5, 30.0, about="degrees of freedom: small means heavy tails")},
    {"nu": "df"},
)
GAUSS = Shape("Normal", "norm")


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

    def __init__(self, name: str, about: str, scale: Scale, shape: Shape, sigma: Parameter) -> None:
        self.name, self.about, self._scale, self._shape = name, about, scale, shape
        self.parameters = {"sigma": sigma, **shape.parameters}

    def usable(self, observed: np.ndarray) -> np.ndarray:
        """Return which observed values lie in the range of the scale."""
        return np.isfinite(observed) & self._scale.usable(observed)

    def requirement(self) -> str:
        """Say what the scale takes."""
        return self._scale.requirement

    def scale(self, observed: np.ndarray) -> float:
        """Geometric mean on the log scale, root mean square on the raw one, one for scores."""
        return self._scale.typical(observed)

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return observed values and their errors on the scale."""
        return {
            "observed": self._scale.forward(observed),
            "observed_se": self._error(observed, known),
        }

    def observe(
        self, name: str, curve: Any, parameters: Mapping[Any, Any], data: Mapping[str, Any]
    ) -> Any:
        """Add the observed variable, on the scale of the scatter."""
        at, size, *values = self._arguments(curve, parameters, data["observed_se"])
        shapes = dict(zip(self._shape.parameters, values, strict=True))
        distribution = late("pymc", self._shape.pymc)()
        return distribution(
            name, mu=at, sigma=size, observed=data["observed"], dims="run", **shapes
        )

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log density of observed values, Jacobian of the scale included."""

        def density(y: Any, *at: Any) -> Any:
            return self._frozen(*at).logpdf(y)

        arguments = self._arguments(curve, parameters, self._error(observed, known))
        value = xr.apply_ufunc(density, self._scale.forward(observed), *arguments)
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

        def sample(*at: Any) -> Any:
            shape = np.broadcast_shapes(*(np.shape(x) for x in at))
            return self._frozen(*at).rvs(size=shape, random_state=rng)

        arguments = self._arguments(curve, parameters, self._error(curve, known or {"se": 0.0}))
        with np.errstate(over="ignore"):  # a heavy tail may leave the range of floats: infinity
            return self._scale.inverse(xr.apply_ufunc(sample, *arguments))

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return residuals on the scale (log loss: 0.01 is one per cent), raw and standardised."""
        at, size, *_ = self._arguments(curve, parameters, self._error(observed, known))
        residual = self._scale.forward(observed) - at
        return residual, residual / size

    def _error(self, observed: Any, known: Known) -> Any:
        """Take standard errors to the scale (delta method)."""
        return known["se"] * exp(self._scale.log_slope(observed))

    def _arguments(self, curve: Any, parameters: Mapping[Any, Any], error: Any) -> list[Any]:
        size = sqrt(parameters["sigma"] ** 2 + error**2)
        shapes = [parameters[k] for k in self._shape.parameters]
        return [self._scale.forward(curve), size, *shapes]

    def _frozen(self, at: Any, size: Any, *shapes: Any) -> Any:
        named = dict(zip(self._shape.scipy_names.values(), shapes, strict=True))
        return late("scipy.stats", self._shape.scipy)()(loc=at, scale=size, **named)


_LOG = Positive(0.0005, 0.1, about="residual scale on log loss (0.01 is one per cent)")
_RAW = Positive(0.002, 0.5, of="target", about="residual scale, in the target's unit")
_LOGIT = Positive(0.01, 1.0, about="residual scale on the log odds of the score")

SCATTERS = (
    Scatter(
        "student_t",
        "Student-t on log loss: a few outlying runs do not move the answer",
        LOG,
        STUDENT,
        _LOG,
    ),
    Scatter("normal", "normal on log loss: every run counts fully, outliers too", LOG, GAUSS, _LOG),
    Scatter("raw_student_t", "Student-t in the target's own unit", RAW, STUDENT, _RAW),
    Scatter("raw_normal", "normal in the target's own unit", RAW, GAUSS, _RAW),
    Scatter("logit_student_t", "Student-t on the log odds of a score", LOGIT, STUDENT, _LOGIT),
    Scatter("logit_normal", "normal on the log odds of a score", LOGIT, GAUSS, _LOGIT),
)
