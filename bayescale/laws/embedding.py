"""Chinchilla's law in all parameters, for runs that count those outside the embedding."""

from typing import Any

from bayescale.coordinates import from_two_power_laws, of_two_power_laws
from bayescale.functions import exp, log1p, softplus
from bayescale.law import Input, Law, Positive


def log_share(ratio: Any) -> Any:
    """Log of the local log-slope of all parameters in those outside the embedding, below zero."""
    return log1p(exp(ratio) / 3) - softplus(ratio)


class ChinchillaNonEmbedding(Law):
    r"""Chinchilla's law in all parameters N + w N^(1/3), of those outside the embedding, N.

    The embedding is most of a small model, so the best N grows faster with compute than a power
    law of large models says: how Kaplan and Chinchilla come to different exponents.

    .. math:: L(N, D) = E + a \left[ \frac{n + r \, n^{1/3}}{1 + r} \right]^{-\alpha}
              + b \, (D / D_0)^{-\beta}, \quad n = N / N_0
    """

    reference = "Pearce and Song (2024), arXiv:2406.12907"
    multimodal = True  # r far below one and far above it both make a power law in N

    N = Input("params", span=(1e5, 1e9), about="parameters outside the embedding")
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.1, 0.8, about="exponent in all parameters")
    b = Positive(0.01, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.1, 0.8, about="data exponent")
    r = Positive(0.01, 100.0, about="embedding over other parameters at the reference size")

    @staticmethod
    def equation(N: Any, D: Any, E: Any, a: Any, alpha: Any, b: Any, beta: Any, r: Any) -> Any:
        """Loss at relative size N outside the embedding and relative tokens D."""
        return E + a * ((N + r * N ** (1 / 3)) / (1 + r)) ** -alpha + b * D**-beta

    @staticmethod
    def coordinates(E: Any, a: Any, alpha: Any, b: Any, beta: Any, r: Any) -> tuple[Any, ...]:
        """Those of Chinchilla's law, with the local slope in N; r."""
        return *of_two_power_laws(E, a, alpha + log_share(r), b, beta), r

    @staticmethod
    def from_coordinates(
        level: Any, floor_ratio: Any, share: Any, slope: Any, slope_ratio: Any, r: Any
    ) -> tuple[Any, ...]:
        """Invert :meth:`coordinates`."""
        E, a, alpha, b, beta = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return E, a, alpha - log_share(r), b, beta, r

    @staticmethod
    def derived(
        N: Any, D: Any, E: Any, a: Any, alpha: Any, b: Any, beta: Any, r: Any
    ) -> dict[str, Any]:
        """A and B at one parameter and one token, and Pearce's w in N + w N^(1/3)."""
        return {"A": a * (N * (1 + r)) ** alpha, "B": b * D**beta, "w": r * N ** (2 / 3)}
