"""The planned budgets of a report, and the expected loss there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.limits import check_positive
from bayescale.data.number_format import (
    Estimate,
    beside_largest,
    beside_lowest,
    format_value,
    kind_of,
)
from bayescale.decisions.frontier import has_frontier
from bayescale.decisions.optimum import optimum
from bayescale.errors import BayescaleError
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import inputs_text
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import credible_interval
from bayescale.prediction.points import make_points
from bayescale.prediction.predict import predict
from bayescale.prediction.runs_by_compute import (
    falls,
    furthest_of,
    main_column,
    one_column,
    run_columns,
)

FURTHER = (10.0, 100.0)
"""Targets where none are given: multiples of the largest fitted run."""


LOWER = (0.95, 0.9)
"""Of an input that falls as models get better, a loss: parts of the lowest fitted one."""


SIZES = ("flops", "params", "tokens")
"""Columns of which the largest value is that of the largest run."""


NEAR = 1e-3
"""Relative distance within which a budget is that of a fitted run."""


@dataclass(frozen=True)
class Target:
    """The answers at one planned budget.

    Attributes
    ----------
    column : str
        What the budget counts: ``flops``, or the one input of the law, such as a loss.
    value : float
        The budget, in the unit of that column.
    factor : float
        The budget over that of the largest fitted run; of a loss, over the lowest fitted one.
    falls : bool
        Whether the input falls as models get better, as a loss does.
    answers : mapping of str to Estimate
        ``law`` (the law's loss), ``outcome`` (the same with the discrepancy), ``new_run`` (the loss
        of one run, with its scatter) and, for laws of params and tokens, the compute-optimal
        ``params``, ``tokens`` and ``tokens_per_param``. The losses are then those of the run one
        would plan, of median ``params``.
    without_discrepancy : mapping of str to Estimate
        The same without a discrepancy.
    """

    column: str
    value: float
    factor: float
    answers: Mapping[str, Estimate]
    without_discrepancy: Mapping[str, Estimate]
    falls: bool = False

    @property
    def amount(self) -> str:
        """The budget in words: ``1e+22 FLOP``, ``40B tokens``, ``a loss of 2.1``, ``lr = 0.01``."""
        value = format_value(self.value, kind_of(self.column), self.width)
        if self.falls:
            return f"a {self.column} of {value}"
        if self.column == "flops":
            return value
        return f"{value} {self.column}" if self.column in SIZES else f"{self.column} = {value}"

    @property
    def width(self) -> float:
        """The width to whose digits the budget is written: a tenth of a loss; 0 for the usual."""
        return self.value / 10 if self.falls else 0.0

    @property
    def beside(self) -> str:
        """Where it is relative to the fitted runs: ``10 times the largest fitted run``."""
        if self.falls:
            return beside_lowest(self.factor)
        return beside_largest(self.factor, "run" if self.column in SIZES else "value")

    @property
    def extrapolates(self) -> bool:
        """Whether it lies beyond the fitted runs, towards better models."""
        return self.factor < 1 - NEAR if self.falls else self.factor > 1 + NEAR


def plans(fit: PosteriorLike) -> bool:
    """Return whether a target budget is to be split: all laws that count take params and tokens."""
    return all(has_frontier(one) for one in fit.members().values())


def fitted_budgets(fit: PosteriorLike) -> tuple[str, np.ndarray] | None:
    """Return what a target budget counts and that of each fitted run, None for laws without.

    A budget is compute where the law takes params and tokens, or a law's one relative input. Laws
    that are averaged have one when theirs is the same.
    """
    every = fit.members().values()
    column = main_column(fit.representative)
    single = all(one_column(one) == column for one in every)
    if column is None or not (single or plans(fit)):
        return None
    return column, run_columns(fit.representative)[column]


def targets(
    fit: PosteriorLike,
    flops: Any = None,
    ci_prob: float | None = None,
    *,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> list[Target]:
    """Answer at the planned budgets.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    flops : number, str or 1-d array, optional
        Budgets in FLOP; 10 and 100 times the largest fitted run when None. Of a law whose input
        falls as models get better, such as a loss, 5 % and 10 % below the lowest fitted one.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy and of the scatter of one run; the fit's own when None.

    Returns
    -------
    list of Target
        Empty for a law whose inputs a budget does not determine.

    Raises
    ------
    BayescaleError
        When ``flops`` is given and the law takes no compute, or it is no positive number.
    """
    discrepancy = Discrepancy.of(discrepancy)
    fitted = fitted_budgets(fit)
    column = fitted[0] if fitted else ""
    if flops is not None and column != "flops":
        first = fit.representative
        raise BayescaleError(
            f"{first.law.name} takes {inputs_text(first.spec)}, which a budget in FLOP does not "
            "determine: leave flops out, and ask predict(fit, ...) for the point you plan"
        )
    if fitted is None:
        return []
    spec = fit.representative.spec
    steps = np.array(LOWER if falls(spec, column) else FURTHER)
    values = furthest_of(spec, *fitted) * steps if flops is None else _budgets(flops)
    return targets_at(fit, values, ci_prob, discrepancy=discrepancy, random_seed=random_seed)


def targets_at(
    fit: PosteriorLike,
    values: np.ndarray,
    ci_prob: float | None,
    *,
    discrepancy: Discrepancy | None,
    random_seed: int | None = None,
) -> list[Target]:
    """Answer for the report at budgets in the unit of what they count; see :func:`targets`.

    Parameters
    ----------
    values : array, shape (budget,)
        In the unit of the column that :func:`fitted_budgets` names.
    fit, ci_prob, discrepancy, random_seed
        As for :func:`targets`.
    """
    fitted = fitted_budgets(fit)
    assert fitted is not None
    column, spec = fitted[0], fit.representative.spec
    furthest, lower = furthest_of(spec, *fitted), falls(spec, column)
    answers = _optimal if plans(fit) else _at_input
    without_discrepancy = answers(fit, column, values, None, random_seed)
    allowed = without_discrepancy
    if discrepancy is not None:
        allowed = answers(fit, column, values, discrepancy, random_seed)
    both = (_estimates(drawn, ci_prob) for drawn in (allowed, without_discrepancy))
    return [
        Target(column, float(value), float(value) / furthest, *found, falls=lower)
        for value, *found in zip(values, *both, strict=True)
    ]


def questions(fit: Fit, asked: Sequence[Target]) -> dict[str, Any]:
    """Return the targets as arguments of :func:`bayescale.identify`."""
    values = [target.value for target in asked]
    if not values:
        return {}
    return {"flops": values} if plans(fit) else {"at": {asked[0].column: values}}


def _budgets(flops: Any) -> np.ndarray:
    values = make_points({"flops": flops}, None, grid=False).coords["flops"].values
    check_positive("a budget", values.min(), "FLOP")
    return values


def _optimal(
    fit: PosteriorLike,
    _: str,
    values: np.ndarray,
    discrepancy: Discrepancy | None,
    random_seed: int | None,
) -> xr.Dataset:
    options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": random_seed}
    best = optimum(fit, values, **options).drop_vars("loss").rename(budget="point")
    planned = best["params"].median(("chain", "draw")).values
    run = predict(fit, params=planned, flops=values, **options)
    return best.assign({name: run[name].reset_coords(drop=True) for name in run.data_vars})


def _at_input(
    fit: PosteriorLike,
    column: str,
    values: np.ndarray,
    discrepancy: Discrepancy | None,
    random_seed: int | None,
) -> xr.Dataset:
    return predict(fit, {column: values}, discrepancy=discrepancy, random_seed=random_seed)


def _estimates(drawn: xr.Dataset, ci_prob: float | None) -> list[dict[str, Estimate]]:
    """Return the intervals of each point, by name."""
    intervals = {str(name): credible_interval(v, ci_prob) for name, v in drawn.data_vars.items()}
    ends = {k: np.stack([v[end] for end in Estimate._fields], -1) for k, v in intervals.items()}
    return [
        {name: Estimate(*map(float, values[i])) for name, values in ends.items()}
        for i in range(drawn.sizes["point"])
    ]
