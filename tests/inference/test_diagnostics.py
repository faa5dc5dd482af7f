"""Draws that cannot be a posterior, or that nothing vouches for, are never called sound."""

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale.inference.attempts import samplers_of, sound_draws
from bayescale.inference.diagnostics import Diagnostics, diagnose, elements
from bayescale.inference.fit import prepare
from bayescale.inference.initialization import find_modes, missed_modes
from bayescale.inference.sampling import Sampler
from bayescale.laws.functions import log
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive


def judged(change, chains: int = 4, draws: int = 500) -> Diagnostics:
    """Judge independent normal draws of alpha and beta, alpha's changed in place."""
    rng = np.random.default_rng(1)
    values = {name: rng.normal(0.4, 0.02, (chains, draws)) for name in ("alpha", "beta")}
    change(values["alpha"])
    coords = {"chain": np.arange(chains), "draw": np.arange(draws)}
    posterior = xr.Dataset({k: (("chain", "draw"), v) for k, v in values.items()}, coords)
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros((chains, draws), dtype=bool)),
            "energy": (("chain", "draw"), rng.normal(size=(chains, draws))),
        },
        coords,
    )
    return diagnose(posterior, stats)


def nothing(values: np.ndarray) -> None:
    """Leave the draws as they are."""


@pytest.mark.parametrize(
    ("value", "where", "said"),
    [
        (np.nan, (slice(None), slice(None)), "alpha is not finite in 2,000 of 2,000 draws"),
        (np.nan, (0, 7), "alpha is not finite in 1 of 2,000 draws"),
        (np.inf, (2, slice(5)), "alpha is not finite in 5 of 2,000 draws"),
        (0.4, (slice(None), slice(None)), "alpha has the same value, 0.4, in all 2,000 draws"),
        (0.4, (3, slice(None)), "alpha never moves in 1 of 4 chains"),
    ],
)
def test_broken_draws_fail(value: float, where: tuple, said: str) -> None:
    def spoil(values: np.ndarray) -> None:
        values[where] = value

    found = judged(spoil)
    assert not found.ok
    assert any(problem.startswith(said) for problem in found.problems())
    assert "nan" not in str(found)
    assert "do not trust" in found._repr_html_()


def test_sound_draws_pass() -> None:
    assert judged(nothing).problems() == []


def test_one_chain_has_nothing_to_be_compared_with() -> None:
    found = judged(nothing, chains=1, draws=2000)
    assert [p.split(":")[0] for p in found.problems()] == ["one chain"]
    assert "nan" not in str(found)


@pytest.mark.parametrize(("chains", "draws"), [(1, 1), (4, 1), (4, 3)])
def test_few_draws_are_judged_too(chains: int, draws: int) -> None:
    found = judged(nothing, chains=chains, draws=draws)
    assert any(p.startswith("too few draws to judge") for p in found.problems())
    assert "nan" not in str(found)


def test_a_fixed_element_is_no_fault() -> None:
    draws = np.random.default_rng(2).normal(0.2, 0.01, (4, 500, 2))
    draws[..., 1] = 0.0
    posterior = xr.Dataset(
        {"floor": (("chain", "draw", "score"), draws)},
        {"chain": np.arange(4), "draw": np.arange(500), "score": ["mmlu", "math"]},
    )
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 500), dtype=bool))})
    assert diagnose(posterior, stats, fixed={"floor[math]"}).ok
    assert not diagnose(posterior, stats).ok


