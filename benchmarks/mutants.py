"""Mutation test: small changes to the modules whose numbers users see, and whether a test notices.

    make mutants                    # two hundred mutants of seed 1, evenly over the modules
    make mutants SEED=2 COUNT=60    # others: a seed draws none that a smaller, saved one has
    make mutants ONLY="waic units"  # of these modules alone; nothing is saved

Cosmic Ray makes the mutants. This file runs the tests: each in a process forked after the slow
imports, with the tests of its package that execute the mutated line, the fastest first, up to the
first failure. Tests that sample are skipped, and those that took ``SLOW`` seconds left out. Which
test executes which lines is kept under ``benchmarks/.mutants``.

``benchmarks/results/mutants.json`` has every mutant with its outcome. A survivor that computes the
same is named, with the reason, in ``mutants_equivalent.json``; it is counted, and reported, apart.
"""

import argparse
import ast
import contextlib
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).parent / "results" / "mutants.json"
EQUIVALENT = RESULTS.with_name("mutants_equivalent.json")
KEPT = Path(__file__).parent / ".mutants"
SLOW = 8.0
"""Seconds: a test that took longer is not run for mutants."""

MEMORY = 12 * 2**30
"""Bytes: a mutant that never ends may want ever more."""

MODULES = {
    "data": "units number_format pass_at_k derive",
    "prediction": "predict intervals summary runs_by_compute averaging discrepancy "
    "gaussian_process",
    "decisions": "optimum regret targets frontier budget scenario loss_grid",
    "design": "identify contraction plan candidates fisher_information gaussian_update "
    "discrimination posterior_modes search recommend quantities_of_interest coverage",
    "evaluation": "waic compare scores backtest residuals point_estimate forecast_weights "
    "influence published splits",
    "inference": "diagnostics",
}
TESTS = {
    "data": "data/test_quantities.py data/test_number_format.py data/test_units.py "
    "data/test_passk.py data/test_params.py data/test_runs.py inference/test_shown.py",
    "prediction": "prediction evaluation/test_backtest.py evaluation/test_extrapolation_scores.py "
    "model/test_pool.py",
    "decisions": "decisions prediction/test_analysis.py evaluation/test_reference_values.py",
    "design": "design prediction/test_analysis.py evaluation/test_reference_values.py",
    "evaluation": "evaluation prediction/test_analysis.py design/test_identify.py",
    "inference": "inference/test_diagnostics.py inference/test_posterior.py "
    "inference/test_shown.py prediction/test_analysis.py",
}
IMPORTS = (
    "pymc nutpie arviz_stats matplotlib.pyplot typer rich jinja2 cloudpickle pooch h5netcdf scipy"
)
_PAIRS = {
    "ReplaceBinaryOperator": "Add_Sub Sub_Add Mul_Div Div_Mul Pow_Mul Mul_Pow FloorDiv_Div "
    "Mod_FloorDiv BitAnd_BitOr BitOr_BitAnd",
    "ReplaceComparisonOperator": "Lt_LtE LtE_Lt Gt_GtE GtE_Gt Lt_Gt Gt_Lt LtE_GtE GtE_LtE Eq_NotEq "
    "NotEq_Eq Is_IsNot IsNot_Is",
    "ReplaceUnaryOperator": "Delete_Not Delete_Invert USub_UAdd",
}
OPERATORS = (
    "NumberReplacer",
    "AddNot",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ZeroIterationForLoop",
    *(f"{kind}_{pair}" for kind, pairs in _PAIRS.items() for pair in pairs.split()),
)
"""Without those whose mutants fail at once, such as bit operators on floats or no decorator."""


NO_PYTHON = ""
"""The meaning of a source that cannot be parsed: such a mutant is none."""


@dataclass(frozen=True)
class Mutant:
    """One small change of one module; an empty operator changes nothing."""

    module: str
    line: int = 0
    operator: str = ""
    occurrence: int = 0
    before: str = ""
    after: str = ""
    source: str = field(default="", repr=False)

    @property
    def path(self) -> Path:
        """The file of the module."""
        return ROOT / "bayescale" / f"{self.module}.py"

    def record(self) -> dict[str, Any]:
        """Return what is saved of it."""
        return {k: v for k, v in asdict(self).items() if k != "source"}


