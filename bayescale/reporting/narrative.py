"""Summaries of a fit in sentences: for the report, the command line and notebooks.

Every function takes results and returns text; none prints.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayescale.data.number_format import (
    bounds,
    format_value,
    kind_of,
    listed,
    number_of,
    percent,
    whole_percent,
    with_bounds,
)
from bayescale.design.contraction import VERDICTS
from bayescale.design.coverage import Span, spans
from bayescale.design.identify import identify
from bayescale.inference.fitted_runs import runs_shared
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import (
    DISCREPANCY,
    Discrepancy,
    DiscrepancyLike,
)
from bayescale.prediction.intervals import interval_width
from bayescale.prediction.runs_by_compute import falls
from bayescale.reporting.targets import SIZES, Target, fitted_budgets, targets

LARGEST_SHARE = 0.1
"""Share of the runs, those of the largest budget, that :func:`drift` looks at."""


COUNTS = 0.05
"""Weight from which a law of an average is spoken of."""


UNSETTLED = 5.0
"""Ratio of upper to lower bound of the best size from which the split is called unsettled."""


MEDIAN_ERROR = 1.25
"""Standard error of a median of n values, in units of their scatter over the root of n."""


def answer(
    fit: Fit | Average,
    flops: Any = None,
    ci_prob: float | None = None,
    *,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> list[str]:
    """Summarise the answers of a fit, the most important first.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    flops : number, str or 1-d array, optional
        Budgets in FLOP; 10 and 100 times the largest fitted run when None, or losses a little
        below the lowest fitted one for a law that takes a loss.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting (0.89) when None.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy and of the scatter of one run; the fit's own when None.

    Returns
    -------
    list of str
        Paragraphs: one per budget, then which parameters the runs identify (or the weights of an
        average), then the discrepancy in the bands. Show the warnings of :func:`caution` first, if
        any.

    Raises
    ------
    BayescaleError
        When ``flops`` cannot be a budget of this law.
    """
    discrepancy = Discrepancy.of(discrepancy)
    asked = targets(fit, flops, ci_prob, discrepancy=discrepancy, random_seed=random_seed)
    first = fit.representative
    known = identification(first, identify(first)) if first is fit else shares(fit)
    return paragraphs(first, asked, known, fit.typical(discrepancy), ci_prob)


def paragraphs(
    fit: Fit,
    asked: list[Target],
    known: str,
    discrepancy: Discrepancy | None,
    ci_prob: float | None = None,
) -> list[str]:
    """Write the narrative that :func:`answer` finds, given the targets."""
    said = [_expectation(fit, target, ci_prob) for target in asked]
    return [*(said or [_nothing_asked(fit)]), known, *_beyond(fit, asked, discrepancy)]


def shares(fit: PosteriorLike) -> str:
    """Say how much each law counts in an average."""
    weights = [f"{name} {whole_percent(weight)}" for name, weight in fit.weights.items()]
    return f"The answers are an average of laws: {listed(weights)}."


def caution(fit: Fit | Average) -> list[str]:
    """Say what is wrong with the draws, or badly with the law, one sentence each."""
    several = fit.members()
    return [
        sentence(problem if len(several) == 1 else f"{name}: {problem}")
        for name, one in several.items()
        for problem in [*one.diagnostics.problems(), *_severe(one)]
    ]


def _severe(fit: Fit) -> list[str]:
    """Say what a law that is far from describing the runs misses."""
    return fit.adequacy.problems() if fit.informed and fit.adequacy.severe else []


def adequacy_of(fit: PosteriorLike) -> list[str]:
    """Say of each law that counts whether it describes the runs, in one paragraph."""
    judged = {
        name: one.adequacy
        for name, one in fit.members().items()
        if one.informed and fit.weights[name] >= COUNTS
    }
    said = [str(one) if len(judged) == 1 else f"{name}: {one}" for name, one in judged.items()]
    return [sentence("; ".join(said))] if said else []


def discrepancy_summary(discrepancy: Discrepancy | None) -> str:
    """Describe the discrepancy in the bands, or its absence."""
    if discrepancy is None:
        return (
            "These bands assume that the law holds: they include the uncertainty of its "
            "parameters, but no discrepancy. On public data such bands undercover beyond the "
            "runs: they are a lower bound of the uncertainty."
        )
    learnt = discrepancy.learnt_for is not None
    return (
        f"These bands include a discrepancy of the law: {discrepancy}. "
        f"{'It was calibrated on public data sets; a' if learnt else 'A'} backtest "
        "(bayescale backtest) checks it on your own runs."
    )


def sentence(text: str) -> str:
    """Write a sentence of the narrative: begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def counted(fit: Fit) -> str:
    """Say in the narrative what is counted as a parameter: ``non-embedding parameters``."""
    convention = str(fit.record["runs"].get("params_convention", "unknown"))
    return "parameters" if convention == "unknown" else f"{convention} parameters"


