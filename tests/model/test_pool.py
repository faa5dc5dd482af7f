"""Groups of runs that share parameters: what is sampled, what is asked, what is refused."""

import json
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.inference.fit import assemble
from bayescale.inference.result import Fit
from bayescale.inference.sampling import _COMPILED, Sampler
from bayescale.laws.registry import get_law
from bayescale.model.build import engine_model, model_data
from bayescale.model.hierarchical import (
    draw_links,
    draw_population,
    hierarchical_log_prior,
    in_units,
    own_coordinates,
    start_of,
)
from bayescale.model.observations import Data, extract
from bayescale.model.parametrization import parametrization_of
from bayescale.model.pooling import make_pool
from bayescale.model.spec import Spec, make_spec
from bayescale.prediction import predict as predict_module

GROUPS = ("llama", "pythia", "qwen")
REFERENCES = {"N": 1e9, "D": 2e10}
TRUTH = {
    "E": [1.7, 1.8, 1.9],
    "a": [0.3, 0.35, 0.4],
    "alpha": [0.3, 0.35, 0.4],
    "b": [0.4, 0.35, 0.3],
    "beta": [0.4, 0.37, 0.35],
}


def table(each: int = 6, unit: float = 1.0) -> pd.DataFrame:
    """Three families of a few runs; ``unit`` multiplies the last one's losses."""
    rng = np.random.default_rng(3)
    parts = []
    for i, group in enumerate(GROUPS):
        params = 1e8 * 10 ** rng.uniform(0, 2, each)
        design = pd.DataFrame(
            {"params": params, "tokens": params * 10 ** rng.uniform(0.7, 2, each)}
        )
        truth = {name: values[i] for name, values in TRUTH.items()}
        part = bs.simulate("chinchilla", design, truth, references=REFERENCES, random_seed=i)
        part["loss"] *= unit if i == 2 else 1.0
        parts.append(part.assign(family=group, run=[f"{group} {j}" for j in range(each)]))
    return pd.concat(parts, ignore_index=True)


def pooled_spec(**options) -> tuple[Spec, Data]:
    spec = make_spec("chinchilla", **{"group": "family", "references": REFERENCES, **options})
    return spec, extract(spec, bs.read_runs(table(), loss_unit="nats/token"))


def around_truth(spec: Spec, data: Data) -> xr.Dataset:
    """Draws of 4 chains of 250 that scatter by 2 % around the truth."""
    rng = np.random.default_rng(0)
    shape, values = (4, 250), {}

    def scattered(centre, dims=("chain", "draw")):
        return dims, centre * np.exp(0.02 * rng.normal(size=(*shape, *np.shape(centre))))

    usual = {"sigma": 0.01, "nu": 5.0}
    for name in (*spec.free, *spec.noise_parameters):
        if spec.kinds[name] == "shared":
            values[name] = scattered(usual.get(name) or np.mean(TRUTH[name]))
        else:
            values[name] = scattered(np.array(TRUTH[name]), ("chain", "draw", "family"))
        if spec.kinds[name] == "partial":
            values[f"{name}_mean"] = scattered(np.mean(TRUTH[name]))
            values[f"{name}_spread"] = scattered(0.12)
    coords = {"chain": np.arange(4), "draw": np.arange(250), "family": data.groups}
    return xr.Dataset(values, coords)


@pytest.fixture(scope="module")
def pooled() -> Fit:
    spec, data = pooled_spec(pool="partial")
    posterior = around_truth(spec, data)
    rng = np.random.default_rng(1)
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros((4, 250), dtype=bool)),
            "energy": (("chain", "draw"), rng.normal(size=(4, 250))),
        },
        coords={d: posterior[d] for d in ("chain", "draw")},
    )
    return assemble(spec, data, posterior, stats, sampler=Sampler(draws=250), seed=0)


