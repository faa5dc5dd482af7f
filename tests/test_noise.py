"""Every noise: one distribution with two faces, on the scale it names."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import scipy.stats
import xarray as xr

import bayescale as bs
from bayescale.noise import NOISES, get_noise
from bayescale.spec import extract, make_spec

VALUES = {"sigma": 0.05, "nu": 4.0, "rho": 0.05}
CURVE = {"log": 3.0, "raw": -2.0, "logit": 0.3, "count": 0.3}
CONTINUOUS = [noise for noise in NOISES.values() if not noise.discrete]
COUNTS = [noise for noise in NOISES.values() if noise.discrete]


def kind(noise) -> str:
    if noise.discrete:
        return "count"
    return next((k for k in ("raw", "logit") if noise.name.startswith(k)), "log")


def log_slope(noise, y):
    """Log derivative of the noise's scale, written down anew."""
    slopes = {"log": lambda: -np.log(y), "raw": lambda: 0.0 * y}
    return slopes.get(kind(noise), lambda: -np.log(y * (1 - y)))()


def values_of(noise) -> dict[str, float]:
    return {name: VALUES[name] for name in noise.parameters}


every = pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
continuous = pytest.mark.parametrize("noise", CONTINUOUS, ids=lambda n: n.name)
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
    density = np.exp(noise.log_density(xr.DataArray(middle), at, {"se": 0.0}, grid))
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
    """The model's log density differs from ours by the Jacobian of the scale alone."""
    rng = np.random.default_rng(0)
    middle = np.full(6, CURVE[kind(noise)])
    known = {"trials": np.full(6, 40.0)} if noise.discrete else {"se": np.full(6, 0.02)}
    observed = noise.draw(middle, values_of(noise), known, rng=rng)
    with pm.Model(coords={"run": range(6)}) as model:
        noise.observe("y", middle, values_of(noise), noise.data(observed, known))
    theirs = model.compile_logp(mode="FAST_COMPILE", sum=False)({})[0]
    ours = noise.log_density(middle, values_of(noise), known, observed)
    slope = 0.0 if noise.discrete else log_slope(noise, observed)
    np.testing.assert_allclose(theirs + slope, ours, rtol=1e-6, atol=1e-8)


@every
def test_draws_follow_the_density(noise) -> None:
    known = {"trials": 40.0} if noise.discrete else {"se": 0.0}
    middle = np.full(20_000, CURVE[kind(noise)])
    drawn = noise.draw(middle, values_of(noise), known, rng=np.random.default_rng(1))
    _, standardised = noise.residual(middle, values_of(noise), known, drawn)
    if noise.discrete:
        assert np.mean(drawn) == pytest.approx(0.3, abs=0.005)
        assert np.std(standardised) == pytest.approx(1, rel=0.03)
    else:
        expected = scipy.stats.t(4.0) if "nu" in noise.parameters else scipy.stats.norm()
        assert scipy.stats.kstest(standardised, expected.cdf).pvalue > 1e-4


@continuous
def test_a_known_error_adds_in_quadrature(noise) -> None:
    middle = np.full(20_000, CURVE[kind(noise)])
    rng = np.random.default_rng(2)
    slope = np.exp(log_slope(noise, middle))
    drawn = noise.draw(middle, values_of(noise), {"se": 0.12 / slope}, rng=rng)
    residual, _ = noise.residual(middle, values_of(noise), {"se": 0.0}, drawn)
    expected = scipy.stats.t(4.0) if "nu" in noise.parameters else scipy.stats.norm()
    test = scipy.stats.kstest(np.asarray(residual) / 0.13, expected.cdf)
    assert test.pvalue > 1e-4


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
