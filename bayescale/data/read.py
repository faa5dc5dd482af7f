"""Reading a run table: recognise, convert, filter, check, fill."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bayescale.data import aliases
from bayescale.data.columns import Recognition, named_convention, recognise
from bayescale.data.convert import Unreadable, canonical_table, free_name, unreadable_reasons
from bayescale.data.derived_readings import Derived, derive_columns, with_expressions
from bayescale.data.describe import Column
from bayescale.data.doubts import Doubt, doubts
from bayescale.data.expressions import matching
from bayescale.data.json_tables import half_character
from bayescale.data.other_columns import use_notes
from bayescale.data.row_messages import cells_of, refuse_empty, rows_of, warn_set_aside
from bayescale.data.runs import Runs, loss_in_nats, with_reason
from bayescale.data.sources import Source, open_source
from bayescale.data.units import PERPLEXITY, canonical_loss_unit
from bayescale.data.validate import (
    FILLS,
    consistency_notes,
    drop_empty,
    fill,
    fillable,
    reading_reasons,
)
from bayescale.data.wide_tables import melt
from bayescale.errors import BayescaleError

type RunsLike = Runs | pd.DataFrame | str | Path
"""A run table: read already, in memory (a frame of pandas or, by Arrow, of another library), or the
path of a file."""


DECIMALS = (".", ",")
"""What may mark decimals."""


def read_runs(
    source: RunsLike,
    *,
    columns: Mapping[str, str | None] | None = None,
    where: str | None = None,
    params_convention: str | None = None,
    loss_unit: str | None = None,
    decimal: str | None = None,
) -> Runs:
    """Read a table of training runs, and record how each column was read.

    Columns are recognised by their names (``N``, ``n_params``, ``tokens (B)``, ``compute_pf_days``,
    ``metrics.eval_loss``, ``log10_params``, ...), and human-readable numbers (``7B``,
    ``20 000 000``, ``4,92``, ``27.6 %``, ``4.96 ± 0.01``). Wide tables, with a column per run, size
    or seed, are read as a row per value. Tokens follow from unique tokens x epochs or batch x
    steps, and of params, tokens and flops the one that is absent by C = 6 N D, unless the numbers
    cannot be what their column says. Rows that cannot be used are excluded
    (``Runs.set_aside``), with the reason and one `BayescaleWarning`. ``Runs.notes`` says what was
    done.

    Parameters
    ----------
    source
        A ``.csv``, ``.tsv``, ``.txt``, ``.json``, ``.jsonl`` or ``.ndjson`` file (each also
        ``.gz``, ``.bz2``, ``.xz`` or ``.zst``), a ``.parquet``, ``.feather``, ``.arrow`` or
        ``.xlsx`` file, a folder or a pattern such as ``"runs/*.csv"``, ``"-"`` for standard input,
        a tracker's runs (``"mlflow:sqlite:///mlflow.db#experiment"``, ``"wandb:entity/project"``,
        runs of W&B's API, a folder of TensorBoard's event files or of W&B's offline runs; finished
        runs, a row per logged loss), a DataFrame (pandas, or any that hands out Arrow streams, as
        polars and pyarrow do), or a `Runs`. JSON may be a
        ``trainer_state.json`` or a result file of lm-evaluation-harness. At most 20,000 rows and
        10,000 columns; checkpoints of more rows (a run or a step, tokens or steps, a loss) are
        thinned in log steps, up to 100,000 runs. A file of text has at most 10,000,000 lines (empty
        ones included), 10,000,000 characters per line, and 500,000,000 characters in all, after
        decompression.
    columns
        Your own column, or an expression of columns, by canonical name (params, tokens, flops,
        loss, loss_se, run, family, step, status, diverged, params_convention, loss_unit), or by
        another name that a law reads: ``{"loss": "loss_c4", "tokens": "unique_tokens * epochs",
        "accuracy": "score / 100"}``. The unit in the name of a canonical column is kept. None
        means that there is no such column: ``{"flops": None}``.
    where
        A condition over the columns of the resulting table; other rows are left out. A loss in it
        is in the unit of its column, a perplexity too.
    params_convention
        Which parameters are counted: ``total``, ``non-embedding``, ``active`` or ``unknown``.
    loss_unit
        ``nats/token``, ``bits/byte``, or another name. A ``perplexity`` becomes its logarithm, in
        nats/token, since laws of loss are laws of cross-entropy; a note says so.
    decimal
        What marks decimals in text: ``.`` or ``,``. By default it is decided for each column from
        all cells of the table; numbers that stay ambiguous are refused.

    Returns
    -------
    Runs
        The checked table. Params and tokens are counts, flops are FLOP, the loss is in the unit
        of its column, of a perplexity in nats/token.

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
    if decimal not in (None, *DECIMALS):
        raise BayescaleError(f"decimal={decimal!r}: say '.' or ','")
    unit = canonical_loss_unit(loss_unit) if loss_unit else None
    if isinstance(source, Runs):
        return _read_again(source, columns, where, params_convention, unit)
    name = "the table"
    try:
        opened = open_source(source, decimal, columns or {})
        name, asked = opened.name, dict(columns or {})
        opened.frame, wide = melt(opened.frame, [c for c in asked.values() if c])
        opened.notes += wide
        frame, computed = with_expressions(opened.frame, asked)
        recognition = recognise(frame, asked, computed)
        unwanted = {name for name, column in asked.items() if column is None}
        frame, recognition, derived = derive_columns(frame, recognition, unwanted)
        opened.frame = frame
        runs = _check(opened, recognition, where, {n for n, c in asked.items() if c}, derived)
        runs = _with_units(runs, recognition, params_convention, unit, opened.loss_units)
        return loss_in_nats(runs) if runs.loss_unit == PERPLEXITY else runs
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
    if loss_unit == PERPLEXITY and runs.loss_unit.startswith("nats"):
        loss_unit = None  # it was converted when it was read
    units = {"params_convention": params_convention, "loss_unit": loss_unit}
    given = {name: value for name, value in units.items() if value is not None}
    runs = replace(runs, **given) if given else runs
    runs = loss_in_nats(runs) if runs.loss_unit == PERPLEXITY else runs
    return runs.where(where) if where else runs


