"""Fit the small runs, score the large ones: what a law's bands are worth beyond the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.display_tables import html_block, text_table
from bayescale.data.number_format import fixed, relative
from bayescale.data.read import RunsLike
from bayescale.errors import BayescaleError
from bayescale.evaluation.point_estimate import RESAMPLES, point_fit
from bayescale.evaluation.scores import log_score, points_of, scores_of, summarise, with_mean
from bayescale.evaluation.splits import Split, cuts_of, groups_of, main_input
from bayescale.inference.fit import fit_prepared, prepare, runs_and_law
from bayescale.inference.fit_warnings import warn_constant, warn_far_reference
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler
from bayescale.inference.threads import one_thread
from bayescale.model.observations import Data, extract
from bayescale.model.spec import LawLike, Spec, make_spec
from bayescale.prediction.averaging import average
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import DRAWS
from bayescale.prediction.predict import expected
from bayescale.prediction.runs_by_compute import falls
from bayescale.studies.study import Study

CUTS = (0.5, 0.7, 0.85)
"""Quantiles of compute below which runs are fitted, by default."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of held-out runs, and their scores.

    Attributes
    ----------
    runs : DataFrame
        One row per held-out run and cut: ``cut``, ``run``, ``distance`` in decades beyond the
        largest fitted run (below the lowest fitted loss), ``observed`` and ``median`` of the
        forecast in the target's unit, ``error`` of the median (relative: 0.01 is one per cent
        too high), ``lower_50``, ``upper_50``, ..., the intervals of the predicted errors
        (``error_lower_50``, ``error_upper_50``, ...), ``pit``, ``crps`` (relative) and
        ``log_score`` (density of the target in its own unit), and the errors ``best_seen`` and
        ``log_linear`` of two baselines.
    summary : DataFrame
        One row per cut, and ``all`` with equal weight per cut: ``fitted`` and ``held_out`` runs,
        ``cover_50``, ``cover_90``, ``cover_95``, mean ``crps`` and ``log_score``, ``mean_error``
        (the bias), ``abs_error`` and those of the baselines, ``width_90`` (relative), and
        whether the fit's ``diagnostics`` were fine.
    law : str
        What was fitted.

    See Also
    --------
    backtest : Make one of a Bayesian fit.
    backtest_point_fit : Make one of a point fit.

    Examples
    --------
    >>> tested = bs.backtest_point_fit(runs, "power_law", cuts=[0.7], random_seed=1)
    >>> tested.law, len(tested.runs)
    ('power_law, point fit', 8)
    >>> bool((tested.runs["distance"] > 0).all())
    True
    """

    runs: pd.DataFrame
    summary: pd.DataFrame
    law: str

    def __repr__(self) -> str:
        return f"<bayescale.Backtest {self._title()}>"

    def __str__(self) -> str:
        return f"{self._title()}\n{text_table(self._summary_rows())}"

    def _repr_html_(self) -> str:
        return html_block(self._title(), rows=self._summary_rows())

    def _title(self) -> str:
        cuts = len(set(self.runs["cut"]))
        word = "cut" if cuts == 1 else "cuts"
        return f"{self.law}: {len(self.runs):,} forecasts of held-out runs over {cuts} {word}"

    def _summary_rows(self) -> list[dict[str, str]]:
        """Return the scores of each cut, human-readable, errors in per cent."""
        return [
            {
                str(name): f"{value:g}" if name in ("fitted", "held_out") else _score(name, value)
                for name, value in row.items()
            }
            for row in self.summary.reset_index().to_dict("records")
        ]


def _score(name: object, value: Any) -> str:
    """Write one score of a summary."""
    if isinstance(value, bool | np.bool_):
        return "fine" if value else "failed"
    if not isinstance(value, float | int) or name == "cut":
        return str(value)
    if not np.isfinite(value):
        return "undefined"
    return fixed(value, 3) if name == "log_score" else relative(value)


def backtest(
    runs: RunsLike | Study,
    law: LawLike | Sequence[LawLike] | None = None,
    *,
    along: str | None = None,
    cuts: Sequence[float] = CUTS,
    leave_out: str | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Backtest:
    """Fit the runs below a cut and score the forecasts of those above it, for several cuts.

    Parameters
    ----------
    runs, law
        The run table and what to fit, as for :func:`bayescale.fit`; a list of laws is averaged,
        with weights that each cut's fitted runs give by stacking.
    along : str, optional
        The column along which the runs are cut; compute, or the law's first input, when None. Along
        a loss, runs of higher losses are fitted and those of lower ones held out.
    cuts : sequence of float
        Quantiles of that column.
    leave_out : str, optional
        Instead of cutting, leave out the rows of one value of this column at a time: one budget,
        one family.
    discrepancy : Discrepancy, number, pair or bool, optional
        As for :func:`bayescale.predict`.
    random_seed, progressbar
        As for :func:`bayescale.fit`.

    Returns
    -------
    Backtest
        Every held-out row is predicted as that of a new run. A cut may divide the checkpoints of a
        run; ``leave_out="run"`` holds out whole runs.

    Raises
    ------
    BayescaleError
        When the runs do not fit the law, too few lie below a cut, or none above it.

    See Also
    --------
    backtest_point_fit : The same of the literature's point fits.
    compare : Puts backtests beside LOO and WAIC.
    plot_backtest : A figure of the errors.

    References
    ----------
    Gneiting and Raftery (2007), doi:10.1198/016214506000001437 (CRPS and log score)

    Examples
    --------
    >>> tested = bs.backtest(runs, "power_law", cuts=[0.7], random_seed=1)  # doctest: +SKIP
    >>> tested = bs.backtest_point_fit(runs, "power_law", cuts=[0.7], random_seed=1)
    >>> tested.summary[["fitted", "held_out"]]
                       fitted  held_out
    cut
    flops <= 1.78e+20      32         8
    all                    32         8
    """
    discrepancy = Discrepancy.of(discrepancy)
    specs, data = laws_on(runs, law)
    first = next(iter(specs))
    splits = _splits(specs[first], data[first], along, cuts, leave_out)
    seeds = np.random.SeedSequence(random_seed).generate_state(len(splits))
    scored, summary = [], []
    for split, seed in zip(splits, seeds.tolist(), strict=True):
        fits = fit_laws(specs, data, ~split.held_out, seed, progressbar)
        fitted = average(fits) if len(fits) > 1 else fits[first]
        scored.append(score_split(fitted, data, split, discrepancy, seed))
        fine = all(one.diagnostics.ok for one in fits.values())
        summary.append(summarise(scored[-1], int((~split.held_out).sum()), fine))
    return _backtest(scored, summary, " + ".join(specs))


def backtest_point_fit(
    runs: RunsLike | Study,
    law: LawLike | Sequence[LawLike] | None = None,
    *,
    along: str | None = None,
    cuts: Sequence[float] = CUTS,
    leave_out: str | None = None,
    random_seed: int | None = None,
) -> Backtest:
    """Score the literature's method: a robust point fit, with a bootstrap over runs.

    Parameters
    ----------
    runs, law, along, cuts, leave_out, random_seed
        As for :func:`backtest`, with one law.

    Returns
    -------
    Backtest
        Bands are those of the bootstrapped curves: a run's scatter is not in them, nor a
        ``log_score``. See :func:`bayescale.evaluation.point_estimate.point_fit` for the method.

    Raises
    ------
    BayescaleError
        As for :func:`backtest`.

    See Also
    --------
    backtest : The same of a Bayesian fit.

    References
    ----------
    * Hoffmann et al. (2022), arXiv:2203.15556, sec. 3.3
    * Besiroglu et al. (2024), arXiv:2404.10102

    Examples
    --------
    >>> tested = bs.backtest_point_fit(runs, "power_law", cuts=[0.7], random_seed=1)
    >>> bool(tested.summary.loc["all", "abs_error"] < tested.summary.loc["all", "best_seen"])
    True
    """
    table, chosen = runs_and_law(runs, law)
    spec = make_spec(chosen)
    _refuse_pool(spec)
    data = extract(spec, table)
    scored, summary = [], []
    for split in _splits(spec, data, along, cuts, leave_out):
        small = extract(spec, data.runs.take(~split.held_out))
        inputs, _, _ = points_of(data, split)
        found = {
            name: xr.DataArray(np.broadcast_to(values, RESAMPLES + 1)[None], dims=DRAWS)
            for name, values in point_fit(spec, small, random_seed).items()
        }
        curves = spec.law.curve(inputs, small.references, found).transpose(*DRAWS, "point")
        errors = scores_of(data, split, spec, curves[:, :1])["error"]
        bands = scores_of(data, split, spec, curves[:, 1:])
        scored.append(bands.assign(error=errors, median=curves[0, 0].values, log_score=np.nan))
        summary.append(summarise(scored[-1], len(small.observed), diagnostics=True))
    return _backtest(scored, summary, f"{spec.law.name}, point fit")


def laws_on(runs: Any, law: Any) -> tuple[dict[str, Spec], dict[str, Data]]:
    """Return a backtest's laws by name, and the runs as each takes them.

    Parameters
    ----------
    runs, law
        As for :func:`backtest`.

    Raises
    ------
    BayescaleError
        When the runs do not fit a law, the laws cannot use the same ones, one is given twice, or
        groups are pooled.
    """
    table, chosen = runs_and_law(runs, law)
    several = chosen if isinstance(chosen, list | tuple) else [chosen]
    declared: dict[str, Spec] = {}
    for spec in map(make_spec, several):
        _refuse_pool(spec)
        if spec.law.name in declared:
            raise BayescaleError(f"{spec.law.name} is given twice: an average takes each law once")
        declared[spec.law.name] = spec
    prepared = {name: prepare(table, spec) for name, spec in declared.items()}
    data = {name: taken for name, (_, taken) in prepared.items()}
    _check_same(data)
    return {name: spec for name, (spec, _) in prepared.items()}, data


def fit_laws(
    specs: Mapping[str, Spec],
    data: Mapping[str, Data],
    chosen: np.ndarray,
    seed: int,
    progressbar: bool,
) -> dict[str, Fit]:
    """Fit each law of a backtest to the chosen runs, an array of bool, shape (run,).

    What it misses, and what so few runs cannot tell, shows in the forecasts, which are scored.
    """
    fits = {}
    for name, spec in specs.items():
        prepared, small = prepare(data[name].runs.take(chosen), spec)
        warn_constant(prepared, small)
        warn_far_reference(prepared, small)
        with one_thread():
            fits[name] = fit_prepared(prepared, small, Sampler(), seed, progressbar)
    return fits


def _refuse_pool(spec: Spec) -> None:
    if spec.pool is not None:
        raise BayescaleError(
            "forecasts are tested of one law, not of pooled groups: leave out pool and group"
        )


def _splits(
    spec: Spec, data: Data, along: str | None, cuts: Sequence[float], leave_out: str | None
) -> list[Split]:
    if leave_out is not None:
        return list(groups_of(data.runs, leave_out))
    column = along or main_input(spec)
    return list(cuts_of(data.runs, column, cuts, lower=falls(spec, column)))


def _check_same(data: Mapping[str, Data]) -> None:
    (first, reference), *others = data.items()
    for name, other in others:
        if other.labels != reference.labels or (other.observed != reference.observed).any():
            raise BayescaleError(
                f"{name} can use {len(other.labels)} runs and {first} {len(reference.labels)}, not "
                "the same ones: keep those that all laws can use (read_runs(..., where=...))"
            )


def _backtest(scored: list[pd.DataFrame], summary: list[dict[str, Any]], law: str) -> Backtest:
    table = with_mean(pd.DataFrame(summary).set_index("cut"))
    return Backtest(pd.concat(scored, ignore_index=True), table, law)


def score_split(
    fitted: PosteriorLike,
    data: Mapping[str, Data],
    split: Split,
    discrepancy: Discrepancy | None,
    seed: int,
) -> pd.DataFrame:
    """Score a fit's, or an average's, forecasts of the held-out runs.

    Parameters
    ----------
    fitted : Fit or Average
        Of the runs that are not held out.
    data : mapping of str to Data
        All runs, as each law by its name takes them.
    split, discrepancy, seed
        Which runs are held out, how wrong the law may be, and where chance comes from.

    Returns
    -------
    DataFrame
        The rows of ``Backtest.runs``.
    """
    (reference, *_) = data.values()

    def predict(one: Fit, wrong: Discrepancy | None) -> xr.Dataset:
        inputs, known, observed = points_of(data[one.law.name], split)
        rng = np.random.default_rng([seed, 2])
        known = one.spec.noise.alone(known)
        _, outcome, parameters = expected(one, inputs, discrepancy=wrong, rng=rng)
        drawn = one.spec.noise.draw(outcome, parameters, known, rng=rng)
        density = one.spec.noise.log_density(outcome, parameters, known, observed)
        return xr.Dataset({"new_run": drawn, "density": density})

    drawn = fitted.mix(predict, discrepancy)
    scored = scores_of(reference, split, fitted.representative.spec, drawn["new_run"])
    return scored.assign(log_score=log_score(drawn["density"]).values)
