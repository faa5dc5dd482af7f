"""Do the runs that `plan` chooses tell more of N* than the usual grid, or random runs, at one cost?

    python benchmarks/plan.py                 # all studies that are not measured yet
    python benchmarks/plan.py hoffmann2022 3  # some of them

Twenty simulated studies have designs of three kinds: isoFLOP budgets within one decade, a line
D = 20 N, and random sizes and data. Their truth is Chinchilla's law with constants as they are met
in practice, times a smooth error drawn from the discrepancy's own prior, and Student-t scatter. Ten
per cent of all the FLOP of a study is spent thrice: as planned (about the best size at ten times
the largest run, discrepancy on); on an isoFLOP grid of D/N from 2 to 200, of as many runs; and on
as many random runs. The runs are simulated from the truth and the law is fitted to all runs again.
What counts is by how much the posterior standard deviation of log N* fell. The held truth of
hoffmann2022 is a posterior draw of its law and discrepancy.

Standard deviations are of draws of N* with the discrepancy, as :func:`bayescale.optimum` has them;
the random numbers of the surface are the same before and after, since differences are small.
Nothing was tuned on these studies; one of another seed was looked at while `plan` was written.
"""

import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from bars import Bar
from sets import runs_of

import bayescale as bs
from bayescale.design.candidates import inputs_of
from bayescale.design.quantities_of_interest import best_sizes
from bayescale.prediction.discrepancy import DISCREPANCY, Surface

STUDIES = 20
REAL = "hoffmann2022"
SHARE = 0.1
"""Of the FLOP of the study's runs, to spend."""
AHEAD = 10.0
"""The target budget over that of the largest run."""
REPEATS = 2
"""New runs, and random designs, a study."""
SURFACES = 3
DRAWS = 500
RATIOS = (2.0, 200.0)
REFERENCES = {"N": 1e9, "D": 2e10}
WAVES = 2000
SAVED = Path(__file__).parent / "results" / "plan_studies.json"
PLAN = {"share": SHARE, "ahead": AHEAD, "repeats": REPEATS, "surfaces": SURFACES, "draws": DRAWS}
"""Saved with the rows; rows of another plan are measured anew."""
RIVALS = ("grid", "random")


class Steady(Surface):
    """A surface whose draws change little when the runs do: the same numbers, a symmetric root."""

    def draw(self, inputs: Any, rng: np.random.Generator) -> xr.DataArray:
        """Draw as :meth:`Surface.draw` does."""
        mean, covariance = self.at(inputs)
        values, vectors = np.linalg.eigh(covariance)
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        return xr.DataArray(mean + rng.standard_normal(mean.shape) @ root, dims=DIMS)


DIMS = ("chain", "draw", "point")


@dataclass(frozen=True, eq=False)
class Truth:
    """What runs of one study really reach: a law, a smooth error, and scatter."""

    parameters: dict[str, float]
    waves: np.ndarray
    phases: np.ndarray

    def observe(self, runs: pd.DataFrame, seed: int) -> pd.DataFrame:
        """Simulate losses of runs."""
        made = bs.simulate(
            "chinchilla",
            runs[["params", "tokens"]],
            self.parameters,
            references=REFERENCES,
            random_seed=seed,
        )
        places = np.log10(made[["params", "tokens"]].to_numpy())
        error = np.sqrt(2 / WAVES) * np.cos(places @ self.waves + self.phases).sum(1)
        return made.assign(loss=made["loss"] * np.exp(DISCREPANCY.size * error))


def truth_of(rng: np.random.Generator) -> Truth:
    """Draw constants as they are met in practice, and a Matérn-5/2 surface as a sum of waves."""
    parameters = {
        "E": rng.uniform(1.5, 2.1),
        "a": rng.uniform(0.25, 0.5),
        "alpha": rng.uniform(0.25, 0.45),
        "b": rng.uniform(0.25, 0.5),
        "beta": rng.uniform(0.25, 0.45),
        "sigma": np.exp(rng.uniform(np.log(0.002), np.log(0.008))),
        "nu": 5.0,
    }
    stretch = np.sqrt(5 / rng.chisquare(5, WAVES)) / DISCREPANCY.reach
    waves = rng.standard_normal((2, WAVES)) * stretch
    return Truth(parameters, waves, rng.uniform(0, 2 * np.pi, WAVES))


def design(number: int, rng: np.random.Generator) -> tuple[str, pd.DataFrame]:
    """Draw the runs that a study has done."""
    kind = ("narrow isoFLOP", "line", "random")[number % 3]
    low = 10 ** rng.uniform(18, 20)
    if kind == "narrow isoFLOP":
        ratios = np.geomspace(rng.uniform(4, 8), rng.uniform(50, 100), int(rng.integers(6, 10)))
        return kind, bs.isoflop_design(np.geomspace(low, 10 * low, 3), ratios)
    count = int(rng.integers(15, 41))
    if kind == "line":
        flops = np.geomspace(low / 10, 100 * low, count)
        return kind, bs.isoflop_design(flops, [20.0])
    params = 10 ** rng.uniform(7.5, 9.5, count)
    tokens = 10 ** rng.uniform(9, 11, count)
    return kind, pd.DataFrame({"params": params, "tokens": tokens, "flops": 6 * params * tokens})


def grid_runs(budget: float, count: int) -> pd.DataFrame:
    """Return the usual isoFLOP grid: one budget, sizes spread evenly about D = 20 N."""
    ratios = np.geomspace(*RATIOS, count) if count > 1 else [float(np.sqrt(np.prod(RATIOS)))]
    return bs.isoflop_design([budget / count], ratios)


