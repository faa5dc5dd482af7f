"""Wide tables, with a column per run, size or seed, as tables of one row per value."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from bayescale.data import limits
from bayescale.data.aliases import interpret
from bayescale.data.columns import meaning_of
from bayescale.data.convert import to_numbers
from bayescale.data.limits import refuse_large
from bayescale.data.name_words import words_of
from bayescale.data.number_format import listed, number_of
from bayescale.data.other_columns import MELTED, is_outcome
from bayescale.data.row_messages import cells_of, rows_of
from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError

_PANEL = re.compile(r"(?P<run>.+?) - (?P<metric>[^-]+?)(?P<end>__MIN|__MAX)?")
"""A column of a panel that Weights & Biases exports."""


_SIZE = re.compile(
    r"\d+(?:\.\d+)?\s*(?:[kmbt]|million|billion|trillion)|\d+(?:\.\d+)?e\d+|\d{6,}", re.I
)


_NAMED_SIZE = re.compile(
    rf"(?:(?P<before>[a-z][\w./ -]*?)[\s_./@(=-]*)?(?<![a-z0-9])(?P<size>{_SIZE.pattern})"
    r"(?![a-z0-9])[\s_./)-]*(?P<after>[a-z][\w./ -]*)?",
    re.IGNORECASE,
)


_SEED = re.compile(
    r"(?:(?P<before>.*?)[\s_./(\[-]*)?(?<![a-z])(?:seed|rep|replicate|s(?=\d+$))[\s_=#-]?(?P<seed>\d+)"
    r"[)\]]?(?:[\s_./-]+(?P<after>.+))?",
    re.IGNORECASE,
)


_AXES = {"params", "tokens", "flops", "step", "run"}


_SMALLEST = 1e5
"""Parameters or tokens below which a size in a name is that of something else."""


@dataclass(frozen=True)
class _Part:
    """The columns of one run, size or seed."""

    metrics: dict[str, str]
    """The metric of each column."""
    added: dict[str, object]
    """What the columns' names say, for every row."""


