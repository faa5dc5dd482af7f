"""The literature's eleven learning curves are those of eight laws, in their own constants."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from handmade import prior_medians

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


@pytest.mark.parametrize("breaks", [1, 2])
def test_the_printed_constants_of_a_broken_law_give_its_curve(breaks: int) -> None:
    """Caballero's eq. 1: E + b x^-c_0 times the product of (1 + (x / d_i)^(1 / f_i))^(-c_i f_i)."""
    law = get_law(("broken_power_law", "twice_broken_power_law")[breaks - 1])
    values = {"E": 0.4, "R": 1.5, "slope_before": 0.1, "slope_after": 0.4, "place": 0.7}
    values |= {"width": 0.3}
    if breaks == 2:
        values |= {"slope_between": 0.9, "gap": 2.0, "width_after": 0.5}
    reference, x = 600.0, np.geomspace(10, 1e5, 30)
    c = law.derived(x=reference, **values)
    printed = c["b"] * x ** -c["c_0"]
    for i in range(1, breaks + 1):
        d, f = c[f"d_{i}"], c[f"f_{i}"]
        printed *= (1 + (x / d) ** (1 / f)) ** (-c[f"c_{i}"] * f)
    np.testing.assert_allclose(law.equation(x=x / reference, **values), 0.4 + printed, rtol=1e-10)
