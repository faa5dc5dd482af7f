"""Columns of one name in a table, and tables of too many columns."""

from collections import Counter
from collections.abc import Iterable, Sequence

from bayescale.data import limits
from bayescale.data.aliases import interpret
from bayescale.data.number_format import listed
from bayescale.errors import BayescaleError


def refuse_columns(names: Iterable[str], where: str) -> None:
    """Refuse a table of too many columns, or in which two columns have one name."""
    distinct_names(list(names), where)


def distinct_names(
    names: Sequence[str], where: str, rows: Sequence[Sequence[str]] | None = None
) -> tuple[list[str], list[str]]:
    """Tell columns of one name apart, where none of them is a quantity.

    Parameters
    ----------
    names
        The names of the columns.
    where
        What has them, for messages.
    rows
        The cells, where columns of one name may be told apart; a column that repeats another
        cell for cell is a copy.

    Returns
    -------
    list of str
        The names, with numbers where several columns have one.
    list of str
        A note where there are such columns.

    Raises
    ------
    BayescaleError
        There are too many columns, or several of one quantity.
    """
    times = Counter(names)
    if len(names) > limits.MAX_COLUMNS:
        raise BayescaleError(
            f"{where} has {len(names):,} columns, and the limit is {limits.MAX_COLUMNS:,}: keep "
            "those that are needed"
        )
    twice = sorted(name for name, count in times.items() if count > 1)
    if not twice:
        return list(names), []
    used = [name for name in twice if interpret(name) and not _copies(name, names, rows)]
    if rows is None or used:
        raise BayescaleError(
            f"{where} has several columns named {listed(map(repr, used or twice))}: rename all "
            "but one"
        )
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        copy = times[name] > 1 and (seen[name] > 1 or interpret(name) is None)
        distinct.append(_free(f"{name} ({seen[name]})", times) if copy else name)
    note = f"several columns are named {listed(map(repr, twice))}: they are numbered"
    return distinct, [note]


def _free(name: str, taken: Counter[str]) -> str:
    while name in taken:
        name += "'"
    taken[name] += 1
    return name


def _copies(name: str, names: Sequence[str], rows: Sequence[Sequence[str]] | None) -> bool:
    """Whether the columns of one name hold the same cells."""
    places = [place for place, other in enumerate(names) if other == name]
    return rows is not None and all(len({row[p].strip() for p in places}) == 1 for row in rows)
