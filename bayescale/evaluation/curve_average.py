r"""Average laws of one curve by how well each predicts its later part from the earlier.

The points of a curve miss a law together: a law that is a little wrong is wrong on one side over
half a decade. Counted as independent they make one law certain and its forecast too sure. So the
residuals follow from one another along the curve (:mod:`bayescale.model.noise.autocorrelated`), a
forecast goes on from the last of them (:mod:`bayescale.prediction.run_ahead`), and a law k weighs

.. math:: w_k \propto p_k(\text{later} \mid \text{earlier}) \; p_k(\text{earlier})^{1/4}
          = p_k(\text{all}) \, / \, p_k(\text{earlier})^{3/4},

by marginal likelihoods (:mod:`bayescale.inference.marginal_likelihood`): what it predicts of the
points beyond one half of the largest counts fully, what its prior made of those before a quarter,
for that says more of the prior than of forecasts. Where those before are no more than a law's
parameters, all count fully, and laws of a curve may be wrong by 3 %, over half a decade. Of a
dense curve twenty points are fitted, evenly along the logarithm of the input: more say what the law
misses within a tenth of a decade, and nothing of where it goes. How all that was chosen:
``docs/extrapolation.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bayescale.data.read import RunsLike
from bayescale.errors import BayescaleError
from bayescale.evaluation.backtest import laws_on
from bayescale.evaluation.splits import ahead_of, main_input
from bayescale.inference.fit import fit_prepared
from bayescale.inference.fit_warnings import warn_constant, warn_far_reference
from bayescale.inference.marginal_likelihood import log_marginal_likelihood
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler
from bayescale.inference.threads import one_thread
from bayescale.model.noise.autocorrelated import within_plateaus
from bayescale.model.noise.registry import following
from bayescale.model.observations import Data
from bayescale.model.spec import LawLike, Spec
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.runs_by_compute import falls
from bayescale.studies.study import Study

EARLIER = 0.25
"""What the prior's prediction of the earlier points counts, beside that of the later."""

POINTS = 20
"""Points of a curve that are fitted, at most."""

OF_FEW = Discrepancy(0.03, 0.5)
"""How wrong laws may be where too few points are earlier to tell: 3 %, over half a decade."""


