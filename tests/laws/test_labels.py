"""Labels of draws and runs through a law's equation: the same as xarray's own, and cheaper."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayescale.laws.labels import call_unlabelled
from bayescale.laws.registry import get_law

SHAPES = {"chain": 2, "draw": 3}


def draws(value: float) -> xr.DataArray:
    coords = {name: np.arange(size) for name, size in SHAPES.items()}
    values = value + 0.1 * np.arange(6.0).reshape(2, 3)
    return xr.DataArray(values, coords, tuple(SHAPES))


def runs(labels: list[str]) -> xr.DataArray:
    values = np.arange(1.0, 1 + len(labels))
    coords = {"run": labels, "budget": ("run", 10 * values), "source": "a"}
    return xr.DataArray(values, coords, "run")


def arguments() -> dict[str, Any]:
    names = ("E", "a", "alpha", "b", "beta")
    inputs = {"N": runs(["p", "q"]), "D": runs(["p", "q"]).drop_vars("source")}
    return {**inputs, **{name: draws(i + 1.0) for i, name in enumerate(names)}}


def test_labels_are_those_of_labelled_arithmetic() -> None:
    equation, given = get_law("chinchilla").equation, arguments()
    expected = equation(**given)
    found = call_unlabelled(equation, given)
    xr.testing.assert_identical(found, expected)
    assert set(found.xindexes) == set(expected.xindexes) == {"chain", "draw", "run"}


def test_labels_are_aligned_before_and_not_in_the_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    def align(*_: Any, **__: Any) -> Any:
        raise AssertionError("labels were aligned inside of the equation")

    monkeypatch.setattr("xarray.core.dataarray.align", align)
    assert call_unlabelled(get_law("chinchilla").equation, arguments()).sizes["run"] == 2


def test_what_labels_have_in_common_is_taken_where_they_differ() -> None:
    given = arguments() | {"D": runs(["q", "r"])}
    found = call_unlabelled(get_law("chinchilla").equation, given)
    assert found["run"].values.tolist() == ["q"]


def test_a_dimension_that_the_equation_sums_over_leaves_no_labels() -> None:
    def summed(x: xr.DataArray, y: xr.DataArray) -> xr.DataArray:
        return (x * y).sum("run")

    found = call_unlabelled(summed, {"x": runs(["p", "q"]), "y": draws(1.0)})
    xr.testing.assert_identical(found, summed(runs(["p", "q"]), draws(1.0)))
