"""Rows of one run: the noise that has them follow from one another, and all that hangs on it."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import scipy.stats
import xarray as xr
from handmade import TRUTH, fit_around

import bayescale as bs
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.scores import log_score, points_of
from bayescale.evaluation.splits import cuts_of
from bayescale.inference.fit import prepare
from bayescale.inference.run_blocks import likelihood_blocks
from bayescale.model.build import engine_model, model_data
from bayescale.model.checkpoint_rows import noise_along_runs, rows_to_fit
from bayescale.model.noise.autocorrelated import series_of, within_plateaus
from bayescale.model.noise.registry import NOISES
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.discrepancy import Discrepancy
from bayescale.prediction.places import COMMON_OF, SPLIT_REACH
from bayescale.reporting.narrative import drift

NOISE = NOISES["checkpoints"]
REFERENCES = {"N": 1e9, "D": 2e10}
VALUES = {"sigma": 0.05, "nu": 4.0, "reach": 0.3}
A, B, ALONE = 7.0, 3.0, np.nan
SERIES = np.array([A, B, ALONE, A, B, A, ALONE])
PLACE = np.array([9.0, 9.5, 9.1, 8.6, 9.3, 9.8, 9.1])
BEFORE = [3, 4, None, None, None, 0, None]
KNOWN = {"se": np.array([0, 0.1, 0, 0.2, 0, 0, 0.1]), "series": SERIES, "place": PLACE}
CURVE = np.array([3.0, 2.9, 2.5, 3.3, 3.0, 2.8, 2.6])


def written_out(observed: np.ndarray, values: dict, known: dict, before: list) -> list[float]:
    """The density of each row on the log scale, one by one, by its definition."""
    size = np.hypot(values["sigma"], known["se"] / observed)
    z = np.log(observed / CURVE) / size
    found = []
    for i, j in enumerate(before):
        rho = 0.0 if j is None else np.exp(-(known["place"][i] - known["place"][j]) / 0.3)
        at, scale = 0.0 if j is None else rho * z[j], np.sqrt(1 - rho**2)
        found.append(scipy.stats.t.logpdf(z[i], values["nu"], at, scale) - np.log(size[i]))
    return found


def drawn(rng: int = 0) -> np.ndarray:
    return NOISE.draw(CURVE, VALUES, KNOWN, rng=np.random.default_rng(rng))


class TestFaces:
    def test_the_density_is_that_of_the_definition(self) -> None:
        observed = drawn()
        found = NOISE.log_density(CURVE, VALUES, KNOWN, observed) + np.log(observed)
        np.testing.assert_allclose(found, written_out(observed, VALUES, KNOWN, BEFORE), rtol=1e-9)

    def test_pymc_and_scipy_agree_row_by_row(self) -> None:
        observed = drawn()
        with pm.Model(coords={"run": range(7)}) as model:
            NOISE.observe("y", CURVE, VALUES, NOISE.data(observed, KNOWN))
        theirs = model.compile_logp(mode="FAST_COMPILE", sum=False)({})[0]
        ours = NOISE.log_density(CURVE, VALUES, KNOWN, observed) + np.log(observed)
        np.testing.assert_allclose(theirs, ours, rtol=1e-7)

    def test_gradients_are_finite_at_the_first_row_of_a_run(self) -> None:
        with pm.Model(coords={"run": range(7)}) as model:
            free = {name: pm.HalfNormal(name) for name in VALUES}
            NOISE.observe("y", CURVE, free, NOISE.data(drawn(), KNOWN))
        gradient = model.compile_dlogp(mode="FAST_COMPILE")(model.initial_point())
        assert np.isfinite(gradient).all()
        assert (gradient != 0).all()

    def test_draws_follow_the_density(self) -> None:
        """What is new in each row is a Student-t of its own, whatever the rows before."""
        draws = 4000
        curve = xr.DataArray(np.broadcast_to(CURVE, (draws, 7)), dims=("draw", "run"))
        known = {name: xr.DataArray(values, dims="run") for name, values in KNOWN.items()}
        found = NOISE.draw(curve, VALUES, known, rng=np.random.default_rng(1))
        _, new = NOISE.residual(curve, VALUES, known, found)
        sizes = np.hypot(0.05, KNOWN["se"] / CURVE)
        new = new.where(xr.DataArray(KNOWN["se"] == 0, dims="run"))  # errors scale with the value
        for i in np.flatnonzero(KNOWN["se"] == 0):
            if BEFORE[i] is None or KNOWN["se"][BEFORE[i]] == 0:
                values = new.isel(run=i).values
                assert scipy.stats.kstest(values, scipy.stats.t(4.0).cdf).pvalue > 1e-3
        z = np.log(found / curve) / sizes
        order = scipy.stats.spearmanr(z.values).statistic
        assert order[0, 5] == pytest.approx(np.exp(-0.8 / 0.3), abs=0.1)
        assert order[0, 3] == pytest.approx(np.exp(-0.4 / 0.3), abs=0.1)
        assert abs(order[0, 1]) < 0.06
        assert abs(order[2, 6]) < 0.06

    def test_arrays_without_names_and_with_them_are_one(self) -> None:
        observed = drawn()
        scattered = {k: xr.DataArray(v * np.ones(5), dims="draw") for k, v in VALUES.items()}
        curve = xr.DataArray(CURVE, dims="run")
        known = {name: xr.DataArray(values, dims="run") for name, values in KNOWN.items()}
        named = NOISE.log_density(curve, scattered, known, xr.DataArray(observed, dims="run"))
        plain = NOISE.log_density(CURVE, VALUES, KNOWN, observed)
        np.testing.assert_allclose(named.transpose("draw", "run"), np.tile(plain, (5, 1)))
        rng = np.random.default_rng(0)
        assert NOISE.draw(curve, scattered, known, rng=rng).sizes == {"run": 7, "draw": 5}

    @pytest.mark.parametrize("kind", ["", "raw_", "logit_"])
    def test_with_a_short_reach_rows_are_independent(self, kind: str) -> None:
        curve = np.linspace(0.3, 0.6, 7)
        noise, plain = NOISES[f"{kind}checkpoints"], NOISES[f"{kind}student_t"]
        short = {**VALUES, "reach": 1e-6}
        np.testing.assert_allclose(
            noise.log_density(curve, short, KNOWN, curve[::-1]),
            plain.log_density(curve, short, KNOWN, curve[::-1]),
        )

    def test_with_a_long_reach_a_run_has_one_effect(self) -> None:
        long, known = {**VALUES, "reach": 1e5}, {**KNOWN, "se": np.zeros(7)}
        found = np.log(NOISE.draw(CURVE, long, known, rng=np.random.default_rng(2)) / CURVE)
        np.testing.assert_allclose(found[[0, 3]], found[5], atol=1e-3)
        assert abs(found[0] - found[1]) > 1e-3

    def test_a_row_of_its_own_is_a_draw_from_the_long_run(self) -> None:
        observed, plain = drawn(), NOISES["student_t"]
        alone = NOISE.alone(KNOWN)
        np.testing.assert_allclose(
            NOISE.log_density(CURVE, VALUES, alone, observed),
            plain.log_density(CURVE, VALUES, KNOWN, observed),
        )
        one, other = (
            noise.draw(CURVE, VALUES, known, rng=np.random.default_rng(3))
            for noise, known in ((NOISE, alone), (plain, KNOWN))
        )
        np.testing.assert_array_equal(one, other)
        assert np.isnan(NOISE.typical(KNOWN)["series"])

    def test_correlations_are_those_of_the_draws(self) -> None:
        for rows, correlation in NOISE.correlated(VALUES, KNOWN):
            assert set(SERIES[rows]) in ({A}, {B})
            gaps = np.abs(PLACE[rows][:, None] - PLACE[rows])
            np.testing.assert_allclose(correlation, np.exp(-gaps / 0.3))
        assert NOISES["student_t"].correlated(VALUES, KNOWN) == []


def found_in(**columns) -> tuple[list, list]:
    """Which rows go together, as lists of positions in order, and their places."""
    table = pd.DataFrame(columns)
    series, place = series_of(table, np.full(len(table), np.nan))
    groups = [
        sorted(np.flatnonzero(series == n).tolist(), key=lambda i: place[i])
        for n in np.unique(series[np.isfinite(series)])
    ]
    return sorted(groups), place.tolist()


class TestSeries:
    def test_rows_of_one_name_are_ordered_by_tokens(self) -> None:
        groups, place = found_in(run=["a", "b", "a", "a"], tokens=[1e9, 1e9, 1e8, 1e10])
        assert groups == [[2, 0, 3]]
        assert place == [9, 9, 8, 10]

    def test_by_steps_where_tokens_are_those_of_the_whole_run(self) -> None:
        groups, _ = found_in(run=["a", "a", "a"], tokens=[1e9] * 3, step=[300, 0, 100])
        assert groups == [[1, 2, 0]]

    def test_at_one_place_they_are_re_runs(self) -> None:
        groups, _ = found_in(run=["a"] * 5, tokens=[1e9, 1e10, 1e9, 1e10, 1e9])
        assert groups == [[0, 1], [2, 3]]
        assert found_in(run=["a", "a"], tokens=[1e9, 1e9])[0] == []

    def test_by_the_order_of_the_table_where_nothing_else_says(self) -> None:
        groups, place = found_in(run=["a", "b", "a"], loss=[3.0, 3.0, 2.0])
        assert groups == [[0, 2]]
        np.testing.assert_allclose(place, np.log10([1, 1, 2]))

    def test_without_a_name_a_row_is_alone(self) -> None:
        groups, place = found_in(run=[None, None, "a"], tokens=[1e8, 1e9, 1e9])
        assert groups == []
        assert np.isnan(place[:2]).all()
        assert found_in(tokens=[1e8, 1e9])[0] == []

    def test_a_known_place_wins(self) -> None:
        table = pd.DataFrame({"run": ["a", "a"], "tokens": [1e9, 1e10]})
        assert series_of(table, np.array([np.nan, 2.0])).place.tolist() == [9, 2]


def checkpoints(runs: int = 5, rows: int = 8, reach: float = 0.5) -> pd.DataFrame:
    size, share = np.geomspace(1e8, 1e10, runs), np.geomspace(0.01, 1, rows)
    design = {
        "run": np.repeat([f"run {i}" for i in range(runs)], rows),
        "params": np.repeat(size, rows),
        "tokens": np.outer(20 * size**0.9 * 1e1, share).ravel(),
    }
    truth = {**TRUTH["chinchilla"], "reach": reach}
    return bs.simulate(
        "chinchilla", design, truth, references=REFERENCES, noise="checkpoints", random_seed=0
    )


@pytest.fixture(scope="module")
def made():
    spec = make_spec("chinchilla", noise="checkpoints", references=REFERENCES)
    return fit_around(spec, extract(spec, bs.read_runs(checkpoints())), TRUTH["chinchilla"])


class TestDefault:
    def chosen(self, table: pd.DataFrame, law="chinchilla", **options) -> str:
        return noise_along_runs(make_spec(law, **options), bs.read_runs(table)).noise.name

    def test_rows_that_share_a_run_get_it(self) -> None:
        assert self.chosen(checkpoints()) == "checkpoints"
        few = checkpoints(3)
        with pytest.warns(bs.BayescaleWarning, match="too few for chinchilla alone"):
            assert bs.build_model(few, "chinchilla")["reach"] is not None
            spec, data = prepare(few, "chinchilla", priors={"E": 1.7})
        assert spec.noise.name == "checkpoints" and spec.fixed == {"E": 1.7}
        assert data.digest() == extract(spec, bs.read_runs(few)).digest()

    def test_single_rows_do_not(self) -> None:
        finals = checkpoints().drop_duplicates("run", keep="last")
        assert self.chosen(finals) == "student_t"
        assert self.chosen(checkpoints().drop(columns="run")) == "student_t"

    def test_nor_where_a_noise_was_asked_for(self) -> None:
        assert self.chosen(checkpoints(), noise="student_t") == "student_t"
        assert self.chosen(checkpoints(), make_spec("chinchilla", noise="normal")) == "normal"
        assert not make_spec(bs.load_study("luo2025_25m")).default_noise
        study = bs.load_study("hoffmann2022")
        assert make_spec(study).default_noise
        assert not make_spec(study, noise="student_t").default_noise

    def test_what_has_no_such_noise_warns(self) -> None:
        table = pd.DataFrame({"run": ["a", "a"], "step": [1, 2], "elo": [0.1, 0.2]})
        law = next(law for law in ("bradley_terry", "elo_power") if law in bs.list_laws().index)
        spec = make_spec(law)
        runs = bs.read_runs(table.rename(columns={"elo": spec.target}))
        with pytest.warns(bs.BayescaleWarning, match="2 rows are of 1 runs and count as indep"):
            assert noise_along_runs(spec, runs) is spec

    def test_a_copied_row_counts_once(self) -> None:
        table = checkpoints()
        twice = pd.concat([table, table.iloc[[3]]], ignore_index=True)
        spec = make_spec("chinchilla")
        with pytest.warns(bs.BayescaleWarning, match="repeats an earlier row of its run"):
            data = extract(spec, bs.read_runs(twice))
        assert len(data.observed) == len(table)


class TestRowsToFit:
    """Of checkpoints of enough runs the last rows; all of them for who asks for it."""

    def rows(self, table: pd.DataFrame, law: str = "chinchilla", **options: Any) -> int:
        return len(rows_to_fit(make_spec(law, **options), bs.read_runs(table)))

    @pytest.mark.parametrize("table", [checkpoints(5), checkpoints(5).assign(step=0)])
    def test_of_as_many_runs_as_parameters_the_last_rows(self, table: pd.DataFrame) -> None:
        with pytest.warns(
            bs.BayescaleWarning,
            match="40 rows are checkpoints of 5 runs .column run.: fitted the last row of each; "
            "noise='checkpoints' fits all rows",
        ):
            spec, data = prepare(table, "chinchilla")
        assert spec.noise.name == "student_t"
        last = table.drop_duplicates("run", keep="last")
        assert sorted(data.observed) == pytest.approx(sorted(last["loss"]))

    def test_of_fewer_all_with_a_word_of_what_they_are(self) -> None:
        with pytest.warns(bs.BayescaleWarning, match="of 4 runs .*too few for chinchilla alone"):
            spec, data = prepare(checkpoints(4), "chinchilla")
        assert spec.noise.name == "checkpoints" and len(data.observed) == 32

    def test_all_rows_where_a_noise_is_asked_for_and_of_whole_curves(self) -> None:
        assert self.rows(checkpoints(10), noise="checkpoints") == 80
        assert self.rows(checkpoints(10), noise="normal") == 80
        assert self.rows(checkpoints(10).assign(step=1), "kaplan_steps") == 80
        assert self.rows(checkpoints(10).drop(columns="run")) == 80

    def test_runs_that_were_found_are_named_where_all_their_rows_are_fitted(self) -> None:
        steps = np.tile(np.arange(1, 9) * 1000, 4)
        table = checkpoints(4).drop(columns="run").assign(step=steps)
        spec, data = prepare(table, "chinchilla", noise="checkpoints")
        assert len(data.observed) == 32
        assert np.unique(data.known["series"]).size == 4
        with pytest.warns(bs.BayescaleWarning, match="of 4 runs .steps in equal distances"):
            spec, _ = prepare(table, "chinchilla")
        assert spec.noise.name == "checkpoints"

    def test_rows_that_may_be_checkpoints_are_asked_about(self) -> None:
        table = checkpoints(5).drop(columns="run")
        table["step"] = np.unique(np.geomspace(10, 8000, 8).astype(int)).tolist() * 5
        with pytest.warns(bs.BayescaleWarning, match="column step, no column run: are these rows"):
            assert self.rows(table) == 40
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert self.rows(table, noise="student_t") == 40


class TestModel:
    def test_other_lengths_need_no_other_graph(self) -> None:
        spec = make_spec("chinchilla", noise="checkpoints", references=REFERENCES)
        large, small = (
            extract(spec, bs.read_runs(checkpoints(runs, rows))) for runs, rows in ((5, 8), (6, 3))
        )
        model, other = engine_model(spec, large), engine_model(spec, small)
        point = model.initial_point()
        with model:
            logp = model.compile_logp(mode="FAST_COMPILE")
            assert np.isfinite(logp(point))
            pm.set_data(model_data(spec, small), coords={"run": list(small.labels)})
        expected = other.compile_logp(mode="FAST_COMPILE")(point)
        assert logp(point) == pytest.approx(float(expected))


class TestAnswers:
    def test_a_run_is_the_sum_of_its_rows(self, made) -> None:
        by_row = made.tree_group("log_likelihood")["loss"]
        known = made.known
        independent = NOISES["student_t"].log_density(
            made.curve(made.inputs), made.parameters, known, made.observed
        )
        first, rest = np.arange(0, 40, 8), np.setdiff1d(np.arange(40), np.arange(0, 40, 8))
        difference = abs(by_row - independent).max(("chain", "draw")).values
        np.testing.assert_allclose(difference[first], 0, atol=1e-9)
        assert difference[rest].min() > 0.01
        (summed,) = likelihood_blocks(made)
        assert summed.sizes["run"] == 5
        np.testing.assert_allclose(summed.sum("run"), by_row.sum("run"))

    def test_predicted_rows_of_a_run_move_together(self, made) -> None:
        seen = np.log(made.tree_group("posterior_predictive")["loss"])
        drawn = (seen - np.log(made.curve(made.inputs))).stack(sample=("chain", "draw")).values
        order = scipy.stats.spearmanr(drawn, axis=1).statistic
        assert order[6, 7] == pytest.approx(np.exp(-(2 / 7) / 0.3), abs=0.1)
        assert abs(order[7, 8]) < 0.1

    def test_new_runs_are_on_their_own(self, made) -> None:
        found = bs.predict(
            made, params=[1e10, 1e10], tokens=[1e12, 1.1e12], discrepancy=None, random_seed=0
        )
        scatter = np.log(found["new_run"] / found["law"]).stack(sample=("chain", "draw")).values
        assert abs(scipy.stats.spearmanr(*scatter).statistic) < 0.1
        assert np.quantile(np.abs(scatter), 0.5) == pytest.approx(0.0036, rel=0.1)

    def test_a_run_that_starts_off_is_named_once(self) -> None:
        table = checkpoints(reach=50.0)
        table.loc[table["run"] == "run 2", "loss"] *= 1.12
        spec = make_spec("chinchilla", noise="checkpoints", references=REFERENCES)
        truth = {**TRUTH["chinchilla"], "reach": 50.0}
        fit = fit_around(spec, extract(spec, bs.read_runs(table)), truth)
        assert list(bs.outliers(fit).index) == ["run 2"]

    def test_the_discrepancy_knows_that_rows_go_together(self, made) -> None:
        """Against the covariance of all rows, where no two of them are in one place."""
        discrepancy = Discrepancy(size=0.02, reach=0.2)
        surface = discrepancy.surface(made).process
        assert len(surface.places) == made.observed.size
        centre = made.parameters.median(("chain", "draw"))
        middle = made.curve(made.inputs).median(("chain", "draw"))
        z = np.log(made.observed / middle).values / float(centre["sigma"])
        nu = float(centre["nu"])
        size = float(centre["sigma"]) * np.sqrt((nu + z**2) / (nu + 1))
        run, at = np.repeat(np.arange(5), 8), np.log10(made.inputs["D"].values)
        shared = np.exp(-np.abs(at[:, None] - at) / float(centre["reach"]))
        scatter = np.outer(size, size) * shared * (run[:, None] == run)
        logs = np.column_stack([np.log10(made.inputs[k].values) for k in ("N", "D")])
        gap = np.sqrt(5) * np.linalg.norm(logs[:, None] - logs, axis=-1) / 0.2
        apart = gap / SPLIT_REACH
        budgets = np.abs(np.subtract.outer(logs.sum(1), logs.sum(1))) / np.sqrt(2)
        common = np.sqrt(5) * budgets / 0.2
        share = (1 - COMMON_OF["chinchilla"]) * surface.places[:, -1]
        order = np.lexsort(logs.T[::-1])
        there = np.lexsort(surface.places[:, :2].T[::-1])
        np.testing.assert_allclose(surface.places[there, :2] * 0.2, logs[order])
        of_row = np.empty(len(order))
        of_row[order] = share[there]
        prior = 0.02**2 * sum(
            np.sqrt(np.outer(part, part)) * (1 + d + d**2 / 3) * np.exp(-d)
            for part, d in ((1 - of_row, common), (of_row, apart))
        )
        lower = np.linalg.inv(surface.whiten)
        found = (lower @ lower.T)[np.ix_(there, there)]
        np.testing.assert_allclose(
            found, (prior + scatter)[np.ix_(order, order)], rtol=1e-6, atol=1e-9
        )

    def test_the_runs_of_a_fit_fit_again(self, made, tmp_path) -> None:
        table = bs.fitted_runs(made)
        assert table["run"].nunique() == 5
        again = extract(made.spec, bs.read_runs(table))
        for name, values in made.known.items():
            np.testing.assert_allclose(again.known[name], values)
        loaded = bs.load(bs.save(made, tmp_path / "fit.nc"))
        assert loaded.spec.noise is NOISE
        np.testing.assert_allclose(loaded.known["place"], made.known["place"])

    def test_later_checkpoints_join_their_run(self, made, monkeypatch) -> None:
        taken = {}

        def spy(runs, spec, **_):
            taken["known"] = extract(spec, runs).known

        monkeypatch.setattr("bayescale.inference.update.fit", spy)
        last = checkpoints().query("run == 'run 1'").iloc[[-1]]
        bs.add_runs(made, last.assign(tokens=2 * last["tokens"], loss=2.0))
        series, place = taken["known"]["series"], taken["known"]["place"]
        assert series[-1] == series[8]
        assert place[-1] == pytest.approx(place[15] + np.log10(2))

    def test_only_noise_that_takes_rows_for_independent_is_warned_of(self, made) -> None:
        spec = make_spec(made.spec, noise="student_t")
        plain = fit_around(spec, extract(spec, bs.read_runs(checkpoints())), TRUTH["chinchilla"])
        table = bs.compare({"plain": plain, "following": made})
        assert "noise='checkpoints' does not" in table.loc["plain", "warning"]
        assert "independent" not in table.loc["following", "warning"]

    def test_held_out_rows_are_predicted_as_those_of_new_runs(self, made) -> None:
        data = extract(made.spec, bs.read_runs(checkpoints()))
        split = next(cuts_of(data.runs, "flops", [0.7]))
        scored = score_split(made, {"chinchilla": data}, split, None, 0)
        inputs, known, observed = points_of(data, split)
        density = NOISES["student_t"].log_density(
            made.curve(inputs), made.parameters, {"se": known["se"]}, observed
        )
        np.testing.assert_allclose(scored["log_score"], log_score(density))
        assert set(scored["run"].str.split(" \\(").str[0]) >= {"run 3", "run 4"}

    def test_the_report_judges_the_law_by_the_ends_of_runs(self, made) -> None:
        said = drift(made)
        assert said is not None
        assert "the 3 runs of the largest budgets" in said.text


def test_a_law_whose_parameter_has_the_name_of_the_noise_s_is_fitted_all_the_same() -> None:
    """It was refused before, and nobody can rename a parameter of a law that comes with us."""
    loss = np.geomspace(4.0, 2.0, 12)
    table = pd.DataFrame({"loss": loss, "accuracy": np.linspace(0.3, 0.8, 12), "run": "a"})
    with pytest.warns(bs.BayescaleWarning, match="no logit_student_t noise along a run"):
        spec, _ = prepare(bs.read_runs(table.assign(step=np.arange(1, 13))), "accuracy_from_loss")
    assert spec.noise.name == "logit_student_t"


def best_so_far(steps: int, seed: int) -> pd.DataFrame:
    """One run's lowest error so far, a score of so many questions."""
    tokens = np.logspace(9, 12, 19)
    error = 0.4 + 0.3 * (tokens / 1e9) ** -0.08
    noisy = error + 0.02 * np.random.default_rng(seed).normal(size=19)
    best = np.minimum.accumulate(np.round(noisy * steps) / steps)
    return pd.DataFrame({"x": tokens, "loss": best, "run": "a"})


