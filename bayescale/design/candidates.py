"""Runs that could be done next: a table of the user's, or a grid made from a budget."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError, closest
from bayescale.inference.result import Fit
from bayescale.model.simulate import isoflop_design
from bayescale.prediction.compute import has_frontier, run_columns
from bayescale.prediction.points import inputs_at, make_points, used

SHARES = (1, 1.5, 2, 3, 4, 5, 6, 8, 12, 16)
"""A run of the grid spends the budget divided by one of these, or by further powers of two."""


RATIOS = 24


USUAL = (2.0, 200.0)
"""Tokens per parameter that the grid spans at least, besides those of the fitted runs."""


def candidate_runs(
    fit: Fit, candidates: Any, budget: float | None, limits: Mapping[str, Any] | None
) -> pd.DataFrame:
    """Return the candidate runs with their costs, without those that are too large.

    Parameters
    ----------
    fit : Fit
        Defines the inputs of a run.
    candidates : DataFrame or mapping, optional
        The law's inputs by column, and ``cost`` where that is not 6 N D; a grid when None.
    budget : float, optional
        The largest total cost.
    limits : mapping, optional
        Column to the largest value of one run.

    Raises
    ------
    BayescaleError
        When there are no candidates, or no cost.
    """
    if candidates is not None:
        table = _read(fit, pd.DataFrame(candidates))
    elif budget is None:
        raise BayescaleError(
            "no budget and no candidates are given: pass budget= in FLOP, or candidates=, "
            "a table of runs"
        )
    else:
        table = _grid(fit, budget)
    keep = np.ones(len(table), dtype=bool) if budget is None else _at_most(table["cost"], budget)
    for name, most in (limits or {}).items():
        if name not in table:
            raise BayescaleError(
                f"no column {name!r} to limit{closest(name, list(table))}; "
                f"there are {', '.join(map(str, table))}"
            )
        keep &= _at_most(table[name], parse_quantity(most, "flops" if name == "flops" else "count"))
    if not keep.any():
        raise BayescaleError(
            "no candidate run is within the budget and the limits; the cheapest costs "
            f"{table['cost'].min():.3g}"
        )
    return table.loc[keep].reset_index(drop=True)


def _at_most(values: Any, most: float) -> np.ndarray:
    return np.asarray(values, dtype=float) <= most * (1 + 1e-9)


def _read(fit: Fit, table: pd.DataFrame) -> pd.DataFrame:
    """Complete a table of candidates by C = 6 N D, and by its cost."""
    points = make_points({}, used(fit, table), grid=False, fit=fit)
    found = table.assign(**{str(name): points[name].values for name in points.coords})
    if "cost" not in found:
        if "flops" not in found:
            raise BayescaleError(
                "the candidates have no cost and no flops: add a column cost to the table"
            )
        found["cost"] = found["flops"]
    cost = np.array([parse_quantity(value, "flops") for value in found["cost"]])
    if not (cost > 0).all():
        raise BayescaleError(f"the cost of every candidate must be positive; got {cost.min():g}")
    return found.assign(cost=cost)


def _grid(fit: Fit, budget: float) -> pd.DataFrame:
    """Return runs that spend the budget or a part of it, over a range of tokens per parameter."""
    if not budget > 0:
        raise BayescaleError(f"a budget must be positive; got {budget:g}")
    runs = run_columns(fit)
    smallest = runs["flops"].min() if "flops" in runs else budget
    halvings = np.arange(np.log2(SHARES[-1]) + 1, np.log2(budget / smallest) + 1)
    flops = budget / np.concatenate([SHARES, 2.0**halvings])
    if has_frontier(fit):
        ratio = runs["tokens"] / runs["params"]
        ends = min(USUAL[0], ratio.min()), max(USUAL[1], ratio.max())
        return isoflop_design(flops, np.geomspace(*ends, RATIOS)).assign(cost=lambda t: t["flops"])
    if [fit.spec.column(name) for name in fit.law.inputs] == ["flops"]:
        return pd.DataFrame({"flops": flops, "cost": flops})
    taken = ", ".join(map(fit.spec.column, fit.law.inputs))
    raise BayescaleError(
        f"{fit.law.name} takes {taken}, which a budget does not determine: give candidates, a "
        "table with those columns"
    )


def inputs_of(fit: Fit, table: pd.DataFrame) -> dict[str, xr.DataArray]:
    """Return the law's inputs at the runs of a table, dim point."""
    return inputs_at(fit, make_points({}, used(fit, table), grid=False, fit=fit))
