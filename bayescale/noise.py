"""How an observed number scatters around a law.

A noise names a scale on which the scatter is additive (here the logarithm), its own parameters with
priors, and two faces of one published distribution: PyMC's, for the model, and SciPy's, for
densities and draws on posterior samples. A known standard error of a run adds to the scatter in
quadrature.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.functions import exp, log, sqrt
from bayescale.law import Parameter, Positive, closest

SIGMA = Positive(0.0005, 0.1, about="residual scale on log loss (0.01 is one per cent)")


@dataclass(frozen=True)
class Noise:
    """A distribution of log(observed) around log(law).

    Attributes
    ----------
    name, about : str
        As used in ``fit(noise=...)`` and shown in the catalogue.
    parameters : mapping of str to Parameter
        The noise's own parameters; ``sigma`` is always among them.
    pymc : callable
        Names the PyMC distribution: ``pymc()`` returns the class. Called late, since importing
        PyMC takes seconds.
    scipy : callable
        ``scipy()`` returns SciPy's distribution of the same name.
    shapes : mapping of str to str
        Noise parameter to SciPy's name of that shape parameter.
    """

    name: str
    about: str
    parameters: Mapping[str, Parameter]
    pymc: Callable[[], Any]
    scipy: Callable[[], Any]
    shapes: Mapping[str, str]

    def valid(self, observed: np.ndarray) -> np.ndarray:
        """Return which observed values this noise can produce: finite and positive ones."""
        return np.isfinite(observed) & (observed > 0)

    def transform(self, observed: Any) -> Any:
        """Take observed values to the scale of the scatter."""
        return log(observed)

    def transform_se(self, observed: Any, se: Any) -> Any:
        """Take standard errors of observed values to the scale of the scatter (delta method)."""
        return se / observed

    def observe(
        self, name: str, curve: Any, parameters: Mapping[Any, Any], se: Any, observed: Any
    ) -> Any:
        """Add the observed variable to the PyMC model in context.

        Parameters
        ----------
        name : str
            Name of the variable.
        curve, se, observed : tensor, shape (run,)
            The law in the target's unit; known standard errors and observed values on the scale of
            the scatter.
        parameters : mapping
            Noise parameters as tensors.
        """
        location, scale, *values = self._scatter(curve, parameters, se)
        shapes = dict(zip(self.shapes, values, strict=True))
        return self.pymc()(name, mu=location, sigma=scale, observed=observed, dims="run", **shapes)

    def log_density(
        self, curve: xr.DataArray, parameters: Mapping[Any, Any], se: Any, observed: Any
    ) -> xr.DataArray:
        """Return the log density of observed values in the target's own unit.

        ``observed`` and ``se`` are in the target's unit; arguments broadcast by name. The Jacobian
        of the transformation is included, so that fits with different noises compare.
        """

        def density(y: Any, *at: Any) -> Any:
            return self._frozen(*at).logpdf(y)

        scatter = self._scatter(curve, parameters, self.transform_se(observed, se))
        return xr.apply_ufunc(density, self.transform(observed), *scatter) - log(observed)

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        se: Any = 0.0,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw one observed value for each element of ``curve``, in the target's unit.

        ``se`` is in the target's unit; arguments broadcast by name.
        """

        def sample(*at: Any) -> Any:
            shape = np.broadcast_shapes(*(np.shape(x) for x in at))
            return self._frozen(*at).rvs(size=shape, random_state=rng)

        scatter = self._scatter(curve, parameters, self.transform_se(curve, se))
        with np.errstate(over="ignore"):  # a heavy tail may leave the range of floats: infinity
            return exp(xr.apply_ufunc(sample, *scatter))

    def _scatter(self, curve: Any, parameters: Mapping[Any, Any], se: Any) -> list[Any]:
        """Return location, scale and shapes of the distribution on the scale of the scatter."""
        scale = sqrt(parameters["sigma"] ** 2 + se**2)
        return [self.transform(curve), scale, *(parameters[k] for k in self.shapes)]

    def _frozen(self, location: Any, scale: Any, *shapes: Any) -> Any:
        named = dict(zip(self.shapes.values(), shapes, strict=True))
        return self.scipy()(loc=location, scale=scale, **named)


def _pymc(name: str) -> Callable[[], Any]:
    def distribution() -> Any:
        import pymc

        return getattr(pymc, name)

    return distribution


def _scipy(name: str) -> Callable[[], Any]:
    def distribution() -> Any:
        import scipy.stats

        return getattr(scipy.stats, name)

    return distribution


STUDENT_T = Noise(
    name="student_t",
    about="Student-t on log loss: a few outlying runs do not move the answer",
    parameters={
        "sigma": SIGMA,
        "nu": Positive(1.5, 30.0, about="degrees of freedom: small means heavy tails"),
    },
    pymc=_pymc("StudentT"),
    scipy=_scipy("t"),
    shapes={"nu": "df"},
)

NORMAL = Noise(
    name="normal",
    about="normal on log loss: every run counts fully, outliers too",
    parameters={"sigma": SIGMA},
    pymc=_pymc("Normal"),
    scipy=_scipy("norm"),
    shapes={},
)

NOISES: dict[str, Noise] = {noise.name: noise for noise in (STUDENT_T, NORMAL)}


def get_noise(noise: str | Noise) -> Noise:
    """Return the noise of that name; a Noise is returned as it is.

    Raises
    ------
    BayescaleError
        When there is none of that name.
    """
    if isinstance(noise, Noise):
        return noise
    if noise in NOISES:
        return NOISES[noise]
    raise BayescaleError(
        f"no noise named {noise!r}{closest(noise, NOISES)}; there are {', '.join(NOISES)}"
    )
