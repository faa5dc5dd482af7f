"""The section on identifiability: parameters, quantities of interest, and recommended runs."""

import pandas as pd

from bayescale.data.number_format import listed, signed
from bayescale.design.contraction import contraction_percent
from bayescale.design.principal_directions import principal_directions
from bayescale.evaluation.influence import changes_text, stability
from bayescale.inference.result import Fit
from bayescale.plots.identify import draw_identify, identify_axes, identify_heights
from bayescale.reporting.page_elements import (
    Badge,
    Block,
    Bullets,
    Cell,
    Pair,
    Section,
    Table,
    Text,
    picture,
)
from bayescale.reporting.targets import Target, questions

SENSITIVE = 0.05
"""ArviZ's limit of power-scaling sensitivity, above which the posterior moves with the prior."""


def knowledge_section(fit: Fit, verdicts: pd.DataFrame, asked: list[Target]) -> Section:
    """Show what the runs identify and what they do not.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    verdicts : DataFrame
        What :func:`bayescale.identify` says of the parameters and the targets.
    asked : list of Target
        The planned budgets.
    """
    about = questions(fit, asked)
    shows = (
        "Prior and posterior: the share of the prior's variance that the runs removed, "
        "the most correlated parameters draw by draw, and each prior with its posterior."
    )
    blocks: list[Block] = [
        picture(
            lambda axes: draw_identify(fit, verdicts, axes),
            shows,
            width=9.0,
            height=sum(identify_heights(fit, len(verdicts))),
            lay_out=lambda figure: identify_axes(fit, len(verdicts), figure),
        ),
        *_quantities(verdicts),
        *_open_questions(verdicts),
        *_directions(fit),
        *_sensitive(verdicts),
    ]
    moved = [f"{said[0].upper()}{said[1:]}." for said in changes_text(stability(fit, **about))]
    return Section("Identifiability", [*blocks, Bullets(moved)])


def _quantities(verdicts: pd.DataFrame) -> list[Block]:
    """Tabulate the verdicts on the quantities at the targets."""
    rows: list[list[Cell]] = [
        [
            str(name),
            TONES[row["verdict"]],
            contraction_percent(row["contraction"]),
            Pair(row["partner"], signed(row["correlation"])) if row["partner"] else "",
        ]
        for name, row in verdicts.loc[verdicts["kind"] == "quantity"].to_dict("index").items()
    ]
    note = "Within the law, without a discrepancy: what the runs add to what the priors imply."
    header = ("quantity", "verdict", "contraction", "depends on")
    return [Table(header, rows, note)] if rows else []


def _open_questions(verdicts: pd.DataFrame) -> list[Block]:
    """Explain what is not identified, with recommended runs; rows with the same runs are merged."""
    left = verdicts.loc[verdicts["verdict"] != "identified"].to_dict("index")
    shared: dict[str, list[str]] = {}
    for name, row in left.items():
        shared.setdefault(str(row["recommended_runs"]), []).append(str(name))
    rows: list[list[Cell]] = [
        [", ".join(names), str(left[names[0]]["reason"]), runs] for runs, names in shared.items()
    ]
    note = (
        "Recommended runs were evaluated at draws of the posterior: with them a fit would identify "
        "the quantity at 85 % of the draws or more, if the law and its noise hold there."
    )
    header = ("not identified", "reason", "recommended runs")
    return [Table(header, rows, note)] if rows else []


def _directions(fit: Fit) -> list[Block]:
    rows: list[list[Cell]] = [
        [str(row["direction"]), TONES[row["verdict"]], contraction_percent(row["contraction"])]
        for row in principal_directions(fit).to_dict("records")
        if row["verdict"] != "identified"
    ]
    note = "Moved together like this, the parameters hardly change the fit to the runs."
    return [Table(("direction", "verdict", "contraction"), rows, note)] if rows else []


def _sensitive(verdicts: pd.DataFrame) -> list[Block]:
    said = []
    moved = [str(k) for k in verdicts.loc[verdicts["prior_sensitivity"] > SENSITIVE].index]
    if moved:
        said.append(
            f"Giving the priors more or less weight changes {listed(moved)}: check these priors."
        )
    peaks = [str(k) for k in verdicts.loc[verdicts["modes"] > 1].index]
    if peaks:
        said.append(f"The posterior of {listed(peaks)} is multimodal.")
    return [Text(one) for one in said]


TONES = {
    "identified": Badge("identified", "good"),
    "weak": Badge("weak", "doubtful"),
    "prior only": Badge("prior only", "bad"),
}
