"""Candidates and their cost, contraction and directions, worked out by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import design, handmade_fit
from scipy.stats import norm

import bayescale as bs
from bayescale.design.candidates import (
    _laid_out,
    candidate_runs,
    cost_of,
    inputs_of,
    runs_nearby,
)
from bayescale.design.contraction import allowed_variance, prior_sds, verdict
from bayescale.design.discrimination import model_discrimination
from bayescale.design.fisher_information import thinned
from bayescale.design.gaussian_update import PosteriorUncertainty, scatter_of
from bayescale.design.identify import _spread
from bayescale.design.quantities_of_interest import outcomes, read_about
from bayescale.design.recommend import local_approximation
from bayescale.inference.link_scale_draws import links


def test_round_numbers_of_a_range() -> None:
    assert _laid_out(1.0, 100.0).tolist() == [1, 2, 5, 10, 20, 50, 100]
    assert _laid_out(3.0, 80.0).tolist() == [3.0, 5.2, 9.0, 15.0, 27.0, 46.0, 80.0]
    assert _laid_out(3.0, 91.0).tolist() == [5, 10, 20, 50]
    assert _laid_out(2.0, 2000.0)[[0, -1]].tolist() == [2, 2000]


def test_costs() -> None:
    n, d = np.array([1e9, 2e9]), np.array([2e10, 3e10])
    cost, unit = cost_of({"params": n, "tokens": d})
    assert (cost.tolist(), unit) == ([1.2e20, 3.6e20], "FLOP")
    assert cost_of({"params": n, "tokens": d, "flops": n})[0] is n
    assert cost_of({"loss": d, "tokens": n}) == (pytest.approx(n), "tokens")
    cost, unit = cost_of({"loss": n})
    assert (cost.tolist(), unit) == ([0, 0], "")


def test_candidates_spend_the_budget_or_a_part_of_it(made_fit) -> None:
    found = candidate_runs(made_fit, None, 1e22, None)
    assert found.cost.max() == pytest.approx(1e22)
    table = found.table
    np.testing.assert_allclose(found.cost, 6 * table["params"] * table["tokens"])
    limited = candidate_runs(made_fit, None, 1e22, {"params": "2B", "flops": "1e21"}).table
    kept = (table["params"] <= 2e9 * (1 + 1e-9)) & (found.cost <= 1e21 * (1 + 1e-9))
    assert len(limited) == kept.sum() > 0
    own = pd.DataFrame({"params": [1e9, 2e9], "tokens": [2e10, 2e10], "cost": [5, 7]})
    assert candidate_runs(made_fit, own, 7, None).cost.tolist() == [5, 7]
    assert candidate_runs(made_fit, own, 6, None).cost.tolist() == [5]
    with pytest.raises(bs.BayescaleError, match="the cheapest costs 5"):
        candidate_runs(made_fit, own, 4, None)


def test_runs_nearby_stay_near(made_fit) -> None:
    found = runs_nearby(made_fit)
    assert found is not None
    runs = design()
    for column in ("params", "tokens"):
        assert found.table[column].min() >= runs[column].min() / 10 * 0.99
        assert found.table[column].max() <= runs[column].max() * 10 * 1.01
    ratio = found.table["tokens"] / found.table["params"]
    fitted = runs["tokens"] / runs["params"]
    assert ratio.min() >= fitted.min() / 20 * 0.998 and ratio.min() < fitted.min() / 4
    assert ratio.max() <= fitted.max() * 20 * 1.002 and ratio.max() > fitted.max() * 4
    np.testing.assert_allclose(found.cost, 6 * found.table["params"] * found.table["tokens"])


def test_verdicts_of_contraction() -> None:
    assert [verdict(c) for c in (0.901, 0.9, 0.101, 0.1, -1.0)] == [
        "identified", "weak", "weak", "prior only", "prior only",
    ]  # fmt: skip
    assert allowed_variance(4.0) == pytest.approx(0.4)


def test_directions_are_those_of_the_generalised_eigenproblem(made_fit) -> None:
    """Variances along directions, relative to the prior's, solve C v = w P v."""
    table = bs.principal_directions(made_fit)
    prior = np.diag(prior_sds(made_fit) ** 2)
    covariance = np.cov(links(made_fit, made_fit.posterior).T)
    share = np.sort(np.linalg.eigvals(np.linalg.solve(prior, covariance)).real)[::-1]
    np.testing.assert_allclose(1 - table["contraction"], share, rtol=1e-8)
    steps = table[list(made_fit.spec.free)].to_numpy()
    np.testing.assert_allclose(steps.T @ steps, covariance, atol=1e-12)
    for row in table.itertuples():
        axis = np.array([getattr(row, k) for k in made_fit.spec.free]) / prior_sds(made_fit)
        size = np.abs(axis) / np.abs(axis).max()
        assert axis[size.argmax()] > 0
        named = dict(part.split() for part in row.direction.split(", "))
        for name, value, part in zip(made_fit.spec.free, axis, size, strict=True):
            assert (name in named) == (part >= 0.35)
            assert name not in named or named[name] == ("up" if value > 0 else "down")


