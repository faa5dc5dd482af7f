"""Candidates and their cost, contraction and directions, worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from handmade import TRUTH, design, fit_around, handmade_fit
from scipy.stats import norm

import bayescale as bs
from bayescale.design.candidates import (
    _in_proportion,
    _laid_out,
    _values,
    candidate_runs,
    cost_of,
    inputs_of,
    ratios_of,
    runs_nearby,
)
from bayescale.design.contraction import allowed_variance, prior_sds, verdict
from bayescale.design.discrimination import ModelDiscrimination, model_discrimination
from bayescale.design.fisher_information import (
    condition_covariance,
    precision,
    rows_of,
    thinned,
    variance_lost,
)
from bayescale.design.gaussian_update import (
    PosteriorUncertainty,
    condition_root,
    posterior_uncertainty,
    scatter_of,
)
from bayescale.design.identify import _spread, contractions
from bayescale.design.principal_directions import _words
from bayescale.design.quantities_of_interest import (
    _along_budget,
    best_sizes,
    format_amount,
    outcomes,
    quantities,
    quantity_of,
    quantity_text,
    read_about,
)
from bayescale.design.recommend import local_approximation
from bayescale.inference.fitted_runs import runs_again
from bayescale.inference.link_scale_draws import links
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.gaussian_process import covariance_root
from bayescale.prediction.runs_by_compute import run_columns


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
    assert 1e22 / 1.1 < found.cost.max() <= 1e22
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
    """Of nine sizes in the middle of the runs, each is worth about as much as another."""
    middle = pd.DataFrame({"params": np.geomspace(1e8, 1e9, 9), "tokens": np.full(9, 1e10)})
    asked = {"candidates": middle, "about": "alpha-beta", "discrepancy": None}
    assert len(bs.plan(made_fit, **asked).runs) == 6
    assert len(bs.plan(made_fit, runs=7, **asked).runs) == 7


RNG = np.random.default_rng(5)


def random_covariance(size: int) -> np.ndarray:
    half = RNG.normal(size=(size, size + 2))
    return half @ half.T


def without(covariance: np.ndarray, row: int, noise: float) -> np.ndarray:
    """Condition on one variable by inverting the covariance of all, measured or not."""
    precision = np.linalg.inv(covariance)
    precision[row, row] += 1 / noise
    return np.linalg.inv(precision)


def test_a_root_conditioned_on_one_observation() -> None:
    covariance = random_covariance(5)
    root = np.linalg.cholesky(covariance)
    after = condition_root(root, 3, 0.4)
    np.testing.assert_allclose(after @ after.T, without(covariance, 3, 0.4), atol=1e-9)
    back = condition_root(after, 3, -0.4)
    np.testing.assert_allclose(back @ back.T, covariance, atol=1e-8)
    known = np.vstack([root, np.zeros(5)])
    assert condition_root(known, 5, 0.4) is known


def test_the_root_of_a_covariance() -> None:
    """Of full and of low rank, with a variable that does not vary, on very different scales."""
    full = random_covariance(4) * np.outer([1, 1e3, 1e-3, 1], [1, 1e3, 1e-3, 1])
    root = covariance_root(full)
    np.testing.assert_allclose(root @ root.T, full, rtol=1e-6)
    half = RNG.normal(size=(6, 2))
    half[4] = 0.0
    low = covariance_root(half @ half.T)
    assert low.shape == (6, 2)
    np.testing.assert_allclose(low @ low.T, half @ half.T, atol=1e-10)


def test_covariances_conditioned_on_linear_observations() -> None:
    """The precision of observations with unit noise adds to that of the parameters."""
    covariance = np.stack([random_covariance(3) for _ in range(2)])
    rows, slopes = RNG.normal(size=(2, 4, 2, 3)), RNG.normal(size=(2, 3))
    for draw in range(2):
        for candidate in range(4):
            seen = rows[draw, candidate]
            expected = np.linalg.inv(np.linalg.inv(covariance[draw]) + seen.T @ seen)
            found = condition_covariance(covariance, rows[:, candidate])[draw]
            np.testing.assert_allclose(found, expected, atol=1e-10)
            lost = slopes[draw] @ (covariance[draw] - expected) @ slopes[draw]
            assert variance_lost(covariance, rows, slopes)[draw, candidate] == pytest.approx(lost)


def test_a_grid_spends_the_budget_and_parts_of_it(made_fit) -> None:
    """Nine shares, then powers of two to just below the smallest run, of round sizes and tokens."""
    smallest = float((6 * made_fit.inputs["N"] * made_fit.inputs["D"]).min())
    budget = 1000.5 * smallest
    found = candidate_runs(made_fit, None, budget, None).table
    parts = budget / np.array([1, 1.5, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024])
    spent = (6 * found["params"] * found["tokens"]).to_numpy()
    np.testing.assert_allclose(found["flops"], spent)
    of = (spent[:, None] / parts)[
        np.arange(len(spent)), np.argmin(abs(spent[:, None] / parts - 1), 1)
    ]
    assert (of <= 1 + 1e-9).all() and (of > 1 / 1.1).all(), "tokens are rounded down to two digits"
    for value in found[["params", "tokens"]].to_numpy().ravel():
        assert value == float(f"{value:.1e}")
    mantissas = {f"{size:.1e}"[:3] for size in found["params"]}
    assert mantissas <= {"1.0", "1.3", "1.8", "2.4", "3.2", "4.2", "5.6", "7.5"}
    assert not found.duplicated().any()
    far = candidate_runs(made_fit, None, smallest * 2.0**60 * 1.001, None).cost
    assert far.min() > smallest / 2.2 and far.max() > smallest * 2.0**59.8


def test_nearly_equal_runs_are_no_candidates(made_fit) -> None:
    """Any two differ by a fifth in size or tokens, whatever the budget."""
    for budget in (1e21, 3.7e22, 9.99e20, 1.9e19):
        found = candidate_runs(made_fit, None, budget, None).table
        logs = np.log(found[["params", "tokens"]].to_numpy())
        apart = np.abs(logs[:, None] - logs).max(-1)
        assert apart[np.triu_indices(len(logs), 1)].min() > np.log(1.2)


def ratios(fit, quantity=None) -> tuple[float, float]:
    found = candidate_runs(fit, None, 1e22, None, quantity).table.eval("tokens / params")
    return float(found.min()), float(found.max())


def test_tokens_per_parameter_are_those_of_the_runs(made_fit) -> None:
    """Of the middle 95 %, of a ladder wider, and as far as a point asked about."""
    fitted = np.sort((made_fit.inputs["D"] / made_fit.inputs["N"]).to_numpy())
    assert ratios_of(run_columns(made_fit), {}) == pytest.approx((fitted[1], fitted[-2]))
    low, high = ratios(made_fit)
    assert fitted[0] <= low < 1.8 * fitted[0] and fitted[-1] / 1.8 < high <= fitted[-1]
    wide = np.r_[np.geomspace(10, 100, 98), 1e-3, 1e5]
    odd = handmade_fit(runs=pd.DataFrame({"params": 1e9, "tokens": 1e9 * wide}))
    low, high = ratios(odd)
    assert low >= 10 and high <= 100, "one odd run at either end does not count"
    for times, ends in ((3.99, (1, 399)), (4.01, (10, 40.1))):
        columns = {"params": np.ones(3), "tokens": 10 * np.array([1.0, 2.0, times])}
        assert ratios_of(columns, {}) == pytest.approx(ends, rel=0.001)
    sizes = np.geomspace(1e8, 1e9, 9)
    ladder = handmade_fit(runs=pd.DataFrame({"params": sizes, "tokens": 20 * sizes}))
    low, high = ratios(ladder)
    assert 2 <= low < 4 and 100 < high <= 200, "a ladder of one ratio is no range"
    assert ratios(ladder, {"flops": 1e24}) == (low, high)
    low, high = ratios(ladder, {"params": 1e9, "tokens": 1e12})
    assert low < 4 and 600 < high <= 1000, "what is asked about is within"
    own = pd.DataFrame({"params": [1e9], "tokens": [1e13]})
    assert len(candidate_runs(ladder, own, None, None).table) == 1, "one's own are not filtered"


def test_candidates_of_further_inputs_keep_to_the_runs_ratios() -> None:
    fit = handmade_fit("repeated")
    columns = run_columns(fit)
    found = candidate_runs(fit, None, 1e23, None).table.eval("tokens / params")
    low, high = ratios_of(columns, {})
    assert low * (1 - 1e-9) <= found.min() and found.max() <= high * (1 + 1e-9)
    everything = runs_nearby(fit)
    assert everything is not None
    assert everything.table.eval("tokens / params").max() > high


def test_a_grid_of_compute_alone_and_what_has_none() -> None:
    fit = handmade_fit("power_law")
    smallest = float(fit.inputs["x"].min())
    found = candidate_runs(fit, None, 40 * smallest, None)
    parts = 40 * smallest / np.array([1, 1.5, 2, 3, 4, 6, 8, 12, 16, 32, 64])
    assert (found.cost <= parts * (1 + 1e-9)).all() and (found.cost > parts / 1.1).all()
    assert all(cost == float(f"{cost:.1e}") for cost in found.cost)
    assert found.unit == "FLOP" and list(found.table) == ["flops"]
    with pytest.raises(bs.BayescaleError, match="takes loss, which a budget does not determine"):
        candidate_runs(handmade_fit("accuracy_from_loss"), None, 1e22, None)
    for budget in (0.0, -2.0):
        with pytest.raises(bs.BayescaleError, match=f"budget must be positive; got {budget:g}"):
            candidate_runs(fit, None, budget, None)
    with pytest.raises(bs.BayescaleError, match="no budget and no candidates"):
        candidate_runs(fit, None, None, None)


def test_no_candidate_is_far_smaller_than_every_fitted_run(made_fit) -> None:
    """Nobody has seen the law there, unless a point below is asked about."""
    runs = run_columns(made_fit)
    least = {name: runs[name].min() / 10 for name in ("params", "tokens")}
    for budget in (1.2 * runs["flops"].min(), 1e21, 1e24):
        found = candidate_runs(made_fit, None, budget, None).table
        assert all(len(found) and found[k].min() >= v * (1 - 1e-9) for k, v in least.items())
    asked = {"params": least["params"] / 8, "tokens": float(runs["tokens"].max())}
    found = candidate_runs(made_fit, None, 1e21, None, asked).table
    assert asked["params"] <= found["params"].min() < least["params"] / 2
    repeated = handmade_fit("repeated")
    found = candidate_runs(repeated, None, 1e23, None).table
    for name in ("params", "tokens"):
        assert found[name].min() >= run_columns(repeated)[name].min() / 10 * (1 - 1e-9)


@pytest.mark.parametrize("law", ["chinchilla", "power_law", "repeated"])
def test_a_budget_below_the_smallest_run_buys_nothing(law) -> None:
    fit = handmade_fit(law)
    assert candidate_runs(fit, None, 1e3, None).table.empty
    found = bs.plan(fit, budget=1e3, about=next(iter(fit.spec.free)))
    assert found.do_nothing and found.runs.empty and found.candidates.empty
    assert str(found) == "Do nothing: the budget buys no run of a tenth of the smallest fitted one."
    assert found.sd_now == found.sd_after > 0
    if law == "chinchilla":
        bs.plot_plan(found)


def test_a_budget_is_no_table_of_candidates(made_fit) -> None:
    with pytest.raises(bs.BayescaleError, match="not 1e\\+20; a budget is budget="):
        bs.plan(made_fit, 1e20)


def test_limits_and_costs_of_given_candidates(made_fit) -> None:
    own = pd.DataFrame({"params": [1e9, 2e9, 4e9], "tokens": [2e10, 2e10, 1e10]})
    found = candidate_runs(made_fit, own, None, None)
    assert found.cost.tolist() == pytest.approx([1.2e20, 2.4e20, 2.4e20]) and found.unit == "FLOP"
    for limits, kept in (
        ({"params": 2e9 * (1 - 5e-10)}, 2),
        ({"params": 2e9 * (1 - 2e-9)}, 1),
        ({"cost": "2e20"}, 1),
        ({"flops": "2e20"}, 1),
        ({"tokens": "10B"}, 1),
        ({"tokens": "10B", "params": "4B"}, 1),
    ):
        assert len(candidate_runs(made_fit, own, None, limits).table) == kept
    assert list(candidate_runs(made_fit, own, None, {"params": "1B"}).table.index) == [0]
    dear = own.assign(cost=["1", "2k", 3e3])
    found = candidate_runs(made_fit, dear, 2000, None)
    assert found.cost.tolist() == [1.0, 2000.0] and found.unit == ""
    with pytest.raises(bs.BayescaleError, match="must be positive; got -1"):
        candidate_runs(made_fit, dear.assign(cost=[1, -1, 0]), None, None)
    with pytest.raises(bs.BayescaleError, match=r"no column 'param' to limit.*there are params"):
        candidate_runs(made_fit, own, None, {"param": 1})


def test_ratios_near_those_of_the_runs() -> None:
    fitted = {"params": np.array([1.0, 1.0]), "tokens": np.array([10.0, 100.0])}
    ratios = [0.4994, 0.4996, 10.0, 2001.9, 2002.1]
    table = pd.DataFrame({"params": 1.0, "tokens": ratios})
    assert _in_proportion(table, fitted).tolist() == [False, True, True, True, False]
    assert _in_proportion(table[["tokens"]], fitted).tolist() == [True] * 5


def test_inputs_go_ten_times_further_and_stay_in_their_span(made_fit) -> None:
    params = made_fit.inputs["N"].to_numpy()
    low, high = params.min() / 10, params.max() * 10
    steps = [m * 10.0**k for k in range(5, 13) for m in (1, 2, 5)]
    expected = [v for v in steps if 0.999 * low <= v <= 1.001 * high]
    np.testing.assert_allclose(_values(made_fit, "N"), expected)
    found = runs_nearby(handmade_fit("precision_tied"))
    assert found is not None and len(found.table) == 400
    assert found.table.index.tolist() == list(range(400))
    assert found.table.drop_duplicates().shape == (400, 3)
    assert found.table["params"].is_monotonic_increasing, "thinned, and in order"
    fit = handmade_fit("accuracy_from_loss")
    losses, (name,) = fit.inputs["L"].to_numpy(), fit.law.inputs
    span = fit.law.inputs[name].span
    assert span is not None
    ends = [float(f"{v:.2g}") for v in (min(losses.min(), span[0]), max(losses.max(), span[1]))]
    assert _values(fit, name)[[0, -1]].tolist() == pytest.approx(ends, rel=0.02)
    assert len(_laid_out(1.0, 30.0)) == 7 and len(_laid_out(1.0, 30.1)) == 5
    assert _laid_out(1.0005, 99.95).tolist() == [1, 2, 5, 10, 20, 50, 100]


def test_directions_name_what_is_a_third_of_the_largest() -> None:
    assert _words(["a", "b", "c"], np.array([-0.35, 1.0, 0.349])) == "b up, a down"
    assert _words(["a", "b"], np.array([0.5, -0.4])) == "a up, b down"
    assert verdict(0.9000001) == "identified" and verdict(0.1000001) == "weak"


def test_laws_are_told_apart_by_two_runs_together() -> None:
    """Bhattacharyya's distance of two normal distributions, by determinants."""
    rng = np.random.default_rng(7)
    roots = rng.normal(size=(2, 3, 5))
    covariances = roots @ np.swapaxes(roots, 1, 2)
    means, weights = rng.normal(size=(2, 3)), np.array([0.3, 0.7])
    one = ModelDiscrimination(weights, means, covariances)

    def bound(*runs: int) -> float:
        chosen = np.ix_(runs, runs)
        a, b = (c[chosen] for c in covariances)
        middle, apart = (a + b) / 2, (means[0] - means[1])[list(runs)]
        distance = apart @ np.linalg.inv(middle) @ apart / 8 + 0.5 * np.log(
            np.linalg.det(middle) / np.sqrt(np.linalg.det(a) * np.linalg.det(b))
        )
        return float(np.sqrt(0.21) * np.exp(-distance))

    assert one.uncertainty == pytest.approx(np.sqrt(0.21))
    np.testing.assert_allclose(one.uncertainty_after(), [bound(0), bound(1), bound(2)])
    two = one.condition_on(2)
    assert two.done == (2,) and two.uncertainty == pytest.approx(bound(2))
    np.testing.assert_allclose(two.uncertainty_after(), [bound(0, 2), bound(1, 2), bound(2)])
    three = two.condition_on(0).condition_on(1)
    assert three.uncertainty == pytest.approx(bound(0, 1, 2))
    assert three.condition_on(0, -1).done == (2, 1)
    assert three.condition_on(2).done == (0, 1, 2)


