"""The sections of a report that hold results, of a fit and of an average."""

import math
from typing import Any

import numpy as np
import pandas as pd

from bayescale.data.number_format import (
    bounds,
    kind_of,
    plain,
    relative,
    signed,
    whole_percent,
)
from bayescale.data.units import Kind
from bayescale.decisions.frontier import has_frontier
from bayescale.decisions.frontier_constants import frontier_constants
from bayescale.decisions.optimum import caveats
from bayescale.design.identify import identify
from bayescale.errors import BayescaleError
from bayescale.evaluation.residuals import outliers
from bayescale.inference.diagnostics import BFMI_LIMIT, ESS_LIMIT, RHAT_LIMIT
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.plots.bands import BEYOND_LOSS, plot_bands
from bayescale.plots.compare import plot_compare
from bayescale.plots.frontier import BEYOND, POINTS, plot_frontier
from bayescale.plots.isoflop import plot_isoflop
from bayescale.plots.residuals import plot_residuals
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.runs_by_compute import run_columns
from bayescale.reporting.frontier_texts import FRONTIER_HEADER, frontier_note, frontier_rows
from bayescale.reporting.identifiability import knowledge_section
from bayescale.reporting.narrative import caution, counted, drift, sentence
from bayescale.reporting.page_elements import (
    Badge,
    Block,
    Bullets,
    Cell,
    Pair,
    Section,
    Table,
    Text,
    interval_cell,
    number_cell,
    picture,
)
from bayescale.reporting.parameters import parameters_section
from bayescale.reporting.targets import Target, plans
from bayescale.studies.study import Study

COMPARED = {
    "elpd_loo",
    "se_loo",
    "elpd_waic",
    "se_waic",
    "elpd_diff",
    "dse",
    "weight",
    "verdict",
    "warning",
}
"""Columns of a comparison that are shown."""


def bands_section(
    fit: PosteriorLike,
    asked: list[Target],
    discrepancy: Discrepancy | None,
    ci_prob: float | None,
) -> Section | None:
    """Show the law over the runs and up to the targets; None where there is no target."""
    if not asked:
        return None
    allowing = (
        "with the discrepancy of the law"
        if discrepancy is not None
        else "without discrepancy: a lower bound of the uncertainty"
    )
    shows = f"The runs, the law and its band, and the band of a new run, {allowing}."
    name = fit.target
    ends = [1 / target.factor if target.falls else target.factor for target in asked]
    beyond = max(BEYOND_LOSS if asked[0].falls else 10.0, *ends)
    blocks: list[Block] = [
        picture(
            lambda ax: plot_bands(
                fit, beyond=beyond, ci_prob=ci_prob, discrepancy=discrepancy, ax=ax
            ),
            shows,
        )
    ]
    if not plans(fit):
        blocks.append(_expected(fit.representative, asked))
    return Section(f"{name.capitalize()} beyond the runs", blocks)


def _expected(fit: Fit, asked: list[Target]) -> Table:
    """Tabulate the targets; a value over its interval."""
    name, unit = fit.target, fit.unit
    kinds: dict[str, tuple[str, Kind]] = {}
    if has_frontier(fit):
        kinds = {
            "params": (counted(fit), "count"),
            "tokens": ("tokens", "count"),
            "tokens_per_param": ("tokens per parameter", "number"),
        }
    rows: list[list[Cell]] = []
    for target in asked:
        found = target.answers
        further = target.beside.replace(" fitted one", "").replace(" fitted run", "")
        rows.append(
            [
                number_cell(target.value, kind_of(target.column), further, target.width),
                interval_cell(found["outcome"], unit=unit),
                *(interval_cell(found[k], kind) for k, (_, kind) in kinds.items()),
                Pair(bounds(found["new_run"]), numbers=tuple(found["new_run"])),
            ]
        )
    budget = "compute" if asked[0].column == "flops" else asked[0].column
    named = [title for title, _ in kinds.values()]
    note = f"The {name} is that of the median model and data, the run one would plan."
    header = [budget, f"expected {name}", *named, f"{name} of one run"]
    return Table(header, rows, note if kinds else "")


