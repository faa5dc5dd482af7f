"""Schedules as columns, and inputs with nodes along the way from a table to a prediction."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import handmade_fit, prior_medians

import bayescale as bs
from bayescale.data.schedule import NODES
from bayescale.inference.fitted_runs import fitted_runs
from bayescale.laws.functions import total
from bayescale.laws.registry import get_law
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

PEAK, WARMUP = 3e-4, 2000
PUBLISHED = (363.8, 2.066, 0.583, 0.641)  # B, C, beta, gamma of the 25M model


def curve(rate_at, last: int = 20_000, every: int = 250, name: str = "a") -> pd.DataFrame:
    steps = np.arange(WARMUP, last + 1, every)
    return pd.DataFrame({"run": name, "step": steps, "lr": rate_at(steps)})


def constant(step: np.ndarray) -> np.ndarray:
    return np.full(len(step), PEAK)


def cosine(step: np.ndarray) -> np.ndarray:
    place = (step - WARMUP) / (20_000 - WARMUP)
    return PEAK * (0.1 + 0.9 * (1 + np.cos(np.pi * place)) / 2)


def linear(step: np.ndarray) -> np.ndarray:
    return PEAK * np.interp(step, [WARMUP, 15_000, 20_000], [1.0, 1.0, 0.1])


def drop(step: np.ndarray) -> np.ndarray:
    return np.where(step < 8000, PEAK, 0.3 * PEAK)


SCHEDULES = {"constant": constant, "cosine": cosine, "linear": linear, "drop": drop}


def rates(table: pd.DataFrame, rate_at) -> np.ndarray:
    """The rate at every step: the schedule's corners lie on rows, so interpolation is exact."""
    last = table["step"].to_numpy().max()
    steps = np.arange(last + 1)
    rate = np.where(steps < WARMUP, PEAK * steps / WARMUP, 0.0)
    known = rate_at(table["step"].to_numpy())
    after = steps[WARMUP:]
    rate[WARMUP:] = drop(after) if rate_at is drop else np.interp(after, table["step"], known)
    return rate


def node_values(table: pd.DataFrame) -> list[np.ndarray]:
    return [
        table[[f"{kind}_{i}" for i in range(1, NODES + 1)]].to_numpy().T
        for kind in ("lr_node", "lr_change", "lr_since")
    ]


@pytest.mark.parametrize("name", SCHEDULES)
def test_sums_are_those_over_all_steps(name: str) -> None:
    table = bs.with_schedule(curve(SCHEDULES[name]), warmup_steps=WARMUP)
    rate = rates(table, SCHEDULES[name])
    np.testing.assert_allclose(table["lr_sum"], np.cumsum(rate)[table["step"]], rtol=1e-12)
    momentum, annealed, found = 0.0, 0.0, []
    for step in range(1, len(rate)):
        fall = rate[step - 1] - rate[step] if step > WARMUP else 0.0
        momentum = 0.999 * momentum + fall
        annealed += momentum
        found.append(annealed)
    expected = np.array(found)[table["step"] - 1]
    np.testing.assert_allclose(table["lr_annealed"] * table["lr_sum"], expected, atol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_nodes_stand_for_the_sum_over_all_steps(name: str) -> None:
    """The multi-power law's sum, at the published constants and far from them."""
    table = bs.with_schedule(curve(SCHEDULES[name]), warmup_steps=WARMUP)
    rate = rates(table, SCHEDULES[name])
    summed, fall = np.cumsum(rate), -np.diff(rate)
    node, change, since = node_values(table)
    for B, C, beta, gamma in (PUBLISHED, (437.0, 6.0, 0.4, 0.5), (437.0, 0.7, 0.9, 0.7)):

        def gained(fall, rate, passed, C=C, beta=beta, gamma=gamma):
            return fall * (1 - (1 + C * passed * rate**-gamma) ** -beta)

        found = B * gained(change * node, node, since * table["lr_sum"].to_numpy()).sum(axis=0)
        for step, value in zip(table["step"], found, strict=True):
            k = np.flatnonzero(fall[:step]) + 1
            exact = B * gained(fall[k - 1], rate[k], summed[step] - summed[k - 1]).sum()
            assert abs(value - exact) < 1e-4, step


def test_rows_come_in_any_order_and_runs_do_not_mix() -> None:
    both = pd.concat([curve(cosine), curve(drop, name="b")], ignore_index=True)
    mixed = bs.with_schedule(both.sample(frac=1, random_state=1), warmup_steps=WARMUP)
    alone = bs.with_schedule(curve(drop, name="b"), warmup_steps=WARMUP)
    back = mixed.query("run == 'b'").sort_values(by="step")
    np.testing.assert_allclose(back["lr_sum"], alone["lr_sum"])
    pd.testing.assert_frame_equal(bs.with_schedule(alone, warmup_steps=WARMUP), alone)


def test_a_fall_to_zero_is_finite() -> None:
    table = bs.with_schedule(
        curve(lambda step: PEAK * (20_000 - step) / (20_000 - WARMUP)), warmup_steps=WARMUP
    )
    assert np.isfinite(table.drop(columns="run")).all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": [1, 1], "lr": [0.1, 0.2]}, "two learning rates at step 1"),
        ({"step": [1, 2.5], "lr": [0.1, 0.2]}, r"step is 2\.5 in row 1: .*whole number"),
        ({"step": [1, 2], "lr": [0.1, -0.2]}, r"lr is -0\.2 in row 1"),
        ({"step": [1, 2], "lr": [0.0, 0.0]}, "no step with a learning rate above zero"),
        ({"step": [1, 2]}, "no column 'lr'; it has run, step"),
    ],
)
def test_what_cannot_be_is_said(change: dict, message: str) -> None:
    with pytest.raises(bs.BayescaleError, match=message):
        bs.with_schedule(pd.DataFrame({"run": ["a", "a"], **change}))


