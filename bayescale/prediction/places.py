r"""Where points lie for a law's error, and how errors at two points hang together.

An error that is the same for all that a budget may be spent on does not move the compute-optimal
size; only its change along the budget does. And how to split a budget matters less, the less more
compute still buys. So for a law with an optimum the error is a sum,

.. math:: \mathrm{cov}(\delta, \delta') / s^2 =
          \sqrt{(1 - v)(1 - v')}\, k\!\left(\tfrac{|u - u'|}{\ell}\right) +
          \sqrt{v v'}\, k\!\left(\tfrac{|x - x'|}{0.75\, \ell}\right), \quad v = (1 - c) \min(g, 1),

of a part common to a budget, over :math:`u = \log_{10}(C) / \sqrt 2`, and one over all inputs x,
where g is how fast the law's loss falls with compute there, against the same among the runs. The
variance is :math:`s^2` everywhere. The shares c and the shorter reach were chosen on isoFLOP minima
beyond the fitted budgets of Porian's tables and Hoffmann's (``docs/extrapolation.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import xarray as xr

from bayescale.inference.result import Fit
from bayescale.prediction.gaussian_process import kernel, matern

COMMON = 0.15
"""Share of the variance that is common to all splits of a budget, among the runs."""


COMMON_OF = {"chinchilla": 0.8}
"""The same of laws whose error was seen to move the loss of a budget more than its best size."""


SPLIT_REACH = 0.75
"""Reach of the rest, against that of the common part."""


FLATTEST = 1e-4
"""Smallest ratio of a local slope to that among the runs."""


LEAST = 1e-300
"""What stands for zero where an input needs a logarithm."""


_STEP = 1.05


@dataclass(frozen=True, eq=False)
class Places:
    """Points as a discrepancy sees them: logs of inputs, and what budgets have in common.

    Attributes
    ----------
    fit : Fit
        Whose law errs.
    names : list of str
        The inputs that have a logarithm.
    reach : float
        In decades, the unit of places.
    usual : float or None
        How fast the loss falls with compute among the runs; None where the law has no optimum.
    """

    fit: Fit
    names: list[str]
    reach: float
    usual: float | None

    @classmethod
    def of(cls, fit: Fit, reach: float) -> Self:
        """Look at the inputs and the runs of a fit."""
        names = [n for n, x in fit.inputs.items() if x.ndim == 1 and bool((x > 0).all())]
        found = cls(fit, names, reach, None)
        if not {found._size, found._spent} <= set(names):
            return found
        slopes = found._slope(found._runs)
        slopes = slopes[np.isfinite(slopes) & (slopes > 0)]
        return replace(found, usual=float(np.exp(np.log(slopes).mean())) if len(slopes) else None)

    @property
    def common(self) -> float:
        """The share of the law's variance that is common to a budget, among the runs."""
        return COMMON_OF.get(self.fit.law.name, COMMON)

    @property
    def columns(self) -> int:
        """How many columns a place has."""
        return len(self.names) + (0 if self.usual is None else 2)

    @property
    def _runs(self) -> dict[str, xr.DataArray]:
        return {name: values.rename(run="point") for name, values in self.fit.inputs.items()}

    @cached_property
    def _centre(self) -> xr.Dataset:
        return self.fit.parameters.median(("chain", "draw"))

    @property
    def _size(self) -> str | None:
        return self.fit.input_of("params")

    @property
    def _spent(self) -> str | None:
        return self.fit.input_of("tokens") or self.fit.input_of("flops")

    def at_runs(self) -> np.ndarray:
        """Return the places of the fitted runs, shape (run, column)."""
        return self.at(self._runs)

    def at(self, inputs: Mapping[str, xr.DataArray]) -> np.ndarray:
        """Return places, shape (point, column).

        Parameters
        ----------
        inputs : mapping of str to DataArray, dim point
            The law's inputs in their own units.
        """
        points = max(values.sizes["point"] for values in inputs.values())
        at = np.zeros((points, self.columns))
        logs = {n: np.log10(np.maximum(inputs[n].values, LEAST)) / self.reach for n in self.names}
        for i, name in enumerate(self.names):
            at[:, i] = logs[name]
        if self.usual is not None:
            size, spent = logs[str(self._size)], logs[str(self._spent)]
            compute = spent if self.fit.input_of("tokens") is None else size + spent
            ratio = np.nan_to_num(self._slope(inputs) / self.usual, nan=1.0)
            at[:, -2] = compute / np.sqrt(2)
            at[:, -1] = np.clip(ratio, FLATTEST, 1.0)
        return at

    def _slope(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Return how fast the target changes with compute at a fixed D / N, by the medians."""
        power = {self._size: 1, self._spent: 1 if self.fit.input_of("tokens") else 2}

        def curve(factor: float) -> np.ndarray:
            moved = {n: x * factor ** power.get(n, 0) for n, x in inputs.items()}
            return np.asarray(self.fit.curve(moved, self._centre).values)

        less, more = curve(1 / _STEP), curve(_STEP)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(less - more) / (np.abs(less) + np.abs(more)) / (2 * np.log(_STEP))

    def correlation(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the correlations (one, other) of errors at places."""
        if self.usual is None:
            return kernel(one, other)
        common = matern(np.abs(one[:, None, -2] - other[None, :, -2]))
        apart = kernel(one[:, :-2] / SPLIT_REACH, other[:, :-2] / SPLIT_REACH)
        share, to = ((1 - self.common) * at[:, -1] for at in (one, other))
        return np.sqrt(np.outer(1 - share, 1 - to)) * common + np.sqrt(np.outer(share, to)) * apart
