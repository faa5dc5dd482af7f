"""Profiles of the fuzz tests, and what they count: ``--hypothesis-profile=fuzz`` draws many."""

import hostile
import pymc  # noqa: F401 - it changes the limit of recursion, which may not change in a case
import pytest

hostile.register_profiles()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for kind, tally in hostile.TALLY.items():
        said = ", ".join(f"{count:,} {what}" for what, count in tally.items())
        terminalreporter.write_line(f"fuzz: {tally.total():,} {kind}: {said}")
