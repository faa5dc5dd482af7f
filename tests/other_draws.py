"""Other draws for every test that samples: none may hinge on those that one processor makes.

A sampler goes where rounding leads it, and rounding differs between processors, so one seed's draws
do, too. ``BAYESCALE_TEST_SEED=3 pytest``, or ``make test SEED=3``, moves the seed of every sampler
by three; the seed that a fit records, predictions and simulated runs stay as they are. All tests
must pass whatever the number.
"""

import importlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from bayescale.inference import parallel as many
from bayescale.inference import sampling

VARIABLE = "BAYESCALE_TEST_SEED"
_fit_jobs = many._work


def shift() -> int:
    """Return by how much the seeds move: not at all unless the variable says so."""
    text = os.environ.get(VARIABLE, "").strip() or "0"
    if not (text.isascii() and text.isdigit()):
        raise pytest.UsageError(f"{VARIABLE} is {text!r}: it must be a whole number, 0 or more")
    return int(text)


def move() -> None:
    """Let every sampler of this process, and of those that ``fit_many`` starts, draw otherwise."""
    if not shift() or many._work is work:
        return
    many._work = work
    capabilities = importlib.import_module("bayescale.capabilities.fit")
    for module, names, place in (
        (sampling, ("_nutpie", "_pymc"), 3),
        (capabilities, ("run_nutpie", "run_pymc"), 2),
    ):
        for name in names:
            setattr(module, name, _moved(getattr(module, name), place))


def work(packed: bytes) -> bytes:
    """Fit one job in a process that ``fit_many`` started; such a process finds this by its name."""
    move()
    return _fit_jobs(packed)


def _moved(draw: Callable[..., Any], place: int) -> Callable[..., Any]:
    """Return the function with the seed, at a place among its arguments, moved."""

    def moved(*arguments: Any, **options: Any) -> Any:
        seed = arguments[place] + shift()
        return draw(*arguments[:place], seed, *arguments[place + 1 :], **options)

    return moved
