"""Runs that could be done next, and their costs: given, from a budget, or near fitted runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data import derive
from bayescale.data.limits import check_positive
from bayescale.data.units import parse_quantity
from bayescale.decisions.optimum import has_allocation
from bayescale.design.coverage import NARROW
from bayescale.errors import BayescaleError, closest
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import input_columns, inputs_text
from bayescale.prediction.points import inputs_at, make_points, used
from bayescale.prediction.runs_by_compute import falls, run_columns

SHARES = (1, 1.5, 2, 3, 4, 6, 8, 12, 16)
"""A run of the grid spends the budget divided by one of these, or by further powers of two."""


MOST_HALVINGS = 40
"""Powers of two that the grid has at most, those next to the smallest run: twelve decades."""


SIZES = 8
"""Sizes of the grid in a decade, two digits each: 1.0B, 1.3B, 1.8B, 2.4B, 3.2B, 4.2B, 5.6B, 7.5B.

Runs of the grid differ by a fifth or more in size or tokens: none is nearly another."""


ORDINARY = 0.95
"""The grid's tokens per parameter are those of this share of the fitted runs, the middle ones."""


REACH = 10.0
"""Candidates near the fitted runs go this factor below and above them in each input."""


REACH_LOSS = 1.25
"""The same of an input that falls as models get better, a loss."""


SKEW = 20.0
"""And this factor below and above them in tokens per parameter."""


WIDE = 30.0
"""Ranges wider than this factor are laid out in steps of 1, 2, 5; others in even steps."""


EVEN = 7


MOST = 400
"""The largest number of candidates near the fitted runs."""


@dataclass(frozen=True)
class Candidates:
    """Runs to choose from.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per candidate, the law's inputs by column.
    cost : array, shape (candidate,)
        The cost of each, zero where it is unknown.
    unit : str
        The unit of a cost: FLOP, params or tokens; "" where it is unknown or the user's.
    """

    table: pd.DataFrame
    cost: np.ndarray
    unit: str


def candidate_runs(
    fit: Fit,
    candidates: Any,
    budget: float | None,
    limits: Mapping[str, Any] | None,
    quantity: Mapping[str, float] | None = None,
) -> Candidates:
    """Return the runs that a plan chooses from, without those that are too large.

    There are none when a budget buys no run as large as a tenth of the smallest fitted one.

    Parameters
    ----------
    fit : Fit
        Defines the inputs of a run.
    candidates : DataFrame or mapping, optional
        The law's inputs by column, and ``cost`` where :func:`cost_of` does not give it; when None,
        a grid of runs that spend the budget or a part of it, or :func:`runs_nearby`, of tokens per
        parameter as the fitted runs have them, and no smaller than a tenth of those.
    budget : float, optional
        The largest total cost.
    limits : mapping, optional
        Column to the largest value of one run.
    quantity : mapping, optional
        The quantity of interest; sizes and tokens per parameter of a point reach as far as it.

    Raises
    ------
    BayescaleError
        When there are no candidates, an input of the law is missing, or the cost is unknown.
    """
    if candidates is not None:
        if not isinstance(candidates, pd.DataFrame | Mapping):
            raise BayescaleError(
                f"candidates are a table of runs by column, not {candidates!r}; a budget is budget="
            )
        found = _read(fit, pd.DataFrame(candidates))
    elif budget is None:
        raise BayescaleError(
            "no budget and no candidates are given: pass budget= in FLOP, or candidates=, "
            "a table of runs"
        )
    else:
        found = _near_fitted(fit, _grid(fit, budget, quantity or {}), budget, quantity or {})
    table, cost = found.table.assign(cost=found.cost), found.cost
    keep = np.ones(len(table), dtype=bool) if budget is None else _at_most(cost, budget)
    for name, most in (limits or {}).items():
        if name not in table:
            raise BayescaleError(
                f"no column {name!r} to limit{closest(name, list(table))}; "
                f"there are {', '.join(map(str, table))}"
            )
        keep &= _at_most(table[name], parse_quantity(most, "flops" if name == "flops" else "count"))
    if len(table) and not keep.any():
        raise BayescaleError(
            "no candidate run is within the budget and the limits; the cheapest costs "
            f"{cost.min():.3g}"
        )
    return Candidates(found.table.loc[keep].reset_index(drop=True), cost[keep], found.unit)


def _at_most(values: Any, most: float) -> np.ndarray:
    return np.asarray(values, dtype=float) <= most * (1 + 1e-9)


def cost_of(columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, str]:
    """Return the cost of runs, shape (run,), and its unit: FLOP where known."""
    size = len(next(iter(columns.values())))
    if "flops" in columns:
        return columns["flops"], "FLOP"
    if {"params", "tokens"} <= set(columns):
        return derive.flops(columns["params"], columns["tokens"]), "FLOP"
    known = next((name for name in ("params", "tokens") if name in columns), "")
    return (columns[known] if known else np.zeros(size)), known


