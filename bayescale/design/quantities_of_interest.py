"""Quantities of interest: parameters, and what follows from them at budgets and points.

Prior and posterior of each are compared on a transformed scale: a parameter on its link
scale, the compute-optimal N, D and D/N on the logarithm, a predicted target the scale of its noise.

The quantity of interest of a plan: the best size at a budget, the outcome of a run, or parameters.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data import derive
from bayescale.data.number_format import format_quantity
from bayescale.data.units import Quantities
from bayescale.decisions.loss_grid import lowest
from bayescale.decisions.optimum import has_allocation, optimum
from bayescale.errors import BayescaleError, BayescaleWarning, closest
from bayescale.inference.result import Fit, with_draws
from bayescale.model.link_scale import to_link
from bayescale.model.observed_columns import input_columns, inputs_text
from bayescale.prediction.discrepancy import Discrepancy, Surface
from bayescale.prediction.points import (
    PointsLike,
    as_read,
    drop_node_columns,
    inputs_at,
    make_points,
    used,
)
from bayescale.prediction.predict import predict
from bayescale.prediction.runs_by_compute import falls, furthest_of, one_column, run_columns

OPTIMA = {"params": "N*", "tokens": "D*", "tokens_per_param": "D*/N*"}
"""Quantities of a compute-optimal model, and their symbols."""


def quantities(
    fit: Fit,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
    discrepancy: Discrepancy | None = None,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Return the draws of all quantities of interest, each in its own unit.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    flops : number, str or 1-d array, optional
        Budgets, at which the compute-optimal model and its target are of interest.
    at : DataFrame or mapping, optional
        Points, as for :func:`bayescale.predict`, at which the target is of interest.
    discrepancy, random_seed
        How wrong the law may be; None assumes that it holds.

    Returns
    -------
    xarray.Dataset, dims (chain, draw)
        The law's free parameters, then ``N* (1e+24 FLOP)``, ``loss (params 70B, tokens 1.4T)``
        and so on. The attribute
        ``scale`` of what is no parameter is "log" or "noise", see :func:`on_scale`.

    Raises
    ------
    BayescaleError
        When a budget or a point does not fit the law.
    """
    found = fit.posterior[list(fit.spec.free)]
    if flops is not None:
        best = optimum(fit, flops, discrepancy=discrepancy, random_seed=random_seed)
        found = found.assign(_optima(fit, best))
    if at is None:
        return found
    points = make_points({}, used(fit, as_read(fit, at)), grid=False, fit=fit)
    if discrepancy is None:
        target = fit.curve(inputs_at(fit, points))
    else:
        predicted = predict(fit, at=at, discrepancy=discrepancy, random_seed=random_seed)
        target = predicted["outcome"]
    return found.assign(_targets(fit, points, target.transpose("chain", "draw", "point")))


def _optima(fit: Fit, best: xr.Dataset) -> dict[str, xr.DataArray]:
    found = {}
    for i, budget in enumerate(best["flops"].values):
        here, place = best.isel(budget=i), f"{format_amount('flops', float(budget))} FLOP"
        found |= {f"{k} ({place})": _plain(here[name], "log") for name, k in OPTIMA.items()}
        found[f"{fit.target} ({place})"] = _plain(here["loss"], "noise")
    return found


def _targets(fit: Fit, points: xr.Dataset, target: xr.DataArray) -> dict[str, xr.DataArray]:
    taken = {fit.spec.column(name) for name in fit.law.inputs}
    shown = drop_node_columns(fit, points).coords
    columns = [str(name) for name in shown if name in taken and shown[name].dims == ("point",)]
    found = {}
    for i in range(target.sizes["point"]):
        said = [f"{name} {format_amount(name, float(points[name][i]))}" for name in columns]
        place = ", ".join(said) or f"point {i + 1}"
        found[f"{fit.target} ({place})"] = _plain(target.isel(point=i), "noise")
    return found


def _plain(values: xr.DataArray, scale: str) -> xr.DataArray:
    return values.reset_coords(drop=True).assign_attrs(scale=scale)


def format_amount(column: str, value: float) -> str:
    """Write the amount in a quantity of interest: counts as 70B, compute as 1e+24."""
    if column == "flops":
        return format_quantity(value, kind="flops")
    if column.endswith(("params", "tokens")):
        return format_quantity(value)
    return f"{value:.4g}"