def test_scatter_of_a_noise_without_heavy_tails(made_fit) -> None:
    places = {k: v.rename(run="point") for k, v in made_fit.inputs.items()}
    normal = fit_around(
        bs.make_spec(made_fit.spec, noise="normal"), extract(made_fit.spec, runs_again(made_fit)),
        TRUTH["chinchilla"],
    )  # fmt: skip
    sigma = float(normal.posterior["sigma"].median())
    np.testing.assert_allclose(scatter_of(normal, places), sigma**2)
    assert scatter_of(normal, places).shape == (40,)


def test_a_mixture_of_laws_by_hand(made_fit) -> None:
    """The variance is the mean of the laws', and that of their means; the scatter the mean."""
    other = handmade_fit(truth={**TRUTH["chinchilla"], "alpha": 0.4})
    other.tree["observed_data"] = made_fit.tree["observed_data"]
    both = bs.Average({"a": made_fit, "b": other}, {"a": 0.25, "b": 0.75})
    few = {k: v[:4].drop_vars("run").rename(run="point") for k, v in made_fit.inputs.items()}
    places, rng = {"a": few, "b": few}, np.random.default_rng(0)
    now = posterior_uncertainty(both, {"alpha": 1.0, "beta": -2.0}, places, None, rng)
    draws = [
        (f.posterior["alpha"] - 2 * f.posterior["beta"]).to_numpy().ravel()
        for f in (made_fit, other)
    ]
    means, variances = [d.mean() for d in draws], [d.var(ddof=1) for d in draws]
    within = 0.25 * variances[0] + 0.75 * variances[1]
    between = 0.25 * 0.75 * (means[0] - means[1]) ** 2
    assert now.uncertainty == pytest.approx(within + between, rel=1e-6)
    noise = 0.25 * scatter_of(made_fit, few) + 0.75 * scatter_of(other, few)
    np.testing.assert_allclose(now.noise, noise)
    curves = [outcomes(f, few) for f in (made_fit, other)]
    joint = sum(
        w * np.cov(np.column_stack([d, c]).T)
        for w, d, c in zip((0.25, 0.75), draws, curves, strict=True)
    )
    apart = np.r_[means[1], curves[1].mean(0)] - np.r_[means[0], curves[0].mean(0)]
    joint = joint + 0.1875 * np.outer(apart, apart)
    expected = joint[0, 0] - joint[0, 1:] ** 2 / (np.diag(joint)[1:] + noise)
    np.testing.assert_allclose(now.uncertainty_after(), expected, rtol=1e-5)


