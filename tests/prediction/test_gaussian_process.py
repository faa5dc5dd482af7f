"""Gaussian conditioning, against the textbook formulas written with whole matrices."""

import numpy as np
import pytest
from scipy.special import gamma, kv
from scipy.stats import multivariate_normal

import bayescale as bs
from bayescale.prediction.gaussian_process import GaussianProcess, SizeAndReach, kernel, matern

RNG = np.random.default_rng(5)
PLACES = RNG.normal(size=(6, 2))
POINTS = RNG.normal(size=(4, 2))


def bessel(distance: np.ndarray, smoothness: float = 2.5) -> np.ndarray:
    """Return the Matérn correlation by its general form."""
    scaled = np.sqrt(2 * smoothness) * distance
    return 2 ** (1 - smoothness) / gamma(smoothness) * scaled**smoothness * kv(smoothness, scaled)


def random_covariance(size: int) -> np.ndarray:
    half = RNG.normal(size=(size, size + 2))
    return half @ half.T


def test_matern_is_the_bessel_form() -> None:
    distance = np.array([0.01, 0.3, 1.0, 2.5])
    np.testing.assert_allclose(matern(distance), bessel(distance), rtol=1e-10)
    assert matern(np.array(0.0)) == 1
    far = np.hypot(*(PLACES[2] - POINTS[1]))
    assert kernel(PLACES, POINTS)[2, 1] == pytest.approx(bessel(far))


def test_spread_beyond_a_known_place() -> None:
    assert SizeAndReach(0.02, 3.0).beyond(1.5) == pytest.approx(
        0.02 * np.sqrt(1 - bessel(np.array(0.5)) ** 2)
    )
    assert SizeAndReach(0.02, 3.0).beyond() == SizeAndReach(0.02, 3.0).beyond(1.0)


@pytest.mark.parametrize("one", [(0.0, 1.0), (100.1, 1.0), (1.0, 0.9e-3), (1.0, 1.1e6)])
def test_sizes_and_reaches_out_of_range(one: tuple[float, float]) -> None:
    with pytest.raises(bs.BayescaleError, match="a discrepancy has a positive size and reach"):
        SizeAndReach(*one)
    SizeAndReach(100.0, 1e-3)
    SizeAndReach(1e-9, 1e6)


def test_a_process_given_residuals() -> None:
    """Mean and covariance at points are those of the joint normal of places and points."""
    noise, residual = random_covariance(6) / 50, RNG.normal(size=(2, 3, 6))
    process = GaussianProcess.given(0.7, PLACES, residual, noise)
    joint = 0.7 * kernel(np.vstack([PLACES, POINTS]), np.vstack([PLACES, POINTS]))
    joint[:6, :6] += noise
    precision = np.linalg.inv(joint)[6:, 6:]
    slope = np.linalg.inv(precision) @ np.linalg.inv(joint)[6:, :6]
    mean, covariance = process.at(POINTS)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), atol=1e-9)
    np.testing.assert_allclose(mean, -residual @ slope.T, atol=1e-8)


def test_draws_have_the_mean_and_covariance_of_the_process() -> None:
    residual = np.broadcast_to(RNG.normal(size=6), (4, 5000, 6))
    process = GaussianProcess.given(0.7, PLACES, residual, 0.1 * np.eye(6))
    mean, covariance = process.at(POINTS)
    drawn = process.draw(POINTS, np.random.default_rng(1)).reshape(-1, 4)
    error = np.sqrt(np.diag(covariance) / len(drawn))  # Monte Carlo's
    assert (np.abs(drawn.mean(0) - mean[0, 0]) < 5 * error).all()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.05 * 0.7)
    density = multivariate_normal(mean[0, 0], covariance)
    assert np.isfinite(density.logpdf(drawn)).all()
