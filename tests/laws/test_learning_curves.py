"""The literature's eleven learning curves are those of eight laws, in their own constants."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from handmade import prior_medians
from scipy.optimize import least_squares

import bayescale as bs
from bayescale.laws.registry import get_law

Constants = dict[str, Any]

PUBLISHED: dict[str, tuple[str, Callable[[Any, Constants], Any]]] = {
    "vap": ("vap", lambda x, c: np.exp(c["a"] + c["b"] / x + c["exponent"] * np.log(x))),
    "pow3": ("pow3", lambda x, c: c["c"] - c["a"] * x ** -c["exponent"]),
    "loglog": ("loglog", lambda x, c: np.log(c["a"] * np.log(x) + c["b"])),
    "hill3": (
        "hill3",
        lambda x, c: (
            c["theta"] * x ** c["exponent"] / (c["kappa"] ** c["exponent"] + x ** c["exponent"])
        ),
    ),
    "log_power": (
        "hill3",
        lambda x, c: c["theta"] / (1 + (x / np.exp(c["b"])) ** -c["exponent"]),
    ),
    "pow4": ("pow4", lambda x, c: c["c"] - (c["a"] * x + c["b"]) ** -c["exponent"]),
    "mmf": (
        "mmf",
        lambda x, c: (
            c["alpha"] - (c["alpha"] - c["beta"]) / (1 + (c["kappa"] * x) ** c["exponent"])
        ),
    ),
    "exp4": (
        "weibull",
        lambda x, c: c["alpha"] - np.exp(-c["k"] * x ** c["exponent"] + c["b"]),
    ),
    "janoschek": (
        "weibull",
        lambda x, c: c["alpha"] - (c["alpha"] - c["beta"]) * np.exp(-c["k"] * x ** c["exponent"]),
    ),
    "weibull": (
        "weibull",
        lambda x, c: (
            c["alpha"] - (c["alpha"] - c["beta"]) * np.exp(-((c["kappa"] * x) ** c["exponent"]))
        ),
    ),
    "ilog2": ("ilog2", lambda x, c: c["c"] - c["a"] / np.log(1 + x)),
}

CEILING = [law for law in ("pow3", "pow4", "hill3", "mmf", "weibull")]


@pytest.mark.parametrize("shape", PUBLISHED)
def test_the_published_shape(shape: str) -> None:
    law, formula = get_law(PUBLISHED[shape][0]), PUBLISHED[shape][1]
    parameters = {**prior_medians(law), "level": 0.6, "exponent": 0.7}
    parameters = {name: parameters[name] for name in law.parameters}
    reference = 20.0
    constants = dict(parameters)
    if hasattr(law, "derived"):
        constants |= law.derived(x=reference, **parameters)
    x = np.geomspace(8, 500, 30)
    found = law.curve({"x": x}, {"x": reference}, parameters)
    if not law.inputs["x"].relative:
        found = law.curve({"x": x}, {"x": 1.0}, parameters)
    np.testing.assert_allclose(found, formula(x, constants), rtol=1e-10)


@pytest.mark.parametrize("name", CEILING)
def test_through_the_level_to_the_ceiling(name: str) -> None:
    law = get_law(name)
    parameters = {**prior_medians(law), "level": 0.6, "headroom": 0.5}
    assert law.equation(x=1.0, **parameters) == pytest.approx(0.6)
    late = law.equation(x=1e30, **parameters)
    assert late == pytest.approx(0.8, abs=1e-6)
    rising = law.equation(x=np.geomspace(0.01, 100, 50), **parameters)
    assert (np.diff(rising) > 0).all()


@pytest.mark.parametrize("name", CEILING)
def test_the_sampled_slope_is_the_local_one(name: str) -> None:
    law = get_law(name)
    parameters = {**prior_medians(law), "level": 0.6, "headroom": 0.5}
    link = {k: law.parameters[k].link(v) for k, v in parameters.items()}
    step = 1e-5
    ends = law.equation(x=np.exp([-step, step]), **parameters)
    slope = np.diff(ends)[0] / (2 * step)
    assert np.exp(law.coordinates(**link)[2]) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("breaks", [1, 2, 3, 4])
def test_the_printed_constants_of_a_broken_law_give_its_curve(breaks: int) -> None:
    """Caballero's eq. 1: E + b x^-c_0 times the product of (1 + (x / d_i)^(1 / f_i))^(-c_i f_i)."""
    law = get_law(f"broken_power_law_{breaks}")
    values = {"E": 0.4, "R": 1.5, "slope_before": 0.1, "slope_after": 0.4, "place": 0.7}
    values |= {"width": 0.3}
    if breaks == 2:
        values |= {"slope_between": 0.9, "gap": 2.0, "width_after": 0.5}
    if breaks > 2:
        rng = np.random.default_rng(breaks)
        values = {k: rng.uniform(0.2, 0.9) for k in law.parameters} | {"E": 0.4}
    reference, x = 600.0, np.geomspace(10, 1e5, 30)
    c = law.derived(x=reference, **values)
    printed = c["b"] * x ** -c["c_0"]
    for i in range(1, breaks + 1):
        d, f = c[f"d_{i}"], c[f"f_{i}"]
        printed *= (1 + (x / d) ** (1 / f)) ** (-c[f"c_{i}"] * f)
    np.testing.assert_allclose(law.equation(x=x / reference, **values), 0.4 + printed, rtol=1e-10)


