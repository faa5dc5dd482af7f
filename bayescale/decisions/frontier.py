"""The compute-optimal frontier: which laws have one, and paths of runs as compute or size grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data import derive
from bayescale.data.limits import check_positive
from bayescale.data.units import Quantity, parse_quantity
from bayescale.decisions.optimum import optimum
from bayescale.errors import BayescaleError
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import inputs_text
from bayescale.prediction.runs_by_compute import falls, main_column, one_column, run_columns

BELOW, BEYOND = 0.1, 1e4
"""From which part of the smallest fitted run to how many times the largest a path goes."""


ABOVE, LOWEST = 2.0, 0.5
"""Along a loss: from how many times the highest fitted one to which part of the lowest."""


STEP, STEP_LOSS = 0.1, 0.01
"""In decades."""


def path_column(fit: PosteriorLike) -> str:
    """Return what grows along the path that spends each budget best: compute, or the one input.

    Raises
    ------
    BayescaleError
        For laws with other inputs, which a budget does not determine.
    """
    columns = set()
    for one in fit.members().values():
        column = main_column(one) if has_frontier(one) else one_column(one)
        if column is None:
            raise BayescaleError(
                f"{one.law.name} takes {inputs_text(one.spec)}, which a budget does not "
                "determine: this needs a law of params and tokens, or of one input"
            )
        columns.add(column)
    if len(columns) > 1:
        raise BayescaleError(f"the laws grow along different columns: {', '.join(sorted(columns))}")
    return columns.pop()


def frontier_values(
    fits: Sequence[PosteriorLike], column: str, below: float = BELOW, beyond: float = BEYOND
) -> np.ndarray:
    """Return a column's values along a frontier's path, from below the runs to far beyond.

    Those of an input that falls as models get better, a loss, fall: the path goes to lower ones.
    """
    spent = np.concatenate([run_columns(fit.representative)[column] for fit in fits])
    if any(path_falls(fit, column) for fit in fits):
        first, last = np.log10(ABOVE * spent.max()), np.log10(LOWEST * spent.min())
        return 10 ** np.linspace(first, last, round((first - last) / STEP_LOSS) + 1)
    low, high = np.log10(below * spent.min()), np.log10(beyond * spent.max())
    return 10 ** np.linspace(low, high, round((high - low) / STEP) + 1)


def path_falls(fit: PosteriorLike, column: str) -> bool:
    """Return whether a frontier's path goes to lower values of a column: those of a loss."""
    return falls(fit.representative.spec, column)


def never(fit: PosteriorLike, column: str) -> str:
    """Say what stands for a goal that a frontier's path does not reach."""
    if path_falls(fit, column):
        return f"0: not down to half the lowest fitted {column}"
    return "inf: not within ten thousand times the largest fitted run"


def at_once(fit: PosteriorLike, column: str) -> str:
    """Say what stands for a goal that is reached where a frontier's path begins."""
    if path_falls(fit, column):
        return f"at least: reached before the search begins, at twice the highest fitted {column}"
    return "at most: reached before the search begins, at a tenth of the smallest fitted run"


def best_path(fit: PosteriorLike, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the points of the path that spends each budget best, by column.

    The size at each budget is the median of what the laws think best: the run one would plan.
    """
    column = path_column(fit)
    if not all(has_frontier(one) for one in fit.members().values()):
        return {column: values}
    best = optimum(fit, values, discrepancy=None)["params"].median(("chain", "draw")).values
    return {"params": best, "tokens": derive.tokens(values, best), "flops": values}


def path_holding(fit: PosteriorLike, held: Mapping[str, Quantity]) -> dict[str, np.ndarray]:
    """Return the points of a frontier's path that holds params while tokens grow, or the reverse.

    Raises
    ------
    BayescaleError
        When not one of them is held, or a law takes other inputs.
    """
    given = {name: parse_quantity(value) for name, value in held.items()}
    if len(given) != 1 or not all(has_frontier(one) for one in fit.members().values()):
        raise BayescaleError("hold one of params and tokens, of a law of both")
    ((name, value),) = given.items()
    check_positive(name, value)
    other = "tokens" if name == "params" else "params"
    values = frontier_values([fit], other)
    flops = derive.flops(value, values)
    return {other: values, name: np.full(len(values), value), "flops": flops}


def first_time(good: xr.DataArray, curve: xr.DataArray, level: Any) -> xr.DataArray:
    """Return where along a frontier's path a curve first is good; infinite where it never is.

    Parameters
    ----------
    good : DataArray of bool, dims (..., point)
        Whether a point is good.
    curve, level : DataArray
        Good is on one side of the level; between points the curve is a straight line.
    """
    at = good.argmax("point")
    before = (at - 1).clip(0)
    here, last = (curve.isel(point=i) - level for i in (at, before))
    part = xr.where(here == last, 0.0, last / (last - here).where(here != last, 1.0))
    return xr.where(good.any("point"), before + part.clip(0, 1).where(at > 0, 0.0), np.inf)


def along(values: np.ndarray, steps: xr.DataArray) -> xr.DataArray:
    """Return a column of a frontier's path at places in steps of it, straight in its logarithm.

    Beyond its end it is infinite; zero along values that fall.
    """
    at = steps.clip(max=len(values) - 1)
    found = np.exp(np.interp(at.values, np.arange(len(values)), np.log(values)))
    return xr.where(
        np.isfinite(steps), at.copy(data=found), np.inf if values[-1] >= values[0] else 0
    )


def has_frontier(fit: Fit) -> bool:
    """Return whether a law has a frontier: takes params and tokens and nothing else."""
    return {fit.spec.column(name) for name in fit.law.inputs} == {"params", "tokens"}


def require_frontier(fit: Fit, figure: str) -> None:
    """Raise unless a law has a frontier: takes params and tokens and nothing else."""
    refuse_pooled(fit, figure)
    if not has_frontier(fit):
        raise BayescaleError(
            f"{figure} needs a law of params and tokens, such as chinchilla; "
            f"{fit.law.name} takes {inputs_text(fit.spec)}"
        )


def outcomes_along(answer: xr.Dataset) -> np.ndarray:
    """Return the outcomes of a frontier's path, shape (draw, point), chains end to end."""
    values = answer["outcome"].transpose("chain", "draw", "point").values
    return values.reshape(-1, values.shape[-1])


def thin(draws: np.ndarray, count: int) -> np.ndarray:
    """Return so many of the draws, evenly spaced."""
    return draws[np.linspace(0, len(draws), count, endpoint=False).astype(int)]


def comparable_column(one: PosteriorLike, other: PosteriorLike) -> str:
    """Return the column along which the frontiers of two fits compare.

    Raises
    ------
    BayescaleError
        Where they predict different things, or grow along different columns.
    """
    a, b = one.representative, other.representative
    refuse_pooled(a, "a comparison of frontiers")
    refuse_pooled(b, "a comparison of frontiers")
    if a.target != b.target:
        raise BayescaleError(f"one predicts {a.target} and the other {b.target}: they do not cross")
    if a.unit and b.unit and a.unit != b.unit:
        raise BayescaleError(f"one is in {a.unit} and the other in {b.unit}: convert one of them")
    columns = path_column(one), path_column(other)
    if len(set(columns)) > 1:
        raise BayescaleError(f"one grows along {columns[0]} and the other along {columns[1]}")
    return columns[0]