def test_the_best_size_as_a_sum_of_outcomes(made_fit) -> None:
    """Least squares over the draws: weights at every fourth size, and what they leave."""
    rng = np.random.default_rng(0)
    inputs, outcome = _along_budget(made_fit, 1e22, None, rng)
    logs = np.log(inputs["N"].to_numpy())
    np.testing.assert_allclose(np.diff(logs), 0.1)
    np.testing.assert_allclose(6 * inputs["N"] * inputs["D"], 1e22)
    best = np.log(bs.optimum(made_fit, 1e22, discrepancy=None)["params"]).to_numpy().ravel()
    low, middle, high = np.quantile(best, [0.005, 0.5, 0.995])
    reach = 1.5 * np.log(10) + max(high - middle, middle - low)
    assert logs[0] == pytest.approx(middle - reach)
    assert middle + reach - 0.1001 <= logs[-1] < middle + reach
    ours = best_sizes(made_fit, 1e22, None, rng)
    np.testing.assert_allclose(ours, best, atol=2e-3)
    found = quantity_of(made_fit, {"flops": 1e22}, None, rng)
    assert found.inputs is not None and (found.draws == 0).all()
    few = outcome[:, ::4]
    np.testing.assert_allclose(found.inputs["N"], inputs["N"][::4])
    line = np.column_stack([np.ones(len(few)), few])
    fitted = line @ np.linalg.lstsq(line, ours, rcond=1e-6)[0]
    summed = few @ found.weights
    np.testing.assert_allclose(
        summed - summed.mean(), fitted - fitted.mean(), atol=0.05 * ours.std()
    )
    assert found.rest == pytest.approx(ours.var() - summed.var(), abs=0.02 * ours.var())


