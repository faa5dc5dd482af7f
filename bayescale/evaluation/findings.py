"""What a fitted law misses, in words: how much, where, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.data.number_format import format_value, kind_of, percent
from bayescale.data.other_columns import hyperparameter_kind
from bayescale.evaluation.lack_of_fit import Explained, Residuals, standardised
from bayescale.evaluation.parabolas import VALUES
from bayescale.evaluation.residuals import OUTLYING, of_several_kinds, outlying_rows
from bayescale.inference.result import Fit
from bayescale.prediction.runs_by_compute import run_columns

SEVERE = (1e-4, 0.3, 0.005)
"""A finding less probable than the first, with a share and a size above the others, is severe."""


MATTERS = 0.1
"""Share of the residuals' variance below which a column is not worth a word."""


@dataclass(frozen=True)
class Finding:
    """Something in the residuals that a right law would not leave there.

    Attributes
    ----------
    kind : {"shape", "column", "replicates", "clusters", "outliers", "flat"}
        What it is about: a curve over the law's inputs, another column of the table, runs of
        equal inputs, several kinds of runs, many outliers, a law that explains little.
    text : str
        What is wrong, how much, where, and what to do.
    p_value : float
        Probability of as much under a right law, corrected for the number of checks.
    share : float
        Share of the residuals' variance that it explains.
    size : float
        Its largest typical error, as a relative error: 0.03 is three per cent of a loss.
    column : str
        The column it follows, "" for none.

    See Also
    --------
    adequacy : Finds them.

    Examples
    --------
    >>> [found.kind for found in bs.adequacy(fit).findings]
    []
    """

    kind: str
    text: str
    p_value: float
    share: float
    size: float
    column: str = ""

    @property
    def severe(self) -> bool:
        """Whether the answers of the law should not be used as they are."""
        chance, share, size = SEVERE
        clear = self.p_value < chance and self.share > share and self.size > size
        return self.kind == "flat" or clear


@dataclass(frozen=True, eq=False)
class Check:
    """One thing that was looked at."""

    name: str
    kind: str
    found: Explained
    column: str = ""
    labels: np.ndarray | None = None


def typical_size(found: Explained) -> float:
    """Return the size of a pattern where it is largest, short of single runs."""
    return float(np.quantile(np.abs(found.pattern), 0.9))


def coordinates_of(fit: Fit) -> dict[str, np.ndarray]:
    """Return what residuals are looked at along: varying inputs, compute, tokens per parameter."""
    columns = run_columns(fit)
    if {"params", "tokens"} <= set(columns):
        columns["tokens per param"] = columns["tokens"] / columns["params"]
    return {k: v for k, v in columns.items() if np.unique(v).size > 2 and np.isfinite(v).all()}


def findings_of(
    fit: Fit,
    residuals: Residuals,
    coordinates: dict[str, np.ndarray],
    significant: Sequence[tuple[float, Check]],
) -> list[Finding]:
    """Say what was found, one finding for the shape and one for each column."""
    made = []
    shapes = [(p, check) for p, check in significant if check.kind == "shape"]
    if shapes:
        p, check = min(shapes, key=lambda one: (one[0], -one[1].found.share))
        text, column, size = _shape_text(fit, check, coordinates)
        made.append(Finding("shape", text, p, check.found.share, size, column))
    for p, check in significant:
        if check.kind == "column" and check.found.share > MATTERS:
            text = _column_text(fit, check, residuals)
        elif check.kind == "replicates" and not shapes:
            apart, off = _within(check.found, residuals), _scatter(residuals)
            text = (
                f"runs of equal inputs differ by {_percent(apart)}, and the law is off by "
                f"{_percent(off)}: try a richer law"
            )
        elif check.kind == "clusters" and len(significant) == 1:
            text = (
                f"residuals fall into clusters (scatter {_percent(_scatter(residuals))}), as where "
                "runs of different kinds are mixed: name what differs in a column, and fit with "
                "group= that column"
            )
        else:
            continue
        made.append(
            Finding(check.kind, text, p, check.found.share, typical_size(check.found), check.column)
        )
    far, runs = len(outlying_rows(fit, residuals)), len(residuals.relative)
    named = any(one.kind == "column" for one in made)
    if not named and of_several_kinds(far, runs):
        text = (
            f"{far} of {runs} runs lie more than {OUTLYING:g} times the scatter off the "
            "law, as where runs of different kinds are mixed: see bayescale.outliers, name "
            "what differs in a column, and fit with group= that column"
        )
        made.append(Finding("outliers", text, 0.0, far / runs, _scatter(residuals)))
    return sorted(made, key=lambda found: found.p_value)


def _scatter(residuals: Residuals) -> float:
    """Return the scatter of one run about the law, as a relative error."""
    return residuals.scatter * float(np.median(residuals.size))


