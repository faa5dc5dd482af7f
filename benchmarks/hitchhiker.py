"""The Hitchhiker's protocol: a family's largest model predicted from smaller ones' checkpoints.

    python benchmarks/hitchhiker.py    # every family, number of sizes and share not measured yet

Choshen, Zhang, Andreas (2024), arXiv:2410.11840. Fitted are the checkpoints of the n smallest
models of a family, beyond 1e10 tokens and up to a share of each one's training; predicted are those
of the largest model's last 30 %. ARE is the mean of |L - predicted| / L, in the column's own unit
(perplexities are fitted by their logarithm). Of each model's checkpoints at most ``KEPT``, spread
in log tokens, are fitted: they follow from one another, and count so (the default noise for rows
that share a run).

``related`` fits the family together with others, its parameters partially pooled with theirs
(``bs.fit(..., group="family")``, :func:`bayescale.group_fit`); ``other sources`` with those alone
that come from elsewhere, so no family of the same people helps; ``alone`` is the family's own
fit. Only families that measure alike are pooled: a mean over tasks of the logarithms of
perplexities, as Pythia's, has a floor far below that of a cross-entropy, after five examples it is
another number again, and finished runs (Chinchilla's) are not the course of one. Borrowed
across, they had made errors two to fifty times larger. A family that nobody is like has no row.

How much of the start of a run is left out, a fifth of what is fitted, was chosen on five families
of ``CHOSE``: of none, .1, .2, .3 and .4 ARE of whole trajectories was .0199, .0199, .0190, .0213
and .0205, and the 90 % bands held .56, .56, .91, .93 and .93. Joint fits replaced priors from a
pooled fit of the other families (``bs.population_prior``), which asks for two of them where Pythia
has one; on three of those families the two were alike (.0204 and .0215, .0193 by default).

Priors from finished runs (:mod:`literature`) were tried on the families of ``CHOSE`` and made them
worse, ARE .020 against .012 at 30 %: a law of finished runs is not the course of one run. Only the
other families are scored. The paper's table has more families, and is a point fit. Rows are saved
in ``results/hitchhiker_rows.json``.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, STRUCTURE, pooled, rows_of, save_rows

import bayescale as bs
from bayescale.evaluation.family_forecast import (
    KEPT,
    LAST,
    START,
    FamilyForecast,
    smaller_runs,
    spread,
)
from bayescale.laws.registry import get_law
from bayescale.model.noise.registry import following, get_noise
from bayescale.prediction.discrepancy import DISCREPANCY

LAW, LEAST = "chinchilla", 1e10
SIZES, SHARES = (2, 3, 5), (0.3, 1.0)
CHOSE = "GPT2-c4"
PERPLEXITY, OVER_TASKS, SHOTS, FINISHED = "ppl", "mean_", "5shot", "chinchilla"
"""A kind of loss, how the names of those begin that are means over tasks, what is in the names of
families that were evaluated after examples, and the family whose rows are finished runs."""
ALONE, RELATED, ELSEWHERE = WAYS = ("alone", "related", "other sources")
SOURCE = {"GPT2": "datablations", "pythia": "pythia"}
"""Beginnings of families' names that are of one source; others are one each."""
RELATED_POOLED, MODELS, POOLED = 4, 4, 10
"""Most families of the own source, models of a family and checkpoints of a model, that are pooled.

Families of another source count as one, the first: their small spread is not that of sources."""
SAVED = RESULTS / "hitchhiker_rows.json"
PLAN = {
    "law": LAW,
    "noise": following(
        get_noise(get_law(LAW).noise), get_law(LAW).parameters
    ).name,  # rows share runs
    "discrepancy": str(DISCREPANCY),
    "error": STRUCTURE,
    "kept": KEPT,
    "start": START,
    "sizes": SIZES,
    "shares": SHARES,
    "ways": WAYS,
    "pooled": (RELATED_POOLED, 1, MODELS, POOLED),
    "seed": SEED,
}


