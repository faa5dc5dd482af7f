"""``fit-many``: laws to tables, several at once, each kept as it finishes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescale.cli.guard import BAD_INPUT, UNTRUSTED
from bayescale.cli.options import JsonFlag, Reading, Sampling, several
from bayescale.cli.output import emit, say
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.many import Fitted


@dataclass(frozen=True)
class Batch:
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
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Fit each value of this column apart."),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Fits at once.  [default: one a core]"),
    ] = None


def fit_many(batch: Batch, reading: Reading, sampling: Sampling, json: JsonFlag = False) -> None:
    r"""Fit laws to many tables, several at once.

    \b
    bayescale fit-many a.csv b.csv --laws chinchilla,skaling -o fits
    bayescale fit-many runs.csv --by family --laws chinchilla -o fits
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
    if any(one.fit is None for one in found):
        raise typer.Exit(BAD_INPUT)
    if any(one.problem for one in found):
        raise typer.Exit(UNTRUSTED)


def _fits(batch: Batch, reading: Reading, sampling: Sampling) -> "Iterator[Fitted]":
    """Fit what can be read; say of the rest why it cannot."""
    from bayescale.many import Fitted, fit_many
    from bayescale.sampling import Sampler

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
        by=batch.by,
        folder=batch.output,
        workers=batch.workers,
        sampler=sampler,
        random_seed=sampling.seed,
    )