def optimum_section(
    fit: PosteriorLike,
    asked: list[Target],
    discrepancy: Discrepancy | None,
    ci_prob: float | None,
) -> Section | None:
    """Show how a budget is best split; None where the law has no params and tokens."""
    if not plans(fit):
        return None
    options: dict[str, Any] = {"ci_prob": ci_prob, "discrepancy": discrepancy}
    constants = frontier_constants(fit)
    rows = [
        [name, law, *map(interval_cell, pair)]
        for name, law, *pair in frontier_rows(fit, constants, ci_prob)
    ]
    blocks: list[Block] = [
        _expected(fit.representative, asked),
        *(Text(sentence(caveat)) for caveat in caveats(fit)),
        Table(FRONTIER_HEADER, rows, frontier_note(constants)),
        picture(
            lambda axes: plot_frontier(fit, _reaching(fit, asked), axes=axes, **options),
            "Compute-optimal parameters and tokens against compute, with their bands.",
            panels=2,
            columns=2,
            height=3.8,
        ),
    ]
    if isinstance(fit, Fit):
        shows = f"{fit.target.capitalize()} over size at fixed budgets, with the optimum."
        blocks.append(picture(lambda ax: plot_isoflop(fit, ax=ax, **options), shows))
    return Section("The compute-optimal model", blocks)


def _reaching(fit: PosteriorLike, asked: list[Target]) -> np.ndarray | None:
    """Return budgets up to the furthest asked, where the figure's own would end before it."""
    furthest = max(asked, key=lambda target: target.factor, default=None)
    if furthest is None or furthest.column != "flops" or furthest.factor <= BEYOND:
        return None
    smallest = np.nanmin(run_columns(fit.representative)["flops"])
    return np.geomspace(smallest, furthest.value, POINTS)


def checked_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison, or raise when it is not a table that ``compare`` made."""
    if isinstance(comparison, pd.DataFrame) and set(comparison) >= COMPARED and len(comparison):
        return comparison
    raise BayescaleError(
        "comparison is not a table that compare made: pass compare({'a': fit_a, 'b': fit_b})"
    )


def comparison_section(comparison: pd.DataFrame) -> Section:
    """Show a comparison of laws."""
    found = comparison.to_dict("index")
    rows = [
        (
            str(name),
            str(row["verdict"]),
            _with_error(row["elpd_diff"], row["dse"]),
            f"{row['weight']:.2f}",
            _with_error(row["elpd_loo"], row["se_loo"]),
            _with_error(row["elpd_waic"], row["se_waic"]),
            *((f"{row['weight_beyond']:.2f}", relative(row["crps"])) if "crps" in row else ()),
        )
        for name, row in found.items()
    ]
    header = ["law", "verdict", "difference to the best", "weight", "LOO", "WAIC"]
    note = (
        "Expected log predictive density of left-out runs, higher is better, with standard errors. "
        "It judges the laws among these runs, not beyond them."
    )
    if "crps" in comparison:
        header += ["weight beyond", "CRPS beyond"]
        note += " Beyond them: of forecasts in backtests; CRPS lower is better."
    blocks: list[Block] = [Table(header, rows, note)]
    warned = {name: row["warning"] for name, row in found.items() if row["warning"]}
    if warned:
        blocks.append(Bullets([f"{name}: {said}." for name, said in warned.items()]))
    height = 1.4 + 0.42 * len(rows)
    shows = "Each law's expected log predictive density, with standard errors."
    blocks.append(picture(lambda ax: plot_compare(comparison, ax=ax), shows, height=height))
    return Section("Other laws", blocks)


def _with_error(value: float, error: float) -> Pair:
    if value == 0 and not error:
        return Pair("0")
    return Pair(f"{value:,.1f}".replace("-", "−"), f"± {error:,.1f}")


def diagnostics_section(fit: Fit) -> Section:
    """Show the sampler's checks against their limits."""
    found = fit.diagnostics
    checks = [
        (
            "R-hat (do the chains agree?)",
            f"{found.rhat:.4f} ({found.worst_rhat})",
            f"below {RHAT_LIMIT}",
            found.rhat < RHAT_LIMIT,
        ),
        (
            "effective draws, bulk and tail",
            f"{found.ess:,.0f} ({found.worst_ess})",
            f"above {ESS_LIMIT}",
            found.ess > ESS_LIMIT,
        ),
        (
            "divergent transitions",
            f"{found.divergences:,} of {found.draws:,}",
            "none",
            found.divergences == 0,
        ),
    ]
    if not math.isnan(found.bfmi):
        fine = found.bfmi >= BFMI_LIMIT
        checks.append(("energy (BFMI)", f"{found.bfmi:.2f}", f"above {BFMI_LIMIT}", fine))
    rows = [
        (name, value, limit, Badge("passed", "good") if fine else Badge("failed", "bad"))
        for name, value, limit, fine in checks
    ]
    return Section("Diagnostics", [Table(("check", "worst value", "limit", ""), rows)])


