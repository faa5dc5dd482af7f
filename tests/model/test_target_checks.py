"""A law refuses a target that it cannot take, and says what to do."""

import ast
import re
import warnings

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.inference.fit import prepare
from bayescale.laws.registry import BUILT_IN

FLOPS = np.geomspace(1e18, 1e22, 20)
SHIFT = np.tile([0.01, -0.01, 0.005, -0.005], 5)


def table(**columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"flops": FLOPS, **columns})


def falling() -> np.ndarray:
    return (1.7 + 0.8 * (FLOPS / 1e20) ** -0.2) * (1 + SHIFT)


def shares() -> np.ndarray:
    return np.linspace(0.1, 0.8, 20) + SHIFT


def refused(runs: pd.DataFrame, law: str, **options) -> str:
    with pytest.raises(bs.BayescaleError) as caught:
        prepare(runs, law, **options)
    return str(caught.value)


@pytest.mark.parametrize("noise", [None, "raw_student_t"])
@pytest.mark.parametrize("law", ["power_law_floor", "broken_power_law"])
def test_ratings_below_zero_are_no_loss(law: str, noise: str | None) -> None:
    runs = table(tokens=FLOPS / 1e10, elo=np.linspace(-2000, -200, 20))
    said = refused(runs, law, noise=noise, columns={"loss": "elo"})
    assert "elo is -2000 to -200" in said and "20 of 20 rows" in said
    assert "columns={'elo': '-elo'}" in said and "rising_power_law_floor" in said


def test_a_metric_of_both_signs_is_no_loss() -> None:
    said = refused(table(loss=np.linspace(-500, 500, 20)), "power_law", noise="raw_normal")
    assert "positive values" in said and "log_trend" in said


def test_a_few_failed_rows_are_set_aside_as_before() -> None:
    loss = falling()
    loss[3] = -1.0
    with pytest.warns(bs.BayescaleWarning, match="1 of 20 rows set aside"):
        assert len(prepare(table(loss=loss), "power_law")[1].observed) == 19


@pytest.mark.parametrize("law", ["accuracy_from_compute", "accuracy_power_law"])
def test_per_cent_are_divided(law: str) -> None:
    runs = table(accuracy=100 * shares())
    said = refused(runs, law)
    assert "divided by 100, read_runs(columns={'accuracy': 'accuracy / 100'})" in said
    read = bs.read_runs(runs, columns={"accuracy": "accuracy / 100"})
    np.testing.assert_allclose(prepare(read, law)[1].observed, shares())


@pytest.mark.parametrize("name", ["accuracy", "acc", "my_score", "HellaSwag acc (%)", "acc (n)"])
@pytest.mark.parametrize("way", ["read", "computed", "fitted"])
def test_the_hint_for_per_cent_leads_to_a_fit(name: str, way: str) -> None:
    """However the column was named: doing once what the error says is enough."""
    runs, law = table(**{name: 100 * shares()}), "accuracy_from_compute"
    columns = {"accuracy": f"`{name}` * 1" if way == "computed" else name}
    fitted = columns if way == "fitted" else {}
    before = runs if way == "fitted" else bs.read_runs(runs, columns=columns)
    said = refused(before, law, columns=fitted)
    found = re.search(r"read_runs\(columns=(\{.*?\})\)", said)
    assert found is not None
    read = bs.read_runs(runs, columns=ast.literal_eval(found[1]))
    np.testing.assert_allclose(prepare(read, law, columns=fitted)[1].observed, shares())


def test_a_column_made_after_the_reading_is_mended_where_it_is_made() -> None:
    runs = bs.read_runs(table(score=100 * shares())).derive({"accuracy": "score * 1"})
    said = refused(runs, "accuracy_from_compute")
    assert "accuracy / 100 in place of accuracy where it is made" in said


@pytest.mark.parametrize("name", ["acc", "my_score", "HellaSwag acc (%)"])
def test_a_score_by_another_name_is_found(name: str) -> None:
    """It is proposed for the accuracy, and the loss that the law takes is not."""
    runs = table(loss=falling(), **{name: shares()})
    said = refused(runs, "accuracy_from_loss")
    assert f"columns={{'accuracy': {name!r}}}" in said and "'accuracy': 'loss'" not in said
    read = bs.read_runs(runs, columns={"accuracy": name})
    np.testing.assert_allclose(prepare(read, "accuracy_from_loss")[1].observed, shares())