@pytest.mark.parametrize(
    ("about", "read", "text"),
    [
        ("alpha", {"alpha": 1.0}, "alpha"),
        ("-alpha + beta", {"alpha": -1.0, "beta": 1.0}, "- alpha + beta"),
        ({"alpha": 2, "E": -1}, {"alpha": 2.0, "E": -1.0}, "alpha - E"),
        ("flops = 2e22", {"flops": 2e22}, "the log of the best size at 2e+22 FLOP"),
        (
            "params=7B, tokens=1T",
            {"params": 7e9, "tokens": 1e12, "flops": 4.2e22},
            "the loss at params = 7B, tokens = 1T, as a relative error",
        ),
    ],
)
def test_quantities_of_interest_in_words(made_fit, about, read, text) -> None:
    found = read_about(about, made_fit)
    assert {k: v for k, v in found.items() if k in read} == pytest.approx(read)
    assert quantity_text(found, made_fit) == text


def test_what_is_no_quantity_of_interest(made_fit) -> None:
    for about, said in (
        ("gamma", "has no free parameter 'gamma'.*; it has E, a, alpha, b, beta. Ask for flops"),
        ("+", "about is empty: ask for flops=1e24"),
        ({"params": [1e9, 2e9], "tokens": [1e9, 1e9]}, "several points: give each column one"),
    ):
        with pytest.raises(bs.BayescaleError, match=said):
            read_about(about, made_fit)
    assert read_about(None, handmade_fit("power_law")) == {
        "flops": pytest.approx(10 * handmade_fit("power_law").inputs["x"].max().item())
    }


