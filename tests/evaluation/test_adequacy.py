"""Adequacy: a right law is left alone, and a wrong one is said to miss what it misses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import example_fits
import numpy as np
import pandas as pd
import pytest
from handmade import REFERENCES, TRUTH, design, fit_around

import bayescale as bs
from bayescale.evaluation.adequacy import _clusters, _holm
from bayescale.evaluation.lack_of_fit import Residuals, polynomial, standardised
from bayescale.evaluation.residuals import isolated
from bayescale.inference.result import Fit
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec


def table(seed: int, truth: dict[str, float] | None = None, sigma: float = 0.005) -> pd.DataFrame:
    """Simulate forty runs of Chinchilla's law."""
    at = {**TRUTH["chinchilla"], **(truth or {}), "sigma": sigma, "nu": 5}
    return bs.simulate("chinchilla", design(), at, references=REFERENCES, random_seed=seed)


def fitted(runs: pd.DataFrame, rounds: int = 3) -> Fit:
    """Fit Chinchilla's law without sampling: Newton steps from the truth, a Gaussian posterior."""
    near = TRUTH["chinchilla"]
    for _ in range(rounds):
        fit = example_fits.gaussian_fit("chinchilla", bs.read_runs(runs), near)
        near = {name: float(fit.posterior[name].median()) for name in near}
    return fit


def test_residuals_of_a_right_law_have_the_covariance_that_tests_assume() -> None:
    """Over many tables, small p-values of one set of directions are no more frequent than said."""
    found, freedom = [], []
    for seed in range(40):
        residuals = Residuals.of(fitted(table(seed), rounds=1))
        freedom.append(residuals.freedom)
        values = standardised(design()["tokens"].to_numpy())
        explained = residuals.explained_by(polynomial(values[:, None], 3))
        assert explained is not None
        found.append(explained.p_value)
    assert 34.5 < np.mean(freedom) < 36  # forty runs, five parameters, of which priors know a part
    # Of forty, twelve or more below 0.1 have a chance of 0.0004; directions that the law has nearly
    # taken up make the test careful.
    assert (np.array(found) < 0.1).sum() < 12
    assert np.median(found) < 0.95


def test_an_f_test_by_hand() -> None:
    """Where the law has taken up nothing, it is regression's F."""
    rng = np.random.default_rng(1)
    y, x = rng.normal(size=30), rng.normal(size=(30, 2))
    residuals = Residuals(0.01 * y, np.full(30, 0.01), y, np.zeros((30, 1)))
    explained = residuals.explained_by(x)
    assert explained is not None
    centred = x - x.mean(axis=0)
    fit = centred @ np.linalg.lstsq(centred, y, rcond=None)[0]
    ratio = (fit @ fit / 2) / ((y @ y - fit @ fit) / 28)
    from scipy.stats import f

    assert explained.p_value == pytest.approx(f.sf(ratio, 2, 28))
    np.testing.assert_allclose(explained.pattern, 0.01 * fit)
    excess = (fit @ fit - 2 * (y @ y - fit @ fit) / 28) / (y @ y)
    assert explained.share == pytest.approx(max(excess, 0))


def test_directions_that_the_law_has_taken_up_are_not_tested() -> None:
    fit = fitted(table(1))
    residuals, inputs = Residuals.of(fit), {**fit.inputs}
    centre = fit.parameters.median(("chain", "draw"))
    raised = fit.curve(inputs, centre.assign(E=centre["E"] * 1.01))
    taken_up = np.log(raised / fit.curve(inputs, centre)).values
    assert residuals.explained_by(taken_up[:, None]) is None


def test_p_values_are_corrected_for_their_number() -> None:
    assert _holm([0.04, 0.01, 0.5]) == pytest.approx([0.08, 0.03, 0.5])
    assert _holm([0.02, 0.02]) == pytest.approx([0.04, 0.04])
    assert _holm([]) == []


def test_a_right_law_describes_the_runs() -> None:
    runs = table(29).assign(lr=np.tile([1e-3, 3e-3], 20), corpus=list("ab") * 20)
    found = fitted(runs).adequacy
    assert found.ok and not found.severe and found.problems() == []
    assert found.scatter == pytest.approx(0.0055, rel=0.35)
    assert {"along tokens", "along flops", "smooth function", "column lr", "column corpus"} <= set(
        found.checks.index
    )
    assert str(found).startswith("the law describes the runs: scatter 0.")


