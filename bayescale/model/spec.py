"""What is fitted: a law, a noise, priors, and where the inputs come from.

A :class:`Spec` says everything about a model but the runs;
:class:`bayescale.model.observations.Data` holds what the runs contribute. Together they make the
PyMC model (:mod:`bayescale.model.build`). Two fits whose specs have the same
:meth:`Spec.structure` share one compiled program.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError, closest
from bayescale.laws.base import Law
from bayescale.laws.parameters import Parameter
from bayescale.laws.registry import get_law
from bayescale.model.literature_priors import named
from bayescale.model.noise.base import Noise
from bayescale.model.noise.registry import get_noise
from bayescale.model.observed_columns import Observable, observables
from bayescale.model.pooling import (
    Kind,
    Pool,
    Pooling,
    kinds_of,
    make_pool,
    mean_of,
    pool_as_dict,
    pool_from_dict,
    spread_of,
    spread_parameter,
)
from bayescale.model.prior import (
    Multiple,
    Prior,
    as_prior,
    normal_like,
    prior_as_json,
    prior_from_json,
)

type Scales = Mapping[str, Any]
"""Typical size of what priors are stated in: of the target, each step by its column, each input."""


NARROW = 0.2
"""Share of the default prior's sd below which a given prior counts as narrow."""


def _frozen(mapping: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping or {}))


