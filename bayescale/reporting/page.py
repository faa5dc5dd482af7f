"""One self-contained HTML page: the answer first, then what it rests on."""

from pathlib import Path
from typing import Any

import arviz_base as azb
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from bayescale.analysis.identify import identify
from bayescale.errors import BayescaleError
from bayescale.fitting import Fit
from bayescale.reporting.background import data_section, origin_section, priors_section
from bayescale.reporting.parameters import parameters_section
from bayescale.reporting.sections import (
    bands_section,
    checked_comparison,
    comparison_section,
    diagnostics_section,
    optimum_section,
    outliers_section,
)
from bayescale.reporting.targets import targets
from bayescale.reporting.words import caution, paragraphs, percent, preference, spanned
from bayescale.study import Study

SUFFIXES = (".html", ".htm")

_KINDS = {"eti": "equal tails", "hdi": "highest density"}


def report(
    fit: Fit,
    path: str | Path,
    *,
    flops: Any = None,
    study: Study | None = None,
    comparison: pd.DataFrame | None = None,
    title: str | None = None,
    ci_prob: float | None = None,
    random_seed: int = 0,
) -> Path:
    """Write the credible-interval report of a fit: one HTML page that loads nothing.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    path : str or Path
        Where to write the page, ``report.html``; a file there is replaced.
    flops : number, str or 1-d array, optional
        Planned budgets in FLOP, ``[1e24, "100 PF-days"]``; 10 and 100 times the largest fitted run
        when None.
    study : Study, optional
        The model file of the fit: its title, and its published values beside yours.
    comparison : DataFrame, optional
        What :func:`bayescale.compare` returned, to show with it.
    title : str, optional
        Of the page; the study's, or the law and the number of runs, when None.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    random_seed : int
        Seed of the scatter of single runs; the same fit and seed give the same page.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    BayescaleError
        When the path is not that of an HTML page, its folder does not exist, ``flops`` cannot be a
        budget of this law, or ``comparison`` is not a table that ``compare`` made.
    """
    path = _checked(Path(path))
    asked = targets(fit, flops, ci_prob, random_seed)
    verdicts = identify(fit)
    said = paragraphs(fit, asked, verdicts, ci_prob)
    if comparison is not None:
        checked_comparison(comparison)
        said.append(preference(fit, comparison))
    found = [
        bands_section(fit, asked, ci_prob, random_seed),
        optimum_section(fit, asked, ci_prob),
        parameters_section(fit, verdicts, study, ci_prob),
        comparison_section(comparison) if comparison is not None else None,
        diagnostics_section(fit),
        outliers_section(fit),
        priors_section(fit),
        data_section(fit),
        origin_section(fit),
    ]
    text = (
        _environment()
        .get_template("template.html.j2")
        .render(
            title=title or (study.title if study else "") or _title(fit),
            about=f"{fit.law.about()} Fitted to {spanned(fit)}.",
            caution=caution(fit),
            answer=said,
            sections=[section for section in found if section is not None],
            interval=percent(ci_prob),
            kind=f" ({_KINDS.get(azb.rcParams['stats.ci_kind'], 'as ArviZ is set')})",
        )
    )
    path.write_text(text, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    return path


def _checked(path: Path) -> Path:
    if path.suffix.lower() not in SUFFIXES:
        raise BayescaleError(f"a report is an HTML page: end {path.name!r} in .html")
    if not path.parent.is_dir():
        raise BayescaleError(f"no folder {str(path.parent)!r} to write {path.name} to: make it")
    return path


def _title(fit: Fit) -> str:
    return f"{fit.law.name} fitted to {fit.observed.size:,} training runs"


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bayescale", "reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
