"""The command line: what it prints, what it refuses, and how it ends."""

import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import other_draws
import pandas as pd
import pytest
import xarray as xr
from handmade import REFERENCES, TRUTH, design
from typer.testing import CliRunner, Result

import bayescale as bs
from bayescale.cli import app
from bayescale.cli.output import answers, plain, show_answer
from bayescale.data.number_format import column_formatter, coordinate, fixed
from bayescale.inference.result import Fit

RUN = "from bayescale.cli import main; main()"


def run(*arguments: object, width: int = 120) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": str(width)})


def answer(*arguments: object) -> Any:
    """Run with --json and read stdout, which must hold nothing else."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return strictly(result.stdout)


def strictly(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def simulated() -> pd.DataFrame:
    at = {name: REFERENCES[name] for name in "ND"}
    return bs.simulate("chinchilla", design(), TRUTH["chinchilla"], references=at, random_seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def saved(folder: Path, made_fit: Fit) -> Path:
    return bs.save(made_fit, folder / "fit.nc")


@pytest.fixture(scope="module")
def saved_skaling(folder: Path, made_skaling: Fit) -> Path:
    return bs.save(made_skaling, folder / "skaling.nc")


@pytest.fixture(scope="module")
def failed_fit(made_fit: Fit) -> Fit:
    """The same fit, with a transition in ten diverged."""
    tree = made_fit.tree.copy(deep=True)
    diverging = tree["sample_stats"]["diverging"].copy()
    diverging[:, ::10] = True
    tree["sample_stats"]["diverging"] = diverging
    return replace(made_fit, tree=tree)


@pytest.fixture(scope="module")
def failed(folder: Path, failed_fit: Fit) -> Path:
    return bs.save(failed_fit, folder / "failed.nc")


@pytest.fixture(scope="module")
def table(folder: Path) -> Path:
    """Forty runs under names of a user's own, one of them unusable."""
    frame = simulated()
    frame.loc[3, "loss"] = np.nan
    renamed = frame.rename(columns={"tokens": "my col"}).drop(columns="flops")
    path = folder / "runs.csv"
    renamed.assign(seed=np.arange(len(frame)) % 2).to_csv(path, index=False)
    return path


