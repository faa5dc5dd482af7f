"""Bands for runs that were not done: the law, and the loss that would be observed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.analysis.points import inputs_at, make_points
from bayescale.fitting import Fit


def predict(
    fit: Fit,
    table: pd.DataFrame | Mapping[str, Any] | None = None,
    *,
    params: Any = None,
    tokens: Any = None,
    flops: Any = None,
    grid: bool = False,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Predict the target at new points.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    table : DataFrame or mapping, optional
        Points as columns, for laws with other inputs than params, tokens and flops.
    params, tokens, flops : number, str or 1-d array, optional
        Points: ``params="70B", tokens="1.4T"``. Of the three, two make the third by C = 6 N D.
        Arrays go together, element by element.
    grid : bool
        Take every combination of the values instead.
    random_seed : int, optional
        Seed of the noise in ``new_run``.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, point)
        ``law``, the curve itself, and ``new_run``, a loss that would be observed (the curve with
        one run's scatter), both in the target's unit. The points' columns are coordinates;
        :func:`bayescale.intervals` makes a table of bands.

    Raises
    ------
    BayescaleError
        When a point lacks an input of the law, or arrays do not go together.
    """
    given = {"params": params, "tokens": tokens, "flops": flops}
    points = make_points(given, table, grid)
    curve = fit.curve(inputs_at(fit, points)).transpose("chain", "draw", "point")
    rng = np.random.default_rng(random_seed)
    noise = fit.spec.noise
    new_run = noise.draw(curve, fit.parameters, noise.typical(fit.known), rng=rng)
    return points.assign(
        law=curve.assign_attrs(units=fit.unit), new_run=new_run.assign_attrs(units=fit.unit)
    ).assign_attrs(law=fit.law.name, target=fit.target)