def bend(runs: pd.DataFrame) -> pd.Series:
    return runs["loss"] * (1 + 0.03 * np.log10(runs["tokens"] / 2e10) ** 2)


def by_ratio(runs: pd.DataFrame) -> pd.Series:
    return runs["loss"] * (1 + 0.05 * np.log10(runs["tokens"] / runs["params"] / 20) ** 2)


@pytest.mark.parametrize(("change", "column"), [(bend, "tokens"), (by_ratio, "tokens per param")])
def test_a_bend_is_named(change: Callable[[Any], Any], column: str) -> None:
    runs = table(3, sigma=0.002)
    found = fitted(runs.assign(loss=change(runs))).adequacy
    shape = next(one for one in found.findings if one.kind == "shape")
    assert shape.column == column, found
    assert "residuals bend with" in shape.text and "%" in shape.text
    assert shape.p_value < 0.001 and 0.001 < shape.size < 0.05


def test_a_group_is_named_with_what_fitting_by_it_leaves() -> None:
    parts = [table(i).assign(corpus=c) for i, c in enumerate("abc")]
    runs = pd.concat(parts, ignore_index=True)
    runs["loss"] *= runs["corpus"].map({"a": 1.0, "b": 1.03, "c": 0.96})
    found = fitted(runs).adequacy
    first = found.findings[0]
    assert first.kind == "column" and first.column == "corpus" and first.severe
    assert first.share > 0.8 and "group='corpus'" in first.text
    before, after = (
        float(part.split()[0]) for part in first.text.split("scatter ")[1].split(" %,")
    )
    assert before > 1 and after < 0.7, first.text


@pytest.mark.parametrize("kind", [bool, "boolean", str])
def test_a_column_of_true_and_false_is_of_groups(kind: Any) -> None:
    runs = pd.concat([table(i) for i in range(2)], ignore_index=True)
    flag = pd.Series(np.arange(80) >= 40)
    runs = runs.assign(deduplicated=flag.astype(kind), loss=runs["loss"] * (1 + 0.03 * flag))
    found = fitted(runs).adequacy.findings[0]
    assert found.column == "deduplicated" and "group='deduplicated'" in found.text
    assert found.text.startswith("residuals differ by deduplicated (scatter 1.")


def test_a_saved_fit_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(3, sigma=0.002)
    made = fitted(runs.assign(loss=bend(runs)))
    bs.save(made, tmp_path / "new.nc")
    found = made.adequacy
    bs.save(made, tmp_path / "judged.nc")
    assert bs.load(tmp_path / "new.nc").adequacy.problems() == found.problems()
    monkeypatch.setattr(Residuals, "of", None)  # nothing is worked out again
    again = bs.load(tmp_path / "judged.nc").adequacy
    assert again.findings == found.findings and not again.ok
    pd.testing.assert_frame_equal(again.checks, found.checks)
    assert (again.scatter, again.runs) == (found.scatter, found.runs)


@pytest.mark.parametrize("said", [None, 3, [], {}, {"findings": 1}, {"checks": 1, "findings": []}])
def test_what_is_no_adequacy_is_worked_out_again(said: Any) -> None:
    made = fitted(table(3))
    expected = made.adequacy.checks
    loaded = bs.Fit(made.spec, made.tree, made.record, {"adequacy": said})
    pd.testing.assert_frame_equal(loaded.adequacy.checks, expected)


def test_a_column_of_numbers_is_named() -> None:
    runs = table(4)
    lr = np.random.default_rng(1).choice([1e-4, 3e-4, 1e-3, 3e-3, 1e-2], 40)
    runs = runs.assign(lr=lr, loss=runs["loss"] * (1 + 0.02 * (np.log10(lr) + 3) ** 2))
    (finding,) = (one for one in fitted(runs).adequacy.findings if one.column == "lr")
    assert "residuals follow lr, which the law does not use" in finding.text


def test_replicates_show_what_curves_do_not() -> None:
    """A rough misfit: each size is off by its own amount, the same in four runs of it."""
    runs = pd.concat([table(i, sigma=0.001) for i in range(4)], ignore_index=True)
    off = np.tile(np.random.default_rng(0).normal(0, 0.01, 40), 4)
    found = fitted(runs.assign(loss=runs["loss"] * np.exp(off))).adequacy
    assert found.checks.loc["runs of equal inputs", "p_value"] < 1e-6
    assert found.checks.loc["runs of equal inputs", "share"] > 0.8


