"""Kaplan's laws of size and data, of size and steps, and of the critical batch size."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive


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
    def equation(N: Value, D: Value, L0: Value, s: Value, alpha_N: Value, alpha_D: Value) -> Value:
        """Loss at relative size N and relative tokens D."""
        return L0 * (s * N ** (-alpha_N / alpha_D) + (1 - s) / D) ** alpha_D

    @staticmethod
    def derived(
        N: Value, D: Value, L0: Value, s: Value, alpha_N: Value, alpha_D: Value
    ) -> dict[str, Value]:
        """Kaplan's N_c and D_c: L = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D."""
        bracket = L0 ** (1 / alpha_D)
        return {
            "N_c": N * (s * bracket) ** (alpha_D / alpha_N),
            "D_c": D * (1 - s) * bracket,
        }

    @staticmethod
    def optimal_size(nd: Value, L0: Value, s: Value, alpha_N: Value, alpha_D: Value) -> Value:
        """Minimum of the bracket at fixed N D."""
        ratio = alpha_N / alpha_D
        return (ratio * s / (1 - s) * nd) ** (1 / (1 + ratio))


class KaplanSteps(Law):
    r"""Loss of a model of size N after S steps at a large batch: two power laws, with no floor.

    S counts the steps at a batch far above the critical size; S steps at batch B are worth
    S / (1 + B_crit / B) of them.

    .. math:: L(N, S) = L_0 \left[ s \, (N / N_0)^{-\alpha_N}
              + (1 - s) \, (S / S_0)^{-\alpha_S} \right]
    """

    reference = "Kaplan et al. (2020), arXiv:2001.08361, eq. 1.6"

    N = Input("params", about="non-embedding parameters")
    S = Input("steps_min", span=(1e3, 3e5), about="steps at a large batch, S_min")
    L0 = Positive(0.5, 2.0, of="target", about="loss at the reference point")
    s = Fraction(0.1, 0.99, about="share of the loss that is due to size, at the reference point")
    alpha_N = Positive(0.02, 0.5, about="size exponent")
    alpha_S = Positive(0.2, 1.5, about="step exponent")

    @staticmethod
    def equation(N: Value, S: Value, L0: Value, s: Value, alpha_N: Value, alpha_S: Value) -> Value:
        """Loss at relative size N and relative steps S."""
        return L0 * (s * N**-alpha_N + (1 - s) * S**-alpha_S)

    @staticmethod
    def derived(
        N: Value, S: Value, L0: Value, s: Value, alpha_N: Value, alpha_S: Value
    ) -> dict[str, Value]:
        """Kaplan's N_c and S_c: L = (N_c / N)^alpha_N + (S_c / S)^alpha_S."""
        return {
            "N_c": N * (L0 * s) ** (1 / alpha_N),
            "S_c": S * (L0 * (1 - s)) ** (1 / alpha_S),
        }


class CriticalBatch(Law):
    r"""The batch size above which more data parallelism stops paying, a power law in the loss.

    .. math:: B_{crit}(L) = B_0 \, (L / L_0)^{-1 / \alpha_B}
    """

    reference = "Kaplan et al. (2020), arXiv:2001.08361, eq. 1.4"
    target = "batch_crit"

    L = Input("loss", span=(2.0, 8.0), about="loss reached")
    B_0 = Positive(0.4, 2.5, of="target", about="critical batch at the reference loss, in tokens")
    alpha_B = Positive(0.08, 0.6, about="one over the exponent of the loss")

    @staticmethod
    def equation(L: Value, B_0: Value, alpha_B: Value) -> Value:
        """Critical batch size at relative loss L."""
        return B_0 * L ** (-1 / alpha_B)

    @staticmethod
    def derived(L: Value, B_0: Value, alpha_B: Value) -> dict[str, Value]:
        """Kaplan's B*, the critical batch at a loss of one nat: B_crit = B* / L^(1 / alpha_B)."""
        return {"B_star": B_0 * L ** (1 / alpha_B)}
