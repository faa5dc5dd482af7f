"""Forecasts that are registered before the outcome is known, and scored when it is."""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.number_format import coordinate, number_of
from bayescale.data.read import RunsLike, read_runs
from bayescale.data.row_messages import PACKAGE
from bayescale.data.runs import Runs
from bayescale.data.units import Quantities
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.evaluation.forecast_files import MAX_POINTS, RegisteredForecast
from bayescale.evaluation.scores import COVERED, LEVELS, crps_of_quantiles, log_score
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.model.observed_columns import input_columns
from bayescale.model.target_checks import refuse_impossible
from bayescale.prediction.discrepancy import (
    DISCREPANCY,
    Discrepancy,
    DiscrepancyLike,
    discrepancy_text,
)
from bayescale.prediction.intervals import DRAWS
from bayescale.prediction.points import PointsLike, points_for_law
from bayescale.prediction.predict import predict
from bayescale.prediction.runs_by_compute import known_at

PACKAGES = ("bayescale", "pymc", "nutpie", "numpy")


SAME = 1.1
"""Factor within which the inputs of an observed run are those of a point."""


EXACT = 5e-3
"""Relative difference of the inputs above which it is said which run is scored."""


TAIL = 2 ** (np.arange(1, 25) / 4)
"""Distances from the median, in those of the outermost quantiles, at which the density is kept."""


