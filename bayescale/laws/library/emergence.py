"""Abilities that seem to come suddenly: long answers, thresholds, and what smooth metrics show."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, expm1, maximum
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive


class Emergence(Law):
    r"""Share of answers with every token right: a smooth law per token looks sudden for long ones.

    .. math:: A(N, T) = p^{\,T}, \quad p = \exp\!\left( -a \, (N / N_0)^{-\alpha} \right)
    """

    reference = (
        "Schaeffer et al. (2023), arXiv:2304.15004; with T = 1, Hu et al. (2023), arXiv:2310.03262"
    )
    target = "accuracy"
    noise = "beta_binomial"

    N = Input("params", about="model parameters, or another measure of scale")
    T = Input("answer_tokens", relative=False, about="tokens of an answer", span=(1.0, 30.0))
    a = Positive(0.01, 3.0, about="loss per answer token at the reference size, in nats")
    alpha = Positive(0.05, 1.0, about="exponent of the loss per answer token")

    @staticmethod
    def equation(N: Value, T: Value, a: Value, alpha: Value) -> Value:
        """Share of right answers at relative size N and T tokens an answer."""
        return exp(-T * a * N**-alpha)

    @staticmethod
    def derived(N: Value, T: Value, a: Value, alpha: Value) -> dict[str, Value]:
        """Schaeffer's size at which the loss per token is one: p = exp(-(N / N_c)^-alpha)."""
        return {"N_c": N * a ** (1 / alpha)}


class TokenEdits(Law):
    r"""Share of answer tokens that are wrong: the smooth metric of what looks like emergence.

    .. math:: \mathrm{Err}(N) = 1 - \exp\!\left( -a \, (N / N_0)^{-\alpha} \right)
    """

    reference = "Schaeffer et al. (2023), arXiv:2304.15004"
    target = "error"
    noise = "beta_binomial"

    N = Input("params", about="model parameters, or another measure of scale")
    a = Positive(0.01, 3.0, about="loss per answer token at the reference size, in nats")
    alpha = Positive(0.05, 1.0, about="exponent of the loss per answer token")

    @staticmethod
    def equation(N: Value, a: Value, alpha: Value) -> Value:
        """Share of wrong tokens at relative size N."""
        return -expm1(-a * N**-alpha)


class BrierScore(Law):
    r"""Brier score of a multiple-choice question: the smooth metric where accuracy looks sudden.

    .. math:: B(N, K) = \frac{K}{K - 1} \left( 1 - p \right)^2, \quad
              p = \exp\!\left( -a \, (N / N_0)^{-\alpha} \right)

    The right one of K options has probability p; that the others share the rest evenly is ours.
    """

    reference = "Schaeffer et al. (2023), arXiv:2304.15004"
    target = "brier_score"
    noise = "raw_student_t"

    N = Input("params", about="model parameters, or another measure of scale")
    K = Input("options", relative=False, about="options of a question", span=(2.0, 10.0))
    a = Positive(0.01, 3.0, about="loss of the right option at the reference size, in nats")
    alpha = Positive(0.05, 1.0, about="exponent of that loss")

    @staticmethod
    def equation(N: Value, K: Value, a: Value, alpha: Value) -> Value:
        """Brier score at relative size N with K options."""
        return K / (K - 1) * expm1(-a * N**-alpha) ** 2


class EmergenceThreshold(Law):
    r"""Accuracy of guessing until loss falls below a threshold, then rising towards one.

    .. math:: A(L) = g + (1 - g) \left( 1 - e^{-k \max(0,\, \eta - L / L_0)} \right)

    The threshold is the paper's; the shape of the rise is ours, which it leaves open.
    """

    reference = "Du et al. (2024), arXiv:2403.15796"
    target = "accuracy"
    noise = "beta_binomial"

    L = Input("loss", about="loss of language", span=(1.5, 4.0))
    guess = Fraction(0.02, 0.5, about="accuracy of guessing")
    threshold = Positive(0.6, 1.4, about="loss at which it starts to rise, over the reference loss")
    rate = Positive(0.3, 8.0, about="rise per reference loss, as a share of what guessing leaves")

    @staticmethod
    def equation(L: Value, guess: Value, threshold: Value, rate: Value) -> Value:
        """Accuracy at relative loss L."""
        return guess - (1 - guess) * expm1(-rate * maximum(0.0, threshold - L))

    @staticmethod
    def derived(L: Value, guess: Value, threshold: Value, rate: Value) -> dict[str, Value]:
        """Threshold in the unit of the loss."""
        return {"eta": threshold * L}
