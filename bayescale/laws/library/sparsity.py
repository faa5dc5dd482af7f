"""Mixtures of experts by their shape: how fine the experts are, and how sparsely they are used."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive
from bayescale.laws.transforms import (
    from_total_ratio,
    from_two_power_laws,
    of_two_power_laws,
    total_ratio,
)


class Granularity(Law):
    r"""Chinchilla's law for mixtures of experts: finer experts make a model count for more.

    Granularity G says how many times smaller an expert is than the feed-forward layer it replaces;
    a is the excess loss at G = 1 and s the share of it that ever finer experts would take away.

    .. math:: L(N, D, G) = E + a \left[ 1 - s + s \, G^{-\gamma} \right] (N / N_0)^{-\alpha}
              + b \, (D / D_0)^{-\beta}
    """

    reference = "Krajewski et al. (2024), arXiv:2402.07871"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens")
    G = Input("granularity", relative=False, span=(1, 16), about="granularity of the experts")
    E = Positive(0.15, 0.95, of="target", about="irreducible loss")
    a = Positive(
        0.01, 1.0, of="target", about="excess loss of a model of the reference size, G = 1"
    )
    alpha = Positive(0.05, 0.8, about="size exponent")
    b = Positive(0.02, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.05, 0.8, about="data exponent")
    s = Fraction(0.02, 0.6, about="share of the size term that granularity can take away")
    gamma = Positive(0.1, 2.0, about="granularity exponent")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        G: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        s: Value,
        gamma: Value,
    ) -> Value:
        """Loss at relative size N, relative tokens D and granularity G."""
        return E + a * (1 - s + s * G**-gamma) * N**-alpha + b * D**-beta

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, b: Value, beta: Value, s: Value, gamma: Value
    ) -> tuple[Value, ...]:
        """Level, floor to reducible loss, size to data share, local slope, its split; the rest."""
        return *of_two_power_laws(E, a, alpha, b, beta), s, gamma

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        s: Value,
        gamma: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return *pair, s, gamma

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        G: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        s: Value,
        gamma: Value,
    ) -> dict[str, Value]:
        """Krajewski's constants: L = E + (g / G^gamma + A) / N^alpha + B / D^beta."""
        return {
            "g": s * a * N**alpha,
            "A": (1 - s) * a * N**alpha,
            "B": b * D**beta,
        }


class SparseExperts(Law):
    r"""Powers of all parameters, tokens, sparsity, and of sparsity and all parameters together.

    P is all parameters over active ones, 1 / (1 - S) of the paper's sparsity S; all parameters are
    P times the active ones N. Amplitudes are excess losses of a dense model of the reference size.

    .. math:: L(N, D, P) = E + a \, (n P)^{-\alpha} + b \, (D / D_0)^{-\beta} + c \, P^{-\lambda}
              + g \, P^{\delta} (n P)^{-\gamma}, \quad n = N / N_0
    """

    reference = "Abnar et al. (2025), arXiv:2501.12370 (optimal sparsity)"

    N = Input("params", about="parameters that one token uses")
    D = Input("tokens", about="training tokens")
    P = Input("sparsity_ratio", relative=False, span=(1, 50), about="all parameters over active")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of the reference size, dense")
    alpha = Positive(0.1, 0.8, about="exponent of all parameters")
    b = Positive(0.01, 1.0, of="target", about="excess loss of the reference number of tokens")
    beta = Positive(0.1, 0.8, about="data exponent")
    c = Positive(0.005, 0.3, of="target", about="excess loss that sparsity takes away at any size")
    lam = Positive(0.05, 1.0, about="lambda, its exponent")
    g = Positive(0.002, 0.2, of="target", about="excess loss that sparsity adds to small models")
    delta = Positive(0.05, 0.8, about="sparsity exponent of that")
    gamma = Positive(0.05, 0.8, about="size exponent of that")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        P: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        c: Value,
        lam: Value,
        g: Value,
        delta: Value,
        gamma: Value,
    ) -> Value:
        """Loss at relative active size N, relative tokens D and P, all parameters over active."""
        whole = N * P
        powers = a * whole**-alpha + b * D**-beta + c * P**-lam
        return E + powers + g * P**delta * whole**-gamma

    @staticmethod
    def coordinates(
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        c: Value,
        lam: Value,
        g: Value,
        delta: Value,
        gamma: Value,
    ) -> tuple[Value, ...]:
        """Level, its parts and slopes as of two power laws; shares and slopes of sparsity in them.

        What sparsity takes away is a part of the floor, what it adds one of the size term.
        """
        floor, of_floor = total_ratio(E, c)
        size, of_size = total_ratio(a, g)
        level, *pair = of_two_power_laws(floor, size, alpha, b, beta)
        return level, *pair, of_floor, lam + c - level, of_size, delta + g - level, gamma

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        of_floor: Value,
        taken: Value,
        of_size: Value,
        added: Value,
        gamma: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        floor, size, alpha, b, beta = pair
        E, c = from_total_ratio(floor, of_floor)
        a, g = from_total_ratio(size, of_size)
        return E, a, alpha, b, beta, c, taken - c + level, g, added - g + level, gamma
