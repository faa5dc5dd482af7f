r"""Learning curves that rise to a ceiling: accuracy against epochs or steps.

All pass the reference point at the accuracy ``level`` and end at a ceiling that removes the share
``headroom`` of the error left there, so no curve ever exceeds one; they differ in how what is
missing shrinks. Of the eleven shapes in use, ``log_power`` is ``hill3``, and ``exp4`` and
``janoschek`` are ``weibull``, under other names: ``derived`` gives each of them its constants.

Learning curves in the logarithm of epochs or steps, with no ceiling or a slow one.
"""

from bayescale.laws.base import Law
from bayescale.laws.functions import (
    Value,
    exp,
    expm1,
    log,
    log1p,
    logaddexp,
    maximum,
    sigmoid,
    softplus,
)
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio

SOURCE = "Domhan et al. (2015), IJCAI; LC-PFN (2023)"


STEP = Input("step", span=(1, 200), about="epochs, steps or examples")


LEVEL = Fraction(0.05, 0.95, about="accuracy at the reference point")


HEADROOM = Fraction(0.05, 0.95, about="share of the error there that more training removes")


START = Fraction(0.05, 0.8, about="accuracy before training, over that at the reference point")


def gap(level: Value, headroom: Value) -> Value:
    """How far below the ceiling a learning curve is at the reference point."""
    return headroom * (1 - level)


def log_gap(level: Value, headroom: Value) -> Value:
    """Log of a learning curve's :func:`gap`, from log odds."""
    return -softplus(-headroom) - softplus(level)


def log_rise(level: Value, start: Value) -> Value:
    """Log of what a learning curve gained since the start, level (1 - start), from log odds."""
    return -softplus(-level) - softplus(start)


