"""Whether a saved tree is what was saved: its size before it is read, its content, its meaning."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.limits import LARGEST
from bayescale.data.number_format import listed
from bayescale.errors import BayescaleError
from bayescale.model.spec import Spec

DIGESTS = "bayescale_sha256"
"""The attribute of a saved tree with the hash of each variable, and of the attributes: JSON."""

MAX_BYTES = 8 * 10**9
"""What the variables of a saved file may hold in all."""

_EXPANSION, _SMALL = 1000, 10**8
"""A file above the second number of bytes holds at most this many times its own size."""

_ATTRIBUTES = "attributes"
_DRAWS = {"chain", "draw"}


def check_size(path: Path) -> None:
    """Raise unless the variables of a file are of a size that can be read, and are all in it.

    Parameters
    ----------
    path : Path
        A netCDF file, or the folder of a zarr store.

    Raises
    ------
    BayescaleError
        When it declares more than :data:`MAX_BYTES`, far more than it can hold, or refers to other
        files.
    """
    sizes = dict(_store_sizes(path) if path.is_dir() else _file_sizes(path))
    here = _bytes_on_disk(path)
    most = min(MAX_BYTES, max(_SMALL, _EXPANSION * here))
    if (total := sum(sizes.values())) > most:
        largest = max(sizes, key=lambda name: sizes[name])
        raise BayescaleError(
            f"{path} declares {total:.3g} bytes of variables in {here:,} bytes, most of them in "
            f"{largest}, and the limit is {most:.3g}: it is damaged, or no saved fit"
        )


def _file_sizes(path: Path) -> Iterator[tuple[str, int]]:
    import h5py

    def visit(group: Any) -> Iterator[tuple[str, int]]:
        for name in group:
            link = group.get(name, getlink=True)
            item = group[name] if isinstance(link, h5py.HardLink) else None
            if isinstance(item, h5py.Group):
                yield from visit(item)
            elif isinstance(item, h5py.Dataset) and not (item.external or item.is_virtual):
                yield str(item.name), math.prod(item.shape or ()) * item.dtype.itemsize
            elif not isinstance(item, h5py.Datatype):
                raise BayescaleError(f"{path}: {group.name}/{name} refers to another place")

    with h5py.File(path, "r") as opened:
        yield from visit(opened)


def _store_sizes(path: Path) -> Iterator[tuple[str, int]]:
    import zarr

    for name, member in zarr.open_group(path, mode="r").members(max_depth=None):
        if isinstance(member, zarr.Array):
            yield name, member.nbytes


def _bytes_on_disk(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files)


def sealed(tree: xr.DataTree) -> xr.DataTree:
    """Return a tree with the hashes of its content, for integrity, in its attributes."""
    tree = tree.copy()
    tree.attrs = {**tree.attrs, DIGESTS: json.dumps(_digests(tree))}
    return tree


def _digests(tree: xr.DataTree) -> dict[str, str]:
    """Return the SHA-256 of each variable by its path, and of the texts among the attributes."""
    found, texts = {}, {}
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            place = f"{node.path}/{name}".lstrip("/")
            found[place] = _sha256(*_content(variable))
        for name, value in node.attrs.items():
            if isinstance(value, str) and name != DIGESTS:
                texts[f"{node.path}/{name}"] = value
    return found | {_ATTRIBUTES: _sha256(json.dumps(texts, sort_keys=True).encode())}


def _content(variable: xr.Variable) -> tuple[bytes, bytes]:
    values = np.asarray(variable.values)
    if values.dtype.kind in "OUS":
        kind, content = "text", json.dumps([str(v) for v in values.ravel()]).encode()
    else:
        little = values.dtype.newbyteorder("<")
        kind, content = little.str, np.ascontiguousarray(values, little).tobytes()
    return json.dumps([kind, variable.dims, variable.shape]).encode(), content


def _sha256(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def check_content(tree: xr.DataTree, path: Path) -> None:
    """Raise unless the content of a tree is what was saved; its hashes are taken out.

    Raises
    ------
    BayescaleError
        When there are no hashes, or something differs, is missing or was added; names it, and says
        whether the fit can be made again.
    """
    if DIGESTS not in tree.attrs:
        raise BayescaleError(
            f"{path} is not a fit that bayescale saved: it carries no hashes of its content"
        )
    then: dict[str, str] = json.loads(tree.attrs.pop(DIGESTS))
    now = _digests(tree)
    if then == now:
        return
    differs = {
        "changed": {name for name, old in then.items() if now.get(name, old) != old},
        "missing": then.keys() - now.keys(),
        "added": now.keys() - then.keys(),
    }
    said = [f"{how}: {listed(sorted(names), 3)}" for how, names in differs.items() if names]
    raise BayescaleError(
        f"{path} is not what was saved ({'; '.join(said)}): {_what_is_left(then, now)}"
    )


def _what_is_left(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say whether a fit can be made again from what is unaltered."""

    def whole(part: str) -> bool:
        return all(now.get(name) == old for name, old in then.items() if part in name)

    if not whole(_ATTRIBUTES):
        return "what was fitted is not known for sure; fit the runs again"
    runs = "and its runs are" if whole("observed_data") and whole("constant_data") else "is"
    return f"its record of law, priors and seed {runs} unaltered; fit the runs again"