def test_what_is_pooled_by_default() -> None:
    spec, _ = pooled_spec()
    assert spec.kinds == {
        "E": "partial",
        "a": "partial",
        "alpha": "partial",
        "b": "partial",
        "beta": "partial",
        "sigma": "shared",
        "nu": "shared",
    }
    spec, _ = pooled_spec(pool={"alpha": "shared", "E": "partial"})
    kinds = {"E": "partial", "alpha": "shared", "beta": "separate"}
    assert {k: spec.kinds[k] for k in kinds} == kinds
    spec, _ = pooled_spec(pool="shared")  # what all share has no unit
    assert (spec.kinds["alpha"], spec.kinds["E"]) == ("shared", "partial")
    spec, _ = pooled_spec(pool="separate")
    assert set(map(spec.kinds.get, spec.free)) == {"separate"}
    spec, _ = pooled_spec(priors={"E": 1.7})
    assert "E" not in spec.kinds


def test_unpooled_structure_is_untouched() -> None:
    spec = make_spec("chinchilla")
    assert spec.structure() == (get_law("chinchilla"), "student_t", (), (), ())
    assert spec.population == {} and spec.kinds == {}
    one, other = (make_spec("chinchilla", pool=p, group="family") for p in ("partial", "separate"))
    assert one.structure() != other.structure()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pool": "partial", "group": None}, "name the column of the groups"),
        ({"pool": "half"}, "'half' is not one of shared, partial, separate"),
        ({"pool": {"alfa": "partial"}}, "did you mean 'alpha'"),
        ({"group": "run"}, "needs another name"),
        ({"group": "tokens"}, "takes that for something else"),
        ({"priors": {"alpha": pm.Gamma.dist(2, 4)}}, "90 % intervals or fixed values"),
        ({"priors": {"alpha_spread": 0.1}}, "spread 'alpha_spread' is given as a 90 % interval"),
    ],
)
def test_refused(options: dict, said: str) -> None:
    with pytest.raises(bs.BayescaleError, match=said):
        make_spec("chinchilla", **{"group": "family", **options})


def test_one_group_is_nothing_to_pool() -> None:
    one = table().query("family == 'pythia'")
    with pytest.raises(bs.BayescaleError, match="every usable run has family = pythia"):
        extract(make_spec("chinchilla", group="family"), bs.read_runs(one))
    with pytest.raises(bs.BayescaleError, match="no column for corpus"):
        extract(make_spec("chinchilla", group="corpus"), bs.read_runs(one))


@pytest.mark.parametrize("pool", ["separate", "partial", "shared"])
def test_each_group_has_the_unit_of_its_own_losses(pool: str) -> None:
    """An amplitude is a multiple of its group's target, a shared one of everybody's."""
    medians, scales = [], []
    for unit in (1.0, 100.0):
        spec = make_spec("chinchilla", pool={"E": pool}, group="family", references=REFERENCES)
        data = extract(spec, bs.read_runs(table(unit=unit)))
        drawn = parametrization_of(spec).draw_prior(data, 100, np.random.default_rng(0))
        medians.append(drawn["E"].median(("chain", "draw")))
        scales.append(data.scale)
    grown = medians[1] / medians[0]
    of_all = scales[1] / scales[0]
    assert of_all == pytest.approx(100 ** (1 / 3))
    np.testing.assert_allclose(grown, of_all if pool == "shared" else [1, 1, 100])


def one_law(sizes: dict[str, float], **inputs: str) -> tuple[Spec, Data]:
    """Groups of one law of a typical family, whose runs are so many times 1B and 20B."""
    spec = make_spec("chinchilla", pool="partial", group="family", references=REFERENCES)
    grid = np.meshgrid(np.geomspace(0.3, 3, 4), np.geomspace(0.3, 3, 4))
    parts = []
    for family, size in sizes.items():
        n, d = (size * x.ravel() for x in grid)
        loss = 1.6 + 0.45 * n**-0.28 + 0.45 * d**-0.27
        parts.append(pd.DataFrame({"params": n * 1e9, "tokens": d * 2e10, "loss": loss}))
        parts[-1]["family"] = family
    return spec, extract(spec, bs.read_runs(pd.concat(parts, ignore_index=True)))


def test_groups_of_other_sizes_have_one_floor_in_multiples_of_what_they_pool_by() -> None:
    """Their own typical losses are 1.9 apart, and a floor is one floor."""
    _, data = one_law({"small": 0.01, "middle": 1.0, "large": 10.0})
    members = np.array(data.members)
    own = [np.exp(np.log(data.observed[members == group]).mean()) for group in data.groups]
    assert own[0] / own[-1] > 1.9
    sizes = np.array(list(data.group_scales.values()))
    assert sizes.max() / sizes.min() < 1.1
    assert data.scale == pytest.approx(np.exp(np.log(sizes).mean()), rel=0.05)


