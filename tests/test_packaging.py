"""What a release is made of agrees with itself."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements(lines: list[str]) -> set[str]:
    return {line.replace(" ", "").replace("matplotlib-base", "matplotlib") for line in lines}


def test_conda_recipe_requires_what_the_package_does() -> None:
    recipe = ROOT / ".ci" / "conda" / "recipe.yaml"
    if not recipe.exists():
        pytest.skip("a source distribution has no recipe")
    run = recipe.read_text().split("  run:")[1].split("tests:")[0]
    found = requirements(re.findall(r"- (.+)", run))
    project = PROJECT["project"]
    assert found == {*project["dependencies"], f"python{project['requires-python']}"}


def test_last_release_is_the_one_that_is_cited() -> None:
    dated = re.findall(
        r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    cited = (ROOT / "CITATION.cff").read_text()
    version, date = dated[0]
    assert f"version: {version}" in cited and f"date-released: {date}" in cited
    assert f"version = {{{version}}}" in (ROOT / "docs" / "citing.md").read_text()
