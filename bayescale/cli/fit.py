"""``fit`` and ``fit-many``: from tables of runs to saved posteriors."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.analyze import analyze
from bayescale.cli.errors import BAD_INPUT, UNTRUSTED
from bayescale.cli.options import (
    JsonFlag,
    Reading,
    RunsSource,
    Sampling,
    Showing,
    check_page,
    find_study,
    number,
    pairs,
    several,
)
from bayescale.cli.output import (
    emit,
    header,
    judged,
    rows,
    say,
    say_reading,
    show_parameters,
    show_verdicts,
    title,
)
from bayescale.cli.saved_fits import check_fit_file
from bayescale.cli.stopwatch import Stopwatch
from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.inference.parallel import Fitted
    from bayescale.inference.result import Fit
    from bayescale.model.spec import Spec
    from bayescale.studies.study import Study


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
        law = self.law or study
        if law is None:
            raise BayescaleError(
                "no law is given: pass --law chinchilla; `bayescale laws` lists them"
            )
        from bayescale.model.spec import make_spec

        return make_spec(
            law,
            noise=self.noise,
            priors=priors(self.prior),
            columns=pairs("--input", self.input, "x=tokens"),
        )


@dataclass(frozen=True)
class _Pooling:
    """What groups of runs have in common."""

    group: Annotated[
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
        from bayescale.model.spec import make_spec

        return make_spec(spec, pool=_pooling(self.pool), group=self.group)


@dataclass(frozen=True)
class _Writing:
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
        check_fit_file("--output", self.output)
        check_page("--report", self.report)

    def write(self, fit: "Fit", study: "Study | None", width: float) -> list[Path]:
        """Save and report; return what was written."""
        from bayescale.inference.io import save

        written = []
        if self.output is not None:
            written.append(save(fit, self.output))
        if self.report is not None:
            from bayescale.reporting.report import report

            written.append(report(fit, self.report, study=study, ci_prob=width))
        return written


def fit(
    source: RunsSource,
    fitting: Fitting,
    pooled: _Pooling,
    writing: _Writing,
    reading: Reading,
    sampling: Sampling,
    showing: Showing,
) -> None:
    r"""Fit a law to a table of runs.

    \b
    bayescale fit runs.csv --law chinchilla -o fit.nc

    A model file, or the name of a model such as hoffmann2022, brings its own runs and law. Without
    a law, those that the table allows are fitted and weighed, as by `bayescale analyze`.
    """
    writing.check()
    import arviz_base  # noqa: F401  # before what it would search: its import walks all modules

    width, watch = showing.width, Stopwatch()
    study = find_study(source)
    if fitting.law is None and study is None:
        _check_no_choice(fitting, pooled, sampling, showing)
        return analyze(
            source,
            reading,
            output=writing.report,
            save=writing.output,
            seed=sampling.seed,
            quiet=sampling.quiet,
            json=showing.json,
        )
    spec = pooled.of(fitting.spec(study))
    runs = reading.read(source)
    watch.lap("reading")
    if not showing.json:
        say_reading(runs, [spec])
    import_module("bayescale.inference.fit")
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


def _check_no_choice(*chosen: Fitting | _Pooling | Sampling | Showing) -> None:
    """Refuse, where no law is given, an option that says how one law is fitted or shown."""
    for options in chosen:
        for given in fields(options):
            free = given.name in ("seed", "quiet", "json")
            if not free and getattr(options, given.name) != getattr(type(options)(), given.name):
                raise BayescaleError(
                    f"--{given.name} is said of one law and none is given: pass --law chinchilla "
                    "(`bayescale laws` lists them), or leave it out and the laws that the table "
                    "allows are fitted and weighed"
                )


def priors(texts: list[str]) -> dict[str, tuple[float, float] | float] | str:
    """Read ``alpha=0.1:0.8`` as an interval, ``E=1.69`` as fixed, and a word as a set's name.

    Raises
    ------
    BayescaleError
        For anything else.
    """
    from bayescale.model.literature_priors import LITERATURE

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


def _pooling(texts: list[str]) -> Any:
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
    from bayescale.evaluation.residuals import outliers
    from bayescale.prediction.summary import summary

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
    from bayescale.evaluation.residuals import outliers
    from bayescale.prediction.summary import summary

    say(title(fit), "")
    show_parameters(fit, summary(fit, ci_prob=width))
    show_verdicts(fit)
    far = [str(name) for name in outliers(fit).index]
    if far:
        more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
        say(f"far off the law: {', '.join(far[:_NAMED])}{more}")
    say(f"time: {watch}")
    say(*[f"wrote {path}" for path in written] or ["not saved: -o fit.nc keeps a fit"])


@dataclass(frozen=True)
class _Batch:
    """What is fitted, and where it is kept."""

    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="RUNS...", help="Tables of runs, models or data sets.", show_default=False
        ),
    ]
    laws: Annotated[
        str,
        typer.Option(
            metavar="LAW[:NOISE],...", help="Laws to fit to each: chinchilla,skaling:normal."
        ),
    ]
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Keep the fits here, as TABLE.LAW.nc; what is there already is not fitted again.",
        ),
    ]
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Fit each value of this column apart."),
    ] = None
    workers: Annotated[
        int | None,
        number("workers", "N", "Fits at once.  [default: one per core]"),
    ] = None


def fit_many(batch: _Batch, reading: Reading, sampling: Sampling, json: JsonFlag = False) -> None:
    r"""Fit laws to many tables, several at once.

    \b
    bayescale fit-many a.csv b.csv --laws chinchilla,skaling -o fits
    bayescale fit-many runs.csv --group family --laws chinchilla -o fits
    """
    found = []
    for one in _fits(batch, reading, sampling):
        found.append(one)
        if not json:
            say(str(one))
    if json:
        emit({"folder": batch.output, "fits": [one.row() for one in found]})
    elif found:
        sound, kept = sum(not one.problem for one in found), sum(one.kept for one in found)
        say("", f"{sound} of {len(found)} fits are sound, {kept} were kept; in {batch.output}")
    if any(one.problem and (one.fit is None or one.fit.diagnostics.ok) for one in found):
        raise typer.Exit(BAD_INPUT)
    if any(one.problem for one in found):
        raise typer.Exit(UNTRUSTED)


def _fits(batch: _Batch, reading: Reading, sampling: Sampling) -> "Iterator[Fitted]":
    """Fit what can be read; say of the rest why it cannot."""
    from bayescale.inference.parallel import Fitted, fit_many
    from bayescale.inference.sampling import Sampler

    laws = several(batch.laws, least=1)
    stems = [Path(source).stem for source in batch.sources]
    names = stems if len(set(stems)) == len(stems) else batch.sources
    tables = {}
    for name, source in zip(names, batch.sources, strict=True):
        try:
            tables[name] = reading.read(source)
        except BayescaleError as error:
            yield from (Fitted(name, law, None, str(error)) for law in laws)
    sampler = Sampler(
        sampling.sampler, draws=sampling.draws, tune=sampling.tune, chains=sampling.chains, cores=1
    )
    yield from fit_many(
        tables,
        laws,
        group=batch.group,
        folder=batch.output,
        workers=batch.workers,
        sampler=sampler,
        random_seed=sampling.seed,
    )
