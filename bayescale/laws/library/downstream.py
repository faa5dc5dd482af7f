"""Scores on tasks: accuracy and error from loss, from compute, or from size and answer length."""

from bayescale.laws.base import Law
from bayescale.laws.functions import LN10, Value, exp, log, sigmoid
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive, Real


class AccuracyFromLoss(Law):
    r"""Accuracy as a falling sigmoid of loss, from a ceiling down to the level of guessing.

    .. math:: A(L) = g + (1 - g) \, r \, \sigma\!\left( o - k \, (L / L_0 - 1) \right)
    """

    reference = (
        "Bhagia et al. (2024), arXiv:2412.04403; Grattafiori et al. (2024), arXiv:2407.21783"
    )
    target = "accuracy"
    noise = "logit_student_t"

    L = Input("loss", about="loss, of language or of the task's answers", span=(1.5, 5.0))
    guess = Fraction(0.02, 0.5, about="accuracy of guessing, far above the midpoint")
    reach = Fraction(0.5, 0.99, about="share of what guessing leaves that is ever reached")
    odds = Real(-4.0, 4.0, about="log odds of the way up at the reference loss")
    steepness = Positive(2.0, 40.0, about="slope of the log odds per reference loss")

    @staticmethod
    def equation(L: Value, guess: Value, reach: Value, odds: Value, steepness: Value) -> Value:
        """Accuracy at relative loss L."""
        return guess + (1 - guess) * reach * sigmoid(odds - steepness * (L - 1))

    @staticmethod
    def derived(
        L: Value, guess: Value, reach: Value, odds: Value, steepness: Value
    ) -> dict[str, Value]:
        """Midpoint and slope in the unit of the loss, and the accuracy at zero loss's plateau."""
        return {
            "loss_midpoint": (1 + odds / steepness) * L,
            "slope_per_loss": steepness / L,
            "ceiling": guess + (1 - guess) * reach,
        }


class AccuracyFromCompute(Law):
    r"""Accuracy as a sigmoid of log compute, from the level of guessing to a ceiling.

    .. math:: A(C) = g + (1 - g) \, r \, \sigma\!\left( o + k \, \log_{10} (C / C_0) \right)
    """

    reference = "Owen (2024), arXiv:2401.04757; Ruan et al. (2024), arXiv:2405.10938"
    target = "accuracy"
    noise = "logit_student_t"

    C = Input("flops", about="training compute, or another measure of scale")
    guess = Fraction(0.02, 0.5, about="accuracy of guessing")
    reach = Fraction(0.5, 0.99, about="share of what guessing leaves that is ever reached")
    odds = Real(-4.0, 4.0, about="log odds of the way up at the reference compute")
    steepness = Positive(0.3, 6.0, about="slope of the log odds per factor of ten")

    @staticmethod
    def equation(C: Value, guess: Value, reach: Value, odds: Value, steepness: Value) -> Value:
        """Accuracy at relative compute C."""
        return guess + (1 - guess) * reach * sigmoid(odds + steepness * log(C) / LN10)

    @staticmethod
    def derived(
        C: Value, guess: Value, reach: Value, odds: Value, steepness: Value
    ) -> dict[str, Value]:
        """Midpoint in FLOP, and the ceiling."""
        return {
            "flops_midpoint": C * exp(-LN10 * odds / steepness),
            "ceiling": guess + (1 - guess) * reach,
        }


class AccuracyPowerLaw(Law):
    r"""Accuracy whose error, one minus accuracy, falls as a pure power law.

    .. math:: A(x) = 1 - e \, (x / x_0)^{-\gamma}
    """

    reference = "Cherti et al. (2022), arXiv:2212.07143"
    target = "accuracy"
    noise = "raw_student_t"

    x = Input("flops", about="training compute, or another measure of scale")
    error = Fraction(0.05, 0.8, about="error at the reference point")
    exponent = Positive(0.02, 0.5, about="exponent of the error")

    @staticmethod
    def equation(x: Value, error: Value, exponent: Value) -> Value:
        """Accuracy at relative input x; below zero where the power law leaves [0, 1]."""
        return 1 - error * x**-exponent


class ErrorFromLoss(Law):
    r"""Error that falls ever faster as loss falls: exponential decay from a plateau.

    .. math:: \mathrm{Err}(L) = e + h \left( 1 - e^{-\gamma (L / L_0 - 1)} \right)
    """

    reference = "Gadre et al. (2024), arXiv:2403.08540"
    target = "error"
    noise = "raw_student_t"

    L = Input("loss", about="loss of language", span=(2.0, 5.0))
    level = Positive(0.5, 1.5, of="target", about="error at the reference loss")
    headroom = Positive(0.03, 1.0, of="target", about="from there up to the plateau")
    rate = Positive(0.5, 8.0, about="decay of the distance to the plateau per reference loss")

    @staticmethod
    def equation(L: Value, level: Value, headroom: Value, rate: Value) -> Value:
        """Error at relative loss L."""
        return level + headroom * (1 - exp(-rate * (L - 1)))

    @staticmethod
    def coordinates(level: Value, headroom: Value, rate: Value) -> tuple[Value, ...]:
        """Level, headroom to level, local log-slope."""
        return level, headroom, rate + headroom - level

    @staticmethod
    def from_coordinates(level: Value, headroom: Value, slope: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return level, headroom, slope - headroom + level

    @staticmethod
    def derived(L: Value, level: Value, headroom: Value, rate: Value) -> dict[str, Value]:
        """Gadre's constants: Err = epsilon - k exp(-gamma L)."""
        return {"epsilon": level + headroom, "k": headroom * exp(rate), "gamma": rate / L}