def test_three_outliers_are_no_misfit() -> None:
    runs = table(5)
    runs.loc[[3, 17, 30], "loss"] *= 1.2
    assert fitted(runs).adequacy.ok


def test_few_runs_are_not_judged() -> None:
    runs = table(6).iloc[::6]
    found = fitted(runs, rounds=1).adequacy
    assert found.ok and str(found) == "7 runs are too few to judge the law"


def test_a_fit_shows_both_verdicts() -> None:
    shown = str(fitted(table(29)))
    assert "no problem found" in shown and "the law describes the runs" in shown
    assert "the law describes the runs" in fitted(table(29))._repr_html_()


def test_what_was_measured_of_a_run_is_no_reason_for_its_loss() -> None:
    """Another metric of the same run shares its noise; a setting that does so is named."""
    runs = table(3)
    made = fitted(runs)
    shared = Residuals.of(made).relative + 0.001 * np.random.default_rng(3).normal(size=len(runs))
    for column, named in {"loss_c4_en": 0, "err_task": 0, "warmup": 1}.items():
        findings = fitted(runs.assign(**{column: shared})).adequacy.findings
        assert [one.column for one in findings] == [column] * named


def test_columns_that_repeat_an_input_or_the_target_are_not_looked_at() -> None:
    runs = table(7)
    runs = runs.assign(hours=runs["params"] * runs["tokens"] / 1e18, ppl=np.exp(runs["loss"]))
    checks = fitted(runs).adequacy.checks.index
    assert not [name for name in checks if name.startswith("column")]


def test_a_function_of_the_inputs_is_no_other_column() -> None:
    runs = table(7)
    sizes = runs["params"].rank(method="dense").astype(int).map("size {}".format)
    work = runs["params"] ** 0.7 * runs["tokens"] ** 1.2
    checks = fitted(runs.assign(size=sizes, work=work)).adequacy.checks.index
    assert not [name for name in checks if name.startswith("column")]
    large = (runs["params"] > runs["params"].median()).map(str)  # several sizes of one name
    mixed = fitted(runs.assign(kind=large)).adequacy.checks
    assert "column kind" in mixed.index


def test_it_is_of_one_law() -> None:
    fits = example_fits.namespace()["fits"]
    with pytest.raises(bs.BayescaleError, match="adequacy is of one law"):
        bs.adequacy(bs.Average(fits, {"chinchilla": 1, "skaling": 1}))


def test_the_columns_of_a_table_are_saved_with_a_fit(tmp_path) -> None:
    runs = table(8).assign(corpus=list("ab") * 20, **{"optim/lr": np.tile([1e-3, 2e-3], 20)})
    fit = fitted(runs, rounds=1)
    again = bs.load(fit.save(tmp_path / "fit.nc"))
    pd.testing.assert_frame_equal(again.other_columns, fit.other_columns)
    assert list(again.other_columns)[-2:] == ["corpus", "optim|lr"]
    pd.testing.assert_frame_equal(again.adequacy.checks, fit.adequacy.checks)


def test_two_kinds_of_runs_in_one_table_are_noticed() -> None:
    """A third of the runs 4 % higher, and no column that says so."""
    runs = pd.concat([table(i) for i in range(3)], ignore_index=True)
    runs.loc[80:, "loss"] *= 1.04
    found = fitted(runs.assign(loss=runs["loss"])).adequacy
    assert not found.ok
    assert {one.kind for one in found.findings} & {"clusters", "outliers"}, found
    assert "runs of different kinds" in str(found)


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.5])
def test_the_clearer_the_clusters_the_smaller_their_p_value(spread: float) -> None:
    """SciPy's transformation of the kurtosis has a pole: clear clusters got a p-value of one."""
    raw = np.repeat([-1.0, 1.0], 50) + spread * np.random.default_rng(0).standard_normal(100)
    (found,) = _clusters(Residuals(raw, np.ones(100), raw, np.zeros((100, 1))))
    assert found.found.p_value < 1e-6


