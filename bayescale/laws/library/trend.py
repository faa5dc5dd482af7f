"""Trends of any quantity: a power or the log of compute or size, or an exponential in time."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, log
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real

LN2 = 0.6931471805599453


class Trend(Law):
    r"""A power of one input, rising or falling: the best size, data or learning rate at a scale.

    The quantity is any positive column of the table, ``columns={"y": "params_opt"}``; so is x.

    .. math:: y(x) = c \, (x / x_0)^{\gamma}
    """

    reference = "Hoffmann et al. (2022), arXiv:2203.15556, sec. 3; Porian et al. (2024), 2406.19146"
    target = "y"

    x = Input("flops", about="compute, parameters or tokens")
    c = Positive(0.5, 2.0, of="target", about="the quantity at the reference point")
    gamma = Real(-1.0, 1.0, about="exponent; below zero the quantity falls")

    @staticmethod
    def equation(x: Value, c: Value, gamma: Value) -> Value:
        """The quantity at relative input x."""
        return c * x**gamma

    @staticmethod
    def derived(x: Value, c: Value, gamma: Value) -> dict[str, Value]:
        """The constant of y = k x^gamma, x in its own unit."""
        return {"k": c * x**-gamma}


class JointTrend(Law):
    r"""A product of powers of two inputs: the best learning rate or batch at a size and data.

    .. math:: y(N, D) = c \, (N / N_0)^{\gamma} \, (D / D_0)^{\delta}
    """

    reference = "Li et al. (2025), arXiv:2503.04715; Bjorck et al. (2024), arXiv:2409.19913"
    target = "y"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    c = Positive(0.5, 2.0, of="target", about="the quantity at the reference point")
    gamma = Real(-1.0, 1.0, about="exponent in size")
    delta = Real(-1.0, 1.0, about="exponent in tokens")

    @staticmethod
    def equation(N: Value, D: Value, c: Value, gamma: Value, delta: Value) -> Value:
        """The quantity at relative size N and relative tokens D."""
        return c * N**gamma * D**delta

    @staticmethod
    def derived(N: Value, D: Value, c: Value, gamma: Value, delta: Value) -> dict[str, Value]:
        """The constant of y = k N^gamma D^delta, with N and D as counts."""
        return {"k": c * N**-gamma * D**-delta}


class Densing(Law):
    r"""The best of its time grows exponentially: capability density, or the length of a task.

    Published models lie below that frontier; days are counted from any day, best one in the middle
    of the dates, and c is the frontier of that day.

    .. math:: \rho(t) = c \, e^{A t}
    """

    reference = "Xiao et al. (2024), arXiv:2412.04315"
    target = "density"
    noise = "frontier"

    t = Input("days", relative=False, about="release date, in days", span=(-450.0, 450.0))
    c = Positive(0.5, 3.0, of="target", about="the frontier on day zero")
    A = Positive(0.0005, 0.02, about="growth of the log of the frontier a day")

    @staticmethod
    def equation(t: Value, c: Value, A: Value) -> Value:
        """The frontier on day t."""
        return c * exp(A * t)

    @staticmethod
    def derived(t: Value, c: Value, A: Value) -> dict[str, Value]:
        """Days in which the frontier doubles."""
        return {"doubling_days": LN2 / A}


class LogTrend(Law):
    r"""A straight line in the logarithm: a gain or score that every doubling raises as much.

    The quantity is any column of the table, ``columns={"y": "accuracy"}``; so is x.

    .. math:: y(x) = c + g \, \ln (x / x_0)
    """

    reference = "Henighan et al. (2020), arXiv:2010.14701"
    target = "y"
    noise = "raw_student_t"

    x = Input("params", about="parameters, tokens or compute")
    c = Real(-2.0, 2.0, of="target", about="the quantity at the reference point")
    g = Positive(0.01, 1.0, of="target", about="its rise for every factor of e")

    @staticmethod
    def equation(x: Value, c: Value, g: Value) -> Value:
        """The quantity at relative input x."""
        return c + g * log(x)

    @staticmethod
    def derived(x: Value, c: Value, g: Value) -> dict[str, Value]:
        """Henighan's N_0, where the line starts from zero: y = g ln(x / x_zero)."""
        return {"x_zero": x * exp(-c / g)}