def test_groups_may_differ_more_in_floors_and_amplitudes_than_in_exponents() -> None:
    """Medians by hand: a part of the prior's width in log units, .12 or .24 for an sd of .63."""
    spec = make_spec("chinchilla", pool="partial", group="family")
    found = {
        k: (p.low * p.high) ** 0.5 for k, p in spec.population.items() if k.endswith("_spread")
    }
    widths = {"alpha": np.log(8), "beta": np.log(8), "E": np.log(0.95 / 0.2), "a": np.log(100)}
    for name, width in widths.items():
        part = 0.12 if name in ("alpha", "beta") else 0.24
        by_hand = part * (width / (2 * 1.6449)) / 0.63
        assert found[f"{name}_spread"] == pytest.approx(by_hand, rel=1e-3), name


@pytest.mark.parametrize("size", [0.01, 1.0, 10.0])
def test_a_population_says_the_floor_of_a_group_of_any_size(size: float) -> None:
    """Three groups of other sizes, and their next one: all of one law, so of one floor."""
    spec, data = one_law({"small": 0.01, "middle": 1.0, "large": 10.0})
    truth = {"E": 1.6, "a": 0.45, "alpha": 0.28, "b": 0.45, "beta": 0.27, "sigma": 0.01, "nu": 5.0}
    rng, values = np.random.default_rng(0), {}
    for name, value in truth.items():
        by = spec.kinds[name] == "partial"
        shape, dims = (4, 250), ("chain", "draw")
        near = value * np.exp(0.02 * rng.normal(size=(*shape, 3)))
        values[name] = ((*dims, "family"), near) if by else (dims, near[..., 0])
        if by:
            values[f"{name}_mean"] = dims, value * np.exp(0.02 * rng.normal(size=shape))
            values[f"{name}_spread"] = dims, np.full(shape, 0.05)
    posterior = xr.Dataset(values, {"family": data.groups})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 250), dtype=bool))})
    fit = assemble(spec, data, posterior, stats, sampler=Sampler(draws=250), seed=0)
    priors = bs.population_prior(fit)
    assert priors["E"].at == REFERENCES
    _, next_group = one_law({"next": size, "same": size})
    prior = make_spec("chinchilla", priors=priors, references=REFERENCES)
    low, high = prior.interval("E", next_group.scales)
    assert (low * high) ** 0.5 == pytest.approx(1.6, rel=0.1)
    low, high = prior.interval("a", next_group.scales)
    assert (low * high) ** 0.5 == pytest.approx(0.45, rel=0.1)


COORDINATES = {
    ("chinchilla", ("E", "a", "alpha", "b", "beta")): (0, 1, 2, 3, 4),
    ("chinchilla", ("E", "a", "b")): (0, 1, 2),
    ("chinchilla", ("alpha", "beta")): (),
    ("chinchilla", ("E", "a", "b", "beta")): (),
    ("skaling", ("E", "R", "s")): (0, 1, 2),
    ("skaling", ("E", "R", "s", "k")): (0, 1, 2, 5),
    ("power_law", ("scale",)): (),
}


@pytest.mark.parametrize(("law", "own"), COORDINATES)
def test_coordinates_of_some_parameters(law: str, own: tuple[str, ...]) -> None:
    """Those that do not hang on the others; none where that is not as many."""
    assert own_coordinates(get_law(law), own) == COORDINATES[law, own]


POOLS = {
    "partial": {"pool": "partial"},
    "separate": {"pool": "separate"},
    "shared": {"pool": "shared"},
    "all": {"pool": dict.fromkeys(["E", "a", "alpha", "b", "beta", "sigma", "nu"], "shared")},
    "mixed": {"pool": {"E": "partial", "alpha": "shared", "sigma": "partial"}},
    "fixed": {
        "pool": "partial",
        "priors": {"E": 1.7, "alpha": (0.2, 0.5), "beta_spread": (0.1, 0.4)},
    },
}


