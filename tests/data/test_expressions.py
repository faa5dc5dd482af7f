"""Expressions of model files and command lines: what they can say, and that nothing executes."""

import ast
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data.expressions import MAX_LENGTH, condition, evaluate, matching
from bayescale.errors import BayescaleError

PACKAGE = Path(bs.__file__).parent


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "params": [1e8, 2e8, 4e8],
            "loss": [3.0, 2.5, np.nan],
            "seed": [1, 2, 3],
            "family": ["ours", "theirs", None],
            "done": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "loose": np.array([True, None, False], dtype=object),
            "loss (val)": [1.0, 2.0, 3.0],
        },
        index=pd.Index([2, 3, 5], name="line"),
    )


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("params > 1.5e8", [3, 5]),
        ("params > 1.5e8 and seed == 2", [3]),
        ("params > 1.5e8 & seed == 2 | seed == 1", [2, 3]),
        ("1e8 < params <= 2e8", [3]),
        ("not done", [3]),
        ("~done & seed < 3", [3]),
        ("done and not maybe", [5]),
        ("loose", [2]),
        ("maybe or seed == 2", [2, 3]),
        ("family == 'ours'", [2]),
        ("family != 'ours'", [3, 5]),
        ('family in ["ours", "theirs"]', [2, 3]),
        ("seed not in (1, 3)", [3]),
        ("family == 'a & b @ c' or seed == 1", [2]),
        ("`loss (val)` ** 2 > 3", [3, 5]),
        ("loss > 2.6", [2]),
        ("isnull(loss)", [5]),
        ("notnull(loss) and log10(params) > 8.1", [3]),
        ("minimum(seed, 2) == 2 and seed % 2 == 1", [5]),
        ("params / 1e8 - seed == 0", [2, 3]),
        ("-seed + 7 // 2 <= 1", [3, 5]),
        ("sqrt(seed) ** 2 > 2.5 or done == True", [2, 5]),
        ("line > 2 and index < 5", [3]),
        ("seed < 9**9**9", [2, 3, 5]),
    ],
)
def test_conditions_keep_rows(expression, kept):
    assert table().index[condition(table(), expression)].tolist() == kept


def test_values():
    values = evaluate(table(), "1.5 + (1.03 * (params / 1e9)**-0.5)**0.7")
    np.testing.assert_allclose(values, 1.5 + (1.03 * (table()["params"] / 1e9) ** -0.5) ** 0.7)
    assert evaluate(table(), "2 ** 3 / 4") == 2
    assert evaluate(table(), "done + seed").tolist() == [2, 2, 4]


@pytest.mark.parametrize(
    "expression",
    [
        "@pd.io.common.os.system('touch SPOILT')",
        "@__builtins__",
        "params.__class__",
        "params.to_csv('SPOILT')",
        "params.map(print)",
        "params.values.tofile('SPOILT')",
        "'x'.__class__.__mro__[1].__subclasses__()",
        "().__class__",
        "__import__('os').system('touch SPOILT')",
        "eval('1')",
        "exec('import os')",
        "open('SPOILT', 'w')",
        "getattr(params, 'to_csv')('SPOILT')",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "sum(x for x in params)",
        "f'{params.__class__}'",
        "(seed := 3)",
        "params[0]",
        "{'a': 1}['a']",
        "params if True else loss",
        "log(params, out=loss)",
        "log(*[params])",
        "`params`.to_csv('SPOILT')",
        "params is None",
        "seed in range(10)",
        "'x' * 10**9",
        "'%1000000000d' % 3",
        "10**10**10**10 and 'x'",
        "b'x' == seed",
        "...",
        "params; import os",
        "import os",
        "lambda: params",
        "params = 3",
        "(((" * 100 + "params" + ")))" * 100 + " > 1",
        "-" * 1_900 + "1",
        "not " * 480 + "done",
        "+".join(["seed"] * 300),
        "seed == 1 or " * 300 + "done",
        "seed\0",
        "",
        "   ",
    ],
)
def test_nothing_else_is_evaluated(expression, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BayescaleError):
        matching(table(), expression, {})
    with pytest.raises(BayescaleError):
        bs.read_runs(table(), where=expression)
    with pytest.raises(BayescaleError):
        bs.read_runs(table()[["params", "seed"]]).derive({"new": expression})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("params.values > 3", r"'params.values': an attribute is not allowed; an expression holds"),
        ("mean(params) > 3", "the function 'mean' is not allowed"),
        ("params > log(1, 2)", "log takes 1 value, not 2"),
        ("@x > 3", "'@' is not allowed"),
        ("parms > 3", "'parms' is not defined.*the columns are params, loss"),
        ("family + 1 > 3", "'family' is no number to calculate with"),
        ("params and done", "'params' is no condition"),
        ("params > 'a'", "'params' and \"'a'\" cannot be compared"),
        ("`loss (val)`.x > 3", r"'`loss \(val\)`.x': an attribute is not allowed"),
        ("params > 1 and", "it is no expression"),
        ("1 +" * MAX_LENGTH, "6,000 characters, the limit is 2,000"),
        ("family in 'ours'", "is no list of values"),
        ("seed in [loss]", "holds numbers and texts, no columns"),
        ("1 in [1, 2]", "'1' is no column"),
    ],
)
def test_the_message_names_the_part(expression, message):
    with pytest.raises(BayescaleError, match=message):
        matching(table(), expression, {})


