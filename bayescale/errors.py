"""What bayescale raises and warns with."""

import difflib
from collections.abc import Mapping
from typing import Any


class BayescaleError(ValueError):
    """Input that cannot be used; the message says what, where, and what to do."""


class BayescaleWarning(UserWarning):
    """Something a user should know about an answer that is given all the same."""


def closest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for a likely slip, or an empty string."""
    match = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {match[0]!r}?" if match else ""
