"""Training in few bits and rounding afterwards, in one law."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares

import bayescale as bs
from bayescale.laws.registry import get_law

TRAINED = {"E": 2.5, "a": 0.3, "alpha": 0.4, "b": 0.4, "beta": 0.45, "gamma": 2.6}
ROUNDED = {"delta": 0.05, "gamma_D": 0.5, "gamma_N": 0.35, "k": 3.0}
LAW = get_law("precision_and_quantisation")


def test_it_is_the_law_of_training_plus_that_of_rounding() -> None:
    n, d, bits, after = 3.0, 0.5, 6.0, 0.8
    found = LAW.equation(N=n, D=d, P=bits, P_q=after, **TRAINED, **ROUNDED)
    trained = get_law("precision_tied").equation(N=n, D=d, P=bits, **TRAINED)
    rounding = get_law("post_training_quantisation").equation(N=n, D=d, P=after, **ROUNDED)
    assert found == pytest.approx(trained + rounding, rel=1e-14)
    unrounded = LAW.equation(N=n, D=d, P=bits, P_q=8.0, **TRAINED, **ROUNDED)
    assert unrounded == pytest.approx(trained, rel=1e-6)


def test_more_data_can_make_the_rounded_model_worse() -> None:
    """As the paper says of models rounded to few bits, and never without rounding."""
    data = np.geomspace(1, 1000, 50)
    rounded, plain = (
        LAW.equation(N=1.0, D=data, P=16.0, P_q=q, **TRAINED, **ROUNDED) for q in (0.7, 8.0)
    )
    assert rounded[-1] > rounded.min() + 0.5
    assert (np.diff(plain) < 0).all()


def test_both_precisions_are_recovered_by_least_squares() -> None:
    grid = pd.MultiIndex.from_product(
        [[3e7, 8e7, 2e8], [1.5e9, 6e9, 2.6e10], [3, 4, 6, 12], [3, 4, 6, 16]],
        names=["params", "tokens", "bits", "bits_after"],
    ).to_frame(index=False)
    at = {"N": 8e7, "D": 6e9, "P_q": 5.0}
    noise = {"sigma": 0.001, "nu": 30.0}
    runs = bs.simulate(LAW, grid, {**TRAINED, **ROUNDED, **noise}, references=at, random_seed=2)
    inputs = {"N": runs["params"], "D": runs["tokens"], "P": runs["bits"]}
    inputs |= {"P_q": runs["bits_after"]}
    inputs = {k: v.to_numpy(float) for k, v in inputs.items()}

    def own(link: np.ndarray) -> dict[str, float]:
        pairs = zip(LAW.parameters.items(), link, strict=True)
        return {name: parameter.inverse(value) for (name, parameter), value in pairs}

    def misses(link: np.ndarray) -> np.ndarray:
        return np.log(LAW.curve(inputs, at, own(link))) - np.log(runs["loss"].to_numpy())

    start = {**TRAINED, **ROUNDED, "gamma": 2.0, "delta": 0.1, "gamma_D": 0.8, "k": 2.0, "E": 2.3}
    found = own(least_squares(misses, [LAW.parameters[k].link(start[k]) for k in start]).x)
    for name, truth in {"gamma": 2.6, **ROUNDED}.items():
        assert found[name] == pytest.approx(truth, rel=0.06), name
