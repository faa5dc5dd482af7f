"""Fitting: from a run table and a law to a posterior in ArviZ's schema."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from bayescale.data.read import RunsLike, read_runs
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.attempts import sound_draws, with_errors
from bayescale.inference.datatree import make_tree, record_of
from bayescale.inference.diagnostics import Diagnostics
from bayescale.inference.fit_warnings import (
    warn_constant,
    warn_exact,
    warn_far_reference,
    warn_misfit,
    warn_one_ratio,
)
from bayescale.inference.pointwise import inputs_by_run
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler, seed_of
from bayescale.inference.threads import one_thread
from bayescale.model.checkpoint_rows import noise_along_runs, rows_to_fit
from bayescale.model.noise.base import Noise
from bayescale.model.observations import Data
from bayescale.model.parametrization import parametrization_of
from bayescale.model.pooling import Pooling
from bayescale.model.spec import LawLike, Prior, Spec, make_spec
from bayescale.model.target_checks import checked_data
from bayescale.studies.runs import study_runs
from bayescale.studies.study import Study

if TYPE_CHECKING:
    import pymc as pm

PRIOR_DRAWS = 1000


@runtime_checkable
class Recipe(Protocol):
    """What knows its runs, its law and how it is fitted: :class:`bayescale.Model`."""

    def fit(self, random_seed: int | None = None) -> Any:
        """Return its fit, or what answers for its fits of several targets."""
        ...


def fit(
    runs: RunsLike | Study | Recipe,
    law: LawLike | None = None,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | str | None = None,
    columns: Mapping[str, str] | None = None,
    references: Mapping[str, Any] | None = None,
    pool: Pooling | None = None,
    group: str | None = None,
    sampler: Literal["nutpie", "pymc", "numpyro"] | Sampler = "nutpie",
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Fit:
    """Fit a law to a table of training runs.

    Parameters
    ----------
    runs : Runs, DataFrame, path, Study or Model
        The run table, as for :func:`bayescale.read_runs`; or a model file loaded by
        :func:`bayescale.load_study`, which brings its runs and its law, or by
        :func:`bayescale.load_model`, which is then fitted as it says.
    law : str, Law class, Study or Spec
        A built-in law by name (:func:`bayescale.list_laws`), two by
        ``"chinchilla_then_accuracy_from_loss"``, a law of your own, a model file to fit to
        other runs, or the ``spec`` of another fit.
    noise : str or Noise, optional
        ``"student_t"`` (the default of most laws) or ``"normal"``, both on log loss, or
        ``"heteroscedastic"``, a Student-t that may fall with compute, as in
        :func:`bayescale.analyze`. A known standard error of a run (column ``loss_se``) is added in
        quadrature. Of a table of checkpoints the last row of each run is fitted, unless a noise is
        named here, the law is of whole loss curves, or the runs are fewer than the law's
        parameters. Where rows then share a name in the column ``run``, the default is
        ``"checkpoints"``: residuals that follow from one another along a run
        (:mod:`bayescale.model.noise.autocorrelated`).
    priors : mapping or "literature", optional
        Parameter to a 90 % interval in its own unit, ``{"alpha": (0.2, 0.6)}``, or in multiples of
        the typical loss, ``{"E": Multiple(0.5, 0.8)}``, to a fixed value, ``{"E": 1.69}``, or to a
        PyMC distribution, ``{"alpha": pm.Gamma.dist(2, 4)}``; or those of public families,
        :func:`bayescale.literature_priors`.
    columns : mapping, optional
        Input or step of the law, or its target, to column of the table: ``{"x": "tokens"}``,
        ``{"loss": "loss_c4"}``.
    references : mapping, optional
        Input or step of the law to a fixed reference point, ``{"N": "1B"}``, ``{"x": "1 PF-day"}``;
        the geometric mean of the runs where not given. Priors of amplitudes are multiples of the
        typical loss wherever the reference is: keep it near the runs, or give those priors.
    pool : {"partial", "shared", "separate"} or mapping, optional
        How parameters are pooled over groups of runs: ``{"alpha": "partial"}`` learns a population
        of alphas from which each group's comes, ``"shared"`` is one value for all, ``"separate"``
        none in common, which parameters not named are. One word is for all of the law; multiples of
        the target, as floors are, then pool partially, each in multiples of its group's typical
        target at the sizes of all runs, by ``"shared"`` too. The noise's parameters are shared
        unless named, or multiples of the target.
    group : str, optional
        The column that names each run's group, ``"family"``; pools partially unless ``pool`` says
        otherwise.
    sampler : str or Sampler
        ``"nutpie"``, ``"pymc"``, ``"numpyro"``, or a :class:`Sampler` with other settings.
    random_seed : int, optional
        Makes the draws reproducible; one is chosen, and recorded, when none is given.
    progressbar : bool
        Show the sampler's progress.

    Returns
    -------
    Fit

    Raises
    ------
    BayescaleError
        For runs, priors or inputs that do not fit the law.

    Warns
    -----
    BayescaleWarning
        When rows were excluded, when only the last checkpoint of each run is fitted, when an input
        does not vary, when all runs have one ratio of tokens to params, when a fixed reference
        point is far from the runs and amplitudes have default priors, when the diagnostics still
        fail after one longer try, and when the law is far from describing the runs
        (:func:`bayescale.adequacy`).

    See Also
    --------
    read_runs : Read the run table first, to state the loss's unit and see what was recognised.
    fit_many : Several laws and tables at once.
    summary : The posterior of the parameters.
    predict : Predictions at new points.
    optimum : The compute-optimal allocation of a budget.

    References
    ----------
    * Hoffmann et al. (2022), arXiv:2203.15556
    * Vehtari et al. (2021), doi:10.1214/20-BA1221 (R-hat and effective sample sizes)

    Examples
    --------
    >>> fit = bs.fit(runs, "chinchilla", priors={"E": (1.2, 2.2)}, random_seed=1)  # doctest: +SKIP
    >>> fit.summary().loc[["E", "alpha", "beta"], ["median", "lower", "upper"]].round(2)
               median  lower  upper
    parameter
    E            1.78   1.75   1.83
    alpha        0.35   0.33   0.37
    beta         0.35   0.33   0.37
    """
    if isinstance(runs, Recipe):
        return runs.fit(random_seed)
    spec, data = prepare(
        runs,
        law,
        noise=noise,
        priors=priors,
        columns=columns,
        references=references,
        pool=pool,
        group=group,
    )
    sampler = Sampler(sampler) if isinstance(sampler, str) else sampler
    warn_constant(spec, data)
    warn_one_ratio(spec, data)
    warn_far_reference(spec, data)
    with one_thread():
        made = fit_prepared(spec, data, sampler, seed_of(random_seed), progressbar)
    warn_misfit(made)
    return _of_study(made, runs) if isinstance(runs, Study) else made


def _of_study(fit: Fit, study: Study) -> Fit:
    """Record what predictions take of the study: how columns follow, and how wrong its law is."""
    said = {"derive": dict(study.data.derive), "discrepancy": study.discrepancy}
    return replace(fit, record={**fit.record, "study": said})


def fit_prepared(spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool) -> Fit:
    """Fit what :func:`prepare` returned; warn of draws that cannot be trusted, and nothing else."""
    _check_prior(spec, data, seed)
    given = data
    found = sound_draws(spec, data, sampler, seed, progressbar)
    if found.exact:
        warn_exact(spec)
        data = with_errors(data)
        found = sound_draws(spec, data, sampler, seed, progressbar).after(found)
    draws, posterior, diagnostics = found.draws, found.posterior, found.diagnostics
    warn_of(diagnostics, draws.interrupted)
    spent = {name: round(value, 2) for name, value in found.seconds.items()}
    how = {"sampler": found.sampler, "seed": seed, "seconds": spent}
    made = assemble(spec, data, posterior, draws.stats, **how)
    record = {
        **made.record,
        "data": given.digest(),
        "missed_modes": list(draws.missed),
        "tempered": draws.tempered,
    }
    return replace(
        made, record=record, checks={"draws": made.digest, "diagnostics": diagnostics.to_dict()}
    )


def warn_of(diagnostics: Diagnostics, interrupted: bool) -> None:
    """Warn whoever called the caller's caller of draws that are not what was asked for."""
    said = []
    if interrupted:
        said.append(f"interrupted: kept the {diagnostics.draws:,} draws that were finished")
    if not diagnostics.ok:
        said.append(f"do not trust these numbers yet: {'; '.join(diagnostics.problems())}")
    for text in said:
        warnings.warn(text, BayescaleWarning, stacklevel=4)


