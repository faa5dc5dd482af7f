r"""Rows of one run: residuals that follow from one another along the run.

The residual of a row, divided by its scatter, is an autoregression in continuous time,

.. math:: z_i \mid z_{i-1} \sim t_\nu\bigl(\rho_i z_{i-1},\ \sqrt{1 - \rho_i^2}\bigr), \quad
          \rho_i = \exp(-\text{gap}_i / \text{reach}), \qquad z_1 \sim t_\nu(0, 1),

the gap to the row before in decades of tokens or steps. A reach far beyond the runs is an effect of
the run, the same in all its rows; one far below the gaps makes the rows independent.

It has no part of its own for what is independent in each row of a run that has an effect too: where
rows are dense and a law misses the curves' shape, their increments say more than their levels.

What is known of a row is the number of its ``series`` and its ``place`` there, in decades
(:func:`series_of` finds both in a table). A row without a series is a run of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.convert import to_numbers
from bayescale.data.row_messages import cells_of
from bayescale.laws.functions import exp, sqrt
from bayescale.laws.parameters import GreaterThanOne, Parameter, Positive
from bayescale.model.noise.base import Known, late
from bayescale.model.noise.location_scale import (
    LOG,
    LOG_SIZE,
    LOGIT,
    LOGIT_SIZE,
    RAW,
    RAW_SIZE,
    STUDENT,
    Scale,
    Scatter,
)

AXES = ("tokens", "step", "flops", "lr_sum")
"""Columns that say where along its run a row lies."""


DIGITS = 6
"""Decimals of a place that tell two rows apart."""


APART = 1e6
"""Gap, in decades, before the first row of a run."""


FRESH = 1e-6
"""Share of the scatter, at least, that is new in the next row of a run."""


class _Series(NamedTuple):
    """Of each row the number of its series, NaN where it is alone, and its place, in decades.

    The place of a row without a name is NaN.
    """

    series: np.ndarray
    place: np.ndarray


class _Links(NamedTuple):
    """Of each row the position of the row before it in its run (or its own), and the gap to it."""

    before: np.ndarray
    gap: np.ndarray


def series_of(table: pd.DataFrame, place: np.ndarray) -> _Series:
    """Find the rows of a table that are checkpoints of one run.

    Rows of one name in the column ``run`` are one series, ordered by the column that tells most of
    them apart (tokens, step, flops, or the sum of learning rates), or in the table's order where
    there is none. Rows of one name at one place cannot be one run: the second row at each place is
    of a re-run, and so on.

    Parameters
    ----------
    table : DataFrame
        The rows.
    place : array, shape (row,)
        Places that are known, in decades; NaN where they follow from the table.
    """
    number, found = np.full((2, len(table)), np.nan)
    names = pd.factorize(table["run"])[0] if "run" in table else np.full(len(table), -1)
    named = np.flatnonzero(names >= 0)
    if not named.size:
        return _Series(number, found)
    names, known = names[named], place[named]
    there = _places(table.take(named), names)
    found[named] = np.where(np.isnan(known), there, known).round(DIGITS)
    rows = pd.DataFrame({"name": names, "place": found[named]})
    rows["again"] = rows.groupby(["name", "place"]).cumcount()
    run = rows.groupby(["name", "again"])
    several = run["name"].transform("size").to_numpy() > 1
    number[named] = np.where(several, run.ngroup(), np.nan)
    return _Series(number, found)


def repeats(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return which rows say what an earlier row of their autocorrelated run says already.

    The place along the run counts too: a loss may come back at a later step.
    """
    if "run" not in table:
        return np.zeros(len(table), dtype=bool)
    seen = [name for name in dict.fromkeys(("run", *AXES, *columns)) if name in table]
    return (table[seen].duplicated() & table["run"].notna()).to_numpy(bool)


