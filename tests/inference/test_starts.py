"""Chains of laws with breaks start at the best optima; how many breaks there are, LOO says."""

import numpy as np
import pandas as pd
import pytest
from handmade import fit_around
from scipy.optimize import curve_fit

import bayescale as bs
from bayescale.inference.attempts import natural_parameters
from bayescale.inference.fit import prepare
from bayescale.inference.initialization import LogDensity, find_modes, near_modes
from bayescale.inference.sampling import Sampler, sample
from bayescale.laws.registry import BUILT_IN
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

ONE_BREAK = {
    "E": 1.5,
    "R": 0.8,
    "slope_before": 0.1,
    "slope_after": 0.6,
    "place": 1.0,
    "width": 0.2,
}


def mixture(weights: list[float], centres: list[float], sds: list[float]) -> LogDensity:
    """Return the log density of a mixture of normals in two dimensions, and its gradient."""
    log_w, at, sd = (np.array(x, dtype=float) for x in (weights, centres, sds))
    at = np.column_stack([at, 0 * at])

    def log_density(point: np.ndarray) -> tuple[float, np.ndarray]:
        away = (point - at) / sd[:, None]
        each = np.log(log_w) - 2 * np.log(sd) - (away**2).sum(axis=1) / 2
        value = np.logaddexp.reduce(each)
        return float(value), -np.exp(each - value) @ (away / sd[:, None])

    return log_density


def draw(seed) -> np.ndarray:
    """Draw a point to climb from."""
    return np.random.default_rng(seed).normal(0, 4, 2)


GRID = [np.array([x, y]) for x in np.linspace(-6, 6, 8) for y in (-1.0, 1.0)]


class TestModes:
    def test_both_are_found_with_their_masses(self) -> None:
        modes = find_modes(mixture([0.8, 0.2], [-3, 3], [0.3, 0.1]), GRID)
        assert [round(float(mode.point[0]), 3) for mode in modes] == [-3, 3]
        ratio = np.exp(modes[0].log_mass - modes[1].log_mass)
        assert ratio == pytest.approx(4, rel=1e-3)
        root = modes[0].unit[:, None] * modes[0].axes * modes[0].sd
        np.testing.assert_allclose(root @ root.T, 0.09 * np.eye(2), atol=1e-4)

    def test_a_high_but_thin_mode_is_hopeless(self) -> None:
        """Its density is forty times the other's, its mass a thousandth."""
        modes = find_modes(
            mixture([0.999, 0.001], [-3, 3], [1.0, 0.005]), [*GRID, np.array([3, 0])]
        )
        assert [round(float(mode.point[0]), 2) for mode in modes] == [-3]

    def test_starts_are_shared_by_mass(self) -> None:
        start = near_modes(mixture([0.8, 0.2], [-3, 3], [0.3, 0.1]), draw, seed=1)
        first = np.array([start(seed)[0] for seed in range(2000)])
        assert (first < 0).mean() == pytest.approx(0.8, abs=0.03)
        assert first[first < 0].std() == pytest.approx(0.3, rel=0.1)
        np.testing.assert_array_equal(start(7), start(7))

    def test_where_nothing_can_be_climbed_the_prior_starts(self) -> None:
        def nowhere(point: np.ndarray) -> tuple[float, np.ndarray]:
            return -np.inf, np.zeros_like(point)

        assert near_modes(nowhere, draw, seed=1) is draw

    def test_a_climb_that_leaves_for_infinity_finds_no_mode(self) -> None:
        whole = mixture([1.0], [1.0], [0.5])

        def with_an_abyss(point: np.ndarray) -> tuple[float, np.ndarray]:
            """Rise without end beyond 20, as rounding errors of large numbers do."""
            return whole(point) if point[0] < 20 else (1e9 * point[0], np.array([1e9, 0.0]))

        starts = [*GRID, np.array([25.0, 0.0])]
        (mode,) = find_modes(with_an_abyss, starts)
        np.testing.assert_allclose(mode.point, [1, 0], atol=1e-4)

    def test_holes_are_passed_over(self) -> None:
        whole = mixture([1.0], [1.0], [0.5])

        def with_a_hole(point: np.ndarray) -> tuple[float, np.ndarray]:
            return whole(point) if point[0] > 0 else (-np.inf, np.zeros_like(point))

        (mode,) = find_modes(with_a_hole, GRID)
        np.testing.assert_allclose(mode.point, [1, 0], atol=1e-4)


