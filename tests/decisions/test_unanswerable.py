"""What a law or a budget cannot answer is said in words, and does not stop the rest."""

import numpy as np
import pytest
from handmade import TRUTH, handmade_fit

import bayescale as bs

SERVED = bs.Scenario(flops="1e22", inference_tokens="2T", candidates=["1B", "2B", "70B"])


def test_frontier_constants_of_a_law_of_steps() -> None:
    with pytest.raises(bs.BayescaleError, match="kaplan_steps takes params, steps_min: a frontier"):
        bs.frontier_constants(handmade_fit("kaplan_steps"))


def test_an_unaffordable_candidate_is_left_out(made_fit) -> None:
    with pytest.warns(bs.BayescaleWarning, match="left out: inference of 70B parameters takes all"):
        found = bs.regret(made_fit, SERVED, random_seed=0)
    np.testing.assert_allclose(found["params"].isel(budget=0), [1e9, 2e9])
    assert found["candidate"].all()
    expected = bs.regret(made_fit, SERVED, ["1B", "2B"], random_seed=0)
    np.testing.assert_allclose(found["regret"], expected["regret"])
    with pytest.warns(bs.BayescaleWarning, match="70B"):
        bs.plot_regret(made_fit, SERVED)


def test_no_affordable_candidate(made_fit) -> None:
    with pytest.raises(bs.BayescaleError, match="nothing is left to train with"):
        bs.regret(made_fit, SERVED, ["70B", "100B"])


def test_goals_of_a_report_lie_above_the_floor(tmp_path) -> None:
    from bayescale.reporting.design import reach_section
    from bayescale.reporting.targets import targets

    fit = handmade_fit(truth={**TRUTH["chinchilla"], "a": 0.02, "b": 0.02})
    best, floor = float(fit.observed.min()), float(fit.parameters["E"].median())
    assert 0.95 * best < floor
    section = reach_section(fit, targets(fit, [1e22]), None, None)
    goals = [float(row[0]) for row in section.blocks[0].rows] if section else []
    assert all(goal > floor for goal in goals)


def test_published_exponents_of_the_isoflop_law() -> None:
    fit = handmade_fit("isoflop")
    table = bs.check_published(fit, bs.load_study("hoffmann2022_isoflop"))
    grown = table.loc[table["quantity"] == "N_opt_exponent"]
    expected = float(bs.frontier_constants(fit)["N_opt_exponent"].median())
    assert len(grown)
    np.testing.assert_allclose(grown["median"], expected)


def test_the_warning_of_a_size_left_out_blames_the_question(made_fit) -> None:
    with pytest.warns(bs.BayescaleWarning, match="left out: inference of 70B") as caught:
        bs.regret(made_fit, SERVED, discrepancy=None)
    assert [w.filename for w in caught] == [__file__]
