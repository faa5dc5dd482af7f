"""Check a built site: links, fragments, pictures, headings, public names, nothing from the network.

python docs/check_site.py site
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bayescale

SKIPPED = {"genindex.html", "search.html", "py-modindex.html"}
"""Pages that Sphinx writes by itself, whose links are its own."""


@dataclass
class Page(HTMLParser):
    """What is checked of one page."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    language: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        match tag:
            case "a" if "href" in given:
                self.links.append(given["href"])
            case "script" | "source" | "iframe" if "src" in given:
                self.loaded.append(given["src"])
            case "link" if given.get("rel") in ("stylesheet", "preload", "icon"):
                self.loaded.append(given["href"])
            case "img":
                self.pictures.append((given.get("src", ""), given.get("alt", "")))
            case "html":
                self.language = given.get("lang", "")
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.headings.append(int(tag[1]))


def read(site: Path) -> dict[Path, Page]:
    """Read every page of a site."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        if "_static" not in path.parts:
            found[path.resolve()] = page = Page()
            page.feed(path.read_text())
    return found


def faults(site: Path) -> Iterator[str]:
    """Yield what is wrong, each with its page."""
    pages = read(site)
    if not pages:
        yield f"{site}: no pages"
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        yield from (f"{name}: {fault}" for fault in _faults_of(path, page, pages))
    ids = {name for page in pages.values() for name in page.ids}
    for name in bayescale.__all__:
        if f"bayescale.{name}" not in ids:
            yield f"reference: no entry of bayescale.{name}"


def _faults_of(path: Path, page: Page, pages: Mapping[Path, Page]) -> Iterator[str]:
    if path.name not in SKIPPED:
        for link in page.links:
            yield from _dead(link, path, page, pages)
    for source in (*page.loaded, *(source for source, _ in page.pictures)):
        parts = urlsplit(source)
        if parts.scheme not in ("", "data") or parts.netloc:
            yield f"loads {source} from the network"
        elif parts.path and not parts.scheme and not (path.parent / unquote(parts.path)).exists():
            yield f"loads {source}, which is not there"
    for source, text in page.pictures:
        if not text.strip():
            yield f"picture {source} without a text"
    if not page.language:
        yield "no language"
    if page.headings.count(1) != 1:
        yield f"{page.headings.count(1)} headings of the first level"
    deeper = zip(page.headings, page.headings[1:], strict=False)
    if any(after > before + 1 for before, after in deeper):
        yield f"a level of headings is left out: {page.headings}"


def _dead(link: str, path: Path, page: Page, pages: Mapping[Path, Page]) -> Iterator[str]:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.exists():
        yield f"dead link {link}"
    elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
        yield f"dead link {link}: the page has no such place"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = list(faults(folder))
    print(*found, f"{len(read(folder))} pages, {len(found)} faults", sep="\n")
    sys.exit(bool(found))
