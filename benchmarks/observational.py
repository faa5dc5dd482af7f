"""Scores of public models predicted from their other scores: splits of Ruan et al., and of Sloth's.

    python benchmarks/observational.py    # seven splits, then families; each is saved when done

A split hides a downstream score of the models to predict, and keeps their base scores: agents
hold out the two best models, the leaderboard's tasks all models above a cutoff in compute; a model
whose compute is not known trains its base scores only. The pre-registered split hides everything
downstream of the models that came out after the paper. Errors are of posterior medians, squared, in
units of the range from guessing to one; the published ones are of principal components, imputation
and a regression, three steps whose reproduction (``plug_in``) on the same rows stands beside them.
Nothing was chosen on a split. Of four forms of scatter, the one that best predicted 12 % of the
cells of the models released before the paper, hidden at random, was taken (downstream scores above
8.4e22 FLOP were left out); how sizes that are missing enter, by whether chains agree. Form, size
and reach of the discrepancy were chosen in ``observational_nested.py``, on nested splits of the
same models without the cells that are scored here.
"""

import json
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from scipy.optimize import curve_fit

import bayescale as bs
from bayescale.inference.sampling import Sampler

BASE = ["mmlu", "arc_c", "hellaswag", "winogrande", "truthfulqa", "gsm8k", "xwinograd", "humaneval"]
FLOORS: dict[str, Any] = {
    "mmlu": 0.25,
    "arc_c": 0.25,
    "hellaswag": 0.25,
    "winogrande": 0.5,
    "xwinograd": 0.5,
    "lbv2_gpqa": 0.25,
    "lbv2_bbh": (0.2, 0.3),
    "lbv2_mmlu_pro": 0.1,
    "lbv2_musr": 0.344,
    "emergent_parsinlu_qa_2_acc": 0.25,
}
CUTOFFS = {"lbv2_gpqa": 1.68e23, "lbv2_math_hard": 2.52e23, "lbv2_bbh": 8.4e22}
PUBLISHED = {
    "agentbench": 2.2e-4,
    "lbv2_gpqa": 8.3e-4,
    "lbv2_math_hard": 2.2e-3,
    "lbv2_bbh": 1.5e-3,
}
GROUPS = {
    "leaderboard": ["bbh", "gpqa", "ifeval", "math_hard", "mmlu_pro", "musr"],
    "emergent": [
        "parsinlu_qa_2_acc",
        "word_unscrambling_2_exact_match",
        "ipa_transliterate_2_exact_match",
        "arithmetic_3ds_2_acc",
        "arithmetic_3da_2_acc",
        "arithmetic_2dm_2_acc",
        "arithmetic_2da_2_acc",
    ],
    "post-training": [
        "cot_8_exact_match_flexible_extract",
        "cot_self_consistency_8_exact_match_maj_5_flexible_extract",
    ],
}
PREFIX = {"leaderboard": "lbv2_", "emergent": "emergent_", "post-training": "post_gsm8k_"}
FACTORS = 3
QUICK = Sampler(draws=500, tune=700, chains=2, target_accept=0.9)
PATH = RESULTS / "observational_splits.json"


def agents() -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Return the agents' table with the two best hidden, its base scores, and what was hidden."""
    table = bs.load_dataset("ruan2024_agent")
    table["agentbench"] = table.pop("agentbench_oa") / 10
    best = table["agentbench"].nlargest(int(0.1 * table["agentbench"].count())).index
    base = [name for name in BASE if name in table]
    return hide(table, ["agentbench"], table.index.isin(best), base)


def beyond(task: str) -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Return the base models' table with a task hidden above its cutoff in compute."""
    table = bs.load_dataset("ruan2024_base").query("preregistered_holdout == 0").copy()
    above = (table["flops"] > CUTOFFS[task]).to_numpy()
    table.loc[table["flops"].isna(), task] = np.nan
    return hide(table, [task], above, BASE)


def registered(group: str) -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Return the table with a group of scores of the later models hidden."""
    table = bs.load_dataset("ruan2024_base")
    tasks = [f"{PREFIX[group]}{name}" for name in GROUPS[group]]
    return hide(table, tasks, table["preregistered_holdout"] == 1, BASE)


def hide(
    table: pd.DataFrame, tasks: list[str], which: Any, base: list[str]
) -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Hide tasks of some models; return the table, its scores, and what was hidden."""
    hidden = table.loc[which, ["model", *tasks]].melt("model", var_name="score", value_name="truth")
    table.loc[which, tasks] = np.nan
    return table, [*base, *tasks], hidden.dropna()


