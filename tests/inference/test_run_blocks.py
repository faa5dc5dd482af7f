"""What is asked of all draws at all runs: in blocks as whole, and once for all that share it."""

import io
from pathlib import Path

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from handmade import design, handmade_fit
from pytensor.graph.rewriting.basic import in2out
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors

import bayescale as bs
from bayescale.evaluation.residuals import residuals
from bayescale.inference import run_blocks, threads
from bayescale.inference.compilation import _power_by_logarithm
from bayescale.inference.leave_one_out import leave_one_out
from bayescale.inference.netcdf import netcdf_of, read_netcdf
from bayescale.inference.result import Fit
from bayescale.prediction import discrepancy, run_residuals
from bayescale.prediction.discrepancy import DISCREPANCY


def fresh(fit: Fit) -> Fit:
    """Return a fit that has not been asked anything."""
    return Fit(fit.spec, fit.tree, fit.record)


def asked(fit: Fit) -> dict[str, np.ndarray]:
    """Return what goes by blocks of runs."""
    surface, found = DISCREPANCY.surface(fit).process, run_blocks.likelihood_of(fit)
    names = [str(name) for name in fit.observed["run"].values[::3]]
    return {
        "residuals": residuals(fit).to_numpy(),
        "places": surface.places,
        "at places": surface.residual,
        "total": found.total[fit.target].to_numpy(),
        "variance": found.variance,
        "of some": run_blocks.log_likelihood_of(fit, names).to_numpy(),
    }


def test_blocks_of_runs_give_what_all_give(made_fit, monkeypatch) -> None:
    draws = made_fit.posterior.sizes["chain"] * made_fit.posterior.sizes["draw"]
    whole = asked(fresh(made_fit))
    density = made_fit.tree_group("log_likelihood")[made_fit.target]
    np.testing.assert_allclose(whole["total"], density.sum("run"))
    np.testing.assert_allclose(whole["variance"], density.var(("chain", "draw")))
    np.testing.assert_allclose(whole["of some"], density[..., ::3].sum("run"))
    monkeypatch.setattr(run_blocks, "MOST", 7 * draws)
    blocks = [block.stop - block.start for block in run_blocks.run_blocks(made_fit, 15)]
    assert blocks == [7, 7, 7]
    for name, values in asked(fresh(made_fit)).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("sharing", [False, True])
def test_left_out_runs_by_blocks(sharing: bool, monkeypatch) -> None:
    runs = design().assign(run=[f"run {i // 4}" for i in range(40)]) if sharing else design()
    fit = handmade_fit(runs=runs, spread=1e-4)

    def left_out() -> dict[str, np.ndarray]:
        loo, waic = leave_one_out(fit), bs.waic(fit)
        found = {"elpd_i": loo.elpd_i, "k": loo.pareto_k, "waic": waic.elpd_i, "p_waic": waic.p_i}
        sums = {
            "elpd": loo.elpd,
            "se": loo.se,
            "p": loo.p,
            "good_k": loo.good_k,
            "se_waic": waic.se,
        }
        return {k: np.asarray(v) for k, v in {**found, **sums}.items()}

    whole = left_out()
    assert whole["elpd_i"].size == (10 if sharing else 40)
    draws = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    monkeypatch.setattr(run_blocks, "MOST", 9 * draws)
    blocks = [block.sizes["run"] for block in run_blocks.likelihood_blocks(fit)]
    assert blocks == ([2, 2, 2, 2, 2] if sharing else [9, 9, 9, 9, 4])
    for name, values in left_out().items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-9, err_msg=name)


def test_a_surface_is_worked_out_once(made_fit, monkeypatch) -> None:
    made, work = [], discrepancy._surface
    monkeypatch.setattr(discrepancy, "_surface", lambda *a: made.append(a) or work(*a))
    fit = fresh(made_fit)
    fit.predict(params="7B", tokens="1T")
    fit.optimum(["1e23", "1e24"])
    assert len(made) == 1
    fit.predict(params="7B", tokens="1T", discrepancy=0.05)
    assert len(made) == 2


