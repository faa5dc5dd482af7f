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
