"""Elementary functions that follow their arguments: NumPy, xarray or PyTensor.

An equation is written once, with these, and runs on numbers and arrays, on labelled posterior
draws, and inside a PyMC model:

>>> from bayescale.laws.functions import logaddexp, where
>>> float(logaddexp(0.0, 0.0))
0.6931471805599453
>>> where([True, False], 1.0, 2.0).tolist()
[1.0, 2.0]
>>> import pytensor.tensor as pt
>>> type(logaddexp(pt.scalar("x"), 0.0)).__name__
'TensorVariable'

``np.where``, ``np.maximum`` and ``np.logaddexp`` fail on PyTensor variables, hence this module.
PyTensor is never imported here: who holds a PyTensor variable has imported it already, and who
does not need it (the command line's ``--help``) does not pay for it.
"""

import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

__all__ = [
    "LN10",
    "Value",
    "erf",
    "erfc",
    "erfcx",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log_normal_cdf",
    "logaddexp",
    "logit",
    "maximum",
    "minimum",
    "node_values",
    "sigmoid",
    "softplus",
    "sqrt",
    "total",
    "where",
]

LN10 = 2.302585092994046
"""The natural logarithm of ten: ``log(x) / LN10`` counts decades."""


class Value(Protocol):
    """What an equation calculates with: a number, an array, labelled or not, or a tensor."""

    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __pow__(self, other: Any, /) -> Any: ...
    def __rpow__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...
    def __le__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __ge__(self, other: Any, /) -> Any: ...
    def __neg__(self) -> Any: ...


def _has_tensor(*args: Any) -> bool:
    graph = sys.modules.get("pytensor.graph.basic")
    return graph is not None and any(isinstance(arg, graph.Variable) for arg in args)


def _follow(name: str, on_numbers: Callable[..., Any], about: str) -> Callable[..., Any]:
    """Make a function that calls PyTensor's ``name`` on tensors and ``on_numbers`` elsewhere."""

    def function(*args: Any) -> Any:
        if _has_tensor(*args):
            return getattr(sys.modules["pytensor.tensor"], name)(*args)
        return on_numbers(*args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = about
    return function


def _scipy(name: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return function


def _where_on_numbers(condition: Any, then: Any, otherwise: Any) -> Any:
    xarray = sys.modules.get("xarray")
    if xarray is not None and any(
        isinstance(arg, xarray.DataArray | xarray.Variable) for arg in (condition, then, otherwise)
    ):
        return xarray.where(condition, then, otherwise)
    return np.where(condition, then, otherwise)


exp = _follow("exp", np.exp, "e to the power of x.")


expm1 = _follow("expm1", np.expm1, "exp(x) - 1, accurate near zero.")


log = _follow("log", np.log, "Natural logarithm.")


log1p = _follow("log1p", np.log1p, "log(1 + x), accurate near zero.")


sqrt = _follow("sqrt", np.sqrt, "Square root.")


erf = _follow("erf", _scipy("erf"), "Error function.")


sigmoid = _follow("sigmoid", _scipy("expit"), "Logistic function 1 / (1 + exp(-x)).")


erfc = _follow("erfc", _scipy("erfc"), "1 - erf(x), accurate where erf is near one.")


erfcx = _follow("erfcx", _scipy("erfcx"), "exp(x**2) erfc(x), without underflow.")


logaddexp = _follow("logaddexp", np.logaddexp, "log(exp(x) + exp(y)) without overflow.")


maximum = _follow("maximum", np.maximum, "The larger of two, element by element.")


minimum = _follow("minimum", np.minimum, "The smaller of two, element by element.")


where = _follow("where", _where_on_numbers, "Choose by a condition: where(condition, then, else).")


def softplus(x: Value) -> Value:
    """log(1 + exp(x)) without overflow."""
    return logaddexp(0.0, x)


def logit(x: Value) -> Value:
    """log(x / (1 - x)), the inverse of :func:`sigmoid`."""
    return log(x) - log1p(-x)


def log_normal_cdf(z: Value) -> Value:
    """Log of the standard normal's distribution function, accurate far out in both tails."""
    left, right = minimum(z, 0.0) / 2**0.5, maximum(z, 0.0) / 2**0.5
    return where(z < 0, log(erfcx(-left) / 2) - left**2, log1p(-erfc(right) / 2))


def total(term: Callable[..., Any], *nodes: Any) -> Any:
    """Sum a term over the nodes of some inputs.

    Parameters
    ----------
    term : callable
        Takes the value of each input at a node.
    *nodes : array-like
        Inputs with nodes: NumPy or PyTensor with the nodes first, xarray with the dim ``node``.

    Returns
    -------
    array-like
        The sum. Numbers are added node by node: draws times runs times nodes may not fit in memory.

    Examples
    --------
    >>> total(lambda x, y: x * y, np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])).tolist()
    [11.0]
    """
    if _has_tensor(*nodes):
        return term(*nodes).sum(axis=0)
    return sum(term(*at) for at in zip(*map(node_values, nodes), strict=True))


def node_values(x: Any, count: int | None = None) -> list[Any]:
    """Return an input with nodes as its values at each, for terms that differ from node to node.

    ``count`` is the number of nodes, which a PyTensor variable does not know.
    """
    if hasattr(x, "isel"):
        return [x.isel(node=i) for i in range(x.sizes["node"])]
    return [x[i] for i in range(len(x) if count is None else count)]
