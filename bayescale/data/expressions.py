"""Expressions over the columns of a table: ``params > 1e8 and family == 'ours'``.

A model file or a command line may come from somebody else, so an expression is parsed and only
these parts of Python are evaluated: names of columns, numbers, texts, arithmetic, comparisons,
``and``, ``or``, ``not``, ``in`` and the functions of `FUNCTIONS`. Anything else is refused by name.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayescale.data.row_messages import cells_of
from bayescale.errors import BayescaleError

MAX_LENGTH = 2_000
"""Characters of the longest expression."""


MAX_DEPTH = 100
"""Levels of the deepest one: a sum of n terms has n."""


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "isnull": pd.isna,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "notnull": pd.notna,
    "sqrt": np.sqrt,
}
"""The functions that an expression may call."""


ALLOWED = (
    "an expression holds columns, numbers, texts, arithmetic, comparisons, and, or, not, in, "
    f"and the functions {', '.join(FUNCTIONS)}"
)


_MAX_INTEGER = 2**63 - 1
"""The largest whole number of a column; a larger one is a float."""


_CONDITIONS = {"isnull", "notnull"}


_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


_NAMES = {
    ast.Attribute: "an attribute",
    ast.Call: "a call",
    ast.Subscript: "an index",
    ast.Lambda: "a function",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "an f-string",
    ast.IfExp: "a conditional",
    ast.Constant: "a constant of this kind",
}


_TOKENS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|@|&|\||~""")


_WORDS = {"&": " and ", "|": " or ", "~": " not "}


def evaluate(table: pd.DataFrame, expression: str) -> Any:
    """Evaluate an expression on every row of a table.

    Parameters
    ----------
    table
        The rows. A column whose name is no Python name is written in `backticks`.
    expression
        The text. As in a pandas query, ``&``, ``|`` and ``~`` stand for and, or and not, and the
        name of the index, or ``index``, is a column, too.

    Returns
    -------
    pandas.Series or scalar
        A value per row, or one for all.

    Raises
    ------
    BayescaleError
        The expression is too long or too deep, is no expression, names an unknown column, or holds
        something else than those parts; the message names it.

    Examples
    --------
    >>> evaluate(pd.DataFrame({"params": [1e8, 1e9], "seed": [1, 2]}), "params > 5e8").tolist()
    [False, True]
    """
    if not isinstance(expression, str):
        raise BayescaleError(f"an expression is a text, not {type(expression).__name__}")
    if len(expression) > MAX_LENGTH:
        raise BayescaleError(f"it has {len(expression):,} characters, the limit is {MAX_LENGTH:,}")
    text, quoted = _plain(expression)
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise BayescaleError(f"it is no expression ({error.msg})") from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise BayescaleError(f"it is no expression, or too deep; {ALLOWED}") from error
    with np.errstate(all="ignore"):
        return _Evaluator(table, text.strip(), quoted).value(body, 0)


def condition(table: pd.DataFrame, expression: str) -> np.ndarray:
    """Evaluate a condition on every row of a table.

    Parameters
    ----------
    table
        The rows.
    expression
        A text that `evaluate` reads.

    Returns
    -------
    numpy.ndarray
        One bool per row; what is missing is false.

    Raises
    ------
    BayescaleError
        As `evaluate`, or the expression is a number or a text.
    """
    found = pd.Series(evaluate(table, expression), index=table.index)
    if not _is_condition(found):
        raise BayescaleError("it is no condition that is true or false, such as params > 1e8")
    return found.fillna(False).to_numpy(bool)


def matching(table: pd.DataFrame, expression: str, renamed: Mapping[str, str]) -> np.ndarray:
    """Evaluate a condition on every row.

    Parameters
    ----------
    table
        The rows.
    expression
        A condition, as `expressions.evaluate` reads it.
    renamed
        The canonical name of each column that lost its own, for the message.

    Returns
    -------
    numpy.ndarray
        One bool a row; at least one is true.

    Raises
    ------
    BayescaleError
        The expression is none, names an unknown column, or no row satisfies it.
    """
    known = ", ".join(str(name) for name in table.columns)
    try:
        keep = condition(table, expression)
    except BayescaleError as error:
        now = [
            f"{old} is called {new}"
            for old, new in renamed.items()
            if old != new and old in expression
        ]
        hint = f" ({'; '.join(now)})" if now else ""
        raise BayescaleError(
            f"where={expression!r}: {error}{hint}; the columns are {known}"
            " (put a name with spaces in `backticks`, and text in quotes)"
        ) from error
    if not keep.any():
        raise BayescaleError(f"where={expression!r}: none of the {len(table):,} rows satisfies it")
    return keep


def names_in(expression: str) -> set[str]:
    """Return the names, of columns or else of functions, that a sound expression holds.

    Examples
    --------
    >>> sorted(names_in("`my score` / 100 + bias"))
    ['bias', 'my score']
    """
    text, quoted = _plain(expression)
    tree = ast.parse(text.strip(), mode="eval")
    return {quoted.get(n.id, n.id) for n in ast.walk(tree) if isinstance(n, ast.Name)}


def _plain(expression: str) -> tuple[str, dict[str, str]]:
    """Replace names in backticks by Python names, and pandas' signs by words."""
    quoted: dict[str, str] = {}

    def replaced(found: re.Match[str]) -> str:
        token = found.group()
        if token == "@":
            raise BayescaleError(f"'@' is not allowed; {ALLOWED}")
        if token.startswith("`"):
            name = f"_quoted_{len(quoted)}_"
            quoted[name] = token[1:-1]
            return name
        return _WORDS.get(token, token)

    return _TOKENS.sub(replaced, expression), quoted


