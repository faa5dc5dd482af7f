"""A simulated table of scores, and a fit of it made by hand."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.capabilities.fit import CapabilityFit, make_tree
from bayescale.capabilities.model import DEGREES, NEAR_ENDS, REPEATABLE, choose_factors
from bayescale.capabilities.table import read_scores

SCORES = ["mmlu", "hellaswag", "gsm8k", "code", "rare"]
FLOORS = {"mmlu": 0.25, "hellaswag": 0.25}
LOADING = np.array([[1.0, 0.1], [0.8, -0.6], [1.3, 0.8], [1.0, 0.2], [1.2, 0.5]])
INTERCEPT = np.array([-0.8, 0.7, -1.0, -1.2, -0.5])
SCATTER = np.full(5, 0.02)
LEVELS = {"one": (0.5, 0.3), "two": (-0.4, 0.0), "three": (0.1, -0.4), "four": (-0.2, 0.2)}
SLOPE = np.array([0.9, 0.1])
MIDDLE = 22.5


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def simulated(seed: int = 3, each: int = 8) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return a table with a third of its scores missing, the whole of it, and the capabilities."""
    rng = np.random.default_rng(seed)
    family = np.repeat(list(LEVELS), each)
    size = rng.uniform(20.5, 24.5, family.size)
    own = rng.normal(0, [0.2, 0.1], (family.size, 2))
    capability = np.array([LEVELS[f] for f in family]) + np.outer(size - MIDDLE, SLOPE) + own
    share = sigmoid(INTERCEPT + capability @ LOADING.T)
    floor = np.array([FLOORS.get(name, 0.0) for name in SCORES])
    spread = np.hypot(SCATTER, REPEATABLE) * 2 * np.sqrt(share * (1 - share) + NEAR_ENDS)
    scatter = spread * rng.standard_t(DEGREES, share.shape)
    whole = (floor + (1 - floor) * share + scatter).clip(0, 1)
    seen = np.where(rng.random(whole.shape) < 0.2, np.nan, whole)
    seen[:, 4] = np.where(size > 22.0, np.nan, whole[:, 4])  # downstream, of small models only
    table = pd.DataFrame({"model": [f"m{i}" for i in range(family.size)], "family": family})
    table["flops"] = np.where(rng.random(family.size) < 0.15, np.nan, 10.0**size)
    table[SCORES] = seen
    return table, whole, capability


def made_by_hand() -> CapabilityFit:
    """Return a fit whose draws scatter by little around the truth."""
    table, _, capability = simulated()
    scores = read_scores(table, SCORES, ("flops",), FLOORS)
    factors, rng = choose_factors(scores, 2), np.random.default_rng(0)
    levels = np.array([LEVELS[name] for name in scores.every_family])
    levels = levels + (np.nanmean(scores.sizes) - MIDDLE) * SLOPE
    truth = {
        "capability": (("model", "factor"), capability),
        "loading": (("score", "factor"), LOADING),
        "intercept": (("score",), INTERCEPT),
        "scatter": (("score",), SCATTER),
        "level": (("family", "factor"), levels),
        "slope": (("family", "factor"), np.tile(SLOPE, (4, 1))),
        "level_mean": (("factor",), levels.mean(axis=0)),
        "level_spread": (("factor",), np.array([0.4, 0.3])),
        "slope_mean": (("term", "factor"), SLOPE[None]),
        "slope_spread": (("factor",), np.array([0.05, 0.05])),
        "own_spread": (("factor",), np.array([0.2, 0.1])),
    }
    coords = {
        "model": list(scores.models),
        "score": SCORES,
        "family": list(scores.every_family),
        "factor": [1, 2],
        "term": ["flops"],
    }
    drawn = {
        name: (("chain", "draw", *dims), value + 0.003 * rng.normal(size=(4, 250, *value.shape)))
        for name, (dims, value) in truth.items()
    }
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 250), bool))})
    return CapabilityFit(make_tree(scores, factors, xr.Dataset(drawn, coords), stats, {}, 0))
