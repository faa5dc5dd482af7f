"""Transfer: what pre-training is worth in fine-tuning data."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive


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