def random_runs(budget: float, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return random runs that spend the budget together."""
    parts = np.exp(rng.uniform(0, np.log(30), count))
    flops, ratio = budget * parts / parts.sum(), np.exp(rng.uniform(*np.log(RATIOS), count))
    params = np.sqrt(flops / (6 * ratio))
    return pd.DataFrame({"params": params, "tokens": ratio * params, "flops": flops})


def fit_of(runs: pd.DataFrame, seed: int) -> bs.Fit:
    """Fit Chinchilla's law on one core."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        return bs.fit(
            runs[["params", "tokens", "loss"]],
            "chinchilla",
            sampler=bs.Sampler(cores=1, draws=DRAWS, tune=DRAWS),
            random_seed=seed,
            progressbar=False,
        )


def spread(fit: bs.Fit, flops: float) -> float:
    """Return the posterior standard deviation of log N* at a budget, with the discrepancy."""
    surface = Steady(**vars(DISCREPANCY.surface(fit)))
    rng = np.random.default_rng(0)
    draws = [best_sizes(fit, flops, surface, rng) for _ in range(SURFACES)]
    return float(np.std(np.concatenate(draws)))


def score(name: str, seed: int) -> list[dict[str, Any]]:
    """Spend the budget of one study in every way, and see what each leaves unknown."""
    rng = np.random.default_rng([seed, 2])
    if name == REAL:
        kind, truth, done = "real", None, runs_of(REAL)
    else:
        truth = truth_of(rng)
        kind, done = design(int(name), rng)
        done = truth.observe(done, seed)
    flops = 6 * done["params"] * done["tokens"]
    budget, target = SHARE * float(flops.sum()), AHEAD * float(flops.max())
    fit = fit_of(done, seed)
    planned = bs.plan(fit, budget=budget, about={"flops": target})
    count, before = len(planned.runs), spread(fit, target)
    rows = []
    for repeat in range(REPEATS):
        designs = {
            "plan": planned.runs,
            "grid": grid_runs(budget, count),
            "random": random_runs(budget, count, rng),
        }
        seen = held_runs(fit, designs, repeat) if truth is None else {}
        for how, runs in designs.items():
            new = truth.observe(runs, 10 * seed + repeat) if truth else seen[how]
            after = spread(fit_of(pd.concat([done, new], ignore_index=True), seed), target)
            known = {"study": name, "kind": kind, "repeat": repeat, "how": how, "runs": len(runs)}
            foretold = planned.sd_after / planned.sd_now if how == "plan" else None
            rows.append(known | {"before": before, "after": after, "foretold": foretold})
    return rows


def held_runs(
    fit: bs.Fit, designs: dict[str, pd.DataFrame], repeat: int
) -> dict[str, pd.DataFrame]:
    """Simulate all new runs from one posterior draw of the law and its discrepancy."""
    together = pd.concat(designs, names=["how"])
    rng = np.random.default_rng([repeat, 3])
    inputs = inputs_of(fit, together[["params", "tokens"]])
    curve = fit.curve(inputs).transpose(*DIMS)
    outcome = fit.spec.noise.displace(curve, DISCREPANCY.surface(fit).draw(inputs, rng), fit.scale)
    drawn = fit.spec.noise.draw(outcome, fit.parameters, rng=rng)
    one = {"chain": repeat % drawn.sizes["chain"], "draw": int(rng.integers(drawn.sizes["draw"]))}
    together = together.assign(loss=drawn.isel(one).values)
    return {how: together.loc[how] for how in designs}


def measure_rows(
    names: list[str], first_seed: int = 0, saved: Path = SAVED
) -> list[dict[str, Any]]:
    """Return the rows of every study that is asked for, from the saved file where it has them."""
    known = json.loads(saved.read_text()) if saved.exists() else {}
    rows = known["rows"] if known.get("plan") == PLAN else []
    for name in names:
        if any(row["study"] == name for row in rows):
            continue
        rows += score(name, first_seed + (STUDIES if name == REAL else int(name)))
        saved.parent.mkdir(exist_ok=True)
        saved.write_text(json.dumps({"plan": PLAN, "rows": rows}, indent=1) + "\n")
    return [row for row in rows if row["study"] in names]


def ratios(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return, a study, how much more the plan lowered the standard deviation than each rival."""
    table = pd.DataFrame(rows).assign(fell=lambda t: 1 - t["after"] / t["before"])
    fell = table.pivot_table(index=["kind", "study"], columns="how", values="fell")
    rivals = fell[[name for name in fell if name != "plan"]]
    found = rivals.rdiv(fell["plan"], axis=0).where(rivals > 0, np.inf)
    found = found.mul((fell["plan"] > 0).astype(float), axis=0).fillna(0.0)
    return fell.join(found.add_suffix(" ratio"))


def measure() -> list[Bar]:
    """Return the medians over studies and the share of studies in which the plan is ahead."""
    table = ratios(measure_rows([REAL, *map(str, range(STUDIES))]))
    bars = []
    for rival in RIVALS:
        found = table[f"{rival} ratio"]
        real = float(found.xs(REAL, level="study").iloc[0])
        note = f"{len(found)} studies; {REAL}: {real:.2g}"
        bars.append(Bar(f"gain of the plan over {rival}, median", found.median(), 1.5, note=note))
        bars.append(Bar(f"share of studies at 1.5 times {rival}", float((found >= 1.5).mean())))
    bars.append(Bar("fall of the sd of log N*, median", table["plan"].median()))
    return bars


if __name__ == "__main__":
    asked = sys.argv[1:] or [REAL, *map(str, range(STUDIES))]
    print(ratios(measure_rows(asked)).to_string(float_format="%.3g"))
