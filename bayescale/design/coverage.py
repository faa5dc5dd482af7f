"""The range of a set of runs: ranges, ratios, and inputs that move together."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bayescale.inference.result import Fit

TIED = 0.98
"""Correlation of two log inputs above which they are said to move together."""


NARROW = 4.0
"""Ratio of largest to smallest value below which an input is said to span little."""


@dataclass(frozen=True)
class Span:
    """The range of one input over the fitted runs, in its own unit."""

    column: str
    low: float
    high: float

    @property
    def factor(self) -> float:
        """Largest over smallest value."""
        return self.high / self.low

    @property
    def constant(self) -> bool:
        """Whether every run has the same value."""
        return self.factor < 1 + 1e-9

    @property
    def narrow(self) -> bool:
        """Whether the values differ by less than a factor of four."""
        return self.factor < NARROW


def spans(fit: Fit) -> dict[str, Span]:
    """Return the span of each relative input without nodes, by the law's name of it."""
    return {
        name: Span(fit.spec.column(name), float(values.min()), float(values.max()))
        for name, values in fit.inputs.items()
        if fit.law.inputs[name].relative and not fit.law.inputs[name].nodes
    }


def tied_inputs(fit: Fit) -> list[tuple[str, str]]:
    """Return the pairs of inputs that move together in the fitted runs."""
    found = []
    free = [name for name, span in spans(fit).items() if not span.constant]
    for one, other in combinations(free, 2):
        x, y = np.log(fit.inputs[one].values), np.log(fit.inputs[other].values)
        if abs(np.corrcoef(x, y)[0, 1]) > TIED:
            found.append((one, other))
    return found
