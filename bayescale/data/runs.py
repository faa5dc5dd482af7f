"""The run table, and the conversion of its loss to nats."""

import dataclasses
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

import numpy as np
import pandas as pd

from bayescale.data.aliases import KINDS
from bayescale.data.convert import to_numbers, unreadable_reasons
from bayescale.data.derive import averaged, with_derived
from bayescale.data.describe import Column, describe_columns, describe_names, describe_set_aside
from bayescale.data.expressions import matching, names_in
from bayescale.data.missing import is_missing
from bayescale.data.other_columns import absent_hint, use_notes
from bayescale.data.row_messages import cells_of, refuse_empty, row_name, rows_of, warn_set_aside
from bayescale.data.runs_picture import runs_svg
from bayescale.data.units import PERPLEXITY
from bayescale.data.validate import error_reasons, join_reasons, number_reasons
from bayescale.errors import BayescaleError

_LABELS = ("run", "family")


@dataclass(frozen=True, eq=False, repr=False)
class Runs:
    """A checked table of training runs. `bayescale.read_runs` makes one.

    Nothing changes it: `where`, `derive`, `average` and `require` return another.

    See Also
    --------
    read_runs : Make one.
    loss_in_nats : Convert the loss.
    fit : Fit a law to the runs.

    Examples
    --------
    >>> len(runs), runs.loss_unit, runs.params_convention
    (40, 'nats/token', 'total')
    >>> small = runs.where("flops < 5e19")
    >>> len(small), f"{small.table['flops'].max():.2g}"
    (24, '3.2e+19')
    """

    table: pd.DataFrame
    """One row per run: the canonical columns that were recognised (params, tokens, flops, loss and
    loss_se as float64; run, family, step), then every other column under its own name. The
    index is the line in the file (``line``) or the frame's own."""
    original: pd.DataFrame
    """The same rows as they were given."""
    columns: tuple[Column, ...]
    """What each canonical column, and each other one that is read, was taken from."""
    set_aside: pd.DataFrame
    """The rows, as they were given, that cannot be used, and the ``reason``."""
    params_convention: str
    """Which parameters are counted: total, non-embedding, active, or unknown."""
    loss_unit: str
    """The unit of the loss: nats/token, bits/byte, ..., or unknown."""
    notes: tuple[str, ...]
    """What a user should know of the reading, one sentence each."""
    source: str
    """Where the table comes from."""

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return self.describe()

    def _repr_html_(self) -> str:
        head = self.table.head().to_html(escape=True, max_cols=12)
        return f"{runs_svg(self.table)}<pre>{html.escape(self.describe())}</pre>\n{head}"

    def describe(self) -> str:
        """Describe how each column was read, in what unit, and which rows were excluded.

        Returns
        -------
        str
            Some ten lines of text.
        """
        names = {column.name for column in self.columns}
        lines = describe_columns(self.table, self.columns)
        lines += [f"parameters counted: {self.params_convention}"] if "params" in names else []
        lines += [f"unit of the loss: {self.loss_unit}"] if "loss" in names else []
        said = {
            line.removeprefix("not used: ").replace(", ", " is not used: ", 1) for line in lines
        }
        lines += [f"note: {note}" for note in self.notes if note not in said]
        lines.append(describe_set_aside(self.set_aside))
        title = f"{len(self):,} {'row' if len(self) == 1 else 'rows'} from {self.source}"
        return "\n  ".join([title, *lines])

    def labels(self) -> list[str]:
        """Name the runs.

        Returns
        -------
        list of str
            For each row the run's name or, where it has none, ``line 17`` or ``row 17``.
        """
        places = [row_name(self.table.index, position) for position in range(len(self))]
        if "run" not in self.table:
            return places
        unnamed = is_missing(cells_of(self.table, "run"))
        names = cells_of(self.table, "run").convert_dtypes().astype("str")
        return [
            place if none else name
            for place, none, name in zip(places, unnamed, names, strict=True)
        ]

    def where(self, expression: str) -> "Runs":
        """Keep the rows for which an expression holds.

        Parameters
        ----------
        expression
            A condition over the columns of `table`, such as ``"params > 1e8 and seed == 1"``.

        Returns
        -------
        Runs
            The rows that satisfy it. `set_aside` stays as it is.

        Raises
        ------
        BayescaleError
            The expression cannot be evaluated, or no row satisfies it.
        """
        renamed = {column.source: column.name for column in self.columns if column.source}
        keep = matching(self.table, expression, renamed)
        note = f"where {expression}: {keep.sum():,} of {len(self):,} rows"
        return dataclasses.replace(self.take(keep), notes=(*self.notes, note))

    def take(self, rows: np.ndarray) -> "Runs":
        """Take some rows, and say nothing of the others.

        Parameters
        ----------
        rows
            Whether each row is taken.

        Returns
        -------
        Runs
            Those rows. `set_aside` stays as it is.
        """
        table, original = rows_of(self.table, rows), rows_of(self.original, rows)
        return dataclasses.replace(self, table=table, original=original)

    def derive(self, columns: Mapping[str, str]) -> "Runs":
        """Add columns that follow from others.

        Parameters
        ----------
        columns
            New column to an expression of the columns of `table`:
            ``{"accuracy": "1 - loss"}``.

        Returns
        -------
        Runs
            The same rows with the new columns.

        Raises
        ------
        BayescaleError
            A column is there already, or its expression cannot be evaluated to numbers.
        """
        made = [f"{name} = {expression}" for name, expression in columns.items()]
        table = with_derived(self.table, columns)
        used = self.using(chain.from_iterable(map(names_in, columns.values())))
        return dataclasses.replace(used, table=table, notes=(*used.notes, *made))

    def average(self, group: str) -> "Runs":
        """Average the rows that share a value of one column: seeds of a run, problems of a test.

        Parameters
        ----------
        group
            The column.

        Returns
        -------
        Runs
            One row per value, in the order of its first row; numbers are means.

        Raises
        ------
        BayescaleError
            There is no such column.
        """
        table = averaged(self.table, group)
        original = self.original.assign(**{group: self.table[group]})
        note = f"averaged by {group}: {len(table):,} rows of {len(self):,}"
        used = self.using([group])
        return dataclasses.replace(
            used, table=table, original=averaged(original, group), notes=(*used.notes, note)
        )

    def using(self, columns: Iterable[str]) -> "Runs":
        """Record that columns are read, by a law or as groups, so that none is said to be unused.

        Parameters
        ----------
        columns
            Names of columns; those that the table does not have are left out.

        Returns
        -------
        Runs
            The same rows, with these among `columns`.
        """
        named = {column.name for column in self.columns}
        read = [name for name in dict.fromkeys(columns) if name in self.table and name not in named]
        stale = set(use_notes(read))
        return dataclasses.replace(
            self,
            columns=(*self.columns, *(Column(name, name) for name in read)),
            notes=tuple(note for note in self.notes if note not in stale),
        )

    def require(
        self,
        columns: Sequence[str],
        positive: Sequence[str] = (),
        *,
        labels: Sequence[str] = (),
        errors: Sequence[str] = (),
        hints: Mapping[str, str] = MappingProxyType({}),
    ) -> "Runs":
        """Require columns, and exclude the rows that lack a usable value in them.

        Parameters
        ----------
        columns
            Columns of `table` that must hold finite numbers; ``run`` and ``family`` need only be
            there and not be missing.
        positive
            Columns that must moreover be greater than zero.
        labels
            Columns that need only be there and not be missing.
        errors
            Columns of standard errors, which need not be there, and whose values may be missing
            but neither negative nor infinite.
        hints
            What to do where a column is absent, by its name.

        Returns
        -------
        Runs
            The rows that can be used, with these columns as float64; the others are in
            `set_aside`, with the reason, and a `BayescaleWarning` names them.

        Raises
        ------
        BayescaleError
            A column is absent or holds text, or no row is left.
        """
        labels = [*labels, *(name for name in columns if name in _LABELS)]
        numeric = [name for name in dict.fromkeys([*columns, *positive]) if name not in labels]
        for name in [*numeric, *labels]:
            self._refuse_absent(name, hints.get(name, ""))
        errors = [name for name in errors if name in self.table]
        parts = [(is_missing(cells_of(self.table, name)), f"{name} missing") for name in labels]
        values = {}
        for name in dict.fromkeys([*numeric, *errors]):
            cells = cells_of(self.table, name)
            values[name], unreadable = to_numbers(cells, KINDS.get(name, "count"))
            words = unreadable_reasons(name, name, cells, unreadable)
            parts += words
            if name in numeric:
                empty = values[name].copy()
                empty[list(unreadable)] = 1.0  # has its own reason
                parts += number_reasons(name, empty, positive=name in positive)
        for name in errors:
            parts += error_reasons(name, values[name])
        read = dataclasses.replace(self, table=self.table.assign(**values))
        return read._set_aside(join_reasons(parts, self.table.index))

    def keep(self, usable: np.ndarray, otherwise: str) -> "Runs":
        """Set aside the rows that cannot be used for a reason of the caller's.

        Parameters
        ----------
        usable
            Whether each row can be used.
        otherwise
            The reason where it cannot.

        Returns
        -------
        Runs
            The usable rows; the others are in `set_aside`, and a `BayescaleWarning` names them.

        Raises
        ------
        BayescaleError
            No row is left.
        """
        return self._set_aside(join_reasons([(~usable, otherwise)], self.table.index))

    def _set_aside(self, reasons: pd.Series) -> "Runs":
        """Set aside the rows that have a reason."""
        keep = (reasons == "").to_numpy(bool)
        refuse_empty(reasons, keep, self.source)
        warn_set_aside(reasons)
        aside = rows_of(with_reason(self.original, reasons), ~keep)
        set_aside = pd.concat([self.set_aside, aside])
        return dataclasses.replace(self.take(keep), set_aside=set_aside)

    def _refuse_absent(self, name: str, hint: str) -> None:
        """Raise for a column that is not there."""
        if name in self.table:
            return
        table = describe_names(self.table, self.columns)
        renamed = [column.name for column in self.columns if column.source == name]
        hint = f"Say {renamed[0]}" if renamed else absent_hint(name, self.table, hint)
        raise BayescaleError(f"{self.source} has no column for {name}; it has {table}. {hint}")


