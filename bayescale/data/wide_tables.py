"""Wide tables, with a column per run, size or seed, as tables of one row per value."""

import re
from collections.abc import Collection
from typing import cast

import numpy as np
import pandas as pd

from bayescale.data import limits
from bayescale.data.aliases import interpret
from bayescale.data.convert import to_numbers
from bayescale.data.limits import refuse_large
from bayescale.data.number_format import listed
from bayescale.data.row_messages import cells_of, rows_of
from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError

_PANEL = re.compile(r"(?P<run>.+?) - (?P<metric>[^-]+?)(?P<end>__MIN|__MAX)?")
"""A column of a panel that Weights & Biases exports."""


_SIZE = re.compile(
    r"\d+(?:\.\d+)?\s*(?:[kmbt]|million|billion|trillion)|\d+(?:\.\d+)?e\d+|\d{6,}", re.I
)


_NAMED_SIZE = re.compile(
    rf"(?:(?P<before>[a-z][\w./ ]*?)[\s_./-]*)?(?<![a-z0-9])(?P<size>{_SIZE.pattern})(?![a-z0-9])"
    r"(?:[\s_./-]+(?P<after>[a-z][\w./ ]*))?",
    re.IGNORECASE,
)


_SEED = re.compile(
    r"(?:(?P<before>.*?)[\s_./-]*)?(?<![a-z])(?:seed|rep|replicate)[\s_-]?(?P<seed>\d+)"
    r"(?:[\s_./-]+(?P<after>.+))?",
    re.IGNORECASE,
)


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
    for way in (_panel, _sizes, _seeds):
        found = way(frame)
        if found is not None and not set(chosen) & set(found[2]):
            return found[0], found[1]
    return frame, []


def is_panel(frame: pd.DataFrame) -> bool:
    """Whether a table is a panel of Weights & Biases, with a column per run and metric."""
    return _panel_columns(frame) is not None


type _Melted = tuple[pd.DataFrame, list[str], list[str]]
"""The long table, what is said of it, and the columns that were melted."""


def _panel_columns(frame: pd.DataFrame) -> dict[str, re.Match[str]] | None:
    """Take the columns of a panel apart, None where the table is none."""
    found = {n: m for n in map(str, frame.columns) if (m := _PANEL.fullmatch(n)) is not None}
    extremes = any(match["end"] for match in found.values())
    panel = found and len(frame.columns) - len(found) <= 3 and (extremes or len(found) > 2)
    return found if panel else None


def _panel(frame: pd.DataFrame) -> _Melted | None:
    """Recognise a panel: ``run - metric``, and its ``__MIN`` and ``__MAX``."""
    found = _panel_columns(frame)
    if found is None:
        return None
    others = [str(name) for name in frame.columns if str(name) not in found]
    extremes = any(match["end"] for match in found.values())
    parts, runs = [], list(dict.fromkeys(m["run"] for m in found.values()))
    _limit(len(frame) * len(runs))
    for run in runs:
        own = {n: m["metric"] for n, m in found.items() if m["run"] == run and not m["end"]}
        part = _renamed(frame, others, own)
        part = _filled(part, list(own.values()))
        parts.append(part.assign(run=run))
    label = "run" if "run" not in others else "panel run"
    long = _stack(parts).rename(columns={"run": label} if label != "run" else {})
    note = (
        f"the table is wide, a column per run ({len(runs)} runs): read as a row per run and "
        f"{listed(others) or 'row'}"
    )
    notes = [note, "__MIN and __MAX are left out"] if extremes else [note]
    return long, notes, list(found)


