"""Changes of coordinates that laws share, on the link scale and preserving volume.

The runs see sums well and summands badly: the level E + a + b of a loss is known to a fraction of
a per cent when E alone is not, and the local slope alpha a / (E + a + b) of log loss in log size
when alpha alone is not. A law therefore names coordinates made of totals, ratios and local slopes.
Each map has a Jacobian determinant of one in absolute value (a slope is a shear on the link scale:
its logarithm is that of alpha plus terms in the others), so priors need no correction and stay
where they were put.

>>> from bayescale.laws.transforms import from_total_ratio, total_ratio
>>> total, ratio = total_ratio(0.5, -1.0)
>>> [round(float(x), 12) for x in from_total_ratio(total, ratio)]
[0.5, -1.0]
"""

from bayescale.laws.functions import Value, logaddexp, softplus


def total_ratio(log_x: Value, log_y: Value) -> tuple[Value, Value]:
    """Transform (log x, log y) to (log (x + y), log (x / y))."""
    return logaddexp(log_x, log_y), log_x - log_y


def from_total_ratio(log_total: Value, log_ratio: Value) -> tuple[Value, Value]:
    """Transform (log (x + y), log (x / y)) back to (log x, log y)."""
    return log_total - softplus(-log_ratio), log_total - softplus(log_ratio)


def of_two_power_laws(E: Value, a: Value, alpha: Value, b: Value, beta: Value) -> tuple[Value, ...]:
    """Transform the logs of E + a n^-alpha + b d^-beta's parameters to what runs see of it.

    Returns
    -------
    tuple of five
        Level E + a + b, floor E over reducible loss a + b, a over b, the local log-slope in n and d
        together, and its split between them; all as logarithms.
    """
    reducible, share = total_ratio(a, b)
    level, floor_ratio = total_ratio(E, reducible)
    return level, floor_ratio, share, *total_ratio(alpha + a - level, beta + b - level)


def from_two_power_laws(
    level: Value, floor_ratio: Value, share: Value, slope: Value, slope_ratio: Value
) -> tuple[Value, ...]:
    """Invert :func:`of_two_power_laws`; returns the logs of E, a, alpha, b, beta."""
    slope_n, slope_d = from_total_ratio(slope, slope_ratio)
    E, reducible = from_total_ratio(level, floor_ratio)
    a, b = from_total_ratio(reducible, share)
    return E, a, slope_n - a + level, b, slope_d - b + level
