"""Data repeated over several epochs."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, expm1, maximum, minimum
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_two_power_laws, of_two_power_laws


def _worth(unique: Value, repeats: Value, half_life: Value) -> Value:
    """What the unique part and its repetitions are worth; each repetition is worth less."""
    return unique * (1 - half_life * expm1(-repeats / half_life))


class Repeated(Law):
    r"""Chinchilla's law in the effective size and data: repeated tokens are worth less and less.

    U is the unique data and e = D / U the epochs: where a table has unique tokens, make a column of
    tokens over unique tokens. Parameters beyond the compute-optimal number for U lose their worth
    in the same way. The law cannot describe a loss that rises with repetition.

    .. math:: L = E + a \, (N' / N_0)^{-\alpha} + b \, (D' / D_0)^{-\beta}, \quad
              D' = U \left[ 1 + R_D \left( 1 - e^{-(e - 1) / R_D} \right) \right], \quad
              N' = U_N \left[ 1 + R_N \left( 1 - e^{-(N / U_N - 1) / R_N} \right) \right], \quad
              U = D / e, \quad U_N = \min(N, N^*(U))
    """

    reference = "Muennighoff et al. (2023), arXiv:2305.16264"

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens, repetitions included")
    epochs = Input("epochs", relative=False, about="passes over the unique data", span=(1, 60))
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.02, 0.5, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.15, 0.7, about="size exponent")
    b = Positive(0.02, 0.5, of="target", about="excess loss of unrepeated data of reference size")
    beta = Positive(0.15, 0.7, about="data exponent")
    R_D = Positive(2.0, 100.0, about="repetitions of data after which new ones are worth 1/e")
    R_N = Positive(0.5, 50.0, about="the same of parameters beyond the optimum for the unique data")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        epochs: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        R_D: Value,
        R_N: Value,
    ) -> Value:
        """Loss at relative size N, relative tokens D, and epochs."""
        passes = maximum(epochs, 1.0)  # less than one pass repeats nothing
        unique = D / passes
        fitting = (alpha * a / (beta * b)) ** (1 / alpha) * unique ** (beta / alpha)
        useful = minimum(N, fitting)
        size = _worth(useful, N / useful - 1, R_N)
        data = _worth(unique, passes - 1, R_D)
        return E + a * size**-alpha + b * data**-beta

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, b: Value, beta: Value, R_D: Value, R_N: Value
    ) -> tuple[Value, ...]:
        """Chinchilla's: level, floor ratio, share, local log-slope, its split; then R_D, R_N."""
        return *of_two_power_laws(E, a, alpha, b, beta), R_D, R_N

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        R_D: Value,
        R_N: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return *pair, R_D, R_N

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        epochs: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        R_D: Value,
        R_N: Value,
    ) -> dict[str, Value]:
        """A and B of the law without repetition: L = E + A / N^alpha + B / D^beta."""
        return {"A": a * N**alpha, "B": b * D**beta}


class RepeatedOverfitting(Law):
    r"""Chinchilla's law plus a penalty for repetition, which can raise the loss.

    U is the unique data and m = D / U the epochs. A model that is large for its unique data
    learns them by heart: the penalty is a power law in N / U that grows with the repetitions and
    levels off after some R of them, at c at the reference point. It is zero without repetition.

    .. math:: L = E + a \, n^{-\alpha} + b \, d^{-\beta}
              + c \left( \frac{n}{u} \right)^{\kappa} \left( 1 - e^{-(m - 1) / R} \right), \quad
              n = \frac{N}{N_0}, \; d = \frac{D}{D_0}, \; u = \frac{d}{m}
    """

    reference = (
        "Lovelace et al. (2026), arXiv:2605.01640 (an additive penalty in repetitions and size "
        "over unique data); that it levels off is ours"
    )

    N = Input("params", about="model parameters")
    D = Input("tokens", about="training tokens, repetitions included")
    epochs = Input("epochs", relative=False, about="passes over the unique data", span=(1, 60))
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.02, 0.5, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.15, 0.7, about="size exponent")
    b = Positive(0.02, 0.5, of="target", about="excess loss of unrepeated data of reference size")
    beta = Positive(0.15, 0.7, about="data exponent")
    c = Positive(0.0005, 0.2, of="target", about="penalty of endless repetition at the references")
    kappa = Positive(0.3, 1.5, about="exponent of the penalty in size over unique data")
    R = Positive(5.0, 500.0, about="repetitions after which all but 1/e of the penalty is there")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        epochs: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        c: Value,
        kappa: Value,
        R: Value,
    ) -> Value:
        """Loss at relative size N, relative tokens D, and epochs."""
        passes = maximum(epochs, 1.0)  # less than one pass repeats nothing
        penalty = -c * (N * passes / D) ** kappa * expm1((1 - passes) / R)
        return E + a * N**-alpha + b * D**-beta + penalty

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, b: Value, beta: Value, c: Value, kappa: Value, R: Value
    ) -> tuple[Value, ...]:
        """Chinchilla's; then the penalty of few repetitions at the references; the rest."""
        return *of_two_power_laws(E, a, alpha, b, beta), c - R, kappa, R

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        early: Value,
        kappa: Value,
        R: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return *pair, early + R, kappa, R

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        epochs: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        c: Value,
        kappa: Value,
        R: Value,
    ) -> dict[str, Value]:
        """A and B of the law without repetition: L = E + A / N^alpha + B / D^beta."""
        return {"A": a * N**alpha, "B": b * D**beta}
