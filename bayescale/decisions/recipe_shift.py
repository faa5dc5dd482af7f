r"""The gain of a new recipe from few runs: an old recipe's law at more compute than was spent.

A run of the new recipe has the loss that the old one has at :math:`g` times its compute, at the
same tokens per parameter, where the gain may change with compute,

.. math:: L_B(C) = L_A(g\, C), \qquad \log_{10} g = u + s \log_{10}(C / \bar C),

around the new runs' mean :math:`\bar C`. So exponents and floor are shared: with s = 0 only the
amplitudes differ. The prior of :math:`u` is flat over six decades, that of :math:`s` normal around
zero, and that of :math:`L_A` the old recipe's posterior, its discrepancy and noise included. The
posterior is exact on a grid of :math:`(u, s)` at each of the old draws, which the new runs
reweight.
"""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayescale.data import derive
from bayescale.data.read import RunsLike, read_runs
from bayescale.data.row_messages import PACKAGE
from bayescale.data.runs import Runs
from bayescale.decisions.frontier import has_frontier, outcomes_along, thin
from bayescale.decisions.mixed_recipes import recipes_among, refuse_own_runs
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.update import check_conventions
from bayescale.model.checkpoint_rows import rows_to_fit
from bayescale.model.noise.base import Noise
from bayescale.model.observed_columns import Observed, rows_of_each, take_observed
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.predict import forecast
from bayescale.prediction.runs_by_compute import known_at

MOST = 20
"""Runs from which on a recipe is fitted by itself."""


SPAN, STEP = 3.0, 0.1
"""Decades of gain either way that are thought of, and of the grid on which the law is asked."""


STEPS = np.arange(-SPAN, SPAN + STEP / 2, STEP)
"""log10 of the gains at which the law is asked."""


BASE, KEPT = 1000, 4000
"""Old draws that are reweighted, and new ones that are drawn."""


FINE, TRENDS = 61, 25
"""Points of the grids of u and of s."""


ZOOMS, TAIL = 3, 4.0
"""How often the grids move in on the posterior, and standard deviations of s that they begin with.
"""


NEGLIGIBLE = 8.0
"""Log density below the best that the grids leave out: twenty sd of a run, in heavy tails."""


FEWEST = 50.0
"""Effective old draws below which the new runs say something else than the old recipe's law."""


@dataclass(frozen=True, eq=False)
class Shift:
    """Draws of a gain that is a power of compute.

    Attributes
    ----------
    level, trend : array, shape (draw,)
        log10 of the gain at the centre, and its change per decade of compute.
    centre : float
        log10 of the new runs' mean compute (or one input).
    largest : float
        The largest of them.
    """

    level: np.ndarray
    trend: np.ndarray
    centre: float
    largest: float

    def at(self, values: np.ndarray) -> np.ndarray:
        """Return the gain at budgets, shape (draw, budget)."""
        away = np.log10(values) - self.centre
        return 10 ** (self.level[:, None] + self.trend[:, None] * away)


def shift_of_runs(
    old: PosteriorLike, runs: RunsLike, trend: float, discrepancy: Discrepancy | None, seed: int
) -> Shift:
    """Draw the gain of a recipe of which there are a few runs.

    Parameters
    ----------
    old : Fit
        The recipe that it is compared with.
    runs : Runs, DataFrame or path
        The new recipe's.
    trend : float
        Prior standard deviation of the change of log10 gain per decade; zero for none.
    discrepancy, seed
        How wrong the old recipe's law may be, and where chance comes from.

    Raises
    ------
    BayescaleError
        For too many runs, runs that the old recipe was fitted to, or runs that its law does not
        reach at any compute.
    """
    if not isinstance(old, Fit):
        raise BayescaleError(
            "a few runs are compared with a fit of one law: pass one of the average's fits, or fit "
            "the new recipe too"
        )
    new, spent = _observed(old, read_runs(runs))
    rng = np.random.default_rng([seed, 3])
    posterior = _Grid.of(old, new, discrepancy, rng)
    centre = float(np.log10(spent).mean())
    level, slope = posterior.draw(np.log10(spent) - centre, trend, rng)
    return Shift(level, slope, centre, float(spent.max()))


