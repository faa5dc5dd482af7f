"""How fast: against PyMC's own sampler on the same model, refits, backtests, the command line."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arviz as az
import pymc as pm
import xarray as xr
from bars import Bar
from extrapolation import CUTS, LAWS
from sets import runs_of

import bayescale as bs
from bayescale.inference.fit import runs_and_law
from bayescale.inference.sampling import Sampler, compiled, sample
from bayescale.model.build import engine_model
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

STUDY = "hoffmann2022"
NAMES = ["E", "a", "alpha", "b", "beta", "sigma", "nu"]


def smallest_ess(posterior: xr.Dataset) -> float:
    """Return the smallest bulk effective sample size."""
    return float(az.ess(posterior[NAMES], method="bulk").to_dataarray().min())


def sampling() -> list[Bar]:
    """Compare effective draws per second of sampling, compilation left out on both sides."""
    study = bs.load_study(STUDY)
    runs, _ = runs_and_law(study, None)
    spec = make_spec(study)
    data = extract(spec, runs)
    fit = bs.fit(study, random_seed=0, progressbar=False)  # compiles
    started = time.perf_counter()
    sample(spec, data, Sampler(), 1, progressbar=False)
    ours = smallest_ess(fit.posterior) / (time.perf_counter() - started)
    with engine_model(spec, data):
        tree = pm.sample(
            nuts_sampler="pymc", random_seed=1, progressbar=False, compute_convergence_checks=False
        )
    seconds = float(tree["posterior"].attrs["sampling_time"])
    theirs = smallest_ess(tree["posterior"].to_dataset()) / seconds
    started = time.perf_counter()
    bs.fit(runs.where("in_besiroglu_fit"), "chinchilla", random_seed=2, progressbar=False)
    refit = time.perf_counter() - started
    return [
        Bar("min ESS per second", ours),
        Bar("min ESS per second, pm.sample(nuts_sampler='pymc')", theirs),
        Bar("ratio", ours / theirs, 10),
        Bar("refit of other runs without compiling, s", refit, high=1.5),
    ]


def backtests() -> list[Bar]:
    """Time the backtests of three laws at three cuts, scores included, compilation left out."""
    runs = bs.read_runs(runs_of(STUDY))
    for law in LAWS:
        compiled(make_spec(law), extract(make_spec(law), runs))
    started, spent = time.perf_counter(), time.process_time()
    for law in LAWS:
        bs.backtest(runs, law, cuts=CUTS, random_seed=1, progressbar=False)
    wall, busy = time.perf_counter() - started, time.process_time() - spent
    name = "backtests of 3 laws at 3 cuts without compiling"
    return [
        Bar(
            f"{name}, s of CPU time", busy, high=60, note="no less than the wall of an idle machine"
        ),
        Bar(f"{name}, s", wall, note="on a machine as busy as it was"),
    ]


def spent(*arguments: str, usage: bool = True) -> float:
    """Return the CPU time of a command in a fresh process, in seconds; ``usage`` is right."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "bayescale", *arguments]
    subprocess.run(command, check=usage, capture_output=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median_spent(*arguments: str, usage: bool = True) -> float:
    """Return the median CPU time of five runs of a command."""
    return statistics.median(spent(*arguments, usage=usage) for _ in range(5))


QUESTIONS = {
    "predict": (["--params", "70B", "--tokens", "1.4T"], 1.2),
    "optimum": (["--flops", "1e24"], 1.8),
    "summary": ([], 1.2),
}
"""Commands of a saved fit, with their options, and the bars of their CPU time."""


def command_line() -> list[Bar]:
    """Measure the CPU time of commands, and the file of a saved fit of 245 runs."""
    with tempfile.TemporaryDirectory() as folder:
        path, page = Path(folder) / "fit.nc", Path(folder) / "report.html"
        spent("fit", STUDY, "-o", str(path), "--quiet")
        cold = spent("fit", STUDY, "-o", str(path), "--quiet", "--seed", "1")
        asked = {name: (name, str(path), *options) for name, (options, _) in QUESTIONS.items()}
        return [
            Bar("bayescale --help, s of CPU time", median_spent("--help"), high=0.25),
            Bar(
                "bayescale predict of no such file, s of CPU time",
                median_spent("predict", "none.nc", usage=False),
                high=0.5,
            ),
            *(
                Bar(f"bayescale {name}, s of CPU time", median_spent(*asked[name]), high=bar)
                for name, (_, bar) in QUESTIONS.items()
            ),
            Bar(
                "bayescale report, s of CPU time",
                median_spent("report", str(path), "-o", str(page)),
                high=6,
            ),
            Bar("bayescale fit hoffmann2022, cold process, s of CPU time", cold, high=25),
            Bar("saved fit of 245 runs, MB", path.stat().st_size / 1e6, high=1.5),
            save_and_load(path),
        ]


def save_and_load(path: Path) -> Bar:
    """Measure the CPU time of reading a saved fit and writing it again, imports left out."""
    took = []
    for _ in range(6):
        started = time.process_time()
        bs.save(bs.load(path), path)
        took.append(time.process_time() - started)
    return Bar("load and save of 245 runs, s of CPU time", statistics.median(took[1:]), high=0.3)


def measure() -> list[Bar]:
    """Measure sampling, backtests, then the command line."""
    return sampling() + backtests() + command_line()
