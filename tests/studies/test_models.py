"""Every model file can be fitted; a few, drawn by the commit, are."""

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from public_data import each_or_one
from rotation import drawn_by_commit

import bayescale as bs
from bayescale.data.aliases import RENAMED
from bayescale.data.expressions import condition, evaluate
from bayescale.laws.registry import get_law
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

NAMES = list(bs.list_studies().index)
PUBLIC = [name for name in NAMES if bs.load_study(name).data.dataset]
SIMULATED = [name for name in NAMES if name not in PUBLIC]
CHEAP = [name for name in NAMES if len(bs.load_study(name).targets) <= 5]
"""Models of a few targets; those of more take minutes: ``benchmarks/tasks.py`` fits them."""
COLUMNS = json.loads(Path(__file__).with_name("columns.json").read_text())
"""What the columns of public data sets are called, which shows whether model files name them."""
SLICE = 3


def assert_its_runs_suit_its_law(name: str) -> None:
    study = bs.load_study(name)
    data = extract(make_spec(study), bs.study_runs(study))
    assert len(data.observed) > len(make_spec(study).free)
    assert data.scale > 0


@pytest.mark.filterwarnings("ignore::bayescale.BayescaleWarning")
@pytest.mark.parametrize("name", SIMULATED)
def test_its_simulated_runs_suit_its_law(name: str) -> None:
    assert_its_runs_suit_its_law(name)


@pytest.mark.filterwarnings("ignore::bayescale.BayescaleWarning")
@pytest.mark.parametrize("name", each_or_one(PUBLIC))
def test_its_public_runs_suit_its_law(name: str, data_dir: Path) -> None:
    assert_its_runs_suit_its_law(name)


def example(expression: str, column: str) -> object:
    """Return a value that an expression can take for a column: a text, a number or a truth."""
    tree = ast.parse(expression.strip(), mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == column:
            limit = node.comparators[0]
            if isinstance(limit, ast.List):
                limit = limit.elts[0]
            return limit.value if isinstance(limit, ast.Constant) else 1.0
    conditions = [tree.body]
    for node in ast.walk(tree):
        conditions += node.values if isinstance(node, ast.BoolOp) else []
        conditions += [node.operand] if isinstance(node, ast.UnaryOp) else []
    return True if column in map(ast.unparse, conditions) else 1.0


@pytest.mark.parametrize("name", PUBLIC)
def test_it_names_columns_of_its_data_set(name: str) -> None:
    study = bs.load_study(name)
    data = study.data
    columns = {*COLUMNS[str(data.dataset)]}
    assert {*data.columns.values()} <= columns
    known = columns | {*data.columns} | {*RENAMED}
    made = known | {*data.derive}
    inputs = get_law(study.law).inputs
    for key, column in study.inputs.items():
        assert {*(inputs[key].columns(column) if key in inputs else [column])} <= made
    assert {
        c for c in (study.group, data.average, data.schedule and data.schedule.run) if c
    } <= known
    for expression in (data.where, *data.derive.values()):
        if expression is not None:
            row = pd.DataFrame({c: [example(expression, c)] for c in sorted(made)})
            found = evaluate(row, expression)  # an unknown column, or a slip, is refused
            assert np.size(condition(row, expression) if expression == data.where else found) == 1


def test_the_columns_are_those_of_the_data_sets(data_dir: Path) -> None:
    for name, columns in COLUMNS.items():
        assert list(bs.load_dataset(name).columns) == columns, name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*set aside:bayescale.BayescaleWarning")
@pytest.mark.filterwarnings("ignore:.*the law misses:bayescale.BayescaleWarning")  # a paper's law
@pytest.mark.filterwarnings("ignore:every run has:bayescale.BayescaleWarning")  # as its table has
@pytest.mark.parametrize("name", drawn_by_commit(CHEAP, SLICE))
def test_it_fits_with_defaults(name: str, request: pytest.FixtureRequest) -> None:
    if name in PUBLIC:
        request.getfixturevalue("data_dir")
    for fit in bs.load_model(name, random_seed=1).fits.values():
        assert fit.diagnostics.ok, fit.diagnostics.problems()
        assert fit.diagnostics.rhat < 1.01
        assert fit.diagnostics.ess > 400
        for one in [bs.group_fit(fit, name) for name in fit.groups] or [fit]:
            assert bs.identify(one)["verdict"].isin(["identified", "weak", "prior only"]).all()
        assert not bs.summary(fit).isna().any(axis=None)
