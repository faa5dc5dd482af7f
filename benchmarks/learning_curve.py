"""How many runs does a forecast one decade out need? Beside point fits and a Gaussian process.

    python benchmarks/learning_curve.py    # the subsets that are not measured yet

Of each public set the runs above the 85 % quantile of compute are predicted from runs of a tenth of
that or less, of which 12, 20 and 40 are drawn at random, three times. Rivals are `analyze` (its
priors know nothing of the set's paper) and skaling's law, with their defaults, the literature's
point fit of Chinchilla's and of skaling's law, with its bootstrap, and a Gaussian process on a
plane in log size and log tokens, by marginal likelihood. Errors are of log loss. The discrepancy's
size was chosen on four of the sets; a point fit and a Gaussian process have none. One row per set,
count, draw and rival is saved in ``benchmarks/results/learning_curve_rows.json``.
"""

import warnings
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, STRUCTURE, rows_of, save_rows
from literature import left_out
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from sets import runs_of

import bayescale as bs
from bayescale.evaluation.law_choice import (
    NOISE_OF_SIZE_AND_DATA,
    OF_SIZE_AND_DATA,
    PRIORS_OF_SIZE_AND_DATA,
)
from bayescale.evaluation.point_estimate import point_fit
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.discrepancy import DISCREPANCY

CHOSE = ("hoffmann2022", "openeurollm2026", "porian2024", "gemstones2025")
SETS = (*CHOSE, "muennighoff2023")
COUNTS, REPEATS, NAMED = (12, 20, 40), 3, 20
SAVED = RESULTS / "learning_curve_rows.json"
PLAN = {
    "counts": COUNTS,
    "repeats": REPEATS,
    "laws": dict.fromkeys(OF_SIZE_AND_DATA, NOISE_OF_SIZE_AND_DATA),
    "priors": PRIORS_OF_SIZE_AND_DATA,
    "discrepancy": str(DISCREPANCY),
    "error": STRUCTURE,
}
INPUTS = ["params", "tokens"]
START, WIDTH = np.array([[0.0, -1.0, 0.7, 0.7, -3.0], [1.0, 1.0, 0.7, 0.7, 1.5]])
"""Prior mean and sd of the logs of plane, error, its two length scales, and noise."""


