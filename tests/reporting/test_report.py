"""The credible-interval report: what it says, and that it is safe to hand on."""

import base64
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from handmade import REFERENCES, TRUTH, design, handmade_fit

import bayescale as bs
from bayescale import BayescaleError, Fraction, Input, Law, Positive
from bayescale.data.describe import runs_record
from bayescale.data.number_format import Estimate, format_value, with_bounds
from bayescale.inference.fit import assemble
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.reporting.narrative import answer, caution, drift, preference
from bayescale.reporting.page_elements import formula
from bayescale.reporting.provenance import data_section
from bayescale.reporting.report import report
from bayescale.reporting.targets import targets
from bayescale.studies.study import Published, Study, StudyData

NASTY = '<script>alert("1")</script> $\\bad{$ & co'
SECTIONS = [
    "Loss beyond the runs",
    "The compute-optimal model",
    "Any budget",
    "What a lower loss requires",
    "What to run next",
    "Discrepancy of the law",
    "Parameters",
    "Identifiability",
    "Diagnostics",
    "Outliers",
    "Priors",
    "Data",
    "How it was made",
]


class Page(HTMLParser):
    """The tags, attributes, headings and words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data.strip()} "
        if self.tags and self.tags[-1][0] == "h2" and data.strip():
            self.headings.append(data.strip())
            self.tags.append(("text", {}))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def with_draws(fit: Fit, group: str = "posterior", **draws: Any) -> Fit:
    """Return the fit with other draws of some variables, dims (chain, draw)."""
    tree = fit.tree.copy()
    own = tree[group].to_dataset()
    shape = (own.sizes["chain"], own.sizes["draw"])
    values = {name: (("chain", "draw"), np.broadcast_to(v, shape)) for name, v in draws.items()}
    tree[group] = xr.DataTree(own.assign(values))
    return replace(fit, tree=tree)


@pytest.fixture
def weak_fit(made_fit: Fit) -> Fit:
    """Size and data trade off with each other, and only E is known."""
    y, z = np.exp(0.55 * np.random.default_rng(3).normal(size=(2, 4, 250)))
    return with_draws(made_fit, a=0.3 * y, b=0.3 / y, alpha=0.3 * z, beta=0.3 / z)


@pytest.fixture(scope="module")
def nasty_page(made_fit: Fit, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A whole page, pictures too, of a table that tries to be markup."""
    table = design().assign(**{f"{NASTY} N": lambda t: t["params"], "run": NASTY})
    at = {name: REFERENCES[name] for name in ("N", "D")}
    table = bs.simulate("chinchilla", table, TRUTH["chinchilla"], references=at, random_seed=0)
    table.loc[3, "loss"] *= 1.5
    table.loc[5, "loss"] = -1.0
    runs = bs.read_runs(table.drop(columns="params"), columns={"params": f"{NASTY} N"})
    with pytest.warns(bs.BayescaleWarning, match="set aside"):
        data = extract(made_fit.spec, replace(runs, source=f"{NASTY}.csv"))
    draws = made_fit.posterior, made_fit.tree_group("sample_stats")
    fit = assemble(made_fit.spec, data, *draws, sampler=Sampler(draws=250), seed=0)
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert report(fit, path) == path
    return path.read_text(encoding="utf-8")


def test_page_answers_first_and_then_goes_through_all(nasty_page: str) -> None:
    assert Page(nasty_page).headings == SECTIONS
    answered = nasty_page.index("the expected loss is")
    assert nasty_page.index("<h1>") < answered < nasty_page.index("<h2>")


def test_page_loads_nothing(nasty_page: str) -> None:
    page = Page(nasty_page)
    assert {"link", "iframe", "object", "embed"}.isdisjoint(t for t, _ in page.tags)
    assert not [script for script in page.named("script") if "src" in script]
    pictures = [str(image["src"]) for image in page.named("img")]
    assert "Do nothing" in page.text, "so the plan has no picture"
    assert len(pictures) == 5
    for source in pictures:
        kind, _, content = source.partition("base64,")
        assert kind == "data:image/png;"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert "@import" not in nasty_page
    assert "url(" not in nasty_page
    assert not [t for t, a in page.tags if t != "a" and "http" in f"{a.get('src')}{a.get('href')}"]


def test_pictures_and_formula_say_what_they_show(nasty_page: str) -> None:
    page = Page(nasty_page)
    assert all(len(str(image["alt"])) > 20 for image in page.named("img"))
    assert [r"\alpha" in str(drawn["aria-label"]) for drawn in page.named("svg")] == [True]


