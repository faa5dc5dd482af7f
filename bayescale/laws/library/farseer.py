"""Farseer: floor, data term and data exponent that all change with the size of the model."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, expm1, log, sigmoid, where
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real
from bayescale.laws.transforms import from_total_ratio, total_ratio


def _bent_log(N: Value, g: Value) -> Value:
    """(N^g - 1) / g: the logarithm of N where g is 0, bent upwards where it is positive."""
    line = log(N)
    y = g * line
    flat = abs(y) < 1e-5
    safe = where(flat, 1.0, y)
    return line * where(flat, 1 + y / 2, expm1(safe) / safe)


class Farseer(Law):
    r"""A power law in tokens whose floor, amplitude and exponent are functions of size.

    Each is the exponential of a power of N plus a constant, written by its value at the
    reference size, its log-slope s there, and the bend g: 0 is a plain power of N. The paper puts
    the amplitude at one token, and so depends on the unit of D; here it is at the reference data.

    .. math:: L(N, D) = E \, e^{s_E h(N, g_E)} + b \, e^{s_b h(N, g_b)}
              (D / D_0)^{-\beta \exp(s_\beta h(N, g_\beta))}, \quad
              h(N, g) = \frac{(N / N_0)^g - 1}{g}
    """

    reference = "Li et al. (2025), arXiv:2506.10972 (Farseer)"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="loss at unlimited data, reference size")
    s_E = Real(-0.4, 0.05, about="log-slope of that floor in size")
    g_E = Real(-0.3, 0.3, about="its bend")
    b = Positive(0.02, 1.0, of="target", about="excess loss at the reference point")
    s_b = Real(-0.5, 0.5, about="log-slope of that excess loss in size")
    g_b = Real(-0.3, 0.3, about="its bend")
    beta = Positive(0.1, 0.8, about="data exponent at the reference size")
    s_beta = Real(-0.4, 0.4, about="log-slope of the data exponent in size")
    g_beta = Real(-0.3, 0.3, about="its bend")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        E: Value,
        s_E: Value,
        g_E: Value,
        b: Value,
        s_b: Value,
        g_b: Value,
        beta: Value,
        s_beta: Value,
        g_beta: Value,
    ) -> Value:
        """Loss at relative size N and relative tokens D."""
        floor = E * exp(s_E * _bent_log(N, g_E))
        exponent = beta * exp(s_beta * _bent_log(N, g_beta))
        return floor + b * exp(s_b * _bent_log(N, g_b) - exponent * log(D))

    @staticmethod
    def coordinates(
        E: Value,
        s_E: Value,
        g_E: Value,
        b: Value,
        s_b: Value,
        g_b: Value,
        beta: Value,
        s_beta: Value,
        g_beta: Value,
    ) -> tuple[Value, ...]:
        """Level, floor to excess loss, log-slope in data; slope in size and its split; the rest."""
        level, floor_ratio = total_ratio(E, b)
        share = sigmoid(floor_ratio)
        slope = share * s_E + (1 - share) * s_b
        return level, slope, g_E, floor_ratio, s_b - s_E, g_b, beta + b - level, s_beta, g_beta

    @staticmethod
    def from_coordinates(
        level: Value,
        slope: Value,
        g_E: Value,
        floor_ratio: Value,
        gap: Value,
        g_b: Value,
        slope_d: Value,
        s_beta: Value,
        g_beta: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, b = from_total_ratio(level, floor_ratio)
        share = sigmoid(floor_ratio)
        s_E = slope - (1 - share) * gap
        return E, s_E, g_E, b, s_E + gap, g_b, slope_d - b + level, s_beta, g_beta
