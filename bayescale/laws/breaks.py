r"""Power laws that break any number of times: a law is made for its number of breaks.

>>> from bayescale.laws.registry import get_law
>>> law = get_law("broken_power_law_3")
>>> list(law.parameters)[2:9]
['slope_0', 'slope_1', 'slope_2', 'slope_3', 'place', 'gap_2', 'gap_3']

One break and two are laws of their own, ``broken_power_law`` and ``twice_broken_power_law``, which
``broken_power_law_1`` and ``broken_power_law_2`` name as well.
"""

import math
from functools import cache
from itertools import pairwise
from typing import Any

from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.laws.chain import takes
from bayescale.laws.functions import exp, log
from bayescale.laws.inputs import Input
from bayescale.laws.library.broken import BrokenPowerLaw, TwiceBrokenPowerLaw, bend, ramp
from bayescale.laws.parameters import Parameter, Positive, Real
from bayescale.laws.transforms import from_total_ratio, total_ratio

MOST_BREAKS = 10
"""Breaks of the law with the most."""

GAP, AROUND = (0.4, 4.0), 4.5
"""Natural logarithms of x from a break to the next, and by which factor the first may be placed."""

_TEXT = r"""A power law above a floor that bends {breaks} times, smoothly, in order.

.. math:: L(x) = E + R \, (x / x_0)^{{-s_0}} \prod_{{i=1}}^{{{breaks}}} \left[
          \frac{{1 + (x / (d_i x_0))^{{1 / w_i}}}}{{1 + d_i^{{-1 / w_i}}}}
          \right]^{{-(s_i - s_{{i-1}}) w_i}}, \quad d_i = d_{{i-1}} e^{{g_i}}
"""


@cache
def broken(breaks: int) -> type[Law]:
    """Make the power law above a floor that bends so many times.

    Parameters
    ----------
    breaks : int
        From 1 to 10.

    Returns
    -------
    Law class
        Its name is ``broken_power_law_<breaks>``, from three breaks on.

    Raises
    ------
    BayescaleError
        For another number of breaks; without any it is the law power_law_floor.
    """
    if not 1 <= breaks <= MOST_BREAKS:
        raise BayescaleError(
            f"a broken power law has 1 to {MOST_BREAKS} breaks, not {breaks}; without any it is "
            "the law power_law_floor"
        )
    if breaks <= 2:
        return (BrokenPowerLaw, TwiceBrokenPowerLaw)[breaks - 1]
    parameters = _parameters(breaks)
    names = list(parameters)

    def equation(**values: Any) -> Any:
        log_x, bent = log(values["x"]), 0.0
        for change, place, width in _changes(values, breaks):
            bent = bent + change * bend(log_x, place, width)
        return values["E"] + values["R"] * exp(-values["slope_0"] * log_x - bent)

    def coordinates(*at: Any) -> tuple[Any, ...]:
        return *total_ratio(at[0], at[1]), *at[2:]

    def from_coordinates(*to: Any) -> tuple[Any, ...]:
        return *from_total_ratio(to[0], to[1]), *to[2:]

    def derived(**values: Any) -> dict[str, Any]:
        """Caballero's constants: b, c_0, then the change of slope c_i at break d_i of width f_i."""
        changes = list(_changes(values, breaks))
        ramps = sum(change * ramp(0.0, place, width) for change, place, width in changes)
        found = {"b": values["R"] * exp(values["slope_0"] * log(values["x"]) + ramps)}
        found["c_0"] = values["slope_0"]
        for i, (change, place, width) in enumerate(changes, 1):
            found |= {f"c_{i}": change, f"d_{i}": values["x"] * exp(place), f"f_{i}": width}
        return found

    space: dict[str, Any] = {
        "__doc__": _TEXT.format(breaks=breaks),
        "name": f"{BrokenPowerLaw.name}_{breaks}",
        "reference": f"Caballero et al. (2022), arXiv:2210.14891, eq. 1 with {breaks} breaks",
        "multimodal": True,
        "x": Input("tokens", about="data, parameters or compute"),
        **parameters,
        "equation": staticmethod(takes(equation, ["x", *names])),
        "coordinates": staticmethod(takes(coordinates, names)),
        "from_coordinates": staticmethod(from_coordinates),
        "derived": staticmethod(takes(derived, ["x", *names])),
    }
    return type(f"BrokenPowerLaw{breaks}", (Law,), space)


def _parameters(breaks: int) -> dict[str, Parameter]:
    """Return the parameters of so many breaks; the breaks lie about the reference point."""
    middle = math.exp(-(breaks - 1) / 2 * math.sqrt(GAP[0] * GAP[1]))
    slopes = {
        f"slope_{i}": Real(-2.0, 5.0, about=f"exponent from break {i} to break {i + 1}")
        for i in range(1, breaks)
    }
    return {
        "E": Positive(0.1, 0.95, of="target", about="irreducible loss"),
        "R": Positive(0.1, 2.0, of="target", about="excess loss at the reference point"),
        "slope_0": Real(-0.3, 1.0, about="exponent before the first break"),
        **slopes,
        f"slope_{breaks}": Real(-0.3, 1.0, about="exponent after the last break"),
        "place": Positive(
            round(middle / AROUND, 4),
            round(middle * AROUND, 4),
            about="place of the first break, relative to the reference point",
        ),
        **{
            f"gap_{i}": Positive(
                *GAP, about=f"from break {i - 1} to break {i}, in natural logarithms of x"
            )
            for i in range(2, breaks + 1)
        },
        **{
            f"width_{i}": Positive(
                0.02, 2.0, about=f"width of break {i}, in natural logarithms of x"
            )
            for i in range(1, breaks + 1)
        },
    }


def _changes(values: dict[str, Any], breaks: int) -> list[tuple[Any, Any, Any]]:
    """Return at each break the change of the slope, the log of its place, and its width."""
    slopes = [values[f"slope_{i}"] for i in range(breaks + 1)]
    places = [log(values["place"])]
    for i in range(2, breaks + 1):
        places.append(places[-1] + values[f"gap_{i}"])
    widths = [values[f"width_{i}"] for i in range(1, breaks + 1)]
    steps = [after - before for before, after in pairwise(slopes)]
    return list(zip(steps, places, widths, strict=True))


@cache
def broken_law(name: str) -> type[Law] | None:
    """Return the broken power law of that name, None where it names none."""
    kind, _, breaks = name.rpartition("_")
    if kind != BrokenPowerLaw.name or not breaks.isdecimal():
        return None
    return broken(int(breaks))
