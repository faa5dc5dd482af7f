"""Machine translation: the sizes of encoder and decoder, and BLEU from loss."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio


class EncoderDecoder(Law):
    r"""Irreducible loss plus a product of power laws in the sizes of encoder and decoder.

    .. math:: L(N_e, N_d) = E + c \, (N_e / N_{e,0})^{-p_e} \, (N_d / N_{d,0})^{-p_d}
    """

    reference = "Ghorbani et al. (2021), arXiv:2109.07740"

    N_e = Input("encoder_params", about="encoder parameters, no embeddings", span=(1e7, 1e9))
    N_d = Input("decoder_params", about="decoder parameters, no embeddings", span=(1e7, 1e9))
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    scale = Positive(0.02, 1.0, of="target", about="excess loss at the reference sizes")
    p_e = Positive(0.05, 0.8, about="encoder exponent")
    p_d = Positive(0.05, 0.8, about="decoder exponent")

    @staticmethod
    def equation(N_e: Value, N_d: Value, E: Value, scale: Value, p_e: Value, p_d: Value) -> Value:
        """Loss at relative sizes."""
        return E + scale * N_e**-p_e * N_d**-p_d

    @staticmethod
    def coordinates(E: Value, scale: Value, p_e: Value, p_d: Value) -> tuple[Value, ...]:
        """Level, irreducible to reducible loss, local log-slopes."""
        level, floor_ratio = total_ratio(E, scale)
        return level, floor_ratio, p_e + scale - level, p_d + scale - level

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, slope_e: Value, slope_d: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, scale = from_total_ratio(level, floor_ratio)
        return E, scale, slope_e - scale + level, slope_d - scale + level

    @staticmethod
    def derived(
        N_e: Value, N_d: Value, E: Value, scale: Value, p_e: Value, p_d: Value
    ) -> dict[str, Value]:
        """Share of the parameters that the encoder should have."""
        return {"encoder_share": p_e / (p_e + p_d)}


class BleuFromLoss(Law):
    r"""BLEU that falls exponentially with cross-entropy.

    .. math:: B(L) = B_0 \, e^{-\kappa (L / L_0 - 1)}
    """

    reference = "Gordon et al. (2021), EMNLP 2021"
    target = "bleu"

    L = Input("loss", about="cross-entropy of the same sentences", span=(1.0, 8.0))
    B0 = Positive(0.4, 2.5, of="target", about="BLEU at the reference loss")
    kappa = Positive(0.2, 5.0, about="decay per reference loss")

    @staticmethod
    def equation(L: Value, B0: Value, kappa: Value) -> Value:
        """BLEU at relative loss L."""
        return B0 * exp(-kappa * (L - 1))

    @staticmethod
    def derived(L: Value, B0: Value, kappa: Value) -> dict[str, Value]:
        """Gordon's constants: BLEU = C exp(k L)."""
        return {"C": B0 * exp(kappa), "k": -kappa / L}
