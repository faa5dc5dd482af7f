"""Tables of runs whose truth is known, written as many people would, for tests of reading."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

NAMES = {
    "params": "params n_params num_params parameters Params parameter_count model_size "
    "total_params N params.n_params config/n_params",
    "tokens": "tokens n_tokens num_tokens train_tokens Tokens tokens_seen training_tokens D "
    "total_tokens throughput/total_tokens",
    "loss": "loss val_loss eval_loss L final_val_loss validation_loss eval/loss Loss test_loss "
    "cross_entropy",
}
"""Names of columns without a unit."""


UNITS = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


STYLES = ("point", "english", "comma", "german", "space", "swiss")
"""Decimal point without and with groups by commas; decimal comma without groups, with points, with
thin spaces; groups by apostrophes."""


GROUP = {"english": ",", "german": ".", "space": "\u202f", "swiss": "'"}


BAD = ("OOM", "diverged", "n/a?", "see notes", "-", "", "3.1*", "crashed")


@dataclass
class Written:
    """A table as text, and what it means."""

    text: str
    truth: dict[str, np.ndarray]
    """The values of every row."""
    good: np.ndarray
    """Whether a row can be used."""
    options: dict[str, object] = field(default_factory=dict)


def write_table(rng: np.random.Generator) -> Written:
    """Draw a table and the way it is written."""
    rows = int(rng.integers(6, 20))
    params = 10 ** rng.uniform(7, 11, rows)
    params = np.array([float(f"{p:.{rng.integers(0, 3)}e}") for p in params])
    tokens = np.array([float(f"{p * rng.uniform(1, 300):.1e}") for p in params])
    loss = np.round(1.7 + 400 / params**0.34 + 410 / tokens**0.28, int(rng.integers(2, 5)))
    truth = {"params": params, "tokens": tokens, "loss": loss}
    style = str(rng.choice(STYLES))
    european = style in ("comma", "german", "space")
    delimiter = str(rng.choice([";", "\t"] if european else [",", ";", "\t", "|"]))
    mixed = rng.random() < 0.15
    columns, header = {}, {}
    for name, values in truth.items():
        header[name], factor, suffix = _unit(rng, name)
        places = int(rng.integers(3, 5)) if factor > 1 else None
        if name == "loss":
            places = int(rng.choice([1, 2, 3, 4]))
            truth[name] = values = np.round(values, places)
        scaled = values / factor
        if places is not None and name != "loss":
            places = int(rng.choice([0, 1, 2, 3, 4]))
            scaled = np.round(scaled, places)
            truth[name] = scaled * factor
        own = str(rng.choice(STYLES)) if mixed else style
        stripped = rng.random() < 0.3
        columns[name] = [_number(value, places, own, stripped) + suffix for value in scaled]
        if name == "loss" and not suffix and rng.random() < 0.15:
            sign, error = rng.choice(["±", "+-", "+/-"]), _number(0.0123, 4, own)
            columns[name] = [f"{cell} {sign} {error}" for cell in columns[name]]
    if rng.random() < 0.3:
        _add_compute(rng, truth, header, columns)
    good = np.all([truth[name] > 0 for name in truth], axis=0)
    for place in np.flatnonzero(rng.random(rows) < 0.12)[: rows // 4]:
        name = str(rng.choice(list(truth)))
        columns[name][place] = str(rng.choice(BAD))
        good[place] = False
    return Written(_text(rng, header, columns, delimiter), truth, good)


def _unit(rng: np.random.Generator, name: str) -> tuple[str, float, str]:
    """Choose a name, and the unit in it or in the cells."""
    column = str(rng.choice(NAMES[name].split()))
    how = rng.choice(["none", "name", "cell"])
    if name == "loss":
        return column, 1.0, str(rng.choice(["", "", " nats"]))
    if how == "none":
        return column, 1.0, ""
    unit = str(rng.choice(["M", "B"]))
    if how == "cell":
        return column, UNITS[unit], unit
    spelling = str(rng.choice([" ({})", "_{}", " [{}]", " (in {})"]))
    return column + spelling.format(unit), UNITS[unit], ""


def _add_compute(
    rng: np.random.Generator,
    truth: dict[str, np.ndarray],
    header: dict[str, str],
    columns: dict[str, list[str]],
) -> None:
    """Add the compute of training, in FLOP or in a unit that its name says."""
    names = {
        "flops": 1.0,
        "C": 1.0,
        "total_gflops": 1e9,
        "compute (PF-days)": 8.64e19,
        "EFLOP": 1e18,
    }
    header["flops"] = str(rng.choice(list(names)))
    columns["flops"] = [f"{6 * n * d / names[header['flops']]:.6e}" for n, d in _pairs(truth)]
    factor = names[header["flops"]]
    truth["flops"] = np.array([float(cell) * factor for cell in columns["flops"]])


def _pairs(truth: dict[str, np.ndarray]) -> Iterator[tuple[float, float]]:
    return zip(truth["params"], truth["tokens"], strict=True)


def _number(value: float, places: int | None, style: str, stripped: bool = False) -> str:
    """Write a number in a style: as many decimals as asked for, or a whole number."""
    text = f"{value:.0f}" if places is None else f"{value:.{places}f}"
    if stripped and "." in text:
        text = text.rstrip("0").rstrip(".")
    whole, point, decimals = text.partition(".")
    if style in GROUP:
        whole = f"{int(whole):,}".replace(",", GROUP[style])
    mark = "," if style in ("comma", "german", "space") else "."
    return whole + (mark if point else "") + decimals


def _text(
    rng: np.random.Generator,
    header: dict[str, str],
    columns: dict[str, list[str]],
    delimiter: str,
) -> str:
    """Write the table, its columns in any order, with others beside them."""
    rows = len(columns["loss"])
    order = list(rng.permutation(list(columns)))
    lines = []
    names = [header[name] for name in order]
    cells = [columns[name] for name in order]
    if rng.random() < 0.5:
        names.insert(0, "run")
        cells.insert(0, [f"run-{place}" for place in range(rows)])
    if rng.random() < 0.3:
        names.append("seed")
        cells.append([str(place % 3) for place in range(rows)])
    if rng.random() < 0.2:
        lines.append("# exported by hand")
    for row in [names, *zip(*cells, strict=True)]:
        quoted = [f'"{cell}"' if delimiter in cell or '"' in cell else cell for cell in row]
        lines.append(delimiter.join(quoted))
    return "\n".join(lines) + "\n"
