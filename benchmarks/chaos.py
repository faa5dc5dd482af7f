"""What is left after kills: processes that write are killed at random moments, and nothing is lost.

A process writes one kind of file again and again, and is killed (SIGKILL) a random time after its
first file is there. Then a whole version, the old one or the new, must be under the final name.
"""

import itertools
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from bars import Bar
from matplotlib import pyplot as plt

import bayescale as bs
from bayescale.cli.output import save_figure
from bayescale.data.write import write_bytes, write_table
from bayescale.inference.result import Fit

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from handmade import handmade_fit

KILLS = 40
"""Kills of each kind of file."""

WORDS, ROWS = 300_000, 20_000
"""Of a page and of a table."""


def page(version: int) -> bytes:
    """Return a page that says its version many times."""
    return f"<html>{f'{version} ' * WORDS}</html>".encode()


def draw(path: Path, version: int) -> None:
    """Write a picture as ``bayescale plot`` does."""
    figure = plt.figure()
    figure.gca().plot([version, 1])
    save_figure(figure, path)


def writers(fits: list[Fit]) -> dict[str, Callable[[Path, int], object]]:
    """Return how version i of each file is written: with the functions of the commands."""
    return {
        "report.html": lambda path, i: write_bytes(path, page(i)),
        "draws.csv": lambda path, i: write_table(path, pd.DataFrame({"x": [i] * ROWS})),
        "plot.png": draw,
        "fit.nc": lambda path, i: bs.save(fits[i % 2], path),
        "fit.zarr": lambda path, i: bs.save(fits[i % 2], path),
    }


def whole(path: Path) -> bool:
    """Whether a file under its final name is one whole version."""
    try:
        if path.suffix == ".html":
            text = path.read_text()
            words = text.removeprefix("<html>").removesuffix("</html>").split()
            return text.endswith("</html>") and len(words) == WORDS and len(set(words)) == 1
        if path.suffix == ".csv":
            table = pd.read_csv(path)
            return len(table) == ROWS and table["x"].nunique() == 1
        if path.suffix == ".png":
            return plt.imread(path).ndim == 3
        return isinstance(bs.load(path), Fit)
    except (OSError, ValueError, SyntaxError):
        return False


def killed(write: Callable[[Path, int], object], path: Path, after: float) -> bool:
    """Kill a process that writes, a time after its first file; return whether one is whole."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        for version in itertools.count(10):
            write(path, version)
            os.write(told, b".")
    os.close(told)
    os.read(ready, 1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    return whole(path)


def measure() -> list[Bar]:
    """Kill writers of each kind of file, and count the files that are lost or half."""
    plt.switch_backend("Agg")
    rng, bars = random.Random(1), []
    fits = [handmade_fit("chinchilla", seed=seed) for seed in (0, 1)]
    fits = [Fit(fit.spec, fit.tree.isel(draw=slice(50)), fit.record) for fit in fits]
    for name, write in writers(fits).items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            sound = [killed(write, path, rng.uniform(0, 0.3)) for _ in range(KILLS)]
        note = f"of {KILLS} kills while it was written"
        bars.append(Bar(f"{name} lost or half", sound.count(False), high=0, note=note))
    return bars
