"""Decimal points or decimal commas: decided for each column, from all the cells of a table.

A number such as ``4,9583``, ``0,200`` or ``20.000.000`` can be read in one way only, which says how
its column, and the rest of its file, write numbers. ``4,921`` and ``20.000`` can be read in two
ways, a thousand times apart: they follow the others, or are refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayescale.data.aliases import Meaning, interpret
from bayescale.errors import BayescaleError

MARKS = (".", ",")
"""What may mark decimals."""


_TOKEN = re.compile(r"(?<![\w.,])(\d[\d.,]*\d|\d+[.,]?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)


_FORMS = [
    (
        mark,
        group,
        re.compile(rf"\d*\{mark}?\d*"),
        re.compile(rf"[1-9]\d{{0,2}}(?:\{group}\d{{3}})+(?:\{mark}\d*)?"),
    )
    for mark, group in (MARKS, MARKS[::-1])
]
"""How numbers look with each mark of decimals, and the other one of groups."""


_LOSS_BELOW = 20.0
"""A loss with three places, in nats or bits, is below this; thousands of nats are not."""


@dataclass(frozen=True)
class Evidence:
    """What the cells of one column show."""

    certain: frozenset[str]
    """The decimal marks of the numbers that can be read in one way only."""
    open: tuple[str, ...]
    """Numbers that can be read in two ways, such as ``4,921``."""
    whole: tuple[str, ...]
    """Numbers without any mark."""

    @property
    def marks(self) -> set[str]:
        """The marks in the numbers that can be read in two ways."""
        return {mark for number in self.open for mark in MARKS if mark in number}


def readings(number: str, exponent: str = "") -> dict[str, str]:
    """Read the digits of one number with each decimal mark with which they can be read.

    >>> readings("4,9583"), readings("20.000.000"), readings("1,2,3")
    ({',': '4.9583'}, {',': '20000000'}, {})
    >>> readings("4,921")
    {'.': '4921', ',': '4.921'}
    """
    found = {}
    for mark, group, plain, grouped in _FORMS:
        if plain.fullmatch(number) or (not exponent and grouped.fullmatch(number)):
            found[mark] = number.replace(group, "").replace(mark, ".")
    return found


def evidence(texts: Sequence[str]) -> Evidence:
    """Collect what the cells of a column show."""
    certain, undecided, whole = set(), [], []
    for text in texts:
        if text.isdigit():
            whole.append(text)
            continue
        for number, exponent in _TOKEN.findall(text):
            found = readings(number, exponent)
            if len(set(found.values())) == 2:
                undecided.append(number)
            elif len(found) == 1:
                certain |= set(found)
            elif found:
                whole.append(number)
    return Evidence(frozenset(certain), tuple(undecided), tuple(whole))


def decide(
    columns: Mapping[str, Sequence[str]], delimiter: str | None = None, decimal: str | None = None
) -> dict[str, str]:
    """Decide which mark each column's decimals have.

    Parameters
    ----------
    columns
        The cells of each column of numbers.
    delimiter
        What separates the columns of the file; None where it is no text.
    decimal
        The user's own word.

    Returns
    -------
    dict
        The mark of each column that could be decided; a column of commas that is no quantity and
        could not be is left out.

    Raises
    ------
    BayescaleError
        A quantity can be read in two ways, or in none with the user's mark; names the column.
    """
    if decimal is not None:
        for name, texts in columns.items():
            _check(name, texts, decimal)
        return dict.fromkeys(columns, decimal)
    shown = {name: evidence(texts) for name, texts in columns.items()}
    meanings = {name: interpret(name) for name in columns}
    own = {name: _own(name, shown[name], meanings[name]) for name in columns}
    chosen = {}
    for name, seen in shown.items():
        others = {mark for other, marks in own.items() if other != name for mark in marks}
        mark = _mark(seen, meanings[name], own[name], others, delimiter)
        if mark:
            chosen[name] = mark
        elif meanings[name] is not None or "." in seen.marks:
            raise _ambiguous(name, seen.open[0])
    return chosen


def rewrite(text: str, mark: str) -> str:
    """Write the numbers of a cell with a decimal point and without groups.

    >>> rewrite("4,921 nats", ","), rewrite("4,921", "."), rewrite("1.234.567", ".")
    ('4.921 nats', '4921', '1234567')
    """
    if mark == "." and "," not in text and text.count(".") < 2:
        return text

    def plain(found: re.Match[str]) -> str:
        known = readings(found[1], found[2] or "")
        return known.get(mark, next(iter(known.values()), found[1])) + (found[2] or "")

    return _TOKEN.sub(plain, text)


def _own(name: str, seen: Evidence, meaning: Meaning | None) -> set[str]:
    """Return the marks that a column shows by itself."""
    if seen.certain:
        if seen.open and (len(seen.certain) > 1 or _leaps(seen)):
            raise _ambiguous(name, seen.open[0])
        return set(seen.certain)
    unit = meaning.loss_unit if meaning and meaning.name in ("loss", "loss_se") else "perplexity"
    if unit != "perplexity" and len(seen.marks) == 1:
        (mark,) = seen.marks
        if all(float(readings(number)[mark]) < _LOSS_BELOW for number in seen.open):
            return {mark}
    return set()


def _mark(
    seen: Evidence, meaning: Meaning | None, own: set[str], others: set[str], delimiter: str | None
) -> str:
    """Return the mark of a column, "" where nothing decides."""
    if not seen.open or own:
        return next(iter(own), ".")
    if len(seen.marks) > 1 or len(others) > 1:
        return ""
    (used,) = seen.marks
    group = MARKS[used == "."]
    count = meaning is not None and meaning.name in ("params", "tokens") and meaning.factor == 1
    clues = set(others)
    if used == "," and delimiter == ";":
        clues.add(",")
    if _written_in_groups(seen, used):
        clues.add(group)
    if not clues and used == "," and count:
        clues.add(".")
    if not clues and used == ".":
        clues.add(".")
    if count and used == "." and clues == {"."} and delimiter == ";":
        return ""
    return clues.pop() if len(clues) == 1 else ""


def _written_in_groups(seen: Evidence, used: str) -> bool:
    """Whether whole numbers stand beside numbers that keep a zero at the end: 20 beside 1,200."""
    short = [number for number in seen.whole if len(number) < 4]
    long = [number for number in seen.whole if len(number) >= 4]
    return bool(short) and not long and any(number.endswith("0") for number in seen.open)


def _leaps(seen: Evidence) -> bool:
    """Whether numbers that could be a thousandth would be far beyond all others of their column."""
    (mark,) = seen.certain
    others = [float(number) for number in seen.whole]
    alien = [number for number in seen.open if mark not in number]
    return bool(alien) and len(alien) < len(seen.open) and not others


def _check(name: str, texts: Sequence[str], decimal: str) -> None:
    """Refuse a number that cannot be read with the user's decimal mark."""
    for text in texts:
        for number, exponent in _TOKEN.findall(text):
            found = readings(number, exponent)
            if found and decimal not in found:
                raise BayescaleError(
                    f"column {name!r}: {text!r} cannot be read with decimal={decimal!r}: "
                    f"correct it, or say decimal={next(iter(found))!r}"
                )


def _ambiguous(name: str, number: str) -> BayescaleError:
    """Say in which two ways a number can be read."""
    found = readings(number)
    return BayescaleError(
        f"column {name!r}: {number!r} can be {found['.']} or {found[',']}, and the table does not "
        "say which: say decimal='.' or decimal=',', or write it without groups"
    )
