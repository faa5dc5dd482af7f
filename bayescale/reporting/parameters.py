"""The section on parameters: what they are, what the runs say of them, what others found."""

import numpy as np
import pandas as pd

from bayescale.analysis.identify import identify
from bayescale.analysis.summary import summary
from bayescale.fitting import Fit
from bayescale.plots import exponents_data, plot_exponents, plot_ridge
from bayescale.plots.compute import has_frontier
from bayescale.reporting.layout import Badge, Block, Bullets, Cell, Link, Section, Table, Text
from bayescale.reporting.pictures import formula, picture
from bayescale.reporting.readable import Estimate, kind_of, listed, spell, with_bounds
from bayescale.reporting.targets import growth
from bayescale.reporting.words import sentence
from bayescale.study import Published, Study

SENSITIVE = 0.05
"""ArviZ's limit of power-scaling sensitivity, above which the posterior moves with the prior."""

_TONES = {
    "identified": Badge("identified", "good"),
    "weak": Badge("weak", "doubtful"),
    "prior only": Badge("prior only", "bad"),
}


def parameters_section(fit: Fit, study: Study | None, ci_prob: float | None) -> Section:
    """Show every parameter with its verdict, and the published values of a study."""
    estimates, verdicts = summary(fit, ci_prob), identify(fit)
    blocks: list[Block] = [formula(fit.law.formula())] if fit.law.formula() else []
    blocks += [Text(_inputs(fit)), _estimates(estimates, verdicts)]
    blocks += _open_questions(verdicts) + _moved_by_prior(verdicts)
    if len(fit.spec.free) > 1:
        shows = "The parameters that trade off most, draw by draw."
        blocks.append(picture(lambda ax: plot_ridge(fit, ax=ax), shows))
    if study is not None and study.published:
        blocks += _published(fit, study, estimates, ci_prob)
    return Section("Parameters", blocks)


def _inputs(fit: Fit) -> str:
    said = []
    for name, declared in fit.law.inputs.items():
        column = fit.spec.column(name)
        at = f", relative to {spell(fit.references[name], kind_of(column))}"
        said.append(f"{name} is {column}{at if declared.relative else ''}")
    return f"{sentence('; '.join(said))} {fit.law.reference}"


def _estimates(estimates: pd.DataFrame, verdicts: pd.DataFrame) -> Table:
    rows: list[list[Cell]] = []
    for name, row in estimates.iterrows():
        judged = verdicts.loc[name] if name in verdicts.index else None
        rows.append(
            [
                str(name),
                with_bounds(_estimate(row), unit=row["unit"]),
                _TONES[judged["verdict"]] if judged is not None else "",
                _percent(judged["contraction"]) if judged is not None else "",
                _partner(judged) if judged is not None else "",
                f"{row['ess']:,.0f}",
                row["about"],
            ]
        )
    header = (
        "parameter",
        "estimate",
        "verdict",
        "learnt",
        "trades off with",
        "draws",
        "what it is",
    )
    note = (
        "Learnt: the share of the prior's variance that the runs removed; above 90 % a parameter "
        "is called identified, below 10 % prior only. Draws: effective sample size."
    )
    return Table(header, rows, note)


def _estimate(row: pd.Series) -> Estimate:
    return Estimate(*(float(row[name]) for name in Estimate._fields))


def _percent(share: float) -> str:
    return "> 99 %" if share > 0.99 else f"{100 * max(share, 0.0):.0f} %"


def _partner(judged: pd.Series) -> str:
    return f"{judged['partner']} ({judged['correlation']:+.2f})" if judged["partner"] else ""


def _open_questions(verdicts: pd.DataFrame) -> list[Block]:
    rows = [
        (str(name), str(row["reason"]), str(row["remedy"]))
        for name, row in verdicts.iterrows()
        if row["verdict"] != "identified"
    ]
    header = ("not identified", "why", "what would settle it")
    return [Table(header, rows)] if rows else []


def _moved_by_prior(verdicts: pd.DataFrame) -> list[Block]:
    moved = verdicts.index[verdicts["prior_sensitivity"] > SENSITIVE]
    if not len(moved):
        return []
    named = listed([str(name) for name in moved])
    return [Text(f"Giving the priors more or less weight moves {named}: see that they are meant.")]


def _published(
    fit: Fit, study: Study, estimates: pd.DataFrame, ci_prob: float | None
) -> list[Block]:
    if study.law != fit.law.name:
        return [
            Text(
                f"The published values of {study.name} are those of {study.law} and are not shown "
                f"beside {fit.law.name}, whose parameters mean something else."
            )
        ]
    ours = {str(name): _estimate(row) for name, row in estimates.iterrows()}
    ours |= growth(fit, ci_prob) if has_frontier(fit) else {}
    rows = [
        (name, with_bounds(found), _value(published, name), Link(published.source, published.url))
        for name, found in ours.items()
        for published in study.published
        if name in published.values
    ]
    header = ("value", "this fit", "published", "by")
    notes = [f"{p.source}: {p.note}" for p in study.published if p.note]
    panels = exponents_data(fit, study.published)["parameter"].nunique()
    forest = picture(
        lambda axes: plot_exponents(
            fit, study.published, ci_prob=ci_prob, axes=np.atleast_1d(axes)
        ),
        "The exponents and the irreducible loss beside the published ones.",
        height=1.2 + 0.3 * len(study.published),
        panels=panels,
        columns=panels,
    )
    return [Table(header, rows), forest, *([Bullets(notes)] if notes else [])]


def _value(published: Published, name: str) -> str:
    value = f"{published.values[name]:.6g}"
    if name not in published.intervals or published.level is None:
        return value
    low, high = published.intervals[name]
    return f"{value} ({low:.6g} to {high:.6g}, {100 * published.level:.3g} %)"
