"""Options that several commands share."""

import glob
import os
import re
import sys
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bayescale.cli.option_groups import Checked
from bayescale.data.limits import RANGES, OutOfRange, check_positive
from bayescale.data.units import Kind, parse_quantity
from bayescale.errors import BayescaleError, BayescaleWarning, missing_file

if TYPE_CHECKING:
    from bayescale.data.runs import Runs
    from bayescale.inference.result import Fit
    from bayescale.model.spec import Spec
    from bayescale.prediction.discrepancy import Discrepancy
    from bayescale.studies.study import Study


JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")
]


ModelName = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="Compare with the published values of this model."
    ),
]


ScenarioFile = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        metavar="FILE",
        help="A scenario file (.toml), or the name of one that comes with bayescale: budgets, "
        "inference, limits, hardware, candidates.",
    ),
]


Ci = Annotated[
    float | None,
    typer.Option(
        "--ci",
        metavar="PROB",
        help="Probability inside an interval, such as 0.9.  [default: 0.89, ArviZ's]",
    ),
]


Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of the discrepancy and the scatter.  [default: the fit's own]",
    ),
]


def _check_table(source: str) -> None:
    """Refuse a table that is not there."""
    path = os.path.expanduser(source)
    file = Path(source).suffix not in ("", ".toml") and not glob.has_magic(source)
    tracker = len(source.partition(":")[0]) > 1 and ":" in source
    if file and not tracker and not os.path.exists(path):
        raise missing_file(path)


RunsSource = Annotated[
    str,
    typer.Argument(
        metavar="RUNS",
        help="A table of runs (.csv, .tsv, .jsonl, .json, .parquet, .xlsx, ...), a folder or "
        "pattern of them, logs of TensorBoard or W&B, mlflow:URI, wandb:entity/project, - for "
        "standard input, a model file (.toml), or the name of a model or data set.",
        show_default=False,
    ),
    Checked(_check_table),
]


def number(name: str, metavar: str, about: str) -> Any:
    """Return an option of a whole number, with the range that it has in Python."""
    least, most = RANGES[name]

    def in_range(value: int | None) -> int | None:
        if value is not None and not least <= value <= most:
            raise typer.BadParameter(f"{value} is not in the range {least:,} to {most:,}")
        return value

    return typer.Option(callback=in_range, metavar=metavar, help=about)


_POSITIVE = {"params", "tokens", "flops", "budget", "max-params", "max-tokens", "inference-tokens"}
"""Options of quantities that are above zero."""


_GROUPED = re.compile(r"\d{1,3}(,\d{3})+")


@dataclass(frozen=True)
class Showing:
    """How an answer is shown."""

    ci: Ci = None
    json: JsonFlag = False

    @property
    def width(self) -> float:
        """Probability inside the intervals."""
        from bayescale.prediction.intervals import interval_width

        return interval_width(self.ci)


@dataclass(frozen=True)
class Reading:
    """How a run table is read."""

    column: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=COLUMN",
            help='Read params, tokens, flops, loss, ... from this column, "tokens=my col", or by a '
            'formula, "tokens=unique_tokens * epochs". "flops=" says there is none. Repeatable.',
            show_default=False,
        ),
    ] = field(default_factory=list)
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPR",
            help='Use only these rows: "params > 1e8 and seed == 1".',
        ),
    ] = None
    params_convention: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="What params counts: total, non-embedding, active.",
        ),
    ] = None
    loss_unit: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT",
            help="Unit of the loss: nats/token, bits/byte, perplexity, ...",
        ),
    ] = None
    decimal: Annotated[
        str | None,
        typer.Option(
            metavar="MARK",
            help='What marks decimals in the table, "." or ",".  [default: by its cells]',
        ),
    ] = None
    nats: Annotated[
        bool,
        typer.Option(
            "--nats", help="Convert the loss to nats; needs its unit, by --loss-unit or the table."
        ),
    ] = False

    def read(self, source: str) -> "Runs":
        """Return the run table that a user named.

        Raises
        ------
        BayescaleError
            When there is no such table, model or data set, or it cannot be used.
        """
        from bayescale.data.runs import loss_in_nats

        runs = self._read(source)
        return loss_in_nats(runs) if self.nats else runs

    def _read(self, source: str) -> "Runs":
        from bayescale.data.read import read_runs

        options: dict[str, Any] = {
            "where": self.where,
            "params_convention": self.params_convention,
            "loss_unit": self.loss_unit,
        }
        study = find_study(source)
        if study is not None:
            if self.column:
                raise BayescaleError(
                    f"--column does nothing to {source}: a model names its columns itself, in "
                    "[data.columns] of its file"
                )
            from bayescale.studies.runs import study_runs

            return read_runs(study_runs(study), **options)
        columns = {
            k: v or None for k, v in pairs("--column", self.column, "tokens=my column").items()
        }
        frame = _dataset(source)
        if frame is None:
            return read_runs(source, columns=columns, decimal=self.decimal, **options)
        return replace(read_runs(frame, columns=columns, **options), source=source)


