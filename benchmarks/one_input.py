"""Sixty-three public curves in one input: fit the first part, predict the rest.

    python benchmarks/one_input.py             # all curves that are not measured yet
    python benchmarks/one_input.py ic nmt lm   # some domains

The protocol is that of Alabdulmohsin et al. (2022), arXiv:2209.06640, and Lee et al. (2025),
arXiv:2505.23032: each curve's published split; per curve the root mean square error of log loss
(RMSLE) of the forecast's median at all held-out points; the mean log density of a held-out point,
with the loss of double descent and nanoGPT divided by the largest fitted one. Curves of a domain
count alike. Repeated rows count once.

Ours is :func:`bayescale.fit_average` of M2 to M4, and of the twice broken power law besides where
the fitted loss rises on its way, along the curve. The rule and the laws were chosen on double
descent, nanoGPT, BIG-bench (``CHOSE``), 20 curves of checkpoints (Choshen et al. 2024) and nine of
translation (Gordon et al. 2021), with another sampler of the same laws
(``docs/extrapolation.md``). Images, translation and the language model (``REPORTED``) had no say.
Rivals take points as independent: each law alone, M1 to M4 averaged by leave-one-out, with the
default discrepancy and assuming the law holds, and M4 with Gaussian residuals of log loss; every
fourth draw of these is scored. One row per curve and rival is saved in
``benchmarks/results/one_input_rows.json``; curves of a domain are taken in the order of a hash of
their names, so that a part is a fair sample.
"""

import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from math import inf
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, fitted, rows_of, save_rows, thinned

import bayescale as bs
from bayescale.data.runs import Runs
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.curve_average import EARLIER, POINTS, along_curve
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import Split, fitting_small
from bayescale.model.observations import Data, extract
from bayescale.model.spec import Spec, make_spec
from bayescale.prediction.averaging import Average, average
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy

CHOSE = ("double_descent", "nanogpt", "bb")
REPORTED = ("nmt", "lm", "ic")
LAWS = ("power_law", "power_law_floor", "power_law_saturating", "power_law_sigmoidal")
GAUSSIAN = "power_law_sigmoidal, normal"
OURS, BY_LOO = "fit_average", "average by leave-one-out"
AVERAGED = LAWS[1:]
RISING = (*AVERAGED, "twice_broken_power_law")
"""The laws of a curve that rises on its way."""
RISE = 0.02
AHEAD = 2.0
ONE = Discrepancy(0.06, 0.5)
BELIEVED = ", believed"
OF_FEW = {", default": DISCREPANCY, ", 3 % / 1": Discrepancy(0.03, 1.0), ", 6 % / 0.5": ONE}
"""What else the laws of few points may be wrong by, beside what `fit_average` takes."""
COLUMNS = {"x": "x"}
SAVED = RESULTS / "one_input_rows.json"
PLAN = {
    "chose": CHOSE,
    "reported": REPORTED,
    "laws": [AVERAGED, RISING],
    "ahead": AHEAD,
    "earlier": EARLIER,
    "points": POINTS,
    "seed": SEED,
}
"""Saved with the rows; rows of another plan are measured anew."""
BARS = {
    "double_descent": (0.047, "it chose; before: .0470"),
    "nanogpt": (0.0182, "it chose; before: .0182 with log score 2.86, one held-out point each"),
    "ic": (0.030, "NSL-PFN 0.0280 with log score 3.33, on all 72"),
    "nmt": (0.0075, "one held-out point each"),
    "lm": (0.0007, "five held-out points"),
}
"""Largest mean RMSLE by domain, and what to know of it."""
SCORED = {"ic": (3.2, 0.80, 0.97), "nanogpt": (2.86, 0.0, 1.0)}
"""Least log score and the coverage of 90 % bands, least and most, where they have bars."""
CURVES = {"double_descent": 4, "nanogpt": 12, "ic": 35, "nmt": 3, "lm": 1}
"""Public curves a domain; bars hold where all are measured."""
MEANS = ("rmsle", "log_score", "cover_50", "cover_90", "width_90")


@dataclass(frozen=True)
class Curve:
    """One curve, in the unit of its score, and which of its points are held out."""

    name: str
    domain: str
    runs: Runs
    split: Split

    @property
    def fitted(self) -> Runs:
        """The points that are not held out."""
        return self.runs.take(~self.split.held_out)

    @cached_property
    def data(self) -> dict[str, Data]:
        """All its points, as each law takes them."""
        return data_of(self.runs)


def curves() -> Iterator[Curve]:
    """Read the curves, those that choices are made on first."""
    first = bs.load_dataset("lee2025_dd_nano").rename(columns={"y": "loss"})
    table = pd.concat([first, bs.load_dataset("alabdulmohsin2022")], ignore_index=True)
    for domain in CHOSE + REPORTED:
        groups = table[table["domain"] == domain].groupby("curve_id")
        for name, points in sorted(groups, key=lambda group: sha256(group[0].encode()).digest()):
            points = points.sort_values("x")
            held_out = (points["split"] != "train").to_numpy()
            unit = points.loc[~held_out, "loss"].max() if domain in CHOSE[:2] else 1.0
            runs = bs.read_runs(points[["x"]].assign(loss=points["loss"] / unit))
            split = fitting_small(~held_out, "x", runs.table["x"].to_numpy(float))
            yield Curve(str(name), domain, runs, split)


def thin(runs: Runs, law: str, noise: str | None = None) -> bs.Fit:
    """Fit a law to points, or load the same fit from before, and keep every fourth draw."""
    return thinned(fitted(runs, law, noise, COLUMNS))


