"""Points as people write them: what contradicts itself is refused."""

import numpy as np
import pandas as pd
import pytest
from handmade import TRUTH, design, handmade_fit

import bayescale as bs
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy
from bayescale.reporting.narrative import answer

WRONG = {"params": 7e10, "tokens": 1.4e12, "flops": 1e20}


class TestContradictions:
    @pytest.mark.parametrize(
        "ask",
        [
            lambda fit: bs.predict(fit, **WRONG),
            lambda fit: bs.predict(fit, pd.DataFrame({k: [v] for k, v in WRONG.items()})),
            lambda fit: bs.identify(fit, at={k: [v] for k, v in WRONG.items()}),
            lambda fit: bs.required_compute(fit, at=WRONG),
            lambda fit: bs.plan(fit, {k: [v] for k, v in WRONG.items()}),
            lambda fit: bs.plan(fit, budget=1e20, about=WRONG),
        ],
    )
    def test_both_numbers_are_shown(self, made_fit, ask) -> None:
        with pytest.raises(bs.BayescaleError, match=r"flops = 1e\+20.*tokens = 5.88e\+23"):
            ask(made_fit)

    def test_a_convention_may_differ_a_little(self, made_fit) -> None:
        found = bs.predict(made_fit, params=7e10, tokens=1.4e12, flops=1.5 * 5.88e23)
        assert np.isfinite(found["law"]).all()

    def test_the_fitted_runs_show_their_convention(self) -> None:
        runs = design().assign(flops=lambda t: 12 * t["flops"])
        fit = handmade_fit(truth=TRUTH["chinchilla"], runs=runs)
        np.testing.assert_allclose(fit.record["runs"]["flops_over_6nd"], 12.0)
        bs.predict(fit, params=7e10, tokens=1.4e12, flops=12 * 5.88e23)
        with pytest.raises(bs.BayescaleError, match="contradict"):
            bs.predict(fit, params=7e10, tokens=1.4e12, flops=1200 * 5.88e23)


class TestDiscrepancyOf:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, None),
            (False, None),
            (np.False_, None),
            (True, DISCREPANCY),
            (0.02, Discrepancy(0.02)),
            ((0.02, 2), Discrepancy(0.02, 2.0)),
            ([0.02, 2.0], Discrepancy(0.02, 2.0)),
            (Discrepancy(0.03), Discrepancy(0.03)),
        ],
    )
    def test_read(self, value, expected) -> None:
        assert Discrepancy.of(value) == expected

    @pytest.mark.parametrize("value", ["none", (0.1, 1, 2), (), {"size": 1}, (True, 1), (0.1, "a")])
    def test_refused_in_words(self, value) -> None:
        with pytest.raises(bs.BayescaleError, match="is not a discrepancy"):
            Discrepancy.of(value)

    @pytest.mark.parametrize("value", [0.0, -0.02, (0.02, 0), float("nan")])
    def test_sizes_are_positive(self, value) -> None:
        with pytest.raises(bs.BayescaleError, match="positive size and reach"):
            Discrepancy.of(value)

    def test_a_percentage_is_no_share(self) -> None:
        with pytest.raises(bs.BayescaleError, match=r"200 % of the loss: write 0\.02"):
            Discrepancy.of(2)
        assert Discrepancy(0.99).size == 0.99

    @pytest.mark.parametrize(
        "ask",
        [
            lambda fit, d: bs.predict(fit, params=7e10, tokens=1.4e12, discrepancy=d),
            lambda fit, d: bs.optimum(fit, 1e24, discrepancy=d),
            lambda fit, d: bs.regret(fit, 1e22, [1e9], discrepancy=d),
            lambda fit, d: bs.required_compute(fit, 2.1, discrepancy=d),
            lambda fit, d: bs.crossover_compute(fit, fit, discrepancy=d),
            lambda fit, d: bs.plan(fit, budget=1e20, discrepancy=d),
            lambda fit, d: bs.least_useful(fit, discrepancy=d),
            lambda fit, d: bs.plot_bands(fit, discrepancy=d),
            lambda fit, d: bs.plot_frontier(fit, discrepancy=d),
            lambda fit, d: bs.plot_isoflop(fit, discrepancy=d),
            lambda fit, d: bs.plot_regret(fit, 1e22, discrepancy=d),
            lambda fit, d: bs.report(fit, "no.html", discrepancy=d),
            lambda fit, d: answer(fit, discrepancy=d),
            lambda fit, d: bs.backtest(design(), "chinchilla", discrepancy=d),
        ],
    )
    def test_every_function_reads_it(self, made_fit, ask) -> None:
        with pytest.raises(bs.BayescaleError, match="discrepancy='none' is not"):
            ask(made_fit, "none")

    def test_off_is_the_law(self, made_fit) -> None:
        for off in (None, False):
            found = bs.predict(made_fit, params=7e10, tokens=1.4e12, discrepancy=off)
            np.testing.assert_array_equal(found["outcome"], found["law"])
        on, default = (
            bs.predict(made_fit, params=7e10, tokens=1.4e12, discrepancy=d, random_seed=0)
            for d in (True, DISCREPANCY)
        )
        np.testing.assert_array_equal(on["outcome"], default["outcome"])
