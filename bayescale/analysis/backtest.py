"""Fit the small runs, score the large ones: what a law's bands are worth beyond the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.analysis.predict import forecast
from bayescale.analysis.scores import COVERED, crps, log_score, pit
from bayescale.analysis.splits import Split, cuts_of, groups_of
from bayescale.averaging import Average, average
from bayescale.discrepancy import DISCREPANCY, Discrepancy
from bayescale.fitting import Fit, fit
from bayescale.spec import Data, Spec, extract, make_spec
from bayescale.study_data import runs_and_law

CUTS = (0.5, 0.7, 0.85)
"""Quantiles of compute below which runs are fitted, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a law foretold of runs it had not seen.

    Attributes
    ----------
    runs : DataFrame
        One row a held-out run and cut: ``cut``, ``run``, ``distance`` in decades beyond the
        largest fitted run, ``observed`` and ``median`` of the forecast in the target's unit,
        ``error`` of the median (relative: 0.01 is one per cent too high), ``lower_50``,
        ``upper_50``, ..., ``pit``, ``crps`` (relative) and ``log_score`` (density of the target in
        its own unit), and the errors ``best_seen`` and ``log_linear`` of two naive rules.
    summary : DataFrame
        One row a cut, and ``all`` with equal weight a cut: ``fitted`` and ``held_out`` runs,
        ``cover_50``, ``cover_90``, ``cover_95``, mean ``crps`` and ``log_score``, ``mean_error`` (the bias),
        ``abs_error`` and those of the naive rules, ``width_90`` (relative), and whether the fit's
        ``diagnostics`` were fine.
    law : str
        What was fitted.
    """

    runs: pd.DataFrame
    summary: pd.DataFrame
    law: str


def backtest(
    runs: Any,
    law: Any = None,
    *,
    by: str | None = None,
    cuts: Sequence[float] = CUTS,
    leave_out: str | None = None,
    discrepancy: Discrepancy | None = DISCREPANCY,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Backtest:
    """Fit the runs below a cut and score the forecasts of those above it, for several cuts.

    Parameters
    ----------
    runs, law
        The run table and what to fit, as for :func:`bayescale.fit`; a list of laws is averaged,
        with weights that each cut's fitted runs give by stacking.
    by : str, optional
        The column to cut by; compute, or the law's first input, when None.
    cuts : sequence of float
        Quantiles of that column.
    leave_out : str, optional
        Instead of cutting, leave out the rows of one value of this column at a time: one budget,
        one family.
    discrepancy : Discrepancy, optional
        As for :func:`bayescale.predict`.
    random_seed, progressbar
        As for :func:`bayescale.fit`.

    Returns
    -------
    Backtest

    Raises
    ------
    BayescaleError
        When the runs do not fit the law, too few lie below a cut, or none above it.
    """
    table, chosen = runs_and_law(runs, law)
    several = chosen if isinstance(chosen, list | tuple) else [chosen]
    specs = {spec.law.name: spec for spec in map(make_spec, several)}
    spec = next(iter(specs.values()))
    data = extract(spec, table)
    if leave_out is not None:
        splits = list(groups_of(data.runs, leave_out))
    else:
        splits = list(cuts_of(data.runs, by or main_input(spec), cuts))
    seeds = np.random.SeedSequence(random_seed).generate_state(len(splits))
    tables = []
    for split, seed in zip(splits, seeds.tolist(), strict=True):
        small = data.runs.take(~split.held_out)
        fits = {
            name: fit(small, each, random_seed=seed, progressbar=progressbar)
            for name, each in specs.items()
        }
        fitted = average(fits) if len(fits) > 1 else fits[spec.law.name]
        scored = score_split(fitted, data, split, discrepancy, seed)
        tables.append((split, list(fits.values()), scored.assign(**_naive(spec, data, split))))
    summary = [_sum(split, fits, scored) for split, fits, scored in tables]
    return Backtest(
        pd.concat([scored for *_, scored in tables], ignore_index=True),
        _with_mean(pd.DataFrame(summary).set_index("cut")),
        " + ".join(specs),
    )


def main_input(spec: Spec) -> str:
    """Return the column that runs are cut by: compute, or the law's first input."""
    columns = [spec.column(name) for name in spec.law.inputs]
    return "flops" if {"params", "tokens"} <= set(columns) else columns[0]


