"""Searches for runs, modes and ranges, against brute force and densities made up by hand."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from handmade import handmade_fit
from scipy.stats import gaussian_kde

from bayescale.design import search
from bayescale.design.coverage import Span, spans, tied_inputs
from bayescale.design.posterior_modes import _merge, _peaks, _valleys, modes
from bayescale.design.search import BEST, Rule, choose, exchange, fewest_sizes, in_order


@dataclass(frozen=True)
class Line:
    """The variance of a quantity that is linear in normal parameters, given some runs."""

    rows: np.ndarray
    asked: np.ndarray
    precision: np.ndarray

    @property
    def uncertainty(self) -> float:
        return float(self.asked @ np.linalg.solve(self.precision, self.asked))

    def uncertainty_after(self) -> np.ndarray:
        return np.array([self.condition_on(i).uncertainty for i in range(len(self.rows))])

    def condition_on(self, run: int, sign: int = 1) -> "Line":
        row = self.rows[run]
        return replace(self, precision=self.precision + sign * np.outer(row, row))


def line(seed: int, runs: int = 8) -> tuple[Line, np.ndarray]:
    rng = np.random.default_rng(seed)
    one = Line(rng.normal(size=(runs, 3)), rng.normal(size=3), np.eye(3))
    return one, rng.uniform(1, 4, runs)


def after(start: Line, runs) -> float:
    for run in runs:
        start = start.condition_on(run)
    return start.uncertainty


CONDITIONED = search.greedy


def greedy(start: Line, *given, **options) -> list[int]:
    """Return the runs of a greedy search, whose uncertainty is that after them."""
    found, then = CONDITIONED(start, *given, **options)
    assert then.uncertainty == after(start, found)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_chosen_runs_are_nearly_the_best_affordable_set(seed: int) -> None:
    start, cost = line(seed)
    sets = [s for k in range(4) for s in itertools.combinations(range(8), k)]
    best = min(after(start, s) for s in sets if cost[list(s)].sum() <= 6)
    found = choose(start, cost, 6.0, 3)
    assert cost[found].sum() <= 6 and len(set(found)) == len(found) <= 3
    assert after(start, found) <= 1.02 * best
    gains = (start.uncertainty - start.uncertainty_after()) / cost
    assert found[0] == max(found, key=lambda run: gains[run])


def test_exchange_leaves_a_bad_choice() -> None:
    start, _ = line(3)
    pairs = {s: after(start, s) for s in itertools.combinations(range(8), 2)}
    worst = max(pairs, key=pairs.__getitem__)
    found, left = exchange(start, worst, np.ones(8), 2.0, 2)
    assert left == pytest.approx(after(start, found), rel=1e-9)
    single = [
        after(start, (kept, other)) for kept in found for other in range(8) if other not in found
    ]
    assert after(start, found) < pairs[worst]
    assert after(start, found) <= min(single) * (1 + 1e-5), "no exchange of one run helps"


def test_greedy_rules_by_hand() -> None:
    """Runs inform about one parameter each; the gain of a row r at variance one is r²/(1+r²)."""
    rows = np.diag([3.0, 2.9, 1.0, 0.01])
    start = Line(rows, np.ones(4), np.eye(4))
    cost = np.array([10.0, 2.0, 0.5, 0.1])
    assert greedy(start, cost, np.inf, 2) == [0, 1]
    assert greedy(start, cost, np.inf, 9) == [0, 1, 2], "the last is not worth it"
    assert greedy(start, cost, np.inf, 9, rule=Rule(worth=None)) == [0, 1, 2, 3]
    assert greedy(start, cost, np.inf, 1, rule=Rule(by_cost=True)) == [2]
    assert greedy(start, cost, np.inf, 1, rule=Rule(nearly=0.9)) == [1], "nearly, and cheaper"
    assert greedy(start, cost, np.inf, 2, largest=2.0) == [1, 2]
    assert greedy(start, cost, 2.5, 4) == [1, 2], "a budget may be spent in full"
    assert greedy(start, cost, 2.4, 4, rule=Rule(worth=None)) == [1, 3]
    assert greedy(start, cost, np.inf, 2, chosen=[1]) == [1, 0]
    enough = greedy(start, cost, np.inf, 4, until=lambda u: u.uncertainty < 2.5)
    assert enough == [0, 1]
    assert in_order(start, [0, 1, 2], cost) == [2, 1, 0]


def test_no_run_is_done_twice() -> None:
    start = Line(np.diag([1.0, 0.1]), np.ones(2), np.eye(2))
    assert greedy(start, np.ones(2), 9.0, 3, rule=Rule(worth=None)) == [0, 1]


@pytest.mark.parametrize("seed", range(8))
def test_fewest_sizes_keep_nearly_the_whole_gain(seed: int) -> None:
    """No set of fewer sizes among those left would do, and no run can be spared."""
    start, cost = line(seed, runs=12)
    sizes = np.arange(12) % 4
    chosen = choose(start, cost, 15.0, 6)
    found = fewest_sizes(start, chosen, cost, 15.0, sizes)
    gain = start.uncertainty - after(start, chosen)
    assert start.uncertainty - after(start, found) >= 0.95 * gain * (1 - 1e-9)
    assert cost[found].sum() <= 15.0 * (1 + 1e-9) and len(set(found)) == len(found)
    kept = np.unique(sizes[found])
    assert set(kept) <= set(sizes[chosen])
    for one in kept if len(kept) > 1 else []:
        others = np.where(np.isin(sizes, kept[kept != one]), cost, np.inf)
        best = choose(start, others, 15.0, len(chosen))
        assert start.uncertainty - after(start, best) < 0.95 * gain
    for run in found if len(found) > 1 else []:
        assert start.uncertainty - after(start, [r for r in found if r != run]) < 0.95 * gain


def test_runs_of_one_size_are_preferred_to_those_of_several() -> None:
    """Sizes 0 and 1 inform alike, and a fourth run adds little."""
    rows = np.eye(4)[[0, 1, 0, 1, 2]] * np.array([3.0, 3.0, 2.99, 2.99, 0.3])[:, None]
    start = Line(rows, np.ones(4), np.eye(4))
    chosen = choose(start, np.ones(5), 3.0, 3)
    assert set(chosen) == {0, 1, 4} or set(chosen) == {0, 1, 2}
    found = fewest_sizes(start, [0, 1, 4], np.ones(5), 3.0, np.array([0, 1, 1, 1, 2]))
    assert sorted(found) == [1, 2]


def mixture(share: float, apart: float, size: int = 4000) -> np.ndarray:
    """Quantiles of a mixture of two normals of standard deviation one."""
    rng = np.random.default_rng(0)
    right = np.arange(size) < share * size
    return rng.normal(size=size) + apart * right


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_two_peaks_hold_their_shares(share: float) -> None:
    (left, first), (right, second) = modes(mixture(share, 9.0))
    assert (left, right) == pytest.approx((0, 9), abs=0.35)
    assert (first, second) == pytest.approx((1 - share, share), abs=0.002)


@pytest.mark.parametrize(("share", "apart"), [(0.03, 9.0), (0.5, 2.5), (0.0, 0.0)])
def test_small_or_shallow_peaks_are_none(share: float, apart: float) -> None:
    ((_, mass),) = modes(mixture(share, apart))
    assert mass == 1


def test_modes_of_almost_nothing() -> None:
    assert modes(np.full(50, 2.0)) == [(2.0, 1.0)]
    assert modes(np.array([np.nan, 3.0])) == [(3.0, 1.0)]
    ((place, _),) = modes(np.array([np.inf]))
    assert np.isnan(place)
    ((place, mass),) = modes(np.concatenate([mixture(0, 0), np.full(9, np.inf)]))
    assert mass == 1 and abs(place) < 0.3


def test_ranges_of_inputs() -> None:
    size = np.geomspace(1e8, 1e10, 12)
    spread = np.tile([1.0, 1.9, 3.9], 4)
    fit = handmade_fit(runs=pd.DataFrame({"params": size, "tokens": 1e10 * spread}))
    found = spans(fit)
    assert found["N"] == Span("params", 1e8, pytest.approx(1e10))
    assert found["N"].factor == pytest.approx(100) and not found["N"].narrow
    assert found["D"].factor == pytest.approx(3.9) and found["D"].narrow
    assert not found["D"].constant
    assert not Span("params", 1.0, 4.0).narrow
    assert Span("params", 2.0, 2.0).constant and not Span("params", 2.0, 2.1).constant
    assert tied_inputs(fit) == []
    ladder = handmade_fit(runs=pd.DataFrame({"params": size, "tokens": 20 * size**0.9}))
    assert tied_inputs(ladder) == [("N", "D")]


def test_peaks_and_valleys_of_heights() -> None:
    assert _peaks(np.array([1.0, 2.0, 1.0])) == [1]
    assert _peaks(np.array([3.0, 2.0, 1.0, 4.0])) == [0, 3], "an end can be a peak"
    assert _peaks(np.array([1.0, 2.0, 2.0, 1.0])) == [1], "of a plateau the first point"
    assert _peaks(np.array([5.0, 1.0, 3.0, 2.0, 4.0, 4.5])) == [0, 2, 5]
    assert _valleys(np.array([5.0, 1.0, 3.0, 2.0, 1.5, 4.0]), [0, 2, 5]) == [1, 4]
    assert _valleys(np.array([5.0, 1.0]), [0]) == []


@pytest.mark.parametrize(
    ("height", "values", "left"),
    [
        ([0.0, 1.0, 0.5, 1.0, 0.0], [1] * 50 + [3] * 50, [1, 3]),
        ([0.0, 1.0, 0.51, 1.2, 0.0], [1] * 50 + [3] * 50, [3]),
        ([0.0, 1.2, 0.51, 1.0, 0.0], [1] * 50 + [3] * 50, [1]),
        ([0.0, 1.0, 0.1, 1.0, 0.0], [1] * 95 + [3] * 5, [1, 3]),
        ([0.0, 1.0, 0.1, 0.9, 0.0], [1] * 96 + [3] * 4, [1]),
        ([1.0, 0.2, 0.8, 0.6, 0.9], [0] * 40 + [2] * 20 + [4] * 40, [0, 4]),
        ([1.0, 0.2, 0.9, 0.6, 0.8], [0] * 40 + [2] * 20 + [4] * 40, [0, 2]),
        ([1.0, 0.2, 0.8, 0.3, 0.9], [0] * 40 + [2] * 20 + [4] * 40, [0, 2, 4]),
        ([1.0, 0.9, 0.95, 0.9, 0.97], [0] * 40 + [2] * 20 + [4] * 40, [0]),
    ],
)
def test_peaks_that_are_none_are_dropped(height, values, left) -> None:
    """A valley below half the lower peak, and a twentieth of the draws on each side."""
    heights = np.array(height)
    assert _merge(heights, _peaks(heights), np.array(values), np.arange(5.0)) == left


def test_places_of_peaks_are_on_a_grid_of_the_draws() -> None:
    draws = mixture(0.3, 9.0)
    grid = np.linspace(*np.quantile(draws, [0.001, 0.999]), 256)
    density = gaussian_kde(draws)(grid)
    for place, _ in modes(draws):
        at = int(np.abs(grid - place).argmin())
        assert grid[at] == place and density[at] > max(density[at - 1], density[at + 1])
    close = np.array([1e6, 1e6 + 1e-7, 1e6 + 2e-7])
    assert modes(close) == [(float(np.median(close)), 1.0)]
    assert modes(np.array([[1.0], [2.0]]))[0][0] != 1.5, "two draws have a density"
    assert modes(np.array([4.0])) == [(4.0, 1.0)]


def test_limits_of_narrow_constant_and_tied_inputs() -> None:
    assert Span("params", 2.0, 2.0 * (1 + 5e-10)).constant
    assert not Span("params", 2.0, 2.0 * (1 + 2e-9)).constant
    assert Span("params", 1.0, 3.99).narrow
    assert set(spans(handmade_fit("precision_tied"))) == {"N", "D"}
    curves = handmade_fit("multi_power")
    nodes = {name for name, given in curves.law.inputs.items() if given.nodes}
    assert nodes and not nodes & set(spans(curves))
    rng = np.random.default_rng(0)
    x, y = np.linalg.qr(np.column_stack([np.ones(30), rng.normal(size=(30, 2))]))[0].T[1:]
    for correlation, tied in ((0.975, False), (0.985, True), (-0.985, True), (-0.975, False)):
        other = correlation * x + np.sqrt(1 - correlation**2) * y
        runs = pd.DataFrame({"params": 1e9 * np.exp(3 * x), "tokens": 1e10 * np.exp(3 * other)})
        assert tied_inputs(handmade_fit(runs=runs)) == ([("N", "D")] if tied else [])
    held = pd.DataFrame({"params": 1e9 * np.exp(3 * x), "tokens": 1e10})
    assert tied_inputs(handmade_fit(runs=held)) == []


def test_what_a_greedy_search_stops_at() -> None:
    """A hundredth of what was gained is worth a run, and a budget is spent to the last FLOP."""

    def diagonal(*gains: float) -> Line:
        rows = np.diag(np.sqrt(np.array(gains) / (1 - np.array(gains))))
        return Line(rows, np.ones(len(gains)), np.eye(len(gains)))

    assert greedy(diagonal(0.9, 0.0091), np.ones(2), np.inf, 9) == [0, 1]
    assert greedy(diagonal(0.9, 0.0089), np.ones(2), np.inf, 9) == [0]
    assert greedy(diagonal(0.9, 0.0), np.ones(2), np.inf, 9) == [0]
    cost = np.array([3.0, 1.0])
    assert greedy(diagonal(0.9, 0.5), cost, 4.0 * (1 - 1e-10), 9) == [0, 1]
    assert greedy(diagonal(0.9, 0.5), cost, 4.0 * (1 - 1e-7), 9) == [0]
    assert greedy(diagonal(0.9, 0.5), cost, np.inf, 9, largest=3 * (1 - 1e-10)) == [0, 1]
    assert greedy(diagonal(0.9, 0.5), cost, np.inf, 9, largest=3 * (1 - 1e-7)) == [1]
    near = Rule(nearly=0.5)
    assert greedy(diagonal(0.9, 0.46), cost, np.inf, 1, rule=near) == [1]
    assert greedy(diagonal(0.9, 0.44), cost, np.inf, 1, rule=near) == [0]
    stop = greedy(diagonal(0.9, 0.5), cost, np.inf, 9, until=lambda now: now.uncertainty <= 1.1001)
    assert stop == [0]
    assert greedy(diagonal(0.9, 0.5), cost, np.inf, 0) == []
    assert (Rule().by_cost, Rule().nearly, Rule().worth) == (False, 1, 0.01)


def test_whole_budgets_parts_of_them_and_gains_per_cost_are_tried(monkeypatch) -> None:
    start, cost = line(2)
    seen, improved = [], []

    def watched(now, cost, budget, most, *, rule=BEST, largest=np.inf, **options):
        if budget == 6.0:
            seen.append((rule.by_cost, largest, most))
        return CONDITIONED(now, cost, budget, most, rule=rule, largest=largest, **options)

    def unimproved(now, chosen, *_):
        improved.append(after(now, chosen))
        return list(chosen), improved[-1]

    monkeypatch.setattr(search, "greedy", watched)
    monkeypatch.setattr(search, "exchange", unimproved)
    found = choose(start, cost, 6.0, 4)
    assert seen == [(False, 6 / n, 4) for n in (1, 2, 3, 4)] + [(True, np.inf, 4)]
    sets = {tuple(sorted(greedy(start, cost, 6.0, 4, largest=6 / n))) for n in (1, 2, 3, 4)} | {
        tuple(sorted(greedy(start, cost, 6.0, 4, rule=Rule(by_cost=True))))
    }
    assert improved == sorted(after(start, s) for s in sets)[:3]
    assert after(start, found) == pytest.approx(min(improved))


def test_exchange_ends_after_twenty_rounds(monkeypatch) -> None:
    """Of an uncertainty that every look lowers, which no real one does."""
    looks = []

    class Falling:
        @property
        def uncertainty(self) -> float:
            looks.append(0)
            return 0.5 ** len(looks)

        def uncertainty_after(self) -> np.ndarray:
            return np.ones(2)

        def condition_on(self, run: int, sign: int = 1) -> "Falling":
            return self

    rounds = []
    monkeypatch.setattr(
        search, "greedy", lambda now, *_, chosen, **__: rounds.append(0) or (chosen, now)
    )
    assert exchange(Falling(), [0], np.ones(2), 1.0, 1)[0] == [0]
    assert len(rounds) == 20
