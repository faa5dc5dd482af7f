"""Does `identify` flag the parameters that runs cannot tell, and only those?

Forty studies, eight of each of five designs. The truth does not use `identify`: for each study
every parameter of the law is moved up or down by 0.8 of the standard deviation of the prior (on the
link scale), in eight balanced combinations, losses are simulated and fitted, and a parameter counts
as identified when the posterior medians follow the truth, with a root-mean-square error below a
third of that shift. The flag is what `identify` says of one more data set, at the unmoved truth:
anything but "identified". Draws are few, and no fit is tried again: a median or a contraction needs
no more.
"""

from itertools import product

import numpy as np
from bars import Bar

import bayescale as bs
from bayescale.fitting import assemble, natural_parameters
from bayescale.sampling import Sampler, sample
from bayescale.spec import Spec, extract, make_spec

STUDIES = 8
SHIFT = 0.8
LIMIT = 1 / 3
JUDGED = ("E", "alpha", "beta")
REFERENCES = {"N": 1e9, "D": 2e10}
SCALE = 2.6


def designs(rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    """Draw one design of each kind."""
    ratio, size = rng.uniform(10, 40), rng.uniform(3e7, 1e8)
    few, many = int(rng.integers(7, 16)), int(rng.integers(20, 41))
    sizes = np.geomspace(size, 100 * size, few)
    near = np.exp(rng.uniform(0, np.log(1.8), (2, few)))
    flops = np.geomspace(1e18, 10 ** rng.uniform(20, 21.5), 5)
    isoflop = bs.isoflop_design(flops, np.geomspace(2, 200, many // 5))
    n, d = np.meshgrid(np.geomspace(size, 100 * size, 5), np.geomspace(1e9, 1e11, many // 5))
    return {
        "fixed ratio": {"params": sizes, "tokens": ratio * sizes},
        "one D": {"params": sizes, "tokens": np.full(few, 1e10)},
        "narrow range": {"params": 1e9 * near[0], "tokens": 2e10 * near[1]},
        "isoFLOP grid": {k: isoflop[k].to_numpy() for k in ("params", "tokens")},
        "full grid": {"params": n.ravel(), "tokens": d.ravel()},
    }


def draw_truth(rng: np.random.Generator) -> dict[str, float]:
    """Draw constants as they are met in practice."""
    return {
        "E": rng.uniform(1.5, 2.1),
        "a": rng.uniform(0.25, 0.5),
        "alpha": rng.uniform(0.25, 0.45),
        "b": rng.uniform(0.25, 0.5),
        "beta": rng.uniform(0.25, 0.45),
        "sigma": np.exp(rng.uniform(np.log(0.002), np.log(0.008))),
        "nu": 5.0,
    }


def study(
    design: dict[str, np.ndarray], truth: dict[str, float], seed: int
) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return, by parameter, whether `identify` flags it and whether it is truly unidentified."""
    spec = make_spec("chinchilla", references=REFERENCES)
    verdicts = bs.identify(quick_fit(spec, design, truth, 1000 * seed))["verdict"]
    flagged = {name: verdicts[name] != "identified" for name in JUDGED}
    sd = {
        name: float(spec.normal_priors([name], {"target": SCALE})[1][0])
        for name in spec.law.parameters
    }
    errors: dict[str, list[float]] = {name: [] for name in JUDGED}
    for i, (one, two, three) in enumerate(product((-1, 1), repeat=3)):
        signs = (one, two, three, one * two, one * three)  # each balanced against each other
        moved = {
            name: truth[name] * np.exp(sign * SHIFT * sd[name])
            for name, sign in zip(sd, signs, strict=True)
        }
        fit = quick_fit(spec, design, {**truth, **moved}, 1000 * seed + i + 1)
        for name in JUDGED:
            median = float(fit.posterior[name].median())
            errors[name].append(np.log(median / moved[name]) / (SHIFT * sd[name]))
    lost = {name: float(np.sqrt(np.mean(np.square(e)))) > LIMIT for name, e in errors.items()}
    return flagged, lost


def quick_fit(
    spec: Spec, design: dict[str, np.ndarray], truth: dict[str, float], seed: int
) -> bs.Fit:
    """Simulate losses and fit them, with few draws and no second try."""
    runs = bs.simulate("chinchilla", design, truth, references=REFERENCES, random_seed=seed)
    data = extract(spec, bs.read_runs(runs))
    draws = sample(spec, data, Sampler(draws=500, tune=500), seed, progressbar=False)
    posterior = natural_parameters(spec, data, draws)
    return assemble(spec, data, posterior, draws.stats, sampler=Sampler(), seed=seed)


def measure(studies: int = STUDIES) -> list[Bar]:
    """Return precision and recall of the flags over all studies."""
    counts = {"hit": 0, "false alarm": 0, "missed": 0, "clear": 0}
    wrong: dict[str, int] = {}
    for number in range(studies):
        rng = np.random.default_rng(number)
        for kind, design in designs(rng).items():
            flagged, lost = study(design, draw_truth(rng), number)
            for name in JUDGED:
                pair = (flagged[name], lost[name])
                outcome = {
                    (True, True): "hit",
                    (True, False): "false alarm",
                    (False, True): "missed",
                    (False, False): "clear",
                }[pair]
                counts[outcome] += 1
                if outcome in ("false alarm", "missed"):
                    key = f"{outcome} of {name}, {kind}"
                    wrong[key] = wrong.get(key, 0) + 1
    note = f"{counts}; {wrong}"
    precision = counts["hit"] / max(counts["hit"] + counts["false alarm"], 1)
    recall = counts["hit"] / max(counts["hit"] + counts["missed"], 1)
    return [
        Bar("precision of the flags", precision, 0.9, note=note),
        Bar("recall of the flags", recall, 0.9),
    ]
