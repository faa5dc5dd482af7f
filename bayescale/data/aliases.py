"""What the name of a column says: which quantity, in what unit, by which convention.

Names are read as words, so that ``n_params``, ``Num Params``, ``params.nParams`` and
``params (B)`` are one thing: a column is the quantity whose noun it holds if every other word
is a harmless one (``training tokens`` are tokens; ``tokens per param`` or ``unique tokens`` are
not).
"""

import re
from dataclasses import dataclass, field, replace

from bayescale.data.name_words import split_bracket, unwrap, words_in
from bayescale.data.units import LOSS_UNITS, Kind, canonical_loss_unit, unit_factor
from bayescale.errors import BayescaleError

KINDS: dict[str, Kind] = {
    "params": "count",
    "tokens": "count",
    "flops": "flops",
    "loss": "number",
    "loss_se": "number",
}


RENAMED = (*KINDS, "run", "family", "step")


ROLES = ("status", "diverged", "params_convention", "loss_unit")


CONVENTIONS = ("total", "non-embedding", "active", "unknown")


EXACT, ALIAS, FALLBACK = range(3)


_MACRO = re.compile(r"eval[./](?:.+[./])?macro_(?=loss$|bpb$)", re.IGNORECASE)
"""Averages over the parts of an evaluation, as levanter names them."""


_AGGREGATED = re.compile(r"(.*loss)_(?:epoch|step)", re.IGNORECASE)
"""Losses of an epoch or a step, as Lightning names them."""


_LOGARITHM = re.compile(
    r"(log_?10|lg|ln|log_?2)(?:[\s_-]+|(?=\()|(?<=log10)(?=[ndc]$))(\(?)(.+)", re.IGNORECASE
)


LOGARITHMS = {"log10": 10.0, "lg": 10.0, "ln": 2.718281828459045, "log2": 2.0}
"""The base of each logarithm that a name can say."""


_LOSS_WORDS = (
    "macro eval evaluation val valid validation dev test heldout final last lm mean avg average"
)


_VOCABULARY = {
    "params": (
        "param params parameter parameters nparams numparams paramcount paramscount parametercount "
        "modelsize parametre parametres parameteranzahl",
        "n num number nr no of count counts model trainable anzahl nombre de der",
    ),
    "tokens": (
        "token tokens ntokens numtokens tokensseen tokencount traintokens trainingtokens",
        "n num number nr no of count total train training trained on seen processed consumed data "
        "anzahl nombre de der",
    ),
    "flops": (
        "flop flops flos compute totalflops trainflops trainingflops",
        "n num number of count total train training used 6nd",
    ),
    "loss": (
        "loss crossentropy xent nll bpb bpc bpt valloss evalloss testloss finalloss verlust perte",
        _LOSS_WORDS + " ce nats bits byte per token language de",
    ),
    "loss_se": ("se sem stderr lossse lossstderr", _LOSS_WORDS + " loss crossentropy of"),
}


_WORDS = {name: (set(n.split()), set(w.split())) for name, (n, w) in _VOCABULARY.items()}


_WHOLE: dict[str, tuple[str, int]] = {
    "size": ("params", FALLBACK),
    "flopsbudget": ("flops", FALLBACK),
    "computebudget": ("flops", FALLBACK),
    "numinputtokensseen": ("tokens", ALIAS),
    "runname": ("run", ALIAS),
    "name": ("run", FALLBACK),
    "runid": ("run", FALLBACK + 1),
    "id": ("run", FALLBACK + 2),
    "modelfamily": ("family", ALIAS),
    "globalstep": ("step", ALIAS),
    "trainstep": ("step", ALIAS),
    "trainerglobalstep": ("step", ALIAS),
    "steps": ("step", FALLBACK),
    "numsteps": ("step", FALLBACK),
    "trainsteps": ("step", FALLBACK),
    "trainingsteps": ("step", FALLBACK),
    "iteration": ("step", FALLBACK),
    "iterations": ("step", FALLBACK),
    "iter": ("step", FALLBACK),
    "state": ("status", ALIAS),
    "runstatus": ("status", ALIAS),
    "runstate": ("status", ALIAS),
    "isdiverged": ("diverged", ALIAS),
    "hasdiverged": ("diverged", ALIAS),
    "nconvention": ("params_convention", ALIAS),
    "paramconvention": ("params_convention", ALIAS),
    "paramscounted": ("params_convention", ALIAS),
    "lossunits": ("loss_unit", ALIAS),
    "losskind": ("loss_unit", ALIAS),
}


_LETTERS = {"N": "params", "D": "tokens", "C": "flops", "L": "loss"}


