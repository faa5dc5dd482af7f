"""Cells of text as people write numbers: ``20 000 000``, ``0.2 × 10⁹``, ``27.6 %``, ``5.0 ± .1``.

A column of numbers is brought to one form before anything else looks at it: a decimal point, no
groups, no signs of per cent or of a unit of loss.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bayescale.data import decimal_marks
from bayescale.data.aliases import interpret
from bayescale.data.missing import MISSING
from bayescale.data.number_format import listed
from bayescale.data.row_messages import cells_of
from bayescale.data.units import LOSS_UNITS, canonical_loss_unit

_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")


_POWER = re.compile(r"(?<![\d.,])10([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")


_GROUPS = re.compile(
    r"(?<![\d.,])[1-9]\d{0,2}([ \u00a0\u2007\u2009\u202f'’])\d{3}(?:\1\d{3})*(?!\d)"
)


_PLUS_MINUS = re.compile(r"\s*(?:±|\+\s?/?\s?-)\s*")


_DIGITS = r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:e[+-]?\d+)?"


_NUMBER = re.compile(
    rf"[~≈]?\s*{_DIGITS}(?:\s*[x×*·]\s*10\^?[+-]?\d+)?\s*%?"
    rf"(?:\s*(?:±|\+\s?/?\s?-)\s*{_DIGITS}\s*%?)?\s*[a-z]?[a-z/ _-]{{0,24}}\.?",
    re.IGNORECASE,
)


_IN_BRACKETS = re.compile(
    r"(?P<value>[+-]?\d+(?P<mark>[.,])(?P<decimals>\d+))"
    r"(?:\((?P<digits>\d{1,2})\)|\s*\((?:±\s*)?(?P<error>\d*[.,]\d+)\))"
)
"""A number with its standard error: of its last digits, or with decimals of its own."""


_LARGEST_ERROR = 0.05
"""Relative standard error up to which a number in brackets is taken for one."""


_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
"""Numbers that need nothing but the decision that they have decimal points."""


_LABELS = {"run", "family", "status", "diverged", "params_convention", "loss_unit"}


@dataclass
class Cleaned:
    """A table whose columns of numbers are written in one form."""

    frame: pd.DataFrame
    """The table; what followed ± in a column is in another one, named with ``_se``."""
    loss_units: dict[str, str] = field(default_factory=dict)
    """The unit of loss that a column's cells are written with."""
    notes: list[str] = field(default_factory=list)
    """What was read in which way."""


def clean_cells(
    frame: pd.DataFrame, delimiter: str | None = None, decimal: str | None = None
) -> Cleaned:
    """Write the columns of numbers in one form.

    Parameters
    ----------
    frame
        The table.
    delimiter
        What separates the columns of its file; None where it is no text.
    decimal
        The user's own word for the mark of decimals, ``.`` or ``,``.

    Raises
    ------
    BayescaleError
        A column's numbers can be read in two ways.
    """
    cleaned = Cleaned(frame)
    texts = {
        name: found
        for name in map(str, frame.columns)
        if (found := _texts(cells_of(frame, name), name)) is not None
    }
    numbers = {n: [t for t in column if t is not None] for n, column in texts.items()}
    marks = decimal_marks.decide(numbers, delimiter, decimal)
    commas = sorted(n for n, mark in marks.items() if mark == "," and _marked(numbers[n]))
    if commas:
        cleaned.notes.append(f"decimals are marked by a comma in {listed(map(repr, commas))}")
    changed: dict[str, object] = {}
    for name, column in texts.items():
        mark = marks.get(name)
        cells = cells_of(frame, name).astype(object).to_list()
        known = [c for c, t in zip(cells, column, strict=True) if t is not None]
        if mark == "." and known == numbers[name] and all(map(_PLAIN.fullmatch, known)):
            continue
        if mark is not None:
            plain = [t if t is None else decimal_marks.rewrite(t, mark) for t in column]
        else:
            plain = column
        plain, errors = _split_errors(plain)
        shares = _per_cent(plain, errors)
        plain = _without_loss_unit(name, plain, cleaned)
        if shares:
            cleaned.notes.append(f"{name!r} is in per cent: {shares}")
        new = [c if t is None else t for c, t in zip(cells, plain, strict=True)]
        if new != cells:
            changed[name] = pd.Series(new, index=frame.index, dtype=object)
        if any(error is not None for error in errors):
            _add_errors(name, errors, changed, cleaned)
    cleaned.frame = frame.assign(**changed) if changed else frame
    return cleaned


def plain_cell(text: str) -> str:
    """Write a cell's minus, powers and groups by spaces plainly.

    >>> plain_cell("20 000 000"), plain_cell("0.2 × 10⁹"), plain_cell("−1")
    ('20000000', '0.2 × 10^9', '-1')
    """
    text = text.strip().lstrip("~≈").replace("\u2212", "-")
    if "\\" in text or "$" in text:
        text = text.strip("$ ").replace("\\pm", "±").replace("\\times", "×")
    text = _POWER.sub(lambda found: "10^" + found[1].translate(_SUPERSCRIPT), text)
    return _GROUPS.sub(lambda found: re.sub(r"\D", "", found[0]), text).strip()