def test_names_of_quantities(made_fit) -> None:
    at = {"params": ["7B", "70B"], "tokens": ["1T", "1.4T"]}
    found = quantities(made_fit, ["1e22", 3e23], at)
    assert list(found)[5:] == [
        "N* (1e+22 FLOP)", "D* (1e+22 FLOP)", "D*/N* (1e+22 FLOP)", "loss (1e+22 FLOP)",
        "N* (3e+23 FLOP)", "D* (3e+23 FLOP)", "D*/N* (3e+23 FLOP)", "loss (3e+23 FLOP)",
        "loss (params 7B, tokens 1T)", "loss (params 70B, tokens 1.4T)",
    ]  # fmt: skip
    assert [v.attrs.get("scale") for v in found.values()][4:9] == [None, *["log"] * 3, "noise"]
    second = made_fit.curve({"N": xr.DataArray(7e10), "D": xr.DataArray(1.4e12)})
    np.testing.assert_allclose(
        found["loss (params 70B, tokens 1.4T)"], second.transpose("chain", "draw")
    )
    ratio = found["D* (3e+23 FLOP)"] / found["N* (3e+23 FLOP)"]
    np.testing.assert_allclose(found["D*/N* (3e+23 FLOP)"], ratio)
    assert [format_amount(c, 1.2345e10) for c in ("params", "active_params", "tokens")] == [
        "12.3B"
    ] * 3
    assert (format_amount("flops", 1e24), format_amount("bits", 4.56789)) == ("1e+24", "4.568")


