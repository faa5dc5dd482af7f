"""Densities and predictions of each fitted run, at each draw: worked out when they are asked for.

They are as many numbers as draws times runs, hold nothing that draws, runs and seed do not, and are
therefore neither kept nor saved. In a tree they stand as xarray's lazy arrays, one chain of which
is worked out at a time; ``.load()`` keeps the values.
"""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from bayescale.errors import BayescaleError
from bayescale.model.link_scale import with_fixed
from bayescale.model.observations import Observations, observed_groups, prior_scales
from bayescale.model.observed_columns import Observable, Observed
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

DRAWS = {
    "log_likelihood": "posterior",
    "posterior_predictive": "posterior",
    "prior_predictive": "prior",
}
"""The groups of a fit's tree that are worked out, and the group of the draws that each is of."""


def inputs_by_run(spec: Spec, seen: Observable, rows: Observed) -> dict[str, xr.DataArray]:
    """Return for the datatree a law's inputs of the runs that have a column, with their names."""
    coords = {seen.dim: list(rows.labels)}
    inputs = {
        name: xr.DataArray(values, coords, dims=("node", seen.dim)[-values.ndim :])
        for name, values in rows.inputs.items()
    }
    members = list(rows.members)
    return inputs | {by: xr.DataArray(members, coords, dims=seen.dim) for by in spec.grouping}


def observed_by_run(seen: Observable, rows: Observed) -> xr.DataArray:
    """Return for the datatree the observed values of a column, with the names of the runs."""
    return xr.DataArray(rows.observed, {seen.dim: list(rows.labels)}, dims=seen.dim)


def known_by_run(seen: Observable, rows: Observed) -> dict[str, xr.DataArray]:
    """Return for the datatree what is known of the runs that have a column besides its values."""
    observed = observed_by_run(seen, rows)
    return {name: observed.copy(data=values) for name, values in rows.known.items()}


def observations_of(spec: Spec, tree: xr.DataTree) -> Observations:
    """Return the numbers of the runs that a tree was made of, as they were fitted.

    Raises
    ------
    BayescaleError
        When the tree does not hold them.
    """
    if not {"observed_data", "constant_data"} <= set(tree.children):
        raise BayescaleError("these draws carry no runs of their own: ask the fit they come from")
    constant = tree.children["constant_data"].to_dataset()
    target, *others = (_observed_in(spec, seen, tree) for seen in spec.observables)
    names = (*spec.law.inputs, *spec.law.steps)
    references = {name: float(constant[f"{name}_reference"]) for name in names}
    typical = float(constant["target_scale"])
    scales = prior_scales(spec.law, typical, references, target.inputs)
    return Observations(
        **vars(target),
        references=references,
        scales=scales,
        steps=dict(zip(spec.law.steps, others, strict=True)),
        group_scales=observed_groups(spec, target, others, references, scales),
    )


def _observed_in(spec: Spec, seen: Observable, tree: xr.DataTree) -> Observed:
    """Return what a tree holds of one observed column."""
    constant = tree.children["constant_data"].to_dataset()
    observed = tree.children["observed_data"].to_dataset()[seen.column]
    known = {name: f"{seen.column}{suffix}" for name, (suffix, _) in seen.noise.known.items()}
    return Observed(
        {name: constant[f"{seen.prefix}{name}"].values for name in spec.law.inputs},
        observed.values,
        {name: constant[column].values for name, column in known.items()},
        tuple(map(str, observed[seen.dim].values)),
        members=tuple(
            str(name) for by in spec.grouping for name in constant[f"{seen.prefix}{by}"].values
        ),
    )


def stored(tree: xr.DataTree) -> xr.DataTree:
    """Return the groups of a fit's tree that nothing can work out again."""
    return tree.filter(lambda node: node.name not in DRAWS)