def test_uncertainty_after_runs_is_gaussian_conditioning() -> None:
    """Of a law without discrepancy; and of a discrepancy without law."""
    rng = np.random.default_rng(4)
    root, noise = rng.normal(size=(4, 5)), np.array([0.5, 1.0, 2.0])
    full = root @ root.T
    law = np.vstack([root, root[1:]])
    expected = [full[0, 0] - full[0, i] ** 2 / (full[i, i] + noise[i - 1]) for i in range(1, 4)]
    for one in (
        PosteriorUncertainty(law, np.zeros((4, 1)), noise, 0.25),
        PosteriorUncertainty(np.zeros((7, 1)), root, noise, 0.25),
    ):
        assert one.uncertainty == pytest.approx(full[0, 0] + 0.25)
        np.testing.assert_allclose(one.uncertainty_after(), np.array(expected) + 0.25)
        for run in range(3):
            after = one.condition_on(run)
            assert after.uncertainty == pytest.approx(expected[run] + 0.25)
            assert after.condition_on(run, -1).uncertainty == pytest.approx(one.uncertainty)
        seen = full[1:, 1:] + np.diag(noise)
        every = full[0, 0] - full[0, 1:] @ np.linalg.solve(seen, full[1:, 0]) + 0.25
        both = one.condition_on(0).condition_on(2).condition_on(1)
        assert both.uncertainty == pytest.approx(every)


def test_law_and_discrepancy_together_by_hand() -> None:
    """The law is updated as if it held, and the discrepancy on what remains."""
    rng = np.random.default_rng(6)
    law, error = rng.normal(size=(5, 4)), rng.normal(size=(3, 3))
    noise = np.array([0.7, 0.4])
    one = PosteriorUncertainty(law, error, noise)
    cov, k = law @ law.T, error @ error.T
    for run in range(2):
        f, o = 1 + run, 3 + run
        after = cov - np.outer(cov[:, f], cov[f]) / (cov[f, f] + noise[run])
        gain = k[0, 1 + run] / (k[1 + run, 1 + run] + noise[run])
        spread = after[0, 0] - 2 * gain * after[0, o] + gain**2 * after[o, o]
        left = k[0, 0] - gain * k[0, 1 + run]
        assert one.uncertainty_after()[run] == pytest.approx(spread + left)
        assert one.condition_on(run).uncertainty == pytest.approx(spread + left)


def test_the_scatter_of_a_new_run(made_fit) -> None:
    """A Student-t of nu carries (nu + 1) / (nu + 3) of the information of a normal."""
    sigma, nu = (float(made_fit.posterior[k].median()) for k in ("sigma", "nu"))
    found = scatter_of(made_fit, {k: v.rename(run="point") for k, v in made_fit.inputs.items()})
    np.testing.assert_allclose(found, sigma**2 * (nu + 3) / (nu + 1))


