"""Trees as netCDF files: written by xarray, read by h5py, in a tenth of the time that xarray takes.

A saved fit has some fifty small variables, and xarray's backend looks each up dozens of times.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import h5py

_COMPRESSED = {"zlib": True, "complevel": 1, "shuffle": True}
"""Higher levels save less than one per cent more: most bytes are the random digits of draws."""

_LEAST_COMPRESSED = 1000
"""Numbers of a variable below which its chunk costs more than compression saves."""

_OF_HDF5 = {
    *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates"),
}
"""Attributes by which netCDF says dimensions in HDF5."""

_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def netcdf_of(tree: xr.DataTree) -> bytes:
    """Return the content of a netCDF file of a tree."""
    encoding = {
        node.path: {
            str(name): _COMPRESSED
            for name, variable in node.to_dataset(inherit=False).variables.items()
            if variable.dtype.kind in "fiub" and variable.size >= _LEAST_COMPRESSED
        }
        for node in tree.subtree
    }
    with cast("memoryview", tree.to_netcdf(engine="h5netcdf", encoding=encoding)) as view:
        return bytes(view)


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
