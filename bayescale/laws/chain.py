"""Two laws in one: what the first predicts is what the second starts from.

>>> from bayescale.laws.registry import get_law
>>> law = get_law("chinchilla_then_error_from_loss")
>>> list(law.inputs), list(law.steps), law.target
(['N', 'D'], ['L'], 'error')
>>> law.parameters["E"].of, law.parameters["level"].of
('loss', 'target')

Both columns are observed in one model, so that what is uncertain in the first is uncertain in the
second. Equations, priors, coordinates and constants are the two laws' own.
"""

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, Signature
from typing import Any

from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.laws.inputs import Step

THEN = "_then_"
"""Joins the names of two laws to the name of their chain."""


def chain(first: type[Law], then: type[Law]) -> type[Law]:
    """Make the law that passes through ``first`` to the target of ``then``.

    Parameters
    ----------
    first : Law class
        Predicts what ``then`` takes: the loss.
    then : Law class
        Takes the first law's target as an input: accuracy or error from loss.

    Returns
    -------
    Law class
        Its name is ``<first>_then_<then>``; the first law's amplitudes are multiples of the
        typical value of its target.

    Raises
    ------
    BayescaleError
        When ``then`` takes something else, when ``first`` is chained already, or when both have an
        input or a parameter of one name.
    """
    through = then.input_of(first.target)
    if through is None or not then.inputs[through].relative or first.steps:
        raise BayescaleError(
            f"{first.name} cannot be chained to {then.name}: a chain is of a law without steps and "
            f"one that takes its target, {first.target}, relative to a reference point"
        )
    others = {name: i for name, i in then.inputs.items() if name != through}
    both = {*first.inputs, *first.parameters} & {*then.inputs, *then.parameters}
    if both:
        raise BayescaleError(
            f"{first.name} and {then.name} both have {', '.join(sorted(both))}: rename one of them"
        )
    of = {"target": first.target}
    name = f"{first.name}{THEN}{then.name}"
    namespace: dict[str, Any] = {
        "__doc__": _text(first, then),
        "name": name,
        "reference": f"{first.reference}; {then.reference}",
        "target": then.target,
        "noise": then.noise,
        "parts": (first, then),
        "rises": then.rises,
        "multimodal": first.multimodal or then.multimodal,
        **first.inputs,
        **others,
        **{k: replace(p, of=of.get(p.of or "")) for k, p in first.parameters.items()},
        through: Step(first.target, first.noise, first.equation),
        **then.parameters,
        "equation": staticmethod(then.equation),
    }
    namespace |= _coordinates(first, then) | _derived(first, then, through)
    return type("".join(word.title() for word in name.split("_")), (Law,), namespace)


def _text(first: type[Law], then: type[Law]) -> str:
    about = f"{then.about()} On the way, {first.target}: {first.about()}"
    return f"{about}\n\n.. math:: {first.formula()}, \\qquad {then.formula()}\n"


def _coordinates(first: type[Law], then: type[Law]) -> dict[str, Any]:
    """Return the two laws' coordinates side by side, where one of them names any."""
    if not (hasattr(first, "coordinates") or hasattr(then, "coordinates")):
        return {}
    size = len(first.parameters)

    def joined(method: str) -> Callable[..., tuple[Any, ...]]:
        one, other = (getattr(law, method, _as_they_are) for law in (first, then))
        return lambda *values: (*one(*values[:size]), *other(*values[size:]))

    names = [*first.parameters, *then.parameters]
    return {
        method: staticmethod(takes(joined(method), names))
        for method in ("coordinates", "from_coordinates")
    }


def _as_they_are(*values: Any) -> tuple[Any, ...]:
    return values


def _derived(first: type[Law], then: type[Law], through: str) -> dict[str, Any]:
    """Return the two laws' constants; of two that share a name, the second's says its target."""
    laws = [law for law in (first, then) if hasattr(law, "derived")]
    if not laws:
        return {}

    def constants(**values: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for law in laws:
            own = law.derived(**{k: values[k] for k in (*law.inputs, *law.parameters)})
            taken = {*found, *values}
            found |= {f"{law.target}_{k}" if k in taken else k: v for k, v in own.items()}
        return found

    inputs = [*first.inputs, *(name for name in then.inputs if name != through)]
    names = [*inputs, through, *first.parameters, *then.parameters]
    return {"derived": staticmethod(takes(constants, names))}


def takes[**P, T](function: Callable[P, T], names: list[str]) -> Callable[P, T]:
    """Say by what names a function takes its arguments: a law's signatures are checked."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    signature = Signature([Parameter(name, kind) for name in names])
    function.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    return function
