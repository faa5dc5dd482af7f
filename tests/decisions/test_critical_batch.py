"""Kaplan's optimum: loss of size and steps, with the critical batch size."""

import numpy as np
import pytest
from handmade import handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.inference.result import Fit

PF_DAY = 8.64e19
BATCH = {"B_star": 2.1e8, "alpha_B": 0.21}
L_OF_N = {"N_c": 8.8e13, "alpha_N": 0.076, "S_c": 2100.0, "alpha_S": 0.76}
"""Kaplan's L(N), and his L(N, S_min)."""


def kaplan(spread: float = 0.02) -> Fit:
    """Return a fit of which the draws scatter around the published constants."""
    at = handmade_fit("kaplan_steps").references
    size, steps = ((L_OF_N[f"{k}_c"] / at[k]) ** L_OF_N[f"alpha_{k}"] for k in ("N", "S"))
    truth = {"L0": size + steps, "s": size / (size + steps)}
    truth |= {k: L_OF_N[k] for k in ("alpha_N", "alpha_S")}
    return handmade_fit("kaplan_steps", truth=truth, spread=spread)


def test_the_closed_form_is_the_least_loss_of_the_budget() -> None:
    """By brute force: at each size, the steps that spend the budget at B_crit of their loss."""
    best = bs.optimum(kaplan(1e-9), "1 PF-day", critical_batch=BATCH).isel(budget=0).median()
    sizes = float(best["params"]) * np.exp(np.linspace(-0.5, 0.5, 2001))
    steps = np.full(sizes.size, float(best["steps_min"]))
    for _ in range(200):  # S = C / (6 N B(L(N, S))), a contraction
        loss = (8.8e13 / sizes) ** 0.076 + (2100 / steps) ** 0.76
        steps = PF_DAY / (6 * sizes * 2.1e8 * loss ** (-1 / 0.21))
    least = int(loss.argmin())
    assert sizes[least] == pytest.approx(float(best["params"]), rel=2e-3)
    assert loss[least] == pytest.approx(float(best["loss"]), rel=1e-7)
    assert steps[least] == pytest.approx(float(best["steps_min"]), rel=5e-3)


def test_the_exponents_are_those_of_the_papers_theory() -> None:
    """1 / a_C = 1 / a_S + 1 / a_B + 1 / a_N: a_C = .052, and N, B and S grow as a_C over theirs."""
    best = bs.optimum(kaplan(1e-9), ["1 PF-day", "10 PF-day"], critical_batch=BATCH).median(
        ("chain", "draw")
    )
    grown = np.log10(best.isel(budget=1) / best.isel(budget=0))
    in_compute = 1 / (1 / 0.76 + 1 / 0.21 + 1 / 0.076)
    assert float(grown["loss"]) == pytest.approx(-in_compute, rel=1e-5)
    for name, alpha in (("params", 0.076), ("batch_crit", 0.21), ("steps_min", 0.76)):
        assert float(grown[name]) == pytest.approx(in_compute / alpha, rel=1e-5)
    assert float(grown["params"] + grown["tokens"]) == pytest.approx(1.0, rel=1e-6)


def test_beside_the_published_trends_at_one_petaflop_day() -> None:
    """B = 2.0e6 and D = 2e10 are near; N = 1.3e9 and S = 5.4e3 do not follow from the constants."""
    best = bs.optimum(kaplan(1e-9), "1 PF-day", critical_batch=BATCH).isel(budget=0)
    found = {name: float(best[name].median()) for name in best.data_vars}
    expected = {"params": 6.03e8, "batch_crit": 1.804e6, "steps_min": 1.323e4, "tokens": 2.387e10}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=2e-3)
    assert 2.0e6 / found["batch_crit"] == pytest.approx(1, abs=0.25)
    assert 2e10 / found["tokens"] == pytest.approx(1, abs=0.25)
    spent = 6 * best["params"] * best["batch_crit"] * best["steps_min"]
    np.testing.assert_allclose(spent, PF_DAY)


def test_the_uncertainty_of_the_critical_batch_counts() -> None:
    steps = kaplan(1e-9)
    sharp, vague = (
        bs.optimum(steps, "1 PF-day", critical_batch=handmade_fit("critical_batch", spread=spread))[
            "params"
        ]
        for spread in (1e-9, 0.1)
    )
    assert float(np.log(vague).std()) > 100 * float(np.log(sharp).std())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"B_star": 2.1e8}, "its two constants"),
        ({"B_star": -1.0, "alpha_B": 0.2}, "its two constants"),
    ],
)
def test_what_is_no_critical_batch_is_refused(given, said, made_fit) -> None:
    with pytest.raises(bs.BayescaleError, match=said):
        bs.optimum(kaplan(), 1e20, critical_batch=given)
    with pytest.raises(bs.BayescaleError, match="must be of the law critical_batch"):
        bs.optimum(kaplan(), 1e20, critical_batch=made_fit)
    with pytest.raises(bs.BayescaleError, match="goes with the law kaplan_steps"):
        bs.optimum(made_fit, 1e20, critical_batch=BATCH)
    served = bs.Scenario(flops=1e20, inference_tokens="1T")
    with pytest.raises(bs.BayescaleError, match="pays for training alone"):
        bs.optimum(kaplan(), served, critical_batch=BATCH)
    with pytest.raises(bs.BayescaleError, match=r"optimum.fit, flops, critical_batch="):
        bs.optimum(kaplan(), 1e20)


def test_the_command(tmp_path) -> None:
    steps = str(bs.save(kaplan(), tmp_path / "steps.nc"))
    batch = str(bs.save(handmade_fit("critical_batch"), tmp_path / "batch.nc"))
    shown = CliRunner().invoke(
        app, ["optimum", steps, "--flops", "1 PF-day", "--critical-batch", batch]
    )
    assert shown.exit_code == 0, shown.output
    assert "batch_crit" in shown.stdout and "steps_min" in shown.stdout