@dataclass(frozen=True)
class Sampling:
    """How the posterior is drawn."""

    draws: Annotated[int, number("draws", "N", "Kept draws a chain.")] = 1000
    tune: Annotated[int, number("tune", "N", "Warm-up draws a chain.")] = 1000
    chains: Annotated[int, number("chains", "N", "Chains.")] = 4
    sampler: Annotated[
        Literal["nutpie", "pymc", "numpyro"],
        typer.Option(help="Which sampler."),
    ] = "nutpie"
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Makes the draws reproducible; recorded."),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False

    def fit(self, runs: "Runs", spec: "Spec", *, quiet: bool) -> "Fit":
        """Fit as :func:`bayescale.fit` does, but for its warning of diagnostics that failed.

        They are shown under a banner instead. The progress bar is shown in a terminal only, and
        never when ``quiet``.
        """
        import bayescale as bs

        sampler = bs.Sampler(self.sampler, draws=self.draws, tune=self.tune, chains=self.chains)
        bar = not (self.quiet or quiet) and sys.stdout.isatty()
        if bar:
            typer.echo(f"{spec.law.name}: compiling, some ten seconds; drawing takes few", err=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "do not trust these numbers", BayescaleWarning)
            return bs.fit(runs, spec, sampler=sampler, random_seed=self.seed, progressbar=bar)


@dataclass(frozen=True)
class Allowing:
    """How wrong the law may be."""

    discrepancy: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE[:REACH]|none",
            help="How wrong the law may be far from the runs, 0.02 is 2 %, and over how many "
            "decades that changes; none assumes that the law holds.  [default: by the law]",
        ),
    ] = None

    def chosen(self) -> "Discrepancy | None":
        """Return the discrepancy that was asked for.

        Raises
        ------
        BayescaleError
            When it is no number, or not positive.
        """
        from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy

        if self.discrepancy is None:
            return DISCREPANCY
        if self.discrepancy.strip().lower() == "none":
            return None
        try:
            size, *reach = map(float, self.discrepancy.split(":", 1))
        except ValueError as error:
            raise BayescaleError(
                f"--discrepancy {self.discrepancy}: write 0.02 for 2 %, 0.02:1 to say over how "
                "many decades, or none"
            ) from error
        try:
            return Discrepancy(size, *reach)
        except OutOfRange as error:
            raise OutOfRange(f"--discrepancy {self.discrepancy}: {error}") from error


def pairs(option: str, texts: list[str], example: str) -> dict[str, str]:
    """Read ``name=value`` options of the command line.

    Raises
    ------
    BayescaleError
        Where there is no ``=``, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise BayescaleError(f"{option} {text!r}: write it as {option} {example!r}")
        if name in found:
            raise BayescaleError(f"{option}: {name} is given twice, as {found[name]} and {value}")
        found[name] = value
    return found


def quantities(option: str, text: str, kind: Kind = "count") -> list[float]:
    """Read an option that is a comma-separated list of quantities.

    Raises
    ------
    BayescaleError
        For what is none, and for 1,000,000, which may be one number or three.
    """
    items = [item.strip() for item in text.split(",")]
    if _GROUPED.fullmatch(text.strip()):
        raise BayescaleError(
            f"{option} {text}: one number or {len(items)}? write {text.replace(',', '')} for one, "
            f"'{', '.join(items)}' for {len(items)}"
        )
    try:
        read = [parse_quantity(item, kind) for item in items]
    except BayescaleError as error:
        raise type(error)(f"{option} {text}: {error}") from error
    for value in read if option.removeprefix("--") in _POSITIVE else ():
        check_positive(option, value)
    return read


def several(text: str, least: int = 2) -> "dict[str, Spec]":
    """Read an option that names laws, ``chinchilla,skaling:normal``, some with a noise.

    Raises
    ------
    BayescaleError
        For fewer than ``least``, or a law or noise that is not there.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(names)) < least:
        number = "two" if least == 2 else "one"
        raise BayescaleError(f"--laws {text}: name at least {number}, such as chinchilla,skaling")
    from bayescale.laws.registry import get_law
    from bayescale.model.spec import make_spec

    return {
        name: make_spec(get_law(law), noise=noise or None)
        for name in names
        for law, _, noise in [name.partition(":")]
    }


def find_study(source: str) -> "Study | None":
    """Return the model that an option names, as file or by name; None where it is none."""
    if not (source.endswith(".toml") or _is_name(source)):
        return None
    from bayescale.studies.study import list_studies, load_study

    if source.endswith(".toml") or source in list_studies().index:
        return load_study(source)
    return None


def _dataset(source: str) -> Any:
    """Return the table of a data set named by the user, or None for what is no name."""
    if not _is_name(source):
        return None
    from bayescale.data.datasets.catalogue import list_datasets
    from bayescale.data.datasets.load import load_dataset

    try:
        return load_dataset(source)
    except BayescaleError as error:
        if source in list_datasets().index:
            raise
        raise BayescaleError(
            f"no file, model or data set named {source!r}; `bayescale models` and `bayescale "
            "datasets` list what there is, and a table is named by its path"
        ) from error


def _is_name(source: str) -> bool:
    """Whether it can be the name of a model or a data set, and not a file."""
    path = "/" in source or ":" in source or glob.has_magic(source) or Path(source).exists()
    return not path and source != "-" and not Path(source).suffix


def check_page(option: str, path: Path | None) -> None:
    """Refuse an option's file that no report could be written to, before the work."""
    if path is not None:
        if path.suffix.lower() not in (".html", ".htm", ".md", ".json"):
            raise BayescaleError(f"{option} {path}: end it in .html, .md or .json")
        check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse an option's output file in a folder that does not exist, before the work."""
    if not path.absolute().parent.is_dir():
        raise BayescaleError(f"{path}: there is no folder {path.parent}; make it first")
