"""The compute-optimal frontier as power laws: Hoffmann's constants, closed forms, local ones."""

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import REFERENCES, handmade_fit
from public_data import each_or_one
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.inference.fit import prepare
from bayescale.inference.fit_warnings import warn_one_ratio
from bayescale.inference.result import Fit
from bayescale.laws.frontier import FRONTIER_CONSTANTS, split_unknown
from bayescale.prediction.runs_by_compute import run_columns
from bayescale.reporting import result_sections
from bayescale.reporting.result_sections import optimum_section
from bayescale.reporting.targets import targets

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


SIZES = np.geomspace(5e7, 5e9, 12)
SPREAD = np.resize([-1.0, 1.0, 1.0, -1.0], 12)


def line(slope: float, off: float = 0.0) -> dict[str, np.ndarray]:
    """Runs whose tokens are a power of their params, but for so many decades."""
    return {"params": SIZES, "tokens": 2e10 * (SIZES / 1e9) ** slope * 10 ** (off * SPREAD)}


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (line(1), "all runs have about 20 tokens per parameter: how a budget is best split"),
        (line(1, 0.04), "all runs have about 2. tokens per parameter"),
        (line(0.5, 0.04), r"all runs have tokens of about [\d.]+e\+0\d \* params\^0\.[45]\d?:"),
        (line(0), "all runs have about 20B tokens:"),
        ({"params": SIZES[:1].repeat(12), "tokens": SIZES * 20}, "all runs have about 50M params:"),
        ({"params": SIZES, "flops": 120 * SIZES**2}, "all runs have about 20 tokens per param"),
    ],
)
def test_runs_on_a_line_do_not_tell_the_best_split(runs: dict, said: str) -> None:
    assert re.match(said, split_unknown(runs))
    assert split_unknown(runs).endswith("add runs at other ratios of tokens to params")


@pytest.mark.parametrize(
    "runs",
    [
        line(1, 0.08),
        line(0.5, 0.08),
        line(-1),
        {k: v[[0, -1]] for k, v in line(1).items()},
        {"tokens": SIZES},
        {"params": SIZES},
    ],
    ids=["scattered", "scattered power", "one budget", "two runs", "no params", "no tokens"],
)
def test_runs_that_tell_it_and_laws_without_it_are_left_alone(runs: dict) -> None:
    assert split_unknown(runs) == ""


ISOFLOP = ["gadre2024_grid", "hoffmann2022_apple_isoflop", "gadre2024"]


@pytest.mark.parametrize("name", each_or_one(ISOFLOP))
def test_public_tables(name: str, data_dir: Path) -> None:
    """Gadre's grid has twenty tokens per parameter throughout; isoFLOP curves vary them."""
    table = bs.read_runs(data_dir / f"{name}.csv").table
    said = split_unknown({k: table[k].to_numpy(float) for k in ("params", "tokens")})
    assert said.startswith("all runs have about 20 tokens" if name == "gadre2024_grid" else "")
    assert bool(said) == (name == "gadre2024_grid")


def test_fit_and_answers_say_that_all_runs_have_one_ratio(tmp_path) -> None:
    runs = pd.DataFrame(line(1, 0.01))
    with pytest.warns(bs.BayescaleWarning, match="20 tokens per parameter.*rests on the prior"):
        warn_one_ratio(*prepare(runs.assign(loss=2 + SIZES**-0.1), "chinchilla"))
    ladder = handmade_fit(runs=runs)
    for ask in (bs.optimum, bs.regret):
        with pytest.warns(bs.BayescaleWarning, match="20 tokens per parameter"):
            ask(ladder, 1e22, discrepancy=None)
    shown = CliRunner().invoke(
        app, ["optimum", str(bs.save(ladder, tmp_path / "fit.nc")), "--flops", "1e22"]
    )
    assert shown.stderr.count("rests on the prior") == 1
    with pytest.warns(bs.BayescaleWarning, match="20 tokens per parameter"):
        section = optimum_section(ladder, targets(ladder, "1e22", discrepancy=None), None, None)
    assert "rests on the prior" in str(section)


def test_the_frontier_is_drawn_up_to_the_furthest_budget_that_was_asked(monkeypatch) -> None:
    """A report of 1e24 FLOP ended its figure at a hundred times the largest run."""
    drawn = []
    monkeypatch.setattr(result_sections, "picture", lambda draw, *_, **__: drawn.append(draw))
    monkeypatch.setattr(result_sections, "plot_frontier", lambda fit, flops, **_: flops)
    fit, flops = handmade_fit(), run_columns(handmade_fit())["flops"]
    for factor in (10, 1000):
        asked = targets(fit, factor * flops.max(), discrepancy=None)
        optimum_section(fit, asked, None, None)
    near, far = drawn[0](None), drawn[2](None)
    assert near is None
    np.testing.assert_allclose(far[[0, -1]], [flops.min(), 1000 * flops.max()])


def test_a_constant_input_is_said_once() -> None:
    spec, data = prepare(pd.DataFrame(line(0)).assign(loss=2 + SIZES**-0.1), "chinchilla")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_one_ratio(spec, data)


def test_an_optimum_says_how_far_its_budgets_are_from_the_largest_run(tmp_path) -> None:
    fit = handmade_fit()
    largest = float((6 * fit.inputs["N"] * fit.inputs["D"]).max())
    one, three = 11 * largest, np.array([0.5, 1, 40]) * largest
    said = bs.optimum(fit, one, discrepancy=None).attrs["extrapolation"]
    assert said == f"{one:.3g} FLOP is 11 times the largest fitted run"
    said = bs.optimum(fit, three, discrepancy=None).attrs["extrapolation"]
    words = ["is 0.5 times the", "is as much as the", "is 40 times the"]
    assert all(word in part for word, part in zip(words, said.split("; "), strict=True))
    many = bs.optimum(fit, np.geomspace(0.1, 100, 20) * largest, discrepancy=None)
    assert many.attrs["extrapolation"].count(";") == 1
    assert "is 100 times the" in many.attrs["extrapolation"]
    served = bs.Scenario(flops=one, inference_tokens=1e12)
    assert "extrapolation" not in bs.optimum(fit, served, discrepancy=None).attrs
    path = str(bs.save(fit, tmp_path / "fit.nc"))
    asked = ["optimum", path, "--flops", f"{one}", "--discrepancy", "none"]
    assert "is 11 times the largest fitted run" in CliRunner().invoke(app, asked).stdout
    answer = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert answer["extrapolation"].endswith("is 11 times the largest fitted run")
