"""The page of first answers, from what the benchmark saved: ``docs/first_answers.md``."""

import sys
from pathlib import Path

from beyond import bars_of
from markdown_tables import table

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import first_answers
from kept import rows_of

INTRO = """# What `analyze` says first

Written by `make docs` from what `make bars ONLY=first_answers` saved. Each public table is given
without its largest runs (above the 85 % quantile of compute), and `analyze` is asked for the largest
of their budgets. Then what it said is held against the runs that it did not see. Some of the tables were
used to choose the size of the laws' errors; which, `benchmarks/sets.py` says. In the misread tables
checkpoints, recipes or families were left together; what is wrong with them must be said.
"""


def page() -> str:
    """Return the page; without results it says so."""
    found = rows_of(first_answers.SAVED, first_answers.PLAN)
    if not found:
        return f"{INTRO}\nNo results yet: run `make bars ONLY=first_answers`.\n"
    lines = [
        [row["case"], row["rows"], row["first"], _true(row), _said(row)]
        for row in sorted(found, key=lambda row: list(first_answers.CASES).index(row["case"]))
    ]
    columns = ["table", "rows given", "the first paragraph", "what came true", "what must be said"]
    return "\n\n".join([INTRO.rstrip(), bars_of("first_answers"), table(columns, lines)]) + "\n"


def _true(row: dict) -> str:
    """Say how the runs that were kept back compare."""
    if row["refused"]:
        return ""
    said = (
        f"{row['inside']:.0%} of {row['kept_back']} losses inside; median error {row['error']:.1%}"
    )
    for one in row["best_sizes"]:
        held = "inside" if one["inside"] else "outside"
        said += f"; best size seen at {one['flops']:.2g} FLOP {one['seen']:.3g}, {held}"
    return said


def _said(row: dict) -> str:
    """Say whether the word that had to be said was."""
    word = first_answers.CASES[row["case"]].must_say
    return f"{word}: {'said' if row['said'] else 'not said'}" if word else ""
