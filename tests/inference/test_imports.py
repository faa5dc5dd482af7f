"""Questions of a saved fit import no sampler and draw no picture."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import bayescale as bs
from bayescale.inference.result import Fit

HEAVY = ["pymc", "pytensor", "numba", "nutpie", "arviz_plots", "matplotlib"]
"""What no question needs."""

STATISTICS = ["arviz_stats", "arviz_base", "scipy"]
"""What some need, and these do not."""

TABLES = ["numpy", "pandas", "xarray"]
"""What no wrong usage needs."""

WITHOUT_DASK = "import sys; sys.modules['dask'] = None"
"""Xarray imports it wherever it is installed, and it imports SciPy."""

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

OF_ANY_ARRAYS = {
    "adequacy": "bs.adequacy(found)",
    "outliers": "bs.outliers(found)",
    "identify": "bs.identify(found)",
    "log score": "from bayescale.evaluation.scores import log_score; log_score(found.tree_group("
    "'log_likelihood')[found.target])",
    "waic": "from bayescale.evaluation.waic import waic; waic(found)",
    "loo": "from bayescale.inference.leave_one_out import leave_one_out as loo; loo(found)",
    "stability": "bs.stability(found)",
    "report": "bs.report(found, found_path.parent / 'report.html')",
}
"""What asks SciPy's functions for the arrays of any library, or matplotlib."""

COMMANDS = {
    "predict": ["--params", "70B", "--tokens", "1.4T"],
    "optimum": ["--flops", "1e24"],
    "regret": ["--flops", "1e24", "--params", "30B,70B"],
    "summary": [],
}


WRONG = {
    "no such fit": ["predict", "none.nc", "--params", "70B", "--tokens", "1.4T"],
    "no such fits": ["compare", "none.nc", "other.nc"],
    "no such table": ["fit", "none.csv", "--law", "chinchilla"],
    "no law": ["backtest", "runs.csv"],
    "no point": ["predict", "fit.nc"],
    "no quantity": ["optimum", "fit.nc", "--flops", "many"],
    "unknown option": ["predict", "fit.nc", "--parms", "70B"],
    "help": ["predict", "--help"],
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
    code = f"{WITHOUT_DASK}\nimport bayescale as bs\nfound = bs.load({str(saved)!r})\n{asked[name]}"
    assert imported(code, HEAVY + STATISTICS * (name in QUESTIONS)) == []


@pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX")
@pytest.mark.parametrize("name", OF_ANY_ARRAYS)
def test_a_question_leaves_jax_unloaded(saved: Path, name: str) -> None:
    code = (
        "import arviz_base, pathlib, warnings\nimport bayescale as bs\n"
        f"warnings.simplefilter('ignore')\nfound_path = pathlib.Path({str(saved)!r})\n"
        f"found = bs.load(found_path)\n{OF_ANY_ARRAYS[name]}"
    )
    assert imported(code, ["jax", "jaxlib"]) == ["jax"]  # ArviZ's, to be loaded by its first use


def run(words: list[str]) -> str:
    """Return code that runs a command line as the program does."""
    return (
        f"import sys\nfrom bayescale.cli import main\nsys.argv = {['bayescale', *words]!r}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_no_sampler(saved: Path, command: str) -> None:
    code = run([command, str(saved), *COMMANDS[command]])
    others = ["dask.base"] if command == "regret" else [*STATISTICS, "dask.base"]
    assert imported(code, HEAVY + others) == []


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_wrong_usage_imports_no_tables(
    saved: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    Path("runs.csv").write_text("params,tokens,loss\n1e9,2e10,2.5\n")
    assert imported(run(words), TABLES) == []


def test_products_of_small_matrices_are_not_shared_out(saved: Path) -> None:
    last = "import json\nfrom threadpoolctl import threadpool_info as found\n"
    last += "print(json.dumps([p['num_threads'] for p in found() if p['user_api'] == 'blas']))"
    done = subprocess.run(
        [sys.executable, "-c", f"{run(['summary', str(saved)])}\n{last}"],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")},
    )
    assert set(json.loads(done.stdout.splitlines()[-1])) <= {1}


def test_settings_of_arviz_are_read_without_it(tmp_path: Path) -> None:
    (tmp_path / "arvizrc").write_text("stats.ci_prob: 0.5\n")
    asked = "from bayescale.prediction.intervals import interval_width as width"
    said = "print(width(), 'arviz_base' in sys.modules)"
    later = "import arviz_base; arviz_base.rcParams['stats.ci_prob'] = 0.7; print(width())"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{asked}\n{said}\n{later}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.split() == ["0.5", "False", "0.7"]
