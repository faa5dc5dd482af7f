"""What an equation takes besides its parameters: inputs of the run table, and steps on the way.

A chained law reaches its target in steps that runs have observed too: accuracy from loss, and loss
from size and data. A step is written like the law's equation, takes what it needs, and enters the
equation divided by its reference point, as an input does:

>>> from bayescale.laws.inputs import Input, step
>>> from bayescale.laws.base import Law
>>> from bayescale.laws.parameters import Positive
>>> class ErrorOfTokens(Law):
...     target = "error"
...
...     D = Input("tokens")
...     b = Positive(0.5, 2.0, of="loss", about="loss at the reference point")
...     beta = Positive(0.1, 0.8, about="data exponent")
...     level = Positive(0.5, 1.5, of="target", about="error at the reference loss")
...     power = Positive(0.3, 3.0, about="log-slope of error in loss")
...
...     @step("loss")
...     def L(D, b, beta):
...         return b * D**-beta
...
...     @staticmethod
...     def equation(L, level, power):
...         return level * L**power
>>> ErrorOfTokens.steps["L"].column, ErrorOfTokens.steps["L"].noise
('loss', 'student_t')

Both columns are then observed in one model and share what is uncertain.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.errors import BayescaleError

SPANS = {"params": (3e7, 1e10), "tokens": (1e9, 2e11), "flops": (1e18, 1e22)}
"""Range of the canonical inputs in a table of small runs."""


FALLING = {"bpb", "bpc", "brier", "error", "errors", "loss", "losses", "nll", "perplexity", "ppl"}
"""Words in the names of columns that fall as models get better."""


ROUNDING = 0.02
"""How far shares of a whole may sum from one: tables round them."""


@dataclass(frozen=True)
class Input:
    """A quantity that the law takes from the run table.

    Parameters
    ----------
    column : str
        The canonical column it is read from, such as ``"params"``, ``"tokens"``, ``"flops"``. A fit
        may read it from another one: ``fit(runs, law, columns={"x": "tokens"})``.
    relative : bool
        Whether the equation takes it divided by its reference point, the geometric mean of the
        fitted runs unless a fit fixes it. Absolute inputs (bits, epochs, experts) are passed as
        they are.
    about : str
        One line for the catalogue.
    span : (float, float), optional
        Smallest and largest value of a typical run table, for the catalogue's pictures and for
        simulated studies; params, tokens and flops have theirs by convention.
    nodes : int, optional
        For an input that is an array in each run: the number of its elements, in the columns
        ``<column>_1``, ``<column>_2``, ...; the equation sums over them by
        :func:`bayescale.laws.functions.total`.
    simplex : bool
        Whether the elements are shares of a whole: none negative, their sum one.

    Raises
    ------
    BayescaleError
        When ``span`` does not rise.

    See Also
    --------
    Law : Declares its inputs by this.
    Positive : Declares a parameter.

    Examples
    --------
    >>> bits = bs.Input("bits", relative=False, about="bits a weight", span=(3, 16))
    >>> bits.column, bits.range()
    ('bits', (3, 16))
    """

    column: str
    relative: bool = True
    about: str = ""
    span: tuple[float, float] | None = None
    nodes: int | None = None
    simplex: bool = False

    def __post_init__(self) -> None:
        if self.span is not None and not self.span[0] < self.span[1]:
            raise BayescaleError(
                f"Input({self.column!r}): span = {self.span} must be (smallest, largest)"
            )

    @property
    def falls(self) -> bool:
        """Whether its values fall as models get better, as a loss does: by its column's name."""
        return falling(self.column)

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions of its values: run, or node and run."""
        return ("node", "run") if self.nodes else ("run",)

    def columns(self, column: str | None = None) -> list[str]:
        """Return the columns it is read from; ``column`` replaces its own."""
        name = column or self.column
        return [f"{name}_{i}" for i in range(1, self.nodes + 1)] if self.nodes else [name]

    def columns_text(self, column: str | None = None) -> str:
        """Return in words the columns it is read from, the first and the last of many."""
        found = self.columns(column)
        return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"

    def take(self, table: Any, column: str | None = None) -> np.ndarray:
        """Return its values in a table of columns, shape (run,) or (node, run)."""
        values = [np.asarray(table[name], dtype=float) for name in self.columns(column)]
        if self.simplex:
            return _shares(np.array(values), self.columns(column))
        return np.array(values) if self.nodes else values[0]

    def range(self) -> tuple[float, float]:
        """Return smallest and largest value of a typical run table.

        Raises
        ------
        BayescaleError
            When the input declares no ``span`` and its column has none by convention.
        """
        found = self.span or SPANS.get(self.column)
        if found is None:
            raise BayescaleError(
                f"give Input({self.column!r}) the range of a typical table: span=(low, high)"
            )
        return found


def falling(column: str) -> bool:
    """Return whether the values of a column so named fall as models get better.

    >>> falling("eval/val_loss"), falling("Perplexity"), falling("flops"), falling("4 - loss")
    (True, True, False, False)
    """
    name = re.fullmatch(r"[a-z][\w./ ]*", column.lower())
    return name is not None and not FALLING.isdisjoint(re.split(r"[\W_]+", name.group()))


def _shares(values: np.ndarray, columns: list[str]) -> np.ndarray:
    """Return shares of a whole, shape (node, run), rid of the rounding of their sum.

    Raises
    ------
    BayescaleError
        When one is negative, or a run's do not sum to one.
    """
    whole = values.sum(axis=0)
    wrong = np.flatnonzero((values < 0).any(axis=0) | ~(np.abs(whole - 1) <= ROUNDING))
    if wrong.size:
        i = wrong[0]
        percent = "; divide per cent by 100" if abs(whole[i] / 100 - 1) <= ROUNDING else ""
        raise BayescaleError(
            f"{columns[0]} to {columns[-1]} of row {i + 1} are no shares of a whole: the least is "
            f"{values[:, i].min():g} and they sum to {whole[i]:g}; none may be negative, and they "
            f"sum to one{percent}"
        )
    return values / whole


@dataclass(frozen=True)
class Step:
    """A quantity that a law predicts on the way to its target; made by :func:`step`.

    Attributes
    ----------
    column : str
        The column it is observed in. Parameters declared ``of`` it are multiples of its reference
        point, and its noise's parameters carry its name: ``loss_sigma``.
    noise : str
        How the observed values scatter around it.
    equation : callable
        Its value in its own unit, from inputs, steps declared before it, and parameters.
    """

    column: str
    noise: str
    equation: Callable[..., Any]

    @property
    def prefix(self) -> str:
        """What the names of its noise's parameters begin with."""
        return f"{self.column}_"


def step(column: str, noise: str = "student_t") -> Callable[[Callable[..., Any]], Any]:
    """Make a step of a law from its equation; a decorator inside the law's class.

    Parameters
    ----------
    column : str
        The column it is observed in.
    noise : str
        Name of the noise.

    Returns
    -------
    callable
        From the equation to the :class:`Step`.
    """
    return lambda equation: Step(column, noise, equation)