def two_normals(point: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the log density of equal normals of sd .1 around -1 and 1, and its gradient."""
    away = (point[0] - np.array([-1.0, 1.0])) / 0.1
    each = -(away**2) / 2
    value = np.logaddexp.reduce(each)
    return float(value), np.array([-(np.exp(each - value) @ away) / 0.1])


@pytest.mark.parametrize(("sides", "expected"), [([-1], [1.0]), ([-1, 1], [])])
def test_a_mode_that_no_draw_is_near_is_found(sides: list[int], expected: list[float]) -> None:
    rng = np.random.default_rng(3)
    draws = rng.choice(sides, 2000)[:, None] + rng.normal(0, 0.1, (2000, 1))
    starts = list(rng.normal(0, 2, (12, 1)))
    found = missed_modes(two_normals, starts, draws, seed=1)
    assert [round(float(mode.point[0]), 3) for mode, _ in found] == expected
    assert [share for _, share in found] == pytest.approx([0.5] * len(expected), rel=1e-3)


class Folded(bs.Law):
    """A law in which a rate and its inverse predict alike: two modes far apart."""

    name = "folded"
    reference = "made for a test"
    N = Input("params", span=(1e8, 1e10), about="model size")
    E = Positive(0.5, 0.9, of="target", about="irreducible loss")
    rate = Positive(0.2, 50.0, about="a rate")

    @staticmethod
    def equation(N, E, rate):
        """Return a loss to which the log of the rate contributes by its square."""
        return E + log(rate) ** 2 * N**-0.3


def folded_runs() -> pd.DataFrame:
    """Simulate runs that a rate of 3 explains, or of 1/3."""
    return bs.simulate(
        Folded,
        {"params": np.geomspace(1e8, 1e10, 20)},
        {"E": 1.8, "rate": 3.0, "sigma": 0.01},
        references={"N": 1e9},
        random_seed=1,
    )


def test_chains_in_one_of_two_modes() -> None:
    """Most starts near the prior's median, 3.2, fall into the mode at 3; another is around 1/3.

    Either a chain gets there, and R-hat shows it, or none does, and the missed mode is reported:
    a quarter of the prior leads to it, so thirty climbs miss it in two of ten thousand fits. So few
    draws are not tempered.
    """
    few = bs.Sampler(draws=60)
    with pytest.warns(bs.BayescaleWarning, match="do not trust these numbers yet"):
        fit = bs.fit(folded_runs(), Folded, sampler=few, random_seed=3, progressbar=False)
    first = fit.diagnostics.problems()[0]
    if fit.posterior["rate"].min() > 1:
        assert first.startswith("every chain stayed in one mode of several")
        assert "rate = 0.33" in first
    else:
        assert first.startswith("the chains disagree: R-hat")


def test_tempered_chains_weigh_two_modes_as_the_prior_does() -> None:
    """The likelihood is the same in both; their prior densities are as 29 to 71.

    Of 400 independent draws or more, the share in one mode has a standard error of 0.023 at most.
    """
    fit = bs.fit(folded_runs(), Folded, random_seed=3, progressbar=False)
    assert fit.diagnostics.ok, fit.diagnostics
    assert fit.record["tempered"]
    assert float((fit.posterior["rate"] < 1).mean()) == pytest.approx(0.29, abs=0.08)


def test_a_mode_as_wide_as_its_unit_is_not_missed() -> None:
    """A level in Elo points: sd 130 around -4,300, where its prior has 2,400."""
    rng = np.random.default_rng(0)
    centre, sd = np.array([-4300.0, 0.3]), np.array([130.0, 0.2])

    def normal(point: np.ndarray) -> tuple[float, np.ndarray]:
        off = (point - centre) / sd
        return -0.5 * float(off @ off), -off / sd

    starts = list(rng.normal([0.0, 0.0], [2400.0, 1.0], (30, 2)))
    draws = rng.normal(centre, sd, (4000, 2))
    assert not missed_modes(normal, starts, draws, seed=1)
    ((mode, share),) = missed_modes(normal, starts, draws + np.array([2000.0, 0.0]), seed=1)
    assert share == 1 and mode.point == pytest.approx(centre, abs=1)


def test_a_top_far_thinner_than_the_bulk_is_not_missed() -> None:
    """Few draws of a Cauchy in twelve dimensions are near its top, by the curvature there."""

    def cauchy(point: np.ndarray) -> tuple[float, np.ndarray]:
        spread = 1 + float(point @ point)
        return -6.5 * float(np.log(spread)), -13 * point / spread

    rng = np.random.default_rng(0)
    draws = rng.normal(size=(4000, 12)) / np.abs(rng.normal(size=(4000, 1)))
    starts = list(rng.normal(size=(30, 12)))
    (mode,) = find_modes(cauchy, starts)
    assert 0 < (mode.distances(draws) < mode.radius).mean() < 0.05
    assert not missed_modes(cauchy, starts, draws, seed=1)


def test_a_top_wider_than_its_mode_is_not_missed() -> None:
    """A hundredth of the posterior, flat at its top: the curvature there says over a third."""
    centre, sd, width = np.array([-3.0, 0.0]), 0.3, 0.2
    log_w = np.log(0.01 * 2 * np.pi * sd**2 / (np.pi**1.5 / 2 * width**2))

    def flat_topped(point: np.ndarray) -> tuple[float, np.ndarray]:
        off, away = (point - centre) / sd, (point + centre) / width
        each = np.array([-0.5 * off @ off, log_w - (away @ away) ** 2])
        value = np.logaddexp.reduce(each)
        slopes = np.array([-off / sd, -4 * (away @ away) * away / width])
        return float(value), np.exp(each - value) @ slopes

    rng = np.random.default_rng(0)
    starts = [side + rng.normal(0, 0.1, 2) for side in (centre, -centre) for _ in range(6)]
    first, second = find_modes(flat_topped, starts)
    assert second.log_mass > first.log_mass - 1
    draws = rng.normal(centre, sd, (4000, 2))
    assert not missed_modes(flat_topped, starts, draws, seed=1)
    ((mode, share),) = missed_modes(flat_topped, starts, draws - 2 * centre, seed=1)
    assert share == pytest.approx(0.99, abs=0.01) and mode.point == pytest.approx(centre, abs=0.01)


def test_chains_that_are_slow_are_made_longer() -> None:
    """A law through all of six points: a funnel, in which 300 draws of a chain are too few."""
    x = 6.0 * 2 ** np.arange(6)
    noise = np.exp(0.002 * np.random.default_rng(1).normal(size=6))
    loss = (0.3 + 0.7 * (1 + x / 60) ** -0.6) * noise
    table = pd.DataFrame({"tokens": x, "loss": loss, "run": "a"})
    spec, data = prepare(table, "power_law_sigmoidal", columns={"x": "tokens"}, noise="checkpoints")
    found = sound_draws(spec, data, Sampler(draws=300), 1, progressbar=False)
    assert found.diagnostics.ok and not found.draws.tempered
    assert found.sampler == samplers_of(Sampler(draws=300))[-1]
    assert found.draws.stats.sizes["draw"] == 1200
    assert next(iter(found.draws.links.values())).shape[1] == 1200


def test_a_mode_with_a_stray_draw_is_still_missed() -> None:
    rng = np.random.default_rng(3)
    draws = np.r_[[[1.0]], rng.normal(-1, 0.1, (2000, 1))]
    ((mode, _),) = missed_modes(two_normals, list(rng.normal(0, 2, (12, 1))), draws, seed=1)
    assert mode.point == pytest.approx(1, abs=1e-3)


def test_missed_modes_are_said_and_saved(tmp_path) -> None:
    fit = handmade_fit("chinchilla")
    record = {**fit.record, "missed_modes": ["alpha = 0.9 (about 40 % of the posterior)"]}
    told = bs.Fit(fit.spec, fit.tree, record)
    (problem,) = told.diagnostics.problems()
    assert "another lies near alpha = 0.9" in problem
    bs.save(told, tmp_path / "fit.nc")
    assert bs.load(tmp_path / "fit.nc").diagnostics.problems() == [problem]


def report(**changes) -> Diagnostics:
    usual = {
        "rhat": 1.0, "worst_rhat": "alpha", "ess": 900.0, "worst_ess": "beta", "divergences": 0,
        "draws": 4000, "bfmi": 0.9, "chains": 4,
    }  # fmt: skip
    return Diagnostics(**usual | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rhat": 1.0099}, ""),
        ({"rhat": 1.01}, "the chains disagree: R-hat 1.010 for alpha"),
        ({"ess": 400.1}, ""),
        ({"ess": 400.0}, "too few independent draws: ESS 400 for beta"),
        ({"divergences": 1}, "1 of 4000 transitions diverged"),
        ({"bfmi": 0.3}, ""),
        ({"bfmi": 0.299}, "the energy mixes slowly: BFMI 0.30"),
        ({"bfmi": np.nan}, ""),
        ({"chains": 2, "draws": 2000}, ""),
        ({"chains": 1, "rhat": np.nan}, "one chain"),
        ({"draws": 15, "ess": np.nan}, "too few draws to judge: 15"),
        ({"draws": 16, "ess": np.nan}, ""),
    ],
)
def test_limits_of_the_diagnostics(changes: dict, said: str) -> None:
    found = report(**changes)
    assert found.ok == (not said)
    assert [p[: len(said)] for p in found.problems()] == ([said] if said else [])


def test_the_worst_parameter_is_named_with_its_numbers() -> None:
    """R-hat and ESS are ArviZ's; BFMI is the smallest of the chains', by its definition."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(3, 2, 300))
    values[1, 1] += 0.6
    values[2] = np.cumsum(values[2], axis=-1) * 0.05 + rng.normal(size=(2, 300))
    energy = np.cumsum(rng.normal(size=(2, 300)), axis=1) * [[0.1], [1.0]]
    energy += rng.normal(size=(2, 300))
    coords = {"chain": [0, 1], "draw": np.arange(300)}
    names = ("a", "b", "c")
    posterior = xr.Dataset(
        {k: (("chain", "draw"), v) for k, v in zip(names, values, strict=True)}, coords
    )
    diverging = np.zeros((2, 300), dtype=bool)
    diverging[1, [3, 8]] = True
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), diverging),
            "energy": (("chain", "draw"), energy),
        },
        coords,
    )
    found = diagnose(posterior, stats)
    rhat = {k: float(v) for k, v in azs.rhat(posterior).items()}
    sizes = {
        k: min(float(azs.ess(posterior[k], method=how)) for how in ("bulk", "tail")) for k in names
    }
    assert found.worst_rhat == max(rhat, key=rhat.__getitem__)
    assert found.rhat == max(rhat.values())
    assert found.worst_ess == min(sizes, key=sizes.__getitem__)
    assert found.ess == min(sizes.values())
    fraction = (np.diff(energy, axis=1) ** 2).sum(1) / ((energy.T - energy.mean(1)) ** 2).sum(0)
    assert found.bfmi == pytest.approx(fraction.min(), rel=0.01)
    assert (found.divergences, found.draws, found.chains) == (2, 600, 2)
    assert str(found).startswith(
        f"R-hat {found.rhat:.4f}, ESS {found.ess:.0f}, 2 divergences in 600"
    )


