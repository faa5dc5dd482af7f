"""A fit that is done elsewhere, as bytes: what is to be fitted, and what came of it.

A law travels by its name where the package knows it; one of a user's own, from a notebook too,
travels as what its class declares, and is made once in each process.
"""

import pickle
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

import cloudpickle
import xarray as xr

from bayescale.errors import BayescaleError
from bayescale.fitting import Fit
from bayescale.law import Law
from bayescale.laws import get_law
from bayescale.runs import Runs
from bayescale.sampling import Sampler
from bayescale.spec import Spec

_MADE = ("__dict__", "__weakref__", "inputs", "steps", "parameters")
"""Attributes of a law that its class makes itself."""


def pack(runs: Runs, spec: Spec, sampler: Sampler, seed: int) -> bytes:
    """Pack what is to be fitted."""
    rest = {part.name: getattr(spec, part.name) for part in fields(spec) if part.name != "law"}
    return cloudpickle.dumps((runs, _declared(spec.law), rest, sampler, seed))


def unpack(packed: bytes) -> tuple[Runs, Spec, Sampler, int]:
    """Invert :func:`pack`."""
    runs, law, rest, sampler, seed = pickle.loads(packed)
    return runs, Spec(_law(law), **rest), sampler, seed


def pack_answer(answer: Fit | str) -> bytes:
    """Pack a fit, or why there is none."""
    return pickle.dumps((answer.tree, answer.record) if isinstance(answer, Fit) else answer)


def unpack_answer(packed: bytes, spec: Spec) -> Fit | str:
    """Invert :func:`pack_answer`, given what was fitted."""
    answer: str | tuple[xr.DataTree, Mapping[str, Any]] = pickle.loads(packed)
    if isinstance(answer, str):
        return answer
    tree, record = answer
    return Fit(spec, tree, {**record, "law": spec.law.fingerprint()})


def _declared(law: type[Law]) -> bytes:
    try:
        if get_law(law.name) is law:
            return pickle.dumps(law.name)
    except BayescaleError:  # one of the user's own
        pass
    declared = {name: value for name, value in vars(law).items() if name not in _MADE}
    return cloudpickle.dumps((law.__name__, declared))


@cache
def _law(declared: bytes) -> type[Law]:
    found = pickle.loads(declared)
    if isinstance(found, str):
        return get_law(found)
    name, attributes = found
    return type(name, (Law,), attributes)
