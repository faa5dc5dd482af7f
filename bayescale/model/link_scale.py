"""The link scale, on which parameters are sampled: there and back, and fixed parameters."""

from typing import Any

import numpy as np
import xarray as xr

from bayescale.laws.parameters import Parameter
from bayescale.model.spec import Scales, Spec


def natural(parameter: Parameter, link: Any, scales: Scales) -> Any:
    """Return a parameter in its own unit, from the link scale and what it is a multiple of."""
    value = parameter.inverse(link)
    return value * scales[parameter.of] if parameter.of else value


def to_link(parameter: Parameter, value: Any, scales: Scales) -> Any:
    """Invert :func:`natural`: take a value in the parameter's own unit to the link scale."""
    return parameter.link(value / scales[parameter.of] if parameter.of else value)


def with_fixed(spec: Spec, draws: xr.Dataset) -> xr.Dataset:
    """Return draws together with the fixed parameters, which have the same value in every draw."""
    if not spec.fixed:
        return draws
    shape = {dim: size for dim, size in draws.sizes.items() if dim in ("chain", "draw")}
    return draws.assign(
        {
            name: (tuple(shape), np.full(tuple(shape.values()), value))
            for name, value in spec.fixed.items()
        }
    )
