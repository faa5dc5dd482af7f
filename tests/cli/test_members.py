"""One law of an average, or one group of a pooled fit, as a fit of its own; what asks for it."""

import json
from pathlib import Path

import pytest
from handmade import handmade_fit
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.cli.message_options import as_options


@pytest.fixture
def file(made_fit: bs.Fit, tmp_path: Path) -> str:
    """Save an average of two laws, the first of the larger weight."""
    other = handmade_fit("skaling")
    other.tree["observed_data"] = made_fit.tree["observed_data"]
    both = bs.average({"chinchilla": made_fit, "skaling": other}, {"chinchilla": 3, "skaling": 1})
    return str(bs.save(both, tmp_path / "both.nc"))


def test_a_law_of_an_average_is_saved_as_a_fit(file: str, tmp_path: Path) -> None:
    run, path = CliRunner(), str(tmp_path / "skaling.nc")
    made = run.invoke(app, ["member", file, "skaling", "-o", path])
    assert made.exit_code == 0, made.stderr
    asked = run.invoke(app, ["summary", path, "--json"])
    assert json.loads(asked.stdout)["law"] == "skaling"
    listed = json.loads(run.invoke(app, ["member", file, "--json"]).stdout)["members"]
    assert listed == [
        {"member": "chinchilla", "weight": 0.75},
        {"member": "skaling", "weight": 0.25},
    ]
    assert "75 %" in run.invoke(app, ["member", file]).stdout
    for other in (["farseer"], ["--new"]):
        refused = run.invoke(app, ["member", file, *other, "-o", path])
        assert refused.exit_code == 1 and "it has chinchilla, skaling" in refused.stderr


def test_runs_are_planned_for_an_average(file: str) -> None:
    made = CliRunner().invoke(app, ["plan", file, "--budget", "1e20", "--json"])
    assert made.exit_code == 0, made.stderr
    assert set(json.loads(made.stdout)["fits"][0]["average"]) == {"chinchilla", "skaling"}
    shown = CliRunner().invoke(app, ["plan", file, "--budget", "1e20"])
    assert shown.exit_code == 0 and "the law may be off" in shown.stdout


@pytest.mark.parametrize(
    "command",
    ["summary FILE", "identify FILE", "draws FILE -o a.csv", "plot FILE ridge -o a.png"],
)
def test_a_command_of_one_law_says_how_to_get_it(command: str, file: str) -> None:
    words = [file if word == "FILE" else word for word in command.split()]
    refused = CliRunner().invoke(app, words)
    said = " ".join(refused.stderr.split())
    assert refused.exit_code == 1
    assert "ask one of its fits, which `bayescale member FIT chinchilla -o FILE.nc` saves" in said


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("ask one of its fits, load('b.nc').fits['x']", "its fits, which `bayescale member FIT x "),
        ("ask one of its fits, average.fits['x'].spec", "its fits, which `bayescale member FIT x "),
        (
            "ask one of them, bayescale.group_fit(fit, 'a b')",
            "them, which `bayescale member FIT 'a",
        ),
        ("ask one of them, bayescale.group_fit(fit, NAME)", "which `bayescale member FIT NAME -o"),
        ("fix one (priors={'E': 1.7})", "fix one (--prior E=1.7)"),
        ("say priors={'alpha': (0.2, 0.6)}", "say --prior alpha=0.2:0.6"),
    ],
)
def test_messages_speak_the_command_lines_words(said: str, shown: str) -> None:
    assert shown in as_options(said)
    assert "fits[" not in as_options(said) and "group_fit" not in as_options(said)