def test_design_by_name(made_fit):
    table = pd.DataFrame({"params": [1e9, 2e9], "tokens": [2e10, 2e10]})
    asked = {"about": "alpha", "runs": 1}
    found = bs.plan(fit=made_fit, candidates=table, **asked)
    pd.testing.assert_frame_equal(found.runs, bs.plan(made_fit, table, **asked).runs)
    ranked = bs.least_useful(fit=made_fit, about="alpha")
    pd.testing.assert_frame_equal(ranked, bs.least_useful(made_fit, "alpha"))
    assert bs.identify(fit=made_fit)["contraction"].equals(bs.identify(made_fit)["contraction"])


def test_a_prior_given_as_a_distribution(made_fit):
    """Its spread on the link scale is that of the prior's draws."""
    spec = bs.make_spec(made_fit.spec, priors={"E": pm.LogNormal.dist(0.6, 0.25)})
    fit = fit_around(spec, extract(spec, runs_again(made_fit)), TRUTH["chinchilla"])
    own, usual = prior_sds(fit), prior_sds(made_fit)
    drawn = np.log(fit.tree_group("prior")["E"]).to_numpy()
    assert own[0] == pytest.approx(drawn.std())
    assert own[0] == pytest.approx(0.25, rel=0.15) and own[0] != pytest.approx(usual[0], rel=0.01)
    np.testing.assert_allclose(own[1:], usual[1:])


