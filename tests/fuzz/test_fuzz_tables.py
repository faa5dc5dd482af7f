"""Any file or DataFrame is a run table or refused in words."""

import gzip
from pathlib import Path

import hostile
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayescale as bs
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def check(source: pd.DataFrame | Path) -> None:
    """Read a table, show it, and prepare it for a fit: what was read is positive and finite."""
    runs = hostile.answer("tables", lambda: bs.read_runs(source))
    if runs is None:
        return
    assert len(runs.original) == len(runs.table) == len(runs) >= 1
    for name in {"params", "tokens", "flops", "loss"} & set(runs.table):
        values = runs.table[name]
        assert values.dtype == float
        assert np.isfinite(values).all()
        assert name == "loss" or (values > 0).all()
    assert hostile.answer("tables shown", lambda: str(runs) + runs._repr_html_())
    hostile.answer("tables prepared", lambda: extract(make_spec("chinchilla"), runs))


FILES = {
    ".csv": hostile.delimited(),
    ".tsv": hostile.delimited(),
    ".json": hostile.json_texts(lines=False),
    ".jsonl": hostile.json_texts(lines=True),
}


@pytest.mark.parametrize("suffix", FILES)
@hostile.cases(25, 1000)
@given(data=st.data())
def test_a_file_is_read_or_refused(suffix: str, data: st.DataObject, folder: Path) -> None:
    content = data.draw(hostile.encoded(FILES[suffix]))
    path = folder / f"runs{suffix}"
    if data.draw(st.integers(0, 9)) == 0:
        path, content = folder / f"runs{suffix}.gz", gzip.compress(content)
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(content)
    check(path)


@hostile.cases(25, 1000)
@given(frame=hostile.frames())
def test_a_frame_is_read_or_refused(frame: pd.DataFrame) -> None:
    check(frame)


LEAVES = [
    *("params", "loss", "`odd name`", "label", "empty", "flag", "index", "nothing", "1", "1e308"),
    *(
        "10**400",
        "9**9**9",
        "'a'",
        "''",
        "nan",
        "None",
        "True",
        "1j",
        "0",
        "-0.0",
        "1e999",
        "[1, 2]",
    ),
    *(
        "[]",
        "[params]",
        "[None]",
        "['a', 1]",
        "__class__",
        "params.x",
        "f''",
        "(1, 2)",
        "b'a'",
        "...",
    ),
]
JOINS = [
    *("+", "-", "*", "**", "/", "//", "%", "==", "!=", "<", ">=", "in", "not in", "and", "or", "&"),
    *("|", "is", "if 1 else", ":=", ",", "", "@", "<<"),
]
CALLS = ["log", "isnull", "notnull", "abs", "maximum", "floor", "not", "~", "-", "exec", "lambda:"]

expressions = st.recursive(
    st.sampled_from(LEAVES) | hostile.texts,
    lambda inside: st.one_of(
        st.tuples(inside, st.sampled_from(JOINS), inside).map(" ".join),
        st.tuples(st.sampled_from(CALLS), inside).map(lambda pair: f"{pair[0]}({pair[1]})"),
        inside.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)


@hostile.cases(50, 2000)
@given(expression=expressions, compared=st.booleans())
def test_an_expression_is_evaluated_or_refused(expression: str, compared: bool) -> None:
    if compared:
        expression = f"({expression}) > 0 or True"
    frame = pd.DataFrame(
        {
            "params": np.geomspace(1e8, 1e9, 4),
            "tokens": 1e10,
            "loss": [3.0, 2.9, 2.8, 2.7],
            "label": ["a", "", None, "b"],
            "odd name": [1, "x", None, [2]],
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "empty": None,
        }
    )
    hostile.answer("expressions", lambda: bs.read_runs(frame, where=expression))
    runs = bs.read_runs(frame)
    hostile.answer("expressions", lambda: runs.derive({"made": expression}))
