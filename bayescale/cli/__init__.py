"""The command line: ``bayescale fit runs.csv --law chinchilla -o fit.nc``.

Nothing heavy is imported here, so that ``--help`` answers at once: each command imports what it
needs. Exit codes: 0 fine, 1 bad input, 2 wrong usage, 3 a fit whose diagnostics failed,
4 a law that is far from describing the runs.
"""

import os
import sys
from types import ModuleType
from typing import Annotated, cast

import typer

from bayescale.cli.analyze import analyze
from bayescale.cli.catalogue import (
    check,
    cite,
    datasets,
    laws,
    models,
    noises,
    runs,
    sweeps,
)
from bayescale.cli.decide import optimum, regret
from bayescale.cli.design import identify, plan
from bayescale.cli.effective_compute import effective_compute
from bayescale.cli.errors import GuardedGroup
from bayescale.cli.evaluate import backtest, compare
from bayescale.cli.export import draws, member, plot, report
from bayescale.cli.fit import fit, fit_many
from bayescale.cli.forecasts import forecast_largest, register, score
from bayescale.cli.local_app import app as local_app
from bayescale.cli.mixture import best_mixture
from bayescale.cli.option_groups import as_written, expand
from bayescale.cli.predict import predict, summary
from bayescale.cli.targets import crossing, reach

__all__ = ["app", "main"]


_COMMANDS = (
    *(analyze, runs, sweeps, fit, fit_many, compare, backtest, check),
    *(summary, identify, predict, optimum, regret, reach, crossing, best_mixture),
    *(effective_compute, plan),
    *(register, score, forecast_largest),
    *(plot, report, draws, member, local_app),
    *(laws, noises, models, datasets, cite),
)


app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # typer's rich help takes as long to import as all the rest
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bayescale {version('bayescale')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    r"""From a table of training runs to a decision, with honest uncertainty.

    \b
    bayescale analyze runs.csv -o report.html
    bayescale fit runs.csv --law chinchilla -o fit.nc
    bayescale predict fit.nc --params 70B --tokens 1.4T

    Exit codes: 0 fine, 1 bad input, 2 wrong usage, 3 a fit whose diagnostics failed, 4 a law that
    is far from describing the runs.
    """


_root.__doc__ = as_written(_root.__doc__)


for _command in _COMMANDS:
    app.command()(expand(_command))


_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""How many threads share a product of matrices."""


def main() -> None:
    """Run the command line, with one thread of linear algebra unless the environment says more.

    Matrices of a fit are small: more threads wait for one another, at twice the processor time.
    Dask, which xarray imports for half a second wherever it is installed, is for ``fit-many``.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if sys.argv[1:2] != ["fit-many"] and "xarray" not in sys.modules:
        sys.modules.setdefault("dask", cast("ModuleType", None))
    app(prog_name="bayescale")
