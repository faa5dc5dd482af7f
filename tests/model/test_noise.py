"""Every noise: one distribution with two faces, on the scale it names."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import scipy.stats
import xarray as xr

import bayescale as bs
from bayescale.design.gaussian_update import scatter_of
from bayescale.model.noise.registry import NOISES, get_noise
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

VALUES = {"sigma": 0.05, "nu": 4.0, "rho": 0.05, "tail": 0.4, "inefficiency": 0.2, "reach": 0.3}
VALUES["sigma_exponent"] = 0.1
CURVE = {"log": 3.0, "raw": -2.0, "logit": 0.3, "count": 0.3}
KNOWN = {"trials": 40.0, "se": 0.02, "step": 0.1, "successes": 3.0, "cap": 12.0}
KNOWN |= dict.fromkeys(("series", "place"), np.nan) | {"log_compute": np.log(0.1)}
EXACT = {"se": 0.0, "log_compute": 0.0}
"""Of a run without a known error, at the compute at which a falling scatter is sigma."""
CONTINUOUS = [noise for noise in NOISES.values() if not noise.discrete]
SCATTERS = [noise for noise in CONTINUOUS if "frontier" not in noise.name]
COUNTS = [noise for noise in NOISES.values() if "trials" in noise.known]


def kind(noise) -> str:
    if noise.discrete and noise.name != "rounded":
        return "count"
    return next((k for k in ("raw", "logit") if noise.name.startswith(k)), "log")


def known_of(noise, size: int | None = None) -> dict:
    shape = () if size is None else size
    return {name: np.full(shape, KNOWN[name]) for name in noise.known}


def log_slope(noise, y):
    """Log derivative of the noise's scale, written down anew."""
    slopes = {"log": lambda: -np.log(y), "raw": lambda: 0.0 * y}
    return slopes.get(kind(noise), lambda: -np.log(y * (1 - y)))()


def values_of(noise) -> dict[str, float]:
    return {name: VALUES[name] for name in noise.parameters}


every = pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
continuous = pytest.mark.parametrize("noise", CONTINUOUS, ids=lambda n: n.name)
symmetric = pytest.mark.parametrize("noise", SCATTERS, ids=lambda n: n.name)
counted = pytest.mark.parametrize("noise", COUNTS, ids=lambda n: n.name)


@continuous
def test_density_integrates_to_one(noise) -> None:
    middle = CURVE[kind(noise)]
    grid = {
        "raw": np.linspace(-80, 80, 400_001),
        "logit": 1 / (1 + np.exp(-np.linspace(-30, 30, 400_001))),
        "log": np.exp(np.linspace(-8, 10, 400_001)),
    }[kind(noise)]
    grid = xr.DataArray(np.unique(grid[(grid != 0) & (grid != 1)]), dims="run")
    at = {k: xr.DataArray(v) for k, v in values_of(noise).items()}
    density = np.exp(noise.log_density(xr.DataArray(middle), at, EXACT, grid))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=2e-3)


@counted
def test_probabilities_sum_to_one(noise) -> None:
    ratios = xr.DataArray(np.arange(51) / 50, dims="run")
    at = {k: xr.DataArray(v) for k, v in values_of(noise).items()}
    logp = noise.log_density(xr.DataArray(0.3), at, {"trials": xr.DataArray(50.0)}, ratios)
    assert float(np.exp(logp).sum()) == pytest.approx(1)
    assert float((np.exp(logp) * ratios).sum()) == pytest.approx(0.3)


@every
def test_pymc_and_scipy_are_the_same_distribution(noise) -> None:
    """The model's log density differs from ours by what does not depend on parameters.

    That is the Jacobian of the scale, or the share of draws that succeeded where the last of a
    number of draws must be a success.
    """
    rng = np.random.default_rng(0)
    middle = np.full(6, CURVE[kind(noise)])
    known = known_of(noise, 6)
    observed = noise.draw(middle, values_of(noise), known, rng=rng)
    with pm.Model(coords={"run": range(6)}) as model:
        noise.observe("y", middle, values_of(noise), noise.data(observed, known))
    theirs = model.compile_logp(mode="FAST_COMPILE", sum=False)({})[0]
    ours = noise.log_density(middle, values_of(noise), known, observed)
    constant = 0.0 if noise.discrete else log_slope(noise, observed)
    if "cap" in known:
        reached = observed > 2.5 / known["cap"]
        assert 0 < reached.sum() < 6
        constant = np.where(reached, np.log(observed), 0.0)
    np.testing.assert_allclose(theirs + constant, ours, rtol=1e-6, atol=1e-8)


