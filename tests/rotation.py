"""What is too slow to test each time is tested in turn, a slice drawn by the commit."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def drawn_by_commit(names: Sequence[str], size: int) -> list[str]:
    """Draw some names; other commits draw others."""
    command = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    seed = int(found.stdout.strip() or "0", 16) % 2**32
    return sorted(np.random.default_rng(seed).choice(list(names), size, replace=False))