@dataclass(frozen=True)
class Spec:
    """A law, a noise, and what a user changed of their defaults, by :func:`bayescale.make_spec`.

    Attributes
    ----------
    law, noise : Law class, Noise
        What is fitted.
    priors : mapping
        Parameter to 90 % interval, fixed value, or PyMC distribution, where not the default.
    columns : mapping
        Input or step of the law, or its target, to column of the run table, where not the default.
    references : mapping
        Input or step of the law to a fixed reference point; the others are taken from the runs.
    default_noise : bool
        Whether the noise is the law's own, and nobody's choice: rows that share runs get
        another one (:mod:`bayescale.model.observations`).
    pool : Pool or None
        What groups of runs share; None where all runs follow one law.
    """

    law: type[Law]
    noise: Noise
    priors: Mapping[str, Prior] = field(default_factory=lambda: _frozen(None))
    columns: Mapping[str, str] = field(default_factory=lambda: _frozen(None))
    references: Mapping[str, float] = field(default_factory=lambda: _frozen(None))
    default_noise: bool = field(default=False, compare=False)
    pool: Pool | None = None

    @property
    def fixed(self) -> dict[str, float]:
        """Parameters held at a known value."""
        return {k: float(p) for k, p in self.priors.items() if isinstance(p, int | float)}

    @property
    def free(self) -> dict[str, Parameter]:
        """The law's parameters that are sampled, in the law's order."""
        fixed = self.fixed
        return {k: p for k, p in self.law.parameters.items() if k not in fixed}

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All sampled parameters: the law's, then the noise's, then a population's."""
        return self.free | self.noise_parameters | self.population

    @property
    def observables(self) -> tuple[Observable, ...]:
        """The columns that the model observes: the target, then the law's steps."""
        return observables(self.law, self.noise, self.columns)

    @property
    def noise_parameters(self) -> dict[str, Parameter]:
        """The parameters of the target's noise, then those of each step's, with its prefix."""
        return {k: p for seen in self.observables for k, p in seen.parameters.items()}

    @property
    def grouping(self) -> tuple[str, ...]:
        """The column that names the groups of runs; none where all runs follow one law."""
        return () if self.pool is None else (self.pool.by,)

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What groups do with each sampled parameter of the law and the noise; empty unpooled."""
        return kinds_of(self.pool, self.free, self.noise_parameters)

    @property
    def population(self) -> dict[str, Parameter]:
        """Mean and spread between groups of each partially pooled parameter."""
        found, sampled = {}, self.free | self.noise_parameters
        for name in (name for name, kind in self.kinds.items() if kind == "partial"):
            (by,), parameter = self.grouping, sampled[name]
            typical = f"{parameter.about}, of the typical group by {by}"
            found[mean_of(name)] = replace(parameter, about=typical)
            found[spread_of(name)] = spread_parameter(name, parameter, by)
        return found

    @property
    def distributions(self) -> dict[str, Any]:
        """Priors given as PyMC distributions."""
        return {k: p for k, p in self.priors.items() if not isinstance(p, int | float | tuple)}

    @property
    def target(self) -> str:
        """The column of the law's target: its own name unless ``columns`` says otherwise."""
        return self.columns.get(self.law.target, self.law.target)

    def column(self, name: str) -> str:
        """Return the canonical column that the law's input ``name`` is read from."""
        return self.columns.get(name, self.law.inputs[name].column)

    def columns_of(self, name: str) -> list[str]:
        """Return the columns of the law's input ``name``: one, or one a node."""
        return self.law.inputs[name].columns(self.column(name))

    def interval(self, name: str, scales: Scales) -> tuple[float, float]:
        """Return the 90 % prior interval of a parameter in its own unit."""
        parameter = self.parameters[name]
        base = name.removesuffix(mean_of("")) if name in self.population else name
        prior = self.priors.get(base)
        if isinstance(prior, tuple) and not isinstance(prior, Multiple):
            return prior
        low, high = parameter.low, parameter.high
        if isinstance(prior, Multiple):
            low, high = prior.of_mean(self.law, scales)
        unit = scales[parameter.of] if parameter.of else 1.0
        return low * unit, high * unit

    def normal_priors(self, names: Iterable[str], scales: Scales) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd on the link scale of the named parameters, each shape (name,).

        For a prior that is a PyMC distribution they are those of a normal distribution with the
        same median and 90 % interval.
        """
        moments = []
        for name in names:
            parameter = self.parameters[name]
            unit = scales[parameter.of] if parameter.of else 1.0
            if name in self.distributions:
                moments.append(normal_like(self.distributions[name], parameter, unit))
                continue
            low, high = self.interval(name, scales)
            moments.append(parameter.normal(low / unit, high / unit))
        mean, sd = np.array(moments, dtype=float).reshape(-1, 2).T
        return mean.copy(), sd.copy()

    def narrow(self, scales: Scales) -> tuple[str, ...]:
        """Return the law's free parameters whose prior is far narrower than the law's own."""
        given = [name for name in self.free if name in self.priors]
        _, own = replace(self, priors=_frozen(None)).normal_priors(given, scales)
        _, sd = self.normal_priors(given, scales)
        return tuple(name for name, few in zip(given, sd < NARROW * own, strict=True) if few)

    def structure(self) -> Hashable:
        """Return what the compiled program depends on: all but numbers."""
        custom = tuple(sorted(self.distributions.items(), key=lambda item: item[0]))
        return self.law, self.noise.name, tuple(self.fixed), custom, tuple(self.kinds.items())

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`from_dict` reads, in JSON's types; the law by its name.

        A prior that is a PyMC distribution is only described.
        """
        return {
            "law": self.law.name,
            "noise": self.noise.name,
            "priors": {name: prior_as_json(prior) for name, prior in self.priors.items()},
            "columns": dict(self.columns),
            "references": dict(self.references),
            "pool": pool_as_dict(self.pool),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], law: type[Law] | None = None) -> Self:
        """Return the spec that :meth:`to_dict` wrote.

        Parameters
        ----------
        values : mapping
            What was written; other keys are passed over.
        law : Law class, optional
            The law, when it is not a built-in one.

        Raises
        ------
        BayescaleError
            For an unknown law, noise or parameter, or a prior a parameter cannot have.
        """
        spec = cls(
            law or get_law(values["law"]),
            get_noise(values["noise"]),
            _frozen({name: prior_from_json(prior) for name, prior in values["priors"].items()}),
            _frozen(values["columns"]),
            _frozen(values["references"]),
            pool=pool_from_dict(values.get("pool")),
        )
        whole = {k: p for k, p in spec.priors.items() if not isinstance(p, str)}
        _check(replace(spec, priors=whole))  # as text a distribution is only described
        return spec


@runtime_checkable
class _SaysSpec(Protocol):
    """What says what to fit: a study of :mod:`bayescale.studies`."""

    def to_spec(self) -> Spec:
        """Return what to fit."""
        ...


type LawLike = str | type[Law] | Spec | _SaysSpec
"""What to fit: a law by name, its class, a spec, or a study."""


