"""The Hitchhiker's protocol: a family's largest model predicted from smaller ones' checkpoints.

    python benchmarks/hitchhiker.py    # every family, number of sizes and share not measured yet

Choshen, Zhang, Andreas (2024), arXiv:2410.11840. Fitted are the checkpoints of the n smallest
models of a family, beyond 1e10 tokens and up to a share of each one's training; predicted are those
of the largest model's last 30 %. ARE is the mean of |L - predicted| / L, in the column's own unit
(perplexities are fitted by their logarithm). Of each model's checkpoints at most ``KEPT``, spread
in log tokens, are fitted: they follow from one another, and count so (the default noise for rows
that share a run).

``population`` has the priors of a pooled fit of the other families' checkpoints
(:func:`bayescale.population_prior`), ``other sources`` of those that come from elsewhere, so no
family of the same people helps; ``default`` is the same fit with the law's own. Only
families that measure alike are pooled: Pythia's number is a mean over tasks of the logarithms of
perplexities, with a floor far below that of a cross-entropy, and no other source has one. Borrowed
across, it had made the errors of Pythia's families two to five times larger.

The floor is a multiple of the loss at the pooled fit's reference point, carried there along the law
of the population. On three families of ``CHOSE`` (1, 4 and 14 epochs, both shares) ARE is .0193
with the default priors, .0204 with the population's of floor and exponents, .0242 with those of
amplitudes as well, which are therefore left out.

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
from bayescale.evaluation.family_forecast import KEPT, smaller_runs, spread
from bayescale.laws.registry import get_law
from bayescale.model.noise.registry import following, get_noise
from bayescale.prediction.discrepancy import DISCREPANCY

LAW, LEAST = "chinchilla", 1e10
SIZES, SHARES = (2, 3, 5), (0.3, 1.0)
CHOSE = "GPT2-c4"
PERPLEXITY, OVER_TASKS = "ppl", "mean_"
"""A kind of loss, and how the names of those begin that are means over tasks."""
DEFAULT, RELATED, ELSEWHERE = WAYS = ("default", "population", "other sources")
SOURCE = {"GPT2": "datablations", "pythia": "pythia"}
"""Beginnings of families' names that are of one source; others are one each."""
RELATED_POOLED, MODELS, POOLED = 4, 4, 10
"""Most families of the own source, models of a family and checkpoints of a model, that are pooled.

Families of another source count as one, the first: their small spread is not that of sources."""
SAVED = RESULTS / "hitchhiker_rows.json"
PLAN = {
    "law": LAW,
    "noise": following(get_noise(get_law(LAW).noise)).name,  # rows share runs
    "discrepancy": str(DISCREPANCY),
    "error": STRUCTURE,
    "kept": KEPT,
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
    single = table["family"] == "chinchilla"  # finished runs, of one model several
    table.loc[single, "run"] = [f"{i}" for i in range(int(single.sum()))]
    groups = table.dropna(subset=["family"]).groupby("family")
    return {str(name): part for name, part in groups if part["params"].nunique() > 2}


def source(name: str) -> str:
    """Return what the families of one source have in common."""
    return next((word for start, word in SOURCE.items() if name.startswith(start)), name)


def alike(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Say whether two families measure the same kind of number: a cross-entropy, or not."""
    first, second = (t["loss_kind"].iloc[0].startswith(OVER_TASKS) for t in (one, other))
    return first == second


def in_logs(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is fitted: a loss, the logarithm where the column holds a perplexity."""
    logs = (table["loss_kind"] == PERPLEXITY).to_numpy()
    loss = np.where(logs, np.log(table["loss"]), table["loss"])
    return table[["params", "tokens", "run", "family"]].assign(loss=loss)


def pool_for(name: str, way: str) -> list[str]:
    """Return the families that one borrows from: related ones, and one of each other source."""
    every, taken, names = families(), Counter[str](), []
    for other, table in every.items():
        related = source(other) == source(name)
        if other == name or (related and way == ELSEWHERE) or not alike(every[name], table):
            continue
        taken[source(other)] += 1
        if taken[source(other)] <= (RELATED_POOLED if related else 1):
            names.append(other)
    return names


def few(name: str) -> pd.DataFrame:
    """Return what of a family is pooled: some checkpoints of some of its sizes."""
    table = families()[name]
    if name == "chinchilla":  # finished runs: all sizes, forty of them
        return table.sample(MODELS * POOLED, random_state=SEED)
    sizes = np.sort(table["params"].unique())
    sizes = sizes[np.unique(np.linspace(0, len(sizes) - 1, MODELS).round().astype(int))]
    groups = table[table["params"].isin(sizes)].groupby("run")
    return pd.concat([spread(part, POOLED) for _, part in groups])


def population(name: str, way: str) -> dict[str, Any] | None:
    """Return the priors of the next family, by a pooled fit of the others; None by default."""
    names = pool_for(name, way) if way != DEFAULT else []
    if not names:
        return None
    table = pd.concat([in_logs(few(other)) for other in names], ignore_index=True)
    fit = pooled(table, LAW)
    said = f"  for {name}, {way}: {len(names)} families, {len(table)} rows, {fit.diagnostics}"
    print(said, file=sys.stderr, flush=True)
    found = bs.population_prior(fit)
    return {parameter: found[parameter] for parameter in ("E", "alpha", "beta")}


def tasks(name: str, table: pd.DataFrame) -> Iterator[tuple[int, float]]:
    """Yield the number of sizes and the share of which there are enough checkpoints to fit."""
    sizes = sorted(table["params"].unique())
    for number in (n for n in SIZES if n < len(sizes)):
        for share in SHARES:
            fitted = smaller_runs(table, number, share)
            if len(fitted) >= 5 and fitted["params"].nunique() == number:
                yield number, share


def score(table: pd.DataFrame, sizes: int, share: float, priors: Any) -> dict[str, Any]:
    """Fit, and predict the end of the largest model's training."""
    logs = table["loss_kind"].iloc[0] == PERPLEXITY
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)  # counted below
        found = bs.forecast_largest(
            in_logs(table),
            bs.make_spec(LAW, priors=priors),
            sizes=sizes,
            share=share,
            own=0,
            random_seed=SEED,
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


def rows() -> list[dict[str, Any]]:
    """Score what is not saved yet; a way that has nobody to borrow from has no row."""
    done = rows_of(SAVED, PLAN)
    have = {(r["family"], r["priors"]) for r in done}
    for name, table in families().items():
        if name.startswith(CHOSE):
            continue
        for way in WAYS:
            if (name, way) in have:
                continue
            if way == ELSEWHERE and pool_for(name, way) == pool_for(name, RELATED):
                same = [r for r in done if (r["family"], r["priors"]) == (name, RELATED)]
                done += [{**r, "priors": way} for r in same]
                continue
            priors = population(name, way)
            if priors is None and way != DEFAULT:
                continue
            for number, share in tasks(name, table):
                found = score(table, number, share, priors)
                kept = {k: round(v, 5) if isinstance(v, float) else v for k, v in found.items()}
                done.append(
                    {"family": name, "sizes": number, "share": share, "priors": way, **kept}
                )
            save_rows(SAVED, PLAN, done)
        print(f"  {name}", file=sys.stderr, flush=True)
    return done


def table_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the mean over families: ARE, coverage and how many, by priors, sizes and share."""
    groups = pd.DataFrame(found).groupby(["priors", "sizes", "share"])
    means = groups[["are", "cover_90", "width_90"]].mean()
    return means.assign(median_are=groups["are"].median(), families=groups.size())


def measure() -> list[Bar]:
    """Return ARE at the issue's points, the gain over separate fits, and coverage."""
    found = pd.DataFrame(rows())
    means, bars = table_of(found.to_dict("records")), []
    for number, least in ((3, 0.06), (5, 0.04)):
        default, ours = (means.loc[(way, number, 0.3)] for way in (DEFAULT, RELATED))
        note = f"{ours['families']:.0f} families; default priors {default['are']:.3g}"
        bars.append(
            Bar(f"ARE, {number} sizes, 30 % of training", ours["are"], high=least, note=note)
        )
    each = found[found["priors"] == RELATED].groupby("family")[["are", "cover_90"]].mean()
    return [
        *bars,
        Bar("ARE, median over families", float(each["are"].median()), high=0.03),
        Bar("ARE lower than with default priors by, mean over families", gain(found), 0.3),
        Bar("the same, borrowing from other sources only", gain(found, ELSEWHERE)),
        Bar(
            "coverage of 90 % bands, mean over families", float(each["cover_90"].mean()), 0.85, 0.96
        ),
        Bar(
            "fits with a diagnostic that failed", int((~found["ok"]).sum()), note=f"of {len(found)}"
        ),
    ]


def gain(found: pd.DataFrame, way: str = RELATED) -> float:
    """Return by which share ARE is lower than with default priors, a family counting once."""
    by = found.pivot_table(values="are", index=["family", "sizes", "share"], columns="priors")
    by = by.dropna(subset=way).groupby("family")[[way, DEFAULT]].mean()
    return float((1 - by[way] / by[DEFAULT]).mean())


if __name__ == "__main__":
    print(table_of(rows()).round(4).to_string())
