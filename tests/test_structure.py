"""The shape of the package: arrows point down, and nothing outgrows its room."""

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import bayescale as bs

PACKAGE = Path(bs.__file__).parent
FLOORS = [
    ["errors"],
    ["data"],
    ["laws"],
    ["model"],
    ["studies"],
    ["inference"],
    ["prediction"],
    ["decisions"],
    ["design"],
    ["evaluation"],
    ["capabilities"],
    ["plots"],
    ["reporting"],
    ["app"],
    ["cli"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "_models" not in p.parts)


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


MODULES = {module(path) for path in FILES}


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, wherever in the file; types only are exempt."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in typing_only:
            if node.module == "bayescale":
                found |= {alias.name for alias in node.names}
            elif node.module.startswith("bayescale."):
                inside = node.module.removeprefix("bayescale.")
                names = {f"{inside}.{alias.name}" for alias in node.names}
                found |= names & MODULES or {inside}
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("bayescale.")
                for alias in node.names
                if alias.name.startswith("bayescale.")
            }
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: module(p) or "bayescale")
def test_imports_point_down(path: Path) -> None:
    name = module(path)
    if not name:
        assert not imports(path), "bayescale/__init__.py imports nothing at once"
        return
    floor = name.split(".")[0]
    assert floor in LEVEL, f"{floor} has no floor: add it to FLOORS"
    for imported in imports(path):
        below = imported.split(".")[0]
        if below == floor or below not in LEVEL:
            continue
        assert LEVEL[below] < LEVEL[floor], f"{name} imports {imported}, which is not below it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: module(p) or "bayescale")
def test_no_text_is_evaluated(path: Path) -> None:
    """Pandas evaluates text, and reaches any attribute; a tensor's ``eval()`` takes none."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            evaluates = node.func.attr == "query" or (node.func.attr == "eval" and node.args)
            assert not evaluates, f"{path.name}, line {node.lineno}: {ast.unparse(node.func)}"


def test_no_import_circles() -> None:
    modules = {module(path): imports(path) for path in FILES}
    graph = {name: {i for i in found if i in modules} for name, found in modules.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_nothing_lies_flat_beside_the_packages() -> None:
    flat = {path.stem for path in PACKAGE.glob("*.py")}
    assert flat == {"__init__", "__main__", "errors"}


def test_levels_are_few() -> None:
    """A package's level is one more than the highest of those that its files import."""
    below: dict[str, set[str]] = {}
    for path in FILES:
        if name := module(path):
            room = name.split(".")[0]
            below.setdefault(room, set()).update(i.split(".")[0] for i in imports(path))

    @cache
    def level(room: str) -> int:
        found = below[room] & set(below) - {room}
        return 1 + max(map(level, found), default=0)

    assert max(map(level, below)) <= 15


PREPOSITIONS = {"about", "along", "at", "by", "for", "from", "in", "of", "on", "to", "with"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: module(p) or "bayescale")
def test_a_module_is_named_by_a_noun(path: Path) -> None:
    words = path.stem.split("_")
    assert not {words[0], words[-1]} & PREPOSITIONS


def test_parameters_are_typed() -> None:
    """At most 8 % of the package's parameters are annotated ``Any``."""
    found = [
        ast.unparse(parameter.annotation) if parameter.annotation else "missing"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if parameter.arg not in ("self", "cls")
    ]
    assert "missing" not in found
    assert found.count("Any") <= 0.08 * len(found)


def test_few_branches_ask_whether_groups_are_pooled() -> None:
    """Flat and hierarchical are told apart in one place: elsewhere fewer than eight branches do.

    Not counted is where the choice is made: the parametrizations, and what says a pool.
    """
    chosen = {"parametrization", "pooling", "hierarchical", "hierarchical_pymc"}

    def asks(test: ast.AST) -> bool:
        nodes = list(ast.walk(test))
        asked_further = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}  # pool.by
        nodes = [n for n in nodes if id(n) not in asked_further]
        names = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
        names |= {n.id for n in nodes if isinstance(n, ast.Name)}
        return bool(names & {"pool", "grouping", "Hierarchical", "Flat"})

    def branches(path: Path) -> list[str]:
        found: dict[int, ast.AST] = {}
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
                found[id(node.test)] = node.test
            elif isinstance(node, ast.comprehension):
                found |= {id(test): test for test in node.ifs}
            elif isinstance(node, ast.Match):
                found[id(node.subject)] = node.subject
            elif isinstance(node, ast.BoolOp):
                found[id(node)] = node
        return [f"{module(path)}: {ast.unparse(test)}" for test in found.values() if asks(test)]

    rooms = [p for p in FILES if p.stem not in chosen and module(p).split(".")[0] in LEVEL]
    found = [branch for path in rooms for branch in branches(path)]
    assert len(found) < 8, "\n".join(found)


def test_laws_do_not_know_each_other() -> None:
    for path in (PACKAGE / "laws" / "library").glob("[!_]*.py"):
        assert not any(i.startswith("laws.library") for i in imports(path)), path.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: module(p) or "bayescale")
def test_sizes(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert lines <= 60, f"{node.name} has {lines} lines"


def test_no_room_without_a_purpose() -> None:
    assert not {p.stem for p in FILES} & {"utils", "helpers", "core", "misc", "common"}


PUBLIC = [name for name in bs.__all__ if inspect.isfunction(getattr(bs, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions(name: str) -> None:
    """Typed, documented in numpydoc, at most eight parameters, no catch-all.

    ``fit`` alone takes eleven: reference points and what groups share are said where the law is.
    """
    function = getattr(bs, name)
    signature = inspect.signature(function)
    assert len(signature.parameters) <= (11 if name == "fit" else 8)
    kinds = {p.kind for p in signature.parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
    text = inspect.getdoc(function) or ""
    assert re.search(r"^Returns\n-+$", text, re.MULTILINE), "no Returns section"
    for parameter in signature.parameters:
        assert re.search(rf"^(?:\w+, )*{parameter}\b", text, re.MULTILINE), f"{parameter}?"


def test_every_public_name_is_what_it_says() -> None:
    for name in bs.__all__:
        value = getattr(bs, name)
        assert not inspect.ismodule(value), f"bayescale.{name} is a module"
        assert name in dir(bs)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bs.nothing
