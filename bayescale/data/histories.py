"""Histories: many checkpoints of each run, thinned in log steps of training while they are read."""

import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from bayescale.data import limits
from bayescale.data.aliases import KINDS
from bayescale.data.cells import clean_cells
from bayescale.data.columns import Recognition, recognise
from bayescale.data.convert import to_numbers
from bayescale.data.limits import refuse_large
from bayescale.data.missing import is_missing
from bayescale.data.other_columns import is_final_flag, truth_of
from bayescale.data.row_messages import cells_of, rows_of
from bayescale.data.table_files import Loaded, TableFile
from bayescale.data.wide_tables import WideShape, looks_wide, wide_shape
from bayescale.errors import BayescaleError

_BINS = 64
"""Log steps per doubling of the tokens, to begin with; of each a run keeps its last row."""


_LOOK = 2_000
"""Rows by which the columns are recognised."""


_COARSEST = 14
"""Halvings of that number after which a run keeps its last row only."""


_FEW = 0.2
"""Distinct words of a column per row, up to which they name runs and not moments."""


def gather(frames: Iterable[pd.DataFrame], file: TableFile, delimiter: str | None = None) -> Loaded:
    """Join the pieces of a table; a history of more rows than the limit is thinned meanwhile.

    A wide table, with a column per run, counts as the long one that it becomes.

    Parameters
    ----------
    frames
        The table, piece by piece.
    file
        What it comes from, and what the user said of it.
    delimiter
        What separates the columns of a text file, whose cells are all text.

    Raises
    ------
    BayescaleError
        There are more rows than the limit, and they are no history (`thin_history`).
    """
    pieces = iter(frames)
    held: list[pd.DataFrame] = []
    for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) > limits.MAX_ROWS:
            return _thin_long(chain([_joined(held)], pieces), file, delimiter)
    joined = _joined(held)
    if len(joined) * len(joined.columns) > limits.MAX_ROWS:
        shape = _shape(joined, file, delimiter)
        long = shape is not None and len(joined) * len(shape.parts) > limits.MAX_ROWS
        if shape and long and shape.holds_loss(file.columns):
            return _thin_long([joined], file, delimiter)
    return Loaded(joined, delimiter)


def _thin_long(frames: Iterable[pd.DataFrame], file: TableFile, delimiter: str | None) -> Loaded:
    """Thin a history, after it was written as one row per value where it is wide."""
    pieces = iter(frames)
    first = next(pieces)
    shape = _shape(first, file, delimiter)
    if shape is None:
        return thin_history(chain([first], pieces), file, delimiter)
    loaded = thin_history(_melted(chain([first], pieces), shape), file, delimiter)
    loaded.notes = [*shape.notes, *loaded.notes]
    return loaded


def _shape(first: pd.DataFrame, file: TableFile, delimiter: str | None) -> WideShape | None:
    """Recognise a wide table by its first piece."""
    if not looks_wide(map(str, first.columns)):
        return None
    cleaned = clean_cells(first, delimiter, file.decimal).frame
    return wide_shape(cleaned, [c for c in file.columns.values() if c])


def _melted(frames: Iterable[pd.DataFrame], shape: WideShape) -> Iterator[pd.DataFrame]:
    """Write wide pieces as long ones, a few rows at a time; rows are numbered anew."""
    start = 1
    size = max(1, limits.MAX_ROWS // len(shape.parts))
    for piece in frames:
        for first in range(0, len(piece), size):
            long = shape.long(piece.iloc[first : first + size])
            long.index = pd.RangeIndex(start, start + len(long), name="row")
            start += len(long)
            if len(long):
                yield long


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames) if len(frames) > 1 else next(iter(frames), pd.DataFrame())


def thin_history(
    frames: Iterable[pd.DataFrame], file: TableFile, delimiter: str | None = None
) -> Loaded:
    """Keep of each run the last row in each log step of its tokens or steps, and all final rows.

    Parameters
    ----------
    frames
        The table, piece by piece. The first one settles what each column is.
    file
        What it comes from, and what the user said of it.
    delimiter
        What separates the columns of a text file, whose cells are all text.

    Returns
    -------
    Loaded
        At most `limits.MAX_ROWS` rows in the order of the file, or the last ones of more runs. The
        log steps are as short as that allows.

    Raises
    ------
    BayescaleError
        The rows are no checkpoints: columns for the loss, the run and the place along it are not
        there; or there are too many runs.
    """
    pieces = iter(frames)
    first = next(pieces)
    history = _History(_axes(first, file, delimiter), file, delimiter)
    history.add(first)
    for piece in pieces:
        history.add(piece)
    return history.loaded()


