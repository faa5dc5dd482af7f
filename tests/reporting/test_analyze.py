"""The whole job in one call: what it fits, what it says, and the page."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from handmade import REFERENCES, TRUTH, design
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.evaluation.law_choice import specs_for
from bayescale.reporting.analyze import _clearly_worse, _fits


def table(seed: int = 1) -> pd.DataFrame:
    """Simulate forty runs of Chinchilla's law."""
    return bs.simulate(
        "chinchilla", design(), TRUTH["chinchilla"], references=REFERENCES, random_seed=seed
    )


@pytest.fixture(scope="module")
def found() -> bs.Analysis:
    """The analysis of forty runs with checkpoints before their ends."""
    final = table().assign(run=[f"r{i}" for i in range(40)])
    early = final.assign(
        tokens=final["tokens"] / 2, flops=final["flops"] / 2, loss=final["loss"] + 1
    )
    runs = pd.concat([early, final], ignore_index=True)
    laws = ["skaling", "chinchilla", "kaplan"]
    return bs.analyze(runs, laws, random_seed=1, progressbar=False)


def test_the_decision_comes_first_and_holds_the_truth(found: bs.Analysis) -> None:
    first, second, change, adequate, basis, *notes = found.paragraphs()
    assert change.startswith("What would change this: ")
    assert found.plan is not None and str(found.plan) in change
    spent = 6 * (found.runs.table["params"] * found.runs.table["tokens"]).sum()
    assert found.plan.runs["cost"].sum() <= 0.1 * spent
    assert first.startswith("With 1e+22 FLOP (10 times the largest run), train ")
    assert second.startswith("With 1e+23 FLOP (100 times the largest run), train ")
    assert "describes the runs: scatter 0." in adequate
    assert "skaling" in basis and "chinchilla" in basis
    assert any("80 rows are checkpoints of 40 runs (column run)" in note for note in notes)
    assert len(found.runs) == 40 and list(found.fits) == ["skaling", "chinchilla", "kaplan"]
    assert found.choices is not None
    for target, (_, row) in zip(found.targets, found.choices.iterrows(), strict=True):
        truth = 1.8 + 0.34 * (row["params"] / 1e9) ** -0.35 + 0.32 * (row["tokens"] / 2e10) ** -0.37
        assert target.answers["new_run"].lower < truth < target.answers["new_run"].upper
        assert row["near_lower"] <= row["params"] <= row["near_upper"]
        assert 6 * row["params"] * row["tokens"] == pytest.approx(target.value, rel=1e-6)


def test_what_is_printed_says_how_the_forecasts_of_larger_runs_did(found: bs.Analysis) -> None:
    law = found.posterior.representative.label
    for text in (str(found), found._repr_html_()):
        assert f"cuts, {law} made" in text and "The 90 % band covered" in text


def test_a_law_without_a_floor_counts_for_nothing(found: bs.Analysis) -> None:
    weights = found.posterior.weights
    assert sum(weights.values()) == pytest.approx(1) and weights.get("kaplan", 0) == 0
    assert min(weights["skaling"], weights["chinchilla"]) > 0.05
    assert not found.fits["kaplan"].adequacy.ok
    assert any(
        "kaplan worse by more than 4 standard errors, and residuals and forecasts agree" in note
        for note in found.notes
    )


def test_a_law_that_predicts_larger_runs_better_keeps_its_weight() -> None:
    misses = SimpleNamespace(adequacy=SimpleNamespace(ok=False))
    fits: Any = {"farseer": misses, "chinchilla": misses, "kaplan": misses}
    behind = pd.DataFrame({"elpd_diff": [0.0, -50.0, -300.0], "dse": [0.0, 8.0, 30.0]}, list(fits))

    def forecasts(**scores: float) -> Any:
        summaries = {k: pd.DataFrame({"log_score": [v]}, ["all"]) for k, v in scores.items()}
        return {k: SimpleNamespace(summary=one) for k, one in summaries.items()}

    better = forecasts(farseer=1.6, chinchilla=2.4, kaplan=1.1)
    assert _clearly_worse(fits, behind, better) == ["kaplan"]
    best_but_two = forecasts(farseer=1.0, chinchilla=2.4, kaplan=1.1)  # Chinchilla's is better
    assert _clearly_worse(fits, behind, best_but_two) == ["kaplan"]
    worse = forecasts(farseer=1.6, chinchilla=1.5, kaplan=1.1)
    assert _clearly_worse(fits, behind, worse) == _clearly_worse(fits, behind, {})
    assert _clearly_worse(fits, behind, {}) == ["chinchilla", "kaplan"]


def test_public_families_speak_unless_the_runs_contradict_them() -> None:
    notes: list[str] = []
    runs = bs.read_runs(table())
    specs = specs_for(runs, None, notes)
    assert {k: dict(spec.priors) for k, spec in specs.items()} == {
        name: bs.literature_priors(name) for name in ("skaling", "chinchilla")
    }
    assert notes == [
        "Priors of exponents and floor are from 11 public families (priors='literature')."
    ]
    fits, _ = _fits(runs, {"chinchilla": specs["chinchilla"]}, 1, notes, False)
    assert len(notes) == 1 and fits["chinchilla"].spec == specs["chinchilla"]
    lower = {**TRUTH["chinchilla"], "E": 0.2}
    other = bs.simulate("chinchilla", design(), lower, references=REFERENCES, random_seed=1)
    specs = specs_for(bs.read_runs(other), None, [])
    chosen = {"chinchilla": specs["chinchilla"]}
    fits, _ = _fits(bs.read_runs(other), chosen, 1, None, False)  # by the user
    assert fits["chinchilla"].spec.priors == bs.literature_priors("chinchilla")
    fits, failed = _fits(bs.read_runs(other), specs, 1, notes, False)
    assert not failed
    assert all(one.spec.priors == {} for one in fits.values())
    assert all(spec.priors == {} for spec in specs.values())
    assert (
        "The runs contradict what public families say of E of chinchilla: it has its" in notes[-1]
    )
    low, high = np.quantile(fits["chinchilla"].posterior["E"], [0.01, 0.99])
    assert low < 0.2 < high


