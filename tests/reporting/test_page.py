"""The report as a page people keep: its slider, its tables, and the same as Markdown and JSON."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import handmade_fit
from matplotlib.axes import Axes

import bayescale as bs
from bayescale.data.number_format import Estimate, format_value
from bayescale.inference.result import Fit
from bayescale.prediction.discrepancy import DISCREPANCY
from bayescale.reporting.budget_slider import budget_section
from bayescale.reporting.page_elements import (
    Bullets,
    Formula,
    Link,
    Pair,
    Picture,
    Section,
    Slider,
    Table,
    Text,
    interval_cell,
    picture,
)
from bayescale.reporting.page_formats import Page, as_html, as_json, as_markdown
from bayescale.reporting.targets import targets

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NASTY = "</script><script>alert(1)</script>|`[x](javascript:alert(1))"
BUDGETS = [1e22, 3e23]


def slider_of(fit: Any, discrepancy: Any = DISCREPANCY, flops: Any = BUDGETS) -> Slider:
    asked = targets(fit, flops, discrepancy=discrepancy)
    section = budget_section(fit, asked, discrepancy, None)
    assert section is not None
    (found,) = section.blocks
    assert isinstance(found, Slider)
    return found


def page(*blocks: Any) -> Page:
    return Page("A title", "About", [], ["First."], [Section("Data", blocks)], "Made.")


def test_slider_agrees_with_optimum_at_the_planned_budgets(made_fit: Fit) -> None:
    data = slider_of(made_fit).data
    assert [data["budgets"][i] for i in data["planned"]] == BUDGETS
    own = {one["name"]: one for one in data["quantities"]}
    for key, options in (("allowed", {"random_seed": 0}), ("law", {"discrepancy": None})):
        best = bs.optimum(made_fit, BUDGETS, **options)
        for name in ("params", "tokens", "tokens_per_param"):
            bounds = bs.credible_interval(best[name])
            for side, values in zip(("median", "lower", "upper"), own[name][key], strict=True):
                shown = [values[i] for i in data["planned"]]
                assert shown == pytest.approx(bounds[side].values, rel=1e-5)
        planned = bs.credible_interval(best["params"])["median"].values
        run = bs.predict(made_fit, params=planned, flops=BUDGETS, **options)["outcome"]
        shown = [own["outcome"][key][0][i] for i in data["planned"]]
        assert shown == pytest.approx(run.median(("chain", "draw")).values, rel=1e-5)


def test_between_the_budgets_of_the_slider_lies_the_optimum(made_fit: Fit) -> None:
    """The law's own path is a power law: a straight line in logarithms, but for the draws."""
    data = slider_of(made_fit, None).data
    budget = float(np.sqrt(data["budgets"][2] * data["budgets"][3]))
    best = bs.credible_interval(bs.optimum(made_fit, budget, discrepancy=None)["params"])
    (own,) = [one for one in data["quantities"] if one["name"] == "params"]
    for side, values in zip(("median", "lower", "upper"), own["law"], strict=True):
        assert np.sqrt(values[2] * values[3]) == pytest.approx(best[side].item(), rel=0.01)
    assert not any("allowed" in one for one in data["quantities"])


def test_what_sizes_waste_is_the_regret(made_fit: Fit) -> None:
    sizes = slider_of(made_fit).data["sizes"]
    assert sizes["budgets"][-1] == BUDGETS[-1]
    best = bs.optimum(made_fit, BUDGETS, random_seed=0)["params"].isel(budget=1).median().item()
    found = bs.regret(made_fit, BUDGETS[-1], best * np.array(sizes["times"]))["wasted"]
    found = found.isel(budget=0).stack(sample=("chain", "draw"))
    error = found.std("sample").values / np.sqrt(200)
    off = np.array(sizes["wasted"][-1]) - found.mean("sample").values
    assert (np.abs(off) < 4 * error).all()
    assert min(sizes["wasted"][-1]) == sizes["wasted"][-1][6]


def test_slider_of_an_average_and_of_one_input(made_fit: Fit) -> None:
    both = bs.Average({"one": made_fit, "two": made_fit}, {"one": 0.5, "two": 0.5})
    mixed = slider_of(both).data
    params = [one["allowed"] for one in mixed["quantities"] if one["name"] == "params"]
    best = bs.credible_interval(bs.optimum(both, BUDGETS, random_seed=0)["params"])
    assert params[0][0][-1] == pytest.approx(best["median"].values[-1], rel=1e-5)
    line = handmade_fit("power_law")
    one = slider_of(line, flops=[1e22]).data
    assert "sizes" not in one and [q["name"] for q in one["quantities"]] == ["outcome", "new_run"]
    spec = replace(line.spec, columns={"x": "tokens"})
    assert slider_of(replace(line, spec=spec), flops=None).data["kind"] == "count"