def test_a_report_in_words() -> None:
    fine = report(divergences=0, draws=12_000, ess=1234.4, rhat=1.00234, bfmi=0.876)
    assert str(fine) == "R-hat 1.0023, ESS 1,234, 0 divergences in 12,000 draws: no problem found"
    assert repr(fine) == f"<bayescale.Diagnostics {fine}>"
    page = fine._repr_html_()
    for said in ("no problem found", "1.0023 (alpha)", "1,234 (beta)", "0 of 12,000 draws", "0.88"):
        assert said in page
    wrong = report(broken=("E is stuck",), rhat=np.nan, missed=("a = 3",))
    assert wrong.problems() == [
        "E is stuck: the sampler failed; draw again with another random_seed, and look at the "
        "priors",
        "every chain stayed in one mode of several; another lies near a = 3: draw again with "
        "another random_seed, or give priors that rule one of them out",
    ]
    assert "R-hat unknown" in str(wrong) and "do not trust the draws" in wrong._repr_html_()
    assert report(ess=400.4, draws=4000, bfmi=0.2994).problems()[0].startswith("the energy mixes")
    assert report(rhat=2.0, ess=10.0, divergences=7, bfmi=0.1).problems() == [
        "the chains disagree: R-hat 2.000 for alpha (limit 1.01); draw longer, give tighter "
        "priors, or choose a smaller law",
        "too few independent draws: ESS 10 for beta (limit 400); draw longer",
        "7 of 4000 transitions diverged: part of the posterior was not reached; raise "
        "target_accept to 0.99 or give tighter priors",
        "the energy mixes slowly: BFMI 0.10 (limit 0.3); tails may be missed, draw longer",
    ]
    single = judged(nothing, chains=1, draws=500)
    assert np.isnan(single.rhat) and single.ess > 100 and single.chains == 1
    few = judged(nothing, chains=2, draws=4)
    assert np.isfinite([few.rhat, few.ess, few.bfmi]).all()
    less = judged(nothing, chains=2, draws=3)
    assert np.isnan([less.rhat, less.ess, less.bfmi]).all()