def _read(fit: Fit, table: pd.DataFrame) -> Candidates:
    """Complete a table of candidates by C = 6 N D, and find its cost."""
    points = make_points({}, used(fit, table), grid=False, fit=fit)
    columns = {str(name): points[name].values for name in points.coords}
    sizes = ("params", "tokens", "flops")
    for column in input_columns(fit.spec):
        if column not in columns:
            pair = " and ".join(name for name in sizes if name != column)
            raise BayescaleError(
                f"the candidates have no {column}, which {fit.law.name} takes: add a column "
                f"{column}" + (f", or {pair}" if column in sizes else "")
            )
    found = table.assign(**columns)
    if "cost" in found:
        cost, unit = np.array([parse_quantity(v, "flops") for v in found["cost"]]), ""
    else:
        cost, unit = cost_of(columns)
        if not unit:
            raise BayescaleError(
                f"the cost of a run does not follow from {', '.join(columns)}: add a column cost "
                "to the candidates"
            )
    check_positive("the cost of every candidate", cost.min())
    return Candidates(found, cost, unit)


def _grid(fit: Fit, budget: float, quantity: Mapping[str, float]) -> Candidates:
    """Return runs that spend the budget or a part of it, of round sizes and tokens.

    For a law of further inputs: runs near the fitted ones.
    """
    check_positive("a budget", budget)
    runs = run_columns(fit)
    smallest = runs["flops"].min() if "flops" in runs else budget
    halvings = np.arange(np.log2(SHARES[-1]) + 1, np.log2(budget / smallest) + 1)
    flops = budget / np.concatenate([np.array(SHARES), 2.0 ** halvings[-MOST_HALVINGS:]])
    if has_allocation(fit):
        table = _round_runs(flops, ratios_of(runs, quantity))
        return Candidates(table, table["flops"].to_numpy(), "FLOP")
    if [fit.spec.column(name) for name in fit.law.inputs] == ["flops"]:
        flops = np.unique(_rounded_down(flops))[::-1]
        return Candidates(pd.DataFrame({"flops": flops}), flops, "FLOP")
    nearby = runs_nearby(fit)
    if nearby is None or nearby.unit != "FLOP":
        raise BayescaleError(
            f"{fit.law.name} takes {inputs_text(fit.spec)}, which a budget does not determine: "
            "give candidates, a table with those columns"
        )
    if not {"params", "tokens"} <= set(nearby.table):
        return nearby
    kept = _within(nearby.table, ratios_of(runs, quantity))
    if not kept.any():
        return nearby
    return Candidates(nearby.table.loc[kept].reset_index(drop=True), nearby.cost[kept], "FLOP")


def _near_fitted(
    fit: Fit, found: Candidates, budget: float, quantity: Mapping[str, float]
) -> Candidates:
    """Leave out runs with less of a size than a tenth of what every fitted run has.

    How wrong the law is below the fitted runs is unknown. A point of interest may lie there.
    """
    taken = {fit.spec.column(name): values for name, values in fit.inputs.items()}
    least = {
        name: min(float(taken[name].min()) / REACH, quantity.get(name, np.inf))
        for name in ("params", "tokens", "flops")
        if name in taken
    }
    large = [found.table[name] >= low * (1 - 1e-9) for name, low in least.items()]
    kept = np.all([_at_most(found.cost, budget), *large], axis=0)
    return Candidates(found.table.loc[kept].reset_index(drop=True), found.cost[kept], found.unit)


def ratios_of(runs: Mapping[str, np.ndarray], quantity: Mapping[str, float]) -> tuple[float, float]:
    """Return the tokens per parameter that are proposed: those of the middle 95 % of the runs.

    Where these lie within a factor of four, a ladder of one ratio, they are from a tenth of it to
    ten times it. They reach as far as those of a point of interest.

    Parameters
    ----------
    runs : mapping
        The fitted runs by column.
    quantity : mapping
        The quantity of interest.
    """
    tokens = runs["tokens"] if "tokens" in runs else derive.tokens(runs["flops"], runs["params"])
    ends = [(1 - ORDINARY) / 2, (1 + ORDINARY) / 2]
    low, high = np.quantile(tokens / runs["params"], ends, method="nearest")
    if high < NARROW * low:
        low, high = low / REACH, high * REACH
    if {"params", "tokens"} <= set(quantity):
        asked = quantity["tokens"] / quantity["params"]
        low, high = min(low, asked), max(high, asked)
    return float(low), float(high)


