"""Fits of real and simulated runs, drawn in earnest; compiling is what takes the time."""

import os
import signal
import threading
import warnings
from dataclasses import replace
from typing import Literal

import arviz as az
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from handmade import design

import bayescale as bs
from bayescale.inference import attempts
from bayescale.inference.fit import assemble
from bayescale.inference.sampling import further_tries
from bayescale.model.link_scale import to_link
from bayescale.model.observations import extract

GOPHER_BUDGET = 5.76e23
TRUTH = {"E": 1.8, "a": 480.0, "alpha": 0.35, "b": 2100.0, "beta": 0.37}


def quick(runs, law="chinchilla", **options) -> bs.Fit:
    return bs.fit(runs, law, random_seed=1, progressbar=False, **options)


def simulated(params, tokens, seed: int = 0) -> pd.DataFrame:
    table = {"params": params, "tokens": tokens}
    return bs.simulate("chinchilla", table, TRUTH, random_seed=seed)


@pytest.fixture(scope="session")
def hoffmann(data_dir) -> bs.Fit:
    return quick(bs.load_study("hoffmann2022"), None)


@pytest.fixture(scope="session")
def hoffmann_normal(data_dir) -> bs.Fit:
    with warnings.catch_warnings():  # five runs, which normal noise follows, are off the law
        warnings.filterwarnings("ignore", ".*the law misses", bs.BayescaleWarning)
        return quick(bs.load_study("hoffmann2022"), None, noise="normal")


class TestHoffmann:
    """The bars of the Chinchilla fit on the 245 runs of Hoffmann et al. (2022)."""

    def test_posterior(self, hoffmann) -> None:
        median = hoffmann.posterior.median()
        assert float(median["E"]) == pytest.approx(1.80, abs=0.03)
        assert float(median["alpha"]) == pytest.approx(0.343, abs=0.02)
        assert float(median["beta"]) == pytest.approx(0.362, abs=0.02)

    def test_diagnostics(self, hoffmann) -> None:
        found = hoffmann.diagnostics
        assert found.ok
        assert found.rhat < 1.01
        assert found.ess > 2000
        assert found.divergences == 0

    def test_optimum_and_what_five_outliers_do_to_it(self, hoffmann) -> None:
        runs = bs.study_runs(bs.load_study("hoffmann2022"))
        without = quick(runs.where("in_besiroglu_fit"))
        assert without.observed.size == 240
        size, size_without = (
            float(bs.optimum(fit, GOPHER_BUDGET, discrepancy=None)["params"].median())
            for fit in (hoffmann, without)
        )
        assert 6.5e10 < size < 8.2e10
        assert abs(size_without / size - 1) < 0.06

    def test_the_five_are_named(self, hoffmann) -> None:
        runs = bs.study_runs(bs.load_study("hoffmann2022"))
        dropped = ~runs.table["in_besiroglu_fit"].to_numpy(bool)
        named = list(bs.outliers(hoffmann).index)
        five = [label for label, out in zip(runs.labels(), dropped, strict=True) if out]
        assert len(five) == 5
        assert sorted(named) == sorted(five), "all of them, and no other"

    def test_identified(self, hoffmann) -> None:
        verdicts = bs.identify(hoffmann)["verdict"]
        assert (verdicts[["alpha", "beta", "E"]] == "identified").all()

    def test_same_seed_same_draws(self, hoffmann) -> None:
        again = quick(bs.load_study("hoffmann2022"), None)
        xr.testing.assert_equal(again.tree.to_dataset(), hoffmann.tree.to_dataset())
        xr.testing.assert_equal(again.posterior, hoffmann.posterior)

    def test_student_t_beats_normal(self, hoffmann, hoffmann_normal) -> None:
        table = bs.compare({"student_t": hoffmann, "normal": hoffmann_normal})
        assert list(table.index) == ["student_t", "normal"]
        assert table.loc["normal", "elpd_diff"] < -150
        best = table.loc["student_t"]
        assert abs(best["elpd_waic"] - best["elpd_loo"]) < best["se_loo"]
        # The five outlying runs decide the normal fit: WAIC is not to be trusted there.
        assert table.loc["normal", "bad_waic"] > 0
        assert "trust LOO" in table.loc["normal", "warning"]
        with pytest.warns(bs.BayescaleWarning, match="WAIC is not reliable"):
            bs.waic(hoffmann_normal)

    def test_arviz_works_on_the_tree(self, hoffmann) -> None:
        assert set(az.summary(hoffmann.tree).index) >= {"E", "alpha", "beta", "sigma", "nu"}
        assert az.loo(hoffmann.tree).elpd > 0
        assert "alpha" in az.psense_summary(hoffmann.tree).index
        az.plot_trace_dist(hoffmann.tree, var_names=["alpha", "beta"])
        az.plot_ppc_dist(hoffmann.tree, num_samples=20)


