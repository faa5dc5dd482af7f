"""SciPy's statistics of NumPy's arrays, without the half second that loading JAX takes.

ArviZ puts JAX among the modules without loading it: its first use does. SciPy's functions use it
wherever it is among the modules, to ask whether an array is one of JAX's.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import _LazyModule  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def without_lazy_jax() -> Iterator[None]:
    """Hide JAX in this context if it is not loaded yet."""
    module = sys.modules.get("jax")
    if module is None or type(module) is not _LazyModule:
        yield
        return
    del sys.modules["jax"]
    try:
        yield
    finally:
        sys.modules.setdefault("jax", module)
