"""Values of priors outside a parameter's bounds, and numbers out of range, are errors in words."""

import math
from dataclasses import replace
from typing import Any

import pytest

import bayescale as bs
from bayescale.data.limits import OutOfRange
from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError
from bayescale.model.spec import make_spec
from bayescale.prediction.discrepancy import Discrepancy


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"alpha": -1}, "prior of 'alpha': -1 is no value of a .* from 0 to"),
        ({"E": -5}, "prior of 'E': -5 is no value of a Positive parameter.* from 0 to inf"),
        ({"E": math.nan}, "prior of 'E': nan is no value"),
        ({"E": math.inf}, "prior of 'E': inf is no value"),
        ({"E": 10**400}, "prior of 'E'.*fixed value"),
        ({"E": (2, 1)}, "prior of 'E'.*needs 0 < low < high < inf"),
        ({"E": (1, 1)}, "prior of 'E'"),
        ({"E": (-1, 1)}, "prior of 'E'"),
        ({"E": (1, math.inf)}, "prior of 'E'"),
        ({"E": (math.nan, 1)}, "prior of 'E'"),
        ({"E": (1, 2, 3)}, "prior of 'E'.*90 % interval"),
        ({"E": ("low", "high")}, "prior of 'E'.*90 % interval"),
    ],
)
def test_a_prior_outside_the_bounds_names_parameter_value_and_bounds(
    prior: dict[str, Any], message: str
) -> None:
    with pytest.raises(BayescaleError, match=message):
        make_spec("chinchilla", priors=prior)


def test_a_fixed_value_at_a_bound_is_one() -> None:
    assert make_spec("chinchilla", priors={"E": 0}).fixed == {"E": 0.0}


@pytest.mark.parametrize("name", ["draws", "tune", "chains"])
@pytest.mark.parametrize("value", [0, 10**12])
def test_a_sampler_has_limits(name: str, value: int) -> None:
    with pytest.raises(OutOfRange, match=rf"{name} = .*must lie between 1 and"):
        replace(bs.Sampler(), **{name: value})


@pytest.mark.parametrize("value", ["1e60", 1e60, -1e60])
def test_quantities_have_limits(value: Any) -> None:
    with pytest.raises(OutOfRange, match=r"1e\+?60'? is out of range.*1e\+45"):
        parse_quantity(value, "flops")


@pytest.mark.parametrize("given", [{"max_params": 0}, {"max_tokens": 0}, {"max_params": -1}])
def test_the_largest_run_is_positive(given: dict[str, Any]) -> None:
    with pytest.raises(BayescaleError, match="must be positive"):
        bs.Scenario(flops=1e24, **given)


@pytest.mark.parametrize("size", [math.inf, math.nan, 0.0, -1.0])
def test_a_discrepancy_is_finite(size: float) -> None:
    with pytest.raises(BayescaleError, match="positive size"):
        Discrepancy(size)
