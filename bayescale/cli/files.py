"""``plot``, ``report`` and ``draws``: files made of a saved fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bayescale.cli.describing import judge
from bayescale.cli.options import FitFile, load_fit
from bayescale.cli.output import say, write
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.fitting import Fit

Kind = Literal["bands", "isoflop", "frontier", "exponents", "ridge", "residuals", "prior_posterior"]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where to.", show_default=False)
]


def report(file: FitFile, output: Output = Path("report.html")) -> None:
    """Write the report of a fit: one HTML page."""
    fit = load_fit(file)
    say(f"wrote {write_report(fit, output)}")
    judge(fit)


def write_report(fit: "Fit", path: Path) -> Path:
    """Write the report of a fit, without a display."""
    import matplotlib

    matplotlib.use("Agg")
    from bayescale.reporting import report

    report(fit, path)
    return path


def plot(
    file: FitFile,
    kind: Annotated[Kind, typer.Argument(help="Which picture.", show_default=False)],
    output: Output,
) -> None:
    """Draw a picture of a fit: .png, .pdf or .svg."""
    import matplotlib

    matplotlib.use("Agg")
    import bayescale.plots
    from bayescale.store import load

    fit = load(file)
    figure = getattr(bayescale.plots, f"plot_{kind}")(fit).figure
    supported = figure.canvas.get_supported_filetypes()
    if output.suffix.lstrip(".").lower() not in supported:
        raise BayescaleError(f"cannot draw {output}: end it in .png, .pdf or .svg")
    figure.savefig(output, dpi=150, bbox_inches="tight")
    say(f"wrote {output}")
    judge(fit)


def draws(
    file: FitFile,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE.csv", help="Where to; - is stdout.", show_default=False
        ),
    ],
) -> None:
    """Write the posterior draws as CSV."""
    from bayescale.analysis.summary import constants

    fit = load_fit(file)
    drawn = fit.posterior.assign(constants(fit).data_vars)
    frame = drawn.to_dataframe().reset_index()
    if str(output) == "-":
        write(frame.to_csv(index=False))
    else:
        frame.to_csv(output, index=False)
        say(f"wrote {len(frame):,} draws of {frame.shape[1] - 2} quantities to {output}")
    judge(fit)
