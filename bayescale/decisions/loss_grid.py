"""The loss over all that a budget may be spent on, under one draw of the discrepancy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayescale.decisions.budget import Spending
from bayescale.prediction.discrepancy import Surface

AROUND = 3.0 * float(np.log(10))
"""How far from the law's own optima to look, in natural-log units of D / N."""


STEP = 0.4
"""Distance of the splits looked at, in the same unit; between them the loss is a parabola."""


@dataclass(frozen=True, eq=False)
class Survey:
    """A grid of losses of many ways to spend, less is better.

    Attributes
    ----------
    ratio : array, shape (option, budget, split)
        Log ratios of tokens to parameters.
    loss : array, shape (chain, draw, option, budget, split)
        The target there, times -1 where more is better.
    chosen : array, shape (chain, draw, option, size)
        The same at the sizes that were asked for, at the first budget.
    """

    ratio: np.ndarray
    loss: np.ndarray
    chosen: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the best option, its log ratio and its loss: (chain, draw, budget) each."""
        ratio, least = lowest(self.ratio, self.loss)
        option = least.argmin(axis=2)
        ratio, least = (
            np.take_along_axis(values, option[:, :, None], axis=2)[:, :, 0]
            for values in (ratio, least)
        )
        return option, ratio, least


def survey(
    spending: Spending,
    budgets: np.ndarray,
    around: Sequence[np.ndarray],
    sizes: np.ndarray,
    surface: Surface | None,
    rng: np.random.Generator,
) -> Survey:
    """Evaluate the law, with one draw of its discrepancy a posterior draw, over many choices.

    Parameters
    ----------
    spending : Spending
        What the budgets may be spent on.
    budgets : array, shape (budget,)
        FLOP.
    around : sequence of arrays
        By option, log ratios of D to N that are best by the law, of any shape.
    sizes : array, shape (size,)
        Sizes to evaluate at the first budget, besides.
    surface, rng
        The discrepancy, None where the law is assumed to hold, and where it comes from.
    """
    options = spending.options
    ends = [np.quantile(ratio, [0.005, 0.995]) + np.array([-AROUND, AROUND]) for ratio in around]
    count = max(int(np.ceil(np.ptp(end) / STEP)) + 1 for end in ends)
    grids, params, tokens, at = [], [], [], []
    for option, (low, high) in zip(options, ends, strict=True):
        first, last = spending.limits(budgets, option)
        low, high = np.clip(low, first, last), np.clip(high, first, last)
        grid = np.linspace(low, high, count, axis=-1)
        grids.append(grid)
        spread = spending.within(*spending.split(budgets[:, None], grid, option))
        params += [spread[0].ravel(), sizes]
        tokens += [spread[1].ravel(), spending.tokens(budgets[0], sizes, option)]
        at += [{k: np.full(grid.size + sizes.size, v) for k, v in option.items()}]
    points = [xr.DataArray(np.concatenate(parts), dims="point") for parts in (params, tokens)]
    further = {
        k: xr.DataArray(np.concatenate([each[k] for each in at]), dims="point") for k in at[0]
    }
    fit = spending.fit
    inputs = spending.inputs(points[0], points[1], further)
    curve = fit.curve(inputs).transpose("chain", "draw", "point")
    if surface is not None:
        curve = fit.spec.noise.displace(curve, surface.draw(inputs, rng), fit.scale)
    loss = spending.sign * curve.transpose("chain", "draw", "point").to_numpy()
    loss = loss.reshape(*loss.shape[:2], len(options), -1)
    split, chosen = np.split(loss, [loss.shape[-1] - sizes.size], axis=-1)
    ratio = np.array(grids)
    return Survey(ratio, split.reshape(*split.shape[:2], *ratio.shape), chosen)


def lowest(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the lowest point along a loss grid's last axis: by a parabola inside, else at an end.

    Parameters
    ----------
    at : array, shape (..., point)
        Where, evenly spaced along the last axis.
    values : array, shape (..., point)
        What is to be lowest.

    Returns
    -------
    where, value : array
        Of the shape of ``values`` without its last axis.
    """
    at = np.broadcast_to(at, values.shape)
    found = values.argmin(axis=-1)[..., None]
    middle = found.clip(1, values.shape[-1] - 2)
    before, least, after = (np.take_along_axis(values, middle + i, -1)[..., 0] for i in (-1, 0, 1))
    bend = before - 2 * least + after
    inside = (found == middle)[..., 0] & (bend > 0)
    shift = np.where(inside, (before - after) / np.where(inside, 2 * bend, 1.0), 0.0)
    ends, value = (np.take_along_axis(a, found, -1)[..., 0] for a in (at, values))
    step = (at[..., -1] - at[..., 0]) / (values.shape[-1] - 1)
    return ends + step * shift, value - bend * shift**2 / 2
