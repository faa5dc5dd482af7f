"""Published values beside a posterior: where they agree, where they differ, and why."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bayescale.decisions.frontier_constants import frontier_constants
from bayescale.decisions.optimum import has_allocation
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.diagnostics import elements
from bayescale.inference.result import Fit
from bayescale.laws.frontier import FRONTIER_CONSTANTS
from bayescale.prediction.intervals import credible_interval, interval_width
from bayescale.prediction.summary import summary
from bayescale.studies.study import Published, Study, load_study


@of_one_law
def check_published(fit: Fit, study: Study | str, ci_prob: float | None = 0.9) -> pd.DataFrame:
    """Compare the published values of a study with the posterior of a fit.

    A published value is for comparison, not the truth: other rows, another noise or another
    estimator may well give another number.

    Parameters
    ----------
    fit : Fit
        A fit; values published for another law are not comparable.
    study : Study or str
        A study, as :func:`bayescale.load_study` returns it, or its name.
    ci_prob : float, optional
        Probability inside the intervals; ArviZ's setting when None.

    Returns
    -------
    pandas.DataFrame
        One row per published value: ``source``, ``quantity``, ``published`` with
        ``published_lower`` and ``published_upper`` where known, ``median``, ``lower``, ``upper``,
        ``verdict`` ("agrees", "differs", "not comparable") and ``reason``.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits. For an unknown study.

    See Also
    --------
    load_study : Read the published values of a study.
    summary : The posterior alone.
    plot_exponents : A figure of fits beside published values.

    Examples
    --------
    >>> table = bs.check_published(fit, bs.load_study("hoffmann2022"))
    >>> table[["quantity", "published", "verdict"]].head(3)
      quantity  published  verdict
    0        E       1.69  differs
    1        A     406.40   agrees
    2        B     410.70  differs
    """
    study = study if isinstance(study, Study) else load_study(study)
    width = interval_width(ci_prob)
    keys = ["median", "lower", "upper"]
    table = summary(fit, width)[keys]
    ours = {
        str(name): dict(zip(keys, map(float, row), strict=True))
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    }
    same_law = study.law == fit.law.name
    wanted = {name for block in study.published for name in block.values} - set(ours)
    if same_law and wanted & set(FRONTIER_CONSTANTS) and has_allocation(fit):
        for name, draws in elements(frontier_constants(fit)).items():
            bounds = credible_interval(draws, width)
            ours[str(name)] = {str(k): float(v) for k, v in bounds.data_vars.items()}
    rows = [row for block in study.published for row in _rows(block, ours if same_law else {})]
    table = pd.DataFrame(rows)
    if not same_law and len(table):
        table["reason"] = f"published for {study.law}, and the fit is of {fit.law.name}"
    table.attrs["ci_prob"] = width
    return table


def _rows(block: Published, ours: dict[Any, dict[Any, float]]) -> Iterator[dict[str, Any]]:
    for name, value in block.values.items():
        low, high = block.intervals.get(name, (float("nan"), float("nan")))
        known = ours.get(name, dict.fromkeys(("median", "lower", "upper"), float("nan")))
        verdict, reason = _judge(value, (low, high), known)
        yield {
            "source": block.source,
            "quantity": name,
            "published": value,
            "published_lower": low,
            "published_upper": high,
            **known,
            "verdict": verdict,
            "reason": reason,
        }


def _judge(value: float, published: tuple[float, float], ours: dict[Any, float]) -> tuple[str, str]:
    """Return the verdict on one published value, and why."""
    low, high = published
    lower, upper = ours["lower"], ours["upper"]
    if not lower <= upper:
        return "not comparable", "the fit has no such quantity, or holds it fixed"
    if lower <= value <= upper:
        return "agrees", "the published value lies in our interval"
    if low <= upper and lower <= high:
        return "agrees", "the published interval overlaps ours"
    side = "above" if value > upper else "below"
    beyond = (value - upper if value > upper else lower - value) / (upper - lower)
    return "differs", f"{side} our interval by {beyond:.2g} of its width"