def within_plateaus(series: np.ndarray, place: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return which rows have exactly the value of the row before and after in their run.

    The best loss so far and a coarse score stay on a value for many rows. Each counted as a
    residual that did not change at all, they would make the scatter vanish; the ends of a plateau
    say as much.
    """
    before, _ = _links(series, place)
    follows = np.flatnonzero(before != np.arange(len(before)))
    same = follows[values[follows] == values[before[follows]]]
    found = np.zeros((2, len(values)), dtype=bool)
    found[0, same], found[1, before[same]] = True, True
    return found.all(axis=0)


def _places(table: pd.DataFrame, names: np.ndarray) -> np.ndarray:
    """Return how far along its run each row lies, in decades, by the best column there is."""
    best, most = 1.0 + pd.Series(names).groupby(names).cumcount().to_numpy(), 0
    for column in (name for name in AXES if name in table):
        values, _ = to_numbers(cells_of(table, column))
        if (np.isfinite(values) & (values >= 0)).all() and values.any():
            apart = len(pd.DataFrame({"name": names, "value": values}).drop_duplicates())
            best, most = (values, apart) if apart > most else (best, most)
    return np.log10(np.maximum(best, best[best > 0].min() / 10))


def _links(series: np.ndarray, place: np.ndarray) -> _Links:
    """Return which row each one follows, and how far behind that lies."""
    order = np.lexsort((place, series))
    one, then = order[:-1], order[1:]
    follows = series[one] == series[then]
    found = _Links(np.arange(len(series)), np.full(len(series), APART))
    found.before[then[follows]] = one[follows]
    found.gap[then[follows]] = (place[then] - place[one])[follows]
    return found


class Checkpoints(Scatter):
    """A Student-t around the law on a scale, autocorrelated along a run.

    A known standard error adds in quadrature to the scatter of its row, and is as correlated: the
    checkpoints of a run are scored on the same text. The observed variable of the PyMC model is
    given the row before, so that PyMC's own predictive draws are one step ahead; ours are of whole
    runs.

    Parameters
    ----------
    name, about : str
        As shown.
    scale : Scale
        Where the scatter is additive.
    sigma : Parameter
        Prior of its size on that scale, of a row whose run is not known.
    """

    serial = True
    known: Mapping[str, tuple[str, float | None]] = {
        **Scatter.known,
        "series": ("_series", float("nan")),
        "place": ("_place", float("nan")),
    }

    def __init__(self, name: str, about: str, scale: Scale, sigma: Parameter) -> None:
        super().__init__(name, about, scale, STUDENT, sigma)
        self.parameters = {**self.parameters, "nu": NU, "reach": REACH}

    def take(self, table: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
        """Return standard errors, and the series and place of each row."""
        known = super().take(table, column)
        return {**known, **series_of(table, known["place"])._asdict()}

    def alone(self, known: Known) -> Known:
        """Return what is known of the same rows as runs of their own."""
        return {name: values for name, values in known.items() if name in Scatter.known}

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return observed values and errors on the scale, and the links between rows."""
        before, gap = _links(known["series"], known["place"])
        return {
            **super().data(observed, known),
            "observed_before": before,
            "observed_gap": gap,
        }

    def observe(
        self,
        name: str,
        curve: Any,
        parameters: Mapping[Any, Any],
        data: Mapping[str, Any],
        dim: str = "run",
    ) -> Any:
        """Add the observed variable: each row given the one before, on the scale."""
        marginal = self._arguments(curve, parameters, data["observed_se"], {})
        before = data["observed_before"].astype("int64")
        at, size, nu = _given_before(
            marginal,
            data["observed"],
            lambda z: z[before],
            exp(-data["observed_gap"] / parameters["reach"]),
        )
        student = late("pymc", "StudentT")()
        return student(name, nu=nu, mu=at, sigma=size, observed=data["observed"], dims=dim)

    def log_density(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> Any:
        """Return the log density of each value given the row before; a run's is their sum."""
        arguments = self._conditional(curve, parameters, known, observed)
        value = xr.apply_ufunc(self._log_density, self._forward(observed), *arguments)
        return value + self._scale.log_slope(observed)

    def draw(
        self,
        curve: Any,
        parameters: Mapping[Any, Any],
        known: Known | None = None,
        *,
        rng: np.random.Generator,
    ) -> Any:
        """Draw observed values, those of a run together from its first row on."""
        if np.isnan((known or {}).get("series", np.nan)).all():
            return super().draw(curve, parameters, known, rng=rng)
        assert known is not None
        at, size, nu = self._arguments(curve, parameters, self._error(curve, known), known)
        along = _links(*(np.asarray(known[name]) for name in ("series", "place")))
        steps = list(_generations(along.before))

        def walk(fresh: Any, share: Any) -> Any:
            fresh, share = np.broadcast_arrays(fresh, share)
            z = np.array(fresh)
            for rows in steps:
                z[..., rows] *= np.sqrt(1 - share[..., rows] ** 2)
                z[..., rows] += share[..., rows] * z[..., along.before[rows]]
            return z

        def sample(*arguments: Any) -> Any:
            shape = np.broadcast_shapes(*(np.shape(x) for x in arguments))
            return rng.standard_t(arguments[-1], shape)

        fresh = xr.apply_ufunc(sample, at, size, nu)
        share = exp(-_like(known["series"], along.gap) / parameters["reach"])
        value = at + size * _along(walk, known["series"], fresh, share)
        with np.errstate(over="ignore"):  # a heavy tail may leave the range of floats: infinity
            return self._scale.inverse(value)

    def residual(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> tuple[Any, Any]:
        """Return residuals on the scale, and what is new in them, divided by its expected size.

        New is what does not follow from the row before: a run that starts far off is named once.
        """
        at, size, _ = self._conditional(curve, parameters, known, observed)
        value = self._scale.forward(observed)
        return value - self._scale.forward(curve), (value - at) / size

    def standardised(self, curve: Any, parameters: Mapping[Any, Any], observed: float) -> Any:
        """Return the residual of one observed value, in multiples of the scatter."""
        return (self._forward(observed) - self._forward(curve)) / parameters["sigma"]

    def continued(
        self, curve: Any, parameters: xr.Dataset, residual: Any, gap: Any
    ) -> tuple[Any, xr.Dataset]:
        """Return where a run goes on that was left with a residual, and how it scatters there.

        Parameters
        ----------
        curve : DataArray, dims (chain, draw, point)
            The law, in the target's unit.
        parameters : Dataset, dims (chain, draw)
            Its parameters and the noise's.
        residual : DataArray, dims (chain, draw)
            As :meth:`standardised` returns it.
        gap : DataArray, dim point
            Decades from there.
        """
        share = exp(-gap / parameters["reach"])
        sigma = parameters["sigma"]
        moved = self._forward(curve) + share * sigma * residual
        own = {"sigma": sigma * sqrt(np.maximum(1 - share**2, FRESH**2))}
        return self._scale.inverse(self._shape.side * moved), parameters.assign(own)

    def correlated(
        self, parameters: Mapping[Any, Any], known: Known
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the rows of each series, and the correlation of their residuals."""
        series, place = (np.asarray(known[name]) for name in ("series", "place"))
        reach = float(parameters["reach"])
        found = []
        for number in np.unique(series[~np.isnan(series)]):
            rows = np.flatnonzero(series == number)
            gaps = np.abs(place[rows][:, None] - place[rows])
            found.append((rows, np.exp(-gaps / reach)))
        return found

    def _conditional(
        self, curve: Any, parameters: Mapping[Any, Any], known: Known, observed: Any
    ) -> list[Any]:
        """Return location, size and shape of each value given the row before."""
        marginal = self._arguments(curve, parameters, self._error(observed, known), known)
        series = known.get("series", np.nan)
        if np.isnan(series).all():
            return marginal
        before, gap = _links(np.asarray(series), np.asarray(known["place"]))
        return _given_before(
            marginal,
            self._forward(observed),
            lambda z: _along(lambda values: values[..., before], series, z),
            exp(-_like(series, gap) / parameters["reach"]),
        )


def _given_before(marginal: list[Any], value: Any, before: Any, share: Any) -> list[Any]:
    """Turn marginal location, size and shape into those given the residual of the row before."""
    at, size, nu = marginal
    z = (value - at) / size
    return [at + size * share * before(z), size * sqrt(1 - share**2), nu]


def _generations(before: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the second rows of all series, then the third, ..."""
    rows = np.flatnonzero(before != np.arange(len(before)))
    done = before == np.arange(len(before))
    while rows.size:
        ready = done[before[rows]]
        yield rows[ready]
        done[rows[ready]] = True
        rows = rows[~ready]


def _like(series: Any, values: np.ndarray) -> Any:
    """Give an array by row the dimension of ``series``, where that has a name."""
    return series.copy(data=values) if isinstance(series, xr.DataArray) else values


def _along(function: Any, series: Any, *values: Any) -> Any:
    """Apply a function over the rows, the last axis for it, to arrays with or without names."""
    dims = list(series.dims) if isinstance(series, xr.DataArray) else ["row"]
    return xr.apply_ufunc(
        function, *values, input_core_dims=[dims] * len(values), output_core_dims=[dims]
    )


REACH = Positive(
    0.01, 10.0, about="decades of tokens or steps over which a run's residuals resemble another"
)


NU = GreaterThanOne(1.5, 30.0, about=STUDENT.parameters["nu"].about)
"""With tails heavier than Cauchy's, values that repeat exactly along a run, such as the best loss
so far or a coarse score, make the likelihood unbounded: each repetition gains what a scatter that
goes to zero loses at another row."""


CHECKPOINTS = (
    Checkpoints(
        "checkpoints",
        "Student-t on log loss, autocorrelated along a run: checkpoints and loss curves",
        LOG,
        LOG_SIZE,
    ),
    Checkpoints(
        "raw_checkpoints",
        "Student-t in the target's own unit, autocorrelated along a run",
        RAW,
        RAW_SIZE,
    ),
    Checkpoints(
        "logit_checkpoints",
        "Student-t on the log odds of a score, autocorrelated along a run",
        LOGIT,
        LOGIT_SIZE,
    ),
)


FOLLOWING = {
    "student_t": "checkpoints",
    "heteroscedastic": "checkpoints",
    "raw_student_t": "raw_checkpoints",
    "logit_student_t": "logit_checkpoints",
}
"""The noise that takes the place of a law's default where rows share a run."""
