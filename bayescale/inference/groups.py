"""One group of a pooled fit as a fit of its own, of which every question can be asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayescale.errors import BayescaleError, closest
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.pointwise import stored, with_pointwise
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.laws.parameters import Z90
from bayescale.model.hierarchical import draw_population
from bayescale.model.link_scale import to_link
from bayescale.model.observations import typical_law
from bayescale.model.pooling import Pool, mean_of, spread_of
from bayescale.model.prior import Multiple
from bayescale.model.spec import Spec


@of_one_law
def group_fit(fit: Fit, name: str | None, random_seed: int | None = None) -> Fit:
    """Return one group of a pooled fit, partially pooled with the others.

    Parameters
    ----------
    fit : Fit
        A pooled fit.
    name : str or None
        The group: ``"pythia"``. None is a group that no run is of: its partially pooled parameters
        are drawn from their population, its separate ones from their priors.
    random_seed : int, optional
        Seed of those draws; the fit's own when None.

    Returns
    -------
    Fit
        Its posterior is the group's share of the pooled one, and its runs are the group's. Every
        function of a fit takes it: :func:`bayescale.predict`, :func:`bayescale.optimum`, ... That
        of a group without runs has those of all to say what a run is like, but no likelihood.

    Raises
    ------
    BayescaleError
        When nothing is pooled, or there is no such group.

    See Also
    --------
    fit : Pool groups with ``group`` and ``pool``.
    population_prior : Priors for the next group.
    """
    pool = fit.spec.pool
    if pool is None:
        raise BayescaleError(
            "this fit pools nothing and has no groups: fit(..., pool='partial', group='family')"
        )
    if name is not None and name not in fit.groups:
        raise BayescaleError(
            f"no run has {pool.by} = {name!r}{closest(name, fit.groups)}; there are "
            f"{', '.join(fit.groups)} (bayescale.group_fit(fit, None) is a new one)"
        )
    spec = replace(fit.spec, pool=None)
    tree = _new(fit, pool, random_seed) if name is None else _known(fit, spec, pool, name)
    origin = {"by": pool.by, "member": name, "of": len(fit.groups)}
    runs = {**fit.record["runs"], "rows": tree[f"observed_data/{fit.target}"].size}
    if name is not None:
        runs["source"] = f"{runs['source']}, {pool.by} {name}"
    return Fit(spec, tree, {**fit.record, "runs": runs, "pooled": origin})


@of_one_law
def population_prior(fit: Fit) -> dict[str, tuple[float, float] | Multiple]:
    """Return the population of a pooled fit as priors for the fit of a next group.

    A later study then uses the groups' information without being fitted with them:
    ``make_spec("chinchilla", priors=population_prior(pooled), references=pooled.references)``.

    Parameters
    ----------
    fit : Fit
        A pooled fit.

    Returns
    -------
    dict of str to (float, float) or Multiple
        Of each partially pooled parameter of the law, the 90 % interval of a new group: in
        multiples of its target at the pooled fit's reference point where the law says so
        (:class:`bayescale.Multiple`, carried there along the law of the population's medians; of
        its typical target where the law has steps or takes arrays), else in the parameter's own
        unit. Amplitudes hold at that reference point too: ``references=fit.references``.

    Raises
    ------
    BayescaleError
        When nothing is pooled partially.

    See Also
    --------
    group_fit : One group of a pooled fit.
    literature_priors : Priors from public families.
    make_spec : Takes them as ``priors``.
    """
    kinds = fit.spec.kinds
    names = [name for name in fit.spec.free if kinds.get(name) == "partial"]
    if not names:
        raise BayescaleError(
            "no parameter of this fit comes from a population: fit(..., pool='partial', group=...)"
        )
    found, typical = {}, _typical_at_references(fit) or ()
    here, _ = Multiple(1.0, 1.0, *typical).of_mean(fit.law, fit.scales)
    for name in names:
        parameter = fit.spec.parameters[name]
        centre = to_link(parameter, fit.posterior[mean_of(name)], fit.scales)
        variance = float((fit.posterior[spread_of(name)] ** 2).mean() + centre.var())
        middle, half = float(centre.mean()), Z90 * variance**0.5
        low, high = (float(parameter.inverse(middle + sign * half)) for sign in (-1, 1))
        if parameter.of == "target":
            found[name] = Multiple(low / here, high / here, *typical)
        else:
            found[name] = Multiple(low, high) if parameter.of else (low, high)
    return found


def _typical_at_references(fit: Fit) -> tuple[dict[str, float], dict[str, float]] | None:
    """Return the reference point of a pooled fit, and the law of the population's medians.

    None of a law that takes arrays, which has no such point, and of one with steps, whose
    reference points a :class:`bayescale.Multiple` does not hold.
    """
    law = fit.law
    if law.steps or any(declared.nodes for declared in law.inputs.values()):
        return None
    at = {
        name: fit.references[name] if declared.relative else float(fit.inputs[name].median())
        for name, declared in law.inputs.items()
    }
    typical = typical_law(fit.spec, fit.scales)
    for name in fit.spec.free:
        saved = {"partial": mean_of(name), "shared": name}.get(fit.spec.kinds[name])
        if saved:
            typical[name] = float(fit.posterior[saved].median())
    return at, typical


def ask_each(fit: Fit, ask: Callable[[Fit], xr.Dataset]) -> xr.Dataset:
    """Ask a fit, or every group of a pooled one, whose answers then stand side by side."""
    if fit.spec.pool is None:
        return ask(fit)
    answers = [ask(group_fit(fit, name)) for name in fit.groups]
    names = xr.DataArray(fit.groups, dims=fit.spec.pool.by, name=fit.spec.pool.by)
    return xr.concat(answers, dim=names, combine_attrs="drop_conflicts")


def refuse_pooled(fit: Fit, what: str) -> None:
    """Raise for a pooled fit where the answer is about one law.

    Raises
    ------
    BayescaleError
        Naming a group to ask instead.
    """
    if fit.spec.pool is not None:
        raise BayescaleError(
            f"{what} is of one law, and this fit pools {len(fit.groups)} groups by "
            f"{fit.spec.pool.by}: ask one of them, bayescale.group_fit(fit, {fit.groups[0]!r})"
        )


def _known(fit: Fit, spec: Spec, pool: Pool, name: str) -> xr.DataTree:
    """Return the share of a group in a pooled fit's tree."""
    groups: dict[str, xr.Dataset] = {k: fit.tree_group(k) for k in stored(fit.tree).children}
    for seen in fit.spec.observables:
        own = fit.groups_of(seen)[pool.by] == name
        groups = {
            k: found.isel({seen.dim: np.flatnonzero(own)}) if seen.dim in found.dims else found
            for k, found in groups.items()
        }
    parameters = [*spec.free, *spec.noise_parameters]
    for k in ("posterior", "prior", "log_prior"):
        found = groups[k][[p for p in parameters if p in groups[k]]]
        groups[k] = found.sel({pool.by: name}, drop=True) if pool.by in found.dims else found
    groups["constant_data"] = _constant(fit, spec, pool, groups)
    return with_pointwise(spec, xr.DataTree.from_dict(groups), fit.seed)


def _constant(fit: Fit, spec: Spec, pool: Pool, groups: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return the constants of a group: the typical size of the target is its own."""
    observed = groups["observed_data"][fit.target].values
    scale = spec.noise.scale(observed) if observed.size else fit.scale
    constant = groups["constant_data"].drop_vars([f"{s.prefix}{pool.by}" for s in spec.observables])
    return constant.assign(target_scale=scale)


def _new(fit: Fit, pool: Pool, random_seed: int | None) -> xr.DataTree:
    """Return a tree of draws for a group without runs."""
    rng = np.random.default_rng(seed_of(random_seed, fit.seed))
    groups: dict[str, Any] = {
        k: fit.tree_group(k) for k in ("sample_stats", "observed_data", "constant_data")
    }
    for k in ("posterior", "prior"):
        groups[k] = draw_population(fit.spec, fit.scales, fit.tree_group(k), rng)
    labels = [f"{seen.prefix}{pool.by}" for seen in fit.spec.observables]
    groups["constant_data"] = groups["constant_data"].drop_vars(labels)
    return xr.DataTree.from_dict(groups)
