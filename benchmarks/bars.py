"""Measure what bayescale claims, print each number beside its bar, and save them as JSON.

    python benchmarks/bars.py                 # everything, some twenty minutes on two cores, and
                                              # more for laws that calibrate.py has not measured yet
    python benchmarks/bars.py speed identify  # some of it

Each measurement writes ``benchmarks/results/NAME.json``: the numbers, their bars, and the versions.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
MEASUREMENTS = (
    "posterior",
    "speed",
    "identify",
    "calibration",
    "extrapolation",
    "discrepancies",
    "learning_curve",
    "inside_class",
    "optimum_beyond",
    "effective_compute",
    "plan",
    "first_answers",
    "decisions",
    "adequacy",
    "one_input",
    "many",
    "families",
    "literature",
    "hitchhiker",
    "calibrate",
    "checkpoints",
    "tasks",
    "observational",
    "capability_index",
    "chaos",
    "samplers",
)


@dataclass(frozen=True)
class Bar:
    """One measured number and the range it should lie in."""

    name: str
    value: float
    low: float = float("-inf")
    high: float = float("inf")
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the number lies in the range."""
        return bool(self.low <= self.value <= self.high)

    def __str__(self) -> str:
        ends = [f">= {self.low:g}"] if self.low > float("-inf") else []
        ends += [f"<= {self.high:g}"] if self.high < float("inf") else []
        verdict = "ok  " if self.met else "MISS"
        bar = f"  (bar {', '.join(ends)})" if ends else ""
        note = f"  {self.note}" if self.note else ""
        return f"{verdict} {self.name}: {self.value:.4g}{bar}{note}"


def run(name: str) -> bool:
    """Run one measurement; return whether every bar was met."""
    measure: Callable[[], list[Bar]] = importlib.import_module(name).measure
    print(f"\n{name}", flush=True)
    started = time.perf_counter()
    bars = [replace(bar, value=float(bar.value)) for bar in measure()]
    for bar in bars:
        print(f"  {bar}", flush=True)
    saved = {
        "measurement": name,
        "seconds": round(time.perf_counter() - started, 1),
        "versions": {p: version(p) for p in ("bayescale", "pymc", "pytensor", "nutpie", "arviz")},
        "bars": [
            {k: v for k, v in asdict(bar).items() if v not in (float("inf"), float("-inf"))}
            | {"met": bar.met}
            for bar in bars
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(saved, indent=2) + "\n")
    return all(bar.met for bar in bars)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    outcomes = [run(name) for name in sys.argv[1:] or MEASUREMENTS]
    sys.exit(0 if all(outcomes) else 1)
