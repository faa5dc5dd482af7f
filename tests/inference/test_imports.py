"""Questions of a saved fit import no sampler and draw no picture."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import bayescale as bs
from bayescale.inference.result import Fit

HEAVY = ["pymc", "pytensor", "numba", "nutpie", "arviz_plots", "matplotlib"]
"""What no question needs."""

STATISTICS = ["arviz_stats", "scipy.stats"]
"""What some need, and these do not."""

QUESTIONS = {
    "load": "found",
    "diagnostics": "found.diagnostics, found.adequacy",
    "predict": "bs.credible_intervals(found.predict(params='70B', tokens='1.4T'))",
    "optimum": "bs.credible_intervals(found.optimum('1e24'))",
    "summary": "found.summary()",
}

REGRET = {"regret": "bs.regret_summary(found.regret('1e24', ['30B', '70B']))"}
"""Its spline is SciPy's."""

LEAVE_ONE_OUT = {
    "loo": "import arviz_stats, warnings; warnings.simplefilter('ignore'); "
    "arviz_stats.loo(found.tree)"
}
"""What a file lacks is worked out without a sampler."""

COMMANDS = {
    "predict": ["--params", "70B", "--tokens", "1.4T"],
    "optimum": ["--flops", "1e24"],
    "regret": ["--flops", "1e24", "--params", "30B,70B"],
    "summary": [],
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, made_fit: Fit) -> Path:
    return bs.save(made_fit, tmp_path_factory.mktemp("imports") / "fit.nc")


def imported(code: str, names: list[str]) -> list[str]:
    """Return which of some packages a process has imported when its code is done."""
    last = f"import json, sys\nprint(json.dumps([m for m in {names} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{last}"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*QUESTIONS, *REGRET, *LEAVE_ONE_OUT])
def test_a_question_imports_no_sampler(saved: Path, name: str) -> None:
    asked = QUESTIONS | REGRET | LEAVE_ONE_OUT
    code = f"import bayescale as bs\nfound = bs.load({str(saved)!r})\n{asked[name]}"
    assert imported(code, HEAVY + STATISTICS * (name in QUESTIONS)) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_no_sampler(saved: Path, command: str) -> None:
    words = [command, str(saved), *COMMANDS[command]]
    code = f"from bayescale.cli import app\napp({words!r}, standalone_mode=False)"
    assert imported(code, HEAVY) == []
