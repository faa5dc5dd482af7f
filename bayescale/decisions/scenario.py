"""Scenarios: what a budget has to pay for, what limits the choice, and which sizes are candidates.

>>> from bayescale.decisions.scenario import Hardware, Scenario
>>> served = Scenario(flops="1e24", inference_tokens="2T", max_params="70B")
>>> served.flops, served.inference_tokens
((1e+24,), 2000000000000.0)
>>> nodes = Hardware(1e15, utilisation=0.4, inference_utilisation=0.2, price_per_hour=2.0)
>>> Scenario(price="1M", hardware=nodes).budgets
(7.2e+23,)

A scenario file is the same in TOML, beside the model file; ``models/README.md`` explains its keys.
Like a study, it is plain data: :func:`bayescale.optimum`, :func:`bayescale.regret` and
:func:`bayescale.report` take it in the place of a budget.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, Self

from bayescale.data.limits import check_positive
from bayescale.data.units import Kind, Quantities, Quantity, parse_quantities
from bayescale.errors import BayescaleError
from bayescale.studies.schema import Table, find, packaged, read_toml

MAX_OPTIONS = 1_000
"""Combinations of the further inputs of a scenario."""

SECONDS_PER_HOUR, HOURS_PER_DAY = 3600.0, 24.0


@dataclass(frozen=True)
class Hardware:
    """What converts FLOP into hours, money and days.

    Attributes
    ----------
    flops_per_second : number or str
        Peak rate of one accelerator, FLOP/s: ``989e12``, ``"989T"``.
    utilisation : float
        Share of it that training reaches, above 0 and at most 1.
    inference_utilisation : float or None
        Share of it that inference reaches; that of training when None.
    accelerators : number or str
        How many train at once.
    price_per_hour : float or None
        Of one accelerator, in any currency.

    Raises
    ------
    BayescaleError
        For what is not positive, and for a utilisation above one.

    See Also
    --------
    Scenario : Takes it, for budgets in money or days.

    Examples
    --------
    >>> nodes = bs.Hardware("1000T", utilisation=0.4, accelerators=64, price_per_hour=2.0)
    >>> f"{nodes.flops_per_day:.3g}"
    '2.21e+21'
    >>> bs.Scenario(price="1M", hardware=nodes).budgets
    (7.2e+23,)
    """

    flops_per_second: Any
    utilisation: float
    inference_utilisation: float | None = None
    accelerators: Any = 1
    price_per_hour: float | None = None

    def __post_init__(self) -> None:
        for f in fields(self):
            if getattr(self, f.name) is not None:
                object.__setattr__(
                    self, f.name, _positive(f"hardware.{f.name}", getattr(self, f.name))
                )
        for name in ("utilisation", "inference_utilisation"):
            share = getattr(self, name) or 0
            if share > 1:
                raise BayescaleError(
                    f"hardware.{name} is {share:g}: it is a share of the peak, at most 1"
                )

    @property
    def inference_cost(self) -> float:
        """What a FLOP of inference costs in FLOP of training."""
        return self.utilisation / (self.inference_utilisation or self.utilisation)

    @property
    def flops_per_hour(self) -> float:
        """What one accelerator trains in an hour, FLOP."""
        return self.flops_per_second * self.utilisation * SECONDS_PER_HOUR

    @property
    def flops_per_day(self) -> float:
        """What all accelerators train in a day, FLOP."""
        return self.flops_per_hour * self.accelerators * HOURS_PER_DAY


@dataclass(frozen=True)
class Scenario:
    """What a budget has to pay for, what limits the choice, and which sizes are candidates.

    A model of N parameters takes 6 N FLOP per training token and 2 N per token of inference. Where
    the hardware uses its peak less well for inference, a FLOP of it costs as many more FLOP of
    training: budgets are in those. (Sardana et al. 2024, arXiv:2401.00448.)

    Attributes
    ----------
    title, about : str
        Headline, and what is to be decided.
    flops, price, days : number, str or several
        The budgets; at most one of the three. FLOP; money, which needs the hardware and its price;
        or days of training on the hardware.
    inference_tokens : number or str
        Tokens that the model reads and writes over its lifetime, paid from the budget.
    max_params, max_tokens : number or str, optional
        The largest model and the most training tokens (repetitions included) allowed.
    at : mapping of str to number or several
        Further inputs of the law, by column: one value, or several to choose from. For a law of
        epochs, ``unique_tokens`` is the data there are without repetition.
    full_bits : float, optional
        Training in ``bits`` bits costs ``bits / full_bits`` of 6 N D, as in Kumar et al. (2024,
        arXiv:2411.04330); precision changes no cost when None.
    hardware : Hardware, optional
        Turns FLOP into money and days.
    candidates : several numbers or str
        Sizes to judge, in parameters.
    tolerance, probability : float
        A size is as good as the best when, with this probability, it wastes at most this share of
        the budget.

    Raises
    ------
    BayescaleError
        For values that are impossible, or do not go together.

    See Also
    --------
    load_scenario : Read one from a file.
    Hardware : Turns FLOP into money and days.
    optimum : Takes a scenario in place of budgets.

    References
    ----------
    * Sardana et al. (2024), arXiv:2401.00448 (inference)
    * Kumar et al. (2024), arXiv:2411.04330 (precision)

    Examples
    --------
    >>> served = bs.Scenario(flops="1e24", inference_tokens="2T", max_params="70B")
    >>> best = bs.optimum(fit, served)
    >>> bool((best["params"] <= 70e9).all()), bool((best["training_share"] < 1).all())
    (True, True)
    """

    title: str = ""
    about: str = ""
    flops: Any = ()
    price: Any = ()
    days: Any = ()
    inference_tokens: Any = 0.0
    max_params: Any = None
    max_tokens: Any = None
    at: Mapping[str, Any] = field(default_factory=dict)
    full_bits: float | None = None
    hardware: Hardware | None = None
    candidates: Any = ()
    tolerance: float = 0.1
    probability: float = 0.8

    def __post_init__(self) -> None:
        self._read()
        given = [name for name in ("flops", "price", "days") if getattr(self, name)]
        if len(given) > 1:
            raise BayescaleError(f"give one kind of budget, not {' and '.join(given)}")
        if self.price and (self.hardware is None or self.hardware.price_per_hour is None):
            raise BayescaleError("a price needs hardware with a price_per_hour")
        if self.days and self.hardware is None:
            raise BayescaleError("days need hardware: say how fast it is")
        if self.days and self.inference_tokens:
            raise BayescaleError(
                "days are those of training, which inference_tokens does not change: give the "
                "budget as flops or price"
            )
        if (count := math.prod(map(len, self.at.values()))) > MAX_OPTIONS:
            raise BayescaleError(
                f"at has {count:,} combinations of values, and the limit is {MAX_OPTIONS:,}"
            )
        if self.full_bits is not None and "bits" not in self.at:
            raise BayescaleError("full_bits needs at = { bits = ... }: in how many bits is trained")
        for name in ("tolerance", "probability"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise BayescaleError(f"{name} is {value:g}: it must lie between 0 and 1")

    def _read(self) -> None:
        """Turn human-readable quantities into numbers."""
        read: dict[str, Any] = {
            "flops": _several("flops", self.flops, "flops"),
            "price": _several("price", self.price),
            "days": _several("days", self.days),
            "candidates": _several("candidates", self.candidates),
            "at": {name: _several(f"at {name}", values) for name, values in self.at.items()},
        }
        for name in ("max_params", "max_tokens", "full_bits", "inference_tokens"):
            value = getattr(self, name)
            if value is not None and not (name == "inference_tokens" and not value):
                value = _positive(name, value)
            read[name] = value
        for name in ("tolerance", "probability"):
            (read[name],) = parse_quantities(name, [getattr(self, name)], "number")
        for name, value in read.items():
            object.__setattr__(self, name, value)

    @property
    def budgets(self) -> tuple[float, ...]:
        """The budgets in FLOP of training; none where the scenario has none."""
        if self.price:
            assert self.hardware is not None and self.hardware.price_per_hour is not None
            rate = self.hardware.flops_per_hour / self.hardware.price_per_hour
            return tuple(price * rate for price in self.price)
        if self.days:
            assert self.hardware is not None
            return tuple(days * self.hardware.flops_per_day for days in self.days)
        return self.flops

    def at_budgets(self, flops: Quantities) -> Self:
        """Return the scenario with other budgets, in FLOP of training."""
        return replace(self, flops=flops, price=(), days=())

    @property
    def inference_cost(self) -> float:
        """What a FLOP of inference costs in FLOP of training."""
        return self.hardware.inference_cost if self.hardware else 1.0

    @property
    def options(self) -> list[dict[str, float]]:
        """Every combination of the further inputs."""
        return [dict(zip(self.at, values, strict=True)) for values in product(*self.at.values())]

    @property
    def constrained(self) -> bool:
        """Whether there is more to it than a budget of training."""
        return bool(self.inference_tokens or self.max_params or self.max_tokens or self.at)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "scenario") -> Self:
        """Check and read what a scenario file holds.

        Parameters
        ----------
        values : mapping
            The keys of a scenario file.
        source : str
            What to call it in messages.

        Raises
        ------
        BayescaleError
            For an unknown key, and as for :class:`Scenario`.
        """
        table = Table(values, source, kind="scenario file")
        try:
            given = _given(cls, table)
            for name in {"title", "about"} & set(given):
                table.text(name)
            if "at" in given:
                given["at"] = table.mapping("at", Table.take)
            if "hardware" in given:
                inner = table.table("hardware")
                needed = ("flops_per_second", "utilisation")
                given["hardware"] = Hardware(
                    **_given(Hardware, inner) | {name: inner.take(name) for name in needed}
                )
            return cls(**given)
        except BayescaleError as error:
            said = str(error)
            raise BayescaleError(
                said if said.startswith(source) else f"{source}: {said}"
            ) from error


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read a scenario file.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a scenario that comes with bayescale, ``"served"`` or ``"cluster"``, or the
        path of a ``.toml`` file. Its keys are the attributes of :class:`Scenario`.

    Returns
    -------
    Scenario
        For :func:`bayescale.optimum`, :func:`bayescale.regret` and :func:`bayescale.report`.

    Raises
    ------
    BayescaleError
        When the file is not there, or is not a valid scenario file.

    See Also
    --------
    Scenario : What it reads.
    regret : Judge a scenario's candidates.

    Examples
    --------
    >>> served = bs.load_scenario("served")
    >>> served.flops, served.inference_tokens
    ((1e+23, 1e+24), 2000000000000.0)
    """
    path = find(name_or_path, packaged("scenarios"), "scenario")
    return Scenario.from_dict(read_toml(path, "scenario"), str(path))


type ScenarioLike = Quantities | Scenario
"""Budgets in FLOP, or a scenario."""


def as_scenario(flops: ScenarioLike) -> Scenario:
    """Return a scenario as it is, and budgets in FLOP as the scenario of nothing else."""
    return flops if isinstance(flops, Scenario) else Scenario(flops=flops)


def _given(record: type, table: Table) -> dict[str, Any]:
    """Return the fields of a record that a table has, and refuse any other key."""
    missing = object()
    found = {f.name: table.get(f.name, Table.take, missing) for f in fields(record)}
    table.finish()
    return {name: value for name, value in found.items() if value is not missing}


def _several(name: str, values: Any, kind: Kind = "count") -> tuple[float, ...]:
    if values is None or (isinstance(values, tuple | list) and not values):
        return ()
    read = parse_quantities(name, values, kind)
    budgets = {"flops": "FLOP", "price": "", "days": "days"}
    check_positive("a budget" if name in budgets else name, min(read), budgets.get(name, ""))
    return tuple(read)


def _positive(name: str, value: Quantity) -> float:
    (read,) = _several(name, [value])
    return read
