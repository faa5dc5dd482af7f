"""Numbers and intervals as people read them.

>>> fixed(1.8044)
'1.804'
>>> column_formatter([1.8044, 1.7787, 1.8])(" ")
'1.804 [1.779, 1.800]'
>>> column_formatter([700.9, 3.027, 11945.3])(" ")
'700.9 [3.027, 11945]'
>>> column_formatter([7.13e10, 6.5e10, 7.81e10], "count")(" ")
'71.3B [65B, 78.1B]'
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bayescale.data.aliases import KINDS
from bayescale.data.units import Kind

COUNTS = ("params", "tokens", "price")
"""Columns of counts, and of money, shown as 70B; a column of compute is shown as 5.76e+23."""


def fixed(value: float, digits: int = 4, like: float | None = None) -> str:
    """Write a number with ``digits`` significant digits, or as many decimals as ``like`` has."""
    scale = abs(value if like is None else like)
    if not (math.isfinite(value) and math.isfinite(scale)):
        return f"{value}"
    if scale == 0 or not 1e-4 <= scale < 1e6:
        return f"{value:.{digits - 1}g}"
    return f"{value:.{max(digits - 1 - math.floor(math.log10(scale)), 0)}f}"


_FORMATS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def format_quantity(value: float, digits: int = 3, kind: Kind = "count") -> str:
    """Write one number as people read it.

    Parameters
    ----------
    value
        The number: parameters, tokens, FLOP, ...
    digits
        Significant digits.
    kind
        ``count`` gives ``70B``; ``flops`` and ``number`` give ``5.76e+23``.

    Examples
    --------
    >>> format_quantity(70e9), format_quantity(1.4e12), format_quantity(5.76e23, kind="flops")
    ('70B', '1.4T', '5.76e+23')
    """
    if kind != "count" or not math.isfinite(value):
        return f"{value:.{digits}g}"
    rounded = float(f"{value:.{digits - 1}e}")
    if abs(rounded) < 1e15:
        for scale, suffix in _FORMATS:
            if abs(rounded) >= scale:
                return f"{rounded / scale:.{max(digits, 3)}g}{suffix}"
    return f"{rounded:.{max(digits, 3)}g}"


def column_formatter(
    numbers: Sequence[float], kind: str = "number", digits: int = 4
) -> Callable[[str], str]:
    """Format numbers for a table cell: median and interval, on one line or on two.

    Parameters
    ----------
    numbers : sequence of float
        Median, lower, upper.
    kind : str
        "count" for 70B, "number" for a plain number.
    digits : int
        Significant digits of the median of plain numbers; its interval has as many decimals, but
        for a bound of another order of magnitude.
    """
    if kind == "count":
        median, lower, upper = (format_quantity(value) for value in numbers)
    else:
        centre = numbers[0]
        median, lower, upper = (
            fixed(value, digits, centre if 0.1 < value / (centre or 1.0) < 10 else value)
            for value in numbers
        )
    return lambda separator: f"{median}{separator}[{lower}, {upper}]"


def coordinate(name: str, value: float) -> str:
    """Format a point's coordinate, a number, by the kind of its column."""
    if name in COUNTS or name.endswith(("params", "tokens")):
        return format_quantity(value)
    return format_quantity(value, kind="flops")


WIDE = 1.25
"""Ratio of upper to lower bound above which a count is written with two digits, not three."""


def kind_of(column: str) -> Kind:
    """Return the number format of the values of a canonical column."""
    return KINDS.get(column, "number")


def plain(value: float, width: float) -> str:
    """Write a number with two digits of the interval's width, and at least two of its own.

    >>> plain(2.03617, 0.03), plain(0.3419, 0.02), plain(1920.7, 2400.0), plain(8.3e13, 1e13)
    ('2.036', '0.342', '1,900', '8.3e+13')
    """
    if not math.isfinite(value):
        return "unbounded" if value == math.inf else "undefined"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    decimals = max(_decimals(width), _decimals(value))
    return f"{round(value, decimals):,.{min(max(decimals, 0), 6)}f}"


def _decimals(value: float) -> int:
    """Return the decimal place of the second significant digit."""
    return 1 - math.floor(math.log10(abs(value))) if value and math.isfinite(value) else -99