def _round_runs(flops: np.ndarray, ratios: tuple[float, float]) -> pd.DataFrame:
    """Return runs of two-digit sizes and tokens that spend at most each compute."""
    smallest, largest = (flops.min() / 6 / ratios[1]) ** 0.5, (flops.max() / 6 / ratios[0]) ** 0.5
    steps = np.arange(np.floor(SIZES * np.log10(smallest)), np.ceil(SIZES * np.log10(largest)) + 1)
    sizes = np.array([float(f"{10 ** (step / SIZES):.1e}") for step in steps])
    pairs = pd.DataFrame(list(product(flops, sizes)), columns=["flops", "params"])
    tokens = _rounded_down(derive.tokens(pairs["flops"], pairs["params"]).to_numpy())
    table = pairs[["params"]].assign(tokens=tokens)
    table = table.loc[_within(table, ratios)].drop_duplicates(ignore_index=True)
    return table.assign(flops=derive.flops(table["params"], table["tokens"]))


def _rounded_down(values: np.ndarray) -> np.ndarray:
    """Return the next numbers of two significant digits at or below the values."""
    digit = 10.0 ** (np.floor(np.log10(values)) - 1)
    return np.array([float(f"{v:.1e}") for v in np.floor(values / digit * (1 + 1e-9)) * digit])


def _within(table: pd.DataFrame, ratios: tuple[float, float]) -> np.ndarray:
    """Return which runs have tokens per parameter in a range."""
    ratio = (table["tokens"] / table["params"]).to_numpy()
    return (ratio >= ratios[0] * (1 - 1e-9)) & (ratio <= ratios[1] * (1 + 1e-9))


def runs_nearby(fit: Fit) -> Candidates | None:
    """Lay out runs around the fitted ones.

    Each input goes a factor of ten below and above the fitted runs (tokens per parameter twenty, a
    loss a quarter), and no further than its typical span where it is neither params, tokens nor
    flops; an input taken as it is (bits, epochs) stays at values that were run or at the ends of
    its span.

    Returns
    -------
    Candidates or None
        None for laws of curves, whose inputs are not numbers.
    """
    if any(declared.nodes for declared in fit.law.inputs.values()):
        return None
    values = {fit.spec.column(name): _values(fit, name) for name in fit.law.inputs}
    table = pd.DataFrame(list(product(*values.values())), columns=list(values), dtype=float)
    fitted = {fit.spec.column(name): v.to_numpy() for name, v in fit.inputs.items()}
    table = table.iloc[np.flatnonzero(_in_proportion(table, fitted))].reset_index(drop=True)
    if len(table) > MOST:
        kept = np.random.default_rng(0).choice(len(table), MOST, replace=False)
        table = table.iloc[np.sort(kept)].reset_index(drop=True)
    cost, unit = cost_of({str(name): values.to_numpy() for name, values in table.items()})
    return Candidates(table, cost, unit)


def _in_proportion(table: pd.DataFrame, fitted: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which candidates have tokens per parameter near those of the fitted runs."""
    if not {"params", "tokens"} <= set(table):
        return np.ones(len(table), dtype=bool)
    fitted_values = fitted["tokens"] / fitted["params"]
    ratio = (table["tokens"] / table["params"]).to_numpy()
    return (ratio >= 0.999 * fitted_values.min() / SKEW) & (
        ratio <= 1.001 * fitted_values.max() * SKEW
    )


def _values(fit: Fit, name: str) -> np.ndarray:
    """Return the values of an input to choose from."""
    declared, fitted_values = fit.law.inputs[name], fit.inputs[name].to_numpy()
    column, low, high = (
        fit.spec.column(name),
        float(fitted_values.min()),
        float(fitted_values.max()),
    )
    span = declared.span if column == declared.column else None
    if not declared.relative:
        ends = (low, high) if span is None else (min(low, span[0]), max(high, span[1]))
        return np.unique([*ends, float(np.median(fitted_values)), low, high])
    reach = REACH_LOSS if falls(fit.spec, column) else REACH
    bottom, top = low / reach, high * reach
    if span is not None:
        bottom, top = min(low, max(bottom, span[0])), max(high, min(top, span[1]))
    return _laid_out(bottom, top)


def _laid_out(low: float, high: float) -> np.ndarray:
    """Return round numbers from low to high."""
    if high / low > WIDE:
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        steps = np.sort(np.outer(powers, [1, 2, 5]).ravel())
        return np.array([float(f"{v:.1g}") for v in steps if low * 0.999 <= v <= high * 1.001])
    return np.array([float(f"{v:.2g}") for v in np.geomspace(low, high, EVEN)])


def inputs_of(fit: Fit, table: pd.DataFrame) -> dict[str, xr.DataArray]:
    """Return the law's inputs at the candidate runs of a table, dim point."""
    return inputs_at(fit, make_points({}, used(fit, table), grid=False, fit=fit))
