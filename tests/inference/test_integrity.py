"""Saved fits that were altered are refused in words, whole ones are read."""

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import bayescale as bs
from bayescale.inference import integrity
from bayescale.inference.integrity import DIGESTS, sealed
from bayescale.inference.result import Fit
from bayescale.inference.saved_tree import ATTRIBUTE, tree_of_fit


@pytest.fixture(scope="module")
def small(made_fit: Fit) -> Fit:
    return Fit(made_fit.spec, made_fit.tree.isel(draw=slice(30)), made_fit.record)


@pytest.fixture(scope="module")
def whole(small: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bs.save(small, tmp_path_factory.mktemp("whole") / "fit.nc")


@pytest.fixture(scope="module")
def store(small: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bs.save(small, tmp_path_factory.mktemp("whole") / "fit.zarr")


def agrees(path: Path, fit: Fit) -> None:
    """Read a file: it is refused in words, or every number in it is the fit's."""
    try:
        found = bs.load(path)
    except bs.BayescaleError as error:
        assert str(path) in str(error) or path.name in str(error)
        return
    assert isinstance(found, Fit)
    assert (found.spec, found.record) == (fit.spec, fit.record)
    for name, group in fit.tree.children.items():
        xr.testing.assert_equal(found.tree_group(name), group.to_dataset())


@pytest.mark.parametrize("seed", range(40))
def test_a_file_with_other_bytes(seed: int, whole: Path, small: Fit, tmp_path: Path) -> None:
    rng, content = random.Random(seed), bytearray(whole.read_bytes())
    place = rng.randrange(len(content))
    if seed % 4 == 0:
        content = content[:place]
    elif seed % 4 == 1:
        length = min(rng.randrange(1, 500), len(content) - place)
        content[place : place + length] = rng.randbytes(length)
    else:
        content[place] ^= 1 << rng.randrange(8)
    (tmp_path / "fit.nc").write_bytes(content)
    agrees(tmp_path / "fit.nc", small)


@pytest.mark.parametrize("seed", range(30))
def test_a_store_with_other_files(seed: int, store: Path, small: Fit, tmp_path: Path) -> None:
    rng, altered = random.Random(seed), tmp_path / "fit.zarr"
    shutil.copytree(store, altered)
    file = rng.choice(sorted(path for path in altered.rglob("*") if path.is_file()))
    content = bytearray(file.read_bytes())
    if seed % 3 == 0:
        file.unlink()
    elif seed % 3 == 1:
        file.write_bytes(content[: rng.randrange(len(content))])
    else:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    agrees(altered, small)


def rewritten(fit: Fit, change: Callable[[xr.DataTree], None], path: Path, again: bool) -> Path:
    """Save a fit, with a change that its hashes know of if they are made ``again``."""
    tree = sealed(tree_of_fit(fit))
    change(tree)
    if again:
        del tree.attrs[DIGESTS]
        tree = sealed(tree)
    tree.to_netcdf(path, engine="h5netcdf")
    return path


def put(group: str, name: str, value: object) -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        data = tree.children[group].to_dataset()
        values = data[name].values.copy()
        values.flat[0] = value
        tree[group] = xr.DataTree(data.assign({name: data[name].copy(data=values)}))

    return change


def drop(group: str, name: str) -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        tree[group] = xr.DataTree(tree.children[group].to_dataset().drop_vars(name))

    return change


def header(**changes: object) -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        tree.attrs[ATTRIBUTE] = json.dumps({**json.loads(tree.attrs[ATTRIBUTE]), **changes})

    return change


def whole_numbers(tree: xr.DataTree) -> None:
    data = tree.children["posterior"].to_dataset()
    tree["posterior"] = xr.DataTree(data.assign(E=data["E"].astype(int)))


def averaged_draws(tree: xr.DataTree) -> None:
    data = tree.children["posterior"].to_dataset()
    tree["posterior"] = xr.DataTree(data.assign(E=data["E"].mean("draw")))


ALTERED = {
    "a draw": (put("posterior", "alpha", 0.5), "changed: posterior/alpha"),
    "a loss": (put("observed_data", "loss", 9.0), "changed: observed_data/loss"),
    "noise": (header(noise="normal"), r"changed: attributes\): what was fitted is not known"),
    "parameter": (drop("posterior", "beta"), "missing: posterior/beta"),
    "runs": (put("constant_data", "N", 1.0), "record of law, priors and seed is unaltered"),
}


@pytest.mark.parametrize(("change", "message"), ALTERED.values(), ids=ALTERED)
def test_what_differs_is_named(change, message: str, small: Fit, tmp_path: Path) -> None:
    path = rewritten(small, change, tmp_path / "fit.nc", again=False)
    with pytest.raises(bs.BayescaleError, match=rf"fit.nc is not what was saved .*{message}"):
        bs.load(path)


MEANINGLESS = {
    "nan": (put("posterior", "alpha", np.nan), "1 draws of alpha are not finite or lie outside 0"),
    "negative": (
        put("posterior", "E", -5.0),
        r"draws of E .* outside 0 to 1e\+45, the first is -5",
    ),
    "missing": (drop("posterior", "beta"), "lacks beta, against chinchilla"),
    "noise": (header(noise="normal"), "has nu besides"),
    "type": (whole_numbers, "the draws of E have dims .* type int64"),
    "dims": (averaged_draws, r"the draws of E have dims \('chain',\)"),
    "loss": (put("observed_data", "loss", np.inf), "the observed loss is not finite"),
    "reference": (put("constant_data", "N_reference", 0.0), "N_reference is 0"),
    "unknown noise": (header(noise="brown"), "brown"),
    "priors": (header(priors={"E": [3, 1]}), r"prior of 'E': \(3, 1\) is not a 90 %"),
    "no record": (header(record=None), "fit.nc"),
    "format": (header(format=99), "has format 99"),
}


@pytest.mark.parametrize(("change", "message"), MEANINGLESS.values(), ids=MEANINGLESS)
def test_hashes_that_fit_do_not_make_it_sound(change, message, small: Fit, tmp_path: Path) -> None:
    path = rewritten(small, change, tmp_path / "fit.nc", again=True)
    with pytest.raises(bs.BayescaleError, match=message):
        bs.load(path)


def test_a_file_of_other_programs(tmp_path: Path) -> None:
    xr.Dataset({"loss": ("run", [1.0])}).to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with pytest.raises(bs.BayescaleError, match="is not a fit that bayescale saved"):
        bs.load(tmp_path / "x.nc")
    (tmp_path / "y.nc").write_text("params,loss\n1e8,3.0\n")
    with pytest.raises(bs.BayescaleError, match="cannot be read as a saved fit"):
        bs.load(tmp_path / "y.nc")


def test_a_declared_size_is_refused_unread(whole: Path, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "fit.nc"
    shutil.copy(whole, path)
    with h5py.File(path, "a") as file:
        file.create_dataset("posterior/huge", shape=(10**12,), dtype="f8", chunks=(10**4,))
    with pytest.raises(bs.BayescaleError, match=r"8e\+12 bytes of variables .*posterior/huge"):
        bs.load(path)
    monkeypatch.setattr(integrity, "MAX_BYTES", 1000)
    with pytest.raises(bs.BayescaleError, match=re.escape("the limit is 1e+03")):
        bs.load(whole)


@pytest.mark.parametrize("kind", ["external", "virtual", "link"])
def test_a_file_that_refers_to_others_is_refused(kind: str, whole: Path, tmp_path: Path) -> None:
    path, secret = tmp_path / "fit.nc", tmp_path / "secret"
    shutil.copy(whole, path)
    secret.write_bytes(b"12345678")
    with h5py.File(path, "a") as file:
        if kind == "external":
            at = [(str(secret), 0, 8)]
            file.create_dataset("posterior/x", shape=(1,), dtype="f8", external=at)
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(1,), dtype="f8")
            layout[0] = h5py.VirtualSource(str(whole), "posterior/E", shape=(4, 30))[0, 0]
            file.create_virtual_dataset("posterior/x", layout)
        else:
            file["posterior/x"] = h5py.ExternalLink(str(whole), "posterior/E")
    with pytest.raises(bs.BayescaleError, match="posterior/x refers to another place"):
        bs.load(path)
