"""Laws of metrics of any sign that rise: laws of loss, turned over."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.laws.registry import get_law
from bayescale.laws.rising import rising

TRUTH = {"E": 100.0, "scale": 900.0, "exponent": 0.2}


def test_it_is_its_law_turned_over() -> None:
    law, own = get_law("rising_chinchilla"), get_law("chinchilla")
    values = {"N": 3.0, "D": 2.0, "a": 0.4, "alpha": 0.3, "b": 0.5, "beta": 0.2}
    below = own.equation(**values, E=1.0) - 1.0
    assert law.equation(**values, E=-5.0) == pytest.approx(-5.0 - below)
    assert law.rises and law.target == "y" and law.noise == "raw_student_t"


@pytest.mark.parametrize("name", ["kaplan", "farseer", "accuracy_power_law"])
def test_a_law_without_a_floor_that_adds_is_refused(name: str) -> None:
    with pytest.raises(bs.BayescaleError, match=f"{name} cannot be turned over"):
        rising(get_law(name))


def test_ratings_below_zero_are_recovered() -> None:
    flops = np.geomspace(1e18, 1e22, 30)
    at, values = {"x": 1e20}, TRUTH | {"sigma": 25.0, "nu": 10.0}
    runs = bs.simulate(
        "rising_power_law_floor",
        pd.DataFrame({"flops": flops}),
        values,
        references=at,
        columns={"y": "elo"},
        random_seed=4,
    )
    assert runs["elo"].min() < -2000 and runs["elo"].max() < 0
    fit = bs.fit(
        runs,
        "rising_power_law_floor",
        columns={"y": "elo"},
        references=at,
        random_seed=1,
        progressbar=False,
    )
    assert fit.diagnostics.ok
    for name, value in TRUTH.items():
        # Of these data, truths lie at 92 % at most: five Monte Carlo errors inside.
        low, high = np.quantile(fit.posterior[name], [0.05, 0.95])
        assert low < value < high, name
    assert float(fit.posterior["sigma"].mean()) < 40
