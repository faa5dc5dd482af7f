"""The later part of the one run that a law of one input was fitted to.

Residuals follow from one another along a run, so where its last row lies below the law, the next
will: what is predicted of it starts from that residual, and forgets it over the reach of the noise.
Backwards too, so that a band has no step at the last row; rows before that are not followed, and a
band among them is of the law. A fit of several runs, or of several inputs, predicts a run of its
own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.inference.result import Fit, once
from bayescale.model.noise.autocorrelated import Checkpoints
from bayescale.prediction.runs_by_compute import falls

ROUNDING = 1e-5
"""Decades within which places along the run and the input agree."""


@dataclass(frozen=True)
class LastRow:
    """The last row of a fitted run.

    Attributes
    ----------
    noise : Checkpoints
        How the run's rows follow from one another.
    name : str
        The law's input.
    row : int
        Where the row stands.
    place : float
        The logarithm to base ten of the input there.
    """

    noise: Checkpoints
    name: str
    row: int
    place: float

    def inputs_with(self, fit: Fit, inputs: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
        """Return inputs, dim point, with those of this row behind."""
        here = fit.inputs[self.name].isel(run=[self.row]).drop_vars("run", errors="ignore")
        given = inputs[self.name]
        bare = xr.DataArray(np.asarray(given.values, float), dims="point")
        return {self.name: xr.concat([bare, here.rename(run="point")], "point")}

    def carried(
        self, fit: Fit, outcome: xr.DataArray, inputs: Mapping[str, xr.DataArray]
    ) -> tuple[xr.DataArray, xr.Dataset]:
        """Return where the run is expected at inputs, and the parameters of its scatter there.

        ``outcome`` is the law with its error at :meth:`inputs_with`, dims (chain, draw, point).
        """
        parameters, observed = fit.parameters, float(fit.observed.values[self.row])
        here = outcome.isel(point=-1)
        residual = self.noise.standardised(here, parameters, observed)
        away = np.abs(np.log10(inputs[self.name].values.astype(float)) - self.place)
        gap = xr.DataArray(away, dims="point")
        moved, own = self.noise.continued(outcome.isel(point=slice(-1)), parameters, residual, gap)
        return moved.transpose(*outcome.dims), own


def last_row(fit: Fit) -> LastRow | None:
    """Return the last row of the run that a fit continues; None where it continues none."""
    return once(fit, last_row, lambda: _last_row(fit))


def _last_row(fit: Fit) -> LastRow | None:
    names = list(fit.spec.law.inputs)
    noise = fit.spec.noise
    if not isinstance(noise, Checkpoints) or len(names) > 1 or not fit.informed:
        return None
    known: dict[str, Any] = {name: np.asarray(values) for name, values in fit.known.items()}
    series, place = known["series"], known["place"]
    values = np.asarray(fit.inputs[names[0]].values)
    if not (np.issubdtype(values.dtype, np.number) and values.ndim == 1 and (values > 0).all()):
        return None
    if not (np.isfinite(series).all() and (series == series[0]).all()):
        return None
    decades = np.log10(values)
    if np.ptp(place - decades) > ROUNDING:
        return None
    column = fit.spec.column(names[0])
    row = int(decades.argmin() if falls(fit.spec, column) else decades.argmax())
    return LastRow(noise, names[0], row, float(decades[row]))