def _observed(fit: Fit, runs: Runs) -> tuple[Observed, np.ndarray]:
    """Take from a table of new runs what a fit's law and noise need of its target, and compute."""
    check_conventions(fit, runs)
    target, table = fit.spec.observables[0], rows_to_fit(fit.spec, runs)
    used = rows_of_each(fit.spec, table)[target.column]
    labels = pd.Series(used.labels(), index=used.table.index, dtype=object)
    new = take_observed(fit.spec, target, used.table, labels)
    refuse_own_runs(fit, new, used.table, runs.source)
    spent = _spent(fit, new)
    several = recipes_among(fit, new, spent, used.table)
    if len(used) > MOST:
        advice = several or "where there are more, fit them, and compare the two fits"
        raise BayescaleError(
            f"{runs.source} has {len(used)} usable runs of the new recipe: from 1 to {MOST} are "
            f"compared with a fit; {advice}"
        )
    if several:
        warnings.warn(several, BayescaleWarning, skip_file_prefixes=(PACKAGE,))
    return new, spent


def _spent(fit: Fit, new: Observed) -> np.ndarray:
    """Return the compute of new runs, or a law's one input, shape (run,)."""
    if has_frontier(fit):
        columns = {fit.spec.column(name): values for name, values in new.inputs.items()}
        return derive.flops(columns["params"], columns["tokens"])
    return next(iter(new.inputs.values()))


