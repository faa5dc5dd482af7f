"""What every law answers, whatever its inputs; where there is no answer, one line says so."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from handmade import handmade_fit

import bayescale as bs
from bayescale.laws.registry import BUILT_IN
from bayescale.prediction.runs_by_compute import main_column

MADE = ["additive_mixture_3", "exponential_mixture_3", "sized_mixture_3"]

SHARES = [f"proportion_{i}" for i in (1, 2, 3)]
DOMAINS = ["web", "code", "books"]

PARTLY: dict[str, Callable[[bs.Fit], Any]] = {
    "plan": lambda fit: bs.plan(fit, budget=1e20),
    "least_useful": bs.least_useful,
    "plot_bands": bs.plot_bands,
    "optimum": lambda fit: bs.optimum(fit, 1e21),
    "required_compute": lambda fit: bs.required_compute(fit, 2.0),
}
"""What needs a law whose inputs a budget determines."""


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    return handmade_fit("additive_mixture_3")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("law", [*BUILT_IN, *MADE])
def test_every_law_answers(law: str, tmp_path: Path) -> None:
    fit = handmade_fit(law)
    bs.report(fit, tmp_path / "report.md")
    assert (tmp_path / "report.md").stat().st_size > 1000
    assert set(fit.spec.free) <= set(bs.identify(fit).index)
    assert len(bs.stability(fit))
    assert bs.plot_residuals(fit).get_xlabel()
    for name in ("least_useful", "plot_bands"):
        with suppress(bs.BayescaleError):
            PARTLY[name](fit)


class TestMixtures:
    """A law of shares alone has no input along which runs grow."""

    def test_runs_have_no_order(self, fit: bs.Fit) -> None:
        assert main_column(fit) is None
        assert not any("runs by" in said for said in bs.stability(fit)["left_out"])

    @pytest.mark.parametrize("name", PARTLY)
    def test_what_has_no_answer_names_the_columns(self, fit: bs.Fit, name: str) -> None:
        with pytest.raises(bs.BayescaleError, match=r"proportion_1.*proportion_3") as refused:
            PARTLY[name](fit)
        assert "\n" not in str(refused.value)

    def test_a_cut_needs_a_column(self, fit: bs.Fit) -> None:
        with pytest.raises(bs.BayescaleError, match="no order: say along="):
            bs.backtest(bs.fitted_runs(fit), "additive_mixture_3")

    def test_residuals_lie_along_what_is_predicted(self, fit: bs.Fit) -> None:
        ax = bs.plot_residuals(fit)
        assert ax.get_xlabel() == "loss (nats/token), predicted"
        dots = next(c for c in ax.collections if c.get_label() == "runs")
        found = bs.residuals(fit).loc[lambda t: t["standardised"].abs() < 6, "predicted"]
        assert np.allclose(np.sort(np.asarray(dots.get_offsets())[:, 0]), np.sort(found))

    def test_a_report_says_what_each_share_was(self, fit: bs.Fit, tmp_path: Path) -> None:
        bs.report(fit, tmp_path / "report.md")
        rows = (tmp_path / "report.md").read_text().splitlines()
        (row,) = [row for row in rows if row.startswith("| proportion\\_1 |")]
        assert "not used" not in row

    def test_points_are_told_apart(self, fit: bs.Fit) -> None:
        two = {"proportion_1": [0.8, 0.6], "proportion_2": [0.1, 0.2], "proportion_3": [0.1, 0.2]}
        assert bs.predict(fit, two)["proportion_1"].values.tolist() == [0.8, 0.6]

    def test_a_forecast_is_registered_and_scored(self, fit: bs.Fit, tmp_path: Path) -> None:
        at = {"proportion_1": 0.8, "proportion_2": 0.1, "proportion_3": 0.1}
        path = tmp_path / "forecast.json"
        made = bs.register(fit, path, at)
        assert made.inputs == tuple(at)
        assert bs.score(path, made.at_level(0.5).item())["band"].tolist() == ["50 %"]

    def test_no_invalid_file_is_left(self, fit: bs.Fit, tmp_path: Path) -> None:
        at = {"proportion_1": 0.8, "proportion_2": 0.1, "proportion_3": 0.1}
        made = bs.register(fit, tmp_path / "forecast.json", at)
        path = tmp_path / "none.json"
        with pytest.raises(bs.BayescaleError, match="nothing is registered"):
            replace(made, points=made.points.iloc[:0]).write(path)
        assert not path.exists()


@pytest.fixture(scope="module")
def named() -> bs.Fit:
    """A mixture of which the table called the shares by the domains."""
    made = handmade_fit("additive_mixture_3")
    names = dict(zip(SHARES, DOMAINS, strict=True))
    columns = [
        column | {"source": names.get(column["name"], column["source"])}
        for column in made.record["runs"]["columns"]
    ]
    return replace(
        made, record={**made.record, "runs": {**made.record["runs"], "columns": columns}}
    )


class TestNamesOfDomains:
    """Columns that were renamed when the runs were read go by their own names as well."""

    def test_points(self, named: bs.Fit) -> None:
        shares = [0.8, 0.1, 0.1]
        one, other = (
            bs.predict(named, dict(zip(names, shares, strict=True)), random_seed=1)
            for names in (SHARES, DOMAINS)
        )
        assert one.equals(other)

    def test_a_quantity_of_interest(self, named: bs.Fit) -> None:
        ranked = bs.least_useful(named, dict(zip(DOMAINS, [0.8, 0.1, 0.1], strict=True)))
        said = "the loss at proportion_1 = 0.8, proportion_2 = 0.1, proportion_3 = 0.1"
        assert ranked.attrs["about"].startswith(said)

    def test_per_cent_are_refused_with_what_to_do(self, named: bs.Fit) -> None:
        with pytest.raises(bs.BayescaleError, match=r"sum to 100.*divide per cent by 100"):
            bs.predict(named, dict(zip(DOMAINS, [80, 10, 10], strict=True)))


def test_the_catalogue_names_the_columns() -> None:
    assert bs.describe_law("additive_mixture_3").inputs[0].column == "proportion_1 to proportion_3"
    with pytest.raises(bs.BayescaleError, match="takes proportion_1 to proportion_3"):
        bs.predict(handmade_fit("additive_mixture_3"), {"proportion": 0.8})
