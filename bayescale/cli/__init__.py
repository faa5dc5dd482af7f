"""The same verbs on the command line: ``bayescale fit runs.csv --law chinchilla -o fit.nc``.

Nothing heavy is imported here, so that ``--help`` answers at once: each command imports what it
needs. Exit codes: 0 fine, 1 bad input, 2 wrong usage, 3 a fit whose diagnostics failed.
"""

from typing import Annotated

import typer

from bayescale.cli.answers import predict, summary
from bayescale.cli.backtesting import backtest
from bayescale.cli.catalogue import cite, datasets, laws, models, noises, runs
from bayescale.cli.checking import check
from bayescale.cli.comparing import compare
from bayescale.cli.deciding import optimum, regret
from bayescale.cli.files import draws, plot, report
from bayescale.cli.fitting import fit
from bayescale.cli.groups import as_written, expand
from bayescale.cli.guard import GuardedGroup
from bayescale.cli.identifying import identify
from bayescale.cli.many import fit_many
from bayescale.cli.members import member
from bayescale.cli.planning import plan
from bayescale.cli.reaching import crossing, reach

__all__ = ["app", "main"]

_COMMANDS = (
    *(runs, fit, fit_many, compare, backtest, check),
    *(summary, identify, predict, optimum, regret, reach, crossing, plan),
    *(plot, report, draws, member),
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
    bayescale fit runs.csv --law chinchilla -o fit.nc
    bayescale predict fit.nc --params 70B --tokens 1.4T

    Exit codes: 0 fine, 1 bad input, 2 wrong usage, 3 a fit whose diagnostics failed.
    """


_root.__doc__ = as_written(_root.__doc__)
for _command in _COMMANDS:
    app.command()(expand(_command))


def main() -> None:
    """Run the command line."""
    app(prog_name="bayescale")
