"""Numbers that cannot be what the name of their column says: nothing is filled from them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.data import derive
from bayescale.data.number_format import format_quantity
from bayescale.data.row_messages import cells_of

LITTLE_COMPUTE = 1e13
"""FLOP below which hardly any training run lies."""


FEW_TOKENS = 0.01
"""Tokens per parameter below which no training run lies."""


MANY_TOKENS = 20_000
"""Tokens per parameter above which no table of training runs lies in median."""


FEW = 1_000
"""A count whose median is below this is counted in another unit."""


_MOST = {"params": 1e15, "tokens": 1e16, "flops": 1e30}
"""No run has been larger."""


@dataclass(frozen=True)
class Doubt:
    """A column whose numbers cannot be what its name says."""

    name: str
    """The canonical name."""
    note: str
    """What is odd, and the right reading."""
    leave: bool = False
    """Whether the column is left as one of no quantity."""


def doubts(table: pd.DataFrame, chosen: Collection[str] = ()) -> Iterator[Doubt]:
    """Find the columns whose numbers cannot be what their names say.

    Parameters
    ----------
    table
        The canonical table, before anything is filled.
    chosen
        Quantities for which the user named a column: they are noted, and stay.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        yield from _doubts(table, chosen)


def _doubts(table: pd.DataFrame, chosen: Collection[str]) -> Iterator[Doubt]:
    values = {n: _numbers(table, n) for n in ("params", "tokens", "flops") if n in table}
    if "flops" in values and (note := _odd_compute(values)):
        leave = ("params" in values or "tokens" in values) and "flops" not in chosen
        more = "; it is not used, and nothing is filled from it" if leave else ""
        yield Doubt("flops", note + more, leave)
    for name in ("params", "tokens"):
        if name in values:
            yield from _odd_count(name, values[name])
    if "params" in values and "tokens" in values:
        ratio = _median(values["tokens"] / values["params"])
        small = _median(values["tokens"]) < 1e6 and _median(values["tokens"]) >= FEW
        if ratio < FEW_TOKENS and small:
            yield Doubt(
                "tokens",
                f"{ratio:.2g} tokens per parameter in median is no training run: check the units "
                "of tokens and params",
            )
        if ratio > MANY_TOKENS:
            yield Doubt(
                "tokens",
                f"{ratio:,.0f} tokens per parameter in median is more than any run: check the "
                "units and the decimal marks of tokens and params",
            )
    for name, most in _MOST.items():
        if name in values and _median(values[name]) > most:
            yield Doubt(
                name,
                f"{name} of {_median(values[name]):.2g} in median are beyond any run: check the "
                "unit in the column's name",
            )


def _odd_count(name: str, values: np.ndarray) -> Iterator[Doubt]:
    """Doubt counts that look like logarithms, or lack their unit."""
    found = values[np.isfinite(values)]
    if not found.size or not 0 < _median(found) < FEW:
        return
    low, high = float(found.min()), float(found.max())
    fractions = np.mean(found != np.round(found, 1))
    note = (
        f"{name} are small (median {_median(found):.3g}): if they are counted in "
        f"billions, say, name the column '{name} (B)'"
    )
    if low > 4 and high < 14 and fractions > 0.4:
        ends = (format_quantity(10.0**end) for end in (low, high))
        note = (
            f"{name} of {low:.4g} to {high:.4g} look like logarithms ({' to '.join(ends)}): name "
            f"the column 'log10_{name}', or say columns={{{name!r}: '10**{name}'}}; if they are "
            f"counted in billions, name it '{name} (B)'"
        )
    elif low > 14 and high < 35 and fractions > 0.4:
        ends = (format_quantity(float(np.exp(end))) for end in (low, high))
        note += (
            f"; of {low:.4g} to {high:.4g} they may be natural logarithms ({' to '.join(ends)}): "
            f"columns={{{name!r}: 'exp({name})'}}"
        )
    yield Doubt(name, note)


def _odd_compute(values: dict[str, np.ndarray]) -> str:
    """Say why compute cannot be that of training, "" where it can."""
    flops = values["flops"]
    middle = _median(flops)
    if not middle > 0:
        return ""
    text = f"flops of {middle:.2g} FLOP in median are no training run"
    readings = (
        "a rate (FLOP/s), or the cost of one token or forward pass? Training takes about "
        "6 * params * tokens"
    )
    params, tokens = values.get("params"), values.get("tokens")
    if params is None or not _median(params) >= FEW:
        return f"{text}: {readings}" if middle < LITTLE_COMPUTE and params is None else ""
    if tokens is not None:
        share = _median(flops / derive.flops(params, tokens))
        constant = _spread(flops) < 1.5 and _spread(params) > 3
        if share < 1e-3 and (middle < LITTLE_COMPUTE or constant):
            return f"{text}, {share:.2g} of 6 * params * tokens: {readings}"
        return ""
    ratio = derive.tokens(flops, params) / params
    if _median(ratio) < FEW_TOKENS or (middle < LITTLE_COMPUTE and _median(ratio) < 1):
        return f"{text} of these sizes ({_median(ratio):.2g} tokens per parameter): {readings}"
    low = float(np.nanmin(ratio)) if np.isfinite(ratio).any() else np.inf
    if _spread(flops) < 1.5 and _spread(params) > 3 and (low < 0.1 or middle < LITTLE_COMPUTE):
        return f"flops are nearly the same for all sizes ({middle:.2g} FLOP): {readings}"
    return ""


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    values = cells_of(table, name).to_numpy(float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _median(values: np.ndarray) -> float:
    found = values[np.isfinite(values)]
    return float(np.median(found)) if found.size else np.nan


def _spread(values: np.ndarray) -> float:
    found = values[np.isfinite(values)]
    return float(found.max() / found.min()) if found.size else 1.0