@cache
def families() -> dict[str, pd.DataFrame]:
    """Return the checkpoints of the families of three sizes or more, beyond the first tokens."""
    table = bs.load_dataset("choshen2024").query(f"in_scaled_set == 1 and tokens > {LEAST}")
    table = table.assign(run=table["model"])
    single = table["family"] == FINISHED  # finished runs, of one model several
    table.loc[single, "run"] = [f"{i}" for i in range(int(single.sum()))]
    groups = table.dropna(subset=["family"]).groupby("family")
    return {str(name): part for name, part in groups if part["params"].nunique() > 2}


def source(name: str) -> str:
    """Return what the families of one source have in common."""
    return next((word for start, word in SOURCE.items() if name.startswith(start)), name)


def measured(name: str) -> tuple[bool, bool, bool]:
    """Return what a family's number is: over tasks, after examples, of finished runs."""
    over_tasks = families()[name]["loss_kind"].iloc[0].startswith(OVER_TASKS)
    return over_tasks, SHOTS in name, name == FINISHED


def in_logs(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is fitted: a loss, the logarithm where the column holds a perplexity."""
    logs = (table["loss_kind"] == PERPLEXITY).to_numpy()
    loss = np.where(logs, np.log(table["loss"]), table["loss"])
    return table[["params", "tokens", "run", "family"]].assign(loss=loss)


def pool_for(name: str, way: str) -> list[str]:
    """Return the families that one borrows from: related ones, and one of each other source."""
    taken, names = Counter[str](), []
    for other in families():
        related = source(other) == source(name)
        unlike = measured(other) != measured(name)
        if way == ALONE or other == name or unlike or (related and way == ELSEWHERE):
            continue
        taken[source(other)] += 1
        if taken[source(other)] <= (RELATED_POOLED if related else 1):
            names.append(other)
    return names


def few(name: str) -> pd.DataFrame:
    """Return what of a family is pooled: some checkpoints of some of its sizes."""
    table = families()[name]
    sizes = np.sort(table["params"].unique())
    sizes = sizes[np.unique(np.linspace(0, len(sizes) - 1, MODELS).round().astype(int))]
    groups = table[table["params"].isin(sizes)].groupby("run")
    return pd.concat([spread(part, POOLED) for _, part in groups])


def tasks(name: str, table: pd.DataFrame) -> Iterator[tuple[int, float]]:
    """Yield the number of sizes and the share of which there are enough checkpoints to fit."""
    sizes = sorted(table["params"].unique())
    for number in (n for n in SIZES if n < len(sizes)):
        for share in SHARES:
            fitted = smaller_runs(table, number, share)
            if len(fitted) >= 5 and fitted["params"].nunique() == number:
                yield number, share


def score(name: str, sizes: int, share: float, others: list[str]) -> dict[str, Any]:
    """Fit, with other families where there are any, and predict the end of the largest model."""
    table = in_logs(families()[name])
    logs = families()[name]["loss_kind"].iloc[0] == PERPLEXITY
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)  # counted below
        if others:
            found = forecast_with(name, smaller_runs(table, sizes, share), others)
        else:
            found = bs.forecast_largest(
                table, LAW, sizes=sizes, share=share, own=0, random_seed=SEED
            )
    numbers = found.table[["lower", "median", "upper", "observed"]].to_numpy().T
    low, middle, high, seen = np.exp(numbers) if logs else numbers
    return {
        "are": float(np.mean(np.abs(seen - middle) / seen)),
        "cover_90": float(np.mean((low <= seen) & (seen <= high))),
        "width_90": float(np.mean(np.log(high / low))),
        "fitted": found.fit.observed.size,
        "ok": found.fit.diagnostics.ok,
    }


def forecast_with(name: str, smaller: pd.DataFrame, others: list[str]) -> FamilyForecast:
    """Forecast the largest model of a family that is fitted together with others."""
    table = in_logs(families()[name])
    largest = table[table["params"] == table["params"].max()]
    points = largest[largest["tokens"] >= LAST * largest["tokens"].max()]
    everyone = pd.concat([smaller, *(in_logs(few(other)) for other in others)], ignore_index=True)
    fit = pooled(everyone, LAW)
    own = bs.group_fit(fit, name)
    draws = bs.predict(own, points[["params", "tokens"]], random_seed=SEED)
    return FamilyForecast(own, draws, points["loss"].to_numpy())


def rows() -> list[dict[str, Any]]:
    """Score what is not saved yet; a way that has nobody to borrow from has no row."""
    done = rows_of(SAVED, PLAN)
    have = {(r["family"], r["way"]) for r in done}
    for name, table in reversed(families().items()):  # those of one source last
        if name.startswith(CHOSE):
            continue
        for way in WAYS:
            others = pool_for(name, way)
            if (name, way) in have or (way != ALONE and not others):
                continue
            if way == ELSEWHERE and others == pool_for(name, RELATED):
                same = [r for r in done if (r["family"], r["way"]) == (name, RELATED)]
                done += [{**r, "way": way} for r in same]
                continue
            for number, share in tasks(name, table):
                found = score(name, number, share, others)
                kept = {k: round(v, 5) if isinstance(v, float) else v for k, v in found.items()}
                done.append({"family": name, "sizes": number, "share": share, "way": way, **kept})
            save_rows(SAVED, PLAN, done)
        print(f"  {name}", file=sys.stderr, flush=True)
    return done


def table_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the mean over families: ARE, coverage and how many, by way, sizes and share."""
    groups = pd.DataFrame(found).groupby(["way", "sizes", "share"])
    means = groups[["are", "cover_90", "width_90"]].mean()
    return means.assign(median_are=groups["are"].median(), families=groups.size())


def by_family(found: list[dict[str, Any]], way: str | None = None) -> pd.DataFrame:
    """Return the mean ARE of each family by way, over numbers of sizes and shares.

    Of the tasks of one way alone where it is given.
    """
    each = pd.DataFrame(found).pivot_table("are", ["family", "sizes", "share"], "way")
    means = (each.dropna(subset=way) if way else each).groupby("family").mean()
    return means[[way for way in WAYS if way in means]]


def measure() -> list[Bar]:
    """Return ARE at the issue's points, the gain over each family alone, and coverage."""
    found = pd.DataFrame(rows())
    means, bars = table_of(found.to_dict("records")), []
    for number, most in ((3, 0.08), (5, 0.05)):
        alone, ours = (means.loc[(way, number, 0.3)] for way in (ALONE, RELATED))
        note = f"{ours['families']:.0f} families; alone {alone['are']:.3g}"
        bars.append(
            Bar(f"ARE, {number} sizes, 30 % of training", ours["are"], high=most, note=note)
        )
    related = set(found.loc[found["way"] == RELATED, "family"])
    ours = found[(found["way"] == RELATED) | ~found["family"].isin(related)]
    each = ours.groupby("family")[["are", "cover_90"]].mean()
    return [
        *bars,
        Bar("ARE, median over families", float(each["are"].median()), high=0.03),
        Bar("ARE over ARE alone, means over families", 1 - gain(found), high=1.0),
        Bar("the same, other sources only", 1 - gain(found, ELSEWHERE)),
        Bar("families whose ARE is lower than alone, share", helped(found)),
        Bar(
            "coverage of 90 % bands, mean over families", float(each["cover_90"].mean()), 0.80, 0.96
        ),
        Bar(
            "fits with a diagnostic that failed", int((~found["ok"]).sum()), note=f"of {len(found)}"
        ),
    ]


def gain(found: pd.DataFrame, way: str = RELATED) -> float:
    """Return by which share the mean of the families' ARE is lower than alone."""
    each = by_family(found.to_dict("records"), way)
    return float(1 - each[way].mean() / each[ALONE].mean())


def helped(found: pd.DataFrame) -> float:
    """Return the share of the families that borrow with gain."""
    each = by_family(found.to_dict("records"), RELATED)
    return float((each[RELATED] < each[ALONE]).mean())


if __name__ == "__main__":
    print(table_of(rows()).round(4).to_string())
