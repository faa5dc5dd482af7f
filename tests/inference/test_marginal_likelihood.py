"""Marginal likelihoods, against what is known in closed form and what draws of the prior give."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayescale as bs
from bayescale.inference.marginal_likelihood import _bridged, log_marginal_likelihood
from bayescale.inference.student_mixture import StudentMixture, fitted_mixture
from bayescale.model.observations import extract
from bayescale.model.parametrization import parametrization_of


def runs() -> pd.DataFrame:
    x = np.geomspace(1e19, 1e21, 5)
    return pd.DataFrame(
        {"flops": x, "loss": 3.0 * (x / 1e20) ** -0.05 * [1.03, 0.98, 1, 1.01, 0.99]}
    )


def by_prior(law: str, number: int) -> float:
    """Average the likelihood over draws of the prior."""
    spec = bs.make_spec(law)
    data = extract(spec, bs.read_runs(runs()))
    drawn = parametrization_of(spec).draw_prior(data, number, np.random.default_rng(3))
    inputs = {name: xr.DataArray(v, dims="run") for name, v in data.inputs.items()}
    curve = spec.law.curve(inputs, data.references, drawn, None)
    known = {name: xr.DataArray(v, dims="run") for name, v in data.known.items()}
    observed = xr.DataArray(data.observed, dims="run")
    total = spec.noise.log_density(curve, drawn, known, observed).sum("run").values.ravel()
    return float(np.logaddexp.reduce(total) - np.log(total.size))


@pytest.mark.parametrize("law", ["power_law", "power_law_floor"])
def test_as_the_prior_s_draws_have_it(law: str) -> None:
    fit = bs.fit(runs(), law, random_seed=1, progressbar=False)
    found = log_marginal_likelihood(fit, 1)
    assert found == pytest.approx(by_prior(law, 400_000), abs=0.08)
    assert log_marginal_likelihood(fit, 2) == pytest.approx(found, abs=0.05)
    assert log_marginal_likelihood(fit, 1) == found


def test_a_wider_prior_that_the_runs_do_not_ask_for_costs_its_logarithm() -> None:
    narrow, wide = (
        bs.fit(runs(), "power_law", priors={"exponent": p}, random_seed=1, progressbar=False)
        for p in ((0.04, 0.0625), (0.02, 0.125))
    )
    assert narrow.posterior["exponent"].std() < 0.5 * (0.125 - 0.02)
    lost = log_marginal_likelihood(narrow, 1) - log_marginal_likelihood(wide, 1)
    assert 0.5 < lost < np.log(4.2)


def test_the_bridge_finds_the_constant_of_a_known_density() -> None:
    rng = np.random.default_rng(0)
    root = np.array([[1.0, 0.0], [0.7, 0.4]])
    draws = rng.normal(size=(4000, 2)) @ root.T
    bridge = StudentMixture.of(*fitted_mixture(draws[::2], rng))

    def log_density(points: np.ndarray) -> np.ndarray:
        off = np.linalg.solve(root, points.T)
        return 5.0 - (off**2).sum(axis=0) / 2 - np.log(2 * np.pi) - np.log(0.4)

    sides = (draws[1::2], bridge.draw(2000, rng))
    found = _bridged(*(log_density(side) - bridge.log_density(side) for side in sides))
    assert found == pytest.approx(5.0, abs=0.02)


def test_the_mixture_s_density_integrates_to_one() -> None:
    mixture = StudentMixture.of(np.array([1.0, 3.0]), np.array([[0.0], [4.0]]), np.ones((2, 1, 1)))
    at = np.linspace(-400, 400, 400_001)
    assert np.trapezoid(np.exp(mixture.log_density(at[:, None])), at) == pytest.approx(1, abs=1e-4)


def test_pooled_groups_have_none() -> None:
    table = pd.concat([runs().assign(family=name) for name in "ab"])
    fit = bs.fit(table, "power_law", group="family", random_seed=1, progressbar=False)
    with pytest.raises(bs.BayescaleError, match="not of pooled groups"):
        log_marginal_likelihood(fit, 1)


def test_the_mixture_is_a_density() -> None:
    """Its density in one dimension sums to one up to its constant, and its draws follow it."""
    rng = np.random.default_rng(2)
    draws = np.concatenate([rng.normal(-3, 0.5, 4000), rng.normal(4, 1.0, 2000)])[:, None]
    mixture = StudentMixture.of(*fitted_mixture(draws, rng))
    grid = np.linspace(-30, 30, 60_001)[:, None]
    density = np.exp(mixture.log_density(grid))
    cumulative = np.cumsum(density) / density.sum()
    drawn = mixture.draw(20_000, rng)[:, 0]
    for at in (0.1, 0.4, 0.7, 0.95):
        assert np.quantile(drawn, at) == pytest.approx(
            grid[np.searchsorted(cumulative, at), 0], abs=0.15
        )
    assert (drawn < 0).mean() == pytest.approx(2 / 3, abs=0.03)