class TwoValleys(bs.Law):
    """A trend that is steepest at two values of k, and as steep as it gets at one of them."""

    x = bs.Input("tokens", about="training tokens")
    E = bs.Positive(0.2, 5.0, of="target", about="loss at the reference")
    k = bs.Real(-2.0, 2.0, about="of which the slope is a polynomial")

    @staticmethod
    def equation(x, E, k):
        """Loss at relative tokens."""
        return E * x ** (0.1 * (k**4 - 2 * k**2 + 0.3 * k))


def test_chains_that_do_not_meet_start_again_at_the_best_modes() -> None:
    """Only k near -1 explains the slope; chains from the prior stay near 1 as well."""
    tokens = np.geomspace(1e9, 1e12, 40)
    runs = bs.simulate(
        TwoValleys, {"tokens": tokens}, {"E": 2.0, "k": -1.03, "sigma": 0.003}, random_seed=1
    )
    sampler = Sampler(draws=500)
    spec, data = prepare(runs, TwoValleys)

    def disagree(seed: int) -> bool:
        first = sample(spec, data, sampler, seed, False)
        ends = natural_parameters(spec, data, first)["k"].mean("draw")
        return bool((ends > 0.5).any() and (ends < -0.5).any())

    seed = next(seed for seed in range(30) if disagree(seed))
    fit = bs.fit(runs, TwoValleys, sampler=sampler, random_seed=seed, progressbar=False)
    assert fit.diagnostics.ok, fit.diagnostics.problems()
    assert fit.posterior["k"].max() < 0


def break_runs(seed: int = 3) -> pd.DataFrame:
    """Simulate forty runs with one clear break."""
    tokens = np.geomspace(1e9, 2e11, 40)
    at = {"x": float(np.sqrt(1e9 * 2e11))}
    return bs.simulate(
        "broken_power_law", {"tokens": tokens}, ONE_BREAK, references=at, random_seed=seed
    )


def breaks_by_loo(runs: pd.DataFrame) -> pd.DataFrame:
    """Compare fits with no, one and two breaks, each around its least squares."""
    fits = {}
    for name, law in {
        "none": "power_law_floor",
        "one": "broken_power_law",
        "two": "twice_broken_power_law",
    }.items():
        spec = make_spec(law, columns={"x": "tokens"})
        data = extract(spec, bs.read_runs(runs, loss_unit="nats/token"))
        x = data.inputs["x"] / data.references["x"]
        if name == "none":
            best, _ = curve_fit(
                spec.law.equation, x, data.observed, p0=(1.5, 0.8, 0.3), bounds=(0.01, 5)
            )
            centre = dict(zip(spec.free, best, strict=True))
        elif name == "one":
            centre = ONE_BREAK
        else:  # the second break changes nothing
            after = ONE_BREAK["slope_after"]
            second = {"slope_between": after, "gap": 1.0, "width_after": 0.2}
            centre = {**ONE_BREAK, **second}
        residual = np.log(data.observed / spec.law.equation(x, **centre))
        sigma = {"sigma": float(residual.std()) * 0.8}
        fits[name] = fit_around(spec, data, {**centre, **sigma}, spread=0.001)
    return bs.compare(fits)


def test_the_number_of_breaks_by_loo() -> None:
    table = breaks_by_loo(break_runs())
    assert table.loc["none", "elpd_diff"] < -5 * table.loc["none", "dse"]
    assert table.loc["none", "verdict"].startswith("worse than")
    assert abs(table.loc["two", "elpd_loo"] - table.loc["one", "elpd_loo"]) < 4


def test_a_broken_law_samples_from_whatever_seed() -> None:
    """Random starts left the chains of half of such fits in other modes, R-hat 1.5 and more.

    The width of a break mixes slowly, whatever the start: one draw in twelve is independent, in
    some seeds one in forty. The longer try then still has three times the ESS that it takes.
    """
    runs, sampler = break_runs(), Sampler(draws=4000)
    for seed in (0, 1):
        options = {"sampler": sampler, "random_seed": seed, "progressbar": False}
        fit = bs.fit(runs, "broken_power_law", **options)
        assert fit.diagnostics.ok, fit.diagnostics
        for name, truth in ONE_BREAK.items():
            low, high = np.quantile(fit.posterior[name], [0.005, 0.995])
            assert low < truth < high, name


def test_laws_with_several_modes_say_so() -> None:
    assert {law.name for law in BUILT_IN.values() if law.multimodal} >= {
        "broken_power_law",
        "twice_broken_power_law",
        "board_game",
    }
