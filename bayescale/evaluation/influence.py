"""Sensitivity of answers to left-out runs: the largest ones, outliers, the most influential one.

Draws are reweighted by the likelihood of the left-out runs (Pareto-smoothed importance sampling, as
in LOO). Where Pareto's k is too large, the weights are unreliable, and only a refit is reliable.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.number_format import number_of
from bayescale.data.units import Quantities
from bayescale.design.quantities_of_interest import on_scale, on_scales, quantities
from bayescale.errors import BayescaleWarning
from bayescale.evaluation.residuals import outliers
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.fit import fit as fit_runs
from bayescale.inference.fitted_runs import runs_again
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import likelihood_of, log_likelihood_of, log_likelihoods_of
from bayescale.inference.sampling import Sampler, seed_of
from bayescale.model.spec import make_spec
from bayescale.prediction.points import PointsLike
from bayescale.prediction.runs_by_compute import falls, main_column, run_columns

LARGEST = 0.3
"""Share of the runs that is left out at the far end of the range."""


LOOKED_AT = 20
"""So many runs, those whose densities vary most, are tried for the one that matters most."""


CONSTANT = 1e-9
"""Posterior sd below which a quantity follows from fixed parameters alone, and does not move."""


@of_one_law
def stability(
    fit: Fit,
    *,
    flops: Quantities | None = None,
    at: PointsLike | None = None,
    refit: bool = False,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Measure how parameters and answers change when runs are left out.

    What changes when the range grows, from the smaller runs to all of them, will change again
    beyond them; what depends on one run depends on its mistakes.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    flops, at
        What is asked about besides the parameters, as for :func:`bayescale.identify`.
    refit : bool
        Fit again where draws cannot be reweighted, which takes seconds to a minute each.
    random_seed : int, optional
        Seed of those fits; the fit's own when None.
    progressbar : bool
        Show the progress of those fits.

    Returns
    -------
    pandas.DataFrame
        One row per set of runs and parameter or quantity: ``left_out`` ("the largest 12 runs
        by flops", "3 outliers", "run a17", the one of single runs that matters most) and ``names``
        of those runs; ``quantity``; the medians ``all_runs`` and ``without`` in its own unit;
        ``shift`` of the mean in posterior standard deviations (on the scale it is judged on);
        ``expected``, how far it would move by chance if the law were right; ``pareto_k``; and
        ``how`` ("reweighted", "refitted" or "not known": k is too high, ask with ``refit=True``).

    Raises
    ------
    BayescaleError
        When a budget or a point does not fit the law.

    See Also
    --------
    identify : Which parameters the runs determine.
    least_useful : Rank runs by their information.
    outliers : Runs far off the law.

    References
    ----------
    Vehtari et al. (2024), JMLR 25(72) (Pareto-smoothed importance sampling)

    Examples
    --------
    >>> table = bs.stability(fit)
    >>> sorted(set(table["how"]))
    ['not known', 'reweighted']
    >>> table["left_out"].iloc[0]
    'the largest 16 runs by flops'
    """
    refuse_pooled(fit, "stability")
    seed = seed_of(random_seed, fit.seed)
    shown = quantities(fit, flops, at)
    own = (shown, on_scales(fit, shown))
    likelihood_of(fit)  # of all runs, of which each set takes its own
    parts = [
        _moved(fit, own, said, names, (flops, at) if refit else None, seed, progressbar)
        for said, names in _left_out(fit, own[1])
    ]
    return pd.concat(parts, ignore_index=True)


def _left_out(fit: Fit, values: xr.Dataset) -> Iterator[tuple[str, list[str]]]:
    """Yield what is left out in turn: in words, and the runs' names."""
    labels, column = fit.observed["run"].values, main_column(fit)
    if column is not None:
        far = run_columns(fit)[column]
        low = falls(fit.spec, column)
        limit = np.quantile(far, LARGEST if low else 1 - LARGEST)
        beyond = far <= limit if low else far >= limit
        if 0 < beyond.sum() <= len(labels) / 2:
            end = "smallest" if low else "largest"
            many = number_of(int(beyond.sum()), "run").removeprefix("1 ")
            yield f"the {end} {many} by {column}", list(labels[beyond])
    outlying = [str(name) for name in outliers(fit).index]
    if 0 < len(outlying) < len(labels) / 2:
        said = number_of(len(outlying), "outlier")
        yield said, outlying
    worst = _most_moving(fit, values)
    yield f"run {worst}", [worst]


def _most_moving(fit: Fit, values: xr.Dataset) -> str:
    """Return the run without which something moves most."""
    several = np.argsort(-likelihood_of(fit).variance)[:LOOKED_AT]
    names = [str(fit.observed["run"].values[i]) for i in several]
    densities = log_likelihoods_of(fit, [[name] for name in names])
    shifts = [_largest_shift(values, density) for density in densities]
    return names[int(np.argmax(shifts))]


