"""What the docstrings' examples find: ``bs``, ``np``, ``pd``, ``runs``, ``fit`` and ``fits``."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def docstring_example(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run an example in an empty folder, without the public data sets, and close its figures.

    The fits are made when the first example runs: other tests do not wait for them.
    """
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    from example_fits import namespace
    from matplotlib import pyplot as plt

    plt.switch_backend("Agg")
    request.getfixturevalue("doctest_namespace").update(namespace())
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    folder: Path = request.getfixturevalue("tmp_path")
    patch.chdir(folder)
    patch.delenv("BAYESCALE_DATA", raising=False)
    yield
    plt.close("all")