def _texts(cells: pd.Series, name: str) -> list[str | None] | None:
    """Return the cells of a column of numbers, None for those that are no numbers.

    None in place of a list for a column of labels or of plain numbers.
    """
    meaning = interpret(name)
    if pd.api.types.is_numeric_dtype(cells) or (meaning and meaning.name in _LABELS):
        return None
    values = cells.to_list()
    present = [v for v in values if isinstance(v, str) and v.strip().lower() not in MISSING]
    if not any(any(c.isdigit() for c in v[:40]) for v in present):
        return None
    if 2 * sum(map(_has_error, present)) > len(present):
        values = [_written_out(v) if isinstance(v, str) else v for v in values]
    texts: list[str | None] = []
    for value in values:
        if isinstance(value, str) and _PLAIN.fullmatch(value):
            texts.append(value)
            continue
        plain = plain_cell(value) if isinstance(value, str) and len(value) < 100 else ""
        number = bool(plain) and plain.lower() not in MISSING and _NUMBER.fullmatch(plain)
        texts.append(plain if number else None)
    found = sum(text is not None for text in texts)
    return texts if found and 2 * found >= len(present) else None


def _has_error(text: str) -> bool:
    return _written_out(text) != text


def _written_out(text: str) -> str:
    """Write a standard error in brackets behind ±: ``4.962(6)`` and ``4.962 (0.006)``.

    A larger number in brackets may be another result, and stays.
    """
    found = _IN_BRACKETS.fullmatch(text.strip())
    if found is None:
        return text
    value, mark, decimals = found["value"], found["mark"], found["decimals"]
    error = found["error"] or f"0{mark}{found['digits'].zfill(len(decimals))}"
    if len(found["digits"] or "") > len(decimals):
        return text
    sizes = [abs(_float(number.replace(",", "."))) for number in (value, error)]
    return f"{value} ± {error}" if sizes[1] < _LARGEST_ERROR * sizes[0] else text


def _marked(texts: Sequence[str]) -> bool:
    return any("," in text for text in texts)


def _split_errors(texts: list[str | None]) -> tuple[list[str | None], list[str | None]]:
    """Split ``4.96 ± 0.006`` into the number and its error, each with the per cent of both."""
    values: list[str | None] = []
    errors: list[str | None] = []
    for text in texts:
        parts = _PLUS_MINUS.split(text) if text else []
        if text is None or len(parts) != 2 or not all(parts):
            values.append(text)
            errors.append(None)
            continue
        found = re.match(_DIGITS, parts[1], re.IGNORECASE)
        error = found[0] if found else parts[1]
        unit = parts[1][len(error) :].strip()
        value = parts[0] if not unit or parts[0].endswith(unit) else f"{parts[0]} {unit}"
        values.append(value)
        errors.append(error + ("%" if value.endswith("%") else ""))
    return values, errors


def _per_cent(texts: list[str | None], errors: list[str | None]) -> str:
    """Turn per cent into shares, in place; a number without the sign beside them is no number."""
    present = [text for text in texts if text is not None]
    signed = [text for text in present if text.endswith("%")]
    if not signed or 2 * len(signed) < len(present):
        return ""
    for column in (texts, errors):
        for place, text in enumerate(column):
            if text is not None and text.endswith("%"):
                column[place] = _hundredth(text[:-1])
            elif text is not None:
                column[place] = f"{text} (without %)"
    return f"{signed[0]!r} is {_hundredth(signed[0][:-1])}"


def _hundredth(text: str) -> str:
    share = _float(text) / 100
    return f"{text} %" if np.isnan(share) else f"{share:.12g}"


def _float(text: str | None) -> float:
    """Return the number of a text, NaN for none."""
    try:
        return float(text) if text is not None else np.nan
    except ValueError:
        return np.nan


def _without_loss_unit(name: str, texts: list[str | None], cleaned: Cleaned) -> list[str | None]:
    """Drop the unit of loss that most cells are written with, and record it."""
    split = [
        re.fullmatch(rf"({_DIGITS})\s*([a-z][a-z/ _-]*)", t or "", re.IGNORECASE) for t in texts
    ]
    units = [canonical_loss_unit(found[2]) if found else "" for found in split]
    counts = Counter(unit for unit in units if unit in LOSS_UNITS.values())
    if not counts:
        return texts
    unit = counts.most_common(1)[0][0]
    cleaned.loss_units[name] = unit
    return [
        found[1] if found and own == unit else text
        for text, found, own in zip(texts, split, units, strict=True)
    ]


def _add_errors(
    name: str, errors: list[str | None], changed: dict[str, object], cleaned: Cleaned
) -> None:
    """Add the column of what followed ±."""
    beside = f"{name}_se"
    if beside in cleaned.frame:
        cleaned.notes.append(f"what follows ± in {name!r} is left out: there is {beside!r}")
        return
    values = [_float(error) for error in errors]
    changed[beside] = pd.Series(values, index=cleaned.frame.index, dtype=np.float64)
    cleaned.notes.append(
        f"{beside!r} is what follows ± in {name!r}, taken for a standard error: where it is the "
        "deviation of seeds, divide it by the square root of their number"
    )
