"""Over-training: loss against compute and tokens per parameter."""

from typing import Any

from bayescale.coordinates import from_total_ratio, total_ratio
from bayescale.functions import sqrt
from bayescale.law import Input, Law, Positive


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
    def equation(N: Any, D: Any, E: Any, a: Any, b: Any, eta: Any) -> Any:
        """Loss at relative size N and relative tokens D."""
        C, M = N * D, D / N
        return E + (a * M**eta + b * M**-eta) * C**-eta

    @staticmethod
    def coordinates(E: Any, a: Any, b: Any, eta: Any) -> tuple[Any, ...]:
        """Level, floor to reducible loss, size to data share, local log-slope."""
        reducible, share = total_ratio(a, b)
        level, floor_ratio = total_ratio(E, reducible)
        return level, floor_ratio, share, eta + reducible - level

    @staticmethod
    def from_coordinates(level: Any, floor_ratio: Any, share: Any, slope: Any) -> tuple[Any, ...]:
        """Invert :meth:`coordinates`."""
        E, reducible = from_total_ratio(level, floor_ratio)
        return E, *from_total_ratio(reducible, share), slope - reducible + level

    @staticmethod
    def derived(N: Any, D: Any, E: Any, a: Any, b: Any, eta: Any) -> dict[str, Any]:
        """Gadre's a and b, with C in FLOP and M in tokens a parameter, and the best M."""
        C, M = 6 * N * D, D / N
        best = M * (b / a) ** (1 / (2 * eta))
        return {"a_CM": a * C**eta * M**-eta, "b_CM": b * C**eta * M**eta, "M_opt": best}

    @staticmethod
    def optimal_size(nd: Any, E: Any, a: Any, b: Any, eta: Any) -> Any:
        """The size at which the two terms are equal."""
        return sqrt(nd) * (a / b) ** (1 / (4 * eta))
