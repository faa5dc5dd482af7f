"""Derived columns: C = 6 N D, expressions, means of repeated rows, counts by convention."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescale.data.expressions import evaluate
from bayescale.data.row_messages import cells_of, rows_of
from bayescale.data.units import FLOPS_PER_PARAM_TOKEN, parse_quantity
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import xarray as xr

type Amount = "float | np.ndarray | pd.Series | pd.DataFrame | xr.DataArray"
"""Parameters, tokens or FLOP: one number, or several."""


def flops(params: Amount, tokens: Amount) -> Any:
    """Return the compute of training, C = 6 N D in FLOP; of the kind that was given."""
    return FLOPS_PER_PARAM_TOKEN * params * tokens


def tokens(flops: Amount, params: Amount) -> Any:
    """Return the tokens that a model of a size is trained on with a compute, C / (6 N)."""
    return flops / (FLOPS_PER_PARAM_TOKEN * params)


def params(flops: Amount, tokens: Amount) -> Any:
    """Return the size of a model that a compute trains on so many tokens, C / (6 D)."""
    return flops / (FLOPS_PER_PARAM_TOKEN * tokens)


def with_derived(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Add columns that follow from others.

    Parameters
    ----------
    table
        The rows.
    columns
        New column to an expression of the others, evaluated in this order.

    Returns
    -------
    pandas.DataFrame
        The table with the new columns, as float64.

    Raises
    ------
    BayescaleError
        A column is there already, or its expression cannot be evaluated to numbers.
    """
    for name, expression in columns.items():
        if name in table:
            raise BayescaleError(
                f"{name} = {expression!r}: there is a column {name} already; choose another name"
            )
        try:
            values = np.broadcast_to(np.asarray(evaluate(table, expression), float), len(table))
        except (BayescaleError, TypeError, ValueError) as error:
            known = ", ".join(str(column) for column in table.columns)
            raise BayescaleError(
                f"{name} = {expression!r}: {error}; the columns are {known}"
            ) from error
        table = table.assign(**{name: values})
    return table


def averaged(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Average the rows that share a value of one column.

    Parameters
    ----------
    table
        The rows.
    by
        The column; rows without a value are left out.

    Returns
    -------
    pandas.DataFrame
        One row per value, in the order and under the index of its first row: the mean of the
        numbers that are known, and the first value of what is no number.

    Raises
    ------
    BayescaleError
        There is no such column, or it holds lists.
    """
    if by not in table:
        known = ", ".join(str(column) for column in table.columns)
        raise BayescaleError(f"cannot average by {by!r}: the columns are {known}")
    found = rows_of(table, cells_of(table, by).notna().to_numpy())
    try:
        group = pd.factorize(cells_of(found, by))[0]
    except TypeError as error:
        raise BayescaleError(
            f"cannot average by {by!r}: a value of it is no text or number ({error})"
        ) from error
    others = found.drop(columns=by)
    means = pd.DataFrame(others.groupby(group, sort=False).mean(numeric_only=True))
    numbers = {str(name): cells_of(means, str(name)).to_numpy(float) for name in means.columns}
    return rows_of(found, ~pd.Series(group).duplicated().to_numpy()).assign(**numbers)


EMBEDDING = 47491.0
"""Pearce and Song's constant: a vocabulary of 32,000 and layers 1/39 of the width."""


def total_params(non_embedding: Any, embedding: float = EMBEDDING) -> Any:
    r"""Add the embedding to a count of parameters that leaves it out.

    Parameters
    ----------
    non_embedding : number, str or array-like
        Parameters outside the embedding, :math:`N`.
    embedding : float
        The constant :math:`w` of :math:`N_T = N + w N^{1/3}`, which holds for transformers of one
        vocabulary V and one ratio r of width to layers: with 12 layers x width^2 parameters
        outside, w = V (r / 12)^(1/3).

    Returns
    -------
    float or array-like
        All parameters, :math:`N_T`; of the kind that was given.

    Raises
    ------
    BayescaleError
        For a count or a constant that is no positive number.

    See Also
    --------
    non_embedding_params : The inverse.
    read_runs : Its ``params_convention`` records which parameters are counted.

    References
    ----------
    Pearce and Song (2024), arXiv:2406.12907

    Examples
    --------
    >>> from bayescale import total_params
    >>> f"{total_params('1B'):.4g}"
    '1.047e+09'
    """
    outside = _positive(non_embedding, "parameters outside the embedding")
    return outside + _positive(embedding, "the embedding constant") * outside ** (1 / 3)


def non_embedding_params(total: Any, embedding: float = EMBEDDING) -> Any:
    """Take the embedding away from a count of all parameters; inverts :func:`total_params`.

    Parameters
    ----------
    total : number, str or array-like
        All parameters.
    embedding : float
        As for :func:`total_params`.

    Returns
    -------
    float or array-like
        Parameters outside the embedding.

    Raises
    ------
    BayescaleError
        For a count or a constant that is no positive number.

    See Also
    --------
    total_params : The inverse.
    read_runs : Its ``params_convention`` records which parameters are counted.

    References
    ----------
    Pearce and Song (2024), arXiv:2406.12907

    Examples
    --------
    >>> from bayescale import non_embedding_params, total_params
    >>> round(float(non_embedding_params(total_params(768.0))), 6)
    768.0
    """
    everything = _positive(total, "parameters")
    third = _positive(embedding, "the embedding constant") / 3
    # The one real root of y^3 + 3 third y = total, in a form that loses no digits.
    angle = np.arcsinh(everything / (2 * third**1.5)) / 3
    return (2 * np.sqrt(third) * np.sinh(angle)) ** 3


def _positive(count: Any, what: str) -> Any:
    if not hasattr(count, "dtype"):
        cells = np.asarray(count, dtype=object)
        read = [parse_quantity(v) if isinstance(v, str) else float(v) for v in cells.flat]
        count = np.reshape(read, cells.shape) if cells.shape else read[0]
    values = np.asarray(count, dtype=float)
    if not (values > 0).all():
        raise BayescaleError(f"{what} must be positive; got {values[~(values > 0)].flat[0]:g}")
    return count
