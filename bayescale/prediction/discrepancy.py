r"""The part of a prediction that says: the law is a little wrong, and more so further out.

A posterior believes its law. Laws are wrong by more than their scatter where nobody looked, so a
prediction adds to the law's curve a smooth random surface over the logarithms of the inputs,

.. math:: \log L(x) = \log f_\theta(x) + \delta(x), \qquad
          \delta \sim \mathrm{GP}\bigl(0,\ s^2 k(|x - x'| / \ell)\bigr) \mid \text{residuals},

with a Matérn-5/2 kernel k, x in decades, and the runs' residuals given with their scatter. Among
the runs the surface follows what the law misses, and is as sure as they are; beyond them it is free
to be s. Where the law has an optimum (params, and tokens or compute), a part of the error is common
to all that a budget may be spent on, and a part is not, so the compute-optimal N and D move too
(:mod:`bayescale.prediction.places`).

The law's posterior is left as it is (the surface is cut off from the fit). Sampled with the law it
would take over what the law should explain, and s cannot be learnt from residuals, for what a law
will miss is what it has absorbed so far: both were measured, see ``docs/extrapolation.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayescale.data.limits import OutOfRange
from bayescale.errors import BayescaleError
from bayescale.inference.result import Fit, once
from bayescale.inference.run_blocks import median_curve
from bayescale.prediction.gaussian_process import GaussianProcess, SizeAndReach
from bayescale.prediction.places import Places
from bayescale.prediction.run_residuals import residuals_by_place

COMMON_SIZE = 0.015
"""Standard deviation far from every run, of a law whose error was not measured."""


SIZES = {"skaling": 0.012, "chinchilla": 0.02, "kaplan": 0.02, "farseer": 0.01}
"""Standard deviation far from every run, of laws whose errors on public runs were measured: between
the size of the best log score and the common one (``docs/extrapolation.md``)."""


CELL = 0.1
"""Runs closer than this, in units of the reach, count as one place with their mean residual."""


@dataclass(frozen=True, init=False)
class Discrepancy(SizeAndReach):
    """How wrong a law may be.

    Parameters
    ----------
    size : float, optional
        Standard deviation far from every run: 0.015 is 1.5 % of a loss. When None, as much as each
        law was off on public runs, and 0.015 for a law that was not measured.
    reach : float
        Decades of an input over which the error changes.
    learnt_for : str, optional
        The law, or several, whose error on public runs the size is; "" where it follows the law,
        None where it was asked for.

    Raises
    ------
    BayescaleError
        When either is not positive.

    See Also
    --------
    predict : Takes one, as every function that extrapolates does.
    backtest : How far off extrapolations were.

    References
    ----------
    Kennedy and O'Hagan (2001), doi:10.1111/1467-9868.00294

    Examples
    --------
    >>> wide = bs.predict(fit, flops="1e24", params="70B", discrepancy=bs.Discrepancy(size=0.05))
    >>> none = bs.predict(fit, flops="1e24", params="70B", discrepancy=None)
    >>> bool(wide["outcome"].std() > none["outcome"].std())
    True
    >>> bs.Discrepancy().of_law("skaling").size
    0.012
    """

    learnt_for: str | None

    def __init__(
        self, size: float | None = None, reach: float = 1.0, *, learnt_for: str | None = None
    ) -> None:
        object.__setattr__(self, "size", COMMON_SIZE if size is None else size)
        object.__setattr__(self, "reach", reach)
        object.__setattr__(self, "learnt_for", "" if size is None else learnt_for)
        self.__post_init__()
        if size is not None and size >= 1:
            raise OutOfRange(
                f"a discrepancy of {size:g} is {100 * size:g} % of the loss: write 0.02 for 2 %"
            )

    def __str__(self) -> str:
        if self.learnt_for == "":
            sizes = ", ".join(f"{100 * size:g} % for {law}" for law, size in SIZES.items())
            return (
                "the law may be off far from the runs by as much as it was on public ones: "
                f"{sizes}, {100 * self.size:g} % for other laws (one standard deviation)"
            )
        return (
            f"the law may be off by {100 * self.beyond():.1f} % one decade beyond the runs, "
            f"{100 * self.size:.1f} % far from them (one standard deviation)"
        )

    @classmethod
    def of(cls, value: "DiscrepancyLike") -> "Discrepancy | None":
        """Read a discrepancy as people write it.

        Parameters
        ----------
        value : Discrepancy, number, pair or bool, optional
            None or False for none, True for the default, a number for its size, a pair for its
            size and reach, or a Discrepancy.

        Raises
        ------
        BayescaleError
            For anything else, and for a size or reach that is not positive.
        """
        if value is None or isinstance(value, Discrepancy):
            return value
        if isinstance(value, bool | np.bool_):
            return DISCREPANCY if value else None
        numbers = value if isinstance(value, list | tuple) else [value]
        if not 1 <= len(numbers) <= 2 or not all(
            isinstance(n, int | float | np.number) and not isinstance(n, bool) for n in numbers
        ):
            raise BayescaleError(
                f"discrepancy={value!r} is not a discrepancy: pass None or False for none, True "
                "for the default, a size (0.02), a pair of size and reach (0.02, 1.0), or a "
                "bayescale.Discrepancy"
            )
        return cls(*map(float, numbers))

    def of_law(self, law: str) -> "Discrepancy":
        """Return the discrepancy of a law of that name: this one where its size was asked for."""
        if self.learnt_for != "":
            return self
        return Discrepancy(SIZES.get(law, self.size), self.reach, learnt_for=law)

    def of_fit(self, fit: Fit) -> "Discrepancy":
        """Return the discrepancy of a fit: that of its model file, or of its law, unless asked."""
        stated = fit.record.get("study", {}).get("discrepancy")
        if stated is None or self.learnt_for != "":
            return self.of_law(fit.law.name)
        return Discrepancy(stated, self.reach, learnt_for=fit.law.name)

    def surface(self, fit: Fit) -> "Surface":
        """Return the error of a fit's curves as a random surface, given the runs' residuals.

        A fit that no run of its own stands behind (:func:`bayescale.group_fit`) has none to be
        given.
        """
        size = self.of_fit(fit).size
        return once(fit, (Surface, size, self.reach), lambda: _surface(fit, size, self.reach))


type DiscrepancyLike = Discrepancy | tuple[float, float] | float | bool | None
"""A discrepancy as :meth:`Discrepancy.of` reads it."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A discrepancy surface that knows the runs of a fit.

    Attributes
    ----------
    places : Places
        Where it knows a point to be.
    process : GaussianProcess
        The error, given what each posterior draw's curve misses where the runs are.
    """

    places: Places
    process: GaussianProcess

    def draw(self, inputs: Mapping[str, xr.DataArray], rng: np.random.Generator) -> xr.DataArray:
        """Draw the error of each posterior draw's curve at new points, together.

        Parameters
        ----------
        inputs : mapping of str to DataArray, dim point
            The law's inputs in their own units.
        rng : numpy.random.Generator
            Where the surface comes from.

        Returns
        -------
        xarray.DataArray, dims (chain, draw, point)
            Relative errors, as :meth:`bayescale.model.noise.base.Noise.displace` takes them.
        """
        drawn = self.process.draw(self.places.at(inputs), rng)
        return xr.DataArray(drawn, dims=("chain", "draw", "point"))

    def at(self, inputs: Mapping[str, xr.DataArray]) -> tuple[np.ndarray, np.ndarray]:
        """Return what is known of the error at new points, given the runs.

        Parameters
        ----------
        inputs : mapping of str to DataArray, dim point
            The law's inputs in their own units.

        Returns
        -------
        mean : array, shape (chain, draw, point)
            What to expect for each posterior draw's curve.
        covariance : array, shape (point, point)
            Around that, the same for every draw.
        """
        return self.process.at(self.places.at(inputs))


DISCREPANCY = Discrepancy()
"""What predictions use by default; how it was chosen: ``docs/extrapolation.md``."""


def _surface(fit: Fit, size: float, reach: float) -> Surface:
    places = Places.of(fit, reach)
    variance, correlation = size**2, places.correlation
    if not fit.informed:
        shape = tuple(fit.posterior.sizes[d] for d in ("chain", "draw"))
        nowhere, none = np.zeros((0, places.columns)), np.zeros((*shape, 0))
        return Surface(
            places, GaussianProcess(variance, nowhere, none, np.zeros((0, 0)), correlation)
        )
    residual, scatter, at = _at_runs(fit, places)
    return Surface(places, GaussianProcess.given(variance, at, residual, scatter, correlation))


def _at_runs(fit: Fit, places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return residuals (chain, draw, place), their scatter's covariance, and where they are.

    Residuals are each draw's own, so that a curve drawn too low has a surface that lifts it back.
    Rows of one run count for as little here as in the fit.
    """
    weight, at = run_weights(fit), places.at_runs()
    inputs = at[:, : len(places.names)]
    cell = np.unique(np.round(inputs / CELL), axis=0, return_inverse=True)[1].ravel()
    total = np.bincount(cell, weight)
    share, scatter = weight / total[cell], np.diag(1 / total)
    centre = fit.parameters.median(("chain", "draw"))
    for rows, correlation in fit.spec.noise.correlated(centre, fit.known):
        part = np.zeros((len(total), len(rows)))
        part[cell[rows], np.arange(len(rows))] = share[rows] / np.sqrt(weight[rows])
        scatter += part @ (correlation - np.eye(len(rows))) @ part.T
    middle = np.zeros((len(total), at.shape[1]))  # of no column, where inputs are dates
    for i, column in enumerate(at.T):
        middle[:, i] = np.bincount(cell, share * column)
    return residuals_by_place(fit, cell, share, 1 / np.sqrt(weight)), scatter, middle


def run_weights(fit: Fit) -> np.ndarray:
    """Return what the discrepancy counts each run for, shape (run,).

    It is one over the variance of the run's scatter, as a relative error. Runs in heavy tails count
    for as little here as in the fit.
    """
    noise, (middle, centre) = fit.spec.noise, median_curve(fit)
    with np.errstate(invalid="ignore"):  # a share that is met exactly has no size of its own
        usual, size = noise.displacement(middle, centre, fit.known, fit.observed, fit.scale)
    size = np.nan_to_num(size, nan=float(np.nanmedian(size)))
    weight = np.broadcast_to(1 / size**2, usual.shape)
    if "nu" in centre:
        nu = float(centre["nu"])
        weight = weight * (nu + 1) / (nu + usual.values**2 * weight)
    return weight


def discrepancy_text(discrepancy: "Discrepancy | None") -> str:
    """Describe the discrepancy in one line."""
    if discrepancy is None:
        return (
            "discrepancy: none, the law is assumed to hold; beyond the runs that is overconfident"
        )
    return f"discrepancy: {discrepancy}"