def test_total_is_one_sum_everywhere() -> None:
    x = np.arange(6.0).reshape(3, 2)
    labelled = total(lambda a, b: a * b, *[xr.DataArray(x, dims=("node", "run"))] * 2)
    np.testing.assert_allclose(total(lambda a, b: a * b, x, x), (x * x).sum(axis=0))
    np.testing.assert_allclose(labelled, (x * x).sum(axis=0))
    assert labelled.dims == ("run",)


@pytest.mark.parametrize("law", ["annealing", "multi_power"])
def test_from_a_table_of_curves_to_a_prediction(law: str) -> None:
    curves = pd.concat([curve(cosine, every=1000), curve(drop, every=1000, name="b")])
    design = bs.with_schedule(curves.reset_index(drop=True), warmup_steps=WARMUP)
    fit = handmade_fit(law, runs=design)
    new = bs.with_schedule(curve(linear, every=1000), warmup_steps=WARMUP)
    predicted = bs.predict(fit, new, random_seed=0)
    assert len(bs.credible_intervals(predicted)) >= len(new)
    assert set(predicted.coords) <= {"chain", "draw", "point", "lr_sum", "lr_annealed"}
    assert predicted.law.sizes == {"chain": 4, "draw": 250, "point": len(new)}
    truth = prior_medians(get_law(law))
    inputs = {name: i.take(new) for name, i in fit.law.inputs.items()}
    expected = fit.law.curve(inputs, fit.references, truth)
    np.testing.assert_allclose(predicted.law.median(("chain", "draw")), expected, rtol=0.02)
    again = extract(make_spec(fit.spec), bs.read_runs(fitted_runs(fit)))
    for name, values in fit.inputs.items():
        np.testing.assert_allclose(again.inputs[name], values)
    with pytest.raises(bs.BayescaleError, match="needs lr_sum"):
        bs.predict(fit, new.drop(columns="lr_sum"))


def test_the_model_of_a_law_with_nodes_is_the_law() -> None:
    fit = handmade_fit("multi_power")
    runs = bs.read_runs(fitted_runs(fit))
    model = bs.build_model(runs, fit.spec)
    assert model.named_vars_to_dims["rate"] == ("node", "run")
    assert np.isfinite(model.compile_logp(mode="FAST_COMPILE")(model.initial_point()))


def test_a_study_makes_the_columns_before_rows_are_left_out(data_dir: Path) -> None:
    runs = bs.study_runs(bs.load_study("luo2025_25m"))
    row = runs.table[runs.table["run"] == "constant_24000"].iloc[3]
    assert row["lr_sum"] == pytest.approx(PEAK * (2161 / 2 + row["step"] - 2160), rel=1e-3)
