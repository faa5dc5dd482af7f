"""The penalty for repetition: none at one epoch, a rise where a model is large for its data."""

from typing import Any

import numpy as np
import pytest

from bayescale.laws.library.data_constrained import RepeatedOverfitting

BASE = {"E": 1.7, "a": 0.4, "alpha": 0.35, "b": 0.5, "beta": 0.35}
PENALTY = {"c": 0.05, "kappa": 0.9, "R": 100.0}


def loss(N: float, D: float, epochs: float) -> float:
    value: Any = RepeatedOverfitting.equation(N=N, D=D, epochs=epochs, **BASE, **PENALTY)
    return float(value)


@pytest.mark.parametrize("epochs", [0.5, 1.0])
def test_without_repetition_it_is_chinchillas(epochs: float) -> None:
    assert loss(3.0, 2.0, epochs) == pytest.approx(1.7 + 0.4 * 3.0**-0.35 + 0.5 * 2.0**-0.35)


def test_endless_repetition_costs_a_power_of_size_over_unique_data() -> None:
    unique, size = 0.1, 4.0
    added = loss(size, unique * 1e6, 1e6) - 1.7 - 0.4 * size**-0.35 - 0.5 * (unique * 1e6) ** -0.35
    assert added == pytest.approx(0.05 * (size / unique) ** 0.9)


def test_repetition_helps_a_small_model_and_harms_a_large_one() -> None:
    epochs = np.array([1.0, 8.0, 64.0])
    small, large = ([loss(size, 0.1 * e, e) for e in epochs] for size in (0.05, 20.0))
    assert small == sorted(small, reverse=True)
    assert large[1] < large[0] < large[2]
