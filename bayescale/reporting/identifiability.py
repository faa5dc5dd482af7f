"""The section on what the runs can tell: of parameters, of answers, and which runs would add."""

import pandas as pd

from bayescale.data.number_format import listed, signed
from bayescale.design.contraction import principal_directions
from bayescale.evaluation.influence import changes_text, stability
from bayescale.inference.result import Fit
from bayescale.plots.identify import identify_panels, plot_identify
from bayescale.reporting.layout import Block, Bullets, Cell, Pair, Section, Table, Text, picture
from bayescale.reporting.parameters import TONES, percent_of
from bayescale.reporting.targets import Target, questions

SENSITIVE = 0.05
"""ArviZ's limit of power-scaling sensitivity, above which the posterior moves with the prior."""


def knowledge_section(fit: Fit, verdicts: pd.DataFrame, asked: list[Target]) -> Section:
    """Show what the runs tell and what they leave open.

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
    panels = identify_panels(fit)
    shows = (
        "What the runs added to the priors: the share of the prior's variance that they removed, "
        "the most correlated parameters draw by draw, and each prior with its posterior."
    )
    blocks: list[Block] = [
        picture(
            lambda axes: plot_identify(fit, axes=axes, **about),
            shows,
            panels=panels,
            columns=2,
            height=3.0,
        ),
        *_quantities(verdicts),
        *_open_questions(verdicts),
        *_unseen(fit),
        *_sensitive(verdicts),
    ]
    moved = [f"{said[0].upper()}{said[1:]}." for said in changes_text(stability(fit, **about))]
    return Section("What the runs tell", [*blocks, Bullets(moved)])


def _quantities(verdicts: pd.DataFrame) -> list[Block]:
    """Tabulate the verdicts on what was asked at the targets."""
    rows: list[list[Cell]] = [
        [
            str(name),
            TONES[row["verdict"]],
            percent_of(row["contraction"]),
            Pair(row["partner"], signed(row["correlation"])) if row["partner"] else "",
        ]
        for name, row in verdicts.loc[verdicts["kind"] == "quantity"].to_dict("index").items()
    ]
    note = "Within the law, without a discrepancy: what the runs add to what the priors imply."
    header = ("answer", "verdict", "learnt", "leans on")
    return [Table(header, rows, note)] if rows else []


def _open_questions(verdicts: pd.DataFrame) -> list[Block]:
    """Say why something is open and what would settle it; rows that share both are one."""
    left = verdicts.loc[verdicts["verdict"] != "identified"].to_dict("index")
    shared: dict[str, list[str]] = {}
    for name, row in left.items():
        shared.setdefault(str(row["recommended_runs"]), []).append(str(name))
    rows: list[list[Cell]] = [
        [", ".join(names), str(left[names[0]]["reason"]), remedy]
        for remedy, names in shared.items()
    ]
    note = (
        "Each remedy was tried at draws of the posterior: with these runs a fit would identify "
        "what is open at 85 % of them or more, if the law and its scatter hold there."
    )
    header = ("not identified", "why", "what would settle it")
    return [Table(header, rows, note)] if rows else []


def _unseen(fit: Fit) -> list[Block]:
    rows: list[list[Cell]] = [
        [str(row["direction"]), TONES[row["verdict"]], percent_of(row["contraction"])]
        for row in principal_directions(fit).to_dict("records")
        if row["verdict"] != "identified"
    ]
    note = "Moved together like this, the parameters change what the runs saw by next to nothing."
    return [Table(("direction", "verdict", "learnt"), rows, note)] if rows else []


def _sensitive(verdicts: pd.DataFrame) -> list[Block]:
    said = []
    moved = [str(k) for k in verdicts.loc[verdicts["prior_sensitivity"] > SENSITIVE].index]
    if moved:
        said.append(
            f"Giving the priors more or less weight moves {listed(moved)}: see that they are meant."
        )
    peaks = [str(k) for k in verdicts.loc[verdicts["modes"] > 1].index]
    if peaks:
        said.append(f"The posterior of {listed(peaks)} has more than one peak.")
    return [Text(one) for one in said]
