r"""Laws of metrics of any sign that rise: a law of loss, turned over below a ceiling.

>>> from bayescale.laws.registry import get_law
>>> law = get_law("rising_power_law_floor")
>>> law.equation(x=4.0, E=-100.0, scale=900.0, exponent=0.5)
-550.0

L = E + g becomes y = E - g: g and its priors are those of the law of loss, E may have any sign, and
the scatter is in the target's own unit. A metric that falls is fitted as its negative.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.laws.chain import takes
from bayescale.laws.parameters import Positive, Real

PREFIX = "rising_"
"""Begins the name of a law that is turned over."""

CEILING = Real(-2.0, 3.0, of="target", about="ceiling, at unlimited inputs")


def rising(law: type[Law]) -> type[Law]:
    """Turn a law of loss over: what falls to a floor E rises to a ceiling E of any sign.

    Parameters
    ----------
    law : Law class
        A law of loss that is a floor ``E`` plus terms without it.

    Returns
    -------
    Law class
        Its name is ``rising_<law>`` and its target ``y``, read from any column.

    Raises
    ------
    BayescaleError
        When the law has no floor, or takes an input that is not relative.
    """
    if law.target != "loss" or law.steps or not _has_floor(law):
        raise BayescaleError(
            f"{law.name} cannot be turned over: that needs a law of loss that adds to a floor E, "
            "with inputs relative to a reference point, such as power_law_floor"
        )
    names = list(law.parameters)

    def turned(**values: Any) -> Any:
        return 2 * values["E"] - law.equation(**values)

    namespace: dict[str, Any] = {
        "__doc__": f"A metric of any sign that rises to a ceiling E; E - y is what {law.name} has "
        f"above its floor.\n\n.. math:: y = 2 E - L, \\qquad {law.formula()}\n",
        "name": PREFIX + law.name,
        "reference": law.reference,
        "target": "y",
        "rises": True,
        "noise": "raw_student_t",
        "parts": (law,),
        "multimodal": law.multimodal,
        **law.inputs,
        **law.parameters,
        "E": CEILING,
        "equation": staticmethod(takes(turned, [*law.inputs, *names])),
        **{name: staticmethod(method) for name, method in _coordinates(law).items()},
    }
    if hasattr(law, "derived"):
        namespace["derived"] = staticmethod(law.derived)
    return type("".join(word.title() for word in namespace["name"].split("_")), (Law,), namespace)


def _has_floor(law: type[Law]) -> bool:
    """Whether ``E`` only adds to a law of relative inputs: one more of it is one more of loss."""
    relative = all(i.relative and not i.nodes for i in law.inputs.values())
    if not relative or not isinstance(law.parameters.get("E"), Positive):
        return False
    values = {k: p.inverse(p.normal(p.low, p.high)[0]) for k, p in law.parameters.items()}
    at = values | dict.fromkeys(law.inputs, 2.0)
    one, two = (float(law.equation(**at | {"E": E})) for E in (1.0, 2.0))
    return abs(two - one - 1) < 1e-9


def _coordinates(law: type[Law]) -> dict[str, Callable[..., tuple[Any, ...]]]:
    """Return coordinates with the level at the reference point, which runs see, for the ceiling."""
    names = list(law.parameters)

    def moved(sign: int, *at: Any) -> tuple[Any, ...]:
        """Move the ceiling by its distance from the reference point; all else stays."""
        link = dict(zip(names, at, strict=True))
        own = {k: p.inverse(link[k]) for k, p in law.parameters.items() if k != "E"}
        distance = law.equation(**dict.fromkeys(law.inputs, 1.0), **own, E=0.0)
        return tuple((link | {"E": link["E"] + sign * distance}).values())

    return {
        "coordinates": takes(partial(moved, -1), names),
        "from_coordinates": partial(moved, 1),
    }
