"""Power laws in one input that level off: late, early, or on both sides."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, log, sigmoid, softplus
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio

NEWTON_STEPS = 6
"""Enough for an error of u below 1e-7 for any alpha above 0.05, and of rounding above 0.1."""


def log_odds(z: Value, alpha: Value) -> Value:
    """Solve a saturating power law, log u - alpha log(1 - u) = z, for u's log odds.

    In log odds s the left side is s + (alpha - 1) softplus(s): increasing, close to s below zero
    and to alpha s above, with a curvature of one sign. The gradient of the last step is that of
    the solution.
    """
    odds = z + (1 / alpha - 1) * softplus(z)
    for _ in range(NEWTON_STEPS):
        value = odds + (alpha - 1) * softplus(odds)
        odds = odds - (value - z) / (1 + (alpha - 1) * sigmoid(odds))
    return odds


class PowerLawSaturating(Law):
    r"""A power law that levels off at large inputs by itself, with no floor put in (M3).

    .. math:: L(x) = L_0 \left[ \frac{x_0 / x + g}{1 + g} \right]^{\gamma}
    """

    reference = "Alabdulmohsin et al. (2022), arXiv:2209.06640, M3"

    x = Input("tokens", about="data, parameters or compute")
    level = Positive(0.5, 2.0, of="target", about="loss at the reference point")
    exponent = Positive(0.02, 1.0, about="exponent at small inputs")
    g = Positive(0.001, 10.0, about="reference point, over the input at which the law levels off")

    @staticmethod
    def equation(x: Value, level: Value, exponent: Value, g: Value) -> Value:
        """Loss at relative input x."""
        return level * ((1 / x + g) / (1 + g)) ** exponent

    @staticmethod
    def coordinates(level: Value, exponent: Value, g: Value) -> tuple[Value, ...]:
        """Level, local log-slope, g."""
        return level, exponent - softplus(g), g

    @staticmethod
    def from_coordinates(level: Value, slope: Value, g: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return level, slope + softplus(g), g

    @staticmethod
    def derived(x: Value, level: Value, exponent: Value, g: Value) -> dict[str, Value]:
        """Alabdulmohsin's beta and gamma, L = beta (1/x + gamma)^exponent, and the limit E."""
        return {
            "beta": level * (x / (1 + g)) ** exponent,
            "gamma": g / x,
            "E": level * (g / (1 + g)) ** exponent,
        }


class PowerLawSigmoidal(Law):
    r"""A power law between two levels: that of guessing at first, a floor at last (M4).

    .. math:: \frac{L - E}{(L_{\max} - L)^{\alpha}} = \frac{c}{h^{\alpha}} (x / x_0)^{-\gamma},
              \quad L_{\max} = E + c + h
    """

    reference = "Alabdulmohsin et al. (2022), arXiv:2209.06640, M4"

    x = Input("tokens", about="data, parameters or compute")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    scale = Positive(0.02, 1.0, of="target", about="excess loss at the reference point")
    exponent = Positive(0.05, 0.8, about="exponent far from guessing")
    headroom = Positive(0.05, 3.0, of="target", about="from the loss there up to that of guessing")
    alpha = Positive(0.1, 4.0, about="how slowly the law leaves the level of guessing")

    @staticmethod
    def equation(
        x: Value, E: Value, scale: Value, exponent: Value, headroom: Value, alpha: Value
    ) -> Value:
        """Loss at relative input x."""
        room = scale + headroom
        z = log(scale / room) - alpha * log(headroom / room) - exponent * log(x)
        return E + room * sigmoid(log_odds(z, alpha))

    @staticmethod
    def coordinates(
        E: Value, scale: Value, exponent: Value, headroom: Value, alpha: Value
    ) -> tuple[Value, ...]:
        """Level, irreducible to reducible loss, local log-slope, headroom, alpha."""
        level, floor_ratio = total_ratio(E, scale)
        slope = exponent + scale - level - softplus(alpha + scale - headroom)
        return level, floor_ratio, slope, headroom, alpha

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, slope: Value, headroom: Value, alpha: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, scale = from_total_ratio(level, floor_ratio)
        exponent = slope - scale + level + softplus(alpha + scale - headroom)
        return E, scale, exponent, headroom, alpha

    @staticmethod
    def derived(
        x: Value, E: Value, scale: Value, exponent: Value, headroom: Value, alpha: Value
    ) -> dict[str, Value]:
        """Alabdulmohsin's beta, and the level of guessing."""
        return {
            "beta": scale / headroom**alpha * x**exponent,
            "L_max": E + scale + headroom,
        }


class PowerLawShifted(Law):
    r"""A power law above a floor that levels off at small inputs, where little is learnt.

    .. math:: \mathrm{Err}(C) = E + c \left[ \frac{C / C_0 + d}{1 + d} \right]^{-\gamma}
    """

    reference = "Zhai et al. (2022), arXiv:2106.04560"
    target = "error"

    C = Input("flops", about="training compute")
    E = Positive(0.15, 0.95, of="target", about="irreducible error")
    scale = Positive(0.1, 1.5, of="target", about="excess error at the reference point")
    exponent = Positive(0.05, 0.8, about="exponent at large compute")
    shift = Positive(0.0003, 1.0, about="shift of compute, relative to the reference point")

    @staticmethod
    def equation(C: Value, E: Value, scale: Value, exponent: Value, shift: Value) -> Value:
        """Error at relative compute C."""
        return E + scale * ((C + shift) / (1 + shift)) ** -exponent

    @staticmethod
    def coordinates(E: Value, scale: Value, exponent: Value, shift: Value) -> tuple[Value, ...]:
        """Level, irreducible to reducible error, local log-slope, shift."""
        level, floor_ratio = total_ratio(E, scale)
        return level, floor_ratio, exponent + scale - level - softplus(shift), shift

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, slope: Value, shift: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, scale = from_total_ratio(level, floor_ratio)
        return E, scale, slope - scale + level + softplus(shift), shift

    @staticmethod
    def derived(
        C: Value, E: Value, scale: Value, exponent: Value, shift: Value
    ) -> dict[str, Value]:
        """Zhai's b and d: Err = E + b (C + d)^-exponent."""
        return {"b": scale * (C * (1 + shift)) ** exponent, "d": shift * C}