def format_value(value: float, kind: Kind, width: float = 0.0) -> str:
    """Write one number of a kind: ``73.6B``, ``5.76e+23 FLOP``, ``2.036``.

    >>> format_value(73.6e9, "count"), format_value(2.03617, "number", 0.03)
    ('73.6B', '2.036')
    """
    if kind == "number":
        return plain(value, width)
    return format_quantity(value, kind=kind) + (" FLOP" if kind == "flops" else "")


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


def percent(share: float, digits: int = 3) -> str:
    """Write a share in per cent, with so many significant digits.

    >>> percent(0.89), percent(0.0123, 2), percent(0.996, 2)
    ('89 %', '1.2 %', '100 %')
    """
    size = 100 * share
    whole = abs(size) >= 10 ** (digits - 1)
    return f"{size:.0f} %" if whole else f"{size:.{digits}g} %"


def whole_percent(share: float) -> str:
    """Write a share in whole per cent.

    >>> whole_percent(0.8949), whole_percent(0.003)
    ('89 %', '0 %')
    """
    return f"{100 * share:.0f} %"


def times(factor: float) -> str:
    """Write a ratio: ``10 times``, ``1,300 times``, ``0.25 times``.

    >>> times(10.0), times(1296.0), times(0.254)
    ('10 times', '1,300 times', '0.25 times')
    """
    rounded = float(f"{factor:.2g}")
    return f"{rounded:,.0f} times" if rounded >= 10 else f"{rounded:g} times"


def beside_largest(factor: float, what: str = "run") -> str:
    """Say how far a budget is from that of the largest run, or another value from the largest.

    >>> beside_largest(10.0), beside_largest(1.0, "value")
    ('10 times the largest fitted run', 'as much as the largest fitted value')
    """
    if 0.999 < factor < 1.001:
        return f"as much as the largest fitted {what}"
    return f"{times(factor)} the largest fitted {what}"


def beside_lowest(factor: float) -> str:
    """Say how far a loss is from the lowest fitted one.

    >>> beside_lowest(0.95), beside_lowest(1.0), beside_lowest(1.2)
    ('5 % below the lowest fitted one', 'the lowest fitted one', '20 % above the lowest fitted one')
    """
    if 0.999 < factor < 1.001:
        return "the lowest fitted one"
    side = "below" if factor < 1 else "above"
    return f"{percent(abs(factor - 1), 2)} {side} the lowest fitted one"


def number_of(number: int, noun: str) -> str:
    """Write a number of things.

    >>> number_of(1, "run"), number_of(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Format a list of names as prose does, the first ``limit`` of them.

    >>> listed(["E"]), listed(["E", "alpha", "beta"]), listed(["a", "b", "c", "d"], limit=2)
    ('E', 'E, alpha and beta', 'a, b and 2 more')
    """
    every = [str(name) for name in names]
    shown = every[:limit]
    if len(every) > limit:
        shown.append(f"{len(every) - limit} more")
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


LARGE = 1e6
"""Numbers from here on are written as counts: ``9.4B``."""


def with_interval(median: float, lower: float, upper: float) -> str:
    """Format the numbers of a median and its interval.

    >>> with_interval(0.3421, 0.3302, 0.3547), with_interval(9.352458e9, 8.1e9, 1.05e10)
    ('0.3421 [0.3302, 0.3547]', '9.35B [8.1B, 10.5B]')
    """
    kind = "count" if LARGE <= abs(median) < 1e15 else "number"
    return column_formatter([median, lower, upper], kind)(" ")


class Estimate(NamedTuple):
    """A credible interval of one number: its posterior median and bounds."""

    median: float
    lower: float
    upper: float


def bounds(shown: Estimate, kind: Kind = "number") -> str:
    """Write the bounds of an interval: ``66.2B to 81.5B``."""
    return " to ".join(_three(shown, kind)[1:])


def middle(shown: Estimate, kind: Kind = "number", unit: str = "") -> str:
    """Write an interval's median, with the digits that its width leaves: ``2.036 nats/token``."""
    return f"{_three(shown, kind)[0]} {unit}".rstrip()


def with_bounds(shown: Estimate, kind: Kind = "number", unit: str = "", level: str = "") -> str:
    """Write a median with its credible interval, which ``level`` may introduce.

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
