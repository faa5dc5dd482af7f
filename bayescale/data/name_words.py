"""Names of columns as words: without what trackers put before them, and with set phrases as one."""

import re
import unicodedata

_WRAPPERS = re.compile(
    "(metrics?|params?|summary|summary_metrics|config|hparams|hyperparameters|tags|attributes"
    "|mlflow|data|results|throughput(?=[./:]total[_ ])"
    r"|time(?=[./:]tokens?$))[./:](?=.)",
    re.IGNORECASE,
)


_PHRASES = {
    "model size": "modelsize",
    "bits per byte": "bpb",
    "bits per char": "bpc",
    "bits per character": "bpc",
    "bits per token": "bpt",
    "cross entropy": "crossentropy",
    "held out": "heldout",
    "std err": "stderr",
    "std error": "stderr",
    "standard error": "stderr",
    "loss metrics global avg loss": "train loss",
    "validation metrics loss": "val loss",
}


_EMBEDDING = re.compile(
    r"\b(?:(non|no|without|excl|excluding|wo|w o) ?|(with|incl|including) )"
    r"(?:emb|embed|embedding|embeddings)\b"
)
"""What is said of the embedding's parameters: that they are left out, or counted."""


_PREFIXED = re.compile(r"([kmbgt])(params?|parameters?|tokens?|toks?)")


def words_of(name: str) -> list[str]:
    """Return the words of a column's name, without what trackers put before it or a unit after it.

    >>> words_of("params/batchSize (M)")
    ['batch', 'size']
    """
    return words_in(split_bracket(unwrap(name.strip()))[0])


def split_bracket(name: str) -> tuple[str, str]:
    """Split ``tokens (B)`` into ``tokens`` and ``B``."""
    found = re.fullmatch(r"(.+?)\s*[(\[{]\s*([^()\[\]{}]+?)\s*[)\]}]", name)
    return (found[1], found[2]) if found else (name, "")


def unwrap(name: str) -> str:
    """Drop what MLflow, W&B and nested JSON put before a name: ``summary/loss`` is ``loss``."""
    while found := _WRAPPERS.match(name):
        name = name[found.end() :]
    return name


def words_in(name: str) -> list[str]:
    """Split a name into lower-case words, with set phrases as one word."""
    plain = name if name.isascii() else _unaccented(name)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    text = " ".join(re.findall(r"[a-z0-9]+", spaced.lower()))
    text = _EMBEDDING.sub(lambda found: "nonembedding" if found[1] else "total", text)
    for phrase, word in _PHRASES.items():
        text = re.sub(rf"\b{phrase}\b", word, text)
    split = (_PREFIXED.fullmatch(word) for word in text.split())
    parts = zip(text.split(), split, strict=True)
    return [part for word, found in parts for part in (found.groups() if found else (word,))]


def _unaccented(text: str) -> str:
    """Write letters without their accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
