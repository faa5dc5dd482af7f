"""The best data mixture: shares of domains of least expected loss, weighted over targets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.number_format import listed
from bayescale.data.units import Quantities, parse_quantities
from bayescale.decisions.simplex_search import Loss, lowest, starting_mixtures
from bayescale.errors import BayescaleError, closest
from bayescale.inference.argument_checks import of_fit_or_fits
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.laws.inputs import ROUNDING
from bayescale.prediction.intervals import DRAWS

MOST_DRAWS = 1000
"""Draws of each posterior that are asked, evenly taken from the chains."""


@of_fit_or_fits
def best_mixture(
    fits: Fit | Mapping[str, Fit],
    mixture: Mapping[str, float] | None = None,
    *,
    weights: Mapping[str, float] | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    at: Mapping[str, Quantities] | None = None,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Find the data mixture of least expected loss, and what a mixture gives up beside the best.

    Each draw of the posterior has a best mixture of its own; one mixture has to be chosen for all
    of them, and falls short of each by its regret. The laws are assumed to hold.

    Parameters
    ----------
    fits : Fit or mapping of str to Fit
        A fit of a mixture law, such as ``additive_mixture_3``; or one for each target, by name.
        Fits of several targets count as independent of one another.
    mixture : mapping of str to float, optional
        A mixture whose regret to measure: the share of each domain, together one.
    weights : mapping of str to float, optional
        The weight of each target in the loss, in any unit; equal when None.
    limits : mapping of str to (float, float), optional
        Smallest and largest share of a domain, 0 and 1 when not given. A domain of U unique tokens
        that may be repeated E times in a training of D tokens has a share of at most U E / D.
    at : mapping of str to number or str, optional
        The laws' further inputs: ``{"params": "1B"}``.
    random_seed : int, optional
        Seed of which draws of several fits go together; the first fit's own when None.

    Returns
    -------
    xarray.Dataset, dims (chain, draw), domain and choice
        ``best_share`` (chain, draw, domain), each draw's own best mixture, and ``best_loss``, its
        weighted mean loss; ``loss`` and ``regret`` (chain, draw, choice) of the chosen mixtures,
        in the targets' unit, ``share`` (choice, domain). The choice ``"best"`` has the least
        expected loss; ``"given"`` is ``mixture``. A domain goes by its column in the fitted table.
        The attribute ``extrapolation`` names the shares of the best mixture that no run had.

    Raises
    ------
    BayescaleError
        For a law without shares, targets of different domains, limits that no mixture keeps, a
        mixture that is none, and when a further input is missing.

    See Also
    --------
    credible_intervals : Intervals of the answer.
    optimum : The best size and data of a budget.
    regret : What a size gives up.

    References
    ----------
    * Ye et al. (2024), arXiv:2403.16952 (mixing laws, and the mixture that they predict is best)
    * Shukor et al. (2025), arXiv:2507.09404

    Examples
    --------
    >>> shares = np.random.default_rng(1).dirichlet([2, 2, 2], 30)
    >>> table = pd.DataFrame(shares, columns=["proportion_1", "proportion_2", "proportion_3"])
    >>> truth = {"E": 2.0, "R": 1.0, "a_1": -2.0, "a_2": -1.0, "a_3": 0.5}
    >>> runs = bs.simulate("exponential_mixture_3", table, truth, random_seed=1)
    >>> mixed = bs.fit(runs, "exponential_mixture_3", random_seed=1, progressbar=False)
    >>> found = bs.best_mixture(mixed, limits={"proportion_1": (0.0, 0.6)})
    >>> found["share"].sel(choice="best").values.round(2).tolist()
    [0.6, 0.4, 0.0]
    """
    several = dict(fits) if isinstance(fits, Mapping) else {fits.target: fits}
    if not several:
        raise BayescaleError("best_mixture takes at least one fit")
    first = next(iter(several.values()))
    domains = _same_domains(several)
    low, high = _limits(limits or {}, domains)
    rng = np.random.default_rng(seed_of(random_seed, first.seed))
    loss, shape = _weighted(several, _weights(weights, several), at or {}, rng)
    best = lowest(lambda h: loss(h).mean(keepdims=True), starting_mixtures(low, high), low, high)
    chosen = {"best": best[:, 0]}
    if mixture is not None:
        chosen["given"] = _mixture(mixture, domains)
    starts = [*starting_mixtures(low, high), best]
    if mixture is not None and _within(chosen["given"], low, high):
        starts.append(chosen["given"][:, None])
    size = int(np.prod(shape))
    own = lowest(loss, [np.repeat(start, size, axis=1) for start in starts], low, high)
    least = loss(own)
    losses = np.stack([loss(shares[:, None]) for shares in chosen.values()], axis=-1)
    sign = _sign(first)
    return xr.Dataset(
        {
            "best_share": ((*DRAWS, "domain"), own.T.reshape(*shape, -1)),
            "best_loss": (DRAWS, sign * least.reshape(shape)),
            "loss": ((*DRAWS, "choice"), sign * losses.reshape(*shape, -1)),
            "regret": ((*DRAWS, "choice"), (losses - least[:, None]).reshape(*shape, -1)),
        },
        coords={
            "domain": list(domains),
            "choice": list(chosen),
            "share": (("choice", "domain"), np.array([*chosen.values()])),
        },
        attrs={
            "target": first.target,
            "units": first.unit,
            "extrapolation": _beyond(several, domains, best[:, 0]),
        },
    )