def _within(found: Explained, residuals: Residuals) -> float:
    """Return the scatter that directions leave unexplained, as a relative error."""
    return _scatter(residuals) * max(1 - found.share, 0.0) ** 0.5


def _shape_text(
    fit: Fit, check: Check, coordinates: dict[str, np.ndarray]
) -> tuple[str, str, float]:
    """Say along what residuals follow a curve, how far they go where, and that as a number."""
    pattern = check.found.pattern
    name = check.column or max(coordinates, key=lambda k: _between(pattern, coordinates[k]))
    values = coordinates[name]
    bins, means = _means_of_fifths(pattern, values)
    at = int(np.abs(means).argmax())
    low, high = values[bins == at].min(), values[bins == at].max()

    def write(value: float) -> str:
        """Write a value of the coordinate."""
        return f"{value:.3g}" if kind_of(name) == "number" else format_value(value, kind_of(name))

    if at == len(means) - 1:
        where = f"{name} is {write(low)} or more"
    elif at == 0:
        where = f"{name} is {write(high)} or less"
    else:
        where = f"{name} is {write(low)}" + (
            f" to {write(high)}" if write(high) != write(low) else ""
        )
    steps = np.diff(means)
    word = "rise" if (steps > 0).all() else "fall" if (steps < 0).all() else "bend"
    size = f"{'+' if means[at] > 0 else '-'}{_percent(abs(means[at]))}"
    text = f"residuals {word} with {name}, {size} where {where}: try a richer law"
    return text, name, float(abs(means[at]))


def _means_of_fifths(pattern: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fifth of a coordinate that each run lies in, and the mean pattern of each fifth.

    Runs of one value are together.
    """
    edges = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
    bins = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]
    return bins, np.bincount(bins, pattern) / np.bincount(bins)


def _between(pattern: np.ndarray, values: np.ndarray) -> float:
    """Return how much of a pattern the means of fifths along a coordinate hold."""
    bins, means = _means_of_fifths(pattern, values)
    return float(np.var(means[bins]))


def _column_text(fit: Fit, check: Check, residuals: Residuals) -> str:
    """Say that the residuals follow a column, and what fitting by it would leave."""
    now = _percent(_scatter(residuals))
    column, labels = check.column, check.labels
    numeric = fit.other_columns[column].dtype.kind == "f"
    if hyperparameter_kind(column) and _swept(fit, column):
        return (
            f"residuals follow {column}, which the law does not use (scatter {now}, "
            f"{_percent(_within(check.found, residuals))} without it): choose a law that has it, "
            "or fit the best of each sweep, bayescale.sweep_minima"
        )
    if labels is None or numeric:
        return (
            f"residuals follow {column}, which the law does not use (scatter {now}, "
            f"{_percent(_within(check.found, residuals))} without it): choose a law that has it, "
            f"or keep runs of one {column}"
        )
    by_group = _with_slopes(fit, labels)
    left = _within(residuals.explained_by(by_group) or check.found, residuals)
    several = (np.bincount(labels) >= 4).sum() > 1
    advice = f"group={column!r}" if several else f"keep runs of one {column}"
    return (
        f"residuals differ by {column} (scatter {now}, {_percent(left)} if fitted by {column}): "
        f"{advice}"
    )


def _swept(fit: Fit, column: str) -> bool:
    """Return whether most runs have equal inputs with runs of other values of a column."""
    inputs = pd.DataFrame({k: v.values for k, v in fit.inputs.items() if v.ndim == 1})
    cells = inputs.groupby(list(inputs), sort=False).ngroup().to_numpy()
    values = fit.other_columns[column].to_numpy()
    several = [np.unique(values[cells == cell]).size >= VALUES for cell in range(cells.max() + 1)]
    return bool(np.mean(np.array(several)[cells]) >= 0.5)


def _with_slopes(fit: Fit, labels: np.ndarray) -> np.ndarray:
    """Return the directions of a level for each group, and of slopes for those of enough runs."""
    levels = np.eye(labels.max() + 1)[labels]
    inputs = [standardised(v) for v in coordinates_of(fit).values()]
    large = levels[:, levels.sum(axis=0) >= 3 * (1 + len(inputs))]
    return np.column_stack([levels, *(large * x[:, None] for x in inputs)])


def flat_law(fit: Fit, scatter: float) -> list[Finding]:
    """Say that a law explains little of what it was fitted to."""
    spread = float(np.std(np.asarray(fit.spec.noise.relative(fit.observed, fit.scale))))
    if scatter < 0.7 * spread:
        return []
    text = (
        f"the law explains little: one run scatters by {_percent(scatter)} about it, and all "
        f"differ by {_percent(spread)}"
    )
    return [Finding("flat", text, 0.0, 1.0, scatter)]


def _percent(value: float) -> str:
    return percent(value, 2)