def check_draws(spec: Spec, tree: xr.DataTree, source: str) -> None:
    """Raise unless a fit's groups have the variables, shapes and values that its spec demands.

    Raises
    ------
    BayescaleError
        For missing or unknown parameters, other dimensions, draws that are not finite or outside
        the parameter's bounds, runs or references that are no numbers.
    """
    needed = ("posterior", "constant_data", "observed_data")
    if missing := [name for name in needed if name not in tree.children]:
        raise BayescaleError(f"{source} has no {listed(missing)}: fit again")
    posterior = tree.children["posterior"].to_dataset()
    names, declared = set(map(str, posterior.data_vars)), set(spec.parameters)
    if names != declared:
        lacks, more = sorted(declared - names), sorted(names - declared)
        said = [f"lacks {listed(lacks)}"] if lacks else []
        said += [f"has {listed(more)} besides"] if more else []
        raise BayescaleError(
            f"{source}: its posterior {' and '.join(said)}, against {spec.law.name}: fit again"
        )
    for name, parameter in spec.parameters.items():
        draws = posterior[name]
        if not set(draws.dims) >= _DRAWS or draws.dtype.kind != "f":
            raise BayescaleError(
                f"{source}: the draws of {name} have dims {draws.dims} and type {draws.dtype}, not "
                "(chain, draw) and float: fit again"
            )
        bad = draws.values[~parameter.can_be(draws.values) | (abs(draws.values) > LARGEST)]
        if bad.size:
            least, most = np.clip(parameter.bounds, -LARGEST, LARGEST)
            raise BayescaleError(
                f"{source}: {bad.size:,} draws of {name} are not finite or lie outside {least:g} "
                f"to {most:g}, the first is {bad[0]:g}: fit again"
            )
    _check_numbers(tree, source)


def _check_numbers(tree: xr.DataTree, source: str) -> None:
    constant = tree.children["constant_data"].to_dataset()
    positive = [str(name) for name in constant if str(name).endswith(("_reference", "_scale"))]
    for name in positive:
        values = constant[name].values
        if values.dtype.kind not in "fiu" or not (np.isfinite(values) & (values > 0)).all():
            raise BayescaleError(f"{source}: {name} is {values}, not a positive number: fit again")
    for name, values in tree.children["observed_data"].to_dataset().data_vars.items():
        if values.dtype.kind not in "fiub" or not np.isfinite(values.values).all():
            raise BayescaleError(f"{source}: the observed {name} is not finite: fit again")
