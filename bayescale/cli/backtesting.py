"""``backtest``: fit the small runs, score the large ones."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.describing import rows
from bayescale.cli.fitting import Fitting
from bayescale.cli.guard import UNTRUSTED
from bayescale.cli.options import (
    Allowing,
    JsonFlag,
    Reading,
    RunsSource,
    Seed,
    check_folder,
    find_study,
    quantities,
    several,
)
from bayescale.cli.output import Cell, emit, say, table
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.analysis.backtest import Backtest
    from bayescale.averaging import Average
    from bayescale.discrepancy import Discrepancy
    from bayescale.fitting import Fit


@dataclass(frozen=True)
class Dividing:
    """Which runs are held out."""

    cuts: Annotated[
        str | None,
        typer.Option(
            metavar="Q,...",
            help="Quantiles below which runs are fitted.  [default: 0.5,0.7,0.85]",
        ),
    ] = None
    by: Annotated[
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
        if self.leave_out is not None and (self.cuts or self.by):
            raise BayescaleError("--leave-out goes without --cuts and --by: it holds out groups")
        found: dict[str, Any] = {"by": self.by, "leave_out": self.leave_out}
        if self.cuts is not None:
            found["cuts"] = quantities("--cuts", self.cuts)
        return found


@dataclass(frozen=True)
class Keeping:
    """What is written."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.csv", help="Write every forecast here, a row a run."
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
            from bayescale.cli.figures import check_figure

            check_figure(self.plot)


def backtest(
    source: RunsSource,
    fitting: Fitting,
    dividing: Dividing,
    reading: Reading,
    allowing: Allowing,
    keeping: Keeping,
    laws: Annotated[
        str | None,
        typer.Option(metavar="LAW[:NOISE],...", help="Average these laws, instead of fitting one."),
    ] = None,
    seed: Seed = 0,
    json: JsonFlag = False,
) -> None:
    r"""Fit the small runs, and score the large ones.

    \b
    bayescale backtest runs.csv --law chinchilla
    bayescale backtest runs.csv --laws chinchilla,skaling --cuts 0.5,0.8
    """
    keeping.check()
    options, discrepancy = dividing.options(), allowing.chosen()
    specs = _specs(source, fitting, laws)
    runs = reading.read(source)
    if not json:
        say(runs.describe(), "")
    import bayescale as bs

    bar = not json and sys.stdout.isatty()
    tested = bs.backtest(
        runs, specs, discrepancy=discrepancy, random_seed=seed, progressbar=bar, **options
    )
    if json:
        known = {"law": tested.law, "discrepancy": discrepancy and vars(discrepancy)}
        emit({**known, "cuts": rows(tested.summary), "runs": tested.runs.to_dict("records")})
    else:
        _show(tested, discrepancy)
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


def _show(tested: "Backtest", discrepancy: "Discrepancy | None") -> None:
    from bayescale.cli.answers import spoken
    from bayescale.reporting.foresight import LEGEND, scores, worth

    header, lines = scores(tested)
    shown: list[list[Cell]] = [[*line] for line in lines]
    say(table(header, shown), "", *worth(tested), "", LEGEND, spoken(discrepancy))


def _write(tested: "Backtest", keeping: Keeping, *, quiet: bool) -> None:
    if keeping.output is not None:
        tested.runs.to_csv(keeping.output, index=False)
    if keeping.plot is not None:
        from bayescale.cli.figures import save_figure
        from bayescale.plots import plot_backtest

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
    from bayescale.averaging import members
    from bayescale.more_runs import runs_again

    fits = list(members(fit).values())
    return bs.backtest(
        runs_again(*fits),
        [one.spec for one in fits] if len(fits) > 1 else fits[0].spec,
        discrepancy=discrepancy,
        random_seed=seed or 0,
        progressbar=False,
    )
