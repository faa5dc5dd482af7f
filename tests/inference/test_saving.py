"""Averages and kinds of saved trees, written and read again."""

import json
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale.inference.integrity import sealed
from bayescale.inference.io import load_fit, load_posterior
from bayescale.inference.result import Fit
from bayescale.model.spec import Spec, make_spec


@pytest.fixture(scope="module")
def mixed(made_fit: Fit) -> bs.Average:
    other = handmade_fit("skaling")
    for group in ("observed_data", "constant_data"):
        other.tree[group] = made_fit.tree[group]
    wrong = {bs.Discrepancy(0.01): 1.0, bs.Discrepancy(0.02, 0.5): 3.0}
    weights = {"chinchilla": 1.0, "skaling, free/bound": 3.0}
    return bs.Average(
        {"chinchilla": made_fit, "skaling, free/bound": other}, weights, {"chinchilla": wrong}
    )


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_an_average_comes_back(mixed: bs.Average, tmp_path: Path, suffix: str) -> None:
    again = bs.load(bs.save(mixed, tmp_path / f"average.{suffix}"))
    assert isinstance(again, bs.Average)
    assert again.weights == mixed.weights
    assert again.discrepancies == mixed.discrepancies
    for name, fit in mixed.fits.items():
        assert again.fits[name].spec == fit.spec
        assert again.fits[name].record == fit.record
        xr.testing.assert_identical(again.fits[name].posterior, fit.posterior)
    asked = {"params": "1B", "tokens": "20B", "random_seed": 1}
    ours, theirs = (bs.predict(each, **asked)["new_run"] for each in (mixed, again))
    np.testing.assert_array_equal(ours, theirs)
    assert set(mixed.fits["chinchilla"].tree.attrs) == set(again.fits["chinchilla"].tree.attrs)


def test_a_file_says_what_it_holds(mixed: bs.Average, made_fit: Fit, tmp_path: Path) -> None:
    path = bs.save(mixed, tmp_path / "average.nc")
    with pytest.raises(bs.BayescaleError, match=r"holds an average of .*: ask one of its fits"):
        load_fit(path)
    assert isinstance(load_posterior(path), bs.Average)
    assert isinstance(load_fit(bs.save(made_fit, tmp_path / "fit.nc")), Fit)
    other = made_fit.tree.copy()
    other.attrs = {"bayescale": '{"format": 1, "kind": "trellis"}'}
    sealed(other).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(bs.BayescaleError, match="holds 'trellis', which this bayescale does not"):
        bs.load(tmp_path / "other.nc")


def test_a_law_of_ones_own_in_an_average(made_fit: Fit, mixed: bs.Average, tmp_path: Path) -> None:
    path = bs.save(mixed, tmp_path / "average.nc")
    again = bs.load(path, law={"chinchilla": made_fit.law})
    assert isinstance(again, bs.Average)
    assert again.fits["chinchilla"].law is made_fit.law


def test_what_is_no_fit_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(bs.BayescaleError, match=r"save takes a fit, an average .* not a int"):
        bs.save(3, tmp_path / "fit.nc")  # pyright: ignore[reportArgumentType]


SPECS = {
    "default": {},
    "priors": {
        "priors": {"E": bs.Multiple(0.5, 0.8), "alpha": (0.2, 0.6), "beta": 0.3},
        "columns": {"loss": "loss_c4"},
        "references": {"N": "1B"},
        "noise": "normal",
    },
    "pooled": {"pool": {"alpha": "partial", "beta": "shared"}, "group": "family"},
}


@pytest.mark.parametrize("changes", SPECS.values(), ids=SPECS)
def test_a_spec_writes_and_reads_itself(changes: dict) -> None:
    spec = make_spec("chinchilla", **changes)
    again = Spec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.structure() == spec.structure()
    assert {k: again.interval(k, {"target": 2.0}) for k in again.parameters} == {
        k: spec.interval(k, {"target": 2.0}) for k in spec.parameters
    }


def test_a_spec_describes_what_cannot_be_written(made_fit: Fit) -> None:
    spec = make_spec("chinchilla", priors={"alpha": pm.Gamma.dist(2, 4)})
    written = json.loads(json.dumps(spec.to_dict()))
    assert isinstance(written["priors"]["alpha"], str)
    assert list(Spec.from_dict(written).distributions) == ["alpha"]
    written["law"] = "mine"
    assert Spec.from_dict(written, made_fit.law).law is made_fit.law
    with pytest.raises(bs.BayescaleError, match="mine"):
        Spec.from_dict(written)
