"""Which column of a table is which quantity."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from bayescale.data.aliases import (
    CONVENTIONS,
    EXACT,
    FALLBACK,
    KINDS,
    RENAMED,
    ROLES,
    Meaning,
    convention,
    interpret,
    interpret_as,
    interpret_letter,
)
from bayescale.data.name_words import words_of
from bayescale.data.number_format import listed
from bayescale.data.other_columns import is_outcome
from bayescale.data.row_messages import cells_of
from bayescale.errors import BayescaleError, closest

_SIZE = re.compile(r"\d+(\.\d+)?\s?[mb]")
"""A model's name that is its size."""


_SLIP = 0.8
"""Share of letters that a name has in common with a quantity's, from which it is a slip of it."""


_KNOWN = (*RENAMED, *ROLES)


_PARAMS = {"params", "param", "parameters", "parameter"}
"""Words of columns beside which a model's name is no more than that."""


@dataclass(frozen=True)
class Recognition:
    """What each column of a table was recognised as."""

    taken: dict[str, tuple[str, Meaning]]
    """The canonical name of each quantity found, its column, and what that column's name says."""
    notes: tuple[str, ...]
    """What a user should know about the choice."""

    def column(self, name: str) -> str | None:
        """Name the column that is this quantity, if there is one."""
        found = self.taken.get(name)
        return found[0] if found else None


def recognise(
    frame: pd.DataFrame,
    columns: Mapping[str, str | None] | None = None,
    computed: Collection[str] = (),
) -> Recognition:
    """Decide which column of a table is which quantity.

    Parameters
    ----------
    frame
        The table as it was read.
    columns
        The user's own word, by canonical name, or by any other name that a law may read
        (``accuracy``); None for "there is no such column".
    computed
        Columns that were computed from others, whose names say no unit.

    Raises
    ------
    BayescaleError
        Two columns could be the same quantity, or `columns` names something unknown.
    """
    chosen = _check_chosen(columns or {}, [str(name) for name in frame.columns])
    candidates = _candidates(frame, chosen)
    taken = {
        name: (
            column,
            interpret_as(name, column)
            if name in _KNOWN and column not in computed
            else Meaning(name, EXACT),
        )
        for name, column in chosen.items()
        if column
    }
    notes = []
    for name, found in candidates.items():
        best = min(meaning.rank for _, meaning in found)
        leading = [(column, meaning) for column, meaning in found if meaning.rank == best]
        if name == "params":
            leading = _total(leading)
        if len(leading) > 1 and name in KINDS:
            raise _ambiguous(name, [column for column, _ in leading])
        taken[name] = leading[0]
        notes += _passed_over(name, leading[0][0], found)
    notes += _held_out(taken, [str(name) for name in frame.columns])
    return Recognition(_total_beside(taken, candidates), tuple(notes))


def _candidates(
    frame: pd.DataFrame, chosen: Mapping[str, str | None]
) -> dict[str, list[tuple[str, Meaning]]]:
    """All columns that could be each quantity the user did not decide on."""
    used = set(chosen.values())
    free = [str(name) for name in frame.columns if str(name) not in used]
    found = [(column, meaning_of(cells_of(frame, column), column)) for column in free]
    if any(_PARAMS & set(words_of(str(column))) for column in frame.columns):
        found = [(c, None if _names_model(c) else meaning) for c, meaning in found]
    if not any(meaning and meaning.name in ("params", "tokens", "flops") for _, meaning in found):
        found = [(column, meaning or interpret_letter(column)) for column, meaning in found]
    candidates: dict[str, list[tuple[str, Meaning]]] = {}
    for column, meaning in found:
        if meaning and meaning.name not in chosen:
            candidates.setdefault(meaning.name, []).append((column, meaning))
    return candidates


def meaning_of(values: pd.Series, column: str) -> Meaning | None:
    """Say what a column is by its name, else by its cells.

    A "parameter count" that holds words says how parameters were counted.
    """
    meaning = interpret(column)
    if (
        meaning
        and meaning.name == "params"
        and meaning.rank > EXACT
        and values.dtype.kind in "OTUS"
    ):
        words = {str(value) for value in values.dropna()}
        if words and not any(character.isdigit() for word in words for character in word):
            return Meaning("params_convention")
    return meaning or _interpret_cells(values, column)


def _interpret_cells(values: pd.Series, column: str) -> Meaning | None:
    """Read the noun that nearly all cells end with (``0.2B tokens``), or models called by sizes."""
    texts = (
        [str(value).strip().lower() for value in values.dropna()]
        if values.dtype.kind in "OTU"
        else []
    )
    for name, endings in (("tokens", ("tokens", "token")), ("params", ("params", "parameters"))):
        ends = [text.endswith(endings) and text[0].isdigit() for text in texts]
        if ends and sum(ends) > 0.8 * len(ends):
            return Meaning(name, FALLBACK)
    if texts and _names_model(column) and all(map(_SIZE.fullmatch, texts)):
        return Meaning("params", FALLBACK)
    return None