def outliers_section(fit: Fit) -> Section:
    """Name the runs far off the law, and show the residuals of all."""
    table = outliers(fit)
    far = "far off the law"
    blocks: list[Block] = []
    if len(table):
        lie, are = ("lies", "is") if len(table) == 1 else ("lie", "are")
        weight = (
            "under the Student-t noise they have little influence"
            if fit.spec.noise.name.endswith("student_t")
            else f"under the {fit.spec.noise.name} noise they have full influence: check them"
        )
        said = f"{len(table)} of {fit.observed.size:,} runs {lie} {far} and {are} not dropped"
        blocks.append(Text(f"{said}; {weight}."))
        blocks.append(_residual_table(fit, table).shortened())
    else:
        blocks.append(Text(f"No run lies {far}."))
    if trend := drift(fit):
        blocks.append(Text(trend.text))
    shows = "How far each run lies from the law, in units of the scatter."
    blocks.append(picture(lambda ax: plot_residuals(fit, ax=ax), shows, height=5.0))
    return Section("Outliers", blocks)


def _residual_table(fit: Fit, table: pd.DataFrame) -> Table:
    rows = [
        (
            str(name),
            plain(row["observed"], row["observed"] / 100),
            plain(row["predicted"], row["predicted"] / 100),
            signed(row["observed"] - row["predicted"], 3),
            signed(row["standardised"], 1),
        )
        for name, row in table.to_dict("index").items()
    ]
    target, unit = fit.target, fit.unit
    header = (
        "run",
        f"{target} ({unit})" if unit else target,
        "the law",
        "residual",
        "standardised residual",
    )
    return Table(header, rows)


def average_sections(fit: Average, study: Study | None, ci_prob: float | None) -> list[Section]:
    """Show the weights, and then of each law that counts its parameters and diagnostics."""
    found = [_weights(fit)]
    for name, one in fit.members().items():
        own = study if study is not None and study.law == one.law.name else None
        verdicts = identify(one)
        parts = (
            parameters_section(one, verdicts, own, ci_prob),
            knowledge_section(one, verdicts, []),
            diagnostics_section(one),
        )
        found += [Section(f"{part.title} of {name}", part.blocks) for part in parts]
    return found


def _weights(fit: Average) -> Section:
    ranked = sorted(fit.weights.items(), key=lambda item: -item[1])
    rows: list[list[Cell]] = []
    for name, weight in ranked:
        one = fit.fits[name]
        rows.append([name, whole_percent(weight), one.law.about(), " ".join(caution(one))])
    note = "Draws are taken from the laws in proportion to their weights."
    return Section(
        "The laws that are averaged", [Table(("law", "weight", "meaning", ""), rows, note)]
    )
