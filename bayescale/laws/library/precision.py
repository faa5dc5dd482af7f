"""Numerical precision: fewer bits make a model count for less, in training and after it."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, expm1
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_two_power_laws, of_two_power_laws


class Precision(Law):
    r"""Chinchilla's law when weights, activations and attention cache are trained in few bits.

    Each multiplies the model's size by a share that tends to one as its bits grow.

    .. math:: L(N, D, P) = E + a \left[ (N / N_0) \prod_{x} (1 - e^{-P_x / \gamma_x})
              \right]^{-\alpha} + b \, (D / D_0)^{-\beta}, \quad x \in \{w, a, kv\}
    """

    reference = "Kumar et al. (2024), arXiv:2411.04330"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    P_w = Input("bits_weights", relative=False, span=(3, 16), about="bits of a weight")
    P_a = Input("bits_activations", relative=False, span=(3, 16), about="bits of an activation")
    P_kv = Input("bits_cache", relative=False, span=(3, 16), about="bits of a cached key or value")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.1, 0.8, about="size exponent")
    b = Positive(0.01, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.1, 0.8, about="data exponent")
    gamma_w = Positive(0.5, 5.0, about="bits at which weights count for 63 %")
    gamma_a = Positive(0.5, 5.0, about="bits at which activations count for 63 %")
    gamma_kv = Positive(0.5, 5.0, about="bits at which the cache counts for 63 %")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        P_w: Value,
        P_a: Value,
        P_kv: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma_w: Value,
        gamma_a: Value,
        gamma_kv: Value,
    ) -> Value:
        """Loss at relative size N, relative tokens D and three precisions in bits."""
        counted = -expm1(-P_w / gamma_w) * expm1(-P_a / gamma_a) * expm1(-P_kv / gamma_kv)
        return E + a * (N * counted) ** -alpha + b * D**-beta

    @staticmethod
    def coordinates(
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma_w: Value,
        gamma_a: Value,
        gamma_kv: Value,
    ) -> tuple[Value, ...]:
        """Those of Chinchilla's law; the bits as they are."""
        return *of_two_power_laws(E, a, alpha, b, beta), gamma_w, gamma_a, gamma_kv

    @staticmethod
    def from_coordinates(*to: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        level, floor_ratio, share, slope, slope_ratio, *rest = to
        return *from_two_power_laws(level, floor_ratio, share, slope, slope_ratio), *rest

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        P_w: Value,
        P_a: Value,
        P_kv: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma_w: Value,
        gamma_a: Value,
        gamma_kv: Value,
    ) -> dict[str, Value]:
        """Kumar's A and B: L = E + A / N_eff^alpha + B / D^beta."""
        return {"A": a * N**alpha, "B": b * D**beta}


class PrecisionTied(Law):
    r"""Chinchilla's law when weights, activations and attention cache share one training precision.

    .. math:: L(N, D, P) = E + a \left[ (N / N_0) (1 - e^{-P / \gamma})^3 \right]^{-\alpha}
              + b \, (D / D_0)^{-\beta}
    """

    reference = "Kumar et al. (2024), arXiv:2411.04330"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    P = Input("bits", relative=False, span=(3, 16), about="bits of everything")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.1, 0.8, about="size exponent")
    b = Positive(0.01, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.1, 0.8, about="data exponent")
    gamma = Positive(0.5, 5.0, about="bits at which each of the three counts for 63 %")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        P: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma: Value,
    ) -> Value:
        """Loss at relative size N, relative tokens D and one precision in bits."""
        return E + a * (N * (-expm1(-P / gamma)) ** 3) ** -alpha + b * D**-beta

    @staticmethod
    def coordinates(
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma: Value,
    ) -> tuple[Value, ...]:
        """Those of Chinchilla's law; the bits as they are."""
        return *of_two_power_laws(E, a, alpha, b, beta), gamma

    @staticmethod
    def from_coordinates(*to: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        level, floor_ratio, share, slope, slope_ratio, *rest = to
        return *from_two_power_laws(level, floor_ratio, share, slope, slope_ratio), *rest

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        P: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma: Value,
    ) -> dict[str, Value]:
        """Kumar's A and B: L = E + A / N_eff^alpha + B / D^beta."""
        return {"A": a * N**alpha, "B": b * D**beta}


