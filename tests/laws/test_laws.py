"""The contract that every law keeps; a new law needs no test code of its own."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from handmade import handmade_fit

import bayescale as bs
from bayescale import typical_design
from bayescale.laws.base import Law
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Fraction, GreaterThanOne, Positive, Real
from bayescale.laws.registry import BUILT_IN, get_law
from bayescale.model.coordinates import Coordinates
from bayescale.model.noise.registry import get_noise
from bayescale.model.prior_distribution import draw_prior
from bayescale.model.spec import make_spec

LAWS = list(BUILT_IN.values())
every_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


def laws_with(method: str) -> pytest.MarkDecorator:
    """Parametrise a test by the laws that define a method that a law may leave out."""
    some = [law for law in LAWS if hasattr(law, method)]
    return pytest.mark.parametrize("law", some, ids=lambda law: law.name)


SCALE = 3.0


def prior(law: type[Law], draws: int, seed: int = 0) -> xr.Dataset:
    return drawn(law, SCALE, draws, seed)


def drawn(law: type[Law], scale: float, draws: int, seed: int = 0) -> xr.Dataset:
    """Draw the prior where the typical target, and step, is ``scale``."""
    scales = dict.fromkeys(law.units(), scale)
    return draw_prior(make_spec(law), scales, draws, np.random.default_rng(seed)).isel(chain=0)


def references(law: type[Law], scale: float = SCALE) -> dict[str, float]:
    return dict.fromkeys(law.inputs, 1.0) | dict.fromkeys(law.steps, scale)


def relative_inputs(law: type[Law], size: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    table = typical_design(law, size, seed)
    taken = {name: given.take(table) for name, given in law.inputs.items()}
    return {
        name: np.exp(rng.uniform(-3, 3, values.shape)) if law.inputs[name].relative else values
        for name, values in taken.items()
    }


def labelled_array(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("node", "run")[-values.ndim :])


def arguments(law: type[Law], values: xr.Dataset) -> dict[str, np.ndarray]:
    return {name: values[name].values for name in law.parameters}


@every_law
def test_documented(law: type[Law]) -> None:
    assert law.formula(), f"{law.name} has no `.. math::` block"
    assert law.about()
    assert law.reference
    assert all(p.about for p in law.parameters.values())
    row = bs.list_laws().loc[law.name]
    assert row["formula"] == law.formula()


@every_law
def test_one_equation_for_numpy_xarray_and_pytensor(law: type[Law]) -> None:
    inputs, values = relative_inputs(law, 20), arguments(law, prior(law, 20))
    at = references(law)
    on_numpy = law.curve(inputs, at, values)
    labelled = {k: labelled_array(v) for k, v in {**inputs, **values}.items()}
    on_xarray = law.curve(labelled, at, labelled)
    symbols = {k: pt.tensor(k, shape=(None,) * v.ndim) for k, v in labelled.items()}
    function = pytensor.function(
        list(symbols.values()), law.curve(symbols, at, symbols), mode="FAST_COMPILE"
    )
    on_pytensor = function(*(labelled[k].values for k in symbols))
    assert isinstance(on_xarray, xr.DataArray)
    np.testing.assert_allclose(on_xarray.values, on_numpy, rtol=1e-12)
    np.testing.assert_allclose(on_pytensor, on_numpy, rtol=1e-10)


@every_law
def test_gradient_is_finite_where_the_prior_is(law: type[Law]) -> None:
    inputs, values = relative_inputs(law, 200), arguments(law, prior(law, 200))
    symbols = {k: pt.vector(k) for k in values}
    total = law.curve(inputs, references(law), symbols).sum()
    gradients = pytensor.grad(total, list(symbols.values()))
    function = pytensor.function(list(symbols.values()), gradients, mode="FAST_COMPILE")
    for name, gradient in zip(symbols, function(*values.values()), strict=True):
        assert np.isfinite(gradient).all(), name
        assert np.abs(gradient).max() > 0, f"{law.name} does not depend on {name}"


@every_law
def test_prior_predicts_numbers_of_the_right_size(law: type[Law]) -> None:
    """The prior predicts values the noise can produce, and knows the typical one roughly."""
    table = typical_design(law, 40, 0)
    inputs = {name: labelled_array(given.take(table)) for name, given in law.inputs.items()}
    at = {name: float(np.exp(np.log(abs(x)).mean())) for name, x in inputs.items()}
    scale = 1.0 if get_noise(law.noise).scale(np.array([SCALE])) == 1.0 else SCALE
    at |= dict.fromkeys(law.steps, scale)
    draws = drawn(law, scale, 2000)
    curve = law.curve(inputs, at, draws)
    assert np.isfinite(curve).all()
    assert get_noise(law.noise).usable(curve.values).mean() > 0.999
    if scale == SCALE and not law.noise.startswith("raw"):
        typical = curve.median("run")
        assert float(typical.quantile(0.025)) > 0.25 * SCALE
        assert float(typical.quantile(0.975)) < 4 * SCALE


@every_law
def test_each_interval_holds_ninety_per_cent_of_its_prior(law: type[Law]) -> None:
    spec, draws = make_spec(law), prior(law, 20_000)
    for name in spec.parameters:
        low, high = spec.interval(name, dict.fromkeys(law.units(), SCALE))
        below, above = float((draws[name] < low).mean()), float((draws[name] > high).mean())
        assert below == pytest.approx(0.05, abs=0.006), name
        assert above == pytest.approx(0.05, abs=0.006), name


@laws_with("coordinates")
def test_coordinates_invert_and_preserve_volume(law: type[Law]) -> None:
    size = len(law.parameters)
    link = pt.vector("link", shape=(size,))
    forward = pt.stack(law.coordinates(*(link[i] for i in range(size))))
    back = pt.stack(law.from_coordinates(*(forward[i] for i in range(size))))
    jacobian = pytensor.gradient.jacobian(forward, link)
    function = pytensor.function([link], [back, jacobian], mode="FAST_COMPILE")
    rng = np.random.default_rng(3)
    for point in rng.normal(0, 1.5, (20, size)):
        returned, matrix = function(point)
        np.testing.assert_allclose(returned, point, rtol=1e-9, atol=1e-9)
        assert abs(np.linalg.det(matrix)) == pytest.approx(1.0, rel=1e-8)


@laws_with("coordinates")
def test_a_narrow_or_fixed_parameter_is_sampled_as_itself(law: type[Law]) -> None:
    """Every parameter has a coordinate to take the place of; the map inverts, keeps volume."""
    names, rng = list(law.parameters), np.random.default_rng(4)
    pairs = [(name,) for name in names] + [tuple(rng.permutation(names)[:2]) for _ in range(4)]
    for apart in pairs:
        narrow = Coordinates.of(law, {}, apart)
        fixed = Coordinates.of(law, {name: 0.3 for name in apart}, ())
        assert narrow.mixed and fixed.mixed, apart
        places = [s.coordinate for s in narrow.swaps]
        link = rng.normal(0, 1, len(names))
        sampled = np.array(narrow.forward(link))
        np.testing.assert_array_equal(sampled[places], [link[names.index(k)] for k in apart])
        np.testing.assert_allclose(narrow.backward(sampled), link, rtol=1e-8, atol=1e-8)
        free = np.delete(link, [names.index(k) for k in apart])
        back = fixed.backward(fixed.forward(free))
        np.testing.assert_allclose(back, free, rtol=1e-8, atol=1e-8)
        for found, at in ((narrow, link), (fixed, free)):
            steps = 1e-6 * np.eye(at.size)
            columns = [
                np.subtract(found.forward(at + step), found.forward(at - step)) for step in steps
            ]
            volume = np.linalg.det(np.array(columns) / 2e-6)
            assert abs(volume) == pytest.approx(1.0, abs=1e-4), apart


@laws_with("optimal_size")
@pytest.mark.filterwarnings("ignore:.*not C = 6 N D")
def test_closed_form_optimum_is_the_minimum(law: type[Law]) -> None:
    fit = handmade_fit(law)
    closed, searched = (
        bs.optimum(fit, [1e20, 1e24], numerical=numerical, discrepancy=None)
        for numerical in (False, True)
    )
    np.testing.assert_allclose(closed.params, searched.params, rtol=1e-4)
    np.testing.assert_allclose(closed.loss, searched.loss, rtol=1e-9)


@every_law
def test_units_of_the_inputs_do_not_matter(law: type[Law]) -> None:
    fit = handmade_fit(law)
    factor = {name: 1000.0 if given.relative else 1.0 for name, given in law.inputs.items()}
    scaled = {name: factor[name] * values for name, values in fit.inputs.items()}
    at = {name: factor.get(name, 1.0) * value for name, value in fit.references.items()}
    np.testing.assert_allclose(law.curve(scaled, at, fit.parameters), fit.curve(fit.inputs))


@every_law
def test_saved_and_loaded_it_is_the_same(law: type[Law], tmp_path) -> None:
    fit = handmade_fit(law)
    loaded = bs.load(bs.save(fit, tmp_path / "fit.nc"))
    xr.testing.assert_identical(loaded.tree, fit.tree)
    assert loaded.spec == fit.spec
    assert dict(loaded.record) == dict(fit.record)


class TestDeclaration:
    def test_signature_must_match(self) -> None:
        with pytest.raises(TypeError, match=r"def equation\(N, E\)"):

            class Wrong(Law):
                N = Input("params")
                E = Positive(1, 2)

                @staticmethod
                def equation(N, F):
                    return F

    def test_equation_is_needed(self) -> None:
        with pytest.raises(TypeError, match="no static method `equation`"):

            class Empty(Law):
                E = Positive(1, 2)

    def test_only_law_is_subclassed(self) -> None:
        with pytest.raises(TypeError, match="derive a law from Law itself"):

            class Child(get_law("chinchilla")):
                pass

    def test_coordinates_come_as_a_pair(self) -> None:
        with pytest.raises(TypeError, match="come as a pair"):

            class Half(Law):
                E = Positive(1, 2)

                @staticmethod
                def equation(E):
                    return E

                @staticmethod
                def coordinates(E):
                    return (E,)

    @pytest.mark.parametrize(
        ("kind", "low", "high"),
        [
            (Positive, 0, 1),
            (Positive, 2, 1),
            (GreaterThanOne, 1, 2),
            (Fraction, 0.1, 1),
            (Real, 3, 3),
        ],
    )
    def test_impossible_intervals(self, kind: type, low: float, high: float) -> None:
        with pytest.raises(bs.BayescaleError, match="90 % interval"):
            kind(low, high)

    def test_an_unknown_name_is_answered_with_the_likely_one(self) -> None:
        with pytest.raises(bs.BayescaleError, match="did you mean 'chinchilla'"):
            get_law("chinchila")


@pytest.mark.parametrize(
    "parameter", [Positive(0.1, 3), GreaterThanOne(1.5, 30), Fraction(0.2, 0.7), Real(-1, 2)]
)
def test_log_jacobian_is_the_derivative(parameter) -> None:
    z, step = np.linspace(-3, 3, 13), 1e-6
    slope = (parameter.inverse(z + step) - parameter.inverse(z - step)) / (2 * step)
    np.testing.assert_allclose(parameter.log_jacobian(z), np.log(slope), atol=1e-7)
    np.testing.assert_allclose(parameter.link(parameter.inverse(z)), z, atol=1e-9)
