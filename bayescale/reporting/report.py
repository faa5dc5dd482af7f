"""One self-contained HTML page: the answers first, then their basis."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.data.number_format import listed, percent
from bayescale.data.write import write_bytes
from bayescale.decisions.scenario import Scenario
from bayescale.design.identify import identify
from bayescale.design.plan import Plan
from bayescale.errors import BayescaleError
from bayescale.evaluation.backtest import Backtest
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.result import Fit
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.intervals import arviz_settings, interval_width
from bayescale.reporting.backtest import backtest_section, backtest_summary, discrepancy_section
from bayescale.reporting.budget_slider import budget_section
from bayescale.reporting.decisions import choices, decisions_section
from bayescale.reporting.design import next_runs, next_runs_section, reach_section
from bayescale.reporting.identifiability import knowledge_section
from bayescale.reporting.narrative import (
    adequacy_of,
    caution,
    identification,
    paragraphs,
    preference,
    shares,
    spanned,
)
from bayescale.reporting.page_formats import FORMATS, Page
from bayescale.reporting.parameters import parameters_section, priors_section
from bayescale.reporting.provenance import data_section, origin_section
from bayescale.reporting.result_sections import (
    average_sections,
    bands_section,
    checked_comparison,
    comparison_section,
    diagnostics_section,
    optimum_section,
    outliers_section,
)
from bayescale.reporting.scenario_texts import terms
from bayescale.reporting.targets import Target, questions, targets
from bayescale.studies.study import Study

_KINDS = {"eti": "equal tails", "hdi": "highest density"}


@of_posterior
def report(
    fit: Fit | Average,
    path: str | Path,
    *,
    flops: Any = None,
    study: Study | None = None,
    comparison: pd.DataFrame | None = None,
    backtest: Backtest | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    ci_prob: float | None = None,
) -> Path:
    """Write the credible-interval report of a fit: one page that loads nothing.

    In a browser a slider answers at any budget, tables copy into a spreadsheet, and it prints.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    path : str or Path
        Where to write the page, ``report.html``; a file there is replaced. The same as text is
        ``report.md``, Markdown with the captions of the pictures, and ``report.json``, with the
        numbers of its tables in full.
    flops : number, str, 1-d array or Scenario, optional
        Planned budgets in FLOP, ``[1e24, "100 PF-days"]``, or a scenario, which gets a section of
        its own; 10 and 100 times the largest fitted run when None.
    study : Study, optional
        The model file of the fit: its title, and its published values for comparison.
    comparison : DataFrame, optional
        What :func:`bayescale.compare` returned, for a section of its own.
    backtest : Backtest, optional
        What :func:`bayescale.backtest` returned, to show with it.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.

    Returns
    -------
    Path
        Where it was written. The same fit gives the same page.

    Raises
    ------
    BayescaleError
        When the path ends in none of these, its folder does not exist, ``flops`` cannot be a
        budget of this law, or ``comparison`` is not a table that ``compare`` made.

    See Also
    --------
    save : Keep the fit itself.
    regret_summary : The decision for a scenario as a table.
    compare : Makes the comparison to include.

    Examples
    --------
    >>> path = bs.report(fit, "report.html", flops="1e24", discrepancy=None)
    >>> path.read_text().startswith("<!DOCTYPE html>")
    True
    """
    return write_page(
        fit,
        Path(path),
        flops=flops,
        study=study,
        comparison=comparison,
        backtest=backtest,
        discrepancy=Discrepancy.of(discrepancy),
        ci_prob=ci_prob,
    )


def write_page(
    fit: Fit | Average,
    path: Path,
    *,
    opening: Sequence[str] = (),
    asked: list[Target] | None = None,
    planned: Plan | None = None,
    flops: Any = None,
    study: Study | None = None,
    comparison: pd.DataFrame | None = None,
    backtest: Backtest | None = None,
    discrepancy: Discrepancy | None = DISCREPANCY,
    ci_prob: float | None = None,
) -> Path:
    """Write the page of :func:`report`, with an opening of its own in place of the expectations.

    Parameters
    ----------
    opening : sequence of str
        Paragraphs that come first and say what to expect at the budgets.
    asked : list of Target, optional
        The answers at those budgets, where they are known already.
    planned : Plan, optional
        The next runs, where they are known already.
    fit, path, flops, study, comparison, backtest, discrepancy, ci_prob
        As for :func:`report`.
    """
    path = _checked(path)
    first = fit.representative
    refuse_pooled(first, "a report")
    scenario = flops if isinstance(flops, Scenario) else None
    if asked is None:
        asked = targets(fit, None if scenario else flops, ci_prob, discrepancy=discrepancy)
    if isinstance(fit, Average):
        known, own = shares(fit), average_sections(fit, study, ci_prob)
    else:
        verdicts = identify(fit, **questions(fit, asked), discrepancy=discrepancy)
        known = identification(fit, verdicts)
        own = [
            parameters_section(fit, verdicts, study, ci_prob),
            knowledge_section(fit, verdicts, asked),
            diagnostics_section(fit),
        ]
    allowed = fit.typical(discrepancy)
    said = paragraphs(first, asked, known, allowed, ci_prob)
    if opening:  # which says what to expect, and of an average what each law counts
        said = [*opening, *said[len(asked) + (first is not fit) :]]
    else:
        said += adequacy_of(fit)
    decided = []
    if scenario is not None:
        chosen = choices(fit, scenario, discrepancy)
        decided = [decisions_section(fit, scenario, chosen, discrepancy, ci_prob)]
        said = [terms(scenario), *(one.said for one in chosen), *said]
    if comparison is not None:
        said.append(preference(first, checked_comparison(comparison)))
    if backtest is not None:
        said.append(" ".join(backtest_summary(backtest)))
    found = [
        *decided,
        bands_section(fit, asked, discrepancy, ci_prob),
        optimum_section(fit, asked, discrepancy, ci_prob),
        budget_section(fit, asked, discrepancy, ci_prob),
        reach_section(fit, asked, discrepancy, ci_prob),
        next_runs_section(fit, planned or next_runs(fit, asked, discrepancy)),
        discrepancy_section(first, asked, allowed),
        backtest_section(backtest) if backtest is not None else None,
        *own,
        comparison_section(comparison) if comparison is not None else None,
        outliers_section(first),
        priors_section(first) if first is fit else None,
        data_section(first),
        origin_section(first),
    ]
    title = (study.title if study else "") or _title(fit)
    page = Page(
        title,
        f"{_about(fit)} Fitted to {spanned(first)}.",
        caution(fit),
        said,
        [one for one in found if one is not None],
        _made(ci_prob),
    )
    text = FORMATS[path.suffix.lower()](page)
    write_bytes(path, text.encode(errors="xmlcharrefreplace"))
    return path


def _made(ci_prob: float | None) -> str:
    """Say who made the page, and what its intervals are."""
    kind = _KINDS.get(arviz_settings()["stats.ci_kind"], "as ArviZ is set")
    width = percent(interval_width(ci_prob))
    return (
        f"Made by bayescale. Intervals hold {width} of the posterior ({kind}) unless said "
        "otherwise."
    )


def _checked(path: Path) -> Path:
    if path.suffix.lower() not in FORMATS:
        raise BayescaleError(f"a report is a page: end {path.name!r} in .html, .md or .json")
    if not path.parent.is_dir():
        raise BayescaleError(f"there is no folder {str(path.parent)!r} for {path.name}: create it")
    return path


def _title(fit: Fit | Average) -> str:
    laws = listed(list(fit.members()))
    averaged = ", averaged and" if len(fit.weights) > 1 else ""
    return f"{laws}{averaged} fitted to {fit.observed.size:,} training runs"


def _about(fit: Fit | Average) -> str:
    return fit.law.about() if isinstance(fit, Fit) else "An average of laws."