class PostTrainingQuantisation(Law):
    r"""Loss added by rounding a trained model's weights: the more data it saw, the more it loses.

    .. math:: \Delta(N, D, P) = \delta \, (D / D_0)^{\gamma_D} (N / N_0)^{-\gamma_N}
              e^{-k (P / P_0 - 1)}
    """

    reference = "Kumar et al. (2024), arXiv:2411.04330"
    target = "loss_increase"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    P = Input("bits_after", span=(3, 8), about="bits of a weight after training")
    delta = Positive(0.4, 2.5, of="target", about="loss increase at the reference point")
    gamma_D = Positive(0.1, 1.5, about="data exponent")
    gamma_N = Positive(0.1, 1.5, about="size exponent")
    k = Positive(1.0, 20.0, about="local log-slope in the bits at the reference point")

    @staticmethod
    def equation(
        N: Value, D: Value, P: Value, delta: Value, gamma_D: Value, gamma_N: Value, k: Value
    ) -> Value:
        """Loss increase at relative size N, tokens D and bits P."""
        return delta * D**gamma_D * N**-gamma_N * exp(-k * (P - 1))

    @staticmethod
    def derived(
        N: Value, D: Value, P: Value, delta: Value, gamma_D: Value, gamma_N: Value, k: Value
    ) -> dict[str, Value]:
        """Kumar's C_T and gamma_post: C_T D^gamma_D / N^gamma_N exp(-P / gamma_post)."""
        return {"C_T": delta * N**gamma_N / D**gamma_D * exp(k), "gamma_post": P / k}


class PrecisionAndQuantisation(Law):
    r"""Loss of a model trained in some bits, and rounded to others: both precisions in one law.

    The loss of training in few bits, plus what rounding the weights afterwards adds: more the more
    data it saw. Where nothing is rounded, P_q is the bits of training or more.

    .. math:: L(N, D, P, P_q) = E + a \left[ n (1 - e^{-P / \gamma})^3 \right]^{-\alpha}
              + b \, d^{-\beta} + \delta \, d^{\gamma_D} n^{-\gamma_N} e^{-k (P_q / P_{q,0} - 1)},
              \quad n = \frac{N}{N_0}, \; d = \frac{D}{D_0}
    """

    reference = "Kumar et al. (2024), arXiv:2411.04330 (the two parts added, which is ours)"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    P = Input("bits", relative=False, span=(3, 16), about="bits of everything in training")
    P_q = Input("bits_after", span=(3, 16), about="bits of a weight after training")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.1, 0.8, about="size exponent")
    b = Positive(0.01, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.1, 0.8, about="data exponent")
    gamma = Positive(0.5, 5.0, about="bits at which each of the three counts for 63 %")
    delta = Positive(0.001, 0.3, of="target", about="loss of rounding at the reference point")
    gamma_D = Positive(0.1, 1.5, about="data exponent of the loss of rounding")
    gamma_N = Positive(0.1, 1.5, about="size exponent of the loss of rounding")
    k = Positive(1.0, 20.0, about="local log-slope of that loss in the bits it is rounded to")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        P: Value,
        P_q: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma: Value,
        delta: Value,
        gamma_D: Value,
        gamma_N: Value,
        k: Value,
    ) -> Value:
        """Loss at relative size N, tokens D, bits of training P and relative bits after it."""
        trained = PrecisionTied.equation(N, D, P, E, a, alpha, b, beta, gamma)
        return trained + PostTrainingQuantisation.equation(N, D, P_q, delta, gamma_D, gamma_N, k)

    @staticmethod
    def coordinates(
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma: Value,
        delta: Value,
        gamma_D: Value,
        gamma_N: Value,
        k: Value,
    ) -> tuple[Value, ...]:
        """Those of Chinchilla's law; the rest as it is."""
        return *of_two_power_laws(E, a, alpha, b, beta), gamma, delta, gamma_D, gamma_N, k

    @staticmethod
    def from_coordinates(*to: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        level, floor_ratio, share, slope, slope_ratio, *rest = to
        return *from_two_power_laws(level, floor_ratio, share, slope, slope_ratio), *rest

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        P: Value,
        P_q: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        gamma: Value,
        delta: Value,
        gamma_D: Value,
        gamma_N: Value,
        k: Value,
    ) -> dict[str, Value]:
        """Kumar's A, B, C_T and gamma_post."""
        rounding = PostTrainingQuantisation.derived(N, D, P_q, delta, gamma_D, gamma_N, k)
        return {"A": a * N**alpha, "B": b * D**beta, **rounding}
