"""What fits, averages, diagnostics, backtests and plans show; questions as methods."""

import inspect
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale.inference.fit_methods import FitMethods
from bayescale.inference.result import Fit

METHODS = {"plot": "plot_bands"}
"""Methods by another name than their function."""


@pytest.fixture(scope="module")
def mixed(made_fit: Fit) -> bs.Average:
    other = handmade_fit("skaling")
    for group in ("observed_data", "constant_data"):
        other.tree[group] = made_fit.tree[group]
    return bs.Average({"<b>": made_fit, "other": other}, {"<b>": 0.6, "other": 0.4})


ASKED = [n for n in dir(FitMethods) if not n.startswith("_") and callable(getattr(FitMethods, n))]


@pytest.mark.parametrize("name", ASKED)
def test_a_method_takes_what_its_function_takes(name: str) -> None:
    method = inspect.signature(getattr(FitMethods, name)).parameters
    function = inspect.signature(getattr(bs, METHODS.get(name, name))).parameters
    (_, *ours), (_, *theirs) = method.values(), function.values()
    assert [(p.name, p.kind) for p in ours] == [(p.name, p.kind) for p in theirs]
    for own, other in zip(ours, theirs, strict=True):
        same = own.default == other.default
        assert same or (own.name == "discrepancy" and other.default == bs.Discrepancy())


def test_methods_answer_as_their_functions(
    made_fit: Fit, mixed: bs.Average, tmp_path: Path
) -> None:
    for one in (made_fit, mixed):
        point = {"params": "1B", "tokens": "20B", "random_seed": 1}
        xr.testing.assert_identical(one.predict(**point), bs.predict(one, **point))
        believed = one.predict(**point, discrepancy=False)
        xr.testing.assert_identical(believed, bs.predict(one, **point, discrepancy=None))
        best = one.optimum("1e21", random_seed=1)
        xr.testing.assert_identical(best, bs.optimum(one, "1e21", random_seed=1))
        given = one.regret(1e21, [1e9], discrepancy=None)
        xr.testing.assert_identical(given, bs.regret(one, 1e21, [1e9], discrepancy=None))
        assert one.save(tmp_path / "one.nc").exists()
        assert one.plot().get_ylabel()
        plt.close("all")
    pd.testing.assert_frame_equal(made_fit.summary(0.5), bs.summary(made_fit, 0.5))
    pd.testing.assert_frame_equal(made_fit.identify(flops=1e22), bs.identify(made_fit, flops=1e22))


def test_an_average_has_no_method_of_one_law(mixed: bs.Average) -> None:
    for name in ("summary", "identify", "add_runs", "posterior", "spec"):
        assert not hasattr(mixed, name)
        with pytest.raises(bs.BayescaleError, match=rf"average\.fits\['<b>'\]\.{name}"):
            getattr(mixed, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mixed.nothing


def test_fits_show_numbers_as_people_write_them(made_fit: Fit, mixed: bs.Average) -> None:
    text, page = str(made_fit), made_fit._repr_html_()
    for shown in (text, page):
        assert "chinchilla: loss in nats/token, 40 runs" in shown
        assert "median [89 % interval]" in shown
        assert "alpha" in shown
        assert "e+0" not in shown
        assert "no problem found" in shown or "R-hat" in shown
    assert page.count("<tr>") > 5
    assert "60 %" in str(mixed)
    assert "&lt;b&gt;" in mixed._repr_html_()
    assert "<b>" not in mixed._repr_html_()


def test_diagnostics_say_what_is_wrong(made_fit: Fit) -> None:
    found = replace(made_fit.diagnostics, rhat=1.2, worst_rhat="a<b", divergences=3)
    assert repr(found).startswith("<bayescale.Diagnostics R-hat 1.2000")
    page = found._repr_html_()
    assert "a&lt;b" in page
    assert "do not trust" in page
    assert "3 of 1000 transitions diverged" in page


def test_a_plan_shows_its_runs(made_fit: Fit) -> None:
    found = bs.plan(made_fit, budget=1e21, about="alpha-beta", runs=2)
    assert repr(found).startswith("<bayescale.Plan ")
    page = found._repr_html_()
    assert str(found) in page
    assert page.count("<tr>") == 1 + len(found.runs)
    assert "FLOP" in page
    nothing = bs.plan(made_fit, budget=1e21, runs=2)
    page = nothing._repr_html_()
    assert str(nothing) in page and str(nothing).startswith("Do nothing: ")
    assert "<tr>" not in page


def test_a_backtest_shows_its_scores() -> None:
    scores = {"fitted": 20, "held_out": 8, "cover_90": 0.875, "crps": 0.0123, "log_score": 2.314}
    summary = pd.DataFrame({"all": {**scores, "diagnostics": True}}).T.rename_axis("cut")
    runs = pd.DataFrame({"cut": ["0.5"] * 8})
    found = bs.Backtest(runs, summary.infer_objects(), "<chinchilla>")
    assert (
        repr(found) == "<bayescale.Backtest <chinchilla>: 8 forecasts of held-out runs over 1 cut>"
    )
    for shown in (str(found), found._repr_html_()):
        for text in ("88 %", "1.2 %", "2.31", "fine"):
            assert text in shown
    assert "&lt;chinchilla&gt;" in found._repr_html_()
