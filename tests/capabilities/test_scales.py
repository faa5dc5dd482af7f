"""Dates as sizes, models and benchmarks on one scale, and families left out."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from capability_tables import FLOORS, INTERCEPT, LOADING, SCORES, SLOPE, made_by_hand, simulated
from figure_texts import faults_at_three_sizes

import bayescale as bs
from bayescale.capabilities.fit import CapabilityFit, make_tree
from bayescale.capabilities.model import choose_factors
from bayescale.capabilities.table import read_scores

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(scope="module")
def made() -> CapabilityFit:
    """A fit made by hand."""
    return made_by_hand()


def dated(table: pd.DataFrame) -> pd.DataFrame:
    """Give models release dates: a factor of ten in compute is a year, of 2022 on."""
    days = 365.2425 * (np.log10(table["flops"].dropna()) - 20)
    return table.assign(released=pd.Timestamp("2022-01-01") + pd.to_timedelta(days, "D"))


@pytest.fixture(scope="module")
def of_dates() -> CapabilityFit:
    """The same fit, of release dates."""
    table = dated(simulated()[0])
    scores = read_scores(table, SCORES, ("released",), FLOORS)
    by_size = made_by_hand()
    posterior = by_size.posterior.assign_coords(term=["released"])
    stats = by_size.tree["sample_stats"].to_dataset()
    return CapabilityFit(make_tree(scores, choose_factors(scores, 2), posterior, stats, {}, 0))


# Groups of scores that few models have together


def in_two_groups(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return scores of old models on easy tests and of new ones on hard ones; few have both."""
    rng = np.random.default_rng(seed)
    capability = np.linspace(-3, 3, 60) + rng.normal(0, 0.3, 60)
    difficulty = np.array([-3, -2.5, -2, -1.5, 1, 1.5, 2, 2.5])
    share = 1 / (1 + np.exp(-(capability[:, None] - difficulty)))
    scores = (share + rng.normal(0, 0.02, share.shape)).clip(0, 1)
    scores[:28, 4:] = np.nan
    scores[32:, :4] = np.nan
    table = pd.DataFrame(scores, columns=[f"test{i}" for i in range(8)])
    table["flops"] = 10 ** (22 + capability / 2)
    return table.assign(model=[f"m{i}" for i in range(60)], family="all"), capability


@pytest.mark.parametrize("seed", range(6))
def test_no_group_of_scores_is_turned_round(seed: int) -> None:
    table, capability = in_two_groups(seed)
    names = [f"test{i}" for i in range(8)]
    factors = choose_factors(read_scores(table, names, ("flops",), {}), 1)
    assert (factors.loadings > 0).all()
    assert np.corrcoef(factors.start[:, 0], capability)[0, 1] > 0.9


def test_where_scores_are_rare_the_best_known_define_the_capability() -> None:
    table, _ = in_two_groups(0)
    names = [f"test{i}" for i in range(8)]
    table.loc[::3, names] = np.nan
    factors = choose_factors(read_scores(table, names, ("flops",), {}), 1)
    assert (factors.weights != 0).all()


# Dates


def test_dates_count_in_years() -> None:
    table = dated(simulated()[0])
    scores = read_scores(table, SCORES, ("released",), FLOORS)
    expected = np.log10(table["flops"].to_numpy()) + 2
    np.testing.assert_allclose(scores.sizes[:, 0], expected, atol=0.002)
    text = table.assign(released=table["released"].dt.strftime("%Y-%m-%d"))
    again = read_scores(text, SCORES, ("released",), FLOORS)
    np.testing.assert_allclose(again.sizes, scores.sizes, atol=0.003)
    back = pd.Series(scores.in_units(scores.sizes[:, 0], "released"))
    off = (back - table["released"]).abs().dropna()
    assert (off < pd.Timedelta("1h")).all() and (back.isna() == table["released"].isna()).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("2024-13-45", "released of m3 is '2024-13-45': give a date as"),
        (22.5, "released of m3 is 22.5: give a date as"),
    ],
)
def test_what_is_no_date_is_said(change: Any, said: str) -> None:
    table = dated(simulated()[0])
    table["released"] = table["released"].dt.strftime("%Y-%m-%d").astype(object)
    table.loc[3, "released"] = change
    with pytest.raises(bs.BayescaleError, match=said):
        read_scores(table, SCORES, ("released",), FLOORS)


def test_a_model_of_a_later_date_is_more_capable(of_dates: CapabilityFit, tmp_path) -> None:
    new = pd.DataFrame({"model": ["a", "b"], "family": "one", "released": ["2023-01-01", None]})
    new.loc[1, "released"] = "2027-01-01"
    found = bs.predict_scores(of_dates, new, discrepancy=None, random_seed=1)
    median = found.pivot_table(index="score", columns="model", values="median")
    assert (median["b"] > median["a"]).all()
    bs.save(of_dates, tmp_path / "dates.nc")
    again = bs.load(tmp_path / "dates.nc")
    assert isinstance(again, CapabilityFit) and again.scores.dated == {"released"}
    pd.testing.assert_frame_equal(
        bs.predict_scores(again, new, discrepancy=None, random_seed=1), found
    )


def test_an_equivalent_of_dates_is_a_date(of_dates: CapabilityFit, made: CapabilityFit) -> None:
    dates = bs.equivalent_compute(of_dates, "two").set_index("model")
    flops = bs.equivalent_compute(made, "two").set_index("model")
    expected = 2022 + np.log10(flops["median"]) - 20
    years = dates["median"].dt.year + dates["median"].dt.day_of_year / 365.25
    np.testing.assert_allclose(years, expected[years.index], atol=0.05)
    assert (dates["lower"] < dates["upper"]).all()


