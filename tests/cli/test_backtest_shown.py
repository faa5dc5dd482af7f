"""Backtests and the discrepancy where users see them: pictures, command line, report."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from figure_texts import faults_at_three_sizes
from handmade import REFERENCES, TRUTH, design, handmade_fit
from typer.testing import CliRunner, Result

import bayescale as bs
from bayescale.cli import app
from bayescale.data.number_format import relative
from bayescale.evaluation import backtest as backtesting
from bayescale.inference.fitted_runs import fitted_runs, runs_again
from bayescale.plots.backtest import backtest_data
from bayescale.plots.bands import bands_data
from bayescale.plots.compare import compare_data
from bayescale.plots.frontier import frontier_data
from bayescale.reporting import backtest as foresight
from bayescale.reporting.backtest import backtest_summary, scores
from bayescale.reporting.narrative import answer
from bayescale.reporting.page_elements import Picture
from bayescale.reporting.report import report
from bayescale.reporting.targets import targets

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    at = {name: REFERENCES[name] for name in "ND"}
    table = bs.simulate("chinchilla", design(), TRUTH["chinchilla"], references=at, random_seed=0)
    return table.assign(seed=[1, 2] * 20)


def made(spec: Any, data: Any, *_: Any) -> bs.Fit:
    """Make a fit by hand of the runs given, so that backtests need no sampling."""
    table = data.runs.table[["params", "tokens"]]
    fit = handmade_fit(spec.law, runs=table)
    observed = fit.observed.copy(data=data.runs.table["loss"].to_numpy())
    fit.tree["observed_data"] = xr.DataTree(xr.Dataset({"loss": observed}))
    return fit


@pytest.fixture(autouse=True)
def _unfitted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backtesting, "fit_prepared", made)
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tested(runs: pd.DataFrame) -> bs.Backtest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtesting, "fit_prepared", made)
        return bs.backtest(runs, "chinchilla", random_seed=0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, made_fit: bs.Fit) -> Path:
    return bs.save(made_fit, tmp_path_factory.mktemp("shown") / "fit.nc")


@pytest.fixture(scope="module")
def averaged(made_fit: bs.Fit) -> bs.Average:
    other = handmade_fit("skaling")
    other.tree["observed_data"] = made_fit.tree["observed_data"]
    return bs.average({"chinchilla": made_fit, "skaling": other}, {"chinchilla": 3, "skaling": 1})


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "100"})


def said(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


def changed(tested: bs.Backtest, **all_cuts: Any) -> bs.Backtest:
    """Return the backtest with other scores over all cuts."""
    summary = tested.summary.copy()
    for name, value in all_cuts.items():
        summary.loc["all", name] = value
    return replace(tested, summary=summary)


class TestPlots:
    def test_numbers_are_those_of_the_backtest(self, tested) -> None:
        data = backtest_data(tested)
        assert np.allclose(data["error"], 100 * tested.runs["error"])
        assert np.allclose(data["law"], data["error"].abs())
        inside = data["error"].between(data["error_lower_90"], data["error_upper_90"])
        assert inside.groupby(data["cut"]).mean().to_dict() == pytest.approx(
            tested.summary["cover_90"].drop("all").to_dict()
        )
        width = data["error_upper_90"] - data["error_lower_90"]
        assert np.allclose(width, 100 * tested.runs["width_90"])

    def test_runs_at_one_distance_stand_side_by_side(self, tested) -> None:
        data = backtest_data(tested)
        assert not data[["cut", "at"]].duplicated().any()
        assert (data["at"] - data["distance"]).abs().max() < 0.02 * data["distance"].max()
        assert data.groupby("distance")["group"].nunique().max() == 1

    def test_what_is_drawn(self, tested) -> None:
        left, right = bs.plot_backtest(tested)
        legend = [text.get_text() for text in left.get_legend().get_texts()]
        cuts = len(tested.summary) - 1
        assert sum("inside 90 %" in text for text in legend) == cuts
        dots = [c for c in left.collections if "inside" in str(c.get_label())]
        assert sum(len(c.get_offsets()) for c in dots) == len(tested.runs)
        data = backtest_data(tested)
        (law,) = [one for one in right.lines if one.get_label() == "the law's forecast"]
        assert np.allclose(law.get_ydata(), data.groupby("group")["law"].mean())
        assert "too high" in left.get_ylabel() and "decades" in right.get_xlabel()

    def test_groups_stand_beside_each_other(self, runs) -> None:
        found = bs.backtest(runs, "chinchilla", leave_out="seed", random_seed=0)
        left, right = bs.plot_backtest(found)
        assert [text.get_text() for text in left.get_xticklabels()] == ["seed 1", "seed 2"]
        assert [text.get_text() for text in right.get_xticklabels()] == ["seed 1", "seed 2"]
        assert left.get_legend() is None
        assert set(backtest_data(found)["group"]) == {0, 1}

    def test_words_do_not_overlap(self, tested) -> None:
        assert faults_at_three_sizes(lambda: bs.plot_backtest(tested)) == []
        axes = bs.plot_backtest(tested)
        axes[0].figure.draw_without_rendering()
        dots = axes[0].collections[0]
        marks = axes[0].transData.transform(dots.get_offsets())
        assert marks[:, 1].max() < axes[0].get_legend().get_window_extent().y0

    def test_bands_allow_for_the_law_being_wrong(self, made_fit) -> None:
        large = bs.Discrepancy(size=0.05)
        allowed, believed = (bands_data(made_fit, discrepancy=d) for d in (large, None))
        assert np.allclose(allowed["law_upper"], believed["law_upper"])
        wide, narrow = (
            np.log(d["new_run_upper"] / d["new_run_lower"]) for d in (allowed, believed)
        )
        assert wide.iloc[-1] > 1.5 * narrow.iloc[-1]
        assert np.allclose(believed["outcome_upper"], believed["law_upper"])

    def test_frontier_is_wider_than_the_law_alone(self, made_fit) -> None:
        row = frontier_data(made_fit, 1e24).iloc[0]
        assert row["params_upper"] > row["params_law_upper"]
        assert row["tokens_lower"] < row["tokens_law_lower"]
        believed = frontier_data(made_fit, 1e24, discrepancy=None).iloc[0]
        assert believed["params_upper"] == believed["params_law_upper"] == row["params_law_upper"]
        axes = bs.plot_frontier(made_fit, 1e24, discrepancy=None)
        assert not [c for c in axes[0].collections if "alone" in str(c.get_label())]

    def test_averages_are_drawn(self, averaged, made_fit) -> None:
        mixed = bands_data(averaged, discrepancy=None)["law"]
        own = bands_data(made_fit, discrepancy=None)["law"]
        assert not np.allclose(mixed, own)
        assert bs.plot_bands(averaged).get_ylabel() == "loss (nats/token)"
        assert len(bs.plot_frontier(averaged, [1e20, 1e23])) == 2

    def test_compare_carries_the_rank_beyond_the_data(self) -> None:
        columns = {"elpd_diff": [0.0, -12.0], "dse": [0.0, 5.0], "weight": [0.9, 0.1]}
        table = pd.DataFrame({**columns, "warning": ["", ""]}, index=["skaling", "chinchilla"])
        assert "rank" not in compare_data(table)
        table["crps"] = [0.0072, 0.0061]
        assert compare_data(table)["rank"].to_list() == [2, 1]
        texts = [text.get_text() for text in bs.plot_compare(table).texts]
        assert "1.  CRPS 0.61 %" in texts and "2.  CRPS 0.72 %" in texts


class TestWords:
    def test_bias_is_said_with_its_side(self, tested) -> None:
        high = backtest_summary(changed(tested, mean_error=0.012, abs_error=0.016))
        assert "It predicts 1.2 % too high on average" in high[2]
        assert "too low" in backtest_summary(changed(tested, mean_error=-0.012, abs_error=0.016))[2]
        assert (
            "neither too high nor too low" in backtest_summary(changed(tested, mean_error=1e-5))[2]
        )

    @pytest.mark.parametrize(
        ("share", "verdict"),
        [(0.6, "too narrow"), (0.9, "close to nominal"), (0.995, "wider than")],
    )
    def test_coverage_is_judged(self, tested, share, verdict) -> None:
        assert verdict in backtest_summary(changed(tested, cover_90=share))[1]

    def test_a_rule_that_does_better_is_named(self, tested) -> None:
        assert not any("do not extrapolate" in text for text in backtest_summary(tested))
        beaten = " ".join(backtest_summary(changed(tested, log_linear=1e-6)))
        assert "no better than a straight line in the logarithms: do not extrapolate" in beaten

    def test_failed_draws_are_said(self, tested) -> None:
        summary = tested.summary.copy()
        summary.iloc[0, summary.columns.get_loc("diagnostics")] = False
        assert summary.index[0] in backtest_summary(replace(tested, summary=summary))[-1]

    def test_a_row_a_cut(self, tested) -> None:
        header, rows = scores(tested)
        assert len(rows) == len(tested.summary)
        assert all(len(row) == len(header) for row in rows)
        assert rows[-1][0] == "all"
        assert relative(0.00478) in ("0.48 %",)


class TestCommandLine:
    def test_backtest(self, runs, tested, tmp_path) -> None:
        runs.to_csv(tmp_path / "runs.csv", index=False)
        kept, drawn = tmp_path / "table.csv", tmp_path / "picture.png"
        arguments = ["backtest", tmp_path / "runs.csv", "-l", "chinchilla", "-o", kept]
        text = said(*arguments, "--plot", drawn, "--seed", 0)
        for sentence in backtest_summary(tested):
            assert sentence in text
        assert "discrepancy: the law may be off by 1.7 %" in text
        assert all(cells[2] in text for cells in scores(tested)[1])
        assert np.allclose(pd.read_csv(kept)["error"], tested.runs["error"])
        assert drawn.read_bytes().startswith(b"\x89PNG")

    def test_laws_have_the_discrepancies_of_their_own(self, runs, tested, tmp_path, monkeypatch):
        path = tmp_path / "runs.csv"
        runs.to_csv(path, index=False)
        both = replace(tested, law="chinchilla + skaling")
        monkeypatch.setattr(bs, "backtest", lambda *_, **__: both)
        asked = ["backtest", path, "--laws", "chinchilla,skaling"]
        text = said(*asked)
        assert "chinchilla: discrepancy: the law may be off by 1.7 %" in text
        assert f"skaling: discrepancy: {bs.Discrepancy().of_law('skaling')}" in text
        assert "for other laws" not in text
        found = json.loads(said(*asked, "--json"))["discrepancies"]
        assert found["skaling"]["size"] == bs.Discrepancy().of_law("skaling").size
        assert found["chinchilla"]["size"] == bs.Discrepancy().of_law("chinchilla").size
        alike = said(*asked, "--discrepancy", "0.02")
        assert alike.count("discrepancy: the law may be off") == 1

    def test_backtest_in_json(self, runs, tmp_path) -> None:
        path = tmp_path / "runs.csv"
        runs.to_csv(path, index=False)
        options = ["--laws", "chinchilla,skaling", "--cuts", "0.5", "--discrepancy", "none"]
        result = json.loads(run("backtest", path, *options, "--json").stdout)
        assert result["law"] == "chinchilla + skaling"
        assert result["discrepancy"] is None
        assert [row["cut"] for row in result["cuts"]][-1] == "all"
        assert len(result["runs"]) == 16

    def test_a_group_at_a_time(self, runs, tmp_path) -> None:
        path = tmp_path / "runs.csv"
        runs.to_csv(path, index=False)
        text = said("backtest", path, "-l", "chinchilla", "--leave-out", "seed")
        assert "without seed 1" in text and "without one group at a time" in text

    @pytest.mark.parametrize(
        ("options", "message", "code"),
        [
            (["--laws", "chinchilla,skaling", "-l", "chinchilla"], "--laws goes without --law", 1),
            (["--laws", "chinchilla,chinchilla:normal"], "takes each law once", 1),
            (["-l", "chinchilla", "--leave-out", "seed", "--cuts", "0.5"], "without --cuts", 1),
            (["-l", "chinchilla", "--plot", "x.doc"], "end it in .png", 1),
            (["-l", "chinchilla", "--discrepancy", "much"], "write 0.02 for 2 %", 1),
            (["-l", "chinchilla", "--discrepancy", "-1"], "positive size", 2),
        ],
    )
    def test_what_cannot_be(self, runs, tmp_path, options, message, code) -> None:
        path = tmp_path / "runs.csv"
        runs.to_csv(path, index=False)
        result = run("backtest", path, *options)
        assert result.exit_code == code
        assert message in result.stderr

    def test_the_discrepancy_is_one_option_for_all(self, saved, made_fit, tmp_path) -> None:
        asked = ["predict", saved, "--params", "70B", "--tokens", "1.4T"]
        assert "with discrepancy" in said(*asked) and "0.015" not in said(*asked)
        assert "far from them" in said(*asked)
        found = json.loads(run(*asked, "--discrepancy", "0.05:2", "--json").stdout)
        assert found["discrepancy"] == {"size": 0.05, "reach": 2.0}
        allowed = bs.Discrepancy(0.05, 2.0)
        same = bs.predict(made_fit, params=7e10, tokens=1.4e12, discrepancy=allowed, random_seed=0)
        assert found["points"][0]["outcome"]["median"] == pytest.approx(
            float(same["outcome"].median())
        )
        budget = ["optimum", saved, "--flops", "1e24"]
        wide, narrow = (
            json.loads(run(*budget, *options, "--json").stdout)["budgets"][0]["params"]
            for options in ([], ["--discrepancy", "none"])
        )
        assert wide["upper"] > narrow["upper"]
        assert "the law is assumed to hold" in said(*budget, "--discrepancy", "none")
        picture = tmp_path / "r.png"
        assert "wrote" in said("plot", saved, "bands", "-o", picture, "--discrepancy", "none")
        refused = run("plot", saved, "ridge", "-o", picture, "--discrepancy", "none")
        assert "does nothing to the picture ridge" in refused.stderr

    def test_compare_with_backtests(self, saved, averaged, tmp_path) -> None:
        other = bs.save(averaged.fits["skaling"], tmp_path / "skaling.nc")
        text = said("compare", saved, other, "--backtest")
        assert "beyond the data" in text and "weight (WAIC)" in text
        refused = run("compare", saved, other, "--discrepancy", "none")
        assert refused.exit_code == 1 and "pass --backtest" in refused.stderr

    def test_saved_fits_are_averaged(self, saved, averaged, tmp_path) -> None:
        other = bs.save(averaged.fits["skaling"], tmp_path / "skaling.nc")
        same = bs.Average(averaged.fits, {"chinchilla": 1.0, "skaling": 3.0})
        together = ["--with", other, "--weights", "1,3", "--discrepancy", "none"]
        asked = ["predict", saved, "--params", "70B", "--tokens", "1.4T", *together]
        assert "75 % on" in said(*asked)
        found = json.loads(run(*asked, "--json").stdout)
        mixed = bs.predict(same, params=7e10, tokens=1.4e12, discrepancy=None, random_seed=0)
        assert found["points"][0]["law"]["median"] == pytest.approx(float(mixed["law"].median()))
        assert [one["weight"] for one in found["average"].values()] == [0.25, 0.75]
        budget = bs.optimum(same, flops=1e24, discrepancy=None, random_seed=0)
        found = json.loads(run("optimum", saved, "--flops", "1e24", *together, "--json").stdout)
        params = float(budget["params"].median())
        assert found["budgets"][0]["params"]["median"] == pytest.approx(params)
        for more in (["regret", saved, "--flops", "1e24"], ["reach", saved, "--loss", "2.2"]):
            assert "average of" in said(*more, *together)
        assert "wrote" in said("plot", saved, "bands", "-o", tmp_path / "b.png", "--with", other)

    def test_which_fit_is_asked_for(self) -> None:
        for asked in (["predict", "--params", "1B"], ["optimum", "--flops", "1e22"]):
            refused = run(*asked)
            assert refused.exit_code == 2 and "Missing argument 'FIT'" in refused.stderr

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--weights", "1,3"], "pass the other fits with --with"),
            (["--with", "OTHER", "--weights", "1"], "pass one weight for each of"),
            (["--with", "OTHER", "--weights", "1,much"], "pass numbers"),
            (["--with", "FIT"], "given twice"),
        ],
    )
    def test_what_cannot_be_averaged(self, saved, averaged, tmp_path, options, message) -> None:
        other = bs.save(averaged.fits["skaling"], tmp_path / "skaling.nc")
        named = {"OTHER": other, "FIT": saved}
        given = [named.get(text, text) for text in options]
        refused = run("predict", saved, "--params", "70B", "--tokens", "1.4T", *given)
        assert refused.exit_code == 1 and message in refused.stderr
        picture = ["plot", saved, "ridge", "-o", tmp_path / "r.png", "--with", other]
        assert "is of one fit" in run(*picture).stderr

    def test_a_fit_holds_the_runs_it_is_tested_on(self, made_fit) -> None:
        again = runs_again(made_fit)
        assert np.array_equal(again.table["loss"], fitted_runs(made_fit)["loss"])
        assert again.loss_unit == "nats/token"
        assert again.params_convention == "total"


class TestReport:
    @pytest.fixture
    def page_of(self, monkeypatch, tmp_path) -> Any:
        monkeypatch.setattr(Picture, "source", "data:,")
        return lambda fit, **options: report(fit, tmp_path / "r.html", **options).read_text("utf-8")

    def test_with_and_without_for_the_targets(self, made_fit, page_of) -> None:
        page = page_of(made_fit, flops=1e23)
        assert "Discrepancy of the law" in page
        assert "without discrepancy" in page
        (target,) = targets(made_fit, 1e23)
        assert target.answers["params"].upper > target.without_discrepancy["params"].upper
        believed = page_of(made_fit, flops=1e23, discrepancy=None)
        assert "Discrepancy of the law" not in believed
        assert "assume that the law holds" in believed

    def test_a_backtest_is_shown_and_said(self, made_fit, tested, page_of) -> None:
        page = page_of(made_fit, flops=1e23, backtest=tested)
        assert page.index(backtest_summary(tested)[1]) < page.index("<h2>")
        assert "Out-of-sample performance on your runs" in page
        section = foresight.backtest_section(tested)
        assert [block.kind for block in section.blocks] == ["text", "table", "picture"]

    def test_an_average_is_reported_like_a_fit(self, averaged, page_of) -> None:
        page = page_of(averaged, flops=1e23)
        assert "chinchilla and skaling, averaged" in page
        assert "chinchilla 75 % and skaling 25 %" in page
        for title in ("Parameters of chinchilla", "Diagnostics of skaling", "averaged</h2>"):
            assert title in page
        mixed, own = (targets(fit, 1e23)[0] for fit in (averaged, averaged.fits["chinchilla"]))
        assert mixed.without_discrepancy["law"] != own.without_discrepancy["law"]
        assert answer(averaged, 1e23)[1].startswith("The answers are an average")

    def test_a_comparison_with_backtests(self, made_fit, page_of) -> None:
        columns = {
            "elpd_loo": [10.0, -2.5],
            "se_loo": [1.0, 2.0],
            "elpd_waic": [10.0, -2.0],
            "se_waic": [1.0, 2.0],
            "elpd_diff": [0.0, -12.5],
            "dse": [0.0, 3.0],
            "weight": [0.9, 0.1],
            "verdict": ["best", "worse"],
            "warning": ["", ""],
            "crps": [0.0072, 0.0061],
            "weight_beyond": [0.2, 0.8],
        }
        table = pd.DataFrame(columns, index=["skaling", "chinchilla"])
        page = page_of(made_fit, flops=1e23, comparison=table)
        assert "CRPS beyond" in page and "0.61 %" in page
