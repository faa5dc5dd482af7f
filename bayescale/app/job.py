"""A fit that runs beside the app, in a process of its own that can be stopped."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bayescale.app.request import Request
from bayescale.app.worker import WARNING

_LOG = "progress.txt"


@dataclass(eq=False)
class Job:
    """What runs, or has run, for one request.

    Attributes
    ----------
    request : Request
        What it does.
    folder : Path
        Where the table is, and what comes of it goes.
    process : Popen
        The process.
    laws : int
        How many laws it fits.
    began : float
        When, on the monotonic clock.
    """

    request: Request
    folder: Path
    process: subprocess.Popen[bytes]
    laws: int
    began: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.process.poll() is None

    @property
    def steps(self) -> int:
        """How many lines it says in all: a start, a fit per law, forecasts of several, a page."""
        return 2 + self.laws + (self.laws if self.laws > 1 else 0)

    @property
    def error(self) -> str:
        """What went wrong, in words; empty while it runs and where all is well."""
        if self.running or self.process.returncode == 0:
            return ""
        said = self.folder / "error.txt"
        if said.exists():
            return said.read_text("utf-8")
        return (
            "The fit ended before it was done: it was stopped, or the machine had too little "
            "memory for it."
        )

    @property
    def report(self) -> Path:
        """The page that it wrote."""
        return self.folder / "report.html"

    @property
    def fits(self) -> Path:
        """The saved fits."""
        return self.folder / "fits.nc"

    def lines(self) -> list[str]:
        """Return what it has done so far, the present step last."""
        return [line for line in self._said() if not line.startswith(WARNING)]

    def warned(self) -> list[str]:
        """Return its warnings, each once."""
        found = [line.removeprefix(WARNING) for line in self._said() if line.startswith(WARNING)]
        return list(dict.fromkeys(found))

    def stop(self) -> None:
        """End it; what it has found is lost."""
        self.process.kill()
        self.process.communicate()

    def _said(self) -> list[str]:
        return (self.folder / _LOG).read_text("utf-8", errors="replace").splitlines()


def start(request: Request, folder: Path, laws: int) -> Job:
    """Start what a request asks for, on the table in a folder, by which so many laws are fitted.

    The process has no shell, gets nothing of the table on its command line, and ends with this one.
    """
    for name in ("report.html", "fits.nc", "error.txt"):
        (folder / name).unlink(missing_ok=True)
    (folder / "request.json").write_text(json.dumps(request.record()), "utf-8")
    command = [sys.executable, "-m", "bayescale.app.worker", str(folder)]
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
    return Job(request, folder, process, laws)
