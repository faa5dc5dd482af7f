"""What a command prints: tables, JSON, a fit's title and diagnostics, and plots as files."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

import typer

from bayescale.cli.errors import MISFIT, UNTRUSTED
from bayescale.cli.message_options import as_options
from bayescale.cli.options import check_folder
from bayescale.data.display_tables import heading
from bayescale.data.number_format import COUNTS, column_formatter, coordinate, whole_percent
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import RenderableType
    from rich.table import Table

    from bayescale.data.runs import Runs
    from bayescale.inference.result import Fit
    from bayescale.model.spec import Spec
    from bayescale.prediction.averaging import Average
    from bayescale.prediction.discrepancy import Discrepancy


type Cell = str | Callable[[str], str]
"""Text, or a function from the separator between an estimate and its interval to text."""


_PROSE = 20
"""Characters that a column of running text needs, at least."""


def say_reading(runs: "Runs", specs: "Iterable[Spec]" = ()) -> None:
    """Print how a table was read, for laws that will be fitted to it."""
    from bayescale.model.observed_columns import columns_read

    said = runs.using(column for spec in specs for column in columns_read(spec)).describe()
    say(indented(said), "")


def indented(text: str) -> str:
    """Wrap the lines of a list to the terminal, and indent where they go on."""
    from rich.console import Console

    lines = TextWrapper(
        Console().width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(map(lines.fill, as_options(text).split("\n")))


def say(*parts: "RenderableType") -> None:
    """Print text or tables on stdout; text is shown as it is, but for arguments: as options."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as captured:
        for part in parts:
            console.print(Text(as_options(part)) if isinstance(part, str) else part)
    write("\n".join(line.rstrip() for line in captured.get().split("\n")))


def write(text: str) -> None:
    """Write to stdout; a reader that has left (``| head``) is not an error."""
    encoding = sys.stdout.encoding or "utf-8"  # half a character is written as \\ud800
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, wide: str = "") -> "Table":
    """Lay out a table; where it is wider than the terminal, intervals go below their estimate.

    Where numbers or words would be cut even so, each row becomes a block of lines.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : sequence of sequences
        One cell per column, see :data:`Cell`.
    wide : str
        The column of running text, if there is one: it may wrap.
    """
    from rich.console import Console

    console, unlimited = Console(), Console(width=1000)
    numbers = [i for i, name in enumerate(columns) if name != wide]
    narrow = _table([columns[i] for i in numbers], [[row[i] for i in numbers] for row in rows], " ")
    room = console.width - (_PROSE if wide else 0)
    fits = unlimited.measure(narrow).maximum <= room
    made = _table(columns, rows, " " if fits else "\n")
    for i in numbers if fits else ():
        made.columns[i].no_wrap = True
    if not fits:
        with console.capture() as captured:
            console.print(made)
        cells = [cell if isinstance(cell, str) else cell(" ") for row in rows for cell in row]
        if not set(captured.get().split()) >= set(" ".join([*columns, *cells]).split()):
            return _blocks(columns, rows)
    return made


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> "Table":
    """Lay out each row as lines of a heading and its cell, with a line between rows."""
    lines: list[tuple[Cell, Cell]] = []
    for row in rows:
        lines += [("", "")] if lines else []
        lines += zip(columns, row, strict=True)
    made = _table(["", ""], lines, " ")
    made.show_header = False
    return made


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], separator: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(Text(name), overflow="fold")
    for row in rows:
        made.add_row(*(Text(c if isinstance(c, str) else c(separator)) for c in row))
    return made