_CONVENTION_WORDS = {
    "nonembedding": "non-embedding",
    "active": "active",
    "activated": "active",
    "total": "total",
}


@dataclass(frozen=True)
class Meaning:
    """What the name, or alias, of one column says."""

    name: str
    """The canonical name."""
    rank: int = ALIAS
    """How sure: `EXACT`, `ALIAS`, or `FALLBACK` and worse (taken where nothing better is)."""
    factor: float = 1.0
    """What a number in the column is counted in."""
    unit: str = ""
    """That unit as the name spells it."""
    convention: str = field(default="", repr=False)
    """Which parameters are counted, where the name says so."""
    loss_unit: str = field(default="", repr=False)
    """The unit of the loss, where the name says so."""
    logarithm: str = field(default="", repr=False)
    """Which logarithm of the quantity it is: log10, lg, ln or log2."""


def interpret(name: str) -> Meaning | None:
    """Say what a column is by its name or alias, None where it is none that is known.

    Examples
    --------
    >>> interpret("tokens (B)")
    Meaning(name='tokens', rank=1, factor=1000000000.0, unit='B')
    >>> interpret("tokens_per_param") is None
    True
    """
    text = name.strip()
    if text in RENAMED or text in ROLES:
        return Meaning(text, EXACT)
    text = unwrap(text)
    if found := _LOGARITHM.fullmatch(text):
        inner = interpret(found[3].removesuffix(")") if found[2] else found[3])
        if inner is None or inner.name not in KINDS or inner.logarithm:
            return None
        return replace(inner, rank=FALLBACK, logarithm=found[1].lower().replace("_", ""))
    if found := _MACRO.match(text):
        inner = interpret(text[found.end() :])
        return inner and replace(inner, rank=FALLBACK)
    if found := _AGGREGATED.fullmatch(text):
        inner = interpret(found[1])
        return inner and replace(inner, rank=max(inner.rank, FALLBACK))
    text, bracket = split_bracket(text)
    if not bracket and text[:2] in ("N_", "D_") and text[2:] in ("M", "B"):
        text, bracket = text[0], text[2]
    if text in _LETTERS:
        return _with_unit(Meaning(_LETTERS[text]), bracket)
    words = words_in(text)
    whole = _WHOLE.get("".join(words))
    if whole is not None:
        return _with_unit(Meaning(*whole), bracket)
    if "_".join(words) in (*RENAMED, *ROLES):
        return _with_unit(Meaning("_".join(words)), bracket)
    return _interpret_words(words, bracket) or _interpret_words(words + words_in(bracket), "")


def interpret_as(name: str, column: str) -> Meaning:
    """Say what the name of a column adds to the user's word that it is a quantity: its unit.

    Raises
    ------
    BayescaleError
        The name says that it is something else: a rate, or hours.

    Examples
    --------
    >>> interpret_as("flops", "job/gflops_used").factor
    1000000000.0
    """
    meaning = interpret(column)
    if meaning and meaning.name == name:
        return meaning
    if name not in ("params", "tokens", "flops"):
        return Meaning(name, EXACT)
    if found := _LOGARITHM.fullmatch(unwrap(column.strip())):
        inner = interpret_as(name, found[3])
        return replace(inner, logarithm=found[1].lower().replace("_", ""))
    text, bracket = split_bracket(unwrap(column.strip()))
    words = words_in(text)
    rate = {"per", "second", "sec", "seconds", "rate"} & {*words, *words_in(bracket)}
    if {"hours", "hour", "hrs"} & {*words, *words_in(bracket)} or (name == "flops" and rate):
        what = "a rate" if rate else "hours"
        raise BayescaleError(
            f"columns= says {name!r} is {column!r}, which by its name is {what}: derive {name} "
            f"from it, as in columns={{{name!r}: '`{column}` * 3600 * 4e14'}} for hours at "
            "400 TFLOP/s"
        )
    units = [bracket] if bracket else [unit for _, unit in _units_in(words, KINDS[name])]
    for unit in units:
        factor = unit_factor(_scale(unit), KINDS[name])
        clear = bracket or len(unit) > 1 or (unit in "mb" and words[-1] == unit)
        if factor is not None and clear:
            return Meaning(name, EXACT, factor, unit)
    return Meaning(name, EXACT)


_COUNTED = re.compile(r"\s*\b(tokens?|toks?)$", re.IGNORECASE)
"""What a unit may say that it counts: ``(M tokens)``."""


