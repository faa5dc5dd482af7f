"""What the runs can and cannot tell: a verdict on every parameter."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import arviz_stats as azs
import numpy as np
import pandas as pd

from bayescale.analysis.design import Span, spans, tied_inputs
from bayescale.fitting import Fit
from bayescale.members import refuse_pooled
from bayescale.priors import to_link

IDENTIFIED = 0.9
"""Contraction above which a parameter is identified: its sd is below 0.32 of the prior's."""
PRIOR_ONLY = 0.1
"""Contraction below which the posterior is the prior."""
PARTNER = 0.3
"""Correlation, on the link scale, from which a partner is named."""

VERDICTS = ("identified", "weak", "prior only")


def identify(fit: Fit) -> pd.DataFrame:
    """Say which parameters the runs identify, and what would settle the others.

    Contraction is one minus the ratio of posterior to prior variance on the parameter's link scale
    (log for positive parameters): 0 means the runs said nothing, 1 that they said everything. The
    prior is the one of the fit, so a narrow prior leaves less to be learnt.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row a law parameter: ``verdict`` ("identified", contraction above 0.9; "weak"; "prior
        only", below 0.1), ``contraction``, ``partner`` (the parameter it trades off with, empty
        if none) and their ``correlation``, ``reason`` and ``remedy`` in words,
        ``prior_sensitivity`` and ``likelihood_sensitivity`` (ArviZ's power scaling: above 0.05 the
        posterior moves when the prior, or the likelihood, is given more or less weight), ``rhat``
        and ``ess``.
    """
    refuse_pooled(fit, "identify")
    names = list(fit.spec.free)
    links = link_draws(fit, names)
    spread = links.to_numpy().std(axis=0)
    contraction = {
        name: 1 - float(sd / _prior_sd(fit, name)) ** 2
        for name, sd in zip(names, spread, strict=True)
    }
    verdicts = {name: _verdict(value) for name, value in contraction.items()}
    correlation = np.atleast_2d(np.corrcoef(links.to_numpy().T))
    partners = _partners(names, correlation, verdicts)
    with _quiet():
        sensitivity = azs.psense_summary(fit.tree, var_names=names, round_to=6)
    rows = {}
    for name in names:
        partner, correlation = partners[name]
        reason, remedy = _explain(fit, name, verdicts[name], partner)
        rows[name] = {
            "verdict": verdicts[name],
            "contraction": contraction[name],
            "partner": partner,
            "correlation": correlation,
            "reason": reason,
            "remedy": remedy,
            "prior_sensitivity": float(sensitivity.loc[name, "prior"]),
            "likelihood_sensitivity": float(sensitivity.loc[name, "likelihood"]),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
    draws = fit.posterior[names]
    table["rhat"] = azs.rhat(draws).to_pandas()
    table["ess"] = np.minimum(
        azs.ess(draws, method="bulk").to_pandas(), azs.ess(draws, method="tail").to_pandas()
    )
    return table


def link_draws(fit: Fit, names: list[str]) -> pd.DataFrame:
    """Return posterior draws on the link scale, one column a parameter, chains end to end."""
    return pd.DataFrame(
        {
            name: to_link(fit.spec.free[name], fit.posterior[name], fit.scales).values.ravel()
            for name in names
        }
    )


def _prior_sd(fit: Fit, name: str) -> float:
    if name in fit.spec.distributions or isinstance(fit.spec.priors.get(name), str):
        drawn = fit.group("prior")[name]
        return float(to_link(fit.spec.free[name], drawn, fit.scales).std())
    return float(fit.spec.normal_priors([name], fit.scales)[1][0])


def _verdict(contraction: float) -> str:
    if contraction > IDENTIFIED:
        return "identified"
    return "weak" if contraction > PRIOR_ONLY else "prior only"


def _partners(
    names: list[str], correlation: np.ndarray, verdicts: Mapping[str, str]
) -> dict[str, tuple[str, float]]:
    """Name for each parameter the one it trades off with.

    A parameter that the runs do not identify is paired with another such one where there is one:
    what is well known cannot be what it hides behind.
    """
    found = {}
    for i, name in enumerate(names):
        others = [j for j in range(len(names)) if j != i]
        if verdicts[name] != "identified":
            others = [j for j in others if verdicts[names[j]] == "weak"] or others
        partner = max(others, key=lambda j: abs(correlation[i, j]), default=i)
        value = float(correlation[i, partner])
        close = partner != i and abs(value) >= PARTNER
        found[name] = (names[partner], value) if close else ("", float("nan"))
    return found


def _explain(fit: Fit, name: str, verdict: str, partner: str) -> tuple[str, str]:
    """Return the reason of a verdict and the remedy, in words."""
    if verdict == "identified":
        return "the runs pin it down", ""
    ranges = spans(fit)
    constant = [span for span in ranges.values() if span.constant]
    told = f"trades off with {partner}" if partner else "the runs hardly bear on it"
    if constant:
        column = constant[0].column
        return (
            f"every run has {column} = {constant[0].low:.3g}; {told}",
            f"runs at other {column}, at least four times apart",
        )
    tied = tied_inputs(fit)
    if tied:
        one, other = (ranges[k] for k in tied[0])
        return _explain_tied(fit, tied[0], one, other, told)
    narrow = [span for span in ranges.values() if span.narrow]
    if narrow:
        listed = " and ".join(f"{s.column} by a factor {s.factor:.1f}" for s in narrow)
        return (
            f"the runs differ in {listed} only; {told}",
            f"runs with {' and '.join(s.column for s in narrow)} ten times smaller or larger",
        )
    return (
        f"{told} over the range of these runs",
        "more runs at both ends of the range, or runs with less scatter",
    )


def _explain_tied(
    fit: Fit, names: tuple[str, str], one: Span, other: Span, told: str
) -> tuple[str, str]:
    ratio = float(np.median(fit.inputs[names[1]].values / fit.inputs[names[0]].values))
    return (
        f"all runs lie near {other.column} = {ratio:.3g} x {one.column}, so their effects cannot "
        f"be told apart; {told}",
        f"a few runs at {other.column}/{one.column} = {10 * ratio:.3g} and {ratio / 5:.2g}",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ArviZ's pointer to its manual, and Pareto-k remarks, out of the user's sight."""
    logger = logging.getLogger("arviz_stats.psense")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="arviz_stats")
            yield
    finally:
        logger.setLevel(before)
