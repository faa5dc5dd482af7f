"""A small picture of a run table, for notebooks: each run by size and data, and shared budgets."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from bayescale.data import derive
from bayescale.data.compute_budgets import shared_budgets
from bayescale.data.limits import LARGEST
from bayescale.data.number_format import format_quantity
from bayescale.data.row_messages import rows_of

_LEFT, _TOP, _WIDTH, _HEIGHT = 52, 26, 340, 230
"""Where the panel is, in pixels."""


_MARGIN = 0.06
"""Empty share of the panel on each side."""


_MOST_BUDGETS = 6
"""Lines of equal compute."""


_MANY = 300
"""Runs beyond which points are small, one per pixel."""


_COLOURS = np.array([[253, 231, 37], [33, 145, 140], [68, 1, 84]])
"""From the highest loss to the lowest."""


def runs_svg(table: pd.DataFrame) -> str:
    """Draw the runs over params and tokens, coloured by loss, as SVG.

    Parameters
    ----------
    table
        The canonical table.

    Returns
    -------
    str
        The picture; "" where the runs have no params and tokens that differ.
    """
    if not {"params", "tokens"} <= {*table}:
        return ""
    runs = table[["params", "tokens"]].to_numpy(float)
    loss = table["loss"].to_numpy(float) if "loss" in table else np.ones(len(table))
    known = ((runs > 1 / LARGEST) & (runs < LARGEST)).all(axis=1) & np.isfinite(loss)
    if not known.any() or (np.ptp(runs[known], axis=0) == 0).any():
        return ""
    params, tokens = runs[known].T
    across, up = _Axis(params, _LEFT, _WIDTH), _Axis(tokens, _TOP + _HEIGHT, -_HEIGHT)
    parts = [
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" '
        'stroke="#999"/>',
        *_ticks(across, up),
        *_budgets(derive.flops(params, tokens)[_ends(rows_of(table, known))], across, up),
        *_points(across.at(params), up.at(tokens), loss[known]),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 60}" '
        f'height="{_TOP + _HEIGHT + 40}" font-family="sans-serif" font-size="11" fill="#333" '
        f'style="background:white">{"".join(parts)}</svg>'
    )


def _ends(table: pd.DataFrame) -> np.ndarray:
    """Return the places of the last rows of runs: checkpoints share no budget but by chance."""
    if "run" not in table:
        return np.arange(len(table))
    tokens = pd.Series(table["tokens"].to_numpy(float))
    return tokens.groupby(table["run"].to_numpy(), dropna=False).idxmax().to_numpy(int)


class _Axis:
    """A logarithmic axis: where it begins on the page, and how far it goes."""

    def __init__(self, values: np.ndarray, start: float, length: float) -> None:
        ends = np.log10([values.min(), values.max()])
        self.low, self.high = ends + np.array([-1, 1]) * _MARGIN * np.ptp(ends)
        self._start, self._length = start, length

    def at(self, values: np.ndarray) -> np.ndarray:
        """Return where values are on the page."""
        share = (np.log10(values) - self.low) / (self.high - self.low)
        return np.round(self._start + self._length * share, 1)

    def ticks(self) -> np.ndarray:
        """Return some round numbers: powers of ten, or also two and five times them."""
        powers = 10.0 ** np.arange(np.floor(self.low), self.high)
        finer = np.sort(np.concatenate([powers, 2 * powers, 5 * powers]))
        inside = [t[(t >= 10**self.low) & (t <= 10**self.high)] for t in (powers, finer)]
        return inside[0] if len(inside[0]) > 2 else inside[1]


def _ticks(across: _Axis, up: _Axis) -> Iterator[str]:
    """Draw the numbers and names of both axes."""
    bottom, middle = _TOP + _HEIGHT, _LEFT + _WIDTH / 2
    for value, x in zip(across.ticks(), across.at(across.ticks()), strict=True):
        text = format_quantity(value)
        yield f'<text x="{x}" y="{bottom + 15}" text-anchor="middle">{text}</text>'
    for value, y in zip(up.ticks(), up.at(up.ticks()), strict=True):
        text = format_quantity(value)
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{text}</text>'
    yield f'<text x="{middle}" y="{bottom + 32}" text-anchor="middle">parameters</text>'
    yield f'<text x="{_LEFT - 6}" y="{_TOP - 8}" text-anchor="end">tokens</text>'


def _budgets(flops: np.ndarray, across: _Axis, up: _Axis) -> Iterator[str]:
    """Draw a line of equal compute for budgets that runs share, named at its end."""
    shared, right = shared_budgets(flops), _LEFT + _WIDTH
    chosen = np.linspace(0, len(shared) - 1, min(_MOST_BUDGETS, len(shared))).round().astype(int)
    for budget in shared[chosen]:
        size = derive.params(budget, 10.0 ** np.array([up.high, up.low]))
        size = np.clip(size, 10**across.low, 10**across.high)
        (x1, x2), (y1, y2) = across.at(size), up.at(derive.tokens(budget, size))
        yield (
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#888" stroke-dasharray="4 3"/>'
        )
        if y1 <= _TOP + 1:
            x, y, anchor = x1, _TOP - 6, "middle"
        else:
            x, y, anchor = x2 + 4, y2 + (4 if x2 >= right - 1 else -5), "start"
        yield f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#777">{budget:.2g}</text>'
    if len(shared):
        yield f'<text x="{right + 6}" y="{_TOP - 6}" fill="#777">FLOP</text>'


def _points(x: np.ndarray, y: np.ndarray, loss: np.ndarray) -> Iterator[str]:
    """Draw the runs, of several at one place the last one, and say what the colours are."""
    levels, ranks = np.unique(-loss, return_inverse=True)
    share = ranks / max(len(levels) - 1, 1)
    colours = zip(*(np.interp(share, [0, 0.5, 1], c).astype(int) for c in _COLOURS.T), strict=True)
    many = len(x) > _MANY
    places = zip(
        (x.round() if many else x).tolist(), (y.round() if many else y).tolist(), strict=True
    )
    for place, colour in dict(zip(places, colours, strict=True)).items():
        yield _dot(*place, colour, 1.5 if many else 3.5)
    if len(levels) > 1:
        right, line = _LEFT + _WIDTH, _TOP + _HEIGHT + 32
        yield f'<text x="{right - 92}" y="{line}">loss {-levels[-1]:.3g} to {-levels[0]:.3g}</text>'
        yield _dot(right - 108, line - 4, _COLOURS[2], 3.5)
        yield _dot(right - 100, line - 4, _COLOURS[0], 3.5)


def _dot(x: float, y: float, colour: Iterable[int], radius: float) -> str:
    text = ",".join(map(str, colour))
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="rgb({text})"/>'
