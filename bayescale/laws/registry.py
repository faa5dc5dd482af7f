"""The laws of the literature, one file a family; none knows of another.

Two of them chain by name: ``skaling_then_accuracy_from_loss`` is accuracy through the loss that
``skaling`` predicts, both observed in one model. One of them turns over by name:
``rising_chinchilla`` is a metric of any sign that rises with size and data. A broken power law is
made for its number of breaks by name: ``broken_power_law_3``.

>>> from bayescale.laws.registry import get_law, law_names
>>> get_law("chinchilla").name
'chinchilla'
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from bayescale.errors import BayescaleError, closest
from bayescale.laws import library
from bayescale.laws.base import Law
from bayescale.laws.breaks import broken, broken_law
from bayescale.laws.chain import THEN, chain
from bayescale.laws.mixtures import MIXTURES, mixture
from bayescale.laws.rising import PREFIX, rising


def _defined() -> dict[str, type[Law]]:
    """Return the laws that the files of this folder define, in the files' order."""
    found: dict[str, type[Law]] = {}
    for module in iter_modules(library.__path__):
        for value in vars(import_module(f"{library.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Law) and value is not Law:
                found[value.name] = value
    return found


BUILT_IN: dict[str, type[Law]] = _defined()
"""Every law of the literature by name: a class in a file of ``laws/library`` is one."""


@cache
def _chained(first: str, then: str) -> type[Law]:
    return chain(get_law(first), get_law(then))


@cache
def _turned_over(law: str) -> type[Law]:
    return rising(get_law(law))


CHAINS = (
    ("chinchilla", "error_from_loss"),
    ("chinchilla", "accuracy_from_loss"),
    ("power_law_floor", "accuracy_from_loss"),
)
"""Chains that the literature uses; any other goes by the two names as well."""


DOMAINS = 5
"""Domains of the mixture laws that are listed; any other number goes by its name as well."""

BREAKS = 3
"""Breaks of the broken power law that is listed; any other number goes by its name as well."""

TURNED_OVER = ("power_law_floor", "broken_power_law")
"""Laws of metrics of any sign that rise; any other law of loss goes by ``rising_`` as well."""


def law_names() -> list[str]:
    """Return the names of the built-in laws."""
    return list(BUILT_IN)


def law_records() -> list[dict[str, str]]:
    """Return a record a law: what the command line lists, without pandas."""
    return [
        {
            "name": law.name,
            "about": law.about(),
            "inputs": ", ".join(i.columns_text() for i in law.inputs.values()),
            "parameters": ", ".join(law.parameters),
            "formula": law.formula(),
            "reference": law.reference,
        }
        for law in BUILT_IN.values()
    ]


def get_law(law: str | type[Law]) -> type[Law]:
    """Return the law of that name, one turned over, or the chain of two; a class as it is.

    Raises
    ------
    BayescaleError
        When no built-in law has the name.
    """
    if isinstance(law, type) and issubclass(law, Law):
        return law
    if isinstance(law, str) and law in BUILT_IN:
        return BUILT_IN[law]
    if isinstance(law, str) and THEN in law:
        first, _, then = law.partition(THEN)
        return _chained(first, then)
    if isinstance(law, str) and (mixed := mixture(law)) is not None:
        return mixed
    if isinstance(law, str) and (bent := broken_law(law)) is not None:
        return bent
    if isinstance(law, str) and law.startswith(PREFIX):
        return _turned_over(law.removeprefix(PREFIX))
    if meant := closest(str(law), BUILT_IN):
        raise BayescaleError(f"no law named {law!r}{meant}; bayescale.list_laws() lists all")
    raise BayescaleError(
        f"no law named {law!r}; there are {', '.join(BUILT_IN)}. A law of your own is passed as "
        "its class."
    )


BUILT_IN |= {law.name: law for law in (_chained(*names) for names in CHAINS)}
BUILT_IN |= {law.name: law for law in (broken(BREAKS),)}
BUILT_IN |= {law.name: law for law in map(_turned_over, TURNED_OVER)}
BUILT_IN |= {law.name: law for law in (get_law(f"{kind}_{DOMAINS}") for kind in MIXTURES)}
