"""``compare`` and ``backtest``: which law the runs support, among them and beyond them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.errors import UNTRUSTED
from bayescale.cli.fit import Fitting
from bayescale.cli.options import (
    Allowing,
    JsonFlag,
    Reading,
    RunsSource,
    Sampling,
    check_folder,
    find_study,
    quantities,
    several,
)
from bayescale.cli.output import (
    Cell,
    allowed_each,
    discrepancy_texts,
    emit,
    header,
    judged,
    rows,
    say,
    say_reading,
    table,
)
from bayescale.cli.saved_fits import FIT_SUFFIXES, load_fits
from bayescale.data.number_format import whole_percent
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.evaluation.backtest import Backtest
    from bayescale.inference.result import Fit
    from bayescale.prediction.averaging import Average
    from bayescale.prediction.discrepancy import Discrepancy


@dataclass(frozen=True)
class _Comparing:
    """Arguments of ``compare``."""

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
            "--backtest", help="Fit the smaller runs, too, and score how they predict the others."
        ),
    ] = False


def compare(
    comparing: _Comparing,
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
    if comparing.laws is None:
        fits = _saved(comparing.sources)
    else:
        fits = _fit(comparing, reading, sampling, json)
    from bayescale.evaluation.compare import compare

    tests = None
    if comparing.backtest:
        tests = {
            name: backtest_fit(fit, allowing.chosen(), sampling.seed) for name, fit in fits.items()
        }
    elif allowing.discrepancy is not None:
        raise BayescaleError("--discrepancy applies to backtests: pass --backtest, too")
    found = compare(fits, backtests=tests)
    with judged(*fits.values()):
        if json:
            emit({"laws": rows(found), "fits": {name: header(fit) for name, fit in fits.items()}})
        else:
            _show_comparison(found)


def _saved(sources: list[str]) -> "dict[str, Fit]":
    """Load the saved fits to compare.

    Raises
    ------
    BayescaleError
        For fewer than two, one given twice, or a file that is no saved fit.
    """
    if len(sources) < 2:
        raise BayescaleError(
            f"compare needs two or more saved fits and got {sources[0]} only: pass another, or a "
            "table of runs with --laws chinchilla,skaling"
        )
    for source in sources:
        if Path(source).suffix not in FIT_SUFFIXES:
            raise BayescaleError(
                f"{source} is not a saved fit (.nc or .zarr); to fit laws to a table of runs pass "
                "--laws chinchilla,skaling"
            )
    return load_fits(sources)


def _fit(
    comparing: _Comparing, reading: Reading, sampling: Sampling, quiet: bool
) -> "dict[str, Fit]":
    """Fit each of the laws to the runs."""
    if len(comparing.sources) > 1:
        raise BayescaleError("--laws takes one table of runs; saved fits are compared without it")
    specs = several(str(comparing.laws))
    runs = reading.read(comparing.sources[0])
    if not quiet:
        say_reading(runs, specs.values())
    return {name: sampling.fit(runs, spec, quiet=quiet) for name, spec in specs.items()}


def _show_comparison(found: "pd.DataFrame") -> None:
    columns = ["", "elpd (LOO)", "difference", "weight", "elpd (WAIC)", "p (LOO)"]
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
    say("", "elpd: expected log density of a left-out run, summed over runs; higher is better")
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
            whole_percent(row["cover_90"]),
            *(f"{row[name]:.2f}" for name in weights),
        ]
        for row in sorted(laws, key=lambda row: row["crps"])
    ]
    say(table(columns, lines), "")


def _give_or_take(value: float, error: float) -> Cell:
    return lambda separator: f"{value:.1f}{separator}± {error:.1f}"


@dataclass(frozen=True)
class _Dividing:
    """Which runs are held out."""

    cuts: Annotated[
        str | None,
        typer.Option(
            metavar="Q,...",
            help="Quantiles below which runs are fitted.  [default: 0.5,0.7,0.85]",
        ),
    ] = None
    along: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Cut by this column instead of compute."),
    ] = None
    leave_out: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Leave out the rows of one value of this column at a time, instead of cutting.",
        ),
    ] = None

    def options(self) -> dict[str, Any]:
        """Return what to pass to :func:`bayescale.backtest`.

        Raises
        ------
        BayescaleError
            When both ways are asked for, or a cut is no number.
        """
        if self.leave_out is not None and (self.cuts or self.along):
            raise BayescaleError("--leave-out goes without --cuts and --along: it holds out groups")
        found: dict[str, Any] = {"along": self.along, "leave_out": self.leave_out}
        if self.cuts is not None:
            found["cuts"] = quantities("--cuts", self.cuts)
        return found


@dataclass(frozen=True)
class _Keeping:
    """What is written."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.csv",
            help="Write every prediction here, one row per run.",
        ),
    ] = None
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it here: .png, .pdf or .svg.")
    ] = None

    def check(self) -> None:
        """Refuse, before the work is done, what could not be written after it."""
        if self.output is not None:
            check_folder(self.output)
        if self.plot is not None:
            from bayescale.cli.output import check_figure

            check_figure(self.plot)


