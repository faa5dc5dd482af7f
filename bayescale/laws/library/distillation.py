"""Distillation: the loss of a student against its teacher, its size and its data."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, log, softplus
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, Positive
from bayescale.laws.transforms import from_total_ratio, total_ratio

TEACHER = 2.5
"""Loss of the teacher, in nats, for which the reference excess is meant."""


class Distillation(Law):
    r"""A student ends above its teacher: by less when large, and by more the better the teacher is.

    The excess grows fast as the teacher improves up to T = d S and slowly beyond, where S is the
    loss of the student after as much training without a teacher, observed or predicted by a fit
    of ``skaling``. Losses are in nats.

    .. math:: L = T + R \left( \frac{T}{2.5} \right)^{-c_0}
              \left[ 1 + \left( \frac{T}{d S} \right)^{1/f} \right]^{-c_1 f}
              \left[ s \, (N / N_0)^{-\alpha} + (1 - s) \, (D / D_0)^{-\beta} \right]^k
    """

    reference = "Busbridge et al. (2025), arXiv:2502.08606"

    N = Input("params", about="parameters of the student")
    D = Input("tokens", about="tokens of distillation")
    T = Input("loss_teacher", relative=False, span=(1.8, 3.2), about="loss of the teacher")
    S = Input(
        "loss_supervised",
        relative=False,
        span=(2.0, 3.6),
        about="loss of the student trained as long without a teacher",
    )
    R = Positive(
        0.02, 0.8, of="target", about="excess at the reference point over T = 2.5, T below d S"
    )
    s = Fraction(0.1, 0.9, about="share of the bracket that is due to size, at the reference point")
    alpha = Positive(0.15, 1.5, about="size exponent, inside the bracket")
    beta = Positive(0.15, 1.5, about="data exponent, inside the bracket")
    k = Positive(0.2, 2.0, about="outer exponent")
    c_0 = Positive(0.3, 4.0, about="exponent of the teacher's loss, of good teachers")
    c_1 = Positive(0.3, 20.0, about="further exponent, of teachers above d S")
    d = Positive(0.6, 1.6, about="teacher's over student's loss at which one passes to the other")
    f = Positive(0.02, 0.5, about="width of the passage")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        T: Value,
        S: Value,
        R: Value,
        s: Value,
        alpha: Value,
        beta: Value,
        k: Value,
        c_0: Value,
        c_1: Value,
        d: Value,
        f: Value,
    ) -> Value:
        """Loss of a student of relative size N and tokens D."""
        passage = f * softplus(log(T / (d * S)) / f)
        followed = exp(-c_0 * log(T / TEACHER) - c_1 * passage)
        return T + R * followed * (s * N**-alpha + (1 - s) * D**-beta) ** k

    @staticmethod
    def coordinates(
        R: Value,
        s: Value,
        alpha: Value,
        beta: Value,
        k: Value,
        c_0: Value,
        c_1: Value,
        d: Value,
        f: Value,
    ) -> tuple[Value, ...]:
        """Local log-slopes of the excess: in size and data, its split, and in T at T = S."""
        slope, split = total_ratio(alpha + k - softplus(-s), beta + k - softplus(s))
        return R, s, slope, split, k, c_0, c_1 - softplus(d * exp(-f)), d, f

    @staticmethod
    def from_coordinates(
        R: Value,
        s: Value,
        slope: Value,
        split: Value,
        k: Value,
        c_0: Value,
        slope_t: Value,
        d: Value,
        f: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        slope_n, slope_d = from_total_ratio(slope, split)
        alpha, beta = slope_n - k + softplus(-s), slope_d - k + softplus(s)
        return R, s, alpha, beta, k, c_0, slope_t + softplus(d * exp(-f)), d, f

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        T: Value,
        S: Value,
        R: Value,
        s: Value,
        alpha: Value,
        beta: Value,
        k: Value,
        c_0: Value,
        c_1: Value,
        d: Value,
        f: Value,
    ) -> dict[str, Value]:
        """Busbridge's A and B, of a bracket (A / N^alpha + B / D^beta)^k beside T^-c_0."""
        amplitude = (R * TEACHER**c_0) ** (1 / k)
        return {"A": amplitude * s * N**alpha, "B": amplitude * (1 - s) * D**beta}