def score(table: pd.DataFrame, scores: list[str], hidden: pd.DataFrame) -> dict[str, Any]:
    """Fit a table and score the hidden cells."""
    started = time.perf_counter()
    floors = {name: FLOORS[name] for name in scores if name in FLOORS}
    fit = bs.fit_capabilities(
        table, scores, factors=FACTORS, floors=floors, random_seed=1, progressbar=False
    )
    found = bs.predict_scores(fit, ci_prob=0.9, random_seed=1)
    cells = hidden.merge(found, on=["model", "score"])
    judged = fit.diagnostics
    return {
        "cells": cells[["model", "score", "truth", "median", "lower", "upper"]].to_dict("records"),
        "rhat": judged.rhat,
        "ess": judged.ess,
        "divergences": judged.divergences,
        "ok": judged.ok,
        "seconds": time.perf_counter() - started,
    }


def plug_in(table: pd.DataFrame, scores: list[str], hidden: pd.DataFrame) -> float:
    """Return the test error of imputation, principal components and a curve, one after another."""
    base, task = scores[:-1], scores[-1]
    guess = FLOORS.get(task, 0.0)
    floor = float(np.mean(guess))
    values, train = table[base].to_numpy(float), table[task].notna().to_numpy()
    missing = np.isnan(values)
    filled = np.where(missing, np.nanmean(values[train], axis=0), values)
    for _ in range(200):
        mean = filled[train].mean(axis=0)
        axis = np.linalg.svd(filled[train] - mean, full_matrices=False)[2][:1]
        filled = np.where(missing, (mean + (filled - mean) @ axis.T @ axis).clip(0, 1), values)
    mean = filled[train].mean(axis=0)
    inputs = (filled - mean) @ np.linalg.svd(filled[train] - mean)[2][:FACTORS].T
    target = ((table[task].to_numpy(float) - floor) / (1 - floor)).clip(0)

    def curve(x: np.ndarray, low: float, level: float, *slopes: float) -> np.ndarray:
        return low + (1 - low) / (1 + np.exp(-(level + x @ np.array(slopes))))

    bounds = ([0, *[-np.inf] * (FACTORS + 1)], [0.2, *[np.inf] * (FACTORS + 1)])
    start = [0.03, 0.0, *[0.03] * FACTORS]
    fitted = curve_fit(curve, inputs[train], target[train], start, bounds=bounds, max_nfev=20_000)[
        0
    ]
    test = table["model"].isin(hidden["model"]).to_numpy()
    truth = ((hidden["truth"].to_numpy() - floor) / (1 - floor)).clip(0)
    return float(np.mean((curve(inputs[test], *fitted) - truth) ** 2))


def error(cells: pd.DataFrame) -> float:
    """Return the mean squared error, in units of the range from guessing to one."""
    floor = cells["score"].map(lambda name: float(np.mean(FLOORS.get(name, 0.0))))
    medians, truth = (
        ((cells[name] - floor) / (1 - floor)).clip(lower=0) for name in ("median", "truth")
    )
    return float(np.mean((medians - truth) ** 2))


def held(cells: pd.DataFrame) -> float:
    """Return the share of cells inside their bands."""
    return float(cells["truth"].between(cells["lower"], cells["upper"]).mean())


def splits() -> dict[str, Any]:
    """Score the splits that are not saved yet."""
    done = json.loads(PATH.read_text()) if PATH.exists() else {}
    todo = {group: lambda group=group: registered(group) for group in GROUPS}
    todo |= {"agentbench": agents}
    todo |= {task: lambda task=task: beyond(task) for task in CUTOFFS}
    for name, make in todo.items():
        if name not in done:
            table, scores, hidden = make()
            done[name] = score(table, scores, hidden)
            if name in PUBLISHED:
                done[name]["plug_in"] = plug_in(table, scores, hidden)
            PATH.write_text(json.dumps(done, indent=1) + "\n")
            print(f"  {name}: {done[name]['seconds']:.0f} s", file=sys.stderr, flush=True)
    return done


