"""Averages of laws of one curve, by how well each predicts the later part."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from handmade import REFERENCES, TRUTH, fit_around, handmade_fit

import bayescale as bs
from bayescale.evaluation import curve_average
from bayescale.evaluation.curve_average import OF_FEW, POINTS, along_curve, part_of, spaced, weigh
from bayescale.model.observations import extract

LAWS = ("power_law", "power_law_floor")
FLOOR = {"E": 2.0, "scale": 1.0, "exponent": 0.3}


def curve(law: str = "power_law", points: int = 30, bend: float = 0.0) -> pd.DataFrame:
    x = np.geomspace(1e18, 1e22, points)
    truth = TRUTH["power_law"] if law == "power_law" else FLOOR
    table = bs.simulate(
        law, pd.DataFrame({"flops": x}), truth, references=REFERENCES, random_seed=1
    )
    return table.assign(loss=table["loss"] * np.exp(bend * np.sin(3 * np.log10(x))))


@cache
def averaged(bend: float) -> bs.Average:
    table = curve("power_law_floor", bend=bend)
    return bs.fit_average(table, LAWS, random_seed=1, progressbar=False)


def test_the_law_that_predicts_counts() -> None:
    found = averaged(0.0)
    assert found.weights["power_law_floor"] > 0.95
    ahead = bs.predict(found, {"flops": [1e23]}, random_seed=1)
    truth = FLOOR["E"] + FLOOR["scale"] * 1e3 ** -FLOOR["exponent"]
    assert float(ahead["law"].median()) == pytest.approx(truth, rel=0.01)


def test_the_same_seed_gives_the_same_weights() -> None:
    table = curve("power_law_floor", points=12)
    one, again = (bs.fit_average(table, LAWS, random_seed=4, progressbar=False) for _ in range(2))
    assert dict(one.weights) == dict(again.weights)


def test_a_curve_that_wavers_is_predicted_less_surely() -> None:
    widths = [
        float(bs.predict(averaged(bend), {"flops": [1e23]}, random_seed=1)["outcome"].std())
        for bend in (0.0, 0.04)
    ]
    assert widths[1] > 2 * widths[0]


def test_part_of_a_curve_are_one_run_evenly_along_it() -> None:
    spec = bs.make_spec("power_law")
    table = pd.DataFrame({"flops": 1e18 + np.linspace(0, 1e22, 500)})
    table["loss"] = 3 * (table["flops"] / 1e20) ** -0.05
    given = extract(spec, bs.read_runs(table))
    along, data = along_curve(spec, given)
    assert along.noise.name == "checkpoints" and not along.default_noise
    assert np.ptp(data.known["series"]) == 0
    np.testing.assert_allclose(data.known["place"], np.log10(table["flops"]))
    chosen = spaced(along, data)
    assert chosen[0] and chosen[-1] and chosen.sum() <= POINTS
    place = data.known["place"][chosen]
    assert np.diff(place)[-5:].max() < 1.6 * 4 / (POINTS - 1)
    part = part_of(data, chosen)
    assert part.references == data.references and part.scales == data.scales
    assert len(part.runs) == len(part.labels) == part.observed.size == chosen.sum()
    np.testing.assert_array_equal(part.observed, table["loss"].to_numpy()[chosen])
    assert spaced(*along_curve(spec, extract(spec, bs.read_runs(table[::50])))).all()
    best = np.minimum.accumulate(np.round(table[::50], 1))
    ends = spaced(
        *along_curve(spec, extract(spec, bs.read_runs(best.assign(flops=table["flops"]))))
    )
    assert ends.sum() < 10 and ends[0] and ends[-1], "of a plateau the ends are fitted"
    assert spaced(spec, given).all(), "independent points are all fitted"


@pytest.mark.parametrize(
    ("law", "options", "columns"),
    [
        ("power_law", {"noise": "normal"}, {}),
        ("power_law", {}, {"run": ["a", "b"] * 6}),
        ("chinchilla", {}, {"params": np.geomspace(1e7, 1e9, 12), "tokens": 1e9}),
    ],
)
def test_a_noise_that_was_chosen_several_runs_and_several_inputs_stay(law, options, columns):
    table = curve(points=12).assign(**columns)
    spec = bs.make_spec(law, **options)
    data = extract(spec, bs.read_runs(table))
    along, same = along_curve(spec, data)
    assert along is spec and same is data


@pytest.mark.parametrize("broken", ["", "b"])
def test_weights_are_those_of_the_later_points(monkeypatch, broken: str) -> None:
    fits = {"a": handmade_fit(), "b": handmade_fit(spread=0.01)}
    before = {"a": handmade_fit(seed=1), "b": handmade_fit(seed=2)}
    if broken:
        own = fits[broken]
        tree = own.tree.copy()
        stats = own.tree_group("sample_stats")
        tree["sample_stats"] = stats.assign(diverging=~stats["diverging"])
        fits[broken] = bs.Fit(own.spec, tree, own.record)
    known = {
        id(one): value
        for one, value in zip(
            (*fits.values(), *before.values()), (10.0, 11.0, 6.0, 8.0), strict=True
        )
    }
    monkeypatch.setattr(curve_average, "log_marginal_likelihood", lambda fit, seed: known[id(fit)])
    found = weigh(fits, before, 0)
    if broken:
        assert dict(found.weights) == {"a": 1.0, "b": 0.0}
    else:
        ratio = np.exp((10 - 0.75 * 6) - (11 - 0.75 * 8))
        assert found.weights["a"] / found.weights["b"] == pytest.approx(ratio)


def test_points_that_a_law_is_learnt_from_count_where_there_are_few(monkeypatch) -> None:
    """Where the earlier are no more than a law's parameters, they are not fitted apart."""
    asked: list[int] = []

    def around(spec, data, *_) -> bs.Fit:
        asked.append(data.observed.size)
        centre = TRUTH["power_law"] if spec.law.name == "power_law" else FLOOR
        return fit_around(spec, data, centre, spread=1e-3)

    monkeypatch.setattr(curve_average, "fit_prepared", around)
    bs.fit_average(curve(points=40), LAWS, random_seed=1)
    assert asked == [POINTS, POINTS - 2] * 2, "the last two lie within a factor of two"
    asked.clear()
    sigmoidal = bs.make_spec("power_law_sigmoidal", columns={"x": "flops"})
    laws = ("power_law", sigmoidal)
    table = curve(points=6)
    assert (table["flops"] <= table["flops"].max() / 2).sum() == 5 == len(sigmoidal.free)
    given = []
    monkeypatch.setattr(curve_average, "weigh", lambda *args: given.append(args))
    for name in ("headroom", "alpha"):
        monkeypatch.setitem(FLOOR, name, 1.0)
    bs.fit_average(table, laws, random_seed=1)
    ((fits, before, _),) = given
    assert asked == [6, 6] and before == {}
    monkeypatch.setattr(curve_average, "log_marginal_likelihood", lambda fit, seed: 0.0)
    wide = {name: {OF_FEW: 1.0} for name in fits}
    assert weigh(fits, {}, 0).discrepancies == wide, "little was learnt: laws may be further off"
    assert weigh(fits, fits, 0).discrepancies == {}
    assert weigh({"a": handmade_fit(), "b": handmade_fit()}, {}, 0).discrepancies == {}


def test_what_cannot_be() -> None:
    for laws, options, message in (
        (["power_law"], {}, "two laws or more"),
        ("power_law", {}, "two laws or more"),
        (["power_law", bs.make_spec("power_law", noise="normal")], {}, "given twice"),
        (LAWS, {"ahead": 1e9}, "no forecast to weigh the laws by"),
        (LAWS, {"ahead": 0.5}, "a factor above 1"),
        (LAWS, {"along": "loss"}, "above|no forecast"),
    ):
        with pytest.raises(bs.BayescaleError, match=message):
            bs.fit_average(curve(points=6), laws, **options)
    grouped = bs.make_spec("power_law", group="family")
    with pytest.raises(bs.BayescaleError, match="not of pooled groups"):
        bs.fit_average(curve().assign(family=["a", "b"] * 15), [grouped, "power_law_floor"])
