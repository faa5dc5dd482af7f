"""Exponentials and logarithms without branches, of which a compiler makes vector instructions.

A loop over runs that calls the C library's ``exp`` takes one run at a time. These functions are
arithmetic on numbers and their bits, so that LLVM takes four or eight runs at once; their relative
error is below 3e-16, as the C library's is. Method: the argument is reduced by powers of two, what
is left has a short Taylor series (Muller, Elementary Functions, 2016, chapters 3 and 11). Fast
arithmetic, which may reorder sums, is off inside of them.
"""

import math
from decimal import Decimal, localcontext
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_exact = numba.njit(fastmath=False, error_model="numpy", forceinline=True)

_LN2_HIGH = math.ldexp(math.floor(math.ldexp(math.log(2), 32)), -32)
"""The logarithm of two in 32 bits: its products with exponents are exact."""
with localcontext(prec=50):
    _LN2_LOW = float(Decimal(2).ln() - Decimal(_LN2_HIGH))
_ROUND = 1.5 * 2.0**52
"""Added to a number below 2^51 it leaves the nearest integer in the lowest bits."""
_BIAS, _FRACTION = np.int64(1023), np.int64(52)
"""What exponents of doubles are stored with, and the bits of a fraction, below them."""
_EXPONENT = np.float64(2.0**52).view(np.int64)
_ROOT_HALF = np.float64(math.sqrt(0.5)).view(np.int64)
_ONE = np.float64(1.0).view(np.int64)
_TINY, _UP = 2.0**-1022, 54.0
_LOWEST, _HIGHEST = -708.0, 709.0
"""Arguments outside of which an exponential is zero, or infinite."""
_EXP = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))
_LOG = tuple(2.0 / k for k in range(21, 1, -2))


def _bitcast(given: Any, wanted: Any, code: ir.Type) -> Any:
    """Return a compiled function that takes the bits of one type of number for another's."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], code)

    def bitcast(context: Any, number: Any) -> Any:
        return wanted(given), generate

    return intrinsic(bitcast)


_bits = _bitcast(types.float64, types.int64, ir.IntType(64))
_number = _bitcast(types.int64, types.float64, ir.DoubleType())


def _square_root() -> Any:
    """Return a compiled function for the processor's instruction."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.sqrt", [ir.DoubleType()])
        return builder.call(function, arguments)

    def root(context: Any, number: Any) -> Any:
        return types.float64(types.float64), generate

    return intrinsic(root)


_root = _square_root()


@_exact
def sqrt(x: float) -> float:
    """Return the square root of a number."""
    return _root(x)


@_exact
def _reduced(x: float) -> tuple[float, float]:
    """Return a power of two, and by how much e to what is left of a number exceeds one."""
    shifted = x * (1.0 / _LN2_HIGH) + _ROUND
    power = shifted - _ROUND
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = 0.0
    for term in numba.literal_unroll(_EXP):
        series = series * rest + term
    return _number((_bits(shifted) + _BIAS) << _FRACTION), series * rest * rest + rest


@_exact
def exp(x: float) -> float:
    """Return e to a number; 0 where that is below the normal numbers."""
    factor, excess = _reduced(x)
    value = factor * (1.0 + excess)
    value = 0.0 if x < _LOWEST else value
    return np.inf if x > _HIGHEST else value


@_exact
def expm1(x: float) -> float:
    """Return e to a number, less one."""
    factor, excess = _reduced(x)
    value = factor * excess + (factor - 1.0)
    value = -1.0 if x < _LOWEST else value
    return np.inf if x > _HIGHEST else value


@_exact
def sigmoid(x: float) -> float:
    """Return the logistic function of a number."""
    return 1.0 / (1.0 + exp(-x))


@_exact
def log(x: float) -> float:
    """Return the natural logarithm of a number."""
    small = x < _TINY
    bits = _bits(x * 2.0**_UP if small else x)
    power = np.int64(np.uint64(bits - _ROOT_HALF + _ONE) >> np.uint64(_FRACTION))
    rest = _number(bits - ((power - _BIAS) << _FRACTION)) - 1.0  # between root half and root two
    exponent = _number(power | _EXPONENT) - (2.0**52 + _BIAS)
    exponent = exponent - _UP if small else exponent
    ratio = rest / (2.0 + rest)
    square = ratio * ratio
    series = 0.0
    for term in numba.literal_unroll(_LOG):
        series = series * square + term
    half = 0.5 * rest * rest
    low = ratio * (half + square * series) + exponent * _LN2_LOW
    value = exponent * _LN2_HIGH - ((half - low) - rest)
    value = value if x < np.inf else x  # infinity, and what is no number
    value = -np.inf if x == 0.0 else value
    return np.nan if x < 0.0 else value


@_exact
def log1p(x: float) -> float:
    """Return the natural logarithm of one more than a number."""
    above = 1.0 + x
    lost = (x - (above - 1.0)) / above
    lost = lost if above > 0.0 else 0.0
    return log(above) + (lost if above < np.inf else 0.0)
