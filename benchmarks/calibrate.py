"""Does every law recover itself? A hundred data sets per law, drawn from its own prior.

    python benchmarks/calibrate.py                     # every law not measured yet, or changed
    python benchmarks/calibrate.py chinchilla skaling  # these
    python benchmarks/calibrate.py --workers 2         # two laws at once, one core a fit
    python benchmarks/calibrate.py --data-sets 100     # more than thirty, for the test of ranks

A truth, noise included, is drawn from the default priors; its runs fill the typical range of the
law's inputs; the fit is the package's default and knows nothing of the truth. Default priors of
amplitudes are multiples of the typical observed target, so a truth is kept when the typical target
of its runs, and of a step on the way, is the one its prior was taken at (within 5 %), and when the
noise could produce every value: both look at the runs alone, and such a choice leaves intervals
calibrated. Every fit counts, whatever its diagnostics.

A parameter is identified when, over the data sets, the posterior's sd is on average at most half of
the prior's (on the link scale). Where inference is right, the rank of the truth among the draws is
uniform (simulation-based calibration; Talts et al. 2018, arXiv:1804.06788); Kolmogorov's and
Smirnov's test says whether it is, for each identified parameter. Each law's numbers are saved as
``results/calibrate/LAW.json``.
"""

import argparse
import ast
import inspect
import json
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from hashlib import sha256
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from scipy.stats import kstest

import bayescale as bs
from bayescale.inference.diagnostics import RHAT_LIMIT
from bayescale.inference.sampling import Sampler
from bayescale.laws.base import Law
from bayescale.laws.registry import BUILT_IN
from bayescale.model.link_scale import to_link
from bayescale.model.noise.base import Noise
from bayescale.model.noise.registry import get_noise
from bayescale.model.observations import Data, extract
from bayescale.model.observed_columns import Observable
from bayescale.model.prior_distribution import draw_prior
from bayescale.model.spec import Spec, make_spec

FOLDER = RESULTS / "calibrate"
DATA_SETS = 30
MANY = 100
"""Data sets from which a law's ranks and coverage are held to bars of their own."""
SCALE = 3.0
TOLERANCE = 0.05
TRIES = 50_000
RAREST = 1e-9
"""Rate of successes below which nobody goes on trying until enough are seen."""
IDENTIFIED = 0.5
"""Average ratio of posterior to prior sd up to which a parameter counts as identified."""
PLACEHOLDER = 0.5
"""A target that every noise can produce, to ask for the reference points of a design."""


def run_count(law: type[Law]) -> int:
    """Return how many runs a user of the law would have: forty, or eight a parameter."""
    return max(40, 8 * len(law.parameters))


def digest(law: type[Law]) -> str:
    """Return a hash of what the numbers depend on: the law's code, its noise's priors, the plan."""
    parts = [
        *(text for part in law.parts or (law,) for text in _sources(part)),
        f"{DATA_SETS} {run_count(law)} {SCALE} {TOLERANCE}",
    ]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _sources(law: type[Law]) -> list[str]:
    noise, module = get_noise(law.noise), import_module(law.__module__)
    found, called = [_code(law)], _names(_code(law))
    while called:
        function = vars(module).get(called.pop(), None)
        if inspect.isfunction(function) and function.__module__ == law.__module__:
            text = _code(function)
            if text not in found:
                found.append(text)
                called |= _names(text)
    return [found[0], *sorted(found[1:]), noise.name, repr(noise.parameters)]


