"""Numbers and intervals as people read them.

>>> fixed(1.8044)
'1.804'
>>> spell([1.8044, 1.7787, 1.8])(" ")
'1.804 [1.779, 1.800]'
>>> spell([700.9, 3.027, 11945.3])(" ")
'700.9 [3.027, 11945]'
>>> spell([7.13e10, 6.5e10, 7.81e10], "count")(" ")
'71.3B [65B, 78.1B]'
"""

import math
from collections.abc import Callable, Sequence

from bayescale.quantities import format_quantity

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


def spell(numbers: Sequence[float], kind: str = "number", digits: int = 4) -> Callable[[str], str]:
    """Return a cell for a table: median and interval, on one line or on two.

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
    """Write a point's coordinate by the kind of its column."""
    if name in COUNTS or name.endswith(("params", "tokens")):
        return format_quantity(value)
    return format_quantity(value, kind="flops")


def heading(width: float) -> str:
    """Say what the numbers of an interval column are: ``median [89 % interval]``."""
    return f"median [{100 * width:.4g} % interval]"
