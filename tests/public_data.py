"""Tests of each public data set: one for all, which skips, where the sets are not at hand."""

import os
from collections.abc import Sequence
from pathlib import Path


def folder() -> Path | None:
    """Return the folder of the public data sets, if there is one."""
    named = os.environ.get("BAYESCALE_DATA", "")
    return Path(named) if named and Path(named).is_dir() else None


def each_or_one(names: Sequence[str]) -> Sequence[str]:
    """Return the names to parametrise a test by that takes the fixture ``data_dir``.

    All of them where it finds the folder, or must: in CI a missing folder fails each test.
    """
    return names if folder() or os.environ.get("CI") else names[:1]