@dataclass(frozen=True)
class WideShape:
    """How a wide table is written as one row per value."""

    kept: list[str]
    """The columns that stay."""
    parts: list[_Part]
    """The others."""
    notes: list[str]
    """What was recognised."""

    def uses(self, columns: Collection[str]) -> bool:
        """Whether one of these columns is among those that are melted."""
        return any(name in part.metrics for part in self.parts for name in columns)

    def holds_loss(self, columns: Mapping[str, str | None]) -> bool:
        """Whether the values, or those the user named, are losses."""
        metrics = {metric for part in self.parts for metric in part.metrics.values()}
        return any(map(_is_loss, (*metrics, *self.kept))) or columns.get("loss") is not None

    def long(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Write the table, or a piece of it, as one row per value; rows are numbered anew."""
        parts = [
            _filled(
                frame.filter([*self.kept, *part.metrics]).rename(columns=part.metrics),
                list(part.metrics.values()),
            ).assign(**part.added)
            for part in self.parts
        ]
        long = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        long.index = pd.RangeIndex(1, len(long) + 1, name="row")
        return cast(pd.DataFrame, long)


def melt(frame: pd.DataFrame, chosen: Collection[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """Write a wide table as one row per value, where it is one.

    Parameters
    ----------
    frame
        The table as it was read.
    chosen
        The columns that the user named: a table they belong to is left as it is.

    Returns
    -------
    pandas.DataFrame
        The long table, with the columns that name the runs, sizes or seeds; or the table itself.
    list of str
        What was recognised.

    Raises
    ------
    BayescaleError
        The long table is beyond the limits.
    """
    shape = wide_shape(frame, chosen)
    if shape is None:
        return frame, [] if chosen else _may_be_wide(frame)
    rows = len(frame) * len(shape.parts)
    if rows > limits.MAX_ROWS:
        raise refuse_large("the wide table, with a row per value,", rows)
    return shape.long(frame), shape.notes


def wide_shape(frame: pd.DataFrame, chosen: Collection[str] = ()) -> WideShape | None:
    """Recognise a wide table, None where it is none or the user named one of its columns."""
    found = (way(frame) for way in (_panel, _sizes, _seeds))
    return next((shape for shape in found if shape and not shape.uses(chosen)), None)


def _may_be_wide(frame: pd.DataFrame) -> list[str]:
    """Say how to melt columns of losses that may be those of a run each."""
    names = list(map(str, frame.columns))
    axes = _axes(frame, names)
    losses = [n for n in names if is_outcome(n) and "loss" in words_of(n)]
    if axes & {"loss", "run", "params"} or not axes & _AXES or len(losses) < 2:
        return []
    kept = [n for n in names if n not in losses]
    return [
        f"no column is the loss: if each of {listed(map(repr, losses), limit=3)} is that of a run, "
        f"pass frame.melt({kept!r}, var_name='run', value_name='loss')"
    ]


def looks_wide(names: Iterable[str]) -> bool:
    """Whether names of columns alone could be those of a wide table."""
    names = [name.strip() for name in names]
    ways = (_PANEL, _NAMED_SIZE, _SEED)
    return any(sum(way.fullmatch(name) is not None for name in names) > 1 for way in ways)


def _panel(frame: pd.DataFrame) -> WideShape | None:
    """Recognise a panel: ``run - metric``, and its ``__MIN`` and ``__MAX``."""
    found = {n: m for n in map(str, frame.columns) if (m := _PANEL.fullmatch(n)) is not None}
    extremes = any(match["end"] for match in found.values())
    others = _others(frame, found)
    losses = "Step" in others and all(_is_loss(m["metric"]) for m in found.values())
    if not found or len(others) > 3 or not (extremes or losses or len(found) > 2):
        return None
    label = "run" if "run" not in others else "panel run"
    runs = list(dict.fromkeys(m["run"] for m in found.values()))
    parts = [
        _Part(
            {n: m["metric"] for n, m in found.items() if m["run"] == run and not m["end"]},
            {label: run},
        )
        for run in runs
    ]
    note = (
        f"the table is wide, a column per run ({number_of(len(runs), 'run')}): read as a row per "
        f"run and {listed(others) or 'row'}"
    )
    return WideShape(others, parts, [note, "__MIN and __MAX are left out"] if extremes else [note])


def _sizes(frame: pd.DataFrame) -> WideShape | None:
    """Recognise a column per size: 14b, 8b, 4b; loss_14b, loss_8b; pythia-70m; tokens by size."""
    found: dict[str, tuple[str, str, float]] = {}
    for name in map(str, frame.columns):
        match = _NAMED_SIZE.fullmatch(name.strip())
        if match is not None and _is_numeric(cells_of(frame, name)):
            metric = _metric_of(match["before"], match["after"])
            try:
                found[name] = metric, match["size"], parse_quantity(match["size"].replace(" ", ""))
            except BayescaleError:
                continue
    others = _others(frame, found)
    axes = _axes(frame, others)
    axis = "tokens" if "params" in axes else "params"
    metrics = _metrics({metric for metric, _, _ in found.values()}, axis)
    sizes = {size for _, _, size in found.values()}
    if len(found) < 2 or len(sizes) < len(found) / max(len(metrics), 1) or not axes & _AXES:
        return None
    if {axis, "loss"} & axes or not metrics or min(sizes) < _SMALLEST:
        return None
    value = _value(others)
    parts = []
    for label, size in dict.fromkeys((label, size) for _, label, size in found.values()):
        own = {n: metrics[m] or value for n, (m, _, s) in found.items() if s == size}
        named = next(iter(own)) if None in metrics.values() else label
        extra = {"run": named} if "run" not in axes and axis == "params" else {}
        parts.append(_Part(own, {**extra, axis: size}))
    notes = [
        f"the table is wide, a column per {'size' if axis == 'params' else 'number of tokens'} "
        f"({listed(map(repr, list(found)), limit=4)}): read as a row per value, with {axis} "
        "from the columns' names"
    ]
    if not all(metrics.values()):
        notes.append(
            f"what the values are is not said: they are in {value!r}; if they are losses, say "
            f"columns={{'loss': {value!r}}}"
        )
    return WideShape(others, parts, notes)


def _metric_of(before: str | None, after: str | None) -> str:
    """Name the metric by the words around a size; those of a model before it are left out."""
    metric = "_".join(part.strip() for part in (before, after) if part)
    model = before and after and not interpret(metric) and interpret(after.strip())
    return after.strip() if model and after and not is_outcome(before or "") else metric


def _metrics(named: set[str], axis: str) -> dict[str, str | None]:
    """Name the values by what the columns' names hold beside a size.

    ``""`` or None for values whose kind is not said, None where the name is that of a model. Empty
    where the names are those of different things.
    """
    meanings = {text: interpret(text) for text in named}
    metrics: dict[str, str | None] = {
        text: "" if meaning and meaning.name == axis else text
        for text, meaning in meanings.items()
        if not text or _is_result(text)
    }
    if not metrics and len(named) == 1:
        return dict.fromkeys(named)
    return metrics if len(metrics) == len(named) else {}


def _seeds(frame: pd.DataFrame) -> WideShape | None:
    """Recognise a column per seed: loss_seed0, loss_seed1."""
    found: dict[str, tuple[str, str]] = {}
    for name in map(str, frame.columns):
        match = _SEED.fullmatch(name.strip())
        if match is not None and _is_numeric(cells_of(frame, name)):
            metric = "_".join(p for p in (match["before"], match["after"]) if p)
            found[name] = metric, match["seed"]
    metrics = {metric for metric, _ in found.values()}
    seeds = list(dict.fromkeys(seed for _, seed in found.values()))
    others = _others(frame, found)
    known = _axes(frame, others)
    if len(seeds) < 2 or "seed" in others or not known & _AXES:
        return None
    if "loss" in known or not all(metric == "" or _is_result(metric) for metric in metrics):
        return None
    value = _value(others)
    parts = [
        _Part({n: m or value for n, (m, s) in found.items() if s == seed}, {"seed": int(seed)})
        for seed in seeds
    ]
    notes = [f"the table is wide, a column per seed ({len(seeds)} seeds): read as a row per seed"]
    if "" in metrics:
        notes.append(f"if the values are losses, say columns={{'loss': {value!r}}}")
    return WideShape(others, parts, notes)


def _is_result(name: str) -> bool:
    return is_outcome(name) or interpret(name) is not None


def _is_loss(name: str) -> bool:
    meaning = interpret(name)
    return meaning is not None and meaning.name == "loss"


def _others(frame: pd.DataFrame, found: Collection[str]) -> list[str]:
    return [name for name in map(str, frame.columns) if name not in found]


def _axes(frame: pd.DataFrame, names: list[str]) -> set[str]:
    """Name the quantities that columns are."""
    return {m.name for n in names if (m := meaning_of(cells_of(frame, n), n)) is not None}


def _filled(part: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """The rows that hold a value."""
    held = part.filter(metrics).notna().any(axis=1).to_numpy(bool)
    return rows_of(part, held)


def _value(others: list[str]) -> str:
    return MELTED if MELTED not in others else f"wide {MELTED}"


def _is_numeric(cells: pd.Series) -> bool:
    """Whether a column holds numbers, perhaps as text."""
    if pd.api.types.is_bool_dtype(cells):
        return False
    if pd.api.types.is_numeric_dtype(cells):
        return True
    present = cells.dropna()
    numbers = np.isfinite(to_numbers(present, "number")[0])
    return bool(len(present)) and float(np.mean(numbers)) > 0.5
