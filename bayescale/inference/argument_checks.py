"""Checks of a function's first argument: that a question is asked of the right kind of posterior.

Questions of one law (its parameters, its runs' residuals) have no answer for an average;
:func:`of_one_law` says so.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from bayescale.data.number_format import listed
from bayescale.errors import BayescaleError
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.threads import one_thread


def of_one_law[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Check that a question is asked of one fitted law, the function's first argument.

    Of an average, or of anything else that is not a fit, it raises a :class:`BayescaleError` that
    names what to ask instead.
    """
    return checked(function, lambda name, given: _check(name, given, several=False))


def of_posterior[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Check that a question is asked of a fit or an average, the function's first argument."""
    return checked(function, lambda name, given: _check(name, given, several=True))


def of_fits[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Check that a question is asked of a mapping of fits, each of one law."""
    return checked(function, check_fits)


def of_fit_or_fits[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Check that a question is asked of one fit, or of a mapping of fits."""
    return checked(function, lambda name, given: check_fits(name, given, alone=True))


def checked[**P, R](function: Callable[P, R], check: Callable[[str, Any], None]) -> Callable[P, R]:
    """Wrap a function so that its first argument is checked before anything else."""
    first, name = next(iter(inspect.signature(function).parameters)), function.__name__

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        if args or first in kwargs:
            check(name, args[0] if args else kwargs[first])
        with one_thread():
            return function(*args, **kwargs)

    return asked


def check_posterior(name: str, given: object) -> None:
    """Raise unless what a question is asked of is a fit or an average."""
    _check(name, given, several=True)


def check_fits(name: str, given: object, *, alone: bool = False) -> None:
    """Raise unless a question is asked of fits by name, or of one alone where that is allowed."""
    if not isinstance(given, Mapping):
        _check(name, given, several=False)
        if not alone:
            raise BayescaleError(f"{name} takes fits by name: {name}({{'a': fit_a, 'b': fit_b}})")
        return
    for each in given.values():
        _check(name, each, several=False)


def _check(name: str, given: object, *, several: bool) -> None:
    if isinstance(given, Fit) or (several and isinstance(given, PosteriorLike)):
        return
    if isinstance(given, PosteriorLike):
        first = next(iter(given.members()))
        raise BayescaleError(
            f"{name} is of one law, and an average of {listed(list(given.weights))} has several: "
            f"ask one of its fits, {name}(average.fits[{first!r}])"
        )
    what = "a fit or an average" if several else "a fit of one law"
    raise BayescaleError(f"{name} takes {what}, not {described(given)}")


def described(given: object) -> str:
    """Name what was given to a check, and what answers for it where that is known."""
    said = f"{'an' if type(given).__name__[0] in 'AEIOU' else 'a'} {type(given).__name__}"
    if isinstance(given, Mapping):
        return f"{said}; pick one: fits[{next(iter(given), 'name')!r}]"
    answers = getattr(type(given), "questions", ())
    return f"{said}; ask it with {listed(answers)}" if answers else said