SLOTH = BASE[:6]
FAMILIES = RESULTS / "observational_families.json"


def sized() -> pd.DataFrame:
    """Return the base models whose size is known."""
    return bs.load_dataset("ruan2024_base").dropna(subset=["params", "tokens"])


def names_of_families() -> list[str]:
    """Return the families of more than one size."""
    sizes = sized().groupby("family")["params"].nunique()
    return sorted(sizes.index[sizes > 1])


def measured_families() -> dict[str, Any]:
    """Return the families that are measured."""
    return json.loads(FAMILIES.read_text()) if FAMILIES.exists() else {}


def families() -> dict[str, Any]:
    """Predict each family's larger models from its smallest one, and all other families."""
    done = measured_families()
    left = [family for family in names_of_families() if family not in done]
    if not left:
        return done
    fit = fit_of_sizes()
    for family in left:
        done[family] = one_family(fit, family)
        FAMILIES.write_text(json.dumps(done) + "\n")
        print(f"  {family}: {done[family]['seconds']:.0f} s", file=sys.stderr, flush=True)
    return done


def fit_of_sizes() -> bs.CapabilityFit:
    """Fit the models of known size with short chains."""
    floors = {name: FLOORS[name] for name in SLOTH if name in FLOORS}
    return bs.fit_capabilities(
        sized(),
        SLOTH,
        size=("params", "tokens"),
        factors=FACTORS,
        floors=floors,
        sampler=QUICK,
        random_seed=1,
        progressbar=False,
    )


def one_family(fit: bs.CapabilityFit, family: str) -> dict[str, Any]:
    """Hide all scores of a family's models but its smallest one's."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)  # counted below
        cells = bs.leave_family_out(fit, [family], ci_prob=0.9, random_seed=1, progressbar=False)
    off = (cells["median"] - cells["observed"]).abs()
    return {
        "error": 100 * float(off.groupby(cells["score"]).mean().mean()),
        "inside": [float(x) for x in cells["observed"].between(cells["lower"], cells["upper"])],
        "ok": bool(cells["sound"].all()),
        "seconds": time.perf_counter() - started,
    }


def measure() -> list[Bar]:
    """Set errors beside the published ones, and count what the bands hold."""
    done, bars = splits(), []
    for name, published in PUBLISHED.items():
        cells, plug = pd.DataFrame(done[name]["cells"]), done[name]["plug_in"]
        bars += [
            Bar(
                f"{name}: squared error",
                error(cells),
                high=published,
                note=f"{len(cells)} models; in three steps, on these rows, {plug:.2g}",
            ),
            Bar(f"{name}: coverage of 90 % bands", held(cells)),
        ]
    later = []
    for group in GROUPS:
        later.append(pd.DataFrame(done[group]["cells"]))
        about = f"{len(later[-1])} scores of {later[-1]['model'].nunique()} models"
        bars.append(
            Bar(f"later models, {group}: coverage of 90 % bands", held(later[-1]), note=about)
        )
    together = pd.concat(later)
    found = list(done.values())
    bars += [
        Bar("later models: coverage of 90 % bands", held(together), 0.85, 0.96),
        Bar("splits: largest R-hat", max(one["rhat"] for one in found), high=1.01),
        Bar("splits: smallest ESS", min(one["ess"] for one in found), 400),
        Bar("splits: divergences", sum(one["divergences"] for one in found), high=0),
    ]
    return [*bars, *_bars_of_families(measured_families())]


def _bars_of_families(kept: dict[str, Any]) -> list[Bar]:
    """Return the bars of the families that are measured; ``__main__`` measures the others."""
    if not kept:
        return []
    inside = np.concatenate([one["inside"] for one in kept.values()])
    return [
        Bar(
            "families from their smallest model: mean absolute error in points",
            float(np.mean([one["error"] for one in kept.values()])),
            note=f"{len(kept)} of {len(names_of_families())} families, 6 scores",
        ),
        Bar("families: coverage of 90 % bands", float(inside.mean())),
        Bar(
            "families: fits with a diagnostic that failed",
            sum(not one["ok"] for one in kept.values()),
        ),
    ]


if __name__ == "__main__":
    splits()
    families()
