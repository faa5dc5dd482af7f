"""Routed experts: loss against size, tokens and number of experts."""

from bayescale.laws.base import Law
from bayescale.laws.functions import LN10, Value, exp, log, logaddexp
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real
from bayescale.laws.transforms import (
    from_total_ratio,
    from_two_power_laws,
    of_two_power_laws,
    total_ratio,
)

MANY = 32
"""A usual number of experts, at which the runs see what experts are worth."""


def _log_gain(log_offset: Value, log_max: Value) -> Value:
    """Return the log of how many times a usual number of experts counts for a dense model."""
    many = log(MANY - 1 + exp(log_offset))
    return logaddexp(-log_offset, -log_max) - logaddexp(-many, -log_max)


def _log_effective(experts: Value, offset: Value, E_max: Value) -> Value:
    """Return the log of the effective number of experts relative to a dense model's."""
    return log(1 / offset + 1 / E_max) - log(1 / (experts - 1 + offset) + 1 / E_max)


class RoutedExperts(Law):
    r"""A power law in size and one in the number of experts, whose logarithms interact; no floor.

    The effective number of experts saturates: it starts at 1 / (1 / offset + 1 / E_max) for a dense
    model and never exceeds E_max. Amplitude and exponents are those of a dense model, or of the
    reference size; with n = N / N_0 and e the effective number relative to a dense model's:

    .. math:: \log_{10} L(N, E) = \log_{10} L_0 - \alpha \log_{10} n - \beta \log_{10} e
              + c \, \log_{10} n \, \log_{10} e, \quad
              e = \hat E(E) / \hat E(1), \quad
              \frac{1}{\hat E(E)} = \frac{1}{E - 1 + E_o} + \frac{1}{E_{max}}
    """

    name = "routed_experts"
    reference = "Clark et al. (2022), arXiv:2202.01169, eqs. 1 and 2"

    N = Input("params", about="parameters of the dense model, those that one token uses")
    experts = Input("num_experts", relative=False, span=(1, 512), about="experts a routed layer")
    L0 = Positive(0.5, 2.0, of="target", about="loss of a dense model of the reference size")
    alpha = Positive(0.02, 0.5, about="size exponent of a dense model")
    beta = Positive(0.005, 0.3, about="experts exponent at the reference size")
    c = Real(-0.05, 0.05, about="interaction: above zero, experts help larger models less")
    offset = Positive(1.0, 10.0, about="E_o, experts that a dense model counts for")
    E_max = Positive(50.0, 5000.0, about="effective experts of infinitely many")

    @staticmethod
    def equation(
        N: Value,
        experts: Value,
        L0: Value,
        alpha: Value,
        beta: Value,
        c: Value,
        offset: Value,
        E_max: Value,
    ) -> Value:
        """Loss at relative size N and a number of experts, one for a dense model."""
        size, effective = log(N), _log_effective(experts, offset, E_max)
        return L0 * exp(-alpha * size - beta * effective + c / LN10 * size * effective)

    @staticmethod
    def coordinates(
        L0: Value, alpha: Value, beta: Value, c: Value, offset: Value, E_max: Value
    ) -> tuple[Value, ...]:
        """In the place of beta, the log loss that a usual number of experts takes away."""
        return L0, alpha, beta + log(_log_gain(offset, E_max)), c, offset, E_max

    @staticmethod
    def from_coordinates(
        L0: Value, alpha: Value, taken: Value, c: Value, offset: Value, E_max: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return L0, alpha, taken - log(_log_gain(offset, E_max)), c, offset, E_max

    @staticmethod
    def derived(
        N: Value,
        experts: Value,
        L0: Value,
        alpha: Value,
        beta: Value,
        c: Value,
        offset: Value,
        E_max: Value,
    ) -> dict[str, Value]:
        """Clark's a, b, d of log10 L = a log N + b log E + c log N log E + d, and E_start."""
        start = 1 / (1 / offset + 1 / E_max)
        size, first = log(N) / LN10, log(start) / LN10
        return {
            "a": -alpha - c * first,
            "b": -beta - c * size,
            "d": log(L0) / LN10 + alpha * size + beta * first + c * size * first,
            "E_start": start,
        }


class RoutedExpertsFloor(Law):
    r"""The law of routed experts above an irreducible loss.

    .. math:: L(N, E) = L_\infty + a \, n^{-\alpha} e^{-\beta + c \ln n}, \quad n = N / N_0, \;
              e = \hat E(E) / \hat E(1), \;
              \frac{1}{\hat E(E)} = \frac{1}{E - 1 + E_o} + \frac{1}{E_{max}}
    """

    reference = (
        "Clark et al. (2022), arXiv:2202.01169, eq. 2; Ludziejewski et al. (2025), "
        "arXiv:2502.05172 (the floor and the interaction with size)"
    )

    N = Input("params", about="parameters of the dense model, those that one token uses")
    experts = Input("num_experts", relative=False, span=(1, 512), about="experts a routed layer")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.05, 1.0, of="target", about="excess loss of a dense model of reference size")
    alpha = Positive(0.05, 0.8, about="size exponent of a dense model")
    beta = Positive(0.01, 0.6, about="experts exponent at the reference size")
    c = Real(-0.05, 0.1, about="interaction: above zero, experts help larger models less")
    offset = Positive(1.0, 10.0, about="E_o, experts that a dense model counts for")
    E_max = Positive(50.0, 5000.0, about="effective experts of infinitely many")

    @staticmethod
    def equation(
        N: Value,
        experts: Value,
        E: Value,
        a: Value,
        alpha: Value,
        beta: Value,
        c: Value,
        offset: Value,
        E_max: Value,
    ) -> Value:
        """Loss at relative size N and a number of experts, one for a dense model."""
        return E + a * N**-alpha * exp((c * log(N) - beta) * _log_effective(experts, offset, E_max))

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, beta: Value, c: Value, offset: Value, E_max: Value
    ) -> tuple[Value, ...]:
        """Level and floor to excess of a dense model, slope, what experts take away; the rest."""
        level, floor_ratio = total_ratio(E, a)
        taken = beta + log(_log_gain(offset, E_max)) + a - level
        return level, floor_ratio, alpha + a - level, taken, c, offset, E_max

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        slope: Value,
        taken: Value,
        c: Value,
        offset: Value,
        E_max: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, a = from_total_ratio(level, floor_ratio)
        beta = taken - log(_log_gain(offset, E_max)) - a + level
        return E, a, slope - a + level, beta, c, offset, E_max


