"""Tables whose truth is known are read right or refused in words, and never wrong by a factor."""

import os
import warnings
from pathlib import Path

import numpy as np
from table_writer import Written, write_table

import bayescale as bs
from bayescale.errors import BayescaleError, BayescaleWarning

TABLES = int(os.environ.get("BAYESCALE_TABLES", "120"))
"""Tables that are drawn; `make tables` draws 2,000."""


DOUBTED = "tokens per parameter in median is more than any run"
"""What is said where one column of 24,000B among others of 0.4 was meant as 24.000."""


MOST_DOUBTED = 0.002
"""Of the tables, at most so many are read wrong and say so; one that says nothing is too many."""


SHARE_READ = 0.9
"""Of the tables, at least so many are read and not refused."""


def outcome(written: Written, path: Path) -> str:
    """Say whether a table is read right, refused, or wrong and in what."""
    path.write_text(written.text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayescaleWarning)
            runs = bs.read_runs(path)
    except BayescaleError as error:
        assert len(str(error)) > 40
        return f"refused: {error}"
    lines = [n for n, t in enumerate(written.text.splitlines(), 1) if not t.startswith("#")][1:]
    for name, values in written.truth.items():
        if name not in runs.table:
            return f"lost: {name}"
        truth = dict(zip(lines, values, strict=True))
        expected = np.array([truth[line] for line in runs.table.index])
        if not np.allclose(runs.table[name], expected, rtol=1e-6):
            if any(DOUBTED in note for note in runs.notes):
                return f"doubted: {name}"
            return f"wrong: {name} {runs.table[name].iloc[0]} for {expected[0]}"
    good = {line for line, one in zip(lines, written.good, strict=True) if one}
    return "right" if set(runs.table.index) == good else "wrong rows"


def test_generated_tables(tmp_path: Path) -> None:
    found = {}
    for seed in range(TABLES):
        written = write_table(np.random.default_rng([18, seed]))
        found[seed] = outcome(written, tmp_path / "runs.txt")
    wrong = {seed: text for seed, text in found.items() if text.startswith(("wrong", "lost"))}
    assert not wrong
    assert sum(text.startswith("doubted") for text in found.values()) <= MOST_DOUBTED * TABLES
    assert sum(text == "right" for text in found.values()) >= SHARE_READ * TABLES
