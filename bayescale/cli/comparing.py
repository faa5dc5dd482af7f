"""``compare``: which law the runs support."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.averaging import load_fits
from bayescale.cli.backtesting import backtest_fit
from bayescale.cli.describing import header, judged, rows
from bayescale.cli.fitting import SUFFIXES
from bayescale.cli.options import Allowing, JsonFlag, Reading, Sampling, several
from bayescale.cli.output import Cell, emit, say, table
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.fitting import Fit


@dataclass(frozen=True)
class Contest:
    """What is compared."""

    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="RUNS | FIT FIT...",
            help="A table of runs (or a model), with --laws; or two or more saved fits.",
            show_default=False,
        ),
    ]
    laws: Annotated[
        str | None,
        typer.Option(
            metavar="LAW[:NOISE],...",
            help="Laws to fit: chinchilla,skaling,chinchilla:normal.",
        ),
    ] = None
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest", help="Fit the smaller runs, too, and score how they foretell the rest."
        ),
    ] = False


def compare(
    contest: Contest,
    reading: Reading,
    sampling: Sampling,
    allowing: Allowing,
    json: JsonFlag = False,
) -> None:
    r"""Compare laws on the same runs (LOO, WAIC, backtests).

    \b
    bayescale compare runs.csv --laws chinchilla,skaling
    bayescale compare a.nc b.nc
    """
    if contest.laws is None:
        fits = _saved(contest.sources)
    else:
        fits = _fit(contest, reading, sampling, json)
    from bayescale.analysis.compare import compare

    tests = None
    if contest.backtest:
        tests = {
            name: backtest_fit(fit, allowing.chosen(), sampling.seed) for name, fit in fits.items()
        }
    elif allowing.discrepancy is not None:
        raise BayescaleError("--discrepancy is of forecasts: say --backtest, too")
    found = compare(fits, backtests=tests)
    with judged(*fits.values()):
        if json:
            emit({"laws": rows(found), "fits": {name: header(fit) for name, fit in fits.items()}})
        else:
            _show(found)


def _saved(sources: list[str]) -> "dict[str, Fit]":
    """Load the saved fits to compare.

    Raises
    ------
    BayescaleError
        For fewer than two, one given twice, or a file that is no saved fit.
    """
    if len(sources) < 2:
        raise BayescaleError(
            f"compare {sources[0]} with what? give two or more saved fits, or a table of runs and "
            "--laws chinchilla,skaling"
        )
    for source in sources:
        if Path(source).suffix not in SUFFIXES:
            raise BayescaleError(
                f"{source} is not a saved fit (.nc or .zarr); to fit laws to a table of runs say "
                "--laws chinchilla,skaling"
            )
    return load_fits(sources)


def _fit(contest: Contest, reading: Reading, sampling: Sampling, quiet: bool) -> "dict[str, Fit]":
    """Fit each of the laws to the runs."""
    if len(contest.sources) > 1:
        raise BayescaleError("--laws takes one table of runs; saved fits are compared without it")
    specs = several(str(contest.laws))
    runs = reading.read(contest.sources[0])
    if not quiet:
        say(runs.describe(), "")
    return {name: sampling.fit(runs, spec, quiet=quiet) for name, spec in specs.items()}


def _show(found: "pd.DataFrame") -> None:
    columns = ["", "elpd (LOO)", "behind", "weight", "elpd (WAIC)", "p (LOO)"]
    laws = rows(found)
    lines: list[list[Cell]] = [
        [
            row["law"],
            _give_or_take(row["elpd_loo"], row["se_loo"]),
            _give_or_take(abs(row["elpd_diff"]), row["dse"]) if i else "",
            f"{row['weight']:.2f}",
            _give_or_take(row["elpd_waic"], row["se_waic"]),
            f"{row['p_loo']:.1f}",
        ]
        for i, row in enumerate(laws)
    ]
    say(table(columns, lines), "")
    if "crps" in found:
        _show_beyond(laws)
    for row in laws:
        say(f"{row['law']}: {row['verdict']}")
    say("", "elpd: expected log density of a run left out, summed over runs; higher is better")
    for row in laws:
        if row["warning"]:
            say(f"{row['law']}: {row['warning']}")


def _show_beyond(laws: list[dict[str, Any]]) -> None:
    """Print the scores of the backtests."""
    columns = ["beyond the data", "CRPS", "error", "in 90 %", "weight", "weight (LOO)"]
    columns.append("weight (WAIC)")
    weights = ("weight_beyond", "weight", "weight_waic")
    lines: list[list[Cell]] = [
        [
            row["law"],
            *(f"{100 * row[name]:.2f} %" for name in ("crps", "abs_error")),
            f"{100 * row['cover_90']:.0f} %",
            *(f"{row[name]:.2f}" for name in weights),
        ]
        for row in sorted(laws, key=lambda row: row["crps"])
    ]
    say(table(columns, lines), "")


def _give_or_take(value: float, error: float) -> Cell:
    return lambda separator: f"{value:.1f}{separator}± {error:.1f}"
