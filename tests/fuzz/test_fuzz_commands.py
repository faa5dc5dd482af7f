"""Any list of options of any command ends in an answer, or in a message and an exit code."""

import json
import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import hostile
import pytest
import typer
from handmade import REFERENCES, TRUTH, design
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import bayescale as bs
from bayescale.app import server
from bayescale.cli import app
from bayescale.inference import io, parallel, sampling
from bayescale.inference.fit import prepare
from bayescale.inference.result import Fit

COMMANDS = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]

SOUND = {
    "RUNS": ["runs.csv"], "RUNS...": ["runs.csv"], "RUNS | FIT FIT...": ["runs.csv", "fit.nc"],
    "FIT": ["fit.nc", "fit.nc", "other.nc"], "FIT...": ["fit.nc"], "OTHER": ["other.nc"],
    "MODEL": ["mine.toml"], "[NAME]": ["chinchilla", ""], "FILE": ["out.nc", "out.png", "out.csv"],
    "FILE.html": ["out.html"], "FILE.nc": ["out.nc"], "FILE.csv": ["out.csv"], "FOLDER": ["out"],
    "NAME=COLUMN": ["loss=loss", "tokens=", "params=tokens"], "EXPR": ["params > 1e8", "loss < 3"],
    "WORD": ["total", "active"], "UNIT": ["nats/token", "bits/byte", "perplexity"],
    "MARK": [".", ","], "N": ["7B", "3"],
    "LAW": ["chinchilla", "skaling"], "LAW,...": ["chinchilla,skaling"], "D": ["1T", "1e11,1e12"],
    "LAW[:NOISE],...": ["chinchilla,skaling:normal"], "C": ["1e22", "1e21,1e23"], "PROB": ["0.9"],
    "NAME=LOW:HIGH": ["E=1:2", "alpha=0.3"], "INPUT=COLUMN": ["N=params"],
    "COLUMN": ["loss", "seed"],
    "[NAME=]WORD": ["shared", "E=separate"], "Q,...": ["0.5", "0.3,0.7"], "W,...": ["0.5,0.5"],
    "SIZE[:REACH]|none": ["0.02", "0.02:1", "none"], "NAME=VALUES": ["bits=8", "params=1B,2B"],
    "NAME=VALUE": ["params=1B"], "I": ["1T", "0"], "L": ["2.2", "2.1,2.3"], "N,...": ["1B,7B"],
    "SHARE": ["0.1"], "WHAT": ["alpha", "optimum", "loss"], "K": ["2"],
    "NAME": ["chinchilla", "normal"], "RECIPE": ["other.nc", "runs.csv"], "SD": ["0.1", "0"],
    "FILE.json": ["out.json"], "FORECAST": ["registered.json"], "OBSERVED": ["2.1", "runs.csv"],
    "DOMAIN=LOW:HIGH": ["web=0.1:0.6", "web=:0.3"], "DOMAIN=SHARE,...": ["web=0.5,code=0.5"],
    "HASH": ["ab12"], "PORT": ["8501"],
}  # fmt: skip
"""Values that each kind of argument takes, by how the help names it."""

ODD_FILES = [
    *("", ".", "/", "no/out.csv", "folder", "x\0.nc", "n" * 300 + ".nc", "a\nb.csv", "\ud800.html"),
    *(
        "out",
        "out.NC",
        "out.xyz",
        "folder/../out.svg",
        "[b].csv",
        "broken.nc",
        "missing.nc",
        "link.nc",
    ),
    *(
        "runs.json",
        "broken.toml",
        "scenario.toml",
        "empty.csv",
        "folder.csv",
        "out.zarr",
        "out.pdf",
    ),
]

ODD_LISTS = [
    "1,2,3",
    ",",
    "1e21,,1e22",
    "1:2:3",
    "a=b=c",
    "E=:",
    "E=2:1",
    "E=nan:inf",
    ",".join("9" * 99),
]

ODD_PAIRS = [f"{name}={value}" for name in ("E", "params", "nothing", "", " ") for value in
             ("", "1e308", "nan", "-1", "x", "0", "1:1", "\u0663")]  # fmt: skip


def _words(parameter: Any) -> list[str]:
    """Return the words that an argument can be, as the lowest and the newest typer know them."""
    described = getattr(parameter, "type_descriptor", None)
    return list(get_args(described.annotation) if described else parameter.type.choices)


