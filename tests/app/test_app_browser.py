"""The app in a real browser: a file is dropped, fitted, answered, exported, and the code run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_server import environment, served
from browse_site import inaccessible
from handmade import REFERENCES, TRUTH, design
from playwright.sync_api import Page, sync_playwright

import bayescale as bs

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 240_000
"""Milliseconds: a fit compiles first, on a machine that does other things too."""

BACKGROUND = "getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/\\d+/)[0]"
"""How bright the page is, to 255."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return where the app is served."""
    with served(tmp_path) as found:
        yield found


def opened(page: Page, address: str, said: list[str]) -> None:
    """Open the page, and note what the console says and what goes elsewhere."""
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda r: said.append(f"elsewhere: {r.url}") if outside(r.url, address) else None,
    )
    page.goto(address)


def outside(url: str, address: str) -> bool:
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:", "about:"))


def audit(page: Page, state: str, said: list[str]) -> None:
    """Open what can be opened, and note what axe-core finds serious, light and dark."""
    for summary in page.locator("details > summary").all():
        if not summary.evaluate("summary => summary.parentElement.open"):
            summary.click()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"({BACKGROUND} > 127) == {str(theme == 'light').lower()}")
        page.wait_for_timeout(500)  # colours fade over
        said += [f"{state}, {theme}: {fault}" for fault in inaccessible(page)]
    page.emulate_media(color_scheme="light")


def saved(page: Page, label: str, folder: Path) -> Path:
    """Press a button that downloads, and return the file."""
    with page.expect_download() as waited:
        page.get_by_role("button", name=label, exact=True).click()
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def test_a_table_becomes_a_decision(address: str, tmp_path: Path) -> None:
    table = tmp_path / "my runs.csv"
    references = {name: REFERENCES[name] for name in "ND"}
    bs.simulate(
        "chinchilla", design(), TRUTH["chinchilla"], references=references, random_seed=1
    ).to_csv(table, index=False)
    said: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        opened(page, address, said)
        page.get_by_text("Table of training runs").wait_for()
        audit(page, "no table", said)
        page.locator("input[type=file]").set_input_files(table)
        page.get_by_text("40 rows from my runs.csv").wait_for()
        audit(page, "a table", said)
        page.get_by_role("combobox", name="Laws").fill("kaplan")
        page.get_by_role("option", name="kaplan", exact=True).click()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Fit", exact=True).click()
        page.get_by_role("progressbar").first.wait_for()
        report = page.frame_locator("iframe[title='The report of the fit']")
        slider = report.locator(".slider")
        before = slider.locator("output").first.inner_text()
        slider.locator("input[type=range]").first.fill("500")
        after = slider.locator("output").first.inner_text()
        assert "FLOP" in before and "FLOP" in after and before != after
        titles = report.locator("h2").all_inner_texts()
        assert {"The compute-optimal model", "Any budget"} <= set(titles)
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        page.set_viewport_size({"width": 400, "height": 800})
        page.wait_for_timeout(300)
        if shots := os.environ.get("BAYESCALE_SHOTS"):
            page.screenshot(path=Path(shots) / "phone.png", full_page=True)
        assert page.evaluate(width) <= 0
        audit(page, "a report", said)
        written, code = saved(page, "Report", tmp_path), saved(page, "Code", tmp_path)
        fits = saved(page, "Fits", tmp_path)
        browser.close()
    assert not said
    assert bs.load(fits).observed.size == 40 and "'kaplan'" in code.read_text()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(table, elsewhere)
    ran = subprocess.run(
        [sys.executable, code],
        env=environment(tmp_path),  # what the first fit compiled is there
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert answer(elsewhere / "report.html") == answer(written)


def answer(report: Path) -> list[str]:
    """Return the paragraphs with which a report begins."""
    first = report.read_text("utf-8").split("<section")[0]
    return re.findall(r"<p[^>]*>(.*?)</p>", first, flags=re.DOTALL)
