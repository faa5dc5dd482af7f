"""Numbers against independent computations of the same, by hand."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp

import bayescale as bs
from bayescale.decisions.regret import regret_summary
from bayescale.design.discrimination import ModelDiscrimination
from bayescale.evaluation.influence import _shift


def test_standard_error_of_waic(made_fit) -> None:
    """The standard error of a sum of n terms is sqrt(n) times the terms' standard deviation."""
    density = made_fit.tree_group("log_likelihood")[made_fit.target].transpose(
        "run", "chain", "draw"
    )
    rows = density.values.reshape(density.sizes["run"], -1)
    terms = [logsumexp(row) - np.log(row.size) - row.var(ddof=1) for row in rows]
    with pytest.warns(bs.BayescaleWarning, match="WAIC is not reliable"):
        found = bs.waic(made_fit)
    assert found.elpd == pytest.approx(sum(terms))
    assert found.se == pytest.approx(np.sqrt(len(terms)) * np.std(terms))


def test_expected_move_is_what_the_spread_grows_by() -> None:
    """By chance a mean moves by the root of the difference of the variances."""
    values = np.repeat([-2.0, -1.0, 1.0, 2.0], 25)
    weights = np.repeat([0.35, 0.15, 0.15, 0.35], 25) / 25
    before, after = 2.5, 0.7 * 4 + 0.3 * 1  # variances, both of mean zero
    shift, expected = _shift(values, weights)
    assert shift == pytest.approx(0.0)
    assert expected == pytest.approx(np.sqrt((after - before) / before))


def test_sizes_near_the_choice_waste_at_most_the_tolerance_more() -> None:
    sizes = np.array([1e9, 2e9, 4e9, 8e9, 16e9])
    wasted = np.array([0.24, 0.14, 0.05, 0.13, 0.16])
    dims = ("chain", "draw", "budget", "choice")
    shape = (1, 2, 1, 5)
    regrets = xr.Dataset(
        {
            "regret": (dims, np.broadcast_to(wasted / 10, shape)),
            "wasted": (dims, np.broadcast_to(wasted, shape)),
        },
        coords={
            "flops": ("budget", [1e22]),
            "params": (("budget", "choice"), sizes[None]),
            "tokens": (("budget", "choice"), 1e22 / 6 / sizes[None]),
            "candidate": ("choice", np.zeros(5, dtype=bool)),
        },
        attrs={"tolerance": 0.1, "probability": 0.8},
    )
    row = regret_summary(regrets).iloc[0]
    assert row["params"] == 4e9
    assert (row["near_lower"], row["near_upper"]) == (2e9, 8e9)  # at most 0.05 + 0.1
    assert (row["flat_lower"], row["flat_upper"]) == (4e9, 4e9)  # at most 0.1
    narrow = regret_summary(regrets, tolerance=0.085).iloc[0]
    assert (narrow["near_lower"], narrow["near_upper"]) == (4e9, 8e9)


def test_bhattacharyya_bound_by_integration() -> None:
    """The bound is the sum over pairs of the integral of sqrt(w_i p_i w_j p_j)."""
    weights = np.array([0.5, 0.3, 0.2])
    means = np.array([[0.0], [0.8], [2.0]])
    variances = np.array([1.0, 0.5, 2.0])
    bound = ModelDiscrimination(weights, means, variances[:, None, None])
    x, step = np.linspace(-30, 30, 200_001, retstep=True)
    density = np.exp(-((x - means) ** 2) / variances[:, None] / 2)
    density /= np.sqrt(2 * np.pi * variances[:, None])
    expected = sum(
        np.sqrt(weights[i] * density[i] * weights[j] * density[j]).sum() * step
        for i, j in itertools.combinations(range(3), 2)
    )
    assert bound.condition_on(0).uncertainty == pytest.approx(expected, rel=1e-6)
    assert bound.uncertainty_after()[0] == pytest.approx(expected, rel=1e-6)
    none = sum(np.sqrt(a * b) for a, b in itertools.combinations(weights, 2))
    assert bound.uncertainty == pytest.approx(none)
