"""The whole job in one call: from a run table to fitted, judged and averaged laws, in words."""

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.data.checkpoints import finished_runs
from bayescale.data.display_tables import html_block, text_table
from bayescale.data.number_format import (
    bounds,
    fixed,
    format_value,
    listed,
    percent,
    relative,
    times,
    whole_percent,
    with_bounds,
)
from bayescale.data.read import RunsLike, read_runs
from bayescale.data.runs import Runs
from bayescale.decisions.optimum import caveats
from bayescale.decisions.regret import regret, regret_summary
from bayescale.design.plan import Plan
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.evaluation.backtest import Backtest, backtest
from bayescale.evaluation.compare import compare
from bayescale.evaluation.forecast_weights import weigh_laws
from bayescale.evaluation.law_choice import contradicted, specs_for
from bayescale.evaluation.sweeps import swept_text
from bayescale.inference.fit import fit
from bayescale.inference.fit_warnings import MISSES
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.model.spec import LawLike, Spec
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import DISCREPANCY
from bayescale.prediction.intervals import interval_width
from bayescale.reporting.backtest import backtest_summary
from bayescale.reporting.design import next_runs, what_would_change_it
from bayescale.reporting.narrative import adequacy_of, counted, paragraphs, sentence, spanned
from bayescale.reporting.report import write_page
from bayescale.reporting.targets import Target, plans, targets

CUTS = (0.5, 0.7)
"""Quantiles of compute below which runs are fitted to weigh the laws by their forecasts."""

