"""Why runs leave something open, and what would settle it, in words."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayescale.data.units import format_quantity
from bayescale.design.coverage import spans, tied_inputs
from bayescale.design.quantities_of_interest import spoken
from bayescale.design.recommend import MOST_RUNS, Remedy
from bayescale.inference.result import Fit

LIKELY = 0.3
"""From this chance on, what does not settle the matter is described by its chance."""


def reason(fit: Fit, partner: str, kind: str) -> str:
    """Say why the runs leave a parameter or quantity open.

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
    told = "the runs hardly bear on it"
    if partner:
        told = f"{'trades off with' if kind == 'parameter' else 'leans on'} {partner}"
    for span in ranges.values():
        if span.constant:
            return f"every run has {span.column} = {spoken(span.column, span.low)}; {told}"
    for pair in tied_inputs(fit):
        one, other = (fit.inputs[name].values for name in pair)
        ratio, names = float(np.median(other / one)), [ranges[name].column for name in pair]
        return (
            f"all runs lie near {names[1]} = {ratio:.3g} x {names[0]}, so their effects cannot "
            f"be told apart; {told}"
        )
    narrow = [span for span in ranges.values() if span.narrow]
    if narrow:
        listed = " and ".join(f"{s.column} by a factor {s.factor:.1f}" for s in narrow)
        return f"the runs differ in {listed} only; {told}"
    return f"{told} over the range of these runs"


def remedy_in_words(found: Remedy | None, before: float, after: float) -> str:
    """Say which runs would settle the matter, or that none in reach would.

    It follows "to settle it: ".

    Parameters
    ----------
    found : Remedy or None
        What :func:`bayescale.design.recommend.remedies` found; None where nothing could be tried.
    before, after : float
        The contraction now, and with those runs.
    """
    if found is None:
        return "not known: no candidate runs could be tried for this law"
    if not len(found.runs):
        return "no run is within the budget"
    listed = in_words(found.runs)
    if found.settles:
        return f"{counted(len(found.runs))}{_price(found)}: {listed}"
    most = f"the most, {listed}, would do so at {100 * found.chance:.0f} % of the draws only"
    return (
        f"no {MOST_RUNS} runs{_limits(found)} would be sure to settle it: {most}; less scatter, a "
        "narrower prior or a smaller law would help"
    )


def counted(runs: int) -> str:
    """Write a number of runs."""
    return "1 run" if runs == 1 else f"{runs} runs"


def in_words(runs: pd.DataFrame) -> str:
    """Write runs as people plan them: ``2 x params 50M, tokens 10B (D/N = 200)``."""
    columns = list(runs)
    tally = Counter(tuple(map(float, values)) for values in runs.to_numpy())
    said = [_run(columns, values, times) for values, times in sorted(tally.items())]
    return "; ".join(said)


def _run(columns: Sequence[str], values: Sequence[float], times: int) -> str:
    each = dict(zip(columns, values, strict=True))
    said = ", ".join(f"{name} {spoken(name, value)}" for name, value in each.items())
    if {"params", "tokens"} <= set(each):
        ratio = each["tokens"] / each["params"]
        said += f" (D/N = {ratio:,.0f})" if ratio >= 100 else f" (D/N = {ratio:.2g})"
    return f"{f'{times} x ' if times > 1 else ''}{said}"


def _price(found: Remedy) -> str:
    if not found.unit:
        return ""
    share = found.cost / found.spent
    part = f"{100 * share:.2g} %" if share < 1 else f"{share:.3g} times"
    return f" ({_amount(found)}, {part} of what the runs so far cost)"


def _amount(found: Remedy) -> str:
    if found.unit == "FLOP":
        return f"{format_quantity(float(f'{found.cost:.3g}'), kind='flops')} FLOP"
    return f"{format_quantity(float(f'{found.cost:.3g}'))} {found.unit}"


def _limits(found: Remedy) -> str:
    within = "within ten times their range"
    return f" {within} and the budget" if found.unit else f" {within}"