class Stub:
    """Stands in for bayescale.fit: remembers what it was asked, and returns a fit made by hand."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.calls: list[tuple[Any, Any, dict[str, Any]]] = []

    def __call__(self, runs: Any, law: Any, **options: Any) -> Fit:
        self.calls.append((runs, law, options))
        return self.fit

    @property
    def spec(self) -> Any:
        return self.calls[-1][1]


@pytest.fixture
def stub(made_fit: Fit, monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub(made_fit)
    monkeypatch.setattr(bs, "fit", stub, raising=False)
    return stub


# --- Starting ------------------------------------------------------------------------------------


def python(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_help_imports_nothing_heavy() -> None:
    heavy = "('numpy', 'pandas', 'scipy', 'xarray', 'matplotlib', 'arviz', 'pymc', 'nutpie')"
    code = (
        "import sys\nfrom bayescale.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        f"print('loaded:', [m for m in {heavy} if m in sys.modules])"
    )
    for arguments in (["--help"], ["fit", "--help"], ["--version"]):
        result = python(code, *arguments)
        assert result.stdout.endswith("loaded: []\n"), result


@pytest.mark.parametrize(("said", "used"), [(None, "1"), ("4", "4")])
def test_linear_algebra_has_one_thread_unless_told(said: str | None, used: str) -> None:
    """More wait for one another: a report took twice the processor time."""
    code = (
        "import os\nfrom bayescale.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    others = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    chosen = others | ({"OPENBLAS_NUM_THREADS": said} if said else {})
    assert python(code, "--version", env=chosen).stdout.split()[-1] == used


def processor_seconds(code: str, *arguments: str) -> float:
    """Time a Python process, the best of five, by the processor: a busy machine does not count."""
    seconds = []
    for _ in range(5):
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python(code, *arguments).returncode == 0
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime)
    return min(seconds)


def test_help_answers_within_half_a_second() -> None:
    """Or, where the processor is slow, as soon as two and a half imports of typer.

    Pandas alone would take longer. `make bars` times the help by the clock.
    """
    assert "optimum" in python(RUN, "--help").stdout
    assert processor_seconds(RUN, "--help") < max(0.5, 2.5 * processor_seconds("import typer"))


def test_every_command_has_help() -> None:
    listed = run("--help").stdout
    for command in app.registered_commands:
        name = command.callback.__name__.replace("_", "-") if command.callback else ""
        result = run(name, "--help")
        assert result.exit_code == 0 and "Usage:" in result.stdout
        assert "\\b" not in result.stdout
        assert f"\n  {name} " in listed
        assert "..." not in next(
            line for line in listed.splitlines() if line[2:].startswith(f"{name} ")
        )


def test_version() -> None:
    assert run("--version").stdout.startswith("bayescale 0.")


# --- Answers -------------------------------------------------------------------------------------


def test_summary_shows_intervals_of_the_width_asked_for(saved: Path) -> None:
    shown = run("summary", saved, "--ci", "0.5")
    assert shown.exit_code == 0
    assert "median [50 % interval]" in shown.stdout
    assert "irreducible loss, nats/token" in shown.stdout
    wide = {r["parameter"]: r for r in answer("summary", saved)["parameters"]}
    narrow = {r["parameter"]: r for r in answer("summary", saved, "--ci", "0.5")["parameters"]}
    assert wide["alpha"]["lower"] < narrow["alpha"]["lower"] < narrow["alpha"]["median"]
    assert "A" in wide


def test_json_says_what_was_fitted(saved: Path, made_fit: Fit) -> None:
    found = answer("summary", saved)
    assert (found["law"], found["runs"], found["loss_unit"]) == ("chinchilla", 40, "nats/token")
    assert found["ci_prob"] == 0.89
    assert found["diagnostics"]["ok"] is True
    assert found["diagnostics"]["ess"] == pytest.approx(made_fit.diagnostics.ess)


def test_identify_names_the_recommended_runs(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer("identify", saved)["parameters"]
    assert {row["verdict"] for row in found} <= {"identified", "weak", "prior only"}
    assert found[0]["correlation"] is None or isinstance(found[0]["correlation"], float)
    assert {"quantities", "recommended_runs", "directions", "stability"} <= set(
        answer("identify", saved)
    )
    import bayescale.design.contraction as module

    monkeypatch.setattr(module, "IDENTIFIED", 0.99999)
    shown = run("identify", saved, "--flops", "1e23", "--at", "params=7B", "--at", "tokens=1T")
    assert "weak" in shown.stdout
    assert "recommended runs for " in shown.stdout
    assert "N* (1e+23 FLOP)" in shown.stdout
    assert "combinations that the runs do not identify:" in shown.stdout
    assert "without run " in shown.stdout
    assert "discrepancy" in shown.stdout
    assert (
        answer("identify", saved)["discrepancy"]
        == answer("optimum", saved, "--flops", "1e23")["discrepancy"]
    )


def test_predict_agrees_with_python(saved: Path, made_fit: Fit) -> None:
    (point,) = answer("predict", saved, "--params", "70B", "--tokens", "1.4T")["points"]
    assert (point["params"], point["tokens"], point["flops"]) == (7e10, 1.4e12, 5.88e23)
    law = bs.credible_interval(bs.predict(made_fit, params=7e10, tokens=1.4e12)["law"].squeeze())
    assert point["law"]["median"] == pytest.approx(float(law["median"]))
    assert point["new_run"]["lower"] < point["law"]["lower"]
    shown = run("predict", saved, "--params", "70B", "--tokens", "1.4T").stdout
    assert "70B" in shown and "1.4T" in shown and "5.88e+23" in shown
    assert f"{point['law']['median']:.3f} [{point['law']['lower']:.3f}, " in shown


def test_predict_takes_lists_and_grids(saved: Path) -> None:
    lists = ("--params", "7B, 70B", "--tokens", "1T,2T")
    together = answer("predict", saved, *lists)["points"]
    assert [(p["params"], p["tokens"]) for p in together] == [(7e9, 1e12), (7e10, 2e12)]
    assert len(answer("predict", saved, *lists, "--grid")["points"]) == 4
    (point,) = answer("predict", saved, "--at", "params=7B", "--flops", "1 PF-day")["points"]
    assert point["tokens"] == pytest.approx(8.64e19 / 6 / 7e9)


def test_predict_says_the_same_twice(saved: Path) -> None:
    arguments = ("predict", saved, "--params", "70B", "--tokens", "1.4T")
    assert run(*arguments).stdout == run(*arguments).stdout
    assert run(*arguments).stdout != run(*arguments, "--seed", "7").stdout


def test_optimum_agrees_with_python(saved: Path, made_fit: Fit) -> None:
    budgets = answer("optimum", saved, "--flops", "1e24,1e25")["budgets"]
    expected = bs.optimum(made_fit, [1e24, 1e25], random_seed=0)["params"].median(("chain", "draw"))
    assert [b["flops"] for b in budgets] == [1e24, 1e25]
    assert [b["params"]["median"] for b in budgets] == pytest.approx(expected.values.tolist())
    shown = run("optimum", saved, "--flops", "1e24").stdout
    assert "tokens/param" in shown and "89 % interval" in shown and "1e+24" in shown


def test_narrow_terminals_put_the_interval_below(saved: Path) -> None:
    wide = run("optimum", saved, "--flops", "1e24", width=120).stdout
    narrow = run("optimum", saved, "--flops", "1e24", width=80).stdout
    # two more are of sentences, one is of the budget, three are of the power laws
    assert len(narrow.splitlines()) == len(wide.splitlines()) + 6
    assert max(map(len, narrow.splitlines())) <= 80
    assert sorted(narrow.split()) == sorted(wide.split())


def test_compare_saved_fits(saved: Path, saved_skaling: Path, folder: Path) -> None:
    other = bs.save(bs.load(saved), folder / "other.nc")
    found = answer("compare", saved, other)
    assert [row["law"] for row in found["laws"]] == ["fit", "other"]
    assert set(found["fits"]) == {"fit", "other"}
    shown = run("compare", saved, other)
    assert "as good as" in shown.stdout and "elpd (WAIC)" in shown.stdout
    refused = run("compare", saved, saved_skaling)
    assert refused.exit_code == 1 and "not the same" in refused.stderr


def test_compare_fits_laws_with_their_noise(table: Path, stub: Stub) -> None:
    column = ("--column", "tokens=my col")
    shown = run("compare", table, "--laws", "chinchilla,chinchilla:normal,skaling", *column)
    assert shown.exit_code == 0, shown.stderr
    fitted = [(spec.law.name, spec.noise.name) for _, spec, _ in stub.calls]
    assert fitted == [
        ("chinchilla", "student_t"),
        ("chinchilla", "normal"),
        ("skaling", "student_t"),
    ]
    assert "from 'my col'" in shown.stdout


def test_draws_as_csv(saved: Path, folder: Path, made_fit: Fit) -> None:
    path = folder / "draws.csv"
    result = run("draws", saved, "-o", path)
    assert "1,000 draws of 15 quantities" in result.stdout
    drawn = pd.read_csv(path)
    assert list(drawn.columns[:2]) == ["chain", "draw"]
    np.testing.assert_allclose(drawn["alpha"], made_fit.posterior["alpha"].values.ravel())
    np.testing.assert_allclose(drawn["A"], bs.derived_parameters(made_fit)["A"].values.ravel())
    assert run("draws", saved, "-o", "-").stdout.startswith("chain,draw,E,a,")


@pytest.mark.parametrize("kind", ["bands", "exponents", "frontier"])
def test_plot_writes_a_picture(saved: Path, folder: Path, kind: str) -> None:
    pytest.importorskip("bayescale.plots")
    path = folder / f"{kind}.png"
    result = run("plot", saved, kind, "-o", path)
    assert result.exit_code == 0, result.stderr
    assert path.read_bytes().startswith(b"\x89PNG")


def test_report_writes_a_page(saved: Path, folder: Path) -> None:
    pytest.importorskip("bayescale.reporting")
    path = folder / "report.html"
    result = run("report", saved, "-o", path, "--flops", "1e24", "--model", "hoffmann2022")
    assert result.exit_code == 0, result.stderr
    assert path.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")


def test_report_as_text(saved: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = run("report", saved, "--format", "markdown", "--flops", "1e24")
    assert result.exit_code == 0 and "wrote report.md" in result.stdout, result.stderr
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# chinchilla fitted to")
    refused = run("report", saved, "--format", "json", "-o", "report.md")
    assert refused.exit_code == 1 and "ends in .json" in refused.stderr


@pytest.mark.parametrize("kind", ["laws", "noises", "models", "datasets"])
def test_catalogues(kind: str) -> None:
    expected = {
        "laws": "skaling",
        "noises": "student_t",
        "models": "kaplan2020",
        "datasets": "gadre2024",
    }
    assert expected[kind] in [entry["name"] for entry in answer(kind)[kind]]
    assert expected[kind] in run(kind).stdout


def test_runs_says_what_was_recognised(table: Path) -> None:
    shown = run("runs", table, "--column", "tokens=my col", "--loss-unit", "nats/token")
    assert "from 'my col'" in shown.stdout and "set aside: 1 row" in shown.stdout
    assert shown.stderr.startswith("warning: ")
    assert shown.stderr.count("\n") == 1 and "rows.py" not in shown.stderr
    found = answer("runs", table, "--column", "tokens=my col", "--where", "seed == 1")
    assert found["rows"] == 19
    assert [row["row"] for row in found["set_aside"]] == ["5"]


def test_untrusted_brackets_are_shown_as_they_are(folder: Path) -> None:
    frame = pd.DataFrame({"params": [1e9], "tokens": [2e10], "loss": [2.0], "[red]x[/]": ["[b]"]})
    path = folder / "brackets.csv"
    frame.to_csv(path, index=False)
    assert "[red]x[/]" in run("runs", path).stdout


# --- Fitting -------------------------------------------------------------------------------------


def test_fit_passes_on_every_option(table: Path, stub: Stub, folder: Path) -> None:
    path = folder / "new.nc"
    result = run(
        *("fit", table, "--law", "power_law_floor", "--noise", "normal", "-o", path),
        *("--prior", "exponent=0.1:0.8", "--prior", "E=1.69", "--input", "x=tokens"),
        *("--column", "tokens=my col", "--where", "seed == 1", "--loss-unit", "nats/token"),
        *("--params-convention", "total", "--draws", "7", "--tune", "8", "--chains", "2"),
        *("--sampler", "pymc", "--seed", "3"),
    )
    assert result.exit_code == 0, result.stderr
    runs, spec, options = stub.calls[0]
    assert (spec.law.name, spec.noise.name) == ("power_law_floor", "normal")
    assert dict(spec.priors) == {"exponent": (0.1, 0.8), "E": 1.69}
    assert dict(spec.columns) == {"x": "tokens"}
    assert (len(runs), runs.loss_unit, runs.params_convention) == (19, "nats/token", "total")
    sampler = options["sampler"]
    assert (sampler.name, sampler.draws, sampler.tune, sampler.chains) == ("pymc", 7, 8, 2)
    assert options["random_seed"] == 3
    assert options["progressbar"] is False  # stdout is no terminal here
    assert bs.load(path).law.name == "chinchilla"


def test_fit_tells_the_whole_story(table: Path, stub: Stub, folder: Path) -> None:
    path = folder / "story.nc"
    arguments = ("fit", table, "--law", "chinchilla", "--column", "tokens=my col")
    shown = run(*arguments, "-o", path).stdout
    parts = ["from 'my col'", "median [89 % interval]", "diagnostics: R-hat", "time: ", "wrote "]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)
    assert all(part in shown for part in ("importing", "compiling", "sampling"))
    assert "not saved" in run(*arguments).stdout
    found = answer(*arguments, "-o", path)
    assert found["written"] == [str(path)]
    assert found["seconds"]["total"] >= found["seconds"]["reading"]
    assert found["table"]["rows"] == 40


def test_a_model_brings_its_law_and_runs(stub: Stub) -> None:
    result = run("fit", "kaplan2020")
    assert result.exit_code == 0, result.stderr
    runs, spec, _ = stub.calls[0]
    assert (spec.law.name, len(runs), runs.params_convention) == ("kaplan", 49, "non-embedding")
    run("fit", "kaplan2020", "--law", "chinchilla", "--where", "tokens > 1e9")
    runs, spec, _ = stub.calls[1]
    assert (spec.law.name, len(runs)) == ("chinchilla", 21)


def test_fit_writes_the_report(table: Path, stub: Stub, folder: Path) -> None:
    pytest.importorskip("bayescale.reporting")
    page = folder / "fit.html"
    arguments = ("fit", table, "--law", "chinchilla", "--column", "tokens=my col")
    assert f"wrote {page}" in run(*arguments, "--report", page, width=300).stdout
    assert page.exists()


def test_a_failed_fit_is_shown_saved_and_ends_with_3(
    table: Path, stub: Stub, failed_fit: Fit, folder: Path
) -> None:
    stub.fit = failed_fit
    path = folder / "bad.nc"
    arguments = ("fit", table, "--law", "chinchilla", "--column", "tokens=my col", "-o", path)
    result = run(*arguments)
    assert result.exit_code == 3
    assert "DO NOT TRUST THESE NUMBERS" in result.stderr
    assert "transitions diverged" in result.stderr
    assert "median [89 % interval]" in result.stdout
    assert "no problem found" not in result.stdout
    assert path.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("summary",),
        ("identify",),
        ("predict", "--params", "7B", "--tokens", "1T"),
        ("optimum", "--flops", "1e24"),
    ],
)
def test_answers_of_a_failed_fit_end_with_3(failed: Path, command: tuple[str, ...]) -> None:
    result = run(command[0], failed, *command[1:], "--json")
    assert result.exit_code == 3
    assert "DO NOT TRUST" in result.stderr
    assert strictly(result.stdout)["diagnostics"]["ok"] is False


# --- Refusing ------------------------------------------------------------------------------------

BAD = {
    "no such table": (["fit", "nowhere.csv", "--law", "chinchilla"], "no file 'nowhere.csv'"),
    "no such name": (["fit", "nowhere", "--law", "chinchilla"], "no file, model or data set"),
    "no such model": (["fit", "hofmann2022.toml"], "hoffmann2022"),
    "no law": (
        ["fit", "TABLE", "--noise", "normal"],
        "--noise is said of one law and none is given",
    ),
    "interval of no law": (["fit", "TABLE", "--ci", "0.5"], "--ci is said of one law"),
    "unknown law": (["fit", "TABLE", "--law", "chinchila"], "did you mean 'chinchilla'?"),
    "unknown noise": (["fit", "TABLE", "-l", "skaling", "--noise", "t"], "student_t, normal"),
    "prior without =": (["fit", "TABLE", "-l", "skaling", "--prior", "k:1"], "alpha=0.1:0.8"),
    "prior of text": (["fit", "TABLE", "-l", "skaling", "--prior", "k=low:high"], "k=0.1:0.8"),
    "prior of three": (["fit", "TABLE", "-l", "skaling", "--prior", "k=1:2:3"], "k=0.1:0.8"),
    "prior upside down": (["fit", "TABLE", "-l", "skaling", "--prior", "k=2:1"], "low < high"),
    "prior twice": (
        ["fit", "TABLE", "-l", "skaling", "--prior", "k=1:2", "--prior", "k=1:3"],
        "k is given twice",
    ),
    "unknown parameter": (
        ["fit", "TABLE", "-l", "chinchilla", "--prior", "alhpa=0.1:0.8"],
        "did you mean 'alpha'?",
    ),
    "unknown input": (["fit", "TABLE", "-l", "power_law", "--input", "y=tokens"], "it has x"),
    "unknown column": (["fit", "TABLE", "-l", "skaling", "--column", "tokens=toks"], "'toks'"),
    "unknown quantity": (["fit", "TABLE", "-l", "skaling", "--column", "toks=my col"], "'toks'"),
    "column of a model": (["fit", "kaplan2020", "--column", "tokens=D"], "--column"),
    "bad filter": (["runs", "TABLE", "--where", "nope > 1"], "'nope'"),
    "bad convention": (["runs", "TABLE", "--params-convention", "all"], "non-embedding"),
    "suffix": (["fit", "TABLE", "-l", "skaling", "-o", "fit.pkl"], "end it in .nc"),
    "folder": (["fit", "TABLE", "-l", "skaling", "-o", "nowhere/fit.nc"], "no folder nowhere"),
    "report": (["fit", "TABLE", "-l", "skaling", "--report", "fit.pdf"], "end it in .html"),
    "interval": (["summary", "FIT", "--ci", "89"], "not a probability"),
    "no fit": (["summary", "nowhere.nc"], "no fit at nowhere.nc"),
    "not a fit": (["summary", "TABLE"], "saved fit, which ends in .nc or .zarr: `bayescale fit"),
    "no point": (["predict", "FIT"], "--params 70B --tokens 1.4T"),
    "no budget": (["optimum", "FIT"], "pass --flops 1e24"),
    "half a point": (["predict", "FIT", "--params", "7B"], "needs tokens"),
    "quantity": (["predict", "FIT", "--params", "7x", "--tokens", "1T"], "cannot read '7x'"),
    "empty item": (["predict", "FIT", "--params", "7B,,8B", "--tokens", "1T"], "cannot read ''"),
    "grouped": (["optimum", "FIT", "--flops", "1,000"], "write 1000 for one"),
    "lengths": (["predict", "FIT", "--params", "1B,2B", "--tokens", "1T,2T,3T"], "lengths"),
    "stranger": (
        ["predict", "FIT", "--params", "1B", "--tokens", "1T", "--at", "experts=8"],
        "no input 'experts'",
    ),
    "one fit": (["compare", "FIT"], "needs two or more saved fits"),
    "the same fit": (["compare", "FIT", "FIT"], "given twice"),
    "tables without laws": (["compare", "TABLE", "TABLE"], "not a saved fit"),
    "laws of fits": (["compare", "FIT", "FIT", "--laws", "chinchilla,skaling"], "one table"),
    "one law": (["compare", "TABLE", "--laws", "skaling"], "at least two"),
    "format": (["plot", "FIT", "bands", "-o", "bands.xyz"], "end it in .png"),
    "folder of draws": (["draws", "FIT", "-o", "nowhere/draws.csv"], "nowhere"),
}


def test_messages_name_options_in_place_of_arguments(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("size,unique_tokens,loss\n1e8,1e9,3.1\n2e8,1e9,3.0\n4e8,2e9,2.8\n")
    option = "--column 'tokens=unique_tokens * epochs'"
    shown = " ".join(run("runs", table).stdout.split())
    assert (shown.count(option), shown.count("columns=")) == (1, 0)
    refused = run("fit", table, "--law", "chinchilla").stderr
    assert option in refused and "columns=" not in refused


@pytest.mark.parametrize("name", BAD)
@pytest.mark.usefixtures("stub")
def test_bad_input_gets_one_line_and_ends_with_1(name: str, table: Path, saved: Path) -> None:
    arguments, said = BAD[name]
    if arguments[0] == "plot":
        pytest.importorskip("bayescale.plots")
    places = {"TABLE": str(table), "FIT": str(saved)}
    result = run(*[places.get(a, a) for a in arguments])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("optimum",),
        ("fit", "TABLE", "--draws", "0"),
        ("fit", "TABLE", "--sampler", "gibbs"),
        ("plot", "FIT", "pie", "-o", "pie.png"),
        ("fitt", "TABLE"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr and result.stdout == ""


def test_an_error_of_ours_keeps_its_traceback(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bayescale.prediction.summary.summary", broken)
    assert isinstance(run("summary", saved).exception, ZeroDivisionError)


def test_a_missing_extra_is_named(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError("No module named 'zarr'", name="zarr")

    monkeypatch.setattr("bayescale.inference.io.load", missing)
    result = run("summary", saved)
    assert result.exit_code == 1
    assert "pip install 'bayescale[zarr]'" in result.stderr


def test_interrupted(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bs, "fit", interrupted, raising=False)
    result = run("fit", table, "--law", "chinchilla", "--column", "tokens=my col")
    assert result.exit_code == 130
    assert "error: interrupted" in result.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", f"input(); {RUN}", "datasets"],  # waits until the reader has left
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert said == b""


# --- Numbers -------------------------------------------------------------------------------------


def test_numbers_are_written_for_people() -> None:
    assert [fixed(v) for v in (1.80444, 435.937, 1920.7, 6.4e13, 3e-6, 0.0)] == [
        *("1.804", "435.9", "1921", "6.4e+13", "3e-06", "0")
    ]
    assert column_formatter([1.8, 1.75, 1.85])("\n") == "1.800\n[1.750, 1.850]"
    assert column_formatter([2.0, 1.9, np.inf])(" ") == "2.000 [1.900, inf]"
    assert column_formatter([17.6, 11.9, 25.6], digits=3)(" ") == "17.6 [11.9, 25.6]"
    assert coordinate("unique_tokens", 1e10) == "10B"
    assert coordinate("flops", 5.76e23) == "5.76e+23"


def test_json_has_no_nan() -> None:
    given = {
        "a": np.nan,
        "b": [np.float64(1), -np.inf],
        "c": np.int64(3),
        "d": Path("x"),
        "e": True,
    }
    assert plain(given) == {"a": None, "b": [1.0, None], "c": 3, "d": "x", "e": True}


# --- For real ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_end_to_end(folder: Path) -> None:
    """One real fit in a fresh process, and what is asked of it."""
    frame = simulated()
    frame.to_csv(folder / "real.csv", index=False)
    environment = {**os.environ, "COLUMNS": "80"}

    def bayescale(*arguments: str) -> str:
        command = [sys.executable, "-W", "error", "-c", RUN, *arguments]
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        return result.stdout

    seed = str(1 + other_draws.shift())
    fitted = bayescale("fit", "real.csv", "--law", "chinchilla", "-o", "real.nc", "--seed", seed)
    assert "no problem found" in " ".join(fitted.split()) and "wrote real.nc" in fitted
    assert "identified" in bayescale("identify", "real.nc")
    (point,) = strictly(
        bayescale("predict", "real.nc", "--params", "7B", "--tokens", "140B", "--json")
    )["points"]
    assert point["law"]["lower"] < point["law"]["median"] < point["law"]["upper"]
    assert "1e+24" in bayescale("optimum", "real.nc", "--flops", "1e24")
    bayescale("report", "real.nc", "-o", "real.html")
    assert (folder / "real.html").stat().st_size > 10_000


COMPILING = f"""
import signal, sys
from bayescale.inference import compilation
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
compile_model = compilation.compile_model

