"""Quantities that follow from two or three columns: unique tokens x epochs, batch x steps, ..."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.data.aliases import EXACT, Meaning, factor_of
from bayescale.data.columns import Recognition
from bayescale.data.convert import to_numbers
from bayescale.data.expressions import evaluate
from bayescale.data.name_words import split_bracket, words_in, words_of
from bayescale.data.other_columns import expression_name
from bayescale.data.row_messages import cells_of
from bayescale.errors import BayescaleError

_LOSS = {"loss", "val", "eval", "valid", "validation", "test", "final", "mean"}


_ROLES: dict[str, tuple[set[str], set[str]]] = {
    "unique": (
        {"unique tokens", "distinct tokens", "dataset tokens", "tokens per epoch"},
        {"n", "num", "number", "of", "total", "train", "training", "data", "in"},
    ),
    "epochs": ({"epochs", "epoch"}, {"n", "num", "number", "of", "total", "train", "training"}),
    "batch_tokens": (
        {"batch tokens", "tokens per step", "tokens per batch"},
        {"size", "global", "train", "in", "n", "num", "total", "per", "training"},
    ),
    "batch": ({"global batch", "train batch"}, {"size", "in", "sequences", "samples"}),
    "some_batch": (
        {"batch size", "batch", "batchsize", "micro batch", "bsz"},
        {"size", "train", "per", "gpu", "device", "in", "micro", "sequences", "samples"},
    ),
    "samples": (
        {"consumed train samples", "consumed samples", "samples seen", "train samples"},
        {"n", "num", "total", "training", "consumed"},
    ),
    "length": (
        {
            *("seq len", "seq length", "sequence length", "context length", "ctx len"),
            *("context size", "block size", "seqlen", "n ctx", "max seq len"),
        },
        {"max", "train", "training", "model"},
    ),
    "ratio": (
        {
            *("tokens per param", "tokens per params", "tokens per parameter"),
            *("tokens param", "tokens params", "tokens parameter"),
            *("token param ratio", "tokens params ratio"),
        },
        {"train", "training"},
    ),
    "deviation": ({"std", "sd", "stddev", "stdev"}, _LOSS),
    "seeds": (
        {"n seeds", "num seeds", "seed count", "number of seeds", "n replicates", "n runs"},
        set(),
    ),
    "devices": (
        {
            *("gradient accumulation", "grad accum", "accumulation steps", "world size"),
            *("n gpus", "num gpus", "n devices", "num devices"),
        },
        {"steps", "n", "num"},
    ),
}
"""The words that each part of a formula has, and those that do no harm beside them."""


_UNSURE = {"some_batch", "length", "step"}
"""The parts of tokens where the batch may be that of one device."""


_LOG_CALLS = "_step"
"""What W&B calls its own count, which is of steps only where one call logs each."""


@dataclass(frozen=True)
class Formula:
    """How a quantity follows from other columns."""

    name: str
    """The canonical name of the quantity."""
    parts: tuple[str, ...]
    """What is multiplied: roles, or canonical names."""
    text: str
    """The formula in words, with a place for the name of each part."""


FORMULAS = (
    Formula("tokens", ("unique", "epochs"), "{} * {}"),
    Formula("tokens", ("batch_tokens", "step"), "{} * {}"),
    Formula("tokens", ("batch", "length", "step"), "{} * {} * {}"),
    Formula("tokens", ("samples", "length"), "{} * {}"),
    Formula("tokens", ("ratio", "params"), "{} * {}"),
    Formula("loss_se", ("deviation", "seeds"), "{} / sqrt({})"),
)
"""What is derived where a table has no column for it; of tokens the first that is possible."""


@dataclass(frozen=True)
class Derived:
    """What was derived from several columns."""

    formulas: Mapping[str, str]
    """The formula of each derived quantity, by its canonical name."""
    parts: frozenset[str]
    """The columns that it was derived from."""


_AGREE = 0.1
"""Relative difference up to which two ways to the same quantity agree."""


def with_expressions(
    frame: pd.DataFrame, columns: Mapping[str, str | None]
) -> tuple[pd.DataFrame, set[str]]:
    """Compute the columns that a user's mapping gives as expressions: ``unique_tokens * epochs``.

    Returns
    -------
    pandas.DataFrame
        The table with a column for each expression, called as it is written.
    set of str
        Those columns.

    Raises
    ------
    BayescaleError
        An expression cannot be evaluated to numbers.
    """
    known = set(map(str, frame.columns))
    asked = [c for c in columns.values() if isinstance(c, str) and c not in known]
    asked = [column for column in asked if is_expression(column)]
    if not asked:
        return frame, set()
    numbers = pd.DataFrame(
        {name: to_numbers(cells_of(frame, name))[0] for name in sorted(known)}, index=frame.index
    )
    made = {}
    for expression in asked:
        try:
            values = np.broadcast_to(np.asarray(evaluate(numbers, expression), float), len(frame))
        except (BayescaleError, TypeError, ValueError) as error:
            raise BayescaleError(f"columns= says {expression!r}: {error}") from error
        made[expression] = values
    return frame.assign(**made), set(made)


def derive_columns(
    frame: pd.DataFrame, recognition: Recognition, unwanted: set[str]
) -> tuple[pd.DataFrame, Recognition, Derived]:
    """Add the quantities that follow from other columns, where no column is one.

    Parameters
    ----------
    frame
        The table as it was read.
    recognition
        What its columns are.
    unwanted
        Quantities of which the user said that there are none.

    Returns
    -------
    pandas.DataFrame
        The table with them.
    Recognition
        What its columns are now.
    Derived
        What was derived, and from which columns.
    """
    roles = _roles(frame, recognition)
    made: dict[str, tuple[str, np.ndarray]] = {}
    notes = list(recognition.notes)
    parts: set[str] = set()
    for formula in FORMULAS:
        if formula.name in recognition.taken or formula.name in unwanted:
            continue
        if not all(part in roles for part in formula.parts):
            continue
        if "batch" in formula.parts and "devices" in roles:
            notes.append(
                f"tokens are not derived: whether {roles['batch'][0]!r} holds all of "
                f"{roles['devices'][0]!r} is not said; give columns={{'tokens': '...'}}"
            )
            continue
        names = [roles[part][0] for part in formula.parts]
        if _LOG_CALLS in names:
            notes.append(
                f"{_LOG_CALLS!r} of W&B counts calls of log: where each is a step of training, "
                f"give columns={{'tokens': '{formula.text.format(*names)}'}}"
            )
            continue
        values = [_values(frame, *roles[part]) for part in formula.parts]
        text = formula.text.format(*names)
        with np.errstate(all="ignore"):
            joint = values[0] / np.sqrt(values[1]) if "sqrt" in text else np.prod(values, axis=0)
        parts |= set(names)
        if formula.name not in made:
            made[formula.name] = text, joint
        elif not np.allclose(joint, made[formula.name][1], rtol=_AGREE, equal_nan=True):
            notes.append(
                f"{formula.name} is {made[formula.name][0]}, and {text} gives something else: "
                "check which it is"
            )
    if "tokens" not in {*recognition.taken, *unwanted, *made} and roles.keys() >= _UNSURE:
        names = [roles[part][0] for part in ("some_batch", "length", "step")]
        notes.append(
            f"tokens are not derived: if {names[0]!r} is that of all devices, in sequences, give "
            f"columns={{'tokens': '{' * '.join(map(expression_name, names))}'}}"
        )
    taken = dict(recognition.taken)
    columns: dict[str, np.ndarray] = {}
    for name, (text, joint) in made.items():
        columns[text] = joint
        taken[name] = text, Meaning(name, EXACT)
        notes.append(f"{name} = {text}")
    extended = frame.assign(**columns) if columns else frame
    derived = Derived({name: text for name, (text, _) in made.items()}, frozenset(parts))
    return extended, Recognition(taken, tuple(notes)), derived


def _roles(frame: pd.DataFrame, recognition: Recognition) -> dict[str, tuple[str, float]]:
    """Find the column of each role, and what it is counted in; of several, none."""
    used = {column: name for name, (column, _) in recognition.taken.items()}
    found: dict[str, list[tuple[str, float]]] = {}
    for column in map(str, frame.columns):
        if column in used and used[column] in ("step", "params"):
            factor = recognition.taken[used[column]][1].factor
            found.setdefault(used[column], []).append((column, factor))
        elif column not in used and (role := column_role(column)):
            found.setdefault(role, []).append((column, factor_of(column)))
    return {role: several[0] for role, several in found.items() if len(several) == 1}


def column_role(column: str) -> str:
    """Say which part of a formula a column is by its name."""
    words = words_of(column)
    words += [word for word in words_in(split_bracket(column)[1]) if word == "tokens"]
    if len(words) > 1 and factor_of(column) != 1 and words[-1] not in ("tokens", "epochs"):
        words = words[:-1] if factor_of(words[0] + " " + words[-1]) != 1 else words
    for role, (nouns, harmless) in _ROLES.items():
        for noun in nouns:
            parts = noun.split()
            if set(parts) <= set(words) and set(words) - set(parts) <= harmless:
                return role
    return ""


def _values(frame: pd.DataFrame, column: str, factor: float) -> np.ndarray:
    return to_numbers(cells_of(frame, column), "count", factor)[0]


def is_expression(text: str) -> bool:
    """Whether a text that is no column is meant as a formula."""
    if not any(sign in text for sign in "*/+-(") or len(text) > 2_000:
        return False
    try:
        tree = ast.parse(text.replace("`", "_"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "`" in text
    return isinstance(tree.body, ast.BinOp | ast.Call | ast.UnaryOp)
