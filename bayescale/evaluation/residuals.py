"""Runs that do not fit the law."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayescale.data.number_format import fixed, times
from bayescale.errors import BayescaleError
from bayescale.evaluation.lack_of_fit import Residuals
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.inference.result import Fit, once
from bayescale.inference.run_blocks import median_curve
from bayescale.model.noise.location_scale import STUDENT, Scatter

OUTLYING = 6.0
"""Standardised residual that no tails make common: beyond it lie runs of another kind, if many."""

FEW_OUTLIERS, MANY_OUTLIERS = 5, 0.12
"""Number and share of runs beyond that from which they are no mere outliers: all are named."""

TAILS = np.array([1.0, 1.5, 2.0, 3.0, 4.0])
"""Degrees of freedom by which the other runs may scatter when a run is held against them."""

ISOLATED = 0.01
"""Probability that a table, whose tails are that heavy, has a run that is named for its distance:
the false discovery rate of Benjamini and Hochberg (1995)."""

FIRST, MOST = 4, 0.1
"""So many runs are held against the others at first, and at most this share of all."""

FEWEST, FREEDOM = 8, 3.0
"""Runs, and degrees of freedom that the law leaves them, below which residuals say too little."""

SAID = 4
"""Up to so many single outliers are described in words."""


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
    outliers : Those that lie far off the law.
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

    A run is named when it is far beyond the tails of the other runs: they are a Student-t of four
    degrees of freedom or fewer, fitted to the others, and tails as heavy name a run in one of a
    hundred tables; of many that are named, one in a hundred is named wrongly. Where more than an
    eighth of the runs lie beyond six times the scatter, as where runs of different kinds are mixed,
    all of these are named.

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
        The rows of :func:`residuals` that lie far off the law, worst first: single ones are those
        that :func:`adequacy` describes. None where fewer than eight runs, or too few for the law's
        parameters, say what is usual. Of noises that are not symmetric, such as of counts, those
        more than six times the scatter away.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    residuals : The residuals of all runs.
    adequacy : Whether the law describes the runs; it says of single outliers what to do.
    stability : How the answers move without them.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x (false discovery rate)

    Examples
    --------
    >>> len(bs.outliers(fit))
    0
    >>> bool(bs.residuals(fit)["standardised"].abs().max() < 6)
    True
    """
    table = residuals(fit)
    rows = _far(fit)[0]
    distance = np.abs(table["standardised"].to_numpy()[rows])
    return table.iloc[rows[np.argsort(-distance, kind="stable")]]


def outlying_rows(fit: Fit, found: Residuals) -> np.ndarray:
    """Return the runs that :func:`outliers` names, by position, the worst first.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    found : Residuals
        Its residuals, with what the law has taken up of them.
    """
    return _far(fit, found)[0]


def described_outliers(fit: Fit, found: Residuals) -> list[str]:
    """Say which single runs lie far off the law, and what to do about each.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    found : Residuals
        Its residuals, with what the law has taken up of them.

    Returns
    -------
    list of str
        One clause per run, the worst first; empty for noises that are not symmetric, and where the
        runs are of several kinds.
    """
    rows, distance = _far(fit, found)
    if not _is_symmetric(fit) or of_several_kinds(len(rows), len(distance)):
        return []
    said = list(_described(fit, residuals(fit), rows[:SAID], distance))
    more = len(rows) - SAID
    return [*said, f"and {more} more (bayescale.outliers names all)"] if more > 0 else said


def of_several_kinds(far: int, runs: int) -> bool:
    """Return whether so many of the runs are far off the law that they are no mere outliers."""
    return far >= FEW_OUTLIERS and far > MANY_OUTLIERS * runs


def _is_symmetric(fit: Fit) -> bool:
    """Return whether a noise is one that a Student-t of the other runs can be held against."""
    noise = fit.spec.noise
    return isinstance(noise, Scatter) and "inefficiency" not in noise.parameters