def on_scale(fit: Fit, name: str, values: Any, scale: str | None = None) -> Any:
    """Take values of a quantity of interest to the scale on which it is judged.

    Parameters
    ----------
    fit : Fit
        The fit.
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


def scaled(fit: Fit, flops: Quantities | None = None, at: PointsLike | None = None) -> xr.Dataset:
    """Return :func:`quantities` of interest on their transformed scales."""
    return on_scales(fit, quantities(fit, flops, at))


def on_scales(fit: Fit, found: xr.Dataset) -> xr.Dataset:
    """Take what :func:`quantities` found of interest to the scales on which it is judged."""
    return found.map(lambda v: on_scale(fit, str(v.name), v, v.attrs.get("scale")), keep_attrs=True)


def prior_scaled(
    fit: Fit,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
) -> xr.Dataset:
    """Return the prior draws of all quantities of interest, on their transformed scales."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", "no optimum", BayescaleWarning)
        warnings.filterwarnings("ignore", ".*has no optimum inside the search", BayescaleWarning)
        return scaled(with_draws(fit, fit.tree_group("prior")), flops, at)


AHEAD = 10.0
"""The default budget: this many times the compute of the largest fitted run."""


LOWER = 0.9
"""Where an input falls as models get better, a loss: this part of the lowest fitted one."""


AROUND, STEP = 1.5 * float(np.log(10)), 0.1
"""How far from the law's best size to look for that of the outcome, and how finely, in ln N."""


COARSE = 4
"""The best size is explained by the outcomes at every so many of those steps."""


SMOOTH = 1e-7
"""Directions of the outcomes with less than this share of their variance explain nothing."""


_WAYS = "flops=1e24 (the best size there), params=70B,tokens=1.4T (the loss there), or alpha-beta"


type About = str | Mapping[str, float | str]


@dataclass(frozen=True, eq=False)
class Quantity:
    """A quantity of interest: a number that every draw has, a weighted sum of outcomes.

    Attributes
    ----------
    inputs : mapping of str to DataArray, dim point
        Where the outcomes are, by the law's names; None for parameters.
    weights : array, shape (point,)
        Of the outcomes, on the scale of relative errors.
    draws : array, shape (draw,)
        The sum of parameters, chains end to end; zero where outcomes are summed.
    rest : float
        Variance of the number that the sum of outcomes leaves unexplained.
    """

    inputs: Mapping[str, xr.DataArray] | None
    weights: np.ndarray
    draws: np.ndarray
    rest: float = 0.0


def read_about(about: About | None, fit: Fit) -> dict[str, float]:
    """Return the quantity of interest as a mapping: columns of a point, or signed parameters.

    Parameters
    ----------
    about : str or mapping, optional
        ``"flops=1e24"`` or ``{"flops": 1e24}``, ``"params=70B, tokens=1.4T"``, ``"alpha - beta"``;
        ten times the largest fitted run when None, for a law of compute or of one input; of a
        loss, a tenth below the lowest fitted one.
    fit : Fit
        The fitted law.

    Raises
    ------
    BayescaleError
        For what is neither a point nor parameters of the law, and for None where there is no
        default.
    """
    if not about:
        column = "flops" if has_allocation(fit) else one_column(fit)
        if column is None:
            taken = input_columns(fit.spec)
            raise BayescaleError(
                f"no quantity of interest is given, and {fit.law.name} has no default: ask for "
                f"{', '.join(f'{column}=...' for column in taken)} (the {fit.target} of a run), or "
                f"for parameters such as {next(iter(fit.spec.free))}"
            )
        step = LOWER if falls(fit.spec, column) else AHEAD
        return {column: step * furthest_of(fit.spec, column, run_columns(fit)[column])}
    if isinstance(about, Mapping) and set(about) <= set(fit.spec.free):
        return {str(name): float(sign) for name, sign in about.items()}
    if isinstance(about, str):
        if "=" not in about:
            return _parameters(about, fit)
        parts = [part.partition("=") for part in about.split(",")]
        about = {name.strip(): value.strip() for name, _, value in parts}
    points = make_points({}, as_read(fit, about), grid=False, fit=fit)
    if points.sizes["point"] != 1:
        raise BayescaleError("about has several points: give each column one value")
    taken = input_columns(fit.spec)
    for name in map(str, points.coords):
        if name not in (known := {*taken, "params", "tokens", "flops"}):
            raise BayescaleError(
                f"about {name} = ...: {fit.law.name} takes no {name}{closest(name, known, 0.75)}; "
                f"it takes {inputs_text(fit.spec)}. Ask for {_WAYS}"
            )
    return {str(name): float(points[name].item()) for name in points.coords}


def _parameters(text: str, fit: Fit) -> dict[str, float]:
    found, known = re.findall(r"([+-]?)\s*(\w+)", text), list(fit.spec.free)
    for _, name in found:
        if name not in known:
            raise BayescaleError(
                f"about {text!r}: {fit.law.name} has no free parameter {name!r}"
                f"{closest(name, known)}; it has {', '.join(known)}. Ask for {_WAYS}"
            )
    if not found:
        raise BayescaleError(f"about is empty: ask for {_WAYS}")
    return {name: -1.0 if sign == "-" else 1.0 for sign, name in found}


