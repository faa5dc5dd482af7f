"""Do the intervals of a compute-equivalent gain hold the truth, of two fits and of a few runs?

    python benchmarks/effective_compute.py   # two hundred fits, some ten minutes

A hundred pairs of recipes, a power law of compute with a floor each: floor, excess loss, exponent
and gain are drawn, and the gain is constant, or grows or fades by 1.41 times per decade, in turn.
The baseline has sixteen runs, the recipe as many (two fits), or three (a few runs; the trend's
prior is the default one, and with a constant gain also none). Scatter is 0.5 %. Both recipes obey
the law, which is assumed to hold: no discrepancy. The gain is asked for at the recipe's largest run
and at ten times it; the width is that of the 90 % interval, upper over lower bound. Rows are saved
in ``benchmarks/results/effective_compute_rows.json``.
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, fitted, rows_of, save_rows

import bayescale as bs
from bayescale.decisions.effective_compute import TREND

LAW, PAIRS, SCATTER, AT = "power_law_floor", 100, 0.005, 1e20
TRENDS = {"constant": 0.0, "grows": 0.15, "fades": -0.15}
"""log10 of the factor by which the gain changes per decade."""
OLD, NEW, FEW = np.geomspace(1e18, 1e21, 16), np.geomspace(1e18, 3e20, 16), [3e19, 1e20, 3e20]
BUDGETS = np.array([3e20, 3e21])
WAYS = ("two fits", "a few runs", "a few runs, no trend")
SAVED = RESULTS / "effective_compute_rows.json"
PLAN = {
    "law": LAW,
    "scatter": SCATTER,
    "trends": TRENDS,
    "runs": [OLD.tolist(), NEW.tolist(), FEW],
    "budgets": BUDGETS.tolist(),
    "prior": TREND,
    "seed": SEED,
}


def recipes(pair: int) -> tuple[str, dict[str, pd.DataFrame], np.ndarray]:
    """Draw a pair of recipes: its kind, their runs, and the gain at the budgets."""
    rng = np.random.default_rng([SEED, pair])
    kind = list(TRENDS)[pair % len(TRENDS)]
    floor, excess, exponent = rng.uniform(1.5, 2.0), rng.uniform(0.5, 1.0), rng.uniform(0.1, 0.2)
    level = 10 ** rng.uniform(-0.3, 0.7)

    def gain(flops: np.ndarray) -> np.ndarray:
        return level * (flops / AT) ** TRENDS[kind]

    def runs(flops: np.ndarray, effective: np.ndarray) -> pd.DataFrame:
        loss = floor + excess * (effective / AT) ** -exponent
        seen = loss * np.exp(SCATTER * rng.standard_normal(len(flops)))
        return pd.DataFrame({"flops": flops, "loss": seen})

    few = np.array(FEW)
    tables = {
        "old": runs(OLD, OLD),
        "new": runs(NEW, gain(NEW) * NEW),
        "few": runs(few, gain(few) * few),
    }
    return kind, tables, gain(BUDGETS)


def score(pair: int) -> Iterator[dict[str, Any]]:
    """Ask for the gain of one pair in each way."""
    kind, tables, truth = recipes(pair)
    old, new = (fitted(bs.read_runs(tables[name]), LAW) for name in ("old", "new"))
    for way in WAYS:
        if way == WAYS[2] and kind != "constant":
            continue
        asked = new if way == WAYS[0] else tables["few"]
        trend = 0.0 if way == WAYS[2] else TREND
        found = bs.effective_compute(
            old, asked, BUDGETS, trend=trend, discrepancy=None, random_seed=SEED
        )
        table = found.table(0.9)
        row = found.trends(0.9).iloc[0]
        for i, far in enumerate((False, True)):
            low, high = (float(table[name][i]) for name in ("lower", "upper"))
            yield {
                "pair": pair,
                "kind": kind,
                "way": way,
                "far": far,
                "held": bool(low <= truth[i] <= high),
                "width": high / low if np.isfinite(high) else None,
                "change_held": float(row["lower"]) <= 10 ** TRENDS[kind] <= float(row["upper"]),
                "verdict": str(row["verdict"]),
                "failed": not (old.diagnostics.ok and new.diagnostics.ok),
            }


def measure() -> list[Bar]:
    """Score the pairs that are not saved yet, and hold coverage and width against their bars."""
    rows = rows_of(SAVED, PLAN)
    done = {row["pair"] for row in rows}
    for pair in sorted(set(range(PAIRS)) - done):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            rows += score(pair)
        save_rows(SAVED, PLAN, rows)
        print(f"  {pair}", file=sys.stderr, flush=True)
    return bars(pd.DataFrame(rows))


def bars(rows: pd.DataFrame) -> list[Bar]:
    """Hold coverage and width against their bars, and show the verdicts."""
    found = []
    for way, part in rows[rows["way"] != WAYS[2]].groupby("way", sort=False):
        for far, where in ((False, "at the largest run"), (True, "at ten times it")):
            held = part.loc[part["far"] == far, "held"]
            found.append(
                Bar(f"{way}: cover at 90 %, {where}", held.mean(), 0.85, 0.95, f"{len(held)} pairs")
            )
        once = part[~part["far"]]
        found.append(Bar(f"{way}: cover at 90 % of the change", once["change_held"].mean()))
        wrong = once.apply(lambda row: row["verdict"] not in (row["kind"], "undecided"), axis=1)
        found.append(Bar(f"{way}: wrong verdicts", wrong.mean(), high=0.2))
        sure = (once["verdict"] != "undecided").mean()
        found.append(Bar(f"{way}: verdicts that are given", sure))
    alone = rows[(rows["way"] == WAYS[2]) & ~rows["far"]]
    return [
        *found,
        Bar(f"{WAYS[2]}: cover at 90 % of a constant gain", alone["held"].mean(), 0.8, 1.0),
        Bar(f"{WAYS[2]}: width, median", alone["width"].median(), high=1.6),
        Bar(f"{WAYS[2]}: width, nine in ten below", alone["width"].quantile(0.9)),
        Bar("pairs with a diagnostic that failed", rows.groupby("pair")["failed"].any().sum()),
    ]


if __name__ == "__main__":
    for bar in measure():
        print(f"  {bar}")
