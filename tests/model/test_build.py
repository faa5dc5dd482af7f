"""The model that users see is the model that is sampled, and one that PyMC's own tools take."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
import scipy.special
import scipy.stats
import xarray as xr
from handmade import TRUTH, design, fit_around, prior_medians

import bayescale as bs
from bayescale.inference.pointwise import observations_of
from bayescale.laws.base import Law
from bayescale.laws.registry import BUILT_IN
from bayescale.model.build import engine_model, pymc_model
from bayescale.model.coordinates import LAW_LINK, NOISE_LINK, Coordinates
from bayescale.model.hierarchical import OWN_LINK, draw_links, in_units, layout, to_own
from bayescale.model.link_scale import to_link
from bayescale.model.observations import Data, extract
from bayescale.model.parametrization import Flat, Hierarchical, parametrization_of
from bayescale.model.prior_distribution import draw_prior
from bayescale.model.spec import Spec, make_spec

LAWS = list(BUILT_IN.values())
REFERENCES = {"N": 1e9, "D": 2e10}
DRAWS = 8
QUICK = {"mode": pytensor.compile.Mode(linker="py", optimizer=None)}
TRANSFORMS = {"log__": np.log, "logodds__": scipy.special.logit}
PRIORS = {
    "interval": {"E": (1.5, 1.9), "alpha": (0.2, 0.5)},
    "multiple": {"E": bs.Multiple(0.4, 0.8)},
    "literature": "literature",
    "fixed": {"E": 1.7, "alpha": 0.33},
    "narrow": {"alpha": (0.35, 0.351)},
    "distribution": {"alpha": pm.Gamma.dist(4, 10), "E": pm.LogNormal.dist(0.5, 0.1)},
    "of another support": {"alpha": pm.Normal.dist(0.35, 0.05)},
}


def taken(law: str | type[Law], **options) -> tuple[Spec, Data]:
    """Return a spec and data simulated at the medians of the law's priors."""
    spec = make_spec(law, **options)
    found = spec.law
    at = {k: float(np.sqrt(np.prod(i.range()))) for k, i in found.inputs.items() if i.relative}
    at |= dict.fromkeys(found.steps, 3.0)
    runs = bs.typical_design(found, 20, 0)
    table = bs.simulate(found, runs, prior_medians(found), references=at, random_seed=0)
    return spec, extract(spec, bs.read_runs(table))


