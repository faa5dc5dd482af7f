"""Ranges of the numbers that are asked for: in the API, and of every option of the command line."""

from bayescale.errors import BayescaleError

LARGEST = 1e45
"""The largest size of a quantity: parameters, tokens, FLOP."""


RANGES = {
    "draws": (1, 100_000),
    "tune": (1, 100_000),
    "chains": (1, 100),
    "runs": (1, 100),
    "workers": (1, 1_000),
}
"""Whole numbers that are asked for: the least and the most."""


class OutOfRange(BayescaleError):
    """A number that was asked for is too small or too large."""


def check_range(name: str, value: float) -> None:
    """Raise unless a whole number of :data:`RANGES` is in its range.

    Raises
    ------
    OutOfRange
        It is not; names it, the value and the range.
    """
    least, most = RANGES[name]
    if not least <= value <= most:
        raise OutOfRange(f"{name} = {value}: it must lie between {least:,} and {most:,}")


def check_positive(name: str, value: float) -> None:
    """Raise unless a quantity is above zero and at most :data:`LARGEST`.

    Raises
    ------
    OutOfRange
        It is not; names it, the value and the range.
    """
    if not 0 < value <= LARGEST:
        raise OutOfRange(
            f"{name} must be positive; got {value:g}: it must lie above 0, up to {LARGEST:g}"
        )
