"""The catalogue's pages are what `make docs` would write."""

import doctest
import importlib
import inspect
import re
import sys
from functools import cache
from pathlib import Path

import gallery
import pages
import pictures
import pytest

import bayescale as bs
from bayescale.laws.registry import BUILT_IN

DOCS = Path(pages.__file__).parent


def test_the_page_of_laws_is_up_to_date() -> None:
    assert (DOCS / "laws.md").read_text() == pages.laws_page(), "run `make docs`"


def test_the_page_of_public_names_is_up_to_date() -> None:
    page = pages.api_page()
    assert (DOCS / "api.md").read_text() == page, "run `make docs`"
    assert all(f"| `{name}` |" in page for name in bs.__all__)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_law_has_a_small_picture(name: str) -> None:
    picture = pictures.IMAGES / f"{name}.png"
    assert picture.exists(), "run `make docs`"
    assert picture.stat().st_size < 25_000


def test_a_table_is_markdown() -> None:
    assert pages.table(["a", "b"], [["x|y", 1]]).split("\n") == [
        "| a | b |",
        "| --- | --- |",
        "| x\\|y | 1 |",
    ]


def test_published_values_stand_beside_ours(monkeypatch) -> None:
    row = {"quantity": "alpha", "published": 0.34, "median": 0.341, "lower": 0.33, "upper": 0.35}
    said = {"verdict": "agrees", "reason": "it lies in our interval", "source": "paper"}
    lost = {**row, "quantity": "R_D", "median": None, "verdict": "not comparable"}
    record = {"law": "chinchilla", "runs": 9, "rhat": 1.0, "ess": 900, "divergences": 0}
    made = record | {"seconds": 1.0, "published": [row | said, said | lost]}
    monkeypatch.setattr(pages.check_models, "load", lambda name: made | {"name": name})
    page = pages.models_page()
    assert "| alpha | 0.34 | 0.341 (0.33 to 0.35) | agrees |" in page
    assert "| R_D | 0.34 |  | not comparable |" in page


def test_the_calibration_page_says_what_is_missing(monkeypatch) -> None:
    monkeypatch.setattr(pages.calibrate, "records", list)
    assert "make calibrate" in pages.calibration_page()


FIT_METHODS = ("predict", "optimum", "regret", "plot", "save", "summary", "identify")


@cache
def found_in(module: str) -> set[str]:
    """Return the names of a module whose docstrings have examples that pytest finds."""
    return {test.name for test in doctest.DocTestFinder().find(sys.modules[module])}


def has_a_running_example(value: object) -> bool:
    """Whether an example of a docstring, under the heading for them, has an output to check."""
    _, heading, text = (inspect.getdoc(value) or "").partition("Examples\n--------\n")
    examples = doctest.DocTestParser().get_examples(text)
    shown = [e for e in examples if e.want and not e.options.get(doctest.SKIP)]
    return bool(heading and shown)


def see_also(name: str) -> list[str]:
    """Return the names that a docstring refers to under "See Also", each with a phrase."""
    text = inspect.getdoc(getattr(bs, name)) or ""
    section = re.search(r"^See Also\n-{8}\n((?:.+\n?)+)", text, re.MULTILINE)
    lines = section[1].splitlines() if section else []
    parts = [line.partition(" : ") for line in lines]
    assert all(phrase.endswith(".") for _, _, phrase in parts), f"{name}: {lines}"
    return [named for named, _, _ in parts]


def test_most_public_names_have_an_example_that_runs() -> None:
    running = [name for name in bs.__all__ if has_a_running_example(getattr(bs, name))]
    assert len(running) >= 85, sorted(set(bs.__all__) - set(running))
    for name in running:
        value = getattr(bs, name)
        assert f"{value.__module__}.{name}" in found_in(value.__module__), "pytest does not run it"


@pytest.mark.parametrize("name", FIT_METHODS)
def test_a_method_of_a_fit_has_an_example_that_runs(name: str) -> None:
    assert has_a_running_example(getattr(bs.Fit, name))


@pytest.mark.parametrize("name", bs.__all__)
def test_see_also_names_what_exists(name: str) -> None:
    named = see_also(name)
    assert 1 <= len(named) <= 5
    assert name not in named
    assert set(named) <= set(bs.__all__)


PAGES = [
    page
    for pattern in ("*.md", "docs/*.md", "notebooks/*.ipynb", "notebooks/*.py", ".github/**/*.md")
    for page in sorted(DOCS.parent.glob(pattern))
] + [*sorted(DOCS.glob("howto/*.md")), *sorted(DOCS.glob("explanation/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_on_pages_exist(page: Path) -> None:
    """Every ``bs.name`` and ``bayescale.name``, modules and their members among them."""
    found = re.findall(r"(?<![\w./@-])(?:bs|bayescale)((?:\.[A-Za-z_]\w*)+)", page.read_text())
    for dotted in sorted(set(found)):
        names = dotted[1:].split(".")
        if names[-1] in ("py", "git", "toml", "readers"):  # a file, a group of entry points
            continue
        place: object = bs
        for i, name in enumerate(names):
            if not hasattr(place, name):
                importlib.import_module(".".join(["bayescale", *names[: i + 1]]))
            assert hasattr(place, name), f"bayescale{dotted}"
            place = getattr(place, name)


def test_every_figure_is_in_the_gallery() -> None:
    shown = [example.name for example in gallery.EXAMPLES]
    assert sorted(shown) == sorted(name for name in bs.__all__ if name.startswith("plot_"))
