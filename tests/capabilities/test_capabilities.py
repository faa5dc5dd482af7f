"""Capabilities of models: what is recovered, what is predicted, what is refused."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from capability_tables import (
    FLOORS,
    INTERCEPT,
    LEVELS,
    LOADING,
    MIDDLE,
    SCORES,
    SLOPE,
    made_by_hand,
    sigmoid,
    simulated,
)
from figure_texts import faults_at_three_sizes
from pymc.testing import mock_sample

import bayescale as bs
from bayescale.capabilities.fit import CapabilityFit
from bayescale.capabilities.model import capability_model, choose_factors
from bayescale.capabilities.table import read_scores
from bayescale.inference.io import load_fit
from bayescale.inference.sampling import Sampler
from bayescale.plots.capabilities import capabilities_data

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(scope="module")
def fitted() -> CapabilityFit:
    """The one real fit: any warning of the diagnostics would fail here."""
    return bs.fit_capabilities(
        simulated()[0],
        SCORES,
        factors=2,
        floors=FLOORS,
        sampler=Sampler(draws=2000, tune=700, chains=2, cores=2, target_accept=0.9),
        random_seed=1,
        progressbar=False,
    )


@pytest.fixture(scope="module")
def made() -> CapabilityFit:
    """A fit made by hand: draws scatter by little around the truth."""
    return made_by_hand()


# A real fit recovers what does not depend on how factors are turned


def test_diagnostics_pass(fitted: CapabilityFit) -> None:
    found = fitted.diagnostics
    assert found.ok, str(found)
    assert "32 models of 4 families" in repr(fitted)


def test_log_odds_are_recovered(fitted: CapabilityFit) -> None:
    posterior = fitted.posterior
    odds = posterior["intercept"] + (posterior["loading"] * posterior["capability"]).sum("factor")
    truth = INTERCEPT + simulated()[2] @ LOADING.T
    off = np.abs(odds.median(("chain", "draw")).transpose("model", "score").values - truth)
    assert np.median(off[:, :4]) < 0.1
    assert (
        np.corrcoef(
            odds.mean(("chain", "draw")).transpose("model", "score").values.ravel(), truth.ravel()
        )[0, 1]
        > 0.98
    )


def test_missing_scores_lie_in_their_bands(fitted: CapabilityFit) -> None:
    _, whole, _ = simulated()
    found = bs.predict_scores(fitted, ci_prob=0.9, random_seed=1)
    truth = whole.ravel()  # model by model, as in the table
    missing = found["observed"].isna().to_numpy()
    assert missing.sum() > 30
    inside = found["lower"].le(truth) & found["upper"].ge(truth)
    assert 0.75 <= inside[missing].mean() <= 1
    assert (found["upper"] - found["lower"])[missing].mean() < 0.3  # the prior's are three times it
    np.testing.assert_allclose(found["observed"][~missing], truth[~missing])


def test_capabilities_are_the_combinations_they_are_said_to_be(fitted: CapabilityFit) -> None:
    weight = fitted.tree["constant_data"].to_dataset()["weight"]
    found = fitted.posterior["loading"].rename(factor="of")
    product = (weight * found).sum("score").transpose(..., "factor", "of")
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(2), product.shape), atol=1e-9)
    assert float(weight.sel(score="rare", factor=1)) == 0  # few models have it


def test_a_family_rises_with_compute(fitted: CapabilityFit) -> None:
    slope = fitted.posterior["slope"].sel(factor=1)
    assert (slope.mean(("chain", "draw")) > 0.3).all()


# What is predicted, from a posterior made by hand


def test_medians_are_the_curve(made: CapabilityFit) -> None:
    _, _, capability = simulated()
    found = bs.predict_scores(made, discrepancy=None, random_seed=0).query("score == 'gsm8k'")
    expected = sigmoid(INTERCEPT[2] + capability @ LOADING[2])
    np.testing.assert_allclose(found["median"], expected, atol=0.01)
    assert list(found["model"]) == [f"m{i}" for i in range(32)]


def test_bands_never_leave_what_a_score_can_be(made: CapabilityFit) -> None:
    found = bs.predict_scores(made, ci_prob=0.999, random_seed=0)
    assert found["lower"].min() >= 0 and found["upper"].max() <= 1


def test_new_models_start_from_their_line_and_new_families_from_the_population(
    made: CapabilityFit,
) -> None:
    new = pd.DataFrame(
        {"model": ["a", "b", "c"], "family": ["one", "one", "new"], "flops": [1e24, None, 1e24]}
    )
    found = bs.predict_scores(made, new, discrepancy=None, random_seed=0)
    found = found.query("score == 'gsm8k'").set_index("model")
    expected = sigmoid(INTERCEPT[2] + (np.array(LEVELS["one"]) + 1.5 * SLOPE) @ LOADING[2])
    assert found.loc["a", "median"] == pytest.approx(expected, abs=0.03)
    width = found["upper"] - found["lower"]
    assert width["a"] < width["c"] and 1.3 * width["a"] < width["b"]
    assert found["observed"].isna().all()


def rare(fit: CapabilityFit, discrepancy: bs.ScoreDiscrepancy | None) -> pd.DataFrame:
    """Return predictions of the score of small models only, the least capable model first."""
    found = bs.predict_scores(fit, discrepancy=discrepancy, random_seed=1)
    first = pd.Series(simulated()[2][:, 0], fit.scores.models).sort_values()
    return found.query("score == 'rare'").set_index("model").loc[first.index]


def test_bands_widen_away_from_the_models_that_have_a_score(made: CapabilityFit) -> None:
    """Among these they hardly do; for the most capable models the sigmoid is not trusted."""
    without, with_it = rare(made, None), rare(made, bs.ScoreDiscrepancy())
    wider = (with_it["upper"] - with_it["lower"]) / (without["upper"] - without["lower"])
    seen = with_it["observed"].notna()
    assert wider[seen].max() < 1.5 and wider[seen].median() < 1.3
    assert wider[~seen].iloc[-3:].min() > 2
    assert (with_it["median"] - without["median"])[seen].abs().max() < 0.05
    narrow = rare(made, bs.ScoreDiscrepancy(size=0.3))
    assert (narrow["upper"] - narrow["lower"]).iloc[-1] < (
        with_it["upper"] - with_it["lower"]
    ).iloc[-1]


def test_far_from_every_model_the_error_has_its_size(made: CapabilityFit) -> None:
    far = made.posterior["capability"].isel(model=[0, 1]) + 50
    error = bs.ScoreDiscrepancy(0.7, 2.0).draw(made, "rare", far, np.random.default_rng(0))
    np.testing.assert_allclose(error.std(("chain", "draw")), 0.7, rtol=0.1)
    np.testing.assert_allclose(error.mean(("chain", "draw")), 0, atol=0.1)
    assert list(error["model"].values) == ["m0", "m1"]


def test_predictions_follow_what_the_sigmoid_misses(made: CapabilityFit) -> None:
    """Scores that lie above their sigmoid, all by 0.4 in log odds, draw it up there and nearby."""
    capability = simulated()[2]
    higher = sigmoid(INTERCEPT[2] + 0.4 + capability @ LOADING[2])
    tree = made.tree.copy(deep=True)
    seen = tree["observed_data"]["scores"].sel(score="gsm8k").notnull().values
    tree["observed_data"]["scores"].loc[{"score": "gsm8k"}] = np.where(seen, higher, np.nan)
    odds = bs.ScoreDiscrepancy().draw(
        CapabilityFit(tree), "gsm8k", made.posterior["capability"], np.random.default_rng(0)
    )
    assert np.median(odds.median(("chain", "draw"))) == pytest.approx(0.4, abs=0.08)


def test_a_discrepancy_says_what_it_is() -> None:
    said = str(bs.ScoreDiscrepancy())
    assert "off by 0.85 for a model that is better by one" in said and "1 far from them" in said
    for size, reach in ((0, 1), (1, -1)):
        with pytest.raises(bs.BayescaleError, match="None switches it off"):
            bs.ScoreDiscrepancy(size, reach)


def test_the_seed_makes_answers_repeat(made: CapabilityFit) -> None:
    one, other, third = (bs.predict_scores(made, random_seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, other)
    assert not one["upper"].equals(third["upper"])


def test_equivalent_compute_inverts_the_line(made: CapabilityFit) -> None:
    found = bs.equivalent_compute(made, "two").set_index("model")
    _, _, capability = simulated()
    away = (capability[5, 0] - LEVELS["two"][0]) / SLOPE[0]
    assert np.log10(found.loc["m5", "median"]) == pytest.approx(MIDDLE + away, abs=0.05)
    assert found["median"].is_monotonic_decreasing
    with pytest.raises(bs.BayescaleError, match=r"no family 'tow' in this fit.*two"):
        bs.equivalent_compute(made, "tow")


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_a_fit_is_saved_and_loaded(made: CapabilityFit, tmp_path: Path, suffix: str) -> None:
    again = bs.load(bs.save(made, tmp_path / f"fit.{suffix}"))
    assert isinstance(again, CapabilityFit)
    assert again.tree.attrs == made.tree.attrs
    with pytest.raises(bs.BayescaleError, match="ask it with predict_scores"):
        bs.summary(again)  # pyright: ignore[reportArgumentType]
    with pytest.raises(bs.BayescaleError, match="holds a CapabilityFit"):
        load_fit(tmp_path / f"fit.{suffix}")
    assert again.scores.families == made.scores.families
    assert again.scores.floors == FLOORS
    pd.testing.assert_frame_equal(
        bs.predict_scores(made, random_seed=1), bs.predict_scores(again, random_seed=1)
    )


def test_picture(made: CapabilityFit) -> None:
    ax = bs.plot_capabilities(made, families=["one", "two"])
    data = capabilities_data(made).dropna()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(texts) == ["one", "other families", "two"]
    line = ax.get_lines()[-1].get_xydata()
    two = data[data["family"] == "two"].sort_values("flops")
    np.testing.assert_allclose(line, two[["flops", "line"]])
    assert ax.get_ylabel().startswith("capability 1 (log odds)")
    plt.close("all")
    assert faults_at_three_sizes(lambda: bs.plot_capabilities(made)) == []
    with pytest.raises(bs.BayescaleError, match="no factor 3: this fit has 1 to 2"):
        bs.plot_capabilities(made, factor=3)
    with pytest.raises(bs.BayescaleError, match="no family 'onee' of known flops"):
        bs.plot_capabilities(made, families=["onee"])


# The model


def test_a_missing_score_has_no_likelihood() -> None:
    table, _, _ = simulated()
    scores = read_scores(table, SCORES, ("flops",), FLOORS)
    model = capability_model(scores, choose_factors(scores, 2))
    assert model.rvs_to_values[model["scores"]].data.size == scores.seen.sum()


def test_the_prior_is_wide_and_stays_in_range() -> None:
    import pymc as pm

    table, _, _ = simulated()
    scores = read_scores(table, SCORES, ("flops",), {**FLOORS, "rare": (0.05, 0.2)})
    model = capability_model(scores, choose_factors(scores, 2))
    capability, floor = pm.draw(
        [model["capability"], model["floor"]], 200, random_seed=1, mode="FAST_COMPILE"
    )
    assert 0.5 < capability[..., 0].std() < 3
    assert 0.03 < np.median(floor[:, 4]) < 0.2 and (floor[:, 0] == 0.25).all()


def test_size_and_data_and_their_product_and_what_is_said_of_bad_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Draws from the prior stand for those from the posterior: chains of two do not agree."""

    def sample(*, draws: int, chains: int, random_seed: int, **_: Any) -> Any:
        found = mock_sample(draws=draws, chains=chains, random_seed=random_seed)
        diverging = (("chain", "draw"), np.zeros((chains, draws), bool))
        found["sample_stats"] = xr.Dataset({"diverging": diverging})
        return found

    monkeypatch.setattr("pymc.sample", sample)
    table, _, _ = simulated()
    table["params"] = np.sqrt(table["flops"] / 120)
    table["tokens"] = 20 * table["params"]
    given: dict[str, Any] = {"size": ("params", "tokens"), "factors": 2, "random_seed": 1}
    sampler = Sampler("pymc", draws=20, tune=1, chains=2)
    with pytest.warns(bs.BayescaleWarning, match="do not trust these numbers yet: the chains"):
        fit = bs.fit_capabilities(table, SCORES, sampler=sampler, **given)
    assert fit.record["sampler"]["draws"] == 80  # tried once more
    assert list(fit.posterior["term"].values) == ["params", "tokens", "params x tokens"]
    new = pd.DataFrame({"model": ["a"], "family": ["new"], "params": [1e9], "tokens": [None]})
    assert len(bs.predict_scores(fit, new, random_seed=1)) == len(SCORES)
    with pytest.raises(bs.BayescaleError, match="equivalent compute takes a fit of one"):
        bs.equivalent_compute(fit, "one")
    with pytest.raises(bs.BayescaleError, match="plot_capabilities takes a fit of one"):
        bs.plot_capabilities(fit)


