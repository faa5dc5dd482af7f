"""How PyTensor's operations become machine code in the programs that are sampled.

Two things differ from PyTensor's own way, while :func:`portable` is entered. Functions of SciPy are
called by name, so that a program can be kept and loaded by another process. And a loop over runs is
one function, with :mod:`bayescale.inference.vector_math` in place of the C library's exponentials
and logarithms: LLVM then takes several runs at once, by vector instructions.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache, partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytensor
from numba import types
from pytensor import scalar as ps
from pytensor.link.numba.dispatch import basic, elemwise, scalar
from pytensor.link.numba.dispatch.cython_support import wrap_cython_function
from pytensor.scalar import math as special_functions
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.fused_elemwise import FusedElemwise

from bayescale.inference import vector_math
from bayescale.inference.program_cache import Symbol

_SPECIAL = ("Psi", "TriGamma", "Erfcx", "Erfinv", "Erfcinv", "BetaInc", "GammaInc", "GammaIncC")
"""Operations of PyTensor that call a function of ``scipy.special``, among those laws use."""


_VECTOR_MATH = {
    ps.Exp: vector_math.exp,
    ps.Expm1: vector_math.expm1,
    special_functions.Sigmoid: vector_math.sigmoid,
    ps.Log: vector_math.log,
    ps.Log1p: vector_math.log1p,
    ps.Sqrt: vector_math.sqrt,
}


_ARITHMETIC = (
    *(ps.Add, ps.Sub, ps.Mul, ps.TrueDiv, ps.Neg, ps.Sqr, ps.Reciprocal, ps.Abs, ps.Sign),
    *(ps.EQ, ps.NEQ, ps.LT, ps.LE, ps.GT, ps.GE, ps.AND, ps.OR, ps.Invert, ps.Switch, ps.Second),
    *(ps.Cast, ps.Identity, ps.Maximum, ps.Minimum, ps.IsInf, ps.IsNan),
)
"""Operations that are vector instructions, or a few, whatever they are applied to."""


_symbols: ContextVar[list[Symbol] | None] = ContextVar("symbols", default=None)
_in_vector_loop: ContextVar[bool] = ContextVar("in_vector_loop", default=False)


@contextmanager
def portable() -> Iterator[list[Symbol]]:
    """Make a program fit for the cache, and for vectors; yield the functions it calls by name.

    The Python source that PyTensor writes of each function, and never removes, goes when it is
    left.
    """
    _register()
    used: list[Symbol] = []
    token = _symbols.set(used)
    try:
        with TemporaryDirectory(prefix="bayescale-") as folder, _sources_in(folder):
            yield used
    finally:
        _symbols.reset(token)


def _sources_in(folder: str) -> AbstractContextManager[Any]:
    """Let PyTensor write sources to a folder, unless the user chose one, or it knows of none."""
    if getattr(pytensor.config, "generated_src_dir", None) != "":
        return nullcontext()
    return pytensor.config.change_flags(generated_src_dir=folder)


@cache
def _register() -> None:
    """Put these ways before PyTensor's own, which stand for all that is compiled elsewhere."""
    names = (name for name in _SPECIAL if hasattr(special_functions, name))
    for operation in (getattr(special_functions, name) for name in names):
        scalar.register_scalar_funcify(operation)(_special)
    for operation, function in _VECTOR_MATH.items():
        otherwise = basic.numba_funcify_and_cache_key.dispatch(operation)
        scalar.register_scalar_funcify(operation)(_in_vectors(function, otherwise))
    basic.register_funcify_and_cache_key(FusedElemwise)(_fused_loop)


def _special(op: Any, node: Any, **options: Any) -> Any:
    """Lower a function of SciPy: PyTensor looks its address up through a Python object."""
    used = _symbols.get()
    if used is None:
        return scalar.numba_funcify_ScalarOp(op, node=node, **options)
    import scipy.special.cython_special as special

    function = getattr(special, op.nfunc_spec[0].rpartition(".")[2])
    dtypes = [np.dtype(given.type.dtype) for given in node.inputs]
    found: Any = wrap_cython_function(function, np.dtype("float64"), dtypes)
    symbol = Symbol(f"bayescale_{found.capi_name}", found.module_name, found.capi_name)
    symbol.bind()
    used.append(symbol)
    external = types.ExternalFunction(symbol.name, found.signature())
    last = ", 1" if found.has_pyx_skip_dispatch() else ""
    names = ", ".join(f"x{i}" for i in range(len(dtypes)))
    call = scalar.compile_numba_function_src(
        f"def special({names}):\n    return external({names}{last})\n",
        "special",
        {"external": external},
    )
    return basic.numba_njit(call), None  # not for PyTensor's own cache: it knows no such names


def _in_vectors(function: Any, otherwise: Any) -> Any:
    """Return how an operation is lowered: to a function without branches in a vector loop."""

    def lower(op: Any, node: Any, **options: Any) -> Any:
        if _in_vector_loop.get():
            return function, None
        return otherwise(op, node=node, **options)

    return lower


def _fused_loop(op: Any, node: Any, **options: Any) -> Any:
    """Lower a loop over runs, with all that it calls inside of it where it can be vectorised."""
    if _symbols.get() is None or not _can_be_vectorised(op):
        return elemwise.numba_funcify_FusedElemwise(op, node=node, **options)
    token = _in_vector_loop.set(True)
    plain = basic.numba_njit
    basic.numba_njit = partial(plain, forceinline=True, error_model="numpy")
    try:
        function, _ = elemwise.numba_funcify_FusedElemwise(op, node=node, **options)
    finally:
        basic.numba_njit = plain
        _in_vector_loop.reset(token)
    return function, None


def _can_be_vectorised(op: Any) -> bool:
    """Whether the loop of an operation only reads and sums up, by arithmetic."""
    (inner,) = (node for node in op.fgraph.apply_nodes if isinstance(node.op, Elemwise))
    writes = any(entry is not None for entry in op.indexed_outputs)
    looped = not all(inner.outputs[0].type.broadcastable)
    return looped and not writes and _is_arithmetic(inner.op.scalar_op)


def _is_arithmetic(op: Any) -> bool:
    if isinstance(op, ps.Composite):
        return all(_is_arithmetic(node.op) for node in op.fgraph.apply_nodes)
    return isinstance(op, (*_ARITHMETIC, *_VECTOR_MATH))