def test_a_formula_is_read_with_the_table() -> None:
    runs = table(loss=falling(), acc=100 * shares())
    said = refused(runs, "accuracy_from_loss", columns={"accuracy": "acc / 100"})
    assert "read_runs(columns={'accuracy': 'acc / 100'})" in said
    said = refused(runs, "power_law", columns={"x": "flops / 1e9"})
    assert "read_runs(columns={'flops': 'flops / 1e9'})" in said


def test_a_rating_is_no_accuracy() -> None:
    assert "-2000 to -200" in refused(
        table(accuracy=np.linspace(-2000, -200, 20)), "pow3", columns={"x": "flops"}
    )


def test_an_accuracy_is_no_loss() -> None:
    runs = table(accuracy=shares())
    said = refused(runs, "power_law_floor", columns={"loss": "accuracy"})
    assert "accuracy rises with flops, where power_law_floor can only fall" in said
    assert "'accuracy': '1 - accuracy'" in said and "accuracy_from_compute" in said
    read = bs.read_runs(runs, columns={"accuracy": "1 - accuracy"})
    _, data = prepare(read, "power_law_floor", columns={"loss": "accuracy"})
    assert data.observed[0] > data.observed[-1]


def test_a_negative_needs_the_noise_too() -> None:
    runs = table(params=FLOPS / 1e10, y=np.linspace(-9, -2, 20))
    assert "raw_student_t noise" in refused(runs, "log_trend", noise="normal")
    assert prepare(runs, "log_trend")[1].observed.max() == -2


def test_a_rising_loss_is_fitted_with_a_warning() -> None:
    runs = table(loss=falling()[::-1].copy())
    with pytest.warns(bs.BayescaleWarning, match="rises with flops, where power_law can only"):
        assert len(prepare(runs, "power_law")[1].observed) == 20


def test_an_accuracy_that_falls_is_fitted_with_a_warning() -> None:
    with pytest.warns(bs.BayescaleWarning, match="accuracy falls with flops"):
        prepare(table(accuracy=shares()[::-1].copy()), "accuracy_power_law")


@pytest.mark.parametrize(
    ("runs", "law", "columns"),
    [
        (table(loss=falling()), "power_law", {}),
        (table(loss=falling()[::-1].copy()), "broken_power_law", {"x": "flops"}),
        (table(loss=falling()[::-1].copy()), "trend", {"y": "loss"}),
        (table(loss=falling()[::-1].copy())[:5], "power_law", {}),
        (table(loss=2 + SHIFT), "power_law", {}),
    ],
    ids=["falls", "law-can-rise", "trend", "five-runs", "flat"],
)
def test_no_false_alarm(runs: pd.DataFrame, law: str, columns: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, data = prepare(runs, law, columns=columns)
    assert len(data.observed) == len(runs)


def test_a_target_of_one_value_has_no_trend_to_ask_for() -> None:
    """SciPy would warn of a correlation with a constant: every warning here is an error."""
    assert len(prepare(table(loss=np.full(20, 3.0)), "power_law_floor")[1].observed) == 20


def test_a_loss_that_rises_with_size_at_a_budget_is_no_alarm() -> None:
    design = bs.isoflop_design(flops=[1e20], ratios=np.geomspace(0.1, 20, 12))
    truth = {"E": 1.69, "a": 406.4, "alpha": 0.34, "b": 410.7, "beta": 0.28}
    runs = bs.simulate("chinchilla", design, truth, random_seed=1)
    assert runs.sort_values("params")["loss"].iloc[-1] > runs["loss"].min()
    assert len(prepare(runs, "chinchilla")[1].observed) == 12


def test_laws_of_any_sign_are_named_by_what_they_declare() -> None:
    bounds = {name: law.target_bounds for name, law in BUILT_IN.items()}
    assert {name for name, (low, _) in bounds.items() if low < 0} == {
        "vocabulary",
        "vocabulary_size",
        "board_game",
        "log_trend",
        "rating_from_train_and_test",
        "rising_power_law_floor",
        "rising_broken_power_law",
    }
    assert bounds["chinchilla"] == bounds["error_from_loss"] == (0.0, float("inf"))
    assert bounds["pow3"] == bounds["chinchilla_then_accuracy_from_loss"] == (0.0, 1.0)
