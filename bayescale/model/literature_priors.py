"""Priors by name: what public families of runs say of the parameters of the next one.

>>> from bayescale.model.literature_priors import literature_priors
>>> sorted(literature_priors("chinchilla"))
['E', 'alpha', 'beta']

A set holds numbers, one interval per parameter, that fits of public families give for a family that
is not among them, and names its sources.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.laws.registry import get_law
from bayescale.model.prior import Multiple

LITERATURE = "literature"


FILE = Path(__file__).with_name("literature.toml")


def literature_priors(law: str | type[Law]) -> dict[str, tuple[float, float] | Multiple]:
    """Return priors of a law's exponents and floor that public families of models give.

    Parameters
    ----------
    law : str or Law class
        The law.

    Returns
    -------
    dict of str to (float, float) or Multiple
        Parameter to 90 % interval for a new family: of exponents in their own unit, of the
        irreducible loss as a :class:`Multiple` of the loss of a run of 1B parameters and 20B
        tokens, whatever its unit. Amplitudes keep their own priors.

    Raises
    ------
    BayescaleError
        When no public families were fitted under this law.

    See Also
    --------
    fit : Takes them by ``priors="literature"``.
    population_prior : Priors from a pooled fit of your own.
    Multiple : How the floor's prior is stated.

    Notes
    -----
    ``docs/families.md`` names the families, and shows what these priors do to small studies.

    Examples
    --------
    >>> priors = bs.literature_priors("chinchilla")
    >>> sorted(priors), type(priors["E"]).__name__
    (['E', 'alpha', 'beta'], 'Multiple')
    """
    name, known = get_law(law).name, _sets()
    if name not in known:
        raise BayescaleError(
            f"no public families were fitted under {name}: priors={LITERATURE!r} is for "
            f"{', '.join(known)}"
        )
    declared = get_law(law).parameters
    at, typical = known[name]["at"], known[name]["typical"]
    return {
        k: Multiple(low, high, at, typical) if declared[k].of else (low, high)
        for k, (low, high) in known[name]["intervals"].items()
    }


def literature_sources(law: str | type[Law]) -> list[str]:
    """Return the families that :func:`literature_priors` comes from."""
    return list(_sets()[get_law(law).name]["families"])


def typical_family(law: type[Law]) -> tuple[dict[str, float], dict[str, float]] | None:
    """Return a typical public family's law: where its amplitudes hold, and its parameters.

    The parameters of the target's unit are multiples of the loss there. None where no public
    families were fitted under the law.
    """
    found = _sets().get(law.name)
    return None if found is None else (found["at"], found["typical"])


@cache
def _sets() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def named(priors: Any, law: type[Law]) -> Mapping[str, Any]:
    """Return priors as a mapping; the name of the literature's set may stand in its place.

    Raises
    ------
    BayescaleError
        For another word.
    """
    if priors is None:
        return {}
    if not isinstance(priors, str):
        return priors
    if priors != LITERATURE:
        raise BayescaleError(f"priors={priors!r}: the one set of priors is {LITERATURE!r}")
    return literature_priors(law)
