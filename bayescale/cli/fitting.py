"""``fit``: from a table of runs to a saved posterior."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.describing import header, judge, rows, show_parameters, title
from bayescale.cli.options import Reading, RunsSource, Sampling, Showing, pairs
from bayescale.cli.output import emit, say
from bayescale.errors import BayescaleError
from bayescale.quantities import parse_quantity

if TYPE_CHECKING:
    from bayescale.fitting import Fit

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
        str | None, typer.Option(metavar="NAME", help="student_t or normal, on log loss.")
    ] = None
    prior: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=LOW:HIGH",
            help="A prior's 90 % interval, alpha=0.1:0.8, or a fixed value, E=1.69. Repeatable.",
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

    def options(self) -> dict[str, Any]:
        """Return what :func:`bayescale.fit` is told besides runs, law and sampler."""
        return {
            "noise": self.noise,
            "priors": priors(self.prior),
            "columns": pairs("--input", self.input),
        }


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
        for path in (self.output, self.report):
            if path is not None and not path.absolute().parent.is_dir():
                raise BayescaleError(f"{path}: there is no folder {path.parent}; make it first")

    def write(self, fit: "Fit") -> list[Path]:
        """Save and report; return what was written."""
        from bayescale.store import save

        written = []
        if self.output is not None:
            written.append(save(fit, self.output))
        if self.report is not None:
            from bayescale.cli.files import write_report

            written.append(write_report(fit, self.report))
        return written


class Stopwatch:
    """Where the time went, in seconds, by what was done."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._started = self._last = time.perf_counter()

    def lap(self, name: str) -> float:
        """Book the time since the last lap, and return it."""
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now
        return self.laps[name]

    @property
    def total(self) -> float:
        """Seconds from the start to the last lap."""
        return self._last - self._started


def fit(
    source: RunsSource,
    fitting: Fitting,
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
    options = fitting.options()
    watch = Stopwatch()
    runs, study = reading.read(source)
    law = fitting.law or study
    if law is None:
        raise BayescaleError("which law? say --law chinchilla; `bayescale laws` lists them")
    watch.lap("reading")
    if not showing.json:
        say(runs.describe(), "")
    width = showing.width
    import bayescale as bs

    fitter = bs.fit
    watch.lap("importing")
    found = fitter(
        runs,
        law,
        sampler=sampling.make(),
        random_seed=sampling.seed,
        progressbar=sampling.progressbar(showing.json),
        **options,
    )
    _book(watch, found)
    written = writing.write(found)
    watch.lap("writing")
    _show(found, showing.json, width, watch, written)
    judge(found)


def priors(texts: list[str]) -> dict[str, tuple[float, float] | float]:
    """Read ``alpha=0.1:0.8`` as an interval and ``E=1.69`` as a fixed value.

    Raises
    ------
    BayescaleError
        For anything else.
    """
    found: dict[str, tuple[float, float] | float] = {}
    for name, text in pairs("--prior", texts).items():
        try:
            numbers = [parse_quantity(part) for part in text.split(":")]
        except BayescaleError as error:
            raise _bad_prior(name, text) from error
        if len(numbers) > 2:
            raise _bad_prior(name, text)
        found[name] = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
    return found


def _bad_prior(name: str, text: str) -> BayescaleError:
    return BayescaleError(
        f"--prior {name}={text}: write {name}=0.1:0.8 for a 90 % interval, or {name}=1.69 to hold "
        "it fixed"
    )


def _book(watch: Stopwatch, fit: "Fit") -> None:
    """Split the time of fitting by what the fit's record says of it."""
    total = watch.lap("fitting")
    spent = fit.record["seconds"]
    parts = spent if isinstance(spent, Mapping) else {"compiling and sampling": spent}
    watch.laps.pop("fitting")
    watch.laps |= parts
    watch.laps["the rest"] = max(total - sum(parts.values()), 0.0)


def _show(fit: "Fit", json: bool, width: float, watch: Stopwatch, written: list[Path]) -> None:
    from bayescale.analysis.outliers import outliers
    from bayescale.analysis.summary import summary

    found, far = summary(fit, ci_prob=width), outliers(fit)
    if json:
        emit(
            {
                **header(fit),
                "ci_prob": width,
                "parameters": rows(found),
                "fixed": fit.spec.fixed,
                "outliers": rows(far),
                "table": fit.record["runs"],
                "seed": fit.record["seed"],
                "seconds": {**watch.laps, "total": watch.total},
                "written": written,
            }
        )
        return
    say(title(fit), "")
    show_parameters(fit, found)
    say("", f"diagnostics: {fit.diagnostics}")
    if len(far):
        more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
        named = ", ".join(map(str, far.index[:_NAMED]))
        say(f"far off the law: {named}{more}")
    spent = ", ".join(f"{name} {value:.1f} s" for name, value in watch.laps.items())
    say(f"time: {watch.total:.1f} s ({spent})")
    for path in written:
        say(f"wrote {path}")
    if not written:
        say("not saved: -o fit.nc keeps a fit")
