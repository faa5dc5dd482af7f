"""How a command ends: one clear line instead of a traceback, and an exit code that means something.

0 fine, 1 bad input, 2 wrong usage (typer's own), 3 a fit whose diagnostics failed, 4 a law
that is far from describing the runs, 130 interrupted.
"""

import _thread
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from bayescale.cli.message_options import as_options
from bayescale.data.limits import OutOfRange
from bayescale.errors import BayescaleError, BayescaleWarning

BAD_INPUT = 1


WRONG_USAGE = 2


UNTRUSTED = 3


MISFIT = 4


INTERRUPTED = 130


_EXTRAS = {
    "zarr": "zarr",
    "pyarrow": "parquet",
    "numpyro": "numpyro",
    "jax": "numpyro",
    "streamlit": "app",
}
"""Packages that are not always installed, and the extra of bayescale that brings them."""


class GuardedGroup(TyperGroup):
    """A group of commands that says what went wrong in one line on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _plain_warnings(), _one_line_errors(), _interrupts_kept():
            return super().invoke(ctx)


def _warn(message: object) -> None:
    """Say one line on stderr that does not stop the command."""
    typer.secho(f"warning: {as_options(str(message))}", err=True, fg="yellow")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except OutOfRange as error:
        raise _stopped(str(error), WRONG_USAGE) from error
    except BayescaleError as error:
        raise _stopped(str(error), BAD_INPUT) from error
    except KeyboardInterrupt as error:
        raise _stopped("interrupted; nothing more was written", INTERRUPTED) from error
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        extra = f"pip install 'bayescale[{_EXTRAS[package]}]'"
        raise _stopped(f"this needs {package}, not installed: {extra}", BAD_INPUT) from error
    except OSError as error:
        if not error.strerror:
            raise
        where = f"{error.filename}: " if error.filename else ""
        raise _stopped(f"{where}{error.strerror}", BAD_INPUT) from error


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Interrupt once more where Python drops an interrupt: in what an object does when it goes."""
    before = sys.unraisablehook

    def after_a_moment(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(0.01, _thread.interrupt_main).start()  # here it would be dropped again
        else:
            before(dropped)

    sys.unraisablehook = after_a_moment
    try:
        yield
    finally:
        sys.unraisablehook = before


def _stopped(message: str, code: int) -> typer.Exit:
    typer.secho(f"error: {as_options(message)}", err=True, fg="red")
    return typer.Exit(code)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show each warning once, as one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", BayescaleWarning)
        warnings.showwarning = _shower()
        yield


def _shower() -> Callable[..., None]:
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any) -> None:
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            _warn(text)

    return show
