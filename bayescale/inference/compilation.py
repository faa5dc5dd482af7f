"""Compiling a model's log density and its gradient to what nutpie samples from.

nutpie's own way from a PyMC model spends two thirds of its time on handing the ``pm.Data`` over;
here that is one intrinsic, and what is drawn is one vector, the model's free variables one after
the other as they are sampled. Everything else is PyTensor's and Numba's.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import numba
import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from pymc.pytensorf import compile as compile_graph
from pytensor.compile.mode import get_mode
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.tensor.variable import TensorConstant

from bayescale.inference.program_cache import POINT, make_program

_DOUBLES = types.CPointer(types.double)
_REWRITES = ("canonicalize", "stabilize", "local_remove_check_parameter")
_LEFT_OUT = ("local_mul_exp_to_exp_add", "local_div_exp_to_mul_exp")
"""Rewrites that make one exponential of two, both of which the gradient needs by themselves."""


def compile_model(model: pm.Model) -> Any:
    """Compile a PyMC model whose free variables all have named dimensions.

    Parameters
    ----------
    model
        The model; its ``pm.Data`` can be changed later (``with_data``).

    Returns
    -------
    nutpie.compile_pymc.CompiledPyMCModel
        A draw is the free variables, as they are sampled, one after the other.
    """
    shapes = [_shape(model, variable.name) for variable in model.free_RVs]
    size = sum(map(math.prod, shapes))
    function = _density_and_gradient(model, shapes)
    shared = {v: np.array(v.get_value(), float, order="C") for v in function.get_shared()}
    density = _density(size, function.vm.jit_fn, [value.ndim for value in shared.values()])
    return make_program(size, density, _copy(size), shared)


def _shape(model: pm.Model, name: str) -> tuple[int, ...]:
    """Return the shape of a variable, by its dimensions."""
    coords: dict[Any, Any] = model.coords
    return tuple(len(coords[dim]) for dim in model.named_vars_to_dims[name])


def _density_and_gradient(model: pm.Model, shapes: Sequence[tuple[int, ...]]) -> Any:
    """Return PyTensor's function from a point to log density and gradient."""
    model.check_bounds = False  # the scales are exponentials; what overflows is refused as infinite
    density: Any = rewrite_graph(model.logp(), include=_REWRITES)
    values = [model.rvs_to_values[variable] for variable in model.free_RVs]
    slopes: Any = pt.grad(density, values)
    gradient = pt.concatenate([slope.ravel() for slope in slopes])
    lengths = list(map(math.prod, shapes))
    point: Any = pt.TensorType("float64", shape=(sum(lengths),))(name=POINT)
    places, at = {}, 0
    for value, shape, length in zip(values, shapes, lengths, strict=True):
        places[value] = point[at : at + length].reshape(shape)
        at += length
    outputs: Any = clone_replace(cast(list[Any], [density, gradient]), places)
    outputs = rewrite_graph(outputs, custom_rewrite=in2out(_power_by_logarithm))
    with model:
        return compile_graph((point,), outputs, mode=get_mode("NUMBA").excluding(*_LEFT_OUT))


@node_rewriter(cast(Any, [pt.pow]))
def _power_by_logarithm(_: Any, node: Any) -> list[Any] | None:
    """Share the logarithm that the gradient needs of a base: half of what a power takes."""
    base, exponent = node.inputs
    if isinstance(exponent, TensorConstant) and np.all(exponent.data == np.round(exponent.data)):
        return None  # of a base that may be negative
    return [pt.exp(exponent * pt.log(base))]


def _density(size: int, inner: Any, ndims: Sequence[int]) -> Any:
    """Return a C function for the log density, with nutpie's arguments and error codes."""
    point_at, data_at = _point_at(size), _data_at(ndims)

    @numba.njit
    def call(point: Any, data: Any) -> Any:
        return inner(point_at(point), *data_at(data))

    def density(dim: Any, point: Any, gradient: Any, value: Any, data: Any) -> Any:
        try:
            found, slopes = call(point, data)
        except Exception:
            return 1
        value[0] = found[()]
        finite = np.isfinite(value[0])
        for i in range(size):
            gradient[i] = slopes[i]
            finite = finite and np.isfinite(slopes[i])
        return 0 if finite else 3

    arguments = types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr
    return numba.cfunc(types.int64(*arguments))(density)


def _copy(size: int) -> Any:
    """Return a C function by which nutpie copies a point to the draws."""

    def copy(dim: Any, expanded: Any, point: Any, drawn: Any, data: Any) -> Any:
        for i in range(size):
            drawn[i] = point[i]
        return 0

    arguments = types.uint64, types.uint64, _DOUBLES, _DOUBLES, types.voidptr
    return numba.cfunc(types.int64(*arguments))(copy)


def _point_at(size: int) -> Any:
    """Return a compiled function from a pointer to the vector there."""

    @intrinsic
    def point_at(context: Any, pointer: Any) -> Any:
        array = types.Array(types.float64, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _array(context, builder, array, arguments[0], [cgutils.intp_t(size)])

        return array(pointer), generate

    return point_at


def _data_at(ndims: Sequence[int]) -> Any:
    """Return a compiled function from nutpie's record of the ``pm.Data`` to their arrays.

    The record has the addresses, then the sizes, then the shapes, all words of eight bytes.
    """
    shapes_start = [2 * len(ndims) + sum(ndims[:i]) for i in range(len(ndims))]

    @intrinsic
    def data_at(context: Any, pointer: Any) -> Any:
        arrays = types.Tuple([types.Array(types.float64, ndim, "C") for ndim in ndims])

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words = builder.bitcast(arguments[0], cgutils.intp_t.as_pointer())

            def word(i: int) -> Any:
                return builder.load(builder.gep(words, [cgutils.intp_t(i)]))

            found = []
            for i, (ndim, start) in enumerate(zip(ndims, shapes_start, strict=True)):
                address = builder.inttoptr(word(i), words.type)
                shape = [word(start + axis) for axis in range(ndim)]
                found.append(_array(context, builder, arrays[i], address, shape))
            return context.make_tuple(builder, arrays, found)

        return arrays(pointer), generate

    return data_at


def _array(context: Any, builder: Any, kind: Any, address: Any, shape: list[Any]) -> Any:
    """Generate the array of doubles, in C order, of a shape at an address."""
    array = make_array(kind)(context, builder)
    itemsize = step = cgutils.intp_t(8)
    strides: list[Any] = []
    for length in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, length)
    populate_array(
        array,
        data=builder.bitcast(address, array.data.type),
        shape=cgutils.pack_array(builder, shape, cgutils.intp_t),
        strides=cgutils.pack_array(builder, strides, cgutils.intp_t),
        itemsize=itemsize,
        meminfo=None,
    )
    return array._getvalue()
