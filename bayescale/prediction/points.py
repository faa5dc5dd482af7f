"""Where a law is asked: points with human-readable quantities, completed by C = 6 N D."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data import derive
from bayescale.data.limits import check_positive
from bayescale.data.units import Kind, Quantities, parse_quantities
from bayescale.errors import BayescaleError, closest
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import input_columns, inputs_text

CONVENTIONS_DIFFER = 3.0
"""Factor by which a FLOP count may differ from 6 N D, or from the fitted runs' multiple of it."""


COUNTED = ("params", "tokens", "flops")
"""Columns of run tables that points are read by under the names of their own table too."""


type PointsLike = pd.DataFrame | Mapping[str, Quantities]
"""Points at which a law is asked, as columns."""


def make_points(
    given: Mapping[str, Any],
    table: PointsLike | None,
    grid: bool,
    fit: Fit | None = None,
) -> xr.Dataset:
    """Gather columns into a Dataset with one dimension, ``point``, each column a coordinate.

    Parameters
    ----------
    given : mapping
        Column to scalar or 1-d array, None where not given; strings such as ``"7B"`` are read.
    table : DataFrame or mapping, optional
        More columns.
    grid : bool
        Take every combination of the values; otherwise arrays go together, element by element.
    fit : Fit, optional
        Whose runs say how far their FLOP are from 6 N D.

    Raises
    ------
    BayescaleError
        When nothing is given, a column is given twice, lengths differ, or params, tokens and flops
        contradict each other.
    """
    columns: dict[str, Any] = {} if table is None else {str(k): table[k] for k in table}
    for name, values in given.items():
        if values is not None:
            if name in columns:
                raise BayescaleError(f"{name} is given twice: in at= and by name")
            columns[name] = values
    if not columns:
        raise BayescaleError("no point is given: pass params=, tokens=, flops= or at={...}")
    kinds: dict[str, Kind] = {"flops": "flops"}
    arrays = {
        name: np.array(parse_quantities(name, values, kinds.get(name, "count")), dtype=float)
        for name, values in columns.items()
    }
    if grid:
        mesh = np.meshgrid(*arrays.values(), indexing="ij")
        arrays = {name: m.ravel() for name, m in zip(arrays, mesh, strict=True)}
    lengths = {name: len(values) for name, values in arrays.items() if len(values) > 1}
    if len(set(lengths.values())) > 1:
        raise BayescaleError(
            "arrays of different lengths: "
            + ", ".join(f"{name} has {n}" for name, n in lengths.items())
            + "; values go together one by one (grid=True takes every combination)"
        )
    size = max(len(values) for values in arrays.values())
    coords = {name: ("point", np.broadcast_to(v, size).copy()) for name, v in arrays.items()}
    points = xr.Dataset(coords=coords)
    _check_flops(points, fit)
    return _complete(points)


def _check_flops(points: xr.Dataset, fit: Fit | None) -> None:
    """Raise where stated FLOP are neither near 6 N D nor near what the fitted runs have of it."""
    have = points.coords
    if not {"params", "tokens", "flops"} <= set(have):
        return
    expected = derive.flops(have["params"], have["tokens"]).values
    stated = have["flops"].values
    shown = fit.record["runs"].get("flops_over_6nd") if fit is not None else None
    low, high = shown or (1.0, 1.0)
    low, high = min(low, 1.0) / CONVENTIONS_DIFFER, max(high, 1.0) * CONVENTIONS_DIFFER
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = stated / expected
    wrong = np.flatnonzero((ratio < low) | (ratio > high))
    if wrong.size:
        i = wrong[0]
        raise BayescaleError(
            f"params, tokens and flops contradict each other: flops = {stated[i]:.3g}, but "
            f"6 * params * tokens = {expected[i]:.3g}"
            + (f" (point {i + 1} of {stated.size})" if stated.size > 1 else "")
            + "; give two of the three"
        )


def _complete(points: xr.Dataset) -> xr.Dataset:
    """Fill the one of params, tokens and flops that is missing when two are there."""
    have = points.coords
    known = [name for name in ("params", "tokens", "flops") if name in have]
    if known == ["params", "tokens"]:
        filled = {"flops": derive.flops(have["params"], have["tokens"])}
    elif known == ["params", "flops"]:
        filled = {"tokens": derive.tokens(have["flops"], have["params"])}
    elif known == ["tokens", "flops"]:
        filled = {"params": derive.params(have["flops"], have["tokens"])}
    else:
        return points
    return points.assign_coords(filled)


