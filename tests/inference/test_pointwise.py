"""Densities and predictions of each run: worked out when asked for, neither kept nor saved."""

import pickle
import warnings
from pathlib import Path

import arviz_stats as azs
import numpy as np
import pytest
import xarray as xr
from handmade import design, handmade_fit

import bayescale as bs
from bayescale.inference.io import load_fit
from bayescale.inference.netcdf import netcdf_of, read_netcdf
from bayescale.inference.pointwise import DRAWS, stored, with_pointwise
from bayescale.inference.result import Fit
from bayescale.inference.saved_tree import tree_of_fit

LAWS = ["chinchilla", "chinchilla_then_accuracy_from_loss", "coverage"]
"""One observed column, two, and counts."""


def by_value(tree: xr.DataTree) -> xr.DataTree:
    return pickle.loads(pickle.dumps(tree))  # noqa: S301


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_the_same_after_saving(law: str, suffix: str, tmp_path: Path) -> None:
    fit = handmade_fit(law)
    found = load_fit(bs.save(fit, tmp_path / f"fit.{suffix}"))
    assert set(DRAWS) < set(found.tree.children) == set(fit.tree.children)
    xr.testing.assert_identical(found.tree, fit.tree)


def test_nothing_is_kept_but_what_is_loaded(made_fit: Fit) -> None:
    tree = made_fit.tree.copy()
    fit = Fit(made_fit.spec, tree, made_fit.record)
    for group in DRAWS:
        fit.tree_group(group)
        assert np.isfinite(tree[group]["loss"]).all()
        assert not tree[group]["loss"].variable._in_memory
    tree["log_likelihood"].load()
    assert tree["log_likelihood"]["loss"].variable._in_memory


def test_each_chain_and_seed_has_draws_of_its_own(made_fit: Fit) -> None:
    first, second, *_ = made_fit.tree_group("posterior_predictive")["loss"].values
    assert not (first == second).any()
    other = with_pointwise(made_fit.spec, stored(made_fit.tree), seed=made_fit.seed + 1)
    assert not (first == other["posterior_predictive/loss"].values[0]).any()


def test_a_part_is_that_of_the_whole(made_fit: Fit) -> None:
    part = {"chain": 1, "draw": slice(None, 20, 3), "run": [5, 2]}
    for group in DRAWS:
        whole, lazy = made_fit.tree_group(group), made_fit.tree[group].to_dataset()
        chain = part | {"chain": 0 if group == "prior_predictive" else 1}
        xr.testing.assert_identical(lazy.isel(chain).compute(), whole.isel(chain))
        one = lazy.isel(chain=[-1], run=slice(3, 3))
        xr.testing.assert_identical(one.compute(), whole.isel(chain=[-1], run=slice(3, 3)))


def test_a_tree_travels_as_values(made_fit: Fit) -> None:
    xr.testing.assert_identical(by_value(made_fit.tree), made_fit.tree)


def test_arviz_takes_the_tree_of_a_loaded_fit(made_fit: Fit, tmp_path: Path) -> None:
    found = load_fit(bs.save(made_fit, tmp_path / "fit.nc"))
    values = by_value(made_fit.tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 1,000 draws of a posterior made by hand
        assert azs.loo(found.tree).elpd == azs.loo(values).elpd
        pit = azs.loo_pit(found.tree)["loss"]
        assert pit.equals(azs.loo_pit(values)["loss"])
    assert azs.psense_summary(found.tree).equals(azs.psense_summary(values))
    assert azs.summary(found.tree).equals(azs.summary(values))


def test_a_saved_fit_is_small(made_fit: Fit, tmp_path: Path) -> None:
    def size(runs: int) -> int:
        table = design().sample(runs, replace=True, random_state=1, ignore_index=True)
        table["params"] *= 1 + 1e-4 * np.arange(runs)
        fit = handmade_fit("chinchilla", runs=table)
        known = {"draws": fit.digest, "adequacy": made_fit.adequacy.to_dict()}
        path = bs.save(Fit(fit.spec, fit.tree, fit.record, known), tmp_path / f"{runs}.nc")
        return path.stat().st_size

    few, many = size(245), size(1245)
    per_run = (many - few) / 1000
    assert few + 3 * (few - 245 * per_run) < 1.5e6  # of 4,000 draws, as a sampled fit has
    assert per_run < 300  # of 4,843 runs 1.5 MB, besides the draws


def test_xarray_reads_the_file_alike(made_fit: Fit, tmp_path: Path) -> None:
    path, tree = tmp_path / "fit.nc", tree_of_fit(made_fit)
    tree["posterior"] = tree["posterior"].to_dataset().assign_coords(half=("draw", np.ones(250)))
    tree["more/inside"] = xr.Dataset(
        {"truth": ("x", [True, False]), "word": ((), "é"), "whole": ("y", np.arange(2000))},
        attrs={"number": 3, "words": "of all"},
    )
    path.write_bytes(netcdf_of(tree))
    ours = read_netcdf(path)
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        theirs = opened.load()
    xr.testing.assert_identical(ours, theirs)
    for node in theirs.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            assert ours[node.path].to_dataset().variables[name].dtype == variable.dtype
