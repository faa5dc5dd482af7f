"""Fitting scores, and what comes of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.capabilities.model import SAVED, Factors, capability_model, choose_factors
from bayescale.capabilities.table import Floor, Scores, read_scores
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import checked, described
from bayescale.inference.diagnostics import Diagnostics, diagnose
from bayescale.inference.fit import warn_of
from bayescale.inference.sampling import (
    STATS,
    Sampler,
    finished_part,
    further_tries,
    run_nutpie,
    run_pymc,
    sampling_progress,
    seed_of,
)
from bayescale.inference.saved_tree import Laws, take_header, with_header

SAMPLER = Sampler(draws=2000, target_accept=0.9)
"""How a table is sampled when nothing else is said."""


@dataclass(frozen=True, eq=False)
class CapabilityFit:
    """Capabilities of models, their families' lines, and the scores that they bring.

    The tree holds everything: :func:`bayescale.save` writes it and :func:`bayescale.load` reads it.

    Attributes
    ----------
    tree : xarray.DataTree
        ``posterior`` (``capability`` by model, ``loading``, ``intercept`` and ``scatter`` by score,
        ``level`` and ``slope`` by family, the population's ``level_mean``, ``slope_mean``,
        ``level_spread``, ``slope_spread``, and ``own_spread``, of models around their family),
        ``sample_stats``, ``observed_data`` and ``constant_data``.

    See Also
    --------
    fit_capabilities : Make one.
    predict_scores : Predict scores that are missing.

    References
    ----------
    Ruan, Maddison and Hashimoto (2024), arXiv:2405.10938
    """

    tree: xr.DataTree

    kind: ClassVar[str] = "capabilities"
    questions: ClassVar[tuple[str, ...]] = (
        "predict_scores",
        "capability_index",
        "equivalent_compute",
        "leave_family_out",
        "plot_capabilities",
    )

    def to_tree(self) -> xr.DataTree:
        """Return the tree, with what it is in its attributes."""
        return with_header(self.tree, self.kind, {})

    @classmethod
    def from_tree(cls, tree: xr.DataTree, source: str, laws: Laws = None) -> Self:
        """Return the fit of a tree that :meth:`to_tree` made; no law is in it."""
        take_header(tree, source)
        return cls(tree)

    @property
    def posterior(self) -> xr.Dataset:
        """The draws, dims (chain, draw) and what each is of."""
        return self.tree["posterior"].to_dataset()

    @property
    def diagnostics(self) -> Diagnostics:
        """Whether the draws can be trusted."""
        stats = self.tree["sample_stats"].to_dataset()
        return diagnose(self.posterior, stats, fixed=_fixed_floors(self.scores))

    @property
    def record(self) -> Mapping[str, Any]:
        """Where the numbers came from: versions, seed, sampler."""
        return json.loads(self.tree.attrs["record"])

    @property
    def seed(self) -> int:
        """The seed that it was drawn with, which predictions use where none is given."""
        return int(self.record["seed"])

    @property
    def scores(self) -> Scores:
        """The table that was fitted."""
        seen = self.tree["observed_data"].to_dataset()["scores"]
        constant = self.tree["constant_data"].to_dataset()
        floors = {
            name: floor if isinstance(floor, float) else tuple(floor)
            for name, floor in json.loads(self.tree.attrs["floors"]).items()
        }
        return Scores(
            tuple(map(str, seen["model"].values)),
            tuple(map(str, constant["family_of"].values)),
            tuple(map(str, seen["score"].values)),
            tuple(map(str, constant["size"].values)),
            seen.values,
            constant["log_size"].values,
            floors,
            frozenset(json.loads(self.tree.attrs["dated"])),
        )

    def sigmoid(
        self, score: str, capability: xr.DataArray
    ) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
        """Return a score's log odds for models, its level of guessing, and its scatter.

        Parameters
        ----------
        score : str
            One that was fitted.
        capability : DataArray, dims (chain, draw, model, factor)
            Of the models.

        Returns
        -------
        tuple of DataArray
            Log odds, dims (chain, draw, model); and what
            :func:`bayescale.capabilities.model.evaluated` takes with them.
        """
        at = self.posterior[["loading", "intercept", "scatter"]].sel(score=score, drop=True)
        known = self.tree["constant_data"].to_dataset()["floor_guess"]
        floor = self.posterior.get("floor", known).sel(score=score, drop=True)
        odds = at["intercept"] + (at["loading"] * capability).sum("factor")
        return odds, floor, at["scatter"]

    def __repr__(self) -> str:
        scores, factors = self.scores, self.posterior.sizes["factor"]
        return (
            f"<bayescale.CapabilityFit, {factors} factors of {len(scores.names)} scores, "
            f"{len(scores.models)} models of {len(scores.every_family)} families, "
            f"{1 - scores.seen.mean():.0%} of scores missing; {self.diagnostics}>"
        )


def of_capabilities[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Mark a question of fitted capabilities, whose fit is the function's first argument."""

    def check(name: str, given: Any) -> None:
        if not isinstance(given, CapabilityFit):
            raise BayescaleError(
                f"{name} takes a fit that fit_capabilities made, not {described(given)}"
            )

    return checked(function, check)