@dataclass(frozen=True)
class _Axes:
    """What the columns of a history are."""

    run: list[str]
    """The columns that tell runs apart."""
    named: bool
    """Whether one of them holds their names."""
    place: str
    """How far a run is: its tokens, steps or FLOP."""
    loss: str
    plain: frozenset[str]
    """The columns whose numbers are written as Python writes them."""
    kind: str
    """The canonical name of `place`."""


def _axes(first: pd.DataFrame, file: TableFile, delimiter: str | None) -> _Axes:
    """Recognise the columns of a history by its first rows.

    Raises
    ------
    BayescaleError
        They are not there.
    """
    first = first.head(_LOOK)
    cleaned = clean_cells(first, delimiter, file.decimal).frame
    known = {name: c for name, c in file.columns.items() if c is None or c in first}
    recognition = recognise(cleaned, known)
    kind = next((name for name in ("tokens", "step", "flops") if recognition.column(name)), "")
    loss = recognition.column("loss") or named_in(file.columns.get("loss"), first)
    run = _run_columns(recognition, first)
    if not (kind and loss and run):
        raise refuse_large(repr(file.name))
    place = str(recognition.column(kind))
    plain = {name for name in (place, loss) if cleaned[name].equals(first[name])}
    named = recognition.column("run") is not None
    return _Axes(run, named, place, loss, frozenset(plain), kind)


def _run_columns(recognition: Recognition, first: pd.DataFrame) -> list[str]:
    """Name the columns that tell runs apart: their name, or where there is a step all settings."""
    found = [recognition.column(name) for name in ("run", "family", "params")]
    columns = [name for name in found if name is not None]
    columns += [name for name in map(str, first.columns) if name.lower() == "seed"]
    if recognition.column("run"):
        return columns
    if not recognition.column("step"):
        return columns if "seed" in map(str.lower, columns) else []
    taken = {column for column, _ in recognition.taken.values()}
    texts = [str(name) for name in first.columns if first[name].dtype.kind in "OTUS"]
    words = [name for name in texts if name not in taken and _is_label(cells_of(first, name))]
    return [*columns, *words]


def _is_label(cells: pd.Series) -> bool:
    """Whether cells are few words, and no numbers."""
    present = cells.dropna().astype("str")
    numbers = pd.Series(pd.to_numeric(present, errors="coerce")).notna().any()
    return len(present) > 0 and not numbers and present.nunique() <= _FEW * len(present)


def named_in(expression: str | None, frame: pd.DataFrame) -> str | None:
    """Return the first column that an expression names."""
    words = re.findall(r"`[^`]+`|[^\W\d]\w*", expression or "")
    return next((word.strip("`") for word in words if word.strip("`") in frame), None)


