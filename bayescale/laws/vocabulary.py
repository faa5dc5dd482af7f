"""Size of the vocabulary: loss against the parameters inside and outside the embedding."""

from typing import Any

from bayescale.law import Input, Law, Positive, Real


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
        N_nv: Any,
        N_v: Any,
        H: Any,
        E: Any,
        a: Any,
        alpha: Any,
        v: Any,
        alpha_v: Any,
        b: Any,
        beta: Any,
    ) -> Any:
        """Unigram-normalised loss at relative sizes and relative characters."""
        return E + a * N_nv**-alpha + v * N_v**-alpha_v + b * H**-beta

    @staticmethod
    def derived(
        N_nv: Any,
        N_v: Any,
        H: Any,
        E: Any,
        a: Any,
        alpha: Any,
        v: Any,
        alpha_v: Any,
        b: Any,
        beta: Any,
    ) -> dict[str, Any]:
        """Tao's A_1, A_2 and B, the amplitudes at one parameter and one character."""
        return {"A_1": a * N_nv**alpha, "A_2": v * N_v**alpha_v, "B": b * H**beta}
