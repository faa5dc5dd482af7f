"""The largest model of a family, forecast from the smaller ones and the start of its own training.

The protocol of Choshen, Zhang and Andreas (2024): what a family's smaller models, and the first
part of the largest one's trajectory, say of the end of the largest one's training.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.display_tables import html_block, rows_shown, text_table
from bayescale.data.number_format import format_quantity, relative, whole_percent
from bayescale.data.read import RunsLike, read_runs
from bayescale.data.units import Quantities, parse_quantities
from bayescale.errors import BayescaleError
from bayescale.inference.fit import fit
from bayescale.inference.result import Fit
from bayescale.model.checkpoint_rows import noise_along_runs
from bayescale.model.spec import LawLike, make_spec
from bayescale.prediction.discrepancy import DISCREPANCY, DiscrepancyLike
from bayescale.prediction.intervals import DRAWS
from bayescale.prediction.predict import predict

KEPT = 15
"""Checkpoints of a run that are fitted, spread in log tokens: they follow from one another."""


START = 0.2
"""Share of a run's fitted part that is left out at its start, chosen on choshen2024's GPT2-c4.

While the learning rate warms up, and for some time after, losses fall faster than any power law."""


OWN = 0.3
"""Share of the largest model's own training that is fitted."""


LAST = 0.7
"""Share of its training from which on its loss is forecast."""


@dataclass(frozen=True, eq=False)
class FamilyForecast:
    """A forecast of a family's largest model.

    Attributes
    ----------
    fit : Fit
        The law, fitted to the smaller models' checkpoints and the start of the largest one's.
    draws : xarray.Dataset, dims (chain, draw, point)
        What :func:`bayescale.predict` says of the end of the largest one's training.
    observed : array, shape (point,)
        What was observed there, in the target's unit; NaN where it was not.

    See Also
    --------
    forecast_largest : Make one.

    Examples
    --------
    >>> found = bs.forecast_largest(runs, random_seed=1)  # doctest: +SKIP
    >>> found.error  # doctest: +SKIP
    0.012
    """

    fit: Fit
    draws: xr.Dataset
    observed: np.ndarray

    @property
    def table(self) -> pd.DataFrame:
        """One row per point: its ``median``, the ends of its 90 % interval, and ``observed``."""
        new = self.draws["new_run"].quantile([0.05, 0.5, 0.95], DRAWS).values
        points = {name: self.draws[name].values for name in ("params", "tokens")}
        ends = {"median": new[1], "lower": new[0], "upper": new[2]}
        return pd.DataFrame({**points, **ends, "observed": self.observed})

    @property
    def error(self) -> float:
        """The mean relative error of the median where something was observed, else NaN."""
        table = self.table.dropna()
        seen, median = (table[name].to_numpy(float) for name in ("observed", "median"))
        return float(np.mean(np.abs(seen - median) / seen)) if len(seen) else np.nan

    @property
    def coverage(self) -> float:
        """The share of observations inside the 90 % interval, NaN where there are none."""
        table = self.table.dropna()
        return float(table["observed"].between(table["lower"], table["upper"]).mean())

    def __str__(self) -> str:
        return "\n".join([self._title(), text_table(rows_shown(self.table)), *self._sentences()])

    def __repr__(self) -> str:
        return f"<bayescale.FamilyForecast {self._title()}>"

    def _repr_html_(self) -> str:
        return html_block(self._title(), *self._sentences(), rows=rows_shown(self.table))

    def _title(self) -> str:
        size = format_quantity(float(self.draws["params"][0]))
        return f"{self.fit.target} of {size} by {self.fit.label}, 90 % intervals"

    def _sentences(self) -> list[str]:
        if np.isnan(self.observed).all():
            return []
        held = whole_percent(self.coverage)
        return [f"mean relative error {relative(self.error)}, {held} inside the 90 % interval"]


