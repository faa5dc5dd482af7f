"""Scores of forecasts against their definitions, on forecasts made up by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import handmade_fit
from scipy.stats import norm

import bayescale as bs
from bayescale.evaluation.scores import (
    LEVELS,
    _naive,
    crps,
    log_score,
    pit,
    points_of,
    scores_of,
    summarise,
    with_mean,
)
from bayescale.evaluation.splits import (
    Split,
    ahead_of,
    cuts_of,
    fitting_small,
    groups_of,
    main_input,
)
from bayescale.inference.fitted_runs import runs_again
from bayescale.model.observations import extract
from bayescale.reporting.backtest import backtest_summary

NORMAL = xr.DataArray(
    norm.ppf((np.arange(4000) + 0.5) / 4000).reshape(4, 1000), dims=("chain", "draw")
)


@pytest.mark.parametrize("seen", [-1.3, 0.0, 0.8, 2.5])
def test_crps_of_a_normal_forecast(seen: float) -> None:
    """Gneiting and Raftery (2007), eq. 21."""
    closed = seen * (2 * norm.cdf(seen) - 1) + 2 * norm.pdf(seen) - 1 / np.sqrt(np.pi)
    assert float(crps(NORMAL, xr.DataArray(seen))) == pytest.approx(closed, abs=0.003)


def test_pit_counts_equal_draws_half() -> None:
    draws = xr.DataArray([[1.0, 2.0], [2.0, 5.0]], dims=("chain", "draw"))
    seen = xr.DataArray([0.0, 1.5, 2.0, 9.0], dims="point")
    np.testing.assert_allclose(pit(draws, seen), [0.0, 0.25, 0.5, 1.0])


def test_log_score_is_the_log_of_the_mean_density() -> None:
    density = np.array([[[0.1, 2.0], [0.3, 4.0], [0.2, 0.5]]])
    logs = xr.DataArray(np.log(density), dims=("chain", "draw", "point"))
    np.testing.assert_allclose(log_score(logs), np.log(density.mean((0, 1))))


def test_summary_of_a_cut_by_hand() -> None:
    table = pd.DataFrame(
        {
            "cut": "flops <= 1",
            "pit": [0.25, 0.5, 0.76, 0.96, 0.976],
            "crps": [1.0, 2.0, 3.0, 4.0, 5.0],
            "log_score": [0.0, 1.0, 2.0, 3.0, -1.0],
            "error": [-0.5, 0.1, 0.1, 0.1, 0.1],
            "best_seen": [-1.0, 1.0, 1.0, 1.0, 1.0],
            "log_linear": [0.2, -0.2, 0.2, 0.2, 0.2],
            "width_90": [0.1, 0.2, 0.3, 0.4, 0.5],
        }
    )
    found = summarise(table, 7, True)
    assert (found["cover_50"], found["cover_90"], found["cover_95"]) == (0.4, 0.6, 0.8)
    assert found["crps"] == 3.0 and found["log_score"] == 1.0
    assert found["mean_error"] == pytest.approx(-0.02)
    assert found["abs_error"] == pytest.approx(0.18)
    assert found["best_seen"] == 1.0 and found["log_linear"] == pytest.approx(0.2)
    assert found["width_90"] == pytest.approx(0.3)
    assert (found["fitted"], found["held_out"]) == (7, 5)
    other = found | {"cut": "other", "crps": 1.0, "held_out": 1, "fitted": 9, "diagnostics": False}
    summary = pd.DataFrame([found, other]).set_index("cut")
    mean = with_mean(summary).loc["all"]
    assert (mean["crps"], mean["held_out"], mean["fitted"]) == (2.0, 6, 9)
    assert not mean["diagnostics"]


def test_distances_are_decades_beyond_the_largest_fitted() -> None:
    values = np.array([1e20, 3e20, 1e21, 1e23])
    split = fitting_small(values < 5e20, "flops", values)
    assert split.name == "flops <= 3e+20"
    np.testing.assert_allclose(split.distance, np.log10([10 / 3, 1000 / 3]))


def test_scores_of_held_out_runs_by_hand() -> None:
    """Bands are quantiles of the draws, errors differences of logs, and rules need no law."""
    fit = handmade_fit()
    data = extract(fit.spec, runs_again(fit))
    size, tokens = (data.inputs[name] for name in ("N", "D"))
    flops = 6 * size * tokens
    split = fitting_small(flops < 1e20, "flops", flops)
    out, seen = split.held_out, data.observed
    rng = np.random.default_rng(3)
    drawn = seen[out] * np.exp(0.01 + 0.02 * rng.normal(size=(4, 250, out.sum())))
    found = scores_of(data, split, fit.spec, xr.DataArray(drawn, dims=("chain", "draw", "point")))
    flat = drawn.reshape(1000, -1)
    middle = np.median(flat, axis=0)
    np.testing.assert_allclose(found["observed"], seen[out])
    np.testing.assert_allclose(found["median"], middle)
    np.testing.assert_allclose(found["error"], np.log(middle / seen[out]), rtol=1e-9)
    for column, level in {
        "lower_50": 25, "upper_50": 75, "lower_90": 5, "upper_90": 95, "lower_95": 2.5,
        "upper_95": 97.5,
    }.items():  # fmt: skip
        end = np.percentile(flat, level, axis=0)
        np.testing.assert_allclose(found[column], end)
        other = {"lower": "upper", "upper": "lower"}[column[:5]]
        np.testing.assert_allclose(
            found[f"error_{other}{column[5:]}"], np.log(middle / end), rtol=1e-4
        )
    # A quantile between two draws is not quite the log's: they are interpolated otherwise.
    width = np.log(np.percentile(flat, 95, axis=0) / np.percentile(flat, 5, axis=0))
    np.testing.assert_allclose(found["width_90"], width, rtol=1e-4)
    np.testing.assert_allclose(found["pit"], (flat < seen[out]).mean(0))
    relative = np.log(flat / seen[out])
    pairs = np.abs(relative[:, None] - relative[None]).mean((0, 1))
    np.testing.assert_allclose(found["crps"], np.abs(relative).mean(0) - pairs / 2, rtol=0.02)
    np.testing.assert_allclose(found["best_seen"], np.log(seen[~out].min() / seen[out]))
    logs = [np.ones(len(seen)), np.log(size), np.log(tokens)]
    design, at = np.column_stack(logs), np.log(seen)
    normal = np.linalg.solve(design[~out].T @ design[~out], design[~out].T @ at[~out])
    np.testing.assert_allclose(found["log_linear"], design[out] @ normal - at[out], atol=1e-8)
    assert list(found["run"]) == list(np.array(data.labels)[out])


def test_points_are_the_held_out_runs() -> None:
    fit = handmade_fit()
    data = extract(fit.spec, runs_again(fit))
    out = np.arange(len(data.observed)) % 3 == 0
    inputs, _, seen = points_of(data, Split("every third", out, np.full(out.sum(), np.nan)))
    np.testing.assert_array_equal(inputs["D"], data.inputs["D"][out])
    np.testing.assert_array_equal(seen, data.observed[out])
    assert main_input(fit.spec) == "flops"
    assert main_input(handmade_fit("accuracy_from_loss").spec) == "loss"


def test_a_run_on_the_border_is_fitted() -> None:
    """Half of the largest budget is not beyond half of it, nor a quantile beyond itself."""
    tokens = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 12.0]) * 1.1e9
    table = pd.DataFrame({"params": 1.7e9, "tokens": tokens, "loss": 3 - 0.1 * np.arange(7)})
    runs = bs.read_runs(table, loss_unit="nats/token", params_convention="total")
    (half,) = ahead_of(runs, "flops", [2.0])
    assert half.held_out.tolist() == [False] * 6 + [True]
    (third,) = ahead_of(runs, "tokens", [2.4])
    assert third.held_out.tolist() == [False] * 5 + [True] * 2
    assert list(ahead_of(runs, "tokens", [3.1])) == [], "three runs are too few"
    (middle,) = cuts_of(runs, "tokens", [0.5])
    assert middle.held_out.tolist() == [False] * 4 + [True] * 3


TOKENS = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 12.0])


def seven(**columns) -> bs.Runs:
    """Return seven runs of one size."""
    table = pd.DataFrame({"tokens": TOKENS * 1e9, "loss": 3 - 0.1 * np.arange(7)})
    return bs.read_runs(table.assign(**{"params": 2e9, **columns}), loss_unit="nats/token")


def test_cuts_in_words_and_numbers() -> None:
    (cut,) = cuts_of(seven(), "flops", [0.5])
    assert cut.name == f"flops <= {6 * 2e9 * 4e9:.3g}"
    assert cut.distance.tolist() == pytest.approx(np.log10(np.array([5, 6, 12]) / 4))
    for bad in (0, 1, 1.2, -0.1):
        with pytest.raises(bs.BayescaleError, match=f"between 0 and 1, not {bad!r}"):
            list(cuts_of(seven(), "flops", [bad]))
    assert [int(s.held_out.sum()) for s in cuts_of(seven(), "tokens", [0.99, 0.3, 0.31])] == [1, 5]
    with pytest.raises(bs.BayescaleError, match=r"every run has params = 2e\+09: there is nothing"):
        list(cuts_of(seven(), "params", [0.5]))
    near = seven(tokens=np.r_[TOKENS[:5] * 1e9, 12e9 * (1 - 1e-10), 12e9])
    assert [s.held_out.sum() for s in cuts_of(near, "tokens", [0.9])] == [2]


def test_factors_ahead() -> None:
    assert [int(s.held_out.sum()) for s in ahead_of(seven(), "tokens", [1.0001, 2.0, 2.4])] == [
        1, 1, 2,
    ]  # fmt: skip
    for bad in (1, 1.0, 0.5):
        with pytest.raises(bs.BayescaleError, match=f"factor above 1, not {bad!r}"):
            list(ahead_of(seven(), "tokens", [bad]))
    assert list(ahead_of(seven(tokens=7e9), "tokens", [1.0000000001])) == []
    with pytest.raises(bs.BayescaleError, match=r"no column 'tokns' in .*did you mean 'tokens'"):
        list(ahead_of(seven(), "tokns", [2.0]))
    step = np.array([0.0, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    for values, said in ((step, "row 0 is 0"), (step[::-1], "row 5 is -1")):
        with pytest.raises(bs.BayescaleError, match=f"level of {said}: a cut needs positive"):
            list(ahead_of(seven(level=values), "level", [2.0]))


def test_groups_in_words() -> None:
    runs = seven(rate=[0.123456, 0.123456, 0.5, 0.5, np.nan, 0.5, 0.5], kind=list("aabbaab"))
    first, second = groups_of(runs, "rate")
    assert (first.name, second.name) == ("without rate 0.1235", "without rate 0.5")
    assert first.held_out.tolist() == [True, True, *[False] * 5]
    assert second.distance.shape == (4,) and np.isnan(second.distance).all()
    assert [g.name for g in groups_of(runs, "kind")] == ["without kind a", "without kind b"]
    with pytest.raises(bs.BayescaleError, match="params has one value in all rows"):
        list(groups_of(runs, "params"))
    with pytest.raises(bs.BayescaleError, match=r"no column 'knd' in .*did you mean 'kind'"):
        list(groups_of(runs, "knd"))


def test_levels_of_the_scores() -> None:
    """Two hundred levels, in the middle of equal parts; a certain forecast scores its error."""
    np.testing.assert_allclose(LEVELS, np.arange(0.0025, 1, 0.005))
    draws = xr.DataArray([[0.0, 1.0]], dims=("chain", "draw"))
    for seen in (-0.5, 0.25, 2.0):
        miss = seen - LEVELS  # quantiles between zero and one are the levels themselves
        loss = np.where(miss > 0, LEVELS * miss, (LEVELS - 1) * miss)
        assert float(crps(draws, xr.DataArray(seen))) == pytest.approx(2 * loss.mean())
    lost = xr.DataArray([[np.nan, 1.0]], dims=("chain", "draw"))
    assert np.isnan(crps(lost, xr.DataArray(0.5))), "a draw that is none is no forecast"


def test_rules_for_a_target_that_rises() -> None:
    """The best accuracy seen is the highest; the line is the same least squares."""
    fit = handmade_fit("accuracy_from_compute")
    data = extract(fit.spec, runs_again(fit))
    (x,) = data.inputs.values()
    split = fitting_small(x < np.quantile(x, 0.7), "flops", x)
    found = _naive(fit.spec, data, split)
    at = np.asarray(fit.spec.noise.relative(data.observed, data.scale))
    small, out = ~split.held_out, split.held_out
    np.testing.assert_allclose(found["best_seen"], at[small].max() - at[out])
    slope, level = np.polyfit(np.log(x[small]), at[small], 1)
    np.testing.assert_allclose(found["log_linear"], level + slope * np.log(x[out]) - at[out])
    small_x = replace(data, inputs=dict.fromkeys(data.inputs, x / x.max()))
    again = _naive(fit.spec, small_x, split)
    np.testing.assert_allclose(again["log_linear"], found["log_linear"], rtol=1e-6, atol=1e-9)
    with_none = replace(data, inputs=dict.fromkeys(data.inputs, np.where(x == x.min(), 0, x)))
    flat = _naive(fit.spec, with_none, split)
    np.testing.assert_allclose(flat["log_linear"], at[small].mean() - at[out])


def test_along_a_loss_the_high_ones_are_fitted() -> None:
    losses = np.linspace(4.0, 2.0, 41)
    runs = bs.read_runs(pd.DataFrame({"loss": losses, "error": losses / 5}))
    (half,) = cuts_of(runs, "loss", [0.5], lower=True)
    assert half.name == "loss >= 3"
    np.testing.assert_array_equal(half.held_out, losses < 2.99)
    np.testing.assert_allclose(half.distance, np.log10(3.0 / losses[losses < 2.99]))
    (ahead,) = ahead_of(runs, "loss", [1.5], lower=True)
    np.testing.assert_array_equal(ahead.held_out, losses < 2.99)


def test_a_backtest_along_a_loss_holds_out_the_best_models() -> None:
    fit = handmade_fit("accuracy_from_loss")
    loss = fit.inputs["L"].values
    tested = bs.backtest_point_fit(runs_again(fit), "accuracy_from_loss", cuts=[0.7])
    assert tested.runs["cut"].str.startswith("loss >= ").all()
    assert (tested.runs["distance"] > 0).all() and len(tested.runs) == 12
    held = loss[np.isin(fit.observed["run"].values, tested.runs["run"])]
    assert held.max() < np.sort(loss)[12]
    furthest = 1 - loss.min() / np.sort(loss)[12]
    said = backtest_summary(tested)[0]
    assert said.endswith(f"down to a loss {100 * furthest:.0f} % below the lowest fitted one.")


def test_the_best_accuracy_seen_along_a_loss_is_the_highest() -> None:
    fit = handmade_fit("accuracy_from_loss")
    data = extract(fit.spec, runs_again(fit))
    (x,) = data.inputs.values()
    split = fitting_small(x > np.quantile(x, 0.3), "loss", x, lower=True)
    at = np.asarray(fit.spec.noise.relative(data.observed, data.scale))
    found = _naive(fit.spec, data, split)
    np.testing.assert_allclose(found["best_seen"], at[~split.held_out].max() - at[split.held_out])
