"""Compute in training and compute at test time: what one is worth in terms of the other."""

from bayescale.laws.base import ANY_SIGN, Law
from bayescale.laws.functions import LN10, Value, log, sigmoid
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive, Real


def _exchange(gain_train: Value, gain_test: Value) -> dict[str, Value]:
    """Slope of equal strength in log compute, and the share of a budget that training gets.

    A budget C + Q T, with Q answers of T each, is best split in proportion to the two gains,
    whatever Q is.
    """
    return {
        "exchange": -gain_train / gain_test,
        "train_share": gain_train / (gain_train + gain_test),
    }


class RatingFromTrainAndTest(Law):
    r"""A rating that grows with the log of training compute and of the compute per answer.

    Where players are rated the same, ten times the training compute replaces
    :math:`10^{g_C / g_T}` times the compute per move: the exchange is :math:`-g_C / g_T`. It is a
    law of the incline: leave out runs that have learnt nothing, or play perfectly.

    .. math:: R(C, T) = r + g_C \log_{10} (C / C_0) + g_T \log_{10} (T / T_0)
    """

    reference = "Jones (2021), arXiv:2104.03113, sec. 4.3"
    target = "elo"
    target_bounds = ANY_SIGN
    noise = "raw_student_t"

    C = Input("flops", about="training compute", span=(1e12, 1e17))
    T = Input("test_flops", about="compute per answer, or tokens, samples, nodes", span=(1e6, 1e10))
    level = Real(-4000.0, 4000.0, about="rating at the reference point")
    gain_train = Positive(30.0, 1500.0, about="rating for ten times the training compute")
    gain_test = Positive(30.0, 1500.0, about="rating for ten times the compute per answer")

    @staticmethod
    def equation(C: Value, T: Value, level: Value, gain_train: Value, gain_test: Value) -> Value:
        """Rating at relative training compute C and relative compute per answer T."""
        return level + (gain_train * log(C) + gain_test * log(T)) / LN10

    @staticmethod
    def derived(
        C: Value, T: Value, level: Value, gain_train: Value, gain_test: Value
    ) -> dict[str, Value]:
        """The exchange of Jones, and the share of a budget that training should get."""
        return _exchange(gain_train, gain_test)


class AccuracyFromTrainAndTest(Law):
    r"""Accuracy whose log odds grow with the log of training compute and of compute per answer.

    The compute per answer may be counted in tokens, samples or votes as well.

    .. math:: A(C, T) = g + (1 - g) \, r \, \sigma\!\left( o + k_C \log_{10} (C / C_0)
              + k_T \log_{10} (T / T_0) \right)
    """

    reference = (
        "Jones (2021), arXiv:2104.03113, sec. 4.3; Owen (2024), arXiv:2401.04757; a trade of log "
        "computes and a sigmoid of log compute, joined by us"
    )
    target = "accuracy"
    noise = "logit_student_t"

    C = Input("flops", about="training compute")
    T = Input("test_flops", about="compute per answer, or tokens, samples, votes", span=(1, 1e4))
    guess = Fraction(0.005, 0.3, about="accuracy of guessing")
    reach = Fraction(0.5, 0.99, about="share of what guessing leaves that is ever reached")
    odds = Real(-4.0, 4.0, about="log odds of the way up at the reference point")
    gain_train = Positive(0.3, 6.0, about="log odds for ten times the training compute")
    gain_test = Positive(0.2, 6.0, about="log odds for ten times the compute per answer")

    @staticmethod
    def equation(
        C: Value,
        T: Value,
        guess: Value,
        reach: Value,
        odds: Value,
        gain_train: Value,
        gain_test: Value,
    ) -> Value:
        """Accuracy at relative training compute C and relative compute per answer T."""
        way = odds + (gain_train * log(C) + gain_test * log(T)) / LN10
        return guess + (1 - guess) * reach * sigmoid(way)

    @staticmethod
    def derived(
        C: Value,
        T: Value,
        guess: Value,
        reach: Value,
        odds: Value,
        gain_train: Value,
        gain_test: Value,
    ) -> dict[str, Value]:
        """The exchange of both computes, the best share of training, and the ceiling."""
        return {**_exchange(gain_train, gain_test), "ceiling": guess + (1 - guess) * reach}