class _History:
    """The rows that are kept of a history, so far."""

    def __init__(self, axes: _Axes, file: TableFile, delimiter: str | None) -> None:
        self._axes, self._file, self._delimiter = axes, file, delimiter
        self._codes: dict[Hashable, int] = {}
        self._halvings = self._seen = self._without = self._last_order = 0
        self._rejected: dict[int, str] = {}
        self._rows = pd.DataFrame()
        self._marks = pd.DataFrame()
        """Of each row the run, the place, its log step, the order, and whether it is final."""

    def add(self, piece: pd.DataFrame) -> None:
        """Take the rows of a piece that are the last ones of their log steps so far."""
        self._seen += len(piece)
        places, loss = (
            self._numbers(piece, self._axes.place),
            self._numbers(piece, self._axes.loss, record=True),
        )
        usable = np.isfinite(places) & ~np.isnan(loss)
        refused = piece.index.isin(list(self._rejected)) if self._rejected else False
        self._without += int((~usable & ~np.asarray(refused)).sum())
        rows, places = rows_of(piece, usable), places[usable]
        with np.errstate(divide="ignore"):
            steps = np.where(places > 0, np.floor(np.log2(places) * _BINS), -(2**20))
        marks = pd.DataFrame(
            {
                "run": self._numbered(rows),
                "step": steps.astype(int) >> self._halvings,
                "place": places,
                "order": np.arange(len(rows)) + self._last_order,
                "final": _final(rows),
            }
        )
        self._last_order += len(rows)
        self._rows = pd.concat([self._rows, rows]) if len(self._rows) else rows
        self._marks = pd.concat([self._marks, marks]) if len(self._marks) else marks
        self._thin()

    def loaded(self) -> Loaded:
        """Return what was kept, and say what was left out."""
        runs, kept = len(self._codes), len(self._rows)
        if kept == 0:
            raise BayescaleError(
                f"{self._file.name!r}: none of the {self._seen:,} rows has a number for "
                f"{self._axes.place!r} and {self._axes.loss!r}"
            )
        order = np.argsort(self._marks["order"].to_numpy())
        frame = self._rows.iloc[order]
        notes = [self._said(runs, kept)]
        if self._without:
            notes.append(
                f"rows without a loss or a place along the run were left out: {self._without:,}"
            )
        if not self._axes.named:
            names = [f"run {code + 1}" for code in self._marks["run"].to_numpy()[order]]
            label = "run" if "run" not in frame else "history run"
            frame = frame.assign(**{label: names})
            notes.append(f"runs are told apart by {', '.join(map(repr, self._axes.run))}")
        return Loaded(frame, self._delimiter, self._rejected, notes)

    def _said(self, runs: int, kept: int) -> str:
        plural = "s" if runs != 1 else ""
        what = f"a history of {self._seen:,} rows of {runs:,} run{plural} was thinned to {kept:,}"
        if self._halvings >= _COARSEST:
            return f"{what}: the last row of each run"
        step = 2 ** (2**self._halvings / _BINS)
        size = f"{100 * (step - 1):.2g} %" if step < 2 else f"a factor of {step:.3g}"
        return (
            f"{what}: the last row of each run in each step of {size} of {self._axes.kind}, its "
            "very last row among them; the rows between are lost, so average noisy losses before"
        )

    def _thin(self) -> None:
        """Keep the last row of each log step, and lengthen the steps while too many are left."""
        while True:
            keep = self._last() | self._marks["final"].to_numpy(bool)
            if keep.sum() <= limits.MAX_ROWS or self._halvings >= _COARSEST:
                break
            self._halvings += 1
            self._marks["step"] = self._marks["step"].to_numpy() >> 1
            if self._halvings == _COARSEST:
                self._marks["step"] = 0
        if keep.sum() > limits.MAX_RUNS:
            raise BayescaleError(
                f"{self._file.name!r} has more than {limits.MAX_RUNS:,} runs, and that is the "
                f"limit: {', '.join(map(repr, self._axes.run))} should name the runs"
            )
        self._rows, self._marks = rows_of(self._rows, keep), rows_of(self._marks, keep)

    def _last(self) -> np.ndarray:
        """Return which rows come last in their log step; of equal places the last one read."""
        marks = {name: self._marks[name].to_numpy() for name in self._marks}
        order = np.lexsort((marks["order"], marks["place"], marks["step"], marks["run"]))
        run, step = marks["run"][order], marks["step"][order]
        ends = np.append((run[1:] != run[:-1]) | (step[1:] != step[:-1]), True)
        keep = np.zeros(len(order), dtype=bool)
        keep[order[ends]] = True
        return keep

    def _numbered(self, rows: pd.DataFrame) -> np.ndarray:
        """Number the runs, in the order in which they come."""
        codes = np.zeros(len(rows), dtype=int)
        names: list[Hashable] = [()]
        for column in self._axes.run:
            own, found = pd.factorize(cells_of(rows, column).to_numpy(), use_na_sentinel=False)
            pairs, codes = np.unique(codes * (len(found) + 1) + own, return_inverse=True)
            firsts, seconds = np.divmod(pairs, len(found) + 1)
            names = [(names[i], found[j]) for i, j in zip(firsts, seconds, strict=True)]
        known = [self._codes.setdefault(name, len(self._codes)) for name in names]
        return np.array(known, dtype=int)[codes]

    def _numbers(self, piece: pd.DataFrame, name: str, *, record: bool = False) -> np.ndarray:
        """Read a column as numbers, NaN for none; record the words in a column that are none."""
        cells = cells_of(piece, name)
        values = np.array(pd.to_numeric(cells, errors="coerce"), dtype=float)
        others = np.isnan(values) if name in self._axes.plain else np.full(len(values), True)
        others[others] = ~is_missing(pd.Series(cells[others]))
        if others.any():
            part = clean_cells(rows_of(piece, others), self._delimiter, self._file.decimal).frame
            kind = "number" if name == self._axes.loss else KINDS.get(self._axes.kind, "count")
            read, unreadable = to_numbers(cells_of(part, name), kind)
            values[others] = read
            if record:
                self._rejected |= {
                    part.index[place]: f"loss is {cells_of(part, name).iloc[place]!r}"
                    for place in unreadable
                }
        return values


def _final(rows: pd.DataFrame) -> np.ndarray:
    """Return which rows a column says to be the end of a run."""
    flags = [name for name in map(str, rows.columns) if is_final_flag(name)]
    return truth_of(cells_of(rows, flags[0])) if flags else np.zeros(len(rows), dtype=bool)
