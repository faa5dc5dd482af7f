"""IsoFLOP parabolas: Hoffmann's second approach as one model of all budgets."""

from typing import Any

from bayescale.coordinates import from_total_ratio, total_ratio
from bayescale.functions import log
from bayescale.law import Fraction, Input, Law, Positive


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
    def equation(N: Any, C: Any, E: Any, r: Any, gamma: Any, kappa: Any, n: Any, a: Any) -> Any:
        """Loss at relative size N and relative compute C."""
        off = log(N) - log(n) - a * log(C)
        return E + r * C**-gamma * (1 + kappa / 2 * off**2)

    @staticmethod
    def coordinates(E: Any, r: Any, gamma: Any, kappa: Any, n: Any, a: Any) -> tuple[Any, ...]:
        """Level, floor to excess loss, log-slope and curvature of the loss, n, a."""
        level, floor_ratio = total_ratio(E, r)
        return level, floor_ratio, gamma + r - level, kappa + r - level, n, a

    @staticmethod
    def from_coordinates(
        level: Any, floor_ratio: Any, slope: Any, curvature: Any, n: Any, a: Any
    ) -> tuple[Any, ...]:
        """Invert :meth:`coordinates`."""
        E, r = from_total_ratio(level, floor_ratio)
        return E, r, slope - r + level, curvature - r + level, n, a

    @staticmethod
    def derived(
        N: Any, C: Any, E: Any, r: Any, gamma: Any, kappa: Any, n: Any, a: Any
    ) -> dict[str, Any]:
        """The constant of N* = k C^a, with C in FLOP."""
        return {"k": n * N * C**-a}