TRUTH = {"E": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}
ESCAPE = "@pd.io.common.os.system('touch SPOILT') == 0"


@pytest.mark.parametrize("place", ["where", "derive"])
def test_a_model_file_executes_nothing(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bs.simulate("chinchilla", bs.isoflop_design([1e19], [10, 20]), TRUTH, random_seed=1).to_csv(
        "runs.csv"
    )
    line = f'where = "{ESCAPE}"' if place == "where" else f'derive = {{ new = "{ESCAPE}" }}'
    Path("m.toml").write_text(
        f'title = "t"\nlaw = "chinchilla"\n[data]\nfile = "runs.csv"\n{line}\n'
    )
    with pytest.raises(BayescaleError, match="'@' is not allowed"):
        bs.fit(bs.load_study("m.toml"))
    assert not Path("SPOILT").exists()


class Spoils:
    def __reduce__(self):
        return (Path("SPOILT").touch, ())


@pytest.mark.parametrize("codec", [{"id": "pickle", "protocol": 5}])
@pytest.mark.parametrize("key", ["filters", "compressor"])
@pytest.mark.parametrize("dtype", ["|O", "<f8"])
def test_a_saved_fit_unpickles_nothing(codec, key, dtype, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variable = Path("fit.zarr/x")
    variable.mkdir(parents=True)
    Path("fit.zarr/.zgroup").write_text('{"zarr_format": 2}')
    Path("fit.zarr/.zattrs").write_text('{"bayescale": "{}"}')
    how = {"filters": None, "compressor": None, key: [codec] if key == "filters" else codec}
    about = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": dtype, "order": "C"}
    (variable / ".zarray").write_text(json.dumps({**about, "fill_value": 0, **how}))
    (variable / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["draw"]}')
    (variable / "0").write_bytes(pickle.dumps(Spoils()))
    with pytest.raises(BayescaleError):
        bs.load("fit.zarr")
    assert not Path("SPOILT").exists()


PICKLES = {"parallel.py"}
"""Files that unpickle what this very process or its own workers wrote."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_the_package_evaluates_no_text_and_unpickles_no_file(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        assert name not in ("eval", "exec", "compile", "__import__"), f"line {node.lineno}"
        attribute = name.rpartition(".")[2]
        assert attribute not in ("query", "read_pickle"), f"line {node.lineno}: {name}"
        # PyTensor's eval takes values, not a text
        assert attribute != "eval" or not node.args, f"line {node.lineno}: {name}"
        if path.name not in PICKLES:
            assert name not in ("pickle.load", "pickle.loads", "cloudpickle.loads")
