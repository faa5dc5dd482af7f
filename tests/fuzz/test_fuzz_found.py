"""What fuzzing found, each with the right answer."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hostile import bounded
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.data.units import parse_quantity
from bayescale.inference.integrity import sealed
from bayescale.inference.result import Fit
from bayescale.inference.saved_tree import tree_of_fit
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec


def frame(**columns: object) -> pd.DataFrame:
    sound = {"params": np.geomspace(1e8, 1e9, 4), "tokens": 1e10, "loss": [3.0, 2.9, 2.8, 2.7]}
    return pd.DataFrame({**sound, **columns})


DATA = 'law = "chinchilla"\ndata = {file = "runs.csv"}\n'
MANY = "[" + "1e9, " * 3000 + "]"
SIMULATED = f"""law = "chinchilla"
[data.simulate]
parameters = {{E = 1.8, a = 0.34, alpha = 0.35, b = 0.32, beta = 0.37}}
references = {{N = 1e9, D = 2e10}}
design = {{N = {MANY}, D = {MANY}}}
noise = 0.01
seed = 1
"""

FILES: dict[str, tuple[str, str, Callable[[str], Any], str]] = {
    "half a character in JSON": (
        "runs.json",
        json.dumps([{"params": 1e9, "tokens": 1e10, "loss": 3, "run": "\ud800"}]),
        bs.read_runs,
        "record 1: '\\ud800' holds half a character",
    ),
    "half a character in a key": (
        "runs.jsonl",
        json.dumps({"params": 1e9, "tokens": 1e10, "loss": 3, "\udfff": {"\udfff": 1}}),
        bs.read_runs,
        "holds half a character",
    ),
    "deep TOML": ("m.toml", "a = " + "[" * 50_000, bs.load_study, "it is nested too deeply"),
    "deep scenario": ("s.toml", "a = " + "[" * 50_000, bs.load_scenario, "nested too deeply"),
    "large TOML": ("m.toml", "a." * 60_000 + "a = 1", bs.load_study, "at most 100,000 bytes"),
    "a number of 16,000 bits": (
        "m.toml",
        DATA + "references = {N = 0x1" + "0" * 4000 + "}",
        bs.load_study,
        "references.N is no number: cannot read 'a whole number of 16,001 bits'",
    ),
    "nine million simulated runs": (
        "m.toml",
        SIMULATED,
        lambda path: bs.study_runs(bs.load_study(path)),
        "data.simulate.design has 9,000,000 rows, and the limit is 20,000",
    ),
    "nine million combinations": (
        "s.toml",
        f'flops = "1e22"\nat = {{bits = {MANY}, epochs = {MANY}}}',
        bs.load_scenario,
        "at has 9,000,000 combinations of values, and the limit is 1,000",
    ),
    "a probability in words": (
        "s.toml",
        'flops = "1e22"\nprobability = "often"',
        bs.load_scenario,
        "probability: cannot read 'often'",
    ),
}


@pytest.mark.parametrize(("name", "text", "read", "message"), FILES.values(), ids=FILES)
def test_a_file(
    name: str, text: str, read: Callable[[str], Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with bounded(), pytest.raises(bs.BayescaleError, match=re.escape(message)):
        read(str(tmp_path / name))


def test_half_a_character_in_a_frame() -> None:
    cells = pd.Series(["a", "\ud800", "b", "c"], dtype=object)
    odd = frame()
    odd.columns = pd.Index(["params", "tokens", "\ud800"], dtype=object)
    for source in (odd, frame(loss=cells)):
        with pytest.raises(bs.BayescaleError):
            bs.read_runs(source)


def test_runs_named_by_half_a_character_are_prepared() -> None:
    names = pd.Index([*(f"a{i}" for i in range(7)), "\ud800"], dtype=object)
    table = frame(params=np.geomspace(1e8, 1e9, 8), loss=np.linspace(3, 2.5, 8)).set_axis(names)
    runs = bs.read_runs(table)
    assert len(extract(make_spec("chinchilla"), runs).labels) == 8


def test_an_empty_column_of_standard_errors_holds_no_unreadable_cell(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    pd.concat([frame(loss_se=""), frame(loss_se="", tokens=2e10)]).to_csv(file, index=False)
    assert not extract(make_spec("chinchilla"), bs.read_runs(file)).known["se"].any()


@pytest.mark.parametrize("params", [5e-324, 1e-308, 1e200])
def test_a_picture_leaves_out_what_no_axis_can_show(params: float) -> None:
    table = frame(params=[params, 2e8, 3e8, 4e8], tokens=np.geomspace(1e9, 1e10, 4))
    circles = [bs.read_runs(one)._repr_html_().count("<circle") for one in (table, table.iloc[1:])]
    assert circles[0] == circles[1] > 3


def test_compute_that_follows_beyond_floats_sets_a_row_aside() -> None:
    with pytest.warns(bs.BayescaleWarning, match="beyond what can be calculated with"):
        runs = bs.read_runs(frame(params=[1e308, 2e8, 3e8, 4e8]))
    assert len(runs) == 3


def test_compute_beyond_floats_is_no_warning() -> None:
    runs = bs.read_runs(frame(params=1e200, tokens=1e200, flops=1e300))
    assert len(runs) == 4


@pytest.mark.parametrize("path", ["a\0.nc", "a" * 5000 + ".nc", "\ud800.nc"])
def test_a_path_that_no_system_has(path: str) -> None:
    with pytest.raises(bs.BayescaleError):
        bs.load(path)


def test_the_folder_of_nobody() -> None:
    with pytest.raises(bs.BayescaleError, match=r"cannot read 'runs\.csv'"):
        bs.read_runs("~there_is_no_such_user/runs.csv")


def test_a_pipe_is_no_fit(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fit.nc")
    with bounded(1), pytest.raises(bs.BayescaleError, match="a device or a pipe, not a saved fit"):
        bs.load(tmp_path / "fit.nc")


def test_a_large_number_in_an_expression_is_a_float() -> None:
    runs = bs.read_runs(frame())
    assert len(runs.where("params < 1" + "0" * 400)) == 4
    assert len(runs.where("params < 1" + "0" * 30)) == 4
    assert len(runs.where("-params > -1" + "0" * 400)) == 4


def test_a_number_that_python_does_not_write() -> None:
    with pytest.raises(bs.BayescaleError, match="a whole number of 20,001 bits"):
        parse_quantity(1 << 20_000)


def test_half_a_character_on_the_command_line(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "runs.csv", index=False)
    given = ["fit-many", "\ud95e", "--laws", "chinchilla", "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 1
    assert "\\ud95e" in result.output


def saved(fit: Fit, path: Path, change: Callable[[xr.DataTree], None]) -> Path:
    """Save a fit with a change that its hashes know of."""
    tree = tree_of_fit(Fit(fit.spec, fit.tree.isel(draw=slice(30)), fit.record))
    change(tree)
    sealed(tree).to_netcdf(path, engine="h5netcdf")
    return path


def test_a_fit_without_observations(made_fit: Fit, tmp_path: Path) -> None:
    def change(tree: xr.DataTree) -> None:
        del tree["observed_data"]

    with pytest.raises(bs.BayescaleError, match="has no observed_data"):
        bs.load(saved(made_fit, tmp_path / "fit.nc", change))


def _put(name: str, value: float, group: str = "posterior") -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        data = tree.children[group].to_dataset()
        tree[group] = xr.DataTree(data.assign({name: xr.full_like(data[name], value)}))

    return change


def test_draws_beyond_every_quantity(made_fit: Fit, tmp_path: Path) -> None:
    path = saved(made_fit, tmp_path / "fit.nc", _put("E", 1e308))
    with pytest.raises(bs.BayescaleError, match=r"lie outside 0 to 1e\+45, the first is 1e\+308"):
        bs.load(path)


def test_draws_at_which_the_law_is_not_finite(made_fit: Fit, tmp_path: Path) -> None:
    fit = bs.load(saved(made_fit, tmp_path / "fit.nc", _put("beta", 1e44)))
    with pytest.raises(bs.BayescaleError, match="the law is not finite at every run and draw"):
        bs.adequacy(fit)


def test_draws_that_are_all_the_same_and_tiny(made_fit: Fit, tmp_path: Path) -> None:
    fit = bs.load(saved(made_fit, tmp_path / "fit.nc", _put("beta", 1e-308)))
    assert np.isnan(bs.summary(fit).loc["beta", "rhat"])