def _sizes(frame: pd.DataFrame) -> _Melted | None:
    """Recognise a column per size: 14b, 8b, 4b; loss_14b, loss_8b; tokens by size."""
    found: dict[str, tuple[str, str, float]] = {}
    for name in map(str, frame.columns):
        match = _NAMED_SIZE.fullmatch(name.strip())
        if match is not None and _is_numeric(cells_of(frame, name)):
            metric = "_".join(p for p in (match["before"], match["after"]) if p)
            try:
                found[name] = metric, match["size"], parse_quantity(match["size"].replace(" ", ""))
            except BayescaleError:
                continue
    metrics = {metric for metric, _, _ in found.values()}
    others = [str(name) for name in frame.columns if str(name) not in found]
    axes = {m.name for n in others if (m := interpret(n)) is not None}
    sizes = {size for _, _, size in found.values()}
    if len(found) < 2 or len(sizes) < len(found) / max(len(metrics), 1) or not axes & _AXES:
        return None
    axis = "tokens" if "params" in axes else "params"
    if axis in axes or any(metric and interpret(metric) is None for metric in metrics):
        return None
    _limit(len(frame) * len(sizes))
    parts = []
    for label, size in dict.fromkeys((label, size) for _, label, size in found.values()):
        own = {n: m or _value(others) for n, (m, _, s) in found.items() if s == size}
        part = _renamed(frame, others, own)
        part = _filled(part, list(own.values()))
        extra = {"run": label} if "run" not in axes and axis == "params" else {}
        parts.append(part.assign(**extra, **{axis: size}))
    notes = [
        f"the table is wide, a column per {'size' if axis == 'params' else 'number of tokens'} "
        f"({listed(map(repr, list(found)), limit=4)}): read as a row per value, with {axis} "
        "from the columns' names"
    ]
    if "" in metrics:
        value = _value(others)
        notes.append(
            f"what the values are is not said: they are in {value!r}; if they are losses, say "
            f"columns={{'loss': {value!r}}}"
        )
    return _stack(parts), notes, list(found)


_AXES = {"params", "tokens", "flops", "step", "run"}


def _seeds(frame: pd.DataFrame) -> _Melted | None:
    """Recognise a column per seed: loss_seed0, loss_seed1."""
    found: dict[str, tuple[str, str]] = {}
    for name in map(str, frame.columns):
        match = _SEED.fullmatch(name.strip())
        if match is not None and _is_numeric(cells_of(frame, name)):
            metric = "_".join(p for p in (match["before"], match["after"]) if p)
            found[name] = metric, match["seed"]
    metrics = {metric for metric, _ in found.values()}
    seeds = list(dict.fromkeys(seed for _, seed in found.values()))
    others = [str(name) for name in frame.columns if str(name) not in found]
    known = {m.name for n in others if (m := interpret(n)) is not None}
    if len(seeds) < 2 or "seed" in others or not known & _AXES:
        return None
    named = any((m := interpret(metric)) is not None and m.name == "loss" for metric in metrics)
    if named and "loss" in known:
        return None
    _limit(len(frame) * len(seeds))
    parts = []
    for seed in seeds:
        own = {n: m or _value(others) for n, (m, s) in found.items() if s == seed}
        part = _renamed(frame, others, own)
        part = _filled(part, list(own.values()))
        parts.append(part.assign(seed=int(seed)))
    notes = [f"the table is wide, a column per seed ({len(seeds)} seeds): read as a row per seed"]
    if "" in metrics:
        value = _value(others)
        notes.append(f"if the values are losses, say columns={{'loss': {value!r}}}")
    return _stack(parts), notes, list(found)


def _stack(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the parts one below the other; the rows are numbered anew."""
    long = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    long.index = pd.RangeIndex(1, len(long) + 1, name="row")
    return cast(pd.DataFrame, long)


def _renamed(frame: pd.DataFrame, kept: list[str], own: dict[str, str]) -> pd.DataFrame:
    """The columns that stay, and those of one run, size or seed under the name of their metric."""
    return frame.filter([*kept, *own]).rename(columns=own)


def _filled(part: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """The rows that hold a value."""
    held = part.filter(metrics).notna().any(axis=1).to_numpy(bool)
    return rows_of(part, held)


def _limit(rows: int) -> None:
    if rows > limits.MAX_ROWS:
        raise refuse_large("the wide table, with a row per value,", rows)


def _value(others: list[str]) -> str:
    return "value" if "value" not in others else "wide value"


def _is_numeric(cells: pd.Series) -> bool:
    """Whether a column holds numbers, perhaps as text."""
    if pd.api.types.is_bool_dtype(cells):
        return False
    if pd.api.types.is_numeric_dtype(cells):
        return True
    present = cells.dropna()
    numbers = np.isfinite(to_numbers(present, "number")[0])
    return bool(len(present)) and float(np.mean(numbers)) > 0.5
