"""Observations: what runs contribute to a model."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.model.link_scale import natural
from bayescale.model.literature_priors import typical_family
from bayescale.model.noise.registry import get_noise
from bayescale.model.observed_columns import (
    Observable,
    Observed,
    columns_read,
    rows_among,
    rows_of_each,
    take_observed,
)
from bayescale.model.spec import Scales, Spec


@dataclass(frozen=True)
class Observations(Observed):
    """The numbers of the runs that a model is built of; the observed column is the target.

    Attributes
    ----------
    references : mapping of str to float
        Reference point of each input (one for absolute inputs) and each step.
    scales : mapping of str to float
        What priors are stated in: see :func:`prior_scales`.
    steps : mapping of str to Observed
        What was observed of each of the law's steps, often in other runs too.
    group_scales : mapping of str to float
        The groups, and the typical size of the target in each, were its runs like those of all
        groups: see :func:`observed_groups`. Empty where nothing is pooled.
    """

    references: Mapping[str, float]
    scales: Scales
    steps: Mapping[str, Observed] = field(default_factory=dict)
    group_scales: Mapping[str, float] = field(default_factory=dict)

    @property
    def groups(self) -> list[str]:
        """The names of the groups; empty where nothing is pooled."""
        return list(self.group_scales)

    @property
    def scale(self) -> float:
        """Typical size of the target."""
        return self.scales["target"]

    def of(self, observable: Observable) -> Observed:
        """Return what was observed of the target, or of a step."""
        return self.steps[observable.step] if observable.step else self


@dataclass(frozen=True)
class Data(Observations):
    """What the runs of a table contribute to a model.

    Attributes
    ----------
    runs : Runs
        The table the target's values came from, after unusable rows were set aside.
    """

    runs: Runs = field(kw_only=True)

    def digest(self) -> str:
        """Return a hash of the numbers that were fitted."""
        hashed = hashlib.sha256()
        for seen in (self, *self.steps.values()):
            for values in (*seen.inputs.values(), seen.observed, *seen.known.values()):
                hashed.update(np.ascontiguousarray(values, dtype=float).tobytes())
            hashed.update("\n".join(seen.members).encode())
        return hashed.hexdigest()[:16]


def extract(spec: Spec, runs: Runs) -> Data:
    """Take from a run table what the model of ``spec`` needs.

    Rows in which a needed value is missing or impossible are set aside, with the reason, in
    ``Data.runs.set_aside``. A row that lacks the target or a step counts for what it has.

    Raises
    ------
    BayescaleError
        For a missing column, or fewer usable runs than parameters.
    """
    rows = rows_of_each(spec, runs)
    used = runs.take(rows_among(runs, rows.values()))
    if len(used) < len(spec.free):
        raise BayescaleError(
            f"{len(used)} usable runs for the {len(spec.free)} parameters of {spec.law.name} "
            f"({', '.join(spec.free)}): add runs, choose a smaller law, or fix a parameter "
            "(priors={'E': 1.7})"
        )
    labels = pd.Series(number_repeats(used.labels()), index=used.table.index, dtype=object)
    target, *others = (
        take_observed(spec, seen, rows[seen.column].table, labels) for seen in spec.observables
    )
    steps = dict(zip(spec.law.steps, others, strict=True))
    references = {
        name: spec.references.get(name, float(np.exp(np.log(values).mean())))
        if spec.law.inputs[name].relative
        else 1.0
        for name, values in target.inputs.items()
    }
    size = spec.noise.scale(target.observed)
    for name, step in spec.law.steps.items():
        typical = get_noise(step.noise).scale(steps[name].observed)
        references[name] = spec.references.get(name, typical)
    scales = prior_scales(spec.law, size, references, target.inputs)
    return Data(
        **vars(target),
        references=references,
        scales=scales,
        runs=rows[spec.target].using(columns_read(spec)),
        steps=steps,
        group_scales=observed_groups(spec, target, others, references, scales),
    )


def prior_scales(
    law: type[Law],
    typical: float,
    references: Mapping[str, float],
    inputs: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """Return what priors are stated in.

    Parameters
    ----------
    law
        The law.
    typical
        The typical size of its target.
    references, inputs
        By name: the reference points of steps at least, and the inputs of the runs.

    Returns
    -------
    dict of str to float
        ``typical`` by ``"target"``, each step's reference point by its column, and the geometric
        mean of each relative input by its name.
    """
    relative = (name for name, declared in law.inputs.items() if declared.relative)
    return (
        {"target": typical}
        | {step.column: references[name] for name, step in law.steps.items()}
        | {name: float(np.exp(np.log(inputs[name]).mean())) for name in relative}
    )


def observed_groups(
    spec: Spec,
    target: Observed,
    others: Iterable[Observed],
    references: Mapping[str, float],
    scales: Scales,
) -> dict[str, float]:
    """Return the groups of the observations, with the typical size of the target in each.

    Empty where nothing is pooled. A group's floor and amplitudes are pooled as multiples of its
    typical target. Of small models that is several times the floor, of large ones little more, so
    multiples are of what each group would have with the runs of all: its own typical target, times
    that of a typical law over all runs, over the same of the group's runs. That law is the one of
    public families, or else of the priors' medians (:func:`typical_law`).

    Parameters
    ----------
    spec
        What is fitted.
    target, others
        What was observed of the target and of the law's steps.
    references, scales
        Reference points, and what priors are stated in (:func:`prior_scales`).

    Raises
    ------
    BayescaleError
        When there is only one.
    """
    groups = dict.fromkeys(member for seen in (target, *others) for member in seen.members)
    if not groups:
        return {}
    if len(groups) == 1:
        (by,), (only,) = spec.grouping, groups
        raise BayescaleError(f"every usable run has {by} = {only}: there is nothing to pool")
    size, found = spec.noise.scale, dict.fromkeys(groups, float(scales["target"]))
    members = np.array(target.members)
    rows = {group: np.flatnonzero(members == group) for group in groups if group in members}
    at, parameters = typical_family(spec.law) or (references, typical_law(spec, scales))
    curve = np.broadcast_to(spec.law.curve(target.inputs, at, parameters), target.observed.shape)
    for group, own in rows.items():
        found[group] = size(target.observed[own]) * float(size(curve) / size(curve[own]))
    return found


def typical_law(spec: Spec, scales: Scales) -> dict[str, float]:
    """Return the law's parameters, in their units, at the medians of their priors."""
    means, _ = spec.normal_priors(spec.free, scales)
    medians = {
        name: float(natural(parameter, mean, scales))
        for (name, parameter), mean in zip(spec.free.items(), means, strict=True)
    }
    return medians | spec.fixed


def constant_inputs(data: Data) -> dict[str, float]:
    """Return the inputs that have one value in all observations, with that value."""
    return {name: float(values[0]) for name, values in data.inputs.items() if np.ptp(values) == 0}


def number_repeats(labels: list[str]) -> tuple[str, ...]:
    """Number the repeats of a label of observations: checkpoints of one run carry its name."""
    seen: Counter[str] = Counter()
    distinct = []
    for label in labels:
        seen[label] += 1
        distinct.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return tuple(distinct)
