"""Repeated sampling: how many problems are solved by at least one of k tries."""

from typing import Any

from bayescale.functions import exp, minimum
from bayescale.law import Input, Law, Positive

LEAST = 500.0
"""Negative log of the least coverage; less would round to none, which has no log odds."""


class Coverage(Law):
    r"""Share of problems solved at least once in k tries: its negative log is a power law in k.

    .. math:: c(k) = \exp\!\left( -a \, (k / k_0)^{-b} \right)
    """

    reference = "Brown et al. (2024), arXiv:2407.21787"
    target = "coverage"
    noise = "logit_student_t"

    k = Input("samples", about="tries at each problem", span=(1.0, 1e4))
    a = Positive(0.05, 5.0, about="negative log coverage at the reference number of tries")
    exponent = Positive(0.05, 0.8, about="exponent of the negative log coverage in tries")

    @staticmethod
    def equation(k: Any, a: Any, exponent: Any) -> Any:
        """Coverage at a relative number of tries k."""
        return exp(-minimum(a * k**-exponent, LEAST))

    @staticmethod
    def derived(k: Any, a: Any, exponent: Any) -> dict[str, Any]:
        """Negative log of the share solved at the first try: c(k) = exp(-a_1 k^-exponent)."""
        return {"a_1": a * k**exponent}
