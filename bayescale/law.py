r"""What a scaling law is: an equation, its inputs, and its parameters with their priors.

A law is a class with one static method, written once and run on NumPy, xarray and PyTensor alike:

>>> from bayescale.law import Input, Law, Positive
>>> class Saturation(Law):
...     r'''A floor plus a power law in tokens.
...
...     .. math:: L(D) = E + b (D/D_0)^{-\beta}
...     '''
...
...     D = Input("tokens")
...     E = Positive(0.2, 0.95, of="target", about="irreducible loss")
...     b = Positive(0.01, 1.0, of="target", about="excess loss at the reference point")
...     beta = Positive(0.1, 0.8, about="data exponent")
...
...     @staticmethod
...     def equation(D, E, b, beta):
...         return E + b * D**-beta
>>> Saturation.name, list(Saturation.inputs), list(Saturation.parameters)
('saturation', ['D'], ['E', 'b', 'beta'])

The equation takes inputs relative to their reference point (``D`` above is D/D_0), so that every
parameter has a meaning and a prior near the data. Priors are 90 % intervals in the parameter's own
unit; those declared ``of="target"`` are multiples of the typical observed loss, so that the unit of
the loss does not matter. Nothing else is needed: fitting, prediction, the optimum, plots and the
report come from the class.
"""

import difflib
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from bayescale import functions as fn
from bayescale.errors import BayescaleError

Z90 = 1.6448536269514722
"""Half width of a central 90 % interval of the standard normal."""


SPANS = {"params": (3e7, 1e10), "tokens": (1e9, 2e11), "flops": (1e18, 1e22)}
"""Range of the canonical inputs in a table of small runs."""


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
        :func:`bayescale.functions.total`.
    """

    column: str
    relative: bool = True
    about: str = ""
    span: tuple[float, float] | None = None
    nodes: int | None = None

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions of its values: run, or node and run."""
        return ("node", "run") if self.nodes else ("run",)

    def columns(self, column: str | None = None) -> list[str]:
        """Return the columns it is read from; ``column`` replaces its own."""
        name = column or self.column
        return [f"{name}_{i}" for i in range(1, self.nodes + 1)] if self.nodes else [name]

    def take(self, table: Any, column: str | None = None) -> np.ndarray:
        """Return its values in a table of columns, shape (run,) or (node, run)."""
        values = [np.asarray(table[name], dtype=float) for name in self.columns(column)]
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


@dataclass(frozen=True)
class Parameter:
    """A parameter and its prior: a normal on its link scale, given as a 90 % interval.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high``.
    of : "target" or None
        ``"target"`` multiplies both bounds by the geometric mean of the observed target, so that
        the prior does not depend on the unit of the loss.
    about : str
        One line for the catalogue and the report.

    Raises
    ------
    BayescaleError
        When the interval is empty or leaves the parameter's bounds.
    """

    low: float
    high: float
    of: Literal["target"] | None = None
    about: str = ""

    bounds: ClassVar[tuple[float, float]]

    def __post_init__(self) -> None:
        self.check(self.low, self.high)

    def check(self, low: float, high: float) -> None:
        """Raise unless ``low < high``, both inside the parameter's open bounds."""
        least, most = self.bounds
        if not least < low < high < most:
            raise BayescaleError(
                f"({low:g}, {high:g}) is not a 90 % interval of a {type(self).__name__} parameter: "
                f"it needs {least:g} < low < high < {most:g}"
            )

    def link(self, value: Any) -> Any:
        """Take a value to the real line, where the prior is normal."""
        raise NotImplementedError

    def inverse(self, z: Any) -> Any:
        """Bring a point of the real line back to the parameter's own scale."""
        raise NotImplementedError

    def log_jacobian(self, z: Any) -> Any:
        """Log derivative of :meth:`inverse` at ``z``."""
        raise NotImplementedError

    def normal(self, low: float, high: float) -> tuple[float, float]:
        """Mean and sd, on the link scale, of the prior with this 90 % interval."""
        self.check(low, high)
        below, above = float(self.link(low)), float(self.link(high))
        return (below + above) / 2, (above - below) / (2 * Z90)


class Positive(Parameter):
    """A parameter above zero; its prior is log-normal."""

    bounds = (0.0, float("inf"))

    def link(self, value: Any) -> Any:
        """Natural logarithm."""
        return fn.log(value)

    def inverse(self, z: Any) -> Any:
        """Exponential."""
        return fn.exp(z)

    def log_jacobian(self, z: Any) -> Any:
        """The exponential is its own derivative."""
        return z


class Fraction(Parameter):
    """A parameter between zero and one; its prior is logit-normal."""

    bounds = (0.0, 1.0)

    def link(self, value: Any) -> Any:
        """Log odds."""
        return fn.logit(value)

    def inverse(self, z: Any) -> Any:
        """Logistic function."""
        return fn.sigmoid(z)

    def log_jacobian(self, z: Any) -> Any:
        """The log of p (1 - p)."""
        return -fn.softplus(z) - fn.softplus(-z)


class Real(Parameter):
    """A parameter of either sign; its prior is normal."""

    bounds = (float("-inf"), float("inf"))

    def link(self, value: Any) -> Any:
        """The value itself."""
        return value

    def inverse(self, z: Any) -> Any:
        """The value itself."""
        return z

    def log_jacobian(self, z: Any) -> Any:
        """Zero."""
        return 0.0 * z


