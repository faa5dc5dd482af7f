"""The PyMC model says what the spec says."""

import numpy as np
import pymc as pm
import pytest
import scipy.stats
import xarray as xr
from handmade import design

import bayescale as bs
from bayescale.laws.registry import get_law
from bayescale.model.build import engine_model, model_data
from bayescale.model.coordinates import LAW_LINK, NOISE_LINK, Coordinates
from bayescale.model.link_scale import natural
from bayescale.model.observations import extract
from bayescale.model.prior_distribution import draw_prior, log_prior
from bayescale.model.spec import make_spec

PRIORS = {
    "default": {},
    "interval": {"E": (1.5, 1.9), "alpha": (0.2, 0.5)},
    "fixed": {"E": 1.7},
    "narrow": {"alpha": (0.35, 0.351), "E": (1.7, 1.701)},
    "fixed and narrow": {"E": 1.7, "alpha": (0.35, 0.351), "beta": (0.4, 0.401)},
    "distribution": {
        "alpha": pm.Gamma.dist(4, 10),
        "E": pm.LogNormal.dist(0.5, 0.1),
    },
    "narrow distribution": {"alpha": pm.Gamma.dist(400, 1000)},
}


@pytest.fixture(scope="module")
def runs() -> bs.Runs:
    truth = {"E": 1.8, "a": 480.0, "alpha": 0.35, "b": 2100.0, "beta": 0.37}
    table = bs.simulate("chinchilla", design(), truth, random_seed=0)
    return bs.read_runs(table.assign(loss_se=0.004))


@pytest.mark.parametrize("noise", ["student_t", "normal"])
@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
def test_model_density_is_prior_times_likelihood(runs, noise, priors) -> None:
    """PyMC's log density, in the law's coordinates, is the sum of our own priors and densities."""
    spec = make_spec("chinchilla", noise=noise, priors=priors)
    data = extract(spec, runs)
    model = engine_model(spec, data)
    logp = model.compile_logp(mode="FAST_COMPILE")
    differences = []
    fixed = {k: np.log(v / data.scales["target"]) for k, v in spec.fixed.items()}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        law_mean, law_sd = spec.normal_priors(spec.free, data.scales)
        noise_mean, noise_sd = spec.normal_priors(spec.noise_parameters, data.scales)
        link = rng.normal(law_mean, law_sd / 2)
        scatter = rng.normal(noise_mean, noise_sd / 2)
        coordinates = Coordinates.of(spec.law, fixed, spec.narrow(data.scales))
        sampled = np.array(coordinates.forward(link))
        names = {v.name.split("_coordinates")[0]: v.name for v in model.value_vars}
        point = {names[LAW_LINK]: sampled, names[NOISE_LINK]: scatter}
        values = {
            name: natural(parameter, z, data.scales)
            for (name, parameter), z in zip(spec.parameters.items(), [*link, *scatter], strict=True)
        }
        posterior = xr.Dataset(
            {k: (("chain", "draw"), np.full((1, 1), v)) for k, v in values.items()}
        )
        everything = posterior.assign(spec.fixed)
        labelled = {k: xr.DataArray(v, dims="run") for k, v in data.inputs.items()}
        curve = spec.law.curve(labelled, data.references, everything)
        observed, se = (xr.DataArray(v, dims="run") for v in (data.observed, data.known["se"]))
        ours = (
            float(log_prior(spec, data.scales, posterior).to_dataarray().sum())
            + float(spec.noise.log_density(curve, everything, {"se": se}, observed).sum())
            + float(np.log(data.observed).sum())  # the model's density is that of log loss
        )
        differences.append(float(logp(point)) - ours)
    np.testing.assert_allclose(differences, 0, atol=1e-6)


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
def test_model_draws_the_prior_we_draw(runs, priors) -> None:
    spec = make_spec("chinchilla", priors=priors)
    data = extract(spec, runs)
    ours = draw_prior(spec, data.scales, 4000, np.random.default_rng(0))
    with engine_model(spec, data):
        theirs = pm.sample_prior_predictive(
            500,
            var_names=list(spec.free),
            random_seed=1,
            compile_kwargs={"mode": "FAST_COMPILE"},  # Numba remarks on Python code in a CustomDist
        )
    for name in spec.free:
        test = scipy.stats.ks_2samp(
            ours[name].values.ravel(), theirs["prior"].to_dataset()[name].values.ravel()
        )
        assert test.pvalue > 1e-4, name
    if "alpha" in spec.distributions:
        given = spec.distributions["alpha"].owner.inputs[2:]
        shape, scale = (float(value.eval()) for value in given)
        expected = scipy.stats.gamma(shape, scale=scale)
        assert scipy.stats.kstest(ours["alpha"].values.ravel(), expected.cdf).pvalue > 1e-4


