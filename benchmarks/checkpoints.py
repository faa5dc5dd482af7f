"""Are intervals honest where rows share runs? Simulated checkpoints, and curves of the literature.

    python benchmarks/checkpoints.py            # all that is not saved yet, some half an hour
    python benchmarks/checkpoints.py simulated  # one of the parts: rows, simulated, curves, others

Simulated: thirty data sets of twelve runs, sizes and lengths log-uniform over two decades and one,
fifteen checkpoints each. The Chinchilla law is drawn from the prior of the fit; residuals have a
scale of 0.5 % and forget within half a decade of tokens, or at once. Each data set is fitted with
noise that takes rows for independent and with the default, which does not. Every fit counts,
whatever its diagnostics.

Curves: the laws of whole loss curves fitted to three schedules, as the models of ``models/`` do,
and held against every fourth row of the six others: error of the median, and how often the bands of
a new row hold the loss. Others: models of checkpoints, their posterior with both noises.

Rows: which rows of checkpoints to fit, so that the last rows of larger models are predicted best.

One row a data set and noise is saved in ``benchmarks/results/checkpoints/``.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from calibrate import draw_truth, quiet_fit
from calibration import REFERENCES, SCALE

import bayescale as bs
from bayescale.inference.sampling import Sampler
from bayescale.model.noise.registry import following
from bayescale.model.spec import Spec, make_spec
from bayescale.prediction.discrepancy import DISCREPANCY
from bayescale.prediction.summary import derived_parameters
from bayescale.studies.runs import study_runs

FOLDER = RESULTS / "checkpoints"
DATA_SETS = 30
RUNS, ROWS = 12, 15
SIZE = 0.005
REACHES = {"following": 0.5, "independent": 1e-4}
"""Decades of tokens over which the truth's residuals forget."""
PARAMETERS = ("alpha", "beta", "E")
SAMPLER = Sampler(draws=500, tune=500)
NOISES = ("student_t", "checkpoints")
MODELS = tuple(f"{law}_{size}m" for law in ("tissue2024", "luo2025") for size in (25, 100, 400))
OTHERS = ("gemstones2025", "gemstones2025_cooldown", "jones2021")
FAMILIES = ("OPT", "gpt3", "pythia", "pythia-deduped")
"""Families of Choshen et al. (2024) whose smaller models are five or more."""
ROWS_OF_RUN = 25
DRAWS = ("chain", "draw")

type Measured = Iterator[tuple[str, str, Callable[[], dict[str, Any]]]]
"""Name of a data set, noise, and what measures them."""


def measure() -> list[Bar]:
    """Fit what is not saved yet, and hold the sums against their bars."""
    return [bar for part, (_, bars) in PARTS.items() for bar in bars(rows_of(part))]


def rows_of(part: str) -> pd.DataFrame:
    """Return one row a data set and noise, measuring those that are not saved."""
    path = FOLDER / f"{part}.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    done = {(row["name"], row["noise"]) for row in rows}
    for name, noise, measured in PARTS[part][0]():
        if (name, noise) in done:
            continue
        started = time.perf_counter()
        rows.append({"name": name, "noise": noise, **measured()})
        FOLDER.mkdir(exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"  {name} {noise}: {time.perf_counter() - started:.0f} s", flush=True)
    return pd.DataFrame(rows)


def simulated() -> Measured:
    """Yield what to measure of the simulated data sets."""
    spec = make_spec("chinchilla", references=REFERENCES)
    spec = make_spec(
        spec, priors={name: spec.interval(name, {"target": SCALE}) for name in spec.free}
    )
    for truth, reach in REACHES.items():
        for seed in range(DATA_SETS):
            for noise in NOISES:
                yield f"{truth} {seed}", noise, partial(recover, spec, noise, reach, seed)


def recover(spec: Spec, noise: str, reach: float, seed: int) -> dict[str, Any]:
    """Simulate and fit one data set; say which 90 % intervals hold the truth, and their width."""
    rng = np.random.default_rng(seed)
    truth = draw_truth(spec, SCALE, rng) | {"sigma": SIZE, "nu": 5.0, "reach": reach}
    runs = bs.simulate(
        "chinchilla",
        design(rng),
        truth,
        references=REFERENCES,
        noise="checkpoints",
        random_seed=seed,
    )
    fit = quiet_fit(runs, make_spec(spec, noise=noise), seed, SAMPLER)
    found: dict[str, Any] = judged(fit)
    for name in PARAMETERS:
        low, high = fit.posterior[name].quantile([0.05, 0.95]).values.tolist()
        found |= {name: low <= truth[name] <= high, f"{name}_width": high - low}
    return found


