"""Transfer (what pre-training is worth in fine-tuning data) and machine translation."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio


class DataTransferred(Law):
    r"""Data that a model trained from scratch would need more, to do as well as a pre-trained one.

    .. math:: D_T(D_F, N) = T \, (D_F / D_0)^{\alpha} \, (N / N_0)^{\beta}
    """

    reference = "Hernandez et al. (2021), arXiv:2102.01293"
    target = "data_transferred"

    D_F = Input("finetuning_data", about="fine-tuning data, in characters", span=(1e5, 1e9))
    N = Input("params", about="non-embedding parameters")
    T = Positive(0.5, 2.0, of="target", about="data transferred at the reference point")
    alpha = Positive(
        0.03, 0.8, about="exponent of fine-tuning data; small where transfer is distant"
    )
    beta = Positive(0.1, 1.0, about="size exponent")

    @staticmethod
    def equation(D_F: Value, N: Value, T: Value, alpha: Value, beta: Value) -> Value:
        """Data transferred at relative fine-tuning data and size."""
        return T * D_F**alpha * N**beta

    @staticmethod
    def derived(D_F: Value, N: Value, T: Value, alpha: Value, beta: Value) -> dict[str, Value]:
        """Hernandez's k, and how many times over pre-training multiplies the data there."""
        return {"k": T / (D_F**alpha * N**beta), "multiplier": 1 + T / D_F}


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