@pytest.mark.parametrize("name", POOLS)
def test_the_model_is_what_its_tree_says(name: str) -> None:
    """PyMC's density is that of our NumPy prior and noise, at starts of chains."""
    spec, data = pooled_spec(**POOLS[name])
    model = engine_model(spec, data)
    links = {k: v[:1] for k, v in draw_links(spec, data, 1, np.random.default_rng(5)).items()}
    start = start_of(spec, data, np.random.default_rng(5), 1.0)
    sizes = [v.size for v in model.initial_point(0).values()]
    parts = np.split(start, np.cumsum(sizes)[:-1])
    point = {
        k: part.reshape(v.shape)
        for (k, v), part in zip(model.initial_point(0).items(), parts, strict=True)
    }
    with model:
        logp = model.compile_logp(sum=False, mode="FAST_COMPILE")(point)
    posterior = in_units(spec, data, {k: v[None] for k, v in links.items()})
    ours = float(hierarchical_log_prior(spec, data, posterior).map(np.sum).to_array().sum())
    *priors, likelihood = logp
    assert sum(float(np.sum(p)) for p in priors) == pytest.approx(ours, rel=1e-6)
    stats = xr.Dataset({"diverging": (("chain", "draw"), [[False]])})
    made = assemble(spec, data, posterior, stats, sampler=Sampler(draws=1), seed=0)
    density = made.tree_group("log_likelihood")["loss"] + np.log(made.observed)  # on log loss
    assert float(np.sum(likelihood)) == pytest.approx(float(density.sum()), rel=1e-6)
    assert set(model_data(spec, data)) == {v.name for v in model.data_vars}


def test_summary_has_a_row_for_each_group(pooled: Fit) -> None:
    found = bs.summary(pooled)
    assert {"alpha[pythia]", "alpha_mean", "alpha_spread", "sigma", "A[qwen]"} <= set(found.index)
    assert found.loc["alpha[pythia]", "median"] == pytest.approx(0.35, rel=0.02)
    assert found.loc["E[llama]", "unit"] == "nats/token"
    assert "between groups by family" in found.loc["alpha_spread", "about"]
    assert pooled.diagnostics.ok
    assert "pooled by family" in repr(pooled)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # the draws are made by hand
def test_arviz_takes_the_tree(pooled: Fit) -> None:
    assert az.loo(pooled.tree).n_data_points == 18
    assert az.loo(bs.group_fit(pooled, "qwen").tree).n_data_points == 6
    rows = az.summary(pooled.tree, var_names=["alpha"]).index
    assert list(rows) == [f"alpha[{group}]" for group in GROUPS]


def test_residuals_are_of_each_run_s_own_group(pooled: Fit) -> None:
    assert bs.residuals(pooled)["residual"].abs().median() < 0.02
    assert bs.plot_residuals(pooled) is not None


def test_member_is_a_fit(pooled: Fit) -> None:
    one = bs.group_fit(pooled, "pythia")
    assert one.spec.pool is None and one.observed.size == 6
    assert set(one.posterior) == {"E", "a", "alpha", "b", "beta", "sigma", "nu"}
    same = pooled.posterior["alpha"].sel(family="pythia")
    assert (one.posterior["alpha"].values == same.values).all()
    assert one.scale == pytest.approx(float(np.exp(np.log(one.observed).mean())))
    assert bs.summary(one).loc["beta", "median"] == pytest.approx(0.37, rel=0.02)
    assert set(bs.identify(one).index) == {"E", "a", "alpha", "b", "beta"}
    with pytest.raises(bs.BayescaleError, match="did you mean 'pythia'"):
        bs.group_fit(pooled, "pythya")
    with pytest.raises(bs.BayescaleError, match="has no groups"):
        bs.group_fit(one, "pythia")
    with pytest.raises(bs.BayescaleError, match="pythia of 3 groups that were pooled by family"):
        bs.add_runs(one, table())


def test_a_gain_of_one_group_over_another_names_them(pooled: Fit) -> None:
    one, other = (bs.group_fit(pooled, name) for name in list(GROUPS)[:2])
    found = bs.effective_compute(one, other, 1e21, random_seed=1)
    assert (found.baseline, found.recipe) == tuple(GROUPS)[:2]


