r"""What a scaling law is: an equation, its inputs, and its parameters with their priors.

A law is a class with one static method, written once and run on NumPy, xarray and PyTensor alike:

>>> from bayescale.laws.inputs import Input
>>> from bayescale.laws.base import Law
>>> from bayescale.laws.parameters import Positive
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

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bayescale.laws.inputs import Input, Step
from bayescale.laws.labels import call_unlabelled
from bayescale.laws.parameters import Parameter

RISING = ("accuracy", "bleu", "coverage", "density", "elo", "pass_at_k", "pass_rate", "score")
"""Targets of which more is better; a law of another such target says ``rises = True``."""

ANY_SIGN, POSITIVE, SHARE = (float("-inf"), float("inf")), (0.0, float("inf")), (0.0, 1.0)
"""What a target may be: ``Law.target_bounds``."""

_SHARES = ("accuracy", "coverage", "error", "pass_at_k", "pass_rate")
"""Targets that are shares, where a law has no parameter in their unit."""


def _arguments(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _call(equation: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    return call_unlabelled(equation, {name: values[name] for name in _arguments(equation)})


class Law:
    """Base of every law; see the module's docstring for a whole one.

    Subclasses declare, as class attributes, their :class:`Input` and
    :class:`~bayescale.laws.parameters.Parameter` objects and a static ``equation(<inputs>,
    <parameters>)``. The signature is checked against the attributes when the class is made. A
    chained law has steps besides (:mod:`bayescale.laws.inputs`); it writes ``derived(<inputs>,
    <steps>, <parameters>)``, and its equations take only what they need. Optional static methods,
    all written with :mod:`bayescale.laws.functions`:

    ``coordinates(<parameters>)`` and ``from_coordinates(<as many>)``
        A bijection of the link-scale parameters, and its inverse, to coordinates in which the
        posterior mixes well; it must preserve volume. The priors stay where they were put.
    ``derived(<inputs>, <parameters>)``
        The literature's constants as a dict, from the parameters and the reference points (which
        are passed as the inputs).
    ``optimal_size(nd, <parameters>)``
        Relative compute-optimal size N*/N_0 at a relative budget ``nd`` = (N/N_0)(D/D_0), where a
        closed form exists.

    What the target may be follows from the parameters in its unit: positive where all of them are,
    of any sign where one is :class:`Real`, between 0 and 1 where there is none and the target is an
    accuracy, say. A law of which that is wrong declares ``target_bounds = (low, high)``.

    A law whose posterior may have several modes says ``multimodal = True``: its chains then start
    around the best optima (:mod:`bayescale.inference.initialization`), and where they disagree
    parallel tempering draws (:mod:`bayescale.inference.tempering`).

    See Also
    --------
    Input : Declares what it takes from the run table.
    Positive : Declares a parameter above zero.
    fit : Fits a law of your own as a built-in one.

    Examples
    --------
    >>> class Saturation(bs.Law):
    ...     "A floor plus a power law in tokens."
    ...     D = bs.Input("tokens")
    ...     E = bs.Positive(0.2, 0.95, of="target", about="irreducible loss")
    ...     b = bs.Positive(0.01, 1.0, of="target", about="excess loss at the reference point")
    ...     beta = bs.Positive(0.1, 0.8, about="data exponent")
    ...
    ...     @staticmethod
    ...     def equation(D, E, b, beta):
    ...         return E + b * D**-beta
    >>> bs.make_spec(Saturation, priors={"beta": (0.2, 0.5)}).target
    'loss'
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
    multimodal: ClassVar[bool] = False
    rises: ClassVar[bool] = False
    target_bounds: ClassVar[tuple[float, float]] = POSITIVE
    parts: ClassVar[tuple[type["Law"], ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {}
    steps: ClassVar[Mapping[str, Step]] = {}
    parameters: ClassVar[Mapping[str, Parameter]] = {}

    def __init_subclass__(cls) -> None:
        if cls.__bases__ != (Law,):
            raise TypeError(f"{cls.__name__}: derive a law from Law itself, not from another law")
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if "rises" not in vars(cls):
            cls.rises = cls.target in RISING
        declared = vars(cls)
        cls.inputs = {k: v for k, v in declared.items() if isinstance(v, Input)}
        cls.steps = {k: v for k, v in declared.items() if isinstance(v, Step)}
        cls.parameters = {k: v for k, v in declared.items() if isinstance(v, Parameter)}
        if "target_bounds" not in declared:
            cls.target_bounds = cls._bounds_of_parameters()
        cls._check_signatures()
        if cls.steps:
            cls._check_steps()
        for name, parameter in cls.parameters.items():
            if parameter.of not in (None, *cls.units()):
                raise TypeError(f"{cls.__name__}.{name} is of {parameter.of!r}, which is no step")

    @classmethod
    def _bounds_of_parameters(cls) -> tuple[float, float]:
        """Return what the target may be, from the parameters that are in its unit."""
        in_its_unit = [p for p in cls.parameters.values() if p.of == "target"]
        if any(p.bounds[0] < 0 for p in in_its_unit):
            return ANY_SIGN
        return SHARE if not in_its_unit and cls.target in _SHARES else POSITIVE

    @classmethod
    def _check_signatures(cls) -> None:
        if "equation" not in vars(cls):
            raise TypeError(f"{cls.__name__} has no static method `equation`")
        taken, parameters = [*cls.inputs, *cls.steps], list(cls.parameters)
        expected = {
            "coordinates": parameters,
            "derived": taken + parameters,
            "optimal_size": ["nd", *parameters],
        }
        if not cls.steps:
            expected["equation"] = taken + parameters
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
    def _check_steps(cls) -> None:
        """Raise unless equations take what is declared before them, and all that is declared."""
        known, used = {*cls.inputs, *cls.parameters}, set[str]()
        for name, equation in [
            *((k, s.equation) for k, s in cls.steps.items()),
            ("equation", None),
        ]:
            taken = set(_arguments(equation or cls.equation))
            if taken - known:
                raise TypeError(
                    f"{cls.__name__}.{name} takes {', '.join(sorted(taken - known))}: declare it "
                    "as an input, a parameter, or a step above"
                )
            known.add(name)
            used |= taken
        if idle := [k for k in (*cls.inputs, *cls.steps, *cls.parameters) if k not in used]:
            raise TypeError(f"{cls.__name__}: no equation takes {', '.join(idle)}")
        columns = [cls.target, *(s.column for s in cls.steps.values())]
        if len(set(columns)) < len(columns):
            raise TypeError(f"{cls.__name__} observes a column twice: {', '.join(columns)}")

    @classmethod
    def curve(
        cls,
        inputs: Mapping[Any, Any],
        references: Mapping[Any, Any],
        parameters: Mapping[Any, Any],
        step: str | None = None,
    ) -> Any:
        """Evaluate the law at inputs in their own units.

        Parameters
        ----------
        inputs, references, parameters : mapping
            By name; numbers, NumPy arrays, xarray objects or PyTensor variables that broadcast
            against each other. ``references`` holds the reference point of each relative input and
            of each step.
        step : str, optional
            The step to evaluate in place of the target.

        Returns
        -------
        array-like
            The noise-free target, or step, in its own unit.
        """
        values = {name: parameters[name] for name in cls.parameters}
        for name, declared in cls.inputs.items():
            values[name] = inputs[name] / references[name] if declared.relative else inputs[name]
        for name, passed in cls.steps.items():
            found = _call(passed.equation, values)
            if name == step:
                return found
            values[name] = found / references[name]
        return _call(cls.equation, values)

    @classmethod
    def input_of(cls, column: str) -> str | None:
        """Return the name of the input that is read from ``column``, or None."""
        return next((name for name, i in cls.inputs.items() if i.column == column), None)

    @classmethod
    def units(cls) -> list[str]:
        """Return what parameters may be multiples of: "target", and the column of each step."""
        return ["target", *(step.column for step in cls.steps.values())]

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
        found = {
            "name": cls.name,
            "inputs": {k: i.column for k, i in cls.inputs.items()},
            "parameters": {
                k: [type(p).__name__, p.low, p.high, p.of] for k, p in cls.parameters.items()
            },
            "equation": _hash(cls.equation),
        }
        steps = {k: [s.column, s.noise, _hash(s.equation)] for k, s in cls.steps.items()}
        return {**found, "steps": steps} if steps else found


def _hash(equation: Callable[..., Any]) -> str:
    try:
        source = inspect.getsource(equation)
    except (OSError, TypeError):
        source = equation.__code__.co_code.hex()
    return hashlib.sha256("".join(source.split()).encode()).hexdigest()[:16]