def quantity_text(quantity: Mapping[str, float], fit: Fit) -> str:
    """Describe the quantity of interest."""
    if set(quantity) <= set(fit.spec.free):
        text = "".join(f" {'-' if sign < 0 else '+'} {name}" for name, sign in quantity.items())
        return text.removeprefix(" + ").strip()
    if _is_budget(quantity, fit):
        return (
            f"the log of the best size at {format_quantity(quantity['flops'], kind='flops')} FLOP"
        )
    at = ", ".join(
        f"{name} = {format_quantity(value, kind='flops' if name == 'flops' else 'count')}"
        for name, value in quantity.items()
        if name in input_columns(fit.spec)
    )
    return f"the {fit.target} at {at}, as a relative error"


def _is_budget(quantity: Mapping[str, float], fit: Fit) -> bool:
    """Return whether the quantity is the best split of a budget between params and tokens."""
    return set(quantity) == {"flops"} and has_allocation(fit)


def quantity_of(
    fit: Fit, quantity: Mapping[str, float], surface: Surface | None, rng: np.random.Generator
) -> Quantity:
    """Return the quantity of interest of one fit, draw by draw."""
    if set(quantity) <= set(fit.spec.free):
        draws = sum(sign * fit.posterior[name].values.ravel() for name, sign in quantity.items())
        return Quantity(None, np.zeros(0), np.asarray(draws))
    if _is_budget(quantity, fit):
        return _best_size(fit, quantity["flops"], surface, rng)
    inputs = inputs_at(fit, make_points(quantity, None, grid=False, fit=fit))
    return Quantity(inputs, np.ones(1), np.zeros(1))


def _best_size(
    fit: Fit, flops: float, surface: Surface | None, rng: np.random.Generator
) -> Quantity:
    """Write the log of the best size as a weighted sum of outcomes of runs that spend the budget.

    The weights are those of least squares over the draws; the rest is nonlinear.
    """
    inputs, outcome = _along_budget(fit, flops, surface, rng)
    best = _best_of(fit, inputs, outcome)
    few = np.arange(0, outcome.shape[1], COARSE)
    values, vectors = np.linalg.eigh(np.cov(outcome[:, few].T))
    large = values > SMOOTH * values[-1]
    main = vectors[:, large] / np.sqrt(values[large])
    share = (best - best.mean()) @ (outcome[:, few] - outcome[:, few].mean(0)) @ main / len(best)
    at = {name: values.isel(point=few) for name, values in inputs.items()}
    return Quantity(at, main @ share, np.zeros(1), float(best.var() - share @ share))


def best_sizes(
    fit: Fit, flops: float, surface: Surface | None, rng: np.random.Generator
) -> np.ndarray:
    """Return the quantity of interest log best size at a budget, shape (draw,)."""
    return _best_of(fit, *_along_budget(fit, flops, surface, rng))


def _best_of(fit: Fit, inputs: Mapping[str, xr.DataArray], outcome: np.ndarray) -> np.ndarray:
    first = float(inputs[fit.input_of("params") or ""].values[0])
    where = np.log(first) + STEP * np.arange(outcome.shape[-1])
    return lowest(where, -outcome if fit.law.rises else outcome)[0]


def _along_budget(
    fit: Fit, flops: float, surface: Surface | None, rng: np.random.Generator
) -> tuple[dict[str, xr.DataArray], np.ndarray]:
    """Return the inputs of runs that spend a budget, and the outcomes of every draw there."""
    law = np.log(optimum(fit, flops, discrepancy=None)["params"])
    low, middle, high = np.quantile(law, [0.005, 0.5, 0.995])
    reach = AROUND + max(high - middle, middle - low)
    sizes = xr.DataArray(np.exp(middle + np.arange(-reach, reach, STEP)), dims="point")
    columns = {
        "params": sizes,
        "tokens": derive.tokens(flops, sizes),
        "flops": xr.full_like(sizes, flops),
    }
    inputs = {name: columns[fit.spec.column(name)] for name in fit.law.inputs}
    outcome = outcomes(fit, inputs)
    if surface is not None:
        outcome = outcome + surface.draw(inputs, rng).values.reshape(outcome.shape)
    return inputs, outcome


def outcomes(fit: Fit, inputs: Mapping[str, xr.DataArray]) -> np.ndarray:
    """Return the curve of every draw at a quantity of interest, chains end to end."""
    curve = fit.curve(inputs).transpose("chain", "draw", "point")
    values = fit.spec.noise.relative(curve, fit.scale).values
    return values.reshape(-1, values.shape[-1])