def test_a_report_of_a_group_says_what_it_rests_on(pooled: Fit, tmp_path: Path) -> None:
    said = bs.report(bs.group_fit(pooled, "pythia"), tmp_path / "pythia.md").read_text()
    assert "estimated in one model with the runs of 2 other groups by family." in said
    assert "The runs of all groups together identify" in said
    assert "This is one of 3 groups by family in one model." in said.partition("## Priors")[2]


def test_a_column_that_was_renamed_is_named() -> None:
    renamed = table().rename(columns={"family": "Family"})
    with pytest.raises(bs.BayescaleError, match=r"no column for Family; it has .* Say family$"):
        bs.fit(renamed, "chinchilla", group="Family", progressbar=False)


def test_predict_by_group(pooled: Fit) -> None:
    """A table names the groups; each answer is its member's, in the table's order."""
    points = {"family": ["qwen", "llama", "qwen"], "params": [1e9, 1e9, 7e10], "tokens": 1e12}
    found = bs.predict(pooled, points, random_seed=1)
    assert found.sizes["point"] == 3 and list(found["family"].values) == points["family"]
    alone = bs.predict(bs.group_fit(pooled, "llama"), params=1e9, tokens=1e12, random_seed=1)
    np.testing.assert_allclose(found["law"].isel(point=1), alone["law"].isel(point=0))
    np.testing.assert_array_equal(found["params"], points["params"])
    frame = pd.DataFrame({**points, "tokens": [1e12] * 3, "seed": 1})
    assert bs.predict(pooled, frame, random_seed=1).identical(found)
    assert "family" in bs.credible_intervals(found).columns
    one = bs.predict(pooled, {"family": "qwen"}, params=["1B", "70B"], tokens="1T", grid=True)
    assert one.sizes["point"] == 2
    with pytest.raises(bs.BayescaleError, match="pools 3 groups by family: say which"):
        bs.predict(pooled, params=1e9, tokens=1e12)
    with pytest.raises(bs.BayescaleError, match="no run has family = 'gpt'"):
        bs.predict(pooled, {"family": "gpt"}, params=1e9, tokens=1e12)


def test_groups_have_chances_of_their_own(pooled: Fit, monkeypatch) -> None:
    """Each has a seed of 32 bits, so their discrepancies do not go together."""
    seeds, ask = [], predict_module.predict

    def watched(fit, table, **options):
        seeds.append(options["random_seed"])
        return ask(fit, table, **options)

    monkeypatch.setattr(predict_module, "predict", watched)
    points = {"family": ["qwen", "llama", "pythia"], "params": 1e13, "tokens": 1e15}
    answer = ask(pooled, points, random_seed=1)
    assert len(set(seeds)) == 3 and max(seeds) > 2**24 and max(seeds) < 2**32
    off = np.log(answer["outcome"] / answer["law"]).stack(s=("chain", "draw"))
    together = np.corrcoef(off.transpose("point", "s"))
    assert np.abs(together[np.triu_indices(3, 1)]).max() < 0.2


def test_a_new_group_has_but_the_prior_of_what_is_separate() -> None:
    spec, data = pooled_spec(pool={"alpha": "partial"})
    drawn = draw_population(spec, data.scales, around_truth(spec, data), np.random.default_rng(0))
    prior = np.log(drawn["E"] / data.scale)
    mean, sd = spec.normal_priors(["E"], {"target": 1.0})
    assert float(prior.mean()) == pytest.approx(mean[0], abs=0.05)
    assert float(prior.std()) == pytest.approx(sd[0], rel=0.1)