def test_what_the_table_says_is_escaped(nasty_page: str) -> None:
    text = Page(nasty_page).text
    assert nasty_page.count("<script") == 2, "the package's own, and the numbers of its slider"
    assert "1 row was excluded" in text
    assert f"{NASTY} N" in text  # the column
    assert f"{NASTY}.csv" in text  # the source
    assert text.count(NASTY) > text.count(f"{NASTY} N") + text.count(f"{NASTY}.csv")  # the run


def test_answer_holds_the_numbers_of_optimum_and_predict(made_fit: Fit) -> None:
    budgets = [target.value for target in targets(made_fit)]
    said = answer(made_fit)
    best = bs.credible_interval(bs.optimum(made_fit, budgets, random_seed=0)["params"])
    planned = bs.predict(made_fit, params=best["median"].values, flops=budgets, random_seed=0)[
        "outcome"
    ]
    for i, paragraph in enumerate(said[:2]):
        size = Estimate(*(float(best[k][i]) for k in ("median", "lower", "upper")))
        assert with_bounds(size, "count", "total parameters") in paragraph
        loss = bs.credible_interval(planned.isel(point=i))
        expected = Estimate(*(float(loss[k]) for k in ("median", "lower", "upper")))
        words = with_bounds(expected, unit="nats/token", level="89 % interval")
        assert f"the expected loss is {words}" in paragraph
    assert "10 times the largest fitted run" in said[0]
    assert "100 times the largest fitted run" in said[1]
    assert "identify every parameter of chinchilla: E, a, alpha, b and beta" in said[2]


def test_answer_says_what_the_bands_allow_for_beyond_the_data(made_fit: Fit) -> None:
    beyond, within = answer(made_fit, "5e23"), answer(made_fit, [1e20, 1e21])
    assert f"a discrepancy of the law: {bs.Discrepancy(0.02)}" in beyond[-1]
    assert "calibrated on public data sets" in beyond[-1]
    assert not any("discrepancy of the law" in paragraph for paragraph in within)
    believed = answer(made_fit, "5e23", discrepancy=None)[-1]
    assert "assume that the law holds" in believed
    assert "undercover beyond the runs" in believed
    assert "as much as the largest fitted run" in within[1]


def test_interval_width_is_asked_for_and_named(made_fit: Fit) -> None:
    (wide,), (narrow,) = targets(made_fit, 1e23), targets(made_fit, 1e23, 0.5)
    assert wide.answers["law"].lower < narrow.answers["law"].lower
    assert wide.answers["new_run"].upper > wide.answers["outcome"].upper
    assert wide.answers["outcome"].upper > wide.without_discrepancy["outcome"].upper
    assert "50 % interval" in answer(made_fit, 1e23, 0.5)[0]


def test_weak_parameters_are_in_the_answer(weak_fit: Fit, page_of: Callable[..., str]) -> None:
    said = answer(weak_fit, 1e23)
    assert "leave this split wide open" in said[0]
    assert "identify E." in said[1]
    assert "identify a, alpha, b and beta only weakly" in said[1]
    assert "depend in part on the priors of a, alpha, b and beta" in said[1]
    page = page_of(weak_fit)
    parameters = page[page.index("<h2>Parameters") : page.index("<h2>Identifiability")]
    assert parameters.count('<span class="badge doubtful">weak</span>') == 4
    assert "recommended runs" in page
    assert "trades off with beta" in page


def test_prior_only_parameters_are_called_so(made_fit: Fit) -> None:
    z = np.random.default_rng(4).normal(size=(4, 250))
    blind = with_draws(made_fit, beta=0.283 * np.exp(0.63 * z))
    assert "carry almost no information about beta" in answer(blind, 1e23)[1]


def test_failed_diagnostics_stand_on_top(made_fit: Fit, page_of: Callable[..., str]) -> None:
    shift = np.array([0.05, 0, 0, 0])[:, None]
    failed = with_draws(made_fit, alpha=made_fit.posterior["alpha"].values + shift)
    diverging = np.arange(250) < 7
    failed = with_draws(failed, "sample_stats", diverging=diverging)
    said = caution(failed)
    assert [text[:5] for text in said] == ["The c", "Too f", "28 of"]
    page = page_of(failed)
    assert page.index("Do not trust these numbers") < page.index(said[0]) < page.index("<h1>")
    assert page.count('<span class="badge bad">failed</span>') == 3
    assert caution(made_fit) == []
    assert "Do not trust" not in page_of(made_fit)


