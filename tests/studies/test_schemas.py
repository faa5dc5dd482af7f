"""The published JSON Schemas and the readers of model and scenario files agree."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bayescale import BayescaleError
from bayescale.decisions.scenario import Scenario
from bayescale.studies.schema import packaged
from bayescale.studies.study import Study

MODELS = next(iter(packaged().values())).parent
SCHEMAS = {
    "model": json.loads((MODELS / "model.schema.json").read_text()),
    "scenario": json.loads((MODELS / "scenarios" / "scenario.schema.json").read_text()),
}
READERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "model": lambda values: Study.from_dict({"name": "mine", **values}),
    "scenario": Scenario.from_dict,
}
FILES = [("model", path) for path in packaged().values()]
FILES += [("scenario", path) for path in packaged("scenarios").values()]
SIMULATED = {"parameters": {"E": 1.8}, "design": {"tokens": [1, "2B"]}, "seed": 1}
WHOLE: dict[str, Any] = {
    "model": {
        "law": "chinchilla",
        "data": {"simulate": SIMULATED, "schedule": {"run": "name"}},
        "priors": {"E": [1.0, 2.0], "alpha": 0.3},
        "published": [
            {"source": "us", "values": {"E": 1.7}, "intervals": {"E": [1, 2]}, "level": 0.9}
        ],
    },
    "scenario": {"flops": "1e23", "hardware": {"flops_per_second": "989T", "utilisation": 0.4}},
}
BAD = [
    ("model", ["law"], 3),
    ("model", ["data", "simulate", "seed"], -1),
    ("model", ["data", "simulate", "seed"], 1.5),
    ("model", ["data", "simulate", "design"], {"tokens": []}),
    ("model", ["data", "file"], "runs.csv"),
    ("model", ["data", "simulate", "parameters"], {"E": [1]}),
    ("model", ["priors", "E"], [1.0]),
    ("model", ["published", 0, "level"], 95),
    ("model", ["published", 0, "source"], ""),
    ("model", ["targets"], "loss"),
    ("scenario", ["flops"], {"a": 1}),
    ("scenario", ["at"], [1]),
    ("scenario", ["hardware"], {"utilisation": 0.4}),
    ("scenario", ["title"], 3),
]


def valid(kind: str, values: Any) -> bool:
    return Draft202012Validator(SCHEMAS[kind]).is_valid(values)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schemas_are_schemas(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])
    assert valid(kind, WHOLE[kind])
    READERS[kind](WHOLE[kind])


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda p: getattr(p, "stem", p))
def test_every_file_that_comes_along_is_valid(kind: str, path: Path) -> None:
    assert valid(kind, tomllib.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(("kind", "where", "value"), BAD)
def test_both_refuse_what_is_wrong(kind: str, where: list[Any], value: Any) -> None:
    values = deepcopy(WHOLE[kind])
    *way, last = where
    inner = values
    for key in way:
        inner = inner[key]
    inner[last] = value
    assert not valid(kind, values)
    with pytest.raises(BayescaleError):
        READERS[kind](values)


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("model", []),
        ("model", ["data"]),
        ("model", ["data", "simulate"]),
        ("model", ["data", "schedule"]),
        ("model", ["published", 0]),
        ("scenario", []),
        ("scenario", ["hardware"]),
    ],
)
def test_both_know_the_same_keys(kind: str, where: list[Any]) -> None:
    """A reader names the keys it knows where it meets another."""
    values, schema = deepcopy(WHOLE[kind]), SCHEMAS[kind]
    inner = values
    for key in where:
        inner = inner[key]
        schema = schema["items"] if isinstance(key, int) else schema["properties"][key]
    inner["qqqq"] = 1
    with pytest.raises(BayescaleError, match="the keys here are") as raised:
        READERS[kind](values)
    known = re.split("the keys here are ", str(raised.value))[1].split(", ")
    assert set(known) == set(schema["properties"])
    assert not valid(kind, values)
