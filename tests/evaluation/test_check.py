"""Published values beside a posterior."""

import json

import pytest
from handmade import TRUTH, handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.studies.study import Study

PUBLISHED = [
    {
        "source": "Near",
        "values": {"alpha": 0.35, "E": 1.9, "A": 480, "N_opt_exponent": 0.51},
        "intervals": {"E": [1.82, 1.98]},
        "level": 0.9,
    },
    {"source": "Far", "values": {"alpha": 0.5, "E": 1.2, "R_D": 15.0}},
]


def study(law: str = "chinchilla") -> Study:
    return Study.from_dict(
        {"name": "mine", "law": law, "data": {"file": "runs.csv"}, "published": PUBLISHED}
    )


@pytest.fixture(scope="module")
def found() -> dict:
    table = bs.check_published(handmade_fit(), study())
    return {(row.source, row.quantity): row for row in table.itertuples()}


def test_a_value_in_our_interval_agrees(found) -> None:
    row = found["Near", "alpha"]
    assert row.verdict == "agrees"
    assert row.lower < TRUTH["chinchilla"]["alpha"] < row.upper
    assert found["Near", "N_opt_exponent"].verdict == "agrees"


def test_intervals_that_overlap_agree(found) -> None:
    row = found["Near", "E"]
    assert row.published > row.upper > row.published_lower
    assert row.verdict == "agrees"
    assert "overlaps" in row.reason


def test_a_value_outside_differs_and_says_how_far(found) -> None:
    row = found["Far", "alpha"]
    assert row.verdict == "differs"
    assert row.reason.startswith("above our interval by ")
    assert float(row.reason.split("by ")[1].split()[0]) == pytest.approx(
        (0.5 - row.upper) / (row.upper - row.lower), abs=0.06
    )
    assert found["Far", "E"].reason.startswith("below our interval")


def test_what_the_fit_does_not_have_is_not_compared(found) -> None:
    assert found["Far", "R_D"].verdict == "not comparable"
    other = bs.check_published(handmade_fit("skaling"), study())
    assert (other["verdict"] == "not comparable").all()
    assert other["reason"].iloc[0] == "published for chinchilla, and the fit is of skaling"


def test_the_command(monkeypatch) -> None:
    monkeypatch.setattr("bayescale.cli.options.Sampling.fit", lambda *_, **__: handmade_fit())
    monkeypatch.setattr("bayescale.studies.runs.study_runs", lambda _: None)
    shown = CliRunner().invoke(app, ["check", "hoffmann2022"])
    assert shown.exit_code == 0, shown.output
    assert "differs" in shown.output and "Besiroglu" in shown.output
    answer = json.loads(CliRunner().invoke(app, ["check", "hoffmann2022", "--json"]).output)
    verdicts = {row["verdict"] for row in answer["published"]}
    assert "differs" in verdicts
    assert verdicts <= {"agrees", "differs", "not comparable"}
    missing = CliRunner().invoke(app, ["check", "nothing2022"])
    assert missing.exit_code == 1