def _far(fit: Fit, found: Residuals | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the runs far off the law, worst first, and how many scatters off each run is.

    ``found`` is the fit's own :class:`Residuals`, where they are known already.
    """
    return once(fit, _far, lambda: _look_for_far(fit, found or Residuals.of(fit)))


@without_lazy_jax()
def _look_for_far(fit: Fit, found: Residuals) -> tuple[np.ndarray, np.ndarray]:
    """Hold each run against the tails of the others."""
    apart = residuals(fit)["standardised"].to_numpy()
    distance = np.abs(apart)
    if len(apart) < FEWEST or found.freedom < FREEDOM:
        return np.zeros(0, int), distance
    beyond = np.argsort(-distance)[: int((distance > OUTLYING).sum())]
    if not _is_symmetric(fit) or of_several_kinds(len(beyond), len(distance)):
        return beyond, distance
    if "nu" not in fit.spec.noise.parameters:
        distance = np.abs(_left_out(apart, found.taken))
    rows, size = isolated(distance, float(np.sqrt(len(apart) / found.freedom)))
    return rows, distance / size


def _left_out(residual: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return residuals as they would be without the pull of the largest ones on the law."""
    rows = np.argsort(-np.abs(residual))[: min(FIRST, _most(len(residual)))]
    pulled = taken @ taken[rows].T
    kept = np.eye(len(rows)) - pulled[rows]
    found = residual + pulled @ np.linalg.lstsq(kept, residual[rows])[0]
    found[rows] *= np.sqrt(np.diag(kept).clip(0))
    return found


def _most(runs: int) -> int:
    """Return how many of so many runs may be named one by one."""
    return max(1, int(MOST * runs))


def isolated(distance: np.ndarray, taken_up: float = 1.0) -> tuple[np.ndarray, float]:
    """Return which runs are far beyond the tails of the others, by position, and the scatter.

    The largest distances are held against a Student-t of the others, for which they only count as
    being beyond all of those: one run of a wrong digit would otherwise make the tails that excuse
    it. It has four degrees of freedom or fewer, so that tails as heavy name a run in one of a
    hundred tables. Twice as many are tried, and so on: a fifth run would hide four.

    Parameters
    ----------
    distance : array, shape (run,)
        Absolute residuals.
    taken_up : float
        By how much a law makes the scatter about itself too small.
    """
    order, most = np.argsort(-distance), _most(len(distance))
    held = [min(FIRST, most)]
    while held[-1] < most:
        held.append(min(2 * held[-1], most))
    tried = [_beyond_tails(distance[order], many, taken_up) for many in held]
    named, size = max(tried, key=lambda one: one[0])
    return order[:named], size


def _beyond_tails(falling: np.ndarray, many: int, taken_up: float) -> tuple[int, float]:
    """Return how many of the first distances are beyond the tails of the rest, and the scatter."""
    from scipy.stats import t

    size, nu = _scatter_of(falling[many:], many)
    size *= taken_up
    expected = len(falling) * 2 * t.sf(falling[:many] / size, nu)  # runs as far or farther
    few = np.flatnonzero(expected < ISOLATED * np.arange(1, many + 1))
    return (int(few[-1]) + 1 if few.size else 0), size


def _scatter_of(distance: np.ndarray, beyond: int) -> tuple[float, float]:
    """Return scale and degrees of freedom of the runs at these distances, and so many beyond.

    The likelihood times a prior density of the square of the degrees of freedom.
    """
    from scipy.stats import t

    middle = float(np.median(distance)) or 1.0  # most runs exactly on the law
    sizes = middle * np.geomspace(0.4, 2.5, 41)[:, None]
    density = STUDENT.log_density(distance[:, None, None] / sizes, 1.0, TAILS).sum(axis=0)
    tail = np.log(2) + t.logsf(distance.max() / sizes, TAILS)
    found = density - distance.size * np.log(sizes) + beyond * tail + 2 * np.log(TAILS)
    row, column = np.unravel_index(found.argmax(), found.shape)
    return float(sizes[row, 0]), float(TAILS[column])


def _described(
    fit: Fit, table: pd.DataFrame, rows: np.ndarray, distance: np.ndarray
) -> Iterator[str]:
    """Say of each row what was observed and expected, and of the first what to do."""
    weight = "little weight" if "nu" in fit.spec.noise.parameters else "full weight"
    for place, row in enumerate(rows):
        name = str(table.index[row])
        own = not name.startswith(("row ", "line "))
        observed, predicted = (float(table[c].iloc[row]) for c in ("observed", "predicted"))
        said = (
            f"{'run ' if own else ''}{name} has {fit.target} {fixed(observed)} where the law "
            f"expects {fixed(predicted)}, {times(float(distance[row]))} the scatter away"
        )
        where = f" with where='run != \"{name}\"'" if own and not fit.spec.noise.serial else ""
        todo = f"check it, or leave it out{where} ({fit.spec.noise.name} noise gives it {weight})"
        yield said if place else f"{said}: {todo}"