def parts(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs to draw from, and those to predict, a decade larger."""
    table = runs_of(name)
    flops = 6 * table["params"] * table["tokens"]
    limit = flops.quantile(0.85)
    return table[flops <= limit / 10], table[flops > limit]


def by_bayescale(posterior: bs.Fit | bs.Average, far: pd.DataFrame) -> np.ndarray:
    """Return draws of the log loss of each run, shape (draw, run)."""
    found = posterior.predict(far[INPUTS].to_dict("list"), random_seed=SEED)["new_run"]
    return np.log(found.to_numpy().reshape(-1, len(far)))


def by_point_fit(law: str, runs: pd.DataFrame, far: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the point fit's log losses first, then those of the bootstrap, shape (1 + n, run)."""
    spec = make_spec(law)
    data = extract(spec, bs.read_runs(runs))
    found = {name: values[:, None] for name, values in point_fit(spec, data, seed).items()}
    inputs = {name: far[spec.column(name)].to_numpy() for name in spec.law.inputs}
    return np.log(spec.law.curve(inputs, data.references, found))


def by_gaussian_process(runs: pd.DataFrame, far: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd of a new run's log loss: a plane, a smooth error, and noise."""
    x, new = np.log(runs[INPUTS].to_numpy()), np.log(far[INPUTS].to_numpy())
    y = np.log(runs["loss"].to_numpy())
    middle, spread, level, scale = x.mean(0), x.std(0), y.mean(), y.std()
    x, new, y = (x - middle) / spread, (new - middle) / spread, (y - level) / scale

    def covariance(a: np.ndarray, b: np.ndarray, at: np.ndarray) -> np.ndarray:
        plane = np.exp(2 * at[0]) * (1 + a @ b.T)
        apart = (((a[:, None] - b) / np.exp(at[2:4])) ** 2).sum(-1)
        return plane + np.exp(2 * at[1] - apart / 2)

    def misfit(at: np.ndarray) -> float:
        matrix = covariance(x, x, at) + np.exp(2 * at[4]) * np.eye(len(x))
        try:
            factor, lower = cho_factor(matrix, lower=True)
        except np.linalg.LinAlgError:
            return 1e10
        fit = y @ cho_solve((factor, lower), y) / 2 + np.log(np.diag(factor)).sum()
        return float(fit + (((at - START) / WIDTH) ** 2).sum() / 2)

    best = min(
        (minimize(misfit, START + WIDTH * shift) for shift in (-0.5, 0.0, 0.5)),
        key=lambda found: found.fun,
    ).x
    matrix = covariance(x, x, best) + np.exp(2 * best[4]) * np.eye(len(x))
    factor, across = cho_factor(matrix, lower=True), covariance(new, x, best)
    mean = across @ cho_solve(factor, y)
    variance = np.diag(covariance(new, new, best)) - np.einsum(
        "ij,ji->i", across, cho_solve(factor, across.T)
    )
    return level + scale * mean, scale * np.sqrt(variance + np.exp(2 * best[4]))


def score(name: str, count: int, repeat: int) -> Iterator[dict[str, Any]]:
    """Score every rival on one subset."""
    pool, far = parts(name)
    runs = pool.sample(count, random_state=1000 * repeat + count).reset_index(drop=True)
    truth = np.log(far["loss"].to_numpy())
    with left_out(name):
        found = bs.analyze(runs, random_seed=SEED, progressbar=False)
    drawn = {
        "analyze": by_bayescale(found.posterior, far),
        "skaling": by_bayescale(bs.fit(runs, "skaling", random_seed=SEED, progressbar=False), far),
    }
    middle = {rival: np.median(draws, axis=0) for rival, draws in drawn.items()}
    for law in OF_SIZE_AND_DATA:
        found = by_point_fit(law, runs, far, repeat)
        middle[f"{law}, point fit"], drawn[f"{law}, point fit"] = found[0], found[1:]
    ends = {rival: np.quantile(draws, [0.05, 0.95], axis=0) for rival, draws in drawn.items()}
    mean, sd = by_gaussian_process(runs, far)
    middle["Gaussian process"] = mean
    ends["Gaussian process"] = mean + 1.6449 * sd * np.array([[-1.0], [1.0]])
    for rival, centre in middle.items():
        low, high = ends[rival]
        yield {
            "set": name,
            "count": count,
            "repeat": repeat,
            "rival": rival,
            "error": float(np.abs(centre - truth).mean()),
            "cover_90": float(((low <= truth) & (truth <= high)).mean()),
            "width_90": float((high - low).mean()),
        }


def measure() -> list[Bar]:
    """Score what is missing; compare errors at twenty runs."""
    rows = rows_of(SAVED, PLAN)
    done = {(row["set"], row["count"], row["repeat"]) for row in rows}
    for name, count, repeat in product(SETS, COUNTS, range(REPEATS)):
        if (name, count, repeat) in done or len(parts(name)[0]) < count:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few runs: what the law misses is not the question
            rows += score(name, count, repeat)
        save_rows(SAVED, PLAN, rows)
    table = pd.DataFrame(rows)
    print(table_of(table).round(4).to_string(), flush=True)
    return bars(table)


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means by number of runs and rival: over draws, then over sets."""
    columns = ["error", "cover_90", "width_90"]
    by_set = rows.groupby(["count", "rival", "set"])[columns].mean()
    return by_set.groupby(["count", "rival"]).mean()


def bars(rows: pd.DataFrame) -> list[Bar]:
    """Hold the error of `analyze` at twenty runs against the best of the others."""
    there = table_of(rows).loc[NAMED]
    others = there.drop(index=["analyze", "skaling"])["error"]
    apart = table_of(rows[~rows["set"].isin(CHOSE)]).loc[NAMED]
    note = f"{others.idxmin()} {others.min():.4f}; {rows['set'].nunique()} sets"
    ours = there.loc["analyze"]
    return [
        Bar("error at 20 runs, a decade out", ours["error"], note=note),
        Bar("the same over the best rival's", ours["error"] / others.min(), high=0.8),
        Bar("coverage of 90 % bands at 20 runs", ours["cover_90"], 0.85, 0.96),
        Bar("error on the set that chose nothing", apart.loc["analyze", "error"]),
        Bar(
            "the same over the best rival's there",
            apart.loc["analyze", "error"] / apart.drop(index=["analyze", "skaling"])["error"].min(),
        ),
    ]


if __name__ == "__main__":
    for bar in measure():
        print(f"  {bar}")
