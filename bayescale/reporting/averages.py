"""What a report of an average says of the laws in it."""

from bayescale.analysis.identify import identify
from bayescale.averaging import Average, members
from bayescale.reporting.knowledge import knowledge_section
from bayescale.reporting.layout import Cell, Section, Table
from bayescale.reporting.parameters import parameters_section
from bayescale.reporting.sections import diagnostics_section
from bayescale.reporting.words import caution
from bayescale.study import Study


def average_sections(fit: Average, study: Study | None, ci_prob: float | None) -> list[Section]:
    """Show the weights, and then of each law that counts its parameters and diagnostics."""
    found = [_weights(fit)]
    for name, one in members(fit).items():
        own = study if study is not None and study.law == one.law.name else None
        verdicts = identify(one)
        parts = (
            parameters_section(one, verdicts, own, ci_prob),
            knowledge_section(one, verdicts, []),
            diagnostics_section(one),
        )
        found += [Section(f"{part.title} of {name}", part.blocks) for part in parts]
    return found


def _weights(fit: Average) -> Section:
    ranked = sorted(fit.weights.items(), key=lambda item: -item[1])
    rows: list[list[Cell]] = []
    for name, weight in ranked:
        one = fit.fits[name]
        rows.append([name, f"{100 * weight:.0f} %", one.law.about(), " ".join(caution(one))])
    note = "Answers are drawn from the laws in proportion to their weights."
    return Section(
        "The laws that are averaged", [Table(("law", "weight", "what it is", ""), rows, note)]
    )