def test_only_the_own_script_may_run() -> None:
    html = as_html(page(Slider({"unit": NASTY}, Table(["a"], [[NASTY]]), NASTY), Text(NASTY)))
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, flags=re.DOTALL)
    (kind, data), (plain, own) = scripts
    assert (kind, plain) == (' type="application/json"', "")
    assert json.loads(data) == {"unit": NASTY}
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html and "'unsafe-eval'" not in html
    assert not {"innerHTML", "eval(", "Function(", "document.write", "fetch("} & set(own.split())
    assert "innerHTML" not in own


def test_contents_lead_to_every_section() -> None:
    sections = [Section(title, []) for title in ("Data", "Data", "<i>", "What to run next")]
    html = as_html(replace(page(), sections=sections))
    links, ids = re.findall('href="#([^"]+)"', html), re.findall('<section id="([^"]+)"', html)
    assert links == ids == ["data", "data-2", "i", "what-to-run-next"]


def test_markdown_and_json_say_the_same(made_fit: Fit, page_of: Callable[..., str]) -> None:
    markdown, record = (page_of(made_fit, form, flops=BUDGETS) for form in (".md", ".json"))
    found = json.loads(record)
    titles = [section["title"] for section in found["sections"]]
    assert len(titles) == 13
    assert re.findall("^## (.*)$", markdown, flags=re.MULTILINE) == titles
    assert found["answer"][0].split()[:2] == ["With", "1e+22"]
    assert "data:" not in markdown + record and "<" not in markdown
    best = bs.credible_interval(bs.optimum(made_fit, BUDGETS, random_seed=0)["params"])
    (optimum,) = [s for s in found["sections"] if s["title"] == "The compute-optimal model"]
    cell = optimum["blocks"][0]["rows"][0][2]
    assert [cell[k] for k in ("value", "lower", "upper")] == pytest.approx(
        [best[k].values[0] for k in ("median", "lower", "upper")]
    )
    row = next(line for line in markdown.splitlines() if line.startswith("| 3e+23 FLOP"))
    assert cell["text"] in markdown and f"{best['lower'].values[1] / 1e9:.2g}B to" in row


def test_markdown_takes_names_as_they_are() -> None:
    blocks = [Text(NASTY), Bullets([NASTY]), Table([NASTY], [[NASTY], [Link("x", "javascript:y")]])]
    written = as_markdown(page(*blocks, Formula("a_b"), Picture(lambda: "data:,", NASTY)))
    assert "<" not in written and "](" not in written.replace(r"\](", "")
    assert written.count("&lt;/script&gt;") == 10 and "$$\na_b\n$$" in written
    table = [line for line in written.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 2 for line in table)


def test_json_holds_what_is_not_finite() -> None:
    cell = interval_cell(Estimate(2.5, 2.1, float("inf")))
    (row,) = json.loads(as_json(page(Table(["a"], [[cell]]))))["sections"][0]["blocks"][0]["rows"]
    assert row == [{"text": "2.5 (2.1 to unbounded)", "value": 2.5, "lower": 2.1, "upper": None}]


DRIVER = """
const slider = document.querySelector(".slider");
const words = (row) => [...row.cells].map((cell) => cell.textContent);
const said = () => [...slider.querySelectorAll("tr")].map(words);
const found = { shown: !slider.hidden, scripts: document.scripts.length, at: [], tables: [] };
for (const button of slider.querySelectorAll("button")) {
  button.click();
  found.at.push({ budget: slider.querySelector("output").textContent, rows: said() });
}
const [range, size] = slider.querySelectorAll("input[type=range]");
found.wasted = slider.querySelectorAll("p")[1].textContent;
size.value = 2; size.dispatchEvent(new Event("input"));
found.larger = slider.querySelectorAll("p")[1].textContent;
range.value = 500; range.dispatchEvent(new Event("input"));
found.between = slider.querySelector("output").textContent;
slider.querySelector("input[type=checkbox]")?.click();
found.law = said();
navigator.clipboard.writeText = async (text) => found.tables.push(text);
for (const button of document.querySelectorAll(".copy")) button.click();
found.points = slider.querySelector(".curve").getAttribute("points").split(" ").length;
found.robbed = [...document.querySelectorAll(".scroll > table")].map(
  (t) => t.closest("section").clientWidth - t.parentElement.offsetWidth);
const drawn = slider.querySelector("svg");
found.drawn = [drawn.clientWidth, drawn.viewBox.baseVal.width];
const written = document.createElement("pre");
written.id = "found";
written.textContent = JSON.stringify(found);
document.body.append(written);
"""


