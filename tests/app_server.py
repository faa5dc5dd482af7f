"""The app's server as a process of its own, for tests of what it answers."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(folder: Path) -> dict[str, str]:
    """Return an environment without the settings of whoever runs the tests."""
    return {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}


@contextmanager
def served(folder: Path, **more: str) -> Iterator[str]:
    """Start the command, wait until it listens, and end it by its own process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "bayescale", "app", "--no-browser", "--port", str(port)]
    with subprocess.Popen(command, env=environment(folder) | more, cwd=folder) as server:
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(address, timeout=60).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            assert server.wait(timeout=600) is not None
