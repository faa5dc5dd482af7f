"""How fast: against PyMC's own sampler on the same model, backtests, commands, notebooks, tables.

What a process takes is CPU time, user and system, of the whole process with byte code cached.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from bars import Bar
from extrapolation import CUTS, LAWS
from many import LAW, TABLES, seconds_of_many, table
from sets import runs_of

import bayescale as bs
from bayescale.evaluation.law_choice import OF_FEWER_RUNS, OF_SIZE_AND_DATA
from bayescale.inference import sampling as sampling_module
from bayescale.inference.fit import runs_and_law
from bayescale.inference.program_cache import DOUBLES
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
    model = engine_model(spec, data)
    theirs = ess_per_second(model, "pymc")
    started = time.perf_counter()
    bs.fit(runs.where("in_besiroglu_fit"), "chinchilla", random_seed=2, progressbar=False)
    refit = time.perf_counter() - started
    return [
        Bar("min ESS per second", ours),
        Bar("min ESS per second, pm.sample(nuts_sampler='pymc')", theirs),
        Bar("ratio", ours / theirs, 30),
        *beside_numpyro(model, ours),
        Bar("refit of other runs without compiling, s", refit, high=1.5),
        Bar("gradient at 245 runs, microseconds", gradient_time(compiled(spec, data)), high=15),
    ]


def ess_per_second(model: pm.Model, sampler: str) -> float:
    """Return the effective draws per second of ``pm.sample`` with a sampler."""
    with model:
        tree = pm.sample(
            nuts_sampler=sampler,
            random_seed=1,
            progressbar=False,
            compute_convergence_checks=False,
        )
    seconds = float(tree["posterior"].attrs["sampling_time"])
    return smallest_ess(tree["posterior"].to_dataset()) / seconds


def beside_numpyro(model: pm.Model, ours: float) -> list[Bar]:
    """Compare with NumPyro where it is installed: with its compilation, which cannot be left out.

    A second call compiles anew, so its time has both.
    """
    if find_spec("numpyro") is None:
        return []
    theirs = ess_per_second(model, "numpyro")
    return [
        Bar("min ESS per second, pm.sample(nuts_sampler='numpyro')", theirs, note="with compiling"),
        Bar("ratio to numpyro", ours / theirs, 5),
    ]


def gradient_time(program: Any, calls: int = 2000) -> float:
    """Return the CPU time of a log density and its gradient, the least of ten, in microseconds."""
    arrays = program.initial_point_func(1), np.empty(program.n_dim), np.empty(1)
    pointers = [array.ctypes.data_as(DOUBLES) for array in arrays]
    call, data = program.compiled_logp_func.ctypes, program.user_data.ctypes.data
    took = []
    for _ in range(10):
        started = time.process_time()
        for _ in range(calls):
            call(program.n_dim, *pointers, data)
        took.append(time.process_time() - started)
    return min(took) / calls * 1e6


def backtests() -> Bar:
    """Measure the backtests of three laws at three cuts, scores included."""
    runs = bs.read_runs(runs_of(STUDY))
    for law in LAWS:
        compiled(make_spec(law), extract(make_spec(law), runs))
    started = time.process_time()
    for law in LAWS:
        bs.backtest(runs, law, cuts=CUTS, random_seed=1, progressbar=False)
    took = time.process_time() - started
    return Bar("backtests of 3 laws at 3 cuts without compiling, s of CPU time", took, high=20)


class Here(Executor):
    """Fits in this process, so that its CPU time is theirs."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call at once."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def many_fits(folder: Path, alone: int = 30, count: int = TABLES) -> list[Bar]:
    """Measure ``fit_many``: what a fit takes beyond drawing, and a second worker's gain."""
    drawing, draw = [], sampling_module.run_nutpie

    def drawn(*arguments: Any) -> Any:
        started = time.process_time()
        found = draw(*arguments)
        drawing.append(time.process_time() - started)
        return found

    tables = {str(seed): table(seed) for seed in range(alone)}
    list(bs.fit_many({"first": table(100)}, LAW, executor=Here(), random_seed=1))
    with patch.object(sampling_module, "run_nutpie", drawn):
        started = time.process_time()
        list(bs.fit_many(tables, LAW, folder=folder, executor=Here(), random_seed=1))
        took = time.process_time() - started
    tables = {str(seed): table(seed) for seed in range(count)}
    one, two = (seconds_of_many(tables, folder / str(n), n) for n in (1, 2))
    return [
        Bar(
            "fit_many, s of CPU time per fit beyond drawing",
            (took - sum(drawing)) / alone,
            high=0.25,
        ),
        Bar(f"fit_many of {count} tables, two workers over one", one / two, 1.7),
    ]


