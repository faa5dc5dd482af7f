"""The sections on parameters: their meaning, estimates, published values, and priors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayescale.data.number_format import (
    Estimate,
    format_value,
    kind_of,
    percent,
    signed,
)
from bayescale.decisions.frontier_constants import frontier_constants
from bayescale.decisions.optimum import has_allocation
from bayescale.design.contraction import contraction_percent
from bayescale.inference.result import Fit
from bayescale.laws.frontier import FRONTIER_CONSTANTS
from bayescale.plots.exponents import exponents_data, plot_exponents
from bayescale.prediction.intervals import estimate, interval_width
from bayescale.prediction.summary import summary
from bayescale.reporting.identifiability import TONES
from bayescale.reporting.narrative import sentence
from bayescale.reporting.page_elements import (
    Block,
    Bullets,
    Cell,
    Link,
    Pair,
    Section,
    Table,
    Text,
    formula,
    interval_cell,
    picture,
)
from bayescale.studies.study import Published, Study


def parameters_section(
    fit: Fit, verdicts: pd.DataFrame, study: Study | None, ci_prob: float | None
) -> Section:
    """Show every parameter with its verdict, and the published values of a study."""
    estimates = summary(fit, ci_prob)
    blocks: list[Block] = [formula(fit.law.formula())] if fit.law.formula() else []
    blocks += [Text(_inputs(fit)), _estimates(estimates, verdicts, "pooled" in fit.record)]
    if study is not None and study.published:
        blocks += _published(fit, study, estimates, ci_prob)
    return Section("Parameters", blocks)


def _inputs(fit: Fit) -> str:
    said = []
    for name, declared in fit.law.inputs.items():
        column = fit.spec.column(name)
        at = f", relative to {format_value(fit.references[name], kind_of(column))}"
        said.append(f"{name} is {declared.columns_text(column)}{at if declared.relative else ''}")
    reference = f" {sentence(fit.law.reference)}" if fit.law.reference else ""
    return f"Here {'; '.join(said)}.{reference}"


def _estimates(estimates: pd.DataFrame, verdicts: pd.DataFrame, pooled: bool) -> Table:
    rows: list[list[Cell]] = []
    judged = verdicts.to_dict("index")
    for name, row in estimates.to_dict("index").items():
        found = _estimate(row)
        rows.append(
            [
                str(name),
                interval_cell(found, unit=row["unit"]),
                *(_judgement(judged[name]) if name in judged else ("", "", "")),
                f"{row['ess']:,.0f}",
                row["about"],
            ]
        )
    header = (
        "parameter",
        "estimate",
        "verdict",
        "contraction",
        "trades off with",
        "draws",
        "meaning",
    )
    runs = "the runs of all groups together" if pooled else "the runs"
    note = (
        f"Contraction: the share of the prior's variance that {runs} removed; above 90 % a "
        "parameter is called identified, below 10 % prior only. Draws: effective sample size."
    )
    return Table(header, rows, note)


def _estimate(row: Mapping[Any, Any]) -> Estimate:
    return Estimate(*(float(row[name]) for name in Estimate._fields))


def _judgement(row: Mapping[Any, Any]) -> tuple[Cell, Cell, Cell]:
    """Return the verdict on a parameter, its contraction, and its partner."""
    partner = Pair(row["partner"], signed(row["correlation"])) if row["partner"] else ""
    return TONES[row["verdict"]], Pair(contraction_percent(row["contraction"])), partner


def _published(
    fit: Fit, study: Study, estimates: pd.DataFrame, ci_prob: float | None
) -> list[Block]:
    if study.law != fit.law.name:
        return [
            Text(
                f"The published values of {study.name} are those of {study.law} and are not shown "
                f"with {fit.law.name}, whose parameters have another meaning."
            )
        ]
    ours = {str(name): _estimate(row) for name, row in estimates.to_dict("index").items()}
    wanted = {name for block in study.published for name in block.values} - set(ours)
    if wanted & set(FRONTIER_CONSTANTS) and has_allocation(fit):
        found = frontier_constants(fit).data_vars
        ours |= {str(name): estimate(draws, ci_prob) for name, draws in found.items()}
    rows = [
        (
            name,
            interval_cell(found),
            _value(published, name),
            Link(published.source, published.url),
        )
        for name, found in ours.items()
        for published in study.published
        if name in published.values
    ]
    rows = [
        ("", "", *row[2:]) if i and rows[i - 1][0] == row[0] else row for i, row in enumerate(rows)
    ]
    header = ("value", "this fit", "published", "by")
    notes = [f"{p.source}: {p.note}" for p in study.published if p.note]
    panels = len(set(exponents_data(fit, study.published)["parameter"]))
    forest = picture(
        lambda axes: plot_exponents(
            fit, study.published, ci_prob=ci_prob, axes=np.atleast_1d(axes)
        ),
        "The exponents and the irreducible loss, with published values.",
        width=9.0,
        height=1.2 + 0.3 * len(study.published),
        panels=panels,
        columns=panels,
    )
    note = (
        "The best parameters, tokens and target at a compute of C FLOP are N_opt = k C^a, "
        "D_opt = k' C^b and L_opt = E + c C^-g: k, k' and c are the coefficients."
    )
    return [
        Table(header, rows, note if has_allocation(fit) else ""),
        forest,
        *([Bullets(notes)] if notes else []),
    ]


def _value(published: Published, name: str) -> Pair:
    value = f"{published.values[name]:.6g}"
    if name not in published.intervals or published.level is None:
        return Pair(value, numbers=(published.values[name],))
    low, high = published.intervals[name]
    level = percent(interval_width(published.level))
    numbers = (published.values[name], low, high)
    return Pair(value, f"{low:.6g} to {high:.6g}, {level}", numbers)


def priors_section(fit: Fit) -> Section:
    """Show the priors that were used, as 90 % intervals in each parameter's unit."""
    rows = [
        (name, *_prior(fit, name), parameter.about)
        for name, parameter in fit.spec.parameters.items()
    ]
    rows += [(name, f"{value:g}", "held fixed", "") for name, value in fit.spec.fixed.items()]
    note = "Defaults are wide."
    if origin := fit.record.get("pooled"):
        note = (
            f"This is one of {origin['of']} groups by {origin['by']} in one model. What pools "
            "partially has this prior for the mean of the groups, and each group's own comes from "
            "their population, which the runs of all groups estimate."
        )
    if any(parameter.of == "target" for parameter in fit.spec.parameters.values()):
        typical = f"{format_value(fit.scale, 'number', fit.scale / 100)} {fit.unit}".rstrip()
        note += f" Those in units of {fit.target} are multiples of its typical value ({typical})."
    header = ("parameter", "90 % interval", "kind", "what it is")
    return Section("Priors", [Table(header, rows, note)])


def _prior(fit: Fit, name: str) -> tuple[str, str]:
    """Return the 90 % interval of a prior, and where it comes from."""
    unit = fit.unit_of(name)
    if name in fit.spec.distributions:
        drawn = fit.tree_group("prior")[name]
        low, high = (float(drawn.quantile(q)) for q in (0.05, 0.95))
        kind = "given, as a distribution"
    else:
        low, high = fit.spec.interval(name, fit.scales)
        kind = "given" if name in fit.spec.priors else "default"
    return f"{low:.3g} to {high:.3g} {unit}".strip(), kind
