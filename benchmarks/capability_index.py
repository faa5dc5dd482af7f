"""A capabilities index of public models: hidden benchmark scores, beside least squares.

Epoch AI's table has 179 models, 38 benchmarks and four of five scores missing. A tenth of those it
has is hidden at random, three times (never of a benchmark of five models or a model of three
scores); one capability with a line in the release date is fitted to the rest, and the hidden scores
are predicted. Beside it stands the usual item response model by ridge regression: a difficulty and
a slope per benchmark, an index per model. Nothing was chosen on this table.
"""

import numpy as np
import pandas as pd
from bars import Bar
from scipy.optimize import least_squares
from scipy.special import expit

import bayescale as bs

FLOORS = {
    "GPQA diamond": 0.25,
    "MMLU": 0.25,
    "ARC AI2": 0.25,
    "HellaSwag": 0.25,
    "OpenBookQA": 0.25,
    "Winogrande": 0.5,
    "PIQA": 0.5,
}
SEEDS = (0, 1, 2)
SHARE = 0.1
RIDGE = 0.03
"""Weight of the squares of indices, difficulties and log slopes, beside residuals of scores."""


def scores() -> tuple[pd.DataFrame, list[str]]:
    """Return a row per model, and the names of the benchmarks."""
    long = bs.load_dataset("epoch2025_benchmarks")
    table = long.pivot_table(index="model", columns="benchmark", values="score").clip(0, 1)
    names = list(table)
    table["released"] = long.groupby("model")["model_release_date"].first()
    return table.reset_index().assign(family="all"), names


def hidden(values: np.ndarray, seed: int) -> np.ndarray:
    """Return which scores to hide, shape (model, benchmark)."""
    seen = np.isfinite(values)
    cells, hide = np.argwhere(seen), np.zeros_like(seen)
    for row, column in np.random.default_rng(seed).permutation(cells):
        left = seen & ~hide
        if left[:, column].sum() > 4 and left[row].sum() > 2:
            hide[row, column] = True
        if hide.sum() >= SHARE * len(cells):
            break
    return hide


def by_least_squares(values: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return the scores of an item response model, shape (model, benchmark)."""
    models, benchmarks = values.shape
    seen = np.isfinite(values)

    def curve(at: np.ndarray) -> np.ndarray:
        index, difficulty, slope = np.split(at, [models, models + benchmarks])
        return floor + (1 - floor) * expit(np.exp(slope) * (index[:, None] - difficulty))

    def residual(at: np.ndarray) -> np.ndarray:
        return np.concatenate([(curve(at) - values)[seen], RIDGE * at])

    return curve(least_squares(residual, np.zeros(models + 2 * benchmarks)).x)


def measure() -> list[Bar]:
    """Predict hidden scores of three tables."""
    table, names = scores()
    values = table[names].to_numpy()
    floor = np.array([FLOORS.get(name, 0.0) for name in names])
    ours, theirs, inside, sound = [], [], [], []
    for seed in SEEDS:
        hide = hidden(values, seed)
        seen = np.where(hide, np.nan, values)
        fit = bs.fit_capabilities(
            table.assign(**dict(zip(names, seen.T, strict=True))),
            names,
            size=("released",),
            factors=1,
            floors=FLOORS,
            random_seed=seed,
            progressbar=False,
        )
        found = bs.predict_scores(fit, ci_prob=0.9, random_seed=seed)[hide.ravel()]
        truth = values[hide]
        ours.append(found["median"].to_numpy() - truth)
        theirs.append(by_least_squares(seen, floor)[hide] - truth)
        inside.append((found["lower"] <= truth) & (truth <= found["upper"]))
        sound.append(fit.diagnostics.ok)
    size, other = (float(np.sqrt(np.mean(np.concatenate(one) ** 2))) for one in (ours, theirs))
    note = f"{sum(map(len, ours))} scores, {len(SEEDS)} times a tenth; least squares {other:.3f}"
    return [
        Bar("hidden scores: root mean square error", size, note=note),
        Bar("the same over least squares", size / other, high=1.0),
        Bar("coverage of 90 % bands", float(np.mean(np.concatenate(inside))), 0.8, 0.98),
        Bar("fits whose diagnostics failed", len(SEEDS) - sum(sound), high=0),
    ]


if __name__ == "__main__":
    for bar in measure():
        print(f"  {bar}")
