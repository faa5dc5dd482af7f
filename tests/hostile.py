"""Hostile input for the fuzz tests: cells, tables, files, options; and what may come of it.

What may come of any input is an answer or a `BayescaleError`, within ten seconds of processor time.
"""

import json
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import bayescale as bs

SECONDS = 10
TALLY: dict[str, Counter[str]] = {}
"""What came of the cases of each kind: answered or refused; anything else fails its test."""

_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def register_profiles() -> None:
    """Make the profiles: ``ci``, few cases and always the same, and ``fuzz``, many and others."""
    settings.register_profile("ci", derandomize=True, **_COMMON)
    settings.register_profile("fuzz", **_COMMON)
    settings.load_profile("ci")


def cases(few: int, many: int) -> settings:
    """Return how many cases a test draws: few in the profile ``ci``, many in ``fuzz``."""
    return settings(max_examples=many if settings.get_current_profile_name() == "fuzz" else few)


class Hang(BaseException):
    """Something takes too long; no library catches it."""


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `Hang` where the processor is busy for longer, or twelve times that has passed."""

    def stop(*_: object) -> None:
        raise Hang(f"more than {seconds:g} s")

    clocks = {signal.ITIMER_PROF: signal.SIGPROF, signal.ITIMER_REAL: signal.SIGALRM}
    before = {name: signal.signal(name, stop) for name in clocks.values()}
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 12 * seconds)
    try:
        yield
    finally:
        for clock in clocks:
            signal.setitimer(clock, 0)
        for name, handler in before.items():
            signal.signal(name, handler)


def answer(kind: str, ask: Callable[[], Any]) -> Any:
    """Return what a call answers, or None where it refuses in words; count which."""
    tally = TALLY.setdefault(kind, Counter())
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        try:
            found = ask()
        except bs.BayescaleError as error:
            assert str(error).strip()
            tally["refused"] += 1
            return None
    tally["answered"] += 1
    return found


# --- Texts and numbers ---------------------------------------------------------------------------

ODD_TEXTS = [
    *("", " ", "\t", "\0", "\n", "a\nb", "\r", "\ufeff", "\u202e7B", "\U0001f4a5", "\ud800", "é"),
    *("nan", "NaN", "-nan", "inf", "-inf", "Infinity", "null", "None", "NA", "#N/A", "<NA>", "-"),
    *("0", "-0.0", "1e308", "1e309", "-1e308", "1e-308", "1e400", "9" * 400, "1" + "0" * 400),
    *("1e999999999", "0x10", "0b1", "1_0", "1,0", "1,000,000", "1.2.3", "1e", "e5", "+-1", "--5"),
    *("٣", "１２", "²", "½", "Ⅳ", "7B", "7 b", "1.4T tokens", "1 PF-day", "10^24", "3x10^21"),
    *("10^400", "1 PF-s", "1e21 FLOP/s", "7" + "B" * 50, "∞", "−1", "true", "FALSE", "1j"),
    *("<script>alert(1)</script>", "[bold]x[/bold]", "[/x]", "{{ 7*7 }}", "${x}", "%s%n", "`x`"),
    *("'", '"', '"a', "\\", ";", "|", "a,b", "=1+1", "@x", "x" * 5000, "../../x", "~", "~nobody/x"),
    *(
        "__import__('os')",
        "2024-01-01",
        "1d",
        "007",
        ".",
        "..",
        "/",
        "#",
        "--",
        "-1",
        "a=b",
        "=",
        ":",
    ),
]

texts = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(max_size=12),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Nd", "No", "Zs", "Lu"]), max_size=6),
)

ODD_NUMBERS = [
    *(0, -0.0, 1, -1, 1e308, -1e308, 1e-308, 5e-324, np.inf, -np.inf, np.nan, 10**400, -(10**400)),
    *(2**63, 2**64, -(2**63) - 1, 1e45, 1.1e45, 0.5, 1e9, 2e10, 3.1, True, False),
]

numbers = st.one_of(st.sampled_from(ODD_NUMBERS), st.floats(), st.integers())

nested = st.recursive(
    st.none() | numbers | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=5,
)


# --- Tables --------------------------------------------------------------------------------------

NAMES = [
    *("params", "N", "n_params", "tokens", "D", "tokens (B)", "flops", "compute_pf_days", "C"),
    *("loss", "val_loss", "metrics.eval_loss", "loss_se", "run", "family", "step", "status"),
    *("diverged", "params_convention", "loss_unit", "ppl", "bpb", "original_loss", "line", "row"),
]

SOUND = {"params": 1e8, "tokens": 1e10, "loss": 0.5}


@st.composite
def columns(draw: st.DrawFn, cells: st.SearchStrategy[Any]) -> list[tuple[str, list[Any]]]:
    """Draw a table as its columns: sound ones, some of whose cells are odd, and odd ones beside."""
    rows = draw(st.integers(0, 9) | st.just(3))
    found = [(name, [value * (i + 1) for i in range(rows)]) for name, value in SOUND.items()]
    kind = draw(st.integers(0, 3))
    if kind == 1 and rows:
        draw(st.sampled_from(found))[1][draw(st.integers(0, rows - 1))] = draw(cells)
    elif kind == 2:
        found = found[: draw(st.integers(0, 2))]
    names = draw(st.lists(st.sampled_from(NAMES) if kind == 3 else texts, max_size=3))
    for name in names if kind else [f"{name} {place}" for place, name in enumerate(names)]:
        some = st.lists(cells, min_size=rows, max_size=rows)
        found.append((name, draw(st.one_of(some, cells.map(lambda cell: [cell] * rows)))))
    return draw(st.permutations(found))


@st.composite
def delimited(draw: st.DrawFn) -> str:
    """Draw the text of a CSV, TSV or the like: quoted, half quoted or not at all."""
    table = draw(columns(texts | numbers))
    separator = draw(st.sampled_from([",", ",", ";", "\t", "|", ", ", ",,"]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\u2028"]))
    quote = draw(st.sampled_from([_in_quotes, _in_quotes, _in_quotes, str, repr]))
    long = st.text("9", min_size=4000, max_size=6000)
    lines = [[name for name, _ in table]]
    lines += [list(row) for row in zip(*(cells for _, cells in table), strict=True)]
    if draw(st.integers(0, 9)) == 0:
        draw(st.sampled_from(lines)).append(draw(texts | long))
    return newline.join(separator.join(map(_quoted(quote), line)) for line in lines)


def _in_quotes(cell: Any) -> str:
    return '"' + str(cell).replace('"', '""') + '"'


def _quoted(quote: Callable[[Any], str]) -> Callable[[Any], str]:
    def written(cell: Any) -> str:
        try:
            return quote(cell)
        except ValueError:  # Python writes no whole number of more than 4,300 digits
            return "9" * 5000

    return written


@st.composite
def json_texts(draw: st.DrawFn, lines: bool) -> str:
    """Draw a JSON list of objects, or one object a line, NaN and nested values among them."""
    table = draw(columns(nested))
    rows = zip(*(cells for _, cells in table), strict=True)
    records: list[Any] = [dict(zip((n for n, _ in table), row, strict=True)) for row in rows]
    if draw(st.integers(0, 9)) == 0:
        records.append(draw(nested))
    ascii_only = draw(st.booleans())
    if lines:
        return "\n".join(json.dumps(record, ensure_ascii=ascii_only) for record in records)
    whole: Any = records if draw(st.integers(0, 19)) else draw(nested)
    return json.dumps(whole, ensure_ascii=ascii_only)


@st.composite
def spliced(draw: st.DrawFn, whole: st.SearchStrategy[str]) -> str:
    """Draw a text of which a piece may be cut out, doubled, or replaced."""
    text = draw(whole)
    if not text or draw(st.integers(0, 3)):
        return text
    start = draw(st.integers(0, len(text) - 1))
    end = start + draw(st.integers(0, 20))
    piece = draw(st.one_of(st.just(""), st.just(2 * text[start:end]), texts))
    return text[:start] + piece + text[end:]


ENCODINGS = [*["utf-8"] * 12, "utf-8-sig", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037"]


@st.composite
def encoded(draw: st.DrawFn, whole: st.SearchStrategy[str]) -> bytes:
    """Draw a text as bytes: mostly UTF-8, lone surrogates as they come."""
    text, encoding = draw(spliced(whole)), draw(st.sampled_from(ENCODINGS))
    by = "surrogatepass" if encoding.startswith("utf") else "replace"
    return text.encode(encoding, by)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a DataFrame: cells of any type, doubled columns, odd names and indexes."""
    odd: st.SearchStrategy[Any] = st.one_of(
        texts, numbers, nested,
        st.sampled_from([pd.NA, pd.NaT, None, pd.Timestamp(0), (1, 2), b"7B", 1j, object, {1}]),
        st.sampled_from([np.float32(1), np.int8(3), np.array([1, 2]), np.bool_(True), range(3)]),
    )  # fmt: skip
    table = draw(columns(odd))
    keys = [draw(st.sampled_from([n] * 20 + [0, None, 1.5, ("a", "b")])) for n, _ in table]
    frame = pd.DataFrame({place: pd.Series(c, dtype=object) for place, (_, c) in enumerate(table)})
    if draw(st.booleans()):
        with suppress(UnicodeEncodeError):
            frame = frame.infer_objects()
    if len(keys) and draw(st.integers(0, 9)):
        frame.columns = pd.Index(keys, dtype=object)
    for place in range(len(table)):
        if draw(st.integers(0, 5)) == 0:
            kind = draw(st.sampled_from(["category", "string", "float32", "Int64", "str"]))
            with suppress(Exception):  # what a column cannot be, it is not
                frame.isetitem(place, frame.iloc[:, place].astype(kind))
    if len(frame) and draw(st.integers(0, 3)) == 0:
        labels = st.lists(texts, min_size=len(frame), max_size=len(frame))
        frame.index = pd.Index(draw(labels), dtype=object)
        frame.index.name = draw(st.sampled_from([None, "params", "loss", "line", 3]))
    return frame


