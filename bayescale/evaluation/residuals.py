"""Runs that do not fit the law."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayescale.data.number_format import fixed, times
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import median_curve
from bayescale.model.noise.location_scale import Scatter

OUTLYING = 6.0
"""Standardised residual beyond which a run is named; see :func:`outliers`."""

TAILS = np.array([1.0, 1.5, 2.0, 3.0, 4.0])
"""Degrees of freedom by which the other runs may scatter when a run is held against them."""

ISOLATED = 0.01
"""Probability that a run of many, whose tails are that heavy, is named for its distance."""

MOST_ISOLATED = 4
"""The most runs that are named, and at most one of ten."""


@of_one_law
def residuals(fit: Fit) -> pd.DataFrame:
    """Return the residuals of the fitted runs.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``observed`` and ``predicted`` (posterior median of the law) in the
        target's unit, ``residual`` on the scale of the noise (log loss: 0.01 is one per cent), and
        ``standardised``, divided by the scatter (sigma and the run's known standard error). Where
        rows of a run follow from one another, ``standardised`` is what does not follow from the row
        before: a run that lies off the law as a whole is named at its first row.

    Raises
    ------
    BayescaleError
        For a new group of a pooled fit, which no run is of.

    See Also
    --------
    outliers : Those more than six times the scatter away.
    plot_residuals : A figure of them.

    Examples
    --------
    >>> bs.residuals(fit)[["observed", "predicted", "standardised"]].head(2).round(2)
           observed  predicted  standardised
    run
    row 0      3.51       3.50          0.24
    row 1      3.44       3.43          0.25
    """
    if not fit.informed:
        raise BayescaleError(
            "no run is of this new group: there is nothing to compare with the law"
        )
    observed, (curve, centre) = fit.observed, median_curve(fit)
    residual, standardised = fit.spec.noise.residual(curve, centre, fit.known, observed)
    return pd.DataFrame(
        {
            "observed": observed.values,
            "predicted": curve.values,
            "residual": residual.values,
            "standardised": standardised.values,
        },
        index=pd.Index(observed["run"].values, name="run"),
    )


@of_one_law
def outliers(fit: Fit) -> pd.DataFrame:
    """Name the runs that lie far off the law.

    They are not dropped: under the Student-t noise they count for little (a run at six times the
    scatter has a few per cent of the weight of one near the curve), under the normal noise they
    move the answer.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        The rows of :func:`residuals` more than six times the scatter away, worst first.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    residuals : The residuals of all runs.
    stability : How the answers move without them.

    Examples
    --------
    >>> len(bs.outliers(fit))
    0
    >>> bool(bs.residuals(fit)["standardised"].abs().max() < 6)
    True
    """
    table = residuals(fit)
    distance = np.abs(table["standardised"].to_numpy())
    worst_first = np.argsort(-distance)
    return table.iloc[worst_first[distance[worst_first] > OUTLYING]]


def isolated_outliers(fit: Fit, taken: np.ndarray) -> list[str]:
    """Say which single runs are far beyond the tails of the others, and what to do about each.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    taken : array, shape (run, direction)
        A root of what the law has taken up of the runs' standardised residuals.

    Returns
    -------
    list of str
        One clause per run, the worst first; empty for noises that are not symmetric.
    """
    noise = fit.spec.noise
    if not isinstance(noise, Scatter) or "inefficiency" in noise.parameters:
        return []
    table = residuals(fit)
    apart = table["standardised"].to_numpy()
    if "nu" not in noise.parameters:
        apart = _left_out(apart, taken)
    rows, size = isolated(
        np.abs(apart), float(np.sqrt(len(apart) / (len(apart) - (taken**2).sum())))
    )
    return list(_named(fit, table, rows, np.abs(apart) / size))


def _left_out(residual: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return residuals as they would be without the pull of the largest ones on the law."""
    rows = np.argsort(-np.abs(residual))[: _most(len(residual))]
    pulled = taken @ taken[rows].T
    kept = np.eye(len(rows)) - pulled[rows]
    found = residual + pulled @ np.linalg.lstsq(kept, residual[rows])[0]
    found[rows] *= np.sqrt(np.diag(kept).clip(0))
    return found


def _most(runs: int) -> int:
    """Return how many of so many runs may be named."""
    return min(MOST_ISOLATED, max(1, runs // 10))


def isolated(distance: np.ndarray, taken_up: float = 1.0) -> tuple[np.ndarray, float]:
    """Return which runs are far beyond the tails of the others, by position, and the scatter.

    The largest distances are held against a Student-t of the others, for which they only count as
    being beyond all of those: one run of a wrong digit would otherwise make the tails that excuse
    it. It has four degrees of freedom or fewer, so that tails as heavy name a run in one of a
    hundred tables.

    Parameters
    ----------
    distance : array, shape (run,)
        Absolute residuals.
    taken_up : float
        By how much a law makes the scatter about itself too small.
    """
    from scipy.stats import t

    many = _most(len(distance))
    order = np.argsort(-distance)
    size, nu = _scatter_of(distance[order[many:]], many)
    size *= taken_up
    chance = len(distance) * 2 * t.sf(distance[order[:many]] / size, nu)
    return order[:many][chance < ISOLATED], size


def _scatter_of(distance: np.ndarray, beyond: int) -> tuple[float, float]:
    """Return scale and degrees of freedom of the runs at these distances, and so many beyond.

    The likelihood times a prior density of the square of the degrees of freedom.
    """
    from scipy.stats import t

    sizes = np.median(distance) * np.geomspace(0.4, 2.5, 41)[:, None]
    density = t.logpdf(distance[:, None, None] / sizes, TAILS).sum(axis=0)
    tail = np.log(2) + t.logsf(distance.max() / sizes, TAILS)
    found = density - distance.size * np.log(sizes) + beyond * tail + 2 * np.log(TAILS)
    row, column = np.unravel_index(found.argmax(), found.shape)
    return float(sizes[row, 0]), float(TAILS[column])


def _named(fit: Fit, table: pd.DataFrame, rows: np.ndarray, distance: np.ndarray) -> Iterator[str]:
    """Say of each row what was observed, what was expected, and how it counts."""
    weight = "little weight" if "nu" in fit.spec.noise.parameters else "full weight"
    for row in rows:
        name = str(table.index[row])
        own = not name.startswith(("row ", "line "))
        observed, predicted = (float(table[c].iloc[row]) for c in ("observed", "predicted"))
        where = f" with where='run != \"{name}\"'" if own and not fit.spec.noise.serial else ""
        yield (
            f"{'run ' if own else ''}{name} has {fit.target} {fixed(observed)} where the law "
            f"expects {fixed(predicted)}, {times(float(distance[row]))} the scatter away: check "
            f"it, or leave it out{where} ({fit.spec.noise.name} noise gives it {weight})"
        )
