"""Priors by name, and priors from a population: in multiples of the loss, saved and read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade import design, handmade_fit, prior_medians
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.cli.fit import priors
from bayescale.inference.groups import _typical_at_references
from bayescale.inference.result import Fit
from bayescale.laws.registry import get_law
from bayescale.model.build import model_data
from bayescale.model.literature_priors import literature_sources
from bayescale.model.observations import extract
from bayescale.studies.study import Study


def test_the_literature_is_narrower_than_the_defaults_and_inside_what_is_possible() -> None:
    for law in ("chinchilla", "skaling"):
        found, declared = bs.literature_priors(law), bs.make_spec(law).parameters
        assert {"E", "alpha", "beta"} <= set(found)
        for name, prior in found.items():
            (low, high), default = prior[:2], declared[name]
            assert default.link(high) - default.link(low) < default.link(
                default.high
            ) - default.link(default.low)
            assert isinstance(found[name], bs.Multiple) == (default.of == "target")
        assert 0 < found["E"][0] < found["E"][1] < 1  # a floor lies below the losses
        assert len(literature_sources(law)) > 5


AT = {"N": 1e9, "D": 2e10}
TYPICAL = {"E": 0.6, "a": 0.2, "alpha": 0.3, "b": 0.2, "beta": 0.25}


def test_a_multiple_follows_the_unit_of_the_loss() -> None:
    spec = bs.make_spec("chinchilla", priors="literature")
    low, high = spec.interval("E", {"target": 3.0, **AT})
    assert (low, high) == pytest.approx(
        [3.0 * v for v in bs.literature_priors("chinchilla")["E"][:2]]
    )
    assert spec.interval("E", {"target": 300.0, **AT}) == pytest.approx((100 * low, 100 * high))
    means = []
    for unit in (1.0, 100.0):
        table = design()
        loss = np.linspace(2.5, 3.5, len(table)) * unit
        data = extract(spec, bs.read_runs(table.assign(loss=loss)))
        means.append(model_data(spec, data)["law_prior_mean"])
    np.testing.assert_allclose(*means)  # on the link scale no unit is left


def test_a_multiple_of_the_loss_at_a_point_is_taken_there_along_the_typical_law() -> None:
    """One floor, seen from runs of two sizes: in the loss's unit its prior is the same."""
    prior = bs.Multiple(0.5, 0.8, AT, TYPICAL)
    spec = bs.make_spec("chinchilla", priors={"E": prior})
    for size, multiple in ((1.0, 1.0), (1e-2, 0.6 + 0.2 * 1e-2**-0.3 + 0.2 * 1e-2**-0.25)):
        scales = {"target": 2.5 * multiple, "N": size * AT["N"], "D": size * AT["D"]}
        assert spec.interval("E", scales) == pytest.approx((1.25, 2.0))


def test_where_the_runs_are_says_the_floor_and_not_the_reference_points() -> None:
    table = design()
    table["loss"] = np.linspace(2.5, 3.5, len(table))
    scale, floors = np.exp(np.log(table["loss"]).mean()), []
    for references in (None, {"N": "100B", "D": "5T"}):
        spec = bs.make_spec("chinchilla", priors="literature", references=references)
        data = extract(spec, bs.read_runs(table))
        floors.append(spec.interval("E", data.scales))
    assert floors[0] == floors[1]
    _, high, at, typical = bs.literature_priors("chinchilla")["E"]
    middle = {
        "N": np.exp(np.log(table["params"]).mean()),
        "D": np.exp(np.log(table["tokens"]).mean()),
    }
    curve = spec.law.curve
    there, here = (curve(inputs, at, typical) for inputs in (at, middle))
    assert floors[0][1] == pytest.approx(high * scale * there / here)


def test_an_absolute_input_stays_where_a_multiple_is_stated() -> None:
    """Runs have no geometric mean of epochs that priors are stated in."""
    law = get_law("repeated")
    at = {name: 2.0 for name in law.inputs}
    typical = prior_medians(law)
    relative = {name: 2.0 for name, declared in law.inputs.items() if declared.relative}
    assert relative != at
    prior = bs.Multiple(0.5, 0.8, at, typical)
    assert prior.of_mean(law, relative) == pytest.approx((0.5, 0.8))


def test_own_priors_beside_those_of_the_literature() -> None:
    given = {**bs.literature_priors("chinchilla"), "alpha": (0.3, 0.4)}
    spec = bs.make_spec("chinchilla", priors=given)
    assert spec.interval("alpha", {"target": 3.0}) == (0.3, 0.4)
    assert spec.interval("beta", {"target": 3.0}) == bs.literature_priors("chinchilla")["beta"]


