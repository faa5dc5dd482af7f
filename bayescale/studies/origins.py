"""How a study's runs are made where no table has them: from a law, or from loss curves."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Simulation:
    """A study's runs that are made from a law, where its data are not public.

    Attributes
    ----------
    parameters : mapping of str to float
        The law's parameters, at the reference points.
    references : mapping of str to float
        The reference point of each relative input.
    design : mapping of str to tuple of float
        Values of each input; every combination is a run.
    noise : float or None
        Standard deviation of log loss around the law; None for a noise that has none, such as
        counts. Other parameters of the noise stand among ``parameters``.
    seed : int
        Seed of the noise.
    """

    parameters: Mapping[str, float]
    references: Mapping[str, float]
    design: Mapping[str, tuple[float, ...]]
    noise: float | None
    seed: int


@dataclass(frozen=True)
class Schedule:
    """Where a study's loss curves have their learning rates, see :func:`bayescale.with_schedule`.

    Attributes
    ----------
    run : str
        Column of the curve's name. Curves of one name have one schedule.
    warmup_steps : int
        Steps of linear warm-up before the first row.
    """

    run: str
    warmup_steps: int = 0