def emit(answer: Mapping[str, Any]) -> None:
    """Print an answer as JSON on stdout; what is not a finite number is null."""
    write(json.dumps(plain(answer), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Turn mappings, sequences, NumPy scalars, paths and floats into what printed JSON can say."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def title(fit: "Fit | Average") -> str:
    """Write the printed title: the law or laws, the runs and the units, in one line."""
    name, fit = fit.label, fit.representative
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
    from bayescale.prediction.averaging import Average

    if isinstance(fit, Average):
        each = {
            name: {"weight": fit.weights[name], **header(one)} for name, one in fit.fits.items()
        }
        return {**header(fit.representative), "law": "average", "average": each}
    runs, found = fit.record["runs"], fit.diagnostics
    return {
        "law": fit.law.name,
        "noise": fit.spec.noise.name,
        "source": runs["source"],
        "runs": fit.observed.size,
        "params_convention": runs["params_convention"],
        "loss_unit": runs["loss_unit"],
        "diagnostics": {"ok": found.ok, "problems": found.problems(), **vars(found)},
        "adequacy": _adequacy(fit),
    }


def _adequacy(fit: "Fit") -> dict[str, Any] | None:
    """Return as JSON whether the law describes the runs; null where it has none of its own."""
    if not fit.informed:
        return None
    found = fit.adequacy
    return {
        "ok": found.ok,
        "severe": found.severe,
        "problems": found.problems(),
        "outliers": list(found.outliers),
        "scatter": found.scatter,
        "checks": rows(found.checks),
    }


def rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table as JSON has it: one record per row, its index among them."""
    return [dict(row) for row in frame.reset_index().to_dict("records")]


def show_parameters(fit: "Fit", found: "pd.DataFrame") -> None:
    """Print the summary table of a fit."""
    columns = ["", heading(found.attrs["ci_prob"]), "R-hat", "ESS", "meaning"]
    lines = [
        [
            row["parameter"],
            column_formatter([row["median"], row["lower"], row["upper"]]),
            f"{row['rhat']:.3f}",
            f"{row['ess']:,.0f}",
            f"{row['about']}, {row['unit']}" if row["unit"] else row["about"],
        ]
        for row in rows(found)
    ]
    say(table(columns, lines, wide="meaning"))
    for name, value in fit.spec.fixed.items():
        say(f"{name} was held fixed at {value:g}")


def show_verdicts(fit: "Fit") -> None:
    """Say in a line each whether the draws can be trusted, and whether the law describes the runs.

    A banner has said what is wrong with the draws.
    """
    found = fit.diagnostics
    numbers, _, _ = str(found).partition(":")
    say("", f"diagnostics: {numbers}: {'no problem found' if found.ok else 'failed, see above'}")
    if fit.informed:
        say(f"adequacy: {fit.adequacy}")


NO_WEIGHT, LITTLE_WEIGHT = 0.005, 0.2
"""Share of a law in an average below which it is printed as 0 %, and below which its misfit does
not make the answer wrong: four fifths of it and more are of laws that describe the runs."""


@contextmanager
def judged(*fits: "Fit | Average") -> Iterator[None]:
    """Answer under a banner, and end with an exit code, when a fit cannot be trusted.

    Code 3 where its draws cannot be trusted, 4 where its law is far from describing the runs. A law
    of no weight in an average changes nothing, and is not asked; the misfit of one of little weight
    is named.
    """
    failed, wrong = {}, {}
    for fit in fits:
        for name, one in fit.members().items():
            if fit.weights[name] < NO_WEIGHT:
                continue
            if not one.diagnostics.ok:
                failed[name] = one.diagnostics.problems()
            elif one.informed and one.adequacy.severe:
                if fit.weights[name] >= LITTLE_WEIGHT:
                    wrong[name] = one.adequacy.problems()
                    continue
                share = f"{name}, {whole_percent(fit.weights[name])} of the average,"
                what = f"{share} does not describe the runs: {'; '.join(one.adequacy.problems())}"
                typer.secho(what, err=True, fg="yellow")
    for name, problems in failed.items():
        _banner(f"the diagnostics of {name} failed", problems)
    for name, problems in wrong.items():
        _banner(f"{name} does not describe the runs", problems)
    yield
    if failed:
        raise typer.Exit(UNTRUSTED)
    if wrong:
        raise typer.Exit(MISFIT)


def _banner(what: str, problems: Sequence[str]) -> None:
    said = f"DO NOT TRUST THESE NUMBERS: {what}."
    typer.secho(said, err=True, fg="red", bold=True)
    for problem in problems:
        typer.secho(f"  - {problem}", err=True, fg="red")
    typer.echo(err=True)


def check_figure(output: Path) -> None:
    """Refuse, before the work is done, a picture that could not be written after it."""
    hide_display()
    from matplotlib.figure import Figure

    check_folder(output)
    if output.suffix[1:].lower() not in Figure().canvas.get_supported_filetypes():
        raise BayescaleError(f"cannot draw {output}: end it in .png, .pdf or .svg")


def save_figure(drawn: Any, output: Path) -> None:
    """Save a command's figure, that of the axes or array of axes that a plot returned."""
    import numpy as np

    from bayescale.data.write import write_bytes

    figure, stream = np.ravel(drawn)[0].figure, BytesIO()
    figure.savefig(stream, format=output.suffix[1:].lower(), dpi=150, bbox_inches="tight")
    write_bytes(output, stream.getvalue())


def hide_display() -> None:
    """Draw without a window, wherever the command runs."""
    import matplotlib

    matplotlib.use("Agg")


def discrepancy_text(discrepancy: "Discrepancy | None") -> str:
    """Return the line in which an answer says what discrepancy it allows for."""
    from bayescale.prediction import discrepancy as described

    return described.discrepancy_text(discrepancy)


def discrepancy_texts(each: "Mapping[str, Discrepancy | None]") -> list[str]:
    """Return the lines of several fits: one where they allow for the same, else one by name."""
    said = {name: discrepancy_text(one) for name, one in each.items()}
    if len(set(said.values())) == 1:
        return [next(iter(said.values()))]
    return [f"{name}: {text}" for name, text in said.items()]


def allowed(discrepancy: "Discrepancy | None") -> dict[str, Any]:
    """Return what printed JSON says of the discrepancy."""
    if discrepancy is None:
        return {"discrepancy": None}
    return {"discrepancy": {"size": discrepancy.size, "reach": discrepancy.reach}}


def allowed_each(each: "Mapping[str, Discrepancy | None]") -> dict[str, Any]:
    """Return what printed JSON says of the discrepancies of laws: one where they are alike."""
    said = {name: allowed(one) for name, one in each.items()}
    first = next(iter(said.values()))
    if all(one == first for one in said.values()):
        return first
    return {"discrepancies": {name: one["discrepancy"] for name, one in said.items()}}


def answers(answer: "xr.Dataset", width: float) -> list[dict[str, Any]]:
    """Return an answer as printed JSON: one record per point, coordinates and intervals.

    Of a fit that pools groups it is one per group and point.
    """
    from bayescale.prediction.intervals import credible_interval

    dim, *groups = sorted(set(answer.dims) - {"chain", "draw"}, key=lambda d: d != "budget")
    if groups:
        return [
            {str(groups[0]): str(name)} | record
            for name in answer[groups[0]].values
            for record in answers(answer.sel({groups[0]: name}, drop=True), width)
        ]
    bounds = {str(k): credible_interval(draws, width) for k, draws in answer.data_vars.items()}
    places = {str(k): v for k, v in answer.coords.items() if v.dims == (dim,) and k != dim}
    return [
        {k: v.values[i].item() for k, v in places.items()}
        | {
            name: {str(k): float(v[i]) for k, v in table.data_vars.items()}
            for name, table in bounds.items()
        }
        for i in range(answer.sizes[dim])
    ]


def show_answer(answer: "xr.Dataset", width: float) -> None:
    """Print the table of an answer, one row per point."""
    found = answers(answer, width)
    columns = [_LABELS.get(name, name) for name in found[0]]
    say(table(columns, [[_cell(k, v) for k, v in row.items()] for row in found]))


_LABELS = {
    "flops": "FLOP",
    "tokens_per_param": "tokens/param",
    "law": "the law",
    "outcome": "with discrepancy",
    "new_run": "a new run",
}


def _cell(name: str, value: Any) -> Cell:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return coordinate(name, value)
    kind = "count" if name in COUNTS else "number"
    digits = 3 if name == "tokens_per_param" else 4
    return column_formatter([value["median"], value["lower"], value["upper"]], kind, digits)