# What is refused


def changed(**columns: Any) -> pd.DataFrame:
    table, _, _ = simulated()
    for name, value in columns.items():
        if isinstance(value, dict):
            for row, one in value.items():
                table.loc[row, name] = one
        else:
            table[name] = value
    return table


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ({}, {"scores": ["mmlu", "hellaswagg"]}, "no column 'hellaswagg'.*hellaswag"),
        ({"gsm8k": {3: 71.0}}, {}, "gsm8k of m3 is 71: scores lie between 0 and 1"),
        ({"gsm8k": {3: -0.1}}, {}, "gsm8k of m3 is -0.1: scores lie between 0 and 1"),
        ({"gsm8k": np.nan}, {}, "0 of the table's models have a score in gsm8k"),
        ({"gsm8k": ["0.5", "?"] * 16}, {}, "gsm8k of m1 is '\\?': give a number"),
        ({"model": "same"}, {}, "'same' is in two rows"),
        ({"model": {2: None}}, {}, "row 2 has no model"),
        ({"family": {2: None}}, {}, "m2 has no family"),
        ({"flops": {2: 0.0}}, {}, "flops of m2 is 0: sizes are above zero"),
        ({"flops": np.nan}, {}, "no model of the table has a size in flops"),
        ({}, {"scores": ["mmlu", "mmlu"]}, "score 'mmlu' is named twice"),
        ({}, {"factors": 5}, "5 factors from 5 scores"),
        ({}, {"factors": 0}, "0 factors from 5 scores"),
        ({}, {"floors": {"mlu": 0.25}}, "floors names 'mlu'.*mmlu"),
        ({}, {"floors": {"mmlu": 25}}, "the floor of mmlu is 25"),
        ({}, {"floors": {"mmlu": (0.3, 0.2)}}, "not a 90 % interval"),
        ({}, {"size": ()}, "size names 0 columns"),
    ],
)
def test_what_cannot_be_used_is_said(table: dict, change: dict, said: str) -> None:
    given = {"scores": SCORES, "factors": 2, **change}
    with pytest.raises(bs.BayescaleError, match=said):
        bs.fit_capabilities(changed(**table), progressbar=False, **given)


def test_fewer_models_than_factors() -> None:
    with pytest.raises(bs.BayescaleError, match="3 models for 2 factors"):
        bs.fit_capabilities(changed(code=0.5).iloc[:3], ["hellaswag", "gsm8k", "code"], factors=2)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ({"model": ["a"], "family": ["one"]}, "the new models have no column 'flops'"),
        (
            {"model": ["a"], "family": ["one"], "flops": [1e22], "mmlu": [0.5]},
            "the new models have scores in mmlu: add their rows",
        ),
        ({"model": ["a"], "family": [None], "flops": [1e22]}, "a has no family"),
    ],
)
def test_new_models_that_cannot_be_used(made: CapabilityFit, new: dict, said: str) -> None:
    with pytest.raises(bs.BayescaleError, match=said):
        bs.predict_scores(made, pd.DataFrame(new))
