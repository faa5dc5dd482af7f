"""``plot``, ``report``, ``draws`` and ``member``: files made from a saved fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bayescale.cli.options import (
    Allowing,
    Ci,
    JsonFlag,
    ModelName,
    ScenarioFile,
    Seed,
    check_folder,
    check_page,
    quantities,
)
from bayescale.cli.output import (
    check_figure,
    emit,
    header,
    hide_display,
    judged,
    save_figure,
    say,
    table,
    write,
)
from bayescale.cli.saved_fits import Asked, FitFile, load_fit
from bayescale.data.number_format import number_of, whole_percent
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.inference.result import Fit
    from bayescale.prediction.averaging import Average


Kind = Literal[
    "bands",
    "isoflop",
    "frontier",
    "regret",
    "exponents",
    "identify",
    "ridge",
    "residuals",
    "prior_posterior",
]


Format = Literal["html", "markdown", "json"]


_SUFFIXES = {"html": ".html", "markdown": ".md", "json": ".json"}


_ALLOWING = ("bands", "isoflop", "frontier", "regret")
"""Pictures that allow for the law being wrong."""


_AVERAGED = ("bands", "frontier", "regret")
"""Pictures that may be of an average."""


_BUDGETED = ("isoflop", "frontier", "regret")
"""Pictures of budgets."""


Which = Annotated[Kind, typer.Argument(help="Which picture.", show_default=False)]


Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where to.", show_default=False)
]


def report(
    asked: Asked,
    allowing: Allowing,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; report.html if left out."),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="What to write, if no file's name says it.")
    ] = None,
    flops: Annotated[
        str | None, typer.Option(metavar="C", help="Budgets to decide on: 1e24, or 1e24,1e25.")
    ] = None,
    scenario: ScenarioFile = None,
    model: ModelName = None,
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest",
            help="Fit the smaller runs, too, and show how well they predict the others.",
        ),
    ] = False,
    ci: Ci = None,
) -> None:
    r"""Write the report of a fit: one page.

    \b
    bayescale report fit.nc -o report.html
    bayescale report fit.nc --format markdown

    HTML has pictures and a budget slider; Markdown and JSON have the same words and numbers.
    """
    output = _page(output, form)
    hide_display()
    import arviz_stats  # noqa: F401  # before what it would search: its import walks all modules

    from bayescale.cli.evaluate import backtest_fit
    from bayescale.reporting.report import report
    from bayescale.studies.study import load_study

    budgets = _spent(flops, scenario)
    study = load_study(model) if model else None
    fit, discrepancy = asked.load(), allowing.chosen()
    tested = backtest_fit(fit, discrepancy) if backtest else None
    with judged(fit):
        written = report(
            fit,
            output,
            flops=budgets,
            study=study,
            backtest=tested,
            discrepancy=discrepancy,
            ci_prob=ci,
        )
        say(f"wrote {written}")


def _page(output: Path | None, form: Format | None) -> Path:
    """Return the file that a report goes to."""
    page = output or Path("report").with_suffix(_SUFFIXES[form or "html"])
    check_page("--output", page)
    if form and page.suffix.lower() != _SUFFIXES[form]:
        raise BayescaleError(f"--format {form} goes to a file that ends in {_SUFFIXES[form]}")
    return page


def plot(
    asked: Asked,
    kind: Which,
    output: Output,
    allowing: Allowing,
    flops: Annotated[str | None, typer.Option(metavar="C", help="Budgets to draw.")] = None,
    scenario: ScenarioFile = None,
    model: ModelName = None,
) -> None:
    """Draw a picture of a fit: .png, .pdf or .svg."""
    check_figure(output)
    import bayescale.plots
    from bayescale.studies.study import load_study

    if asked.beside and kind not in _AVERAGED:
        raise BayescaleError(f"the picture {kind} is of one fit: leave --with out")
    fit, discrepancy = asked.load(), allowing.chosen()
    published = load_study(model).published if model else ()
    draw, budgets = getattr(bayescale.plots, f"plot_{kind}"), _drawable(kind, flops, scenario)
    if budgets is not None:
        drawn = draw(fit, budgets, discrepancy=discrepancy)
    elif kind in _ALLOWING:
        drawn = draw(fit, discrepancy=discrepancy)
    elif allowing.discrepancy is not None:
        raise BayescaleError(f"--discrepancy does nothing to the picture {kind}: leave it out")
    else:
        drawn = draw(fit, published) if kind == "exponents" else draw(fit)
    with judged(fit):
        save_figure(drawn, output)
        say(f"wrote {output}")


def _spent(flops: str | None, scenario: str | None) -> Any:
    """Return the budgets, or the scenario of them, that were asked for."""
    from bayescale.decisions.scenario import load_scenario

    budgets = quantities("--flops", flops, "flops") if flops else None
    if scenario is None:
        return budgets
    found = load_scenario(scenario)
    return found.at_budgets(budgets) if budgets else found


def _drawable(kind: str, flops: str | None, scenario: str | None) -> Any:
    """Return the same where the picture is of budgets."""
    if kind == "regret" and not (flops or scenario):
        raise BayescaleError("plot regret needs a budget: pass --flops 1e24, or --scenario")
    if (flops or scenario) and kind not in _BUDGETED:
        raise BayescaleError(
            f"the picture {kind} is of no budget: leave --flops and --scenario out"
        )
    if scenario and kind == "isoflop":
        raise BayescaleError("the picture isoflop is of training alone: give it --flops")
    return _spent(flops, scenario)


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
    from bayescale.prediction.summary import derived_parameters

    check_folder(output)
    fit = load_fit(file)
    drawn = fit.posterior.assign(derived_parameters(fit).data_vars)
    frame = drawn.to_dataframe().reset_index()
    with judged(fit):
        if str(output) == "-":
            write(frame.to_csv(index=False))
        else:
            from bayescale.data.write import write_table

            write_table(output, frame)
            say(f"wrote {len(frame):,} draws of {frame.shape[1] - 2} quantities to {output}")


def member(
    file: FitFile,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The group, or law; those there are when left out."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Save it here: .nc or .zarr."),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="A group that no run is of, from the population.")
    ] = False,
    seed: Seed = None,
    json: JsonFlag = False,
) -> None:
    r"""Save a group of a pooled fit, or a law of an average.

    \b
    bayescale fit runs.csv --law chinchilla --group family -o fit.nc
    bayescale member fit.nc pythia -o pythia.nc
    bayescale predict pythia.nc --params 7B --tokens 1T

    \b
    bayescale analyze runs.csv --save average.nc
    bayescale member average.nc skaling -o skaling.nc
    """
    from bayescale.inference.io import load_posterior

    fit = load_posterior(file)
    if name is None and not new:
        _list(fit, json)
        return
    if name is not None and new:
        raise BayescaleError(
            f"--new is a group that no run is of, and {name} is named: one of both"
        )
    if output is None:
        raise BayescaleError(
            "no output file is given: pass -o FILE.nc; every command reads that file"
        )
    check_folder(output)
    from bayescale.inference.io import save

    found = _member(fit, name, seed)
    with judged(found):
        written = save(found, output)
        if json:
            emit({**header(found), "member": name, "written": written})
        else:
            others = len(fit.representative.groups)
            runs = number_of(found.observed.size, "run") if name else f"no runs, {others} others"
            say(f"wrote {written}: {name or 'a new group'}, {runs}")


def _member(fit: "Fit | Average", name: str | None, seed: int | None) -> "Fit":
    """Return a law of an average, or a group of a pooled fit."""
    from bayescale.inference.groups import group_fit
    from bayescale.prediction.averaging import Average

    if not isinstance(fit, Average):
        return group_fit(fit, name, seed)
    if name is None or name not in fit.fits:
        raise BayescaleError(
            f"an average of laws has no {name or 'new group'}; it has {', '.join(fit.fits)}"
        )
    return fit.fits[name]


def _list(fit: "Fit | Average", json: bool) -> None:
    """Say which groups there are, or laws."""
    from bayescale.prediction.averaging import Average

    if isinstance(fit, Average):
        if json:
            rows = [{"member": law, "weight": weight} for law, weight in fit.weights.items()]
            emit({**header(fit), "members": rows})
        else:
            weights = [[law, whole_percent(weight)] for law, weight in fit.weights.items()]
            say(table(["law", "weight"], weights))
        return
    if not fit.groups:
        raise BayescaleError("this fit pools nothing: fit with --group COLUMN")
    (by,) = fit.spec.grouping
    of_runs = [str(k) for k in fit.groups_of(fit.spec.observables[0])[by].values]
    counted = {name: of_runs.count(name) for name in fit.groups}
    if json:
        members = [{"member": name, "runs": runs} for name, runs in counted.items()]
        emit({**header(fit), "group": by, "members": members})
    else:
        say(table([by, "runs"], [[name, str(runs)] for name, runs in counted.items()]))
