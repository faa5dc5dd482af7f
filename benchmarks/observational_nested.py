"""How wrong is a score's sigmoid? Sizes and reaches scored on splits inside the earlier models.

    python benchmarks/observational_nested.py    # some ten minutes, two once the fits are kept

``SCORE_DISCREPANCY`` was chosen here, and here only: among the models released before the paper of
Ruan et al., less the cells that ``observational.py`` scores (the leaderboard's BBH, GPQA and MATH
of models above 8.4e22 FLOP or of unknown compute). Seven splits hide downstream scores, or two
base scores taken for tasks, of the models above a compute, of the families of 2024, or of the most
capable fifth by the other base scores. One fit a split serves all candidates, which change
predictions only. Splits count alike; the mean log score decides, and here the CRPS agrees.

Tried on the same fits, with draws that gave the choice a mean log score of 1.62, and left out: an
error that depends on a score's own log odds alone (1.59 at best), one without what the residuals
say (1.57), independent errors of the log odds (1.54), and a linear one, which is a change of slope
(1.22); a size in proportion to the loadings (1.64) and independent errors on top (1.63) win two
hundredths at most for one more rule. Loadings of a prior twice as wide, fitted on four of the
splits, made medians worse.
"""

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from bars import RESULTS
from kept import FOLDER
from observational import BASE, CUTOFFS, FACTORS, FLOORS, GROUPS, PREFIX, QUICK, error, held, hide
from scipy.special import logsumexp
from scipy.stats import t

import bayescale as bs
from bayescale.capabilities.fit import CapabilityFit
from bayescale.capabilities.model import DEGREES, evaluated
from bayescale.capabilities.predict import evaluations
from bayescale.evaluation.scores import crps
from bayescale.prediction.intervals import DRAWS

TASKS = {group: [PREFIX[group] + name for name in names] for group, names in GROUPS.items()}
EMERGENT, POST, LEADERBOARD = TASKS["emergent"], TASKS["post-training"], TASKS["leaderboard"]
LEAST_CUTOFF = min(CUTOFFS.values())
FAMILIES_OF_2024 = (
    "DeepSeek-MoE",
    "Gemma",
    "H2O-Danube",
    "InternLM2",
    "Llama-3",
    "OLMo",
    "Qwen1.5",
    "SmolLM",
    "StarCoder2",
)
SIZES, REACHES = (0.5, 0.7, 1.0, 1.4), (0.5, 0.7, 1.0, 1.4, 2.0)
THIN = 10
SAVED = RESULTS / "observational_nested.json"
type Split = tuple[pd.DataFrame, list[str], pd.DataFrame]


def earlier() -> pd.DataFrame:
    """Return the models released before the paper, without the cells scored elsewhere."""
    table = bs.load_dataset("ruan2024_base").query("preregistered_holdout == 0").copy()
    scored = ~(table["flops"] <= LEAST_CUTOFF)
    table.loc[scored, list(CUTOFFS)] = np.nan
    return table


def others(tasks: list[str]) -> list[str]:
    """Return the base scores that are not tasks themselves."""
    return [name for name in BASE if name not in tasks]


def above(flops: float, tasks: list[str]) -> Split:
    """Hide tasks above a compute."""
    table = earlier()
    table.loc[table["flops"].isna(), tasks] = np.nan
    return hide(table, tasks, (table["flops"] > flops).to_numpy(), others(tasks))


def newer(tasks: list[str]) -> Split:
    """Hide tasks of the families of 2024."""
    table = earlier()
    return hide(table, tasks, table["family"].isin(FAMILIES_OF_2024).to_numpy(), BASE)


def best(tasks: list[str]) -> Split:
    """Hide tasks of the most capable fifth of the models that have any of them."""
    table = earlier()
    rank = table[others(tasks)].rank(pct=True).mean(axis=1)
    have = table[tasks].notna().any(axis=1)
    return hide(table, tasks, (have & (rank > rank[have].quantile(0.8))).to_numpy(), others(tasks))


