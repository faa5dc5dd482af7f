"""A small picture of each law: the curve that its default priors expect, before any data."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from bayescale.laws.base import Law
from bayescale.laws.inputs import Input
from bayescale.laws.registry import BUILT_IN
from bayescale.model.noise.registry import get_noise
from bayescale.model.prior_distribution import draw_prior
from bayescale.model.spec import make_spec
from bayescale.plots.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    dress,
    kind_of,
    log_axis,
    log_ticks,
    one_panel,
)

IMAGES = Path(__file__).parent / "images" / "laws"
SIZE, DPI = (3.4, 2.3), 130
MANY = 1e4
"""Other inputs than params, tokens and compute are written as powers of ten from here."""
POINTS, DRAWS = 60, 2000
LABELS = {"params": "parameters", "flops": "compute (FLOP)"}


def middle(given: Input) -> float:
    """Return the middle of an input's typical range, geometric where it can be."""
    low, high = given.range()
    return float(np.sqrt(low * high)) if low > 0 else (low + high) / 2


def prior_curve(law: type[Law]) -> tuple[np.ndarray, xr.DataArray]:
    """Evaluate the law at prior draws along its first input, the others in mid range.

    Returns
    -------
    (array of shape (point,), DataArray with dims (draw, run))
        The first input in its unit, and the target: in multiples of the typical one where the
        law's amplitudes are.
    """
    first, *others = law.inputs.items()
    low, high = first[1].range()
    along = np.geomspace(low, high, POINTS) if low > 0 else np.linspace(low, high, POINTS)
    table = _columns(first[1], along)
    for _, given in others:
        even = 1 / (given.nodes or 1) if given.simplex else middle(given)
        table |= _columns(given, np.full(POINTS, even))
    inputs = {
        name: xr.DataArray(given.take(table), dims=given.dims) for name, given in law.inputs.items()
    }
    at = {name: middle(given) if given.relative else 1.0 for name, given in law.inputs.items()}
    at |= dict.fromkeys(law.steps, 1.0)
    scales = dict.fromkeys(law.units(), 1.0)
    draws = draw_prior(make_spec(law), scales, DRAWS, np.random.default_rng(0)).isel(chain=0)
    return along, law.curve(inputs, at, draws).transpose("draw", "run")


def _columns(given: Input, along: np.ndarray) -> dict[str, np.ndarray]:
    """Return an input's columns; of shares of a whole, the others are even beside the first."""
    first, *others = given.columns()
    rest = (1 - along) / len(others) if given.simplex else along
    return {first: along, **dict.fromkeys(others, rest)}


def draw(law: type[Law]) -> Axes:
    """Draw the prior's median and its central 50 and 90 % along the law's first input."""
    along, curve = prior_curve(law)
    low, quarter, centre, three, high = np.quantile(curve, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    ax = one_panel(None, SIZE)
    ax.fill_between(along, low, high, color=BLUE, alpha=0.15, lw=0)
    ax.fill_between(along, quarter, three, color=BLUE, alpha=0.25, lw=0)
    ax.plot(along, centre, color=BLUE, lw=1.6)
    column = next(iter(law.inputs.values())).column
    label = LABELS.get(column, column.replace("_", " "))
    if 0 < 4 * along[0] < along[-1]:
        kind = "flops" if along[-1] > MANY and kind_of(column) == "number" else kind_of(column)
        log_axis(ax, "x", kind, label, most=5)
    else:
        ax.set_xlabel(label)
    multiples = any(p.of == "target" for p in law.parameters.values())
    ax.set_ylabel(f"{law.target.replace('_', ' ')}{' / typical' if multiples else ''}")
    if high.max() > 8 * low.min() > 0 and get_noise(law.noise).usable(np.array([1.5])).all():
        ax.set_yscale("log")
        log_ticks(ax.yaxis, "number", most=5)
    else:
        room = 1.5 * (three.max() - quarter.min())
        bottom = max(low.min(), quarter.min() - room)
        ax.set_ylim(bottom, min(high.max(), three.max() + room))
    ax.margins(x=0)
    return ax


DECADES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.5)
RIVALS = {"average": BLUE, "skaling, believed": GREEN, "chinchilla, believed": VERMILLION}


def write_extrapolation(rows: pd.DataFrame) -> None:
    """Write the picture of coverage and error by decades beyond the data.

    Parameters
    ----------
    rows : DataFrame
        What ``benchmarks/extrapolation.py`` saved; every data set counts alike in each bin.
    """
    matplotlib.use("Agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained")
    for rival, color in RIVALS.items():
        drawn = rows[rows["rival"] == rival]
        runs = pd.concat(
            pd.DataFrame(r, columns=["distance", "error", "pit"]).assign(set=name)
            for name, r in zip(drawn["set"], drawn["runs"], strict=True)
        )
        runs["bin"] = pd.cut(runs["distance"], DECADES)
        runs["inside"] = runs["pit"].between(0.05, 0.95)
        runs["error"] = 100 * runs["error"].abs()
        by_set = runs.groupby(["bin", "set"], observed=True)[["inside", "error"]].mean()
        binned = by_set.groupby("bin", observed=True).mean()
        at = [interval.mid for interval in binned.index]
        left.plot(
            at,
            100 * binned["inside"],
            "o-",
            color=color,
            label=rival.replace("believed", "no discrepancy"),
        )
        right.plot(
            at,
            binned["error"],
            "o-",
            color=color,
            label=rival.replace("believed", "no discrepancy"),
        )
    left.axhline(90, color=GREY, lw=0.8, ls="--")
    left.set_ylim(0, 102)
    left.set_ylabel("runs inside the 90 % band (%)")
    right.set_ylim(bottom=0)
    right.set_ylabel("mean error of loss (%)")
    for ax in (left, right):
        dress(ax)
        ax.set_xlabel("decades of compute beyond the data")
    right.legend(frameon=False, fontsize="small")
    figure.savefig(IMAGES.parent / "extrapolation.png", dpi=DPI, metadata={"Software": None})
    plt.close(figure)


def write_pictures() -> None:
    """Write a PNG a law, and take away those of laws that are gone."""
    matplotlib.use("Agg")
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, law in BUILT_IN.items():
        draw(law)
        plt.savefig(IMAGES / f"{name}.png", dpi=DPI, metadata={"Software": None})
        plt.close("all")
    for path in IMAGES.glob("*.png"):
        if path.stem not in BUILT_IN:
            path.unlink()
