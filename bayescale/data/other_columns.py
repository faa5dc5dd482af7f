"""Columns that are no quantity: flags, outcomes, hyperparameters, and what they could be for."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np
import pandas as pd

from bayescale.data.aliases import RENAMED, interpret
from bayescale.data.name_words import words_of
from bayescale.data.number_format import listed

_OTHERWISE = (
    "log ln lg unique distinct per ratio std sd se sem stderr stdev seed seeds batch step steps "
    "embedding vocabulary hours hour rate second sec embeddings epoch epochs"
)


_NOT_A_COUNT = set(_OTHERWISE.split())
"""Words that make a column with a quantity's noun something else."""


MELTED = "value"
"""The column of what a wide table holds, where its names do not say."""


_HOURS = {"hours", "hour", "hrs", "gpuh"}


_DEVIATIONS = {"std", "sd", "stddev", "stdev", "deviation"}


_EXTREMES = {"ci", "ci95", "ci90", "lower", "upper", "low", "high"}


_OUTCOME_WORDS = (
    "loss losses crossentropy xent nll bpb bpc bpt ppl perplexity err error errors acc accuracy "
    "score scores elo bleu rouge auroc brier reward stderr se sem ci ci95 ci90 "
    "lower upper"
)


_SCORES = {"acc", "accuracy", "score", "scores"}


_HYPERPARAMETERS = {
    "learning rate": "lr lrs learningrate learning rate",
    "batch size": "bs gbs batch batchsize bsz",
}


_HARMLESS_WORDS = (
    "peak max base global train training total size tokens seqs sequences samples in of the"
)


_SETTING_WORDS = "coef coefficient weight factor scale alpha lambda"


_FINAL = re.compile(
    r"(is|at)?_?(final|last|end)(_?(step|row|checkpoint|ckpt))?|cooldown_end", re.IGNORECASE
)


def is_final_flag(name: str) -> bool:
    """Whether a column says by its name which rows are finished runs.

    Examples
    --------
    >>> is_final_flag("Is Final"), is_final_flag("cooldown_end"), is_final_flag("final_loss")
    (True, True, False)
    """
    return _FINAL.fullmatch(re.sub(r"[\s.-]+", "_", name.strip())) is not None


def truth_of(flags: pd.Series) -> np.ndarray:
    """Read a column of flags, written as true, 1 or yes."""
    texts = flags.astype("string").str.strip().str.lower()
    return texts.isin(["true", "1", "1.0", "yes"]).to_numpy(bool)


def is_outcome(name: str) -> bool:
    """Whether a column is by its name found after training, as a loss, error or bound is.

    Examples
    --------
    >>> is_outcome("loss_c4_en"), is_outcome("err_boolq"), is_outcome("z_loss_weight")
    (True, True, False)
    """
    words = set(words_of(name))
    return not words.isdisjoint(_OUTCOME_WORDS.split()) and words.isdisjoint(_SETTING_WORDS.split())


def hyperparameter_kind(name: str) -> str:
    """Return ``learning rate`` or ``batch size`` where a column's name says that, else "".

    Examples
    --------
    >>> [hyperparameter_kind(name) for name in ("peak_lr", "batch_size_seqs", "min_lr")]
    ['learning rate', 'batch size', '']
    """
    words = set(words_of(name))
    for kind, nouns in _HYPERPARAMETERS.items():
        known = set(nouns.split())
        if not words.isdisjoint(known) and words <= known | set(_HARMLESS_WORDS.split()):
            return kind
    return ""


_PER_CENT = re.compile(r"%|\b(percent|per cent|pct)\b", re.IGNORECASE)
"""How a name says that a score is in per cent."""


def column_use(name: str, largest: float = np.inf) -> str:
    """Say what a column that is no quantity could be used for, "" where nothing is known.

    Where its largest value is known, a score of at most one is a share, whatever its name says.

    Examples
    --------
    >>> column_use("seed")
    'runs that differ in it alone are repeats: Runs.average, or a group'
    >>> column_use("MMLU acc (%)")
    "a score, for laws of accuracy, by columns={'accuracy': '`MMLU acc (%)` / 100'}"
    >>> column_use("learning_rate_lower"), column_use("colour")
    ('a bound of the best learning rate', '')
    """
    words = set(words_of(name))
    quoted = expression_name(name)
    if words & _HOURS:
        return (
            "hours are no FLOP: with the FLOP/s that a device reached, say 4e14, "
            f"columns={{'flops': '{quoted} * 3600 * 4e14'}}"
        )
    if words & {"log", "ln", "lg", "log10"}:
        noun = next((n for w in sorted(words) if (n := _quantity(w))), "")
        if noun:
            return (
                f"a logarithm, of base 10 (columns={{{noun!r}: '10**{quoted}'}}) or natural "
                f"(columns={{{noun!r}: 'exp({quoted})'}})"
            )
    if words & {"unique", "distinct"} and "tokens" in words:
        return (
            "tokens of one pass: tokens are these times the epochs, "
            f"columns={{'tokens': '{quoted} * epochs'}}"
        )
    if words & _DEVIATIONS:
        return (
            "a standard deviation: over n seeds, the standard error is "
            f"columns={{'loss_se': '{quoted} / sqrt(n)'}}"
        )
    if is_outcome(name):
        if setting := hyperparameter_kind(" ".join(words - _EXTREMES)):
            return f"a bound of the best {setting}"
        if words & (_EXTREMES | {"se", "sem", "stderr"}):
            return "an error of a result: as loss_se it weighs the runs"
        if words & _SCORES:
            formula = f"{quoted} / 100" if largest > 1 and _PER_CENT.search(name) else name
            read = "" if formula == "accuracy" else f", by columns={{'accuracy': {formula!r}}}"
            return f"a score, for laws of accuracy{read}"
        return f"another result: columns={{'loss': {name!r}}} fits it"
    return _setting_use(name, words)


