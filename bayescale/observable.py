"""The columns that a law predicts: its target, and each step on the way to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bayescale.law import Law, Parameter
from bayescale.noise import Noise, get_noise


@dataclass(frozen=True)
class Observable:
    """A column that a law predicts and runs have observed.

    Attributes
    ----------
    column : str
        The column of the run table.
    noise : Noise
        How the observed values scatter.
    step : str or None
        The law's step, None for its target.
    prefix : str
        What begins the names of its noise's parameters and of its dimension: ``"loss_"`` for a
        step observed as loss, nothing for the target.
    """

    column: str
    noise: Noise
    step: str | None = None
    prefix: str = ""

    @property
    def dim(self) -> str:
        """The dimension of its observed values."""
        return f"{self.prefix}run"

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of its noise, by their names in the model."""
        return {
            f"{self.prefix}{name}": replace(parameter, of=self.prefix.removesuffix("_"))
            if self.prefix and parameter.of == "target"
            else parameter
            for name, parameter in self.noise.parameters.items()
        }

    @property
    def needed(self) -> list[str]:
        """The columns that its noise cannot do without, such as the number of trials."""
        known = self.noise.known.values()
        return [f"{self.column}{suffix}" for suffix, absent in known if absent is None]

    @property
    def known(self) -> list[str]:
        """The columns of what its noise uses of each run besides the observed value."""
        return [f"{self.column}{suffix}" for suffix, _ in self.noise.known.values()]

    def of_noise(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Pick the noise's parameters, by the noise's own names, from all of the model's."""
        return {name: values[f"{self.prefix}{name}"] for name in self.noise.parameters}


def observables(law: type[Law], noise: Noise, columns: Mapping[str, str]) -> tuple[Observable, ...]:
    """Return the columns that a law predicts, its target first.

    Parameters
    ----------
    law : Law class
        The law.
    noise : Noise
        The noise of its target.
    columns : mapping
        Target or step to column of the table, where not the law's own.
    """
    target = Observable(columns.get(law.target, law.target), noise)
    steps = [
        Observable(columns.get(name, step.column), get_noise(step.noise), name, step.prefix)
        for name, step in law.steps.items()
    ]
    return (target, *steps)