def test_it_shows_itself_and_writes_a_page(found: bs.Analysis, tmp_path) -> None:
    assert "forecast error" in str(found) and "<table>" in found._repr_html_()
    assert repr(found).startswith("<bayescale.Analysis of 40 runs: average of")
    page = found.report(tmp_path / "report.html").read_text()
    assert all(text.split("(")[0] in page for text in found.paragraphs()[:2])
    assert page.index("train ") < page.index("Weights are from") < page.index("<section")


def test_the_command(tmp_path) -> None:
    table().to_csv(tmp_path / "runs.csv", index=False)
    asked = ["analyze", str(tmp_path / "runs.csv"), "--laws", "chinchilla", "--seed", "1"]
    wrote = ["-o", str(tmp_path / "report.html"), "--save", str(tmp_path / "fit.nc")]
    result = CliRunner().invoke(app, [*asked, *wrote, "--flops", "1e23", "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["law"] == "chinchilla" and answer["weights"] == {"chinchilla": 1.0}
    assert answer["targets"][0]["value"] == 1e23 and answer["choices"][0]["params"] > 1e9
    assert (tmp_path / "report.html").exists() and bs.load(tmp_path / "fit.nc").observed.size == 40
    for options, said in ([["-o", "report.pdf"], ".html"], [["--save", "fit.csv"], ".nc"]):
        refused = CliRunner().invoke(app, [*asked, *options])
        assert refused.exit_code == 1 and f"end it in {said}" in refused.stderr


def test_fit_without_a_law_weighs_those_that_the_table_allows(tmp_path) -> None:
    table()[["flops", "loss"]].to_csv(tmp_path / "runs.csv", index=False)
    asked = ["fit", str(tmp_path / "runs.csv"), "--seed", "1", "--quiet"]
    result = CliRunner().invoke(app, [*asked, "-o", str(tmp_path / "fit.nc")])
    assert result.exit_code in (0, 4), result.output
    assert "10 times the largest" in result.stdout and "fitting" not in result.stderr
    assert set(bs.load(tmp_path / "fit.nc").members()) <= {
        "power_law_floor",
        "power_law_saturating",
    }


@pytest.mark.parametrize(
    ("columns", "rows", "laws", "note"),
    [
        (["params", "tokens", "loss"], 40, "skaling chinchilla", ""),
        (["params", "tokens", "loss"], 11, "chinchilla", "too few for skaling"),
        (["params", "tokens", "loss"], 9, "kaplan", "too few for skaling and chinchilla"),
        (["flops", "loss"], 40, "power_law_floor power_law_saturating", "The laws take flops"),
        (["params", "loss"], 40, "power_law_floor power_law_saturating", "The laws take params"),
    ],
)
def test_laws_follow_from_columns_and_runs(
    columns: list[str], rows: int, laws: str, note: str
) -> None:
    notes: list[str] = []
    specs = specs_for(bs.read_runs(table()[columns].iloc[:rows]), None, notes)
    assert list(specs) == laws.split() and note in " ".join(notes)
    assert all(set(map(spec.column, spec.law.inputs)) <= set(columns) for spec in specs.values())


def test_one_loss_in_all_runs_is_refused() -> None:
    """Nothing in it says what to train; the answer was 321T parameters on 675k tokens."""
    with pytest.raises(bs.BayescaleError, match=r"one loss in all of its runs, 2.5: nothing to"):
        specs_for(bs.read_runs(table().assign(loss=2.5)), None, [])


def test_nothing_to_scale_is_refused() -> None:
    runs = table()
    with pytest.raises(bs.BayescaleError, match="no params, tokens or flops that vary"):
        bs.analyze(pd.DataFrame({"lr": np.linspace(1e-4, 1e-2, 40), "loss": runs["loss"]}))
    with pytest.raises(bs.BayescaleError, match="6 runs are too few: the smallest law tried has"):
        bs.analyze(runs[["params", "tokens", "loss"]].iloc[:6])
    with pytest.raises(bs.BayescaleError, match=r"chinchilla from 5 runs on, with priors='lit"):
        bs.analyze(runs[["params", "tokens", "loss"]].iloc[:6])
    few = runs.iloc[np.repeat([0, 9, 18], 8)].assign(run=np.repeat(["a", "b", "c"], 8))
    few["tokens"] *= np.tile(np.arange(1, 9) / 8, 3)
    with pytest.raises(bs.BayescaleError, match=r"24 rows are checkpoints of 3 runs.* too few"):
        bs.analyze(few[["run", "params", "tokens", "loss"]])


def test_a_law_of_compute_answers_at_the_budgets_that_were_asked() -> None:
    runs = table()[["flops", "loss"]]
    found = bs.analyze(runs, ["power_law_floor"], flops=["3e22"], random_seed=1, progressbar=False)
    first, *_ = found.paragraphs()
    assert found.choices is None and found.targets[0].value == 3e22
    assert first.startswith("With 3e+22 FLOP, 30 times the largest fitted run")