# --- TOML ----------------------------------------------------------------------------------------


def mutated(tree: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a tree of dicts and lists in which a few places are changed, taken out, or added."""

    @st.composite
    def changed(draw: st.DrawFn) -> Any:
        found = json.loads(json.dumps(tree))
        for _ in range(draw(st.integers(1, 3))):
            inside, keys = found, _keys(found)
            while keys:
                key = draw(st.sampled_from(keys))
                below = _keys(inside[key])
                if not below or draw(st.integers(0, 3)) == 0:
                    break
                inside, keys = inside[key], below
            _change(draw, inside, key if keys else None, values)
        return found

    return changed()


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(
        value, list
    ) else []  # fmt: skip


def _change(draw: st.DrawFn, inside: Any, key: Any, values: st.SearchStrategy[Any]) -> None:
    how = draw(st.sampled_from(["other", "other", "other", "gone", "more"]))
    if key is not None and how == "other":
        inside[key] = draw(values)
    elif key is not None and how == "gone":
        del inside[key]
    elif isinstance(inside, dict):
        inside[draw(texts)] = draw(values)
    else:
        inside.append(draw(values))


def toml(value: Any) -> str:
    """Write a value as TOML, in one line; what TOML has not becomes text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}" if abs(value) < 10**4000 else "1" + "0" * 5000
    if isinstance(value, float):
        return repr(float(value))
    text = str(value).encode(errors="replace").decode()
    return json.dumps(text).replace("\x7f", "\\u007f")


def toml_file(tree: dict[str, Any]) -> str:
    """Write a tree as a TOML file."""
    return "\n".join(f"{toml(str(key))} = {toml(value)}" for key, value in tree.items())
