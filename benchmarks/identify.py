"""Does `identify` flag what runs do not identify, and only that? Do its recommended runs work?

    python benchmarks/identify.py --workers 2   # the studies that are not measured yet

Sixty simulated studies of six laws, four noises and fifteen designs, each with constants of its
own; every parameter of the law is judged. The flag is what `identify` says of one data set of the
study: anything but "identified".

The truth uses neither `identify` nor a posterior. From the study's true constants data are
simulated a hundred times, and each time the parameter is estimated by maximum likelihood, with no
prior on it and nothing known of it; of the other parameters as much is known as their priors say
(each time a guess that scatters around the truth as wide as the prior is). The parameter is
identified when the root-mean-square error of the estimates is below a third of the prior's standard
deviation: of such an estimate a posterior whose contraction is 0.9 would be made. (An estimate that
ran away counts as three prior standard deviations off: the prior would hold it.) Sixty other
studies, rounds 0 to 2, chose between this and the central 80 % of the errors, which neglects the
tails that a variance counts (precision .88, recall .97 by that, .96 and .94 by this); they chose
nothing else, and nothing of `identify`.

Then each recommendation of `identify` is followed: its runs are simulated from the true constants,
added to the study's and fitted, and the verdict has turned or not. Draws are few, and no fit is
tried again.
"""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar

import bayescale as bs
from bayescale.design.identify import contractions
from bayescale.inference.attempts import natural_parameters
from bayescale.inference.fit import assemble
from bayescale.inference.sampling import Sampler, sample
from bayescale.model.link_scale import natural, to_link
from bayescale.model.noise.registry import get_noise
from bayescale.model.observations import extract
from bayescale.model.spec import Spec, make_spec

FOLDER = RESULTS / "identify"
REPLICATES = 100
LIMIT = 1 / 3
"""Of the prior's sd: the error of an estimate up to which a parameter is identified."""
FURTHEST = 3.0
"""An error counts as so many prior sd at most."""
FIRST = 100
"""Number of the first round that is reported."""
CLEAR = 1.5
"""An error this factor away from the limit, or further, is clear of it."""
STEPS, STEP, FAR = 120, 1e-5, 8.0
"""Of the search for an estimate: how many, for slopes, and how many prior sd from the truth."""
REFERENCES = {"N": 1e9, "D": 2e10, "x": 1e20, "L": 2.8}
SCALE = 2.6

type Design = dict[str, np.ndarray]


def of_size_and_data(rng: np.random.Generator) -> dict[str, Design]:
    """Draw designs for laws of params and tokens."""
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


def of_compute(rng: np.random.Generator) -> dict[str, Design]:
    """Draw designs for laws of one input: how far it ranges, and how often it is run."""
    middle = 10 ** rng.uniform(19.5, 20.5)
    plans = {
        "factor 3": (3, 8),
        "factor 20": (20, 12),
        "factor 300, few": (300, 6),
        "factor 1,000": (1e3, 16),
        "factor 100,000": (1e5, 24),
    }
    return {
        name: {"flops": middle * np.geomspace(factor**-0.5, factor**0.5, runs)}
        for name, (factor, runs) in plans.items()
    }


def of_loss(rng: np.random.Generator) -> dict[str, Design]:
    """Draw designs for scores that follow from loss."""
    few, many = int(rng.integers(6, 11)), int(rng.integers(18, 31))
    ranges = {
        "high losses": (3.2, 4.5, many),
        "low losses": (1.8, 2.4, many),
        "middle losses": (2.6, 3.0, few),
        "all losses, few": (1.8, 4.5, few),
        "all losses": (1.6, 5.0, many),
    }
    return {k: {"loss": np.linspace(low, high, runs)} for k, (low, high, runs) in ranges.items()}


@dataclass(frozen=True)
class Kind:
    """A law with its noise, the designs it is tried on, and how often."""

    law: str
    noise: str
    designs: Callable[[np.random.Generator], dict[str, Design]]
    rounds: int
    sigma: tuple[float, float] = (0.002, 0.008)


