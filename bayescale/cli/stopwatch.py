"""Where the time of a command went."""

import time
from collections.abc import Mapping


class Stopwatch:
    """A stopwatch: seconds by what was done.

    Attributes
    ----------
    laps : dict of str to float
        What was done, to the seconds it took.
    """

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._started = self._last = time.perf_counter()

    def lap(self, name: str, parts: Mapping[str, float] | None = None) -> None:
        """Book the time since the last lap: what is known of it under ``parts``, the rest here."""
        now = time.perf_counter()
        known = dict(parts or {})
        self.laps |= known
        self.laps[name] = max(now - self._last - sum(known.values()), 0.0)
        self._last = now

    @property
    def total(self) -> float:
        """Seconds from the start to the last lap."""
        return self._last - self._started

    def __str__(self) -> str:
        spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.laps.items())
        return f"{self.total:.1f} s ({spent})"