def _setting_use(name: str, words: set[str]) -> str:
    """Say what a setting of the training could be used for."""
    if words & {"seed", "seeds"}:
        return "runs that differ in it alone are repeats: Runs.average, or a group"
    if words & {"epoch", "epochs"}:
        return "the law 'repeated' takes epochs"
    if "batch" in words:
        return "the law 'step_law' takes batch_size_tokens; batch times steps are tokens"
    if hyperparameter_kind(name) == "learning rate" or "lr" in words:
        return (
            "the law 'step_law' takes lr, laws of loss curves its schedule (with_schedule); other "
            "laws need its tuned runs only"
        )
    return ""


def unused_columns(names: Iterable[str]) -> dict[str, str]:
    """Return what the columns could be used for, by name; those that matter first."""
    found = {name: column_use(name) for name in names}
    return dict(sorted(found.items(), key=lambda item: not item[1]))


def use_notes(names: Iterable[str]) -> list[str]:
    """Return a note for each column that changes what is fitted, and is not used."""
    notes = []
    for name in names:
        words = set(words_of(name))
        said = words & (_HOURS | _DEVIATIONS | {"log", "ln", "lg", "log10", "unique", "distinct"})
        if said and (use := column_use(name)):
            notes.append(f"{name!r} is not used: {use}")
    return notes


def absent_hint(name: str, table: pd.DataFrame, otherwise: str = "") -> str:
    """Say what to do about a quantity that no column is, by what the other columns mean.

    Parameters
    ----------
    name
        The quantity, or the column.
    table
        The table.
    otherwise
        What to do where it does not follow from other columns, if the caller knows.
    """
    ways = _ways(name, table)
    if otherwise and not ways:
        return otherwise
    if ways:
        return f"There is {listed(ways)}"
    if name not in RENAMED:
        alike = get_close_matches(name, [str(c) for c in table.columns], n=1)
        return f"Rename the column that is {name}" + (f" ({alike[0]!r}?)" if alike else "")
    others = [str(c) for c in table.columns if str(c) not in RENAMED]
    if name == "loss":
        plain = [c for c in others if is_outcome(c) and "another result" in column_use(c)]
        plain = plain or [c for c in others if c == MELTED]
    else:
        plain = [c for c in others if name in c.lower() and not set(words_of(c)) & _NOT_A_COUNT]
        plain = plain or [
            c for c in get_close_matches(name, others, n=1) if not set(words_of(c)) & _NOT_A_COUNT
        ]
    yours = plain[0] if plain else "your column"
    hint = f"Rename the column that is {name}, or say columns={{{name!r}: {yours!r}}}"
    if name == "loss" and "flops" in table and not plain and (scores := _shares(table, others)):
        hint += (
            "; a benchmark's score is for law='accuracy_from_compute', with "
            f"columns={{'accuracy': {scores[0]!r}}}"
        )
    return hint


def _shares(table: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return the columns that may be scores, as shares: numbers between 0 and 1, or per cent."""
    found = []
    for name in (name for name in columns if name in table and not column_use(name)):
        values = np.asarray(table[name])
        if values.dtype.kind == "f" and np.isfinite(values).any():
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            if 0 <= low < high <= 100:
                found.append(name if high <= 1 else f"{expression_name(name)} / 100")
    return found


def _ways(name: str, table: pd.DataFrame) -> list[str]:
    """Say how a quantity follows from other columns."""
    others = [str(c) for c in table.columns if str(c) not in RENAMED]
    largest = {str(c): float(v.max()) for c, v in table.select_dtypes("number").items()}
    uses = {c: column_use(c, largest.get(c, np.inf)) for c in others}
    ways = [f"{c!r}: {use}" for c, use in uses.items() if f"columns={{{name!r}: " in use]
    return [way for way in ways if "another result" not in way]


def _quantity(word: str) -> str:
    meaning = interpret(word.upper() if len(word) == 1 else word)
    return meaning.name if meaning and meaning.name in ("params", "tokens", "flops") else ""


def expression_name(name: str) -> str:
    """Write a column's name as an expression takes it."""
    return name if name.isidentifier() else f"`{name}`"
