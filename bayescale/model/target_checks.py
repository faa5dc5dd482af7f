"""Whether a law can take the target that runs have: its bounds, and the way it goes.

Both are asked of the runs before anything is compiled. What a law lets its target be is declared
(:class:`bayescale.laws.base.Law`); which way a law goes with an input follows from its equation and
priors: it can only fall where no draw of the prior rises at any of the runs.
"""

import warnings
from typing import Any

import numpy as np

from bayescale.data.derived_readings import is_expression
from bayescale.data.expressions import FUNCTIONS, names_in
from bayescale.data.other_columns import expression_name
from bayescale.data.row_messages import PACKAGE
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.laws.base import ANY_SIGN, SHARE
from bayescale.laws.registry import BUILT_IN
from bayescale.model.observations import Data, extract
from bayescale.model.observed_columns import Observable
from bayescale.model.prior_distribution import draw_prior
from bayescale.model.spec import Spec

STRAY, SCATTERED = 0.1, 0.4
"""Share of values beyond the bounds from which they are no failed runs, and no scatter either."""

FAR_BELOW, FAR_ABOVE = -10.0, 2.0
"""Where no share is, though laws in the target's own unit leave its bounds at small inputs."""

DRAWS, RUNS = 100, 200
"""Prior draws and runs at which a law is asked which way it goes."""

FEWEST, CHANCE = 6, 1e-3
"""Runs, and p-value of each rank correlation, below which a trend counts as clear."""


def checked_data(spec: Spec, runs: Runs) -> Data:
    """Take from a run table what the model of ``spec`` needs, of a target that the law can take.

    Raises
    ------
    BayescaleError
        As :func:`bayescale.model.observations.extract`; when the target's values are
        beyond the bounds of the law or the noise; and when accuracies are given to a
        law of loss or error.

    Warns
    -----
    BayescaleWarning
        When the target clearly goes the way that the law cannot.
    """
    _refuse_target(spec, runs)
    data = extract(spec, runs)
    _check_trend(spec, data)
    return data


def _refuse_target(spec: Spec, runs: Runs) -> None:
    """Raise when values of the target are beyond the bounds; a few are scatter, or set aside."""
    if spec.target not in runs.table:
        return
    values = runs.table[spec.target].to_numpy(float)
    values = values[np.isfinite(values)]
    if not values.size or not _impossible(spec, values):
        return
    low, high = _bounds(spec)
    beyond = (values < low) | (values > high)
    raise BayescaleError(
        f"{spec.target} is {values.min():.4g} to {values.max():.4g}, and {spec.law.name} with "
        f"{spec.noise.name} noise takes {allowed_values(low, high)}: {beyond.sum():,} of "
        f"{values.size:,} rows have others; {_advice(spec, runs, values, high)}"
    )


def allowed_values(low: float, high: float) -> str:
    """Say in a message what lies between a target's bounds."""
    if np.isfinite(high):
        return f"values from {low:g} to {high:g}"
    return "positive values" if low == 0 else "finite values"


def refuse_impossible(
    said: str, values: np.ndarray, target: str, bounds: tuple[float, float], counts: bool
) -> None:
    """Raise for a value that a target cannot have, such as a score in per cent.

    Parameters
    ----------
    said : str
        What the values are and cannot be, such as ``"the goal {} cannot be reached"``.
    values : array
        Some may be NaN.
    target : str
        Of which column.
    bounds : tuple of (float, float)
        Those of the law's target.
    counts : bool
        Whether the target is a count, which may be zero.
    """
    low, high = bounds
    for value in values[~np.isnan(values)]:
        zero = value == low == 0 and high == np.inf and not counts
        if low <= value <= high and not zero and np.isfinite(value):
            continue
        per_cent = f": {value:g} % is {value / 100:g}" if high == 1 and high < value <= 100 else ""
        raise BayescaleError(
            f"{said.format(f'{value:g}')}: {target} takes {allowed_values(low, high)}{per_cent}"
        )


def _impossible(spec: Spec, values: np.ndarray) -> bool:
    """Whether so many values are beyond the bounds, or so far, that they are no scatter."""
    low, high = _bounds(spec)
    beyond = float(np.mean((values < low) | (values > high)))
    if not spec.noise.usable(np.array([-1.0, 2.0])).all():
        return beyond > STRAY
    if (low, high) == SHARE:
        too_large = values.min() >= 0 and np.median(values) > FAR_ABOVE
        return bool(too_large or values.max() < FAR_BELOW)
    return beyond > SCATTERED


def _bounds(spec: Spec) -> tuple[float, float]:
    """Return what both the law and the noise let the target be."""
    low, high = spec.law.target_bounds
    below, above = spec.noise.usable(np.array([-1.0, 2.0]))
    return low if below else max(low, 0.0), high if above else min(high, 1.0)


