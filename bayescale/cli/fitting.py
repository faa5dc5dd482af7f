"""``fit``: from a table of runs to a saved posterior."""

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.describing import header, judged, rows, show_diagnostics, show_parameters, title
from bayescale.cli.options import (
    Reading,
    RunsSource,
    Sampling,
    Showing,
    check_folder,
    find_study,
    pairs,
)
from bayescale.cli.output import emit, say
from bayescale.cli.timing import Stopwatch
from bayescale.errors import BayescaleError
from bayescale.quantities import parse_quantity

if TYPE_CHECKING:
    from bayescale.fitting import Fit
    from bayescale.spec import Spec
    from bayescale.study import Study

SUFFIXES = (".nc", ".zarr")
_NAMED = 5


@dataclass(frozen=True)
class Fitting:
    """What is fitted."""

    law: Annotated[
        str | None,
        typer.Option(
            "--law", "-l", metavar="LAW", help="A law's name (`bayescale laws`); a model has one."
        ),
    ] = None
    noise: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The scatter around the law (`bayescale noises`)."),
    ] = None
    prior: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=LOW:HIGH",
            help="A prior's 90 % interval, alpha=0.1:0.8, or a fixed value, E=1.69; literature is "
            "what public families say of all of them. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    input: Annotated[
        list[str],
        typer.Option(
            metavar="INPUT=COLUMN",
            help="Read an input of the law from another column: x=tokens. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def spec(self, study: "Study | None") -> "Spec":
        """Return what to fit: the law named, or else the study's.

        Raises
        ------
        BayescaleError
            When there is no law, or it has no such noise, parameter or input.
        """
        from bayescale.spec import make_spec

        law = self.law or study
        if law is None:
            raise BayescaleError("which law? say --law chinchilla; `bayescale laws` lists them")
        return make_spec(
            law,
            noise=self.noise,
            priors=priors(self.prior),
            columns=pairs("--input", self.input, "x=tokens"),
        )


@dataclass(frozen=True)
class Pooling:
    """What groups of runs have in common."""

    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Pool groups of runs, named by this column."),
    ] = None
    pool: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]WORD",
            help="What groups have in common: partial, shared or separate; alpha=partial says it "
            "of one parameter. Repeatable.  [default: partial]",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def of(self, spec: "Spec") -> "Spec":
        """Return the spec with what was said of pooling.

        Raises
        ------
        BayescaleError
            For a word or a parameter that is none, or a pool without a column of groups.
        """
        from bayescale.spec import make_spec

        return make_spec(spec, pool=pooling(self.pool), by=self.by)


@dataclass(frozen=True)
class Writing:
    """What is written."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Save the fit here: .nc or .zarr.",
        ),
    ] = None
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a report here, too."),
    ] = None

    def check(self) -> None:
        """Refuse, before the work is done, what could not be written after it."""
        if self.output is not None and self.output.suffix not in SUFFIXES:
            raise BayescaleError(f"--output {self.output}: end it in .nc (netCDF) or .zarr")
        if self.report is not None and self.report.suffix not in (".html", ".htm"):
            raise BayescaleError(f"--report {self.report}: end it in .html")
        for path in (self.output, self.report):
            if path is not None:
                check_folder(path)

    def write(self, fit: "Fit", study: "Study | None", width: float) -> list[Path]:
        """Save and report; return what was written."""
        from bayescale.store import save

        written = []
        if self.output is not None:
            written.append(save(fit, self.output))
        if self.report is not None:
            from bayescale.reporting import report

            written.append(report(fit, self.report, study=study, ci_prob=width))
        return written


def fit(
    source: RunsSource,
    fitting: Fitting,
    pooled: Pooling,
    writing: Writing,
    reading: Reading,
    sampling: Sampling,
    showing: Showing,
) -> None:
    r"""Fit a law to a table of runs.

    \b
    bayescale fit runs.csv --law chinchilla -o fit.nc

    A model file, or the name of a model such as hoffmann2022, brings its own runs and law.
    """
    writing.check()
    width, watch = showing.width, Stopwatch()
    study = find_study(source)
    spec = pooled.of(fitting.spec(study))
    runs = reading.read(source)
    watch.lap("reading")
    if not showing.json:
        say(runs.describe(), "")
    import_module("bayescale.fitting")
    watch.lap("importing")
    found = sampling.fit(runs, spec, quiet=showing.json)
    watch.lap("predicting", found.record["seconds"])
    written = writing.write(found, study, width)
    watch.lap("writing")
    with judged(found):
        if showing.json:
            emit(_answer(found, width, watch, written))
        else:
            _show(found, width, watch, written)


def priors(texts: list[str]) -> dict[str, tuple[float, float] | float] | str:
    """Read ``alpha=0.1:0.8`` as an interval, ``E=1.69`` as fixed, and a word as a set's name.

    Raises
    ------
    BayescaleError
        For anything else.
    """
    from bayescale.prior_sets import LITERATURE

    if texts == [LITERATURE]:
        return LITERATURE
    found: dict[str, tuple[float, float] | float] = {}
    for name, text in pairs("--prior", texts, "alpha=0.1:0.8").items():
        try:
            numbers = [parse_quantity(part) for part in text.split(":")]
        except BayescaleError as error:
            raise _bad_prior(name, text) from error
        if len(numbers) > 2:
            raise _bad_prior(name, text)
        found[name] = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
    return found


def pooling(texts: list[str]) -> Any:
    """Read ``partial`` as a word for all, and ``alpha=partial`` as one for a parameter.

    Raises
    ------
    BayescaleError
        For a mixture of both.
    """
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    return pairs("--pool", texts, "alpha=partial") or None


def _bad_prior(name: str, text: str) -> BayescaleError:
    return BayescaleError(
        f"--prior {name}={text}: write {name}=0.1:0.8 for a 90 % interval, or {name}=1.69 to hold "
        "it fixed"
    )


def _answer(fit: "Fit", width: float, watch: Stopwatch, written: list[Path]) -> dict[str, Any]:
    """Return what JSON says of a new fit."""
    from bayescale.analysis.outliers import outliers
    from bayescale.analysis.summary import summary

    return {
        **header(fit),
        "ci_prob": width,
        "parameters": rows(summary(fit, ci_prob=width)),
        "fixed": fit.spec.fixed,
        "outliers": rows(outliers(fit)),
        "table": fit.record["runs"],
        "seed": fit.record["seed"],
        "seconds": {**watch.laps, "total": watch.total},
        "written": written,
    }


def _show(fit: "Fit", width: float, watch: Stopwatch, written: list[Path]) -> None:
    """Print what a new fit found."""
    from bayescale.analysis.outliers import outliers
    from bayescale.analysis.summary import summary

    say(title(fit), "")
    show_parameters(fit, summary(fit, ci_prob=width))
    show_diagnostics(fit.diagnostics)
    far = [str(name) for name in outliers(fit).index]
    if far:
        more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
        say(f"far off the law: {', '.join(far[:_NAMED])}{more}")
    say(f"time: {watch}")
    say(*[f"wrote {path}" for path in written] or ["not saved: -o fit.nc keeps a fit"])