def test_law_of_one_input_has_no_optimum(page_of: Callable[..., str]) -> None:
    fit = handmade_fit("power_law")
    assert [t.value for t in targets(fit, ["1e22", "2e22"])] == [1e22, 2e22]
    page = Page(page_of(fit, flops=["1e22", "2e22"]))
    split = ("The compute-optimal model", "What to run next")
    assert page.headings == [name for name in SECTIONS if name not in split]
    assert "With 2e+22 FLOP, 20 times the largest fitted run, the expected loss is" in page.text


def test_law_of_tokens_cannot_be_asked_for_a_budget() -> None:
    spec = make_spec("power_law", columns={"x": "tokens"})
    fit = replace(handmade_fit("power_law"), spec=spec)
    assert "tokens, 10 times the largest fitted run" in answer(fit)[0]
    with pytest.raises(BayescaleError, match=r"takes tokens.*leave flops out"):
        answer(fit, 1e24)


class Repeated(Law):
    """A law of three inputs, with no formula."""

    N = Input("params")
    D = Input("tokens")
    x = Input("epochs", relative=False)
    E = Positive(0.2, 0.95, of="target")
    a = Positive(0.01, 1, of="target")
    b = Fraction(0.1, 0.9)

    @staticmethod
    def equation(N: Any, D: Any, x: Any, E: Any, a: Any, b: Any) -> Any:
        return E + a * N**-b * D**-b + 0.001 * x


def test_law_of_three_inputs_says_what_to_ask(page_of: Callable[..., str]) -> None:
    runs = design().assign(epochs=np.arange(40) % 4 + 1)
    fit = handmade_fit(Repeated, truth={"E": 1.8, "a": 0.4, "b": 0.3}, runs=runs)
    page = Page(page_of(fit))
    assert "takes params, tokens and epochs, which a budget does not determine" in page.text
    assert page.headings[0] == "Parameters"


def _study(law: str, published: dict[str, Any]) -> Study:
    return Study(
        "paper", law, StudyData(dataset="none"), "A title", published=(Published(**published),)
    )


def test_published_values_stand_beside_the_fit(made_fit: Fit, page_of: Callable[..., str]) -> None:
    values = {
        "source": "Someone 2024",
        "values": {"alpha": 0.34, "N_opt_exponent": 0.51},
        "intervals": {"alpha": (0.3, 0.4)},
        "level": 0.95,
        "url": "https://example.org/paper",
    }
    page = page_of(made_fit, study=_study("chinchilla", values))
    assert "<h1>A title</h1>" in page
    assert "0.3 to 0.4, 95 %" in page
    assert '<a href="https://example.org/paper"' in page
    grown = bs.optimum(made_fit, [1e21, 1e22], discrepancy=None)["params"]
    slope = float(np.log10(grown.isel(budget=1) / grown.isel(budget=0)).median())
    assert f'<span class="pair">{slope:.3f} <small>' in page
    other = Page(page_of(made_fit, study=_study("kaplan", values)))
    assert "Someone 2024" not in other.text
    assert "are those of kaplan" in other.text


def test_only_https_addresses_become_links(made_fit: Fit, page_of: Callable[..., str]) -> None:
    values = {"source": "Mallory", "values": {"alpha": 0.34}, "url": "javascript:alert(1)"}
    page = page_of(made_fit, study=_study("chinchilla", values))
    assert "Mallory" in page
    assert "javascript:" not in page


@pytest.fixture
def comparison() -> pd.DataFrame:
    """What compare returns, of two laws."""
    columns = {
        "elpd_loo": [10.0, -2.5],
        "se_loo": [1.0, 2.0],
        "elpd_waic": [10.0, -2.0],
        "se_waic": [1.0, 2.0],
        "elpd_diff": [0.0, -12.5],
        "dse": [0.0, 3.0],
        "weight": [0.9, 0.1],
        "verdict": ["best", "worse than skaling"],
        "warning": ["", "LOO: 3 runs have Pareto k > 0.70: <look>"],
    }
    return pd.DataFrame(columns, index=["skaling", "chinchilla"])


