"""Are the optimum, its constraints and regret right? Against brute force with the true law.

    python benchmarks/decisions.py   # goes on where it was stopped

Two hundred studies, half of them of Chinchilla's law and half of skaling: parameters and noise are
drawn from the priors of the fit (at a typical loss of 3 and fixed reference points), 30 to 60 runs
are simulated, and the fit, of few draws, is given the same priors. Asked are N* at 1e23 FLOP, the
same where 1T to 100T tokens of inference are paid from it, and what a size that was drawn without
regard to the truth gives up there, in loss and in compute. The truth is the minimum of the true law
on a dense grid. What the discrepancy adds inside the law's own class is reported, too. Studies are
saved in ``benchmarks/results/decisions_studies.json``.

The rest is without sampling: constrained optima against SciPy's general optimiser, the first-order
condition of Sardana et al. (2024), and the optimum of repeated data by the published constants of
Muennighoff et al. (2023), whose law is written out here once more.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from calibrate import draw_truth, quiet_fit
from scipy.optimize import brentq, minimize
from threadpoolctl import threadpool_limits

import bayescale as bs
from bayescale.decisions.regret import SMALLER
from bayescale.inference.sampling import Sampler
from bayescale.model.spec import Spec, make_spec

STUDIES = 200
LAWS = ("chinchilla", "skaling")
SCALE = 3.0
REFERENCES = {"N": 1e9, "D": 2e10}
BUDGET = 1e23
SAVED = RESULTS / "decisions_studies.json"
WORKERS = 2
ASKED = ("N* of training", "N* with inference", "regret of a size", "waste of a size")
LEAST, MOST, DENSE = 1e4, 1e18, 200_001

Curve = Callable[[Any, Any], Any]


def design(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw 30 to 60 runs, sizes and data log-uniform over two decades each."""
    runs = int(rng.integers(30, 61))
    return {
        "params": np.exp(rng.uniform(np.log(1e8), np.log(1e10), runs)),
        "tokens": np.exp(rng.uniform(np.log(2e9), np.log(2e11), runs)),
    }


def spec_of(law: str) -> Spec:
    """Return a law with priors that do not look at the runs."""
    spec = make_spec(law, references=REFERENCES)
    priors = {name: spec.interval(name, {"target": SCALE}) for name in spec.parameters}
    return make_spec(spec, priors=priors)


def brute(curve: Curve, budget: float, inference: float) -> tuple[float, float]:
    """Return the best size and its loss, on a dense grid."""
    most = budget / (2 * inference) * (1 - 1e-9) if inference else MOST
    sizes = np.geomspace(LEAST, most, DENSE)
    if inference:  # and as dense just below the size that leaves nothing to train with
        sizes = np.concatenate([sizes, most - np.geomspace(1e-9, 0.999, DENSE) * most])
    loss = curve(sizes, (budget / sizes - 2 * inference) / 6)
    return float(sizes[loss.argmin()]), float(loss.min())


def true_answers(curve: Curve, size: float, inference: float) -> list[float]:
    """Answer by brute force what is asked of a study, in its order."""
    reached = curve(size, (BUDGET / size - 2 * inference) / 6)
    served, best = brute(curve, BUDGET, inference)

    def short(fall: float) -> float:
        return brute(curve, BUDGET * np.exp(-fall), inference)[1] - reached

    reach = SMALLER[-1]
    fall = brentq(short, 0.0, reach, xtol=1e-4) if short(reach) > 0 > short(0.0) else reach
    return [
        brute(curve, BUDGET, 0.0)[0],
        served,
        float(reached - best),
        float(-np.expm1(-fall)),
    ]


def study(seed: int) -> dict[str, Any]:
    """Simulate, fit, ask, and return where the truth lies in each posterior."""
    law = LAWS[seed % len(LAWS)]
    rng, spec = np.random.default_rng(seed), spec_of(law)
    truth = draw_truth(spec, SCALE, rng)
    runs = bs.simulate(law, design(rng), truth, references=REFERENCES, random_seed=seed)
    inference = float(np.exp(rng.uniform(np.log(1e12), np.log(1e14))))
    size = float(np.exp(rng.uniform(np.log(3e8), np.log(0.9 * BUDGET / (2 * inference)))))
    fit = quiet_fit(runs, spec, seed, Sampler(draws=500, tune=500, cores=1))

    def curve(params: Any, tokens: Any) -> Any:
        return spec.law.curve({"N": params, "D": tokens}, REFERENCES, truth)

    answers = true_answers(curve, size, inference)
    served = bs.Scenario(flops=BUDGET, inference_tokens=inference)
    row: dict[str, Any] = {"seed": seed, "law": law, "ok": fit.diagnostics.ok, "truth": answers}
    for name, discrepancy in (("believed", None), ("default", bs.Discrepancy())):
        options: dict[str, Any] = {"discrepancy": discrepancy, "random_seed": seed}
        given_up = bs.regret(fit, served, size, **options)
        draws = [
            bs.optimum(fit, BUDGET, **options)["params"],
            bs.optimum(fit, served, **options)["params"],
            given_up["regret"],
            given_up["wasted"],
        ]
        pits = [float((d < t).mean()) for d, t in zip(draws, answers, strict=True)]
        row[name] = [round(pit, 4) for pit in pits]
    return row


