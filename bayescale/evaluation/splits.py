"""Which runs are fitted and which are held out: below and above a cut, or one group at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.data import derive
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError, closest
from bayescale.model.observed_columns import inputs_text
from bayescale.model.spec import Spec

ROUNDING = 1e-9
"""Relative difference below which values are one: a budget worked out from N and D stays whole."""


FEWEST = 5
"""Runs that a law is fitted to, at least."""


@dataclass(frozen=True)
class Split:
    """One division of a run table.

    Attributes
    ----------
    name : str
        As shown: ``flops <= 3.2e+20``, ``without family a``.
    held_out : array of bool, shape (run,)
        Which runs are held out; the others are fitted.
    distance : array, shape (held-out run,)
        Decades by which each held-out run lies beyond the largest fitted one in the column of the
        cut, or below the lowest fitted loss; NaN for groups.
    """

    name: str
    held_out: np.ndarray
    distance: np.ndarray


def cuts_of(
    runs: Runs, along: str, cuts: Sequence[float], *, lower: bool = False
) -> Iterator[Split]:
    """Divide below and above quantiles of a column.

    Parameters
    ----------
    runs : Runs
        The run table.
    along : str
        A column of positive numbers or dates, or ``flops``, which follows from params and tokens.
    cuts : sequence of float
        Quantiles, between 0 and 1. The largest budget is always held out, and cuts that divide the
        runs alike count once.
    lower : bool
        Whether the column falls as models get better, as a loss does: the runs of high losses are
        then fitted, those of the lowest held out.

    Raises
    ------
    BayescaleError
        When there is no such column, it has one value only, or a cut is no quantile.
    """
    values = _column_of(runs, along)
    scale = 1 / values if lower else values
    largest = scale >= scale.max() * (1 - ROUNDING)
    if largest.all():
        raise BayescaleError(
            f"every run has {along} = {values[0]:g}: there is nothing to cut by it"
        )
    seen: set[int] = set()
    for cut in cuts:
        if not 0 < cut < 1:
            raise BayescaleError(f"a cut is a quantile between 0 and 1, not {cut!r}")
        small = (scale <= np.quantile(scale, cut) * (1 + ROUNDING)) & ~largest
        if small.sum() in seen:
            continue
        seen.add(int(small.sum()))
        yield fitting_small(small, along, values, lower=lower)


def ahead_of(
    runs: Runs, along: str, factors: Sequence[float], *, lower: bool = False
) -> Iterator[Split]:
    """Hold out the runs above the largest value of a column divided by a factor.

    Parameters
    ----------
    runs : Runs
        The run table.
    along : str
        A column of positive numbers, or ``flops``, which follows from params and tokens.
    factors : sequence of float
        Above 1. Those that leave fewer than ``FEWEST`` runs to fit, or hold out none, are left out.
    lower : bool
        Whether the column falls as models get better: held out are then the runs below the lowest
        value times a factor.

    Raises
    ------
    BayescaleError
        As for :func:`_column_of`, or when a factor is not above 1.
    """
    values = _column_of(runs, along)
    scale = 1 / values if lower else values
    for factor in factors:
        if not factor > 1:
            raise BayescaleError(f"forecasts go ahead by a factor above 1, not {factor!r}")
        small = scale <= scale.max() / factor * (1 + ROUNDING)
        if small.sum() >= FEWEST and not small.all():
            yield fitting_small(small, along, values, lower=lower)


def fitting_small(
    small: np.ndarray, along: str, values: np.ndarray, *, lower: bool = False
) -> Split:
    """Return the split that fits some runs, small in a column, and holds out the others.

    Parameters
    ----------
    small : array of bool, shape (run,)
        Which runs are fitted.
    along : str
        The column.
    values : array, shape (run,)
        Its values.
    lower : bool
        Whether the column falls as models get better: high values are then those of small runs.
    """
    if lower:
        limit = values[small].min()
        return Split(f"{along} >= {limit:.3g}", ~small, np.log10(limit / values[~small]))
    limit = values[small].max()
    return Split(f"{along} <= {limit:.3g}", ~small, np.log10(values[~small] / limit))


def groups_of(runs: Runs, group: str) -> Iterator[Split]:
    """Hold out the rows of one value of a column at a time.

    Raises
    ------
    BayescaleError
        When there is no such column, or it has one value only.
    """
    if group not in runs.table:
        raise BayescaleError(
            f"no column {group!r} in {runs.source}{closest(group, list(runs.table))}"
        )
    values = pd.Series(runs.table[group])
    names = list(values.dropna().unique())
    if len(names) < 2:
        raise BayescaleError(f"{group} has one value in all rows: there is no group to leave out")
    for name in names:
        out = (values == name).to_numpy()
        said = f"{name:.4g}" if isinstance(name, float) else str(name)
        yield Split(f"without {group} {said}", out, np.full(out.sum(), np.nan))


def _column_of(runs: Runs, name: str) -> np.ndarray:
    """Return a column of the runs; ``flops`` is 6 N D where the table has both.

    Raises
    ------
    BayescaleError
        When there is no such column, or a value is missing or not positive.
    """
    table = runs.table
    if name == "flops" and {"params", "tokens"} <= set(table):
        return derive.flops(table["params"].to_numpy(float), table["tokens"].to_numpy(float))
    if name not in table:
        raise BayescaleError(f"no column {name!r} in {runs.source}{closest(name, list(table))}")
    values = table[name].to_numpy(float)
    wrong = np.flatnonzero(~(values > 0))
    if wrong.size:
        raise BayescaleError(
            f"{name} of {runs.labels()[wrong[0]]} is {values[wrong[0]]:g}: "
            "a cut needs positive numbers"
        )
    return values


def main_input(spec: Spec) -> str:
    """Return the column that runs are split by: compute, or the law's first input.

    Raises
    ------
    BayescaleError
        When every input has several values a run, such as the shares of a mixture.
    """
    columns = [spec.column(name) for name, given in spec.law.inputs.items() if not given.nodes]
    if not columns:
        raise BayescaleError(
            f"{spec.law.name} takes {inputs_text(spec)}, by which runs have no order: say along= "
            "which column to cut them, or leave_out= which groups in turn"
        )
    return "flops" if {"params", "tokens"} <= set(columns) else columns[0]