def assemble(
    spec: Spec,
    data: Data,
    posterior: xr.Dataset,
    stats: xr.Dataset,
    *,
    sampler: Sampler,
    seed: int,
    seconds: Mapping[str, float] | None = None,
) -> Fit:
    """Make a Fit of draws: add densities, predictions and the prior, and record their origin.

    Parameters
    ----------
    spec, data
        What was fitted, to what.
    posterior, stats : xarray.Dataset, dims (chain, draw)
        Draws of the natural parameters, and sampler statistics.
    sampler, seed, seconds
        How they were drawn, for the record; the seed also draws the predictions.
    """
    rng = np.random.default_rng([seed, 1])
    prior = parametrization_of(spec).draw_prior(data, PRIOR_DRAWS, rng)
    tree = make_tree(spec, data, posterior, stats, prior, seed)
    return Fit(spec, tree, record_of(spec, data, sampler, seed, dict(seconds or {})))


def _check_prior(spec: Spec, data: Data, seed: int) -> None:
    parametrization = parametrization_of(spec)
    prior = parametrization.draw_prior(data, PRIOR_DRAWS, np.random.default_rng(seed))
    for seen in spec.observables:
        inputs = inputs_by_run(spec, seen, data.of(seen))
        at = parametrization.at(prior, inputs)
        curve = spec.law.curve(inputs, data.references, at, seen.step)
        finite = float(np.isfinite(curve).mean())
        if finite < 0.99:
            raise BayescaleError(
                f"the {seen.column} of {spec.law.name} is not finite at {1 - finite:.0%} of the "
                "prior's draws at these runs: look at the priors and the inputs' units"
            )


