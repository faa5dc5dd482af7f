"""Whether a table of a new recipe's runs holds other runs too: the old recipe's, or a third one's.

A table of several recipes, told apart by a column, would otherwise be read as runs of one, and
their gain would lie between. Rows of the old fit are recognised by their numbers; recipes by a
column of a few values between which the residuals of the old law differ, beyond what a gain that
changes with compute explains.
"""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.number_format import listed
from bayescale.data.other_columns import expression_name
from bayescale.data.row_messages import PACKAGE, cells_of
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import Observed, columns_read

SAME = 1e-9
"""Relative difference up to which two numbers are one."""

MOST_VALUES = 5
"""Values of a column up to which it may name recipes."""

SHARE = 1 / 3
"""Share of rows from which those of the old fit are no coincidence of rounded losses."""

BEYOND_NOISE, BEYOND_SCATTER = 1e-3, 1e-2
"""p-values below which recipes differ: by the old recipe's noise, and by the runs' own scatter."""


def refuse_own_runs(fit: Fit, new: Observed, table: pd.DataFrame, source: str) -> None:
    """Raise when runs of a fit are among a new recipe's; warn of one that may be a coincidence.

    Parameters
    ----------
    fit : Fit
        The old recipe's.
    new : Observed
        What is used of the new runs.
    table : DataFrame
        The same rows with all their columns.
    source : str
        Where they come from.

    Raises
    ------
    BayescaleError
        Names the rows whose inputs and target are those of fitted runs.
    """
    old = [*(fit.inputs[name].values for name in new.inputs), fit.observed.values]
    now = [*new.inputs.values(), new.observed]
    pairs = [
        np.isclose(a[..., :, None], b[..., None, :], SAME, 0) for a, b in zip(now, old, strict=True)
    ]
    flat = [pair.all(0) if pair.ndim == 3 else pair for pair in pairs]
    own = np.all(flat, axis=0).any(axis=1)
    if not own.any():
        return
    names = [label for label, mine in zip(new.labels, own, strict=True) if mine]
    columns = (
        f"keep the others, where={_where(column, other.pop())}"
        for column, cells in _kinds(table)
        if len(other := set(cells[~own])) == 1 and other.isdisjoint(cells[own])
    )
    advice = next(columns, "leave them out of the table, or by where=")
    said = (
        f"{source}: {own.sum():,} of {len(own):,} rows ({listed(names, limit=5)}) are runs that "
        f"{fit.label} was fitted to, and not of a new recipe: {advice}"
    )
    if own.all() or (own.sum() > 1 and own.mean() >= SHARE):
        raise BayescaleError(said)
    warnings.warn(said, BayescaleWarning, skip_file_prefixes=(PACKAGE,))


def recipes_among(fit: Fit, new: Observed, spent: np.ndarray, table: pd.DataFrame) -> str:
    """Say by which column the runs look like several recipes; nothing where they do not.

    Parameters
    ----------
    fit : Fit
        The old recipe's.
    new : Observed
        What is used of the new runs.
    spent : array, shape (run,)
        Their compute, or one input.
    table : DataFrame
        The same rows with all their columns.
    """
    from scipy.stats import chi2, f

    centre = fit.parameters.median(("chain", "draw"))
    inputs = {
        name: xr.DataArray(values, dims=fit.law.inputs[name].dims)
        for name, values in new.inputs.items()
    }
    alone = fit.spec.noise.alone(new.known)
    known = {name: xr.DataArray(values, dims="run") for name, values in alone.items()}
    seen = xr.DataArray(new.observed, dims="run")
    curve = fit.law.curve(inputs, fit.references, centre)
    residual = fit.spec.noise.residual(curve, centre, known, seen)[1].to_numpy()
    found: list[tuple[float, str, list[object], object]] = []
    smooth = np.stack([np.ones(len(spent)), np.log10(spent)], axis=1)
    for column, cells in _kinds(table.drop(columns=columns_read(fit.spec), errors="ignore")):
        values = list(cells.unique())
        groups = np.stack([(cells == value).to_numpy(float) for value in values[1:]], axis=1)
        both = np.hstack([smooth, groups])
        ranks = [int(np.linalg.matrix_rank(design)) for design in (smooth, both)]
        left = [_unexplained(design, residual) for design in (smooth, both)]
        more, free = ranks[1] - ranks[0], len(residual) - ranks[1]
        if not more or free < 1 or not np.isfinite(left).all():
            continue
        gained = left[0] - left[1]
        ratio = gained / more / max(left[1] / free, 1e-12)
        if chi2.sf(gained, more) < BEYOND_NOISE and f.sf(ratio, more, free) < BEYOND_SCATTER:
            means = {value: residual[(cells == value).to_numpy()].mean() for value in values}
            found.append((gained, column, values, max(values, key=lambda v: abs(means[v]))))
    if not found:
        return ""
    _, column, values, farthest = max(found, key=lambda one: one[0])
    return (
        f"the new runs look like several recipes, by the column {column!r} "
        f"({listed(map(str, values))}): keep one, such as where={_where(column, farthest)}"
    )


def _kinds(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Yield the columns that have a few values, none missing, and fewer than there are rows."""
    for name in map(str, table.columns):
        cells = cells_of(table, name)
        labels = cells.dtype.kind in "iubOTU" or isinstance(cells.dtype, pd.StringDtype)
        few = (
            labels
            and not cells.isna().any()
            and all(isinstance(c, str | int | bool | np.generic) for c in cells)
        )
        if few and 1 < cells.nunique() <= min(MOST_VALUES, len(cells) - 1):
            yield name, cells


def _unexplained(design: np.ndarray, values: np.ndarray) -> float:
    """Return the sum of squares that a linear model leaves."""
    fitted = design @ np.linalg.lstsq(design, values)[0]
    return float(((values - fitted) ** 2).sum())


def _where(column: str, value: object) -> str:
    """Write the condition that keeps one value of a column."""
    plain = value.item() if isinstance(value, np.generic) else value
    return repr(f"{expression_name(column)} == {plain!r}")
