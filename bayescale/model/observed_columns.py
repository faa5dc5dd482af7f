"""Response variables: a law's target and intermediate responses, and their usable observations."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescale.data.aliases import RENAMED
from bayescale.data.derived_readings import is_expression
from bayescale.data.other_columns import column_use, is_outcome
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleWarning
from bayescale.laws.base import Law
from bayescale.laws.parameters import Parameter
from bayescale.model.noise.autocorrelated import repeats, within_plateaus
from bayescale.model.noise.base import Noise
from bayescale.model.noise.registry import get_noise

if TYPE_CHECKING:
    from bayescale.model.spec import Spec


@dataclass(frozen=True)
class Observable:
    """An observed column: a law predicts it, and runs have it.

    Attributes
    ----------
    column : str
        The column of the run table.
    noise : Noise
        How the observed values scatter.
    step : str or None
        The law's step, None for its target.
    prefix : str
        What begins the names of its noise's parameters and of its dimension: ``"loss_"`` for a
        step observed as loss, nothing for the target.
    """

    column: str
    noise: Noise
    step: str | None = None
    prefix: str = ""

    @property
    def dim(self) -> str:
        """The dimension of its observed values."""
        return f"{self.prefix}run"

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of its noise, by their names in the model."""
        return {
            f"{self.prefix}{name}": replace(parameter, of=self.prefix.removesuffix("_"))
            if self.prefix and parameter.of == "target"
            else parameter
            for name, parameter in self.noise.parameters.items()
        }

    @property
    def needed(self) -> list[str]:
        """The columns that its noise cannot do without, such as the number of trials."""
        known = self.noise.known.values()
        return [f"{self.column}{suffix}" for suffix, absent in known if absent is None]

    @property
    def errors(self) -> list[str]:
        """The columns of standard errors that its noise uses where there are any."""
        known = self.noise.known.values()
        return [f"{self.column}{suffix}" for suffix, absent in known if absent == 0.0]

    @property
    def known(self) -> list[str]:
        """The columns of what its noise uses of each run besides the observed value."""
        return [f"{self.column}{suffix}" for suffix, _ in self.noise.known.values()]

    def of_noise(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Pick the noise's parameters, by the noise's own names, from all of the model's."""
        return {name: values[f"{self.prefix}{name}"] for name in self.noise.parameters}


def observables(law: type[Law], noise: Noise, columns: Mapping[str, str]) -> tuple[Observable, ...]:
    """Return the columns that a law predicts and runs have observed, its target first.

    Parameters
    ----------
    law : Law class
        The law.
    noise : Noise
        The noise of its target.
    columns : mapping
        Target or step to column of the table, where not the law's own.
    """
    target = Observable(columns.get(law.target, law.target), noise)
    steps = [
        Observable(columns.get(name, step.column), get_noise(step.noise), name, step.prefix)
        for name, step in law.steps.items()
    ]
    return (target, *steps)


@dataclass(frozen=True)
class Observed:
    """What the runs say of one observed column that the law predicts.

    Attributes
    ----------
    inputs : mapping of str to array, shape (run,) or (node, run)
        The law's inputs, in their own units.
    observed : array, shape (run,)
        Observed values, in their unit.
    known : mapping of str to array, shape (run,)
        What the noise uses besides: a value's standard error (zero where none is known) or
        number of trials.
    labels : tuple of str
        Name of each run.
    members : tuple of str
        The group of each run; empty where nothing is pooled.
    """

    inputs: Mapping[str, np.ndarray]
    observed: np.ndarray
    known: Mapping[str, np.ndarray]
    labels: tuple[str, ...]
    members: tuple[str, ...] = field(default=(), kw_only=True)


def rows_of_each(spec: "Spec", runs: Runs) -> dict[str, Runs]:
    """Return the rows to use for each observed column; warn of those of use for none."""
    target, *steps = spec.observables
    if not steps:
        return {target.column: _usable(spec, runs, target)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayescaleWarning)
        found = {seen.column: _usable(spec, runs, seen) for seen in spec.observables}
    elsewhere = rows_among(runs, found.values()) & ~rows_among(runs, [found[target.column]])
    return found | {target.column: _usable(spec, runs.take(~elsewhere), target)}


def rows_among(runs: Runs, parts: Iterable[Runs]) -> np.ndarray:
    """Return which rows of a table are in one of its parts, each of an observed column."""
    return np.any([runs.table.index.isin(part.table.index) for part in parts], axis=0)


def _usable(spec: "Spec", runs: Runs, seen: Observable) -> Runs:
    """Return the rows that have the inputs and a possible value of an observed column."""
    columns = {name: spec.columns_of(name) for name in spec.law.inputs}
    everything = [column for names in columns.values() for column in names]
    relative = [c for name, i in spec.law.inputs.items() if i.relative for c in columns[name]]
    runs = runs.require(
        [*everything, seen.column, *seen.needed],
        positive=[*relative, *seen.needed],
        labels=list(spec.grouping),
        errors=seen.errors,
        hints=_hints(spec, runs.table),
    )
    usable = seen.noise.usable(runs.table[seen.column].to_numpy(float))
    runs = runs.keep(usable, f"{seen.column} is not {seen.noise.requirement()}")
    repeated = repeats(runs.table, [*everything, seen.column, *seen.known])
    runs = runs.keep(~repeated, "it repeats an earlier row of its run")
    if not seen.noise.serial:
        return runs
    known = seen.noise.take(runs.table, seen.column)
    values = runs.table[seen.column].to_numpy(float)
    within = within_plateaus(known["series"], known["place"], values)
    return runs.keep(~within, f"the rows before and after it in its run have its {seen.column}")


def columns_read(spec: "Spec") -> list[str]:
    """Return the columns that a model reads: inputs, observed ones with their errors, groups."""
    observed = [column for seen in spec.observables for column in (seen.column, *seen.known)]
    return [*input_columns(spec), *observed, *spec.grouping]


def input_columns(spec: "Spec") -> list[str]:
    """Return the columns that a model's inputs are read from."""
    return [column for name in spec.law.inputs for column in spec.columns_of(name)]


def inputs_text(spec: "Spec") -> str:
    """Say which columns a model's inputs are read from."""
    inputs = spec.law.inputs.items()
    return ", ".join(given.columns_text(spec.column(name)) for name, given in inputs)


def _hints(spec: "Spec", table: pd.DataFrame) -> dict[str, str]:
    """Say which other column could be x, for a law of any input x, or the target."""
    law, found = spec.law, {}
    read = columns_read(spec)
    outcomes = [str(name) for name in table if is_outcome(str(name))]
    free = [name for name in outcomes if name not in read]
    if free and spec.target not in RENAMED:
        alike = [SequenceMatcher(None, spec.target, name).ratio() for name in free]
        found[spec.target] = _hint(law, law.target, spec.target, free[int(np.argmax(alike))])
    numeric = [str(name) for name in table if table[name].dtype.kind in "iuf"]
    others = [n for n in numeric if n not in (*outcomes, spec.target) and not column_use(n)]
    if "x" in law.inputs and others:
        best = next((column for column in others if column in RENAMED), others[0])
        found[spec.column("x")] = _hint(law, "x", spec.column("x"), best)
    own = {law.target: law.target, **{name: i.column for name, i in law.inputs.items()}}
    formulas = {own[k]: text for k, text in spec.columns.items() if k in own}
    return found | {
        text: f"A formula is read with the table: read_runs(columns={{{name!r}: {text!r}}})"
        for name, text in formulas.items()
        if is_expression(text)
    }


def _hint(law: type[Law], name: str, column: str, other: str) -> str:
    return (
        f"Law {law.name} reads {name} from {column!r}: fit(columns={{{name!r}: {other!r}}}) reads "
        "it from another column"
    )


def take_observed(
    spec: "Spec", seen: Observable, table: pd.DataFrame, labels: pd.Series
) -> Observed:
    """Take from the usable rows what the model is given of one observed column."""
    return Observed(
        {name: i.take(table, spec.column(name)) for name, i in spec.law.inputs.items()},
        table[seen.column].to_numpy(float),
        seen.noise.take(table, seen.column),
        tuple(labels[table.index]),
        members=tuple(str(name) for by in spec.grouping for name in table[by]),
    )
