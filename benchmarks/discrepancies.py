"""How large is the law's error? Many sizes and reaches scored on the same fits.

    python benchmarks/discrepancies.py               # some fifteen minutes; goes on where it stopped
    python benchmarks/discrepancies.py hoffmann2022  # one data set

The skaling law is fitted below each cut of each public data set, as in ``extrapolation.py``, and
every discrepancy of a grid is scored above it, with every fourth draw: fits do not depend on the
discrepancy. Two questions
are answered with the scores.

*Leave a data set out.* Size and reach are those with the best mean CRPS on the other sets, and
score the set that was left out. Sets count alike; ``BESIDE`` has no say.

*Learn the size from the user's own backtest.* The runs below each cut are cut once more, the size's
log-normal prior around the default is weighed with how well each size foretold the inner held-out
runs, and its mean (of the logarithm) scores the outer ones. Strength and spread of that rule were
to be chosen on the sets with ``chose``.

One row a fit and discrepancy is saved in ``benchmarks/results/discrepancies_rows.json``.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, fitted, thinned
from sets import BESIDE, SETS, runs_of

import bayescale as bs
from bayescale.analysis.backtest import CUTS, score_split
from bayescale.analysis.held_out import summarise
from bayescale.analysis.splits import Split, cuts_of
from bayescale.discrepancy import DISCREPANCY, Discrepancy
from bayescale.runs import Runs
from bayescale.spec import extract, make_spec

LAW = "skaling"
SIZES = (0.005, 0.0075, 0.01, 0.015, 0.02, 0.03)
REACHES = (0.5, 1.0, 2.0)
INNER = (0.5, 0.7)
"""Quantiles of compute at which the fitted runs are cut once more."""
SCORES = ("cover_50", "cover_90", "crps", "log_score", "abs_error", "width_90")
SAVED = RESULTS / "discrepancies_rows.json"


def candidates(inner: bool) -> Iterator[Discrepancy | None]:
    """Return what is scored: the whole grid above a cut, the default's reach among inner cuts."""
    yield None
    for reach in (DISCREPANCY.reach,) if inner else REACHES:
        for size in SIZES:
            yield Discrepancy(size, reach)


def score(runs: Runs, split: Split, inner: bool) -> Iterator[dict[str, Any]]:
    """Fit the runs that are not held out; score every candidate on those that are."""
    small = runs.take(~split.held_out)
    if len(small) < len(make_spec(LAW).parameters):
        return
    fit, data = thinned(fitted(small, LAW)), {LAW: extract(make_spec(LAW), runs)}
    for candidate in candidates(inner):
        scored = score_split(fit, data, split, candidate, SEED)
        summed = summarise(scored, len(small), fit.diagnostics.ok)
        size, reach = (candidate.size, candidate.reach) if candidate else (0.0, 0.0)
        yield {
            "size": size,
            "reach": reach,
            "held_out": len(scored),
            "failed": not fit.diagnostics.ok,
            **{name: round(float(summed[name]), 7) for name in SCORES},
        }


def score_set(name: str) -> Iterator[dict[str, Any]]:
    """Score one data set: above each cut, and above the inner cuts of the runs below it."""
    runs = bs.read_runs(runs_of(name))
    for outer, split in enumerate(cuts_of(runs, "flops", CUTS)):
        about = {"set": name, "cut": outer}
        yield from (about | {"inner": -1} | row for row in score(runs, split, inner=False))
        small = runs.take(~split.held_out)
        for i, within in enumerate(cuts_of(small, "flops", INNER)):
            yield from (about | {"inner": i} | row for row in score(small, within, inner=True))


def measure(names: list[str] | None = None) -> list[Bar]:
    """Score the sets that are not saved yet, and hold the left-out sets against their bars."""
    rows = json.loads(SAVED.read_text()) if SAVED.exists() else []
    for name in names or SETS:
        if any(row["set"] == name for row in rows):
            continue
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            rows += score_set(name)
        SAVED.write_text(json.dumps(rows, indent=0) + "\n")
        print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return []


if __name__ == "__main__":
    for bar in measure(sys.argv[1:] or None):
        print(f"  {bar}")
