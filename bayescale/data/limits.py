"""Limits: of the numbers that are asked for, in the API and on the command line, and of tables."""

from collections.abc import Iterator
from typing import TextIO

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


MAX_ROWS = 20_000
"""Rows of a table; a history of more is thinned to these."""


MAX_RUNS = 100_000
"""Runs of a history, of which at least the last rows are kept."""


MAX_TITLES = 10
"""Lines of a title that may stand above the header."""


MAX_COLUMNS = 10_000
"""Columns of a table."""


MAX_LINES = 10_000_000
"""Lines of a file, empty ones included."""


MAX_LINE = 10_000_000
"""Characters of one line."""


MAX_TEXT = 500_000_000
"""Characters of a file, after decompression."""


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


def check_positive(name: str, value: float, unit: str = "") -> None:
    """Raise unless a quantity is above zero and at most :data:`LARGEST`.

    Raises
    ------
    OutOfRange
        It is not; names it, the value and the range.
    """
    if not 0 < value <= LARGEST:
        got = f"{value:g} {unit}".rstrip()
        raise OutOfRange(
            f"{name} must be positive; got {got}: it must lie above 0, up to {LARGEST:g}"
        )


def refuse_large(name: str, rows: int | None = None) -> BayescaleError:
    """Say what to do with a table of too many rows, whose number may not be known."""
    count = f"{rows:,}" if rows else f"more than {MAX_ROWS:,}"
    return BayescaleError(
        f"{name} has {count} rows, and the limit is {MAX_ROWS:,}: a scaling law is fitted to one "
        "row per run. Checkpoints are thinned where columns name the run, the step or tokens, and "
        "the loss (columns={'run': 'its column'}); otherwise keep each run's last checkpoint"
    )


def limited_lines(stream: TextIO, name: str) -> Iterator[str]:
    """Yield the lines of a file of that name, none of which is read further than the

    Raises
    ------
    BayescaleError
        A line is too long, or there are too many lines or characters.
    """
    total = 0
    lines = iter(lambda: stream.readline(MAX_LINE + 1), "")
    for place, line in enumerate(lines, start=1):
        total += len(line)
        if len(line) > MAX_LINE:
            raise BayescaleError(
                f"{name!r}, line {place} has more than {MAX_LINE:,} characters, which "
                "is the limit: check that the file has line breaks and is a table of runs"
            )
        if place > MAX_LINES:
            raise BayescaleError(
                f"{name!r} has more than {MAX_LINES:,} lines, which is the limit, "
                "empty ones included: save one row per run"
            )
        if total > MAX_TEXT:
            raise too_long(name)
        yield line


def too_long(name: str) -> BayescaleError:
    """Say that a file holds more than the limit."""
    return BayescaleError(
        f"{name!r} holds more than {MAX_TEXT:,} characters, which is the limit (after "
        "decompression): save one row per run, and only the columns that are needed"
    )
