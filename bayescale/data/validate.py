"""Which rows cannot be used and why, what follows from the others, and what looks odd."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from bayescale.data import derive
from bayescale.data.aliases import KINDS, RENAMED, interpret
from bayescale.data.columns import Recognition
from bayescale.data.expressions import evaluate
from bayescale.data.row_messages import cells_of

SIZES = ("params", "tokens", "flops")


FILLS = {
    "flops": "6 * params * tokens",
    "tokens": "flops / (6 * params)",
    "params": "flops / (6 * tokens)",
}


_ENDINGS = {
    "unfinished": "running pending queued scheduled starting created preempting preempted paused "
    "suspended unfinished incomplete interrupted",
    "failed": "crashed crash failed failure fail killed canceled cancelled aborted error errored "
    "timeout oom out_of_memory node_fail diverged nan",
}


_BAD = {word: kind for kind, words in _ENDINGS.items() for word in words.split()}


_TOLERANCE = 0.2


_TRANSPOSED = (
    "the table has a column per run and a row per quantity; pass "
    "pandas.read_csv(FILE, index_col=0).T"
)


_SUMMARIES = {"mean", "average", "avg", "median", "total", "sum", "std", "min", "max", "count"}


def join_reasons(parts: Iterable[tuple[np.ndarray, str]], index: pd.Index) -> pd.Series:
    """Combine masks of invalid rows and their reasons to one text a row, empty where none."""
    reasons = np.full(len(index), "", dtype=object)
    for mask, text in parts:
        reasons[mask] = [f"{reason} and {text}" if reason else text for reason in reasons[mask]]
    return pd.Series(reasons, index=index, dtype=object)


def number_reasons(
    name: str, values: np.ndarray, *, positive: bool
) -> Iterator[tuple[np.ndarray, str]]:
    """Find the numbers that cannot be used.

    Parameters
    ----------
    name
        The column, for the text.
    values
        float64, one a row.
    positive
        Whether zero and less cannot be used either.
    """
    yield np.isnan(values), f"{name} missing"
    yield np.isinf(values), f"{name} not finite"
    if positive:
        yield values == 0, f"zero {name}"
        yield (values < 0) & np.isfinite(values), f"negative {name}"


def error_reasons(name: str, values: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Find the standard errors that cannot be used; one that is missing, or zero, can be."""
    yield np.isinf(values), f"{name} not finite"
    yield (values < 0) & np.isfinite(values), f"negative {name}"


def reading_reasons(
    table: pd.DataFrame,
    recognition: Recognition,
    filled: str | None = None,
    words: Mapping[str, Sequence[tuple[np.ndarray, str]]] = MappingProxyType({}),
) -> pd.Series:
    """Say of each row why it cannot be used, or nothing.

    Parameters
    ----------
    table
        The canonical table.
    recognition
        Where its status is.
    filled
        The column that only follows from others, whose faults are theirs.
    words
        The rows whose cell is no number, and why, by canonical column.

    Returns
    -------
    pandas.Series
        A text a row. Whether a loss of zero or less can be used is for the noise model to say.
    """
    parts: list[tuple[np.ndarray, str]] = []
    status, diverged = recognition.column("status"), recognition.column("diverged")
    if status is not None:
        parts += _status_reasons(cells_of(table, status))
    if diverged is not None:
        flags = [str(cell).strip().lower() for cell in cells_of(table, diverged)]
        parts.append((np.isin(flags, ["true", "1", "1.0", "yes"]), "diverged"))
    for name in (*SIZES, "loss"):
        if name in table and name != filled:
            values = table[name].to_numpy(float, copy=True)
            for mask, text in words.get(name, ()):
                parts.append((mask, text))
                values[mask] = 1.0  # has its own reason
            parts += number_reasons(name, values, positive=name in SIZES)
    if "loss_se" in table:
        parts += [*words.get("loss_se", ())]
        parts += error_reasons("loss_se", table["loss_se"].to_numpy())
    parts += _summary_rows(table)
    if filled is not None:
        values = table[filled].to_numpy(float)
        beyond = (np.isinf(values) | (values == 0)) & ~np.any([m for m, _ in parts], axis=0)
        parts.append((beyond, f"{filled} that follows is beyond what can be calculated with"))
    return join_reasons(parts, table.index)