@symmetric
def test_draws_follow_the_density(noise) -> None:
    middle = np.full(20_000, CURVE[kind(noise)])
    known = EXACT
    drawn = noise.draw(middle, values_of(noise), known, rng=np.random.default_rng(1))
    _, standardised = noise.residual(middle, values_of(noise), known, drawn)
    expected = scipy.stats.t(4.0) if "nu" in noise.parameters else scipy.stats.norm()
    assert scipy.stats.kstest(standardised, expected.cdf).pvalue > 1e-4


@counted
def test_draws_have_the_mean_and_spread_of_the_probabilities(noise) -> None:
    middle = np.full(20_000, 0.3)
    known = {"trials": 40.0}
    drawn = noise.draw(middle, values_of(noise), known, rng=np.random.default_rng(1))
    _, standardised = noise.residual(middle, values_of(noise), known, drawn)
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.008)
    assert np.std(standardised) == pytest.approx(1, rel=0.03)


@symmetric
def test_a_known_error_adds_in_quadrature(noise) -> None:
    middle = np.full(20_000, CURVE[kind(noise)])
    rng = np.random.default_rng(2)
    slope = np.exp(log_slope(noise, middle))
    drawn = noise.draw(middle, values_of(noise), EXACT | {"se": 0.12 / slope}, rng=rng)
    residual, _ = noise.residual(middle, values_of(noise), EXACT, drawn)
    expected = scipy.stats.t(4.0) if "nu" in noise.parameters else scipy.stats.norm()
    test = scipy.stats.kstest(np.asarray(residual) / 0.13, expected.cdf)
    assert test.pvalue > 1e-4


@pytest.mark.parametrize(("name", "side"), [("frontier", -1), ("cost_frontier", 1)])
def test_a_frontier_has_its_runs_on_one_side(name: str, side: int) -> None:
    """Drawn from the definition: an exponential distance and a normal error, on the log scale."""
    noise, rng, size = NOISES[name], np.random.default_rng(3), 40_000
    values, known = values_of(noise), {"se": 0.12 * 3.0}
    middle = np.full(size, 3.0)
    drawn = np.log(noise.draw(middle, values, known, rng=rng) / 3.0)
    defined = rng.normal(0, 0.13, size) + side * rng.exponential(0.2, size)
    assert scipy.stats.ks_2samp(drawn, defined).pvalue > 1e-4
    residual, standardised = noise.residual(middle, values, {"se": 0.0}, 3.0 * np.exp(defined))
    np.testing.assert_allclose(residual, defined)
    assert np.sign(np.mean(residual)) == side
    assert np.mean(standardised) == pytest.approx(0, abs=0.03)