def score_split(
    fitted: Fit | Average, data: Data, split: Split, discrepancy: Discrepancy | None, seed: int
) -> pd.DataFrame:
    """Score forecasts of the held-out runs; see :class:`Backtest` for the columns."""
    out = split.held_out
    points = {
        name: xr.DataArray(values[..., out], dims=("node", "point")[-values.ndim :])
        for name, values in data.inputs.items()
    }
    known = {name: xr.DataArray(values[out], dims="point") for name, values in data.known.items()}
    observed = xr.DataArray(data.observed[out], dims="point")

    def foretell(one: Fit) -> xr.Dataset:
        rng, noise = np.random.default_rng([seed, 2]), one.spec.noise
        inputs = {name: points[name] for name in one.law.inputs}
        found = forecast(one, inputs, known, discrepancy=discrepancy, rng=rng)
        density = noise.log_density(found["outcome"], one.parameters, known, observed)
        return xr.Dataset({"new_run": found["new_run"], "density": density})

    drawn = fitted.mix(foretell) if isinstance(fitted, Average) else foretell(fitted)
    noise = (next(iter(fitted.fits.values())) if isinstance(fitted, Average) else fitted).spec.noise
    median = drawn["new_run"].median(("chain", "draw"))
    relative, seen, middle = (
        noise.relative(values, data.scale) for values in (drawn["new_run"], observed, median)
    )
    bands = {
        f"{side}_{p * 100:.0f}": drawn["new_run"].quantile(level, ("chain", "draw")).values
        for p in COVERED
        for side, level in (("lower", 0.5 - p / 2), ("upper", 0.5 + p / 2))
    }
    low, high = (relative.quantile(level, ("chain", "draw")) for level in (0.05, 0.95))
    return pd.DataFrame(
        {
            "cut": split.name,
            "run": np.array(data.labels)[out],
            "distance": split.distance,
            "observed": observed.values,
            "median": median.values,
            "error": (middle - seen).values,
            **bands,
            "width_90": (high - low).values,
            "pit": pit(drawn["new_run"], observed).values,
            "crps": crps(relative, seen).values,
            "log_score": log_score(drawn["density"]).values,
        }
    )


def _naive(spec: Spec, data: Data, split: Split) -> dict[str, np.ndarray]:
    """Return the relative errors of two rules that need no law: the best seen, and a line."""
    small, out = ~split.held_out, split.held_out
    at = spec.noise.relative(data.observed, data.scale)
    inputs = [np.log(v) for v in data.inputs.values() if v.ndim == 1 and (v > 0).all()]
    design = np.column_stack([np.ones(len(at)), *inputs])
    line = np.linalg.lstsq(design[small], at[small])[0]
    rises = line[1:].sum() > 0  # an accuracy, an Elo
    best = at[small].max() if rises else at[small].min()
    return {"best_seen": best - at[out], "log_linear": design[out] @ line - at[out]}


def _sum(split: Split, fits: Sequence[Fit], scored: pd.DataFrame) -> dict[str, Any]:
    inside = {
        f"cover_{p * 100:.0f}": scored["pit"].between(0.5 - p / 2, 0.5 + p / 2).mean()
        for p in COVERED
    }
    return {
        "cut": split.name,
        "fitted": fits[0].observed.size,
        "held_out": len(scored),
        **inside,
        "crps": scored["crps"].mean(),
        "log_score": scored["log_score"].mean(),
        "mean_error": scored["error"].mean(),
        "abs_error": scored["error"].abs().mean(),
        "best_seen": scored["best_seen"].abs().mean(),
        "log_linear": scored["log_linear"].abs().mean(),
        "width_90": scored["width_90"].mean(),
        "diagnostics": all(one.diagnostics.ok for one in fits),
    }


def _with_mean(summary: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over the cuts, each with the same weight."""
    mean = summary.drop(columns=["fitted", "held_out", "diagnostics"]).mean()
    total = {
        **mean,
        "fitted": summary["fitted"].max(),
        "held_out": summary["held_out"].sum(),
        "diagnostics": summary["diagnostics"].all(),
    }
    everything = pd.DataFrame([total], columns=summary.columns, index=pd.Index(["all"]))
    return pd.concat([summary, everything]).rename_axis("cut")
