"""Which laws of an average a command is judged by."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from bayescale.cli.errors import MISFIT, UNTRUSTED
from bayescale.cli.output import judged


@dataclass
class Several:
    """Laws by name, with weights."""

    laws: dict[str, Any]
    weights: dict[str, float]

    def members(self) -> dict[str, Any]:
        return self.laws


def law(trusted: bool = True, misses: bool = False) -> Any:
    """Return a law whose draws can be trusted or not, and that describes the runs or not."""
    return SimpleNamespace(
        diagnostics=SimpleNamespace(ok=trusted, problems=lambda: ["the chains disagree"]),
        informed=True,
        adequacy=SimpleNamespace(severe=misses, problems=lambda: ["residuals bend"]),
    )


@pytest.mark.parametrize(
    ("other", "weight", "code"),
    [
        (law(misses=True), 0.0, None),
        (law(misses=True), 0.09, None),
        (law(misses=True), 0.2, MISFIT),
        (law(trusted=False), 0.004, None),
        (law(trusted=False), 0.2, UNTRUSTED),
    ],
)
def test_a_law_of_no_weight_is_not_asked(
    other: Any, weight: float, code: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    several: Any = Several({"a": law(), "b": other}, {"a": 1 - weight, "b": weight})
    if code is None:
        with judged(several):
            pass
        named = "b, 9 % of the average, does not describe the runs: residuals bend\n"
        assert capsys.readouterr().err == (named if weight == 0.09 else "")
        return
    with pytest.raises(typer.Exit) as ended, judged(several):
        pass
    assert ended.value.exit_code == code