class TestRounded:
    noise = NOISES["rounded"]

    def density(self, value: float, step: float, at: float = 3.0, se: float = 0.0) -> float:
        known = {"step": np.array(step), "se": np.array(se)}
        return float(self.noise.log_density(at, {"sigma": 0.05}, known, np.array(value)))

    @pytest.mark.parametrize("value", [2.9, 3.0, 3.3])
    def test_it_is_the_probability_of_the_interval(self, value: float) -> None:
        normal = scipy.stats.norm(np.log(3.0), 0.05)
        inside = np.diff(normal.cdf(np.log([value - 0.05, value + 0.05])))[0]
        assert self.density(value, 0.1) == pytest.approx(np.log(inside), rel=1e-9)

    @pytest.mark.parametrize("value", [0.05, 0.5, 2.0, 4.0, 50.0, 1e4])
    def test_far_out_it_keeps_its_digits(self, value: float) -> None:
        """Where both ends' probabilities round to zero or one: integrated on the log scale."""
        ends = np.log([value * 0.99, value * 1.01])
        grid = np.linspace(*ends, 200_001)
        logs = scipy.stats.norm.logpdf(grid, np.log(3.0), 0.05)
        expected = logs.max() + np.log(np.trapezoid(np.exp(logs - logs.max()), grid))
        assert self.density(value, 0.02 * value) == pytest.approx(expected, rel=1e-6)

    def test_with_small_steps_it_is_the_density(self) -> None:
        normal = NOISES["normal"].log_density(3.0, {"sigma": 0.05}, {"se": 0.1}, np.array(3.1))
        found = self.density(3.1, 1e-6, se=0.1) - np.log(1e-6)
        assert found == pytest.approx(float(normal), abs=1e-6)

    def test_draws_are_multiples_of_the_step_with_the_probabilities_of_their_intervals(self):
        rng = np.random.default_rng(4)
        known = {"step": 0.1, "se": 0.0}
        drawn = self.noise.draw(np.full(20_000, 3.0), {"sigma": 0.05}, known, rng=rng)
        values, counts = np.unique(np.rint(drawn / 0.1), return_counts=True)
        expected = np.exp([self.density(0.1 * v, 0.1) for v in values])
        frequent = counts > 20
        z = (counts / 20_000 - expected) / np.sqrt(expected / 20_000)
        assert np.abs(z[frequent]).max() < 4.5

    def test_a_step_that_reaches_zero_is_named(self) -> None:
        with pytest.raises(bs.BayescaleError, match=r"row 2 of 2: a value of 0\.1 .* of 0\.3"):
            self.noise.data(np.array([2.0, 0.1]), {"step": np.array([0.3, 0.3]), "se": np.zeros(2)})


class TestUntil:
    noise = NOISES["negative_binomial"]
    known: ClassVar = {"successes": np.array(3.0), "cap": np.array(12.0)}

    def outcomes(self) -> np.ndarray:
        return np.array([*(3 / np.arange(3, 13)), *(np.arange(3) / 12)])

    def test_probabilities_of_all_outcomes_sum_to_one(self) -> None:
        logp = self.noise.log_density(np.array(0.3), {}, self.known, self.outcomes())
        assert np.exp(logp).sum() == pytest.approx(1)

    def test_draws_have_those_probabilities(self) -> None:
        rng = np.random.default_rng(5)
        drawn = self.noise.draw(np.full(40_000, 0.2), {}, self.known, rng=rng)
        outcomes = self.outcomes()
        counts = np.array([np.isclose(drawn, value).sum() for value in outcomes])
        assert counts.sum() == 40_000
        expected = np.exp(self.noise.log_density(np.array(0.2), {}, self.known, outcomes))
        assert scipy.stats.chisquare(counts, 40_000 * expected).pvalue > 1e-4

    def test_residuals_have_their_size(self) -> None:
        known = {"successes": 50.0, "cap": 1000.0}
        for p in (0.2, 0.01):
            middle = np.full(20_000, p)
            drawn = self.noise.draw(middle, {}, known, rng=np.random.default_rng(6))
            _, standardised = self.noise.residual(middle, {}, known, drawn)
            assert np.std(standardised) == pytest.approx(1, rel=0.05)

    def test_without_a_cap_some_draw_succeeds(self) -> None:
        known = {"successes": np.ones(2), "cap": np.full(2, np.inf)}
        with pytest.raises(bs.BayescaleError, match=r"row 2 of 2 has no success and no cap.*_cap"):
            self.noise.data(np.array([0.5, 0.0]), known)


def test_the_tail_exponent_is_that_of_the_probabilities() -> None:
    """Of very many problems the share that k tries all fail falls as k to minus the exponent."""
    noise, tail = NOISES["beta_binomial_tail"], 0.4
    tries = np.array([1e3, 1e4, 1e5])
    unsolved = noise.log_density(np.array(0.01), {"tail": tail}, {"trials": tries}, np.zeros(3))
    slope = np.diff(unsolved) / np.diff(np.log(tries))
    assert slope[-1] == pytest.approx(-tail, abs=0.001)


def test_which_values_are_valid_is_the_noises_business() -> None:
    numbers = np.array([-3.0, 0.0, 0.5, 1.0, 2.0, np.nan, np.inf])
    usable = {name: noise.usable(numbers).tolist() for name, noise in NOISES.items()}
    assert usable["student_t"] == [False, False, True, True, True, False, False]
    assert usable["raw_normal"] == [True, True, True, True, True, False, False]
    assert usable["logit_normal"] == [False, False, True, False, False, False, False]
    assert usable["binomial"] == [False, True, True, True, False, False, False]


