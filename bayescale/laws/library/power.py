"""Power laws in one input, and Rosenfeld's error law from guessing to the floor."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, softplus, sqrt
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import (
    from_total_ratio,
    from_two_power_laws,
    of_two_power_laws,
    total_ratio,
)


class PowerLaw(Law):
    r"""A pure power law in one input, with no irreducible loss.

    .. math:: L(x) = c \, (x / x_0)^{-\gamma}
    """

    reference = "Kaplan et al. (2020), arXiv:2001.08361, eqs. 1.1 to 1.3"

    x = Input("flops", about="parameters, tokens or compute")
    scale = Positive(0.5, 2.0, of="target", about="loss at the reference point")
    exponent = Positive(0.02, 0.8, about="exponent")

    @staticmethod
    def equation(x: Value, scale: Value, exponent: Value) -> Value:
        """Loss at relative input x."""
        return scale * x**-exponent

    @staticmethod
    def derived(x: Value, scale: Value, exponent: Value) -> dict[str, Value]:
        """Kaplan's x_c, at which the loss would be one: L = (x_c / x)^exponent."""
        return {"x_c": x * scale ** (1 / exponent)}


class PowerLawFloor(Law):
    r"""A power law in one input above an irreducible loss.

    .. math:: L(x) = E + c \, (x / x_0)^{-\gamma}
    """

    reference = "Hestness et al. (2017), arXiv:1712.00409; Henighan et al. (2020), arXiv:2010.14701"

    x = Input("flops", about="parameters, tokens or compute")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    scale = Positive(0.02, 1.0, of="target", about="excess loss at the reference point")
    exponent = Positive(0.05, 0.8, about="exponent")

    @staticmethod
    def equation(x: Value, E: Value, scale: Value, exponent: Value) -> Value:
        """Loss at relative input x."""
        return E + scale * x**-exponent

    @staticmethod
    def coordinates(E: Value, scale: Value, exponent: Value) -> tuple[Value, ...]:
        """Level, irreducible to reducible loss, local log-slope."""
        level, floor_ratio = total_ratio(E, scale)
        return level, floor_ratio, exponent + scale - level

    @staticmethod
    def from_coordinates(level: Value, floor_ratio: Value, slope: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, scale = from_total_ratio(level, floor_ratio)
        return E, scale, slope - scale + level

    @staticmethod
    def derived(x: Value, E: Value, scale: Value, exponent: Value) -> dict[str, Value]:
        """Henighan's x_0: L = E + (x_0 / x)^exponent."""
        return {"x_0": x * scale ** (1 / exponent)}


class Rosenfeld(Law):
    r"""Power laws in size and data above a floor, which bend into the error of guessing.

    The paper writes z and a scale eta, of which only ratios matter; here u = z epsilon_0 / eta is
    the error itself wherever it is far below the error of guessing.

    .. math:: \epsilon(N, D) = \frac{u}{\sqrt{1 + (u / \epsilon_0)^2}}, \quad
              u = c + a \, (N / N_0)^{-\alpha} + b \, (D / D_0)^{-\beta}
    """

    reference = "Rosenfeld et al. (2020), arXiv:1909.12673"
    target = "error"

    N = Input("params", about="model parameters")
    D = Input("examples", about="training examples or tokens", span=(1e4, 1e7))
    e0 = Positive(1.2, 10.0, of="target", about="error of guessing")
    c = Positive(0.1, 1.0, of="target", about="error at unlimited size and data")
    a = Positive(0.05, 1.0, of="target", about="excess error due to size, at the reference point")
    alpha = Positive(0.1, 1.5, about="size exponent")
    b = Positive(0.05, 1.0, of="target", about="excess error due to data, at the reference point")
    beta = Positive(0.1, 1.5, about="data exponent")

    @staticmethod
    def equation(
        N: Value, D: Value, e0: Value, c: Value, a: Value, alpha: Value, b: Value, beta: Value
    ) -> Value:
        """Error at relative size N and relative data D."""
        u = c + a * N**-alpha + b * D**-beta
        return u / sqrt(1 + (u / e0) ** 2)

    @staticmethod
    def coordinates(
        e0: Value, c: Value, a: Value, alpha: Value, b: Value, beta: Value
    ) -> tuple[Value, ...]:
        """How far the bend has come, u / e0; those of Chinchilla's law, of the bent curve."""
        level, floor_ratio, share, slope, slope_ratio = of_two_power_laws(c, a, alpha, b, beta)
        bend = softplus(2 * (level - e0))
        return level - e0, level - bend / 2, floor_ratio, share, slope - bend, slope_ratio

    @staticmethod
    def from_coordinates(
        ratio: Value,
        bent: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        bend = softplus(2 * ratio)
        level = bent + bend / 2
        unbent = from_two_power_laws(level, floor_ratio, share, slope + bend, slope_ratio)
        return level - ratio, *unbent
