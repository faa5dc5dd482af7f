"""The vector that is sampled: parameters on the link scale, or the law's coordinates of them."""

from typing import Any

from bayescale.law import Law
from bayescale.spec import Spec

LAW_LINK = "law_link"
"""Name, in the PyMC model, of the vector of the law's free parameters."""
NOISE_LINK = "noise_link"
"""Name of the vector of the noise's parameters."""


def sampled_in_coordinates(spec: Spec) -> bool:
    """Whether the sampler uses the law's coordinates: it names some and no parameter is fixed."""
    return hasattr(spec.law, "coordinates") and not spec.fixed


def to_coordinates(law: type[Law], link: Any) -> list[Any]:
    """Return the law's coordinates of a link-scale vector, shape (law parameter,)."""
    return list(law.coordinates(*(link[i] for i in range(len(law.parameters)))))


def from_coordinates(law: type[Law], value: Any) -> list[Any]:
    """Return the link-scale vector at the law's coordinates, shape (law parameter,)."""
    return list(law.from_coordinates(*(value[i] for i in range(len(law.parameters)))))
