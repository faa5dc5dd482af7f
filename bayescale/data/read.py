"""Reading a run table: recognise, convert, filter, check, fill."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bayescale.data import aliases
from bayescale.data.columns import Recognition, named_convention, recognise
from bayescale.data.convert import canonical_table, refuse_text
from bayescale.data.describe import Column
from bayescale.data.expressions import matching
from bayescale.data.formats import half_character, load_file, refuse_columns
from bayescale.data.limits import MAX_ROWS, refuse_large
from bayescale.data.row_messages import cells_of, rows_of, warn_set_aside
from bayescale.data.runs import Runs, refuse_empty, with_reason
from bayescale.data.units import canonical_loss_unit
from bayescale.data.validate import FILLS, drop_empty, fill, fillable, oddities, reading_reasons
from bayescale.errors import BayescaleError

type RunsLike = Runs | pd.DataFrame | str | Path
"""A run table: read already, in memory, or the path of a file."""


def read_runs(
    source: RunsLike,
    *,
    columns: Mapping[str, str | None] | None = None,
    where: str | None = None,
    params_convention: str | None = None,
    loss_unit: str | None = None,
) -> Runs:
    """Read a table of training runs, and record how each column was read.

    Columns are recognised by their names (``N``, ``n_params``, ``tokens (B)``, ``compute_pf_days``,
    ``metrics.eval_loss``, ...), human-readable numbers (``7B``). Of params, tokens and flops
    the one that is absent is filled by C = 6 N D. Rows that cannot be used are excluded
    (``Runs.set_aside``), with the reason and one `BayescaleWarning`.

    Parameters
    ----------
    source
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` file (each also ``.gz``), a ``.json`` or
        ``.parquet`` file, a DataFrame, or a `Runs`. At most 20,000 rows and 10,000 columns; a file
        of text has at most 1,000,000 lines (empty ones included), 10,000,000 characters per line,
        and 500,000,000 characters in all, after decompression.
    columns
        Your own column, by canonical name (params, tokens, flops, loss, loss_se, run, family, step,
        status, diverged, params_convention, loss_unit): ``{"loss": "loss_c4"}``. None means that
        there is no such column: ``{"flops": None}``.
    where
        A condition over the columns of the resulting table; other rows are left out.
    params_convention
        Which parameters are counted: ``total``, ``non-embedding``, ``active`` or ``unknown``.
    loss_unit
        ``nats/token``, ``bits/byte``, ``perplexity``, or another name.

    Returns
    -------
    Runs
        The checked table. Params and tokens are counts, flops are FLOP, the loss is in the unit
        of its column.

    Raises
    ------
    BayescaleError
        The source is no such table or beyond these limits, columns are ambiguous, a number is
        text, a run, family or step is a list, or no row is left.

    See Also
    --------
    loss_in_nats : Convert a run table's loss to nats.
    fit : Fit a law to the runs.
    with_schedule : Columns of learning-rate schedules, for laws of whole loss curves.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"n_params": ["70M", "1.4B"], "tokens (B)": [20, 300], "val_loss": [3.61, 2.48]}
    ... )
    >>> runs = bs.read_runs(table, loss_unit="nats/token", params_convention="total")
    >>> runs.table[["params", "tokens", "flops", "loss"]]
             params        tokens         flops  loss
    0  7.000000e+07  2.000000e+10  8.400000e+18  3.61
    1  1.400000e+09  3.000000e+11  2.520000e+21  2.48
    """
    if params_convention not in (None, *aliases.CONVENTIONS):
        raise BayescaleError(
            f"params_convention={params_convention!r}: say one of {', '.join(aliases.CONVENTIONS)}"
        )
    unit = canonical_loss_unit(loss_unit) if loss_unit else None
    if isinstance(source, Runs):
        return _read_again(source, columns, where, params_convention, unit)
    name = "the table"
    try:
        frame, name = _load(source)
        recognition = recognise(frame, columns)
        runs = _check(frame, recognition, where, name)
        return _with_units(runs, recognition, params_convention, unit)
    except UnicodeEncodeError as error:
        raise half_character(name, error.object) from error


def _read_again(
    runs: Runs,
    columns: Mapping[str, str | None] | None,
    where: str | None,
    params_convention: str | None,
    loss_unit: str | None,
) -> Runs:
    """Leave a table that was read as it is, but for the filter and the units."""
    if columns:
        raise BayescaleError(
            "columns= does nothing to runs that were already read: give it when reading them"
        )
    units = {"params_convention": params_convention, "loss_unit": loss_unit}
    given = {name: value for name, value in units.items() if value is not None}
    runs = replace(runs, **given) if given else runs
    return runs.where(where) if where else runs


def _load(source: str | Path | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Get the table as it is, and what to call it."""
    if isinstance(source, pd.DataFrame):
        names = [str(name) for name in source.columns]
        refuse_columns(names, "the DataFrame")
        if len(source) > MAX_ROWS:
            raise refuse_large("the DataFrame", len(source))
        if source.empty:
            raise BayescaleError("the DataFrame is empty: it needs one row per run")
        unique = source if source.index.is_unique else source.reset_index(drop=True)
        return unique.set_axis(names, axis=1).copy(), "a DataFrame"
    if isinstance(source, str | Path):
        try:
            path = Path(source).expanduser()
            return load_file(path), path.name
        except (OSError, RuntimeError) as error:  # too deep, or there is no such user's folder
            raise BayescaleError(f"cannot read {Path(source).name!r}: {error}") from error
    raise BayescaleError(
        f"cannot read runs from {type(source).__name__}: give a path, a DataFrame, or Runs"
    )


def _check(frame: pd.DataFrame, recognition: Recognition, where: str | None, source: str) -> Runs:
    """Convert, fill, filter and set aside."""
    table, unreadable = canonical_table(frame, recognition)
    table, empty = drop_empty(table, [name for name in unreadable if not unreadable[name]])
    table, filled = fill(table)
    notes = [*recognition.notes]
    notes += [f"the column {recognition.column(name)!r} is empty" for name in empty]
    keep = np.full(len(table), True)
    if where is not None:
        keep = matching(table, where, {old: new for new, (old, _) in recognition.taken.items()})
        notes.append(f"where {where}: {keep.sum():,} of {len(table):,} rows")
    for name, cells in unreadable.items():
        used = {position: text for position, text in cells.items() if keep[position]}
        refuse_text(str(recognition.column(name)), table.index, used, name)
    table, original = rows_of(table, keep), rows_of(frame, keep)
    reasons = reading_reasons(table, recognition, filled)
    usable = (reasons == "").to_numpy(bool)
    refuse_empty(reasons, usable, source)
    warn_set_aside(reasons)
    kept = rows_of(table, usable)
    return Runs(
        table=kept,
        original=rows_of(original, usable),
        columns=_columns(kept, recognition, filled),
        set_aside=rows_of(with_reason(original, reasons), ~usable),
        params_convention="unknown",
        loss_unit="unknown",
        notes=(*notes, *fillable(reasons, kept), *oddities(kept)),
        source=source,
    )


def _columns(
    table: pd.DataFrame, recognition: Recognition, filled: str | None
) -> tuple[Column, ...]:
    """Record what each canonical column was made of."""
    records = []
    for name in aliases.RENAMED:
        if name == filled:
            records.append(Column(name, None, note=f"filled: {name} = {FILLS[name]}"))
        elif name in table:
            column, meaning = recognition.taken[name]
            records.append(Column(name, column, meaning.factor, meaning.unit))
    return tuple(records)


def _with_units(
    runs: Runs, recognition: Recognition, params_convention: str | None, loss_unit: str | None
) -> Runs:
    """Settle the convention and the unit: the user's word, then a column's, then a name's."""
    notes = list(runs.notes)
    convention, column = "", recognition.column("params_convention")
    if column is not None and recognition.column("params"):
        convention, note = named_convention(cells_of(runs.table, column), column)
        notes += [note] if note and params_convention is None else []
    unit, column = "", recognition.column("loss_unit")
    if column is not None:
        words = sorted({canonical_loss_unit(str(word)) for word in runs.table[column].dropna()})
        unit = words[0] if len(words) == 1 else ""
        if len(words) > 1:
            notes.append(f"the column {column!r} mixes kinds of loss: {', '.join(words)}")
    said = {name: meaning for name, (_, meaning) in recognition.taken.items()}
    if "params" in said:
        convention = convention if convention not in ("", "unknown") else said["params"].convention
    if "loss" in said:
        unit = unit or said["loss"].loss_unit
    return replace(
        runs,
        params_convention=params_convention or convention or "unknown",
        loss_unit=loss_unit or unit or "unknown",
        notes=tuple(notes),
    )
