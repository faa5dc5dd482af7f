"""What a fit is asked about: its parameters, and what follows from them at budgets and points.

Every quantity has a scale on which what the runs add to the prior is judged: a parameter its link
scale, the compute-optimal N, D and D/N the logarithm, a predicted target the scale of its noise.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.analysis.optimum import optimum
from bayescale.analysis.points import inputs_at, make_points, used, without_nodes
from bayescale.errors import BayescaleWarning
from bayescale.fitting import Fit
from bayescale.priors import natural, to_link
from bayescale.quantities import format_quantity

OPTIMA = {"params": "N*", "tokens": "D*", "tokens_per_param": "D*/N*"}
"""Quantities of a compute-optimal model, and what they are called here."""


def asked(fit: Fit, flops: Any = None, at: Any = None) -> xr.Dataset:
    """Return the draws of everything a fit is asked about, each in its own unit.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    flops : number, str or 1-d array, optional
        Budgets, at which the compute-optimal model and its target are asked about.
    at : DataFrame or mapping, optional
        Points, as for :func:`bayescale.predict`, at which the target is asked about.

    Returns
    -------
    xarray.Dataset, dims (chain, draw)
        The law's free parameters, then ``N* (1e+24 FLOP)``, ``loss (params 70B, tokens 1.4T)``
        and so on, none of them with a discrepancy: what the runs say within the law. The attribute
        ``scale`` of what is no parameter is "log" or "noise", see :func:`on_scale`.

    Raises
    ------
    BayescaleError
        When a budget or a point does not fit the law.
    """
    found = fit.posterior[list(fit.spec.free)]
    if flops is not None:
        found = found.assign(_optima(fit, flops))
    return found if at is None else found.assign(_targets(fit, at))


def _optima(fit: Fit, flops: Any) -> dict[str, xr.DataArray]:
    best = optimum(fit, flops, discrepancy=None)
    found = {}
    for i, budget in enumerate(best["flops"].values):
        here, place = best.isel(budget=i), f"{spoken('flops', float(budget))} FLOP"
        found |= {f"{k} ({place})": _plain(here[name], "log") for name, k in OPTIMA.items()}
        found[f"{fit.target} ({place})"] = _plain(here["loss"], "noise")
    return found


def _targets(fit: Fit, at: Any) -> dict[str, xr.DataArray]:
    points = make_points({}, used(fit, at), grid=False)
    curve = fit.curve(inputs_at(fit, points)).transpose("chain", "draw", "point")
    taken = {fit.spec.column(name) for name in fit.law.inputs}
    shown = without_nodes(fit, points).coords
    columns = [str(name) for name in shown if name in taken and shown[name].dims == ("point",)]
    found = {}
    for i in range(curve.sizes["point"]):
        said = [f"{name} {spoken(name, float(points[name][i]))}" for name in columns]
        place = ", ".join(said) or f"point {i + 1}"
        found[f"{fit.target} ({place})"] = _plain(curve.isel(point=i), "noise")
    return found


def _plain(values: xr.DataArray, scale: str) -> xr.DataArray:
    return values.reset_coords(drop=True).assign_attrs(scale=scale)


def spoken(column: str, value: float) -> str:
    """Write the value of a column: counts as 70B, compute as 1e+24, others as they are."""
    if column == "flops":
        return format_quantity(value, kind="flops")
    if column.endswith(("params", "tokens")):
        return format_quantity(value)
    return f"{value:.4g}"


def on_scale(fit: Fit, name: str, values: Any, scale: str | None = None) -> Any:
    """Take values of a quantity to the scale on which it is judged.

    Parameters
    ----------
    fit : Fit
        The fit that was asked.
    name : str
        The quantity.
    values : array-like
        In its own unit.
    scale : str, optional
        "log" or "noise" for what is no parameter.
    """
    if scale == "log":
        return np.log(values)
    if scale == "noise":
        return fit.spec.noise.relative(values, fit.scale)
    return to_link(fit.spec.free[name], values, fit.scales)


def scaled(fit: Fit, flops: Any = None, at: Any = None) -> xr.Dataset:
    """Return :func:`asked` on the scales on which its quantities are judged."""
    found = asked(fit, flops, at)
    return found.map(lambda v: on_scale(fit, str(v.name), v, v.attrs.get("scale")), keep_attrs=True)


def with_draws(fit: Fit, posterior: xr.Dataset) -> Fit:
    """Return a fit whose posterior is other draws, to ask them what is asked of a fit."""
    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "constant_data": fit.tree.children["constant_data"].to_dataset()}
    )
    return Fit(fit.spec, tree, fit.record)


def prior_scaled(fit: Fit, flops: Any = None, at: Any = None) -> xr.Dataset:
    """Return what the prior alone says of everything asked, on the scales they are judged on."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", "no optimum", BayescaleWarning)
        warnings.filterwarnings("ignore", ".*has no optimum inside the search", BayescaleWarning)
        return scaled(with_draws(fit, fit.group("prior")), flops, at)


def links(fit: Fit, posterior: xr.Dataset) -> np.ndarray:
    """Return draws of the law's free parameters on the link scale, shape (draw, parameter)."""
    columns = [
        np.ravel(to_link(parameter, posterior[name].values, fit.scales))
        for name, parameter in fit.spec.free.items()
    ]
    return np.stack(columns, axis=-1)


def link_table(fit: Fit) -> pd.DataFrame:
    """Return the posterior of the free parameters on the link scale, one column a parameter."""
    return pd.DataFrame(links(fit, fit.posterior), columns=list(fit.spec.free))


def from_links(fit: Fit, values: np.ndarray, posterior: xr.Dataset) -> xr.Dataset:
    """Put other values of the law's free parameters into draws, dims (chain=1, draw)."""
    own = {
        name: (("chain", "draw"), natural(parameter, values[:, i], fit.scales)[None])
        for i, (name, parameter) in enumerate(fit.spec.free.items())
    }
    return posterior.assign(own)
