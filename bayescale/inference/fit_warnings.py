"""What a user is warned of when a law is fitted: inputs, reference points, a law that misses."""

import warnings

import numpy as np

from bayescale.errors import BayescaleWarning
from bayescale.inference.attempts import ERROR
from bayescale.inference.result import Fit
from bayescale.laws.frontier import split_unknown
from bayescale.model.observations import Data, constant_inputs
from bayescale.model.spec import Spec

FAR = 100.0
"""Factor from the runs' geometric mean beyond which default priors do not hold at a reference."""


FLOOR = "E"
"""The parameter that means the same wherever the reference point is."""


MISSES = ".*: the law misses: "
"""Matches the warning of :func:`warn_misfit`, for those who say it otherwise."""


def warn_misfit(made: Fit) -> None:
    """Warn of a law that is far from describing the runs, where its draws can be trusted."""
    if made.diagnostics.ok and made.adequacy.severe:
        warnings.warn(f"{made.label}: {made.adequacy}", BayescaleWarning, stacklevel=3)


def warn_constant(spec: Spec, data: Data) -> None:
    """Warn of inputs of which all runs have one value."""
    for name, value in constant_inputs(data).items():
        column = spec.column(name)
        warnings.warn(
            f"every run has {column} = {value:g}: what the law says of {name} keeps its prior; "
            f"add runs that differ in {column}",
            BayescaleWarning,
            stacklevel=3,
        )


def warn_one_ratio(spec: Spec, data: Data) -> None:
    """Warn of runs that all lie on a line of tokens and params, where none is constant."""
    inputs = {spec.column(name): values for name, values in data.inputs.items()}
    said = "" if constant_inputs(data) else split_unknown(inputs)
    if said:
        warnings.warn(said, BayescaleWarning, stacklevel=3)


def warn_far_reference(spec: Spec, data: Data) -> None:
    """Warn of priors that hold where the runs are, and are used far away from them."""
    doubtful = [
        name
        for name, parameter in spec.free.items()
        if parameter.of == "target" and name != FLOOR and name not in spec.priors
    ]
    for name, value in spec.references.items():
        if not doubtful or name not in data.inputs or not spec.law.inputs[name].relative:
            continue
        centre = float(np.exp(np.log(data.inputs[name]).mean()))
        if max(value / centre, centre / value) > FAR:
            column, named = spec.column(name), ", ".join(doubtful)
            warnings.warn(
                f"the reference point {column} = {value:.3g} lies far from the runs, whose "
                f"geometric mean is {centre:.3g}, and the default priors of {named} are "
                f"multiples of the typical loss among the runs: give priors for {named} at the "
                "reference point, or "
                "leave the reference out",
                BayescaleWarning,
                stacklevel=3,
            )


def warn_exact(spec: Spec) -> None:
    """Warn of runs that a law goes through, which no sampler can fit as they are."""
    warnings.warn(
        f"{spec.law.name} goes through all runs but for rounding, as where losses were computed "
        f"from it: each was given an error of {ERROR:g} of its size; simulate noise too",
        BayescaleWarning,
        stacklevel=4,
    )
