"""What there is to say about laws before a fit, and what to cite."""

import json
import re

import pytest
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.laws.base import Law
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.laws.registry import BUILT_IN
from bayescale.studies.citation import cite
from bayescale.studies.study import model_names


def test_a_card_says_what_the_law_declares() -> None:
    card, law = bs.describe_law("granularity"), BUILT_IN["granularity"]
    assert [i.column for i in card.inputs] == ["params", "tokens", "granularity"]
    assert [i.unit for i in card.inputs] == ["parameters", "tokens", ""]
    assert {p.name: (p.low, p.high) for p in card.parameters} == {
        name: (p.low, p.high) for name, p in law.parameters.items()
    }
    assert card.parameters[0].unit == "typical loss"
    assert "krajewski2024" in card.models
    assert card.formula == law.formula()


def test_every_model_is_listed_with_its_law() -> None:
    table = bs.list_laws()
    assert list(table.index) == list(BUILT_IN)
    listed = [name for cell in table["models"] for name in cell.split(", ") if name]
    assert sorted(listed) == sorted(model_names())
    assert "E 0.2 to 0.95 x typical loss" in table.loc["chinchilla", "parameters"]


def test_the_commands() -> None:
    shown = CliRunner().invoke(app, ["laws", "chinchilla"]).output
    assert "0.1 to 0.8" in shown and "hoffmann2022" in shown and "eq. 2" in shown
    answer = json.loads(CliRunner().invoke(app, ["laws", "skaling", "--json"]).output)
    assert [p["name"] for p in answer["parameters"]] == ["E", "R", "s", "alpha", "beta", "k"]
    missing = CliRunner().invoke(app, ["laws", "chinchila"])
    assert missing.exit_code == 1 and "did you mean 'chinchilla'" in missing.stderr
    cited = CliRunner().invoke(app, ["cite", "besiroglu2024", "--bibtex"]).output
    assert "eprint = {2404.10102}" in cited


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_law_can_be_cited(name: str) -> None:
    assert cite(name) == BUILT_IN[name].reference
    entries = cite(name, "bibtex").split("\n}\n")
    assert len(entries) == len(re.findall(r"\(\d{4}\)", BUILT_IN[name].reference))
    for entry in entries:
        assert "author = {" in entry and "year = {" in entry
        assert "=" not in entry.split("author = {")[1].split("}")[0]


def test_a_model_is_cited_with_its_sources_once_each() -> None:
    assert cite("hoffmann2022").splitlines()[1].startswith("Hoffmann et al. 2022, approach 3")
    entries = cite(bs.load_study("hoffmann2022"), "bibtex")
    assert entries.count("@misc{hoffmann2022,") == entries.count("@misc{besiroglu2024,") == 1


def test_nothing_is_invented() -> None:
    class Mine(Law):
        D = Input("tokens")
        c = Positive(0.5, 2.0)

        @staticmethod
        def equation(D, c):
            return c / D

    with pytest.raises(bs.BayescaleError, match="declares nothing to cite"):
        cite(Mine)
    Mine.reference = "our own notes"
    assert cite(Mine) == "our own notes"
    with pytest.raises(bs.BayescaleError, match="nothing to cite as bibtex"):
        cite(Mine, "bibtex")
    with pytest.raises(bs.BayescaleError, match="did you mean 'chinchilla'"):
        cite("chinchila")