def _largest_shift(values: xr.Dataset, density: xr.DataArray) -> float:
    weights, _ = _reweighted(density)
    shifts = (abs(_shift(v.values.ravel(), weights)[0]) for v in values.data_vars.values())
    return max(shifts, default=0.0)


def _reweighted(density: xr.DataArray) -> tuple[np.ndarray, float]:
    """Return weights of the draws without runs of this log likelihood, and Pareto's k.

    The weights are of shape (chain x draw,).
    """
    from arviz_stats.base import array_stats

    with warnings.catch_warnings(), without_lazy_jax():
        warnings.simplefilter("ignore")
        logs, k = array_stats.psislw(
            density.transpose("chain", "draw").values.ravel()
        )  # negated there
    return np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum(), float(k)


def _shift(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return by how many sd the mean moves, and by how many it would by chance."""
    mean, sd = values.mean(), values.std()
    if sd <= CONSTANT:
        return 0.0, 0.0
    there = float(weights @ values)
    spread = float(weights @ (values - there) ** 2)
    return float((there - mean) / sd), float(np.sqrt(max(spread - sd**2, 0.0)) / sd)


def _moved(
    fit: Fit,
    own: tuple[xr.Dataset, xr.Dataset],
    said: str,
    names: list[str],
    again: tuple[Any, Any] | None,
    seed: int,
    progressbar: bool,
) -> pd.DataFrame:
    """Return the rows of one set of runs; ``again`` has the questions for another fit."""
    shown, values = own
    weights, k = _reweighted(log_likelihood_of(fit, names))
    trusted = k <= min(1 - 1 / np.log10(weights.size), 0.7)
    refitted = None
    if not trusted and again is not None:
        refitted = quantities(_without(fit, names, seed, progressbar), *again)
    how = "reweighted" if trusted else "not known" if refitted is None else "refitted"
    rows = []
    for key, draws in shown.data_vars.items():
        name, scale = str(key), draws.attrs.get("scale")
        before = values[name].values.ravel()
        row = {"without": np.nan, "shift": np.nan, "expected": np.nan}
        if trusted:
            shift, expected = _shift(before, weights)
            row |= {"without": _median(draws.values.ravel(), weights)}
            row |= {"shift": shift, "expected": expected}
        elif refitted is not None:
            there = on_scale(fit, name, refitted[name], scale).values
            chance = np.sqrt(max(there.var() - before.var(), 0.0)) / before.std()
            row |= {"without": float(refitted[name].median()), "expected": float(chance)}
            row |= {"shift": float((there.mean() - before.mean()) / before.std())}
        middle = float(draws.median())
        rows.append({"quantity": name, "all_runs": middle, **row, "pareto_k": k, "how": how})
    table = pd.DataFrame(rows)
    table.insert(0, "left_out", said)
    return table.assign(names=[names] * len(table))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), 0.5)])


def _without(fit: Fit, names: list[str], seed: int, progressbar: bool) -> Fit:
    """Fit again without some runs, at the same reference points, so that parameters compare."""
    runs = runs_again(fit)
    kept = ~np.isin(np.array(runs.labels(), dtype=str), names)
    spec = make_spec(fit.spec, references=_relative(fit))
    sampler = Sampler(**fit.record["sampler"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "every run has", BayescaleWarning)
        return fit_runs(
            runs.take(kept), spec, sampler=sampler, random_seed=seed, progressbar=progressbar
        )


def _relative(fit: Fit) -> dict[str, float]:
    inputs = fit.law.inputs
    return {k: v for k, v in fit.references.items() if k not in inputs or inputs[k].relative}


def changes_text(table: pd.DataFrame) -> list[str]:
    """State for each set of runs which quantity changes most without it.

    Parameters
    ----------
    table : DataFrame
        What :func:`stability` returned.
    """
    said = []
    for what, rows in table.groupby("left_out", sort=False):
        first = rows.iloc[0]
        if first["how"] == "not known":
            k = f"Pareto k {first['pareto_k']:.2f}"
            said.append(f"without {what}: reweighting is unreliable ({k}): refit to see")
            continue
        worst = rows.loc[rows["shift"].abs().idxmax()]
        before, after = f"{worst['all_runs']:.4g}", f"{worst['without']:.4g}"
        said.append(
            f"without {what}: {worst['quantity']} moves most, from {before} to {after}, "
            f"{abs(worst['shift']):.1f} posterior sd where {worst['expected']:.1f} would be chance "
            f"({worst['how']})"
        )
    return said
