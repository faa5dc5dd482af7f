"""Parallel streams: one model run several times on transformed inputs, its outputs combined."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, log
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio


class ParallelStreams(Law):
    r"""A floor plus a power law in size, where P streams count like more parameters.

    .. math:: L(N, P) = E + a \left[ \frac{N}{N_0} (1 + k \ln P) \right]^{-\alpha}
    """

    reference = "Chen et al. (2025), arXiv:2505.10475 (ParScale)"

    N = Input("params", about="model parameters")
    P = Input("parallel_size", relative=False, span=(1, 8), about="parallel streams, one for none")
    E = Positive(0.3, 0.95, of="target", about="irreducible loss")
    a = Positive(0.05, 1.0, of="target", about="excess loss of one stream of the reference size")
    alpha = Positive(0.1, 0.8, about="size exponent")
    k = Positive(0.05, 1.5, about="what a stream adds to the size, in the log of their number")

    @staticmethod
    def equation(N: Value, P: Value, E: Value, a: Value, alpha: Value, k: Value) -> Value:
        """Loss at relative size N and P streams."""
        return E + a * (N * (1 + k * log(P))) ** -alpha

    @staticmethod
    def coordinates(E: Value, a: Value, alpha: Value, k: Value) -> tuple[Value, ...]:
        """Level, floor to excess loss, local log-slope in size, k."""
        level, floor_ratio = total_ratio(E, a)
        return level, floor_ratio, alpha + a - level, k

    @staticmethod
    def from_coordinates(
        level: Value, floor_ratio: Value, slope: Value, k: Value
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        E, a = from_total_ratio(level, floor_ratio)
        return E, a, slope - a + level, k

    @staticmethod
    def derived(N: Value, P: Value, E: Value, a: Value, alpha: Value, k: Value) -> dict[str, Value]:
        """The amplitude A of L = E + A / (N (1 + k ln P))^alpha."""
        return {"A": a * N**alpha}