@dataclass(frozen=True, eq=False)
class _Grid:
    """The old recipe at multiples of the new runs' compute, and what the new runs say of them.

    Attributes
    ----------
    fit : Fit
        The old recipe's, with as many draws as are reweighted.
    curve : array, shape (draw, run, step)
        Its outcome at the new runs' compute times a gain.
    new : Observed
        The new runs.
    """

    parameters: xr.Dataset
    curve: np.ndarray
    new: Observed
    noise: Noise

    @classmethod
    def of(
        cls, fit: Fit, new: Observed, discrepancy: Discrepancy | None, rng: np.random.Generator
    ) -> Self:
        """Ask a fit, each input of two taking half of a gain's logarithm."""
        share = 1 / len(new.inputs)
        inputs = {
            name: xr.DataArray((values[:, None] * 10 ** (share * STEPS)).ravel(), dims="point")
            for name, values in new.inputs.items()
        }
        known = known_at(fit, inputs)
        found = forecast(fit, inputs, known, discrepancy=discrepancy, rng=rng)["outcome"]
        curve = thin(outcomes_along(found.to_dataset(name="outcome")), BASE)
        flat = fit.parameters.stack(sample=("chain", "draw"), create_index=False)
        chosen = thin(np.arange(flat.sizes["sample"]), BASE)
        parameters = flat.isel(sample=chosen).drop_vars(("chain", "draw"), errors="ignore")
        return cls(parameters, curve.reshape(len(curve), -1, len(STEPS)), new, fit.spec.noise)

    def draw(
        self, away: np.ndarray, trend: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw level and trend of the gain's logarithm; ``away`` is where the runs lie."""
        levels, slopes = self._likely(away, trend)
        density = self._density(levels, slopes, away) + _log_prior(slopes, trend)[:, None]
        weight = np.exp(density - density.max())
        by_draw = weight.sum((1, 2))
        effective = by_draw.sum() ** 2 / (by_draw**2).sum()
        if effective < FEWEST:
            warnings.warn(
                f"the new runs leave {effective:.0f} of {len(by_draw)} draws of the old recipe: "
                "its law and theirs differ by more than a gain; fit the new recipe too",
                BayescaleWarning,
                skip_file_prefixes=(PACKAGE,),
            )
        chosen = np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(KEPT))
        _, slope, level = np.unravel_index(chosen.clip(max=weight.size - 1), weight.shape)
        return _between(levels, level, rng), _between(slopes, slope, rng)

    def _likely(self, away: np.ndarray, trend: float) -> tuple[np.ndarray, np.ndarray]:
        """Return grids of level and trend over where the posterior is, by a few of the draws.

        Raises
        ------
        BayescaleError
            Where it is at the end of the prior.
        """
        ends = [(-SPAN, SPAN), (-TAIL * trend, TAIL * trend)]
        for _ in range(ZOOMS):
            grids = [_grid(ends[0], FINE), _grid(ends[1], TRENDS)]
            found = self._density(*grids, away, every=20) + _log_prior(grids[1], trend)[:, None]
            with without_lazy_jax():
                pooled = np.asarray(logsumexp(found, axis=0))
            likely = pooled > pooled.max() - NEGLIGIBLE
            inside = [grid[likely.any(axis)] for grid, axis in zip(grids, (0, 1), strict=True)]
            best = grids[0][pooled.argmax() % len(grids[0])]
            if abs(best) > SPAN - STEP:
                raise BayescaleError(
                    "the old recipe's law does not reach the new runs within a thousandth to a "
                    "thousand times their compute: check that their loss, params and tokens are in "
                    "the units of the old recipe's runs; if they are, floor and exponents are not "
                    "shared: fit the new recipe too, and compare the two fits"
                )
            ends = [
                _widened(one, grid, end) for one, grid, end in zip(inside, grids, ends, strict=True)
            ]
        return _grid(ends[0], FINE), _grid(ends[1], TRENDS)

    def _density(
        self, levels: np.ndarray, slopes: np.ndarray, away: np.ndarray, every: int = 1
    ) -> np.ndarray:
        """Return the new runs' log likelihood, shape (draw, slope, level)."""
        curve, parameters = (
            self.curve[::every],
            self.parameters.isel(sample=slice(None, None, every)),
        )
        known = {
            name: xr.DataArray(v, dims="run")
            for name, v in self.noise.alone(self.new.known).items()
        }
        seen = xr.DataArray(self.new.observed, dims="run")
        runs = np.arange(len(away))[:, None]
        found = []
        for slope in slopes:
            place = (levels + slope * away[:, None] + SPAN) / STEP
            below = np.floor(place).astype(int).clip(0, len(STEPS) - 2)
            part = place - below
            between = curve[:, runs, below] * (1 - part) + curve[:, runs, below + 1] * part
            at = xr.DataArray(between, dims=("sample", "run", "level"))
            density = self.noise.log_density(at, parameters, known, seen)
            total = density.sum("run").transpose("sample", "level").values
            within = ((place >= 0) & (place <= len(STEPS) - 1)).all(0)
            found.append(np.where(within, total, -np.inf))
        return np.stack(found, axis=1)


def _grid(ends: tuple[float, float], points: int) -> np.ndarray:
    return np.linspace(*ends, points) if ends[0] < ends[1] else np.array(ends[:1])


def _widened(
    likely: np.ndarray, grid: np.ndarray, ends: tuple[float, float]
) -> tuple[float, float]:
    """Return the ends of what is likely, one step of its grid further, within the old ends."""
    step = grid[1] - grid[0] if len(grid) > 1 else 0.0
    return max(likely[0] - step, ends[0]), min(likely[-1] + step, ends[1])


def _log_prior(slopes: np.ndarray, trend: float) -> np.ndarray:
    return -0.5 * (slopes / trend) ** 2 if trend else np.zeros(len(slopes))


def _between(grid: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return values of a grid, each anywhere in its cell."""
    step = grid[1] - grid[0] if len(grid) > 1 else 0.0
    return grid[chosen] + step * rng.uniform(-0.5, 0.5, len(chosen))
