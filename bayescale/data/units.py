"""Quantities with a unit, read: ``7B``, ``1.4T tokens``, ``3e21``, ``1 PF-day``; units of loss."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from bayescale.data.limits import LARGEST, OutOfRange
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

Kind = Literal["count", "flops", "number"]


type Quantity = float | str
"""A number, or text such as ``"7B"``, ``"1.4T"`` and ``"1 PF-day"``."""


type Quantities = Quantity | Sequence[Quantity] | np.ndarray | pd.Series | xr.DataArray
"""One quantity, or several."""


_EXPECTED: dict[Kind, str] = {
    "count": "a count such as 7B, 350M, 1.4T, 3e9 or 1,000,000",
    "flops": "an amount of compute such as 3e21, 10 PFLOP or 1 PF-day",
    "number": "a plain number such as 2.31 or 1e-3",
}


_MILLIARDS = ("mrd", "mia", "md", "milliarde", "milliarden", "milliard", "milliards")
"""Billions in other languages."""


_COUNT_UNITS = (
    (("k", "kilo", "thousand", "thousands", "tsd", "tausend"), 10**3),
    (("m", "mn", "mil", "mega", "million", "millions", "mio", "millionen"), 10**6),
    (("b", "bn", "g", "giga", "billion", "billions", *_MILLIARDS), 10**9),
    (("t", "tn", "tera", "trillion", "trillions"), 10**12),
)


_COUNTS = {name: factor for names, factor in _COUNT_UNITS for name in names}


_PREFIXES = dict(
    zip(
        ["", "k", "m", "g", "t", "p", "e", "z", "y"],
        (1000**power for power in range(9)),
        strict=True,
    )
)


_LONG_PREFIXES = ("kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta")


FLOPS_PER_PARAM_TOKEN = 6
"""Training takes six FLOP a parameter and token: C = 6 N D."""


_SECONDS = {"d": 86_400, "h": 3_600}


_NUMBER = re.compile(
    r"([+-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?)(.*)",
    re.IGNORECASE | re.DOTALL,
)


_POWER_OF_TEN = re.compile(r"(?:(?<=\d)\s*[x×*·]\s*|(?<![\d.])(?=10[\^*]))10(?:\^|\*\*)(?=[+-]?\d)")


_COUNTED = re.compile(r"[\s_-]*(?:params?|parameters?|tok|toks|tokens?)$")


_FLOPS = re.compile(
    rf"(?P<prefix>{'|'.join(_LONG_PREFIXES)}|[kmgtpezy])?[\s_-]*(?P<flop>flops?|f)"
    r"(?P<rate>\s*/\s*s(?:ec)?|[\s_]s)?(?:[\s_-]*(?P<time>d|days?|h|hours?))?"
)


PERPLEXITY = "perplexity"
"""The unit of a loss that is read as its logarithm, the cross-entropy per token."""


LOSS_UNITS = {
    "nats": "nats",
    "nat": "nats",
    "nattoken": "nats/token",
    "natpertoken": "nats/token",
    "natstoken": "nats/token",
    "natspertoken": "nats/token",
    "bits": "bits",
    "bit": "bits",
    "bittoken": "bits/token",
    "bitpertoken": "bits/token",
    "bitbyte": "bits/byte",
    "bitperbyte": "bits/byte",
    "bitstoken": "bits/token",
    "bitspertoken": "bits/token",
    "bpt": "bits/token",
    "bitsbyte": "bits/byte",
    "bitsperbyte": "bits/byte",
    "bpb": "bits/byte",
    "bitschar": "bits/char",
    "bitsperchar": "bits/char",
    "bitspercharacter": "bits/char",
    "bpc": "bits/char",
    "ppl": PERPLEXITY,
    "perplexity": PERPLEXITY,
}
"""The spelling of each unit of loss, by its aliases in lower case without spaces and signs."""


def parse_quantity(value: Quantity, kind: Kind = "count", *, unit: float = 1.0) -> float:
    """Read one human-readable number.

    Parameters
    ----------
    value
        A number, or text such as ``7B``, ``1.4T tokens``, ``1_000_000``, ``10^24`` or ``1 PF-day``.
    kind
        ``count`` (parameters, tokens), ``flops`` (floating point operations), or ``number``
        (no unit allowed).
    unit
        What a number without a unit of its own is counted in.

    Returns
    -------
    float
        The number itself: parameters, tokens, or FLOP. It is finite, and may be negative.

    Raises
    ------
    BayescaleError
        The text is no such number, or beyond 1e45; the message says what was expected.

    Examples
    --------
    >>> parse_quantity("1.4T tokens")
    1400000000000.0
    >>> parse_quantity("2 PF-days", "flops")
    1.728e+20
    """
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            result = float(value) * unit
        except OverflowError:
            result = math.inf
    elif isinstance(value, str):
        result = _parse_text(value, kind, unit)
    else:
        raise _unreadable(value, kind)
    if not math.isfinite(result):
        raise _unreadable(value, kind)
    if abs(result) > LARGEST:
        raise OutOfRange(
            f"{value!r} is out of range: quantities lie between {-LARGEST:g} and {LARGEST:g}"
        )
    return result


def parse_quantities(name: str, values: Quantities, kind: Kind = "count") -> list[float]:
    """Read one or several human-readable numbers.

    Parameters
    ----------
    name
        What they are, for messages.
    values
        A number, text, or several in a list or an array of any shape.
    kind
        As for `parse_quantity`.

    Raises
    ------
    BayescaleError
        There is none, or one is no such number.

    Examples
    --------
    >>> parse_quantities("params", ["7B", 2])
    [7000000000.0, 2.0]
    """
    several: Any = values
    if hasattr(values, "__array__"):
        import numpy as np  # the command line's help does not wait for it

        several = np.asarray(values).ravel().tolist()
    if isinstance(several, str) or not isinstance(several, Sequence):
        several = [several]
    flat: list[Quantity] = list(several)
    if not flat:
        raise BayescaleError(f"{name} is empty: pass at least one value")
    try:
        return [parse_quantity(value, kind) for value in flat]
    except BayescaleError as error:
        raise type(error)(f"{name}: {error}") from None


def unit_factor(text: str, kind: Kind = "count") -> float | None:
    """How much one of a unit is, or None where the text is no unit of that kind.

    Parameters
    ----------
    text
        A unit such as ``B``, ``millions``, ``PF-days``, ``GFLOP`` or ``1e18``.
    kind
        As for `parse_quantity`.

    Examples
    --------
    >>> unit_factor("billions"), unit_factor("PF-days", "flops"), unit_factor("apples")
    (1000000000.0, 8.64e+19, None)
    """
    match = _NUMBER.fullmatch(_plain(text))
    if match is None:
        factor = _factor(text.strip().lower(), kind)
    else:
        rest = _factor(match[2].strip(), kind)
        factor = None if rest is None else _decimal(match[1]) * rest
    return float(factor) if factor else None


def canonical_loss_unit(text: str) -> str:
    """One spelling for a unit of loss and its aliases; an unknown one stays as it is written.

    >>> [canonical_loss_unit(text) for text in ("Bits per byte", "nat", "points")]
    ['bits/byte', 'nats', 'points']
    """
    return LOSS_UNITS.get(re.sub(r"[^a-z0-9]", "", text.lower()), text.strip())


def _parse_text(text: str, kind: Kind, unit: float) -> float:
    """Read text as number and unit."""
    match = _NUMBER.fullmatch(_plain(text))
    if match is None:
        raise _unreadable(text, kind)
    number, rest = match[1], match[2].strip()
    if kind == "count":
        rest = _COUNTED.sub("", rest).rstrip(" -_")
    if not rest:
        return float(_decimal(number)) * unit
    factor = _factor(rest.strip(" -_."), kind)
    if factor is None:
        raise _unreadable(text, kind)
    return float(_decimal(number) * factor)


def _plain(text: str) -> str:
    """Lower case, and powers of ten as exponents: 3x10^21 becomes 3e21."""
    lowered = text.strip().lower()
    found = _POWER_OF_TEN.search(lowered)
    if found is None:
        return lowered
    return lowered[: found.start()] + ("e" if found.start() else "1e") + lowered[found.end() :]


def _factor(text: str, kind: Kind) -> Decimal | None:
    """The factor of a unit in lower case; one for no unit, None for an unknown one."""
    if not text:
        return Decimal(1)
    if kind == "flops":
        factor = _flops_factor(text)
        text = re.sub(r"\s*flops?$", "", text)
        return factor if factor is not None else _factor(text, "count")
    return Decimal(_COUNTS[text]) if kind == "count" and text in _COUNTS else None


def _flops_factor(text: str) -> Decimal | None:
    """The factor of GFLOP, PF-days, petaflop/s-days and the like; a bare rate has none."""
    match = _FLOPS.fullmatch(text)
    if match is None:
        return None
    time, bare = match["time"], match["flop"] == "f" or match["rate"]
    if bare and not time:
        return None
    prefix = _PREFIXES[(match["prefix"] or "")[:1]]
    return Decimal(prefix * (_SECONDS[time[0]] if time else 1))


def _decimal(number: str) -> Decimal:
    """Exact, so that 1.1B is the float nearest to 1100000000."""
    return Decimal(number.replace(",", "").replace("_", ""))


def _unreadable(value: object, kind: Kind) -> BayescaleError:
    """Say what was expected, and what slipped where that is known."""
    if isinstance(value, int) and abs(value) >= 10**400:  # Python does not write every one
        value = f"a whole number of {value.bit_length():,} bits"
    message = f"cannot read {value!r}: expected {_EXPECTED[kind]}"
    text = str(value).strip().lower()
    if re.fullmatch(r"[+-]?\d+,\d+\D*", text):
        message += " (write decimals with a point)"
    elif kind == "flops" and re.search(r"flops?\s*/\s*s(ec)?$", text):
        message += " (that is a rate: multiply it by the time, as in PF-days)"
    elif kind == "count" and re.search(r"flops?|days?", text):
        message += " (that is an amount of compute)"
    return BayescaleError(message)