def test_three_breaks_with_one_that_changes_nothing_are_two() -> None:
    three, two = get_law("broken_power_law_3"), get_law("broken_power_law_2")
    shared = {"E": 0.4, "R": 1.5, "place": 0.2}
    x = np.geomspace(0.01, 1e4, 50)
    found = three.equation(
        x=x, **shared, slope_0=0.1, slope_1=0.9, slope_2=0.3, slope_3=0.3,
        gap_2=2.0, gap_3=1.0, width_1=0.3, width_2=0.5, width_3=0.2,
    )  # fmt: skip
    expected = two.equation(
        x=x, **shared, slope_before=0.1, slope_between=0.9, slope_after=0.3,
        gap=2.0, width=0.3, width_after=0.5,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_number_of_breaks_by_name() -> None:
    assert get_law("broken_power_law_1") is get_law("broken_power_law")
    assert get_law("broken_power_law_2") is get_law("twice_broken_power_law")
    assert get_law("broken_power_law_5") is get_law("broken_power_law_5")
    assert get_law("rising_broken_power_law_3").target_bounds[0] < 0
    for none in ("broken_power_law_0", "broken_power_law_11"):
        with pytest.raises(bs.BayescaleError, match="has 1 to 10 breaks"):
            get_law(none)


THREE = {
    "E": 0.5, "R": 1.2, "slope_0": 0.05, "slope_1": 0.8, "slope_2": 0.05, "slope_3": 0.6,
    "place": 0.02, "gap_2": 3.5, "gap_3": 3.5, "width_1": 0.1, "width_2": 0.1, "width_3": 0.1,
}  # fmt: skip
"""A curve that falls twice."""


def test_three_breaks_are_found_by_least_squares() -> None:
    """The curve determines what the law says of it: slopes and places come back from noise."""
    law = get_law("broken_power_law_3")
    x = np.geomspace(1e-4, 1e4, 120)
    rng = np.random.default_rng(8)
    seen = np.log(law.equation(x=x, **THREE)) + 0.002 * rng.normal(size=x.size)

    def misses(link: np.ndarray) -> np.ndarray:
        own = {k: p.inverse(v) for (k, p), v in zip(law.parameters.items(), link, strict=True)}
        return np.log(law.equation(x=x, **own)) - seen

    start = {**THREE, "slope_1": 0.5, "slope_2": 0.2, "place": 0.03, "gap_2": 3.0, "gap_3": 4.0}
    found = least_squares(misses, [law.parameters[k].link(v) for k, v in start.items()])
    own = {k: p.inverse(v) for (k, p), v in zip(law.parameters.items(), found.x, strict=True)}
    assert np.std(misses(found.x)) < 0.0025
    for name in ("slope_0", "slope_1", "slope_2", "place", "gap_2", "gap_3"):
        assert own[name] == pytest.approx(THREE[name], rel=0.12, abs=0.02), name