def _weighted(
    several: Mapping[str, Fit],
    weights: Mapping[str, float],
    at: Mapping[str, Quantities],
    rng: np.random.Generator,
) -> tuple[Loss, tuple[int, int]]:
    """Return the weighted mean loss on draws, and how many chains and draws there are."""
    fewest = {d: min(fit.posterior.sizes[d] for fit in several.values()) for d in DRAWS}
    step = max(1, -(-fewest["chain"] * fewest["draw"] // MOST_DRAWS))
    numbers = np.arange(0, fewest["draw"], step)
    shape = (fewest["chain"], len(numbers))
    parts: list[tuple[float, Loss]] = []
    for name, fit in several.items():
        kept = fit.parameters.isel(chain=slice(fewest["chain"]), draw=numbers)
        order = rng.permutation(np.prod(shape)) if parts else slice(None)
        drawn = {
            str(k): v.transpose(*DRAWS).values.ravel()[order] for k, v in kept.data_vars.items()
        }
        parts.append((weights[name], _loss(fit, drawn, _further(fit, at))))
    unused = set(at).difference(*(_columns(fit) for fit in several.values()))
    if unused:
        raise BayescaleError(
            f"at: no law takes {listed(sorted(unused))}; further inputs are "
            f"{listed(sorted(set().union(*map(_columns, several.values())))) or 'none'}"
        )
    return lambda h: sum((w * of(h) for w, of in parts), np.zeros(1)), shape


def _loss(fit: Fit, drawn: Mapping[str, np.ndarray], further: Mapping[str, float]) -> Loss:
    """Return the loss of mixtures by one fit; less is better, of a score its negative."""
    (name,) = _shares_of(fit)
    sign = _sign(fit)
    return lambda shares: (
        sign * np.asarray(fit.law.curve({**further, name: shares}, fit.references, drawn))
    )


def _sign(fit: Fit) -> float:
    return -1.0 if fit.law.rises else 1.0


def _shares_of(fit: Fit) -> list[str]:
    return [name for name, given in fit.law.inputs.items() if given.simplex]


def _columns(fit: Fit) -> dict[str, str]:
    """Return the law's further inputs by their column."""
    return {fit.spec.column(k): k for k, given in fit.law.inputs.items() if not given.simplex}


def _further(fit: Fit, at: Mapping[str, Quantities]) -> dict[str, float]:
    """Return the law's further inputs at one point."""
    found = {}
    for column, name in _columns(fit).items():
        if column not in at:
            raise BayescaleError(f"{fit.law.name} takes {column}, too: pass at={{{column!r}: ...}}")
        values = parse_quantities(column, at[column], "flops" if column == "flops" else "count")
        if len(values) != 1:
            raise BayescaleError(f"at: give {column} one value")
        found[name] = float(values[0])
    return found


def _same_domains(several: Mapping[str, Fit]) -> dict[str, str]:
    """Return the columns of the shares by the names of the domains.

    Raises
    ------
    BayescaleError
        When a law has no shares, or two targets have other domains.
    """
    found: dict[str, str] = {}
    for name, fit in several.items():
        refuse_pooled(fit, "best_mixture")
        if len(_shares_of(fit)) != 1:
            raise BayescaleError(
                f"best_mixture needs a law of shares, such as additive_mixture_3; {fit.law.name} "
                "has none"
            )
        columns = fit.spec.columns_of(_shares_of(fit)[0])
        sources = {c["name"]: c["source"] for c in fit.record["runs"].get("columns", ())}
        own = {str(sources.get(column) or column): column for column in columns}
        if found and list(own) != list(found):
            raise BayescaleError(
                f"{name} has the domains {listed(list(own))}, and others {listed(list(found))}: "
                "targets need the same domains in the same order"
            )
        found = own
    return found


def _weights(weights: Mapping[str, float] | None, several: Mapping[str, Fit]) -> dict[str, float]:
    """Return weights that sum to one."""
    given = {name: 1.0 for name in several} if weights is None else dict(weights)
    if set(given) != set(several):
        raise BayescaleError(
            f"weights are of {listed(list(given)) or 'nothing'}, and the fits of "
            f"{listed(list(several))}: give each target its weight"
        )
    total = sum(given.values())
    if not (min(given.values()) >= 0 and 0 < total < np.inf):
        raise BayescaleError("weights must not be negative, and not all zero")
    return {name: weight / total for name, weight in given.items()}


def _by_domain(what: str, given: Mapping[str, Any], domains: Mapping[str, str]) -> dict[str, Any]:
    """Return what is given by domain, by the domains' names in place of their columns."""
    names = {column: name for name, column in domains.items()}
    for name in given:
        if name not in domains and name not in names:
            raise BayescaleError(
                f"{what}: no domain {name!r}{closest(name, list(domains))}; there are "
                f"{listed(list(domains))}"
            )
    return {names.get(name, name): value for name, value in given.items()}


def _limits(
    limits: Mapping[str, tuple[float, float]], domains: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest share of each domain, shape (domain, 1)."""
    given = _by_domain("limits", limits, domains)
    for name, pair in given.items():
        if np.shape(pair) != (2,) or not 0 <= pair[0] <= pair[1]:
            raise BayescaleError(
                f"limits: {name} = {pair!r}; give the smallest and the largest share, (0.1, 0.6)"
            )
    pairs = np.array([given.get(name, (0.0, 1.0)) for name in domains], dtype=float)
    low, high = pairs[:, :1], np.minimum(pairs[:, 1:], 1.0)
    if low.sum() > 1 + 1e-9 or high.sum() < 1 - 1e-9:
        ends = f"the least shares sum to {low.sum():.4g} and the largest to {high.sum():.4g}"
        raise BayescaleError(f"limits: no mixture keeps them: {ends}, and shares sum to 1")
    return low, high


def _mixture(given: Mapping[str, float], domains: Mapping[str, str]) -> np.ndarray:
    """Return the shares of a mixture, rid of the rounding of their sum."""
    shares = _by_domain("mixture", given, domains)
    if set(shares) != set(domains):
        missing = [name for name in domains if name not in shares]
        raise BayescaleError(f"mixture: give a share of {listed(missing)}, 0 where it has none")
    values = np.array([shares[name] for name in domains], dtype=float)
    if not (values.min() >= 0 and abs(values.sum() - 1) <= ROUNDING):
        raise BayescaleError(
            f"mixture: the shares sum to {values.sum():.4g}, the least is {values.min():.4g}; none "
            "may be negative, and they sum to 1"
        )
    return values / values.sum()


def _within(shares: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    return bool((shares >= low[:, 0]).all() and (shares <= high[:, 0]).all())


def _beyond(several: Mapping[str, Fit], domains: Mapping[str, str], best: np.ndarray) -> str:
    """Say which shares of the best mixture no run had; "" when none."""
    runs = np.concatenate(
        [
            fit.inputs[_shares_of(fit)[0]].transpose("node", "run").values
            for fit in several.values()
        ],
        axis=1,
    )
    ends = zip(domains, best, runs.min(axis=1), runs.max(axis=1), strict=True)
    return "; ".join(
        f"{name} {share:.3g}, of the runs {least:.3g} to {most:.3g}"
        for name, share, least, most in ends
        if not least - ROUNDING <= share <= most + ROUNDING
    )
