"""How far can laws be trusted? Public data sets x laws x cuts, fitted small and scored large.

    python benchmarks/extrapolation.py               # the sets that are not measured yet
    python benchmarks/extrapolation.py hoffmann2022  # one data set, anew

Each data set is cut at the 50, 70 and 85 % quantile of compute. Each law is fitted once a cut and
scored with the discrepancy and without, skaling and Chinchilla also with a scatter that may
fall with compute; the average stacks the laws by leave-one-out, and `analyze`
is given the runs below the cut, with all its defaults; the priors it takes from public
families are those without the set's own paper. The same runs are also given to the
literature's point fit. One row per data set and rival is saved in
``benchmarks/results/extrapolation_rows.json``, which ``make docs`` makes a page of.
"""

import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, STRUCTURE, fitted, rows_of, save_rows
from literature import left_out
from sets import BESIDE, SETS, runs_of

import bayescale as bs
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.law_choice import (
    NOISE_OF_SIZE_AND_DATA,
    OF_SIZE_AND_DATA,
    PRIORS_OF_SIZE_AND_DATA,
)
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import cuts_of
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.averaging import Average, average
from bayescale.prediction.discrepancy import DISCREPANCY

DEFAULT = "skaling"
"""The law that bands are judged with; the discrepancy was chosen with it."""
LAWS = ("chinchilla", "skaling", "farseer")
CUTS = (0.5, 0.7, 0.85)
SAVED = RESULTS / "extrapolation_rows.json"
PLAN = {
    "laws": LAWS,
    "cuts": CUTS,
    "discrepancy": str(DISCREPANCY),
    "error": STRUCTURE,
    "falling scatter": {law: NOISE_OF_SIZE_AND_DATA for law in OF_SIZE_AND_DATA},
    "priors of analyze": PRIORS_OF_SIZE_AND_DATA,
}
MEANS = (
    "cover_50",
    "cover_90",
    "cover_95",
    "crps",
    "log_score",
    "mean_error",
    "abs_error",
    "width_90",
)
DRAWN = ("distance", "error", "pit")
PICTURED = ("average", "skaling, believed", "chinchilla, believed")
"""Rivals whose held-out runs are saved one by one, for the page's picture."""


def score(name: str) -> list[dict[str, Any]]:
    """Score every rival on one data set; each cut has the same weight."""
    runs = bs.read_runs(runs_of(name))
    rows: dict[str, list[dict[str, Any]]] = {}
    for split in cuts_of(runs, "flops", CUTS):
        small = runs.take(~split.held_out)
        fits = {
            law: fitted(small, law)
            for law in LAWS
            if (~split.held_out).sum() >= len(make_spec(law).parameters)
        }
        everyone: dict[str, bs.Fit | Average] = {**fits, "average": average(fits)}
        everyone |= {
            f"{law}, falling scatter": fitted(small, law, noise=NOISE_OF_SIZE_AND_DATA)
            for law in OF_SIZE_AND_DATA
            if law in fits
        }
        with left_out(name):
            found = bs.analyze(small, random_seed=SEED, progressbar=False)
        everyone["analyze"] = found.posterior
        for rival, each in everyone.items():
            members = each.members()
            fine = all(one.diagnostics.ok for one in members.values())
            data = {one.law.name: extract(one.spec, runs) for one in members.values()}
            for words, discrepancy in (("", DISCREPANCY), (", believed", None)):
                scored = score_split(each, data, split, discrepancy, SEED)
                summed = summarise(scored, len(small), fine)
                summed["runs"] = scored[list(DRAWN)].round(5).values.tolist()
                rows.setdefault(rival + words, []).append(summed)
    for law in LAWS[:2]:
        found = bs.backtest_point_fit(runs, law, cuts=CUTS, random_seed=SEED)
        rows[f"{law}, point fit"] = found.summary.drop("all").to_dict("records")
    return [
        {
            "set": name,
            "rival": rival,
            "cuts": len(each),
            "failed": sum(not r["diagnostics"] for r in each),
        }
        | {column: float(np.mean([r[column] for r in each])) for column in MEANS}
        | ({"runs": [run for r in each for run in r["runs"]]} if rival in PICTURED else {})
        for rival, each in rows.items()
    ]


