"""Power trends of any quantity: the best size against compute, the learning rate against size."""

from typing import Any

from bayescale.law import Input, Law, Positive, Real


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
    def equation(x: Any, c: Any, gamma: Any) -> Any:
        """The quantity at relative input x."""
        return c * x**gamma

    @staticmethod
    def derived(x: Any, c: Any, gamma: Any) -> dict[str, Any]:
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
    def equation(N: Any, D: Any, c: Any, gamma: Any, delta: Any) -> Any:
        """The quantity at relative size N and relative tokens D."""
        return c * N**gamma * D**delta

    @staticmethod
    def derived(N: Any, D: Any, c: Any, gamma: Any, delta: Any) -> dict[str, Any]:
        """The constant of y = k N^gamma D^delta, with N and D as counts."""
        return {"k": c * N**-gamma * D**-delta}