SPLITS: dict[str, Callable[[], Split]] = {
    "emergent, compute": lambda: above(LEAST_CUTOFF, EMERGENT),
    "post-training, compute": lambda: above(LEAST_CUTOFF, POST),
    "leaderboard, compute": lambda: above(3e22, LEADERBOARD),
    "emergent and post-training, 2024": lambda: newer(EMERGENT + POST),
    "leaderboard, 2024": lambda: newer(LEADERBOARD),
    "emergent and leaderboard, best": lambda: best(EMERGENT + LEADERBOARD),
    "base, compute": lambda: above(LEAST_CUTOFF, ["gsm8k", "mmlu"]),
}


def fitted(name: str, table: pd.DataFrame, scores: list[str]) -> CapabilityFit:
    """Fit a split, or load its fit; delete ``benchmarks/.fits`` to fit anew. Draws are thinned."""
    path = FOLDER / f"nested {name}.nc"
    if not path.exists():
        floors = {score: FLOORS[score] for score in scores if score in FLOORS}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # short chains will do here
            fit = bs.fit_capabilities(
                table,
                scores,
                factors=FACTORS,
                floors=floors,
                sampler=QUICK,
                random_seed=1,
                progressbar=False,
            )
        FOLDER.mkdir(exist_ok=True)
        fit.tree.to_netcdf(path)
    with xr.open_datatree(path) as tree:
        groups = {str(key): group.to_dataset().load() for key, group in tree.children.items()}
        groups["posterior"] = groups["posterior"].isel(draw=slice(None, None, THIN))
        thinned = xr.DataTree.from_dict(groups)
        thinned.attrs = dict(tree.attrs)
    return CapabilityFit(thinned)


def judge(
    fit: CapabilityFit, hidden: pd.DataFrame, discrepancy: bs.ScoreDiscrepancy | None
) -> dict[str, float]:
    """Score one candidate on the cells of a split: means over the cells."""
    rng, each = np.random.default_rng(1), []
    capability = fit.posterior["capability"]
    drawn = dict(evaluations(fit, capability, discrepancy, rng))
    for name, cells in hidden.groupby("score"):
        score, at = str(name), list(cells["model"])
        truth = xr.DataArray(cells["truth"].to_numpy(), {"model": at}, dims="model")
        found, these = drawn[score].sel(model=at), capability.sel(model=at)
        columns: dict[str, Any] = {
            "log_score": log_score(fit, score, these, truth, discrepancy, rng),
            "crps": crps(found, truth).values,
            "median": found.median(DRAWS).values,
            "lower": found.quantile(0.05, DRAWS).values,
            "upper": found.quantile(0.95, DRAWS).values,
        }
        each.append(cells.assign(**columns))
    scored = pd.concat(each)
    means = {name: float(scored[name].mean()) for name in ("log_score", "crps")}
    return {**means, "cover_90": held(scored), "squared_error": error(scored)}


def log_score(
    fit: CapabilityFit,
    score: str,
    capability: xr.DataArray,
    truth: xr.DataArray,
    discrepancy: bs.ScoreDiscrepancy | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the log of the predictive density at what was hidden, shape (model,)."""
    odds, floor, scatter = fit.sigmoid(score, capability)
    if discrepancy is not None:
        odds = odds + discrepancy.draw(fit, score, capability, rng)
    mean, spread = xr.broadcast(*evaluated(odds, floor, scatter))
    density = t.logpdf(truth, DEGREES, *(x.transpose(*DRAWS, "model") for x in (mean, spread)))
    draws = odds.sizes["chain"] * odds.sizes["draw"]
    return logsumexp(density, axis=(0, 1)) - np.log(draws)


def main() -> None:
    """Score every candidate on every split; save the rows, print the means over splits."""
    candidates = [None, *(bs.ScoreDiscrepancy(s, r) for s in SIZES for r in REACHES)]
    rows = []
    for name, make in SPLITS.items():
        table, scores, hidden = make()
        fit = fitted(name, table, scores)
        for one in candidates:
            said = {"size": one.size, "reach": one.reach} if one else {"size": 0.0, "reach": 0.0}
            rows.append({"split": name, "cells": len(hidden), **said, **judge(fit, hidden, one)})
    SAVED.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    means = pd.DataFrame(rows).groupby(["size", "reach"]).mean(numeric_only=True)
    print(means.drop(columns="cells").round(4).to_string())


if __name__ == "__main__":
    main()