@pytest.mark.parametrize("count", [20, 50, 300])
def test_scatter_of_a_bell_shape_falls_into_no_clusters(count: int) -> None:
    rng = np.random.default_rng(count)
    p_values = [
        check.found.p_value
        for raw in rng.standard_normal((400, count))
        for check in _clusters(Residuals(raw, np.ones(count), raw, np.zeros((count, 1))))
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def resistant(runs: pd.DataFrame) -> Fit:
    """Fit Chinchilla's law as heavy tails do, which no outlier moves: around the truth."""
    spec = make_spec("chinchilla", references={k: REFERENCES[k] for k in ("N", "D")})
    return fit_around(spec, extract(spec, bs.read_runs(runs)), TRUTH["chinchilla"], spread=0.002)


def slipped(runs: pd.DataFrame, **factors: float) -> pd.DataFrame:
    """Name the runs, and multiply the losses of some."""
    named = runs.assign(run=[f"r{i}" for i in range(len(runs))])
    named["loss"] *= named["run"].map(factors).fillna(1.0)
    return named


def test_a_run_of_a_wrong_digit_is_named_with_what_to_do() -> None:
    runs = slipped(table(29), r7=1.2)
    found = resistant(runs).adequacy
    (said,) = found.outliers
    observed, right = runs["loss"][7], runs["loss"][7] / 1.2
    assert found.ok and str(found).endswith(said)
    assert said.startswith(f"run r7 has loss {observed:.3f} where the law expects ")
    expected = float(said.split("expects ")[1].split(",")[0])
    assert expected == pytest.approx(right, rel=0.01)
    away = float(said.split(", ")[1].split(" times")[0])
    assert away == pytest.approx(np.log(1.2) / 0.005, rel=0.5)
    assert (
        "leave it out with where='run != \"r7\"' (student_t noise gives it little weight)" in said
    )
    assert "run r7 has loss" in found._repr_html_()
    assert bs.Adequacy.from_dict(found.to_dict()).outliers == (said,)
    kept = bs.read_runs(runs, where='run != "r7"')
    assert len(kept) == 39 and not resistant(kept.table).adequacy.outliers


def test_of_several_slips_each_is_named_and_without_a_name_its_row() -> None:
    runs = slipped(table(29), r7=1.2, r30=0.85, r12=1.15)
    found = resistant(runs.drop(columns="run")).adequacy.outliers
    assert [one.split(" has")[0] for one in found] == ["row 7", "row 30", "row 12"]
    assert ["leave it out (" in one for one in found] == [True, False, False]


def test_normal_noise_gives_an_outlier_full_weight() -> None:
    """It moves the law, by which other runs seem to be off."""
    runs = slipped(table(29), r7=1.2)
    found = bs.fit(runs, "chinchilla", noise="normal", random_seed=1, progressbar=False).adequacy
    (said,) = found.outliers
    assert str(found).startswith("the law misses: ") and str(found).endswith(said)
    assert said.startswith("run r7 has") and "normal noise gives it full weight" in said


@pytest.mark.parametrize(("runs", "nu", "most"), [(100, 4, 6), (20, 4, 8), (100, 1e6, 0)])
def test_tails_alone_name_a_run_in_few_tables(runs: int, nu: float, most: int) -> None:
    """In one of a hundred tables of heavy tails; more than these have a chance of 0.02."""
    rng = np.random.default_rng(4)
    tables = np.abs(rng.standard_t(nu, (200, runs)))
    assert sum(len(isolated(one)[0]) > 0 for one in tables) <= most
    tables[:, 0] = 40
    assert sum(0 in isolated(one)[0] for one in tables) > 170


@pytest.mark.parametrize("odd", [1, 4, 5, 9, 12])
def test_more_than_four_slips_are_all_found(odd: int) -> None:
    """A fifth one does not hide among tails that it makes itself."""
    distance = np.abs(np.random.default_rng(3).standard_t(4, 245))
    distance[:odd] = np.linspace(60, 200, odd)
    rows, size = isolated(distance)
    assert sorted(rows) == list(range(odd)) and 0.7 < size < 1.4


def test_of_many_outliers_the_worst_four_are_described() -> None:
    runs = pd.concat([table(29), table(30)], ignore_index=True)
    factors = {f"r{i}": 1.2 + 0.05 * i for i in range(6)}
    found = resistant(slipped(runs, **factors)).adequacy
    assert len(runs) == 80 and len(found.outliers) == 5
    assert [one.split(" has ")[0] for one in found.outliers[:4]] == [
        "run r5", "run r4", "run r3", "run r2"
    ]  # fmt: skip
    assert found.outliers[4] == "and 2 more (bayescale.outliers names all)"
