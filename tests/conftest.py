"""What tests share."""

import os
from pathlib import Path

import other_draws
import public_data
import pytest
from handmade import handmade_fit

from bayescale.inference.result import Fit

other_draws.move()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the public data sets; without it a test fails in CI and is skipped elsewhere."""
    found = public_data.folder()
    if found:
        return found
    named = os.environ.get("BAYESCALE_DATA")
    missing = f"not a folder: {named!r}" if named else "not set"
    message = f"set BAYESCALE_DATA to the folder of the public data sets' CSV files ({missing})"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def made_fit() -> Fit:
    """A Chinchilla fit of forty runs, made by hand."""
    return handmade_fit("chinchilla")


@pytest.fixture(scope="session")
def made_skaling() -> Fit:
    """A skaling fit of forty runs, made by hand."""
    return handmade_fit("skaling")


LONGEST = ("test_readme.py", "test_models.py", "test_cli.py", "test_calibrate.py", "test_fit.py")
"""Files that take minutes: they start first, so that no process is left alone with one of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by file, the longest files first."""
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))
