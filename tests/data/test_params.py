"""Counting parameters with and without the embedding."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayescale as bs
from bayescale.data import derive


def test_one_inverts_the_other_over_thirty_decades() -> None:
    outside = np.geomspace(1e-6, 1e24, 200)
    np.testing.assert_allclose(
        bs.non_embedding_params(bs.total_params(outside)), outside, rtol=1e-12
    )


def test_kaplan_smallest_model_is_nearly_all_embedding() -> None:
    assert bs.total_params(768) == pytest.approx(768 + 47491 * 768 ** (1 / 3))
    assert bs.total_params("1.5B", embedding=1e6) == pytest.approx(1.5e9 + 1e6 * 1.5e9 ** (1 / 3))


def test_the_kind_stays() -> None:
    assert isinstance(bs.total_params([1e6, 1e9]), np.ndarray)
    assert isinstance(bs.total_params(7_000_000), float)
    series = pd.Series([1e6, 1e9], index=["small", "large"])
    assert list(bs.non_embedding_params(series).index) == ["small", "large"]
    assert bs.total_params(xr.DataArray([1e6], dims="run")).dims == ("run",)


@pytest.mark.parametrize("count", [0, -1e9, np.nan, [1e9, 0.0]])
def test_what_is_no_count(count) -> None:
    with pytest.raises(bs.BayescaleError, match="must be positive"):
        bs.total_params(count)
    with pytest.raises(bs.BayescaleError, match="must be positive"):
        bs.non_embedding_params(count)
    with pytest.raises(bs.BayescaleError, match="embedding constant must be positive"):
        bs.total_params(1e9, embedding=0)


def test_six_flop_a_parameter_and_token() -> None:
    assert derive.flops(2e9, 3e10) == pytest.approx(3.6e20)
    assert derive.tokens(3.6e20, 2e9) == pytest.approx(3e10)
    assert derive.params(3.6e20, 3e10) == pytest.approx(2e9)


@pytest.mark.parametrize(
    ("count", "got"),
    [([0.5, -3.0], "-3"), ([1.0, 0.0], "0"), (["0.25", "-1k"], "-1000"), ([[2.0], [-0.5]], "-0.5")],
)
def test_the_count_that_is_wrong_is_shown(count, got) -> None:
    with pytest.raises(bs.BayescaleError, match=f"parameters must be positive; got {got}$"):
        bs.non_embedding_params(count)
    said = f"parameters outside the embedding must be positive; got {got}$"
    with pytest.raises(bs.BayescaleError, match=said):
        bs.total_params(count)


def test_the_constant_of_a_vocabulary_by_its_formula() -> None:
    """32,000 words, and layers 1/39 of the width; small counts are read too."""
    constant = 32_000 * (39 / 12) ** (1 / 3)
    assert constant == pytest.approx(derive.EMBEDDING, rel=0.002)
    assert bs.total_params(8.0) == pytest.approx(8 + 47491 * 2)
    assert bs.total_params(0.125) == pytest.approx(0.125 + 47491 / 2)
    root = bs.non_embedding_params(1e6, embedding=300.0)
    assert root + 300 * root ** (1 / 3) == pytest.approx(1e6, rel=1e-12)
    assert bs.total_params([["1k"], [8]]).shape == (2, 1)


def test_rows_are_averaged_by_hand() -> None:
    table = pd.DataFrame(
        {"seed": [1, 2, 3, 4], "by": ["b", "a", "b", None], "loss": [3.0, 2.0, 4.0, 9.0],
         "seen": [np.nan, 5.0, 7.0, 1.0], "name": ["x", "y", "z", "w"]},
        index=[10, 11, 12, 13],
    )  # fmt: skip
    found = derive.averaged(table, "by")
    assert list(found.index) == [10, 11] and list(found["by"]) == ["b", "a"]
    assert found["loss"].tolist() == [3.5, 2.0]
    assert found["seen"].tolist() == [7.0, 5.0] and found["seed"].tolist() == [2.0, 2.0]
    assert list(found["name"]) == ["x", "y"]
    with pytest.raises(bs.BayescaleError, match="cannot average by 'no': the columns are seed, by"):
        derive.averaged(table, "no")
    with pytest.raises(bs.BayescaleError, match="a value of it is no text or number"):
        derive.averaged(table.assign(by=[[1], [1], [2], [2]]), "by")


def test_columns_that_follow_from_others() -> None:
    table = pd.DataFrame({"n": [1.0, 2.0], "d": [3.0, 4.0]})
    found = derive.with_derived(table, {"c": "6 * n * d", "half": "c / 2", "one": "1"})
    assert found["c"].tolist() == [18.0, 48.0] and found["half"].tolist() == [9.0, 24.0]
    assert found["one"].tolist() == [1.0, 1.0] and list(table) == ["n", "d"]
    with pytest.raises(bs.BayescaleError, match="there is a column n already"):
        derive.with_derived(table, {"n": "d"})
    with pytest.raises(bs.BayescaleError, match=r"c = 'x \+ 1': .*; the columns are n, d"):
        derive.with_derived(table, {"c": "x + 1"})
