"""Loss against compute: isoFLOP parabolas (Hoffmann's second approach), and over-training."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, log, sqrt
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio


class Isoflop(Law):
    r"""At each budget a parabola in log size, whose minimum moves as a power of compute.

    The curvature is a constant share of the reducible loss. That is what Chinchilla's law implies:
    there :math:`\kappa = \alpha \beta` and :math:`\gamma = \alpha \beta / (\alpha + \beta)`. Far
    from the minimum the loss is no parabola, and sizes that lie mostly on one side of it bias the
    exponent: use runs within a factor of about ten.

    .. math:: L(N, C) = E + r \, (C / C_0)^{-\gamma}
              \left[ 1 + \frac{\kappa}{2} \ln^2 \frac{N}{N^*(C)} \right], \quad
              N^*(C) = n \, N_0 \, (C / C_0)^{a}
    """

    reference = "Hoffmann et al. (2022), arXiv:2203.15556, sec. 3.2 (approach 2)"

    N = Input("params", about="model parameters")
    C = Input("flops", about="training compute")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    r = Positive(0.03, 1.2, of="target", about="excess loss of the best model at reference compute")
    gamma = Positive(0.03, 0.4, about="exponent of that excess loss in compute")
    kappa = Positive(0.02, 0.5, about="curvature in log size, as a share of the excess loss")
    n = Positive(0.2, 5.0, about="best size at reference compute, over the reference size")
    a = Fraction(0.2, 0.9, about="exponent of the best size in compute")

    @staticmethod
    def equation(
        N: Value, C: Value, E: Value, r: Value, gamma: Value, kappa: Value, n: Value, a: Value
    ) -> Value:
        """Loss at relative size N and relative compute C."""
        off = log(N) - log(n) - a * log(C)
        return E + r * C**-gamma * (1 + kappa / 2 * off**2)

    @staticmethod
    def coordinates(
        E: Value, r: Value, gamma: Value, kappa: Value, n: Value, a: Value
    ) -> tuple[Value, ...]:
        """Level, floor to excess loss, log-slope and curvature of the loss, n, a."""
        level, floor_ratio = total_ratio(E, r)
        return level, floor_ratio, gamma + r - level, kappa + r - level, n, a

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, slope: Value, curvature: Value, n: Value, a: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, r = from_total_ratio(level, floor_ratio)
        return E, r, slope - r + level, curvature - r + level, n, a

    @staticmethod
    def derived(
        N: Value, C: Value, E: Value, r: Value, gamma: Value, kappa: Value, n: Value, a: Value
    ) -> dict[str, Value]:
        """The constant of N* = k C^a, with C in FLOP."""
        return {"k": n * N * C**-a}


class Overtraining(Law):
    r"""At each ratio M of tokens to parameters the same power of compute C, above a floor.

    It is Chinchilla's law with equal exponents, alpha = beta = 2 eta, written in C = 6 N D and
    M = D / N.

    .. math:: L(C, M) = E + \left[ a \, (M / M_0)^{\eta} + b \, (M / M_0)^{-\eta} \right]
              (C / C_0)^{-\eta}
    """

    reference = "Gadre et al. (2024), arXiv:2403.08540"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss due to size, at the reference point")
    b = Positive(0.01, 1.0, of="target", about="excess loss due to data, at the reference point")
    eta = Positive(0.05, 0.4, about="exponent in compute")

    @staticmethod
    def equation(N: Value, D: Value, E: Value, a: Value, b: Value, eta: Value) -> Value:
        """Loss at relative size N and relative tokens D."""
        C, M = N * D, D / N
        return E + (a * M**eta + b * M**-eta) * C**-eta

    @staticmethod
    def coordinates(E: Value, a: Value, b: Value, eta: Value) -> tuple[Value, ...]:
        """Level, floor to reducible loss, size to data share, local log-slope."""
        reducible, share = total_ratio(a, b)
        level, floor_ratio = total_ratio(E, reducible)
        return level, floor_ratio, share, eta + reducible - level

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, share: Value, slope: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, reducible = from_total_ratio(level, floor_ratio)
        return E, *from_total_ratio(reducible, share), slope - reducible + level

    @staticmethod
    def derived(N: Value, D: Value, E: Value, a: Value, b: Value, eta: Value) -> dict[str, Value]:
        """Gadre's a and b, with C in FLOP and M in tokens a parameter, and the best M."""
        C, M = 6 * N * D, D / N
        best = M * (b / a) ** (1 / (2 * eta))
        return {"a_CM": a * C**eta * M**-eta, "b_CM": b * C**eta * M**eta, "M_opt": best}

    @staticmethod
    def optimal_size(nd: Value, E: Value, a: Value, b: Value, eta: Value) -> Value:
        """The size at which the two terms are equal."""
        return sqrt(nd) * (a / b) ** (1 / (4 * eta))
