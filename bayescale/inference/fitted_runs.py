"""The runs that a fit was made of, with rows of one run kept together."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from bayescale.data.aliases import RENAMED
from bayescale.data.read import read_runs
from bayescale.data.runs import Runs
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import Observable


@of_one_law
def fitted_runs(fit: Fit) -> pd.DataFrame:
    """Return the fitted runs.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``run`` (its name), the law's inputs by column, the target and the law's
        steps, and the known quantities of each (its standard error or trials, its place along the
        run). A run in which one
        of them was not observed has NaN there.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    add_runs : Fit again with more.
    residuals : How far each lies off the law.

    Examples
    --------
    >>> bs.fitted_runs(fit)[["params", "tokens", "loss"]].head(2).round(3)
             params        tokens   loss
    0  2.886751e+08  5.773503e+08  3.506
    1  2.077554e+08  8.022256e+08  3.438
    """
    target, *steps = (_runs_of(fit, seen) for seen in fit.spec.observables)
    for step in steps:
        together = target.combine_first(step)
        rows = [*target.index, *step.index.difference(target.index, sort=False)]
        names = dict.fromkeys([*target, *step])
        target = together.loc[rows, list(names)]
    table = target.rename_axis("run").reset_index()
    if fit.spec.noise.serial:
        labels = table["run"].tolist()
        table["run"] = _names_of_runs(labels)
    return table


def runs_again(fitted: Fit, *others: Fit) -> Runs:
    """Return the fitted runs as a run table, with the units that the fit was told.

    Others of the same runs add the columns that they use besides.
    """
    known = fitted.record["runs"]
    words = ("params_convention", "loss_unit")
    units = {what: known[what] if known[what] != "unknown" else None for what in words}
    table = fitted_runs(fitted)
    for other in others:
        more = fitted_runs(other)
        table = table.assign(**{k: more[k].to_numpy() for k in more if k not in table})
    return read_as_fitted(fitted, table, list(table), units)


def runs_shared(fit: Fit) -> np.ndarray | None:
    """Return which run each fitted row belongs to, None where every row is a run of its own.

    Rows that carry one name in the table's ``run`` column, such as checkpoints, are one run.

    Returns
    -------
    array of str, shape (run,), or None
    """
    names = _names_of_runs([str(label) for label in fit.observed["run"].values])
    return np.array(names) if len(set(names)) < len(names) else None


def _names_of_runs(labels: Sequence[str]) -> list[str]:
    """Undo the numbering of repeats: the second row of ``a`` is called ``a (2)``."""
    known = set(labels)
    parts = [(label, *label.rpartition(" (")[::2]) for label in labels]
    return [
        stem if number.removesuffix(")").isdigit() and stem in known else label
        for label, stem, number in parts
    ]


def _runs_of(fit: Fit, seen: Observable) -> pd.DataFrame:
    """Return inputs and observed values of the runs in which a column was observed, by name."""
    observed = fit.tree_group("observed_data")[seen.column]
    columns = {
        column: values
        for name, found in fit.inputs_of(seen).items()
        for column, values in zip(
            fit.spec.columns_of(name), np.atleast_2d(found.values), strict=True
        )
    }
    columns |= {name: found.values for name, found in fit.groups_of(seen).items()}
    known = {
        f"{seen.column}{seen.noise.known[name][0]}": values.values
        for name, values in fit.known_of(seen).items()
        if name != "series"  # follows from the names
    }
    index = pd.Index(observed[seen.dim].values)
    return pd.DataFrame({**columns, seen.column: observed.values, **known}, index=index)


def read_as_fitted(
    fitted: Fit, table: pd.DataFrame, columns: list[str], units: dict[str, str | None]
) -> Runs:
    """Read a table of fitted runs again as a run table, in the units of a fit."""
    names = ["run", *fitted.spec.grouping]
    numbers = {name: table[name].astype(np.float64) for name in table if name not in names}
    typed = table.assign(**{name: table[name].map(str) for name in names}, **numbers)
    return cast(
        Runs, read_runs(typed, columns={name: name for name in columns if name in RENAMED}, **units)
    )
