"""Dense training, then sparse: a dense model that is made into a mixture of experts."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real
from bayescale.laws.transforms import from_two_power_laws, of_two_power_laws


class Upcycling(Law):
    r"""A floor, a power law in active size and sparsity, and one in the tokens of both stages.

    r is what the dense stage counts for, relative to the sparse one, where both have their
    reference numbers of tokens; it is weakly identified where all dense stages are alike.

    .. math:: L = E + a \, (N / N_0)^{-\alpha} P^{-\delta}
              + b \left[ \frac{D_2 / D_{2,0} + r D_1 / D_{1,0}}{1 + r} \right]^{-\beta}
    """

    reference = (
        "Abnar et al. (2025), arXiv:2501.12370 (active size and sparsity); Liew et al. (2025), "
        "arXiv:2502.03009 (tokens of two stages) [unverified]; the sum of both is ours"
    )

    N = Input("params", about="parameters that one token uses")
    P = Input("sparsity_ratio", relative=False, span=(1, 16), about="all parameters over active")
    D1 = Input("dense_stage", span=(5e9, 5e10), about="tokens of the dense stage")
    D2 = Input("sparse_stage", span=(5e9, 2e11), about="tokens of the sparse stage")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of the reference size, dense")
    alpha = Positive(0.1, 0.8, about="size exponent")
    b = Positive(0.01, 1.0, of="target", about="excess loss of the reference number of tokens")
    beta = Positive(0.1, 0.8, about="data exponent")
    delta = Real(-0.1, 0.3, about="sparsity exponent: above zero, more experts help")
    r = Positive(0.1, 3.0, about="what the dense stage counts for, relative to the sparse one")

    @staticmethod
    def equation(
        N: Value,
        P: Value,
        D1: Value,
        D2: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        delta: Value,
        r: Value,
    ) -> Value:
        """Loss at relative active size N, sparsity P, and tokens of both stages."""
        data = (D2 + r * D1) / (1 + r)
        return E + a * N**-alpha * P**-delta + b * data**-beta

    @staticmethod
    def coordinates(
        E: Value, a: Value, alpha: Value, b: Value, beta: Value, delta: Value, r: Value
    ) -> tuple[Value, ...]:
        """Level, floor to reducible loss, size to data share, local slope, its split; the rest."""
        return *of_two_power_laws(E, a, alpha, b, beta), delta, r

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        delta: Value,
        r: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        return *pair, delta, r
