"""Kaplan's joint law of size and data."""

from typing import Any

from bayescale.law import Fraction, Input, Law, Positive


class Kaplan(Law):
    r"""A power of a sum of one power law in parameters and one in tokens, with no floor.

    .. math:: L(N, D) = L_0 \left[ s \, (N / N_0)^{-\alpha_N / \alpha_D}
              + (1 - s) \, (D / D_0)^{-1} \right]^{\alpha_D}
    """

    reference = "Kaplan et al. (2020), arXiv:2001.08361, eq. 1.5"

    N = Input("params", about="non-embedding parameters")
    D = Input("tokens", about="training tokens")
    L0 = Positive(0.5, 2.0, of="target", about="loss at the reference point")
    s = Fraction(0.1, 0.9, about="share of the bracket that is due to size, at the reference point")
    alpha_N = Positive(0.02, 0.5, about="size exponent")
    alpha_D = Positive(0.02, 0.5, about="data exponent")

    @staticmethod
    def equation(N: Any, D: Any, L0: Any, s: Any, alpha_N: Any, alpha_D: Any) -> Any:
        """Loss at relative size N and relative tokens D."""
        return L0 * (s * N ** (-alpha_N / alpha_D) + (1 - s) / D) ** alpha_D

    @staticmethod
    def derived(N: Any, D: Any, L0: Any, s: Any, alpha_N: Any, alpha_D: Any) -> dict[str, Any]:
        """Kaplan's N_c and D_c: L = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D."""
        bracket = L0 ** (1 / alpha_D)
        return {
            "N_c": N * (s * bracket) ** (alpha_D / alpha_N),
            "D_c": D * (1 - s) * bracket,
        }

    @staticmethod
    def optimal_size(nd: Any, L0: Any, s: Any, alpha_N: Any, alpha_D: Any) -> Any:
        """Minimum of the bracket at fixed N D."""
        ratio = alpha_N / alpha_D
        return (ratio * s / (1 - s) * nd) ** (1 / (1 + ratio))