def build_model(
    runs: RunsLike | Study,
    law: LawLike | None = None,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | str | None = None,
    columns: Mapping[str, str] | None = None,
    references: Mapping[str, Any] | None = None,
    pool: Pooling | None = None,
    group: str | None = None,
) -> "pm.Model":
    """Build the PyMC model that :func:`bayescale.fit` fits, to look at or change by hand.

    Parameters
    ----------
    runs, law
        The run table and what to fit, as for :func:`bayescale.fit`.
    noise, priors, columns, pool, group
        As for :func:`bayescale.fit`.
    references : mapping, optional
        Input to reference point; the geometric mean of the runs where not given.

    Returns
    -------
    pymc.Model
        The free variables are the parameters of the law and the noise, under their own names and
        in their own units, each with its prior; fixed ones are ``pm.Data``. The observed variable
        is the law's target on the scale of the noise. :func:`bayescale.fit` samples the same
        density in coordinates that mix better.

    Raises
    ------
    BayescaleError
        For runs, priors or inputs that do not fit the law.

    See Also
    --------
    fit : Sample it.
    make_spec : The same choices without runs.

    Examples
    --------
    >>> model = bs.build_model(runs, "chinchilla", priors={"alpha": (0.2, 0.6)})
    >>> [variable.name for variable in model.free_RVs]
    ['E', 'a', 'alpha', 'b', 'beta', 'sigma', 'nu']
    >>> model.coords["run"][:2]
    ('row 0', 'row 1')
    """
    from bayescale.model.build import pymc_model

    spec, data = prepare(
        runs,
        law,
        noise=noise,
        priors=priors,
        columns=columns,
        references=references,
        pool=pool,
        group=group,
    )
    return pymc_model(spec, data)


def prepare(
    runs: RunsLike | Study,
    law: LawLike | None = None,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | str | None = None,
    columns: Mapping[str, str] | None = None,
    references: Mapping[str, Any] | None = None,
    pool: Pooling | None = None,
    group: str | None = None,
) -> tuple[Spec, Data]:
    """Read the runs, choose what is fitted to them, and take from them what its model needs.

    Parameters
    ----------
    runs, law, noise, priors, columns, references, pool, group
        As for :func:`fit`.

    Returns
    -------
    Spec, Data
        What is fitted, with the noise that rows which share a run ask for, and to what.

    Raises
    ------
    BayescaleError
        For runs, priors or inputs that do not fit the law, and a target that it cannot take.
    """
    table, chosen = runs_and_law(runs, law)
    spec = make_spec(
        chosen,
        noise=noise,
        priors=priors,
        columns=columns,
        references=references,
        pool=pool,
        group=group,
    )
    table = rows_to_fit(spec, table)
    spec = noise_along_runs(spec, table)
    return spec, checked_data(spec, table)


def runs_and_law(runs: Any, law: Any) -> tuple[Runs, Any]:
    """Read the runs; a study given in their place brings its own, and the law."""
    if isinstance(runs, Study):
        return study_runs(runs), runs if law is None else law
    if law is None:
        raise BayescaleError(
            "no law given: pass law='chinchilla', say, or a class (bayescale.list_laws() lists "
            "them), or let bayescale.analyze(runs) fit and weigh the laws that the columns allow"
        )
    return read_runs(runs), law
