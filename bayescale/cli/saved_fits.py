"""``--with``: saved fits of the same runs, averaged, in place of one."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescale.cli.option_groups import Checked
from bayescale.cli.options import check_folder
from bayescale.data.write import complete
from bayescale.errors import BayescaleError, missing_file

if TYPE_CHECKING:
    from bayescale.inference.result import Fit
    from bayescale.prediction.averaging import Average


FIT_SUFFIXES = (".nc", ".zarr")
"""How the name of a saved fit ends."""


def _check_fit(path: Path) -> None:
    """Refuse a fit that is not there."""
    if not complete(path).exists():
        raise missing_file(path, fit=True)


FitFile = Annotated[
    Path,
    typer.Argument(metavar="FIT", help="A saved fit (fit.nc).", show_default=False),
    Checked(_check_fit),
]


@dataclass(frozen=True)
class Asked:
    """The saved fit that is asked, alone or averaged with others (``--with``)."""

    file: FitFile
    beside: Annotated[
        list[Path],
        typer.Option(
            "--with",
            metavar="FIT",
            help="Average with this saved fit of the same runs. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W,...",
            help="The weight of each fit of the average, in order; `compare --backtest` finds "
            "some.  [default: stacking, by leave-one-out]",
        ),
    ] = None

    def load(self) -> "Fit | Average":
        """Load the fit, or average the fits.

        Raises
        ------
        BayescaleError
            When a file is no saved fit, the fits are not of the same runs, or the weights do not
            go with them.
        """
        if not self.beside:
            if self.weights is not None:
                raise BayescaleError("--weights needs an average: pass the other fits with --with")
            from bayescale.inference.io import load_posterior

            return load_posterior(self.file)
        from bayescale.prediction.averaging import average

        fits = load_fits([str(path) for path in (self.file, *self.beside)])
        return average(fits, None if self.weights is None else self._weights(list(fits)))

    def _weights(self, names: list[str]) -> dict[str, float]:
        try:
            values = [float(text) for text in str(self.weights).split(",")]
        except ValueError as error:
            raise BayescaleError(
                f"--weights {self.weights}: pass numbers such as 0.3,0.7"
            ) from error
        if len(values) != len(names):
            raise BayescaleError(
                f"--weights {self.weights}: pass one weight for each of {', '.join(names)}"
            )
        return dict(zip(names, values, strict=True))


def check_fit_file(option: str, path: Path | None) -> None:
    """Refuse an option's file that no fit could be saved in, before the work."""
    if path is not None:
        if path.suffix not in FIT_SUFFIXES:
            raise BayescaleError(f"{option} {path}: end it in .nc (netCDF) or .zarr")
        check_folder(path)


def load_fits(sources: list[str]) -> "dict[str, Fit]":
    """Load several saved fits that a command was given, by the name of their file.

    Raises
    ------
    BayescaleError
        For one given twice, or a file that is no saved fit.
    """
    stems = [Path(source).stem for source in sources]
    names = stems if len(set(stems)) == len(stems) else sources
    if len(set(names)) < len(names):
        raise BayescaleError("the same fit is given twice")
    return {name: load_fit(Path(s)) for name, s in zip(names, sources, strict=True)}


def load_fit(path: Path) -> "Fit":
    """Load the saved fit that a command was given."""
    _check_fit(path)
    from bayescale.inference.io import load_fit

    return load_fit(path)