def test_rows_it_cannot_use_are_set_aside_with_the_reason() -> None:
    table = {"params": [1e8] * 8, "tokens": [1e9] * 8, "loss": [3.0] * 6 + [0.0, -1.0]}
    with pytest.warns(bs.BayescaleWarning, match="loss is not a positive number"):
        data = extract(make_spec("chinchilla"), bs.read_runs(pd.DataFrame(table)))
    assert len(data.observed) == 6
    assert len(data.runs.set_aside) == 2


def test_unknown() -> None:
    with pytest.raises(bs.BayescaleError, match="did you mean 'student_t'"):
        get_noise("studentt")


@pytest.fixture(scope="module")
def falling() -> bs.Fit:
    design = {
        "params": np.repeat(np.geomspace(1e7, 1e9, 6), 10),
        "tokens": np.tile(np.geomspace(2e8, 2e10, 10), 6),
    }
    truth = {"E": 1.8, "a": 0.6, "alpha": 0.35, "b": 0.5, "beta": 0.35}
    scatter = {"sigma": 0.004, "sigma_exponent": 0.2, "nu": 20.0}
    table = bs.simulate(
        "chinchilla",
        design,
        truth | scatter,
        references={"N": 1e8, "D": 2e9},
        noise="heteroscedastic",
        random_seed=1,
    )
    sampler = bs.Sampler(chains=2)
    return bs.fit(
        table,
        "chinchilla",
        noise="heteroscedastic",
        sampler=sampler,
        random_seed=1,
        progressbar=False,
    )


class TestScatterThatFallsWithCompute:
    noise = NOISES["heteroscedastic"]

    def test_a_thousandfold_compute_scatters_less_by_the_power(self) -> None:
        table = pd.DataFrame({"flops": [1e20, 1e23], "loss": [3.0, 3.0]})
        known = self.noise.take(table, "loss")
        values = {"sigma": 0.01, "nu": 4.0, "sigma_exponent": 0.2}
        _, size = self.noise.displacement(3.0, values, known, np.array([3.0, 3.1]), 3.0)
        np.testing.assert_allclose(size, [0.01, 0.01 * 1000**-0.2])

    @pytest.mark.parametrize("flops", [None, [1e20, np.nan], [1e20, 0.0]])
    def test_a_run_of_unknown_compute_is_refused(self, flops) -> None:
        table = pd.DataFrame({"loss": [3.0, 3.0]})
        table = table if flops is None else table.assign(flops=flops)
        with pytest.raises(bs.BayescaleError, match="needs the compute of each run"):
            self.noise.take(table, "loss")

    def test_the_exponent_is_recovered(self, falling: bs.Fit) -> None:
        assert falling.diagnostics.ok
        low, high = falling.posterior["sigma_exponent"].quantile([0.02, 0.98])
        assert low < 0.2 < high
        assert float(high - low) < 0.25  # that of its prior is .57

    def test_a_new_run_scatters_as_its_compute_says(self, falling: bs.Fit, tmp_path) -> None:
        """Above its law, by the width of what is drawn around it; a saved fit answers alike."""

        def width(one: bs.Fit, params: str, tokens: str) -> float:
            found = bs.predict(one, params=params, tokens=tokens, discrepancy=None, random_seed=3)
            away = np.log(found["new_run"] / found["outcome"])
            return float(away.quantile(0.75) - away.quantile(0.25))

        small, large = width(falling, "10M", "200M"), width(falling, "1B", "20B")
        exponent = float(falling.posterior["sigma_exponent"].median())
        assert large / small == pytest.approx(1e4**-exponent, rel=0.15)
        bs.save(falling, tmp_path / "fit.nc")
        assert width(bs.load(tmp_path / "fit.nc"), "1B", "20B") == large

    def test_a_large_run_tells_more_than_a_small_one(self, falling: bs.Fit) -> None:
        inputs = {
            "N": xr.DataArray([1e7, 1e9], dims="point"),
            "D": xr.DataArray([2e8, 2e10], dims="point"),
        }
        small, large = scatter_of(falling, inputs)
        exponent = float(falling.posterior["sigma_exponent"].median())
        assert large / small == pytest.approx(1e4 ** (-2 * exponent), rel=0.05)