def alone(seed: int) -> dict[str, Any]:
    """Do a study on one core."""
    with threadpool_limits(1):
        return study(seed)


def studies() -> pd.DataFrame:
    """Return every study, those that are saved as they are, and save the others."""
    rows = json.loads(SAVED.read_text()) if SAVED.exists() else []
    left = sorted(set(range(STUDIES)) - {row["seed"] for row in rows})
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for row in pool.map(alone, left):
            rows.append(row)
            if len(rows) % 5 == 0 or len(rows) == STUDIES:
                SAVED.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
                print(f"{len(rows)} of {STUDIES} studies", flush=True)
    return pd.DataFrame(rows)


def coverage(table: pd.DataFrame) -> list[Bar]:
    """Return how often 90 % intervals hold the truth."""
    bars = []
    for name, low, high in (("believed", 0.85, 0.95), ("default", -np.inf, np.inf)):
        pits = np.array(table[name].to_list())
        held = ((pits >= 0.05) & (pits <= 0.95)).mean(axis=0)
        said = "the law believed" if name == "believed" else "the discrepancy allowed for"
        bars += [
            Bar(f"cover of the 90 % interval of {asked}, {said}", share, low, high)
            for asked, share in zip(ASKED, held, strict=True)
        ]
    return [*bars, Bar("share of fits whose diagnostics failed", 1 - table["ok"].mean())]


def exact(law: str, constants: dict[str, float]) -> bs.Fit:
    """Return a fit all of whose draws are the same constants."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from handmade import handmade_fit

    return handmade_fit(law, truth=constants, spread=0.0)


CHINCHILLA = {"E": 1.8, "a": 0.34, "alpha": 0.35, "b": 0.32, "beta": 0.37}
SKALING = {"E": 1.6, "R": 1.0, "s": 0.5, "alpha": 0.5, "beta": 0.5, "k": 0.7}
SCENARIOS: tuple[dict[str, Any], ...] = (
    {"inference_tokens": 2e12},
    {"inference_tokens": 1e14},
    {"max_params": 2e10},
    {"max_tokens": 3e11},
    {"inference_tokens": 5e12, "max_tokens": 1e12},
    {"inference_tokens": 5e12, "max_params": 5e9},
    {"inference_tokens": 3e12, "hardware": bs.Hardware(1e15, 0.5, 0.1)},
)


def against_scipy(fit: bs.Fit, scenario: bs.Scenario) -> float:
    """Return the relative difference to SciPy's optimum over log N and log D, the larger one."""
    found = bs.optimum(fit, scenario, discrepancy=None).isel(chain=0, draw=0, budget=0)
    budget, parameters = scenario.flops[0], fit.parameters.isel(chain=0, draw=0)
    per_size = 2 * scenario.inference_tokens * scenario.inference_cost

    def loss(z: np.ndarray) -> float:
        n, d = np.exp(z)
        columns = {"N": n, "D": d}
        if "unique_tokens" in scenario.at:
            columns["epochs"] = max(d / scenario.at["unique_tokens"][0], 1.0)
        return float(fit.curve(columns, parameters))

    def left(z: np.ndarray) -> float:
        n, d = np.exp(z)
        return float(1 - (6 * n * d + per_size * n) / budget)

    limits = (scenario.max_params, scenario.max_tokens)
    bounds = [(None, np.log(most) if most else None) for most in limits]
    starts = [np.log([n, 0.3 * budget / (6 * n)]) for n in (1e8, 1e9, 1e10)]
    tries = [
        minimize(
            loss,
            start,
            bounds=bounds,
            constraints={"type": "ineq", "fun": left},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 1000},
        )
        for start in starts
    ]
    n, d = np.exp(min(tries, key=lambda t: t.fun if left(t.x) > -1e-8 else np.inf).x)
    return max(abs(float(found["params"]) / n - 1), abs(float(found["tokens"]) / d - 1))


