"""Repeated sampling: pass rates, and how many problems one of k tries solves."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, minimum
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio

LEAST = 500.0
"""Negative log of the least coverage; less would round to none, which has no log odds."""


class Coverage(Law):
    r"""Share of problems solved at least once in k tries: its negative log is a power law in k.

    .. math:: c(k) = \exp\!\left( -a \, (k / k_0)^{-b} \right)
    """

    reference = "Brown et al. (2024), arXiv:2407.21787"
    target = "coverage"
    noise = "logit_student_t"

    k = Input("samples", about="tries at each problem", span=(1.0, 1e4))
    a = Positive(0.05, 5.0, about="negative log coverage at the reference number of tries")
    exponent = Positive(0.05, 0.8, about="exponent of the negative log coverage in tries")

    @staticmethod
    def equation(k: Value, a: Value, exponent: Value) -> Value:
        """Coverage at a relative number of tries k."""
        return exp(-minimum(a * k**-exponent, LEAST))

    @staticmethod
    def derived(k: Value, a: Value, exponent: Value) -> dict[str, Value]:
        """Negative log of the share solved at the first try: c(k) = exp(-a_1 k^-exponent)."""
        return {"a_1": a * k**exponent}


class PassAtK(Law):
    r"""Share of problems solved within k tries: its negative log falls with compute to a floor.

    The number of tries is that of the table: a fit is of one k.

    .. math:: \mathrm{pass}(C) = \exp\!\left( -E - c \, (C / C_0)^{-\alpha} \right)
    """

    reference = "Schaeffer et al. (2026), arXiv:2509.24012; OpenAI (2023), arXiv:2303.08774, sec. 3"
    target = "pass_at_k"
    noise = "beta_binomial"

    C = Input("flops", about="training compute, or another measure of scale")
    E = Positive(0.01, 3.0, about="negative log of the share that any compute leaves")
    c = Positive(0.5, 12.0, about="reducible negative log at the reference point")
    alpha = Positive(0.03, 0.6, about="exponent of the reducible negative log")

    @staticmethod
    def equation(C: Value, E: Value, c: Value, alpha: Value) -> Value:
        """Share solved at relative compute C."""
        return exp(-minimum(E + c * C**-alpha, LEAST))

    @staticmethod
    def coordinates(E: Value, c: Value, alpha: Value) -> tuple[Value, ...]:
        """Level, floor to reducible part, local log-slope."""
        level, ratio = total_ratio(E, c)
        return level, ratio, alpha + c - level

    @staticmethod
    def from_coordinates(level: Value, ratio: Value, slope: Value) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, c = from_total_ratio(level, ratio)
        return E, c, slope - c + level


class PassUntil(Law):
    r"""Pass rate of one task against size: its negative log is a power law, however small it is.

    .. math:: \mathrm{PU}(N) = \exp\!\left( -c \, (N / N_0)^{-\alpha} \right)
    """

    reference = "Hu et al. (2023), arXiv:2310.03262, eq. 4"
    target = "pass_rate"
    noise = "negative_binomial"

    N = Input("params", about="model parameters, or another measure of scale")
    c = Positive(0.5, 12.0, about="negative log pass rate at the reference size")
    alpha = Positive(0.03, 1.0, about="exponent of the negative log pass rate")

    @staticmethod
    def equation(N: Value, c: Value, alpha: Value) -> Value:
        """Pass rate at relative size N."""
        return exp(-minimum(c * N**-alpha, LEAST))

    @staticmethod
    def derived(N: Value, c: Value, alpha: Value) -> dict[str, Value]:
        """Size at which one try in e passes: PU = exp(-(N / N_c)^-alpha)."""
        return {"N_c": N * c ** (1 / alpha)}
