"""The best learning rate and batch size of each sweep: coverage, edges, and fits to the minima."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_fits import gaussian_fit
from handmade import REFERENCES, TRUTH
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.data.other_columns import hyperparameter_kind
from bayescale.evaluation.findings import _swept
from bayescale.evaluation.parabolas import Sweep, draw_coefficients, lowest, parabola_terms
from bayescale.evaluation.sweeps import swept_columns, swept_text

RATES = 1e-3 * 2.0 ** np.arange(-4, 5)


def valley(off: np.ndarray, skew: float = 0.0, bend: float = 0.02) -> np.ndarray:
    """Log loss that being off the best rate by e-folds costs."""
    return bend * off**2 + skew * off**3


def sweeps(seed: int, cells: int = 200, skew: float = 0.0, scatter: float = 0.003) -> pd.DataFrame:
    """Sweeps of nine rates, each of a size of its own, whose best rate is drawn."""
    rng = np.random.default_rng(seed)
    best = 1e-3 * np.exp(rng.uniform(-1.2, 1.2, cells))
    table = pd.DataFrame(
        {
            "params": np.repeat(np.geomspace(1e7, 1e12, cells), len(RATES)),
            "tokens": 1e10,
            "lr": np.tile(RATES, cells),
            "best": np.repeat(best, len(RATES)),
        }
    )
    off = np.log(table["lr"] / table["best"]).to_numpy()
    noise = scatter * rng.normal(size=len(table))
    return table.assign(loss=3.0 * np.exp(valley(off, skew) + noise))


class TestCoverage:
    @pytest.mark.parametrize("skew", [0.0, 0.003])
    @pytest.mark.parametrize("seed", [1, 2])
    def test_intervals_hold_the_best_rate(self, seed: int, skew: float) -> None:
        """Of 200 sweeps; three binomial standard deviations of .89 are .066."""
        table = sweeps(seed, skew=skew)
        found = bs.sweep_minima(table)
        truth = table.groupby("params", sort=False)["best"].first().to_numpy()
        held = ((found["lr_lower"] <= truth) & (truth <= found["lr_upper"])).mean()
        assert 0.89 - 0.066 < held < 0.89 + 0.066
        assert (found["inside"] > 0.9).mean() > 0.95

    def test_standard_errors_are_those_of_the_losses(self) -> None:
        """Of 200: the standard deviation of z has an error of 5 %; four of them."""
        found = bs.sweep_minima(sweeps(3))
        z = (found["loss"] - 3.0) / found["loss_se"]
        assert 0.8 < z.std() < 1.2
        assert abs(z.mean()) < 0.3

    def test_rate_and_batch_together(self) -> None:
        """A cross term, and minima that move: 60 sweeps, three binomial deviations are .12."""
        rng, parts, truth = np.random.default_rng(4), [], []
        for params in np.geomspace(1e8, 1e11, 60):
            lr, batch = np.meshgrid(RATES, 32 * 2.0 ** np.arange(7))
            at = rng.uniform(-1, 1, 2)
            x = np.log(lr / 1e-3) - at[0]
            z = np.log(batch / 256) - at[1]
            cost = 0.02 * x**2 + 0.015 * z**2 - 0.01 * x * z
            loss = 2.5 * np.exp(cost + 0.002 * rng.normal(size=x.shape))
            parts.append(
                pd.DataFrame(
                    {"params": params, "tokens": 1e10, "learning_rate": lr.ravel(),
                     "batch_size": batch.ravel(), "loss": loss.ravel()}
                )
            )  # fmt: skip
            truth.append([1e-3 * np.exp(at[0]), 256 * np.exp(at[1])])
        found = bs.sweep_minima(pd.concat(parts, ignore_index=True))
        assert found["count"].eq(63).all() and found["note"].eq("").all()
        for name, values in zip(("learning_rate", "batch_size"), np.array(truth).T, strict=True):
            held = found[f"{name}_lower"].le(values) & found[f"{name}_upper"].ge(values)
            assert held.mean() > 0.89 - 0.12
            assert np.log(found[name] / values).abs().median() < 0.1


def one(rates, losses, **columns) -> pd.DataFrame:
    return pd.DataFrame({"params": 1e8, "tokens": 2e9, "lr": rates, "loss": losses, **columns})


class TestEdges:
    @pytest.mark.parametrize("best", [1e-5, 0.1])
    def test_a_minimum_outside_is_at_the_edge(self, best: float) -> None:
        losses = 3 * np.exp(valley(np.log(RATES / best), bend=0.003))
        (row,) = bs.sweep_minima(one(RATES, losses)).to_dict("records")
        assert row["note"] == "at the edge of the sweep" and row["inside"] < 0.5
        assert RATES[0] * 0.999 <= row["lr_lower"] <= row["lr_upper"] <= RATES[-1] * 1.001
        assert row["lr"] < 2.1 * RATES[0] if best < RATES[0] else row["lr"] > RATES[-1] / 2.1

    def test_equal_losses_say_nothing(self) -> None:
        (row,) = bs.sweep_minima(one(RATES[:5], 3.0)).to_dict("records")
        assert row["note"] == "at the edge of the sweep" and row["inside"] < 0.9
        assert row["lr_upper"] / row["lr_lower"] > 8
        assert row["loss"] == pytest.approx(3.0, rel=0.02)

    def test_two_rates_are_no_parabola(self) -> None:
        table = pd.concat([one(RATES[:2], [3.1, 3.0]), sweeps(0, 3).drop(columns="best")])
        first = bs.sweep_minima(table.reset_index(drop=True)).iloc[0]
        assert first["note"] == "no column has 3 values: the best run"
        assert (first["lr"], first["loss"]) == pytest.approx((RATES[1], 3.0)) and first[
            "count"
        ] == 2
        assert np.isnan(first[["lr_lower", "lr_upper", "inside", "loss_se"]].astype(float)).all()

    def test_three_rates_are_enough(self) -> None:
        rates = np.array([3e-4, 1e-3, 3e-3])
        losses = 3 * np.exp(valley(np.log(rates / 1.2e-3), bend=0.05))
        (row,) = bs.sweep_minima(one(rates, losses)).to_dict("records")
        assert row["note"] == "" and row["lr"] == pytest.approx(1.2e-3, rel=0.1)
        assert row["lr_lower"] < 1.2e-3 < row["lr_upper"]

    def test_diverged_runs_do_not_bend_the_parabola(self) -> None:
        losses = 3 * np.exp(valley(np.log(RATES / 1e-3)))
        losses[-2:] = [7.0, 9.0]
        (row,) = bs.sweep_minima(one(RATES, losses)).to_dict("records")
        assert row["lr"] == pytest.approx(1e-3, rel=0.05) and row["note"] == ""

    def test_a_column_of_two_values_is_held_at_the_best_run_s(self) -> None:
        losses = 3 * np.exp(valley(np.log(RATES / 2e-3)))
        table = pd.concat(
            [one(RATES, losses, batch_size=64), one(RATES, losses * 1.1, batch_size=128)]
        )
        (row,) = bs.sweep_minima(table.reset_index(drop=True), ["lr", "batch_size"]).to_dict(
            "records"
        )
        assert row["batch_size"] == pytest.approx(64) and np.isnan(row["batch_size_lower"])
        assert row["lr"] == pytest.approx(2e-3, rel=0.05)
        assert row["loss"] == pytest.approx(3.0, rel=0.005)

    def test_batch_sizes_are_read_as_other_counts_are(self) -> None:
        table = sweeps(5, 4).rename(columns={"lr": "batch size (tokens)"})
        sizes = 1000 * (1 + np.arange(len(table)) % 9)
        plain, written = (
            bs.sweep_minima(table.assign(**{"batch size (tokens)": cells}), random_seed=1)
            for cells in (sizes, [f"{size // 1000}k" for size in sizes])
        )
        pd.testing.assert_frame_equal(plain, written)

    def test_tokens_that_steps_round_are_one(self) -> None:
        table = sweeps(5, 4)
        near = table.assign(tokens=table["tokens"] * (1 + 0.004 * np.tile(np.arange(9) % 3, 4)))
        assert len(bs.sweep_minima(near)) == 4
        found = bs.sweep_minima(table)["params"]
        assert set(found) <= set(table["params"])  # no digit of a size is lost
        split = table.assign(corpus=np.where(np.arange(len(table)) % 2, "a", "b"))
        assert len(bs.sweep_minima(split, ["lr"], group=["corpus"])) == 8
        family = bs.sweep_minima(split.rename(columns={"corpus": "family"}), "lr")
        assert len(family) == 8 and set(family["family"]) == {"a", "b"}

    @pytest.mark.parametrize(
        ("change", "options", "said"),
        [
            ({}, {"columns": ["lrr"]}, "did you mean 'lr'"),
            (
                {"lr": 0.0},
                {"columns": ["lr"]},
                "row 0: 0 is not positive; .* leave out the 9 such rows",
            ),
            ({"lr (max)": -1.0}, {"columns": ["lr (max)"]}, r"where='`lr \(max\)` > 0'"),
            ({"lr": "fast"}, {"columns": ["lr"]}, "row 0: cannot read 'fast'.*give it as a number"),
            ({"lr": 1e-3}, {}, "sweeps no learning rate or batch size"),
            ({}, {"group": ["corpus"]}, "has no column 'corpus'"),
            ({}, {"ci_prob": 2.0}, "not a probability"),
        ],
    )
    def test_what_is_no_sweep(self, change, options, said) -> None:
        with pytest.raises(bs.BayescaleError, match=said):
            bs.sweep_minima(one(RATES, 3.0).assign(**change), **options)


def test_names_of_swept_columns() -> None:
    for name in ("lr", "learning_rate", "config.lr", "peak_lr", "lr_max", "Learning Rate"):
        assert hyperparameter_kind(name) == "learning rate"
    for name in ("batch_size", "bs", "global_batch_size", "batch_size_tokens", "train_batch_size"):
        assert hyperparameter_kind(name) == "batch size"
    for name in ("min_lr", "lr_schedule", "loss", "batch_norm", "lr_upper", "params", "final_lr"):
        assert hyperparameter_kind(name) == ""


def test_a_table_of_sweeps_is_noticed() -> None:
    table = sweeps(6, 4)
    runs = bs.read_runs(table.assign(batch_size=64.0, batch_size_tokens=table["lr"]))
    assert swept_columns(runs) == ["lr", "batch_size_tokens"]
    (said,) = swept_text(runs)
    assert "36 runs sweep lr and batch_size_tokens at 4 sizes and data" in said
    ladder = bs.read_runs(table.iloc[::9])
    assert swept_columns(ladder) == [] and swept_text(ladder) == []


def test_parabolas_by_hand() -> None:
    """Lowest inside, at an edge, and at a corner of a box; with and without a cube."""
    box = np.array([1.0, 2.0])
    # 1, x, z, x x, z z, x z, x x x, z z z
    plain = [0.0, -0.4, 0.8, 0.5, 0.5, 0.0, 0.0, 0.0]
    crossed = [0.0, -0.4, 0.8, 0.5, 0.5, 0.3, 0.0, 0.0]
    corner = [0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    places, inside = lowest(np.array([plain, crossed, corner]), box)
    np.testing.assert_allclose(places[0], [0.4, -0.8], atol=1e-9)
    solved = np.linalg.solve([[1.0, 0.3], [0.3, 1.0]], [0.4, -0.8])
    np.testing.assert_allclose(places[1], solved, atol=1e-9)
    np.testing.assert_allclose(places[2], [-1.0, 2.0])
    assert inside.tolist() == [True, True, False]
    skewed, _ = lowest(np.array([[0.0, 0.0, 0.5, 0.2], [1.0, -0.3, 0.5, 0.1]]), np.array([1.0]))
    root = (-1 + np.sqrt(1 + 4 * 0.3 * 0.3)) / (2 * 0.3)
    np.testing.assert_allclose(skewed[:, 0], [0.0, root], atol=1e-9)
    assert parabola_terms(np.array([2.0, 3.0])).tolist() == [1, 2, 3, 4, 9, 6, 8, 27]


def test_the_posterior_of_a_parabola_is_that_of_least_squares() -> None:
    """With many runs the prior is nothing: mean and covariance are those of least squares."""
    rng = np.random.default_rng(7)
    x = np.linspace(-1.3, 1.3, 400)
    y = 1.0 + 0.1 * x + 0.1 * x**2 + 0.001 * rng.normal(size=400)
    sweep = Sweep.of(np.arange(400), x[:, None], y)
    drawn = draw_coefficients(sweep, np.full(1000, 0.001), rng)
    design = parabola_terms(sweep.points - sweep.middle)
    expected = np.linalg.lstsq(design, sweep.losses)[0]
    sd = 0.001 * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    # the mean of a thousand draws is known to sd / 32, their sd to 2.2 %: four times that
    assert (np.abs(drawn.mean(axis=0) - expected) < 0.15 * sd).all()
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.1)


def tuned_and_not(seed: int = 8) -> pd.DataFrame:
    """Twelve sizes and data by a law, each at nine rates."""
    rng, law = np.random.default_rng(seed), {**TRUTH["chinchilla"], "sigma": 0.001, "nu": 5.0}
    design = bs.isoflop_design(np.geomspace(1e18, 1e20, 3), [5, 20, 80, 160])
    made = bs.simulate("chinchilla", design, law, references=REFERENCES, random_seed=seed)
    table = made.loc[made.index.repeat(len(RATES))].reset_index(drop=True)
    off = np.log(np.tile(RATES, len(made)) / np.repeat(rng.uniform(6e-4, 2e-3, 12), len(RATES)))
    noise = 0.002 * rng.normal(size=len(table))
    loss = table["loss"] * np.exp(valley(off) + noise)
    return table[["params", "tokens"]].assign(lr=np.tile(RATES, len(made)), loss=loss)


def test_the_law_of_the_minima_scatters_less_than_that_of_all_runs() -> None:
    table = tuned_and_not()
    minima = bs.sweep_minima(bs.read_runs(table, loss_unit="nats/token", params_convention="total"))
    read = bs.read_runs(minima)
    assert (read.loss_unit, read.params_convention) == ("nats/token", "total")
    assert {"loss_se", "lr", "count"} <= set(read.table) and len(read) == 12

    def scatter(runs: bs.Runs) -> float:
        return gaussian_fit("chinchilla", runs, TRUTH["chinchilla"]).adequacy.scatter

    assert scatter(read) < 0.3 * scatter(bs.read_runs(table))
    looked_at = gaussian_fit("chinchilla", read, TRUTH["chinchilla"]).adequacy.checks.index
    assert not [name for name in looked_at if "lower" in name or "upper" in name]


def test_adequacy_offers_the_minima() -> None:
    fit = gaussian_fit("chinchilla", bs.read_runs(tuned_and_not()), TRUTH["chinchilla"])
    (said,) = [one.text for one in fit.adequacy.findings if one.column == "lr"]
    assert "residuals follow lr" in said and "bayescale.sweep_minima" in said
    once = tuned_and_not().groupby(["params", "tokens"], sort=False).sample(1, random_state=1)
    alone = gaussian_fit("chinchilla", bs.read_runs(once), TRUTH["chinchilla"])
    assert not _swept(alone, "lr") and _swept(fit, "lr")


@pytest.mark.parametrize("name", ["steplaw2025_dense", "sld_lr_bsz_train"])
def test_public_sweeps(name: str) -> None:
    """Batch sizes and rates are about those of the step law (2503.04715), a fit to best runs."""
    try:
        table = bs.load_dataset(name)
    except bs.BayescaleError:
        pytest.skip("set BAYESCALE_DATA")
    runs = bs.read_runs(table[table["loss"] < 4].drop(columns="diverged", errors="ignore"))
    found = bs.sweep_minima(runs)
    fine = found[found["note"] == ""]
    assert len(fine) >= 0.8 * len(found) >= 13
    published = 0.58 * fine["tokens"] ** 0.571 / 2048
    assert np.log(fine["batch_size_seqs"] / published).abs().median() < 0.15
    assert (
        np.log(fine["lr"] / (1.79 * fine["params"] ** -0.713 * fine["tokens"] ** 0.307))
        .abs()
        .median()
        < 0.5
    )


def test_command_line(tmp_path: Path) -> None:
    source, out = tmp_path / "runs.csv", tmp_path / "minima.csv"
    sweeps(9, 5).drop(columns="best").to_csv(source, index=False)
    result = CliRunner().invoke(app, ["sweeps", str(source), "-o", str(out), "--json"])
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)["sweeps"]
    written = pd.read_csv(out)
    assert len(rows) == len(written) == 5
    np.testing.assert_allclose(written["lr"], [row["lr"] for row in rows])
    text = CliRunner().invoke(app, ["sweeps", str(source), "--swept", "lr"], env={"COLUMNS": "200"})
    assert text.exit_code == 0 and "lr_lower" in text.stdout and "10B" in text.stdout
    bad = CliRunner().invoke(app, ["sweeps", str(source), "--swept", "rate"])
    assert bad.exit_code == 1 and "no column 'rate'" in bad.stderr