def modules() -> list[str]:
    """Return all modules, as "package/name"."""
    return [f"{package}/{name}" for package, names in MODULES.items() for name in names.split()]


def mutants_of(module: str, seed: int) -> Iterator[Mutant]:
    """Yield the mutants of a module in an order that the seed draws."""
    source = Mutant(module).path.read_text()
    nodes = list(ast_nodes(get_ast(source)))
    found = []
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        found += [(name, occurrence) for occurrence in range(len(places))]
    digest = hashlib.sha256(f"{seed} {module}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8]))
    meant = meaning(source)
    for i in rng.permutation(len(found)):
        name, occurrence = found[i]
        mutated = mutate_code(source, get_operator(f"core/{name}")(), occurrence)
        if mutated is None or meaning(mutated) in (meant, NO_PYTHON):
            continue
        old, new = source.splitlines(), mutated.splitlines()
        line = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
        texts = (old[line].strip(), new[line].strip())
        yield Mutant(module, line + 1, name, occurrence, *texts, mutated)


def meaning(source: str) -> str:
    """Return what a source computes: no annotations, type aliases or texts, which say nothing."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return NO_PYTHON
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, ast.Constant(None))
        if isinstance(node, ast.TypeAlias):
            node.value = ast.Constant(None)
    return ast.dump(tree)


def drawn(names: Sequence[str], seed: int, count: int, seen: set[tuple]) -> list[Mutant]:
    """Draw mutants evenly over modules, none of those seen; a small module may have too few."""
    sources = {name: mutants_of(name, seed) for name in names}
    found: list[Mutant] = []
    while sources and len(found) < count:
        for name in list(sources)[: count - len(found)] if len(found) else list(sources):
            one = next((m for m in sources[name] if key(m.record()) not in seen), None)
            if one is None:
                del sources[name]
            else:
                found.append(one)
    return found[:count]


def key(record: Mapping[str, Any]) -> tuple:
    """Return what tells mutants apart although lines move."""
    return tuple(record[name] for name in ("module", "operator", "before", "after"))


# Running tests in a forked process ---------------------------------------------------------------


class Mutated(importlib.abc.MetaPathFinder):
    """Imports one module from a mutated source; no file changes."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"bayescale.{mutant.module.replace('/', '.')}"
        self.source = mutant.source

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """Come before the hook of pytest, which rewrites modules whose doctests are run."""
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Return the module's usual spec, with a loader of the mutated source."""
        if name != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec and spec.origin
        source = self.source

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return compile(source, self.path, "exec")

        spec.loader = Loader(name, spec.origin)
        return spec


class NoSampling:
    """Skips tests as soon as they sample."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self) -> None:
        """Put a skip in the place of every sampler."""

        def skip(*arguments: Any, **options: Any) -> None:
            pytest.skip("samples")

        sampling = importlib.import_module("bayescale.inference.sampling")
        for name in sampling._SAMPLERS:
            sampling._SAMPLERS[name] = skip
        capabilities = importlib.import_module("bayescale.capabilities.fit")
        capabilities.run_nutpie = capabilities.run_pymc = skip


class Chosen:
    """Runs chosen tests only, in the given order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {test: i for i, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep and sort the tests."""
        kept = [item for item in items if item.nodeid in self.places]
        items[:] = sorted(kept, key=lambda item: self.places[item.nodeid])


class Watch:
    """Records how long each test takes, and which lines of the modules it executes.

    Lines that a shared fixture executes count for every test that uses it.
    """

    def __init__(self) -> None:
        self.files = {str(Mutant(name).path): name for name in modules()}
        self.seen: set[tuple[str, int]] = set()
        self.shared: dict[Any, set[tuple[str, int]]] = {}
        self.tests: dict[str, tuple[float, set[tuple[str, int]]]] = {}
        monitoring = sys.monitoring
        monitoring.use_tool_id(monitoring.COVERAGE_ID, "mutants")
        monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, self._line)
        monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)

    def _line(self, code: CodeType, line: int) -> Any:
        if code.co_filename in self.files:
            self.seen.add((self.files[code.co_filename], line))
        return sys.monitoring.DISABLE

    def _watched(self) -> Iterator[set[tuple[str, int]]]:
        """Collect the lines executed from here on, and add them to those seen before."""
        before, self.seen = self.seen, set()
        sys.monitoring.restart_events()
        yield self.seen
        before |= self.seen
        self.seen = before

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        """Watch what a shared fixture executes."""
        with contextlib.contextmanager(self._watched)() as seen:
            result = yield
        self.shared[fixturedef] = seen | self.shared.get(fixturedef, set())
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Watch what a test executes."""
        started = time.process_time()
        with contextlib.contextmanager(self._watched)() as seen:
            result = yield
        used = {one for found in item._fixtureinfo.name2fixturedefs.values() for one in found}
        lines = seen.union(*(self.shared.get(one, set()) for one in used))
        self.tests[item.nodeid] = (time.process_time() - started, lines)
        return result


def forked(work: Callable[[], int], limit: float) -> tuple[str, str]:
    """Run work in a fork: return "0" (or another exit code) or "timeout", and what it printed."""
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if not pid:
            with contextlib.suppress(BaseException):
                os.setsid()
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                os._exit(work())
            os._exit(70)
        ended, code = time.monotonic() + limit, "timeout"
        while time.monotonic() < ended:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = str(os.waitstatus_to_exitcode(status))
                break
            time.sleep(0.02)
        else:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        output.seek(0)
        return code, output.read().decode(errors="replace")


def pytest_with(files: Sequence[str], *plugins: Any) -> int:
    """Run test files up to the first failure, without samplers."""
    command = ["-x", "-q", "-p", "no:cacheprovider", "--tb=short", *files]
    return int(pytest.main(command, plugins=[NoSampling(), *plugins]))


def test_files(module: str) -> list[str]:
    """Return the test files of a module's package, and its doctests, relative to the root."""
    own = Mutant(module).path
    found = [own] if ">>>" in own.read_text() else []
    for given in TESTS[module.split("/")[0]].split():
        path = ROOT / "tests" / given
        found += sorted(path.glob("test_*.py")) if path.is_dir() else [path]
    return [str(path.relative_to(ROOT)) for path in found]


def executed(test_file: str) -> dict[str, tuple[float, dict[str, list[int]]]]:
    """Return each test of a file with its seconds and the lines that it executes, by module."""
    helpers = sorted((ROOT / "tests").glob("*.py")) + sorted((ROOT / "bayescale").rglob("*.py"))
    digest = hashlib.sha256((ROOT / test_file).read_bytes())
    for path in helpers:
        if not path.name.startswith("test_"):
            digest.update(path.read_bytes())
    kept = KEPT / f"{test_file.replace('/', '_')}-{digest.hexdigest()[:16]}.json"
    if not kept.exists():
        KEPT.mkdir(exist_ok=True)

        def work() -> int:
            watch = Watch()
            code = pytest_with([test_file], watch)
            found: dict[str, Any] = {}
            for test, (seconds, lines) in watch.tests.items():
                by_module: dict[str, list[int]] = {}
                for name, line in sorted(lines):
                    by_module.setdefault(name, []).append(line)
                found[test] = (round(seconds, 3), by_module)
            if not code:
                kept.write_text(json.dumps(found))
            return code

        code, output = forked(work, 1800)
        if code != "0":
            sys.exit(f"{output[-3000:]}\n{test_file} fails without any mutant, or has no test")
    return json.loads(kept.read_text())


def statement_lines(mutant: Mutant) -> range | None:
    """Return the lines of the statement that is mutated; None outside of every function."""
    inside, found = False, range(mutant.line, mutant.line + 1)
    size = 10**9
    for node in ast.walk(ast.parse(mutant.path.read_text())):
        if not isinstance(node, ast.stmt) or node.end_lineno is None:
            continue
        if not node.lineno <= mutant.line <= node.end_lineno:
            continue
        if isinstance(node, ast.FunctionDef):
            inside |= mutant.line >= node.body[0].lineno
        if node.end_lineno - node.lineno < size:
            size = node.end_lineno - node.lineno
            last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno
            found = range(node.lineno, max(last, node.lineno) + 1)
    return found if inside else None


def outcome(mutant: Mutant) -> dict[str, Any]:
    """Run the tests that execute the mutated line: killed, timeout, survived or no test."""
    lines = statement_lines(mutant)
    chosen: dict[str, float] = {}
    for file in test_files(mutant.module):
        for test, (seconds, executes) in executed(file).items():
            touched = executes.get(mutant.module, [])
            if seconds < SLOW and touched and (lines is None or set(lines) & set(touched)):
                chosen[test] = seconds
    if not chosen:
        return mutant.record() | {"outcome": "no test"}
    tests = sorted(chosen, key=lambda test: chosen[test])
    files = sorted({test.split("::")[0] for test in tests})

    def work() -> int:
        return pytest_with(files, Mutated(mutant), Chosen(tests))

    code, output = forked(work, 60 + 4 * sum(chosen.values()))
    said = {"0": "survived", "timeout": "timeout"}.get(code, "killed")
    lines_of = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    by = lines_of[0].split(" - ")[0].split(" ", 1)[1] if lines_of else f"exit code {code}"
    return mutant.record() | {"outcome": said} | ({"by": by} if said == "killed" else {})


# What is saved and said --------------------------------------------------------------------------


def saved() -> dict[str, Any]:
    """Return what was saved of every seed."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def judged(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Call survivors equivalent that were judged so, with the reason."""
    known = json.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else []
    reasons = {key(one): one["reason"] for one in known}
    return [
        dict(one) | {"outcome": "equivalent", "reason": reasons[key(one)]}
        if one["outcome"] == "survived" and key(one) in reasons
        else dict(one)
        for one in records
    ]


def counted(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many were killed, with both rates."""
    outcomes = [one["outcome"] for one in records]
    killed = sum(one in ("killed", "timeout") for one in outcomes)
    equivalent = outcomes.count("equivalent")
    return {
        "mutants": len(records),
        "killed": killed,
        "equivalent": equivalent,
        "killed_of_all": round(killed / max(len(records), 1), 4),
        "killed_of_not_equivalent": round(killed / max(len(records) - equivalent, 1), 4),
    }


def main() -> None:
    """Draw mutants, run them, print and save what became of them."""
    parser = argparse.ArgumentParser(description="Mutation test of the modules users see.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--again", action="store_true", help="only those that were not killed")
    parser.add_argument("only", nargs="*", help="names of modules; all when there are none")
    asked = parser.parse_args()
    names = [m for m in modules() if not asked.only or m.split("/")[1] in asked.only]
    before = saved()
    seen = {key(m) for s, o in before.items() if int(s) < asked.seed for m in o["mutants"]}
    os.chdir(ROOT)
    os.environ |= {"BAYESCALE_CACHE": "off", "MPLBACKEND": "Agg"}
    for name in IMPORTS.split():
        importlib.import_module(name)
    started = time.monotonic()
    records: list[dict[str, Any]] = []
    earlier: dict[tuple, Any] = {}
    if asked.again:
        earlier = {key(one): one for one in before[str(asked.seed)]["mutants"]}
    for mutant in drawn(names, asked.seed, asked.count, seen):
        one = earlier.get(key(mutant.record()), {})
        if one.get("outcome") not in ("killed", "timeout", "equivalent"):
            one = judged([outcome(mutant)])[0]
        records.append(one | {"line": mutant.line})
        print(f"{len(records):4} {one['outcome']:10} {mutant.module}:{mutant.line}", flush=True)
        if one["outcome"] not in ("killed", "timeout"):
            print(f"       - {one['before']}\n       + {one['after']}", flush=True)
        earlier.pop(key(mutant.record()), None)
        if not asked.only:
            save(asked.seed, [*records, *earlier.values()], before)
    for name in names:
        part = counted([one for one in records if one["module"] == name])
        print(f"{name:34} {part['killed']:3} of {part['mutants']:3} killed")
    print(json.dumps(counted(records), indent=2), f"\n{time.monotonic() - started:.0f} s")
    if not asked.only:
        save(asked.seed, records, before)


def save(seed: int, records: Sequence[Mapping[str, Any]], others: dict[str, Any]) -> None:
    """Save the mutants of a seed beside those of others."""
    others[str(seed)] = {"summary": counted(records), "mutants": records}
    RESULTS.write_text(json.dumps(others, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