def with_pointwise(
    spec: Spec,
    tree: xr.DataTree,
    seed: int,
    groups: Collection[str] = tuple(DRAWS),
) -> xr.DataTree:
    """Return a tree with the groups that are worked out besides those that are stored.

    Parameters
    ----------
    spec : Spec
        What was fitted.
    tree : DataTree
        With ``posterior`` and ``prior``, dims (chain, draw), and the fitted runs.
    seed : int
        Draws the predictions, which are the same for the same draws, runs and seed.
    groups : collection of str
        Which of :data:`DRAWS`.

    Returns
    -------
    DataTree
        Each of the groups has the observed columns, dims (chain, draw, run).

    Raises
    ------
    BayescaleError
        When the tree does not hold the runs.
    """
    data = observations_of(spec, tree)
    found = {"/": tree.to_dataset()} | {k: node.to_dataset() for k, node in tree.children.items()}
    for group in (name for name in DRAWS if name in groups):
        draws = found[DRAWS[group]]
        coords = {dim: draws[dim] for dim in ("chain", "draw") if dim in draws.coords}
        labels = {seen.dim: list(data.of(seen).labels) for seen in spec.observables}
        columns = {
            seen.column: _Pointwise(spec, seen, draws, data, group, seed).lazy()
            for seen in spec.observables
        }
        found[group] = xr.Dataset(columns, {**coords, **labels})
    return xr.DataTree.from_dict(found)


@dataclass(frozen=True, eq=False)
class _Pointwise(BackendArray):
    """One column of a group, dims (chain, draw, run)."""

    spec: Spec
    seen: Observable
    draws: xr.Dataset
    data: Observations
    group: str
    seed: int

    dtype = np.dtype(float)

    @property
    def dims(self) -> tuple[str, ...]:
        return ("chain", "draw", self.seen.dim)

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = self.draws.sizes
        return sizes["chain"], sizes["draw"], len(self.data.of(self.seen).labels)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._values
        )

    @cached_property
    def _rows(self) -> list[dict[str, xr.DataArray]]:
        """Inputs, what is known besides, and the observed column, of each run, without its name."""
        seen, rows = self.seen, self.data.of(self.seen)
        named = [
            inputs_by_run(self.spec, seen, rows),
            known_by_run(seen, rows),
            {seen.column: observed_by_run(seen, rows)},
        ]
        return [{k: v.drop_vars(seen.dim) for k, v in one.items()} for one in named]

    def lazy(self) -> xr.Variable:
        """Return the variable of a tree; what is written to it is kept, and nothing else."""
        values: Any = indexing.LazilyIndexedArray(self)
        return xr.Variable(self.dims, indexing.CopyOnWriteArray(values))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as values: a law or a prior of one's own may not."""
        return indexing.NumpyIndexingAdapter, (self.get_duck_array(),)

    def _values(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return the values at an index of each dimension."""
        chains, draws, runs = (np.arange(n)[k] for n, k in zip(self.shape, key, strict=True))
        values = np.empty((chains.size, *draws.shape, *runs.shape))
        alone = self.group == "log_likelihood" and not self.seen.noise.serial
        here = np.atleast_1d(runs) if alone else slice(None)
        for i, chain in enumerate(chains.ravel()):
            found = self._chain(int(chain), here)[draws]
            values[i] = (found if alone else found[..., runs]).reshape(values.shape[1:])
        return values.reshape(chains.shape + values.shape[1:])

    def _chain(self, chain: int, runs: np.ndarray | slice) -> np.ndarray:
        """Return the values of one chain at some runs, shape (draw, run)."""
        spec, seen = self.spec, self.seen
        inputs, known, observed = (
            {name: values.isel({seen.dim: runs}) for name, values in of_rows.items()}
            for of_rows in self._rows
        )
        draws = with_fixed(spec, self.draws.isel(chain=[chain]))
        at = parametrization_of(spec).at(draws, inputs)
        curve = spec.law.curve(inputs, self.data.references, at, seen.step)
        scatter = seen.of_noise(at)
        if self.group == "log_likelihood":
            found = seen.noise.log_density(curve, scatter, known, observed[seen.column])
        else:
            column = zlib.crc32(seen.column.encode())
            rng = np.random.default_rng([self.seed, list(DRAWS).index(self.group), column, chain])
            with np.errstate(invalid="ignore"):  # priors may expect a loss below zero: no log
                found = seen.noise.draw(curve, scatter, known, rng=rng)
        return found.transpose(*self.dims).values[0]