def test_what_is_asked_about(made_fit) -> None:
    spent = 6 * made_fit.inputs["N"].to_numpy() * made_fit.inputs["D"].to_numpy()
    assert read_about(None, made_fit) == {"flops": pytest.approx(10 * spent.max())}
    assert read_about("alpha - beta", made_fit) == {"alpha": 1.0, "beta": -1.0}
    assert read_about("flops=1e24", made_fit) == {"flops": 1e24}
    curve = outcomes(made_fit, {k: v.rename(run="point") for k, v in made_fit.inputs.items()})
    law = made_fit.curve(made_fit.inputs).transpose("chain", "draw", "run").to_numpy()
    apart = np.log(law.reshape(1000, -1))
    np.testing.assert_allclose(np.diff(curve, axis=0), np.diff(apart, axis=0), atol=1e-10)


def test_an_input_taken_as_it_is_stays_at_values_that_were_run_or_at_its_ends() -> None:
    fit = handmade_fit("precision_tied")
    bits = fit.inputs["P"].to_numpy()
    found = runs_nearby(fit)
    assert found is not None
    expected = {3.0, 16.0, bits.min(), bits.max(), float(np.median(bits))}
    assert set(found.table["bits"]) == expected
    ratio = handmade_fit("accuracy_from_loss")
    losses = runs_nearby(ratio)
    assert losses is not None and losses.unit == ""


def test_predictions_of_laws_are_those_of_predict() -> None:
    """Means and covariances are those of drawn outcomes, discrepancy included, and scatter."""
    fits = {"a": handmade_fit(seed=0), "b": handmade_fit(seed=0, spread=0.01)}
    both = bs.average(fits, {"a": 1.0, "b": 1.0})
    table = pd.DataFrame({"params": [1e9, 1e11, 1e12], "tokens": [2e10, 2e12, 2e13]})
    places = {name: inputs_of(fit, table) for name, fit in fits.items()}
    wrong = bs.Discrepancy(0.05, 1.0)
    found = model_discrimination(both, places, wrong)
    for i, (name, fit) in enumerate(both.members().items()):
        scatter = np.diag(scatter_of(fit, places[name]))
        drawn = np.concatenate(
            [
                np.log(bs.predict(fit, table, discrepancy=wrong, random_seed=seed)["outcome"])
                .transpose("chain", "draw", "point")
                .to_numpy()
                .reshape(1000, 3)
                for seed in range(10)
            ]
        )
        expected = np.cov(drawn.T)
        sd = np.sqrt(np.diag(expected))
        # A covariance of n draws is known to some sd sd / sqrt(n): 1 %, and the law's are the same
        # thousand each time, 3 %.
        off = (found.covariances[i] - scatter - expected) / np.outer(sd, sd)
        assert np.abs(off).max() < 0.15
        apart = found.means[i] - found.means[i][0] - (drawn.mean(0) - drawn.mean(0)[0])
        assert np.abs(apart).max() < 5 * sd.max() / np.sqrt(1000)


def test_the_spread_of_a_long_tail_is_that_of_its_middle() -> None:
    """Of normal draws it is their sd; those that are not finite do not count."""
    draws = 2.5 * norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert _spread(xr.DataArray(draws)) == pytest.approx(2.5, rel=2e-3)
    far = np.concatenate([draws, [np.inf, -np.inf, np.nan]])
    assert _spread(xr.DataArray(far)) == pytest.approx(2.5, rel=2e-3)


def test_a_hundred_draws_go_from_the_first_to_the_last(made_fit) -> None:
    found = thinned(made_fit, 4)["alpha"].to_numpy().ravel()
    every = made_fit.posterior["alpha"].transpose("chain", "draw").to_numpy().ravel()
    np.testing.assert_array_equal(found, every[[0, 333, 666, 999]])
    local = local_approximation(made_fit, prior_sds(made_fit).tolist(), None, None)
    assert local is not None
    assert len(local.covariance) == 100


def test_six_runs_are_planned_unless_more_are_asked_for(made_fit) -> None:
    cheap = pd.DataFrame({"params": np.geomspace(1e9, 1e11, 9), "tokens": np.full(9, 2e11)})
    asked = {"candidates": cheap, "about": "flops=1e23", "random_seed": 0}
    assert len(bs.plan(made_fit, **asked).runs) == 6
    assert len(bs.plan(made_fit, runs=7, **asked).runs) == 7
