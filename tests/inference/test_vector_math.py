"""Exponentials and logarithms of compiled programs: right to the last digits, and in vectors."""

from contextlib import nullcontext

import numba
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.special

from bayescale.inference import vector_math
from bayescale.inference.lowering import portable

RNG = np.random.default_rng(0)
NEAR = np.concatenate([RNG.normal(size=5000), 10.0 ** RNG.uniform(-300, 0, 5000)])
FAR = RNG.uniform(-700, 700, 5000)
SPECIAL = np.array([0.0, 1.0, -1.0, -2.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e300, -1e300])
EXPONENTS = np.concatenate([NEAR, -NEAR, FAR, SPECIAL])
POSITIVE = np.concatenate([NEAR**2, np.exp(FAR), 1 + 1e-3 * FAR / 700, SPECIAL])
FUNCTIONS = {
    "exp": (vector_math.exp, np.exp, EXPONENTS),
    "expm1": (vector_math.expm1, np.expm1, EXPONENTS),
    "sigmoid": (vector_math.sigmoid, scipy.special.expit, EXPONENTS),
    "log": (vector_math.log, np.log, POSITIVE),
    "log1p": (vector_math.log1p, np.log1p, np.concatenate([POSITIVE, -0.9999 * RNG.random(5000)])),
    "sqrt": (vector_math.sqrt, np.sqrt, POSITIVE),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_exact_as_numpy(name: str) -> None:
    function, numpy, values = FUNCTIONS[name]

    @numba.njit(fastmath={"reassoc", "contract", "arcp", "nsz"})
    def loop(x: np.ndarray, out: np.ndarray) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    found = np.empty_like(values)
    loop(values, found)
    with np.errstate(all="ignore"):
        expected = numpy(values)
    # Numbers with fewer digits than others are zero.
    expected = np.where(np.abs(expected) < 2.3e-308, np.where(found == 0, 0, expected), expected)
    np.testing.assert_allclose(found, expected, rtol=5e-16, atol=0)
    (code,) = loop.inspect_llvm().values()
    assert "x double>" in code, "no vector instructions"


@pytest.mark.parametrize("vectors", [True, False])
def test_a_loop_over_runs_is_made_of_vectors(vectors: bool) -> None:
    """In programs of ours only: what PyTensor compiles elsewhere calls the C library."""
    slope, x = pt.dscalar("slope"), pt.dvector("x")
    total = pt.sum(pt.log1p(pt.exp(-slope * pt.log(x)) + pt.sqrt(x)) / slope)
    with (
        pytensor.config.change_flags(numba__cache=False),  # cached code cannot be looked at
        portable() if vectors else nullcontext(),
    ):
        function = pytensor.function([slope, x], total, mode="NUMBA")
    at = np.geomspace(1, 100, 50)
    expected = float(np.sum(np.log1p(at**-0.3 + np.sqrt(at)) / 0.3))
    assert float(function(0.3, at)) == pytest.approx(expected, rel=1e-13)
    (code,) = function.vm.jit_fn.inspect_llvm().values()
    assert ("call double @exp(" in code or "@llvm.exp.f64" in code) is not vectors
    assert ("x double>" in code) is vectors
