"""Open a built site and reports in Chromium: console, pictures, formulas, width, accessibility.

    python docs/browse_site.py site --report demo/report.html --shots pictures

Every page is opened, at the widths of a desktop and of a telephone; sixteen, and the reports, are also looked at in
the dark, are checked by axe-core, and photographed where a folder is given.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
WIDTHS = {"desktop": (1280, 900), "phone": (400, 800)}
LOOKED_AT = (
    "index",
    "start",
    "howto/index",
    "howto/isoflop",
    "howto/three_runs",
    "explanation/bands",
    "explanation/priors",
    "laws",
    "gallery/index",
    "notebooks/01_quickstart",
    "reference/index",
    "reference/bayescale.fit",
    "reference/bayescale.Fit",
    "comparison",
    "faq",
    "project/changelog",
)
SERIOUS = ("serious", "critical")
BROKEN = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
UNRENDERED = (
    "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container'))"
)
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(SimpleHTTPRequestHandler):
    """Serve files, and say nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(site: Path) -> str:
    """Serve a folder on this machine alone, and return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def faults(browser: Browser, site: Path, reports: list[Path], shots: Path | None) -> Iterator[str]:
    """Yield what is wrong, each with its page and width."""
    address = serve(site)
    of_reports = {f"report {p.parent.name}": f"{serve(p.parent)}/{p.name}" for p in reports}
    looked_at = {name: f"{address}/{name}.html" for name in LOOKED_AT} | of_reports
    pages = {
        str(p.relative_to(site)): f"{address}/{p.relative_to(site)}"
        for p in sorted(site.rglob("*.html"))
        if "_static" not in p.parts
    }
    for width, (wide, high) in WIDTHS.items():
        context = browser.new_context(viewport={"width": wide, "height": high})
        for name, url in ((pages | of_reports) if width == "desktop" else looked_at).items():
            yield from (f"{name}, {width}: {f}" for f in _opened(context.new_page(), url))
        context.close()
    yield from _looked_at(browser, looked_at, shots)
    yield from _search(browser, site)


def _looked_at(browser: Browser, pages: Mapping[str, str], shots: Path | None) -> Iterator[str]:
    """Yield what axe-core finds, light and dark, and photograph the pages."""
    for width, (wide, high) in WIDTHS.items():
        for theme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": wide, "height": high}, color_scheme=theme
            )
            for name, url in pages.items():
                page = context.new_page()
                page.goto(url)
                _settle(page)
                if width == "desktop":
                    yield from (f"{name}, {theme}: {fault}" for fault in inaccessible(page))
                if shots:
                    page.screenshot(path=shots / f"{name.replace('/', '-')}-{width}-{theme}.png")
                page.close()
            context.close()


def _opened(page: Page, url: str) -> Iterator[str]:
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"not loaded: {request.url}"))
    page.goto(url)
    _settle(page)
    yield from said
    yield from (f"broken picture {source}" for source in page.evaluate(BROKEN))
    if (beyond := page.evaluate(WIDE)) > 0:
        yield f"{beyond} pixels wider than the window"
    page.close()


def _settle(page: Page) -> None:
    """Wait until formulas are rendered; on pages without any at once."""
    page.wait_for_load_state("load")
    page.wait_for_function(f"{UNRENDERED}.length == 0", timeout=20_000)


def inaccessible(page: Page) -> Iterator[str]:
    """Yield what axe-core calls serious or critical on a page."""
    for violation in Axe().run(page).response["violations"]:
        if violation["impact"] in SERIOUS:
            nodes = "; ".join(str(node["target"]) for node in violation["nodes"][:3])
            yield f"{violation['impact']}: {violation['help']} ({len(violation['nodes'])}: {nodes})"


def _search(browser: Browser, site: Path) -> Iterator[str]:
    """Search from the file itself, without any server."""
    page = browser.new_page()
    page.goto(f"file://{site.resolve()}/search.html?q=regret")
    try:
        page.wait_for_selector("#search-results li a", timeout=10_000)
    except Exception as error:
        yield f"search without a server finds nothing: {error}"
    page.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--report", type=Path, action="append", default=[])
    parser.add_argument("--chromium", default=CHROMIUM)
    parser.add_argument("--shots", type=Path)
    given = parser.parse_args()
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        found = list(faults(opened, given.site, given.report, given.shots))
        opened.close()
    print(*found, f"{len(found)} faults", sep="\n")
    sys.exit(bool(found))
