"""Effective compute: how many times less compute one recipe needs than another for the same loss.

The compute-equivalent gain of recipe B over A at a budget C is C_A(L_B(C)) / C, where L_B(C) is
B's loss on its frontier and C_A inverts A's: what A would have to spend to be as good.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import xarray as xr

from bayescale.data.read import RunsLike
from bayescale.data.row_messages import PACKAGE
from bayescale.data.units import Quantities, parse_quantities
from bayescale.decisions.compute_gain import FARTHEST, NEAREST, EffectiveCompute
from bayescale.decisions.frontier import (
    along,
    best_path,
    comparable_column,
    first_time,
    frontier_values,
    outcomes_along,
    path_column,
    path_falls,
    thin,
)
from bayescale.decisions.recipe_shift import KEPT, shift_of_runs
from bayescale.errors import BayescaleError, BayescaleWarning, closest
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.inference.update import fit_again
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.points import make_points
from bayescale.prediction.predict import predict
from bayescale.prediction.runs_by_compute import run_columns

TREND = 0.15
"""Prior standard deviation of the change of a gain's log10 per decade of compute: of 1.4 times."""


IMPLAUSIBLE = 30.0
"""Gain, or its inverse, that looks like another unit: years of progress gave less."""


_BUDGETS = np.array([1.0, 10.0, 100.0])
"""Where nothing is asked, budgets in multiples of the recipe's largest run."""


