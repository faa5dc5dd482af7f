"""A report as a page of HTML, as Markdown, and as JSON: the same content, by the file's suffix."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bayescale.reporting.page_elements import (
    Badge,
    Block,
    Bullets,
    Cell,
    Formula,
    Link,
    Pair,
    Picture,
    Section,
    Slider,
    Table,
    Text,
)

FAILED = "Do not trust these numbers yet: the checks below have failed."


@dataclass(frozen=True)
class Page:
    """A report, before it is written in one format.

    Attributes
    ----------
    title, about : str
        Of the report, and what was fitted to what.
    caution : sequence of str
        Checks that failed.
    answer : sequence of str
        The paragraphs that come first.
    sections : sequence of Section
        What stands below.
    made : str
        Who made it, and what its intervals are.
    """

    title: str
    about: str
    caution: Sequence[str]
    answer: Sequence[str]
    sections: Sequence[Section]
    made: str


def as_html(page: Page) -> str:
    """Return a report as one page of HTML, which loads nothing and runs no script but its own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bayescale", "reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["numbers"] = _numbers
    environment.filters["data"] = _script_data
    script = files("bayescale.reporting").joinpath("report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("template.html.j2").render(
        page=page,
        failed=FAILED,
        anchored=list(zip(_anchors(page.sections), page.sections, strict=True)),
        script=script,
        digest=digest,
    )


def _anchors(sections: Sequence[Section]) -> list[str]:
    """Return a name for each section that a link may end in, none twice."""
    found: list[str] = []
    for i, section in enumerate(sections, start=1):
        name = re.sub("[^a-z0-9]+", "-", section.title.lower()).strip("-")
        found.append(f"{name}-{i}" if not name or name in found else name)
    return found


def _numbers(cell: Cell) -> str:
    """Return the numbers of a cell with all their digits, as a spreadsheet takes them."""
    return " ".join(map(repr, _values(cell)))


def _values(cell: Cell) -> list[float]:
    return [float(value) for value in cell.numbers] if isinstance(cell, Pair) else []


def _script_data(data: Any) -> str:
    """Return JSON in which no end of an element can stand."""
    found = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return found.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def as_markdown(page: Page) -> str:
    """Return a report as Markdown, its pictures by their captions."""
    parts = [f"# {_plain(page.title)}", _plain(page.about)]
    if page.caution:
        parts += [f"**{FAILED}**", _bullets(page.caution)]
    parts += map(_plain, page.answer)
    for section in page.sections:
        parts.append(f"## {_plain(section.title)}")
        parts += map(_markdown, section.blocks)
    return "\n\n".join([*parts, _plain(page.made)]) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Text(text):
            return _plain(text)
        case Bullets(items):
            return _bullets(items)
        case Table():
            return _table(block)
        case Picture():
            return f"*Figure, in the HTML report: {_plain(block.shows)}*"
        case Formula(latex):
            return f"$$\n{latex}\n$$"
        case Slider():
            return f"{_table(block.table)}\n\n{_plain(block.note)}"


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(item)}" for item in items)


def _table(table: Table) -> str:
    rows = [table.header, ["---"] * len(table.header)]
    rows += [[_words(cell) for cell in row] for row in table.rows]
    lines = [
        "| " + " | ".join(row if i == 1 else _plain(row) for row in cells) + " |"
        for i, cells in enumerate(rows)
    ]
    return "\n".join(lines) + (f"\n\n{_plain(table.note)}" if table.note else "")


def _words(cell: Cell) -> str:
    """Return what a cell says, on one line."""
    match cell:
        case Badge(text) | Link(text):
            return text
        case Pair(over, under):
            return f"{over} ({under})" if over and under else over or under
    return cell


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, whatever a table's names hold."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", " ".join(escaped.split()))


def as_json(page: Page) -> str:
    """Return a report as JSON: its words, and the numbers of its tables with all their digits."""
    data = {
        "title": page.title,
        "about": page.about,
        "caution": list(page.caution),
        "answer": list(page.answer),
        "sections": [
            {"title": section.title, "blocks": [_record(block) for block in section.blocks]}
            for section in page.sections
        ],
        "made": page.made,
    }
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _record(block: Block) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"text": text}
        case Bullets(items):
            return {"bullets": list(items)}
        case Table():
            rows = [[_cell(cell) for cell in row] for row in block.rows]
            return {"header": list(block.header), "rows": rows, "note": block.note}
        case Picture():
            return {"figure": block.shows}
        case Formula(latex):
            return {"formula": latex}
        case Slider():
            return {"budgets": dict(block.data), "note": block.note}


def _cell(cell: Cell) -> Any:
    """Return a cell as words, or as words and numbers, none where they are not finite."""
    values = [v if abs(v) < float("inf") else None for v in _values(cell)]
    words = _words(cell)
    if not values:
        return words
    names = ("value", "lower", "upper")
    return {"text": words, **dict(zip(names, values, strict=False))}


FORMATS: dict[str, Callable[[Page], str]] = {
    ".html": as_html,
    ".htm": as_html,
    ".md": as_markdown,
    ".json": as_json,
}
"""What writes a report, by the suffix of its file."""
