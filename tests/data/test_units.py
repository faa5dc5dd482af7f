"""Losses in bits or perplexity, converted to nats."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs

TABLE = pd.DataFrame({"params": [1e8, 1e9], "tokens": [1e9, 1e10], "loss_se": [0.1, 0.2]})


def read(unit: str | None, loss: list[float]) -> bs.Runs:
    return bs.read_runs(TABLE.assign(loss=loss), loss_unit=unit)


def test_bits() -> None:
    runs = bs.loss_in_nats(read("bits/byte", [1.0, 0.8]))
    assert runs.loss_unit == "nats/byte"
    np.testing.assert_allclose(runs.table["loss"], [np.log(2), 0.8 * np.log(2)])
    np.testing.assert_allclose(runs.table["loss_se"], [0.1 * np.log(2), 0.2 * np.log(2)])
    assert "loss converted from bits/byte to nats/byte" in runs.notes


def test_perplexity() -> None:
    runs = bs.loss_in_nats(read("perplexity", [20.0, 10.0]))
    assert runs.loss_unit == "nats/token"
    np.testing.assert_allclose(np.exp(runs.table["loss"]), [20, 10])
    np.testing.assert_allclose(runs.table["loss_se"], [0.1 / 20, 0.2 / 10])


def test_nats_stay_and_the_table_given_is_untouched() -> None:
    runs = read("nats/token", [3.0, 2.9])
    assert bs.loss_in_nats(runs) is runs
    bits = read("bits/token", [3.0, 2.9])
    bs.loss_in_nats(bits)
    assert bits.table["loss"].tolist() == [3.0, 2.9]


def test_an_unknown_unit_is_asked_for() -> None:
    with pytest.raises(bs.BayescaleError, match=r"cannot convert a loss in 'unknown' .*loss_unit="):
        bs.loss_in_nats(read(None, [3.0, 2.9]))