def sampled_values(spec: Spec, data: Data, at: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return a point of the engine's model."""
    law = spec.law.parameters
    fixed = {k: to_link(law[k], v, data.scales) for k, v in spec.fixed.items()}
    link = [to_link(p, at[k], data.scales) for k, p in spec.free.items()]
    noise = [to_link(p, at[k], data.scales) for k, p in spec.noise_parameters.items()]
    forward = Coordinates.of(spec.law, fixed, spec.narrow(data.scales)).forward
    return {LAW_LINK: np.array(forward(link)), NOISE_LINK: np.array(noise)}


def seen_density(model: pm.Model, spec: Spec, at: Mapping[str, np.ndarray], logp) -> float:
    """Return the log density of the users' model with respect to the link scale, but a constant."""
    point, change = {}, 0.0
    for rv in model.free_RVs:
        value = model.rvs_to_values[rv].name
        kind = value.removeprefix(f"{rv.name}_") if value != rv.name else ""
        point[value] = TRANSFORMS[kind](at[rv.name]) if kind else np.asarray(at[rv.name])
        parameter = spec.parameters[rv.name]
        if not kind and not isinstance(parameter, bs.Real):
            change += float(np.sum(parameter.log_jacobian(parameter.link(at[rv.name]))))
    return float(logp(point)) + change


def engine_density(model: pm.Model, values: Mapping[str, np.ndarray], logp) -> float:
    names = {v.name.removesuffix("_coordinates__"): v.name for v in model.value_vars}
    return float(logp({names[k]: v for k, v in values.items() if k in names}))


def assert_constant(ours: list[float], theirs: list[float]) -> None:
    one, other = np.array(ours), np.array(theirs)
    there = np.isfinite(one)
    np.testing.assert_array_equal(there, np.isfinite(other))
    assert there.sum() >= 2
    difference = (one - other)[there]
    assert (abs(difference - np.median(difference)) < 1e-6 + 1e-9 * abs(one[there])).all()


def compare(spec: Spec, data: Data) -> None:
    engine, seen = engine_model(spec, data), pymc_model(spec, data)
    assert {rv.name for rv in seen.free_RVs} == set(spec.parameters)
    assert {rv.name for rv in seen.observed_RVs} == {o.column for o in spec.observables}
    drawn = draw_prior(spec, data.scales, DRAWS, np.random.default_rng(0))
    points = [
        {k: v.values[0, i] for k, v in drawn.items() if k in spec.parameters} for i in range(DRAWS)
    ]
    one, other = (model.compile_logp(**QUICK) for model in (engine, seen))
    assert_constant(
        [engine_density(engine, sampled_values(spec, data, at), one) for at in points],
        [seen_density(seen, spec, at, other) for at in points],
    )


@pytest.mark.filterwarnings("ignore:.*invalid value:RuntimeWarning")  # a prior's loss below zero
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_both_models_of_a_law_have_one_density(law: type[Law]) -> None:
    compare(*taken(law))


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize("law", ["chinchilla", "skaling"])
def test_both_models_have_the_given_priors(law: str, priors) -> None:
    compare(*taken(law, priors=priors))


FAMILIES = ("llama", "pythia", "qwen")


def families() -> pd.DataFrame:
    truth = TRUTH["chinchilla"]
    parts = [
        bs.simulate("chinchilla", design()[i::3], truth, references=REFERENCES, random_seed=i)
        for i in range(3)
    ]
    scaled = [part.assign(family=k) for k, part in zip(FAMILIES, parts, strict=True)]
    scaled[2]["loss"] *= 2.0
    return pd.concat(scaled, ignore_index=True)


def pooled(**options) -> tuple[Spec, Data]:
    spec = make_spec("chinchilla", **{"group": "family", "references": REFERENCES, **options})
    return spec, extract(spec, bs.read_runs(families()))


POOLS = {
    "partial": {"pool": "partial"},
    "separate": {"pool": "separate"},
    "mixed": {
        "pool": {"E": "partial", "alpha": "shared", "sigma": "partial"},
        "priors": {"b": 0.3, "beta": (0.2, 0.5), "E_spread": (0.1, 0.4)},
    },
}


@pytest.mark.parametrize("name", POOLS)
def test_both_pooled_models_have_one_density(name: str) -> None:
    spec, data = pooled(**POOLS[name])
    engine, seen = engine_model(spec, data), pymc_model(spec, data)
    drawn = {k: v[None] for k, v in draw_links(spec, data, DRAWS, np.random.default_rng(1)).items()}
    natural = in_units(spec, data, drawn)
    assert {rv.name for rv in seen.free_RVs} == set(natural)
    assert seen.coords["family"] == FAMILIES
    for rv in seen.free_RVs:
        assert seen.named_vars_to_dims.get(rv.name, ()) == natural[rv.name].dims[2:]
    one, other = (model.compile_logp(**QUICK) for model in (engine, seen))
    ours, theirs = [], []
    for i in range(DRAWS):
        link = {k: v[0, i] for k, v in drawn.items()}
        own = list(np.moveaxis(link[OWN_LINK], -1, 0))
        link[OWN_LINK] = np.stack(to_own(spec, layout(spec).rows, own), axis=-1)
        ours.append(engine_density(engine, link, one))
        at = {k: v.values[0, i] for k, v in natural.items()}
        theirs.append(seen_density(seen, spec, at, other))
    assert_constant(ours, theirs)


@pytest.mark.parametrize("options", [None, *POOLS.values()], ids=["flat", *POOLS])
def test_a_parametrization_has_every_parameter(options: dict | None) -> None:
    spec, data = taken("chinchilla", priors={"b": 0.3}) if options is None else pooled(**options)
    found = parametrization_of(spec)
    assert isinstance(found, Flat if options is None else Hierarchical)
    drawn = found.draw_prior(data, 50, np.random.default_rng(0))
    assert set(drawn) == {*spec.parameters, *spec.fixed}
    assert set(found.log_prior(data, drawn)) == set(spec.parameters)
    engine = engine_model(spec, data)
    assert found.vectors == [rv.name for rv in engine.free_RVs]
    start = found.starts(data, 1.0)(np.random.default_rng(0))
    assert start.size == sum(np.size(value) for value in engine.initial_point().values())


def prior_distribution(model: pm.Model) -> xr.Dataset:
    with model:
        drawn = pm.sample_prior_predictive(500, random_seed=1, compile_kwargs=QUICK)
    return drawn["prior"].to_dataset()


def assert_same_draws(ours: xr.Dataset, theirs: xr.Dataset, names) -> None:
    for name in names:
        one, other = (np.asarray(d[name].values).ravel() for d in (ours, theirs))
        assert scipy.stats.ks_2samp(one, other).pvalue > 1e-4, name


GIVEN = {**PRIORS["distribution"], "beta": PRIORS["distribution"]["alpha"]}


@pytest.mark.parametrize("priors", [{}, GIVEN], ids=["default", "distribution"])
def test_pymc_draws_the_priors_we_draw(priors) -> None:
    spec, data = taken("chinchilla", priors=priors)
    theirs = prior_distribution(pymc_model(spec, data))
    ours = parametrization_of(spec).draw_prior(data, 4000, np.random.default_rng(0))
    assert_same_draws(ours, theirs, spec.parameters)
    assert abs(np.corrcoef(theirs["alpha"][0], theirs["beta"][0])[0, 1]) < 0.3


def test_pymc_draws_the_pooled_priors_we_draw() -> None:
    spec, data = pooled(pool="partial")
    ours = parametrization_of(spec).draw_prior(data, 4000, np.random.default_rng(0))
    assert_same_draws(ours, prior_distribution(pymc_model(spec, data)), ours)


@pytest.fixture(scope="module")
def model() -> pm.Model:
    """Chinchilla's, of forty runs, with one exponent fixed."""
    truth, seed = TRUTH["chinchilla"], 0
    table = bs.simulate("chinchilla", design(), truth, references=REFERENCES, random_seed=seed)
    return bs.build_model(table, "chinchilla", priors={"beta": 0.37}, references=REFERENCES)


class TestInPyMC:
    def test_the_graph_names_parameters_and_priors(self, model) -> None:
        graph = pm.model_to_mermaid(model)
        named = ("E", "a", "alpha", "b", "sigma", "nu")
        for text in (*(f"{k} ~ Lognormal" for k in named), "beta ~ Data", "run (40)"):
            assert text.lower() in graph.lower(), text
        assert "link" not in graph

    @pytest.mark.filterwarnings("ignore:`find_MAP` will:FutureWarning")
    def test_find_map(self, model) -> None:
        with model:
            found = pm.find_MAP(progressbar=False, compile_kwargs=QUICK)
        for name in ("E", "a", "alpha", "b"):
            assert found[name] == pytest.approx(TRUTH["chinchilla"][name], rel=0.1), name

    def test_do_and_observe(self, model) -> None:
        done = pm.do(model, {"alpha": 0.5, "beta": 0.4})
        assert {rv.name for rv in done.free_RVs} == {"E", "a", "b", "sigma", "nu"}
        assert float(done["beta"].get_value()) == 0.4
        with pm.observe(model, {"alpha": 0.5}) as observed:
            assert {rv.name for rv in observed.observed_RVs} == {"alpha", "loss"}
        assert np.isfinite(observed.compile_logp(**QUICK)(observed.initial_point()))

    def test_a_given_distribution_stays_as_it_was(self) -> None:
        given = pm.Gamma.dist(4, 10)
        for _ in range(2):
            spec, data = taken("chinchilla", priors={"alpha": given, "beta": given})
            assert pymc_model(spec, data)["alpha"].name == "alpha"
        assert given.name is None


class TestOfAFit:
    def test_it_is_the_model_of_its_runs(self, made_fit) -> None:
        model = made_fit.model
        assert model is made_fit.model
        assert {rv.name for rv in model.free_RVs} == set(made_fit.posterior)
        built = bs.build_model(bs.fitted_runs(made_fit), made_fit.spec)
        point = model.initial_point()
        one, other = (m.compile_logp(**QUICK)(point) for m in (model, built))
        assert float(one) == pytest.approx(float(other))

    @pytest.mark.parametrize("law", ["chinchilla_then_accuracy_from_loss", "multi_power"])
    def test_runs_come_back_from_the_tree(self, law: str) -> None:
        spec, data = taken(law)
        fit = fit_around(spec, data, prior_medians(spec.law))
        again = observations_of(spec, fit.tree)
        for name in ("references", "scales", "group_scales", "labels", "members"):
            assert getattr(again, name) == pytest.approx(getattr(data, name)), name
        for seen in spec.observables:
            one, other = data.of(seen), again.of(seen)
            np.testing.assert_array_equal(one.observed, other.observed)
            for name in ("inputs", "known"):
                for key, values in getattr(one, name).items():
                    np.testing.assert_array_equal(getattr(other, name)[key], values)

    def test_saved_and_loaded(self, made_fit, tmp_path) -> None:
        loaded = bs.load(bs.save(made_fit, tmp_path / "fit.nc"))
        assert {rv.name for rv in loaded.model.free_RVs} == set(made_fit.posterior)

    def test_what_cannot_be_had_is_said(self, tmp_path) -> None:
        spec, data = taken("chinchilla", priors={"alpha": pm.Gamma.dist(4, 10)})
        fit = fit_around(spec, data, prior_medians(spec.law))
        assert fit.model["alpha"] is not None
        loaded = bs.load(bs.save(fit, tmp_path / "fit.nc"))
        with pytest.raises(bs.BayescaleError, match="prior of alpha was a PyMC distribution"):
            _ = loaded.model
        fit = bs.Fit(spec, fit.tree.filter(lambda node: node.name == "posterior"), fit.record)
        with pytest.raises(bs.BayescaleError, match="carry no runs of their own"):
            _ = fit.model
