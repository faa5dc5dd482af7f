"""Pages that are written quickly."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bayescale.reporting.page_elements import Picture
from bayescale.reporting.report import report


@pytest.fixture
def page_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Write a report with empty pictures, which take most of the time, and return its text."""
    monkeypatch.setattr(Picture, "source", "data:,")

    def written(fit: object, suffix: str = ".html", **options: object) -> str:
        return report(fit, tmp_path / f"r{suffix}", **options).read_text("utf-8")

    return written