def drop_empty(table: pd.DataFrame, names: Iterable[str]) -> tuple[pd.DataFrame, list[str]]:
    """Validate columns: drop one of params, tokens or FLOP that holds nothing at all."""
    empty = [name for name in names if name in SIZES and cells_of(table, name).isna().all()]
    return table.drop(columns=empty), empty


def fill(table: pd.DataFrame, doubted: Collection[str] = ()) -> tuple[pd.DataFrame, str | None]:
    """Fill the one of params, tokens and FLOP that is lacking, by C = 6 N D.

    Nothing is filled from a column that was doubted.

    Returns
    -------
    pandas.DataFrame
        The table, with all three where two were there.
    str or None
        The column that was filled.
    """
    lacking = [name for name in SIZES if name not in table]
    if len(lacking) != 1 or any(name in table for name in doubted):
        return table, None
    full = table.assign(**{lacking[0]: evaluate(table, FILLS[lacking[0]])})
    first = [name for name in RENAMED if name in full]
    ordered = [*first, *full.columns.difference(first, sort=False)]
    return full.reindex(columns=ordered), lacking[0]


def fillable(reasons: pd.Series, table: pd.DataFrame, filled: str | None = None) -> Iterator[str]:
    """Note the rows that lack only what follows from C = 6 N D, where that was not ``filled``."""
    for name in SIZES if filled is None else ():
        count = int((reasons == f"{name} missing").sum())
        if count and all(other in table for other in SIZES):
            yield (
                f"{count:,} of the rows set aside lack only {name}: "
                f"with columns={{{name!r}: None}} every row has {name} = {FILLS[name]}"
            )


def consistency_notes(table: pd.DataFrame) -> Iterator[str]:
    """Note what in a valid table a user may not have meant: copies, FLOP that are not 6 N D."""
    if not any(name in table for name in (*SIZES, "loss")):
        yield (
            "no column was recognised as params, tokens, flops or loss: "
            + (_TRANSPOSED if _is_transposed(table) else "name them with columns=")
        )
    if all(name in table for name in SIZES):
        ratio = _median_ratio(table)
        if abs(ratio - 1) > _TOLERANCE:
            yield (
                f"flops is {ratio:.3g} times 6 * params * tokens in median: check the units, and "
                "which parameters are counted"
            )
    copies = _duplicated(table).to_numpy(bool)
    named = copies & (table["run"].notna().to_numpy(bool) if "run" in table else False)
    for those, what in (
        (named, "their runs have a name, so a fit leaves them out"),
        (copies & ~named, "they are kept, and each counts in a fit"),
    ):
        if those.any():
            yield f"exact copies of another row: {those.sum():,}; {what}"


def _is_transposed(table: pd.DataFrame) -> bool:
    """Whether the cells of the first column are names of quantities."""
    cells = map(str, table.iloc[:, 0]) if table.shape[1] else ()
    meanings = [interpret(cell) for cell in cells]
    return sum(meaning is not None and meaning.name in KINDS for meaning in meanings) > 1


def _summary_rows(table: pd.DataFrame) -> Iterator[tuple[np.ndarray, str]]:
    """Find the rows that sum up others: ``mean`` in place of a run's name."""
    first = [str(n) for n in table.columns if table[n].dtype.kind in "OTUS"][:1]
    for name in dict.fromkeys(["run", *first]):
        if name in table:
            words = [str(cell).strip().lower() for cell in cells_of(table, name)]
            mask = np.isin(words, list(_SUMMARIES))
            if mask.sum() <= 0.2 * len(table):
                yield mask, "a summary of other rows"


def _status_reasons(cells: pd.Series) -> Iterator[tuple[np.ndarray, str]]:
    """Find the runs that did not end well, by the words of trackers and schedulers."""
    texts = [
        [] if absent else str(cell).lower().split()
        for cell, absent in zip(cells, cells.isna(), strict=True)
    ]
    words = np.array([text[0] if text else "" for text in texts], dtype=object)
    for word in dict.fromkeys(words):
        if word in _BAD:
            yield words == word, f"{_BAD[word]} (status {word!r})"


def _median_ratio(table: pd.DataFrame) -> float:
    """How many times 6 N D the compute is, in median."""
    params, tokens, flops = (table[name].to_numpy() for name in SIZES)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.median(flops / derive.flops(params, tokens)))


def _duplicated(table: pd.DataFrame) -> pd.Series:
    """Find exact copies, also where cells hold lists."""
    try:
        return table.duplicated()
    except (TypeError, ArithmeticError):
        return table.astype("str").duplicated()