def fit_capabilities(
    table: pd.DataFrame,
    scores: Sequence[str],
    *,
    size: Sequence[str] = ("flops",),
    factors: int = 3,
    floors: Mapping[str, Floor] | None = None,
    sampler: Sampler = SAMPLER,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> CapabilityFit:
    """Fit capabilities of models to a table of their benchmark scores.

    Parameters
    ----------
    table : DataFrame
        One row per model, with columns ``model`` (its name), ``family``, sizes and scores. Sizes
        and scores may be missing. A table of one row per model and score is pivoted before.
    scores : sequence of str
        Columns of scores between 0 and 1. A downstream score that few models have is one of them.
    size : sequence of str
        ``("flops",)``, a line for each family in the logarithm of one size, or
        ``("params", "tokens")``, for all families one plane in two, and their product. A column of
        dates, ``("release_date",)``, counts in years.
    factors : int
        How many capabilities.
    floors : mapping, optional
        Score to its level of guessing, ``{"mmlu": 0.25}``, or to a 90 % interval of it,
        ``{"bbh": (0.2, 0.3)}``; zero where not given.
    sampler : Sampler
        How to draw.
    random_seed : int, optional
        Makes the draws reproducible; one is chosen, and recorded, when none is given.
    progressbar : bool
        Show the sampler's progress.

    Returns
    -------
    CapabilityFit

    Raises
    ------
    BayescaleError
        For columns, rows or scores that cannot be used.

    Warns
    -----
    BayescaleWarning
        When the diagnostics still fail after one longer try, or the sampler was interrupted.

    See Also
    --------
    predict_scores : Predict scores, those of new models too.
    equivalent_compute : Models of all families on one axis.
    plot_capabilities : A figure of the families' lines.

    References
    ----------
    Ruan, Maddison and Hashimoto (2024), arXiv:2405.10938
    """
    taken = read_scores(table, scores, size, floors or {})
    return fit_scores(taken, factors, sampler, seed_of(random_seed), progressbar)


def fit_scores(
    scores: Scores, count: int, sampler: Sampler, seed: int, progressbar: bool = False
) -> CapabilityFit:
    """Fit a table as it is read: sampled once more if the diagnostics fail, and what is wrong said.

    Parameters
    ----------
    scores : Scores
        The table.
    count : int
        How many capabilities.
    sampler, seed, progressbar
        As for :func:`fit_capabilities`.
    """
    factors = choose_factors(scores, count)
    draw = _drawing(scores, factors, sampler, progressbar)
    posterior, stats = draw(sampler, seed)
    found = diagnose(posterior, stats, fixed=_fixed_floors(scores))
    if _whole(posterior, sampler) and not found.ok:
        usual, sampler = sampler.target_accept, further_tries(sampler)[-1]
        if not found.divergences:  # small steps are dear where there are hundreds of parameters
            sampler = replace(sampler, target_accept=usual)
        posterior, stats = draw(sampler, seed + 1)
        found = diagnose(posterior, stats, fixed=_fixed_floors(scores))
    warn_of(found, interrupted=not _whole(posterior, sampler))
    return CapabilityFit(make_tree(scores, factors, posterior, stats, vars(sampler), seed))


def _fixed_floors(scores: Scores) -> set[str]:
    """Return the levels of guessing that are given and not sampled, as elements of ``floor``."""
    sampled = {name for name, floor in scores.floors.items() if not isinstance(floor, float)}
    return {f"floor[{name}]" for name in scores.names if name not in sampled}


def _whole(posterior: xr.Dataset, sampler: Sampler) -> bool:
    """Whether the sampler finished."""
    return posterior.sizes["chain"] * posterior.sizes["draw"] == sampler.chains * sampler.draws


def _drawing(
    scores: Scores, factors: Factors, sampler: Sampler, progressbar: bool
) -> Callable[[Sampler, int], tuple[xr.Dataset, xr.Dataset]]:
    """Return what draws from the posterior, given a sampler and a seed; compiled once."""
    import nutpie

    model = capability_model(scores, factors)
    start, program = {"first": factors.start[:, 0]}, None
    if sampler.name == "nutpie":
        first = model["first"]
        program = nutpie.compile_pymc_model(
            model,
            initial_points={first: start["first"]},
            jitter_rvs={variable for variable in model.free_RVs if variable is not first},
        )

    def draw(sampler: Sampler, seed: int) -> tuple[xr.Dataset, xr.Dataset]:
        if program is not None:
            title = "capabilities" if progressbar else None
            with sampling_progress(title, sampler) as report:
                posterior, stats = run_nutpie(program, sampler, seed, report, adaptation="diag")
        else:
            posterior, stats = run_pymc(model, sampler, seed, progressbar, start)
        done = finished_part(posterior["capability"])
        kept = [name for name in SAVED if name in posterior]
        known = [name for name in STATS if name in stats]
        return posterior[kept].isel(done), stats[known].isel(done)

    return draw


def make_tree(
    scores: Scores,
    factors: Factors,
    posterior: xr.Dataset,
    stats: xr.Dataset,
    sampler: Mapping[str, Any],
    seed: int,
) -> xr.DataTree:
    """Put a capability fit's draws, table, capabilities and origin together in a tree."""
    models, names = list(scores.models), list(scores.names)
    observed = xr.Dataset(
        {"scores": (("model", "score"), scores.values)}, {"model": models, "score": names}
    )
    constant = xr.Dataset(
        {
            "log_size": (("model", "size"), scores.sizes),
            "family_of": ("model", list(scores.families)),
            "weight": (("score", "factor"), factors.weights),
            "floor_guess": ("score", scores.floor_guess),
        },
        {
            "model": models,
            "score": names,
            "size": list(scores.size),
            "factor": np.arange(1, factors.weights.shape[1] + 1),
        },
    )
    packages = ("bayescale", "pymc", "pytensor", "nutpie", "arviz")
    record = {
        "versions": {name: version(name) for name in packages},
        "sampler": dict(sampler),
        "seed": seed,
    }
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "sample_stats": stats,
            "observed_data": observed,
            "constant_data": constant,
        }
    )
    tree.attrs = {
        "record": json.dumps(record),
        "floors": json.dumps(dict(scores.floors)),
        "dated": json.dumps(sorted(scores.dated)),
    }
    return tree
