"""Making columns from columns, and one row of many that repeat it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bayescale.errors import BayescaleError
from bayescale.runs.expressions import evaluate
from bayescale.runs.rows import cells_of, rows_of


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
        One row a value, in the order and under the index of its first row: the mean of the numbers
        that are known, and the first value of what is no number.

    Raises
    ------
    BayescaleError
        There is no such column.
    """
    if by not in table:
        known = ", ".join(str(column) for column in table.columns)
        raise BayescaleError(f"cannot average by {by!r}: the columns are {known}")
    found = rows_of(table, cells_of(table, by).notna().to_numpy())
    means = pd.DataFrame(found.groupby(by, sort=False).mean(numeric_only=True))
    numbers = {str(name): cells_of(means, str(name)).to_numpy(float) for name in means.columns}
    return found.drop_duplicates(by).assign(**numbers)