def test_comparison_is_shown_and_said(
    made_fit: Fit, comparison: pd.DataFrame, page_of: Callable[..., str]
) -> None:
    page = page_of(made_fit, comparison=comparison)
    said = "chinchilla, which is reported here, is worse than skaling"
    assert said in preference(made_fit, comparison)
    assert page.index(said) < page.index("<h2>")
    assert "Other laws" in Page(page).headings
    assert "chinchilla: LOO: 3 runs have Pareto k &gt; 0.70: &lt;look&gt;." in page
    with pytest.raises(BayescaleError, match="not a table that compare made"):
        page_of(made_fit, comparison=comparison.drop(columns="dse"))


def test_runs_of_the_largest_budgets_off_the_law_are_said(made_fit: Fit) -> None:
    runs = made_fit.observed
    bent = runs.where(np.arange(runs.size) < 32, 0.9 * runs)
    tree = made_fit.tree.copy()
    tree["observed_data"] = xr.DataTree(bent.to_dataset(name="loss"))
    found = drift(replace(made_fit, tree=tree))
    assert found is not None
    assert found.clear
    assert "the 4 runs of the largest budgets lie" in found.text
    assert "scatter of one run below the law" in found.text
    assert found.text in answer(replace(made_fit, tree=tree))[-1]
    exact = made_fit.curve(made_fit.inputs).median(("chain", "draw")).to_dataset(name="loss")
    tree["observed_data"] = xr.DataTree(exact)
    straight = drift(replace(made_fit, tree=tree))
    assert straight is not None
    assert not straight.clear


def test_what_is_fitted_is_not_called_unused() -> None:
    """Of the target, an input and the groups, whichever columns they are read from."""
    spec = make_spec(
        "power_law_floor", columns={"x": "log_flops", "loss": "acc"}, group="seed", pool="shared"
    )
    table = pd.DataFrame({"log_flops": np.linspace(18, 22, 20), "seed": [1, 2] * 10})
    runs = bs.read_runs(table.assign(acc=9 / table["log_flops"], flops=1e18, hours=1.0))
    record = runs_record(extract(spec, runs).runs)
    read = {column["name"]: column["source"] for column in record["columns"]}
    assert {"log_flops", "acc", "seed"} <= read.keys() and read["acc"] == "acc"
    assert [note for note in record["notes"] if "not used" in note] == [
        note for note in runs.notes if note.startswith("'hours' is not used")
    ]
    scored = handmade_fit("accuracy_from_compute")
    said = str(data_section(scored))
    assert "'accuracy', 'column accuracy', '0." in said


def test_priors_are_those_of_the_fit(made_fit: Fit, page_of: Callable[..., str]) -> None:
    priors = {"alpha": (0.21, 0.63), "beta": "Gamma(2, 4)"}  # text: as load gives a distribution
    text = Page(page_of(replace(made_fit, spec=replace(made_fit.spec, priors=priors)))).text
    low, high = made_fit.spec.interval("E", made_fit.scales)
    assert f"{low:.3g} to {high:.3g} nats/token default" in " ".join(text.split())
    assert "0.21 to 0.63 given" in " ".join(text.split())
    assert "given, as a distribution" in text


def test_held_parameters_are_said(made_fit: Fit, page_of: Callable[..., str]) -> None:
    held = replace(made_fit, spec=replace(made_fit.spec, priors={"E": 1.8}))
    text = " ".join(Page(page_of(held)).text.split())
    assert "Held fixed: E = 1.8." in text
    assert "E 1.8 held fixed" in text


def test_page_is_the_same_again(made_fit: Fit, page_of: Callable[..., str]) -> None:
    assert page_of(made_fit) == page_of(made_fit)
    first, second = (targets(made_fit, random_seed=seed) for seed in (0, 1))
    assert first[0].answers["new_run"] != second[0].answers["new_run"]