@pytest.mark.parametrize(("column", "factor"), [("loss", 0.01), ("params", 1e3), ("tokens", 1e-3)])
def test_units_do_not_matter(column, factor) -> None:
    """Losses, N or D times a constant: the same exponents, and the optimum in the new units."""
    table = simulated(*(design()[c] for c in ("params", "tokens")))
    sampler = bs.Sampler(draws=4000)
    fit = quick(table, sampler=sampler)
    scaled = table.drop(columns="flops").assign(**{column: factor * table[column]})
    other = quick(scaled, sampler=sampler)
    # Of 16,000 draws with an ESS of 8,000 or more: 0.1 sd are five Monte Carlo errors of the
    # difference of two medians, 1.25 sd (2 / ESS) ** 0.5 each, and nine of that of two sds.
    assert min(fit.diagnostics.ess, other.diagnostics.ess) > 8000
    for name in ("alpha", "beta"):
        one, two = fit.posterior[name], other.posterior[name]
        assert float(two.median() - one.median()) == pytest.approx(0, abs=0.1 * float(one.std()))
        assert float(two.std()) == pytest.approx(float(one.std()), rel=0.1)
    unit = {"loss": 1.0, "params": 1 / factor, "tokens": factor}[column]
    budgets = (1e24, 1e24 * (1.0 if column == "loss" else factor))
    one, two = (
        bs.optimum(each, budget, discrepancy=None).median()
        for each, budget in zip((fit, other), budgets, strict=True)
    )
    assert float(two["tokens_per_param"] / one["tokens_per_param"]) == pytest.approx(unit, rel=0.05)
    expected = factor if column == "loss" else 1.0
    assert float(two["loss"] / one["loss"]) == pytest.approx(expected, rel=0.002)


def test_fixed_ratio_leaves_the_exponents_weak() -> None:
    params = np.geomspace(5e7, 5e9, 7)
    with pytest.warns(bs.BayescaleWarning, match="20 tokens per parameter.*rests on the prior"):
        fit = quick(simulated(params, 20 * params), sampler=bs.Sampler(draws=4000))
    found = bs.identify(fit)
    # Correlated at -0.41, with a Monte Carlo error of 0.02, where 0.3 makes partners.
    assert found.loc["alpha", "verdict"] == found.loc["beta", "verdict"] == "weak"
    assert found.loc["alpha", "partner"] == "beta"
    assert found.loc["beta", "partner"] == "alpha"
    for name in ("alpha", "beta"):
        assert "tokens = 20 x params" in found.loc[name, "reason"]
        assert "D/N = " in found.loc[name, "recommended_runs"]
        # 85 % of a hundred draws settle it, and runs that do so are looked for: 0.85 is
        # reached or nearly so, and five Monte Carlo errors, 0.036 each, are below that.
        assert found.loc[name, "chance"] > 0.85 - 5 * 0.036
        runs = pd.DataFrame(
            found.attrs["recommended_runs"].get(name, []), columns=["params", "tokens"]
        )
        off = np.abs(np.log(runs["tokens"] / runs["params"] / 20))
        assert off.empty or off.median() > np.log(3)


def test_one_data_size_leaves_beta_to_the_prior() -> None:
    with pytest.warns(bs.BayescaleWarning, match=r"every run has tokens = 1e\+10"):
        fit = quick(simulated(np.geomspace(5e7, 5e9, 12), np.full(12, 1e10)))
    found = bs.identify(fit)
    assert found.loc["beta", "verdict"] == "prior only"
    assert found.loc["alpha", "verdict"] == "identified"
    assert "every run has tokens" in found.loc["beta", "reason"]


@pytest.mark.filterwarnings("ignore:.*the law misses:bayescale.BayescaleWarning")  # by its prior
def test_a_fixed_parameter_is_not_sampled() -> None:
    fixed = quick(simulated(*(design()[c] for c in ("params", "tokens"))), priors={"E": 1.5})
    assert "E" not in fixed.posterior
    assert bs.predict(fixed, params=1e30, tokens=1e30)["law"].median() == pytest.approx(
        1.5, rel=1e-3
    )


def test_a_law_held_away_from_the_runs_is_warned_of() -> None:
    runs = simulated(*(design()[c] for c in ("params", "tokens")))
    with pytest.warns(bs.BayescaleWarning, match="chinchilla: the law misses: residuals"):
        far = quick(runs, priors={"alpha": 0.9, "beta": 0.9})
    assert far.diagnostics.ok and far.adequacy.severe