def judged(fit: bs.Fit) -> dict[str, Any]:
    """Return the diagnostics of a fit."""
    found = fit.diagnostics
    return {
        "ok": found.ok,
        "rhat": round(found.rhat, 4),
        "ess": round(found.ess),
        "divergences": found.divergences,
        "draws": found.draws,
    }


def design(rng: np.random.Generator) -> pd.DataFrame:
    """Draw twelve runs of fifteen checkpoints, from a twentieth of a run's tokens to its end."""
    size = np.exp(rng.uniform(np.log(1e8), np.log(1e10), RUNS))
    length = np.exp(rng.uniform(np.log(2e10), np.log(2e11), RUNS))
    return pd.DataFrame(
        {
            "run": np.repeat([f"run {i + 1}" for i in range(RUNS)], ROWS),
            "params": np.repeat(size, ROWS),
            "tokens": np.outer(length, np.geomspace(0.05, 1, ROWS)).ravel(),
        }
    )


def simulated_bars(rows: pd.DataFrame) -> list[Bar]:
    """Hold coverage against its bars, and widths where rows are independent."""
    by = rows.assign(truth=rows["name"].str.split().str[0]).groupby(["truth", "noise"])
    cover, failed = by[list(PARAMETERS)].mean(), 1 - by["ok"].mean()
    widths = by[[f"{name}_width" for name in PARAMETERS]].median()
    bars = []
    for truth in REACHES:
        for noise in NOISES:
            ours, each = noise == "checkpoints", cover.loc[(truth, noise)]
            low, high = (0.85, 0.95) if ours else (float("-inf"), float("inf"))
            said = f"{truth} rows, {noise}"
            for name, value in each.items():
                bars.append(Bar(f"{said}: coverage of {name}'s 90 % interval", value, low, high))
            share = failed[(truth, noise)]
            bars.append(Bar(f"{said}: share of fits whose diagnostics failed", share))
        ratio = widths.loc[(truth, "checkpoints")] / widths.loc[(truth, "student_t")]
        high = 1.1 if truth == "independent" else float("inf")
        bars.append(Bar(f"{truth} rows: width over student_t's", ratio.mean(), high=high))
    return bars


def curves() -> Measured:
    """Yield what to measure of the loss curves."""
    for model in MODELS:
        for noise in NOISES:
            yield model, noise, partial(predict, model, noise)


def others() -> Measured:
    """Yield what to measure of the other models whose rows share runs."""
    for model in OTHERS:
        for noise in NOISES:
            yield model, noise, partial(refit, model, noise)


def refit(model: str, noise: str) -> dict[str, Any]:
    """Fit a model with a noise, or its like where the law has another unit."""
    spec = make_spec(bs.load_study(model))
    along = following(spec.noise, spec.law.parameters)
    chosen = spec.noise if noise == "student_t" else along
    fit = quiet_fit(study_runs(bs.load_study(model)), make_spec(spec, noise=chosen), 1)
    return judged(fit) | {"posterior": posterior(fit)}


def posterior(fit: bs.Fit) -> dict[str, list[float]]:
    """Return median and 90 % interval of the parameters and the literature's constants."""
    draws = {**fit.posterior, **derived_parameters(fit)}
    return {
        str(name): [float(f"{v:.5g}") for v in values.quantile([0.05, 0.5, 0.95]).values]
        for name, values in draws.items()
    }


def other_bars(rows: pd.DataFrame) -> list[Bar]:
    """Report the scatter and the reach of the models, and whether their fits are sound."""
    bars = [
        Bar(f"{row['name']}, {row['noise']}: R-hat", row["rhat"], high=1.01)
        for row in rows.to_dict("records")
    ]
    for row in rows[rows["noise"] == "checkpoints"].to_dict("records"):
        bars.append(Bar(f"{row['name']}: decades of reach", row["posterior"]["reach"][1]))
    return bars


def predict(model: str, noise: str) -> dict[str, Any]:
    """Fit a model of loss curves and score it on the curves of the other schedules."""
    study = bs.load_study(model)
    assert study.data.where is not None
    other = replace(study.data, where=study.data.where.replace("'train'", "'test'"))
    test = study_runs(replace(study, data=other)).table
    fit = quiet_fit(study_runs(study), make_spec(study, noise=noise), 1)
    found = judged(fit)
    found["posterior"] = posterior(fit)
    observed = test["loss"].to_numpy(float)
    for words, discrepancy in (("", DISCREPANCY), ("believed_", None)):
        drawn = bs.predict(fit, test, discrepancy=discrepancy, random_seed=1)
        below = (drawn["new_run"] < observed).mean(DRAWS)
        for p in (50, 90):
            inside = np.abs(below - 0.5) <= p / 200
            found[f"{words}cover_{p}"] = float(inside.mean())
        error = np.abs(drawn["law"].median(DRAWS).values - observed)
        found["mae"] = float(pd.Series(error).groupby(test["run"].to_numpy()).mean().mean())
    return found


