"""The discrepancy of the law, and the results of a backtest: texts and sections."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.data.number_format import (
    Estimate,
    bounds,
    format_value,
    kind_of,
    listed,
    middle,
    percent,
    relative,
    whole_percent,
)
from bayescale.evaluation.backtest import Backtest
from bayescale.inference.result import Fit
from bayescale.plots.backtest import plot_backtest
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.reporting.narrative import discrepancy_summary
from bayescale.reporting.page_elements import Block, Cell, Pair, Section, Table, Text, picture
from bayescale.reporting.targets import Target

HONEST = (0.80, 0.98)
"""Coverage of a 90 % band that is compatible with 90 %, given so few predictions."""


UNBIASED = 0.25
"""A mean error below this share of the mean absolute error is called none."""


def backtest_summary(tested: Backtest) -> list[str]:
    """Summarise the results of a backtest in sentences.

    Parameters
    ----------
    tested : Backtest
        What :func:`bayescale.backtest` returned.

    Returns
    -------
    list of str
        The design, coverage, bias, CRPS with the baselines, and failures.
    """
    score = tested.summary.to_dict("index")["all"]
    return [_asked(tested), _coverage(score), _bias(score), *_against(score), *_failed(tested)]


def _asked(tested: Backtest) -> str:
    count, times = len(tested.runs), len(tested.summary) - 1
    furthest = float(np.max(tested.runs["distance"].to_numpy(float)))
    how = "1 cut" if times == 1 else f"{times} cuts"
    if not np.isnan(furthest) and " >= " in tested.runs["cut"].iloc[0]:
        column = tested.runs["cut"].iloc[0].partition(" >= ")[0]
        return (
            f"Fitted above {how}, {tested.law} made {count:,} predictions of the runs below, "
            f"down to a {column} {percent(1 - 10**-furthest, 2)} below the lowest fitted one."
        )
    if not np.isnan(furthest):
        return (
            f"Fitted below {how}, {tested.law} made {count:,} predictions of the runs above, "
            f"up to {furthest:.1f} decades beyond the fitted runs."
        )
    return f"Fitted without one group at a time, {tested.law} made {count:,} predictions of it."


def _coverage(score: Mapping[Any, Any]) -> str:
    inside, few = float(score["cover_90"]), float(score["cover_50"])
    low, high = HONEST
    if inside < low:
        verdict = "the bands are too narrow, do not rely on them"
    elif inside > high:
        verdict = "the bands are wider than necessary for these runs"
    else:
        verdict = "the coverage is close to nominal"
    covered = f"The 90 % band covered {whole_percent(inside)} of them"
    return f"{covered}, the 50 % band {whole_percent(few)}: {verdict}."


def _bias(score: Mapping[Any, Any]) -> str:
    bias, error = float(score["mean_error"]), float(score["abs_error"])
    off = f"its mean absolute error is {relative(error)}"
    if abs(bias) < UNBIASED * error:
        return f"It predicts neither too high nor too low on average; {off}."
    side = "high" if bias > 0 else "low"
    return f"It predicts {relative(abs(bias))} too {side} on average; {off}."


def _against(score: Mapping[Any, Any]) -> list[str]:
    rules = {
        "a straight line in the logarithms": float(score["log_linear"]),
        "the best run so far": float(score["best_seen"]),
    }
    said = listed([f"{relative(error)} for {name}" for name, error in rules.items()])
    crps = float(score["crps"])
    found = [f"Its CRPS, the mean error with the bands included, is {relative(crps)}: {said}."]
    better = [name for name, error in rules.items() if error <= crps]
    if better:
        found.append(f"It does no better than {listed(better)}: do not extrapolate with it.")
    return found


def _failed(tested: Backtest) -> list[str]:
    rows = tested.summary.drop(index="all").to_dict("index").items()
    failed = [str(cut) for cut, row in rows if not row["diagnostics"]]
    return [f"The draws failed their diagnostics at {listed(failed)}."] if failed else []


def scores(tested: Backtest) -> tuple[list[str], list[list[str]]]:
    """Return the report's table of a backtest, a row per cut: header and cells, as text."""
    header = ["", "fit/held out", "in 50/90 %", "bias", "error", "CRPS", "line", "best"]
    shown = ("mean_error", "abs_error", "crps", "log_linear", "best_seen")
    rows = [
        [
            str(cut).replace("<=", "≤").replace(">=", "≥").replace("e+", "e"),
            f"{row['fitted']:.0f}/{row['held_out']:.0f}",
            f"{100 * row['cover_50']:.0f}/{100 * row['cover_90']:.0f} %",
            *(relative(row[name]) for name in shown),
        ]
        for cut, row in tested.summary.to_dict("index").items()
    ]
    rows[-1][1] = ""
    return header, rows


LEGEND = (
    "Bias and error: mean and mean absolute error of the median, positive where it was too high. "
    "Line and best: mean absolute errors of two baselines without a law, a straight line in the "
    "logarithms and the best run so far; the CRPS is on the same scale."
)
"""What the columns of :func:`scores` mean."""


def backtest_section(tested: Backtest) -> Section:
    """Show what a backtest found."""
    header, rows = scores(tested)
    shows = (
        "Left: the error of each held-out run, and around zero its predictive interval. "
        "Right: the errors of the law and of two baselines without a law."
    )
    blocks: list[Block] = [
        Text(" ".join(backtest_summary(tested))),
        Table(header, rows, LEGEND),
        picture(
            lambda axes: plot_backtest(tested, axes=axes), shows, width=9.6, panels=2, columns=2
        ),
    ]
    return Section("Out-of-sample performance on your runs", blocks)


def discrepancy_section(
    fit: Fit, asked: list[Target], discrepancy: Discrepancy | None
) -> Section | None:
    """Show the answers with and without the discrepancy; None where there is nothing to compare.

    Parameters
    ----------
    fit : Fit
        Gives the names and units.
    asked : list of Target
        The planned budgets.
    discrepancy : Discrepancy, optional
        The discrepancy in the answers.
    """
    if discrepancy is None or not asked:
        return None
    shown = [
        ("outcome", "law", f"expected {fit.target}"),
        ("new_run", "new_run", f"{fit.target} of one run"),
        ("params", "params", "parameters"),
        ("tokens", "tokens", "tokens"),
    ]
    shown = [one for one in shown if one[0] in asked[0].answers]
    rows: list[list[Cell]] = []
    for target in asked:
        amount = format_value(target.value, kind_of(target.column), target.width)
        for i, (allowed, without_discrepancy, name) in enumerate(shown):
            both = target.answers[allowed], target.without_discrepancy[without_discrepancy]
            row = [_estimate(found, allowed, fit.unit) for found in both]
            rows.append(["" if i else amount, name, *row])
    header = ["", "", "with the discrepancy", "without discrepancy"]
    return Section(
        "Discrepancy of the law", [Text(discrepancy_summary(discrepancy)), Table(header, rows)]
    )


def _estimate(found: Estimate, name: str, unit: str) -> Pair:
    if name in ("params", "tokens"):
        return Pair(middle(found, "count"), bounds(found, "count"))
    return Pair(middle(found, unit=unit), bounds(found))