def test_draws_without_a_parameter_are_sound() -> None:
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 300), dtype=bool))})
    found = diagnose(xr.Dataset(), stats)
    assert (found.rhat, found.ess, found.worst_rhat, found.worst_ess) == (1.0, 600.0, "", "")
    assert np.isnan(found.bfmi) and found.ok and found.draws == 600


def test_two_chains_that_never_move_are_both_counted() -> None:
    def stop(values: np.ndarray) -> None:
        values[1], values[2] = 0.3, 0.4

    assert judged(stop).broken == ("alpha never moves in 2 of 4 chains",)
    assert np.isnan(judged(stop).rhat) and judged(stop).worst_rhat == "beta"
    assert judged(nothing, chains=2, draws=1).broken == ()


def test_elements_of_groups_are_named() -> None:
    values = np.arange(24.0).reshape(1, 2, 3, 4)
    draws = xr.Dataset(
        {"a": (("chain", "draw", "g", "h"), values), "b": (("chain", "draw"), values[..., 0, 0])},
        coords={"g": ["x", "y", "z"], "h": [1, 2, 3, 4]},
    )
    found = elements(draws)
    assert list(found)[:2] == ["a[x, 1]", "a[x, 2]"] and list(found)[-1] == "b"
    assert found["a[z, 2]"].values.tolist() == [[9.0, 21.0]] and len(found) == 13
