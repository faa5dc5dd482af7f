"""A hash of all the code that a law's compiled program depends on, wherever it was written."""

import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = Path(__file__).parents[1]
COMPILED = ("laws", "model", "inference/compilation.py", "inference/program_cache.py")
"""The parts of the package that machine code is made of."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


@cache
def package_digest() -> str:
    """Return a hash of the package's own code that programs are made of."""
    found = hashlib.sha256()
    for part in COMPILED:
        place = PACKAGE / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(path.read_bytes())
    return found.hexdigest()


def source_digest(given: Any) -> str:
    """Return a hash of an object's code: its functions, and what they call and close over.

    Parameters
    ----------
    given
        A law class, a function, or what they are made of. Code of installed packages counts by
        name; an object that cannot be followed by what identifies it in this process, so that its
        hash is met in no other.
    """
    found = hashlib.sha256()
    for part in _parts(given, set()):
        found.update(part.encode("utf-8", "backslashreplace"))
        found.update(b"\0")
    return found.hexdigest()


def _parts(given: Any, seen: set[int]) -> Iterator[str]:
    """Yield texts that together say what an object is."""
    if isinstance(given, _PLAIN):
        yield repr(given)
        return
    if id(given) in seen:
        yield "seen"
        return
    seen.add(id(given))
    if isinstance(given, np.ndarray | np.generic):
        yield f"{given.dtype} {given.shape} {given.tobytes().hex()}"
    elif isinstance(given, types.ModuleType):
        yield from _module(given, seen)
    elif isinstance(given, Mapping):
        yield "mapping"
        for key, value in given.items():
            yield from _parts(key, seen)
            yield from _parts(value, seen)
    elif isinstance(given, set | frozenset):
        yield f"set {sorted(map(repr, given))}"
    elif isinstance(given, list | tuple):
        yield f"{type(given).__name__} {len(given)}"
        for value in given:
            yield from _parts(value, seen)
    elif isinstance(given, types.CodeType):
        yield f"{given.co_code.hex()} {given.co_names} {given.co_varnames} {given.co_freevars}"
        yield from _parts(given.co_consts, seen)
    elif isinstance(given, staticmethod | classmethod):
        yield from _parts(given.__func__, seen)
    elif isinstance(given, property):
        yield from _parts(given.fget, seen)
    elif isinstance(given, types.FunctionType):
        yield from _function(given, seen)
    elif isinstance(given, type):
        yield from _class(given, seen)
    elif isinstance(given, types.BuiltinFunctionType | np.ufunc):
        yield f"{getattr(given, '__module__', '')}.{given.__name__}"
    elif type(given).__repr__ is object.__repr__ or not hasattr(given, "__dict__"):
        yield f"{type(given).__qualname__} {given!r}"  # with its address: found nowhere else
    else:
        yield type(given).__qualname__
        yield from _parts(vars(given), seen)


def _function(given: types.FunctionType, seen: set[int]) -> Iterator[str]:
    yield f"function {given.__module__}.{given.__qualname__}"
    if _is_installed(given):
        return
    yield from _parts(given.__code__, seen)
    yield from _parts(given.__defaults__, seen)
    yield from _parts(given.__kwdefaults__, seen)
    for cell in given.__closure__ or ():
        yield from _parts(cell.cell_contents, seen)
    for name in _names(given.__code__):
        if name in given.__globals__:
            yield name
            yield from _parts(given.__globals__[name], seen)


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the global names of a function and of those inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _class(given: type, seen: set[int]) -> Iterator[str]:
    yield f"class {given.__module__}.{given.__qualname__}"
    if _is_installed(given):
        return
    for name, value in vars(given).items():
        if name not in ("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__"):
            yield name
            yield from _parts(value, seen)
    for base in given.__bases__:
        yield from _parts(base, seen)


def _module(given: types.ModuleType, seen: set[int]) -> Iterator[str]:
    yield f"module {given.__name__}"
    path = getattr(given, "__file__", None)
    if path is None or _installed_path(path):
        return
    yield hashlib.sha256(Path(path).read_bytes()).hexdigest()
    for value in list(vars(given).values()):
        if isinstance(value, types.ModuleType):
            yield from _parts(value, seen)


def _is_installed(given: Any) -> bool:
    """Whether an object is what its module, of an installed package, has under its name."""
    module = sys.modules.get(given.__module__)
    path = getattr(module, "__file__", None)
    built_in = given.__module__ in sys.builtin_module_names
    if module is None or not (built_in if path is None else _installed_path(path)):
        return False
    found: Any = module
    for part in given.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is given


@cache
def _installed_path(path: str) -> bool:
    """Whether a file belongs to this package, the standard library or an installed one."""
    places = {PACKAGE, *(Path(sysconfig.get_path(k)) for k in ("stdlib", "purelib", "platlib"))}
    return any(Path(path).is_relative_to(place) for place in places)
