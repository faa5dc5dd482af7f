"""Who may be asked what: every public function, of an average and of other things."""

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from handmade import handmade_fit

import bayescale as bs
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit

KINDS = ("PosteriorLike", "Fit", "Average", "CapabilityFit")
HOW: dict[str, Callable[[Any, Any, Path], Any]] = {
    "add_runs": lambda f, x, path: f(x, "none.csv"),
    "capability_index": lambda f, x, path: f(x, {"a": 1, "b": 2}),
    "frontier_constants": lambda f, x, path: f(x),
    "best_mixture": lambda f, x, path: f(x),
    "average": lambda f, x, path: f({"a": x, "b": x}),
    "check_published": lambda f, x, path: f(x, bs.load_study("hoffmann2022")),
    "compare": lambda f, x, path: f({"a": x, "b": x}),
    "crossover_compute": lambda f, x, path: f(x, x),
    "effective_compute": lambda f, x, path: f(x, x, 1e22),
    "equivalent_compute": lambda f, x, path: f(x, "pythia"),
    "group_fit": lambda f, x, path: f(x, "pythia"),
    "optimum": lambda f, x, path: f(x, 1e21, discrepancy=None),
    "plan": lambda f, x, path: f(x, budget=1e20, runs=1),
    "plot_exponents": lambda f, x, path: f({"a": x}),
    "plot_regret": lambda f, x, path: f(x, 1e21, [1e9]),
    "predict": lambda f, x, path: f(x, params=1e9, tokens=1e10),
    "register": lambda f, x, path: f(x, path / "forecast.json", params=1e9, tokens=1e10),
    "regret": lambda f, x, path: f(x, 1e21, [1e9], discrepancy=None),
    "report": lambda f, x, path: f(x, path / "report.html", flops=1e21, discrepancy=None),
    "required_compute": lambda f, x, path: f(x, 2.2),
    "save": lambda f, x, path: f(x, path / "saved.nc"),
}
"""How each function is asked, where not with the fit alone."""


def takes_a_fit(name: str) -> bool:
    function = getattr(bs, name)
    if not inspect.isfunction(function):
        return False
    given = inspect.signature(function).parameters.values()
    return any(kind in str(p.annotation) for p in given for kind in KINDS)


ASKED = [name for name in bs.__all__ if takes_a_fit(name)]


def ask(name: str, given: Any, folder: Path) -> Any:
    how = HOW.get(name, lambda f, x, path: f(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return how(getattr(bs, name), given, folder)
        finally:
            plt.close("all")


@pytest.fixture(scope="module")
def mixed(made_fit: Fit) -> bs.Average:
    other = handmade_fit("skaling")
    for group in ("observed_data", "constant_data"):
        other.tree[group] = made_fit.tree[group]
    return bs.Average({"one": made_fit, "other": other}, {"one": 0.6, "other": 0.4})


def test_every_function_of_a_fit_is_found() -> None:
    assert len(ASKED) > 30
    assert {"summary", "predict", "add_runs", "plot_ridge", "save"} <= set(ASKED)


@pytest.mark.parametrize("name", ASKED)
def test_an_average_is_answered_or_sent_to_a_member(
    name: str, mixed: bs.Average, tmp_path: Path
) -> None:
    try:
        assert ask(name, mixed, tmp_path) is not None
    except bs.BayescaleError as error:
        if "CapabilityFit" in str(inspect.signature(getattr(bs, name))):
            assert "fit_capabilities" in str(error)
        else:
            assert f"{name}(average.fits['one'])" in str(error)


@pytest.mark.parametrize("name", [name for name in ASKED if name != "save"])
@pytest.mark.parametrize("given", [3, "fit.nc", None], ids=repr)
def test_what_is_no_fit_is_named(name: str, given: Any, tmp_path: Path) -> None:
    with pytest.raises(bs.BayescaleError, match=f"{type(given).__name__}"):
        ask(name, given, tmp_path)


def test_a_mapping_of_fits_is_not_one(made_fit: Fit) -> None:
    with pytest.raises(bs.BayescaleError, match=r"summary takes a fit of one law.*fits\['a'\]"):
        bs.summary({"a": made_fit})  # pyright: ignore[reportArgumentType]
    with pytest.raises(bs.BayescaleError, match="compare takes fits by name"):
        bs.compare(made_fit)  # pyright: ignore[reportArgumentType]


def test_one_fit_answers_as_an_average_of_itself(made_fit: Fit, mixed: bs.Average) -> None:
    assert isinstance(made_fit, PosteriorLike)
    assert isinstance(mixed, PosteriorLike)
    assert made_fit.members() == {"chinchilla": made_fit}
    assert made_fit.weights == {"chinchilla": 1.0}
    assert made_fit.representative is made_fit
    assert list(mixed.members()) == ["one", "other"]
    assert mixed.representative is made_fit
    for each in (made_fit, mixed):
        assert each.target == "loss"
        assert each.unit == "nats/token"
        assert each.observed.size == 40
        assert list(each.inputs) == ["N", "D"]
    assert mixed.label == "average of one 60 %, other 40 %"
