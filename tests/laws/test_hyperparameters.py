"""The step law: where the best learning rate and batch size are, and what missing them costs."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from bayescale.laws.library.hyperparameters import StepLaw

BASE = {"E": 1.6, "a": 0.4, "alpha": 0.3, "b": 0.5, "beta": 0.25}
BEST = {"lr_0": 1.3, "lr_N": -0.7, "lr_D": 0.3, "batch_0": 0.8, "batch_D": 0.57, "batch_N": -0.2}
COST = {"kappa": 0.3, "h_lr": 0.05, "h_batch": 0.03, "skew_lr": 0.6, "skew_batch": 0.2}
TRUTH = BASE | BEST | COST | {"h_N": -0.1, "h_D": 0.05}
SIZE, DATA = 4.0, 2.5


def loss(log_lr: float, log_batch: float, N: float = SIZE, D: float = DATA, **other) -> float:
    at = {"lr": np.exp(log_lr), "batch": np.exp(log_batch)}
    value: Any = StepLaw.equation(N=N, D=D, **at, **(TRUTH | other))
    return float(value)


def lowest(**other) -> tuple[np.ndarray, float]:
    found = minimize(lambda x: loss(*x, **other), [0.0, 0.0], tol=1e-12, method="Nelder-Mead")
    return found.x, found.fun


@pytest.mark.parametrize("batch_N", [0.0, -0.2])
def test_the_lowest_loss_is_chinchillas_where_the_power_laws_are(batch_N: float) -> None:
    references = {"N": 5e8, "D": 2e10, "lr": 2e-3, "batch": 5e5}
    values = TRUTH | {"batch_N": batch_N}
    (log_lr, log_batch), least = lowest(batch_N=batch_N)
    assert least == pytest.approx(1.6 + 0.4 * SIZE**-0.3 + 0.5 * DATA**-0.25, rel=1e-9)
    constants = StepLaw.derived(**references, **values)
    size, data = SIZE * references["N"], DATA * references["D"]
    best_batch = constants["batch_c"] * size**batch_N * data**0.57
    assert references["lr"] * np.exp(log_lr) == pytest.approx(
        constants["lr_c"] * size**-0.7 * data**0.3, rel=1e-4
    )
    assert references["batch"] * np.exp(log_batch) == pytest.approx(best_batch, rel=1e-4)


def test_what_a_miss_costs_is_a_share_of_the_reducible_loss_and_follows_the_scale() -> None:
    def share(N: float, D: float) -> float:
        best = 0.4 * N**-0.3 + 0.5 * D**-0.25
        (log_lr, log_batch), least = lowest(N=N, D=D)
        return (loss(log_lr + 1, log_batch, N=N, D=D) - least) / best

    assert share(1.0, 1.0) == pytest.approx(0.05 * 2 * (np.expm1(0.6) - 0.6) / 0.36, rel=1e-4)
    assert share(8.0, 3.0) / share(1.0, 1.0) == pytest.approx(8**-0.1 * 3**0.05, rel=1e-4)


def test_too_high_a_rate_costs_more_than_too_low() -> None:
    (log_lr, log_batch), least = lowest()
    assert loss(log_lr + 1, log_batch) - least > 1.3 * (loss(log_lr - 1, log_batch) - least)


def test_the_sampled_cost_is_that_of_the_log_loss_whatever_the_floor() -> None:
    def sampled(values: dict[str, float]) -> np.ndarray:
        positive = {*BASE, "lr_0", "batch_0", "h_lr", "h_batch"}
        linked = {k: np.log(v) if k in positive else v for k, v in values.items()}
        return np.array(StepLaw.coordinates(**{k: linked[k] for k in StepLaw.parameters}))

    low, high = TRUTH, TRUTH | {"E": 2.0, "a": 0.2, "b": 0.3, "h_lr": 0.09, "h_batch": 0.054}
    for name in ("h_lr", "h_batch"):
        place = [*StepLaw.parameters].index(name)
        assert sampled(low)[place] == pytest.approx(sampled(high)[place])
