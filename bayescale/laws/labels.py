"""Labelled arrays in an equation: their labels are compared once, not at each of its operations.

xarray aligns the labels of both sides of every sum and product, which takes longer than the
arithmetic on thousands of draws. Here they are compared before, the equation is evaluated by the
names of dimensions alone, and the labels are put back.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def call_unlabelled(equation: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call an equation with its arguments by name; of labelled arrays the result is labelled too.

    Parameters
    ----------
    equation : callable
        Written with :mod:`bayescale.laws.functions`.
    values : mapping of str to array-like
        Its arguments. Where labelled ones disagree on a label they are passed as they are, and
        xarray takes what they have in common.

    Returns
    -------
    array-like
        As the equation of the arguments themselves.
    """
    xarray: Any = sys.modules.get("xarray")
    arrays = [v for v in values.values() if xarray and isinstance(v, xarray.DataArray)]
    coords = _labels_of(arrays) if arrays else None
    if coords is None:
        return equation(**values)
    found = equation(
        **{k: v.variable if isinstance(v, xarray.DataArray) else v for k, v in values.items()}
    )
    if not isinstance(found, xarray.Variable):
        return found
    variables, indexes = coords
    kept = {k: v for k, v in variables.items() if set(v.dims) <= set(found.dims)}
    indexed = {k: index for k, index in indexes.items() if k in kept}
    return xarray.DataArray(found, xarray.Coordinates(kept, indexed))


def _labels_of(arrays: Sequence[Any]) -> tuple[dict[Any, Any], dict[Any, Any]] | None:
    """Return the coordinates of labelled arrays, and their indexes; None where two disagree."""
    variables: dict[Any, Any] = {}
    indexes: dict[Any, Any] = {}
    for array in arrays:
        for name, labels in array.coords.variables.items():
            known = variables.setdefault(name, labels)
            if known is not labels and not known.equals(labels):
                return None
        indexes |= dict(array.xindexes)
    return variables, indexes