def ours(curve: Curve) -> Average:
    """Average the laws along the fitted part of a curve."""
    loss = curve.fitted.table["loss"].to_numpy(float)
    rises = np.log(loss / np.minimum.accumulate(loss)).max() > RISE
    specs = [make_spec(law, columns=COLUMNS) for law in (RISING if rises else AVERAGED)]
    specs = fitting(specs, curve.fitted)
    return bs.fit_average(curve.fitted, specs, ahead=AHEAD, random_seed=SEED, progressbar=False)


def rivals(curve: Curve) -> dict[str, bs.Fit | Average]:
    """Fit every rival to the fitted part of a curve."""
    fits = {law: thin(curve.fitted, law) for law in LAWS}
    return {
        **fits,
        GAUSSIAN: thin(curve.fitted, LAWS[-1], "normal"),
        BY_LOO: average(fits),
    }


def data_of(runs: Runs) -> dict[str, Data]:
    """Return what each law takes of the points, of those with so few parameters."""
    specs = [make_spec(law, columns=COLUMNS) for law in {*LAWS, *RISING}]
    few = fitting(specs, runs)
    return {spec.law.name: along_curve(spec, extract(spec, runs))[1] for spec in few}


def fitting(specs: Iterable[Spec], runs: Runs) -> list[Spec]:
    """Return the specs of laws with no more parameters than there are different points."""
    return [spec for spec in specs if len(spec.free) <= len(runs.table.drop_duplicates())]


def asked_of(rival: str) -> dict[str, Discrepancy | None]:
    """Return how wrong a rival's laws may be, by the words that are added to its name."""
    if rival == GAUSSIAN:
        return {BELIEVED: None}
    both = {"": DISCREPANCY, BELIEVED: None}
    return both | {", 6 % / 0.5": ONE} if rival == BY_LOO else both


def score(curve: Curve, rival: str, one: bs.Fit | Average) -> Iterator[dict[str, Any]]:
    """Score a rival on the held-out points of one curve."""
    sound = all(part.diagnostics.ok for part in one.members().values())
    asked = {words: (one, wrong) for words, wrong in asked_of(rival).items()}
    if isinstance(one, Average) and one.discrepancies:
        without = replace(one, discrepancies={})
        asked |= {words: (without, wrong) for words, wrong in OF_FEW.items()}
    for words, (which, wrong) in asked.items():
        scored = score_split(which, curve.data, curve.split, wrong, SEED)
        found = summarise(scored, len(curve.fitted), sound)
        found["rmsle"] = float(np.sqrt((scored["error"] ** 2).mean()))
        yield {
            "curve": curve.name,
            "domain": curve.domain,
            "rival": rival + words,
            "points": len(scored),
            **{name: round(float(found[name]), 6) for name in MEANS},
            "failed": not sound,
            **({"weights": dict(one.weights)} if isinstance(one, Average) else {}),
        }


def league(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over the curves of each domain, most accurate first."""
    return pd.concat(
        {
            domain: _means(rows[rows["domain"] == domain])
            for domain in CHOSE + REPORTED
            if (rows["domain"] == domain).any()
        },
        names=["domain"],
    )


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    by = rows.groupby("rival")
    table = (
        by[list(MEANS)]
        .mean()
        .assign(rmsle_median=by["rmsle"].median(), failed=by["failed"].sum(), curves=by.size())
    )
    return table.sort_values("rmsle")


def measure(domains: Sequence[str] = ()) -> list[Bar]:
    """Score the curves that are not saved yet, save the rows, print the league, return the bars."""
    rows = rows_of(SAVED, PLAN)
    done = {(row["curve"], row["rival"]) for row in rows}
    for curve in curves():
        if domains and curve.domain not in domains:
            continue
        started = time.perf_counter()
        asked: dict[str, bs.Fit | Average] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            if (curve.name, OURS) not in done:
                asked[OURS] = ours(curve)
            if (curve.name, BY_LOO) not in done:
                asked |= rivals(curve)
            for rival, one in asked.items():
                rows += score(curve, rival, one)
        if asked:
            save_rows(SAVED, PLAN, rows)
            print(f"  {curve.name}: {time.perf_counter() - started:.0f} s", flush=True)
    table = league(pd.DataFrame(rows))
    print(table.round(4).to_string(), flush=True)
    return bars(table)


def bars(table: pd.DataFrame) -> list[Bar]:
    """Hold the default against its bars."""
    found = []
    for domain, (most, note) in BARS.items():
        if domain not in table.index:
            continue
        ours, by_loo = (table.loc[(domain, name)] for name in (OURS, BY_LOO))
        whole = ours["curves"] == CURVES[domain]
        note = f"{ours['curves']:.0f} of {CURVES[domain]} curves measured; {note}"
        least, low, high = SCORED.get(domain, (-inf, -inf, inf)) if whole else (-inf, -inf, inf)
        found += [
            Bar(f"{domain}: mean RMSLE", ours["rmsle"], high=most if whole else inf, note=note),
            Bar(f"{domain}: log score", ours["log_score"], low=least),
            Bar(f"{domain}: cover of the 90 % band", ours["cover_90"], low=low, high=high),
            Bar(f"{domain}: mean RMSLE, {BY_LOO}", by_loo["rmsle"]),
            Bar(f"{domain}: log score, {BY_LOO}", by_loo["log_score"]),
        ]
    return found


if __name__ == "__main__":
    for bar in measure(sys.argv[1:]):
        print(f"  {bar}")
