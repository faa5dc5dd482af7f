"""The shape of a model: width and depth, and the parameters inside and outside the embedding."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, log
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real
from bayescale.laws.transforms import from_total_ratio, total_ratio


class WidthDepth(Law):
    r"""Irreducible loss plus one power law each in width, depth and tokens.

    .. math:: L(w, d, D) = E + a_w \, (w / w_0)^{-\alpha_w} + a_d \, (d / d_0)^{-\alpha_d}
              + b \, (D / D_0)^{-\beta}
    """

    reference = "McLeish et al. (2025), arXiv:2502.06857 (Gemstones)"

    w = Input("width", about="width of the residual stream", span=(256, 4096))
    d = Input("depth", about="layers", span=(4, 80))
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a_w = Positive(0.01, 0.7, of="target", about="excess loss due to width, at the reference")
    alpha_w = Positive(0.1, 1.5, about="width exponent")
    a_d = Positive(0.01, 0.7, of="target", about="excess loss due to depth, at the reference")
    alpha_d = Positive(0.1, 1.5, about="depth exponent")
    b = Positive(0.01, 0.7, of="target", about="excess loss due to data, at the reference")
    beta = Positive(0.1, 0.8, about="data exponent")

    @staticmethod
    def equation(
        w: Value,
        d: Value,
        D: Value,
        E: Value,
        a_w: Value,
        alpha_w: Value,
        a_d: Value,
        alpha_d: Value,
        b: Value,
        beta: Value,
    ) -> Value:
        """Loss at relative width w, depth d and tokens D."""
        return E + a_w * w**-alpha_w + a_d * d**-alpha_d + b * D**-beta

    @staticmethod
    def coordinates(
        E: Value, a_w: Value, alpha_w: Value, a_d: Value, alpha_d: Value, b: Value, beta: Value
    ) -> tuple[Value, ...]:
        """Level, floor to reducible loss, shares, and the three local log-slopes."""
        shape, width_share = total_ratio(a_w, a_d)
        reducible, shape_share = total_ratio(shape, b)
        level, floor_ratio = total_ratio(E, reducible)
        slopes = (alpha_w + a_w - level, alpha_d + a_d - level, beta + b - level)
        return level, floor_ratio, shape_share, width_share, *slopes

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        shape_share: Value,
        width_share: Value,
        slope_w: Value,
        slope_d: Value,
        slope_data: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, reducible = from_total_ratio(level, floor_ratio)
        shape, b = from_total_ratio(reducible, shape_share)
        a_w, a_d = from_total_ratio(shape, width_share)
        exponents = (slope_w - a_w + level, slope_d - a_d + level, slope_data - b + level)
        return E, a_w, exponents[0], a_d, exponents[1], b, exponents[2]

    @staticmethod
    def derived(
        w: Value,
        d: Value,
        D: Value,
        E: Value,
        a_w: Value,
        alpha_w: Value,
        a_d: Value,
        alpha_d: Value,
        b: Value,
        beta: Value,
    ) -> dict[str, Value]:
        """Constants of L = E + A_w / w^alpha_w + A_d / d^alpha_d + B / D^beta."""
        return {"A_w": a_w * w**alpha_w, "A_d": a_d * d**alpha_d, "B": b * D**beta}


class Vocabulary(Law):
    r"""A floor and three power laws: parameters outside the embedding, inside it, and characters.

    The loss is counted from a unigram model's, so that vocabularies of different sizes compare; it
    is negative for any model that has learnt something, and so is its floor.

    .. math:: L_u(N_{nv}, N_v, H) = E + a \, (N_{nv} / N_{nv,0})^{-\alpha}
              + v \, (N_v / N_{v,0})^{-\alpha_v} + b \, (H / H_0)^{-\beta}
    """

    reference = "Tao et al. (2024), arXiv:2407.13623"
    target = "loss_unigram"
    noise = "raw_student_t"

    N_nv = Input("params_non_vocabulary", span=(3e7, 3e9), about="parameters outside the embedding")
    N_v = Input("params_vocabulary", span=(3e6, 1e8), about="parameters of the embedding")
    H = Input("characters", span=(4e9, 5e11), about="characters trained on")
    E = Real(-3.0, 0.0, of="target", about="irreducible unigram-normalised loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of the reference size")
    alpha = Positive(0.1, 0.8, about="exponent of the parameters outside the embedding")
    v = Positive(0.002, 1.0, of="target", about="excess loss of the reference embedding")
    alpha_v = Positive(0.1, 1.2, about="exponent of the parameters of the embedding")
    b = Positive(0.01, 1.0, of="target", about="excess loss of the reference data")
    beta = Positive(0.1, 0.8, about="data exponent")

    @staticmethod
    def equation(
        N_nv: Value,
        N_v: Value,
        H: Value,
        E: Value,
        a: Value,
        alpha: Value,
        v: Value,
        alpha_v: Value,
        b: Value,
        beta: Value,
    ) -> Value:
        """Unigram-normalised loss at relative sizes and relative characters."""
        return E + a * N_nv**-alpha + v * N_v**-alpha_v + b * H**-beta

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, v: Value, alpha_v: Value, b: Value, beta: Value
    ) -> tuple[Value, ...]:
        """Level and the three excess losses; their local slopes."""
        return E + exp(a) + exp(v) + exp(b), a, alpha + a, v, alpha_v + v, b, beta + b

    @staticmethod
    def from_coordinates(
        level: Value,
        a: Value,
        slope_n: Value,
        v: Value,
        slope_v: Value,
        b: Value,
        slope_h: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E = level - exp(a) - exp(v) - exp(b)
        return E, a, slope_n - a, v, slope_v - v, b, slope_h - b

    @staticmethod
    def derived(
        N_nv: Value,
        N_v: Value,
        H: Value,
        E: Value,
        a: Value,
        alpha: Value,
        v: Value,
        alpha_v: Value,
        b: Value,
        beta: Value,
    ) -> dict[str, Value]:
        """Tao's A_1, A_2 and B, the amplitudes at one parameter and one character."""
        return {"A_1": a * N_nv**alpha, "A_2": v * N_v**alpha_v, "B": b * H**beta}


