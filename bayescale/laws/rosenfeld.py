"""Rosenfeld's error law, from guessing to the floor."""

from typing import Any

from bayescale.functions import sqrt
from bayescale.law import Input, Law, Positive


class Rosenfeld(Law):
    r"""Power laws in size and data above a floor, which bend into the error of guessing.

    The paper writes z and a scale eta, of which only ratios matter; here u = z epsilon_0 / eta is
    the error itself wherever it is far below the error of guessing.

    .. math:: \epsilon(N, D) = \frac{u}{\sqrt{1 + (u / \epsilon_0)^2}}, \quad
              u = c + a \, (N / N_0)^{-\alpha} + b \, (D / D_0)^{-\beta}
    """

    reference = "Rosenfeld et al. (2020), arXiv:1909.12673"
    target = "error"

    N = Input("params", about="model parameters")
    D = Input("examples", about="training examples or tokens", span=(1e4, 1e7))
    e0 = Positive(1.2, 10.0, of="target", about="error of guessing")
    c = Positive(0.1, 1.0, of="target", about="error at unlimited size and data")
    a = Positive(0.05, 1.0, of="target", about="excess error due to size, at the reference point")
    alpha = Positive(0.1, 1.5, about="size exponent")
    b = Positive(0.05, 1.0, of="target", about="excess error due to data, at the reference point")
    beta = Positive(0.1, 1.5, about="data exponent")

    @staticmethod
    def equation(N: Any, D: Any, e0: Any, c: Any, a: Any, alpha: Any, b: Any, beta: Any) -> Any:
        """Error at relative size N and relative data D."""
        u = c + a * N**-alpha + b * D**-beta
        return u / sqrt(1 + (u / e0) ** 2)
