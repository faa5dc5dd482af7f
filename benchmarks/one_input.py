"""Sixty-three public curves in one input: fit the first part, predict the rest.

    python benchmarks/one_input.py             # all curves that are not measured yet
    python benchmarks/one_input.py ic nmt lm   # some domains
    python benchmarks/one_input.py --broken    # the broken power law too, half a minute a curve

The protocol is that of Alabdulmohsin et al. (2022), arXiv:2209.06640, and Lee et al. (2025),
arXiv:2505.23032: each curve's published split; per curve the root mean square error of log loss
(RMSLE) of the forecast's median at all held-out points; the mean log density of a held-out point,
with the loss of double descent and nanoGPT divided by the largest fitted one. Curves of a domain
count alike. No training point is left out: no curve has more than 71. Repeated rows count once.

Ours is the package's default: the laws M1 to M4 averaged by :func:`bayescale.average`, with the
discrepancy. That was chosen on double descent, nanoGPT and BIG-bench (``CHOSE``), against weights
by forecasts within the fitted part and against no discrepancy; images, translation and the language
model (``REPORTED``) had no say. Rivals: each law alone, the same without the discrepancy
("believed"), and M4 with Gaussian residuals of log loss. One row a curve and rival is saved in
``benchmarks/results/one_input.json``.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bars import Bar

import bayescale as bs
from bayescale.analysis.backtest import score_split
from bayescale.analysis.held_out import summarise
from bayescale.analysis.splits import Split
from bayescale.averaging import Average, average, members, stack
from bayescale.discrepancy import DISCREPANCY
from bayescale.runs import Runs
from bayescale.spec import Data, extract, make_spec

CHOSE = ("double_descent", "nanogpt", "bb")
REPORTED = ("ic", "nmt", "lm")
LAWS = ("power_law", "power_law_floor", "power_law_saturating", "power_law_sigmoidal")
BROKEN = "broken_power_law"
GAUSSIAN = "power_law_sigmoidal, normal"
OURS, BY_FORECASTS = "average", "average by forecasts"
COLUMNS = {"x": "x"}
SEED = 1
SAVED = Path(__file__).parent / "results" / "one_input.json"
PLAN = {
    "chose": CHOSE,
    "reported": REPORTED,
    "ours": f"{', '.join(LAWS)}: {OURS}",
    "discrepancy": str(DISCREPANCY),
    "seed": SEED,
}
"""Saved with the rows; rows of another plan are measured anew."""
BARS = {
    "ic": (0.034, "NSL-PFN 0.0280 with log score 3.33, on all 72 curves"),
    "nmt": (0.0096, "three curves, one held-out point each"),
    "lm": (0.0012, "one curve"),
}
"""Largest mean RMSLE by domain, and what to know of it."""
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


def curves() -> Iterator[Curve]:
    """Read the curves, those that choices are made on first."""
    first = bs.load_dataset("lee2025_dd_nano").rename(columns={"y": "loss"})
    table = pd.concat([first, bs.load_dataset("alabdulmohsin2022")], ignore_index=True)
    for domain in CHOSE + REPORTED:
        for name, points in table[table["domain"] == domain].groupby("curve_id"):
            points = points.sort_values("x")
            held_out = (points["split"] != "train").to_numpy()
            unit = points.loc[~held_out, "loss"].max() if domain in CHOSE[:2] else 1.0
            runs = bs.read_runs(points[["x"]].assign(loss=points["loss"] / unit))
            limit = float(points.loc[~held_out, "x"].max())
            yield Curve(str(name), domain, runs, beyond(runs, limit, held_out))


def beyond(runs: Runs, limit: float, held_out: np.ndarray | None = None) -> Split:
    """Hold out the points above a limit of x, unless told which."""
    x = runs.table["x"].to_numpy(float)
    out = x > limit if held_out is None else held_out
    return Split(f"x <= {limit:.3g}", out, np.log10(x[out] / limit))


def data_of(runs: Runs, laws: Sequence[str]) -> dict[str, Data]:
    """Return what each law takes of the points."""
    return {law: extract(make_spec(law, columns=COLUMNS), runs) for law in laws}


def fit(runs: Runs, law: str, noise: str | None = None) -> bs.Fit:
    """Fit one law with the defaults."""
    return bs.fit(runs, law, noise=noise, columns=COLUMNS, random_seed=SEED, progressbar=False)


def weights_by_forecasts(runs: Runs) -> dict[str, float]:
    """Stack the laws' forecasts of the upper half of the fitted range from the lower."""
    split = beyond(runs, float(runs.table["x"].max()) / 2)
    lower, data = runs.take(~split.held_out), data_of(runs, LAWS)
    foretold = [
        score_split(fit(lower, law), data, split, DISCREPANCY, SEED)["log_score"] for law in LAWS
    ]
    return dict(zip(LAWS, stack(np.column_stack(foretold)).tolist(), strict=True))


