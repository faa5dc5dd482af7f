"""The later part of a run: predictions go on from its last residual."""

import numpy as np
import pandas as pd
import pytest
from handmade import TRUTH, fit_around, prior_medians

import bayescale as bs
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.splits import fitting_small
from bayescale.model.observations import extract
from bayescale.prediction.run_ahead import last_row

NOISE = {"sigma": 0.02, "nu": 1e6, "reach": 0.5}
AT = {"x": 1e20}


def curve(points: int = 12, off: float = 0.0) -> pd.DataFrame:
    x = np.geomspace(1e19, 1e21, points)
    loss = TRUTH["power_law"]["scale"] * (x / 1e20) ** -0.05
    loss[-1] *= np.exp(off)
    return pd.DataFrame({"flops": x, "loss": loss})


def fitted(table: pd.DataFrame, spread: float = 1e-6) -> bs.Fit:
    spec = bs.make_spec("power_law", noise="checkpoints", references=AT)
    data = extract(spec, bs.read_runs(table))
    return fit_around(spec, data, {**TRUTH["power_law"], **NOISE}, spread=spread)


def law(x: float) -> float:
    return 2.9 * (x / 1e20) ** -0.05


def test_the_last_residual_is_carried_on_and_forgotten() -> None:
    fit = fitted(curve(off=0.06).assign(run="a"))
    ahead = np.array([1e21 * 10**gap for gap in (1e-7, 0.25, 0.5, 3.0)])
    found = bs.predict(fit, {"flops": ahead}, discrepancy=None, random_seed=1)
    np.testing.assert_allclose(found["law"].median(("chain", "draw")), law(ahead), rtol=1e-4)
    off = np.log(found["outcome"] / found["law"]).median(("chain", "draw"))
    np.testing.assert_allclose(off, 0.06 * np.exp(-np.array([0, 0.25, 0.5, 3.0]) / 0.5), atol=2e-4)
    scatter = np.log(found["new_run"] / found["outcome"]).std(("chain", "draw"))
    share = np.exp(-np.array([0.25, 0.5, 3.0]) / 0.5)
    np.testing.assert_allclose(scatter[1:], 0.02 * np.sqrt(1 - share**2), rtol=0.06)
    assert float(scatter[0]) < 1e-4


def test_earlier_points_and_other_runs_are_drawn_as_before() -> None:
    table = curve(off=0.06)
    one, alone = fitted(table.assign(run="a")), fitted(table)
    assert last_row(one) is not None
    assert last_row(alone) is None, "rows without a name are runs of their own"
    two = fitted(table.assign(run=["a", "b"] * 6))
    assert last_row(two) is None
    before = bs.predict(one, {"flops": [1e17, 0.999e21]}, discrepancy=None, random_seed=1)
    off = np.log(before["outcome"] / before["law"]).median(("chain", "draw"))
    np.testing.assert_allclose(off, [0.0, 0.06], atol=1e-3)
    before = before.isel(point=0)
    spread = np.log(before["new_run"] / before["law"]).std()
    assert float(spread) == pytest.approx(0.02, rel=0.1)


def test_the_last_row_of_a_law_of_a_loss_is_that_of_the_lowest() -> None:
    loss = np.geomspace(4.0, 2.0, 12)
    table = pd.DataFrame({"loss": loss, "error": np.linspace(0.7, 0.2, 12), "run": "a"})
    spec = bs.make_spec("error_from_loss", noise="raw_checkpoints")
    data = extract(spec, bs.read_runs(table.assign(error_place=np.log10(loss))))
    last = last_row(fit_around(spec, data, {**prior_medians(spec.law, 0.5), **NOISE}))
    assert last is not None and last.row == 11
    assert last.place == pytest.approx(np.log10(2.0))


def test_the_order_of_rows_does_not_matter() -> None:
    table = curve(off=0.06).assign(run="a")
    found = [
        bs.predict(fitted(t), {"flops": [1.5e21]}, discrepancy=None, random_seed=1)["outcome"]
        for t in (table, table.sample(frac=1, random_state=0))
    ]
    np.testing.assert_allclose(found[0].median(), found[1].median(), rtol=1e-4)


def test_the_law_s_own_error_is_part_of_what_is_carried() -> None:
    fit = fitted(curve(off=0.06).assign(run="a"))
    sure = bs.predict(fit, {"flops": [1.001e21]}, discrepancy=None, random_seed=1)
    with_error = bs.predict(fit, {"flops": [1.001e21]}, discrepancy=0.03, random_seed=1)
    for found in (sure, with_error):
        assert float(found["outcome"].median()) == pytest.approx(law(1e21) * np.exp(0.06), rel=3e-3)
    far = bs.predict(fit, {"flops": [1e24]}, discrepancy=0.03, random_seed=1)
    assert 0.02 < float(np.log(far["outcome"] / far["law"]).std()) < 0.04


def test_forecasts_of_a_run_are_better_for_it() -> None:
    """Log scores of simulated runs, whose residuals do follow from one another."""
    rng = np.random.default_rng(5)
    x = np.geomspace(1e19, 10**21.2, 45)
    scores = []
    for _ in range(30):
        z = np.empty(45)
        share = np.exp(-2.2 / 44 / NOISE["reach"])
        z[0] = rng.normal()
        for i in range(1, 45):
            z[i] = share * z[i - 1] + np.sqrt(1 - share**2) * rng.normal()
        table = pd.DataFrame({"flops": x, "loss": law(x) * np.exp(0.02 * z)})
        split = fitting_small(np.arange(45) < 40, "flops", x)
        row = []
        for named in (table.assign(run="a"), table):
            spec = bs.make_spec("power_law", noise="checkpoints", references=AT)
            data = {"power_law": extract(spec, bs.read_runs(named))}
            found = score_split(fitted(named[:40]), data, split, None, 1)
            row.append(found["log_score"].mean())
        scores.append(row)
    gain = np.subtract(*np.array(scores).T)
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain)) > 0
    assert gain.mean() > 0.15


def test_a_saved_fit_goes_on_alike(tmp_path) -> None:
    fit = fitted(curve(off=0.06).assign(run="a"), spread=1e-3)
    bs.save(fit, tmp_path / "fit.nc")
    asked = ({"flops": [1.5e21]},)
    one, again = (
        bs.predict(f, *asked, random_seed=1)["new_run"] for f in (fit, bs.load(tmp_path / "fit.nc"))
    )
    np.testing.assert_allclose(one, again)
