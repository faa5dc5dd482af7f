"""Numbers with their intervals, as people read them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import xarray as xr

from bayescale.analysis.intervals import interval
from bayescale.quantities import Kind, format_quantity
from bayescale.runs.aliases import KINDS

WIDE = 1.25
"""Ratio of upper to lower bound above which a count is written with two digits, not three."""


class Estimate(NamedTuple):
    """A posterior median and the bounds of its credible interval."""

    median: float
    lower: float
    upper: float


def estimate(draws: xr.DataArray, ci_prob: float | None = None) -> Estimate:
    """Summarise draws of one number, dims (chain, draw)."""
    found = interval(draws, ci_prob)
    return Estimate(*(float(found[name]) for name in Estimate._fields))


def kind_of(column: str) -> Kind:
    """Return how the values of a canonical column are written."""
    return KINDS.get(column, "number")


def plain(value: float, width: float) -> str:
    """Write a number with two digits of the interval's width, and at least two of its own.

    >>> plain(2.03617, 0.03), plain(0.3419, 0.02), plain(1920.7, 2400.0), plain(8.3e13, 1e13)
    ('2.036', '0.342', '1,900', '8.3e+13')
    """
    if not math.isfinite(value):
        return "unbounded" if value > 0 else "undefined"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    decimals = max(_decimals(width), _decimals(value))
    return f"{round(value, decimals):,.{min(max(decimals, 0), 6)}f}"


def _decimals(value: float) -> int:
    """Return the decimal place of the second significant digit."""
    return 1 - math.floor(math.log10(abs(value))) if value and math.isfinite(value) else -99


def spell(value: float, kind: Kind, width: float = 0.0) -> str:
    """Write one number of a kind: ``73.6B``, ``5.76e+23 FLOP``, ``2.036``.

    >>> spell(73.6e9, "count"), spell(5.76e23, "flops"), spell(2.03617, "number", 0.03)
    ('73.6B', '5.76e+23 FLOP', '2.036')
    """
    if kind == "number":
        return plain(value, width)
    return format_quantity(value, kind=kind) + (" FLOP" if kind == "flops" else "")


def bounds(shown: Estimate, kind: Kind = "number") -> str:
    """Write the bounds of an interval: ``66.2B to 81.5B``."""
    return " to ".join(_three(shown, kind)[1:])


def middle(shown: Estimate, kind: Kind = "number", unit: str = "") -> str:
    """Write a median, with the digits its interval leaves: ``2.036 nats/token``."""
    return f"{_three(shown, kind)[0]} {unit}".rstrip()


def with_bounds(shown: Estimate, kind: Kind = "number", unit: str = "", level: str = "") -> str:
    """Write a median with its interval, which ``level`` may introduce.

    >>> with_bounds(Estimate(2.0362, 2.0213, 2.0504), unit="nats/token")
    '2.036 nats/token (2.021 to 2.050)'
    >>> with_bounds(Estimate(73.6e9, 61.2e9, 89.9e9), "count", "tokens", level="89 % interval")
    '74B tokens (89 % interval 61B to 90B)'
    """
    return f"{middle(shown, kind, unit)} ({f'{level} {bounds(shown, kind)}'.lstrip()})"


def _three(shown: Estimate, kind: Kind) -> list[str]:
    if kind == "number":
        width = shown.upper - shown.lower
        width = width if math.isfinite(width) else abs(shown.median)
        return [plain(value, width) for value in shown]
    wide = shown.lower <= 0 or shown.upper / shown.lower > WIDE
    return [format_quantity(value, 2 if wide else 3, kind) for value in shown]


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign: ``+0.67``, ``−6.4``.

    >>> signed(0.671), signed(-6.41, 1)
    ('+0.67', '−6.4')
    """
    return f"{value:+.{digits}f}".replace("-", "−")


def relative(error: float) -> str:
    """Write a relative error in per cent, with two digits: ``0.48 %``, ``12 %``.

    >>> relative(0.00478), relative(0.1234)
    ('0.48 %', '12 %')
    """
    size = abs(100 * error)
    return f"{100 * error:.{0 if size >= 10 else 1 if size >= 1 else 2}f} %"


def times(factor: float) -> str:
    """Write a ratio: ``10 times``, ``1,300 times``, ``0.25 times``.

    >>> times(10.0), times(1296.0), times(0.254)
    ('10 times', '1,300 times', '0.25 times')
    """
    rounded = float(f"{factor:.2g}")
    return f"{rounded:,.0f} times" if rounded >= 10 else f"{rounded:g} times"


def listed(names: Sequence[str], limit: int = 12) -> str:
    """Join names as prose does, the first ``limit`` of them.

    >>> listed(["E"]), listed(["E", "alpha", "beta"]), listed(["a", "b", "c", "d"], limit=2)
    ('E', 'E, alpha and beta', 'a, b and 2 more')
    """
    shown = list(names[:limit])
    if len(names) > limit:
        shown.append(f"{len(names) - limit} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
