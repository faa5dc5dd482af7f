"""Laws whose parameters are fixed, all or all but one: every question has an answer."""

import warnings
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from handmade import REFERENCES, TRUTH, design, fit_around

import bayescale as bs
from bayescale.inference.fit_warnings import warn_far_reference
from bayescale.inference.result import Fit
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

T = TRUTH["chinchilla"]
AT = {name: REFERENCES[name] for name in ("N", "D")}


@cache
def fixed_fit(free: str | None = None) -> Fit:
    table = bs.simulate("chinchilla", design(), T, references=AT, random_seed=0)
    priors = {name: value for name, value in T.items() if name != free}
    spec = make_spec("chinchilla", references=AT, priors=priors)
    runs = bs.read_runs(table, loss_unit="nats/token", params_convention="total")
    return fit_around(spec, extract(spec, runs), T)


@pytest.fixture(scope="module", params=[None, "E", "beta"])
def fixed(request) -> Fit:
    return fixed_fit(request.param)


def loss(params: float, tokens: float) -> float:
    n, d = params / AT["N"], tokens / AT["D"]
    return T["E"] + T["a"] * n ** -T["alpha"] + T["b"] * d ** -T["beta"]


def best_params(flops: float) -> float:
    """The closed form, from dL/dN = 0 at D = C / 6N."""
    a, b = T["a"] * AT["N"] ** T["alpha"], T["b"] * AT["D"] ** T["beta"]
    ratio = T["alpha"] * a / (T["beta"] * b)
    return (ratio * (flops / 6) ** T["beta"]) ** (1 / (T["alpha"] + T["beta"]))


class TestAllFixed:
    def test_answers_are_those_of_the_constants(self) -> None:
        fit = fixed_fit()
        answer = bs.predict(fit, params=7e10, tokens=1.4e12, discrepancy=None)
        assert answer.sizes == {"chain": 4, "draw": 250, "point": 1}
        np.testing.assert_allclose(answer["law"], loss(7e10, 1.4e12))
        best = bs.optimum(fit, [1e22, 1e24], discrepancy=None)
        for i, flops in enumerate((1e22, 1e24)):
            np.testing.assert_allclose(best["params"].isel(budget=i), best_params(flops))
        searched = bs.optimum(fit, 1e22, discrepancy=None, numerical=True)
        np.testing.assert_allclose(searched["params"], best_params(1e22), rtol=1e-3)

    def test_regret_and_required_compute(self) -> None:
        fit = fixed_fit()
        best = best_params(1e22)
        found = bs.regret(fit, 1e22, [best, 4 * best], discrepancy=None)
        lost = loss(4 * best, 1e22 / 24 / best) - loss(best, 1e22 / 6 / best)
        np.testing.assert_allclose(found["regret"].isel(choice=1), lost, rtol=0.01)
        assert float(abs(found["regret"].isel(choice=0)).max()) < 1e-4
        goal = loss(best, 1e22 / 6 / best)
        needed = bs.required_compute(fit, goal, discrepancy=None)
        np.testing.assert_allclose(needed["flops"], 1e22, rtol=0.02)

    def test_nothing_is_left_to_identify(self) -> None:
        table = bs.identify(fixed_fit(), flops=1e23, discrepancy=None)
        assert set(table["kind"]) == {"quantity"}
        assert set(table["verdict"]) == {"identified"}
        assert table["reason"].str.contains("follows from the fixed parameters").all()
        assert bs.identify(fixed_fit()).empty
        assert bs.principal_directions(fixed_fit()).empty

    def test_what_cannot_be_drawn_says_so(self) -> None:
        for draw in (bs.plot_identify, bs.plot_prior_posterior):
            with pytest.raises(bs.BayescaleError, match="every parameter of chinchilla is fixed"):
                draw(fixed_fit())

    def test_sampled(self) -> None:
        table = bs.simulate("chinchilla", design(), T, references=AT, random_seed=0)
        spec = make_spec("chinchilla", references=AT, priors=T)
        fit = bs.fit(
            table, spec, sampler=bs.Sampler(draws=500, tune=500), random_seed=1, progressbar=False
        )
        assert set(fit.posterior.data_vars) == {"sigma", "nu"}
        assert float(fit.posterior["sigma"].median()) == pytest.approx(0.005, rel=0.4)


def test_every_question_has_an_answer(fixed: Fit, tmp_path) -> None:
    for answer in (
        bs.predict(fixed, params=7e10, tokens=1.4e12, random_seed=0)["new_run"],
        bs.optimum(fixed, 1e24, random_seed=0)["params"],
        bs.regret(fixed, 1e23, [1e9, 1e10], random_seed=0)["wasted"],
        bs.frontier_constants(fixed)["N_opt_exponent"],
    ):
        assert np.isfinite(answer).all()
        assert answer.sizes["chain"] == 4
    assert {"sigma", "nu"} <= set(bs.summary(fixed).index)
    assert not bs.stability(fixed, flops=1e23).empty
    again = bs.load(bs.save(fixed, tmp_path / "fit.nc"))
    one, other = (bs.optimum(f, 1e24, random_seed=0)["params"] for f in (fixed, again))
    np.testing.assert_allclose(one, other)


def test_figures_and_report(fixed: Fit, tmp_path) -> None:
    for draw in (bs.plot_bands, bs.plot_exponents, bs.plot_frontier, bs.plot_isoflop):
        draw(fixed)
    bs.plot_identify(fixed, flops=1e23)
    bs.plot_residuals(fixed)
    bs.plot_regret(fixed, 1e23)
    plt.close("all")
    page = bs.report(fixed, tmp_path / "report.html", flops=1e23).read_text()
    assert "held fixed" in page


class TestFarReference:
    @pytest.fixture
    def data(self):
        flops = np.geomspace(8.64e13, 2.6e20, 20)
        truth = {"scale": 2.0, "exponent": 0.1}
        runs = pd.DataFrame({"flops": flops})
        return bs.simulate("power_law", runs, truth, references={"x": 1.5e17}, random_seed=0)

    def warned(self, data, **options) -> list[str]:
        spec = make_spec("power_law", **options)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            warn_far_reference(spec, extract(spec, bs.read_runs(data)))
        return [str(one.message) for one in found]

    def test_default_priors_do_not_hold_there(self, data) -> None:
        (said,) = self.warned(data, references={"x": "1 PF-day"})
        assert "flops = 8.64e+19 lies far from the runs, whose geometric mean is 1.5e+17" in said
        assert "give priors for scale at the reference point" in said

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"references": {"x": 1e18}},
            {"references": {"x": "1 PF-day"}, "priors": {"scale": (0.5, 2.0)}},
            {"references": {"x": "1 PF-day"}, "priors": {"scale": 1.1}},
        ],
    )
    def test_a_near_reference_or_own_priors_are_fine(self, data, options) -> None:
        assert not self.warned(data, **options)
