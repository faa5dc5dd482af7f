"""Compiled programs kept on disk: a posterior compiles once on a machine, not once in a process.

What nutpie compiles of a law, a noise and their grouping holds no numbers of the runs (these are
data), so its machine code serves every later fit of the same structure. An entry is one file in the
user's cache directory, named by a hash of all that the code depends on: the law's source, the
package's, the versions of the compilers, the processor. An entry that is damaged, foreign or made
for anything else is passed over and made again. ``BAYESCALE_CACHE=off`` switches the cache off, a
path moves it.
"""

import ctypes
import hashlib
import json
import os
import platform
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from bayescale.data.write import write_bytes
from bayescale.errors import BayescaleError
from bayescale.inference.source_digest import package_digest, source_digest

VARIABLE = "BAYESCALE_CACHE"
SUFFIX = ".program"
POINT = "point"
"""Name of the vector that a program draws."""


DOUBLES = ctypes.POINTER(ctypes.c_double)
SIGNATURE = (ctypes.c_int64, ctypes.c_uint64, DOUBLES, DOUBLES, DOUBLES, ctypes.c_void_p)
"""Result and arguments of the log density."""


@dataclass(frozen=True)
class Symbol:
    """A function of SciPy that compiled code calls, under the name by which it calls it."""

    name: str
    module: str
    function: str

    def bind(self) -> None:
        """Let compiled code find the function in this process."""
        import llvmlite.binding as llvm
        from numba.core.extending import get_cython_function_address

        llvm.add_symbol(self.name, get_cython_function_address(self.module, self.function))


@dataclass(frozen=True)
class _Function:
    """A compiled function: where it is, how ctypes calls it (the log density only), its owner."""

    address: int
    ctypes: Any
    engine: Any


@dataclass(frozen=True)
class _Shared:
    """A shared variable of a program: what ``with_data`` knows it by."""

    name: str
    ndim: int


def directory() -> Path | None:
    """Return where programs are kept, None where they are not: off, or not the user's own."""
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen.lower() in ("off", "0", "no", "none"):
        return None
    folder = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("bayescale")) / "programs"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _is_own(folder):
            return folder
    return None


def _is_own(path: Path) -> bool:
    """Whether nobody else could have written a file or folder."""
    if not hasattr(os, "getuid"):
        return True
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def key_of(law: type, *structure: Hashable) -> str:
    """Return the name of a program: a hash of all that its machine code depends on."""
    parts = (source_digest(law), repr(structure), package_digest(), _environment())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]


@cache
def _environment() -> str:
    """Return the processor, the compilers and their options."""
    import llvmlite.binding as llvm

    packages = ("numba", "llvmlite", "pytensor", "pymc", "nutpie", "numpy", "scipy")
    options = {k: v for k, v in os.environ.items() if k.startswith(("NUMBA_", "PYTENSOR_"))}
    settings = Path(os.environ.get("PYTENSORRC", "~/.pytensorrc")).expanduser()
    return json.dumps(
        [
            {name: version(name) for name in packages},
            platform.python_version(),
            llvm.get_host_cpu_name(),
            llvm.get_host_cpu_features().flatten(),
            options,
            settings.read_text() if settings.is_file() else "",
        ],
        sort_keys=True,
    )


def reloaded(key: str | None, program: Any, symbols: list[Symbol]) -> Any:
    """Return a program as a later process will load it, and keep it under its key, if any.

    Machine code that is still in the compiler's hands may call other copies of its functions, whose
    last digits differ; loaded code is the same in every process. A program that calls what no other
    process could find is returned as it is.
    """
    functions = {"logp": program.compiled_logp_func, "expand": program.compiled_expand_func}
    external = [name for one in functions.values() for name in _externals(one)]
    if not _are_known(external):
        return program
    objects = [one._library._get_compiled_object() for one in functions.values()]
    header = {
        "key": key,
        "n_dim": int(program.n_dim),
        "shared": [[var.name, int(var.ndim)] for var in program.shared_var_keys],
        "symbols": [vars(symbol) for symbol in symbols],
        "external": external,
        "wrappers": [one._wrapper_name for one in functions.values()],
        "sizes": [len(found) for found in objects],
    }
    body = b"".join(objects)
    header["sha256"] = hashlib.sha256(body).hexdigest()
    if key is not None:
        _keep(key, json.dumps(header).encode() + b"\n" + body)
    return _program(header, body)


