"""Losses in bits, converted to nats, and perplexities, read as cross-entropies."""

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


def test_a_perplexity_is_read_as_its_logarithm() -> None:
    runs = read("perplexity", [20.0, 10.0])
    assert runs.loss_unit == "nats/token"
    np.testing.assert_allclose(np.exp(runs.table["loss"]), [20, 10])
    np.testing.assert_allclose(runs.table["loss_se"], [0.1 / 20, 0.2 / 10])
    assert "loss converted from perplexity to nats/token" in runs.notes
    assert bs.loss_in_nats(runs) is runs
    assert bs.read_runs(runs, loss_unit="perplexity").table["loss"].equals(runs.table["loss"])


@pytest.mark.parametrize("name", ["ppl", "eval/ppl", "Perplexity", "val_perplexity"])
def test_a_column_named_perplexity_is_read_as_its_logarithm(name: str) -> None:
    runs = bs.read_runs(TABLE.assign(**{name: [20.0, 10.0]}))
    assert runs.loss_unit == "nats/token"
    np.testing.assert_allclose(np.exp(runs.table["loss"]), [20, 10])


def test_the_logarithm_of_a_perplexity_is_taken_once() -> None:
    table = TABLE.assign(ppl=[20.0, 10.0], unit="perplexity")
    runs = bs.read_runs(table, columns={"loss": "log(ppl)"})
    np.testing.assert_allclose(np.exp(runs.table["loss"]), [20, 10])
    by_cell = bs.read_runs(TABLE.assign(loss=[20.0, 10.0], loss_unit="perplexity"))
    np.testing.assert_allclose(np.exp(by_cell.table["loss"]), [20, 10])
    unread = bs.read_runs(TABLE.assign(loss=[3.0, 2.3]))
    np.testing.assert_allclose(
        bs.read_runs(unread, loss_unit="perplexity").table["loss"], np.log([3.0, 2.3])
    )


def test_a_perplexity_below_one_is_set_aside() -> None:
    with pytest.warns(bs.BayescaleWarning, match="perplexity below 1"):
        runs = read("perplexity", [20.0, 0.0])
    assert len(runs.table) == 1 and np.isfinite(runs.table["loss"]).all()


def test_a_unit_without_a_loss_converts_nothing() -> None:
    assert "loss" not in bs.read_runs(TABLE, loss_unit="perplexity").table


def test_nats_stay_and_the_table_given_is_untouched() -> None:
    runs = read("nats/token", [3.0, 2.9])
    assert bs.loss_in_nats(runs) is runs
    bits = read("bits/token", [3.0, 2.9])
    bs.loss_in_nats(bits)
    assert bits.table["loss"].tolist() == [3.0, 2.9]


def test_an_unknown_unit_is_asked_for() -> None:
    with pytest.raises(bs.BayescaleError, match=r"cannot convert a loss in 'unknown' .*loss_unit="):
        bs.loss_in_nats(read(None, [3.0, 2.9]))