@of_posterior
def effective_compute(
    baseline: PosteriorLike,
    recipe: PosteriorLike | RunsLike,
    flops: Quantities | None = None,
    *,
    pin: Mapping[str, Quantities] | None = None,
    trend: float = TREND,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> EffectiveCompute:
    r"""Measure how many times less compute a recipe needs than a baseline for the same loss.

    The compute-equivalent gain at a budget C is :math:`C_A(L_B(C)) / C`: what the baseline A would
    have to spend to be as good as the recipe B, over what B spends. Both spend a budget as their
    own median best size would.

    Of a recipe with a few runs only, the baseline's law is used at a multiple of their compute, at
    the same tokens per parameter: exponents and floor are shared, and the gain is a power of
    compute (:mod:`bayescale.decisions.recipe_shift`).

    Parameters
    ----------
    baseline : Fit or Average
        The recipe to compare with.
    recipe : Fit, Average, Runs, DataFrame or path
        The new one: a fit, or a table of up to twenty runs of it.
    flops : number, str or 1-d array, optional
        Budgets that the recipe spends, in FLOP (or the laws' one input). When None, the recipe's
        largest run, ten and a hundred times it.
    pin : mapping, optional
        A parameter to hold at each of several values, ``{"E": [1.6, 1.7, 1.8]}``: an asymptote
        that nobody knows; others are held at one value each. Fits are made again at each step of
        the sweep, which takes seconds.
    trend : float
        Of a few runs: how much log10 of the gain may change per decade of compute, one prior
        standard deviation; zero for a constant gain.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the laws may be away from the runs; two fits have one each. None assumes that
        they hold.
    random_seed : int, optional
        Seed of the discrepancies, and of fits with a pin; the baseline's when None.

    Returns
    -------
    EffectiveCompute
        The gain at each budget with its interval, and whether it changes with scale.

    Raises
    ------
    BayescaleError
        When the two do not predict the same, take inputs that a budget does not determine, or have
        no such parameter to pin; and for runs that the baseline's law does not reach, or that the
        baseline was fitted to.

    Warns
    -----
    BayescaleWarning
        When a few runs contradict the baseline's exponents or floor, or look like several recipes
        by a column of the table; and for a gain so large or small that units may differ.

    See Also
    --------
    crossover_compute : From which budget on one beats another.
    required_compute : The budget that reaches a loss.
    plot_effective_compute : A figure of the gain.

    References
    ----------
    Davidson et al. (2023), arXiv:2312.07413 (compute-equivalent gain)

    Examples
    --------
    >>> new = fit.observed.values / 1.01  # a recipe whose losses are 1 % lower
    >>> runs_of_it = bs.fitted_runs(fit)[["params", "tokens"]].assign(loss=new).tail(3)
    >>> found = bs.effective_compute(fit, runs_of_it, trend=0, discrepancy=None)
    >>> bool(found.table()["better"].min() > 0.5), found.trends()["verdict"].tolist()
    (True, ['assumed constant'])
    """
    discrepancy = Discrepancy.of(discrepancy)
    seed = seed_of(random_seed, baseline.seed)
    refuse_pooled(baseline.representative, "an effective compute")
    column = path_column(baseline)
    if path_falls(baseline, column):
        raise BayescaleError(
            f"{baseline.label} takes {column}, of which nothing is spent: an effective compute "
            "needs laws of compute, size or data; crossover_compute compares laws along a loss"
        )
    asked = None if flops is None else make_points({column: flops}, None, grid=False)[column].values

    def compare(one: PosteriorLike, other: PosteriorLike | RunsLike) -> xr.Dataset:
        if isinstance(other, PosteriorLike):
            return _of_two(one, other, asked, discrepancy, seed)
        return _of_runs(one, other, asked, trend, discrepancy, seed)

    named = _named(recipe) if isinstance(recipe, PosteriorLike) else "the new runs"
    said = (_named(baseline), named, baseline.target)
    if pin is None:
        found = compare(baseline, recipe)
        _warn_of_other_units(found["gain"], baseline)
        return EffectiveCompute(found, *said)
    name, steps = _read_pins(pin)
    swept = [compare(_pinned(baseline, held, seed), _pinned(recipe, held, seed)) for held in steps]
    fewest = min(one.sizes["draw"] for one in swept)
    alike = [one.isel(draw=thin(np.arange(one.sizes["draw"]), fewest)) for one in swept]
    pins = xr.DataArray([held[name] for held in steps], dims="pin", name="pin")
    return EffectiveCompute(xr.concat(alike, pins, combine_attrs="override"), *said, name)


def _named(fit: PosteriorLike) -> str:
    """Return what a recipe is called: its group in a pooled fit, or else the law."""
    member = fit.representative.record.get("pooled", {}).get("member")
    return fit.label if member is None else str(member)


def _warn_of_other_units(gain: xr.DataArray, baseline: PosteriorLike) -> None:
    """Warn of a gain that no change of recipe has brought: units differ more often than recipes."""
    typical = float(gain.median())
    if np.isfinite(typical) and not 1 / IMPLAUSIBLE <= typical <= IMPLAUSIBLE:
        unit = f" (the baseline's is {baseline.unit})" if baseline.unit else ""
        warnings.warn(
            f"a gain of {typical:.2g} times is larger or smaller than recipes differ: check that "
            f"both have the {baseline.target} in one unit{unit} and compute counted alike",
            BayescaleWarning,
            skip_file_prefixes=(PACKAGE,),
        )


def _of_two(
    baseline: PosteriorLike,
    recipe: PosteriorLike,
    asked: np.ndarray | None,
    discrepancy: Discrepancy | None,
    seed: int,
) -> xr.Dataset:
    """Return the gain of one fitted recipe over another."""
    column = comparable_column(baseline, recipe)
    largest = float(run_columns(recipe.representative)[column].max())
    budgets = _BUDGETS * largest if asked is None else asked
    ends = np.array([budgets.min(), budgets.max()])
    if ends[0] == ends[1]:
        ends[1] *= 10  # a change needs two budgets
    spent = np.concatenate([budgets, ends])
    path = frontier_values([baseline], column, below=NEAREST, beyond=FARTHEST)
    seeds = np.random.SeedSequence(seed).generate_state(2).tolist()
    old, new = (
        outcomes_along(predict(fit, best_path(fit, at), discrepancy=discrepancy, random_seed=own))
        for fit, at, own in zip((baseline, recipe), (path, spent), seeds, strict=True)
    )
    count = min(len(old), len(new), KEPT)
    curve = xr.DataArray(thin(old, count), dims=("draw", "point"))
    goal = xr.DataArray(thin(new, count), dims=("draw", "budget"))
    good = curve >= goal if baseline.representative.law.rises else curve <= goal
    needed = along(path, first_time(good, curve, goal)).transpose("draw", "budget").values
    gain = needed / spent
    with np.errstate(invalid="ignore"):  # unbounded at both ends
        change = (gain[:, -1] / gain[:, -2]) ** (1 / np.log10(ends[1] / ends[0]))
    return _answer(gain[:, :-2], change, budgets, column)


def _of_runs(
    baseline: PosteriorLike,
    runs: RunsLike,
    asked: np.ndarray | None,
    trend: float,
    discrepancy: Discrepancy | None,
    seed: int,
) -> xr.Dataset:
    """Return the gain of a recipe with a few runs over a fitted one."""
    shift = shift_of_runs(baseline, runs, trend, discrepancy, seed)
    budgets = _BUDGETS * shift.largest if asked is None else asked
    return _answer(shift.at(budgets), 10**shift.trend, budgets, path_column(baseline))


def _answer(gain: np.ndarray, change: np.ndarray, budgets: np.ndarray, column: str) -> xr.Dataset:
    return xr.Dataset(
        {
            "gain": (("chain", "draw", "budget"), gain[None]),
            "change": (("chain", "draw"), change[None]),
        },
        coords={column: ("budget", budgets)},
        attrs={"column": column},
    )


def _read_pins(pin: Mapping[str, Quantities]) -> tuple[str, list[dict[str, float]]]:
    """Return the parameter that is swept, and what is held at each step of the sweep."""
    values = {name: list(parse_quantities(name, given, "number")) for name, given in pin.items()}
    swept = [name for name, several in values.items() if len(several) > 1] or [*values][:1]
    if len(swept) != 1:
        raise BayescaleError(
            "pin a parameter at several values, and others at one each, such as "
            "pin={'E': [1.6, 1.7], 'exponent': 0.1}"
        )
    name = swept[0]
    held = {other: several[0] for other, several in values.items()}
    return name, [{**held, name: value} for value in values[name]]


def _pinned[T](recipe: T, held: Mapping[str, float], seed: int) -> T | Fit:
    """Return a recipe's fit with parameters held; a table of runs as it is."""
    if not isinstance(recipe, PosteriorLike):
        return recipe
    if not isinstance(recipe, Fit):
        raise BayescaleError("a pin is a parameter of one law: pass one of the average's fits")
    known = list(recipe.law.parameters)
    for name in held:
        if name not in known:
            raise BayescaleError(
                f"{recipe.law.name} has no parameter {name!r} to pin{closest(name, known)}; it has "
                f"{', '.join(known)}"
            )
    return fit_again(recipe, held, seed)
