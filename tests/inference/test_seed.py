"""One rule: where no seed is given, questions of a fit use the seed that it was drawn with."""

import inspect
import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.inference.fit_methods import FitMethods, PosteriorMethods
from bayescale.inference.result import Fit
from bayescale.plots.bands import bands_data
from bayescale.plots.frontier import frontier_data
from bayescale.reporting.targets import targets

SEED = 5
POINT = {"params": 70e9, "tokens": 1.4e12}
ASKED = {
    "predict": lambda fit, **seed: bs.predict(fit, POINT, **seed),
    "method": lambda fit, **seed: fit.predict(POINT, **seed),
    "optimum": lambda fit, **seed: bs.optimum(fit, 1e23, **seed),
    "regret": lambda fit, **seed: bs.regret(fit, 1e23, [3e9, 7e9], **seed),
    "required_compute": lambda fit, **seed: bs.required_compute(fit, at=POINT, **seed),
    "crossover_compute": lambda fit, **seed: bs.crossover_compute(
        fit, handmade_fit(seed=7), 1e23, **seed
    ),
    "plan": lambda fit, **seed: bs.plan(fit, budget=1e21, runs=2, about="flops=1e23", **seed).runs,
    "bands": bands_data,
    "frontier": lambda fit, **seed: frontier_data(fit, 1e23, **seed),
    "report": lambda fit, **seed: pd.DataFrame(vars(one) for one in targets(fit, **seed)).astype(
        str
    ),
}


@pytest.fixture(scope="module")
def fit() -> Fit:
    return handmade_fit("chinchilla", seed=SEED)


@pytest.mark.parametrize("name", ASKED)
def test_the_fits_own_seed_when_none_is_given(fit: Fit, name: str) -> None:
    ask = ASKED[name]
    first, again, own, other = (
        ask(fit, **seed) for seed in ({}, {}, {"random_seed": SEED}, {"random_seed": SEED + 1})
    )
    assert fit.seed == SEED
    assert first.equals(again) and first.equals(own)
    assert not first.equals(other)


def test_an_average_has_the_seed_of_its_heaviest(fit: Fit) -> None:
    other = replace(fit, record={**fit.record, "seed": SEED + 1})
    mixed = bs.average({"a": other, "b": fit}, {"a": 1, "b": 3})
    first = mixed.predict(POINT)
    assert mixed.seed == SEED
    assert first.equals(bs.predict(mixed, POINT))
    assert first.equals(bs.predict(mixed, POINT, random_seed=SEED))


def test_a_picture_and_a_table_agree(fit: Fit) -> None:
    drawn = bs.plot_bands(fit)
    data = bands_data(fit)
    points = data[["flops", "params", "tokens"]]
    table = bs.credible_intervals(fit.predict(points))
    heights = np.concatenate(
        [p.vertices[:, 1] for band in drawn.collections for p in band.get_paths()]
    )
    for name in ("outcome", "new_run"):
        rows = table[table["quantity"] == name]
        for side in ("lower", "upper"):
            assert np.array_equal(data[f"{name}_{side}"], rows[side]), (name, side)
    assert np.isin(table.loc[table["quantity"] == "new_run", "upper"], heights).all()
    plt.close("all")


def test_the_command_line_and_python_agree(fit: Fit, tmp_path: Path) -> None:
    path = bs.save(fit, tmp_path / "fit.nc")
    command = ["predict", str(path), "--params", "70B", "--tokens", "1.4T", "--json"]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0, said.output
    (shown,) = json.loads(said.stdout)["points"]
    answer: xr.Dataset = bs.load(path).predict(POINT)
    for name in ("outcome", "new_run"):
        median = answer[name].median(("chain", "draw")).item()
        assert shown[name]["median"] == pytest.approx(median, rel=1e-12)


def test_every_question_of_a_fit_has_the_same_default() -> None:
    public = [getattr(bs, name) for name in bs.__all__]
    methods = [*vars(PosteriorMethods).values(), *vars(FitMethods).values()]
    asked = [f for f in [*public, *methods] if inspect.isfunction(f)]
    seeds = {
        f.__qualname__: found
        for f in asked
        if (found := inspect.signature(f).parameters.get("random_seed"))
    }
    assert len(seeds) > 20
    assert {name for name, seed in seeds.items() if seed.default is not None} == set()