class JointExperts(Law):
    r"""Chinchilla's law, with powers of the number of experts that depend on size and data.

    Amplitudes and exponents are those of a dense model; e saturates as in Clark's law.

    .. math:: L(N, D, E) = L_\infty + a \, n^{-\alpha} e^{-\delta + \gamma \ln n}
              + b \, d^{-\beta} e^{-\omega + \zeta \ln d}, \; n = N / N_0, \; d = D / D_0
    """

    reference = "Ludziejewski et al. (2025), arXiv:2502.05172 (joint MoE scaling law)"

    N = Input("params", about="parameters that one token uses")
    D = Input("tokens", about="training tokens")
    experts = Input("num_experts", relative=False, span=(1, 64), about="experts a routed layer")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a dense model of reference size")
    alpha = Positive(0.1, 0.8, about="size exponent of a dense model")
    b = Positive(0.01, 1.0, of="target", about="excess loss of the reference number of tokens")
    beta = Positive(0.1, 0.8, about="data exponent of a dense model")
    delta = Real(-0.1, 0.4, about="experts exponent of the size term; above zero, experts help")
    gamma = Real(-0.05, 0.05, about="its interaction: above zero, they help larger models less")
    omega = Real(-0.3, 0.3, about="experts exponent of the data term; below zero, they need data")
    zeta = Real(-0.05, 0.05, about="its interaction: below zero, more so where data are few")
    offset = Positive(1.0, 10.0, about="E_o, experts that a dense model counts for")
    E_max = Positive(50.0, 5000.0, about="effective experts of infinitely many")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        experts: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        delta: Value,
        gamma: Value,
        omega: Value,
        zeta: Value,
        offset: Value,
        E_max: Value,
    ) -> Value:
        """Loss at relative size N, relative tokens D and a number of experts, one if dense."""
        effective = _log_effective(experts, offset, E_max)
        size = a * N**-alpha * exp((gamma * log(N) - delta) * effective)
        return E + size + b * D**-beta * exp((zeta * log(D) - omega) * effective)

    @staticmethod
    def coordinates(
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        delta: Value,
        gamma: Value,
        omega: Value,
        zeta: Value,
        offset: Value,
        E_max: Value,
    ) -> tuple[Value, ...]:
        """Level, floor to reducible loss, size to data share, local slope, its split; the rest."""
        return *of_two_power_laws(E, a, alpha, b, beta), delta, gamma, omega, zeta, offset, E_max

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        delta: Value,
        gamma: Value,
        omega: Value,
        zeta: Value,
        offset: Value,
        E_max: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return *pair, delta, gamma, omega, zeta, offset, E_max