def _arguments(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


class Law:
    """Base of every law; see the module's docstring for a whole one.

    Subclasses declare, as class attributes, their :class:`Input` and :class:`Parameter` objects and
    a static ``equation(<inputs>, <parameters>)``. The signature is checked against the attributes
    when the class is made. Optional static methods, all written with
    :mod:`bayescale.functions`:

    ``coordinates(<parameters>)`` and ``from_coordinates(<as many>)``
        A bijection of the link-scale parameters, and its inverse, to coordinates in which the
        posterior mixes well; it must preserve volume. The priors stay where they were put.
    ``derived(<inputs>, <parameters>)``
        The literature's constants as a dict, from the parameters and the reference points (which
        are passed as the inputs).
    ``optimal_size(nd, <parameters>)``
        Relative compute-optimal size N*/N_0 at a relative budget ``nd`` = (N/N_0)(D/D_0), where a
        closed form exists.
    """

    equation: ClassVar[Callable[..., Any]]
    coordinates: ClassVar[Callable[..., tuple[Any, ...]]]
    from_coordinates: ClassVar[Callable[..., tuple[Any, ...]]]
    derived: ClassVar[Callable[..., dict[str, Any]]]
    optimal_size: ClassVar[Callable[..., Any]]

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    target: ClassVar[str] = "loss"
    noise: ClassVar[str] = "student_t"
    inputs: ClassVar[Mapping[str, Input]] = {}
    parameters: ClassVar[Mapping[str, Parameter]] = {}

    def __init_subclass__(cls) -> None:
        if cls.__bases__ != (Law,):
            raise TypeError(f"{cls.__name__}: derive a law from Law itself, not from another law")
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        declared = vars(cls)
        cls.inputs = {k: v for k, v in declared.items() if isinstance(v, Input)}
        cls.parameters = {k: v for k, v in declared.items() if isinstance(v, Parameter)}
        cls._check_signatures()

    @classmethod
    def _check_signatures(cls) -> None:
        if "equation" not in vars(cls):
            raise TypeError(f"{cls.__name__} has no static method `equation`")
        inputs, parameters = list(cls.inputs), list(cls.parameters)
        expected = {
            "equation": inputs + parameters,
            "coordinates": parameters,
            "derived": inputs + parameters,
            "optimal_size": ["nd", *parameters],
        }
        for method, names in expected.items():
            function = getattr(cls, method, None)
            if function is not None and _arguments(function) != names:
                found = ", ".join(_arguments(function))
                raise TypeError(
                    f"{cls.__name__}.{method}({found}) does not match the inputs and parameters of "
                    f"the class: write `def {method}({', '.join(names)})`, or declare what is "
                    "missing as Input(...), Positive(...), Fraction(...) or Real(...)"
                )
        if hasattr(cls, "coordinates") != hasattr(cls, "from_coordinates"):
            raise TypeError(f"{cls.__name__}: coordinates and from_coordinates come as a pair")

    @classmethod
    def curve(
        cls,
        inputs: Mapping[Any, Any],
        references: Mapping[Any, Any],
        parameters: Mapping[Any, Any],
    ) -> Any:
        """Evaluate the law at inputs in their own units.

        Parameters
        ----------
        inputs, references, parameters : mapping
            By name; numbers, NumPy arrays, xarray objects or PyTensor variables that broadcast
            against each other. ``references`` holds the reference point of each relative input.

        Returns
        -------
        array-like
            The noise-free target, in the target's unit.
        """
        relative = {
            name: inputs[name] / references[name] if declared.relative else inputs[name]
            for name, declared in cls.inputs.items()
        }
        return cls.equation(**relative, **{name: parameters[name] for name in cls.parameters})

    @classmethod
    def input_of(cls, column: str) -> str | None:
        """Return the name of the input that is read from ``column``, or None."""
        return next((name for name, i in cls.inputs.items() if i.column == column), None)

    @classmethod
    def formula(cls) -> str:
        """Return the LaTeX of the ``.. math::`` block in the docstring, "" if there is none."""
        block = re.search(r"\.\. math::\s*(.+?)(?:\n\s*\n|\Z)", cls.__doc__ or "", re.DOTALL)
        return " ".join(block.group(1).split()) if block else ""

    @classmethod
    def about(cls) -> str:
        """Return the first paragraph of the docstring."""
        return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())

    @classmethod
    def fingerprint(cls) -> dict[str, Any]:
        """Return what a saved fit remembers of the law, to say later what has changed."""
        try:
            source = inspect.getsource(cls.equation)
        except (OSError, TypeError):
            source = cls.equation.__code__.co_code.hex()
        return {
            "name": cls.name,
            "inputs": {k: i.column for k, i in cls.inputs.items()},
            "parameters": {
                k: [type(p).__name__, p.low, p.high, p.of] for k, p in cls.parameters.items()
            },
            "equation": hashlib.sha256("".join(source.split()).encode()).hexdigest()[:16],
        }


def closest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for a likely slip, or an empty string."""
    match = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {match[0]!r}?" if match else ""
