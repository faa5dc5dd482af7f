"""Candidate runs near the fitted ones, and their costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from bayescale.data.units import FLOPS_PER_PARAM_TOKEN
from bayescale.inference.result import Fit

REACH = 10.0
"""Candidates go this factor below and above the fitted runs in each input."""


SKEW = 20.0
"""And this factor below and above them in tokens per parameter."""


WIDE = 30.0
"""Ranges wider than this factor are laid out in steps of 1, 2, 5; others in even steps."""


EVEN = 7


MOST = 400
"""The largest number of candidates."""


@dataclass(frozen=True)
class Reachable:
    """Runs to choose from.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per candidate, the law's inputs by column.
    cost : array, shape (candidate,)
        The cost of each, zero where it is unknown.
    spent : float
        The total cost of the fitted runs.
    unit : str
        The unit of a cost: FLOP, params or tokens; "" where it is unknown.
    """

    table: pd.DataFrame
    cost: np.ndarray
    spent: float
    unit: str


def reachable_runs(fit: Fit) -> Reachable | None:
    """Lay out runs around the fitted ones.

    Each input goes a factor of ten below and above the fitted runs (tokens per parameter twenty),
    and no further than its typical span where it is neither params, tokens nor flops; an input
    taken as it is (bits, epochs) stays at values that were run or at the ends of its span.

    Returns
    -------
    Reachable or None
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
    return Reachable(table, cost, float(np.sum(cost_of(fitted)[0])), unit)


def _in_proportion(table: pd.DataFrame, fitted: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which candidates have tokens per parameter near those of the fitted runs."""
    if not {"params", "tokens"} <= set(table):
        return np.ones(len(table), dtype=bool)
    fitted_values = fitted["tokens"] / fitted["params"]
    ratio = (table["tokens"] / table["params"]).to_numpy()
    return (ratio >= 0.999 * fitted_values.min() / SKEW) & (
        ratio <= 1.001 * fitted_values.max() * SKEW
    )


def cost_of(columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, str]:
    """Return the cost of runs, shape (run,), and its unit: FLOP where known."""
    size = len(next(iter(columns.values())))
    if "flops" in columns:
        return columns["flops"], "FLOP"
    if {"params", "tokens"} <= set(columns):
        return FLOPS_PER_PARAM_TOKEN * columns["params"] * columns["tokens"], "FLOP"
    known = next((name for name in ("params", "tokens") if name in columns), "")
    return (columns[known] if known else np.zeros(size)), known


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
    bottom, top = low / REACH, high * REACH
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