NARROW = {
    "disagrees": {"alpha": pm.Normal.dist(0.9, 0.001)},
    "interval": {"beta": (0.60, 0.61)},
    "agrees": {"E": pm.LogNormal.dist(np.log(1.8), 1e-3)},
    "two": {"alpha": (0.3495, 0.3505), "b": (0.6, 0.602)},
    "fixed beside": {"E": 1.8, "alpha": (0.3495, 0.3505)},
}


@pytest.mark.filterwarnings("ignore:.*the law misses:bayescale.BayescaleWarning")  # by its prior
@pytest.mark.parametrize("priors", NARROW.values(), ids=NARROW)
def test_a_narrow_prior_samples_cleanly_and_holds(priors) -> None:
    """Priors up to a thousand times narrower than the default, some far from the truth."""
    fit = quick(simulated(*(design()[c] for c in ("params", "tokens"))), priors=priors)
    assert fit.diagnostics.ok, fit.diagnostics.problems()
    assert fit.diagnostics.divergences == 0
    for name in fit.spec.narrow(fit.scales):
        mean, sd = (float(moment[0]) for moment in fit.spec.normal_priors([name], fit.scales))
        link = to_link(fit.spec.free[name], fit.posterior[name], fit.scales)
        # the runs can move a prior this narrow by a few of its own sd at the most
        assert abs(float(link.median()) - mean) < 4 * sd
        assert float(link.std()) < 1.5 * sd


@pytest.mark.filterwarnings("ignore:.*the law misses:bayescale.BayescaleWarning")  # width, depth
@pytest.mark.parametrize("name", ["hoffmann2022", "gemstones", "openeurollm2026", "bhagia"])
def test_skaling_samples_well(name, data_dir) -> None:
    where = {"gemstones": "set == 'cooldown_end'", "bhagia": "is_final"}
    files = {
        "gemstones": "gemstones2025",
        "openeurollm2026": "openeurollm2026_optima",
        "bhagia": "bhagia2024_ladder_lmloss",
    }
    runs = bs.read_runs(bs.load_dataset(files.get(name, name)))
    # Cooldowns of one run at several lengths are runs of their own, whatever their common name.
    noise = "student_t" if name == "gemstones" else None
    fit = quick(runs.where(where[name]) if name in where else runs, "skaling", noise=noise)
    assert fit.diagnostics.ok, fit.diagnostics.problems()
    assert fit.diagnostics.draws == 4000  # without a longer second try


@pytest.mark.parametrize("sampler", ["pymc", "numpyro"])
def test_another_sampler_agrees(sampler: Literal["pymc", "numpyro"]) -> None:
    pytest.importorskip(sampler, reason="the extra numpyro is not installed")
    runs = bs.read_runs(simulated(*(design()[c] for c in ("params", "tokens"))))
    ours = quick(runs)
    theirs = quick(runs, sampler=bs.Sampler(sampler, draws=1000, chains=2))
    # Five Monte Carlo errors of the difference of two medians, each 1.25 sd / ESS ** 0.5.
    ess = ours.diagnostics.ess, theirs.diagnostics.ess
    margin = 5 * 1.25 * np.sqrt(1 / ess[0] + 1 / ess[1])
    assert margin < 0.35
    for name in ("E", "alpha", "beta", "sigma"):
        one, two = ours.posterior[name], theirs.posterior[name]
        assert abs(float(one.median() - two.median())) < margin * float(one.std()), name


def test_failed_diagnostics_are_said() -> None:
    params = np.geomspace(5e7, 5e9, 7)
    runs = simulated(params, np.resize([10, 20, 40], 7) * params)
    with pytest.warns(bs.BayescaleWarning, match="do not trust these numbers yet"):
        fit = quick(runs, sampler=bs.Sampler(draws=20, tune=20))
    assert not fit.diagnostics.ok
    assert fit.diagnostics.draws == 4 * 4 * 20  # it tried again, in the end four times as long
    assert any("draw longer" in problem for problem in fit.diagnostics.problems())


def test_further_tries_are_longer_and_more_careful() -> None:
    usual, longest, careful = (
        [(each.draws, each.target_accept) for each in further_tries(sampler)]
        for sampler in (
            bs.Sampler(),
            bs.Sampler(draws=60_000),  # no more than may be asked for
            bs.Sampler(target_accept=0.97),
        )
    )
    assert usual == [(2000, 0.95), (4000, 0.99)]
    assert [draws for draws, _ in longest] == [100_000, 100_000]
    assert [target for _, target in careful] == [0.97, 0.99]