@of_posterior
def register(
    fit: PosteriorLike,
    path: str | Path,
    at: PointsLike | None = None,
    *,
    params: Quantities | None = None,
    tokens: Quantities | None = None,
    flops: Quantities | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> RegisteredForecast:
    """Write a forecast of runs to a file, before they are done, so that it can be scored later.

    Parameters
    ----------
    fit : Fit or Average
        What forecasts.
    path : str or Path
        The JSON file to write; one that is there is not replaced.
    at, params, tokens, flops : optional
        Points, up to 200, as for :func:`bayescale.predict`.
    discrepancy, random_seed
        As for :func:`bayescale.predict`.

    Returns
    -------
    RegisteredForecast
        What was written: the posterior predictive of an observed value at each point (quantiles
        and log density), the law, the hash of its runs' numbers, versions and the date. Its
        ``digest`` is the hash of all that.

    Raises
    ------
    BayescaleError
        When a point lacks an input, the file is there already, is named as no JSON, or cannot be
        written.

    See Also
    --------
    score : Compare it with what was observed.
    predict : The same forecast without a file.
    backtest : Score forecasts of runs that are there already.

    Examples
    --------
    >>> forecast = bs.register(fit, "forecast.json", params="70B", tokens="1.4T")
    >>> bs.score("forecast.json", 1.94)["band"].tolist()
    ['50 %']
    """
    refuse_pooled(fit.representative, "a registered forecast")
    if Path(path).suffix.lower() != ".json":
        raise BayescaleError(f"{path}: a registered forecast is JSON: end its name in .json")
    wrong, seed = Discrepancy.of(discrepancy), seed_of(random_seed, fit.seed)
    given: Any = {"params": params, "tokens": tokens, "flops": flops}
    answer = predict(fit, at, **given, discrepancy=wrong, random_seed=seed)
    if answer.sizes["point"] > MAX_POINTS:
        raise BayescaleError(f"{answer.sizes['point']} points: register up to {MAX_POINTS}")
    drawn = answer["new_run"].transpose(*DRAWS, "point")
    quantiles = drawn.quantile(LEVELS, DRAWS, skipna=False).transpose("point", "quantile").values
    if not np.isfinite(quantiles).all():
        raise BayescaleError("the forecast is not finite at some points: nothing is registered")
    density = _densities(fit, (at, given), wrong, seed, quantiles)
    record, points = fit.representative.record, _points(answer)
    forecast = RegisteredForecast(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        target=fit.target,
        unit=fit.unit,
        bounds=_bounds(fit),
        law=fit.label,
        discrepancy=discrepancy_text(fit.typical(wrong)),
        source=Path(str(record["runs"]["source"])).name,
        data=str(record["data"]),
        runs=int(fit.observed.size),
        versions={name: version(name) for name in PACKAGES},
        inputs=_inputs(fit, points),
        points=points,
        levels=LEVELS,
        quantiles=quantiles,
        density=density,
    )
    forecast.write(Path(path))
    return RegisteredForecast.read(Path(path))


def _bounds(fit: PosteriorLike) -> tuple[float, float]:
    """Return what the target can be by any of the laws."""
    lows, highs = zip(*(one.law.target_bounds for one in fit.members().values()), strict=True)
    return min(lows), max(highs)


def _points(answer: xr.Dataset) -> pd.DataFrame:
    """Return the numbers that say which run a point is, one row per point."""
    return pd.DataFrame(
        {
            str(name): values.values.astype(float)
            for name, values in answer.coords.items()
            if values.dims == ("point",) and name != "point"
        }
    )


def _inputs(fit: PosteriorLike, points: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns of points that the laws take."""
    taken = [column for one in fit.members().values() for column in input_columns(one.spec)]
    return tuple(column for column in dict.fromkeys(taken) if column in points)


def _densities(
    fit: PosteriorLike,
    asked: tuple[PointsLike | None, dict[str, Any]],
    discrepancy: Discrepancy | None,
    seed: int,
    quantiles: np.ndarray,
) -> tuple[tuple[np.ndarray, np.ndarray], ...] | None:
    """Return values at each point, with the log of the predictive density there."""
    if any(one.spec.noise.discrete for one in fit.members().values()):
        return None
    several = list(fit.members().values())
    at, given = asked
    values = np.array([_values(row) for row in quantiles])
    found = []
    for i, row in enumerate(values):
        seen = xr.DataArray(row, dims="value")

        def ask(one: Fit, wrong: Discrepancy | None, seen: Any = seen, i: int = i) -> xr.Dataset:
            points = points_for_law(one, several, at)
            answer = predict(one, points, **given, discrepancy=wrong, random_seed=seed)
            outcome, noise = answer["outcome"].isel(point=i, drop=True), one.spec.noise
            columns = {name: one.spec.column(name) for name in one.law.inputs}
            inputs = {k: answer[c].isel(point=i) for k, c in columns.items() if c in answer.coords}
            known = noise.alone(known_at(one, inputs))
            with np.errstate(invalid="ignore", divide="ignore"):  # outside of what can be observed
                density = noise.log_density(
                    outcome.reset_coords(drop=True), one.parameters, known, seen
                )
            return xr.Dataset({"density": density})

        log = log_score(fit.mix(ask, discrepancy)["density"]).to_numpy()
        there = np.isfinite(log)
        found.append((row[there], log[there]))
    return tuple(found)


def _values(quantiles: np.ndarray) -> np.ndarray:
    """Return where a point's density is kept: at its quantiles, and far beyond them."""
    middle = float(np.interp(0.5, LEVELS, quantiles))
    ends = quantiles[[0, -1]]
    if ends[0] > 0:
        below, above = (middle * (end / middle) ** TAIL for end in ends)
    else:
        below, above = (middle + (end - middle) * TAIL for end in ends)
    return np.concatenate([below[::-1], quantiles, above])


def score(
    path: str | Path,
    observed: float | Sequence[float] | RunsLike,
    *,
    digest: str | None = None,
) -> pd.DataFrame:
    """Score a registered forecast by what was observed.

    Parameters
    ----------
    path : str or Path
        The file that :func:`register` wrote.
    observed : number, sequence of numbers, Runs, DataFrame or path
        The target at each point, in their order and in the forecast's unit; or a run table, of
        which each point takes the nearest run, if its inputs are within a tenth.
    digest : str, optional
        The hash that was published with the forecast, to be sure that it is this file's.

    Returns
    -------
    pandas.DataFrame
        One row per point: its inputs, ``observed``, the ``median``, ``lower`` and ``upper`` end of
        the central 90 % interval, ``error`` (median over observed, less one), ``pit`` (the share
        of the forecast below the observation: uniform for honest forecasts, in steps of 0.005),
        ``band`` (the narrowest of the central 50, 90 and 95 % intervals that holds it, or
        "outside"), ``crps`` (in the target's unit) and ``log_score`` (log density; NaN for counts).
        NaN where nothing was observed yet.

    Raises
    ------
    BayescaleError
        When the file was changed or is no forecast, has another hash than the published one,
        nothing observed belongs to its points, or what was observed is in another unit or no value
        that the target can have.

    Warns
    -----
    BayescaleWarning
        When a run of a table is not quite the one that was forecast.

    See Also
    --------
    register : Write a forecast.
    backtest : Score forecasts of runs that are there already.

    References
    ----------
    Gneiting and Raftery (2007), doi:10.1198/016214506000001437 (CRPS and log score)

    Examples
    --------
    >>> forecast = bs.register(fit, "two.json", params=["7B", "70B"], tokens=["1T", "1.4T"])
    >>> table = bs.score("two.json", [2.04, 1.94], digest=forecast.digest)
    >>> table[["params", "observed", "band"]]
             params  observed  band
    0  7.000000e+09      2.04  50 %
    1  7.000000e+10      1.94  50 %
    """
    forecast = RegisteredForecast.read(Path(path))
    if digest is not None and digest != forecast.digest:
        raise BayescaleError(
            f"{path} has the hash {forecast.digest}, not {digest}: it is another forecast than the "
            "published one"
        )
    seen = _observed(forecast, observed)
    if forecast.bounds is not None:
        said, counts = "the observed value {} cannot be scored", forecast.density is None
        refuse_impossible(said, seen, forecast.target, forecast.bounds, counts)
    rows = [_scored(forecast, i, float(value)) for i, value in enumerate(seen)]
    points = forecast.points[list(forecast.inputs)]
    table = pd.concat([points, pd.DataFrame(rows)], axis=1)
    table.attrs = {"date": forecast.date, "digest": forecast.digest, "law": forecast.law}
    return table


def _scored(forecast: RegisteredForecast, i: int, seen: float) -> dict[str, Any]:
    """Score one point's forecast."""
    quantiles, levels = forecast.quantiles[i], forecast.levels
    lower, median, upper = np.interp([0.05, 0.5, 0.95], levels, quantiles)
    row = {"observed": seen, "median": median, "lower": lower, "upper": upper}
    if np.isnan(seen):
        return row | {
            "error": np.nan,
            "pit": np.nan,
            "band": "",
            "crps": np.nan,
            "log_score": np.nan,
        }
    pit = float(np.interp(seen, quantiles, levels, left=0.0, right=1.0))
    inside = [f"{100 * p:.0f} %" for p in COVERED if abs(pit - 0.5) <= p / 2]
    log_score = np.nan
    if forecast.density is not None:
        log_score = float(np.interp(seen, *forecast.density[i], left=-np.inf, right=-np.inf))
    return row | {
        "error": median / seen - 1 if seen else np.nan,
        "pit": pit,
        "band": inside[0] if inside else "outside",
        "crps": float(crps_of_quantiles(quantiles, levels, seen)),
        "log_score": log_score,
    }


def _observed(
    forecast: RegisteredForecast, observed: float | Sequence[float] | RunsLike
) -> np.ndarray:
    """Return what was observed at each point, NaN where nothing was.

    Raises
    ------
    BayescaleError
        For another number of values than points, or a table that has none of them, or another
        unit.
    """
    if isinstance(observed, Runs | pd.DataFrame | str | Path):
        return _of_table(forecast, read_runs(observed))
    try:
        values = np.atleast_1d(np.asarray(observed, dtype=float))
    except (TypeError, ValueError) as error:
        raise BayescaleError("observed values are numbers, one per point") from error
    if values.shape != (len(forecast.points),):
        raise BayescaleError(
            f"the forecast has {number_of(len(forecast.points), 'point')} and "
            f"{number_of(values.size, 'value')} {'was' if values.size == 1 else 'were'} observed: "
            "pass one per point, NaN where there is none yet"
        )
    return values


def _of_table(forecast: RegisteredForecast, runs: Runs) -> np.ndarray:
    """Return the target of the run that is nearest to each point, NaN where none is near."""
    _check_unit(forecast, runs)
    missing = [c for c in (*forecast.inputs, forecast.target) if c not in runs.table]
    if missing:
        raise BayescaleError(
            f"{runs.source} has no column {', '.join(missing)}, by which its runs are compared "
            "with the forecast"
        )
    table = runs.table.dropna(subset=[*forecast.inputs, forecast.target])
    have, asked = (t[list(forecast.inputs)].to_numpy(float) for t in (table, forecast.points))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(have[None] / asked[:, None]))
    apart = np.where(have[None] == asked[:, None], 0.0, apart)
    distance = np.nan_to_num(apart, nan=np.inf).max(-1)
    if not (distance <= np.log(SAME)).any():
        raise BayescaleError(
            f"no run of {runs.source} is one of the forecast's points: their "
            f"{', '.join(forecast.inputs)} differ by more than a tenth from all of them"
        )
    nearest, target = distance.argmin(1), table[forecast.target].to_numpy(float)
    found = distance.min(1) <= np.log(SAME)
    inexact = np.flatnonzero(found & (distance.min(1) > np.log1p(EXACT)))
    if len(inexact):
        pairs = (
            f"{_place(forecast, have[nearest[i]])} is scored against the forecast of "
            f"{_place(forecast, asked[i])}"
            for i in inexact
        )
        said = f"not quite the run that was forecast: {'; '.join(pairs)}"
        warnings.warn(said, BayescaleWarning, skip_file_prefixes=(PACKAGE,))
    return np.where(found, target[nearest], np.nan)


def _place(forecast: RegisteredForecast, inputs: np.ndarray) -> str:
    """Write which run a row of inputs is: ``params 7B, tokens 140B``."""
    shown = zip(forecast.inputs, inputs.tolist(), strict=True)
    return ", ".join(f"{name} {coordinate(name, value)}" for name, value in shown)


def _check_unit(forecast: RegisteredForecast, runs: Runs) -> None:
    """Raise when runs have the loss in another unit than the forecast."""
    if forecast.unit and runs.loss_unit not in ("unknown", forecast.unit):
        raise BayescaleError(
            f"loss_unit is {forecast.unit!r} in the forecast and {runs.loss_unit!r} in "
            f"{runs.source}: convert one of them"
        )
