"""Any model file or scenario file is read, or refused in words."""

import tomllib
from pathlib import Path
from typing import Any

import hostile
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayescale as bs
from bayescale.studies.schema import packaged

MODELS = [tomllib.loads(path.read_text()) for path in packaged().values()]
SCENARIOS = [tomllib.loads(path.read_text()) for path in packaged("scenarios").values()]
VALUES = st.one_of(hostile.numbers, hostile.texts, hostile.nested)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("toml")


def written(data: st.DataObject, trees: list[dict[str, Any]], path: Path) -> Path:
    tree = data.draw(st.sampled_from(trees).flatmap(lambda t: hostile.mutated(t, VALUES)))
    text = hostile.toml_file(tree)
    if data.draw(st.integers(0, 4)) == 0:
        path.write_bytes(data.draw(hostile.encoded(st.just(text))))
    else:
        path.write_text(text, encoding="utf-8")
    return path


@hostile.cases(30, 250)
@given(data=st.data())
def test_a_model_file_is_read_or_refused(data: st.DataObject, folder: Path) -> None:
    path = written(data, MODELS, folder / "model.toml")
    study = hostile.answer("model files", lambda: bs.load_study(path))
    if study is not None:
        hostile.answer("models", study.to_spec)
    if study is not None and study.data.dataset is None:
        hostile.answer("runs of models", lambda: len(bs.study_runs(study)))


@hostile.cases(30, 250)
@given(data=st.data())
def test_a_scenario_file_is_read_or_refused(data: st.DataObject, folder: Path) -> None:
    path = written(data, SCENARIOS, folder / "scenario.toml")
    scenario = hostile.answer("scenario files", lambda: bs.load_scenario(path))
    if scenario is not None:
        hostile.answer("scenarios", lambda: (scenario.budgets, len(scenario.options)))