def factor_of(name: str) -> float:
    """Return what a count in a column is counted in by its name: 1e9 for ``unique tokens (B)``."""
    text, bracket = split_bracket(unwrap(name.strip()))
    words = words_in(text)
    factors = [unit_factor(_COUNTED.sub("", _scale(bracket)))] if bracket else []
    factors += [unit_factor(words[-1])] if len(words) > 1 else []
    return next((factor for factor in factors if factor is not None), 1.0)


def interpret_letter(name: str) -> Meaning | None:
    """Read ``n``, ``d``, ``c`` and ``l`` as the literature's N, D, C and L."""
    letter = unwrap(name.strip())
    if len(letter) == 1 and letter.upper() in _LETTERS:
        return Meaning(_LETTERS[letter.upper()], FALLBACK)
    return None


def convention(text: str) -> str:
    """The convention a word such as ``kaplan`` or ``Non-Embedding`` names, or ``unknown``."""
    words = words_in(text)
    named = [_CONVENTION_WORDS[word] for word in words if word in _CONVENTION_WORDS]
    return named[0] if named else "non-embedding" if words == ["kaplan"] else "unknown"


def _interpret_words(words: list[str], bracket: str) -> Meaning | None:
    """Try each quantity, with and without a unit among the words."""
    plain = (_match(name, words) for name in KINDS)
    meaning = next((found for found in plain if found is not None), None)
    if meaning is not None:
        return _with_unit(meaning, bracket)
    for name in ("params", "tokens", "flops"):
        for rest, unit in _units_in(words, KINDS[name]):
            found = _match(name, rest)
            if found is not None and not bracket:
                return _with_unit(found, unit)
    return None


def _match(name: str, words: list[str]) -> Meaning | None:
    """Decide whether the words name this quantity, and what else they say of it."""
    nouns, harmless = _WORDS[name]
    rank, kind, unit = ALIAS, "", ""
    if name == "params":
        kind = next((_CONVENTION_WORDS[word] for word in words if word in _CONVENTION_WORDS), "")
        words = [word for word in words if word not in _CONVENTION_WORDS]
        nouns = nouns | {"n"} if kind == "non-embedding" else nouns
    if name == "loss":
        train = {"train", "training"} & set(words)
        perplexity = {"ppl", "perplexity"} & set(words)
        rank = FALLBACK + bool(train) if train or perplexity else ALIAS
        nouns, harmless = nouns | perplexity | ({"ce"} & set(words)), harmless | train
        unit = next((LOSS_UNITS[word] for word in words if word in LOSS_UNITS), "")
    if not nouns & set(words) or not set(words) <= nouns | harmless:
        return None
    return Meaning(name, rank, convention=kind, loss_unit=unit)


def _with_unit(meaning: Meaning, unit: str) -> Meaning | None:
    """Add the unit that the name gives; a unit of another kind means another quantity."""
    if not unit:
        return meaning
    name, rank, kind = meaning.name, meaning.rank, meaning.convention
    if name == "loss":
        read = canonical_loss_unit(unit)
        known = read in LOSS_UNITS.values()
        return Meaning(name, rank, loss_unit=read if known else meaning.loss_unit)
    if name == "params" and convention(unit) != "unknown":
        return Meaning(name, rank, convention=convention(unit))
    if name == "step":
        counted = unit_factor(_scale(unit))
        return replace(meaning, factor=counted, unit=unit) if counted else meaning
    if name not in ("params", "tokens", "flops"):
        return meaning
    factor = unit_factor(_scale(unit), KINDS[name])
    if factor is None:
        return None
    return Meaning(name, rank, factor, unit, kind)


def _scale(unit: str) -> str:
    """Leave out what stands around a unit in brackets: ``in millions``, ``x 10^9``, ``Mio.``."""
    return re.sub(r"^(in\s+|[x×*]\s*(?=\d)|[x×]\s+)", "", unit).rstrip(".")


def _units_in(words: list[str], kind: Kind) -> list[tuple[list[str], str]]:
    """Every way to read the first or last words as a unit: the other words, and the unit."""
    ways = []
    for size in (3, 2, 1):
        for unit, rest in ((words[-size:], words[:-size]), (words[:size], words[size:])):
            text = " ".join(unit)
            if len(unit) == size and unit_factor(text, kind) is not None:
                rest = [word for word in rest if word != "in"]
                alone = kind == "flops" and not rest and unit_factor(text, "count") is None
                ways.append((["flops"] if alone else rest, text))
    for place, word in enumerate(words):
        if kind == "flops" and len(word) > 5 and unit_factor(word, kind) is not None:
            ways.append(([*words[:place], "flops", *words[place + 1 :]], word))
    return ways