class Pow3(Law):
    r"""A learning curve whose distance to the ceiling falls as a power law.

    .. math:: A(x) = A_\infty - (A_\infty - A_0) \, (x / x_0)^{-\gamma},
              \quad A_\infty = A_0 + h (1 - A_0)
    """

    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    headroom = HEADROOM
    exponent = Positive(0.1, 3.0, about="exponent of the distance to the ceiling")

    @staticmethod
    def equation(x: Value, level: Value, headroom: Value, exponent: Value) -> Value:
        """Accuracy at relative input x."""
        return level + gap(level, headroom) * (1 - x**-exponent)

    @staticmethod
    def coordinates(level: Value, headroom: Value, exponent: Value) -> tuple[Value, ...]:
        """Level, headroom, local slope."""
        return level, headroom, exponent + log_gap(level, headroom)

    @staticmethod
    def from_coordinates(level: Value, headroom: Value, slope: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return level, headroom, slope - log_gap(level, headroom)

    @staticmethod
    def derived(x: Value, level: Value, headroom: Value, exponent: Value) -> dict[str, Value]:
        """Domhan's c and a: A = c - a x^-exponent."""
        missing = gap(level, headroom)
        return {"c": level + missing, "a": missing * x**exponent}


class Pow4(Law):
    r"""A learning curve whose distance to the ceiling falls as a power law of a shifted input.

    .. math:: A(x) = A_\infty - (A_\infty - A_0) \left[ \frac{x / x_0 + d}{1 + d} \right]^{-\gamma},
              \quad A_\infty = A_0 + h (1 - A_0)
    """

    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    headroom = HEADROOM
    exponent = Positive(0.1, 3.0, about="exponent of the distance to the ceiling, late in training")
    shift = Positive(0.005, 2.0, about="shift of the input, relative to the reference point")

    @staticmethod
    def equation(x: Value, level: Value, headroom: Value, exponent: Value, shift: Value) -> Value:
        """Accuracy at relative input x."""
        return level + gap(level, headroom) * (1 - ((x + shift) / (1 + shift)) ** -exponent)

    @staticmethod
    def coordinates(
        level: Value, headroom: Value, exponent: Value, shift: Value
    ) -> tuple[Value, ...]:
        """Level, headroom, local slope, shift."""
        return level, headroom, exponent + log_gap(level, headroom) - softplus(shift), shift

    @staticmethod
    def from_coordinates(
        level: Value, headroom: Value, slope: Value, shift: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return level, headroom, slope - log_gap(level, headroom) + softplus(shift), shift

    @staticmethod
    def derived(
        x: Value, level: Value, headroom: Value, exponent: Value, shift: Value
    ) -> dict[str, Value]:
        """Domhan's c, a and b: A = c - (a x + b)^-exponent."""
        missing = gap(level, headroom)
        total = missing ** (-1 / exponent)
        share = shift / (1 + shift)
        return {"c": level + missing, "a": total * (1 - share) / x, "b": total * share}


class Hill3(Law):
    r"""A learning curve from zero that is logistic in log x; also known as log_power.

    .. math:: A(x) = \frac{A_\infty}{1 + (A_\infty / A_0 - 1) \, (x / x_0)^{-\gamma}},
              \quad A_\infty = A_0 + h (1 - A_0)
    """

    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    headroom = HEADROOM
    exponent = Positive(0.2, 4.0, about="steepness in log x")

    @staticmethod
    def equation(x: Value, level: Value, headroom: Value, exponent: Value) -> Value:
        """Accuracy at relative input x."""
        missing = gap(level, headroom)
        return (level + missing) * sigmoid(exponent * log(x) + log(level / missing))

    @staticmethod
    def coordinates(level: Value, headroom: Value, exponent: Value) -> tuple[Value, ...]:
        """Level, headroom, local slope."""
        rise, missing = -softplus(-level), log_gap(level, headroom)
        return level, headroom, exponent + rise + missing - logaddexp(rise, missing)

    @staticmethod
    def from_coordinates(level: Value, headroom: Value, slope: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        rise, missing = -softplus(-level), log_gap(level, headroom)
        return level, headroom, slope - rise - missing + logaddexp(rise, missing)

    @staticmethod
    def derived(x: Value, level: Value, headroom: Value, exponent: Value) -> dict[str, Value]:
        """Hill's theta and kappa; of log_power, a / (1 + (x / e^b)^c): b (a is theta)."""
        missing = gap(level, headroom)
        kappa = x * (missing / level) ** (1 / exponent)
        return {"theta": level + missing, "kappa": kappa, "b": log(kappa)}


class MorganMercerFlodin(Law):
    r"""A learning curve from a starting accuracy that is logistic in log x; known as mmf.

    .. math:: A(x) = A_\infty - \frac{A_\infty - s A_0}{1 + K (x / x_0)^{\gamma}}, \quad
              K = \frac{A_0 - s A_0}{A_\infty - A_0}, \quad A_\infty = A_0 + h (1 - A_0)
    """

    name = "mmf"
    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    headroom = HEADROOM
    exponent = Positive(0.2, 4.0, about="steepness in log x")
    start = START

    @staticmethod
    def equation(x: Value, level: Value, headroom: Value, exponent: Value, start: Value) -> Value:
        """Accuracy at relative input x."""
        rise, missing = level * (1 - start), gap(level, headroom)
        return start * level + (rise + missing) * sigmoid(exponent * log(x) + log(rise / missing))

    @staticmethod
    def coordinates(
        level: Value, headroom: Value, exponent: Value, start: Value
    ) -> tuple[Value, ...]:
        """Level, headroom, local slope, start."""
        rise, missing = log_rise(level, start), log_gap(level, headroom)
        return level, headroom, exponent + rise + missing - logaddexp(rise, missing), start

    @staticmethod
    def from_coordinates(
        level: Value, headroom: Value, slope: Value, start: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        rise, missing = log_rise(level, start), log_gap(level, headroom)
        return level, headroom, slope - rise - missing + logaddexp(rise, missing), start

    @staticmethod
    def derived(
        x: Value, level: Value, headroom: Value, exponent: Value, start: Value
    ) -> dict[str, Value]:
        """alpha, beta, kappa: A = alpha - (alpha - beta) / (1 + (kappa x)^exponent)."""
        rise, missing = level * (1 - start), gap(level, headroom)
        kappa = (rise / missing) ** (1 / exponent) / x
        return {"alpha": level + missing, "beta": start * level, "kappa": kappa}


class Weibull(Law):
    r"""A learning curve whose distance to the ceiling decays as a stretched exponential.

    Also known as janoschek and exp4.

    .. math:: A(x) = A_\infty - (A_\infty - s A_0) \, e^{-K (x / x_0)^{\gamma}}, \quad
              K = \log \frac{A_\infty - s A_0}{A_\infty - A_0}, \quad A_\infty = A_0 + h (1 - A_0)
    """

    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    headroom = HEADROOM
    exponent = Positive(0.1, 3.0, about="exponent inside the exponential")
    start = START

    @staticmethod
    def equation(x: Value, level: Value, headroom: Value, exponent: Value, start: Value) -> Value:
        """Accuracy at relative input x."""
        rise, missing = level * (1 - start), gap(level, headroom)
        return level + missing - (rise + missing) * exp(-log1p(rise / missing) * x**exponent)

    @staticmethod
    def coordinates(
        level: Value, headroom: Value, exponent: Value, start: Value
    ) -> tuple[Value, ...]:
        """Level, headroom, local slope, start."""
        rise, missing = log_rise(level, start), log_gap(level, headroom)
        return level, headroom, exponent + missing + log(softplus(rise - missing)), start

    @staticmethod
    def from_coordinates(
        level: Value, headroom: Value, slope: Value, start: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        rise, missing = log_rise(level, start), log_gap(level, headroom)
        return level, headroom, slope - missing - log(softplus(rise - missing)), start

    @staticmethod
    def derived(
        x: Value, level: Value, headroom: Value, exponent: Value, start: Value
    ) -> dict[str, Value]:
        """alpha, beta, kappa; the k of janoschek; of exp4, c - exp(-k x^exponent + b): b."""
        rise, missing = level * (1 - start), gap(level, headroom)
        at_reference = log1p(rise / missing)
        return {
            "alpha": level + missing,
            "beta": start * level,
            "kappa": at_reference ** (1 / exponent) / x,
            "k": at_reference / x**exponent,
            "b": log(rise + missing),
        }


class VapourPressure(Law):
    r"""A learning curve that is slow to start and ends as a rising power law; known as vap.

    .. math:: A(x) = A_0 \, e^{-d \, (x_0 / x - 1)} \, (x / x_0)^{\gamma}
    """

    name = "vap"
    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    delay = Positive(0.005, 3.0, about="log accuracy lost to the slow start, at the reference")
    exponent = Positive(0.005, 0.8, about="exponent late in training")

    @staticmethod
    def equation(x: Value, level: Value, delay: Value, exponent: Value) -> Value:
        """Accuracy at relative input x; above one where the power law leaves [0, 1]."""
        return level * exp(-delay * (1 / x - 1)) * x**exponent

    @staticmethod
    def coordinates(level: Value, delay: Value, exponent: Value) -> tuple[Value, ...]:
        """Level, local log-slope, its split."""
        return level, *total_ratio(delay, exponent)

    @staticmethod
    def from_coordinates(level: Value, slope: Value, split: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return level, *from_total_ratio(slope, split)

    @staticmethod
    def derived(x: Value, level: Value, delay: Value, exponent: Value) -> dict[str, Value]:
        """Domhan's a and b: A = exp(a + b / x + exponent ln x)."""
        return {"a": log(level) + delay - exponent * log(x), "b": -delay * x}


class LogLog(Law):
    r"""A learning curve that leaves zero at an onset and grows ever more slowly, without a ceiling.

    .. math:: A(x) = \log \left[ 1 + (e^{A_0} - 1) \max\left( 0,
              1 + \tfrac{1}{s} \log \frac{x}{x_0} \right) \right]
    """

    name = "loglog"
    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = STEP
    level = LEVEL
    span = Positive(0.7, 30.0, about="log of the reference point over the onset")

    @staticmethod
    def equation(x: Value, level: Value, span: Value) -> Value:
        """Accuracy at relative input x; zero before the onset."""
        return log1p(expm1(level) * maximum(0.0, 1 + log(x) / span))

    @staticmethod
    def derived(x: Value, level: Value, span: Value) -> dict[str, Value]:
        """Domhan's a and b, A = ln(a ln x + b), and the onset in the unit of x."""
        a = expm1(level) / span
        return {"a": a, "b": exp(level) - a * log(x), "onset": x * exp(-span)}


class Ilog2(Law):
    r"""A learning curve that nears its ceiling as one over the logarithm: slower than any power.

    One is added to x, which keeps the first epoch finite.

    .. math:: A(x) = c - a / \log(1 + x)
    """

    reference = SOURCE
    target = "accuracy"
    noise = "raw_student_t"

    x = Input("step", relative=False, span=(1, 200), about="epochs or steps, from one")
    c = Fraction(0.3, 0.98, about="accuracy of endless training")
    a = Positive(0.02, 3.0, about="distance to it at x = e - 1, 1.7 epochs")

    @staticmethod
    def equation(x: Value, c: Value, a: Value) -> Value:
        """Accuracy after x epochs or steps."""
        return c - a / log1p(x)