@pytest.mark.parametrize(
    "fault, then", [({"ess": 1.0}, (2000, 6, True)), ({"divergences": 1}, (4000, 7, True))]
)
def test_a_fit_is_drawn_again_until_its_diagnostics_pass(monkeypatch, fault, then) -> None:
    runs = bs.read_runs(simulated(*(design()[c] for c in ("params", "tokens"))))
    asked, draw, judge = [], attempts.sample, attempts.diagnose

    def drawn(spec, data, sampler, seed, progressbar, from_modes=False):
        asked.append((sampler.draws, seed, from_modes))
        return draw(spec, data, sampler, seed, progressbar, from_modes)

    def doubted(*args, **options):
        found = judge(*args, **options)
        return found if len(asked) == 2 else replace(found, **fault)

    monkeypatch.setattr(attempts, "sample", drawn)
    monkeypatch.setattr(attempts, "diagnose", doubted)
    fit = bs.fit(runs, "chinchilla", random_seed=5, progressbar=False)
    assert asked == [(1000, 5, False), then]
    assert fit.diagnostics.draws == 4 * then[0]
    assert fit.record["seed"] == 5


def test_an_interrupt_keeps_the_draws(monkeypatch) -> None:
    runs = simulated(*(design()[c] for c in ("params", "tokens")))
    quick(runs)  # compiled; now to be stopped by a user while drawing
    begin = nutpie.sample

    sent = threading.Event()

    def interrupt(chains) -> None:
        """Stop the sampler as soon as its chains have draws enough to be trusted.

        They get on at the pace that the machine gives them, and one that has fewer than half the
        draws of the other would be left out: wait until they are closer than that.
        """
        kept = sorted(chain.finished_draws - 1000 for chain in chains)
        if kept[0] > max(3000, 0.7 * kept[1]) and not sent.is_set():
            sent.set()
            os.kill(os.getpid(), signal.SIGINT)

    def interrupted(*arguments, **options):
        return begin(*arguments, **options | {"progress_callback": interrupt, "progress_rate": 50})

    monkeypatch.setattr(nutpie, "sample", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job may ignore it
    try:
        with pytest.warns(bs.BayescaleWarning, match="interrupted: kept the"):
            fit = quick(runs, sampler=bs.Sampler(draws=100_000, chains=2, cores=2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert 2 * 3000 < fit.diagnostics.draws < 200_000
    assert fit.diagnostics.ok
    assert np.isfinite(fit.posterior.to_dataarray()).all()


@pytest.mark.parametrize("noise", ["student_t", "raw_student_t"])
def test_losses_computed_from_a_law_are_fitted(noise: str) -> None:
    """Without noise the likelihood has no bound; chains stopped moving, and it took a minute."""
    flops = np.geomspace(1e18, 1e22, 12)
    truth = {"E": 1.7, "scale": 1.2, "exponent": 0.1}
    table = pd.DataFrame({"flops": flops, "loss": 1.7 + 1.2 * (flops / 1e20) ** -0.1})
    with pytest.warns(bs.BayescaleWarning, match="goes through all runs .* error of 1e-06"):
        fit = bs.fit(
            *(table, "power_law_floor"), noise=noise, references={"x": 1e20}, random_seed=1
        )
    assert fit.diagnostics.ok
    for name, value in truth.items():
        assert float(fit.posterior[name].median()) == pytest.approx(value, rel=1e-3), name
    assert fit.record["data"] == extract(fit.spec, bs.read_runs(table)).digest()
    again = bs.fit(bs.fitted_runs(fit), fit.spec, random_seed=1)
    assert again.diagnostics.ok


def test_known_errors_are_used(made_fit) -> None:
    """A run whose loss is known to be uncertain is expected to scatter more."""
    table = design().assign(loss=3.0, loss_se=[0.5] + [0.0] * 39)
    data = extract(made_fit.spec, bs.read_runs(table))
    fit = assemble(
        made_fit.spec,
        data,
        made_fit.posterior,
        made_fit.tree_group("sample_stats"),
        sampler=bs.Sampler(),
        seed=0,
    )
    spread = np.log(fit.tree_group("posterior_predictive")["loss"]).std(("chain", "draw"))
    assert float(spread[0]) > 5 * float(spread[1])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (pd.DataFrame({"params": [1e9], "loss": [2.0]}), "tokens"),
        (design().assign(loss=-1.0), "loss"),
        (design().head(3).assign(loss=[3.0, 2.9, 2.8]), "3 usable runs for the 5 parameters"),
    ],
)
@pytest.mark.filterwarnings("ignore::bayescale.BayescaleWarning")
def test_runs_that_cannot_be_fitted(runs, message) -> None:
    with pytest.raises(bs.BayescaleError, match=message):
        quick(runs)


def test_a_law_must_be_named() -> None:
    with pytest.raises(bs.BayescaleError, match="no law given"):
        bs.fit(design())
