"""A hundred small fits: against the command line, with one worker and two, and resumed."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from bars import Bar

import bayescale as bs

TABLES = 100
ALONE = 3
"""Command-line fits that are timed; the others would take as long."""
LAW = "power_law_floor"


def table(seed: int) -> pd.DataFrame:
    """Make a small study: twenty runs along compute."""
    x = np.geomspace(1e17, 1e21, 20)
    truth = {"E": 1.5, "scale": 1.0, "exponent": 0.1}
    at = {"x": 1e19}
    design = pd.DataFrame({"flops": x})
    return bs.simulate(LAW, design, truth, references=at, random_seed=seed)


def seconds_of_many(tables: dict[str, pd.DataFrame], folder: Path, workers: int) -> float:
    """Return how long all fits take, importing and compiling in the workers included."""
    started = time.perf_counter()
    found = list(bs.fit_many(tables, LAW, folder=folder, workers=workers, random_seed=1))
    assert all(one.fit is not None for one in found)
    return time.perf_counter() - started


def seconds_alone(folder: Path) -> float:
    """Return how long one fit on the command line takes, compile cache warm."""
    path = folder / "0.csv"
    table(0).to_csv(path, index=False)
    command = [sys.executable, "-m", "bayescale", "fit", str(path), "--law", LAW, "--quiet"]
    times = []
    for _ in range(ALONE + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return float(np.mean(times[1:]))


def fitted_again(tables: dict[str, pd.DataFrame], folder: Path) -> int:
    """Kill a call half-way, call again; return how many finished fits were fitted twice."""
    code = (
        "import sys, pickle, bayescale as bs\n"
        "if __name__ == '__main__':\n"
        "    tables = pickle.load(open(sys.argv[1], 'rb'))\n"
        f"    list(bs.fit_many(tables, '{LAW}', folder=sys.argv[2], random_seed=1))\n"
    )
    script, packed = folder / "many.py", folder / "tables.pkl"
    script.write_text(code)
    pd.to_pickle(tables, packed)
    kept = folder / "kept"
    process = subprocess.Popen([sys.executable, str(script), str(packed), str(kept)])
    while len(list(kept.glob("[!.]*.nc"))) < len(tables) // 2:
        assert process.poll() is None, "it ended before it was half-way"
        time.sleep(0.1)
    process.kill()
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.nc")}
    found = list(bs.fit_many(tables, LAW, folder=kept, random_seed=1))
    after = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.nc")}
    assert len(found) == len(after) == len(tables)
    return sum(after[name] != then for name, then in before.items())


def measure() -> list[Bar]:
    """Return throughput, its gain from a second worker, and what a resumed call repeats."""
    tables = {str(seed): table(seed) for seed in range(TABLES)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = seconds_of_many(tables, folder / "one", 1)
        two = seconds_of_many(tables, folder / "two", 2)
        alone = seconds_alone(folder) * TABLES
        twice = fitted_again(dict(list(tables.items())[:20]), folder)
    return [
        Bar("100 fits, two workers, s", two),
        Bar("throughput over 100 command-line fits", alone / two, 20),
        Bar("two workers over one", one / two, 1.8),
        Bar("finished fits fitted again after a kill", twice, high=0),
    ]
