"""Whether a law describes the runs that it was fitted to: what its residuals say, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from bayescale.data.display_tables import html_block
from bayescale.data.number_format import percent
from bayescale.data.other_columns import is_outcome
from bayescale.evaluation.findings import (
    Check,
    Finding,
    coordinates_of,
    findings_of,
    flat_law,
    typical_size,
)
from bayescale.evaluation.lack_of_fit import (
    Explained,
    Residuals,
    polynomial,
    replicates,
    smooth_directions,
    standardised,
)
from bayescale.evaluation.residuals import FEWEST, FREEDOM, described_outliers
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.inference.result import Fit
from bayescale.model.spec import Spec
from bayescale.prediction.runs_by_compute import falls

LEVEL = 0.03
"""Probability that a right law is said to miss something, over all that is looked at."""

LARGEST = 0.15
"""Share of the runs, those of the largest budgets, that are looked at together."""

SMOOTH = (("smooth function", 1.0, 1 / 6), ("wiggly function", 0.4, 1 / 4))
"""Functions of all inputs: length scale in their standard deviations, directions per run."""

SAME, SAME_TARGET = 0.98, 0.9995
"""Rank correlation with an input, and with the target, above which a column is taken for it."""

LIGHT_TAILS = 20
"""Runs from which the tails of the residuals say something."""

LIGHTEST = -1.0
"""Excess kurtosis that is light for any number of runs: uniform -1.2, two equal clusters -2."""

LEVELS = 6
"""The most values of a numeric column that are taken for groups."""


@dataclass(frozen=True, eq=False, repr=False)
class Adequacy:
    """Whether a law describes the runs it was fitted to; :func:`adequacy` makes one.

    Attributes
    ----------
    findings : tuple of Finding
        What the law misses, the most probable misfit first; empty where nothing was found.
    checks : DataFrame
        All that was looked at: ``p_value`` (corrected), ``share`` of the residuals' variance, and
        ``size`` as a relative error.
    scatter : float
        Standard deviation of one run about the law, as a relative error: 0.01 is one per cent.
    runs : int
        Number of runs.
    outliers : tuple of str
        Single runs far beyond the tails of the others, those that :func:`outliers` names, a clause
        each: what was observed and expected, and what to do; of many, the worst four. They do not
        speak against the law.

    See Also
    --------
    adequacy : Make one.
    Finding : One of its findings.

    Examples
    --------
    >>> found = fit.adequacy
    >>> found.ok, found.problems()
    (True, [])
    """

    findings: tuple[Finding, ...]
    checks: pd.DataFrame
    scatter: float
    runs: int
    outliers: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the law."""
        return not self.findings

    @property
    def severe(self) -> bool:
        """Whether the law is so far off that its answers should not be used as they are."""
        return any(found.severe for found in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, as a saved fit keeps it."""
        checks = self.checks.reset_index().to_dict("list")
        return {**vars(self), "findings": [vars(one) for one in self.findings], "checks": checks}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` was made of."""
        checks = pd.DataFrame(said["checks"])
        checks = checks.set_index("check" if "check" in checks else "index")
        findings = tuple(Finding(**one) for one in said["findings"])
        return cls(findings, checks, said["scatter"], said["runs"], tuple(said.get("outliers", ())))

    def problems(self) -> list[str]:
        """Say what the law misses, one sentence each; empty where nothing was found."""
        return [found.text for found in self.findings]

    def __str__(self) -> str:
        if self.findings:
            return f"the law misses: {'; '.join([*self.problems(), *self.outliers])}"
        if not len(self.checks):
            return f"{self.runs} runs are too few to judge the law"
        said = f"the law describes the runs: scatter {percent(self.scatter, 2)}"
        return "; ".join([said, *self.outliers])

    def __repr__(self) -> str:
        return f"<bayescale.Adequacy {self}>"

    def _repr_html_(self) -> str:
        verdict = "the law describes the runs" if self.ok else "the law misses something"
        row = {"scatter": percent(self.scatter, 2), "checks": f"{len(self.checks)}"}
        return html_block(f"adequacy: {verdict}", *self.problems(), *self.outliers, rows=[row])


@of_one_law
def adequacy(fit: Fit) -> Adequacy:
    """Judge whether a law describes the runs it was fitted to.

    The sampler's diagnostics say whether the posterior was sampled; this says whether its law can
    be right. The residuals are tested, by score tests that know what the law has taken up, against
    curves in each input, in compute and in the ratio of inputs, smooth functions of all, the runs
    of the largest budgets, every other column of the table, and the scatter of runs of equal
    inputs. A right law is found fault with in three of a hundred tables. Single runs far beyond the
    tails of the others, as after a slip of a digit, are named.

    Parameters
    ----------
    fit : Fit
        A fitted law, also of groups.

    Returns
    -------
    Adequacy

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    residuals : The residuals themselves.
    outliers : The runs far off the law.
    compare : Which law describes the runs best.
    backtest : Whether it predicts larger runs.

    References
    ----------
    * Rao (1948), doi:10.1017/S0305004100023987 (score tests)
    * Kennedy and O'Hagan (2001), doi:10.1111/1467-9868.00294 (model discrepancy)

    Examples
    --------
    >>> print(bs.adequacy(fit))
    the law describes the runs: scatter 0.52 %
    >>> bs.adequacy(fit).ok
    True
    """
    residuals = Residuals.of(fit)
    count = len(residuals.relative)
    scatter = residuals.scatter * float(np.median(residuals.size))
    if count < FEWEST or residuals.freedom < FREEDOM:
        return Adequacy((), pd.DataFrame(columns=["p_value", "share", "size"]), scatter, count)
    coordinates = coordinates_of(fit)
    checks = [
        *_shapes(fit.spec, coordinates, residuals),
        *_replicates(fit, coordinates, residuals),
        *_columns(fit, coordinates, residuals),
        *_clusters(residuals),
    ]
    corrected = _holm([check.found.p_value for check in checks])
    table = pd.DataFrame(
        {
            "p_value": corrected,
            "share": [check.found.share for check in checks],
            "size": [typical_size(check.found) for check in checks],
        },
        index=pd.Index([check.name for check in checks], name="check"),
    )
    significant = [(p, check) for p, check in zip(corrected, checks, strict=True) if p < LEVEL]
    findings = [*flat_law(fit, scatter), *findings_of(fit, residuals, coordinates, significant)]
    named = described_outliers(fit, residuals)
    return Adequacy(tuple(findings), table, scatter, count, tuple(named))


def _holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979)."""
    order = np.argsort(p_values)
    scaled = [min(1.0, (len(p_values) - i) * p_values[k]) for i, k in enumerate(order)]
    corrected = np.maximum.accumulate(scaled)
    found = np.empty(len(p_values))
    found[order] = corrected
    return found.tolist()


# What is looked at ---------------------------------------------------------------------------


def _shapes(
    spec: Spec, coordinates: dict[str, np.ndarray], residuals: Residuals
) -> Iterator[Check]:
    """Look for curves along each coordinate, smooth functions of all, and the largest runs."""
    for name, values in coordinates.items():
        degree = min(3, np.unique(values).size - 1)
        found = residuals.explained_by(polynomial(standardised(values)[:, None], degree))
        if found is not None:
            yield Check(f"along {name}", "shape", found, name)
    if not coordinates:
        return
    column, first = next(iter(coordinates.items()))
    lower = falls(spec, column)
    last = (
        first <= np.quantile(first, LARGEST) if lower else first >= np.quantile(first, 1 - LARGEST)
    )
    if (found := residuals.explained_by(last[:, None].astype(float))) is not None:
        yield Check(f"lowest {column}" if lower else "largest runs", "shape", found, column)
    inputs = np.column_stack([standardised(v) for v in coordinates.values()])
    for name, reach, share in SMOOTH:
        number = max(2, min(20, int(share * len(first))))
        found = residuals.explained_by(smooth_directions(inputs, reach, number))
        if found is not None:
            yield Check(name, "shape", found)


def _replicates(
    fit: Fit, coordinates: dict[str, np.ndarray], residuals: Residuals
) -> Iterator[Check]:
    """Hold what the law leaves against the scatter of runs of equal inputs."""
    values = [v.values for v in fit.inputs.values() if v.ndim == 1]
    values += [
        pd.factorize(v.values)[0].astype(float)
        for v in fit.groups_of(fit.spec.observables[0]).values()
    ]
    if not values or not coordinates or fit.spec.noise.serial:
        return
    group = replicates(values)
    points = group.max() + 1
    if len(group) - points < 4 or points < 4:
        return
    found = residuals.explained_by(np.eye(points)[group])
    if found is not None:
        yield Check("runs of equal inputs", "replicates", found)


def _clusters(residuals: Residuals) -> Iterator[Check]:
    """Look whether the residuals fall into clusters: their tails are too light for any scatter."""
    raw = residuals.relative / residuals.size
    if len(raw) < LIGHT_TAILS:
        return
    from scipy.stats import kurtosis, kurtosistest

    with without_lazy_jax():
        found = kurtosistest(raw, alternative="less")
    # The test's transformation has a pole, beyond which the lightest tails would look heavy.
    beyond = found.statistic > 0 and kurtosis(raw) < LIGHTEST
    p_value = 0.0 if beyond else float(found.pvalue)
    yield Check("light tails", "clusters", Explained(p_value, 0.0, residuals.relative))


def _columns(
    fit: Fit, coordinates: Mapping[str, np.ndarray], residuals: Residuals
) -> Iterator[Check]:
    """Look whether the residuals follow another column, other than what a run was measured by."""
    inputs = list(coordinates.values())
    for name, values in fit.other_columns.items():
        if values.nunique() < 2 or _repeats(values, inputs, fit.observed.values):
            continue
        labels = _labels(values)
        if labels is not None:
            directions = np.eye(labels.max() + 1)[labels]
        elif is_outcome(str(name)):
            continue
        elif values.dtype.kind == "f" and np.isfinite(values).all():
            directions = polynomial(standardised(values.to_numpy())[:, None], 2)
        else:
            continue
        found = residuals.explained_by(directions)
        if found is not None:
            yield Check(f"column {name}", "column", found, str(name), labels)


def _repeats(values: pd.Series, inputs: Sequence[np.ndarray], target: np.ndarray) -> bool:
    """Whether a column says what the inputs, or the target, say already.

    It is an input in another unit or under other names, a smooth function of all inputs, or the
    target.
    """
    if values.dtype.kind != "f":
        names = pd.Series(pd.factorize(values.to_numpy(), use_na_sentinel=False)[0])
        rounded = (pd.Series(np.round(standardised(x), 6)) for x in inputs)
        return any(
            (names.groupby(x).nunique() == 1).all() and (x.groupby(names).nunique() == 1).all()
            for x in rounded
        )
    known = [*((x, SAME) for x in inputs), (target, SAME_TARGET)]
    known = [(x, limit) for x, limit in known if np.ptp(x) > 0]
    if any(
        abs(values.corr(pd.Series(np.round(standardised(x), 6)), method="spearman")) > limit
        for x, limit in known
    ):
        return True
    column = values.to_numpy(float)
    if not inputs or not np.isfinite(column).all() or np.ptp(column) == 0:
        return False
    smooth = polynomial(np.column_stack([standardised(x) for x in inputs]), 2)
    design, wanted = np.column_stack([np.ones(len(smooth)), smooth]), standardised(column)
    if np.linalg.matrix_rank(design) > len(wanted) // 2:
        return False
    left = wanted - design @ np.linalg.lstsq(design, wanted)[0]
    return bool(np.mean(left**2) < 1 - SAME)


def _labels(values: pd.Series) -> np.ndarray | None:
    """Return the group of each row, where a column has few enough values; rare ones are one."""
    codes, kinds = pd.factorize(values.to_numpy(), use_na_sentinel=False)
    most = LEVELS if values.dtype.kind == "f" else len(values) // 3
    if not 2 <= len(kinds) <= max(most, 2):
        return None
    sizes = np.bincount(codes)
    common = np.where(sizes[codes] > 1, codes, len(kinds))
    found = np.unique(common, return_inverse=True)[1]
    return found if found.max() else None