def _values(parameter: Any) -> st.SearchStrategy[str]:
    """Return what is passed as an argument: four times in five what it expects."""
    sound = SOUND[parameter.metavar] if parameter.metavar else _words(parameter)
    odd = st.sampled_from([*ODD_FILES, *ODD_LISTS, *ODD_PAIRS]) | hostile.texts
    return st.integers(0, 4).flatmap(lambda place: odd if place == 4 else st.sampled_from(sound))


def _flag(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and parameter.is_flag


@st.composite
def command_lines(draw: st.DrawFn, name: str) -> list[str]:
    """Draw the arguments and up to four options of one command, as a shell would pass them."""
    options: list[Any] = [p for p in COMMANDS[name].params if p.name != "help"]
    asked = [p for p in options if p.required]
    others = [p for p in options if not p.required]
    asked += draw(st.lists(st.sampled_from(others), max_size=4)) if others else []
    line = [name]
    for parameter in asked:
        flags = [parameter.opts[0]] if parameter.param_type_name == "option" else []
        line += flags if _flag(parameter) else [*flags, draw(_values(parameter))]
        if parameter.nargs == -1 and draw(st.booleans()):
            line.append(draw(_values(parameter)))
    if draw(st.integers(0, 19)) == 0:
        line.insert(draw(st.integers(1, len(line))), draw(hostile.texts))
    return [os.fsdecode(argument.encode("utf-8", "surrogatepass")) for argument in line]


class Unsampled(bs.BayescaleError):
    """What a stub raises where a sampler would start."""


def unsampled(*_: Any, **__: Any) -> Any:
    raise Unsampled("nothing is sampled here")


@pytest.fixture(scope="module", autouse=True)
def folder(
    made_fit: Fit, made_skaling: Fit, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Work in a folder of saved fits, a table and odd files, where nothing samples."""
    folder = tmp_path_factory.mktemp("commands")
    fits = {"fit.nc": made_fit, "other.nc": made_skaling}
    fits = {name: Fit(f.spec, f.tree.isel(draw=slice(25)), f.record) for name, f in fits.items()}
    for name, fit in fits.items():
        bs.save(fit, folder / name)
    bs.register(fits["fit.nc"], folder / "registered.json", params=7e9, tokens=1.4e11)
    runs = bs.simulate(
        "chinchilla",
        design(),
        TRUTH["chinchilla"],
        references={n: REFERENCES[n] for n in "ND"},
        random_seed=0,
    )
    runs.assign(seed=1).to_csv(folder / "runs.csv", index=False)
    runs.to_json(folder / "runs.json", orient="records")
    (folder / "broken.nc").write_bytes((folder / "fit.nc").read_bytes()[:5000])
    (folder / "link.nc").symlink_to(folder / "link.nc")
    (folder / "broken.toml").write_text("law = ")
    (folder / "scenario.toml").write_text('flops = "1e24"\nmax_params = "70B"')
    (folder / "mine.toml").write_text('law = "chinchilla"\ndata = {file = "runs.csv"}')
    (folder / "empty.csv").touch()
    for name in ("folder", "folder.csv"):
        (folder / name).mkdir()

    def fit(runs: Any, law: Any, **_: Any) -> Fit:
        prepare(runs, law)
        return fits["fit.nc"]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BAYESCALE_DATA", str(folder))
        patch.setattr(bs, "fit", fit, raising=False)
        patch.setattr(io, "_loaded", cache(io._loaded))  # a file's own faults are fuzzed elsewhere
        patch.setattr(parallel, "fit_many", unsampled)
        patch.setattr(import_module("bayescale.reporting.report"), "report", unsampled)
        patch.setattr(server, "serve", unsampled)
        for name in ("_nutpie", "_pymc"):
            patch.setattr(sampling, name, unsampled)
        yield folder


def strictly(text: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(text, parse_constant=refuse)


def ended(line: list[str]) -> Result:
    """Run a command, which says what is wrong if anything is, and raises nothing."""
    with_json = "--json" in line
    result = CliRunner().invoke(app, line)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2, 3, 4)
    assert "Traceback" not in result.output
    if result.exit_code in (1, 2):
        assert "error: " in result.stderr.lower()
        raise bs.BayescaleError(result.stderr)
    if with_json:
        strictly(result.stdout)
    return result


@pytest.mark.parametrize("name", COMMANDS)
@hostile.cases(2, 90)
@given(data=st.data())
def test_a_command_line_is_answered_or_refused(name: str, data: st.DataObject) -> None:
    line = data.draw(command_lines(name))
    hostile.answer("command lines", lambda: ended(line))
