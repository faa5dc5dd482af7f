"""The numbers that are drawn, and what a reader sees of them."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import arviz_base as azb
import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_texts import faults, faults_at_three_sizes
from handmade import handmade_fit
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import bayescale as bs
from bayescale import BayescaleError, credible_interval, identify, optimum, predict
from bayescale.data.compute_budgets import typical_budgets
from bayescale.evaluation.residuals import outliers
from bayescale.inference.result import Fit
from bayescale.plots.bands import bands_data, plot_bands
from bayescale.plots.compare import compare_data, plot_compare
from bayescale.plots.exponents import exponents_data, plot_exponents
from bayescale.plots.frontier import frontier_data, plot_frontier
from bayescale.plots.identify import plot_identify
from bayescale.plots.isoflop import isoflop_data, plot_isoflop
from bayescale.plots.prior_posterior import plot_prior_posterior, prior_posterior_data
from bayescale.plots.residuals import plot_residuals, residuals_data
from bayescale.plots.ridge import plot_ridge, ridge_data
from bayescale.plots.style import CYCLE, RoundNumbers, symbol, write_tick
from bayescale.studies.study import Published

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PUBLISHED = (
    Published("A paper", {"E": 1.7, "alpha": 0.34, "A": 400}, {"alpha": (0.31, 0.37)}, level=0.95),
    Published("Another", {"beta": 0.3, "N_opt_exponent": 0.5}),
)
TABLE = pd.DataFrame(
    {
        "elpd_diff": [0.0, -12.0, -60.0],
        "dse": [0.0, 5.0, 11.0],
        "weight": [0.9, 0.08, 0.02],
        "warning": ["", "", "LOO: 3 runs have Pareto k > 0.7"],
    },
    index=pd.Index(["skaling", "chinchilla", "kaplan"], name="law"),
)
FIGURES: dict[str, Callable[[Fit], Any]] = {
    "bands": plot_bands,
    "isoflop": plot_isoflop,
    "frontier": plot_frontier,
    "exponents": lambda fit: plot_exponents({"ours": fit}, PUBLISHED),
    "ridge": plot_ridge,
    "identify": plot_identify,
    "compare": lambda _: plot_compare(TABLE),
    "residuals": plot_residuals,
    "prior_posterior": plot_prior_posterior,
}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def outlying(made_fit: Fit) -> Fit:
    """The hand-made fit with two runs far above the law and one far below."""
    tree = made_fit.tree.copy(deep=True)
    factors = np.ones(40)
    factors[[3, 4, 30]] = 1.6, 1.58, 0.9
    tree["observed_data"]["loss"] = made_fit.observed * factors
    return replace(made_fit, tree=tree)


@pytest.fixture(scope="module")
def line() -> Fit:
    """A power law of compute."""
    return handmade_fit("power_law")


@pytest.fixture(scope="module")
def ray() -> Fit:
    """Runs at twenty tokens a parameter, and a posterior that hardly narrows the exponents."""
    params = np.geomspace(5e7, 3e9, 7)
    fit = handmade_fit(runs=pd.DataFrame({"params": params, "tokens": 20 * params}))
    tree, rng = fit.tree.copy(deep=True), np.random.default_rng(0)
    for name in ("a", "b"):
        spread = np.exp(1.5 * rng.normal(size=(4, 250)))
        tree["posterior"][name] = fit.posterior[name] * spread
    return replace(fit, tree=tree)


def words(ax: Any) -> list[str]:
    legend = ax.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def points(ax: Any) -> np.ndarray:
    return np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])


def has_point(ax: Any, x: float, y: float) -> bool:
    return bool(np.isclose(points(ax), [x, y], rtol=1e-9).all(axis=1).any())


def names(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


# Every figure


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_overlaps_and_nothing_is_cut_off(name: str, outlying: Fit) -> None:
    assert faults_at_three_sizes(lambda: FIGURES[name](outlying)) == []


@pytest.mark.parametrize("name", ["identify", "ridge"])
def test_long_words_of_a_law_are_not_cut_off(name: str) -> None:
    fit = handmade_fit("accuracy_from_loss")
    assert faults_at_three_sizes(lambda: FIGURES[name](fit)) == []


def test_panels_in_a_narrow_page_are_not_cut_off() -> None:
    figure = Figure(figsize=(6.0, 7.0), layout="constrained")
    fit = handmade_fit("accuracy_from_loss")
    plot_identify(fit, axes=[figure.add_subplot(3, 2, i + 1) for i in range(6)])
    assert list(faults(figure)) == []


@pytest.mark.parametrize(
    ("law", "said"),
    [
        ("chinchilla", "log loss"),
        ("accuracy_from_loss", "log odds of accuracy"),
        ("board_game", "elo"),
    ],
)
def test_residuals_say_on_which_scale_they_are(law: str, said: str) -> None:
    ax = plot_residuals(handmade_fit(law))
    assert ax.get_ylabel() == f"residual of {said} / scatter $\\sigma$"


def test_a_new_figure_is_as_large_as_the_settings_say(made_fit: Fit) -> None:
    usual = plot_bands(made_fit).figure.get_size_inches()
    with matplotlib.rc_context({"figure.figsize": (3.2, 9.6), "font.size": 20, "axes.grid": True}):
        ax = plot_bands(made_fit)
    assert ax.figure.get_size_inches() == pytest.approx(usual * [0.5, 2])
    assert ax.xaxis.label.get_fontsize() == 20 and ax.xaxis.get_gridlines()[0].get_visible()


@pytest.mark.parametrize("name", FIGURES)
def test_one_figure_is_opened_and_no_setting_is_changed(name: str, made_fit: Fit) -> None:
    before = dict(matplotlib.rcParams)
    FIGURES[name](made_fit)
    assert len(plt.get_fignums()) == 1
    assert dict(matplotlib.rcParams) == before


def test_axes_that_are_given_are_used(made_fit: Fit) -> None:
    singles: list[Callable[[Any], Any]] = [
        lambda ax: plot_bands(made_fit, ax=ax),
        lambda ax: plot_isoflop(made_fit, ax=ax),
        lambda ax: plot_ridge(made_fit, ax=ax),
        lambda ax: plot_compare(TABLE, ax=ax),
        lambda ax: plot_residuals(made_fit, ax=ax),
    ]
    for draw in singles:
        ax = Figure().subplots()
        assert draw(ax) is ax
        assert ax.has_data()
    for draw_many, count in ((plot_frontier, 2), (plot_prior_posterior, 5), (plot_exponents, 3)):
        axes = Figure().subplots(1, count)
        assert list(draw_many(made_fit, axes=axes)) == list(axes)
        assert all(ax.has_data() for ax in axes)
    assert plt.get_fignums() == []


def test_a_wrong_number_of_axes_says_how_many(made_fit: Fit) -> None:
    with pytest.raises(BayescaleError, match="3 axes given, this figure has 2 panels"):
        plot_frontier(made_fit, axes=Figure().subplots(1, 3))


@pytest.mark.parametrize("draw", [plot_isoflop, plot_frontier])
def test_laws_without_params_and_tokens_are_refused(draw: Callable, line: Fit) -> None:
    with pytest.raises(BayescaleError, match=r"params and tokens.*power_law takes flops"):
        draw(line)


def test_plot_data_is_what_is_drawn(made_fit: Fit) -> None:
    pd.testing.assert_frame_equal(
        bs.get_plot_data(bs.plot_bands, made_fit, {"beyond": 10}), bands_data(made_fit, beyond=10)
    )
    curves, optima = bs.get_plot_data(bs.plot_isoflop, made_fit, {"flops": [1e20]})
    (line, *_) = plot_isoflop(made_fit, [1e20]).lines
    np.testing.assert_array_equal(line.get_xdata(), curves["params"])
    assert optima["flops"].tolist() == [1e20]
    for name in (name for name in bs.__all__ if name.startswith("plot_")):
        module = import_module(getattr(bs, name).__module__)
        data = inspect.signature(getattr(module, f"{name.removeprefix('plot_')}_data"))
        drawn = inspect.signature(getattr(bs, name)).parameters
        assert set(data.parameters) <= set(drawn), name
    with pytest.raises(BayescaleError, match="is no figure of bayescale"):
        bs.get_plot_data(bs.predict, made_fit)
    with pytest.raises(BayescaleError, match="ax= is where to draw"):
        bs.get_plot_data(bs.plot_bands, made_fit, {"ax": None})


def test_colours_differ_for_the_colour_blind() -> None:
    """As Machado et al. (2009), doi:10.1109/TVCG.2009.113, simulate no red and no green cones."""
    simulated = {
        "usual": np.eye(3),
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    }
    colours = np.array([to_rgba(colour)[:3] for colour in CYCLE])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for name, matrix in simulated.items():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen, axis=-1)[np.triu_indices(len(seen), 1)]
        assert apart.min() > 0.15, name


# Bands


def test_bands_are_those_of_predict_along_the_frontier(made_fit: Fit) -> None:
    data = bands_data(made_fit, ci_prob=0.5, discrepancy=None)
    largest = 6 * (made_fit.inputs["N"] * made_fit.inputs["D"]).max()
    assert data["flops"].iloc[-1] == pytest.approx(100 * float(largest))
    row = data.iloc[40]
    best = optimum(made_fit, row["flops"], discrepancy=None)["params"].median()
    assert row["params"] == pytest.approx(float(best))
    assert 6 * row["params"] * row["tokens"] == pytest.approx(row["flops"])
    at = {"params": row["params"], "flops": row["flops"]}
    there = predict(made_fit, **at, discrepancy=None, random_seed=3)
    for prefix, draws, tolerance in (
        ("law", there["law"], 1e-9),
        ("new_run", there["new_run"], 1e-3),
    ):
        bounds = credible_interval(draws, 0.5)
        for side in ("lower", "upper"):
            assert row[f"{prefix}_{side}"] == pytest.approx(bounds[side].item(), rel=tolerance)


def test_a_new_run_scatters_more_than_the_law(line: Fit) -> None:
    data = bands_data(line, discrepancy=None)
    law = data["law_upper"] - data["law_lower"]
    assert (data["new_run_upper"] - data["new_run_lower"] > law).all()


def test_bands_show_the_runs_their_unit_and_where_they_end(made_fit: Fit) -> None:
    ax = plot_bands(made_fit)
    assert ax.get_xlabel() == "training compute (FLOP)"
    assert ax.get_ylabel() == "loss (nats/token)"
    spent = 6 * (made_fit.inputs["N"] * made_fit.inputs["D"]).to_numpy()
    assert all(has_point(ax, *run) for run in zip(spent, made_fit.observed.values, strict=True))
    assert {"the law, 89 %", "a new run, 89 %", "observed runs", "end of the data"} <= set(
        words(ax)
    )
    (end,) = [one for one in ax.lines if one.get_label() == "end of the data"]
    assert np.allclose(end.get_xdata(), spent.max())


def test_interval_width_follows_arviz(made_fit: Fit) -> None:
    with azb.rc_context({"stats.ci_prob": 0.5}):
        assert "the law, 50 %" in words(plot_bands(made_fit))
    assert "the law, 95 %" in words(plot_bands(made_fit, ci_prob=0.95))


@pytest.mark.filterwarnings("ignore:all runs have about 20 tokens per parameter")
def test_runs_are_coloured_by_their_ratio_where_it_varies(made_fit: Fit, ray: Fit) -> None:
    (_, bar) = plot_bands(made_fit).figure.axes
    assert bar.get_ylabel() == "tokens per parameter"
    assert len(plot_bands(ray).figure.axes) == 1


def test_bands_against_tokens(made_fit: Fit) -> None:
    ax = plot_bands(made_fit, x="tokens")
    assert ax.get_xlabel() == "tokens"
    assert has_point(ax, float(made_fit.inputs["D"][0]), float(made_fit.observed[0]))


def test_a_law_of_one_input_is_drawn_along_it(line: Fit) -> None:
    ax = plot_bands(line)
    assert has_point(ax, float(line.inputs["x"][7]), float(line.observed[7]))
    with pytest.raises(BayescaleError, match="x = 'params': power_law has flops"):
        plot_bands(line, x="params")


@pytest.mark.parametrize("law", ["accuracy_from_compute", "accuracy_from_loss", "power_law"])
def test_the_legend_of_bands_lies_where_the_curve_does_not(law: str) -> None:
    """Scores that rise with compute began under it."""
    ax = plot_bands(handmade_fit(law), discrepancy=None)
    ax.figure.canvas.draw()
    legend = ax.get_legend()
    assert legend is not None
    box = legend.get_window_extent()
    (curve,) = (line for line in ax.lines if line.get_label() == "median")
    places = ax.transData.transform(np.asarray(curve.get_xydata()))
    assert not any(box.contains(x, y) for x, y in places)


def test_bands_need_a_law_they_can_lay_out(made_fit: Fit) -> None:
    other = replace(made_fit, spec=replace(made_fit.spec, columns={"N": "width"}))
    with pytest.raises(BayescaleError, match="chinchilla takes width, tokens"):
        plot_bands(other)
    for beyond in (0.5, float("nan")):
        with pytest.raises(BayescaleError, match="at least 1"):
            bands_data(made_fit, beyond=beyond)


def test_runs_off_the_law_are_ringed_and_named(outlying: Fit, made_fit: Fit) -> None:
    ax = plot_bands(outlying)
    assert names(ax) == ["row 3", "row 4", "row 30"]
    assert "runs off the law" in words(ax)
    assert "runs off the law" not in words(plot_bands(made_fit))


# IsoFLOP


def test_isoflop_optima_are_those_of_optimum(made_fit: Fit) -> None:
    budgets = ["1e19", "1e20"]
    _, allowed = isoflop_data(made_fit, budgets, ci_prob=0.5)
    best = credible_interval(optimum(made_fit, budgets, random_seed=0)["params"], 0.5)
    assert np.allclose(allowed["params_upper"], best["upper"])
    curves, optima = isoflop_data(made_fit, budgets, ci_prob=0.5, discrepancy=None)
    best = credible_interval(optimum(made_fit, budgets, discrepancy=None)["params"], 0.5)
    assert list(optima["flops"]) == [1e19, 1e20]
    assert np.allclose(optima["params"], best["median"])
    assert np.allclose(optima["params_lower"], best["lower"])
    for budget, curve in curves.groupby("flops"):
        assert np.allclose(6 * curve["params"] * curve["tokens"], budget)
        lowest = curve.loc[curve["median"].idxmin(), "params"]
        centre = float(optima.query("flops == @budget")["params"].item())
        assert lowest == pytest.approx(centre, rel=0.15)
        assert (curve["lower"] < curve["median"]).all()


def test_isoflop_takes_the_budgets_that_runs_share(made_fit: Fit) -> None:
    _, optima = isoflop_data(made_fit)
    assert np.allclose(optima["flops"], np.geomspace(1e18, 1e21, 5)[[0, 1, 3, 4]])
    ax = plot_isoflop(made_fit)
    drawn = [tuple(p) for p in points(ax) if np.isfinite(p).all()]
    runs = set(zip(made_fit.inputs["N"].values, made_fit.observed.values, strict=True))
    assert len(runs & set(drawn)) == 32
    assert words(ax) == [
        "10¹⁸ FLOP",
        "5.6×10¹⁸ FLOP",
        "1.8×10²⁰ FLOP",
        "10²¹ FLOP",
        "optimum $N^*$, 89 %",
        "runs within 10 %",
    ]


def test_isoflop_takes_budgets_with_runs_on_both_sides_of_the_optimum() -> None:
    """At three of five budgets all runs are of more than the best size, or of less."""
    ratios = np.geomspace(0.02, 0.5, 6)
    tables = []
    for i, flops in enumerate(np.geomspace(1e18, 1e22, 5)):
        own = ratios * (1.0 if i % 2 else 20.0) * (60.0 if i == 2 else 1.0)
        params = np.sqrt(flops / 6) * own
        tables.append(pd.DataFrame({"params": params, "tokens": flops / 6 / params}))
    fit = handmade_fit(runs=pd.concat(tables, ignore_index=True))
    _, optima = isoflop_data(fit, discrepancy=None)
    for best in optima.itertuples():
        spent = 6 * fit.inputs["N"] * fit.inputs["D"]
        sizes = fit.inputs["N"].values[np.isclose(spent, best.flops, rtol=0.1)]
        assert sizes.min() < best.params < sizes.max()
    assert np.allclose(optima["flops"], [1e19, 1e21])


def test_budgets_that_no_run_shares_are_spread_evenly() -> None:
    assert np.allclose(typical_budgets(np.geomspace(1e18, 1e21, 7)), np.geomspace(1e18, 1e21, 4))


@pytest.mark.filterwarnings("ignore:all runs have about 20 tokens per parameter")
def test_an_interval_that_leaves_the_picture_has_arrowheads(ray: Fit, made_fit: Fit) -> None:
    def heads(fit: Fit) -> int:
        return sum(line.get_marker() in ("<", ">") for line in plot_isoflop(fit, 1e20).lines)

    assert heads(ray) == 2
    assert heads(made_fit) == 0


# Frontier


def test_frontier_follows_optimum_and_the_rule_of_thumb(made_fit: Fit) -> None:
    data = frontier_data(made_fit, [1e20, 5.76e23])
    for column, options in (
        ("tokens", {"random_seed": 0}),
        ("tokens_law", {"discrepancy": None}),
    ):
        best = credible_interval(optimum(made_fit, [1e20, 5.76e23], **options)["tokens"])
        assert np.allclose(data[f"{column}_upper"], best["upper"])
    assert np.allclose(6 * data["params_20"] * data["tokens_20"], data["flops"])
    assert np.allclose(data["tokens_20"] / data["params_20"], 20)


def test_frontier_panels(made_fit: Fit) -> None:
    left, right = plot_frontier(made_fit)
    assert (left.get_ylabel(), right.get_ylabel()) == ("parameters", "tokens")
    spent = 6 * float(made_fit.inputs["N"][0] * made_fit.inputs["D"][0])
    assert has_point(left, spent, float(made_fit.inputs["N"][0]))
    assert has_point(right, spent, float(made_fit.inputs["D"][0]))
    (legend,) = left.figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert {"$D = 20\\,N$", "optimum, 89 %", "end of the data"} <= set(said)


def test_a_shared_legend_stays_out_of_other_panels(made_fit: Fit) -> None:
    figure = Figure(layout="constrained")
    axes = figure.subplots(1, 3)
    plot_frontier(made_fit, axes=axes[:2])
    assert words(axes[0]) and not figure.legends


def test_what_params_count_is_said(made_fit: Fit) -> None:
    runs = {**made_fit.record["runs"], "params_convention": "non-embedding", "loss_unit": "unknown"}
    fit = replace(made_fit, record={**made_fit.record, "runs": runs})
    ax = plot_isoflop(fit)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("parameters (non-embedding)", "loss")


# Exponents


def test_exponents_beside_published_values(made_fit: Fit, made_skaling: Fit) -> None:
    fits = {"ours": made_fit, "skaling": made_skaling}
    table = exponents_data(fits, PUBLISHED).set_index(["parameter", "source"])
    assert list(dict.fromkeys(table.index.get_level_values(0))) == [
        "E", "alpha", "beta", "k", "N_opt_exponent",
    ]  # fmt: skip
    bounds = credible_interval(made_fit.posterior["alpha"])
    assert table.loc[("alpha", "ours"), "upper"] == pytest.approx(float(bounds["upper"]))
    assert table.loc[("alpha", "A paper"), "lower"] == 0.31
    assert table.loc[("alpha", "A paper"), "level"] == 0.95
    assert np.isnan(table.loc[("E", "A paper"), "lower"])
    draws = made_fit.posterior
    growth = float((draws["beta"] / (draws["alpha"] + draws["beta"])).median())
    assert table.loc[("N_opt_exponent", "ours"), "median"] == pytest.approx(growth, rel=1e-6)


def test_exponents_are_drawn_a_row_a_source(made_fit: Fit) -> None:
    axes = plot_exponents({"ours": made_fit}, PUBLISHED)
    assert [ax.get_title() for ax in axes] == [
        "$E$ (nats/token)", "$\\alpha$", "$\\beta$", "$N^*$ exponent",
    ]  # fmt: skip
    rows = [label.get_text() for label in axes[0].get_yticklabels()]
    assert rows == ["ours, 89 %", "A paper, 95 %", "Another, no interval"]
    (published,) = [one for one in axes[1].lines if one.get_marker() == "D"]
    assert list(published.get_xdata()) == [0.34]
    assert list(published.get_ydata()) == [-1]


def test_a_parameter_held_fixed_is_a_point(made_fit: Fit) -> None:
    fit = replace(made_fit, spec=replace(made_fit.spec, priors={"E": 1.8}))
    row = exponents_data(fit).set_index("parameter").loc["E"]
    assert row["median"] == 1.8 and np.isnan(row["lower"])


def test_exponents_need_a_fit() -> None:
    with pytest.raises(BayescaleError, match="at least one fit"):
        exponents_data({})


# Ridge


def test_ridge_finds_the_pair_that_trades_off(made_fit: Fit) -> None:
    tree = made_fit.tree.copy(deep=True)
    tree["posterior"]["beta"] = 0.1 / made_fit.posterior["alpha"]
    fit = replace(made_fit, tree=tree)
    data = ridge_data(fit)
    assert set(data.columns) == {"alpha", "beta"}
    assert data.attrs["correlation"] == pytest.approx(-1)
    assert data.attrs["prior"]["alpha"] == (0.1, 0.8)
    assert len(data) == 1000
    ax = plot_ridge(fit)
    assert ax.get_title() == "$\\alpha$ and $\\beta$: correlation \N{MINUS SIGN}1.0000"
    assert ax.get_xlabel() == "$\\alpha$: size exponent"


def test_ridge_shows_the_prior(made_fit: Fit, ray: Fit) -> None:
    (small,) = plot_ridge(made_fit, ("E", "alpha")).child_axes
    assert small.patches[0].get_width() == pytest.approx((0.95 - 0.2) * made_fit.scale)
    wide = plot_ridge(ray, ("a", "b"))
    assert "prior, 90 % intervals" in words(wide) and not wide.child_axes


def test_draws_never_lie_under_the_inset(made_fit: Fit) -> None:
    ax = plot_ridge(made_fit, ("E", "alpha"))
    ax.figure.draw_without_rendering()
    box = ax.child_axes[0].get_window_extent()
    where = ax.transData.transform(points(ax))
    assert box.count_contains(where) == 0


def test_ridge_names_must_be_free_parameters(made_fit: Fit, line: Fit) -> None:
    with pytest.raises(BayescaleError, match="did you mean 'alpha'"):
        ridge_data(made_fit, ("E", "alhpa"))
    with pytest.raises(BayescaleError, match="two different"):
        ridge_data(made_fit, ("E", "E"))
    fixed = replace(line, spec=replace(line.spec, priors={"scale": 2.9}))
    with pytest.raises(BayescaleError, match="1 free parameter"):
        ridge_data(fixed)


# Comparison


def test_compare_draws_differences_errors_and_weights() -> None:
    data = compare_data(TABLE)
    assert list(data["behind"]) == [0, -12, -60]
    assert list(data["doubtful"]) == [False, False, True]
    ax = plot_compare(TABLE)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(TABLE.index)
    assert names(ax) == ["0.90", "0.08", "0.02", "weight"]
    ends = [tuple(segment[:, 0]) for bars in ax.collections for segment in bars.get_segments()]
    assert (-17.0, -7.0) in ends and (-22.0, -2.0) in ends
    (hollow,) = [one for one in ax.lines if one.get_label().startswith("with a warning")]
    assert list(hollow.get_xdata()) == [-60]
    assert to_rgba(hollow.get_markerfacecolor()) == (1, 1, 1, 1)


def test_compare_says_which_columns_it_needs() -> None:
    with pytest.raises(BayescaleError, match="no column dse, weight"):
        plot_compare(TABLE.drop(columns=["dse", "weight"]))


# Residuals


def test_residuals_name_what_outliers_names(outlying: Fit) -> None:
    data = residuals_data(outlying)
    assert list(data.index[data["outlying"]]) == ["row 3", "row 4", "row 30"]
    spent = 6 * data["params"] * data["tokens"]
    assert np.allclose(data["flops"], spent)
    ax = plot_residuals(outlying)
    assert ax.get_yscale() == "symlog"
    assert sorted(names(ax)) == ["log scale beyond", "row 3", "row 30", "row 4"]
    worst = outliers(outlying).iloc[0]
    assert has_point(ax, data.loc[worst.name, "flops"], worst["standardised"])
    low, high = ax.get_ylim()
    assert low < data["standardised"].min() and data["standardised"].max() < high


def test_residuals_without_outlying_runs_keep_a_linear_scale(line: Fit) -> None:
    ax = plot_residuals(line)
    assert ax.get_yscale() == "linear"
    assert ax.get_xlabel() == "training compute (FLOP)"
    assert names(ax) == [] and words(ax) == ["runs", "within 6 $\\sigma$"]


def test_the_input_of_a_law_is_the_axis(line: Fit) -> None:
    fit = replace(line, spec=replace(line.spec, columns={"x": "tokens"}))
    assert plot_residuals(fit).get_xlabel() == "tokens"


# Prior and posterior


def test_densities_hold_the_prior_and_the_draws(made_skaling: Fit) -> None:
    data = prior_posterior_data(made_skaling)
    for (name, which), own in data.groupby(["parameter", "which"]):
        at = own["value"] if name == "s" else np.log(own["value"])
        mass = np.trapezoid(own["density"], at)
        assert mass == pytest.approx(1, abs=0.01), (name, which)
    own = data.query("parameter == 'alpha' and which == 'prior'")
    inside = own[own["value"].between(0.15, 1.5)]
    assert np.trapezoid(inside["density"], np.log(inside["value"])) == pytest.approx(0.9, abs=0.02)
    drawn = data.query("parameter == 'E' and which == 'posterior'")
    peak = drawn.loc[drawn["density"].idxmax(), "value"]
    assert peak == pytest.approx(float(made_skaling.posterior["E"].median()), rel=0.01)


def test_panels_carry_the_verdict_and_the_unit(made_fit: Fit) -> None:
    axes = plot_prior_posterior(made_fit)
    found = identify(made_fit).loc["alpha"]
    (title,) = [ax.get_title() for ax in axes if "alpha" in ax.get_title()]
    contraction = min(found["contraction"], 0.999)
    assert title == f"$\\alpha$: {found['verdict']}\ncontraction {contraction:.3f}"
    assert [ax.get_xlabel() for ax in axes] == ["nats/token", "nats/token", "", "nats/token", ""]


# Ticks and words


@pytest.mark.parametrize("decades", [0.05, 0.3, 0.6, 1, 2, 4, 9, 17, 30])
@pytest.mark.parametrize("low", [0.013, 1.7, 8e8])
def test_ticks_are_few_round_and_inside(low: float, decades: float) -> None:
    high = low * 10**decades
    ticks = RoundNumbers(7).tick_values(low, high)
    assert 2 <= len(ticks) <= 8
    assert low * 0.999 <= ticks.min() and ticks.max() <= high * 1.001
    assert len({write_tick(t, "number") for t in ticks}) == len(ticks)


def test_ticks_read_as_people_write() -> None:
    assert [write_tick(v, "count") for v in RoundNumbers(7).tick_values(1e8, 2.5e10)] == [
        "100M", "300M", "1B", "3B", "10B",
    ]  # fmt: skip
    assert write_tick(1e21, "flops") == "10²¹"
    assert write_tick(3e21, "flops") == "3×10²¹"
    assert write_tick(2.5, "number") == "2.5"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("alpha", "$\\alpha$"),
        ("alpha_N", "$\\alpha_{N}$"),
        ("L0", "$L_{0}$"),
        ("E", "$E$"),
        ("scale", "scale"),
        ("my_rate", "my_rate"),
    ],
)
def test_symbols(name: str, written: str) -> None:
    assert symbol(name) == written


def test_dollar_signs_in_run_names_are_not_formulas(outlying: Fit) -> None:
    tree = outlying.tree.copy(deep=True)
    labels = [f"$x_{i} {{" for i in range(40)]
    for group in ("observed_data", "constant_data", "log_likelihood"):
        tree[group] = tree[group].to_dataset().assign_coords(run=labels)
    plot_residuals(replace(outlying, tree=tree))
    plt.gcf().draw_without_rendering()


def test_bands_of_a_law_of_loss_go_below_the_lowest() -> None:
    fit = handmade_fit("accuracy_from_loss")
    lowest, highest = float(fit.inputs["L"].min()), float(fit.inputs["L"].max())
    at = bands_data(fit)["loss"]
    assert (at.min(), at.max()) == (pytest.approx(lowest / 1.25), pytest.approx(highest))
    at = bands_data(fit, beyond=1.1)["loss"]
    assert at.min() == pytest.approx(lowest / 1.1)
    ax = plot_bands(fit)
    (edge,) = [line for line in ax.lines if line.get_label() == "end of the data"]
    assert edge.get_xdata()[0] == pytest.approx(lowest)  # pyright: ignore
    shaded = [patch.get_extents().x0 for patch in ax.patches]
    assert min(shaded) < ax.transData.transform((lowest, 0.5))[0]


def test_bands_of_dates_stay_with_the_runs() -> None:
    """There is no ten times the latest date."""
    fit = handmade_fit("densing")
    at, days = bands_data(fit)["days"], fit.inputs["t"]
    assert (at.min(), at.max()) == (float(days.min()), float(days.max()))
    later = fit.inputs["t"] + 20_000  # days from 1970
    tree = fit.tree.copy()
    tree["constant_data"] = tree["constant_data"].to_dataset().assign(t=later)
    assert bands_data(bs.Fit(fit.spec, tree, fit.record))["days"].max() == float(later.max())
    ax = plot_bands(fit)
    assert ax.get_xscale() == "linear" and ax.get_xlim()[0] < float(days.min())