def _advice(spec: Spec, runs: Runs, values: np.ndarray, high: float) -> str:
    """Say what to do about values beyond the bounds."""
    if (values < 0).any():
        if spec.law.target_bounds == ANY_SIGN:
            return f"the law itself takes any sign, with {BUILT_IN['log_trend'].noise} noise"
        negative = (
            "a log-likelihood or an ELBO is fitted as its negative, "
            f"{_read_as(runs, spec.target, '-{}')}"
        )
        return f"{negative}; metrics of any sign are for {_listed(_any_sign())}"
    if high == 1 and values.max() <= 100:
        return (
            f"in per cent it is divided by 100, {_read_as(runs, spec.target, '{} / 100')}; a loss "
            "is for a law of losses, such as power_law_floor"
        )
    return "a quantity without these bounds is for another law, such as power_law_floor or trend"


def _check_trend(spec: Spec, data: Data) -> None:
    """Warn when the target, or a step, clearly goes the way that the law cannot.

    Clearly means with every input that varies, each by a rank correlation of p < 0.001, in six runs
    or more; the law cannot where none of its prior draws can. A noisy or partly rising table does
    not reach that, and groups of runs, which may differ in level, are not asked. The warning is no
    error, for a metric may get worse; shares that rise under a law of loss are accuracies.
    """
    if data.groups or any(i.nodes for i in spec.law.inputs.values()):
        return
    from scipy.stats import spearmanr

    for seen in spec.observables:
        signs = _ways_of_law(spec, data, seen)
        observed = data.of(seen).observed
        if not signs or len(observed) < FEWEST or np.ptp(observed) == 0:
            continue
        tests = {k: spearmanr(data.of(seen).inputs[k], observed) for k in signs}
        if not all(t.pvalue < CHANCE and t.statistic * signs[k] < 0 for k, t in tests.items()):
            continue
        said = _contradiction(spec, seen, signs)
        of_loss = seen.column == "loss" or seen.step or spec.law.target in ("loss", "error")
        if of_loss and SHARE[0] <= observed.min() and observed.max() <= SHARE[1]:
            raise BayescaleError(
                f"{said}: an accuracy is fitted as its error, "
                f"{_read_as(data.runs, seen.column, '1 - {}')}, or by a law of accuracy, such as "
                f"{_listed(_of_accuracy())}"
            )
        warnings.warn(
            f"{said}: the fit will be flat, all else scatter; look at the column, or take a law "
            f"that can go that way, such as trend or {_listed(_any_sign())}",
            BayescaleWarning,
            skip_file_prefixes=(PACKAGE,),
        )


def _contradiction(spec: Spec, seen: Observable, signs: dict[str, int]) -> str:
    """Say which way the runs go, and which way the law."""
    words = {1: "rise", -1: "fall"}
    runs = " and ".join(f"{words[-sign]}s with {spec.column(k)}" for k, sign in signs.items())
    law = " and ".join(dict.fromkeys(words[sign] for sign in signs.values()))
    return f"{seen.column} {runs}, where {spec.law.name} can only {law}"


def _ways_of_law(spec: Spec, data: Data, seen: Observable) -> dict[str, int]:
    """Return 1 or -1 for each input that varies, as the law rises or falls with it.

    Empty where the law can do both with one of them.
    """
    everywhere = data.of(seen).inputs
    some = np.unique(np.linspace(0, len(data.of(seen).observed) - 1, RUNS).astype(int))
    inputs = {name: values[some] for name, values in everywhere.items()}
    prior = draw_prior(spec, data.scales, DRAWS, np.random.default_rng(0))
    drawn = {name: values.to_numpy()[0][:, None] for name, values in prior.items()}

    def curve(at: dict[str, np.ndarray]) -> Any:
        return spec.law.curve(at, data.references, drawn, seen.step)

    signs = {}
    with np.errstate(all="ignore"):
        before = curve(inputs)
        for name in (k for k, values in everywhere.items() if np.ptp(values) > 0):
            change = curve(inputs | {name: inputs[name] + 0.01 * abs(inputs[name])}) - before
            rounding = 1e-12 * abs(before)
            up, down = (change > rounding).any(), (change < -rounding).any()
            if up and down:
                return {}
            if up or down:
                signs[name] = 1 if up else -1
    return signs


def _read_as(runs: Runs, column: str, formula: str) -> str:
    """Say how a column is read by a formula of what it is now, such as ``"{} / 100"``."""
    given = {str(name) for name in runs.original}
    source = next((c.source for c in runs.columns if c.name == column and c.source), column)
    if source not in given:  # made after the reading
        return f"{formula.format(column)} in place of {column} where it is made"
    computed = is_expression(source) and names_in(source) <= {*FUNCTIONS, *given}
    now = f"({source})" if computed else expression_name(source)
    return f"read_runs(columns={{{column!r}: {formula.format(now)!r}}})"


def _any_sign() -> list[str]:
    """Return the laws of any column that take any sign."""
    laws = BUILT_IN.values()
    return [law.name for law in laws if law.target_bounds == ANY_SIGN and law.target == "y"]


def _of_accuracy() -> list[str]:
    """Return the laws of accuracy in compute alone."""
    columns = {name: [i.column for i in law.inputs.values()] for name, law in BUILT_IN.items()}
    accuracy = (name for name, law in BUILT_IN.items() if law.target == "accuracy")
    return [name for name in accuracy if columns[name] == ["flops"]]


def _listed(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