def _keep(key: str, content: bytes) -> None:
    """Write an entry; a directory that cannot be written to is left."""
    if (folder := directory()) is not None:
        with suppress(BayescaleError):
            write_bytes(folder / f"{key}{SUFFIX}", content, 0o600)


def _externals(function: Any) -> list[str]:
    """Return what the code of a function calls and does not contain."""
    module = function._library._final_module
    return [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]


def _are_known(names: list[str]) -> bool:
    """Whether this process can resolve names: loading code that it cannot would end the process."""
    import llvmlite.binding as llvm

    return all(llvm.address_of_symbol(name) for name in names)


def load(key: str) -> Any:
    """Return a compiled program that was kept, as nutpie's own type; None where there is none."""
    folder = directory()
    path = folder / f"{key}{SUFFIX}" if folder else None
    if path is None:
        return None
    try:
        if not _is_own(path):
            return None
        line, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(line)
        if header["key"] != key or hashlib.sha256(body).hexdigest() != header["sha256"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _program(header, body)


def _program(header: Mapping[str, Any], body: bytes) -> Any:
    functions = _functions(header, body)
    if functions is None:
        return None
    density, copy = functions
    shared: Any = {_Shared(name, ndim): np.zeros((0,) * ndim) for name, ndim in header["shared"]}
    return make_program(header["n_dim"], density, copy, shared)


def make_program(size: int, density: Any, copy: Any, shared: Mapping[Any, np.ndarray]) -> Any:
    """Put compiled functions together to what nutpie samples from.

    Parameters
    ----------
    size : int
        How many numbers are sampled: a draw is one vector, :data:`POINT`.
    density, copy
        C functions, by ``address``: the log density with its gradient, and one that copies a point
        to the draws, with nutpie's arguments.
    shared : mapping of variable to array
        The ``pm.Data``, which ``with_data`` replaces by ``variable.name``.

    Returns
    -------
    nutpie.compile_pymc.CompiledPyMCModel
        Where its chains start is left open.
    """
    from nutpie.compile_pymc import CompiledPyMCModel, make_user_data

    keys: dict[Any, str] = {variable: f"v{i}" for i, variable in enumerate(shared)}
    values = {keys[variable]: value for variable, value in shared.items()}
    return CompiledPyMCModel(
        _n_dim=size,
        dims={},
        _coords={},
        _shapes={POINT: (size,)},
        compiled_logp_func=density,
        compiled_expand_func=copy,
        initial_point_func=_no_start,
        shared_data=values,
        shared_var_keys=keys,
        user_data=make_user_data(keys, values),
        n_expanded=size,
        shape_info=([POINT], [slice(0, size)], [(size,)]),
        logp_func=None,
        expand_func=None,
        reparameterized_names=[],
    )


def _no_start(seed: Any = None) -> np.ndarray:
    raise NotImplementedError("a compiled program is given where its chains start")


def _functions(header: Mapping[str, Any], body: bytes) -> list[_Function] | None:
    """Load the machine code; None where something it calls is not in this process."""
    import llvmlite.binding as llvm
    from numba.core.registry import cpu_target
    from numba.core.runtime import rtsys

    rtsys.initialize(cpu_target.target_context)
    for symbol in header["symbols"]:
        Symbol(**symbol).bind()
    if not _are_known(header["external"]):
        return None
    found, start = [], 0
    for wrapper, size in zip(header["wrappers"], header["sizes"], strict=True):
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        code = body[start : start + size]
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        address = engine.get_function_address(wrapper)
        found.append(_Function(address, ctypes.CFUNCTYPE(*SIGNATURE)(address), engine))
        start += size
    return found