def backtest(
    source: RunsSource,
    fitting: Fitting,
    dividing: _Dividing,
    reading: Reading,
    allowing: Allowing,
    keeping: _Keeping,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    laws: Annotated[
        str | None,
        typer.Option(metavar="LAW[:NOISE],...", help="Average these laws, instead of fitting one."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Seed of the fits, the discrepancy, the scatter."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    r"""Fit the small runs, and score the large ones.

    \b
    bayescale backtest runs.csv --law chinchilla
    bayescale backtest runs.csv --laws chinchilla,skaling --cuts 0.5,0.8
    """
    keeping.check()
    specs = _specs(source, fitting, laws)
    options, discrepancy = dividing.options(), allowing.chosen()
    runs = reading.read(source)
    if not json:
        say_reading(runs, specs if isinstance(specs, list) else [specs])
    import bayescale as bs

    bar = not (json or quiet) and sys.stdout.isatty()
    tested = bs.backtest(
        runs, specs, discrepancy=discrepancy, random_seed=seed, progressbar=bar, **options
    )
    each = {name: discrepancy and discrepancy.of_law(name) for name in tested.law.split(" + ")}
    if json:
        known = {"law": tested.law, **allowed_each(each)}
        emit({**known, "cuts": rows(tested.summary), "runs": tested.runs.to_dict("records")})
    else:
        _show_backtest(tested, each)
    _write(tested, keeping, quiet=json)
    if not all(tested.summary["diagnostics"]):
        raise typer.Exit(UNTRUSTED)


def _specs(source: str, fitting: Fitting, laws: str | None) -> Any:
    """Return what to fit: one law, or a list of them to average."""
    if laws is None:
        return fitting.spec(find_study(source))
    given = [fitting.law, fitting.noise, *fitting.prior, *fitting.input]
    if any(given):
        raise BayescaleError("--laws goes without --law, --noise, --prior and --input")
    return list(several(laws).values())


def _show_backtest(tested: "Backtest", each: "Mapping[str, Discrepancy | None]") -> None:
    from bayescale.reporting.backtest import LEGEND, backtest_summary, scores

    header, lines = scores(tested)
    shown: list[list[Cell]] = [[*line] for line in lines]
    say(
        table(header, shown),
        "",
        *backtest_summary(tested),
        "",
        LEGEND,
        *discrepancy_texts(each),
    )


def _write(tested: "Backtest", keeping: _Keeping, *, quiet: bool) -> None:
    if keeping.output is not None:
        from bayescale.data.write import write_table

        write_table(keeping.output, tested.runs)
    if keeping.plot is not None:
        from bayescale.cli.output import save_figure
        from bayescale.plots.backtest import plot_backtest

        save_figure(plot_backtest(tested), keeping.plot)
    for path in (keeping.output, keeping.plot):
        if path is not None and not quiet:
            say(f"wrote {path}")


def backtest_fit(
    fit: "Fit | Average", discrepancy: "Discrepancy | None", seed: int | None = None
) -> "Backtest":
    """Backtest the law of a saved fit on the runs that it holds.

    The laws of an average are weighed anew at each cut, by stacking.
    """
    import bayescale as bs
    from bayescale.inference.fitted_runs import runs_again
    from bayescale.inference.sampling import seed_of

    fits = list(fit.members().values())
    return bs.backtest(
        runs_again(*fits),
        [one.spec for one in fits] if len(fits) > 1 else fits[0].spec,
        discrepancy=discrepancy,
        random_seed=seed_of(seed, fit.seed),
        progressbar=False,
    )