def test_a_new_group_comes_from_the_population(pooled: Fit) -> None:
    new = bs.group_fit(pooled, None, random_seed=2)
    known = pooled.posterior
    log_alpha = np.log(new.posterior["alpha"])
    assert float(log_alpha.mean()) == pytest.approx(
        float(np.log(known["alpha_mean"]).mean()), abs=0.02
    )
    assert float(log_alpha.std()) == pytest.approx(0.12, rel=0.1)
    assert (new.posterior["sigma"] == known["sigma"]).all()
    log_E = np.log(new.posterior["E"])
    assert float(log_E.mean()) == pytest.approx(float(np.log(known["E_mean"]).mean()), abs=0.02)
    wide, narrow = (
        bs.predict(fit, params=1e9, tokens=2e10, random_seed=1)["law"].std()
        for fit in (new, bs.group_fit(pooled, "llama"))
    )
    assert wide > 5 * narrow
    assert not new.informed and pooled.informed
    found = bs.predict(new, params=1e9, tokens=2e10, random_seed=1)
    error = np.log(found["outcome"] / found["law"])  # free of the runs of other families
    size = bs.Discrepancy().of_law(new.law.name).size
    assert float(error.std()) == pytest.approx(size, rel=0.1)
    assert abs(float(error.mean())) < 0.002
    with pytest.raises(bs.BayescaleError, match="no run is of this new group"):
        bs.residuals(new)


def test_optimum_by_group(pooled: Fit) -> None:
    best = bs.optimum(pooled, ["1e22", "1e23"], random_seed=1)
    assert dict(best.sizes) == {"family": 3, "chain": 4, "draw": 250, "budget": 2}
    alone = bs.optimum(bs.group_fit(pooled, "qwen"), ["1e22", "1e23"], random_seed=1)
    np.testing.assert_allclose(best["params"].sel(family="qwen"), alone["params"])
    assert bs.frontier_constants(pooled)["N_opt_exponent"].sizes["family"] == 3
    assert len(bs.credible_intervals(best)) == 3 * 2 * 4


@pytest.mark.parametrize(
    "ask",
    [
        bs.identify,
        bs.principal_directions,
        bs.stability,
        bs.plot_bands,
        bs.plot_ridge,
        bs.plot_frontier,
        bs.plot_isoflop,
        bs.plot_exponents,
        bs.plot_prior_posterior,
        lambda fit: bs.report(fit, "report.html"),
        lambda fit: bs.plan(fit, budget=1e20),
        lambda fit: bs.least_useful(fit),
        lambda fit: bs.required_compute(fit, loss=2.0),
        lambda fit: bs.crossover_compute(fit, fit),
        lambda fit: bs.regret(fit, 1e22),
    ],
)
def test_questions_of_one_law_name_a_member_to_ask(pooled: Fit, ask) -> None:
    with pytest.raises(bs.BayescaleError, match=r"bayescale.group_fit\(fit, 'llama'\)"):
        ask(pooled)


def test_member_is_drawn(pooled: Fit) -> None:
    assert bs.plot_bands(bs.group_fit(pooled, "qwen")) is not None


@pytest.mark.parametrize("name", ["qwen", None])
def test_the_next_runs_of_a_group(pooled: Fit, name: str | None) -> None:
    """Of its own tokens per parameter, and about its own parameters."""
    one = bs.group_fit(pooled, name, random_seed=1)
    found = bs.plan(one, budget=1e22, about="alpha-beta", runs=3)
    ratio, fitted = found.runs["tokens"] / found.runs["params"], one.inputs["D"] / one.inputs["N"]
    assert ratio.between(float(fitted.min()), float(fitted.max())).all()
    assert len(found.done) == (6 if name else 18)
    draws = one.posterior["alpha"] - one.posterior["beta"]
    assert found.sd_now == pytest.approx(float(draws.std()), rel=0.01)
    assert found.sd_after < found.sd_now and not found.do_nothing
    assert len(bs.least_useful(one, "alpha")) == len(found.done)


def test_backtest_refuses() -> None:
    spec, _ = pooled_spec()
    with pytest.raises(bs.BayescaleError, match="not of pooled groups"):
        bs.backtest(table(), spec)


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_saved_and_loaded(pooled: Fit, tmp_path: Path, suffix: str) -> None:
    again = bs.load(bs.save(pooled, tmp_path / f"fit.{suffix}"))
    assert again.spec == pooled.spec
    assert again.groups == list(GROUPS)
    assert bs.summary(again).equals(bs.summary(pooled))
    one = bs.load(bs.save(bs.group_fit(again, "qwen"), tmp_path / f"one.{suffix}"))
    assert one.record["pooled"] == {"by": "family", "member": "qwen", "of": 3}