@pytest.mark.parametrize(
    ("law", "given", "said"),
    [
        ("chinchilla", "papers", "the one set of priors is 'literature'"),
        ("kaplan", "literature", "no public families were fitted under kaplan"),
        (
            "chinchilla",
            {"alpha": bs.Multiple(0.1, 0.5)},
            "'alpha': it is no multiple of the target",
        ),
        ("chinchilla", {"E": bs.Multiple(0.5, 0.1)}, "not a 90 % interval"),
        ("chinchilla", {"E": bs.Multiple(0.5, 0.8, AT)}, "'E': typical must have E, a, alpha"),
        (
            "chinchilla",
            {"E": bs.Multiple(0.5, 0.8, {"N": 1e9}, TYPICAL)},
            "'E': at must have N, D of chinchilla",
        ),
    ],
)
def test_refused(law: str, given: object, said: str) -> None:
    with pytest.raises(bs.BayescaleError, match=said):
        bs.make_spec(law, priors=given)  # type: ignore[arg-type]


def test_saved_and_loaded(tmp_path: Path) -> None:
    fit = handmade_fit()
    fit = replace(fit, spec=bs.make_spec(fit.spec, priors="literature"))
    again = bs.load(bs.save(fit, tmp_path / "fit.nc"))
    assert again.spec.priors == fit.spec.priors
    assert isinstance(again.spec.priors["E"], bs.Multiple)
    assert again.spec.interval("E", again.scales) == fit.spec.interval("E", fit.scales)


def test_a_model_file_and_the_command_line_name_the_set() -> None:
    study = Study.from_dict(
        {"name": "mine", "law": "chinchilla", "priors": "literature", "data": {"dataset": "x"}}
    )
    assert bs.make_spec(study).priors == bs.literature_priors("chinchilla")
    assert Study.from_dict(study.as_dict()) == study
    assert priors(["literature"]) == "literature"
    found = CliRunner().invoke(app, ["fit", "--help"])
    assert "literature" in found.output


def pooled() -> Fit:
    """Three groups whose exponents have a population of known mean and spread."""
    table = design()
    table["loss"] = np.linspace(2.5, 3.5, len(table))
    table["family"] = [f"f{i % 3}" for i in range(len(table))]
    spec = bs.make_spec("chinchilla", pool={"alpha": "partial", "E": "partial"}, group="family")
    data = extract(spec, bs.read_runs(table))
    fit = handmade_fit()
    rng = np.random.default_rng(0)
    shape = (4, 250)
    centre = {"alpha_mean": 0.3, "E_mean": 0.6 * data.scale}
    values = {k: v * np.exp(0.05 * rng.normal(size=shape)) for k, v in centre.items()}
    values |= {"alpha_spread": np.full(shape, 0.1), "E_spread": np.full(shape, 0.2)}
    posterior = fit.posterior.assign({k: (("chain", "draw"), v) for k, v in values.items()})
    tree = fit.tree.copy()
    tree["posterior"] = tree["posterior"].copy()
    tree["posterior"].dataset = posterior
    tree["constant_data"].dataset = (
        tree["constant_data"].to_dataset().assign(target_scale=data.scale)
    )
    return replace(fit, spec=spec, tree=tree)


def test_a_population_as_priors_of_the_next_group() -> None:
    fit = pooled()
    found = bs.population_prior(fit)
    assert set(found) == {"alpha", "E"}
    spec = bs.make_spec("chinchilla", priors=found)
    scales = {**fit.scales, "target": 1.0}  # runs like those that were pooled
    for name, middle, sd in (("alpha", 0.3, (0.1**2 + 0.05**2) ** 0.5), ("E", 0.6, 0.2062)):
        low, high = np.log(spec.interval(name, scales))
        assert (low + high) / 2 == pytest.approx(np.log(middle), abs=0.02)
        assert (high - low) / 2 == pytest.approx(1.645 * sd, rel=0.05)
    assert isinstance(found["E"], bs.Multiple) and not isinstance(found["alpha"], bs.Multiple)
    assert found["E"].at == fit.references and found["E"].typical["alpha"] == pytest.approx(
        0.3, rel=0.02
    )
    with pytest.raises(bs.BayescaleError, match="no parameter of this fit comes from a population"):
        bs.population_prior(handmade_fit())


@pytest.mark.parametrize("law", ["chinchilla_then_accuracy_from_loss", "multi_power"])
def test_no_one_point_states_the_multiples_of_a_law_with_steps_or_arrays(law: str) -> None:
    fit = handmade_fit()
    fit = replace(fit, spec=replace(fit.spec, law=get_law(law)))
    assert _typical_at_references(fit) is None


def test_references_of_a_fit_may_be_in_pf_days() -> None:
    import inspect

    import bayescale as bs
    from bayescale.model.spec import make_spec

    assert make_spec("power_law", references={"x": "1 PF-day"}).references == {"x": 8.64e19}
    assert make_spec("power_law", columns={"x": "tokens"}, references={"x": "2B"}).references == {
        "x": 2e9
    }
    assert "references" in inspect.signature(bs.fit).parameters
