"""Tempered chains give each mode its share, wherever NUTS or a Gaussian approximation put it."""

from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numba import carray, types

from bayescale.inference.tempering import TemperedChains, scans_of

_DOUBLES = types.CPointer(types.double)


@numba.cfunc(types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr))
def two_bananas(size, at, slope, value, data):  # type: ignore[no-untyped-def]
    """Write the log density of a bent mode of mass 0.7 at x = -6 and a narrow one of 0.3 at 6."""
    point, gradient = carray(at, (2,)), carray(slope, (2,))
    x, y = point[0], point[1]
    total, across, up = -np.inf, 0.0, 0.0
    for side, mass, width in ((-6.0, 0.7, 0.3), (6.0, 0.3, 0.05)):
        off = x - side
        bent = y - 0.5 * off**2
        part = np.log(mass / width) - off**2 / 2 - bent**2 / (2 * width**2)
        above = max(total, part)
        one, other = np.exp(total - above), np.exp(part - above)
        total = above + np.log(one + other)
        share = other / (one + other)
        across = (1 - share) * across + share * (bent * off / width**2 - off)
        up = (1 - share) * up - share * bent / width**2
    gradient[0], gradient[1] = across, up
    value[0] = total
    return 0


PROGRAM = SimpleNamespace(compiled_logp_func=two_bananas, user_data=np.zeros(1))


def chains(seed: int, sets: int = 4, cores: int | None = None) -> TemperedChains:
    """Start chains at a prior that knows little of the modes."""
    prior = np.random.default_rng(0).normal([0.0, 1.0], [8.0, 4.0], (4000, 2))
    return TemperedChains.of(PROGRAM, prior, sets, seed, cores)


def draws_of(rng: np.random.Generator, side: float, width: float, number: int) -> np.ndarray:
    """Draw from one of the two modes, shape (number, 2)."""
    off = rng.normal(size=number)
    return np.column_stack([side + off, off**2 / 2 + rng.normal(0, width, number)])


def test_each_mode_gets_its_share() -> None:
    """0.05 is six standard errors of two thousand crossings; quantiles are the exact ones."""
    rng, said = np.random.default_rng(1), []
    *_, points = chains(seed=1).draws(1000, [2000, 16_000], said.append)
    assert points.shape == (4, 1000, 2) and said[-1] == 16_000
    left = points[..., 0] < 0
    assert left.mean(axis=1) == pytest.approx(np.full(4, 0.7), abs=0.1)
    assert left.mean() == pytest.approx(0.7, abs=0.05)
    exact = np.concatenate([draws_of(rng, -6.0, 0.3, 70_000), draws_of(rng, 6.0, 0.05, 30_000)])
    for at in (0.05, 0.5, 0.95):
        assert np.quantile(points[..., 1], at) == pytest.approx(
            np.quantile(exact[:, 1], at), abs=0.2
        )


def test_the_seed_and_not_the_cores_decides() -> None:
    first, again, other = (
        next(chains(seed, sets=2, cores=cores).draws(200, [2000], id))
        for seed, cores in ((3, 1), (3, 2), (4, 2))
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_longer_chains_until_it_is_too_much_work() -> None:
    assert scans_of(1000, rows=20) == [2000, 4000, 8000, 16_000, 32_000]
    assert scans_of(5000, rows=200) == [8000]
    assert scans_of(1000, rows=1201) == []