def test_fitted_runs_know_their_group(pooled: Fit) -> None:
    found = bs.fitted_runs(pooled)
    assert list(found["family"]) == [group for group in GROUPS for _ in range(6)]


MODEL = """
law = "chinchilla"
group = "family"
pool = {pool}

[data]
file = "runs.csv"
"""


def test_model_file(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "runs.csv", index=False)
    path = tmp_path / "mine.toml"
    path.write_text(MODEL.format(pool='{ alpha = "partial", beta = "shared" }'))
    study = bs.load_study(path)
    spec = make_spec(study)
    assert spec.pool == make_pool({"alpha": "partial", "beta": "shared"}, "family")
    assert bs.Study.from_dict(study.as_dict()) == study
    path.write_text(MODEL.format(pool='"partial"'))
    assert make_spec(bs.load_study(path)).pool == make_pool("partial", "family")
    path.write_text(MODEL.format(pool='"half"'))
    with pytest.raises(bs.BayescaleError, match=r"mine.toml: pool cannot be used.*'half'"):
        bs.load_study(path)


def test_command_line(pooled: Fit, tmp_path: Path) -> None:
    run = CliRunner()
    bs.save(pooled, tmp_path / "fit.nc")
    made = run.invoke(
        app, ["member", str(tmp_path / "fit.nc"), "pythia", "-o", str(tmp_path / "pythia.nc")]
    )
    assert made.exit_code == 0 and "6 runs" in " ".join(made.stdout.split())
    asked = ["predict", str(tmp_path / "pythia.nc"), "--params", "7B", "--tokens", "1T", "--json"]
    assert json.loads(run.invoke(app, asked).stdout)["runs"] == 6
    listed = run.invoke(app, ["member", str(tmp_path / "fit.nc"), "--json"])
    assert [row["member"] for row in json.loads(listed.stdout)["members"]] == list(GROUPS)
    new = run.invoke(
        app, ["member", str(tmp_path / "fit.nc"), "--new", "-o", str(tmp_path / "n.nc")]
    )
    assert new.exit_code == 0
    assert run.invoke(app, ["summary", str(tmp_path / "fit.nc")]).exit_code == 0


def test_the_command_line_predicts_by_group(pooled: Fit, tmp_path: Path) -> None:
    bs.save(pooled, tmp_path / "fit.nc")
    asked = ["predict", str(tmp_path / "fit.nc"), "--params", "7B", "--tokens", "1T", "--json"]
    first, *_, last = GROUPS
    found = CliRunner().invoke(app, [*asked, "--at", f"family={first},{last}", "--seed", "1"])
    points = json.loads(found.stdout)["points"]
    assert [point["family"] for point in points] == [first, last]
    at = {"params": 7e9, "tokens": 1e12}
    law = bs.predict(bs.group_fit(pooled, last), at, random_seed=1)["law"]
    assert points[1]["law"]["median"] == pytest.approx(float(law.median()))
    left_out = CliRunner().invoke(app, asked)
    assert left_out.exit_code == 1
    for way in (f"--at family={first}", f"bayescale member FIT {first} -o FILE.nc"):
        assert way in left_out.stderr


def test_sampled() -> None:
    """A fit of families in one program; another table of as many groups compiles nothing."""
    sampler = Sampler(draws=250, tune=400, chains=2, cores=1)
    options = {"group": "family", "sampler": sampler, "progressbar": False}
    runs = table(each=20)
    fit = bs.fit(runs, "chinchilla", pool="shared", random_seed=1, **options)
    assert set(fit.posterior["E"].dims) == {"chain", "draw", "family"}
    assert fit.posterior["alpha"].dims == ("chain", "draw")
    for group, E in zip(GROUPS, TRUTH["E"], strict=True):
        assert float(fit.posterior["E"].sel(family=group).median()) == pytest.approx(E, rel=0.05)
    more = table(each=2).assign(run=lambda t: [f"more {i}" for i in range(len(t))])
    programs = len(_COMPILED)
    again = bs.add_runs(fit, more, random_seed=1, progressbar=False)
    assert len(_COMPILED) == programs
    assert len(again.observed) == len(runs) + len(more)
