"""Every snippet and command of the site's guides runs, in the order of the guides."""

import re
import shlex
import textwrap
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from typer.testing import CliRunner

DOCS = Path(__file__).parent.parent / "docs"
GUIDES = (
    "isoflop",
    "checkpoints",
    "serving",
    "three_runs",
    "mixture",
    "accuracy",
    "learning_rate",
    "which_law",
    "failed_fit",
)
PAGES = ("start", "howto/index", *(f"howto/{guide}" for guide in GUIDES), "citing")
EXPECTED = {"howto/checkpoints": "fitted the last row of each"}


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page in one language, those inside of lists among them."""
    text = (DOCS / f"{page}.md").read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the guides are followed: what one saves, the next reads."""
    return tmp_path_factory.mktemp("guides")


def test_every_guide_is_followed() -> None:
    assert {path.stem for path in (DOCS / "howto").glob("*.md")} == {"index", *GUIDES}
    listed = re.search(
        r"```{toctree}\n:maxdepth: 1\n\n(.*?)```", (DOCS / "howto/index.md").read_text(), re.DOTALL
    )
    assert listed is not None
    assert tuple(listed[1].split()) == GUIDES


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, folder: Path, monkeypatch) -> None:
    """Run a page's Python from top to bottom, then its commands; it warns of what it announces."""
    from bayescale.cli import app

    monkeypatch.chdir(folder)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        exec(compile("\n".join(blocks(page, "python")), page, "exec"), {"__name__": "__main__"})
        plt.close("all")
    unexpected = [w for w in warned if EXPECTED.get(page, "\0") not in str(w.message)]
    assert not unexpected, [str(w.message) for w in unexpected]
    for command in "\n".join(blocks(page, "bash")).splitlines():
        program, *arguments = shlex.split(command)
        assert program == "bayescale"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{command}\n{result.output}"
