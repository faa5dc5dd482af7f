"""Averages of laws: several fits of the same runs, drawn from in proportion to their weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import xarray as xr

from bayescale.data.display_tables import html_block, text_table
from bayescale.data.number_format import number_of, whole_percent
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import check_fits, of_fits
from bayescale.inference.fit_methods import PosteriorMethods
from bayescale.inference.leave_one_out import pointwise_loo
from bayescale.inference.result import Fit
from bayescale.inference.saved_tree import Laws, fit_of_tree, take_header, tree_of_fit, with_header
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy
from bayescale.prediction.intervals import DRAWS


class NotOneLaw(BayescaleError, AttributeError):
    """An average was asked for what only a fit of one law has."""


@dataclass(frozen=True, eq=False)
class Average(PosteriorMethods):
    """Fits of the same runs, and how much each counts.

    Predictions are the mixture of the laws': :func:`bayescale.predict`, :func:`bayescale.optimum`
    and :func:`bayescale.report` take an average like a fit.

    Parameters
    ----------
    fits : mapping of str to Fit
        By the name to show.
    weights : mapping of str to float
        Same names; scaled to sum to one.
    discrepancies : mapping of str to mapping of Discrepancy to float
        By the same names, how wrong a law may be and how likely that is, in place of the default.
        Any other discrepancy that is asked for counts instead, and none does where laws are
        assumed to hold.

    Raises
    ------
    BayescaleError
        When names differ, weights are negative or all zero, or the fits are not of the same runs.

    See Also
    --------
    average : Make one by stacking.
    fit_average : Make one by forecasts.
    Fit : One of its fits.

    References
    ----------
    Yao et al. (2018), doi:10.1214/17-BA1091 (stacking)

    Examples
    --------
    >>> both = bs.Average(fits, {"chinchilla": 3, "skaling": 1})
    >>> dict(both.weights)
    {'chinchilla': 0.75, 'skaling': 0.25}
    >>> both.predict(params="7B", tokens="1T")["law"].median().round(2).item()
    2.04
    """

    fits: Mapping[str, Fit]
    weights: Mapping[str, float]
    discrepancies: Mapping[str, Mapping[Discrepancy, float]] = field(default_factory=dict)

    kind: ClassVar[str] = "average"

    def __post_init__(self) -> None:
        check_same_runs(self.fits)
        if set(self.fits) != set(self.weights):
            raise BayescaleError(
                f"weights of {', '.join(self.weights)} for fits of {', '.join(self.fits)}"
            )
        for name, shares in self.discrepancies.items():
            if name not in self.fits:
                raise BayescaleError(f"discrepancies of {name}, which is not among the fits")
            if not all(np.isfinite(share) and share >= 0 for share in shares.values()):
                raise BayescaleError(
                    f"{name}: the share of a discrepancy is not negative: {shares}"
                )
        values = np.array([self.weights[name] for name in self.fits], dtype=float)
        if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
            raise BayescaleError(f"weights are not negative and not all zero; got {self.weights}")
        shares = dict(zip(self.fits, (values / values.sum()).tolist(), strict=True))
        object.__setattr__(self, "weights", shares)

    def mix(
        self,
        ask: Callable[[Fit, Discrepancy | None], xr.Dataset],
        discrepancy: Discrepancy | None = None,
    ) -> xr.Dataset:
        """Ask every fit that counts, and draw from the answers in proportion to the weights.

        Parameters
        ----------
        ask : callable
            From a fit, and how wrong its law may be, to draws, dims (chain, draw, ...).
        discrepancy : Discrepancy, optional
            What was asked for; None assumes that the law holds.

        Returns
        -------
        xarray.Dataset, dims (chain, draw, ...)
            One chain; as many draws as the first fit has in all.
        """
        total = int(np.prod([next(iter(self.fits.values())).posterior.sizes[d] for d in DRAWS]))
        asked = list(self._asked(discrepancy))
        ends = np.rint(np.cumsum([0.0, *(share for *_, share in asked)]) * total).astype(int)
        parts = []
        for i, ((fit, wrong, _), count) in enumerate(zip(asked, np.diff(ends), strict=True)):
            if count:
                flat = ask(fit, wrong).stack(sample=DRAWS, create_index=False)
                size = flat.sizes["sample"]
                chosen = np.linspace(0, size, count, endpoint=False).astype(int)
                chosen = (chosen + i) % size  # a law in several parts gives other draws to each
                parts.append(flat.isel(sample=chosen))
        mixed = xr.concat(
            parts, "sample", coords="minimal", compat="override", join="override"
        ).drop_vars(DRAWS, errors="ignore")
        named = " + ".join(f"{w:.2f} {name}" for name, w in self.weights.items() if w >= 0.005)
        return (mixed.rename(sample="draw").expand_dims("chain").assign_attrs(law=named)).transpose(
            *DRAWS, ...
        )

    def _asked(
        self, discrepancy: Discrepancy | None
    ) -> Iterator[tuple[Fit, Discrepancy | None, float]]:
        """Yield each fit, how wrong its law may be, and how much both count."""
        own = self.discrepancies if discrepancy == DISCREPANCY else {}
        for name, fit in self.members().items():
            every: Mapping[Any, float] = own.get(name, {})
            total = sum(every.values())
            every, total = (every, total) if total > 0 else ({discrepancy: 1.0}, 1.0)
            for wrong, share in every.items():
                yield fit, wrong, self.weights[name] * share / total

    def typical(self, discrepancy: Discrepancy | None) -> Discrepancy | None:
        """Return one discrepancy that stands for those of the laws: mean variance and reach."""
        if discrepancy is None or discrepancy.learnt_for != "":
            return discrepancy
        asked = [
            (wrong.of_fit(fit), share) for fit, wrong, share in self._asked(discrepancy) if wrong
        ]
        size = sum(share * wrong.size**2 for wrong, share in asked) ** 0.5
        reach = sum(share * wrong.reach for wrong, share in asked)
        learnt = None if self.discrepancies else " and ".join(self.members())
        return Discrepancy(size, reach, learnt_for=learnt)

    def members(self) -> dict[str, Fit]:
        """Return the fits of positive weight by name, largest weight first."""
        ranked = sorted(self.fits, key=lambda name: -self.weights[name])
        return {name: self.fits[name] for name in ranked if self.weights[name] > 0}

    @property
    def representative(self) -> Fit:
        """The fit of largest weight: it speaks for the runs, columns and units of all."""
        return next(iter(self.members().values()))

    @property
    def seed(self) -> int:
        """The seed of the fit of largest weight, which questions use where none is given."""
        return self.representative.seed

    @property
    def target(self) -> str:
        """The column that the laws predict."""
        return self.representative.target

    @property
    def unit(self) -> str:
        """The unit of the target, "" where it has none or it is not known."""
        return self.representative.unit

    @property
    def observed(self) -> xr.DataArray:
        """The observed target, dim run."""
        return self.representative.observed

    @property
    def inputs(self) -> dict[str, xr.DataArray]:
        """The inputs of the law of largest weight, of the fitted runs, dim run."""
        return self.representative.inputs

    @property
    def label(self) -> str:
        """The laws with their weights: ``average of chinchilla 60 %, skaling 40 %``."""
        return f"average of {', '.join(self.shares)}"

    def to_tree(self) -> xr.DataTree:
        """Return the fits' trees as children of one, weights and names in its attributes."""
        children = {f"fit_{i}": tree_of_fit(fit) for i, fit in enumerate(self.fits.values())}
        header = {
            "names": list(self.fits),
            "weights": dict(self.weights),
            "discrepancies": {
                name: [[wrong.size, wrong.reach, share] for wrong, share in shares.items()]
                for name, shares in self.discrepancies.items()
            },
        }
        return with_header(xr.DataTree(children=children), self.kind, header)

    @classmethod
    def from_tree(cls, tree: xr.DataTree, source: str, laws: Laws = None) -> Self:
        """Return the average of a tree that :meth:`to_tree` made; see :func:`bayescale.load`."""
        header = take_header(tree, source)
        fits = {
            name: fit_of_tree(tree.children[f"fit_{i}"].copy(), f"{source} ({name})", laws)
            for i, name in enumerate(header["names"])
        }
        wrong = {
            name: {Discrepancy(size, reach): share for size, reach, share in shares}
            for name, shares in header["discrepancies"].items()
        }
        return cls(fits, header["weights"], wrong)

    @property
    def shares(self) -> list[str]:
        """How much each fit counts, in words."""
        return [f"{name} {whole_percent(weight)}" for name, weight in self.weights.items()]

    if not TYPE_CHECKING:  # a type checker shall know what an average has

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name not in {*dir(Fit), *Fit.__dataclass_fields__}:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise NotOneLaw(
                f"{name} is of one law, and an average has several: ask one of its fits, "
                f"average.fits[{next(iter(self.members()))!r}].{name}"
            )

    def __repr__(self) -> str:
        return f"<bayescale.Average {', '.join(self.shares)}>"

    def __str__(self) -> str:
        return f"{self._title()}\n{text_table(self._member_rows())}"

    def _repr_html_(self) -> str:
        return html_block(self._title(), rows=self._member_rows())

    def _title(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        runs = number_of(self.observed.size, "run")
        return f"average of {len(self.fits)} fits: {self.target}{unit}, {runs}"

    def _member_rows(self) -> list[dict[str, str]]:
        return [
            {
                "fit": name,
                "law": fit.law.name,
                "weight": whole_percent(self.weights[name]),
                "diagnostics": "; ".join(fit.diagnostics.problems()) or "no problem found",
            }
            for name, fit in self.fits.items()
        ]


@of_fits
def average(fits: Mapping[str, Fit], weights: Mapping[str, float] | None = None) -> Average:
    """Average fits of the same runs, by given weights or by stacking.

    Parameters
    ----------
    fits : mapping of str to Fit
        Fits of the same runs.
    weights : mapping, optional
        Name to weight; those of stacking, which maximise the leave-one-out
        density of the mixture, when None. A fit whose diagnostics failed then counts for nothing,
        unless all did.

    Returns
    -------
    Average

    Raises
    ------
    BayescaleError
        As for :class:`Average`.

    See Also
    --------
    fit_average : Weights by forecasts along the runs.
    compare : LOO, WAIC and stacking weights.
    Average : What it returns.

    References
    ----------
    Yao et al. (2018), doi:10.1214/17-BA1091 (stacking)

    Examples
    --------
    >>> both = bs.average(fits)
    >>> sorted(both.weights), round(sum(both.weights.values()), 6)
    (['chinchilla', 'skaling'], 1.0)
    """
    check_same_runs(fits)
    if weights is None:
        sound = {name: fit for name, fit in fits.items() if fit.diagnostics.ok} or fits
        each = [pointwise_loo(fit) for fit in sound.values()]
        stacked = dict(zip(sound, stack(np.column_stack(each)).tolist(), strict=True))
        weights = dict.fromkeys(fits, 0.0) | stacked
    return Average(fits, weights)


def stack(
    log_density: np.ndarray, importance: np.ndarray | None = None, rounds: int = 1000
) -> np.ndarray:
    """Return averaging weights of highest mean log density (stacking, expectation-maximisation).

    Parameters
    ----------
    log_density : array, shape (run, law)
        Log predictive density of each run by each law, the run not having been fitted.
    importance : array, shape (run,), optional
        How much each run counts; equally when None.
    rounds : int
        Steps of the algorithm; each raises the mean log density.

    Returns
    -------
    array, shape (law,)
    """
    known = np.isfinite(log_density.max(axis=1))  # what no law predicted tells none from another
    log_density = log_density[known]
    importance = None if importance is None else importance[known]
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(density.shape[1], 1 / density.shape[1])
    for _ in range(rounds):
        share = density * weights
        share /= share.sum(axis=1, keepdims=True)
        weights = np.average(share, axis=0, weights=importance)
    return weights


def check_same_runs(fits: Mapping[str, Fit]) -> None:
    """Raise unless there are at least two fits, of the same target of the same runs."""
    check_fits("an average", fits)
    if len(fits) < 2:
        raise BayescaleError(
            "one fit is nothing to compare or average: give two or more, {'a': fit_a, 'b': fit_b}"
        )
    (first, reference), *others = fits.items()
    for name, fit in others:
        if fit.target != reference.target:
            raise BayescaleError(
                f"{name} predicts {fit.target} and {first} {reference.target}: "
                "only fits of the same target compare"
            )
        if fit.spec.noise.discrete != reference.spec.noise.discrete:
            raise BayescaleError(
                f"{name} gives probabilities of counts and {first} densities, or the other way "
                "round: they do not compare; give both fits a noise of the same kind"
            )
        ours, theirs = fit.observed.values, reference.observed.values
        if ours.shape != theirs.shape or not (ours == theirs).all():
            raise BayescaleError(
                f"{name} was fitted to {ours.size} runs and {first} to {theirs.size}, not the same "
                "ones: fit both to the rows that both can use (read_runs(..., where=...))"
            )