def league(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over the data sets that count, with equal weight a set, best CRPS first."""
    counted = rows[~rows["set"].isin(BESIDE)]
    return counted.groupby("rival")[list(MEANS)].mean().sort_values("crps")


def table_of(rows: pd.DataFrame, chose: bool) -> pd.Series:
    """Return the default's means over the sets that chose the discrepancy, or over the others."""
    names = [name for name, s in SETS.items() if s.chose == chose and name not in BESIDE]
    ours = rows[(rows["rival"] == DEFAULT) & rows["set"].isin(names)]
    return ours[list(MEANS)].mean()


def measure(names: list[str] | None = None) -> list[Bar]:
    """Score named sets, or those not saved yet; hold the default against its bars."""
    saved = rows_of(SAVED, PLAN)
    for name in names or [name for name in SETS if name not in {row["set"] for row in saved}]:
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            found = score(name)
        saved = [row for row in saved if row["set"] != name] + found
        save_rows(SAVED, PLAN, saved)
        print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    rows = pd.DataFrame(saved)
    table = league(rows)
    print(table.round(4).to_string(), flush=True)
    return bars(rows, table)


def bars(rows: pd.DataFrame, table: pd.DataFrame) -> list[Bar]:
    """Hold the default (skaling with the discrepancy) and the average against their bars."""
    ours, plain = table.loc[DEFAULT], table.loc["chinchilla, believed"]
    by_set = rows.pivot(index="set", columns="rival")
    counted = by_set.drop(index=list(BESIDE), errors="ignore")
    crps = counted["crps"]
    single = crps[list(LAWS)]
    analyzed, scores = table.loc["analyze"], counted["log_score"]
    return [
        Bar("cover of the 90 % band", ours["cover_90"], 0.80, 0.98),
        Bar("cover of the 50 % band", ours["cover_50"], 0.38, 0.68),
        Bar("lowest cover of the 90 % band on a set", counted["cover_90"][DEFAULT].min(), 0.5),
        Bar("CRPS of log loss", ours["crps"], high=0.0063),
        Bar("CRPS over the believed Chinchilla's", ours["crps"] / plain["crps"], high=0.45),
        Bar(
            "sets on which it beats the believed Chinchilla",
            float((crps[DEFAULT] < crps["chinchilla, believed"]).mean()),
            0.99,
        ),
        Bar(
            "log score above the believed Chinchilla's", ours["log_score"] - plain["log_score"], 0.0
        ),
        Bar("mean absolute error of log loss", ours["abs_error"], high=0.0082),
        Bar(
            "cover of the 90 % band on the sets that did not choose",
            table_of(rows, False)["cover_90"],
            0.80,
            0.98,
        ),
        Bar("CRPS on those sets", table_of(rows, False)["crps"]),
        Bar(
            "sets on which the average is worse than every law",
            float((crps["average"] > single.max(axis=1)).sum()),
            high=0,
        ),
        Bar(
            "sets on which the average is within 5 % of the best law",
            float((crps["average"] <= 1.05 * single.min(axis=1)).mean()),
            0.8,
        ),
        Bar("analyze: cover of the 90 % band", analyzed["cover_90"], 0.85, 0.96),
        Bar("analyze: CRPS of log loss", analyzed["crps"], high=0.0061),
        Bar(
            "analyze: log score above the best law's",
            analyzed["log_score"] - table.loc[list(LAWS), "log_score"].max(),
            low=-0.02,
        ),
        Bar(
            "analyze: sets on which its log score is below every law's",
            float((scores["analyze"] < scores[list(LAWS)].min(axis=1)).sum()),
            high=0,
        ),
    ]


if __name__ == "__main__":
    for bar in measure(sys.argv[1:] or None):
        print(f"  {bar}")