def _check(
    source: Source,
    recognition: Recognition,
    where: str | None,
    chosen: set[str],
    derived: Derived,
) -> Runs:
    """Convert, fill, filter and set aside."""
    frame = source.frame
    table, unreadable = canonical_table(frame, recognition)
    table, empty = drop_empty(table, [name for name in unreadable if not unreadable[name]])
    doubted = list(doubts(table, chosen))
    table = _leave(table, recognition, doubted)
    table, filled = fill(table, [doubt.name for doubt in doubted])
    notes = [*source.notes, *recognition.notes, *(doubt.note for doubt in doubted)]
    notes += [f"the column {recognition.column(name)!r} is empty" for name in empty]
    keep = np.full(len(table), True)
    if where is not None:
        keep = matching(table, where, {old: new for new, (old, _) in recognition.taken.items()})
        notes.append(f"where {where}: {keep.sum():,} of {len(table):,} rows")
    table, original = rows_of(table, keep), rows_of(frame, keep)
    words = _words(original, recognition, table, unreadable, keep)
    reasons = reading_reasons(table, recognition, filled, words)
    usable = (reasons == "").to_numpy(bool)
    refuse_empty(reasons, usable, source.name)
    warn_set_aside(pd.concat([reasons, source.rejected]) if len(source.rejected) else reasons)
    kept = rows_of(table, usable)
    aside = rows_of(with_reason(original, reasons), ~usable)
    return Runs(
        table=kept,
        original=rows_of(original, usable),
        columns=_columns(kept, recognition, filled, derived.formulas),
        set_aside=_with_rejected(aside, source.rejected),
        params_convention="unknown",
        loss_unit="unknown",
        notes=(
            *notes,
            *fillable(reasons, kept, filled),
            *consistency_notes(kept),
            *use_notes(_unused(kept, recognition, derived)),
        ),
        source=source.name,
    )


def _leave(table: pd.DataFrame, recognition: Recognition, doubted: list[Doubt]) -> pd.DataFrame:
    """Give a column that cannot be the quantity its name says that name back."""
    for doubt in doubted:
        if doubt.leave:
            column = str(recognition.column(doubt.name))
            name = free_name(column, table.drop(columns=doubt.name))
            cells = table.pop(doubt.name)
            table[name] = cells / recognition.taken[doubt.name][1].factor
    return table


def _words(
    original: pd.DataFrame,
    recognition: Recognition,
    table: pd.DataFrame,
    unreadable: Mapping[str, Unreadable],
    keep: np.ndarray,
) -> dict[str, list[tuple[np.ndarray, str]]]:
    """Say why the rows cannot be used whose cells are no numbers, by quantity."""
    places = np.cumsum(keep) - 1
    found = {}
    for name in (name for name in unreadable if name in table):
        column = str(recognition.column(name))
        used = {int(places[p]): text for p, text in unreadable[name].items() if keep[p]}
        if used:
            found[name] = unreadable_reasons(name, column, cells_of(original, column), used)
    return found


def _with_rejected(aside: pd.DataFrame, rejected: pd.Series) -> pd.DataFrame:
    """Add the lines that are no rows to the rows that were set aside."""
    if rejected.empty:
        return aside
    lines = pd.DataFrame({"reason": rejected}, index=rejected.index)
    both = pd.concat([aside, lines]) if len(aside) else lines.reindex(columns=aside.columns)
    return both.sort_index()


def _unused(table: pd.DataFrame, recognition: Recognition, derived: Derived) -> list[str]:
    """Return the columns that are no quantity and say nothing of one."""
    used = {column for column, _ in recognition.taken.values()} | derived.parts
    names = [str(n) for n in table.columns if str(n) not in (*aliases.RENAMED, *used)]
    return [name for name in names if not any(name in column for column in used)]


def _columns(
    table: pd.DataFrame,
    recognition: Recognition,
    filled: str | None,
    derived: Mapping[str, str],
) -> tuple[Column, ...]:
    """Record what each canonical column was made of."""
    records = []
    chosen = [name for name in recognition.taken if name not in aliases.ROLES]
    for name in dict.fromkeys([*aliases.RENAMED, *chosen]):
        if name == filled:
            records.append(Column(name, None, note=f"filled: {name} = {FILLS[name]}"))
        elif name in derived and name in table:
            records.append(Column(name, None, note=f"derived: {name} = {derived[name]}"))
        elif name in table:
            column, meaning = recognition.taken[name]
            note = f"{meaning.logarithm} of it, raised" if meaning.logarithm else ""
            records.append(Column(name, column, meaning.factor, meaning.unit, note))
    return tuple(records)


def _with_units(
    runs: Runs,
    recognition: Recognition,
    params_convention: str | None,
    loss_unit: str | None,
    cell_units: Mapping[str, str],
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
        column = str(recognition.column("loss"))
        named, written = said["loss"].loss_unit, cell_units.get(column, "")
        if named and written and not named.startswith(written) and not written.startswith(named):
            raise BayescaleError(
                f"column {column!r}: its name says {named}, and its cells say {written}: correct "
                "one of them"
            )
        unit = unit or max(named, written, key=len)
    return replace(
        runs,
        params_convention=params_convention or convention or "unknown",
        loss_unit=loss_unit or unit or "unknown",
        notes=tuple(notes),
    )