def test_what_changes_between_fits_is_data_not_graph(runs) -> None:
    """Other runs and other intervals change the data of the model and nothing else."""
    wide, narrow = make_spec("chinchilla"), make_spec("chinchilla", priors={"E": (1.6, 1.9)})
    assert wide.structure() == narrow.structure()
    assert wide.structure() != make_spec("chinchilla", noise="normal").structure()
    assert wide.structure() != make_spec("chinchilla", priors={"E": 1.7}).structure()
    fewer = runs.where("params < 1e9")
    one, other = (
        model_data(spec, extract(spec, table)) for spec, table in ((wide, runs), (narrow, fewer))
    )
    assert one.keys() == other.keys()
    assert {k: v.ndim for k, v in one.items()} == {k: v.ndim for k, v in other.items()}
    assert one["N"].size > other["N"].size


@pytest.mark.parametrize("column", ["loss", "params", "tokens"])
def test_units_leave_the_density_alone(runs, column) -> None:
    """A constant factor on a column moves nothing that the sampler sees, but rounding."""
    spec = make_spec("chinchilla")
    scaled = bs.read_runs(
        runs.table.drop(columns="flops").assign(
            **{
                column: 700 * runs.table[column],
                "loss_se": runs.table["loss_se"] * (700 if column == "loss" else 1),
            }
        )
    )
    one, two = (model_data(spec, extract(spec, table)) for table in (runs, scaled))
    for name in ("law_prior_mean", "law_prior_sd", "noise_prior_mean", "observed_se"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-9)
    for values in (one, two):
        values["observed"] = values["observed"] - np.log(values["target_scale"])
        values["N"], values["D"] = (values[k] / values[f"{k}_reference"] for k in "ND")
    for name in ("observed", "N", "D"):
        np.testing.assert_allclose(two[name], one[name], atol=1e-9, rtol=1e-9)


def test_build_model_is_an_ordinary_pymc_model(runs) -> None:
    model = bs.build_model(runs, "chinchilla")
    assert {rv.name for rv in model.free_RVs} == {
        *("E", "a", "alpha", "b", "beta"),
        *("sigma", "nu"),
    }
    assert [rv.name for rv in model.observed_RVs] == ["loss"]
    assert model.dim_lengths["run"].eval() == len(runs)


