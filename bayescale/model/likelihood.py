"""The runs' part of a PyMC model: its data, and the observed variables around the law's curve.

Both models of a spec have it in common: that which users see, and that which is sampled
(:mod:`bayescale.model.build`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.model.observations import Observations
from bayescale.model.parametrization import parametrization_of
from bayescale.model.spec import Spec

MEMBER = "member"
"""End of the name of the ``pm.Data`` that says which group each run is of, as a number."""


def run_coords(spec: Spec, data: Observations) -> dict[str, list[str]]:
    """Return the labels of the likelihood's runs, by the dimension of each observed column."""
    return {seen.dim: list(data.of(seen).labels) for seen in spec.observables}


def run_data(spec: Spec, data: Observations) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return dimensions and values of what the likelihood is given of each run, by name."""
    found = {}
    for seen in spec.observables:
        rows = data.of(seen)
        for name, values in {**rows.inputs, **seen.noise.data(rows.observed, rows.known)}.items():
            dims = ("node", seen.dim)[-values.ndim :]
            found[f"{seen.prefix}{name}"] = dims, values
        if data.groups:
            places = [float(data.groups.index(member)) for member in rows.members]
            found[f"{seen.prefix}{MEMBER}"] = (seen.dim,), np.array(places)
    return found


def observe(spec: Spec, shared: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Add the likelihood, the observed variables, to the PyMC model in context.

    Parameters
    ----------
    spec : Spec
        What is fitted.
    shared : mapping
        The model's ``pm.Data`` by name: those of :func:`run_data`, and the reference point of each
        relative input and each step, ``N_reference``.
    parameters : mapping
        The parameters of the law and the noise in their own units; in a pooled model those of each
        group's own have shape (group,).
    """
    names = (*spec.law.inputs, *spec.law.steps)
    references = {k: shared[f"{k}_reference"] for k in names if f"{k}_reference" in shared}
    for seen in spec.observables:
        start = len(seen.prefix)
        own = {k[start:]: v for k, v in shared.items() if k.startswith(seen.prefix)}
        at = parametrization_of(spec).of_runs(parameters, own.pop(MEMBER, None))
        curve = spec.law.curve(own, references, at, seen.step)
        seen.noise.observe(seen.column, curve, seen.of_noise(at), own, seen.dim)