def rivals(curve: Curve) -> dict[str, bs.Fit | Average]:
    """Fit every rival but the broken power law to the fitted part of a curve."""
    laws = {law: fit(curve.fitted, law) for law in LAWS}
    return {
        **laws,
        GAUSSIAN: fit(curve.fitted, LAWS[-1], "normal"),
        OURS: average(laws),
        BY_FORECASTS: average(laws, weights_by_forecasts(curve.fitted)),
    }


def score(curve: Curve, fitted: Mapping[str, bs.Fit | Average]) -> Iterator[dict[str, Any]]:
    """Score rivals on one curve, with the discrepancy and without."""
    data = data_of(curve.runs, sorted({f.law.name for r in fitted.values() for f in parts(r)}))
    for rival, one in fitted.items():
        failed = not all(f.diagnostics.ok for f in parts(one))
        for words, discrepancy in (("", DISCREPANCY), (", believed", None)):
            scored = score_split(one, data, curve.split, discrepancy, SEED)
            found = summarise(scored, len(curve.fitted), not failed)
            found["rmsle"] = float(np.sqrt((scored["error"] ** 2).mean()))
            yield {
                "curve": curve.name,
                "domain": curve.domain,
                "rival": rival + words,
                "points": len(scored),
                **{name: round(float(found[name]), 6) for name in MEANS},
                "failed": failed,
                **({"weights": dict(one.weights)} if isinstance(one, Average) else {}),
            }


def parts(rival: bs.Fit | Average) -> list[bs.Fit]:
    """Return the fits that count in a rival."""
    return list(members(rival).values())


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


def measure(domains: Sequence[str] = (), broken: bool = False) -> list[Bar]:
    """Score the curves that are not saved yet, save the rows, print the league, return the bars."""
    rows = saved()
    done = {(row["curve"], row["rival"]) for row in rows}
    for curve in curves():
        if domains and curve.domain not in domains:
            continue
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            found = [] if (curve.name, OURS) in done else [*score(curve, rivals(curve))]
            if broken and (curve.name, BROKEN) not in done:
                found += score(curve, {BROKEN: fit(curve.fitted, BROKEN)})
        if found:
            rows += found
            SAVED.write_text(json.dumps({"plan": PLAN, "rows": rows}, indent=1) + "\n")
            print(f"  {curve.name}: {time.perf_counter() - started:.0f} s", flush=True)
    table = league(pd.DataFrame(rows))
    print(table.round(4).to_string(), flush=True)
    return bars(table)


def saved() -> list[dict[str, Any]]:
    """Return the rows of this plan that were saved."""
    found = json.loads(SAVED.read_text()) if SAVED.exists() else {}
    return found["rows"] if found.get("plan") == json.loads(json.dumps(PLAN)) else []


def bars(table: pd.DataFrame) -> list[Bar]:
    """Hold the default against its bars in the domains that had no say in it."""
    found = []
    for domain, (most, note) in BARS.items():
        if domain not in table.index:
            continue
        ours, gaussian = (table.loc[(domain, r)] for r in (OURS, f"{GAUSSIAN}, believed"))
        gain = ours["log_score"] - gaussian["log_score"]
        found += [
            Bar(f"{domain}: mean RMSLE", ours["rmsle"], high=most, note=note),
            Bar(f"{domain}: log score above M4 with Gaussian residuals", gain, low=0.3),
            Bar(f"{domain}: cover of the 90 % band", ours["cover_90"]),
        ]
    return found


if __name__ == "__main__":
    asked = sys.argv[1:]
    for bar in measure([d for d in asked if d != "--broken"], "--broken" in asked):
        print(f"  {bar}")
