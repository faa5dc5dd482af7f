"""Fitting: from a run table and a law to a posterior in ArviZ's schema."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from bayescale.along_runs import along_runs
from bayescale.data import Data, constant_inputs, extract
from bayescale.diagnostics import Diagnostics, diagnose
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.grouped import in_units
from bayescale.law import Law
from bayescale.noise import Noise
from bayescale.observable import Observable
from bayescale.pool import Pooling
from bayescale.priors import natural
from bayescale.provenance import record_of
from bayescale.sampling import Draws, Sampler, sample, seed_of
from bayescale.spec import Prior, Spec, make_spec
from bayescale.study import Study
from bayescale.study_data import runs_and_law
from bayescale.tree import at_members, by_run, make_tree, prior_of
from bayescale.vector import LAW_LINK, NOISE_LINK

PRIOR_DRAWS = 1000
EXTENSION = 4
"""A fit whose diagnostics fail is drawn once more, this many times as long."""
CAREFUL = 0.99
"""What ``target_accept`` is then, if transitions diverged: smaller steps."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law: what was fitted, and the draws.

    Every question is a function of a fit: :func:`bayescale.summary`, :func:`bayescale.predict`,
    :func:`bayescale.optimum`, ...; every ArviZ function works on ``fit.tree``.

    Attributes
    ----------
    spec : Spec
        The law, its noise, and what was changed of their defaults.
    tree : xarray.DataTree
        ArviZ's schema, dims (chain, draw, run): ``posterior``, ``sample_stats``,
        ``log_likelihood`` (density of the target in its own unit; under a noise along runs, of a
        checkpoint given the one before, so that a run's is the sum), ``log_prior``, ``prior``,
        ``prior_predictive``, ``posterior_predictive``, ``observed_data``, ``constant_data``. A
        chained law's steps stand beside the target by their columns, dim ``loss_run`` for a loss.
    record : mapping
        Where the numbers came from: versions, seed, sampler, the run table and the rows set aside.
    """

    spec: Spec
    tree: xr.DataTree
    record: Mapping[str, Any]

    @property
    def law(self) -> type[Law]:
        """The law that was fitted."""
        return self.spec.law

    def group(self, name: str) -> xr.Dataset:
        """Return one group of the tree as a Dataset."""
        return self.tree.children[name].to_dataset()

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the law's and the noise's free parameters, dims (chain, draw)."""
        return self.group("posterior")

    @property
    def parameters(self) -> xr.Dataset:
        """The posterior together with the parameters that were held fixed."""
        return self.posterior.assign(self.spec.fixed)

    @property
    def target(self) -> str:
        """The column that the law predicts."""
        return self.spec.target

    @property
    def unit(self) -> str:
        """The unit of the target, "" where it has none or it is not known."""
        return self._unit_of_column(self.target)

    def unit_of(self, parameter: str) -> str:
        """Return the unit of a parameter, "" where it has none or it is not known."""
        of = self.spec.parameters[parameter].of if parameter in self.spec.parameters else None
        return self._unit_of_column(self.target if of == "target" else of or "")

    def _unit_of_column(self, column: str) -> str:
        known = self.record["runs"].get("loss_unit", "unknown")
        return known if column.startswith("loss") and known != "unknown" else ""

    @property
    def observed(self) -> xr.DataArray:
        """The observed target, dim run."""
        return self.group("observed_data")[self.target]

    @property
    def known(self) -> dict[str, xr.DataArray]:
        """What the noise uses of each run besides the observed value, dim run."""
        return self.known_of(self.spec.observables[0])

    def known_of(self, seen: Observable) -> dict[str, xr.DataArray]:
        """Return what the noise of a step, or of the target, uses of each of its runs."""
        constant = self.group("constant_data")
        return {
            name: constant[f"{seen.column}{suffix}"]
            for name, (suffix, _) in seen.noise.known.items()
        }

    @property
    def informed(self) -> bool:
        """Whether runs of its own stand behind it; not of a new group from a population."""
        return "log_likelihood" in self.tree.children

    @property
    def groups(self) -> list[str]:
        """The names of the groups of a pooled fit; empty for any other."""
        return [str(k) for k in self.posterior[self.spec.pool.by].values] if self.spec.pool else []

    @property
    def inputs(self) -> dict[str, xr.DataArray]:
        """The law's inputs of the fitted runs, in their own units, dims run or (node, run)."""
        return self.inputs_of(self.spec.observables[0])

    def inputs_of(self, seen: Observable) -> dict[str, xr.DataArray]:
        """Return the law's inputs of the runs in which a step, or the target, was observed."""
        constant = self.group("constant_data")
        return {name: constant[f"{seen.prefix}{name}"] for name in self.law.inputs}

    def groups_of(self, seen: Observable) -> dict[str, xr.DataArray]:
        """Return the group of each run in which a step, or the target, was observed, if pooled."""
        by = [self.spec.pool.by] if self.spec.pool else []
        return {name: self.group("constant_data")[f"{seen.prefix}{name}"] for name in by}

    @property
    def references(self) -> dict[str, float]:
        """The reference point of each input and step, in its own unit."""
        constant = self.group("constant_data")
        names = [*self.law.inputs, *self.law.steps]
        return {name: float(constant[f"{name}_reference"]) for name in names}

    @property
    def scale(self) -> float:
        """Typical size of the observed target, the unit of priors ``of="target"``."""
        return self.scales["target"]

    @property
    def scales(self) -> dict[str, float]:
        """What parameters are multiples of: the target's typical size, each step's by column."""
        found = {"target": float(self.group("constant_data")["target_scale"])}
        steps = self.law.steps.items()
        return found | {step.column: self.references[name] for name, step in steps}

    @property
    def diagnostics(self) -> Diagnostics:
        """Whether the draws can be trusted."""
        return diagnose(self.posterior, self.group("sample_stats"))

    def input_of(self, column: str) -> str | None:
        """Return the law's input that was read from a canonical column, or None."""
        return next((k for k in self.law.inputs if self.spec.column(k) == column), None)

    def curve(
        self, inputs: Mapping[Any, Any], parameters: Any = None, step: str | None = None
    ) -> Any:
        """Evaluate the law, or one of its steps, on every draw at inputs in their own units.

        A pooled fit needs each point's group besides, by the name of its column.
        """
        at = self.parameters_at(inputs) if parameters is None else parameters
        return self.law.curve(inputs, self.references, at, step)

    def parameters_at(self, inputs: Mapping[Any, Any]) -> xr.Dataset:
        """Return the parameters; of a pooled fit, those of the group of each point.

        Raises
        ------
        BayescaleError
            When the fit is pooled and the points have no groups.
        """
        return at_members(self.spec, self.parameters, inputs)

    def __repr__(self) -> str:
        pool = self.spec.pool
        pooled = f" of {len(self.groups)} pooled by {pool.by}" if pool else ""
        return (
            f"<bayescale.Fit {self.law.name}, {self.spec.noise.name} noise, "
            f"{self.observed.size} runs{pooled}; {self.diagnostics}>"
        )


def fit(
    runs: Any,
    law: str | type[Law] | Study | Spec | None = None,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | str | None = None,
    columns: Mapping[str, str] | None = None,
    pool: Pooling | None = None,
    by: str | None = None,
    sampler: Literal["nutpie", "pymc", "numpyro"] | Sampler = "nutpie",
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Fit:
    """Fit a law to a table of training runs.

    Parameters
    ----------
    runs : Runs, DataFrame, path or Study
        The run table, as for :func:`bayescale.read_runs`; or a model file loaded by
        :func:`bayescale.load_model`, which brings its runs and its law.
    law : str, Law class, Study or Spec
        A built-in law by name (:func:`bayescale.laws`), two by
        ``"chinchilla_then_accuracy_from_loss"``, a law of your own, a model file to fit to
        other runs, or the ``spec`` of another fit.
    noise : str or Noise, optional
        ``"student_t"`` (the default of most laws) or ``"normal"``, both on log loss. A known
        standard error of a run (column ``loss_se``) is added in quadrature. Where rows share a
        name in the column ``run``, as checkpoints do, the default is ``"checkpoints"``: residuals
        that follow from one another along a run (:mod:`bayescale.noise.checkpoints`). A noise that
        is named here stays.
    priors : mapping or "literature", optional
        Parameter to a 90 % interval in its own unit, ``{"alpha": (0.2, 0.6)}``, or in multiples of
        the typical loss, ``{"E": Multiple(0.5, 0.8)}``, to a fixed value, ``{"E": 1.69}``, or to a
        PyMC distribution, ``{"alpha": pm.Gamma.dist(2, 4)}``; or what public families say,
        :func:`bayescale.literature_priors`.
    columns : mapping, optional
        Input or step of the law, or its target, to column of the table: ``{"x": "tokens"}``,
        ``{"loss": "loss_c4"}``.
    pool : {"partial", "shared", "separate"} or mapping, optional
        What groups of runs have in common: ``{"alpha": "partial"}`` learns a population of alphas
        from which each group's comes, ``"shared"`` is one value for all, ``"separate"`` none in
        common, which parameters not named are. One word is for all of the law; multiples of the
        target, as floors are, then pool partially, each in its group's own unit, by ``"shared"``
        too. The noise's parameters are shared unless named, or multiples of the target.
    by : str, optional
        The column that names each run's group, ``"family"``; pools partially unless ``pool`` says
        otherwise.
    sampler : str or Sampler
        ``"nutpie"``, ``"pymc"``, ``"numpyro"``, or a :class:`Sampler` with more to say.
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
        When rows were set aside, when an input does not vary, and when the diagnostics still fail
        after one longer try.
    """
    table, chosen = runs_and_law(runs, law)
    spec = make_spec(chosen, noise=noise, priors=priors, columns=columns, pool=pool, by=by)
    spec = along_runs(spec, table)
    data = extract(spec, table)
    sampler = Sampler(sampler) if isinstance(sampler, str) else sampler
    _warn_constant(spec, data)
    return _fit(spec, data, sampler, seed_of(random_seed), progressbar)


def _warn_constant(spec: Spec, data: Data) -> None:
    for name, value in constant_inputs(data).items():
        column = spec.column(name)
        warnings.warn(
            f"every run has {column} = {value:g}: what the law says of {name} keeps its prior; "
            f"add runs that differ in {column}",
            BayescaleWarning,
            stacklevel=3,
        )


def _fit(spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool) -> Fit:
    _check_prior(spec, data, seed)
    draws, posterior, diagnostics = _attempt(spec, data, sampler, seed, progressbar)
    if not diagnostics.ok and not draws.interrupted:
        sampler = second_try(sampler, diverged=diagnostics.divergences > 0)
        seconds = draws.seconds
        draws, posterior, diagnostics = _attempt(spec, data, sampler, seed + 1, progressbar)
        draws = replace(draws, seconds={k: seconds[k] + v for k, v in draws.seconds.items()})
    warn_of(diagnostics, draws.interrupted)
    seconds = {name: round(value, 2) for name, value in draws.seconds.items()}
    return assemble(spec, data, posterior, draws.stats, sampler=sampler, seed=seed, seconds=seconds)


def warn_of(diagnostics: Diagnostics, interrupted: bool) -> None:
    """Warn whoever called the caller's caller of draws that are not what was asked for."""
    said = []
    if interrupted:
        said.append(f"interrupted: kept the {diagnostics.draws:,} draws that were finished")
    if not diagnostics.ok:
        said.append(f"do not trust these numbers yet: {'; '.join(diagnostics.problems())}")
    for text in said:
        warnings.warn(text, BayescaleWarning, stacklevel=4)


def second_try(sampler: Sampler, diverged: bool) -> Sampler:
    """Return how a fit is drawn once more when its diagnostics failed."""
    careful = CAREFUL if diverged else sampler.target_accept
    return replace(sampler, draws=EXTENSION * sampler.draws, target_accept=careful)


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
    prior = prior_of(spec, data, PRIOR_DRAWS, rng)
    tree = make_tree(spec, data, posterior, stats, prior, rng)
    return Fit(spec, tree, record_of(spec, data, sampler, seed, dict(seconds or {})))


def _attempt(
    spec: Spec, data: Data, sampler: Sampler, seed: int, progressbar: bool
) -> tuple[Draws, xr.Dataset, Diagnostics]:
    draws = sample(spec, data, sampler, seed, progressbar)
    posterior = natural_parameters(spec, data, draws)
    return draws, posterior, diagnose(posterior, draws.stats)


def _check_prior(spec: Spec, data: Data, seed: int) -> None:
    prior = prior_of(spec, data, PRIOR_DRAWS, np.random.default_rng(seed))
    for seen in spec.observables:
        inputs = by_run(spec, seen, data.of(seen))
        at = at_members(spec, prior, inputs)
        curve = spec.law.curve(inputs, data.references, at, seen.step)
        finite = float(np.isfinite(curve).mean())
        if finite < 0.99:
            raise BayescaleError(
                f"the {seen.column} of {spec.law.name} is not finite at {1 - finite:.0%} of the "
                "prior's draws at these runs: look at the priors and the inputs' units"
            )


def natural_parameters(spec: Spec, data: Data, draws: Draws) -> xr.Dataset:
    """Return the draws in the parameters' own units, dims (chain, draw)."""
    if spec.pool is not None:
        return in_units(spec, data, {name: link.values for name, link in draws.links.items()})
    values = {}
    for link, names in (
        (draws.links[LAW_LINK], spec.free),
        (draws.links[NOISE_LINK], spec.noise_parameters),
    ):
        for i, (name, parameter) in enumerate(names.items()):
            at = link.isel({link.dims[-1]: i}).drop_vars([link.dims[-1]], errors="ignore")
            values[name] = natural(parameter, at, data.scales)
    return xr.Dataset(values)