def compile_until_interrupted(*arguments, **options):
    print("compiling", file=sys.stderr, flush=True)
    while True:
        compile_model(*arguments, **options)

compilation.compile_model = compile_until_interrupted
{RUN}
"""
"""The command, which says when it compiles and goes on until the interrupt comes, however late."""


@pytest.mark.slow
def test_ctrl_c_while_compiling(folder: Path) -> None:
    frame = simulated()
    frame.to_csv(folder / "interrupted.csv", index=False)
    process = subprocess.Popen(
        [sys.executable, "-c", COMPILING, "fit", "interrupted.csv", "--law", "chinchilla"],
        cwd=folder,
        env={**os.environ, "BAYESCALE_CACHE": "off"},  # no program is loaded in place of compiling
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    assert "40 rows" in process.stdout.readline()
    assert process.stderr.readline() == "compiling\n"
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=300)
    finally:
        process.kill()  # one that goes on would compile for ever
    assert process.returncode == 130
    assert "error: interrupted" in said and "Traceback" not in said


def test_an_answer_of_several_groups_has_a_row_for_each() -> None:
    draws = np.random.default_rng(0).normal(5.0, 0.1, (4, 50, 2, 2)) + np.array([0.0, 1.0])
    groups = {"arch": ["dense", "hybrid"], "flops": ("budget", [1e22, 1e23])}
    answer = xr.Dataset({"loss": (("chain", "draw", "budget", "arch"), draws)}, groups)
    found = answers(answer, 0.89)
    assert [(row["arch"], row["flops"]) for row in found] == [
        ("dense", 1e22),
        ("dense", 1e23),
        ("hybrid", 1e22),
        ("hybrid", 1e23),
    ]
    assert [round(row["loss"]["median"]) for row in found] == [5, 5, 6, 6]
    show_answer(answer, 0.89)
