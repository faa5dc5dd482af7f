"""Does the band of the compute-optimal size hold beyond the budgets that were fitted?

Nine public isoFLOP tables: the lower 40 and 60 % of the runs are fitted with a law, skaling,
Chinchilla's or Farseer, and N* at each higher budget is compared with the minimum of the parabola
through that budget's own runs; every fourth draw is asked. The structure of the discrepancy over a
budget was chosen on these tables with the first two laws, by the interval score and the cover of
log10 N*. One row per table, law and budget is saved in
``benchmarks/results/optimum_beyond_rows.json``.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, STRUCTURE, fitted, rows_of, save_rows, thinned

import bayescale as bs
from bayescale.prediction.discrepancy import DISCREPANCY

LAWS = ("skaling", "chinchilla", "farseer")
FITTED = (0.4, 0.6)
SAVED = RESULTS / "optimum_beyond_rows.json"
PLAN = {
    "laws": LAWS,
    "fitted": FITTED,
    "discrepancy": str(DISCREPANCY),
    "error": STRUCTURE,
    "seed": SEED,
}
FAR = 1.0
"""Decades beyond the largest fitted run from which a budget is far."""
FEWEST, AROUND = 5, 1.5
"""Runs a budget needs for a parabola, and how far in ln N from its best run its sizes may lie."""


def tables() -> dict[str, pd.DataFrame]:
    """Return the isoFLOP tables, with the budget of each run as ``flops``."""
    porian = bs.load_dataset("porian2024_isoflop")
    porian = porian.query("param_count == 'standard' and loss_split == 'val' and loss < 4.5")
    found = {
        " ".join(map(str, name)): table
        for name, table in porian.groupby(["dataset", "hparams", "warmup", "decay"])
        if len(table) > 30
    }
    hoffmann = bs.load_dataset("hoffmann2022_apple_isoflop").query("not outlier")
    return found | {"hoffmann": hoffmann.assign(flops=hoffmann["flops_budget"])}


def best_size(runs: pd.DataFrame) -> float | None:
    """Return the minimum of a parabola in ln N through the runs near a budget's best one."""
    size, loss = np.log(runs["params"].to_numpy()), np.log(runs["loss"].to_numpy())
    near = np.abs(size - size[loss.argmin()]) < AROUND
    if len(runs) < FEWEST or np.unique(size[near]).size < FEWEST - 1:
        return None
    bend, slope, _ = np.polyfit(size[near] - size.mean(), loss[near], 2)
    lowest = size.mean() - slope / (2 * bend)
    return float(np.exp(lowest)) if bend > 0 and size.min() < lowest < size.max() else None


def score(name: str, table: pd.DataFrame, share: float, law: str) -> Iterator[dict[str, Any]]:
    """Fit the lower budgets of one table, and score N* at the higher ones."""
    limit = np.quantile(table["flops"], share)
    small = table.loc[table["flops"] <= limit, ["params", "tokens", "loss"]]
    fit = thinned(fitted(bs.read_runs(small), law))
    largest = 6 * float((small["params"] * small["tokens"]).max())
    budgets = table[table["flops"] > 1.2 * limit].groupby(np.round(20 * np.log(table["flops"])))
    for _, runs in budgets:
        truth = best_size(runs)
        for discrepancy in (DISCREPANCY, None) if truth else ():
            at = float(runs["flops"].median())
            found = bs.optimum(fit, at, discrepancy=discrepancy, random_seed=SEED)
            size = np.log10(found["params"].to_numpy().ravel())
            low, high = np.quantile(size, [0.05, 0.95])
            missed = max(low - np.log10(truth), np.log10(truth) - high, 0.0)
            yield {
                "table": name,
                "law": law,
                "share": share,
                "flops": at,
                "believed": discrepancy is None,
                "failed": not fit.diagnostics.ok,
                "pit": float((found["params"] < truth).mean()),
                "error": float(np.median(size) - np.log10(truth)),
                "beyond": float(np.log10(at / largest)),
                "interval_score": float(high - low + 20 * missed),
            }


def measure() -> list[Bar]:
    """Count how often the intervals of N* hold the minimum that was seen later."""
    rows = rows_of(SAVED, PLAN)
    done = {(row["table"], row["share"], row["law"]) for row in rows}
    for (name, table), share, law in product(tables().items(), FITTED, LAWS):
        if (name, share, law) not in done:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", bs.BayescaleWarning)
                rows += score(name, table, share, law)
            save_rows(SAVED, PLAN, rows)
    found = pd.DataFrame(rows).groupby("law", sort=False)
    return [replace(bar, name=f"{law}: {bar.name}") for law, each in found for bar in bars(each)]


def bars(table: pd.DataFrame) -> list[Bar]:
    """Hold a law's intervals of N* against their bars, and beside those that assume the law."""
    honest, believed = (table[table["believed"] == b] for b in (False, True))
    covered = {p: honest["pit"].between(0.5 - p / 2, 0.5 + p / 2).mean() for p in (0.5, 0.9)}
    score, far = honest["interval_score"], honest["beyond"] > FAR
    failed = table.groupby(["table", "share"])["failed"].first().sum()
    return [
        Bar("cover of N*'s 90 % interval", covered[0.9], 0.85, 0.96, f"{len(honest)} budgets"),
        Bar("cover of N*'s 50 % interval", covered[0.5], 0.42, 0.62),
        Bar("90 % interval score of log10 N*", honest["interval_score"].mean()),
        Bar("the same, up to a decade beyond the runs", score[~far].mean(), high=0.30),
        Bar("the same, further", score[far].mean(), high=0.46),
        Bar("cover at 90 %, assuming the law", believed["pit"].between(0.05, 0.95).mean()),
        Bar("cover at 50 %, assuming the law", believed["pit"].between(0.25, 0.75).mean()),
        Bar("root mean square error of log10 N*", float(np.sqrt((honest["error"] ** 2).mean()))),
        Bar("the same, assuming the law", float(np.sqrt((believed["error"] ** 2).mean()))),
        Bar("fits whose diagnostics failed", failed),
    ]


if __name__ == "__main__":
    for bar in measure():
        print(f"  {bar}")