def test_where_a_report_cannot_go(made_fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(BayescaleError, match=r"end 'r.pdf' in \.html, \.md or \.json"):
        report(made_fit, tmp_path / "r.pdf")
    with pytest.raises(BayescaleError, match="no folder"):
        report(made_fit, tmp_path / "missing" / "r.html")
    with pytest.raises(BayescaleError, match="must be positive"):
        report(made_fit, tmp_path / "r.html", flops=-1)
    assert list(tmp_path.iterdir()) == []


def test_formula_that_cannot_be_drawn_is_shown_as_text() -> None:
    drawn, text = formula(r"L = E + a N^{-\alpha}"), formula(r"\begin{cases} x \end{cases}")
    assert drawn.path.startswith("M")
    assert (text.path, text.latex) == ("", r"\begin{cases} x \end{cases}")


@pytest.mark.parametrize(
    ("shown", "kind", "unit", "expected"),
    [
        (Estimate(2.03617, 2.0213, 2.0504), "number", "nats", "2.036 nats (2.021 to 2.050)"),
        (Estimate(73.6e9, 70e9, 78e9), "count", "", "73.6B (70B to 78B)"),
        (Estimate(1.3e12, 4e11, 5e12), "count", "tokens", "1.3T tokens (400B to 5T)"),
        (Estimate(1927.0, 1390.0, 2710.0), "number", "", "1,900 (1,400 to 2,700)"),
        (Estimate(2.5, 2.1, float("inf")), "number", "", "2.5 (2.1 to unbounded)"),
    ],
)  # fmt: skip
def test_numbers_have_the_digits_of_their_interval(
    shown: Estimate, kind: Any, unit: str, expected: str
) -> None:
    assert with_bounds(shown, kind, unit) == expected
    assert format_value(5.8e23, "flops") == "5.8e+23 FLOP"


FROM_LOSS = ["accuracy_from_loss", "error_from_loss", "bleu_from_loss", "emergence_threshold"]


@pytest.mark.parametrize("law", [*FROM_LOSS, "critical_batch"])
def test_a_law_of_loss_is_asked_for_lower_losses(law: str) -> None:
    fit = handmade_fit(law)
    lowest = float(fit.inputs["L"].min())
    asked = targets(fit)
    np.testing.assert_allclose([one.value for one in asked], [0.95 * lowest, 0.9 * lowest])
    np.testing.assert_allclose([one.factor for one in asked], [0.95, 0.9])
    better = [one.answers["law"].median for one in asked]
    assert (better[1] < better[0]) == (law == "error_from_loss"), "a lower loss is a better model"
    first, second, *_, last = answer(fit)
    value = format_value(0.95 * lowest, "number", 0.095 * lowest)
    assert first.startswith(f"With a loss of {value}, 5 % below the lowest fitted one, the expect")
    assert "10 % below the lowest fitted one" in second
    assert last.startswith("This goes to a loss 10 % below the lowest fitted one. ")
    assert "times the largest" not in " ".join(answer(fit))


def test_the_report_of_a_law_of_loss_goes_down(page_of: Callable[..., str]) -> None:
    fit = handmade_fit("error_from_loss")
    page = Page(page_of(fit))
    said = page.text[page.text.index("With a loss of ") : page.text.index("Contraction: ")]
    assert "5 % below the lowest" in said and "times the largest" not in said
    assert "Any loss" in page.headings and "What a lower error requires" in page.headings
    assert "What a lower batch_crit requires" not in page_of(handmade_fit("critical_batch"))


def test_the_drift_of_a_law_of_loss_is_that_of_the_lowest_losses() -> None:
    """The four runs of the lowest losses are six scatters above the law."""
    fit = handmade_fit("error_from_loss", spread=0.001)
    moved = fit.observed.copy(deep=True)
    moved[fit.inputs["L"].argsort().values[:4]] += 6 * 0.005
    tree = fit.tree.copy()
    tree["observed_data"] = moved.to_dataset(name="error")
    said = drift(replace(fit, tree=tree))
    assert said is not None and said.clear
    assert "the 4 runs of the lowest loss lie" in said.text and "above the law" in said.text
    assert "Runs of a lower loss may lie further above it" in said.text


def test_a_loss_read_from_another_column_is_a_loss() -> None:
    spec = make_spec("bleu_from_loss", columns={"L": "cross_entropy"})
    fit = replace(handmade_fit("bleu_from_loss"), spec=spec)
    assert answer(fit)[0].startswith("With a cross_entropy of ")
    spec = make_spec("power_law", columns={"x": "eval_loss"})
    assert targets(replace(handmade_fit("power_law"), spec=spec))[0].factor == 0.95


def test_of_other_inputs_the_largest_value_is_named() -> None:
    spec = make_spec("power_law", columns={"x": "lr"})
    fit = replace(handmade_fit("power_law"), spec=spec)
    assert answer(fit)[0].startswith("With lr = ")
    assert "10 times the largest fitted value" in answer(fit)[0]


def test_only_priors_in_units_of_the_target_are_said_to_be_multiples_of_it(
    made_fit: Fit, page_of: Callable[..., str]
) -> None:
    assert "multiples of its typical value" in page_of(made_fit)
    assert "multiples of" not in page_of(handmade_fit("accuracy_from_loss"))