def as_read(fit: Fit, table: PointsLike | None) -> PointsLike | None:
    """Return a table of points with the columns that the fitted runs' were made into.

    A column that was renamed when the runs were read is found under its own name, and what a model
    file derives of others is derived here too. Columns that are there stay as they are.
    """
    if table is None:
        return None
    made: dict[str, Any] = {}
    renamed: set[str] = set()
    for column in fit.record["runs"].get("columns", ()):
        name, source = column["name"], column["source"]
        if name not in table and source is not None and source in table:
            given: Any = table[source]
            if name in COUNTED or name in _columns(fit):
                values = parse_quantities(name, given, "count")
                made[name] = column["factor"] * np.array(values, dtype=float)
                renamed.add(source)
    told = fit.record.get("study", {}).get("derive", {})
    absent = {name: text for name, text in told.items() if name not in table}
    if absent:
        whole = {**{str(k): table[k] for k in table}, **made}
        frame = pd.DataFrame({k: pd.Series(np.atleast_1d(v)) for k, v in whole.items()}).ffill()
        found = derive.with_derived(frame, absent)
        made |= {name: found[name].to_numpy() for name in absent}
    if isinstance(table, pd.DataFrame):
        return table.assign(**made)
    return {k: v for k, v in table.items() if k not in renamed - _columns(fit)} | made


def used(fit: Fit, table: Any) -> Any:
    """Return the columns of a table of points that the law can use; a mapping as it is."""
    if not isinstance(table, pd.DataFrame):
        return table
    return table[[c for c in table if c in {*_columns(fit), "params", "tokens", "flops"}]]


def points_for_law(fit: Fit, several: Sequence[Fit], table: Any) -> Any:
    """Return a table of points without the columns that only other laws of an average take."""
    if table is None:
        return None
    foreign = {c for one in several for c in _columns(one)} - _columns(fit)
    foreign -= {"params", "tokens", "flops"}
    if isinstance(table, pd.DataFrame):
        return table.drop(columns=[c for c in table if c in foreign])
    return {name: values for name, values in table.items() if name not in foreign}


def _columns(fit: Fit) -> set[str]:
    return set(input_columns(fit.spec))


def split_groups(fit: Fit, table: Any) -> tuple[Any, dict[str, list[int]]]:
    """Take the column of a pooled fit's groups out of a table of points, each as its number.

    Raises
    ------
    BayescaleError
        When there is no such column, or no such group.
    """
    (by,), groups = fit.spec.grouping, fit.groups
    if table is None or by not in table:
        raise BayescaleError(
            f"this fit pools {len(groups)} groups by {by}: say which one the points are of, "
            f"predict(fit, {{{by!r}: {groups[0]!r}, ...}}), or ask one of them, "
            f"bayescale.group_fit(fit, {groups[0]!r})"
        )
    names = [str(name) for name in np.atleast_1d(table[by])]
    for name in names:
        if name not in groups:
            raise BayescaleError(
                f"no run has {by} = {name!r}{closest(name, groups)}; there are {', '.join(groups)} "
                "(bayescale.group_fit(fit, None) is a new one)"
            )
    rest = used(fit, table) if isinstance(table, pd.DataFrame) else dict(table)
    return {k: rest[k] for k in rest if k != by}, {by: [groups.index(name) for name in names]}


def drop_node_columns(fit: Fit, points: xr.Dataset) -> xr.Dataset:
    """Drop from points the coordinates, one per node of a curve, that nobody reads a point by."""
    inputs = fit.law.inputs.items()
    nodes = [name for name, declared in inputs if declared.nodes and not declared.simplex]
    return points.drop_vars([column for name in nodes for column in fit.spec.columns_of(name)])


def inputs_at(fit: Fit, points: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the law's inputs at points, by the law's names.

    Raises
    ------
    BayescaleError
        When an input is missing, unknown, or not positive where the law divides by a reference.
    """
    inputs = {}
    needed = {name: fit.spec.columns_of(name) for name in fit.law.inputs}
    taken = [column for columns in needed.values() for column in columns]
    derived = ("params", "tokens", "flops")
    known = {*taken, *derived}
    for name in points.coords:
        if name not in known:
            raise BayescaleError(
                f"{fit.law.name} has no input {name!r}{closest(str(name), list(known))}; "
                f"it takes {inputs_text(fit.spec)}"
            )
    for name, columns in needed.items():
        declared, column = fit.law.inputs[name], fit.spec.column(name)
        for part in columns:
            if part not in points.coords:
                raise BayescaleError(
                    f"{fit.law.name} needs {part}: pass {part}=..."
                    + (" (or two of params, tokens, flops)" if part in derived else "")
                )
        values = declared.take(points.coords, column)
        if declared.relative:
            check_positive(column, values.min())
        dims = [dim.replace("run", "point") for dim in declared.dims]
        inputs[name] = xr.DataArray(values, dims=dims)
    return inputs
