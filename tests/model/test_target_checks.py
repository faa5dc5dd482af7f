"""A law refuses a target that it cannot take, and says what to do."""

import warnings

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data.derive import with_derived
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
    assert '"-elo"' in said and "rising_power_law_floor" in said


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
    assert 'divided by 100, the column made by "accuracy / 100"' in said
    derived = with_derived(runs, {"share": "accuracy / 100"})
    assert len(prepare(derived, law, columns={"accuracy": "share"})[1].observed) == 20


def test_a_rating_is_no_accuracy() -> None:
    assert "-2000 to -200" in refused(
        table(accuracy=np.linspace(-2000, -200, 20)), "pow3", columns={"x": "flops"}
    )


def test_an_accuracy_is_no_loss() -> None:
    runs = table(accuracy=shares())
    said = refused(runs, "power_law_floor", columns={"loss": "accuracy"})
    assert "accuracy rises with flops, where power_law_floor can only fall" in said
    assert '"1 - accuracy"' in said and "accuracy_from_compute" in said
    derived = with_derived(runs, {"error_rate": "1 - accuracy"})
    _, data = prepare(derived, "power_law_floor", columns={"loss": "error_rate"})
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