def in_browser(html: str, path: Path, width: int = 1000) -> dict[str, Any]:
    """Open a page, whose own script runs under its own policy, and do what the driver does."""
    digest = base64.b64encode(hashlib.sha256(DRIVER.encode()).digest()).decode()
    html = html.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    path.write_text(html.replace("</body>", f"<script>{DRIVER}</script></body>"), "utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={path.parent / 'profile'}", f"--window-size={width},900"]
    command += [f"file://{path}"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search('<pre id="found">(.*?)</pre>', shown, flags=re.DOTALL)
    assert found, "the page's script stopped"
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_page_in_a_browser(made_fit: Fit, page_of: Callable[..., str], tmp_path: Path) -> None:
    table = Table(
        ["run", "value"], [["=1+1", Pair("2 (±1)", "", (2.0, 1.0, 3.0))], [NASTY, "-0.5"]]
    )
    asked = targets(made_fit, BUDGETS)
    slider = slider_of(made_fit)
    found = in_browser(as_html(page(table, slider)), tmp_path / "page.html")
    assert found["shown"] and found["scripts"] == 3
    for target, at in zip(asked, found["at"], strict=True):
        assert at["budget"].startswith(format_value(target.value, "flops") + ", ")
        answers = target.answers
        expected = [interval_cell(answers["outcome"], unit="nats/token")]
        expected += [interval_cell(answers[k], "count") for k in ("params", "tokens")]
        expected += [interval_cell(answers["tokens_per_param"])]
        expected += [interval_cell(answers["new_run"], unit="nats/token")]
        assert [tuple(row[1:]) for row in at["rows"]] == [(c.over, c.under) for c in expected]
    share = 100 * slider.data["sizes"]["wasted"][-1][6]
    assert f"waste {share:.{1 if share < 10 else 0}f} % of the compute" in found["wasted"]
    assert found["larger"].startswith("4 times the best size")
    low, high = slider.data["budgets"][0], slider.data["budgets"][-1]
    assert found["between"].startswith(format_value((low * high) ** 0.5, "flops") + ", ")
    assert found["law"] != found["at"][1]["rows"]
    assert found["points"] > 5 * len(slider.data["budgets"])
    first = found["tables"][0].split("\n")
    assert first[:2] == ["run\tvalue\tvalue lower\tvalue upper", "'=1+1\t2.0\t1.0\t3.0"]
    assert first[2].startswith("</script><script>alert(1)") and first[2].endswith("\t-0.5\t\t")
    assert len(found["tables"]) == 2


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_between_known_budgets_the_slider_answers_as_optimum_does(
    made_fit: Fit, tmp_path: Path
) -> None:
    slider = slider_of(made_fit, None)
    known = slider.data["budgets"]
    middle = float(np.sqrt(known[0] * known[-1]))
    assert not np.isclose(known, middle, rtol=0.1).any()
    (asked,) = targets(made_fit, [middle], discrepancy=None)
    (own,) = [one for one in slider.data["quantities"] if one["name"] == "outcome"]
    straight = np.exp(np.interp(np.log(middle), np.log(known), np.log(own["law"][0])))
    exact = asked.without_discrepancy["outcome"].median
    found = in_browser(as_html(page(slider)), tmp_path / "page.html")
    shown = float(found["law"][0][1].split()[0])
    assert shown == pytest.approx(exact, rel=1e-3)
    assert straight != pytest.approx(exact, rel=1e-3)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_on_a_phone_nothing_robs_a_table_of_its_width(made_fit: Fit, tmp_path: Path) -> None:
    html = as_html(page(Table(["a", "b"], [["1", "2"]]), slider_of(made_fit)))
    found = in_browser(html, tmp_path / "page.html", width=500)
    assert found["robbed"][-1] == 0 and found["robbed"][0] == 0
    shown, coordinates = found["drawn"]
    assert shown == coordinates < 500


def test_a_picture_is_drawn_once(monkeypatch) -> None:
    drawn, draw = [], Axes.draw
    monkeypatch.setattr(Axes, "draw", lambda ax, renderer: drawn.append(ax) or draw(ax, renderer))
    source = picture(lambda ax: ax.plot([1, 2]), "a line").source
    assert len(drawn) == 1
    assert base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")
