"""``plot``, ``report`` and ``draws``: files made of a saved fit."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bayescale.cli.describing import judged
from bayescale.cli.options import Ci, FitFile, ModelName, check_folder, load_fit, quantities
from bayescale.cli.output import say, write
from bayescale.errors import BayescaleError

Kind = Literal["bands", "isoflop", "frontier", "exponents", "ridge", "residuals", "prior_posterior"]
Which = Annotated[Kind, typer.Argument(help="Which picture.", show_default=False)]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where to.", show_default=False)
]


def report(
    file: FitFile,
    output: Output = Path("report.html"),
    flops: Annotated[
        str | None, typer.Option(metavar="C", help="Budgets to decide on: 1e24, or 1e24,1e25.")
    ] = None,
    model: ModelName = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title of the page.")] = None,
    ci: Ci = None,
) -> None:
    """Write the report of a fit: one HTML page."""
    _no_display()
    from bayescale.reporting import report
    from bayescale.study import load_model

    budgets = quantities("--flops", flops, "flops") if flops else None
    study = load_model(model) if model else None
    fit = load_fit(file)
    with judged(fit):
        say(f"wrote {report(fit, output, flops=budgets, study=study, title=title, ci_prob=ci)}")


def plot(file: FitFile, kind: Which, output: Output, model: ModelName = None) -> None:
    """Draw a picture of a fit: .png, .pdf or .svg."""
    _no_display()
    import bayescale.plots
    from bayescale.study import load_model

    check_folder(output)
    fit = load_fit(file)
    published = load_model(model).published if model else ()
    draw = getattr(bayescale.plots, f"plot_{kind}")
    figure = _figure(draw(fit, published) if kind == "exponents" else draw(fit))
    if output.suffix[1:].lower() not in figure.canvas.get_supported_filetypes():
        raise BayescaleError(f"cannot draw {output}: end it in .png, .pdf or .svg")
    with judged(fit):
        figure.savefig(output, dpi=150, bbox_inches="tight")
        say(f"wrote {output}")


def _figure(drawn: Any) -> Any:
    """Return the figure of the axes, or array of axes, that a plot returned."""
    import numpy as np

    return np.ravel(drawn)[0].figure


def _no_display() -> None:
    import matplotlib

    matplotlib.use("Agg")


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

    check_folder(output)
    fit = load_fit(file)
    drawn = fit.posterior.assign(constants(fit).data_vars)
    frame = drawn.to_dataframe().reset_index()
    with judged(fit):
        if str(output) == "-":
            write(frame.to_csv(index=False))
        else:
            frame.to_csv(output, index=False)
            say(f"wrote {len(frame):,} draws of {frame.shape[1] - 2} quantities to {output}")