def _expectation(fit: Fit, target: Target, ci_prob: float | None = None) -> str:
    """Say what to expect at a budget: the loss, and the size and data that reach it."""
    found, name = target.answers, fit.target
    level = f"{percent(interval_width(ci_prob))} interval"
    loss = with_bounds(found["outcome"], unit=fit.unit, level=level)
    where = f"{target.amount}, {target.beside}"
    planned = ", optimally split" if "params" in found else ""
    said = [f"With {where}{planned}, the expected {name} is {loss}."]
    if "params" in found:
        said.append(
            f"The compute-optimal model has {with_bounds(found['params'], 'count', counted(fit))} "
            f"and is trained on {with_bounds(found['tokens'], 'count', 'tokens')}: "
            f"{with_bounds(found['tokens_per_param'], unit='tokens per parameter')}."
        )
        if found["params"].upper > UNSETTLED * found["params"].lower:
            said.append("The runs leave this split wide open.")
    said.append(f"One run, with its noise, would show {bounds(found['new_run'])}.")
    return " ".join(said)


def _nothing_asked(fit: Fit) -> str:
    """Say why a law has no answer at a budget."""
    inputs = fit.law.inputs.items()
    taken = listed([given.columns_text(fit.spec.column(name)) for name, given in inputs])
    return (
        f"{fit.law.name} takes {taken}, which a budget does not determine: use predict for the "
        f"{fit.target} at a planned point."
    )


def identification(fit: Fit, verdicts: pd.DataFrame) -> str:
    """State which parameters the runs identify, and recommended runs for the others.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    verdicts : DataFrame
        What :func:`bayescale.identify` returned.
    """
    verdicts = verdicts.loc[verdicts["kind"] == "parameter"]
    found = list(verdicts["verdict"].items())
    known, weak, prior = ([str(name) for name, v in found if v == kind] for kind in VERDICTS)
    open_ones = weak + prior
    all_known = "" if open_ones else f"every parameter of {fit.law.name}: "
    runs = "The runs of all groups together" if "pooled" in fit.record else "The runs"
    said = [
        f"{runs} identify {all_known}{listed(known)}."
        if known
        else f"{runs} identify no parameter of {fit.law.name}."
    ]
    if weak:
        said.append(
            f"They identify {listed(weak)} only weakly: the posterior is not much narrower than "
            "the prior."
        )
    if prior:
        said.append(
            f"They carry almost no information about {listed(prior)}: the posterior is the prior."
        )
    if open_ones:
        said.append(f"The results above depend in part on the priors of {listed(open_ones)}.")
        recommended = dict.fromkeys(
            str(r) for r in verdicts.loc[open_ones, "recommended_runs"] if r
        )
        if len(recommended) == 1:
            said.append(f"To settle this: {next(iter(recommended))}.")
        elif recommended:
            said.append("The table of parameters lists the recommended runs for each.")
    if fit.spec.fixed:
        held = [f"{name} = {value:g}" for name, value in fit.spec.fixed.items()]
        said.append(f"Held fixed: {listed(held)}.")
    return " ".join(said)


def _beyond(fit: Fit, asked: list[Target], discrepancy: Discrepancy | None) -> list[str]:
    """Describe the discrepancy in the bands; nothing when no target lies beyond the runs."""
    beyond = [target for target in asked if target.extrapolates]
    if not beyond:
        return []
    furthest = max(beyond, key=lambda target: abs(math.log(target.factor)))
    where = f"a {furthest.column} {furthest.beside}" if furthest.falls else furthest.beside
    said = f"This goes to {where}. {discrepancy_summary(discrepancy)}"
    bend = drift(fit)
    return [f"{said} {bend.text}"] if bend is not None and bend.clear else [said]


