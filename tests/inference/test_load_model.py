"""A model file as what predicts: fitted when asked, of several targets, by its table's names."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError

FILE = """
title = "Two losses of one ladder"
about = "A power law of each."
law = "power_law"
targets = ["loss_code", "loss_prose"]
discrepancy = 0.004

[data]
file = "ladder.csv"

[data.derive]
x = "batches * 1000"

[inputs]
x = "x"
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bs.Model:
    """Two losses, 2 x^-.1 and 3 x^-.2, over batches of a thousand."""
    folder = tmp_path_factory.mktemp("model")
    scatter = np.exp(np.random.default_rng(1).normal(0, 0.002, (2, 20)))
    batches = np.geomspace(1, 1e3, 20)
    x = 1000 * batches
    losses = {"loss_code": 2 * x**-0.1 * scatter[0], "loss_prose": 3 * x**-0.2 * scatter[1]}
    pd.DataFrame({"batches": batches, **losses}).to_csv(folder / "ladder.csv", index=False)
    (folder / "ladder.toml").write_text(FILE)
    return bs.load_model(folder / "ladder.toml", random_seed=1)


def test_targets_are_predicted_side_by_side_from_the_tables_own_columns(model: bs.Model) -> None:
    assert model.targets == ("loss_code", "loss_prose")
    later = pd.DataFrame({"batches": [2e3, 5e3]})
    found = bs.predict(model, later)
    assert found["new_run"].dims == ("target", "chain", "draw", "point")
    truth = [[2 * (1e3 * b) ** -0.1, 3 * (1e3 * b) ** -0.2] for b in later["batches"]]
    medians = found["law"].median(("chain", "draw")).transpose("point", "target")
    np.testing.assert_allclose(medians, truth, rtol=0.01)
    np.testing.assert_array_equal(model.predict(later)["new_run"], found["new_run"])


def test_the_file_says_how_wrong_the_law_may_be(model: bs.Model) -> None:
    one = model.fits["loss_code"]
    far = one.predict({"x": 1e9})
    stated = np.log(far["outcome"] / far["law"]).std().item()
    assert stated == pytest.approx(0.004, rel=0.15)
    asked = one.predict({"x": 1e9}, discrepancy=0.05)
    assert np.log(asked["outcome"] / asked["law"]).std() > 5 * stated


def test_it_is_fitted_once_and_by_fit_too(model: bs.Model) -> None:
    assert bs.fit(model) is model and model.fits is model.fits
    single = bs.load_model("kaplan2020")
    assert single.targets == ("loss",)
    with pytest.raises(BayescaleError, match="kaplan1920"):
        bs.load_model("kaplan1920")
