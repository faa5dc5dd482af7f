"""``effective-compute``: how many times less compute a recipe needs than another."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescale.cli.options import Allowing, Reading, Seed, Showing, pairs, quantities
from bayescale.cli.output import (
    allowed_each,
    check_figure,
    discrepancy_texts,
    emit,
    header,
    judged,
    save_figure,
    say,
    table,
    title,
)
from bayescale.cli.saved_fits import FIT_SUFFIXES, FitFile, load_fit
from bayescale.data.number_format import number_of

if TYPE_CHECKING:
    from bayescale.data.runs import Runs
    from bayescale.inference.result import Fit


@dataclass(frozen=True)
class _Comparing:
    """At which budgets, and what is assumed."""

    flops: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="Budgets of the recipe.  [default: its largest run, 10 and 100 times it]",
        ),
    ] = None
    pin: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUES",
            help="Fit both again with a parameter held at each of these: E=1.6,1.7,1.8.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    trend: Annotated[
        float | None,
        typer.Option(
            metavar="SD",
            help="Of a few runs: how much log10 of the gain may change per decade, 0 for a "
            "constant gain.  [default: 0.15]",
        ),
    ] = None
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it here: .png, .pdf or .svg.")
    ] = None


def effective_compute(
    baseline: FitFile,
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="The new recipe: a saved fit, or a table of up to twenty runs of it.",
            show_default=False,
        ),
    ],
    comparing: _Comparing,
    reading: Reading,
    allowing: Allowing,
    showing: Showing,
    seed: Seed = None,
) -> None:
    r"""Measure how much less compute a recipe needs.

    \b
    bayescale effective-compute old.nc new.nc --flops 1e22,1e24
    bayescale effective-compute old.nc new_runs.csv

    The compute-equivalent gain is what the baseline would have to spend for the recipe's loss, over
    what the recipe spends.
    """
    if comparing.plot is not None:
        check_figure(comparing.plot)
    budgets = None if comparing.flops is None else quantities("--flops", comparing.flops, "flops")
    pins = {
        name: quantities(f"--pin {name}", text, "number")
        for name, text in pairs("--pin", comparing.pin, "E=1.6,1.7").items()
    }
    from bayescale.decisions.effective_compute import TREND, effective_compute
    from bayescale.inference.result import Fit

    old, new = load_fit(baseline), _recipe(recipe, reading)
    found = effective_compute(
        old,
        new,
        budgets,
        pin=pins or None,
        trend=TREND if comparing.trend is None else comparing.trend,
        discrepancy=allowing.chosen(),
        random_seed=seed,
    )
    if comparing.plot is not None:
        from bayescale.plots.effective_compute import plot_effective_compute

        save_figure(plot_effective_compute(found, ci_prob=showing.ci), comparing.plot)
    fits = [fit for fit in (old, new) if isinstance(fit, Fit)]
    each = {
        name: fit.typical(allowing.chosen())
        for name, fit in zip(("baseline", "recipe"), fits, strict=False)
    }
    with judged(*fits):
        if showing.json:
            known = allowed_each(each)
            emit({**found.to_dict(showing.ci), **known, "fits": [header(fit) for fit in fits]})
            return
        rows = found.rows(showing.ci)
        say(f"baseline: {title(old)}", f"recipe: {_named(new)}", "")
        say(table(list(rows[0]), [list(row.values()) for row in rows]), "")
        say(*found.sentences(showing.ci), *discrepancy_texts(each))
        if comparing.plot is not None:
            say(f"wrote {comparing.plot}")


def _recipe(source: str, reading: Reading) -> "Fit | Runs":
    """Load a saved fit, or read a table of runs."""
    return load_fit(Path(source)) if Path(source).suffix in FIT_SUFFIXES else reading.read(source)


def _named(recipe: "Fit | Runs") -> str:
    from bayescale.data.runs import Runs

    if isinstance(recipe, Runs):
        return f"{number_of(len(recipe), 'run')} of {recipe.source}"
    return title(recipe)
