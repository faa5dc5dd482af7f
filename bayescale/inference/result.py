"""A fit: what was fitted, the posterior draws, and the record of how they were made."""

import hashlib
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.display_tables import SHOWN, heading, html_block, text_table
from bayescale.data.number_format import number_of, with_interval
from bayescale.errors import BayescaleError
from bayescale.inference.datatree import OTHER_COLUMNS
from bayescale.inference.diagnostics import Diagnostics, diagnose, elements, rhat_and_ess
from bayescale.inference.fit_methods import FitMethods
from bayescale.inference.pointwise import DRAWS, observations_of
from bayescale.inference.threads import one_thread
from bayescale.laws.base import Law
from bayescale.laws.frontier import closed_frontier
from bayescale.model.link_scale import with_fixed
from bayescale.model.observations import prior_scales
from bayescale.model.observed_columns import Observable
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

if TYPE_CHECKING:
    import pymc as pm

    from bayescale.prediction.discrepancy import Discrepancy


@dataclass(frozen=True, eq=False)
class Fit(FitMethods):
    """A fitted law: what was fitted, and the draws.

    Every question is a function of a fit: :func:`bayescale.summary`, :func:`bayescale.predict`,
    :func:`bayescale.optimum`, ...; the most frequent are methods too. Every ArviZ function works on
    ``fit.tree``, and every PyMC function on ``fit.model``.

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
        ``log_likelihood`` and predictions are lazy: worked out each time they are asked for, the
        same each time, and neither kept nor saved; ``.load()`` keeps one.
    record : mapping
        Where the numbers came from: versions, seed, sampler, the run table and the excluded rows.
    checks : mapping
        What was found out about it where it was made, as plain values: ``diagnostics``,
        ``convergence``, ``adequacy``. What is not there is worked out when it is asked for.

    See Also
    --------
    fit : Make one.
    load : Read a saved one.
    Average : Several fits of the same runs.

    Examples
    --------
    >>> fit.label, fit.target, fit.unit, fit.observed.size
    ('chinchilla', 'loss', 'nats/token', 40)
    >>> fit.posterior["alpha"].dims
    ('chain', 'draw')
    >>> fit.predict(params="7B", tokens="1T")["law"].median().round(2).item()
    2.04
    """

    spec: Spec
    tree: xr.DataTree
    record: Mapping[str, Any]
    checks: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def law(self) -> type[Law]:
        """The law that was fitted."""
        return self.spec.law

    def tree_group(self, name: str) -> xr.Dataset:
        """Return one of ArviZ's groups, such as ``"log_likelihood"``, as a Dataset."""
        found = self.tree.children[name].to_dataset()
        return found.compute() if name in DRAWS else found

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the law's and the noise's free parameters, dims (chain, draw)."""
        return self.tree_group("posterior")

    @property
    def parameters(self) -> xr.Dataset:
        """The posterior together with the parameters that were held fixed."""
        return with_fixed(self.spec, self.posterior)

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
        return self.tree_group("observed_data")[self.target]

    @property
    def other_columns(self) -> pd.DataFrame:
        """The columns of the run table that the law does not use, one row per fitted run."""
        if OTHER_COLUMNS not in self.tree.children:
            return pd.DataFrame(index=range(self.observed.size))
        found = self.tree_group(OTHER_COLUMNS)
        return pd.DataFrame({str(name): values.values for name, values in found.items()})

    @property
    def known(self) -> dict[str, xr.DataArray]:
        """What the noise uses of each run besides the observed value, dim run."""
        return self.known_of(self.spec.observables[0])

    def known_of(self, seen: Observable) -> dict[str, xr.DataArray]:
        """Return what the noise of a step, or of the target, uses of each of its runs."""
        constant = self.tree_group("constant_data")
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
        return [str(name) for by in self.spec.grouping for name in self.posterior[by].values]

    @property
    def inputs(self) -> dict[str, xr.DataArray]:
        """The law's inputs of the fitted runs, in their own units, dims run or (node, run)."""
        return self.inputs_of(self.spec.observables[0])

    def inputs_of(self, seen: Observable) -> dict[str, xr.DataArray]:
        """Return the law's inputs of the runs in which a step, or the target, was observed."""
        constant = self.tree_group("constant_data")
        return {name: constant[f"{seen.prefix}{name}"] for name in self.law.inputs}

    def groups_of(self, seen: Observable) -> dict[str, xr.DataArray]:
        """Return the group of each run in which a step, or the target, was observed, if pooled."""
        constant = self.tree_group("constant_data")
        return {by: constant[f"{seen.prefix}{by}"] for by in self.spec.grouping}

    @property
    def references(self) -> dict[str, float]:
        """The reference point of each input and step, in its own unit."""
        constant = self.tree_group("constant_data")
        names = [*self.law.inputs, *self.law.steps]
        return {name: float(constant[f"{name}_reference"]) for name in names}

    @property
    def scale(self) -> float:
        """Typical size of the observed target, the unit of priors ``of="target"``."""
        return float(self.tree_group("constant_data")["target_scale"])

    @property
    def scales(self) -> dict[str, float]:
        """What priors are stated in: the target's typical size, each step's, each input's mean."""
        constant = self.tree_group("constant_data")
        inputs = {name: constant[name].values for name in self.law.inputs}
        return prior_scales(self.law, self.scale, self.references, inputs)

    def check[T](self, name: str, read: Callable[[Any], T]) -> T | None:
        """Return what a check found where the fit was made, None where it knew other draws."""
        if self.checks.get("draws") != self.digest:
            return None
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # a file holds anything
            return read(self.checks[name])
        return None

    @cached_property
    def digest(self) -> str:
        """A hash of the draws, by which what was found out about them is known to be theirs."""
        found = hashlib.sha256()
        for name, draws in sorted(self.posterior.data_vars.items(), key=lambda one: str(one[0])):
            found.update(f"{name} {draws.dims} {draws.shape}".encode())
            found.update(np.ascontiguousarray(draws.values, "<f8").tobytes())
        return found.hexdigest()

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """Whether the draws can be trusted."""
        if found := self.check("diagnostics", Diagnostics.from_dict):
            return found
        missed = self.record.get("missed_modes", ())
        return diagnose(self.posterior, self.tree_group("sample_stats"), missed=missed)

    @cached_property
    def convergence(self) -> dict[str, tuple[float, float]]:
        """R-hat, and ESS (the smaller of bulk and tail), of each parameter and derived constant."""
        found, described = self.check("convergence", _convergence), self.described
        if found and set(found) >= set(map(str, described)):  # a file may know fewer constants
            return found
        with np.errstate(all="ignore"):  # draws that are all the same have neither
            rhat, ess = rhat_and_ess(described)
        return {name: (rhat[name], ess[name]) for name in rhat}

    @property
    def described(self) -> xr.Dataset:
        """Draws of all parameters and of the literature's constants, each element by its name."""
        posterior, spec = self.posterior, self.spec
        law = posterior[[*spec.free, *spec.population]]
        return elements(xr.merge([law, self.derived, posterior[list(spec.noise_parameters)]]))

    @property
    def derived(self) -> xr.Dataset:
        """The literature's constants; see :func:`bayescale.derived_parameters`."""
        parameters = {name: self.parameters[name] for name in self.law.parameters}
        derived: dict[str, Any] = {}
        if hasattr(self.law, "derived"):
            derived |= self.law.derived(**self.references, **parameters)
        if self.input_of("params") and self.input_of("tokens"):
            derived |= closed_frontier(self.law, self.references, parameters)
        first = dict(chain=0, draw=0)
        return xr.Dataset({k: v for k, v in derived.items() if bool((v != v.isel(first)).any())})

    @cached_property
    def model(self) -> "pm.Model":
        """The PyMC model that was fitted, as :func:`bayescale.build_model` makes it of the runs.

        Raises
        ------
        BayescaleError
            When the draws are a part of a pooled fit or have no runs of their own, or when a prior
            was a PyMC distribution and the fit has been saved since.
        """
        from bayescale.model.build import pymc_model

        if origin := self.record.get("pooled"):
            raise BayescaleError(
                f"this is {origin['member'] or 'a new one'} of {origin['of']} groups that were "
                f"pooled by {origin['by']} in one model: it is the pooled fit's"
            )
        if lost := [k for k, p in self.spec.distributions.items() if not hasattr(p, "owner")]:
            raise BayescaleError(
                f"the prior of {', '.join(lost)} was a PyMC distribution, which a saved fit only "
                "describes: build_model(runs, law, priors=...)"
            )
        return pymc_model(self.spec, observations_of(self.spec, self.tree))

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
        return parametrization_of(self.spec).at(self.parameters, inputs)

    @property
    def label(self) -> str:
        """The law's name."""
        return self.law.name

    @property
    def weights(self) -> dict[str, float]:
        """The weight of the law among its members: one, there being no other."""
        return {self.law.name: 1.0}

    @property
    def representative(self) -> "Fit":
        """The fit itself, as the member of largest weight."""
        return self

    @property
    def seed(self) -> int:
        """The seed that it was drawn with, which its questions use where none is given."""
        return int(self.record["seed"])

    def members(self) -> dict[str, "Fit"]:
        """Return the fit itself by its law's name, as an average returns its fits."""
        return {self.law.name: self}

    def typical(self, discrepancy: "Discrepancy | None") -> "Discrepancy | None":
        """Return that of the law, as an average returns one for those of all its laws."""
        return None if discrepancy is None else discrepancy.of_fit(self)

    def mix(
        self,
        ask: "Callable[[Fit, Discrepancy | None], xr.Dataset]",
        discrepancy: "Discrepancy | None" = None,
    ) -> xr.Dataset:
        """Ask the fit, as an average asks its members and mixes their draws."""
        with one_thread():
            return ask(self, discrepancy)

    def __repr__(self) -> str:
        pooled = "".join(f" of {len(self.groups)} pooled by {by}" for by in self.spec.grouping)
        return (
            f"<bayescale.Fit {self.law.name}, {self.spec.noise.name} noise, "
            f"{number_of(self.observed.size, 'run')}{pooled}; {self.diagnostics}>"
        )

    def __str__(self) -> str:
        said = [self._title(), text_table(self._parameter_rows()), *self._verdicts()]
        return "\n".join(said)

    def _repr_html_(self) -> str:
        return html_block(self._title(), *self._verdicts(), rows=self._parameter_rows())

    def _verdicts(self) -> list[str]:
        """Say whether the draws can be trusted, and whether the law describes the runs."""
        return [str(self.diagnostics), *([str(self.adequacy)] if self.informed else [])]

    def _title(self) -> str:
        """Name the law, its noise, the runs and the unit of the target."""
        pool = "".join(f", {len(self.groups)} groups by {by}" for by in self.spec.grouping)
        unit = f" in {self.unit}" if self.unit else ""
        return (
            f"{self.label}: {self.target}{unit}, {number_of(self.observed.size, 'run')}{pool}, "
            f"{self.spec.noise.name} noise"
        )

    def _parameter_rows(self) -> list[dict[str, str]]:
        """Return the first parameters with their intervals, as text."""
        table = self.summary()
        width = heading(table.attrs["ci_prob"])
        return [
            {
                "parameter": str(row["parameter"]),
                width: with_interval(row["median"], row["lower"], row["upper"]),
                "unit": str(row["unit"]),
                "what it is": str(row["about"]),
            }
            for row in table.reset_index().head(SHOWN).to_dict("records")
        ]


def _convergence(said: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return a saved fit's R-hat and ESS of each parameter."""
    return {str(name): (float(rhat), float(ess)) for name, (rhat, ess) in said.items()}


def once[T](fit: Fit, key: Hashable, work: Callable[[], T]) -> T:
    """Return what several answers of a fit share, worked out for the first of them."""
    known = vars(fit).setdefault("_shared", {})
    if key not in known:
        known[key] = work()
    return known[key]


def known_already(fit: Fit, key: Hashable) -> Any:
    """Return what :func:`once` has worked out for an answer of a fit, None where it has not."""
    return vars(fit).get("_shared", {}).get(key)


def with_draws(fit: Fit, posterior: xr.Dataset) -> Fit:
    """Return a fit whose posterior is other draws, to ask them what is asked of a fit."""
    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "constant_data": fit.tree.children["constant_data"].to_dataset()}
    )
    return Fit(fit.spec, tree, fit.record)
