"""What every command says of a fit: its title, its parameters, and whether to trust it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from bayescale.cli.guard import UNTRUSTED
from bayescale.cli.numbers import heading, spell
from bayescale.cli.output import say, table

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.averaging import Average
    from bayescale.diagnostics import Diagnostics
    from bayescale.fitting import Fit
    from bayescale.runs import Runs


def title(fit: "Fit | Average") -> str:
    """Name the law or laws, the runs and the units, in one line."""
    from bayescale.averaging import Average, heaviest

    name = f"average of {', '.join(fit.shares)}" if isinstance(fit, Average) else fit.law.name
    fit = heaviest(fit)
    runs = fit.record["runs"]
    parts = [f"{name} on {fit.observed.size:,} runs of {runs['source']}"]
    parts += [f"{fit.spec.noise.name} noise"]
    if runs["params_convention"] != "unknown":
        parts.append(f"{runs['params_convention']} params")
    if runs["loss_unit"] != "unknown":
        parts.append(f"loss in {runs['loss_unit']}")
    return ", ".join(parts)


def header(fit: "Fit | Average") -> dict[str, Any]:
    """Return what every JSON answer says of the fit, or of the fits of an average, it came from."""
    from bayescale.averaging import Average, heaviest

    if isinstance(fit, Average):
        each = {
            name: {"weight": fit.weights[name], **header(one)} for name, one in fit.fits.items()
        }
        return {**header(heaviest(fit)), "law": "average", "average": each}
    runs = fit.record["runs"]
    return {
        "law": fit.law.name,
        "noise": fit.spec.noise.name,
        "source": runs["source"],
        "runs": fit.observed.size,
        "params_convention": runs["params_convention"],
        "loss_unit": runs["loss_unit"],
        "diagnostics": diagnostics(fit.diagnostics),
    }


def diagnostics(found: "Diagnostics") -> dict[str, Any]:
    """Return the diagnostics as JSON has them."""
    return {"ok": found.ok, "problems": found.problems(), **vars(found)}


def record(runs: "Runs") -> dict[str, Any]:
    """Return what JSON says of a run table."""
    labels = runs.set_aside.index.map(str)
    return {
        "source": runs.source,
        "rows": len(runs),
        "columns": [vars(column) for column in runs.columns],
        "params_convention": runs.params_convention,
        "loss_unit": runs.loss_unit,
        "notes": list(runs.notes),
        "set_aside": [
            {"row": label, "reason": reason}
            for label, reason in zip(labels, runs.set_aside["reason"], strict=True)
        ],
    }


def rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table as JSON has it: a record a row, its index among them."""
    return [dict(row) for row in frame.reset_index().to_dict("records")]


def show_parameters(fit: "Fit", found: "pd.DataFrame") -> None:
    """Print the summary table of a fit."""
    columns = ["", heading(found.attrs["ci_prob"]), "R-hat", "ESS", "what it is"]
    lines = [
        [
            row["parameter"],
            spell([row["median"], row["lower"], row["upper"]]),
            f"{row['rhat']:.3f}",
            f"{row['ess']:,.0f}",
            f"{row['about']}, {row['unit']}" if row["unit"] else row["about"],
        ]
        for row in rows(found)
    ]
    say(table(columns, lines, wide="what it is"))
    for name, value in fit.spec.fixed.items():
        say(f"{name} was held fixed at {value:g}")


def show_diagnostics(found: "Diagnostics") -> None:
    """Say in one line whether the draws can be trusted; the banner has said what is wrong."""
    numbers, _, _ = str(found).partition(":")
    say("", f"diagnostics: {numbers}: {'no problem found' if found.ok else 'failed, see above'}")


@contextmanager
def judged(*fits: "Fit | Average") -> Iterator[None]:
    """Answer under a banner, and end with exit code 3, when a fit's draws cannot be trusted."""
    from bayescale.averaging import members

    counted = [each for fit in fits for each in members(fit).items()]
    failed = {name: one.diagnostics.problems() for name, one in counted if not one.diagnostics.ok}
    for name, problems in failed.items():
        _banner(name, problems)
    yield
    if failed:
        raise typer.Exit(UNTRUSTED)


def _banner(name: str, problems: Sequence[str]) -> None:
    said = f"DO NOT TRUST THESE NUMBERS: the diagnostics of {name} failed."
    typer.secho(said, err=True, fg="red", bold=True)
    for problem in problems:
        typer.secho(f"  - {problem}", err=True, fg="red")
    typer.echo(err=True)