def test_a_law_without_free_parameters(made_fit):
    spec = bs.make_spec(made_fit.spec, priors=dict(TRUTH["chinchilla"]))
    assert not spec.free
    fit = fit_around(spec, extract(spec, runs_again(made_fit)), TRUTH["chinchilla"])
    (response,) = fit.spec.observables
    found = rows_of(fit, thinned(fit, 3), response, fit.inputs_of(response), fit.known_of(response))
    assert found.shape == (3, 40, 0)
    assert list(bs.principal_directions(fit)) == ["direction", "verdict", "contraction"]
    assert len(bs.identify(fit)) == 0
    known = contractions(fit, at={"params": 1e9, "tokens": 2e10})
    assert known["contraction"].tolist() == [1.0] and known["verdict"].tolist() == ["identified"]


def test_information_of_a_chain(made_fit):
    """Precisions of prior and responses add; a response's is J'J over its scatter squared."""
    fit = handmade_fit("chinchilla_then_accuracy_from_loss", spread=1e-3)
    draws = thinned(fit, 3)
    sd = np.full(len(fit.spec.free), 2.0)
    total = precision(fit, draws, sd)
    parts = []
    for response in fit.spec.observables:
        rows = rows_of(fit, draws, response, fit.inputs_of(response), fit.known_of(response))
        parts.append(np.swapaxes(rows, 1, 2) @ rows)
    assert len(parts) == 2
    np.testing.assert_allclose(total, np.eye(len(sd)) / 4 + sum(parts))


def test_the_default_of_a_law_of_loss_is_a_lower_loss() -> None:
    fit = handmade_fit("error_from_loss")
    assert read_about(None, fit) == {"loss": pytest.approx(0.9 * float(fit.inputs["L"].min()))}


def test_dates_have_no_largest_to_multiply() -> None:
    fit = handmade_fit("densing")
    with pytest.raises(bs.BayescaleError, match=r"has no default: ask for days=\.\.\."):
        read_about(None, fit)


def test_runs_near_those_of_a_loss_have_losses_near_theirs() -> None:
    spec = make_spec("power_law", columns={"x": "eval_loss"})
    runs = pd.DataFrame({"flops": [2.0, 3.0, 4.0]})
    fit = replace(handmade_fit("power_law", runs=runs), spec=spec)
    nearby = runs_nearby(fit)
    assert nearby is not None
    assert (nearby.table["eval_loss"].min(), nearby.table["eval_loss"].max()) == (1.6, 5.0)
