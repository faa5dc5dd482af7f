"""An altered saved fit is refused in words, or every number in it is the one that was saved."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hostile
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayescale as bs
from bayescale.inference.integrity import DIGESTS, sealed
from bayescale.inference.result import Fit
from bayescale.inference.saved_tree import ATTRIBUTE, tree_of_fit


@pytest.fixture(scope="module")
def small(made_fit: Fit) -> Fit:
    return Fit(made_fit.spec, made_fit.tree.isel(draw=slice(5)), made_fit.record)


@pytest.fixture(scope="module")
def folder(small: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for name in ("whole.nc", "whole.zarr"):
        bs.save(small, folder / name)
    return folder


def check(path: Path, fit: Fit) -> None:
    """Whatever is read of a file is what was saved."""
    found = hostile.answer("altered saved fits", lambda: bs.load(path))
    if found is None:
        return
    assert isinstance(found, Fit)
    assert (found.spec, found.record) == (fit.spec, fit.record)
    for name, group in fit.tree.children.items():
        xr.testing.assert_equal(found.tree_group(name), group.to_dataset())
    assert set(found.tree.children) == set(fit.tree.children)


def bytes_changed(draw: Callable[..., Any], content: bytes) -> bytes:
    """Flip, cut out, put in or overwrite some bytes."""
    place = draw(st.integers(0, max(len(content) - 1, 0)))
    size = draw(st.integers(1, 300))
    other = draw(st.binary(min_size=1, max_size=64))
    changes = {
        "flip": content[:place] + bytes(b ^ other[0] for b in content[place : place + 1])
        + content[place + 1 :],
        "end": content[:place],
        "out": content[:place] + content[place + size :],
        "in": content[:place] + other + content[place:],
        "zero": content[:place] + bytes(len(content[place : place + size]))
        + content[place + size :],
        "over": content[:place] + other + content[place + len(other) :],
    }  # fmt: skip
    return changes[draw(st.sampled_from(sorted(changes)))]


@hostile.cases(12, 200)
@given(data=st.data())
def test_bytes_of_a_file(data: st.DataObject, folder: Path, small: Fit) -> None:
    altered = folder / "fit.nc"
    altered.write_bytes(bytes_changed(data.draw, (folder / "whole.nc").read_bytes()))
    check(altered, small)


@hostile.cases(4, 100)
@given(data=st.data())
def test_files_of_a_store(data: st.DataObject, folder: Path, small: Fit) -> None:
    altered = folder / "fit.zarr"
    shutil.rmtree(altered, ignore_errors=True)
    shutil.copytree(folder / "whole.zarr", altered)
    file = data.draw(st.sampled_from(sorted(p for p in altered.rglob("*") if p.is_file())))
    how = data.draw(st.sampled_from(["bytes", "gone", "other", "link"]))
    content = file.read_bytes()
    if how == "bytes" and file.suffix == ".json" and data.draw(st.booleans()):
        tree = data.draw(hostile.mutated(json.loads(content), hostile.nested))
        file.write_text(json.dumps(tree), encoding="utf-8")
    elif how == "bytes":
        file.write_bytes(bytes_changed(data.draw, content))
    else:
        file.unlink()
        others = sorted(p for p in altered.rglob("*") if p.is_file())
        other = data.draw(st.sampled_from(others))
        if how == "other":
            shutil.copy(other, file)
        elif how == "link":
            file.symlink_to(other)
    check(altered, small)


ATTRIBUTES = ["scale_factor", "add_offset", "_FillValue", "units", "missing_value", "dtype", "x"]


def _change_hdf5(draw: Callable[..., Any], file: h5py.File) -> None:
    """Change one thing inside of an HDF5 file."""
    names: list[str] = []
    file.visit(names.append)
    name = draw(st.sampled_from(names))
    item = file[name]
    how = draw(st.sampled_from(["value", "gone", "attribute", "copy", "renamed", "shape"]))
    number = draw(st.sampled_from([np.nan, np.inf, -1.0, 0.0, 1.0, 1e308, 5e-324]))
    if how == "gone":
        del file[name]
    elif how == "attribute":
        item.attrs[draw(st.sampled_from(ATTRIBUTES))] = draw(
            st.sampled_from([number, "x", 2, "days since 2000-01-01", np.array([1.0, 2.0])])
        )
    elif how == "copy":
        file.copy(name, draw(st.sampled_from(["extra", "posterior/extra", "prior/extra"])))
    elif how == "renamed":
        file.move(name, draw(st.sampled_from(["other", "posterior/other"])))
    elif isinstance(item, h5py.Dataset) and item.dtype.kind in "fib" and item.shape:
        if how == "value":
            place = draw(st.integers(0, item.shape[0] - 1))
            item[place] = number if item.dtype.kind == "f" else 7
        else:
            values = item[...].astype("f4") if draw(st.booleans()) else item[...][:1]
            del file[name]
            file[name] = values


@hostile.cases(6, 150)
@given(data=st.data())
def test_variables_of_a_file(data: st.DataObject, folder: Path, small: Fit) -> None:
    altered = folder / "inside.nc"
    shutil.copy(folder / "whole.nc", altered)
    with h5py.File(altered, "a") as file:
        for _ in range(data.draw(st.integers(1, 2))):
            try:
                _change_hdf5(data.draw, file)
            except (KeyError, ValueError, RuntimeError, TypeError, OSError):
                continue  # HDF5 does not have it
    check(altered, small)


VALUES = [np.nan, np.inf, -1.0, 0.0, 1.0, 1e308, 1e-308, -0.0, 3]


def _change_tree(draw: Callable[..., Any], tree: xr.DataTree) -> None:
    """Change one variable of a tree, or its header."""
    if draw(st.booleans()):
        header = json.loads(tree.attrs[ATTRIBUTE])
        tree.attrs[ATTRIBUTE] = json.dumps(draw(hostile.mutated(header, hostile.nested)))
        return
    group = draw(st.sampled_from(sorted(tree.children)))
    data = tree.children[group].to_dataset()
    name = draw(st.sampled_from(sorted(map(str, data.data_vars))))
    how = draw(st.sampled_from(["value", "all", "type", "dims", "gone", "group", "less", "names"]))
    variable, values = data[name], data[name].values.copy()
    number = draw(st.sampled_from(VALUES))
    if how == "group":
        del tree[group]
        return
    if how in ("value", "all"):
        values = values.astype(float)
        values[... if how == "all" or not values.size else (0,) * values.ndim] = number
        data = data.assign({name: variable.copy(data=values)})
    elif how == "type":
        kind = draw(
            st.sampled_from(["int64", "float32", "str", "bool", "complex128", "datetime64[ns]"])
        )
        data = data.assign({name: variable.fillna(0).astype(kind)})
    elif how == "dims" and variable.dims:
        data = data.assign({name: variable.isel({variable.dims[-1]: 0}, drop=True)})
    elif how == "gone":
        data = data.drop_vars(name)
    elif how == "less" and data.sizes:
        data = data.isel({draw(st.sampled_from(sorted(map(str, data.sizes)))): slice(0, 1)})
    elif how == "names":
        data = data.rename({name: draw(st.sampled_from(["x", "E_", "loss ", "é", "N_scale"]))})
    tree[group] = xr.DataTree(data)


def asked(fit: Any) -> object:
    """Ask what users ask of a fit."""
    return str(fit), fit.summary(), bs.predict(fit, params="7B", tokens="1T", discrepancy=None)


@hostile.cases(3, 150)
@given(data=st.data())
def test_a_tree_whose_hashes_were_made_again(data: st.DataObject, folder: Path, small: Fit) -> None:
    """It may be read, since a hash is no signature; but then every question has an answer."""
    tree = tree_of_fit(small)
    _change_tree(data.draw, tree)
    tree.attrs.pop(DIGESTS, None)
    path = folder / "again.nc"
    sealed(tree).to_netcdf(path, engine="h5netcdf")
    fit = hostile.answer("saved fits with new hashes", lambda: bs.load(path))
    if fit is not None:
        hostile.answer("questions to those", lambda: asked(fit))
