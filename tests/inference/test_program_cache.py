"""Compiled programs on disk: the same numbers from any process, and nothing foreign is loaded."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade import design

import bayescale as bs
from bayescale.inference import program_cache, sampling
from bayescale.inference.source_digest import source_digest
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive
from bayescale.model.build import engine_model
from bayescale.model.observations import Data, extract
from bayescale.model.spec import Spec, make_spec

POINTS = 20


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> SimpleNamespace:
    """Compile one law into a cache of its own; return its spec, data, values and entry."""
    folder = tmp_path_factory.mktemp("programs")
    spec = make_spec("power_law", columns={"x": "tokens"})
    truth = {"scale": 2.9, "exponent": 0.05, "sigma": 0.01}
    table = bs.simulate(spec.law, design(), truth, references={"x": 1e10}, random_seed=1)
    data = extract(spec, bs.read_runs(table, loss_unit="nats/token"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(program_cache.VARIABLE, str(folder))
        patch.setattr(sampling, "_COMPILED", {})
        values = values_of(spec, data)
    (entry,) = folder.glob(f"*{program_cache.SUFFIX}")
    return SimpleNamespace(
        spec=spec, data=data, values=values, entry=entry, content=entry.read_bytes()
    )


def values_of(spec: Spec, data: Data) -> list[tuple[float, np.ndarray]]:
    """Return log density and gradient of the compiled program at draws of the prior."""
    density = sampling.log_density_of(sampling.compiled(spec, data))
    start = sampling.starts_of(spec, data, spread=1.0)
    return [density(start([1, i])) for i in range(POINTS)]


@pytest.fixture
def cache(kept, tmp_path, monkeypatch) -> Path:
    """Give a test a cache that holds the entry, and a process that has compiled nothing."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    path = folder / kept.entry.name
    path.write_bytes(kept.content)
    path.chmod(0o600)
    monkeypatch.setenv(program_cache.VARIABLE, str(folder))
    monkeypatch.setattr(sampling, "_COMPILED", {})
    return path


def test_a_loaded_program_gives_the_same_digits(kept, cache, monkeypatch) -> None:
    def never(*arguments: Any) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(sampling, "_compile", never)
    for (value, gradient), (now, slope) in zip(
        kept.values, values_of(kept.spec, kept.data), strict=True
    ):
        assert now == value
        np.testing.assert_array_equal(slope, gradient)


def test_a_program_has_the_density_of_the_pymc_model(kept) -> None:
    model = engine_model(kept.spec, kept.data)
    logp = model.compile_logp()
    dlogp = model.compile_dlogp()
    start = sampling.starts_of(kept.spec, kept.data, spread=1.0)
    names = [variable.name for variable in model.value_vars]
    sizes = [len(kept.spec.free), len(kept.spec.noise_parameters)]
    for i, (value, gradient) in enumerate(kept.values):
        point = dict(zip(names, np.split(start([1, i]), sizes[:1]), strict=True))
        assert float(logp(point)) == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(dlogp(point), gradient, rtol=1e-9, atol=1e-9 * abs(value))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2000] ^= 1
    path.write_bytes(content)


def of_another_key(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(path.stem.encode(), b"0" * len(path.stem)))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def writable_by_others(path: Path) -> None:
    path.chmod(0o666)


def in_a_folder_of_others(path: Path) -> None:
    path.parent.chmod(0o777)


def unresolved(path: Path) -> None:
    line, _, body = path.read_bytes().partition(b"\n")
    header = json.loads(line)
    header["external"].append("a_function_that_no_library_has")
    path.write_bytes(json.dumps(header).encode() + b"\n" + body)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file permissions of POSIX")
@pytest.mark.parametrize(
    "harm",
    [
        truncated,
        altered,
        of_another_key,
        emptied,
        writable_by_others,
        in_a_folder_of_others,
        unresolved,
    ],
)
def test_an_entry_that_is_not_sound_is_passed_over(cache, harm: Callable[[Path], None]) -> None:
    assert program_cache.load(cache.stem) is not None
    harm(cache)
    assert program_cache.load(cache.stem) is None


def test_the_cache_can_be_off(cache, monkeypatch) -> None:
    monkeypatch.setenv(program_cache.VARIABLE, "off")
    assert program_cache.directory() is None
    assert program_cache.load(cache.stem) is None


def test_a_place_that_cannot_be_written_to_is_no_error(tmp_path, monkeypatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv(program_cache.VARIABLE, str(file / "programs"))
    assert program_cache.directory() is None
    monkeypatch.setattr(program_cache, "directory", lambda: file)
    program_cache._keep("entry", b"content")
    assert file.read_text() == "in the way"


def law(code: str, **known: Any) -> type[bs.Law]:
    """Make a law named ``own`` whose equation is of the code, in a module of its own."""
    names: dict[str, Any] = {
        "Law": bs.Law,
        "Input": Input,
        "Positive": Positive,
        **known,
    }
    source = (
        "class Own(Law):\n"
        "    reference = 'made for a test'\n"
        "    N = Input('params', span=(1e8, 1e10), about='size')\n"
        "    E = Positive(0.5, 0.9, of='target', about='floor')\n"
        "    @staticmethod\n"
        "    def equation(N, E):\n"
        f"        return {code}\n"
    )
    exec(source, names)
    return names["Own"]


def times(factor: float) -> Callable[[float], float]:
    """Return a function that multiplies: two of them differ in what they close over alone."""
    return lambda value: factor * value


def test_a_law_that_changed_under_its_name_is_another_program() -> None:
    same = source_digest(law("E + helper(N)", helper=times(2.0)))
    assert source_digest(law("E + helper(N)", helper=times(2.0))) == same
    others = [
        law("E + helper(N) + 1", helper=times(2.0)),
        law("E + helper(N)", helper=times(3.0)),
        law("E + constant * N", constant=2.0),
        law("E + constant * N", constant=3.0),
    ]
    assert len({same, *map(source_digest, others)}) == 5


def test_built_in_laws_differ() -> None:
    names = ("chinchilla", "skaling", "power_law", "chinchilla_then_accuracy_from_loss")
    found = {source_digest(bs.laws.registry.get_law(name)) for name in names}
    assert len(found) == len(names)