def with_reason(frame: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    """Add the column ``reason``; one that is there already is kept as ``original_reason``."""
    renamed = frame.rename(columns={"reason": "original_reason"})
    return renamed.assign(reason=reasons.to_numpy())


def loss_in_nats(runs: Runs) -> Runs:
    """Convert the loss of a run table, and its standard error, from bits to nats.

    A perplexity is converted already by `read_runs`.

    Parameters
    ----------
    runs : Runs
        A table whose ``loss_unit`` is known: ``bits/token``, ``bits/byte``, or nats already.

    Returns
    -------
    Runs
        Per the same token, byte or character: bits/byte become nats/byte.

    Raises
    ------
    BayescaleError
        When the unit is not known or is none of these.

    See Also
    --------
    read_runs : Read a run table, and state the unit of its loss.

    Examples
    --------
    >>> table = pd.DataFrame({"params": [1e9], "tokens": [2e10], "bpb": [0.8]})
    >>> converted = bs.loss_in_nats(bs.read_runs(table))
    >>> converted.loss_unit, converted.table["loss"].round(3).tolist()
    ('nats/byte', [0.555])
    """
    unit = runs.loss_unit
    if unit.startswith("nats") or "loss" not in runs.table:
        return runs
    if unit == PERPLEXITY:
        runs = runs.keep(~(runs.table["loss"].to_numpy(float) < 1), "perplexity below 1")
    table = runs.table.copy()
    loss = table["loss"].to_numpy(float)
    if unit.startswith("bits"):
        slope, converted = np.full(len(loss), math.log(2)), loss * math.log(2)
        name = unit.replace("bits", "nats", 1)
    elif unit == PERPLEXITY:
        slope, converted, name = 1 / loss, np.log(loss), "nats/token"
    else:
        raise BayescaleError(
            f"cannot convert a loss in {unit!r} to nats: say what it is, "
            'read_runs(..., loss_unit="bits/byte") or loss_unit="bits/token"'
        )
    table["loss"] = converted
    if "loss_se" in table:
        table["loss_se"] = table["loss_se"].to_numpy(float) * slope
    note = f"loss converted from {unit} to {name}"
    return dataclasses.replace(runs, table=table, loss_unit=name, notes=(*runs.notes, note))
