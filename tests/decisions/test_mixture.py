"""The best data mixture: beside fine grids, optima that are known, and a simulated truth."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from handmade import fit_around, handmade_fit
from scipy.optimize import minimize
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.decisions.simplex_search import lowest, starting_mixtures
from bayescale.inference.result import Fit
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

SHARES = ["proportion_1", "proportion_2", "proportion_3"]
LIMITED = {"proportion_1": (0.05, 0.6), "proportion_3": (0.0, 0.25)}
TRUTHS = {
    "exponential_mixture_3": {"E": 1.5, "R": 1.0, "a_1": -3.0, "a_2": -1.0, "a_3": 0.5},
    "additive_mixture_3": {
        "E": 1.5,
        "gamma": 0.5,
        "least": 0.02,
        "a_1": 0.5,
        "a_2": 1.0,
        "a_3": 4.0,
    },
}


def grid(steps: int = 80) -> np.ndarray:
    """Return mixtures of three domains, shape (domain, mixture)."""
    first, second = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1))
    kept = first + second <= steps
    return np.array([first[kept], second[kept], steps - first[kept] - second[kept]]) / steps


def within(mixtures: np.ndarray, limits: dict[str, tuple[float, float]]) -> np.ndarray:
    ends = np.array([limits.get(name, (0.0, 1.0)) for name in SHARES])[:, :, None]
    inside = (mixtures >= ends[:, 0] - 1e-9) & (mixtures <= ends[:, 1] + 1e-9)
    return mixtures[:, inside.all(axis=0)]


def losses(fit: Fit, mixtures: np.ndarray) -> np.ndarray:
    """Return losses, shape (mixture, draw)."""
    drawn = {str(k): v.values.ravel() for k, v in fit.parameters.data_vars.items()}
    return np.array(
        [fit.law.curve({"h": each[:, None]}, fit.references, drawn) for each in mixtures.T]
    )


class TestSearch:
    @pytest.mark.parametrize("limits", [{}, LIMITED], ids=["free", "limited"])
    @pytest.mark.parametrize("law", TRUTHS)
    @pytest.mark.parametrize("spread", [0.05, 0.7])
    def test_no_mixture_of_a_fine_grid_is_better(
        self, law: str, limits: dict[str, tuple[float, float]], spread: float
    ) -> None:
        """Neither for a draw nor for all; draws of wide spread have exponents above one, too."""
        fit = handmade_fit(law, truth=TRUTHS[law], spread=spread)
        found = bs.best_mixture(fit, limits=limits)
        mixtures = within(grid(), limits)
        tried = losses(fit, mixtures)
        assert (found["best_loss"].values.ravel() <= tried.min(axis=0) + 1e-9).all()
        nearest = tried.min(axis=0) - found["best_loss"].values.ravel()
        assert np.quantile(nearest, 0.9) < 5e-3
        expected = tried.mean(axis=1)
        best = float(found["loss"].sel(choice="best").mean())
        assert expected.min() - 3e-3 < best <= expected.min() + 1e-9
        share = found["share"].sel(choice="best").values
        assert np.abs(share - mixtures[:, expected.argmin()]).max() < 0.04

    @pytest.mark.parametrize("domains", [2, 3, 6, 10])
    def test_a_known_optimum(self, domains: int) -> None:
        """The sum of c / h is least where shares go by the root of c."""
        c = np.random.default_rng(domains).uniform(0.1, 5.0, (domains, 50))
        low, high = np.full((domains, 1), 0.001), np.ones((domains, 1))
        starts = [np.repeat(start, 50, axis=1) for start in starting_mixtures(low, high)]
        found = lowest(lambda h: (c / h).sum(axis=0), starts, low, high)
        assert np.allclose(found, np.sqrt(c) / np.sqrt(c).sum(axis=0), atol=2e-4)

    @pytest.mark.parametrize("domains", [2, 5, 10])
    def test_scipy_finds_nothing_better(self, domains: int) -> None:
        fits = {law: handmade_fit(f"{law}_mixture_{domains}", spread=0.5, seed=3) for law in
                ("additive", "exponential")}  # fmt: skip
        limits = {"proportion_1": (0.1, 0.6), "proportion_2": (0.0, 0.5)}
        found = bs.best_mixture(fits, limits=limits, random_seed=1)
        drawn = {
            name: {str(k): v.values.ravel() for k, v in fit.parameters.data_vars.items()}
            for name, fit in fits.items()
        }

        def expected(shares: np.ndarray) -> float:
            each = [
                fit.law.curve({"h": shares[:, None]}, fit.references, drawn[name])
                for name, fit in fits.items()
            ]
            return float(np.mean(each))

        best = found["share"].sel(choice="best").values
        other = minimize(
            expected,
            np.clip(np.full(domains, 1 / domains), 0.1, 0.5),
            method="SLSQP",
            bounds=[(0.1, 0.6), (0.0, 0.5), *[(0.0, 1.0)] * (domains - 2)],
            constraints={"type": "eq", "fun": lambda h: h.sum() - 1},
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert expected(best) <= other.fun + 1e-6
        assert best.sum() == pytest.approx(1)
        assert 0.1 <= best[0] <= 0.6
        assert best[1] <= 0.5


class TestTruth:
    @pytest.fixture(scope="class")
    @classmethod
    def table(cls) -> pd.DataFrame:
        rng = np.random.default_rng(5)
        table = pd.DataFrame(rng.dirichlet([2, 2, 2], 40), columns=SHARES)
        return table

    def test_the_best_mixture_lies_inside_its_interval(self, table: pd.DataFrame) -> None:
        """Of two targets, fitted to simulated runs."""
        truths = {
            "text": {"E": 1.8, "R": 1.0, "a_1": -3.0, "a_2": -0.5, "a_3": -1.5, "sigma": 0.01},
            "code": {"E": 1.2, "R": 1.2, "a_1": -0.3, "a_2": -4.0, "a_3": -0.2, "sigma": 0.01},
        }
        law = "exponential_mixture_3"
        fits = {
            name: bs.fit(
                bs.simulate(law, table, truth, random_seed=i),
                law,
                random_seed=1,
                progressbar=False,
            )
            for i, (name, truth) in enumerate(truths.items())
        }
        mixtures = grid(400)
        true = sum(
            weight
            * (truth["E"] + truth["R"] * np.exp([truth[f"a_{i}"] for i in (1, 2, 3)] @ mixtures))
            for weight, truth in zip((0.7, 0.3), truths.values(), strict=True)
        )
        best = mixtures[:, np.argmin(true)]
        given = dict(zip(SHARES, [0.2, 0.2, 0.6], strict=True))
        found = bs.best_mixture(fits, given, weights={"text": 7, "code": 3})
        interval = bs.credible_interval(found["best_share"])
        assert (interval["lower"] <= best + 0.005).all()
        assert (best - 0.005 <= interval["upper"]).all()
        assert float((interval["upper"] - interval["lower"]).max()) < 0.3
        at = np.array([*given.values()])
        lost = true[np.abs(mixtures - at[:, None]).sum(axis=0).argmin()] - np.min(true)
        regret = bs.credible_interval(found["regret"].sel(choice="given"))
        assert regret["lower"] <= lost <= regret["upper"]


class TestAnswer:
    @pytest.fixture(scope="class")
    @classmethod
    def fit(cls) -> Fit:
        return handmade_fit("additive_mixture_3", truth=TRUTHS["additive_mixture_3"], spread=0.2)

    def test_limits_hold_for_every_draw(self, fit: Fit) -> None:
        found = bs.best_mixture(fit, limits=LIMITED)
        for shares in (found["best_share"], found["share"]):
            assert np.allclose(shares.sum("domain"), 1)
            for name, (low, high) in LIMITED.items():
                one = shares.sel(domain=name)
                assert ((one >= low - 1e-12) & (one <= high + 1e-12)).all()

    def test_regret_is_not_negative(self, fit: Fit) -> None:
        given = dict(zip(SHARES, [0.2, 0.2, 0.6], strict=True))
        found = bs.best_mixture(fit, given)
        assert (found["regret"] >= 0).all()
        means = found["regret"].mean(("chain", "draw"))
        assert means.sel(choice="best") < means.sel(choice="given")
        assert np.allclose(found["loss"] - found["best_loss"], found["regret"])

    def test_a_mixture_outside_of_the_limits_may_be_better(self, fit: Fit) -> None:
        best = bs.best_mixture(fit)["share"].values[0]
        found = bs.best_mixture(
            fit, dict(zip(SHARES, best, strict=True)), limits={"proportion_1": (0.0, 0.2)}
        )
        assert float(found["regret"].sel(choice="given").mean()) < 0

    def test_one_mixture_within_the_limits(self, fit: Fit) -> None:
        only = dict(zip(SHARES, [0.1, 0.2, 0.7], strict=True))
        fixed = {name: (share, share) for name, share in only.items()}
        assert np.allclose(bs.best_mixture(fit, limits=fixed)["share"], [*only.values()])

    def test_a_weight_of_zero_counts_for_nothing(self, fit: Fit) -> None:
        other = handmade_fit("exponential_mixture_3", truth=TRUTHS["exponential_mixture_3"])
        both = bs.best_mixture({"one": fit, "two": other}, weights={"one": 2, "two": 0})
        assert np.allclose(both["share"], bs.best_mixture(fit)["share"], atol=1e-4)

    def test_further_inputs(self) -> None:
        fit = handmade_fit("sized_mixture_3")
        small, large = (bs.best_mixture(fit, at={"params": n}) for n in ("1B", "10B"))
        assert np.allclose(small["share"], large["share"], atol=1e-4)
        assert (large["best_loss"] < small["best_loss"]).all()

    def test_pooled_chains_of_other_lengths(self, fit: Fit) -> None:
        short = Fit(fit.spec, fit.tree.isel(draw=slice(100)), fit.record)
        found = bs.best_mixture({"long": fit, "short": short})
        assert found.sizes["draw"] == 100

    def test_what_no_run_had_is_said(self) -> None:
        rng = np.random.default_rng(2)
        table = pd.DataFrame(0.5 / 3 + 0.5 * rng.dirichlet([2, 2, 2], 30), columns=SHARES)
        truth = TRUTHS["exponential_mixture_3"]
        table = bs.simulate("exponential_mixture_3", table, truth, random_seed=1)
        spec = make_spec("exponential_mixture_3")
        fit = fit_around(spec, extract(spec, bs.read_runs(table)), truth)
        assert bs.best_mixture(fit).attrs["extrapolation"].startswith("proportion_1 1, of the runs")
        kept = {name: (1 / 3, 1 / 3) for name in SHARES}
        assert not bs.best_mixture(fit, limits=kept).attrs["extrapolation"]


REFUSED: dict[str, tuple[Callable[[Fit], object], str]] = {
    "another law": (lambda _: bs.best_mixture(handmade_fit()), "needs a law of shares"),
    "no fit": (lambda _: bs.best_mixture({}), "at least one fit"),
    "other domains": (
        lambda f: bs.best_mixture({"a": f, "b": handmade_fit("additive_mixture_2")}),
        "same domains",
    ),
    "no such domain": (lambda f: bs.best_mixture(f, limits={"web": (0, 1)}), "no domain 'web'"),
    "limits that none keeps": (
        lambda f: bs.best_mixture(f, limits=dict.fromkeys(SHARES, (0.0, 0.2))),
        "the largest to 0.6",
    ),
    "limits the wrong way": (
        lambda f: bs.best_mixture(f, limits={"proportion_1": (0.5, 0.2)}),
        "smallest and the largest",
    ),
    "a missing share": (lambda f: bs.best_mixture(f, {"proportion_1": 1.0}), "give a share of"),
    "no mixture": (
        lambda f: bs.best_mixture(f, dict.fromkeys(SHARES, 0.5)),
        "they sum to 1",
    ),
    "other weights": (lambda f: bs.best_mixture({"a": f}, weights={"b": 1}), "weights are of b"),
    "negative weights": (lambda f: bs.best_mixture({"a": f}, weights={"a": -1}), "not be negative"),
    "a size that it does not take": (
        lambda f: bs.best_mixture(f, at={"params": 1e9}),
        "no law takes params",
    ),
    "no size": (
        lambda _: bs.best_mixture(handmade_fit("sized_mixture_3")),
        "takes params, too: pass at=",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    ask, said = REFUSED[case]
    with pytest.raises(bs.BayescaleError, match=said):
        ask(handmade_fit("additive_mixture_3"))


class TestCommand:
    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("mixtures")
        for i, name in enumerate(("text", "code")):
            bs.save(handmade_fit("additive_mixture_3", seed=i), folder / f"{name}.nc")
        return folder

    def ask(self, folder: Path, *options: str) -> Result:
        files = [str(folder / f"{name}.nc") for name in ("text", "code")]
        return CliRunner().invoke(app, ["best-mixture", *files, *options])

    def test_it_answers_as_python_does(self, folder: Path) -> None:
        options = ["--weights", "2,1", "--limit", "proportion_1=0.1:0.2", "--json"]
        options += ["--mixture", "proportion_1=0.2,proportion_2=0.2,proportion_3=0.6"]
        said = json.loads(self.ask(folder, *options).stdout)
        fits = {name: bs.load(folder / f"{name}.nc") for name in ("text", "code")}
        found = bs.best_mixture(
            fits,
            dict(zip(SHARES, [0.2, 0.2, 0.6], strict=True)),
            weights={"text": 2, "code": 1},
            limits={"proportion_1": (0.1, 0.2)},
        )
        assert [row["domain"] for row in said["domains"]] == SHARES
        best = [row["best"] for row in said["domains"]]
        assert np.allclose(best, found["share"].sel(choice="best"))
        assert best[0] == pytest.approx(0.2)
        regret = float(found["regret"].sel(choice="given").mean())
        assert said["choices"][1]["mean_regret"] == pytest.approx(regret)

    def test_tables(self, folder: Path) -> None:
        result = self.ask(folder, "--limit", "proportion_2=:0.3")
        assert "best share" in result.output
        assert "weighted mean of the losses" in result.output

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--weights", "1"], "one weight for each of text, code"),
            (["--limit", "proportion_1=0.3"], "write it as --limit proportion_1=0.1:0.6"),
            (["--mixture", "proportion_1=1"], "give a share of proportion_2"),
            (["--at", "params=1B"], "no law takes params"),
        ],
    )
    def test_refused(self, folder: Path, options: list[str], said: str) -> None:
        result = self.ask(folder, *options)
        assert result.exit_code == 1
        assert said in " ".join(result.output.split())
