"""Trees as netCDF files, written and read by h5py in a quarter of the time that xarray takes.

A saved fit has some fifty small variables, and xarray's backend looks each up dozens of times.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray import conventions

if TYPE_CHECKING:
    import h5py

_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""Higher levels save less than one per cent more: most bytes are the random digits of draws."""

_LEAST_COMPRESSED = 1000
"""Numbers of a variable below which its chunk costs more than compression saves."""

_OF_HDF5 = {
    *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates"),
}
"""Attributes by which netCDF says dimensions in HDF5."""

_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable."


def netcdf_of(tree: xr.DataTree) -> bytes:
    """Return the content of a netCDF file of a tree."""
    import h5py

    options = {"driver": "core", "backing_store": False, "track_order": True}
    with h5py.File("tree.nc", "w", **options) as file:
        for node in tree.subtree:
            place = node.path.strip("/")
            group = file.create_group(place, track_order=True) if place else file
            _write(node.to_dataset(inherit=False), group)
        file.flush()
        return file.id.get_file_image()


def _write(content: xr.Dataset, group: "h5py.Group") -> None:
    """Write the variables of a group, each dimension as what HDF5 calls a scale."""
    variables, attributes = conventions.encode_dataset_coordinates(content)
    group.attrs.update(attributes)
    stored = {str(name): _store(str(name), of, group) for name, of in variables.items()}
    scales = {}
    for name, size in content.sizes.items():
        scales[name] = scale = stored.get(str(name)) or group.create_dataset(
            str(name), (size,), ">f4"
        )
        named = name in variables
        scale.make_scale(str(name) if named else f"{_NO_VARIABLE.decode()}{size:10d}")
    for name, of in variables.items():
        if of.dims != (name,):
            for axis, dim in enumerate(of.dims):
                stored[str(name)].dims[axis].attach_scale(scales[dim])


def _store(name: str, variable: xr.Variable, group: "h5py.Group") -> "h5py.Dataset":
    """Write the values of a variable, texts as netCDF's strings."""
    import h5py

    encoded = conventions.encode_cf_variable(variable, name=name)
    values, kind = encoded.values, None
    if values.dtype.kind in "OU":
        values, kind = values.astype(object), h5py.string_dtype()
    large = values.dtype.kind in "fiu" and values.size >= _LEAST_COMPRESSED
    made = group.create_dataset(name, data=values, dtype=kind, **(_COMPRESSED if large else {}))
    made.attrs.update({k: v for k, v in encoded.attrs.items() if k != "_FillValue"})
    return made


def read_netcdf(path: Path) -> xr.DataTree:
    """Return the tree of a netCDF file, all of it in memory.

    Parameters
    ----------
    path : Path
        A file that :func:`netcdf_of` made; of others not every type of variable is known.
    """
    import h5py

    with h5py.File(path, "r") as file:
        return xr.DataTree.from_dict(dict(_groups(file)))


def _groups(group: "h5py.Group") -> Iterator[tuple[str, xr.Dataset]]:
    """Yield the groups of a file by their paths, the outermost first."""
    import h5py

    members = dict(group.items())
    variables = {
        name: _variable(member)
        for name, member in members.items()
        if isinstance(member, h5py.Dataset)
        and not bytes(member.attrs.get("NAME", b"")).startswith(_NO_VARIABLE)
    }
    yield str(group.name), xr.decode_cf(xr.Dataset(variables, attrs=_attributes(group)))
    for member in members.values():
        if isinstance(member, h5py.Group):
            yield from _groups(member)


def _variable(stored: "h5py.Dataset") -> xr.Variable:
    """Return a variable as it is stored, which the conventions for netCDF then decode."""
    import h5py

    scales: Any = stored.attrs.get("DIMENSION_LIST")
    if scales is None:
        names = [stored.name] * stored.ndim
    else:
        names = [stored.file[one[0]].name for one in scales]
    text = h5py.check_string_dtype(stored.dtype) is not None
    values = np.asarray(stored.asstr()[()], str) if text else np.asarray(stored[()])
    return xr.Variable([str(n).rpartition("/")[2] for n in names], values, _attributes(stored))


def _attributes(of: "h5py.Group | h5py.Dataset") -> dict[str, Any]:
    found: dict[str, Any] = {name: of.attrs[name] for name in of.attrs if name not in _OF_HDF5}
    return {name: v[0] if np.shape(v) == (1,) else v for name, v in found.items()}
