"""What to expect at any budget: numbers that the report's page interpolates as a slider moves.

At the planned budgets they are the report's own answers; at a few others between the smallest run
and the largest budget they are found likewise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.number_format import Estimate, kind_of, percent
from bayescale.data.units import Kind
from bayescale.decisions.regret import regret
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.intervals import DRAWS, interval_width
from bayescale.reporting.narrative import counted
from bayescale.reporting.page_elements import (
    Cell,
    Section,
    Slider,
    Table,
    interval_cell,
    number_cell,
)
from bayescale.reporting.targets import SIZES, Target, fitted_budgets, plans, targets_at

BUDGETS = 7
"""Budgets besides the planned ones, evenly spaced in their logarithm."""


JUDGED = 4
"""Budgets at which sizes are judged; a size wastes much the same at those between."""


TIMES = tuple(2.0 ** (step / 2) for step in range(-6, 7))
"""Sizes that are judged, in units of the best one's median."""


ANSWERING, JUDGING = 1000, 200
"""Draws that answer at those budgets, and that judge the sizes."""


DIGITS = 6
"""Significant digits of the numbers in the page."""


def budget_section(
    fit: Fit | Average,
    asked: Sequence[Target],
    discrepancy: Discrepancy | None,
    ci_prob: float | None,
) -> Section | None:
    """Say for the report what to expect at any budget; None where there is no planned one.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    asked : list of Target
        The answers at the planned budgets.
    discrepancy : Discrepancy, optional
        How wrong the law may be away from the runs.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    """
    spent = fitted_budgets(fit)
    if not asked or spent is None:
        return None
    known = {target.value: target for target in asked}
    falls = asked[0].falls
    runs = spent[1]
    low, high = (
        (min(runs.min(), *known), runs.max()) if falls else (runs.min(), max(runs.max(), *known))
    )
    ends = np.geomspace(low, high, BUDGETS + 1)
    between = ends[1:] if falls else ends[:-1]
    between = between[~np.isin(between, list(known))]
    found = targets_at(_thinned(fit, ANSWERING), between, ci_prob, discrepancy=discrepancy)
    every = sorted([*asked, *found], key=lambda target: target.value)
    quantities = _quantities(fit)
    data: dict[str, Any] = {
        "budget": asked[0].column,
        "kind": kind_of(asked[0].column),
        "interval": percent(interval_width(ci_prob)),
        "furthest": _rounded(spent[1].min() if falls else spent[1].max()),
        "falls": falls,
        "value": "run" if asked[0].column in SIZES else "value",
        "budgets": [_rounded(target.value) for target in every],
        "planned": [i for i, target in enumerate(every) if target.value in known],
        "quantities": [
            {"name": name, "label": label, "kind": kind, "unit": unit}
            | {"law": _series([target.without_discrepancy[name] for target in every])}
            | ({"allowed": _series([t.answers[name] for t in every])} if discrepancy else {})
            for name, (label, kind, unit) in quantities.items()
        ],
    }
    note = f"Medians and {data['interval']} intervals at {len(every)} budgets; between them along "
    note += "a monotone cubic in logarithms."
    if falls:
        note = note.replace("budgets", "values")
    if plans(fit):
        data["sizes"] = _sizes(fit, every, discrepancy)
        note += f" What a size wastes is a mean over {JUDGING} draws of the posterior."
    title = f"Any {asked[0].column}" if falls else "Any budget"
    return Section(title, [Slider(data, _table(every, quantities), note)])


def _quantities(fit: PosteriorLike) -> dict[str, tuple[str, Kind, str]]:
    """Return label, kind and unit of what is shown at a budget, by its name in a target."""
    sizes: dict[str, tuple[str, Kind, str]] = {
        "params": (f"best size, {counted(fit.representative)}", "count", ""),
        "tokens": ("best number of tokens", "count", ""),
        "tokens_per_param": ("tokens per parameter", "number", ""),
    }
    return {
        "outcome": (f"expected {fit.target}", "number", fit.unit),
        **(sizes if plans(fit) else {}),
        "new_run": (f"{fit.target} of one run", "number", fit.unit),
    }


def _series(shown: Sequence[Estimate]) -> list[list[float | None]]:
    """Return medians, lower and upper bounds; None where one is not finite."""
    return [[_rounded(value) for value in side] for side in zip(*shown, strict=True)]


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _sizes(
    fit: Fit | Average, every: Sequence[Target], discrepancy: Discrepancy | None
) -> dict[str, Any]:
    """Return what sizes around the best one are expected to waste and to give up."""
    thinned = _thinned(fit, JUDGING)
    chosen = [every[round(i)] for i in np.linspace(0, len(every) - 1, JUDGED)]
    wasted, given_up = [], []
    for target in chosen:
        sizes = target.answers["params"].median * np.array(TIMES)
        found = regret(thinned, target.value, sizes, discrepancy=discrepancy)
        means = found[["wasted", "regret"]].mean(DRAWS).isel(budget=0)
        wasted.append([_rounded(value) for value in means["wasted"].values])
        given_up.append([_rounded(value) for value in means["regret"].values])
    return {
        "budgets": [_rounded(target.value) for target in chosen],
        "times": [_rounded(value) for value in TIMES],
        "wasted": wasted,
        "given_up": given_up,
    }


def _thinned(fit: Fit | Average, draws: int) -> Fit | Average:
    """Return the posterior with so few draws that many questions take little time."""
    if isinstance(fit, Average):
        few = {name: _with_few_draws(one, draws) for name, one in fit.fits.items()}
        return replace(fit, fits=few)
    return _with_few_draws(fit, draws)


def _with_few_draws(fit: Fit, draws: int) -> Fit:
    posterior = fit.posterior
    every = max(posterior.sizes["chain"] * posterior.sizes["draw"] // draws, 1)
    if every == 1:
        return fit
    tree = fit.tree.copy()
    tree["posterior"] = xr.DataTree(posterior.isel(draw=slice(None, None, every)))
    return replace(fit, tree=tree)


def _table(every: Sequence[Target], quantities: dict[str, tuple[str, Kind, str]]) -> Table:
    """Return the answers of all budgets as a table."""
    column = every[0].column
    rows: list[list[Cell]] = [
        [
            number_cell(target.value, kind_of(column), width=target.width),
            *(interval_cell(target.answers[k], kind) for k, (_, kind, _) in quantities.items()),
        ]
        for target in every
    ]
    header = ["compute" if column == "flops" else column]
    header += [f"{label} ({unit})" if unit else label for label, _, unit in quantities.values()]
    return Table(header, rows)
