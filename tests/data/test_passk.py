"""Pass@k from counts, and the data sets and models that are made of it."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.model.noise.registry import get_noise


@pytest.mark.parametrize(("samples", "correct"), [(6, 0), (6, 1), (6, 3), (6, 5), (6, 6)])
def test_it_is_the_share_of_subsets_with_a_correct_sample(samples: int, correct: int) -> None:
    for k in range(1, samples + 1):
        subsets = list(combinations(range(samples), k))
        share = np.mean([min(subset) < correct for subset in subsets])
        assert bs.pass_at_k(samples, correct, k) == pytest.approx(share)


def test_it_is_unbiased_and_keeps_its_digits_at_millions_of_samples() -> None:
    assert bs.pass_at_k(3_000_000, 1, 1000) == pytest.approx(1000 / 3e6, rel=1e-6)
    correct = np.random.default_rng(0).binomial(50, 0.03, 40_000)
    assert bs.pass_at_k(50, correct, 10).mean() == pytest.approx(1 - 0.97**10, abs=0.004)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((5, 1, 6), "pass@6 cannot be estimated"), ((5, 6, 1), "more than all, samples correct")],
)
def test_impossible_counts(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(bs.BayescaleError, match=message):
        bs.pass_at_k(*arguments)


def problems(groups: int, seed: int = 0) -> pd.DataFrame:
    """Groups of 60 problems whose pass rates have a beta distribution."""
    rng = np.random.default_rng(seed)
    rate = rng.beta(0.3, 5.0, 60 * groups)
    names = np.repeat(np.arange(groups), 60)
    return pd.DataFrame({"model": names, "n_samples": 200, "n_correct": rng.binomial(200, rate)})


def test_the_standard_error_is_that_of_the_mean_over_problems() -> None:
    """Of many groups drawn alike, the spread of the means is the mean standard error."""
    table = bs.coverage_table(problems(800), [1, 20], "model")
    for _, rows in table.groupby("samples"):
        assert rows["coverage"].std() == pytest.approx(rows["coverage_se"].mean(), rel=0.08)


def test_trials_are_worth_their_standard_error() -> None:
    table = bs.coverage_table(problems(50), [1, 20], "model")
    binomial = (table["coverage"] * (1 - table["coverage"]) / table["coverage_trials"]) ** 0.5
    np.testing.assert_allclose(binomial, table["coverage_se"], rtol=0.03)


def test_a_group_that_solves_nothing_counts_its_tries() -> None:
    none = pd.DataFrame({"model": "a", "n_samples": [100, 100], "n_correct": 0})
    table = bs.coverage_table(none, [1, 20], "model")
    assert table["coverage"].tolist() == [0.0, 0.0]
    assert table["coverage_trials"].tolist() == [200.0, 10.0]


def test_groups_of_unlike_problems_by_hand() -> None:
    """Three problems of 10, 20 and 40 samples: averages, errors, and tries in groups of k."""
    table = pd.DataFrame(
        {
            "model": ["a"] * 3 + ["b"] * 3 + ["c"] * 2,
            "tried": [10, 20, 40, 10, 20, 40, 10, 10],
            "right": [0, 5, 40, 0, 0, 0, 0, 10],
        }
    )
    found = bs.coverage_table(table, [2], "model", samples="tried", correct="right")
    shares = np.array([0, 1 - 15 * 14 / (20 * 19), 1])
    error = np.sqrt(((shares - shares.mean()) ** 2).sum() / 2 / 3)
    assert found["coverage"].tolist() == pytest.approx([shares.mean(), 0.0, 0.5])
    assert found["coverage_se"].tolist() == pytest.approx([error, 0.0, 0.5])
    trials = shares.mean() * (1 - shares.mean()) / error**2
    made = 3**2 / (2 / 10 + 2 / 20 + 2 / 40)
    assert found["coverage_trials"].tolist() == [round(trials), round(made), 1.0]
    assert found["problems"].tolist() == [3, 3, 2] and found["model"].tolist() == list("abc")
    assert found["samples"].tolist() == [2, 2, 2]
    every = bs.coverage_table(table.assign(right=table["tried"]), [1], "model", samples="tried",
                              correct="right")  # fmt: skip
    assert every["coverage"].tolist() == [1, 1, 1]
    assert every["coverage_trials"].tolist() == [round(9 / 0.175), round(9 / 0.175), 20]
    with pytest.raises(TypeError):
        bs.coverage_table(table, [2], "model", "tried", "right")  # pyright: ignore[reportCallIssue]
    with pytest.raises(bs.BayescaleError, match="they have model, tried, right"):
        bs.coverage_table(table, [2], "model")


def test_which_tries_and_counts_are_impossible() -> None:
    assert bs.pass_at_k(5, [0, 5], [1, 5]).tolist() == [0.0, 1.0]
    assert bs.pass_at_k([5, 3], [[1], [2]], 3).tolist() == pytest.approx(
        np.array([[1 - 4 / 10, 1.0], [1 - 1 / 10, 1.0]])
    )
    with pytest.raises(bs.BayescaleError, match=r"pass@4 .* samples of a problem, here 3 or more"):
        bs.pass_at_k([5, 3], 1, [2, 4])
    for k in (0, 0.5):
        with pytest.raises(bs.BayescaleError, match=f"pass@{k:g} cannot be estimated"):
            bs.pass_at_k(5, 1, [1, k])
    for correct in (-1, 6):
        with pytest.raises(bs.BayescaleError, match="fewer than no, or more than all"):
            bs.pass_at_k(5, [2, correct], 1)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(bs.BayescaleError, match="no column 'level'"):
        bs.coverage_table(problems(1), [1], ["model", "level"])


def test_the_public_coverage_is_the_published_one(data_dir) -> None:
    """Brown et al.: Pythia-160M solves 0.27 % at the first try and 57 % within 10,000."""
    table = bs.load_dataset("brown2024_coverage").set_index(["model", "samples"])["coverage"]
    assert table["Pythia 160M", 1] == pytest.approx(0.0027, abs=5e-5)
    assert table["Pythia 160M", 10_000] == pytest.approx(0.570, abs=5e-4)


def test_days_and_errors_of_the_horizons(data_dir) -> None:
    table = bs.load_dataset("kwa2025_metr_days").set_index("model")
    row = table.loc["gpt-5-2025-08-07_medium"]
    assert row["days"] == 402
    ratio = np.exp(2 * 1.96 * row["time_horizon_minutes_se"] / row["time_horizon_minutes"])
    assert ratio == pytest.approx(row["ci95_high_minutes"] / row["ci95_low_minutes"], rel=1e-3)


def test_a_derived_set_without_its_source_says_where_that_comes_from(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BAYESCALE_DATA", str(tmp_path))
    assert bs.list_datasets().loc["brown2024_coverage", "available"] in ("no", "cache")
    if bs.list_datasets().loc["brown2024_coverage", "available"] == "no":
        with pytest.raises(bs.BayescaleError, match=r"brown2024_monkeys.*BAYESCALE_DATA"):
            bs.load_dataset("brown2024_coverage")


def test_questions_resolve_no_more_than_their_number() -> None:
    """A law far below one over the number of questions reads zero, and all such laws alike."""
    noise, questions = get_noise("binomial"), {"trials": 100.0}
    rng = np.random.default_rng(0)
    drawn = noise.draw(np.full(2000, 1e-4), {}, questions, rng=rng)
    assert (drawn == 0).mean() == pytest.approx(0.99, abs=0.01)
    zero = [float(noise.log_density(p, {}, questions, np.array(0.0))) for p in (1e-4, 1e-6, 0.03)]
    assert zero[0] == pytest.approx(zero[1], abs=0.011)
    assert zero[2] < zero[1] - 3


def test_a_noise_without_parameters_can_be_fitted() -> None:
    study = bs.load_study("neumann2022")
    fit = bs.fit(study, random_seed=1, progressbar=False)
    assert fit.diagnostics.ok
    assert list(fit.posterior) == ["alpha"]
    low, high = bs.summary(fit, 0.999).loc["alpha", ["lower", "upper"]]
    assert low < 0.9 < high
    assert bs.identify(fit)["verdict"].tolist() == ["identified"]


def test_runs_are_added_without_what_need_not_be_known() -> None:
    """A cap on the draws is not asked of new runs."""
    from handmade import handmade_fit

    fit = handmade_fit("pass_until")
    table = bs.fitted_runs(fit)
    assert {"pass_rate", "pass_rate_successes", "pass_rate_cap"} <= set(table)
    assert np.isinf(table["pass_rate_cap"]).all()