def fit_average(
    runs: RunsLike | Study,
    laws: Sequence[LawLike],
    *,
    along: str | None = None,
    ahead: float = 2.0,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Average:
    """Fit several laws to one curve, and average them by how well each predicts its later part.

    For the loss by tokens, by examples, by compute, of one run or of a series of runs that differ
    in that alone. Laws of one input are fitted to at most twenty points, evenly along it, with
    residuals that follow from one another, unless a noise was asked for or the table names several
    runs. Laws of more inputs are averaged by the same rule, with all points and their own noise;
    :func:`bayescale.analyze` weighs laws of finished runs.

    Parameters
    ----------
    runs
        The run table, as for :func:`bayescale.fit`.
    laws : sequence
        Laws, names or specs: ``["power_law_floor", "power_law_saturating",
        "power_law_sigmoidal"]``, and ``"twice_broken_power_law"`` for a curve that rises on its
        way, predict public curves well.
    along : str, optional
        The column along which to look ahead; compute, or the laws' first input, when None.
    ahead : float
        The later points are those above its largest value (below its lowest loss) divided
        (multiplied) by this.
    random_seed, progressbar
        As for :func:`bayescale.fit`.

    Returns
    -------
    Average
        A law whose diagnostics failed counts for nothing, unless all did.

    Raises
    ------
    BayescaleError
        As for :func:`bayescale.backtest`, for fewer than two laws, and where fewer than five points
        are earlier, or none later.

    See Also
    --------
    average : Weights by leave-one-out densities.
    backtest : Score forecasts of one law, or of an average.

    References
    ----------
    * Meng and Wong (1996), Statistica Sinica 6:831 (marginal likelihoods by bridge sampling)
    * O'Hagan (1995), doi:10.1111/j.2517-6161.1995.tb02017.x (part of the data trains the prior)

    Examples
    --------
    >>> both = bs.fit_average(runs, ["chinchilla", "skaling"], random_seed=1)  # doctest: +SKIP
    >>> both = bs.Average(fits, {"chinchilla": 0.6, "skaling": 0.4})
    >>> both.label
    'average of chinchilla 60 %, skaling 40 %'
    """
    specs, data = laws_on(runs, [laws] if isinstance(laws, str) else list(laws))
    if len(specs) < 2:
        raise BayescaleError(f"an average is of two laws or more, not of {', '.join(specs)} alone")
    first = next(iter(specs))
    column = along or main_input(specs[first])
    lower = falls(specs[first], column)
    splits = list(ahead_of(data[first].runs, column, [ahead], lower=lower))
    if not splits:
        raise BayescaleError(
            f"there is no forecast to weigh the laws by: beyond {column} = its largest / {ahead:g} "
            "lie no points, or fewer than five before; fit each law and use average"
        )
    earlier = ~splits[0].held_out
    seeds = np.random.SeedSequence(random_seed).generate_state(2).tolist()
    fits, before = {}, {}
    curves = {name: along_curve(specs[name], taken) for name, taken in data.items()}
    chosen = {name: spaced(spec, whole) for name, (spec, whole) in curves.items()}
    learnt = all((chosen[k] & earlier).sum() > len(spec.free) for k, (spec, _) in curves.items())
    for name, (spec, whole) in curves.items():
        warn_constant(spec, whole)
        warn_far_reference(spec, whole)
        parts = ((fits, chosen[name]), (before, chosen[name] & earlier))
        for (found, part), seed in zip(parts if learnt else parts[:1], seeds, strict=False):
            with one_thread():
                some = part_of(whole, part)
                found[name] = fit_prepared(spec, some, Sampler(), seed, progressbar)
    return weigh(fits, before, seeds[0])


def along_curve(spec: Spec, data: Data) -> tuple[Spec, Data]:
    """Return a law of one input and its points as those of one run, in the order of the input.

    Where the law takes more inputs, a noise was asked for, or the points are of several runs, both
    stay as they are.
    """
    name, *others = spec.law.inputs
    noise = spec.noise if spec.noise.serial else following(spec.noise, spec.law.parameters)
    table, values = data.runs.table, data.inputs[name]
    several = "run" in table and len(set(table["run"].tolist())) > 1
    asked_for = not spec.default_noise and noise is not spec.noise
    if others or several or asked_for or noise is None or values.ndim > 1 or not (values > 0).all():
        return spec, data
    known = {**data.known, "series": np.zeros(len(values)), "place": np.log10(values)}
    return replace(spec, noise=noise, default_noise=False), replace(data, known=known)


def spaced(spec: Spec, data: Data) -> np.ndarray:
    """Choose points of a curve evenly along it, its ends too: array of bool, shape (run,).

    Of points with the same loss those at the ends are chosen. All are where rows do not follow from
    one another.
    """
    number = len(data.observed)
    chosen = np.arange(number)
    if not spec.noise.serial:
        return np.full(number, True)
    series, place = data.known["series"], data.known["place"]
    if number > POINTS:
        at = np.linspace(place.min(), place.max(), POINTS)
        chosen = np.unique(np.abs(place[:, None] - at).argmin(axis=0))
    within = within_plateaus(series[chosen], place[chosen], data.observed[chosen])
    return np.isin(np.arange(number), chosen[~within])


def part_of(data: Data, chosen: np.ndarray) -> Data:
    """Return some of the points, with the reference point and the units of priors of all."""
    return replace(
        data,
        inputs={name: values[..., chosen] for name, values in data.inputs.items()},
        observed=data.observed[chosen],
        known={name: values[chosen] for name, values in data.known.items()},
        labels=tuple(np.asarray(data.labels, dtype=object)[chosen]),
        runs=data.runs.take(chosen),
    )


def weigh(fits: Mapping[str, Fit], before: Mapping[str, Fit], seed: int) -> Average:
    """Average fits to all points by marginal likelihoods of these and of the earlier ones.

    Parameters
    ----------
    fits, before : mapping of str to Fit
        Of all points and of the earlier ones, by the names of the laws, with the same priors. Where
        nothing is before, all points count alike.
    seed : int
        Where chance comes from.
    """
    sound = [name for name, one in fits.items() if one.diagnostics.ok] or list(fits)
    logs = np.array([log_marginal_likelihood(fits[name], seed) for name in sound])
    if before:
        earlier = np.array([log_marginal_likelihood(before[name], seed) for name in sound])
        logs -= (1 - EARLIER) * earlier
    shares = np.exp(logs - logs.max()).tolist()
    weights = dict.fromkeys(fits, 0.0) | dict(zip(sound, shares, strict=True))
    few = {} if before else {k: {OF_FEW: 1.0} for k, one in fits.items() if one.spec.noise.serial}
    return Average(fits, weights, few)
