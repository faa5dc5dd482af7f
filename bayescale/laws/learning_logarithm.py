"""Learning curves in the logarithm of epochs or steps, with no ceiling or a slow one."""

from typing import Any

from bayescale.coordinates import from_total_ratio, total_ratio
from bayescale.functions import exp, expm1, log, log1p, maximum
from bayescale.law import Fraction, Input, Law, Positive

SOURCE = "Domhan et al. (2015), IJCAI; LC-PFN (2023)"

STEP = Input("step", span=(1, 200), about="epochs, steps or examples")
LEVEL = Fraction(0.05, 0.95, about="accuracy at the reference point")


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
    def equation(x: Any, level: Any, delay: Any, exponent: Any) -> Any:
        """Accuracy at relative input x; above one where the power law leaves [0, 1]."""
        return level * exp(-delay * (1 / x - 1)) * x**exponent

    @staticmethod
    def coordinates(level: Any, delay: Any, exponent: Any) -> tuple[Any, ...]:
        """Level, local log-slope, its split."""
        return level, *total_ratio(delay, exponent)

    @staticmethod
    def from_coordinates(level: Any, slope: Any, split: Any) -> tuple[Any, ...]:
        """Invert :meth:`coordinates`."""
        return level, *from_total_ratio(slope, split)

    @staticmethod
    def derived(x: Any, level: Any, delay: Any, exponent: Any) -> dict[str, Any]:
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
    def equation(x: Any, level: Any, span: Any) -> Any:
        """Accuracy at relative input x; zero before the onset."""
        return log1p(expm1(level) * maximum(0.0, 1 + log(x) / span))

    @staticmethod
    def derived(x: Any, level: Any, span: Any) -> dict[str, Any]:
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
    def equation(x: Any, c: Any, a: Any) -> Any:
        """Accuracy after x epochs or steps."""
        return c - a / log1p(x)
