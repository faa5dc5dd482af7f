"""How large is the law's error? Many sizes and reaches scored on the same fits.

    python benchmarks/discrepancies.py               # some ten minutes; goes on where it stopped
    python benchmarks/discrepancies.py hoffmann2022  # one data set

The skaling law is fitted below each cut of each public data set, as in ``extrapolation.py``, and
every discrepancy of a grid is scored above it, with every fourth draw: fits do not depend on the
discrepancy. Two questions
are answered with the scores.

*Leave a data set out.* Size and reach are those with the best mean CRPS on the other sets, and
score the set that was left out. Sets count alike; ``BESIDE`` has no say.

*A size for each law.* Chinchilla, Kaplan and Farseer's laws are fitted and scored likewise. A law's
size has the best mean log score on the other sets, halfway (of the logarithm) to the common one.

*Learn the size from the user's own backtest.* The runs below each cut are cut once more, the size's
log-normal prior around the default is weighed with how well each size predicted the inner held-out
runs, and its mean (of the logarithm) scores the outer ones. It would become part of the package if
it helped on the sets with ``chose``.

One row a fit and discrepancy is saved in ``benchmarks/results/discrepancies_rows.json``.
"""

import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import extrapolation
import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, STRUCTURE, fitted, rows_of, save_rows, thinned
from sets import BESIDE, SETS, runs_of

import bayescale as bs
from bayescale.data.runs import Runs
from bayescale.evaluation.backtest import CUTS, score_split
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import Split, cuts_of
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy
from bayescale.prediction.discrepancy import SIZES as SIZES_USED

LAW = "skaling"
SIZES = (0.005, 0.0075, 0.01, 0.015, 0.02, 0.03)
REACHES = (0.5, 1.0, 2.0)
INNER = (0.5, 0.7)
"""Quantiles of compute at which the fitted runs are cut once more."""
SCORES = ("cover_50", "cover_90", "crps", "log_score", "abs_error", "width_90")
SPREAD = 0.5
"""Standard deviation of the prior of the size's logarithm, around the default's."""
FACTOR = 2.0
"""How far from the default a size may be learnt: between half and twice."""
STRENGTHS = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Independent runs that an inner cut may be worth; none leaves the default."""
GROUPS = {True: "chose", False: "did not choose"}
SAVED = RESULTS / "discrepancies_rows.json"
LAWS = ("skaling", "chinchilla", "kaplan", "farseer")
SIZES_OF_LAWS = (0.0075, 0.01, 0.015, 0.02, 0.03, 0.045)
SAVED_LAWS = RESULTS / "discrepancies_laws_rows.json"
PLAN_LAWS = {"laws": LAWS, "cuts": CUTS, "sizes": SIZES_OF_LAWS, "error": STRUCTURE}
PLAN = {
    "law": LAW,
    "cuts": CUTS,
    "inner": INNER,
    "sizes": SIZES,
    "reaches": REACHES,
    "error": STRUCTURE,
}


def candidates(inner: bool) -> Iterator[Discrepancy | None]:
    """Return what is scored: the whole grid above a cut, the default's reach among inner cuts."""
    yield None
    for reach in (DISCREPANCY.reach,) if inner else REACHES:
        for size in SIZES:
            yield Discrepancy(size, reach)


def score(
    runs: Runs, split: Split, given: Iterable[Discrepancy | None], law: str = LAW
) -> Iterator[dict[str, Any]]:
    """Fit the runs that are not held out; score every candidate on those that are."""
    small = runs.take(~split.held_out)
    if len(small) < len(make_spec(law).parameters):
        return
    fit, data = thinned(fitted(small, law)), {law: extract(make_spec(law), runs)}
    for candidate in given:
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
        yield from (
            about | {"inner": -1} | row for row in score(runs, split, candidates(inner=False))
        )
        small = runs.take(~split.held_out)
        for i, within in enumerate(cuts_of(small, "flops", INNER)):
            yield from (
                about | {"inner": i} | row for row in score(small, within, candidates(inner=True))
            )


