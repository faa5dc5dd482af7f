"""Options that go together, as dataclasses: a command takes the group as one argument.

>>> from dataclasses import dataclass
>>> from inspect import signature
>>> @dataclass(frozen=True)
... class Showing:
...     json: bool = False
...     ci: float = 0.89
>>> def summary(file: str, showing: Showing) -> None:
...     print(file, showing.ci)
>>> list(signature(expand(summary)).parameters)
['file', 'json', 'ci']
>>> expand(summary)(file="fit.nc", json=False, ci=0.5)
fit.nc 0.5
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Checked:
    """Annotates an argument that is checked when all are read, before anything is imported."""

    check: Callable[[Any], None]


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with every option group in its signature replaced by its options.

    Parameters
    ----------
    command : callable
        A function some of whose parameters are dataclasses with annotated fields.

    Returns
    -------
    callable
        Takes the fields as keywords, and calls ``command`` with the groups made of them.
    """
    hints: dict[str, Any] = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def run(**given: Any) -> None:
        for name, check in checks:
            check(given[name])
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    parameters: list[Parameter] = []
    for name, parameter in signature(command).parameters.items():
        if name in groups:
            parameters += _options(groups[name])
        else:
            kind = Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[name], kind=kind))
    checks = [
        (parameter.name, mark.check)
        for parameter in parameters
        for mark in getattr(parameter.annotation, "__metadata__", ())
        if isinstance(mark, Checked)
    ]
    run.__name__, run.__doc__ = command.__name__, as_written(command.__doc__)
    run.__annotations__ = {}
    run.__signature__ = Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return run


def as_written(text: str | None) -> str:
    r"""Return a docstring whose paragraphs that begin with ``\b`` keep their lines in the help."""
    return (text or "").replace("\\b\n", "\b\n")


def _options(group: Any) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is MISSING else field.default
