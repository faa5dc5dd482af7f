"""Average laws and discrepancies by how well they predict the runs themselves.

One curve with many points is more informative than a few finished runs: its own later part shows
which law predicts it, and how well. Each law is fitted to all points and to those below one half
and one quarter of the largest; laws and discrepancies are then stacked by the log densities of
held-out points, one by one (leave-one-out) and beyond.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayescale.data.read import RunsLike
from bayescale.errors import BayescaleError
from bayescale.evaluation.backtest import Backtest, fit_laws, laws_on, score_split
from bayescale.evaluation.splits import FEWEST, Split, ahead_of, main_input
from bayescale.inference.fitted_runs import runs_shared
from bayescale.inference.leave_one_out import pointwise_loo
from bayescale.inference.result import Fit
from bayescale.model.observations import Data
from bayescale.model.spec import LawLike
from bayescale.prediction.averaging import Average, stack
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.runs_by_compute import falls, main_column, run_columns
from bayescale.studies.study import Study

AHEAD = (2.0, 4.0)
"""Horizons of the forecasts that weight the laws, as factors of the input."""


TOGETHER = 0.25
"""Decades of compute within which the errors of forecasts are taken to go together."""


IMPOSSIBLE = 10.0
"""By how many nats a run that a law gave no density to scores below the worst of all."""


DISCREPANCIES = (
    DISCREPANCY,
    Discrepancy(0.03, 0.5),
    Discrepancy(0.06, 0.5),
    Discrepancy(0.1, 0.5),
    Discrepancy(0.06, 1.0),
    Discrepancy(0.1, 1.0),
)
"""The default discrepancy, and larger ones with shorter length scales."""


def fit_average(
    runs: RunsLike | Study,
    laws: Sequence[LawLike],
    *,
    along: str | None = None,
    ahead: Sequence[float] = AHEAD,
    discrepancies: Sequence[DiscrepancyLike] = DISCREPANCIES,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Average:
    """Fit several laws, and average them by how well each predicts the runs.

    For one curve: the loss by tokens, by examples, by compute. Laws and discrepancies that predict
    its later part from the earlier one count most. Points count as independent, and forecasts are
    tried two and four times ahead: further out, and on non-monotone curves, bands are
    still too narrow (``docs/extrapolation.md``).

    Parameters
    ----------
    runs
        The run table, as for :func:`bayescale.fit`.
    laws : sequence
        Laws, names or specs; ``["power_law_floor", "power_law_saturating"]``.
    along : str, optional
        The column along which to look ahead; compute, or the laws' first input, when None.
    ahead : sequence of float
        The forecasts start at its largest value (lowest loss) divided (multiplied) by these; one
        that would leave fewer than five runs to fit, or has none to predict, is left out.
    discrepancies : sequence of Discrepancy
        How wrong a law may be.
    random_seed, progressbar
        As for :func:`bayescale.fit`.

    Returns
    -------
    Average
        With discrepancies of its own, which count unless another one is asked for. A law whose
        diagnostics failed counts for nothing, unless all did.

    Raises
    ------
    BayescaleError
        As for :func:`bayescale.backtest`, for fewer than two laws, and where no forecast is left.

    See Also
    --------
    average : Weights by leave-one-out densities.
    backtest : Score forecasts of one law, or of an average.

    References
    ----------
    Yao et al. (2018), doi:10.1214/17-BA1091 (stacking)

    Examples
    --------
    >>> both = bs.fit_average(runs, ["chinchilla", "skaling"], random_seed=1)  # doctest: +SKIP
    >>> both = bs.Average(fits, {"chinchilla": 0.6, "skaling": 0.4})
    >>> both.label
    'average of chinchilla 60 %, skaling 40 %'
    """
    given = [wrong for one in discrepancies if (wrong := Discrepancy.of(one)) is not None]
    if not given:
        raise BayescaleError("discrepancies is empty: give one or more")
    specs, data = laws_on(runs, [laws] if isinstance(laws, str) else list(laws))
    if len(specs) < 2:
        raise BayescaleError(f"an average is of two laws or more, not of {', '.join(specs)} alone")
    first = next(iter(specs))
    column = along or main_input(specs[first])
    lower = falls(specs[first], column)
    splits = list(ahead_of(data[first].runs, column, ahead, lower=lower))
    if not splits:
        raise BayescaleError(
            f"there is no forecast to weigh the laws by: below parts of the largest {column} lie "
            f"fewer than {FEWEST} runs, or all; fit each law and use average"
        )
    states = np.random.SeedSequence(random_seed).generate_state(len(splits) + 1)
    seed, *seeds = states.tolist()
    every = np.full(len(data[first].observed), True)
    fits = fit_laws(specs, data, every, seed, progressbar)
    earlier = [
        (split, fit_laws(specs, data, ~split.held_out, own, progressbar))
        for split, own in zip(splits, seeds, strict=True)
    ]
    return weigh(fits, earlier, data, given, seed)


def weights_of_forecasts(
    scores: np.ndarray, clusters: np.ndarray, random_seed: int, draws: int = 4000
) -> np.ndarray:
    """Return averaging weights from log scores of held-out runs whose errors go together.

    The forecasts of one law at nearby budgets are wrong together, so a cluster of runs counts as
    one observation, of the mean log score. Clusters are resampled (Bayesian bootstrap), their
    scatter being widened to that of the difference from what another set of clusters would show,
    and the laws' probabilities are averaged over that (pseudo-BMA+). A law loses its weight only to
    evidence that is large beside its own standard error.

    Parameters
    ----------
    scores : array, shape (run, law)
        Log predictive densities of held-out runs.
    clusters : array, shape (run,)
        The cluster of each run.
    random_seed, draws : int
        Of the bootstrap.

    Returns
    -------
    array, shape (law,)
        They sum to one.

    References
    ----------
    Rubin (1981), doi:10.1214/aos/1176345338; Yao et al. (2018), doi:10.1214/17-BA1091, sec. 3.4
    """
    known = np.isfinite(scores).any(axis=1)
    values = scores[known]
    least = values[np.isfinite(values)].min() - IMPOSSIBLE
    values = np.where(np.isfinite(values), values, least)
    names, at = np.unique(np.asarray(clusters)[known], return_inverse=True)
    count = len(names)
    means = np.array([values[at == i].mean(axis=0) for i in range(count)])
    shares = np.random.default_rng(random_seed).dirichlet(np.ones(count), draws) * count
    wider = (2 * (count + 1) / max(count - 1, 1)) ** 0.5
    totals = means.sum(axis=0) + wider * ((shares - 1) @ means)
    chances = np.exp(totals - totals.max(axis=1, keepdims=True))
    return (chances / chances.sum(axis=1, keepdims=True)).mean(axis=0)


def weigh_laws(
    fits: Mapping[str, Fit], backtests: Mapping[str, Backtest], random_seed: int
) -> Fit | Average:
    """Average laws of finished runs by how well they predict runs that are held out.

    Both forecasts of larger runs and runs left out one by one count, those of a quarter of a decade
    of compute as one observation (:func:`weights_of_forecasts`).

    Parameters
    ----------
    fits : mapping of str to Fit
        The laws by name, fitted to the same runs.
    backtests : mapping of str to Backtest
        Their forecasts; empty where there are none.
    random_seed : int
        Of the bootstrap.

    Returns
    -------
    Fit or Average
        The fit itself where there is one.
    """
    first = next(iter(fits.values()))
    if len(fits) == 1:
        return first
    scores = [np.column_stack([pointwise_loo(one) for one in fits.values()])]
    column = main_column(first)
    along = (
        np.zeros(first.observed.size) if column is None else np.log10(run_columns(first)[column])
    )
    steps = [-1 - _steps(along)]
    if backtests:
        forecasts = [backtests[name].runs for name in fits]
        scores.append(np.column_stack([one["log_score"] for one in forecasts]))
        steps.append(_steps_of_forecasts(forecasts[0]))
    weights = weights_of_forecasts(np.concatenate(scores), np.concatenate(steps), random_seed)
    return Average(fits, dict(zip(fits, weights.tolist(), strict=True)))


def _steps_of_forecasts(held_out: pd.DataFrame) -> np.ndarray:
    """Return in which step of compute each held-out run lies, whatever cut held it out."""
    limits = np.log10(held_out["cut"].str.rpartition(" ")[2].astype(float))
    towards = np.where(held_out["cut"].str.contains(" >= ", regex=False), -limits, limits)
    return _steps(towards + held_out["distance"].to_numpy())


def _steps(decades: np.ndarray) -> np.ndarray:
    """Return in which step of compute each run lies, from 0 on."""
    return np.floor((decades - decades.min()) / TOGETHER)


def _several_runs(one: Fit) -> bool:
    """Whether there are runs to leave out, and not only rows of one run."""
    names = runs_shared(one)
    return names is None or len(set(names)) > 1


def weigh(
    fits: Mapping[str, Fit],
    earlier: Sequence[tuple[Split, Mapping[str, Fit]]],
    data: Mapping[str, Data],
    discrepancies: Sequence[Discrepancy],
    seed: int,
) -> Average:
    """Average fits by leave-one-out, and by the forecasts of fits to earlier parts of the runs.

    Parameters
    ----------
    fits : mapping of str to Fit
        Of all the runs, by the names of their laws.
    earlier : sequence of (Split, mapping of str to Fit)
        Which runs were held out, and the same laws fitted to the others.
    data : mapping of str to Data
        All the runs, as each law takes them.
    discrepancies, seed
        How wrong a law may be, and where chance comes from.

    Returns
    -------
    Average
    """
    sound = [name for name, one in fits.items() if one.diagnostics.ok] or list(fits)
    among: dict[str, list[np.ndarray]] = {name: [] for name in sound}
    if _several_runs(fits[sound[0]]):
        among = {name: [pointwise_loo(fits[name])] for name in sound}
    columns = {(name, wrong): [*among[name]] for name in sound for wrong in discrepancies}
    for split, parts in earlier:
        for (name, wrong), densities in columns.items():
            scored = score_split(parts[name], {name: data[name]}, split, wrong, seed)
            densities.append(scored["log_score"].to_numpy())
    stacked = stack(np.column_stack([np.concatenate(column) for column in columns.values()]))
    weights = dict.fromkeys(fits, 0.0)
    shares: dict[str, dict[Discrepancy, float]] = {name: {} for name in sound}
    for (name, wrong), share in zip(columns, stacked.tolist(), strict=True):
        weights[name] += share
        shares[name][wrong] = share
    return Average(fits, weights, shares)