KINDS = {
    kind.law: kind
    for kind in (
        Kind("chinchilla", "student_t", of_size_and_data, 3),
        Kind("skaling", "student_t", of_size_and_data, 2),
        Kind("kaplan", "normal", of_size_and_data, 2),
        Kind("power_law_floor", "student_t", of_compute, 2),
        Kind("accuracy_from_loss", "logit_student_t", of_loss, 2, (0.02, 0.1)),
        Kind("error_from_loss", "raw_student_t", of_loss, 1, (0.002, 0.01)),
    )
}


def studies(kind: Kind, first: int) -> Iterator[tuple[str, Design, np.random.Generator]]:
    """Yield name, design and the generator of its constants of each study of a law."""
    for number in range(first, first + kind.rounds):
        rng = np.random.default_rng([number, *kind.law.encode()])
        for name, design in kind.designs(rng).items():
            yield f"{name}, {number}", design, rng


def draw_truth(kind: Kind, rng: np.random.Generator) -> dict[str, float]:
    """Draw constants as they are met in practice: near the middle of the priors."""
    low, high = np.log(kind.sigma)
    scatter = {"sigma": float(np.exp(rng.uniform(low, high)))}
    if "nu" in get_noise(kind.noise).parameters:
        scatter["nu"] = 5.0
    if kind.law == "chinchilla":
        ranges = {"E": (1.5, 2.1), "a": (0.25, 0.5), "alpha": (0.25, 0.45)}
        ranges |= {"b": (0.25, 0.5), "beta": (0.25, 0.45)}
        return {name: rng.uniform(*ends) for name, ends in ranges.items()} | scatter
    spec, scales = spec_of(kind), {"target": SCALE if kind.law != "error_from_loss" else 0.5}
    mean, sd = spec.normal_priors(spec.free, scales)
    z = mean + 0.5 * sd * rng.normal(size=len(mean))
    drawn = {name: float(natural(p, z[i], scales)) for i, (name, p) in enumerate(spec.free.items())}
    return drawn | scatter


def spec_of(kind: Kind) -> Spec:
    """Return what is fitted."""
    law = make_spec(kind.law).law
    used = {name: at for name, at in REFERENCES.items() if name in law.inputs}
    return make_spec(kind.law, noise=kind.noise, references=used)


def simulated(kind: Kind, design: Any, truth: Mapping[str, float], seed: int) -> pd.DataFrame:
    """Simulate the runs of a design."""
    return bs.simulate(
        kind.law,
        design,
        truth,
        references=spec_of(kind).references,
        noise=kind.noise,
        random_seed=seed,
    )


