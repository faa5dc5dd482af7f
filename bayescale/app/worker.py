"""A process of its own that does what a user of the app asked for: ``python -m`` this module.

It takes a folder with the table and ``request.json``, says on stderr how far it is, a line each,
and leaves ``report.html`` and ``fits.nc`` there, or ``error.txt`` in words. It ends when the app
does.
"""

import json
import os
import sys
import threading
import traceback
import warnings
from pathlib import Path

from bayescale.app.request import Request, request_of
from bayescale.errors import BayescaleError, BayescaleWarning

WARNING = "warning: "
"""How a line of stderr begins that is a warning."""

FAILED = "This should not have failed. The terminal says more; please report it: "
"""Before an error that bayescale does not know."""


def work(folder: Path) -> None:
    """Read the request in a folder, do it, and write what came of it there."""
    request = request_of(json.loads((folder / "request.json").read_text("utf-8")))
    try:
        _analyze(folder, request)
    except BayescaleError as error:
        _fail(folder, str(error))
    except Exception as error:
        traceback.print_exc(file=sys.__stdout__)
        _fail(folder, f"{FAILED}{type(error).__name__}: {error}")


def _analyze(folder: Path, request: Request) -> None:
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", BayescaleWarning)
    warnings.showwarning = lambda message, *_, **__: _say(f"{WARNING}{message}")
    _say("starting ...")
    import bayescale as bs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reading, which the page has said
        runs = request.read(folder)
    analysis = bs.analyze(runs, **request.asked(), random_seed=request.seed)
    _say("writing the report ...")
    analysis.report(folder / "report.html")
    bs.save(analysis.posterior, folder / "fits.nc")


def _say(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr, flush=True)


def _fail(folder: Path, said: str) -> None:
    (folder / "error.txt").write_text(said, "utf-8", errors="backslashreplace")
    sys.exit(1)


def _end_with_the_app() -> None:
    """Wait for the end of standard input, which the app holds open, and stop."""
    while os.read(0, 1024):  # the buffered stream could not be closed while a thread reads it
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_app, daemon=True).start()
    work(Path(sys.argv[1]))
