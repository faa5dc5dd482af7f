"""Explanations: why runs do not identify something, and which further runs would."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayescale.data.number_format import format_quantity, number_of, percent, whole_percent
from bayescale.design.coverage import spans, tied_inputs
from bayescale.design.quantities_of_interest import format_amount
from bayescale.design.recommend import MOST_RUNS, RecommendedRuns
from bayescale.inference.result import Fit

LIKELY = 0.3
"""From this probability on, runs that do not settle the matter are described by it."""


def reason(fit: Fit, partner: str, kind: str) -> str:
    """Explain why the runs do not identify a parameter or quantity.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    partner : str
        What it trades off with, "" if nothing.
    kind : str
        "parameter" or "quantity".
    """
    ranges = spans(fit)
    effect = "the runs carry little information about it"
    if partner:
        effect = f"{'trades off with' if kind == 'parameter' else 'depends on'} {partner}"
    for span in ranges.values():
        if span.constant:
            return f"every run has {span.column} = {format_amount(span.column, span.low)}; {effect}"
    for pair in tied_inputs(fit):
        one, other = (fit.inputs[name].values for name in pair)
        ratio, names = float(np.median(other / one)), [ranges[name].column for name in pair]
        return (
            f"all runs lie near {names[1]} = {ratio:.3g} x {names[0]}, so their effects cannot "
            f"be separated; {effect}"
        )
    narrow = [span for span in ranges.values() if span.narrow]
    if narrow:
        listed = " and ".join(f"{s.column} by a factor {s.factor:.1f}" for s in narrow)
        return f"the runs vary only in {listed}; {effect}"
    return f"{effect} over the range of these runs"


def recommendation_text(found: RecommendedRuns | None, before: float, after: float) -> str:
    """Name the runs that would settle the matter, or state that no feasible ones would.

    It follows "to settle it: ".

    Parameters
    ----------
    found : RecommendedRuns or None
        What :func:`bayescale.design.recommend.recommended_runs` returned; None
        where no runs could be evaluated.
    before, after : float
        The contraction now, and with those runs.
    """
    if found is None:
        return "not known: no candidate runs could be evaluated for this law"
    if not len(found.runs):
        return "no run is within the budget"
    listed = _runs_text(found.runs)
    if found.settles:
        return f"{number_of(len(found.runs), 'run')}{_price(found)}: {listed}"
    most = f"the best, {listed}, would do so at only {whole_percent(found.chance)} of the draws"
    return (
        f"no {MOST_RUNS} runs{_limits(found)} would reliably settle it: {most}; less noise, a "
        "narrower prior or a simpler law would help"
    )


def _runs_text(runs: pd.DataFrame) -> str:
    """Format runs: ``params 50M, tokens 10B (D/N = 200)``, the smallest first."""
    columns = list(runs)
    rows = sorted(tuple(map(float, values)) for values in runs.to_numpy())
    return "; ".join(_run(columns, values) for values in rows)


def _run(columns: Sequence[str], values: Sequence[float]) -> str:
    each = dict(zip(columns, values, strict=True))
    said = ", ".join(f"{name} {format_amount(name, value)}" for name, value in each.items())
    if {"params", "tokens"} <= set(each):
        ratio = each["tokens"] / each["params"]
        said += f" (D/N = {ratio:,.0f})" if ratio >= 100 else f" (D/N = {ratio:.2g})"
    return said


def _price(found: RecommendedRuns) -> str:
    if not found.unit:
        return ""
    share = found.cost / found.spent
    part = percent(share, 2) if share < 1 else f"{share:.3g} times"
    return f" ({_amount(found)}, {part} of the cost of the runs so far)"


def _amount(found: RecommendedRuns) -> str:
    if found.unit == "FLOP":
        return f"{format_quantity(float(f'{found.cost:.3g}'), kind='flops')} FLOP"
    return f"{format_quantity(float(f'{found.cost:.3g}'))} {found.unit}"


def _limits(found: RecommendedRuns) -> str:
    within = "within ten times their range"
    return f" {within} and the budget" if found.unit else f" {within}"