def preference(fit: Fit, comparison: pd.DataFrame) -> str:
    """Say which law predicts left-out runs best, and where this one stands.

    Parameters
    ----------
    fit : Fit
        The fit that is reported.
    comparison : DataFrame
        What :func:`bayescale.compare` returned.
    """
    best, name = str(comparison.index[0]), fit.law.name
    said = (
        f"Of {listed([str(law) for law in comparison.index])}, {best} predicts left-out runs best"
    )
    if name == best or name not in comparison.index:
        return f"{said}."
    return f"{said}; {name}, which is reported here, is {comparison.loc[name, 'verdict']}."


def spanned(fit: Fit) -> str:
    """Say in the narrative what the fitted runs span."""
    said = [
        f"{span.column} from {_range(span)}" for span in spans(fit).values() if not span.constant
    ]
    said += [
        f"{span.column} = {format_value(span.low, kind_of(span.column))} throughout"
        for span in spans(fit).values()
        if span.constant
    ]
    budgets = fitted_budgets(fit)
    if budgets and budgets[0] not in {span.column for span in spans(fit).values()}:
        said.append(f"compute from {_range(Span('flops', budgets[1].min(), budgets[1].max()))}")
    runs = ", ".join([number_of(fit.observed.size, "run"), *said])
    return runs + ("; " + beside_others(fit) if "pooled" in fit.record else "")


def beside_others(fit: Fit) -> str:
    """Say of one group of a pooled fit which runs besides its own its numbers rest on."""
    origin = fit.record["pooled"]
    others = origin["of"] - (origin["member"] is not None)
    return (
        "its parameters were estimated in one model with the runs of "
        f"{number_of(others, 'other group')} by {origin['by']}"
    )


def _range(span: Span) -> str:
    kind = kind_of(span.column)
    low, high = (format_value(value, kind, span.low) for value in (span.low, span.high))
    return f"{low.removesuffix(' FLOP')} to {high}"


@dataclass(frozen=True)
class _Drift:
    """How the runs of the largest budgets lie about the law, in words.

    Attributes
    ----------
    text : str
        A sentence or two.
    clear : bool
        Whether they lie off it by more than chance explains.
    """

    text: str
    clear: bool


def drift(fit: Fit) -> _Drift | None:
    """Say how the runs of the largest budgets lie about the law, None where there is no budget.

    Of a law that takes a loss, they are those of the lowest losses.

    Those runs are the nearest to what is asked: when they lie off the law together, it bends away.
    """
    budgets = fitted_budgets(fit)
    if budgets is None:
        return None
    last, (end, runs) = _last_rows(fit, *budgets), _ends(fit, budgets[0])
    count = max(3, round(LARGEST_SHARE * len(last)))
    largest = last[-count:]
    curve, noise = fit.curve(fit.inputs), fit.spec.noise
    known = noise.alone(fit.known)
    _, scaled = noise.residual(curve, fit.parameters, known, fit.observed)
    shifts = scaled.isel(run=largest).median("run")
    shift = float(shifts.median())
    clear = abs(shift) > 2 * math.hypot(MEDIAN_ERROR / count**0.5, float(shifts.std()))
    side = "above" if shift > 0 else "below"
    said = (
        f"At their median, the {count} runs of {end} lie {abs(shift):.2f} times the "
        f"scatter of one run {side} the law."
    )
    more = f" {runs} may lie further {side} it than the bands." if clear else ""
    return _Drift(said + more, clear)


def _ends(fit: Fit, column: str) -> tuple[str, str]:
    """Say what the runs nearest to what is asked have, and call those that lie beyond them."""
    if falls(fit.spec, column):
        return f"the lowest {column}", f"Runs of a lower {column}"
    if column in SIZES:
        return "the largest budgets", "Larger runs"
    return f"the largest {column}", f"Runs of a larger {column}"


def _last_rows(fit: Fit, column: str, budgets: np.ndarray) -> np.ndarray:
    """Return the row of the largest budget of each run, by position, the largest run last."""
    rising = -budgets if falls(fit.spec, column) else budgets
    order, names = rising.argsort(kind="stable"), runs_shared(fit)
    if names is None:
        return order
    return order[~pd.Series(names[order]).duplicated(keep="last").to_numpy()]