def forecast_largest(
    runs: RunsLike,
    law: LawLike = "chinchilla",
    *,
    sizes: int | None = None,
    share: float = 1.0,
    own: float = OWN,
    tokens: Quantities | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> FamilyForecast:
    """Forecast the end of the largest model's training from the smaller ones and its own start.

    Checkpoints are fitted, at most fifteen per run, spread in log tokens; their residuals are
    autocorrelated along a run. The first fifth of what is fitted of a run is left out: the learning
    rate warms up, and the loss falls faster than any power law.

    Parameters
    ----------
    runs : Runs, DataFrame or path
        Checkpoints of a family: params, tokens, loss and ``run``, the name of the run that each
        belongs to (where it is missing, rows of one size are one run).
    law : str, Law class or Spec
        A law of params and tokens.
    sizes : int, optional
        How many of the smallest sizes are fitted; all but the largest when None.
    share : float
        The part of each smaller run's training that is fitted, over zero and up to 1.
    own : float
        The part of the largest model's own training that is fitted, 0 (none) to 0.7.
    tokens : number, str or 1-d array, optional
        Where to forecast the largest model, beyond what is fitted of it; when None, the rows of the
        last 30 % of its training, which are kept back.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the fit and of the forecast.

    Returns
    -------
    FamilyForecast
        The forecast with its intervals, and how far off it was where the outcome is known.

    Raises
    ------
    BayescaleError
        When there are fewer than two sizes, a share is out of range, or too few rows are left.

    See Also
    --------
    backtest : Cut any table by scale.
    register : Write a forecast down before the outcome is known.

    References
    ----------
    Choshen, Zhang and Andreas (2024), arXiv:2410.11840

    Examples
    --------
    >>> found = bs.forecast_largest(runs, own=0, random_seed=1)  # doctest: +SKIP
    >>> print(found)  # doctest: +SKIP
    """
    table = read_runs(runs).table
    known = table["params"].unique().tolist() if "params" in table else []
    if len(known) < 2 or "tokens" not in table:
        raise BayescaleError("a family has checkpoints of two sizes or more: params, tokens, loss")
    if not (0 < share <= 1 and 0 <= own <= LAST):
        raise BayescaleError(
            f"share = {share:g} lies above 0, up to 1, and own = {own:g} from 0 to {LAST:g}"
        )
    spec = make_spec(law)
    largest = _rows(table, table["params"] == max(known))
    if tokens is None:
        points = _rows(largest, largest["tokens"] >= LAST * largest["tokens"].max())
    else:
        asked = list(parse_quantities("tokens", tokens))
        points = pd.DataFrame({"params": max(known), "tokens": asked})
    most = own * max(points["tokens"].max(), largest["tokens"].max())
    parts = [smaller_runs(table, sizes, share)]
    if own:
        parts += [spread(p) for _, p in _by_run(_rows(largest, largest["tokens"] <= most))]
    fitted = read_runs(pd.concat(parts))
    seen = noise_along_runs(spec, fitted)
    made = fit(fitted, seen, random_seed=random_seed, progressbar=False)
    at = {name: points[name].to_numpy(float) for name in ("params", "tokens")}
    draws = predict(made, at, discrepancy=discrepancy, random_seed=random_seed)
    nothing = np.full(len(points), np.nan)
    observed = points[spec.target].to_numpy(float) if spec.target in points else nothing
    return FamilyForecast(made, draws, observed)


def smaller_runs(table: pd.DataFrame, sizes: int | None, share: float) -> pd.DataFrame:
    """Return the checkpoints of a family's smaller models that are fitted.

    Parameters
    ----------
    table : DataFrame
        Checkpoints: params, tokens, and run where rows of one size are of several.
    sizes : int, optional
        How many of the smallest sizes; all but the largest when None.
    share : float
        The part of each run's training.

    Raises
    ------
    BayescaleError
        When the family has not more sizes than asked for.
    """
    known = sorted(table["params"].unique())
    number = len(known) - 1 if sizes is None else sizes
    if not 0 < number < len(known):
        raise BayescaleError(
            f"sizes = {number}: the family has {len(known)}, of which the largest is forecast"
        )
    parts = [
        spread(_rows(part, part["tokens"] <= share * part["tokens"].max()))
        for _, part in _by_run(_rows(table, table["params"].isin(known[:number])))
    ]
    return pd.concat(parts)


def spread(checkpoints: pd.DataFrame, most: int = KEPT) -> pd.DataFrame:
    """Return up to so many of a run's checkpoints after its start, at even steps of log tokens."""
    checkpoints = checkpoints.sort_values("tokens")
    checkpoints = _rows(checkpoints, checkpoints["tokens"] >= START * checkpoints["tokens"].max())
    x = np.log(checkpoints["tokens"].to_numpy())
    if len(x) <= most:
        return checkpoints
    nearest = {int(np.abs(x - at).argmin()) for at in np.linspace(x.min(), x.max(), most)}
    return checkpoints.iloc[sorted(nearest)]


def _by_run(table: pd.DataFrame) -> list[tuple[object, pd.DataFrame]]:
    return list(table.groupby("run" if "run" in table else "params"))


def _rows(table: pd.DataFrame, chosen: pd.Series | pd.DataFrame | bool) -> pd.DataFrame:
    return table.take(np.flatnonzero(chosen))
