"""One thread of linear algebra for small matrices, which many threads take longer to share.

OpenBLAS starts as many threads as there are cores and has them wait in a loop: products of a
thousandth of a second take several times the processor time, and longer where cores are busy.
"""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

CHOSEN = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Variables of the environment by which users say how many threads they want."""


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which linear algebra takes one thread, unless users said how many."""
    if any(os.environ.get(name) for name in CHOSEN):
        return nullcontext()
    return _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas")


@cache
def _libraries(with_scipy: bool) -> Any:
    """Return the libraries of linear algebra that are loaded: SciPy has one of its own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
