"""Chinchilla's law, the law with one more exponent that contains it, and its non-embedding form."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, log1p, softplus
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive
from bayescale.laws.transforms import (
    from_total_ratio,
    from_two_power_laws,
    of_two_power_laws,
    total_ratio,
)


class Chinchilla(Law):
    r"""Irreducible loss plus one power law in parameters and one in tokens.

    .. math:: L(N, D) = E + a \, (N / N_0)^{-\alpha} + b \, (D / D_0)^{-\beta}
    """

    reference = "Hoffmann et al. (2022), arXiv:2203.15556, eq. 2"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.1, 0.8, about="size exponent")
    b = Positive(0.01, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.1, 0.8, about="data exponent")

    @staticmethod
    def equation(
        N: Value, D: Value, E: Value, a: Value, alpha: Value, b: Value, beta: Value
    ) -> Value:
        """Loss at relative size N and relative tokens D."""
        return E + a * N**-alpha + b * D**-beta

    @staticmethod
    def coordinates(E: Value, a: Value, alpha: Value, b: Value, beta: Value) -> tuple[Value, ...]:
        """Level, floor to reducible loss, size to data share, local log-slope, its split."""
        return of_two_power_laws(E, a, alpha, b, beta)

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, share: Value, slope: Value, slope_ratio: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)

    @staticmethod
    def derived(
        N: Value, D: Value, E: Value, a: Value, alpha: Value, b: Value, beta: Value
    ) -> dict[str, Value]:
        """Hoffmann's A and B: L = E + A / N^alpha + B / D^beta."""
        return {"A": a * N**alpha, "B": b * D**beta}

    @staticmethod
    def optimal_size(nd: Value, E: Value, a: Value, alpha: Value, b: Value, beta: Value) -> Value:
        """Hoffmann et al. (2022), eq. 4, in relative units."""
        return (alpha * a / (beta * b) * nd**beta) ** (1 / (alpha + beta))


class Skaling(Law):
    r"""Chinchilla with one more exponent, which lets size and data interact; k = 1 is Chinchilla.

    .. math:: L(N, D) = E + R \left[ s \, (N / N_0)^{-\alpha}
              + (1 - s) \, (D / D_0)^{-\beta} \right]^k
    """

    reference = "Videau et al. (2026), arXiv:2608.07222; Busbridge et al. (2025), arXiv:2502.08606"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    R = Positive(0.05, 1.2, of="target", about="reducible loss at the reference point")
    s = Fraction(0.1, 0.9, about="share of the bracket that is due to size, at the reference point")
    alpha = Positive(0.15, 1.5, about="size exponent, inside the bracket")
    beta = Positive(0.15, 1.5, about="data exponent, inside the bracket")
    k = Positive(0.2, 2.0, about="outer exponent")

    @staticmethod
    def equation(
        N: Value, D: Value, E: Value, R: Value, s: Value, alpha: Value, beta: Value, k: Value
    ) -> Value:
        """Loss at relative size N and relative tokens D."""
        return E + R * (s * N**-alpha + (1 - s) * D**-beta) ** k

    @staticmethod
    def coordinates(
        E: Value, R: Value, s: Value, alpha: Value, beta: Value, k: Value
    ) -> tuple[Value, ...]:
        """Level, floor to reducible loss, size to data share, local log-slope, its split, k."""
        level, floor_ratio = total_ratio(E, R)
        slope_n = alpha + k + R - level - softplus(-s)
        slope_d = beta + k + R - level - softplus(s)
        return level, floor_ratio, s, *total_ratio(slope_n, slope_d), k

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, share: Value, slope: Value, slope_ratio: Value, k: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        slope_n, slope_d = from_total_ratio(slope, slope_ratio)
        E, R = from_total_ratio(level, floor_ratio)
        alpha = slope_n + softplus(-share) - k - R + level
        beta = slope_d + softplus(share) - k - R + level
        return E, R, share, alpha, beta, k

    @staticmethod
    def derived(
        N: Value, D: Value, E: Value, R: Value, s: Value, alpha: Value, beta: Value, k: Value
    ) -> dict[str, Value]:
        """Constants of L = E + (A / N^alpha + B / D^beta)^k."""
        amplitude = R ** (1 / k)
        return {"A": amplitude * s * N**alpha, "B": amplitude * (1 - s) * D**beta}

    @staticmethod
    def optimal_size(
        nd: Value, E: Value, R: Value, s: Value, alpha: Value, beta: Value, k: Value
    ) -> Value:
        """Chinchilla's optimum of the bracket; the outer power does not move it."""
        return (alpha * s / (beta * (1 - s)) * nd**beta) ** (1 / (alpha + beta))


def log_share(ratio: Value) -> Value:
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
    def equation(
        N: Value, D: Value, E: Value, a: Value, alpha: Value, b: Value, beta: Value, r: Value
    ) -> Value:
        """Loss at relative size N outside the embedding and relative tokens D."""
        return E + a * ((N + r * N ** (1 / 3)) / (1 + r)) ** -alpha + b * D**-beta

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, b: Value, beta: Value, r: Value
    ) -> tuple[Value, ...]:
        """Those of Chinchilla's law, with the local slope in N; r."""
        return *of_two_power_laws(E, a, alpha + log_share(r), b, beta), r

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, share: Value, slope: Value, slope_ratio: Value, r: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, a, alpha, b, beta = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return E, a, alpha - log_share(r), b, beta, r

    @staticmethod
    def derived(
        N: Value, D: Value, E: Value, a: Value, alpha: Value, b: Value, beta: Value, r: Value
    ) -> dict[str, Value]:
        """A and B at one parameter and one token, and Pearce's w in N + w N^(1/3)."""
        return {"A": a * (N * (1 + r)) ** alpha, "B": b * D**beta, "w": r * N ** (2 / 3)}
