"""The compute-optimal frontier as power laws: Hoffmann's constants, closed forms, local ones."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr
from handmade import REFERENCES, handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.inference.result import Fit
from bayescale.laws.frontier import FRONTIER_CONSTANTS

PRINTED = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
"""Hoffmann et al. (2022), approach 3, as the paper prints it."""


def fit_of(constants: Mapping[str, float], spread: float = 0.02) -> Fit:
    truth = {k: constants[k] for k in ("E", "alpha", "beta")}
    truth["a"] = constants["A"] * REFERENCES["N"] ** -constants["alpha"]
    truth["b"] = constants["B"] * REFERENCES["D"] ** -constants["beta"]
    return handmade_fit("chinchilla", truth=truth, spread=spread)


def test_the_frontier_of_the_printed_constants() -> None:
    """.599 C^.452 parameters, .278 C^.548 tokens, a loss of 1071 C^-.154 + 1.69."""
    found = bs.frontier_constants(fit_of(PRINTED, 1e-9)).median()
    expected = {
        "N_opt_coefficient": 0.599,
        "N_opt_exponent": 0.452,
        "D_opt_coefficient": 0.278,
        "D_opt_exponent": 0.548,
        "L_opt_coefficient": 1071,
        "L_opt_exponent": 0.154,
    }
    assert {k: float(found[k]) for k in expected} == pytest.approx(expected, rel=0.01)
    balance = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)  # G of the paper's eq. 4
    exact = balance * 6 ** (-0.28 / 0.62)
    assert float(found["N_opt_coefficient"]) == pytest.approx(exact, rel=1e-6)
    block = next(b for b in bs.load_study("hoffmann2022").published if "printed" in b.source)
    assert dict(block.values) == expected


def test_the_closed_form_is_that_of_the_optimum_draw_by_draw(made_fit, made_skaling) -> None:
    for fit in (made_fit, made_skaling, handmade_fit("overtraining")):
        closed, measured = bs.derived_parameters(fit), bs.frontier_constants(fit)
        assert measured.attrs["local"] == 0
        for name in FRONTIER_CONSTANTS:
            xr.testing.assert_allclose(closed[name], measured[name], rtol=1e-9)
        best = bs.optimum(fit, "1e25", discrepancy=None).isel(budget=0)
        grown = {k: 1e25 ** closed[f"{k}_opt_exponent"] for k in "NDL"}
        for name, column in (("N", "params"), ("D", "tokens")):
            np.testing.assert_allclose(
                closed[f"{name}_opt_coefficient"] * grown[name], best[column], rtol=1e-9
            )
        loss = fit.parameters["E"] + closed["L_opt_coefficient"] / grown["L"]
        np.testing.assert_allclose(loss, best["loss"], rtol=1e-12)


def test_isoflop_has_its_own_k_and_says_of_the_loss_what_it_says() -> None:
    fit = handmade_fit("isoflop")
    found, own = bs.frontier_constants(fit), bs.derived_parameters(fit)
    assert found.attrs["local"] == 0
    np.testing.assert_allclose(found["N_opt_coefficient"], own["k"], rtol=1e-4)
    np.testing.assert_allclose(found["D_opt_coefficient"], 1 / (6 * own["k"]), rtol=1e-4)
    np.testing.assert_allclose(found["L_opt_exponent"], fit.parameters["gamma"], rtol=1e-6)


def test_half_powers_of_approach_2() -> None:
    """N_opt = .1 C^.5 makes D_opt = 1.7 C^.5 with C = 6 N D."""
    made = handmade_fit("isoflop")
    size = 0.1 * made.references["C"] ** 0.5 / made.references["N"]
    truth = {"E": 1.7, "r": 0.4, "gamma": 0.15, "kappa": 0.1, "n": size, "a": 0.5}
    found = bs.frontier_constants(handmade_fit("isoflop", truth=truth, spread=1e-9)).median()
    assert float(found["N_opt_coefficient"]) == pytest.approx(0.1, rel=0.01)
    assert float(found["D_opt_coefficient"]) == pytest.approx(1.7, rel=0.025)
    assert float(found["D_opt_exponent"]) == pytest.approx(0.5, abs=1e-4)


def test_where_the_optimum_is_no_power_law_it_is_local_and_says_so() -> None:
    fit = handmade_fit("chinchilla_non_embedding")
    low, high = (bs.frontier_constants(fit, around) for around in ((1e18, 1e19), (1e26, 1e27)))
    assert low.attrs["local"] == high.attrs["local"] == 1
    assert (low["N_opt_exponent"] > high["N_opt_exponent"] + 0.02).all()
    best = bs.optimum(fit, 1e18, discrepancy=None)["params"].isel(budget=0)
    found = low["N_opt_coefficient"] * 1e18 ** low["N_opt_exponent"]
    np.testing.assert_allclose(found, best, rtol=1e-6)
    assert "N_opt_exponent" not in bs.derived_parameters(fit)


def test_a_metric_that_rises_falls_short_of_its_ceiling_by_a_power_law() -> None:
    fit = handmade_fit("rising_chinchilla")
    found = bs.frontier_constants(fit)
    best = bs.optimum(fit, 1e25, discrepancy=None)["loss"].isel(budget=0)
    short = found["L_opt_coefficient"] * 1e25 ** -found["L_opt_exponent"]
    np.testing.assert_allclose(fit.parameters["E"] - short, best, rtol=1e-6)


def on_runs_of(fit: Fit, other: Fit) -> Fit:
    """Return a fit with the observations of another: what is averaged is of the same runs."""
    tree = fit.tree.copy()
    tree["observed_data"] = other.tree["observed_data"].copy()
    return Fit(fit.spec, tree, fit.record)


def test_an_average_is_exact_where_all_its_laws_are(made_fit, made_skaling) -> None:
    for law, weight, local in (
        (made_skaling, 0.5, 0),
        (handmade_fit("chinchilla_non_embedding"), 0.3, 1),
    ):
        fits = {"one": made_fit, "other": on_runs_of(law, made_fit)}
        both = bs.Average(fits, {"one": 1 - weight, "other": weight})
        assert bs.frontier_constants(both).attrs["local"] == local


def test_summary_says_what_they_are(made_fit) -> None:
    table = bs.summary(made_fit)
    assert table.loc["N_opt_coefficient", "about"].startswith("k of the best parameters")
    assert (table.loc[[*FRONTIER_CONSTANTS], "rhat"] < 1.05).all()


def test_a_fit_saved_without_them_still_has_a_summary(made_fit) -> None:
    known = {k: list(v) for k, v in made_fit.convergence.items() if k not in FRONTIER_CONSTANTS}
    older = Fit(
        made_fit.spec,
        made_fit.tree,
        made_fit.record,
        {"draws": made_fit.digest, "convergence": known},
    )
    assert older.check("convergence", dict)
    np.testing.assert_allclose(bs.summary(older)["rhat"], bs.summary(made_fit)["rhat"])


def test_published_constants_are_checked() -> None:
    table = bs.check_published(fit_of(PRINTED), bs.load_study("hoffmann2022"))
    rows = table.loc[table["source"].str.contains("printed constants")]
    assert (rows["verdict"] == "agrees").all() and len(rows) == 6


def test_kaplans_law_of_early_stopped_runs_says_that_c_is_not_6nd(tmp_path) -> None:
    fit = handmade_fit("kaplan")
    with pytest.warns(bs.BayescaleWarning, match="stopped early.*not C = 6 N D"):
        bs.optimum(fit, 1e22, discrepancy=None)
    assert "N_opt_exponent" not in bs.derived_parameters(fit)
    path = bs.save(fit, tmp_path / "fit.nc")
    shown = CliRunner().invoke(app, ["optimum", str(path), "--flops", "1e22"])
    assert "stopped early" in shown.stderr


def test_the_command_shows_the_power_laws(tmp_path) -> None:
    fit = handmade_fit()
    path = str(bs.save(fit, tmp_path / "fit.nc"))
    shown = CliRunner().invoke(app, ["optimum", path, "--flops", "1e22"])
    assert "k C^a" in shown.stdout and "E + c C^-g" in shown.stdout
    assert "hold at every compute" in shown.stdout
    answer = json.loads(
        CliRunner().invoke(app, ["optimum", path, "--flops", "1e22", "--json"]).stdout
    )
    expected = float(bs.derived_parameters(fit)["D_opt_coefficient"].median())
    assert answer["frontier"]["D_opt_coefficient"]["median"] == pytest.approx(expected)
    assert answer["frontier"]["local"] is False
    bent = str(bs.save(handmade_fit("chinchilla_non_embedding"), tmp_path / "bent.nc"))
    shown = CliRunner().invoke(app, ["optimum", bent, "--flops", "1e20,1e22"])
    assert "local, of 1e+20 FLOP to 1e+22 FLOP" in " ".join(shown.stdout.split())
    served = CliRunner().invoke(
        app, ["optimum", path, "--flops", "1e22", "--inference-tokens", "1T"]
    )
    assert "k C^a" not in served.stdout