class TestRepeatedValues:
    @pytest.mark.parametrize(("steps", "seed"), [(40, 0), (25, 1), (100, 2)])
    def test_they_do_not_make_the_scatter_vanish(self, steps: int, seed: int) -> None:
        """Two thirds of the steps change nothing.

        With all rows and any tails the scatter was 1e-6, the reach 1e4, and the law flat.
        """
        table = best_so_far(steps, seed)
        assert (np.diff(table["loss"]) == 0).sum() >= 11
        with pytest.warns(bs.BayescaleWarning, match="the rows before and after it in its run"):
            fit = bs.fit(
                table, "power_law_floor", columns={"x": "x"}, noise=NOISE.name, random_seed=1
            )
        assert fit.diagnostics.ok
        assert fit.posterior["nu"].min() > 1
        assert fit.posterior["sigma"].median() > 0.005
        expected = 0.4 + 0.3 * 1e4**-0.08
        low, high = fit.predict({"x": 1e13}, random_seed=1)["law"].quantile([0.05, 0.95]).values
        assert low < expected < high
        assert high - low < 0.2

    def test_the_ends_of_a_plateau_are_kept(self) -> None:
        series = np.array([0, 0, 0, 0, 0, 1, 1, 1, np.nan, np.nan, np.nan])
        place = np.array([0, 3, 2, 1, 4, 0, 1, 2, np.nan, np.nan, np.nan])
        values = np.array([2, 2, 2, 2, 1, 1, 1, 1, 5, 5, 5.0])
        found = np.flatnonzero(within_plateaus(series, place, values))
        assert found.tolist() == [2, 3, 6]

    def test_of_independent_rows_all_count(self) -> None:
        table = best_so_far(40, 0).drop(columns="run")
        spec = bs.make_spec("power_law_floor", columns={"x": "x"})
        assert len(extract(spec, bs.read_runs(table)).observed) == 19


def test_the_pymc_model_has_the_prior_of_the_tails() -> None:
    spec = bs.make_spec("power_law_floor", columns={"x": "x"}, noise=NOISE.name)
    table = pd.DataFrame({"x": [1.0, 2.0, 4.0, 8.0], "loss": [3.0, 2.5, 2.2, 2.1]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        model = bs.build_model(table, spec)
    nu = pm.draw(model["nu"], 4000, random_seed=1)
    assert nu.min() > 1
    np.testing.assert_allclose(np.quantile(nu, [0.05, 0.95]), [1.5, 30.0], rtol=0.15)
    logp = model.compile_logp(vars=[model["nu"]], sum=True, mode="FAST_COMPILE")
    point = {**model.initial_point(), "nu_interval__": np.array(0.5)}
    parameter = NOISE.parameters["nu"]
    mean, sd = parameter.normal(parameter.low, parameter.high)
    expected = scipy.stats.norm(mean, sd).logpdf(0.5)  # the transform is the link
    assert float(logp(point)) == pytest.approx(expected)
