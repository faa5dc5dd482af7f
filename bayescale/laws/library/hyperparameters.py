"""Learning rate and batch size: the loss over both, whose lowest point moves with N and D."""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, expm1, log, softplus, where
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real
from bayescale.laws.transforms import from_two_power_laws, of_two_power_laws


def _bowl(x: Value, skew: Value) -> Value:
    """Return x^2 near zero, steeper on the right where ``skew`` is above zero."""
    s = where(skew * skew < 1e-12, 1e-6, skew)  # the limit at zero skew is x^2
    return 2 * (expm1(s * x) - s * x) / s**2


class StepLaw(Law):
    r"""Chinchilla's law, whose reducible loss grows as learning rate and batch size miss the best.

    The best learning rate and the best batch size are power laws in N and D, and so is what missing
    them costs, relative to the reducible loss; q(x, z) is x^2 with a skew z, and kappa says how the
    best learning rate moves with the batch size. Step law's own best batch size has s = 0.

    .. math:: L = E + \left[ a n^{-\alpha} + b d^{-\beta} \right] \left[ 1 + n^{\lambda} d^{\mu}
              \left( h_\eta \, q(u - \kappa v, z_\eta) + h_B \, q(v, z_B) \right) \right], \quad
              u = \ln \frac{\eta}{\eta_0 n^{p} d^{q}}, \; v = \ln \frac{B}{B_0 n^{s} d^{r}}, \;
              n = \frac{N}{N_0}, \; d = \frac{D}{D_0}
    """

    reference = "Li et al. (2025), arXiv:2503.04715 (the optimum; the surface around it is ours)"

    N = Input("params", about="non-embedding parameters")
    D = Input("tokens", about="training tokens")
    lr = Input("lr", span=(2e-4, 2e-2), about="peak learning rate")
    batch = Input("batch_size_tokens", span=(3e4, 4e6), about="batch size in tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a = Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size")
    alpha = Positive(0.1, 0.8, about="size exponent of the loss")
    b = Positive(0.01, 1.0, of="target", about="excess loss of a data set of the reference size")
    beta = Positive(0.1, 0.8, about="data exponent of the loss")
    lr_0 = Positive(0.2, 5.0, about="best learning rate at the reference point")
    lr_N = Real(-1.0, 0.2, about="size exponent p of the best learning rate")
    lr_D = Real(-0.6, 0.6, about="data exponent q of the best learning rate")
    batch_0 = Positive(0.2, 5.0, about="best batch size at the reference point")
    batch_D = Real(0.0, 1.0, about="data exponent r of the best batch size")
    batch_N = Real(-0.5, 0.5, about="size exponent s of the best batch size")
    kappa = Real(-0.5, 1.0, about="exponent of the best learning rate in the batch size")
    h_lr = Positive(
        0.002, 0.08, about="share of the reducible loss that a learning rate off by e times adds"
    )
    h_batch = Positive(
        0.002, 0.08, about="share of the reducible loss that a batch size off by e times adds"
    )
    h_N = Real(-0.3, 0.3, about="size exponent of both shares")
    h_D = Real(-0.3, 0.3, about="data exponent of both shares")
    skew_lr = Real(-1.0, 1.0, about="above zero, too high a learning rate costs more")
    skew_batch = Real(-1.0, 1.0, about="above zero, too large a batch costs more")

    @staticmethod
    def equation(
        N: Value,
        D: Value,
        lr: Value,
        batch: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        lr_0: Value,
        lr_N: Value,
        lr_D: Value,
        batch_0: Value,
        batch_D: Value,
        batch_N: Value,
        kappa: Value,
        h_lr: Value,
        h_batch: Value,
        h_N: Value,
        h_D: Value,
        skew_lr: Value,
        skew_batch: Value,
    ) -> Value:
        """Loss at relative size, tokens, learning rate and batch size."""
        off_batch = log(batch / batch_0) - batch_N * log(N) - batch_D * log(D)
        off_lr = log(lr / lr_0) - lr_N * log(N) - lr_D * log(D) - kappa * off_batch
        cost = h_lr * _bowl(off_lr, skew_lr) + h_batch * _bowl(off_batch, skew_batch)
        return E + (a * N**-alpha + b * D**-beta) * (1 + cost * N**h_N * D**h_D)

    @staticmethod
    def coordinates(
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        lr_0: Value,
        lr_N: Value,
        lr_D: Value,
        batch_0: Value,
        batch_D: Value,
        batch_N: Value,
        kappa: Value,
        h_lr: Value,
        h_batch: Value,
        h_N: Value,
        h_D: Value,
        skew_lr: Value,
        skew_batch: Value,
    ) -> tuple[Value, ...]:
        """Chinchilla's, the best, and what missing it adds to the log loss; the rest."""
        level, floor_ratio, *local = of_two_power_laws(E, a, alpha, b, beta)
        best = (lr_0, lr_N, lr_D, batch_0, batch_D, batch_N, kappa)
        share = -softplus(floor_ratio)
        costs = (h_lr + share, h_batch + share, h_N, h_D, skew_lr, skew_batch)
        return level, floor_ratio, *local, *best, *costs

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        share: Value,
        slope: Value,
        slope_ratio: Value,
        lr_0: Value,
        lr_N: Value,
        lr_D: Value,
        batch_0: Value,
        batch_D: Value,
        batch_N: Value,
        kappa: Value,
        added_lr: Value,
        added_batch: Value,
        *rest: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        pair = from_two_power_laws(level, floor_ratio, share, slope, slope_ratio)
        best = (lr_0, lr_N, lr_D, batch_0, batch_D, batch_N, kappa)
        floor = softplus(floor_ratio)  # minus the log of the reducible share of the level
        return *pair, *best, added_lr + floor, added_batch + floor, *rest

    @staticmethod
    def derived(
        N: Value,
        D: Value,
        lr: Value,
        batch: Value,
        E: Value,
        a: Value,
        alpha: Value,
        b: Value,
        beta: Value,
        lr_0: Value,
        lr_N: Value,
        lr_D: Value,
        batch_0: Value,
        batch_D: Value,
        batch_N: Value,
        kappa: Value,
        h_lr: Value,
        h_batch: Value,
        h_N: Value,
        h_D: Value,
        skew_lr: Value,
        skew_batch: Value,
    ) -> dict[str, Value]:
        """Step law's constants: lr = lr_c N^lr_N D^lr_D, batch = batch_c N^batch_N D^batch_D."""
        return {
            "lr_c": lr * lr_0 * N**-lr_N * D**-lr_D,
            "batch_c": batch * batch_0 * N**-batch_N * D**-batch_D,
        }