def sardana(fit: bs.Fit, inference: float) -> float:
    """Return how far the optimum is off eps_N / eps_D = 1 + D_inf / (3 D_tr), relative."""
    scenario = bs.Scenario(flops=1e22, inference_tokens=inference)
    best = bs.optimum(fit, scenario, discrepancy=None).isel(chain=0, draw=0, budget=0)
    n, d = float(best["params"]), float(best["tokens"])
    parameters, floor = fit.parameters.isel(chain=0, draw=0), float(fit.parameters["E"][0, 0])

    def excess(dn: float, dd: float) -> float:
        loss = fit.curve({"N": n * np.exp(dn), "D": d * np.exp(dd)}, parameters)
        return float(np.log(loss - floor))

    def slope(dn: float, dd: float) -> float:
        return (excess(-dn, -dd) - excess(dn, dd)) / (2 * max(dn, dd))

    return abs(slope(1e-4, 0) / slope(0, 1e-4) / (1 + inference / (3 * d)) - 1)


MUENNIGHOFF = {
    "A": np.exp(6.255414),
    "B": np.exp(7.3049974),
    "E": np.exp(0.6254804),
    "alpha": 0.3526596,
    "R_D": 15.387756,
    "R_N": 5.309743,
}


def muennighoff(params: np.ndarray, tokens: np.ndarray, unique: float) -> np.ndarray:
    """Return the loss by the published law and constants."""
    c = MUENNIGHOFF
    seen = np.minimum(unique, tokens)
    fitting = (c["A"] / c["B"]) ** (1 / c["alpha"]) * seen
    useful = np.minimum(params, fitting)
    data = seen + seen * c["R_D"] * (1 - np.exp(-(tokens / seen - 1) / c["R_D"]))
    size = useful + useful * c["R_N"] * (1 - np.exp(-(params / useful - 1) / c["R_N"]))
    return c["E"] + c["A"] / size ** c["alpha"] + c["B"] / data ** c["alpha"]


def repeated_fit() -> bs.Fit:
    """Return a fit whose draws are the published constants."""
    c = MUENNIGHOFF
    raw = {"a": c["A"] * 1e9 ** -c["alpha"], "b": c["B"] * 2e10 ** -c["alpha"], "E": c["E"]}
    same = {"alpha": c["alpha"], "beta": c["alpha"], "R_D": c["R_D"], "R_N": c["R_N"]}
    return exact("repeated", raw | same)


def against_muennighoff(fit: bs.Fit, budget: float, unique: float) -> float:
    """Return the relative difference of N* to a dense grid over the published law."""
    scenario = bs.Scenario(flops=budget, at={"unique_tokens": unique})
    found = bs.optimum(fit, scenario, discrepancy=None)["params"].isel(chain=0, draw=0, budget=0)
    sizes = np.geomspace(1e7, 1e12, 2_000_001)
    loss = muennighoff(sizes, budget / (6 * sizes), unique)
    return abs(float(found) / sizes[loss.argmin()] - 1)


def without_sampling() -> list[Bar]:
    """Return the bars that need no posterior."""
    fits = [exact("chinchilla", CHINCHILLA), exact("skaling", SKALING)]
    cases: list[dict[str, Any]] = [{"flops": 1e22, **given} for given in SCENARIOS]
    scipy = [against_scipy(fit, bs.Scenario(**case)) for fit in fits for case in cases]
    condition = [sardana(fit, tokens) for fit in fits for tokens in (1e11, 1e12, 1e13, 1e14)]
    repeated = repeated_fit()
    places = [(1e20, 1e9), (1e21, 4e9), (9.3e21, 25e9), (1e23, 100e9), (1e20, 1e13)]
    data = [against_muennighoff(repeated, *place) for place in places]
    data_scipy = against_scipy(repeated, bs.Scenario(flops=9.3e21, at={"unique_tokens": 25e9}))
    return [
        Bar("constrained optima, largest difference to SciPy", max(*scipy, data_scipy), high=1e-3),
        Bar("first-order condition of Sardana, largest error", max(condition), high=1e-3),
        Bar("N* of repeated data, largest difference to the published law", max(data), high=1e-3),
    ]


def measure() -> list[Bar]:
    """Return coverage over the studies, and the bars without sampling."""
    return [*without_sampling(), *coverage(studies())]


if __name__ == "__main__":
    for bar in measure():
        print(bar)
