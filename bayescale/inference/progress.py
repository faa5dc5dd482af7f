"""How far a job has got, on one line: in a terminal by rich, in a notebook without any widget."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

type Update = Callable[[int, int], None]
"""Takes how many draws are done, and how many of them diverged."""

WIDTH = 24
"""Characters of the bar in a notebook."""


EVERY = 0.2
"""Seconds between two messages to a notebook."""


@contextmanager
def progress_line(title: str, total: int) -> Iterator[Update]:
    """Show a line from now until the end, when it goes; yield what updates it.

    Parameters
    ----------
    title : str
        What is done.
    total : int
        Draws of all chains, warm-up among them.
    """
    with (_in_notebook if in_notebook() else _in_terminal)(title, total) as update:
        yield update


def in_notebook() -> bool:
    """Whether the output goes to a notebook: IPython runs, and in a kernel."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython else False


@contextmanager
def _in_terminal(title: str, total: int) -> Iterator[Update]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    said = TextColumn("{task.fields[said]}")
    with Progress(
        TextColumn("{task.description}"), BarColumn(), said, TimeElapsedColumn(), transient=True
    ) as bar:
        task = bar.add_task(title, total=total, said=_said(0, 0, total))

        def update(done: int, bad: int) -> None:
            bar.update(task, completed=done, said=_said(done, bad, total))

        yield update


@contextmanager
def _in_notebook(title: str, total: int) -> Iterator[Update]:
    """Rich would show nothing here without ipywidgets; an output that is replaced needs none."""
    from IPython.display import display

    began = shown = time.monotonic()

    def line(done: int, bad: int) -> dict[str, str]:
        full = round(WIDTH * min(done / total, 1.0))
        spent = time.monotonic() - began
        bar = "━" * full + "╌" * (WIDTH - full)
        return {"text/plain": f"{title} {bar} {_said(done, bad, total)}, {spent:.0f} s"}

    def update(done: int, bad: int) -> None:
        nonlocal shown
        if time.monotonic() - shown >= EVERY:
            shown = time.monotonic()
            output.update(line(done, bad), raw=True)

    output: Any = display(line(0, 0), raw=True, display_id=True)
    try:
        yield update
    finally:
        output.update({"text/plain": ""}, raw=True)


def _said(done: int, bad: int, total: int) -> str:
    return f"{done:,}/{total:,} draws, {bad:,} divergent" if done else "preparing"
