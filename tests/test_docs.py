"""The catalogue's pages are what `make docs` would write."""

from pathlib import Path

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