def test_a_surface_asks_for_the_curve_of_the_runs_once(monkeypatch) -> None:
    fit, asked = handmade_fit(), []
    law = fit.law.curve

    def curve(inputs, references, parameters, step=None):
        asked.append(inputs["N"].size * parameters["E"].size)
        return law(inputs, references, parameters, step)

    monkeypatch.setattr(fit.law, "curve", curve)
    monkeypatch.setattr(run_blocks, "FEW_DRAWS", 50)
    DISCREPANCY.surface(fit)
    every = fit.observed.size * 1000
    assert every < sum(asked) < 1.1 * every  # all draws once, and fifty of them
    monkeypatch.setattr(run_residuals, "FEW_RUNS", 15)
    asked.clear()
    DISCREPANCY.surface(fresh(fit))
    assert sum(asked) < every / 2  # all draws at a few of the runs


def test_a_few_runs_are_not_worked_out_with_all(monkeypatch) -> None:
    fit, looked_at = handmade_fit(), []
    law = fit.law.curve
    monkeypatch.setattr(
        fit.law,
        "curve",
        lambda inputs, *rest: looked_at.append(inputs["N"].size) or law(inputs, *rest),
    )
    run_blocks.log_likelihood_of(fit, [str(fit.observed["run"].values[2])])
    assert set(looked_at) == {1}


def test_a_netcdf_file_is_what_xarray_reads(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(2, 700))
    one = xr.Dataset(
        {
            "b": (("chain", "draw"), values),
            "a": ("chain", [True, False]),
            "word": ("run", ["x", "größer", ""]),
            "one": 3.5,
            "further": ("nowhere", np.arange(4)),
        },
        {"chain": [0, 1], "run": ["r1", "r2", "r3"], "size": ("run", [1.0, np.nan, 3.0])},
        {"said": "yes"},
    )
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"kind": "fit"}), "/deep/er": one})
    content = netcdf_of(tree)
    path = tmp_path / "tree.nc"
    path.write_bytes(content)
    for found in (xr.open_datatree(io.BytesIO(content), engine="h5netcdf"), read_netcdf(path)):
        assert found.attrs == {"kind": "fit"}
        there = found["deep/er"].to_dataset(inherit=False)
        xr.testing.assert_identical(there.load(), one)
        assert list(there.data_vars) == list(one.data_vars)


def test_a_power_shares_its_logarithm() -> None:
    base, exponent = pt.dvector("base"), pt.dscalar("exponent")
    power, square = base**-exponent, base**2
    found = rewrite_graph([power, square], custom_rewrite=in2out(_power_by_logarithm))
    used = [
        {str(v.owner.op.scalar_op) for v in ancestors([one]) if v.owner and v.owner.inputs[0].ndim}
        for one in found
    ]
    assert used[0] & {"pow", "log", "exp"} == {"log", "exp"}
    assert "log" not in used[1]
    at = {base: np.array([0.3, 2.0]), exponent: 0.7}
    np.testing.assert_allclose(found[0].eval(at), [0.3**-0.7, 2.0**-0.7])


@pytest.mark.parametrize("chosen", ["", "2"])
def test_linear_algebra_takes_one_thread_unless_told(monkeypatch, made_fit, chosen) -> None:
    for name in threads.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    if chosen:
        monkeypatch.setenv(threads.CHOSEN[0], chosen)
    asked_for = []
    monkeypatch.setattr(
        threads, "_libraries", lambda _: pytest.fail("limited") if chosen else _Limit(asked_for)
    )
    bs.residuals(made_fit)
    made_fit.predict(params="7B", tokens="1T")
    assert asked_for == ([] if chosen else [1, 1])


class _Limit:
    """Stands for the libraries, and notes to how many threads they are limited."""

    def __init__(self, asked_for: list[int]) -> None:
        self.asked_for = asked_for

    def limit(self, limits: int, user_api: str) -> "_Limit":
        assert user_api == "blas"
        self.asked_for.append(limits)
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_the_log_likelihood_is_worked_out_once(monkeypatch) -> None:
    fit, seen = handmade_fit(spread=1e-4), []
    density = fit.spec.noise.log_density
    monkeypatch.setattr(
        fit.spec.noise, "log_density", lambda *rows: seen.append(rows) or density(*rows)
    )
    bs.identify(fit)
    bs.stability(fit)
    bs.waic(fit)
    leave_one_out(fit)
    assert len(seen) == fit.posterior.sizes["chain"]