def score_laws() -> pd.DataFrame:
    """Score every law with every size, above each cut of each set."""
    rows = rows_of(SAVED_LAWS, PLAN_LAWS)
    given = [None, *map(Discrepancy, SIZES_OF_LAWS)]
    for law, name in product(LAWS, SETS):
        if any((row["law"], row["set"]) == (law, name) for row in rows):
            continue
        runs = bs.read_runs(runs_of(name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            for outer, split in enumerate(cuts_of(runs, "flops", CUTS)):
                about = {"law": law, "set": name, "cut": outer}
                rows += [about | row for row in score(runs, split, given, law)]
        save_rows(SAVED_LAWS, PLAN_LAWS, rows)
    return pd.DataFrame(rows)


def left_out_of_law(rows: pd.DataFrame) -> pd.DataFrame:
    """Score each set with the size that a law would have had without it, for one law's rows."""
    means = rows.groupby(["set", "size"])[list(SCORES)].mean().drop(index=list(BESIDE))
    found = {}
    for name in means.index.unique("set"):
        size = size_of_law(rows[rows["set"] != name])
        own = means.loc[name].drop(index=0.0)
        at = {k: np.interp(np.log(size), np.log(own.index), own[k]) for k in SCORES}
        found[name] = at | {"size": size}
    return pd.DataFrame(found).T


def size_of_law(rows: pd.DataFrame) -> float:
    """Return a law's size by its rows: the best mean log score, halfway to the common size."""
    means = rows[~rows["set"].isin(BESIDE)].groupby(["set", "size"])["log_score"].mean()
    best = means.groupby("size").mean().drop(index=0.0).idxmax()
    return float(np.sqrt(best * DISCREPANCY.size))


def bars_of_laws(rows: pd.DataFrame) -> list[Bar]:
    """Hold each law asked by name against its bars, each set with the size of the others."""
    found = []
    for law, own in rows.groupby("law", sort=False):
        left = left_out_of_law(own)
        size, used = size_of_law(own), SIZES_USED.get(str(law), DISCREPANCY.size)
        note = f"all sets: {100 * size:.2g} %, in the package {100 * used:.2g} %"
        mean = left[list(SCORES)].mean()
        found += [
            Bar(f"{law}, left out: cover of the 90 % band", mean["cover_90"], 0.82, 0.97, note),
            Bar(f"{law}, left out: cover of the 50 % band", mean["cover_50"]),
            Bar(f"{law}, left out: lowest cover of the 90 % band", left["cover_90"].min()),
            Bar(f"{law}, left out: CRPS of log loss", mean["crps"]),
        ]
    return found


def measure(names: list[str] | None = None) -> list[Bar]:
    """Score the sets that are not saved yet, and hold the left-out sets against their bars."""
    rows = rows_of(SAVED, PLAN)
    for name in names or SETS:
        if any(row["set"] == name for row in rows):
            continue
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
            rows += score_set(name)
        save_rows(SAVED, PLAN, rows)
        print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    table = pd.DataFrame(rows)
    left = left_out(table)
    print(left.round(4).to_string(), flush=True)
    print(by_rule(table).round(4).to_string(), flush=True)
    return [*bars(left, by_rule(table)), *bars_of_laws(score_laws())]


def by_set(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the outer cuts of each set, for every size and reach."""
    outer = rows[rows["inner"] < 0]
    return outer.groupby(["set", "size", "reach"])[list(SCORES)].mean()


def by_group(rows: pd.DataFrame) -> pd.DataFrame:
    """Average every size and reach over the sets that chose the default, and over the others."""
    means = by_set(rows).drop(index=list(BESIDE), errors="ignore").reset_index()
    group = means["set"].map(lambda name: GROUPS[SETS[name].chose])
    shown = means.assign(sets=group).groupby(["sets", "size", "reach"])[list(SCORES)].mean()
    return shown.sort_values(["sets", "crps"])


def left_out(rows: pd.DataFrame) -> pd.DataFrame:
    """Score each set with the size and reach that have the best mean CRPS on the other sets."""
    means = by_set(rows)
    crps = means["crps"].unstack("set").drop(index=(0.0, 0.0))
    found = {}
    for name in crps:
        others = crps.drop(columns=[name, *BESIDE], errors="ignore")
        size, reach = others.mean(axis=1).idxmin()
        found[name] = means.loc[(name, size, reach)].to_dict() | {"size": size, "reach": reach}
    return pd.DataFrame(found).T


def learnt(rows: pd.DataFrame, strength: float, spread: float = SPREAD) -> pd.DataFrame:
    """Score each cut with the size that its own inner cuts ask for.

    Parameters
    ----------
    rows : DataFrame
        Every fit and discrepancy.
    strength : float
        How many independent runs an inner cut's held-out runs are worth; none at zero.
    spread : float
        Standard deviation of the prior of the size's logarithm, around the default.
    """
    at = rows[rows["reach"] == DISCREPANCY.reach]
    shift = np.linspace(-np.log(FACTOR), np.log(FACTOR), 101)
    fine, known = np.log(DISCREPANCY.size) + shift, np.log(SIZES)
    found = []
    for (name, cut), each in at.groupby(["set", "cut"]):
        inner = each[each["inner"] >= 0].pivot(index="size", columns="inner", values="log_score")
        seen = inner.sum(axis=1).reindex(SIZES, fill_value=0.0).to_numpy()
        density = strength * np.interp(fine, known, seen) - (shift / spread) ** 2 / 2
        size = float(np.exp(np.average(fine, weights=np.exp(density - density.max()))))
        outer = each[each["inner"] < 0].set_index("size").loc[list(SIZES), list(SCORES)]
        scores = {k: np.interp(np.log(size), known, outer[k]) for k in SCORES}
        found.append({"set": name, "cut": cut, "size": size, **scores})
    return pd.DataFrame(found)


def by_rule(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare sizes learnt from inner cuts with the default, over the sets that choose and not."""
    lines = {}
    for strength in STRENGTHS:
        table = learnt(rows, strength)
        table = table[~table["set"].isin(BESIDE)].groupby("set")[["size", *SCORES]].mean()
        chose = table.index.map(lambda name: GROUPS[SETS[name].chose])
        for group, mean in table.groupby(chose):
            lines[(group, strength)] = mean.mean()
    return pd.DataFrame(lines).T.rename_axis(["sets", "strength"]).sort_index()


def believed_chinchilla() -> pd.DataFrame:
    """Return the scores of the textbook posterior of Chinchilla's law, by set, from the league."""
    league = pd.DataFrame(rows_of(extrapolation.SAVED, extrapolation.PLAN))
    return league[league["rival"] == "chinchilla, believed"].set_index("set")


def bars(left: pd.DataFrame, rules: pd.DataFrame) -> list[Bar]:
    """Hold the left-out sets against the bars of the default, and learnt sizes beside it."""
    counted = left.drop(index=list(BESIDE), errors="ignore")
    plain = believed_chinchilla().loc[counted.index]
    sizes = ", ".join(f"{100 * s:g} % / {r:g}" for s, r in counted[["size", "reach"]].to_numpy())
    default, rule = (rules.loc[("chose", strength)] for strength in (0.0, max(STRENGTHS)))
    gain = (counted["log_score"] - plain["log_score"]).mean()
    return [
        Bar("left out: cover of the 90 % band", counted["cover_90"].mean(), 0.80, 0.98, sizes),
        Bar("left out: cover of the 50 % band", counted["cover_50"].mean(), 0.38, 0.68),
        Bar("left out: lowest cover of the 90 % band on a set", counted["cover_90"].min(), 0.5),
        Bar("left out: CRPS of log loss", counted["crps"].mean(), high=0.0063),
        Bar(
            "left out: CRPS over the believed Chinchilla's",
            counted["crps"].mean() / plain["crps"].mean(),
            high=0.45,
        ),
        Bar(
            "left out: sets on which it beats the believed Chinchilla",
            float((counted["crps"] < plain["crps"]).mean()),
            0.99,
        ),
        Bar("left out: log score above the believed Chinchilla's", gain, 0.0),
        Bar("left out: mean absolute error of log loss", counted["abs_error"].mean(), high=0.0082),
        Bar(
            "size learnt from inner cuts: CRPS over the default's, sets that choose",
            rule["crps"] / default["crps"],
        ),
        Bar(
            "size learnt from inner cuts: log score above the default's, sets that choose",
            rule["log_score"] - default["log_score"],
        ),
    ]


if __name__ == "__main__":
    for bar in measure(sys.argv[1:] or None):
        print(f"  {bar}")