def curve_bars(rows: pd.DataFrame) -> list[Bar]:
    """Report coverage and error on the curves that were not fitted."""
    bars = []
    for noise in NOISES:
        for law in ("tissue2024", "luo2025"):
            ours = rows[(rows["noise"] == noise) & rows["name"].str.startswith(law)]
            for column in ("cover_90", "cover_50", "believed_cover_90", "believed_cover_50", "mae"):
                bars.append(Bar(f"{law}, {noise}: {column}", ours[column].mean()))
    return bars


def ladders() -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the families whose runs have checkpoints: their largest models are held out."""
    published = bs.load_dataset("choshen2024")
    unit = {"ppl": np.log, "log2ppl": lambda loss: loss * np.log(2)}
    for name in FAMILIES:
        one = published[published["family"] == name]
        kind = one["loss_kind"].iloc[0]
        yield name, one.assign(run=one["model"], loss=unit.get(kind, np.asarray)(one["loss"]))
    yield "bhagia2024", bs.load_dataset("bhagia2024_ladder_lmloss")


def thin_curve(run: pd.DataFrame) -> pd.DataFrame:
    """Keep some rows of a run, even in the logarithm of tokens, and its last."""
    run = run.sort_values("tokens")
    logs = np.log(run["tokens"].to_numpy(float))
    at = np.searchsorted(logs, np.linspace(logs[0], logs[-1], ROWS_OF_RUN))
    return run.iloc[np.unique(at.clip(0, len(run) - 1))]


def ways(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield which rows may be fitted, and with which noise."""
    end = table.groupby("run")["tokens"].transform("max")
    yield "last rows", "student_t", table[table["tokens"] == end]
    yield "second halves", "checkpoints", table[table["tokens"] >= end / 2]
    yield "second halves, independent", "student_t", table[table["tokens"] >= end / 2]
    yield "all rows", "checkpoints", table
    yield "all rows, independent", "student_t", table


def which_rows() -> Measured:
    """Yield what to measure of the ends of the larger models, by which rows were fitted."""
    for name, found in ladders():
        table = found[["run", "params", "tokens", "loss"]].dropna()
        sizes = np.sort(table["params"].unique())
        held = table["params"].isin(sizes[-max(1, len(sizes) // 4) :])
        end = table.groupby("run")["tokens"].transform("max")
        small = pd.concat([thin_curve(run) for _, run in table[~held].groupby("run")])
        for way, noise, rows in ways(small.reset_index(drop=True)):
            larger = table[held & (table["tokens"] == end)]
            yield name, way, partial(predict_ends, rows, noise, larger)


def predict_ends(rows: pd.DataFrame, noise: str, larger: pd.DataFrame) -> dict[str, Any]:
    """Fit Chinchilla's law and predict the last rows of the larger models."""
    fit = quiet_fit(bs.read_runs(rows), make_spec("chinchilla", noise=noise), 1)
    drawn = bs.predict(fit, larger[["params", "tokens"]], random_seed=1)["new_run"]
    low, middle, high = drawn.quantile([0.05, 0.5, 0.95], DRAWS).values
    observed = larger["loss"].to_numpy(float)
    error = np.abs(np.log(middle / observed)).mean()
    inside = ((low <= observed) & (observed <= high)).mean()
    end = {"E": float(fit.posterior["E"].median()), "rows": len(rows), "held_out": len(larger)}
    return judged(fit) | end | {"abs_error": float(error), "cover_90": float(inside)}


def bars_of_rows(rows: pd.DataFrame) -> list[Bar]:
    """Compare each way with the last rows, on the families that chose and on the reported set."""
    error = rows.pivot(index="name", columns="noise", values="abs_error")
    ratio = error.div(error["last rows"], axis=0)
    bars = []
    for name, group in (("families, which chose", list(FAMILIES)), ("bhagia2024", ["bhagia2024"])):
        for way in ratio.columns.drop("last rows"):
            middle = float(np.exp(np.log(ratio.loc[group, way]).mean()))
            bars.append(Bar(f"{name}: error with {way} over the last rows alone", middle))
        ends = rows[(rows["noise"] == "last rows") & rows["name"].isin(group)]
        cover = float(np.average(ends["cover_90"], weights=ends["held_out"]))
        bars.append(Bar(f"{name}: last rows, coverage of 90 % bands", cover, 0.8))
    return bars


PARTS = {
    "rows": (which_rows, bars_of_rows),
    "simulated": (simulated, simulated_bars),
    "curves": (curves, curve_bars),
    "others": (others, other_bars),
}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        for bar in PARTS[part][1](rows_of(part)):
            print(f"  {bar}")