def quick_fit(kind: Kind, runs: pd.DataFrame, seed: int) -> bs.Fit:
    """Fit runs with few draws and no second try."""
    spec = spec_of(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = extract(spec, bs.read_runs(runs))
    sampler = Sampler(draws=500, tune=500, cores=1)
    draws = sample(spec, data, sampler, seed, progressbar=False)
    posterior = natural_parameters(spec, data, draws)
    return assemble(spec, data, posterior, draws.stats, sampler=sampler, seed=seed)


def errors_of_estimates(
    kind: Kind, design: Design, truth: Mapping[str, float], seed: int
) -> dict[str, float]:
    """Return by parameter the error of its estimate over the prior's sd, see the top."""
    spec, rng = spec_of(kind), np.random.default_rng(seed)
    noise, inputs = spec.noise, {k: design[spec.column(k)] for k in spec.law.inputs}
    known = {"se": np.zeros(len(next(iter(inputs.values()))))}
    curve = spec.law.curve(inputs, spec.references, truth)
    scales = {"target": noise.scale(curve)}
    _, sd = spec.normal_priors(spec.free, scales)
    centre = np.array([float(to_link(p, truth[k], scales)) for k, p in spec.free.items()])
    nu, size = truth.get("nu"), truth["sigma"]

    def misfit(u: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return signed roots of twice the log likelihood lost, shape (replicate, run)."""
        z = centre + sd * u
        at = {k: natural(p, z[:, i, None], scales) for i, (k, p) in enumerate(spec.free.items())}
        there = spec.law.curve(inputs, spec.references, at)
        off = noise.residual(there, truth, known, seen)[0] / size
        off = np.clip(np.nan_to_num(off, nan=1e4), -1e4, 1e4)
        return off if nu is None else np.sign(off) * np.sqrt((nu + 1) * np.log1p(off**2 / nu))

    found = {}
    for i, name in enumerate(spec.free):
        seen = noise.draw(np.tile(curve, (REPLICATES, 1)), truth, known, rng=rng)
        guess = rng.normal(size=(REPLICATES, len(sd)))
        others = np.arange(len(sd)) != i

        def residual(u: np.ndarray, seen: Any = seen, guess: Any = guess, o: Any = others) -> Any:
            return np.concatenate([misfit(u, seen), (u - guess)[:, o]], axis=1)

        with np.errstate(all="ignore"):
            errors = least_squares(residual, np.zeros_like(guess))[:, i]
        found[name] = float(np.sqrt(np.square(np.minimum(np.abs(errors), FURTHEST)).mean()))
    return found


def least_squares(residual: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> np.ndarray:
    """Minimise sums of squares, many at once, by Levenberg and Marquardt's method.

    Parameters
    ----------
    residual : callable
        From points, shape (problem, parameter), to residuals, shape (problem, residual).
    start : array, shape (problem, parameter)
        Where to begin; the search stays within ``FAR`` of it.

    Returns
    -------
    array, shape (problem, parameter)
    """
    u, size = start.copy(), start.shape[1]
    damping, now = np.full(len(u), 1e-2), residual(u)
    for _ in range(STEPS):
        slopes = np.stack([(residual(u + d) - now) / STEP for d in STEP * np.eye(size)], axis=-1)
        square = np.einsum("rni,rnj->rij", slopes, slopes)
        weight = damping[:, None, None] * (square * np.eye(size) + 1e-6 * np.eye(size))
        towards = np.einsum("rni,rn->ri", slopes, now)
        tried = u - np.linalg.solve(square + weight, towards[..., None])[..., 0]
        tried = np.clip(tried, start - FAR, start + FAR)
        then = residual(tried)
        better = (then**2).sum(1) < (now**2).sum(1)
        u, now = np.where(better[:, None], tried, u), np.where(better[:, None], then, now)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e9)
    return u


def study(kind: Kind, design: Design, rng: np.random.Generator) -> dict[str, Any]:
    """Measure one study: verdicts, truth, and the effect of the recommended runs."""
    truth = draw_truth(kind, rng)
    seed = int(rng.integers(2**31))
    runs = simulated(kind, design, truth, seed)
    fit = quick_fit(kind, runs, seed)
    said = bs.identify(fit)
    bought: dict[str, Any] = {}
    turned: dict[str, pd.DataFrame] = {}
    for name, plan in said.attrs["recommended_runs"].items():
        key = json.dumps(plan, sort_keys=True)
        if key not in turned:
            new = simulated(kind, pd.DataFrame(plan), truth, seed + 1 + len(turned))
            turned[key] = contractions(
                quick_fit(kind, pd.concat([runs, new], ignore_index=True), seed + 1)
            )
        after = turned[key].loc[name]
        bought[name] = {
            "runs": len(plan),
            "chance": float(said.loc[name, "chance"]),
            "verdict": str(after["verdict"]),
            "contraction": float(after["contraction"]),
        }
    return {
        "truth": truth,
        "verdicts": said["verdict"].to_dict(),
        "contraction": said["contraction"].to_dict(),
        "chance": said["chance"].to_dict(),
        "errors": errors_of_estimates(kind, design, truth, seed),
        "recommended_runs": bought,
        "diagnostics": fit.diagnostics.problems(),
    }


def run_kind(law: str, folder: str, first: int) -> None:
    """Measure the studies of a law that are not saved yet."""
    kind, path = KINDS[law], Path(folder) / f"{law}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, design, rng in studies(kind, first):
        own = np.random.default_rng(rng.integers(2**63))
        if name in done:
            continue
        done[name] = study(kind, design, own)
        path.write_text(json.dumps(done, indent=1) + "\n")
        print(law, name, done[name]["verdicts"], done[name]["recommended_runs"], flush=True)


def run_all(workers: int = 1, folder: Path = FOLDER, first: int = FIRST) -> None:
    """Measure what is missing, a process a law, so that each compiles once."""
    with ProcessPoolExecutor(workers, get_context("spawn"), max_tasks_per_child=1) as pool:
        for one in [pool.submit(run_kind, law, str(folder), first) for law in KINDS]:
            one.result()


def counts(folder: Path = FOLDER) -> pd.DataFrame:
    """Return one row a parameter of each study."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        for name, found in json.loads(path.read_text()).items():
            for parameter, error in found["errors"].items():
                bought = found["recommended_runs"].get(parameter)
                rows.append(
                    {
                        "law": path.stem,
                        "study": name,
                        "parameter": parameter,
                        "flagged": found["verdicts"][parameter] != "identified",
                        "contraction": found["contraction"][parameter],
                        "error": error,
                        "lost": error > LIMIT,
                        "clear": not LIMIT / CLEAR < error < LIMIT * CLEAR,
                        "recommended_runs": bought is not None,
                        "turned": bought is not None and bought["verdict"] == "identified",
                        "chance": found["chance"][parameter],
                    }
                )
    return pd.DataFrame(rows)


def score(table: pd.DataFrame) -> tuple[float, float, str]:
    """Return precision and recall of the flags, and what went wrong in words."""
    hit = len(table.query("flagged and lost"))
    alarms, missed = table.query("flagged and not lost"), table.query("lost and not flagged")
    note = f"{len(table)} parameters, {hit} hits"
    for what, wrong in (("false alarms", alarms), ("missed", missed)):
        said = named(wrong)
        note += f"; {len(wrong)} {what}" + (f": {', '.join(said)}" if said else "")
    return hit / max(hit + len(alarms), 1), hit / max(hit + len(missed), 1), note


def named(table: pd.DataFrame) -> list[str]:
    """Name each row."""
    return [f"{r['parameter']} of {r['law']} ({r['study']})" for r in table.to_dict("records")]


def measure() -> list[Bar]:
    """Measure what is missing; return precision, recall and the effect of the recommended runs."""
    run_all()
    table = counts()
    precision, recall, note = score(table)
    clearly = score(table.query("clear"))
    flagged, offered = len(table.query("flagged")), table.query("recommended_runs")
    told = f"{len(offered)} recommendations for {flagged} flagged parameters"
    failed = offered.query("not turned")
    told += "".join(f"; not {name}" for name in named(failed))
    away = f"error at least {CLEAR:g} times the limit or at most 1/{CLEAR:g} of it; "
    return [
        Bar("precision of the flags", precision, 0.95, note=note),
        Bar("recall of the flags", recall, 0.95),
        Bar("precision, clear of the limit", clearly[0], note=away + clearly[2]),
        Bar("recall, clear of the limit", clearly[1]),
        Bar(
            "recommendations that turn the verdict",
            1 - len(failed) / max(len(offered), 1),
            0.8,
            note=told,
        ),
        Bar("flagged parameters with a recommendation", len(offered) / max(flagged, 1)),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the studies are saved")
    parser.add_argument("--first", type=int, default=FIRST, help="number of the first round")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(Path(__file__).parent))
    run_all(options.workers, options.folder, options.first)