def _names(code: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def _code(given: Any) -> str:
    """Return the source of a class or function without annotations and docstrings.

    A class that a function made, as the laws of mixtures are, has that of its module.
    """
    try:
        text = inspect.getsource(given)
    except OSError:
        text = inspect.getsource(import_module(given.__module__))
    tree = ast.parse(textwrap.dedent(text))
    return ast.unparse(ast.fix_missing_locations(_Bare().visit(tree)))


class _Bare(ast.NodeTransformer):
    """Leaves out what draws do not depend on: annotations, docstrings, what a target may be."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        return None if ast.unparse(node.targets[0]) == "target_bounds" else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        return ast.Assign([node.target], node.value) if node.value else None

    def _without_docstring[T: (ast.ClassDef, ast.FunctionDef)](self, node: T) -> T:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        self.generic_visit(node)
        return node


def draw_truth(spec: Spec, scale: float, rng: np.random.Generator) -> dict[str, float]:
    """Draw every parameter, the noises' too, from the prior at a typical target."""
    scales = dict.fromkeys(spec.law.units(), SCALE) | {"target": scale}
    drawn = draw_prior(spec, scales, 1, rng).squeeze()
    return {name: float(drawn[name]) for name in spec.parameters}


def problem(law: type[Law], seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw a truth and simulate its runs.

    Raises
    ------
    bayescale.BayescaleError
        When next to no draw of the prior has runs that such a prior is for.
    """
    own = int(sha256(law.name.encode()).hexdigest()[:8], 16)  # laws do not share their luck
    spec, rng = spec_of(law), np.random.default_rng([own, seed])
    table = bs.typical_design(law, run_count(law), seed)
    placeholders = {seen.column: PLACEHOLDER for seen in spec.observables}
    data = extract(spec, bs.read_runs(table.assign(**placeholders)))
    for _ in range(TRIES):
        truth, scale = _candidate(spec, data, rng)
        with np.errstate(invalid="ignore"):  # a loss below zero has no log: not usable
            observed = {s.column: _observed(spec, data, s, truth, rng) for s in spec.observables}
        if not all(_measurable(s.noise, observed[s.column]) for s in spec.observables):
            continue
        meant = {s.column: SCALE if s.step else scale for s in spec.observables}
        typical = {s.column: s.noise.scale(observed[s.column]) for s in spec.observables}
        if all(abs(np.log(typical[name] / meant[name])) < TOLERANCE for name in meant):
            return table.assign(**observed), truth
    raise bs.BayescaleError(f"{law.name}: its prior predicts no data that it would be the prior of")


def _measurable(noise: Noise, values: np.ndarray) -> bool:
    """Whether all of these targets could be seen, and measured in a lifetime."""
    never = noise.name == "negative_binomial" and bool((values < RAREST).any())
    return bool(noise.usable(values).all()) and not never


def spec_of(law: type[Law]) -> Spec:
    """Return the law with its defaults, the reference point of its steps the typical loss."""
    return make_spec(law, references=dict.fromkeys(law.steps, SCALE))


def _observed(
    spec: Spec, data: Data, seen: Observable, truth: Mapping[str, float], rng: np.random.Generator
) -> np.ndarray:
    curve = spec.law.curve(data.inputs, data.references, truth, seen.step)
    known = data.of(seen).known
    return np.asarray(seen.noise.draw(curve, seen.of_noise(truth), known, rng=rng))


def _candidate(spec: Spec, data: Data, rng: np.random.Generator) -> tuple[dict[str, float], float]:
    """Draw a truth and say at which typical target: any, unless the law itself has a unit."""
    truth, noise = draw_truth(spec, SCALE, rng), spec.noise
    free_of_unit = any(p.of == "target" for p in spec.law.parameters.values())
    scale = noise.scale(np.full(1, SCALE))
    if not free_of_unit:
        curve = np.asarray(spec.law.curve(data.inputs, data.references, truth))
        if not noise.usable(curve).all():
            return truth, scale
        scale = noise.scale(curve)
    scatter = draw_truth(spec, scale, rng)
    return {**truth, **{name: scatter[name] for name in spec.noise_parameters}}, scale


def quiet_fit(runs: Any, law: Any, seed: int, sampler: Sampler | None = None) -> bs.Fit:
    """Fit with the defaults; what the fit would warn of is counted by the caller."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        return bs.fit(runs, law, sampler=sampler or Sampler(), random_seed=seed, progressbar=False)


def recover(law: type[Law], seed: int, sampler: Sampler | None = None) -> dict[str, Any]:
    """Fit one data set and set the posterior beside the truth."""
    table, truth = problem(law, seed)
    started = time.perf_counter()
    fit = quiet_fit(table, spec_of(law), seed, sampler)
    found = fit.diagnostics
    return {
        "seed": seed,
        "rhat": round(found.rhat, 4),
        "ess": round(found.ess),
        "divergences": found.divergences,
        "ok": found.ok,
        "draws": found.draws,
        "seconds": round(time.perf_counter() - started, 2),
        "parameters": {name: _beside(fit, name, value) for name, value in truth.items()},
        "ranks": {name: float((fit.posterior[name] < v).mean()) for name, v in truth.items()},
    }


def _beside(fit: bs.Fit, name: str, truth: float) -> list[float]:
    """Return the truth, the 90 % interval, and the ratio of posterior to prior sd."""
    draws, parameter = fit.posterior[name], fit.spec.parameters[name]
    bounds = bs.credible_interval(draws, 0.9)
    prior_sd = float(fit.spec.normal_priors([name], fit.scales)[1][0])
    ratio = float(to_link(parameter, draws, fit.scales).std()) / prior_sd
    row = (truth, float(bounds["lower"]), float(bounds["upper"]), ratio)
    return [float(f"{value:.8g}") for value in row]


def measure_law(name: str, data_sets: int = DATA_SETS, cores: int | None = None) -> dict[str, Any]:
    """Recover one law from all its data sets; the first fit compiles for all."""
    law, sampler = BUILT_IN[name], Sampler(cores=cores)
    return {
        "law": name,
        "noise": law.noise,
        "runs": run_count(law),
        "fits": [recover(law, seed, sampler) for seed in range(data_sets)],
    }


def table_of(record: Mapping[str, Any]) -> pd.DataFrame:
    """Return how a law's parameters fared: data sets whose interval holds the truth, and sd ratio.

    Returns
    -------
    pandas.DataFrame
        One row a parameter of the law: ``hits``, ``data_sets``, ``sd_ratio``, ``identified``, and
        ``p``, the p-value of the ranks' uniformity, NaN where ranks were not saved.
    """
    rows = {}
    for name in BUILT_IN[record["law"]].parameters:
        truth, lower, upper, ratios = np.array([f["parameters"][name] for f in record["fits"]]).T
        ratio = float(ratios.mean())
        ranks = [fit["ranks"][name] for fit in record["fits"] if "ranks" in fit]
        rows[name] = {
            "hits": int(((lower <= truth) & (truth <= upper)).sum()),
            "data_sets": len(truth),
            "sd_ratio": ratio,
            "identified": ratio <= IDENTIFIED,
            "p": float(kstest(ranks, "uniform").pvalue) if ranks else float("nan"),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line about a law: what its runs identify, coverage, and the sampler's health."""
    table, fits = table_of(record), record["fits"]
    known = table.query("identified")
    worst = known["hits"].idxmin() if len(known) else ""
    usual = Sampler()
    return {
        "law": record["law"],
        "runs": record["runs"],
        "identified": f"{len(known)} of {len(table)}",
        "coverage": known["hits"].sum() / known["data_sets"].sum() if len(known) else float("nan"),
        "worst": f"{worst} {known['hits'].min()}/{len(fits)}" if len(known) else "",
        "least p of ranks": known["p"].min() if len(known) else float("nan"),
        "R-hat < 1.01": float(np.mean([f["rhat"] < RHAT_LIMIT for f in fits])),
        "max R-hat": max(f["rhat"] for f in fits),
        "min ESS": min(f["ess"] for f in fits),
        "divergent": sum(f["divergences"] > 0 for f in fits),
        "failed": sum(not f["ok"] for f in fits),
        "extended": sum(f["draws"] > usual.draws * usual.chains for f in fits),
        "s a fit": float(np.median([f["seconds"] for f in fits])),
    }


def bars_of(records: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Return the numbers over all laws beside their bars."""
    tables = [table_of(record) for record in records]
    known = pd.concat([t.query("identified") for t in tables])
    fits = [fit for record in records for fit in record["fits"]]
    hits, tried = known["hits"].to_numpy(float), known["data_sets"].to_numpy(float)
    low_rhat = float(np.mean([f["rhat"] < RHAT_LIMIT for f in fits]))
    failed = float(np.mean([not f["ok"] for f in fits]))
    tested = known["p"].dropna()
    ranked = f"{len(tested)} parameters; the least p, times their number"
    many = known[known["data_sets"] >= MANY]
    shares = many["hits"] / many["data_sets"]
    large = sum(len(record["fits"]) >= MANY for record in records)
    uniform = [Bar("uniform ranks", tested.min() * len(tested), 0.01, note=ranked)]
    of_many = [
        Bar(f"laws of {MANY} data sets", large, 60),
        Bar("least share of them covered, one parameter", shares.min(), 0.80),
        Bar("greatest share of them covered, one parameter", shares.max(), high=0.97),
    ]
    return [
        Bar("laws measured", len(records), note=f"of {len(BUILT_IN)}"),
        Bar("identified parameters", len(known), note=f"of {sum(map(len, tables))}"),
        Bar("coverage of their 90 % intervals", hits.sum() / tried.sum(), 0.87, 0.93),
        Bar("least share of data sets covered, one parameter", (hits / tried).min(), 21 / 30),
        *(uniform if len(tested) else []),
        *(of_many if large else []),
        Bar("share of fits with R-hat < 1.01", low_rhat, 0.95),
        Bar("share of fits whose diagnostics failed", failed),
    ]


def saved(name: str, least: int = 1) -> dict[str, Any] | None:
    """Return the saved numbers of a law unless it has changed since, or has too few data sets."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    same = record["digest"] == digest(BUILT_IN[name])
    return record if same and len(record["fits"]) >= least else None


def records() -> list[dict[str, Any]]:
    """Return the saved numbers of all laws that have some."""
    return [record for name in BUILT_IN if (record := saved(name))]


def save(record: Mapping[str, Any]) -> None:
    """Write a law's numbers, a fit a line."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    fits = ",\n".join(json.dumps(fit) for fit in record["fits"])
    head = json.dumps({k: v for k, v in record.items() if k != "fits"})
    (FOLDER / f"{record['law']}.json").write_text(f'{head[:-1]}, "fits": [\n{fits}\n]}}\n')


def run(names: Sequence[str], workers: int, data_sets: int) -> Iterator[dict[str, Any] | str]:
    """Measure laws, several at once if wanted; yield each record, or why there is none."""
    cores = None if workers == 1 else 1
    digests = {name: digest(BUILT_IN[name]) for name in names}  # of the source as it is now
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(measure_law, name, data_sets, cores): name for name in names}
        for job in as_completed(jobs):
            name, error = jobs[job], job.exception()
            yield f"{name}: {error!r}" if error else {**job.result(), "digest": digests[name]}


def measure() -> list[Bar]:
    """Return the bars from saved numbers; laws new or changed since are measured first."""
    main([])
    return bars_of(records())


def main(arguments: Sequence[str]) -> bool:
    """Measure what is not saved yet; say whether every law could be measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("laws", nargs="*", help="names; all laws when none is given")
    parser.add_argument("--workers", type=int, default=1, help="laws measured at once")
    parser.add_argument("--data-sets", type=int, default=DATA_SETS, help="of each law")
    given = parser.parse_args(arguments)
    unknown = set(given.laws) - set(BUILT_IN)
    if unknown:
        parser.error(f"no law named {', '.join(sorted(unknown))}; there are {', '.join(BUILT_IN)}")
    wanted = [name for name in given.laws or BUILT_IN if not saved(name, given.data_sets)]
    failures = []
    for found in run(wanted, given.workers, given.data_sets) if wanted else ():
        if isinstance(found, str):
            failures.append(found)
            print(f"not measured: {found}", flush=True)
        else:
            save(found)
            print("; ".join(f"{k} {_short(v)}" for k, v in row_of(found).items()), flush=True)
    return not failures


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    complete = main(sys.argv[1:])
    everything = records()
    found = bars_of(everything) if everything else []
    print(pd.DataFrame([row_of(record) for record in everything]).round(3).to_string(index=False))
    print("\n".join(map(str, found)))
    sys.exit(0 if complete and all(bar.met for bar in found) else 1)