class VocabularySize(Law):
    r"""A floor, and a power of three power laws: size, vocabulary, and characters that it needs.

    A larger vocabulary lowers the loss and needs more data: characters count by H / V^delta. The
    loss is counted from a unigram model's, and so is its floor, below zero.

    .. math:: L_u(N_{nv}, V, H) = E + R \left[ \frac{n^{-\alpha} + s \, v^{-\gamma}
              + q \, (h \, v^{-\delta})^{-\beta}}{1 + s + q} \right]^k, \quad
              n = \frac{N_{nv}}{N_{nv,0}}, \; v = \frac{V}{V_0}, \; h = \frac{H}{H_0}
    """

    reference = (
        "Tao et al. (2024), arXiv:2407.13623 (three power laws); Videau et al. (2026), "
        "arXiv:2608.07222 (the outer exponent); what a vocabulary needs is ours"
    )
    target = "loss_unigram"
    noise = "raw_student_t"

    N_nv = Input("params_non_vocabulary", span=(3e7, 3e9), about="parameters outside the embedding")
    V = Input("vocab_size", span=(4e3, 1e5), about="tokens of the vocabulary")
    H = Input("characters", span=(2e8, 5e11), about="characters trained on")
    E = Real(-3.0, -0.3, of="target", about="irreducible unigram-normalised loss")
    R = Positive(0.05, 2.5, of="target", about="reducible loss at the reference point")
    alpha = Positive(0.1, 1.5, about="size exponent, inside the bracket")
    s = Positive(0.02, 1.0, about="part of the vocabulary in the bracket, over that of the size")
    gamma = Positive(0.1, 1.5, about="vocabulary exponent, inside the bracket")
    q = Positive(0.1, 4.0, about="part of the data in the bracket, over that of the size")
    beta = Positive(0.1, 2.0, about="data exponent, inside the bracket")
    delta = Real(-0.3, 0.9, about="data exponent of a vocabulary: what a larger one needs")
    k = Positive(0.1, 1.5, about="outer exponent")

    @staticmethod
    def equation(
        N_nv: Value,
        V: Value,
        H: Value,
        E: Value,
        R: Value,
        alpha: Value,
        s: Value,
        gamma: Value,
        q: Value,
        beta: Value,
        delta: Value,
        k: Value,
    ) -> Value:
        """Unigram-normalised loss at relative size, vocabulary and characters."""
        bracket = N_nv**-alpha + s * V**-gamma + q * (H * V**-delta) ** -beta
        return E + R * (bracket / (1 + s + q)) ** k

    @staticmethod
    def coordinates(
        E: Value,
        R: Value,
        alpha: Value,
        s: Value,
        gamma: Value,
        q: Value,
        beta: Value,
        delta: Value,
        k: Value,
    ) -> tuple[Value, ...]:
        """Level, reducible loss, local slopes in size, vocabulary and data, parts; delta, k."""
        steep = k + R - log(1 + exp(s) + exp(q))
        slopes = (alpha + steep, gamma + steep + s, beta + steep + q)
        return E + exp(R), R, slopes[0], s, slopes[1], q, slopes[2], delta, k

    @staticmethod
    def from_coordinates(
        level: Value,
        R: Value,
        slope_n: Value,
        s: Value,
        slope_v: Value,
        q: Value,
        slope_h: Value,
        delta: Value,
        k: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        steep = k + R - log(1 + exp(s) + exp(q))
        exponents = (slope_n - steep, slope_v - steep - s, slope_h - steep - q)
        return level - exp(R), R, exponents[0], s, exponents[1], q, exponents[2], delta, k
