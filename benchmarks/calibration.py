"""Do 90 % intervals hold the truth nine times in ten? Simulated from Chinchilla's own prior.

Two hundred data sets of 30 to 60 runs: parameters and noise are drawn from the priors of the fit
(at a typical loss of 3 and fixed reference points), losses are simulated, and the fit is given the
same priors. Every data set counts, whatever its diagnostics; how many failed is printed.
"""

import numpy as np
from bars import Bar
from calibrate import draw_truth, quiet_fit

import bayescale as bs
from bayescale.model.spec import make_spec

DATA_SETS = 200
SCALE = 3.0
REFERENCES = {"N": 1e9, "D": 2e10}
TARGET = 1e23


def design(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw 30 to 60 runs, sizes and data log-uniform over two decades each."""
    runs = int(rng.integers(30, 61))
    return {
        "params": np.exp(rng.uniform(np.log(1e8), np.log(1e10), runs)),
        "tokens": np.exp(rng.uniform(np.log(2e9), np.log(2e11), runs)),
    }


def measure(data_sets: int = DATA_SETS) -> list[Bar]:
    """Count how often the 90 % intervals of alpha, beta, E and N* hold the truth."""
    spec = make_spec("chinchilla", references=REFERENCES)
    priors = {name: spec.interval(name, {"target": SCALE}) for name in spec.parameters}
    spec = make_spec(spec, priors=priors)
    hits = {name: 0 for name in ("alpha", "beta", "E", "N_opt")}
    failed = 0
    for seed in range(data_sets):
        rng = np.random.default_rng(seed)
        truth = draw_truth(spec, SCALE, rng)
        runs = bs.simulate(
            "chinchilla", design(rng), truth, references=REFERENCES, random_seed=seed
        )
        fit = quiet_fit(runs, spec, seed)
        failed += not fit.diagnostics.ok
        size = optimal_params(truth)
        answers = {**fit.posterior, "N_opt": bs.optimum(fit, TARGET)["params"].squeeze()}
        for name in hits:
            bounds = bs.credible_interval(answers[name], 0.9)
            value = size if name == "N_opt" else truth[name]
            hits[name] += bool(bounds["lower"] <= value <= bounds["upper"])
    bars = [
        Bar(f"coverage of {name}'s 90 % interval", hit / data_sets, 0.85, 0.95)
        for name, hit in hits.items()
    ]
    return [*bars, Bar("share of fits whose diagnostics failed", failed / data_sets)]


def optimal_params(truth: dict[str, float]) -> float:
    """Minimise the true law over N at the target budget, on a fine grid."""
    params = np.exp(np.linspace(np.log(1e4), np.log(1e18), 400_001))
    tokens = TARGET / (6 * params)
    loss = truth["E"] + truth["a"] * (params / REFERENCES["N"]) ** -truth["alpha"]
    loss += truth["b"] * (tokens / REFERENCES["D"]) ** -truth["beta"]
    return float(params[np.argmin(loss)])
