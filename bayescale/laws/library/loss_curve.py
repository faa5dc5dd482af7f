"""Whole loss curves under a learning-rate schedule; `with_schedule` makes their inputs."""

import math

from bayescale.data.schedule import NODES
from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, expm1, log, softplus, total
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio


class Annealing(Law):
    r"""A power of the learning rates' sum, less what their fall, with momentum, has gained.

    S_1 sums the learning rates up to the step, S_2 the momentum of their falls after warm-up, which
    is taken as a share of S_1. One curve or several of one model.

    .. math:: L(s) = E + a \, (S_1 / S_0)^{-\alpha} - c \, S_2 / S_0, \quad
              S_2 = \sum_{i \le s} m_i, \quad
              m_i = \lambda m_{i-1} + (\eta_{i-1} - \eta_i), \quad \lambda = 0.999
    """

    reference = "Tissue et al. (2024), arXiv:2408.11029"

    S = Input("lr_sum", about="sum of the learning rates so far", span=(1, 10))
    annealed = Input(
        "lr_annealed",
        relative=False,
        about="momentum of the learning rate's falls so far, as a share of that sum",
        span=(0.0, 0.03),
    )
    E = Positive(0.3, 0.97, of="target", about="irreducible loss without annealing")
    a = Positive(0.02, 1.0, of="target", about="excess loss at the reference sum")
    alpha = Positive(0.15, 1.0, about="exponent in the sum of learning rates")
    c = Positive(0.05, 1.0, of="target", about="gain of annealing as large as the reference sum")

    @staticmethod
    def equation(S: Value, annealed: Value, E: Value, a: Value, alpha: Value, c: Value) -> Value:
        """Loss at a relative sum of learning rates and an annealed share of it."""
        return E + a * S**-alpha - c * S * annealed

    @staticmethod
    def coordinates(E: Value, a: Value, alpha: Value, c: Value) -> tuple[Value, ...]:
        """Level, irreducible to reducible loss, local log-slope; then c."""
        level, floor_ratio = total_ratio(E, a)
        return level, floor_ratio, alpha + a - level, c

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, slope: Value, c: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, a = from_total_ratio(level, floor_ratio)
        return E, a, slope - a + level, c

    @staticmethod
    def derived(
        S: Value, annealed: Value, E: Value, a: Value, alpha: Value, c: Value
    ) -> dict[str, Value]:
        """A and C of L = E + A S_1^-alpha - C S_2."""
        return {"A": a * S**alpha, "C": c / S}


def _log_gained(c: Value, beta: Value) -> Value:
    """Log of the share of b that is gained by the reference sum; c and beta as logarithms."""
    return log(-expm1(-exp(beta) * softplus(c)))


def _log_quarter(beta: Value) -> Value:
    """Log of c times the sum by which a quarter of b is gained."""
    needed = math.log(4 / 3) * exp(-beta)
    return needed + log(-expm1(-needed))


class MultiPower(Law):
    r"""A power of the learning rates' sum, less a power law for each change of the rate so far.

    Every fall of the rate gains loss, at once a little and in the end its all; the rises of warm-up
    count as falls below zero. S_k sums the learning rates since the change to the rate eta_k.

    .. math:: L(t) = E + a \, (S / S_0)^{-\alpha} - b \sum_{k \le t}
              \frac{\eta_{k-1} - \eta_k}{\eta_0}
              \left[ 1 - \left( 1 + c \, \frac{S_k(t)}{S_0}
              \left( \frac{\eta_k}{\eta_0} \right)^{-\gamma} \right)^{-\beta} \right]
    """

    reference = "Luo et al. (2025), arXiv:2503.12811"

    S = Input("lr_sum", about="sum of the learning rates so far", span=(1, 10))
    rate = Input(
        "lr_node", about="rate after the changes of a node", span=(1e-4, 1e-3), nodes=NODES
    )
    change = Input(
        "lr_change",
        relative=False,
        about="fall of the rate at the node, divided by the rate after it",
        span=(-0.02, 0.02),
        nodes=NODES,
    )
    since = Input(
        "lr_since",
        relative=False,
        about="share of the sum that came after the node",
        span=(1e-3, 1.0),
        nodes=NODES,
    )
    E = Positive(0.3, 0.97, of="target", about="irreducible loss without annealing")
    a = Positive(0.02, 1.0, of="target", about="excess loss at the reference sum")
    alpha = Positive(0.15, 1.0, about="exponent in the sum of learning rates")
    b = Positive(0.003, 0.3, of="target", about="gain, in the end, of a fall by the reference rate")
    c = Positive(30.0, 30000.0, about="how soon, in reference sums, a fall of the rate gains")
    beta = Positive(0.2, 1.2, about="exponent of that gain")
    gamma = Positive(0.3, 1.2, about="how much sooner the gain comes at a lower rate")

    @staticmethod
    def equation(
        S: Value,
        rate: Value,
        change: Value,
        since: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        c: Value,
        beta: Value,
        gamma: Value,
    ) -> Value:
        """Loss at a relative sum of learning rates and the changes before it."""

        def gained(rate: Value, change: Value, since: Value) -> Value:
            return change * rate * (1 - (1 + c * since * S * rate**-gamma) ** -beta)

        return E + a * S**-alpha - b * total(gained, rate, change, since)

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, b: Value, c: Value, beta: Value, gamma: Value
    ) -> tuple[Value, ...]:
        """Level, irreducible to reducible loss, local log-slope; gain by S_0, first quarter."""
        level, floor_ratio = total_ratio(E, a)
        gain, quarter = b + _log_gained(c, beta), _log_quarter(beta) - c
        return level, floor_ratio, alpha + a - level, gain, quarter, beta, gamma

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        slope: Value,
        gain: Value,
        quarter: Value,
        beta: Value,
        gamma: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, a = from_total_ratio(level, floor_ratio)
        c = _log_quarter(beta) - quarter
        b = gain - _log_gained(c, beta)
        return E, a, slope - a + level, b, c, beta, gamma

    @staticmethod
    def derived(
        S: Value,
        rate: Value,
        change: Value,
        since: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        c: Value,
        beta: Value,
        gamma: Value,
    ) -> dict[str, Value]:
        """A, B and C of the law in learning rates as they are."""
        return {"A": a * S**alpha, "B": b / rate, "C": c * rate**gamma / S}