def _names_model(column: str) -> bool:
    words = words_of(column)
    return words[-1:] == ["model"] and _PARAMS.isdisjoint(words)


def _total(found: list[tuple[str, Meaning]]) -> list[tuple[str, Meaning]]:
    """Beside counts without the embedding, the other count is the total."""
    others = [one for one in found if one[1].convention != "non-embedding"]
    if len(found) > len(others) == 1 and others[0][1].convention in ("", "total"):
        return [(others[0][0], replace(others[0][1], convention="total"))]
    return found


def _check_chosen(columns: Mapping[str, str | None], known: list[str]) -> dict[str, str | None]:
    """Check the user's own mapping against the names there are."""
    for name, column in columns.items():
        if name not in _KNOWN:
            _check_new(name, column)
        if column is not None and column not in known:
            raise BayescaleError(
                f"columns= says {name!r} is {column!r}, but there is no such column"
                f"{closest(column, known)}; the table has {listed(known)}"
            )
    given = [column for column in columns.values() if column is not None]
    twice = next((column for column in given if given.count(column) > 1), None)
    if twice is not None:
        raise BayescaleError(
            f"columns= names the column {twice!r} for two quantities; name it once"
        )
    return dict(columns)


def _check_new(name: str, column: str | None) -> None:
    """Refuse a name that no law can read, or that is a slip of a quantity's."""
    meant = interpret(name)
    slip = f" (did you mean {meant.name!r}?)" if meant else closest(name, _KNOWN, _SLIP)
    if slip or not name.strip():
        raise BayescaleError(
            f"columns= maps {name!r}, which is no quantity that is read{slip}; known are "
            f"{', '.join(_KNOWN)}, and what a law reads besides, such as accuracy"
        )
    if column is None:
        raise BayescaleError(
            f"columns= says that no column is {name!r}, which is never taken by itself: leave it "
            f"out; only {', '.join(_KNOWN)} can be absent"
        )


def _total_beside(
    taken: dict[str, tuple[str, Meaning]], candidates: Mapping[str, list[tuple[str, Meaning]]]
) -> dict[str, tuple[str, Meaning]]:
    """`params` beside a count named non-embedding is the total."""
    if "params" in taken and "params" in candidates:
        column, meaning = taken["params"]
        others = {other.convention for _, other in candidates["params"]}
        if not meaning.convention and others - {""} == {"non-embedding"}:
            return taken | {"params": (column, replace(meaning, convention="total"))}
    return taken


def _passed_over(name: str, column: str, found: list[tuple[str, Meaning]]) -> list[str]:
    """Note the columns that could have been this quantity, but for a better one."""
    others = [other for other, meaning in found if other != column and meaning.rank < FALLBACK]
    if not others or name not in KINDS:
        return []
    return [f"{name} is {column!r}; {listed(map(repr, others))} could be it too, and is only kept"]


def _held_out(taken: Mapping[str, tuple[str, Meaning]], names: list[str]) -> list[str]:
    """Note the losses of evaluations that stand beside a training loss that is taken."""
    column, meaning = taken.get("loss", ("", Meaning("loss", EXACT)))
    if meaning.rank <= FALLBACK:
        return []
    others = [n for n in names if n != column and is_outcome(n) and "train" not in words_of(n)]
    held = [n for n in others if set(words_of(n)) & {"eval", "val", "validation", "valid", "test"}]
    if not held:
        return []
    return [
        f"loss is the training loss {column!r}; {listed(map(repr, held), limit=4)} of evaluations "
        f"are there: columns={{'loss': {held[0]!r}}} fits the first"
    ]


def _ambiguous(name: str, columns: list[str]) -> BayescaleError:
    """Two columns could be one quantity."""
    return BayescaleError(
        f"{' and '.join(map(repr, columns))} could both be {name}: say which one, "
        f"as in columns={{{name!r}: {columns[0]!r}}}, or rename it to {name!r}"
    )


def named_convention(values: pd.Series, column: str) -> tuple[str, str]:
    """Read which parameters are counted from a column that says so, row by row.

    Parameters
    ----------
    values
        The column, of the rows that are used.
    column
        Its name, for the message.

    Returns
    -------
    tuple of str
        The convention, and a note where the column's own word is no known one.

    Raises
    ------
    BayescaleError
        The rows count parameters in several ways.
    """
    words = list(dict.fromkeys(str(value) for value in values.dropna()))
    known = {convention(word) if convention(word) != "unknown" else word for word in words}
    if len(known) > 1:
        raise BayescaleError(
            f"the column {column!r} mixes ways to count parameters ({listed(words)}), which one "
            f"law cannot fit together: keep one, as in where='{column} == \"{words[0]}\"'"
        )
    found = known.pop() if known else "unknown"
    if found in CONVENTIONS:
        return found, ""
    return "unknown", f"the column {column!r} calls the parameter count {found!r}"