def make_spec(
    law: LawLike,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | str | None = None,
    columns: Mapping[str, str] | None = None,
    references: Mapping[str, Any] | None = None,
    pool: Pooling | None = None,
    group: str | None = None,
) -> Spec:
    """Check and assemble a :class:`~bayescale.model.spec.Spec`: what is fitted, stated once for
    several fits.

    Parameters
    ----------
    law : str, Law class, Spec or Study
        What to start from; what else is given here wins over a study's or spec's own.
    noise, priors, columns
        As for :func:`bayescale.fit`.
    references : mapping, optional
        Input or step of the law to a fixed reference point, ``{"N": "1B"}``.
    pool, group
        What groups of runs share, and the column that names them, as for :func:`bayescale.fit`.

    Returns
    -------
    Spec
        What :func:`bayescale.fit`, :func:`bayescale.fit_many` and :func:`bayescale.build_model`
        take in place of a law.

    Raises
    ------
    BayescaleError
        For an unknown law, noise, parameter or input, or an interval a parameter cannot have.

    See Also
    --------
    fit : Fit it, or a law with the same arguments.
    fit_many : Fit several of them.
    build_model : The PyMC model of it and a run table.

    Examples
    --------
    >>> spec = bs.make_spec("chinchilla", priors={"E": 1.69, "alpha": (0.2, 0.6)}, noise="normal")
    >>> spec.noise.name, list(spec.free)
    ('normal', ['a', 'alpha', 'b', 'beta'])
    """
    if isinstance(law, _SaysSpec):
        law = law.to_spec()
    if isinstance(law, Spec):
        base = law
    else:
        found = get_law(law)
        base = Spec(found, get_noise(found.noise), default_noise=True)
    spec = Spec(
        base.law,
        base.noise if noise is None else get_noise(noise),
        _frozen({**base.priors, **{k: as_prior(k, p) for k, p in named(priors, base.law).items()}}),
        _frozen({**base.columns, **(columns or {})}),
        _frozen({**base.references, **_as_references(base, columns, references)}),
        default_noise=base.default_noise and noise is None,
        pool=make_pool(pool, group, base.pool),
    )
    _check(spec)
    if spec.pool is not None:
        _check_pool(spec, spec.pool)
    return spec


def _as_references(
    base: Spec, columns: Mapping[str, str] | None, references: Mapping[str, Any] | None
) -> dict[str, float]:
    """Read reference points, those of an input of FLOP in FLOP or PF-days."""
    found = {}
    for name, value in (references or {}).items():
        declared = base.law.inputs.get(name)
        column = {**base.columns, **(columns or {})}.get(name, declared.column if declared else "")
        found[name] = parse_quantity(value, "flops" if column == "flops" else "count")
    return found


def _check(spec: Spec) -> None:
    spreads = {k: p for k, p in spec.population.items() if k.endswith(spread_of(""))}
    declared = {**spec.law.parameters, **spec.noise_parameters, **spreads}
    clash = set(spec.law.parameters) & set(spec.noise_parameters)
    if clash:
        raise BayescaleError(
            f"law {spec.law.name} and noise {spec.noise.name} both have a parameter "
            f"{', '.join(sorted(clash))}: rename the law's"
        )
    for name, prior in spec.priors.items():
        if name not in declared:
            raise BayescaleError(
                f"no parameter {name!r} in {spec.law.name}{closest(name, declared)}; "
                f"it has {', '.join(declared)}"
            )
        if name not in spec.law.parameters and not isinstance(prior, tuple):
            what = "spread" if name in spreads else "noise parameter"
            raise BayescaleError(
                f"the prior of the {what} {name!r} is given as a 90 % interval (low, high)"
            )
        if isinstance(prior, Multiple):
            prior.check(name, declared[name], spec.law)
        if isinstance(prior, tuple | float):
            _check_prior(name, declared[name], prior)
        elif not hasattr(prior, "owner"):
            raise BayescaleError(
                f"prior of {name!r}: {prior!r} is not a 90 % interval (low, high), a fixed value, "
                "or a PyMC distribution such as pm.Gamma.dist(2, 4)"
            )
    taken = [*spec.law.inputs, *spec.law.steps]
    for given, known in ((spec.columns, [*taken, spec.law.target]), (spec.references, taken)):
        for name in given:
            if name not in known:
                raise BayescaleError(
                    f"law {spec.law.name} has no input {name!r}{closest(name, known)}; "
                    f"it has {', '.join(known)}"
                )


def _check_prior(name: str, parameter: Parameter, prior: tuple[float, float] | float) -> None:
    """Raise unless an interval or a fixed value is within the parameter's bounds."""
    try:
        if isinstance(prior, tuple):
            parameter.check(*prior[:2])
        else:
            parameter.check_value(prior)
    except BayescaleError as error:
        raise BayescaleError(f"prior of {name!r}: {error}") from error


def _check_pool(spec: Spec, pool: Pool) -> None:
    known = {**spec.law.parameters, **spec.noise_parameters}
    for name in pool.kinds:
        if name not in known:
            raise BayescaleError(
                f"pool: no parameter {name!r} in {spec.law.name}{closest(name, known)}; "
                f"it has {', '.join(known)}"
            )
    columns = [c for name in spec.law.inputs for c in (name, *spec.columns_of(name))]
    if pool.by in {*known, *spec.population, *columns, *(s.column for s in spec.observables)}:
        raise BayescaleError(f"group={pool.by!r}: {spec.law.name} takes that for something else")
    if spec.distributions:
        raise BayescaleError(
            f"priors of a pooled fit are 90 % intervals or fixed values; "
            f"{', '.join(spec.distributions)} has a PyMC distribution"
        )