def test_the_picture_has_dates(of_dates: CapabilityFit) -> None:
    ax = bs.plot_capabilities(of_dates)
    ax.figure.canvas.draw()
    assert ax.get_xlabel() == "released" and ax.get_xscale() == "linear"
    texts = [label.get_text() for label in ax.get_xticklabels()]
    assert any(text.startswith("20") for text in texts)
    assert not faults_at_three_sizes(lambda: bs.plot_capabilities(of_dates).figure)
    plt.close("all")


# One scale


def test_anchors_have_their_values_and_difficulties_are_midway(made: CapabilityFit) -> None:
    found = bs.capability_index(made, {"m0": 100.0, "m9": 120.0})
    np.testing.assert_allclose(found.loc["m0", ["median", "lower", "upper"]].astype(float), 100)
    np.testing.assert_allclose(found.loc["m9", ["median", "lower", "upper"]].astype(float), 120)
    first = simulated()[2][:, 0]
    unit = (first[9] - first[0]) / 20
    models = found[found["kind"] == "model"]["median"]
    expected = 100 + (first - first[0]) / unit
    np.testing.assert_allclose(models[[f"m{i}" for i in range(len(first))]], expected, atol=1)
    assert models.is_monotonic_decreasing
    scores = found[found["kind"] == "score"]["median"]
    halves = 100 + (-INTERCEPT / LOADING[:, 0] - first[0]) / unit
    np.testing.assert_allclose(scores[SCORES], halves, atol=1)
    trends = found[found["kind"] == "trend"]["median"]
    np.testing.assert_allclose(trends, SLOPE[0] / unit, rtol=0.05)
    turned = bs.capability_index(made, {"m9": 120.0, "m0": 100.0})
    pd.testing.assert_frame_equal(found, turned)


def test_a_score_that_does_not_rise_has_no_difficulty(made: CapabilityFit) -> None:
    flat = made.posterior.copy(deep=True)
    flat["loading"].loc[{"score": "code", "factor": 1}] -= LOADING[3, 0]
    groups = {str(k): group.to_dataset() for k, group in made.tree.children.items()}
    tree = xr.DataTree.from_dict({**groups, "posterior": flat})
    tree.attrs = made.tree.attrs
    found = bs.capability_index(CapabilityFit(tree), {"m0": 100.0, "m9": 120.0})
    scores = found[found["kind"] == "score"]
    assert list(scores.index[scores["median"].isna()]) == ["code"]
    assert scores.loc["code", ["lower", "upper"]].isna().all()


@pytest.mark.parametrize(
    ("anchors", "said"),
    [
        ({"m0": 1.0, "m99": 2.0}, "no model 'm99' in this fit"),
        ({"m0": 1.0}, "anchors are two models and their values, not m0"),
        ({"m0": 1.0, "m1": 1.0}, "give two with different values"),
        ({}, "not none"),
    ],
)
def test_anchors_that_cannot_be_used(made: CapabilityFit, anchors: dict, said: str) -> None:
    with pytest.raises(bs.BayescaleError, match=said):
        bs.capability_index(made, anchors)


# Families left out


def test_all_but_the_smallest_model_is_hidden(
    made: CapabilityFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def again(scores: Any, count: int, sampler: Any, seed: int) -> CapabilityFit:
        asked.append((scores, count, sampler.draws, seed))
        return made

    monkeypatch.setattr("bayescale.capabilities.family_backtest.fit_scores", again)
    made.tree.attrs["record"] = made.tree.attrs["record"].replace(
        '"sampler": {}', '"sampler": {"draws": 30}'
    )
    found = bs.leave_family_out(made, ["two", "three"], random_seed=7, progressbar=False)
    scores = made.scores
    assert [one[1:] for one in asked] == [(2, 30, 7)] * 2
    for (given, *_), family in zip(asked, ("two", "three"), strict=True):
        ours = np.array(scores.families) == family
        sizes = np.where(ours, scores.sizes[:, 0], np.nan)
        seen = np.isfinite(given.values).any(axis=1)
        assert list(np.flatnonzero(seen & ours)) == [np.nanargmin(sizes)]
        np.testing.assert_array_equal(given.values[~ours], scores.values[~ours])
        hidden = scores.seen & ours[:, None]
        hidden[np.nanargmin(sizes)] = False
        assert (found["family"] == family).sum() == hidden.sum()
    table = simulated()[0].set_index("model")
    observed = [table.loc[row["model"], row["score"]] for row in found.to_dict("records")]
    np.testing.assert_array_equal(found["observed"], observed)
    assert found["sound"].dtype == bool and len(found) > 20


def test_families_that_cannot_be_left_out(made: CapabilityFit) -> None:
    with pytest.raises(bs.BayescaleError, match=r"no family 'too'.*two"):
        bs.leave_family_out(made, ["too"])
    scores = made.scores
    one = xr.DataArray(np.where(np.array(scores.families) == "two", np.nan, scores.sizes[:, 0]))
    table = simulated()[0].assign(flops=10 ** one.to_numpy())
    few = read_scores(table, SCORES, ("flops",), FLOORS)
    stats = made.tree["sample_stats"].to_dataset()
    fit = CapabilityFit(make_tree(few, choose_factors(few, 2), made.posterior, stats, {}, 0))
    with pytest.raises(bs.BayescaleError, match="'two' has no scores of models of two known"):
        bs.leave_family_out(fit, ["two"])