CLEAR = 4.0
"""Standard errors of its difference to the best by which a law is clearly worse."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """What :func:`analyze` found.

    Attributes
    ----------
    runs : Runs
        The table as it was fitted: one row per finished run.
    fits : mapping of str to Fit
        The laws that were tried, by name.
    posterior : Fit or Average
        The laws weighted by how they predict held-out runs, or the one that is left: ask it like a
        fit.
    comparison : DataFrame or None
        LOO, WAIC, the scores of the forecasts, and each law's verdict; None for one law.
    backtests : mapping of str to Backtest
        Forecasts of the larger runs by each law fitted to the smaller ones; empty where there are
        too few.
    targets : list of Target
        The answers at the planned budgets.
    choices : DataFrame or None
        For each budget the size to train and those that are as good, as
        :func:`bayescale.regret_summary` has them; None for laws without a size to choose.
    plan : Plan or None
        Runs of a tenth of the compute so far that would tell most about the first best size.
    notes : tuple of str
        What was decided on the way, one sentence each.

    See Also
    --------
    analyze : Make one.
    report : The page that :meth:`report` writes, of any fit.
    """

    runs: Runs
    fits: Mapping[str, Fit]
    posterior: Fit | Average
    comparison: pd.DataFrame | None
    backtests: Mapping[str, Backtest]
    targets: list[Target]
    choices: pd.DataFrame | None
    plan: Plan | None
    notes: tuple[str, ...]

    def paragraphs(self) -> list[str]:
        """Say the decision first, then what it rests on, a paragraph each."""
        return [
            *self._decisions(),
            *([] if self.plan is None else [what_would_change_it(self.posterior, self.plan)]),
            *adequacy_of(self.posterior),
            self._basis(),
            *self.notes,
        ]

    def report(self, path: str | Path) -> Path:
        """Write all of it as one page.

        Parameters
        ----------
        path : str or Path
            ``report.html``, or ``report.md`` or ``report.json`` as for :func:`bayescale.report`; a
            file there is replaced.

        Returns
        -------
        Path
            Where it was written.
        """
        return write_page(
            self.posterior,
            Path(path),
            opening=self.paragraphs(),
            asked=self.targets,
            planned=self.plan,
            comparison=self.comparison,
            backtest=self.backtests.get(self.posterior.representative.label),
        )

    def _decisions(self) -> list[str]:
        """Say at each budget what to train, and what it will reach."""
        first = self.posterior.representative
        if self.choices is None:
            return paragraphs(first, self.targets, "", None)[: max(len(self.targets), 1)]
        rows = self.choices.to_dict("records")
        return [
            _decision(first, target, row) for target, row in zip(self.targets, rows, strict=True)
        ]

    def _basis(self) -> str:
        """Say which laws were tried, and what each counts."""
        weights = self.posterior.weights
        shares = [f"{name} {whole_percent(weights.get(name, 0.0))}" for name in self.fits]
        how = (
            "how well each predicts the larger runs when fitted to the smaller ones"
            if self.backtests
            else "how well each predicts a left-out run"
        )
        if len(self.fits) == 1:
            return f"Fitted {next(iter(self.fits))} to {spanned(self.posterior.representative)}."
        return (
            f"Fitted to {spanned(self.posterior.representative)}. Weights are from {how}: "
            f"{listed(shares)}."
        )

    def __repr__(self) -> str:
        return f"<bayescale.Analysis of {len(self.runs):,} runs: {self.posterior.label}>"

    def __str__(self) -> str:
        return "\n\n".join([*self.paragraphs(), *self._tested(), text_table(self._rows())])

    def _repr_html_(self) -> str:
        first, *rest = *self.paragraphs(), *self._tested()
        return html_block(first, *rest, rows=self._rows())

    def _tested(self) -> list[str]:
        """Say how the law of most weight forecast the larger runs, as the page does by itself."""
        tested = self.backtests.get(self.posterior.representative.label)
        return [] if tested is None else [" ".join(backtest_summary(tested))]

    def _rows(self) -> list[dict[str, str]]:
        """Return a row for each law: its weight, scores, and whether it describes the runs."""
        weights = self.posterior.weights
        return [
            {
                "law": name,
                "weight": whole_percent(weights.get(name, 0.0)),
                "forecast error": self._error(name),
                "LOO": "" if self.comparison is None else self._loo(name),
                "draws": "fine" if one.diagnostics.ok else "failed",
                "describes the runs": "yes" if one.adequacy.ok else "no",
            }
            for name, one in self.fits.items()
        ]

    def _error(self, name: str) -> str:
        if name not in self.backtests:
            return ""
        return relative(float(self.backtests[name].summary.loc["all", "abs_error"]))

    def _loo(self, name: str) -> str:
        assert self.comparison is not None
        if name not in self.comparison.index:
            return ""
        return fixed(float(self.comparison.loc[name, "elpd_diff"]), 3)


def analyze(
    runs: RunsLike,
    laws: Sequence[LawLike] | None = None,
    *,
    flops: Any = None,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Analysis:
    """Fit the laws that a run table allows, judge and average them, and decide what to train.

    Every choice on the way is said, and can be made otherwise: which rows are finished runs, which
    laws are tried, how much each counts. Each law is fitted, its residuals are looked at
    (:func:`bayescale.adequacy`), and it predicts the largest runs from the smaller ones
    (:func:`bayescale.backtest`), which gives its weight together with leave-one-out.

    Parameters
    ----------
    runs : Runs, DataFrame or path
        The run table, as for :func:`bayescale.read_runs`.
    laws : sequence, optional
        What to fit, as for :func:`bayescale.fit`. When None, laws of parameters and tokens where
        the table has both, with a scatter that may fall with compute (noise
        ``"heteroscedastic"``) and priors from public families (``"literature"``), and of one input
        elsewhere, each of at most half as many parameters as there are runs.
    flops : number, str or 1-d array, optional
        Planned budgets in FLOP, ``[1e24, "100 PF-days"]``; 10 and 100 times the largest run when
        None.
    random_seed : int, optional
        Makes the draws reproducible; one is chosen, and recorded, when none is given.
    progressbar : bool
        Say what is being fitted.

    Returns
    -------
    Analysis

    Raises
    ------
    BayescaleError
        When the table has none of params, tokens and flops, too few runs for any law, or no law's
        draws can be trusted.

    See Also
    --------
    fit : One law, with priors, noise and groups of your own.
    fit_average : Weights for laws of one curve.
    report : The page of a fit.

    References
    ----------
    * Yao et al. (2018), doi:10.1214/17-BA1091 (weights by predictive scores)
    * Kennedy and O'Hagan (2001), doi:10.1111/1467-9868.00294 (model discrepancy)

    Examples
    --------
    >>> found = bs.analyze("runs.csv", random_seed=1)  # doctest: +SKIP
    >>> found.report("report.html")  # doctest: +SKIP
    >>> found.posterior.predict(params="7B", tokens="1T")  # doctest: +SKIP
    """
    found = finished_runs(read_runs(runs))
    table, said = found.runs, found.taken() or found.doubt
    notes = [sentence(said)] if said else []
    notes += swept_text(table)
    try:
        specs = specs_for(table, laws, notes)
    except BayescaleError as error:
        raise BayescaleError(" ".join([*notes, str(error)])) from error
    seed = seed_of(random_seed)
    fits, failed = _fits(table, specs, seed, notes if laws is None else None, progressbar)
    if not fits:
        problems = next(iter(failed.values())).diagnostics.problems()
        raise BayescaleError(
            f"the draws of {listed(list(failed))} cannot be trusted: {'; '.join(problems)}"
        )
    if failed:
        notes.append(f"The draws of {listed(list(failed))} cannot be trusted: left out.")
    backtests, comparison = {}, None
    if len(fits) > 1:
        backtests = _backtests(table, {k: specs[k] for k in fits}, seed, notes, progressbar)
        comparison = compare(fits, backtests=backtests or None)
    worse = [] if comparison is None else _clearly_worse(fits, comparison, backtests)
    if worse:
        agree = "residuals and forecasts agree" if backtests else "residuals agree"
        notes.append(
            f"Leave-one-out finds {listed(worse)} worse by more than {CLEAR:g} standard errors, "
            f"and {agree}: no weight."
        )
    posterior = weigh_laws({k: v for k, v in fits.items() if k not in worse}, backtests, seed)
    notes += map(sentence, caveats(posterior))
    asked = targets(posterior, flops)
    return Analysis(
        table,
        {**fits, **failed},
        posterior,
        comparison,
        backtests,
        asked,
        _chosen(posterior, asked),
        next_runs(posterior, asked, DISCREPANCY),
        tuple(notes),
    )


def _fits(
    runs: Runs, specs: dict[str, Spec], seed: int, notes: list[str] | None, progressbar: bool
) -> tuple[dict[str, Fit], dict[str, Fit]]:
    """Fit each law; return those whose draws can be trusted, and the others.

    A law whose informative priors the runs contradict gets its own, in ``specs``, too, and a note;
    where there are no notes the user chose the priors, and they stay.
    """
    fits, failed = {}, {}
    for name, spec in specs.items():
        _say(f"fitting {name} ...", progressbar)
        with warnings.catch_warnings():
            # What the law misses, and that its draws failed, is said by the analysis.
            warnings.filterwarnings("ignore", message=MISSES, category=BayescaleWarning)
            warnings.filterwarnings("ignore", "do not trust", category=BayescaleWarning)
            one = fit(runs, spec, random_seed=seed, progressbar=False)
            if notes is not None and (far := contradicted(one)):
                notes.append(
                    f"The runs contradict what public families say of {listed(far)} of {name}: "
                    "it has its default priors."
                )
                specs[name] = replace(spec, priors={})
                one = fit(runs, specs[name], random_seed=seed, progressbar=False)
        (fits if one.diagnostics.ok else failed)[name] = one
    return fits, failed


def _say(text: str, wanted: bool) -> None:
    """Say on stderr what is done next."""
    if wanted:
        print(text, file=sys.stderr, flush=True)


def _backtests(
    runs: Runs, specs: Mapping[str, Spec], seed: int, notes: list[str], progressbar: bool
) -> dict[str, Backtest]:
    """Predict the largest runs by each law from the smaller ones; empty where that cannot be."""
    found = {}
    try:
        for name, spec in specs.items():
            _say(f"predicting the larger runs by {name} ...", progressbar)
            found[name] = backtest(runs, spec, cuts=CUTS, random_seed=seed, progressbar=False)
        return found
    except BayescaleError as error:
        notes.append(f"No forecasts of larger runs: {error}.")
        return {}


def _clearly_worse(
    fits: Mapping[str, Fit], comparison: pd.DataFrame, backtests: Mapping[str, Backtest]
) -> list[str]:
    """Name the laws that left-out runs, residuals and forecasts all speak against.

    A law may describe the runs worse than another, and predict larger ones better: one is named
    that some law is better than by both. Standard errors are of the difference to the best.
    """
    density, error = (comparison[column].to_dict() for column in ("elpd_diff", "dse"))
    scores = {k: float(one.summary.loc["all", "log_score"]) for k, one in backtests.items()}

    def beaten(name: str) -> bool:
        ahead = [k for k, own in density.items() if own - density[name] > CLEAR * error[name]]
        return any(not scores or scores[better] > scores[name] for better in ahead)

    return [name for name, one in fits.items() if not one.adequacy.ok and beaten(name)]


def _chosen(posterior: Fit | Average, asked: Sequence[Target]) -> pd.DataFrame | None:
    """Return the size to train at each budget, None where there is none to choose."""
    if not asked or not plans(posterior):
        return None
    return regret_summary(regret(posterior, [one.value for one in asked]))


def _decision(fit: Fit, target: Target, row: Mapping[Any, Any]) -> str:
    """Say what to train at a budget, what it will reach, and which sizes are as good."""
    found = target.answers
    level = f"{percent(interval_width(None))} interval"
    where = f"{format_value(target.value, 'flops')} ({times(target.factor)} the largest run)"
    said = [
        f"With {where}, train {format_value(row['params'], 'count')} {counted(fit)} on "
        f"{format_value(row['tokens'], 'count')} tokens "
        f"({row['tokens'] / row['params']:.3g} per parameter): expected {fit.target} "
        f"{with_bounds(found['outcome'], unit=fit.unit, level=level)}."
    ]
    if row["near_lower"] < row["near_upper"]:
        said.append(
            f"Sizes from {format_value(row['near_lower'], 'count')} to "
            f"{format_value(row['near_upper'], 'count')} are expected to waste at most 10 % of the "
            "compute more."
        )
    said.append(
        f"Against the best size, which lies in {bounds(found['params'], 'count')}, it is "
        f"expected to waste {relative(row['wasted'])} of the compute."
    )
    return " ".join(said)