class _Evaluator:
    """Evaluates the nodes of one expression."""

    def __init__(self, table: pd.DataFrame, text: str, quoted: Mapping[str, str]) -> None:
        self.table, self.text, self.quoted = table, text, quoted

    def value(self, node: ast.expr, depth: int) -> Any:
        """Evaluate one node and what it holds."""
        if depth > MAX_DEPTH:
            raise BayescaleError(f"it is more than {MAX_DEPTH} levels deep")
        depth += 1
        match node:
            case ast.Constant(value=int() as constant) if constant > _MAX_INTEGER:
                return float(constant) if constant.bit_length() <= 1023 else math.inf
            case ast.Constant(value=bool() | int() | float() | str() as constant):
                return constant
            case ast.Name(id=name):
                return self._column(name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                one, other = (self._number(part, depth) for part in (left, right))
                return _ARITHMETIC[type(op)](one, other)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                number = self._number(operand, depth)
                return -number if isinstance(op, ast.USub) else number
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self._condition(operand, depth)
            case ast.BoolOp(op=op, values=parts):
                join = operator.and_ if isinstance(op, ast.And) else operator.or_
                found = self._condition(parts[0], depth)
                for part in parts[1:]:
                    found = join(found, self._condition(part, depth))
                return found
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
                return self._call(name, parts, depth)
        raise self._refused(node)

    def _column(self, name: str) -> pd.Series:
        name = self.quoted.get(name, name)
        if name in self.table.columns:
            return cells_of(self.table, name)
        if name in ("index", self.table.index.name):
            return self.table.index.to_series()
        raise BayescaleError(f"{name!r} is not defined")

    def _number(self, node: ast.expr, depth: int) -> Any:
        """A number or a column of numbers; floats, so that no power grows without bound."""
        value = self.value(node, depth)
        if isinstance(value, int | float):
            return np.float64(value)
        if isinstance(value, str) or not pd.api.types.is_numeric_dtype(value):
            raise BayescaleError(f"{self._source(node)} is no number to calculate with")
        return value.astype(float) if pd.api.types.is_bool_dtype(value) else value

    def _condition(self, node: ast.expr, depth: int) -> pd.Series:
        value = self.value(node, depth)
        if isinstance(value, bool | np.bool_):
            return pd.Series(bool(value), index=self.table.index)
        if not isinstance(value, pd.Series) or not _is_condition(value):
            raise BayescaleError(
                f"{self._source(node)} is no condition that is true or false, such as params > 1e8"
            )
        return value.fillna(False).astype(bool)

    def _comparison(self, node: ast.Compare, depth: int) -> Any:
        left, found = node.left, None
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                one = self._membership(left, right, depth)
                one = ~one if isinstance(op, ast.NotIn) else one
            elif type(op) in _COMPARISONS:
                one = self._compared(op, left, right, depth)
            else:
                raise BayescaleError(f"'is' is not allowed, write ==; {ALLOWED}")
            found = one if found is None else found & one
            left = right
        return found

    def _compared(self, op: ast.cmpop, left: ast.expr, right: ast.expr, depth: int) -> Any:
        one, other = self.value(left, depth), self.value(right, depth)
        try:
            return _COMPARISONS[type(op)](one, other)
        except (TypeError, ValueError) as error:
            raise BayescaleError(
                f"{self._source(left)} and {self._source(right)} cannot be compared"
            ) from error

    def _membership(self, left: ast.expr, right: ast.expr, depth: int) -> pd.Series:
        if not isinstance(right, ast.List | ast.Tuple):
            raise BayescaleError(f"{self._source(right)} is no list of values, such as [1, 2]")
        column, values = self.value(left, depth), [self.value(part, depth) for part in right.elts]
        if not isinstance(column, pd.Series):
            raise BayescaleError(f"{self._source(left)} is no column")
        if any(isinstance(value, pd.Series) for value in values):
            raise BayescaleError("a list holds numbers and texts, no columns")
        return column.isin(values)

    def _call(self, name: str, parts: list[ast.expr], depth: int) -> Any:
        count = 2 if name in ("maximum", "minimum") else 1
        if len(parts) != count:
            raise BayescaleError(f"{name} takes {count} value{'s' * (count > 1)}, not {len(parts)}")
        read = self.value if name in _CONDITIONS else self._number
        return FUNCTIONS[name](*(read(part, depth) for part in parts))

    def _source(self, node: ast.expr) -> str:
        text = ast.get_source_segment(self.text, node) or ast.unparse(node)
        for name, column in self.quoted.items():
            text = text.replace(name, f"`{column}`")
        return repr(text) if len(text) <= 60 else repr(text[:57] + "...")

    def _refused(self, node: ast.expr) -> BayescaleError:
        what = _NAMES.get(type(node), "this")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            what = f"the function {node.func.id!r}"
        return BayescaleError(f"{self._source(node)}: {what} is not allowed; {ALLOWED}")


def _is_condition(values: pd.Series) -> bool:
    """Whether a column holds true and false, whatever its type, and what is missing."""
    if pd.api.types.is_bool_dtype(values):
        return True
    return values.dtype == object and bool(
        values.dropna().map(lambda v: v is True or v is False).all()
    )
