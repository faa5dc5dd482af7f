"""``check``: a study's published values beside our own."""

from typing import Annotated

import typer

from bayescale.cli.describing import header, judged, rows
from bayescale.cli.numbers import fixed
from bayescale.cli.options import JsonFlag, Sampling, find_study
from bayescale.cli.output import Cell, emit, say, table
from bayescale.errors import BayescaleError


def check(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model file, or the name of one.", show_default=False
        ),
    ],
    sampling: Sampling,
    json: JsonFlag = False,
) -> None:
    r"""Fit a model and set published values beside it.

    \b
    bayescale check hoffmann2022
    bayescale check models/gordon2021.toml --json
    """
    study = find_study(model)
    if study is None:
        raise BayescaleError(f"no model {model!r}: `bayescale models` lists them")
    from bayescale.analysis.check import check
    from bayescale.spec import make_spec
    from bayescale.study_data import study_runs

    fit = sampling.fit(study_runs(study), make_spec(study), quiet=json)
    found = check(fit, study)
    with judged(fit):
        if json:
            emit({**header(fit), "ci_prob": found.attrs["ci_prob"], "published": rows(found)})
            return
        say(f"{study.name}: {study.title}", "")
        lines: list[list[Cell]] = [
            [
                row["quantity"],
                fixed(row["published"]),
                _interval(row["lower"], row["upper"]),
                row["verdict"],
                f"{row['reason']} ({row['source']})",
            ]
            for row in rows(found)
        ]
        columns = ["quantity", "published", "ours, 90 %", "verdict", "why (source)"]
        say(table(columns, lines, wide="why (source)"), "", str(fit.diagnostics))


def _interval(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else f"{fixed(lower)} to {fixed(upper)}"