def spent(
    *command: str, usage: bool = True, env: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Run a fresh process; return its CPU time in seconds and its largest memory in GB.

    ``usage`` says whether the command is a right one.
    """
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=env, **quiet)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode == 0) is usage, f"{command} ended with {process.returncode}"
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


def asked(*arguments: str) -> tuple[str, ...]:
    """Return a command of bayescale's."""
    return sys.executable, "-m", "bayescale", *arguments


def median_spent(*arguments: str, usage: bool = True) -> float:
    """Return the median CPU time of five runs of a command."""
    return statistics.median(spent(*asked(*arguments), usage=usage)[0] for _ in range(5))


QUESTIONS = {
    "predict": (["--params", "70B", "--tokens", "1.4T"], 1.2),
    "optimum": (["--flops", "1e24"], 1.8),
    "summary": ([], 1.2),
}
"""Commands of a saved fit, with their options, and the bars of their CPU time."""


def command_line(folder: Path) -> list[Bar]:
    """Measure the CPU time of commands, and the file of a saved fit of 245 runs."""
    path, page = folder / "fit.nc", folder / "report.html"
    fitting = ("fit", STUDY, "-o", str(path), "--quiet")
    spent(*asked(*fitting))  # keeps the program
    questions = {name: (name, str(path), *options) for name, (options, _) in QUESTIONS.items()}
    commands = [
        ("--help", ("--help",), True, 0.25),
        ("predict of no such file", ("predict", "none.nc", "--params", "1B"), False, 0.5),
        ("fit, a law known", fitting, True, 4.5),
        *((name, questions[name], True, bar) for name, (_, bar) in QUESTIONS.items()),
        ("report", ("report", str(path), "-o", str(page)), True, 6),
    ]
    cold = os.environ | {"BAYESCALE_CACHE": str(folder / "programs")}
    first = Bar(
        "bayescale fit, no program kept, s of CPU time", spent(*asked(*fitting), env=cold)[0]
    )
    four = ("--laws", ",".join((*OF_SIZE_AND_DATA, *OF_FEWER_RUNS, "farseer")))
    analyses = {"analyze": (), "analyze of four laws": four}
    return [
        replace(first, high=10),
        *(
            Bar(
                f"bayescale {name}, s of CPU time",
                min(
                    spent(*asked("analyze", STUDY, "--quiet", "-o", str(page), *options))[0]
                    for _ in range(2)
                ),
                high=25,
            )
            for name, options in analyses.items()
        ),
        *(
            Bar(f"bayescale {name}, s of CPU time", median_spent(*command, usage=right), high=bar)
            for name, command, right, bar in commands
        ),
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


NOTEBOOK = f"""
import json, time
import bayescale as bs
marks = []
runs = bs.read_runs(bs.load_dataset("{STUDY}"))
fit = bs.fit(runs, "chinchilla", random_seed=1, progressbar=False)
fit.summary()
marks.append(time.process_time())
for ask in (
    lambda: bs.fit(runs.where("in_besiroglu_fit"), "chinchilla", random_seed=2, progressbar=False),
    lambda: fit.predict(params=[f"{{i + 1}}B" for i in range(100)], tokens="1T"),
    lambda: fit.optimum([10.0 ** (19 + i / 2) for i in range(10)]),
):
    started = time.process_time()
    ask()
    marks.append(time.process_time() - started)
print(json.dumps(marks))
"""
"""What a notebook asks first, in a fresh kernel, and the CPU time of each."""


def notebook() -> list[Bar]:
    """Measure the first questions of a fresh notebook kernel."""
    bars = {
        "fresh kernel, import to the summary of a first fit": 5,
        "refit of another table": 0.6,
        "predict of 100 points, the first question": 0.05,
        "optimum of 10 budgets with the discrepancy": 0.5,
    }
    found = []
    for _ in range(3):
        command = [sys.executable, "-c", NOTEBOOK]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(said.splitlines()[-1]))
    took = np.median(found, axis=0)
    return [
        Bar(f"{name}, s of CPU time", value, high=high)
        for (name, high), value in zip(bars.items(), took, strict=True)
    ]


TRUTH = {"E": 1.8, "a": 480.0, "alpha": 0.35, "b": 2100.0, "beta": 0.37}


def many_runs(path: Path) -> None:
    """Write twenty thousand runs."""
    rng = np.random.default_rng(0)
    sizes, tokens = 10 ** rng.uniform(7.5, 10, 20_000), 10 ** rng.uniform(9, 11.5, 20_000)
    design = pd.DataFrame({"params": sizes, "tokens": tokens})
    bs.simulate("chinchilla", design, TRUTH, random_seed=1).to_csv(path, index=False)


def many_checkpoints(path: Path) -> None:
    """Write a million checkpoints of five hundred runs."""
    rng = np.random.default_rng(0)
    run = np.repeat(np.arange(500), 2000)
    params = (10 ** rng.uniform(7.5, 10, 500))[run]
    share = np.tile(np.arange(1, 2001) / 2000, 500)
    tokens = (10 ** rng.uniform(9, 11.5, 500))[run] * share
    curve = TRUTH["E"] + TRUTH["a"] * params ** -TRUTH["alpha"]
    curve += TRUTH["b"] * tokens ** -TRUTH["beta"]
    loss = curve * np.exp(0.005 * (rng.normal(size=500)[run] + 0.2 * rng.normal(size=len(run))))
    table = {"run": run, "params": params, "tokens": tokens, "loss": loss}
    pd.DataFrame(table).to_csv(path, index=False, float_format="%.8g")


def large_tables(folder: Path) -> list[Bar]:
    """Measure the CPU time and the memory of fitting large tables, reading included."""
    tables = {
        "20,000 runs": (many_runs, 60, 1.5),
        "1,000,000 checkpoints of 500 runs": (many_checkpoints, 40, 2),
    }
    bars = []
    for name, (write, seconds, memory) in tables.items():
        path = folder / f"{write.__name__}.csv"
        write(path)
        command = asked("fit", str(path), "--law", "chinchilla", "--quiet")
        took, held = spent(*command)
        bars += [
            Bar(f"bayescale fit of {name}, s of CPU time", took, high=seconds),
            Bar(f"bayescale fit of {name}, GB", held, high=memory),
        ]
    return bars


def measure() -> list[Bar]:
    """Measure sampling, backtests, the command line, a notebook, large tables and many fits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        processes = [*command_line(path), *notebook(), *large_tables(path), *many_fits(path)]
    return [*sampling(), backtests(), *processes]
