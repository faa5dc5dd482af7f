"""Chains that cross between modes give each its share, and R-hat and ESS judge them as any."""

import numpy as np
import pytest

from bayescale.inference.initialization import find_modes
from bayescale.inference.mode_jumps import jump_between_modes
from bayescale.inference.student_mixture import StudentMixture, fitted_mixture


def two_bananas(point: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the log density of a bent mode of mass 0.7 at x = -6 and one of 0.3 at x = 6."""
    x, y = point
    sides = np.array([-6.0, 6.0])
    off, bent = x - sides, y - 0.5 * (x - sides) ** 2
    each = np.log([0.7, 0.3]) - off**2 / 2 - bent**2 / (2 * 0.3**2)
    value = np.logaddexp(*each)
    share = np.exp(each - value)
    slopes = np.array([-off + bent * off / 0.3**2, -bent / 0.3**2])
    return float(value), slopes @ share


def draws_of(rng: np.random.Generator, side: float, number: int) -> np.ndarray:
    """Draw from one of the two modes, shape (number, 2)."""
    off = rng.normal(size=number)
    return np.column_stack([side + off, off**2 / 2 + rng.normal(0, 0.3, number)])


def test_each_mode_gets_its_share() -> None:
    """Three of four chains are stuck in the smaller mode; 0.02 is five standard errors."""
    rng = np.random.default_rng(0)
    points = np.array([draws_of(rng, side, 1000) for side in (-6.0, 6.0, 6.0, 6.0)])
    found = jump_between_modes(two_bananas, points, (), seed=1)
    assert found.shape == points.shape
    left = found[..., 0] < 0
    assert left.mean() == pytest.approx(0.7, abs=0.05)
    assert (np.diff(left, axis=1) != 0).any(axis=1).all()  # every chain crosses
    exact = np.concatenate([draws_of(rng, -6.0, 70_000), draws_of(rng, 6.0, 30_000)])
    for at in (0.05, 0.5, 0.95):
        assert np.quantile(found[..., 1], at) == pytest.approx(
            np.quantile(exact[:, 1], at), abs=0.2
        )


def test_a_mode_that_no_draw_is_near_gets_its_share() -> None:
    rng = np.random.default_rng(1)
    points = np.array([draws_of(rng, 6.0, 1000) for _ in range(4)])
    modes = find_modes(two_bananas, list(rng.normal([0, 1], [6, 1], (30, 2))))
    assert len(modes) == 2
    found = jump_between_modes(two_bananas, points, modes, seed=1)
    assert (found[..., 0] < 0).mean() == pytest.approx(0.7, abs=0.05)


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
