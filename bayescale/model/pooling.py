"""How parameters are pooled over groups of runs: a family borrows strength from the others.

Each of a law's parameters is one for all groups (``shared``), each group's own (``separate``), or
each group's own and drawn from a population whose mean and spread are learnt too (``partial``):

>>> from bayescale.laws.parameters import Positive
>>> from bayescale.model.pooling import make_pool
>>> pool = make_pool("partial", "family")
>>> pool.kind("alpha", Positive(0.1, 0.8)), pool.kind("E", Positive(0.2, 0.95, of="target"))
('partial', 'partial')

Losses in different units do not pool, their ratios do: what a law declares as a multiple of the
target, its floor say, is partially pooled as a multiple of each group's own typical target, at the
sizes of all runs (:func:`bayescale.model.observations.observed_groups`). Left separate beside
pooled exponents, every group's prior of its floor pulls the common exponents the same way, and
eight weak priors make one strong wrong one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from types import MappingProxyType
from typing import Any, Literal, get_args

from bayescale.errors import BayescaleError
from bayescale.laws.parameters import Z90, Parameter, Positive, Real

type Kind = Literal["shared", "partial", "separate"]


type Pooling = Kind | Mapping[str, Kind]


KINDS: tuple[Kind, ...] = get_args(Kind.__value__)


SPREAD, SPREAD_OF_MULTIPLES, SPREAD_SD = 0.12, 0.24, 0.6
"""Prior of the spread between groups: its median, for multiples of the target another one, and the
sd of its logarithm. Medians are for a parameter whose prior is as wide as an exponent's.

Exponents of public families differ by some 10 %; a prior with mass at zero makes funnels. Of a few
runs per group the spread of floors and amplitudes comes out too small, and takes the groups for
equal: twice as wide a prior forecast simulated families better (``benchmarks/families.py``)."""


USUAL_SD = 0.63
"""Prior sd of an exponent on its link scale; other spreads are to the spread above as theirs."""


RESERVED = ("run", "chain", "draw", "point", "node", "budget")


@dataclass(frozen=True)
class Pool:
    """Which parameters groups of runs share; made by :func:`make_pool`.

    Attributes
    ----------
    by : str
        The column of the run table that names the groups.
    kinds : mapping of str to {"shared", "partial", "separate"}
        Of the parameters that were named.
    rest : {"shared", "partial", "separate"}
        Of the law's other parameters; multiples of the target are never shared unless named.
    """

    by: str
    kinds: Mapping[str, Kind]
    rest: Kind

    def kind(self, name: str, parameter: Parameter, *, noise: bool = False) -> Kind:
        """Return what groups do with a parameter; the noise's is shared where it has no unit."""
        if name in self.kinds:
            return self.kinds[name]
        if noise:
            return "shared" if parameter.of is None else "separate"
        return self.rest if parameter.of is None or self.rest == "separate" else "partial"


def kinds_of(
    pool: Pool | None, law: Mapping[str, Parameter], noise: Mapping[str, Parameter]
) -> dict[str, Kind]:
    """Return what groups do with each parameter of the law and the noise; empty without groups."""
    if pool is None:
        return {}
    return {k: pool.kind(k, p, noise=k in noise) for k, p in {**law, **noise}.items()}


def make_pool(pool: Pooling | None, group: str | None, base: Pool | None = None) -> Pool | None:
    """Read what a user says of pooling; what was said before when nothing is.

    Parameters
    ----------
    pool : {"shared", "partial", "separate"} or mapping, optional
        One word for all the law's parameters, though multiples of the target are partially pooled
        where the word is ``"shared"``; or parameter to word, the others being separate.
    group : str, optional
        The column that names the groups; that of ``base`` when only ``pool`` is given.
    base : Pool, optional
        What was said before.

    Raises
    ------
    BayescaleError
        For an unknown word, a column that cannot be one, or a pool without a column.
    """
    if group is None and pool is None:
        return base
    if group is None and base is not None:
        group = base.by
    if group is None:
        raise BayescaleError(
            "pool says what groups share: name the column of the groups, group='family'"
        )
    if group in RESERVED:
        raise BayescaleError(f"group={group!r}: the groups' column needs another name")
    pool = "partial" if pool is None else pool
    kinds, rest = ({}, pool) if isinstance(pool, str) else (dict(pool), "separate")
    for word in (*kinds.values(), rest):
        if word not in KINDS:
            raise BayescaleError(f"pool: {word!r} is not one of {', '.join(KINDS)}")
    return Pool(group, MappingProxyType(kinds), rest)


def pool_as_dict(pool: Pool | None) -> dict[str, Any] | None:
    """Return what groups share in JSON's types."""
    return None if pool is None else {**vars(pool), "kinds": dict(pool.kinds)}


def pool_from_dict(values: Mapping[str, Any] | None) -> Pool | None:
    """Invert :func:`pool_as_dict`."""
    return Pool(**values) if values else None


def mean_of(name: str) -> str:
    """Return the name of a parameter's population mean."""
    return f"{name}_mean"


def spread_of(name: str) -> str:
    """Return the name of a parameter's spread between groups."""
    return f"{name}_spread"


def spread_parameter(name: str, parameter: Parameter, by: str) -> Parameter:
    """Return the spread of a partially pooled parameter, on its link scale, and its prior."""
    scale = {Positive: "log ", Real: ""}.get(type(parameter), "logit ")
    unit = parameter.normal(parameter.low, parameter.high)[1] / USUAL_SD
    median = unit * (SPREAD_OF_MULTIPLES if parameter.of else SPREAD)
    low, high = (median * exp(sign * Z90 * SPREAD_SD) for sign in (-1, 1))
    return Positive(low, high, about=f"standard deviation of {scale}{name} between groups by {by}")