class TestSpec:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"priors": {"alhpa": (0.1, 0.5)}}, "no parameter 'alhpa'.*did you mean 'alpha'"),
            ({"priors": {"alpha": (0.5, 0.1)}}, "90 % interval"),
            ({"priors": {"alpha": "wide"}}, "not a 90 % interval"),
            ({"priors": {"sigma": 0.01}}, "noise parameter 'sigma' is given as a 90 % interval"),
            ({"columns": {"X": "tokens"}}, "has no input 'X'"),
            ({"references": {"M": 1e9}}, "has no input 'M'"),
        ],
    )
    def test_slips_are_answered(self, arguments, message) -> None:
        with pytest.raises(bs.BayescaleError, match=message):
            make_spec("chinchilla", **arguments)

    def test_what_is_given_wins_over_the_study(self) -> None:
        study = bs.load_study("hoffmann2022")
        spec = make_spec(study, noise="normal", priors={"E": (1, 2)})
        assert (spec.law.name, spec.noise.name) == ("chinchilla", "normal")
        assert spec.interval("E", {"target": 2.5}) == (1, 2)
        assert spec.interval("a", {"target": 2.5}) == (0.025, 2.5)

    def test_too_few_runs(self, runs) -> None:
        few = bs.read_runs(runs.table.head(4))
        with pytest.raises(bs.BayescaleError, match="4 usable runs for the 5 parameters"):
            extract(make_spec("chinchilla"), few)
        assert len(extract(make_spec("chinchilla", priors={"E": 1.7}), few).observed) == 4

    def test_reference_is_the_geometric_mean_unless_fixed(self, runs) -> None:
        data = extract(make_spec("chinchilla", references={"D": "1T"}), runs)
        assert data.references["D"] == 1e12
        assert data.references["N"] == pytest.approx(np.exp(np.log(runs.table["params"]).mean()))

    def test_repeated_labels_are_numbered(self, runs) -> None:
        table = runs.table.assign(run=["a"] * 2 + [f"r{i}" for i in range(len(runs) - 2)])
        data = extract(make_spec("chinchilla"), bs.read_runs(table))
        assert data.labels[:3] == ("a", "a (2)", "r0")


class TestStore:
    def test_a_changed_law_is_named(self, made_fit, tmp_path) -> None:
        path = bs.save(made_fit, tmp_path / "fit.nc")

        class Chinchilla(bs.Law):
            N = bs.Input("params")
            D = bs.Input("tokens")
            E = bs.Positive(0.2, 0.9, of="target")
            a = bs.Positive(0.01, 1.0, of="target")
            alpha = bs.Positive(0.1, 0.8)
            b = bs.Positive(0.01, 1.0, of="target")
            beta = bs.Positive(0.1, 0.8)

            @staticmethod
            def equation(N, D, E, a, alpha, b, beta):
                return E + a / N**alpha + b / D**beta

        with pytest.warns(bs.BayescaleWarning, match="prior of E was .* its equation has changed"):
            bs.load(path, law=Chinchilla)
        with pytest.raises(
            bs.BayescaleError, match="no longer has E, a, alpha, b, beta and now has"
        ):
            bs.load(path, law=get_law("power_law"))

    def test_predictions_are_the_same_after_loading(self, made_fit, tmp_path) -> None:
        for name in ("fit.nc", "fit.zarr"):
            loaded = bs.load(bs.save(made_fit, tmp_path / name))
            one, other = (
                bs.predict(fit, params="70B", tokens="1.4T", random_seed=4)
                for fit in (made_fit, loaded)
            )
            xr.testing.assert_equal(one, other)

    def test_saving_again_replaces(self, made_fit, made_skaling, tmp_path) -> None:
        for name in ("fit.nc", "fit.zarr"):
            bs.save(made_fit, tmp_path / name)
            bs.save(made_skaling, tmp_path / name)
            assert bs.load(tmp_path / name).law.name == "skaling"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.nc", "fit.zarr"]

    def test_what_is_not_a_fit(self, made_fit, tmp_path) -> None:
        with pytest.raises(bs.BayescaleError, match=r"end it in \.nc"):
            bs.save(made_fit, tmp_path / "fit.pickle")
        with pytest.raises(bs.BayescaleError, match="no fit at"):
            bs.load(tmp_path / "none.nc")
        (tmp_path / "text.nc").write_text("hello")
        with pytest.raises(bs.BayescaleError, match="cannot be read as a saved fit"):
            bs.load(tmp_path / "text.nc")
        xr.Dataset({"x": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
        with pytest.raises(bs.BayescaleError, match="not a fit that bayescale saved"):
            bs.load(tmp_path / "other.nc")
