"""What every noise answers; see :mod:`bayescale.model.noise`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.laws.parameters import Parameter

if TYPE_CHECKING:
    import pandas as pd


type Known = Mapping[str, Any]
"""What is known of each run besides the observed value: its standard error, its trials."""


class Noise:
    """How an observed value scatters around a law.

    Attributes
    ----------
    name, about : str
        As used in ``fit(noise=...)`` and shown in the catalogue.
    parameters : mapping of str to Parameter
        The noise's own parameters, sampled with the law's.
    known : mapping of str to (str, float or None)
        Known quantities of each run besides the observed value: name to the suffix of its column
        (``loss`` has its standard error in ``loss_se``) and the value where there is none; None
        means that the column must be there.
    discrete : bool
        Whether densities are probabilities of counts, which do not compare with densities.
    serial : bool
        Whether the residuals of one run's rows are autocorrelated; elsewhere they are independent.

    See Also
    --------
    fit : Takes one as ``noise``.
    simulate : Scatters simulated runs by one.

    Examples
    --------
    >>> fit.spec.noise.name, sorted(fit.spec.noise.parameters)
    ('student_t', ['nu', 'sigma'])
    >>> bs.make_spec("chinchilla", noise="normal").noise.discrete
    False
    """

    name: str
    about: str
    parameters: Mapping[str, Parameter]
    known: Mapping[str, tuple[str, float | None]]
    discrete: bool = False
    serial: bool = False

    def usable(self, observed: np.ndarray) -> np.ndarray:
        """Return which observed values this noise can produce."""
        raise NotImplementedError

    def requirement(self) -> str:
        """Say what an observed value must be, to follow "must be"."""
        raise NotImplementedError

    def scale(self, observed: np.ndarray) -> float:
        """Return the typical size of the target, the unit of priors ``of="target"``."""
        raise NotImplementedError

    def take(self, table: "pd.DataFrame", column: str) -> dict[str, np.ndarray]:
        """Return what is known of each row of a table besides the observed ``column``.

        Raises
        ------
        KeyError
            When a column that must be there is not.
        """
        known = {}
        for name, (suffix, absent) in self.known.items():
            there = absent is None or f"{column}{suffix}" in table
            values = table[f"{column}{suffix}"].to_numpy(float) if there else np.nan
            filled = values if absent is None else np.where(np.isnan(values), absent, values)
            known[name] = np.broadcast_to(filled, len(table)).astype(float)
        return known

    def alone(self, known: Known) -> Known:
        """Return what is known of the same rows, were each a run of its own."""
        return known

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return the per-run arrays of the PyMC model: ``observed`` and what is known."""
        raise NotImplementedError

    def observe(
        self,
        name: str,
        curve: Any,
        parameters: Mapping[Any, Any],
        data: Mapping[str, Any],
        dim: str = "run",
    ) -> Any:
        """Add the observed variable ``name`` to the PyMC model in context.

        ``curve`` is the law in the target's unit, shape (run,); ``data`` what :meth:`data` made;
        ``dim`` the name of the runs' dimension.
        """
        raise NotImplementedError

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log density of observed values in the target's own unit.

        Arguments broadcast by name. Jacobians are included, so that noises compare.
        """
        raise NotImplementedError

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known | None = None,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw one observed value for each element of ``curve``, in the target's unit."""
        raise NotImplementedError

    def scale_of(self, target: str) -> str:
        """Name the scale on which residuals are taken, such as log loss."""
        return target

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return residuals on the scale of the scatter, and divided by their expected size."""
        raise NotImplementedError

    def relative(self, value: Any, typical: float) -> Any:
        """Take a value of the target to where differences are relative errors.

        Its logarithm where the scatter is on log loss; its multiple of the ``typical`` size of the
        target where the scatter is on the target itself; a fifth of the log odds for scores.
        """
        raise NotImplementedError

    def displace(self, curve: Any, by: Any, typical: float) -> Any:
        """Return the curve moved by a relative error: 0.01 is one per cent of a loss."""
        raise NotImplementedError

    def displacement(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known,
        observed: Any,
        typical: float,
    ) -> tuple[Any, Any]:
        """Return by how much :meth:`displace` would bring the curve to each observed value.

        And the expected size of that from scatter alone.
        """
        raise NotImplementedError

    def correlated(
        self, parameters: Mapping[Any, Any], known: Known
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return which rows go together, by position, and the correlation of their scatter."""
        return []

    def typical(self, known: Known, flops: Any = None) -> dict[str, Any]:
        """Return what to assume known of a new run, from the fitted ones and its own compute."""
        return {
            name: absent if absent is not None else float(np.median(known[name]))
            for name, (_, absent) in self.known.items()
        }


def late(module: str, name: str) -> Callable[[], Any]:
    """Return a function for the base of noises that imports ``name`` when called."""

    def imported() -> Any:
        from importlib import import_module

        return getattr(import_module(module), name)

    return imported
